/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of formats share. */
#ifndef DATASET_DATASET_INT_H
#define DATASET_DATASET_INT_H

#include "base/sbuf.h"
#include "base/vec.h"
#include "codec/csv.h"
#include "dataset/dataset.h"
#include "event/event.h"

enum {
    DATASET_ROWS_MAX = 20 * 1000 * 1000,
    DATASET_COLUMNS_MAX = 4096,
    DATASET_LINE_MAX = 1 << 20, /* bytes */
    DATASET_NAME_MAX = 256,     /* bytes of a column, class, word or event; longer ones are cut */
    DATASET_NAMES_MAX = 1 << 16,
    DATASET_GROUP_MAX = 512 /* bytes of what tells a group */
};

struct flow_stream;                           /* read_flows.c */
void flow_stream_free(struct flow_stream *s); /* NULL is fine */

struct reading { /* one call of dataset_read */
    struct dataset *d;
    const struct dataset_options *o;
    const char *path; /* of the file, for people */
    str member;       /* path below what the user named: in an archive or a folder; may be empty */
    str text;         /* of the file, unpacked */
    uint64_t done, stored, total; /* bytes of files before this one, of this one, of all */
    struct flow_stream *flows;    /* owned; made when needed */
    struct error *err;
};

/* What a row is besides its columns. */
struct row_truth {
    uint8_t label; /* enum dataset_label */
    str klass;     /* empty: what the label says */
    str group;     /* empty: a group of its own */
    int64_t time_ms;
};

/* Append a row; x (d->columns), or `n` events.  ST_LIMIT. */
CHECKED status row_add(struct reading *r, const float *x, const struct row_truth *t);
CHECKED status row_add_events(struct reading *r, const uint32_t *event, size_t n,
                              const struct row_truth *t);
/* A Zeek log read as another format makes rows of nonsense: ST_INVALID, and which format it looks like. */
CHECKED status text_not_zeek(const struct reading *r);
/* A line that cannot be read. */
void row_reject(struct reading *r, uint64_t line, const char *why);
/* Tell how far we are, now and then: `at` bytes of the text are read. */
void row_progress(struct reading *r, size_t at);

/* Columns of an empty set; the array is the set's.  Names must not be equal (see column_name). */
struct dataset_column *columns_new(struct dataset *d, size_t n);
struct dataset_column column_of_feature(enum feature f);
/* A copy of a column's name, trimmed and cut, with ".1", ".2" … after it when a column before it has it; `taken`: theirs, by whom
 * the caller goes from the first column to the last. */
str column_name(struct arena *arena, struct map *taken, str name);
/* No control characters: names come from files, and notes and errors go to terminals. */
void text_make_plain(char *z);
/* Say once what is left out. */
PRINTF(2, 3) void dataset_note(struct dataset *d, const char *fmt, ...);

/* Codes of the words of one column, computed once for each. */
struct words {
    enum feature feature; /* FEATURE_COUNT: no vocabulary */
    struct map code;
};
float words_code(struct dataset *d, struct words *w, str word);

/* The number of an event's name; ST_LIMIT past DATASET_NAMES_MAX. */
CHECKED status event_number(struct reading *r, str name, uint32_t *out);

CHECKED status class_number(struct reading *r, str name, uint32_t *out);
/* Remember what stands behind a code. */
void word_keep(struct dataset *d, float code, str word);

/* A number as data sets write it.  False: it is none; a missing one ("", "-", "?", "nan", "null", "Infinity" …) is NaN. */
bool cell_number(str s, float *out);
/* LABEL_NONE: empty; words such as 0, normal, benign are LABEL_NORMAL; all else is an attack. */
enum dataset_label cell_label(str s);

status read_unsw_nb15(struct reading *r);
status read_nsl_kdd(struct reading *r);
status read_cicflow(struct reading *r);
status read_csv(struct reading *r);
status read_keystroke(struct reading *r);
status read_sequence(struct reading *r);
status read_flows(struct reading *r); /* zeek, eve */

#endif
