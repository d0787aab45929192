/* SPDX-License-Identifier: Apache-2.0 */
/* nearest.h - what a misspelt name probably meant. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include "base/str.h"

struct nearest {
    str name, best;
    unsigned distance;
    bool found; /* `best` is near enough to be worth saying */
};

struct nearest nearest_to(str name);
void nearest_try(struct nearest *n, str candidate); /* borrowed */

#endif
