/* SPDX-License-Identifier: Apache-2.0 */
/* flow.h - one record of a connection, whoever wrote it, and the features that models see of it.
 *
 *   event ─flow_read─▶ struct flow ─window_add─▶ aggregates ─flow_features─▶ float[FEATURE_COUNT]
 *
 * feature.def is the one table of features: name, unit, kind, what a missing value means, and which column of which
 * public data set says the same.  Training, scoring and explanation all go by it. */
#ifndef FLOW_FLOW_H
#define FLOW_FLOW_H

#include "base/status.h"
#include "codec/ip.h"
#include "event/batch.h"
#include "event/dict.h"

enum feature {
#define X(NAME, name, UNIT, KIND, MISSING, doc) FEATURE_##NAME,
#include "flow/feature.def"
    FEATURE_COUNT
};
enum feature_kind {
    FEATURE_NUMBER,   /* as it is */
    FEATURE_AMOUNT,   /* >= 0, spans many orders: networks see ln(1 + x) */
    FEATURE_RATIO,    /* 0..1 */
    FEATURE_FLAG,     /* 0 or 1 */
    FEATURE_CATEGORY, /* category_code of a word: equal or not, no order */
};
enum feature_missing { MISSING_KEEP /* trees see NaN, networks the usual value */, MISSING_ZERO };
struct feature_info {
    const char *name, *unit, *doc;
    enum feature_kind kind;
    enum feature_missing missing;
};
extern const struct feature_info feature_info[FEATURE_COUNT];
/* FEATURE_COUNT: there is none of that name. */
enum feature feature_find(str name);

/* A word as a float that is exact and the same everywhere: 24 bits of a hash of its lower case; "" and "-" are NaN. */
float category_code(str word);

#endif
