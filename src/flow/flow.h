/* SPDX-License-Identifier: Apache-2.0 */
/* flow.h - one record of a connection, whoever wrote it, and the features that models see of it.
 *
 *   event ─flow_read─▶ struct flow ─window_add─▶ aggregates ─flow_features─▶ float[FEATURE_COUNT]
 *
 * feature.def is the one table of features: name, unit, kind, what a missing value means; column.def says which column of
 * which public data set is which.  Training, scoring and explanation all go by them. */
#ifndef FLOW_FLOW_H
#define FLOW_FLOW_H

#include "base/sbuf.h"
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

/* ---- a connection ---- */

enum flow_end { FLOW_UNKNOWN, FLOW_ANSWERED, FLOW_FAILED };
enum flow_error { FLOW_NO_ERROR, FLOW_SYN_ERROR, FLOW_REJECTED }; /* S0 of TCP, and REJ */
enum flow_number {                                                /* that not every tool tells */
                   FLOW_IP_BYTES_OUT,
                   FLOW_IP_BYTES_IN,
                   FLOW_MISSED_BYTES,
                   FLOW_TTL_OUT,
                   FLOW_WINDOW_OUT,
                   FLOW_WINDOW_IN,
                   FLOW_SERVICE, /* feature_category */
                   FLOW_STATE,   /* likewise */
                   FLOW_NUMBERS
};
enum flow_said { /* by the record; 1 << FLOW_NUMBERS and up, below it the numbers */
                 FLOW_SAID_SECONDS = 1 << FLOW_NUMBERS,
                 FLOW_SAID_BYTES_OUT = FLOW_SAID_SECONDS << 1,
                 FLOW_SAID_BYTES_IN = FLOW_SAID_SECONDS << 2,
                 FLOW_SAID_PACKETS_OUT = FLOW_SAID_SECONDS << 3,
                 FLOW_SAID_PACKETS_IN = FLOW_SAID_SECONDS << 4,
                 FLOW_SAID_SEEN = FLOW_SAID_SECONDS << 5,
                 FLOW_SAID_PORT = FLOW_SAID_SECONDS << 6
};
enum flow_seen { /* in the order of their features */
                 FLOW_SEEN_SYN = 1 << 0,
                 FLOW_SEEN_SYNACK = 1 << 1,
                 FLOW_SEEN_DATA_OUT = 1 << 2,
                 FLOW_SEEN_DATA_IN = 1 << 3,
                 FLOW_SEEN_FIN_OUT = 1 << 4,
                 FLOW_SEEN_FIN_IN = 1 << 5,
                 FLOW_SEEN_RST_OUT = 1 << 6,
                 FLOW_SEEN_RST_IN = 1 << 7,
                 FLOW_SEEN_RESENT = 1 << 8,
                 FLOW_SEEN_GAP = 1 << 9,
                 FLOW_SEEN_BITS = 10
};
struct flow {        /* what is not said is 0 */
    int64_t time_ms; /* TIME_NONE: not said */
    struct ip source, target;
    double seconds;
    uint64_t bytes_out, bytes_in; /* from the source's point of view */
    uint64_t packets_out, packets_in;
    uint16_t port; /* the target's */
    uint16_t source_port;
    uint8_t transport; /* IANA: 6 TCP, 17 UDP, 1 ICMP; 0: not said */
    uint8_t end;       /* enum flow_end: did the target take the connection? */
    uint8_t error;     /* enum flow_error */
    uint16_t seen;     /* enum flow_seen */
    uint32_t said;     /* 1 << enum flow_number, and enum flow_said */
    float number[FLOW_NUMBERS];
};

/* Reads flows from events: Zeek conn, Suricata flow, NetFlow exported as JSON, and any JSON with the names of
 * flow.def.  Immutable after init; borrows the dictionary for the call only. */
enum { FLOW_NAMES_MAX = 80 };
struct flow_reader {
    field_id id[FLOW_NAMES_MAX][DICT_IDS_MAX + 1];
    uint8_t ids[FLOW_NAMES_MAX];
    field_id state; /* Zeek's */
};
void flow_reader_init(struct flow_reader *r, struct dict *dict);
/* False: the event is no flow (it lacks an address). */
bool flow_read(const struct flow_reader *r, struct event *e, struct flow *out);
/* Of Zeek's and Suricata's many logs, is this the one of connections?  Others tell what went on inside one, and would
 * count it again.  Events of any other source: yes. */
bool flow_is_record(const struct flow_reader *r, struct event *e);

struct aggregates; /* flow/window.h */
/* All that is known of a flow, NaN elsewhere.  `a` may be NULL. */
void flow_features(const struct flow *f, const struct aggregates *a,
                   float out[static FEATURE_COUNT]);
/* A row of features as text, "duration=1.5 port=80 …": what is NaN is left out, the rest reads back bit for bit. */
void flow_row_write(const float x[static FEATURE_COUNT], struct sbuf *out);
/* Fill in what `text` says; the rest of `x` stays, words that are no feature with a number are passed over.  Returns how many of the
 * features were NaN before. */
size_t flow_row_read(str text, float x[static FEATURE_COUNT]);
/* The features that flow_features can fill, in order; how many. */
size_t flow_live(enum feature out[static FEATURE_COUNT]);

#endif
