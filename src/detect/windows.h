/* SPDX-License-Identifier: Apache-2.0 */
/* windows.h - for files in detect/ only: what connections there were before, tenant by tenant, and whose turn it is. */
#ifndef DETECT_WINDOWS_H
#define DETECT_WINDOWS_H

#include "detect/score.h"
#include "flow/window.h"

/* Wait for the turn, take the flows in, in their order, and say what was seen with each: out (n). */
void windows_take(struct flow_windows *w, const char *tenant, uint64_t turn,
                  const struct flow *flow, size_t n, struct aggregates *out);

#endif
