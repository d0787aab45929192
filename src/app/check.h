/* SPDX-License-Identifier: Apache-2.0 */
/* check.h - do the settings name what is there?  Before a start, and without one. */
#ifndef APP_CHECK_H
#define APP_CHECK_H

#include "app/config.h"

/* Look at every file, folder and address in the settings, each of which `tell` hears what is wrong with; `text`
 * lives as long as the call.  Nothing is made or opened for good.  ST_INVALID: it heard something. */
CHECKED status config_check_files(const struct config *c, void (*tell)(const char *text),
                                  struct error *err);

#endif
