/* SPDX-License-Identifier: Apache-2.0 */
/* dataset.h - rows or sequences with labels, from files of many formats.
 *
 * A table has named columns of floats, NaN where a value is missing; words are category_code (flow/flow.h), their texts
 * kept for people.  A sequence set has one session a row, its events numbered in the order in which their names first
 * appear.  Columns that give the answer away (row numbers, labels, attack names, addresses, absolute times) are never
 * columns; they become label, class, group or time.
 *
 * To add a format: dataset/read_NAME.c and a line in format.def.  One thread at a time. */
#ifndef DATASET_DATASET_H
#define DATASET_DATASET_H

#include "base/arena.h"
#include "base/map.h"
#include "base/status.h"
#include "flow/flow.h"

enum dataset_format {
#define X(NAME, name, SHAPE, doc) DATASET_##NAME,
#include "dataset/format.def"
    DATASET_FORMAT_COUNT
};
enum dataset_shape { DATASET_TABLE, DATASET_SEQUENCES };
const char *dataset_format_name(enum dataset_format f);
/* DATASET_FORMAT_COUNT: there is none of that name. */
enum dataset_format dataset_format_find(str name);
enum dataset_shape dataset_format_shape(enum dataset_format f);

enum dataset_label { LABEL_NORMAL = 0, LABEL_ATTACK = 1, LABEL_NONE = 255 };

struct dataset_column {
    str name;
    enum feature feature; /* FEATURE_COUNT: the file's own */
    enum feature_kind kind;
    enum feature_missing missing;
    const char *unit; /* "" when it is not known */
};

struct dataset_word { /* what stands behind a code of a category */
    float code;
    str text;
};

struct dataset { /* all arrays owned by it */
    enum dataset_format format;
    enum dataset_shape shape;
    size_t rows;
    /* tables */
    struct dataset_column *column;
    size_t columns;
    float *x; /* (rows, columns) row-major */
    /* sequences: row i is event[start[i]] … event[start[i+1]-1] */
    uint32_t *event;
    uint64_t *start;
    str *event_name; /* by number */
    uint32_t event_names;
    /* both, (rows) each */
    uint8_t *label; /* enum dataset_label */
    uint32_t *
        klass; /* index in class_name: kind of attack, "normal", or whose rows they are (keystroke) */
    uint32_t *
        group; /* rows that must not be torn apart by a split: same connection pair, session, file */
    int64_t *time_ms; /* TIME_NONE where none is known; all of them none: there is no time */
    str *class_name;  /* class_names of them */
    uint32_t class_names;
    bool timed;          /* every row has a time */
    uint64_t duplicates; /* rows removed by dataset_dedupe */
    uint64_t read, rejected;
    char reject[160];   /* why, of the first */
    char digest[65];    /* SHA-256 of the files' bytes as stored, in the order given, hexadecimal */
    char note[256];     /* what was left out or taken another way than one might think; "" */
    struct arena arena; /* names */
    struct dataset_word
        *word; /* tables: words of the categories, words of them; the first 65,536 */
    uint32_t words;
    /* for who reads more into it */
    size_t room, events_room;
    uint32_t word_room, class_room, event_room, groups;
    struct map word_of, class_of, event_of, group_of;
};

struct dataset_options {
    enum dataset_format format;
    const char *
        label_column; /* CSV: name of the column; NULL: label, class, attack, attack_label, is_attack, malicious, target or y, or none */
    size_t rows_max;  /* 0: 20 million; past it ST_LIMIT */
    size_t bytes_max; /* of one file, as stored and unpacked; 0: 4 GiB; past it ST_LIMIT */
    int label; /* enum dataset_label for every row, whatever the files say; -1: as they say */
    void (*progress)(void *arg, uint64_t bytes_done, uint64_t bytes_total);
    void *arg;
};
/* Read files (folders: all in them; gzip, xz, zstd and tar inside them are unpacked) and append their rows to `d`, which is
 * zeroed or read with the same format before.  ST_NOT_FOUND, ST_INVALID: "'path', line 3: …"; lines that cannot be
 * read are counted as rejected, a file without one good line is ST_INVALID.  ST_LIMIT: past a maximum, and which.  After a
 * failure `d` holds the rows before it; dataset_done is all that should be done with it. */
CHECKED status dataset_read(struct dataset *d, const char *const *path, size_t paths,
                            const struct dataset_options *o, struct error *err);
/* The same of what is in memory, as one file of that name. */
CHECKED status dataset_read_memory(struct dataset *d, str bytes, const char *name,
                                   const struct dataset_options *o, struct error *err);
void dataset_done(struct dataset *d); /* safe when zeroed */
/* Add the rows of `more`, maybe of another format: columns meet by name, and what a row has not is missing.  Groups
 * stay apart.  ST_INVALID: one of them is no table.  ST_LIMIT: too many classes. */
CHECKED status dataset_join(struct dataset *d, const struct dataset *more, struct error *err);
/* Drop the columns that a live flow has not (flow_live): for models that are to score those.  Returns how many. */
size_t dataset_keep_live(struct dataset *d);
/* Drop the columns for which keep (columns) is false.  Returns how many. */
size_t dataset_keep(struct dataset *d, const bool *keep);
/* Index of the column of that name, or d->columns. */
size_t dataset_column_find(const struct dataset *d, str name);
/* The word of a category's code as it stood in the files; empty when it is not known. */
str dataset_word(const struct dataset *d, float code);

/* Remove rows equal to an earlier one in all columns and the label; rows alike but for the label stay, each label once. */
void dataset_dedupe(struct dataset *d);
/* The rows of `index`, in that order, as a set of their own. */
void dataset_take(const struct dataset *d, const uint32_t *index, size_t n, struct dataset *out);
size_t dataset_count(const struct dataset *d, enum dataset_label l);

/* How rows are put aside.  Rows of a group stay together.  With AUTO: TIME when the rows have times, GROUP when they have groups of
 * more than one row, else RANDOM, stratified by class. */
enum split_kind { SPLIT_AUTO, SPLIT_RANDOM, SPLIT_TIME, SPLIT_GROUP };
const char *split_name(enum split_kind k);
/* side (rows): 1 for about `part_01` of the rows (the latest, when by time), else 0.  Returns what was used. */
enum split_kind dataset_split(const struct dataset *d, enum split_kind kind, double part_01,
                              uint64_t seed, uint8_t *side);
/* fold (rows): 0 … folds-1, groups together, stratified by class. */
void dataset_folds(const struct dataset *d, unsigned folds, uint64_t seed, uint8_t *fold);

#endif
