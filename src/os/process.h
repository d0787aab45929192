/* SPDX-License-Identifier: Apache-2.0 */
/* process.h - what this process costs. */
#ifndef OS_PROCESS_H
#define OS_PROCESS_H

#include <stdint.h>

uint64_t process_rss_bytes(void);      /* resident now; 0 when the system will not say */
uint64_t process_rss_peak_bytes(void); /* the most it ever was */

#endif
