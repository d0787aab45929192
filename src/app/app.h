/* SPDX-License-Identifier: Apache-2.0 */
/* app.h - the service as a command: settings, wiring, start, reload, stop. */
#ifndef APP_APP_H
#define APP_APP_H

#include "cli/args.h"

/* `bguard serve`: returns when the service has stopped, with the exit code. */
int app_serve(const struct args *a);
/* `bguard config`. */
int app_config(const struct args *a);
/* `bguard openapi`. */
int app_openapi(const struct args *a);

#endif
