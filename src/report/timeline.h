/* SPDX-License-Identifier: Apache-2.0 */
/* timeline.h - for files in report/ only: a histogram over a range not known beforehand. */
#ifndef REPORT_TIMELINE_H
#define REPORT_TIMELINE_H

#include "report/tally.h"

/* All-zero is empty.  Spans double in length whenever the range outgrows them; exact, and
 * independent of the order of adding.  Times outside 1980 to 2099 are left out. */
void timeline_add(struct tally_timeline *t, int64_t ms, enum level l);

#endif
