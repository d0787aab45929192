/* SPDX-License-Identifier: Apache-2.0 */
/* scan_int.h - for files in scan/ only. */
#ifndef SCAN_SCAN_INT_H
#define SCAN_SCAN_INT_H

#include "base/vec.h"
#include "scan/scan.h"

#include <stdatomic.h>
#include <yara.h>

struct scan_rules {
    _Atomic unsigned references;
    YR_RULES *rules; /* owned; NULL: there is none */
    size_t count;
    struct arena arena; /* of problems and names */
    VEC(struct scan_problem) problem;
};

/* The words of a library's error. */
const char *scan_error_text(int code);

#endif
