/* SPDX-License-Identifier: Apache-2.0 */
/* process.h - what this process costs, and may. */
#ifndef OS_PROCESS_H
#define OS_PROCESS_H

#include <stdint.h>

uint64_t process_rss_bytes(void);      /* resident now; 0 when the system will not say */
uint64_t process_rss_peak_bytes(void); /* the most it ever was */

/* Raise the limit on open descriptors as far as the process may by itself: the soft one, often 1,024, to the
 * hard one (getrlimit(2), RLIMIT_NOFILE).  The limit that then holds; 0 when the system will not say. */
uint64_t process_raise_files(void);

#endif
