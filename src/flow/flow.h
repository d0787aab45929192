/* SPDX-License-Identifier: Apache-2.0 */
/* flow.h - one record of a connection, whoever wrote it, and the features that models see of it.
 *
 *   event ─flow_read─▶ struct flow ─window_add─▶ aggregates ─flow_features─▶ float[FEATURE_COUNT]
 *
 * feature.def is the one table of features: name, unit, kind, what a missing value means; column.def says which column of
 * which public data set is which.  Training, scoring and explanation all go by them. */
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

/* A word as a float that is exact and the same everywhere: 24 bits of a hash of its lower case (FNV-1a); "" and "-" are
 * NaN. */
float category_code(str word);
/* The same in the vocabulary of that feature (word.def): what data sets call differently is one. */
float feature_category(enum feature f, str word);
/* The word of a code, of those in word.def; NULL: not known.  A walk over the table. */
const char *feature_word(float code);

/* Columns of public data sets. */
enum feature_set { FEATURE_SET_UNSW_NB15, FEATURE_SET_NSL_KDD, FEATURE_SET_CICFLOW };
struct feature_column {
    enum feature_set set;
    const char *name;
    double scale; /* by which its values are multiplied */
    enum feature feature;
};
/* NULL: the set has no such column.  Case and white space around the name do not matter. */
const struct feature_column *feature_column_find(enum feature_set set, str name);
/* Those of a set, in the order of the table; *n of them. */
const struct feature_column *feature_columns(enum feature_set set, size_t *n);

/* Fill what follows from other features and is missing: sums, shares, rates, mean sizes, port class, failed.  The only place
 * where they are computed, for training and scoring alike.  What is there stays. */
void feature_derive(float x[static FEATURE_COUNT]);

#endif
