/* SPDX-License-Identifier: Apache-2.0 */
/* encoder.h - from a table's columns to the numbers that a kind of model computes with.
 *
 *   trees      numbers as they are, NaN where missing; words as their place in the order of their part of attacks
 *   network    amounts as ln(1 + x); all numbers standardised and cut at some deviations; a word as one of its column's
 *              64 most frequent, or another; a missing value is the usual one, and said so by a number of its own where that happened in training
 *   raw        columns as they are
 *
 * Fitted on training rows only, kept in the model's file, and the same code in training and in scoring.
 * Immutable once fitted or read. */
#ifndef ML_ENCODER_H
#define ML_ENCODER_H

#include "base/sbuf.h"
#include "dataset/dataset.h"

enum encoder_style { ENCODE_RAW, ENCODE_TREES, ENCODE_NETWORK, ENCODE_STYLES };
enum {
    ENCODER_WORDS = 64,
    ENCODER_COLUMNS_MAX = 4096,
    ENCODER_TEXT_MAX = 64,
    ENCODER_WIDTH_MAX = 65536
};

struct encoder_column {
    struct dataset_column column; /* its name in the arena */
    uint32_t at, width;           /* numbers of the encoded row that are of it */
    bool logarithm, flag;         /* network: ln(1 + x); the last number says that it was missing */
    float centre, scale;          /* network: (x - centre) / scale */
    float usual;                  /* median, or the most frequent word, of normal rows; NaN: none */
    uint32_t words;
    float *word; /* owned: codes, ascending */
    float *rank; /* owned, trees: what each becomes */
    str *text;   /* owned; what each was in the data, in the arena; empty: not known */
};
struct encoder {
    enum encoder_style style;
    size_t columns, width;
    struct encoder_column *column; /* owned */
    struct arena arena;            /* names, units */
};

/* Fit on rows `index` of `d`; columns that are the same in all of them are left out. */
void encoder_fit(struct encoder *e, enum encoder_style style, const struct dataset *d,
                 const uint32_t *index, size_t n);
/* As they are. */
void encoder_raw(struct encoder *e, const struct dataset_column *column, size_t n);
/* The text of a word of a column; NULL p: it was never seen. */
str encoder_word(const struct encoder_column *c, float code);
void encoder_done(struct encoder *e); /* safe when zeroed */

/* x (n, columns) of the encoder, to out (n, width). */
void encoder_apply(const struct encoder *e, const float *x, size_t n, float *out);
/* Would both make the same of the same rows? */
bool encoder_same(const struct encoder *a, const struct encoder *b);
/* Rows `index` of a dataset with the columns it was fitted on, encoded: (n, width), owned by the caller. */
float *encoder_rows(const struct encoder *e, const struct dataset *d, const uint32_t *index,
                    size_t n);
/* from (columns): where in `column` each column of the encoder is; -1: nowhere.  Returns how many are there. */
size_t encoder_find(const struct encoder *e, const struct dataset_column *column, size_t n,
                    int32_t *from);
/* x (n, stride) to out (n, columns). */
void encoder_gather(const struct encoder *e, const int32_t *from, const float *x, size_t n,
                    size_t stride, float *out);

void encoder_write(const struct encoder *e, struct sbuf *out);
/* ST_INVALID: damaged or hostile. */
CHECKED status encoder_read(struct encoder *e, str bytes, struct error *err);

#endif
