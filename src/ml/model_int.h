/* SPDX-License-Identifier: Apache-2.0 */
/* model_int.h - what the kinds of models share.
 *
 * A kind fills a `struct model_ops`.  model_fit encodes rows, has the kind train, and calibrates; train.c splits the
 * data before it and judges after; score.c gathers and encodes rows for `score`; artifact.c puts it all in a file. */
#ifndef ML_MODEL_INT_H
#define ML_MODEL_INT_H

#include "ml/encoder.h"
#include "ml/model.h"

struct team;
struct boost;
struct sequences;
struct model_ops;

enum {
    MODEL_BLOCK = 512 /* that of tree/forest_avx512.c */,
    MODEL_OPTIONS_MAX = 16,
    MODEL_BYTES_MAX = 256 << 20
};

/* ---- training, as a kind sees it ---- */

struct rows { /* of a dataset; borrowed */
    const uint32_t *index;
    size_t n;
};
struct options {
    double number[MODEL_OPTIONS_MAX]; /* by place in the kind's table */
    str text[MODEL_OPTIONS_MAX];      /* as given; "" when not */
    bool given[MODEL_OPTIONS_MAX];
};
/* ST_INVALID: unknown, not a number, out of range. */
CHECKED status options_parse(const struct model_ops *ops, const char *text, struct options *out,
                             struct error *err);
struct fit {
    const struct model_training *terms;
    struct options options;
    const struct dataset *d;
    struct rows train, validation; /* kinds that learn what is normal: no attacks in `train` */
    /* tables: (n, width); not of ensembles, whose members encode their own */
    const float *x, *validation_x;
    const float *y, *validation_y; /* 1 attack, 0 not */
    size_t width;
    struct team *team;
    const char *checkpoint;  /* a file's path, or NULL */
    struct sbuf *parameters; /* what was used, "trees=300 depth=6", for the card */
    bool final;              /* the model that will be kept; else one of a fold */
};
/* False: stop. */
bool fit_progress(const struct fit *f, enum model_stage stage, const char *what, double part_01,
                  double loss);

struct answered {
    uint8_t members, missing;
};

struct model_ops {
    bool labelled;
    enum encoder_style style;
    enum calibration_kind
        calibration; /* where there are both labels; NONE: scores are probabilities already */
    const struct model_option *option;
    size_t options;
    /* Fill m->part.  m->encoder is fitted. */
    status (*train)(struct model *m, const struct fit *f, struct error *err);
    /* Optional: learn from the validation rows too, once calibration and threshold were found with them. */
    status (*refit)(struct model *m, const struct fit *f, struct error *err);
    /* Tables: x (n, width), n <= MODEL_BLOCK; raw (n) is written when any member answered.  Any thread; `own` is
     * the caller's alone. */
    struct answered (*score)(const struct model *m, void *own, const float *x, size_t n,
                             float *raw);
    /* Sequences, events by the model's numbers: raw (count), on `team` (NULL: this thread). */
    void (*score_sessions)(const struct model *m, const struct sequences *data, struct team *team,
                           float *raw);
    /* Optional: reasons and their parts into `out`, names in `arena`.  NULL: the events that surprise most. */
    void (*explain_session)(const struct model *m, const uint32_t *event, size_t n,
                            struct arena *arena, struct model_explanation *out);
    /* Optional: phi (width), signed, of one encoded row.  NULL: columns are set to what is usual, one after the other. */
    void (*explain)(const struct model *m, void *own, const float *x, double *phi);
    /* Optional: (width), >= 0. */
    void (*importance)(const struct model *m, double *out);
    void (*write)(const struct model *m, struct sbuf *out);
    /* Fill m->part; m->encoder and the card are there.  What it filled when it failed is freed by `free`. */
    status (*read)(struct model *m, str bytes, struct model_host *host, struct error *err);
    void (*free)(void *part); /* NULL is fine */
    /* Optional: what `score` needs of its own, for each thread. */
    void *(*scratch_new)(const struct model *m);
    void (*scratch_free)(void *own);
};
#define X(NAME, name, SHAPE, doc) extern const struct model_ops model_##NAME;
#include "ml/kind.def"
const struct model_ops *model_ops_of(enum model_kind k);

/* ---- a model ---- */

struct model {
    enum model_kind kind;
    const struct model_ops *ops;
    struct arena arena; /* the card's texts */
    struct model_card card;
    struct encoder encoder; /* tables */
    void *part;             /* owned; the kind's */
    struct calibration calibration;
    bool uncalibrated; /* answers are raw: it is about to be calibrated */
    struct curve curve[MODEL_PICTURES];
    struct drift_reference score_reference;
    struct drift_reference *column_reference; /* owned (encoder.columns), or NULL */
    struct dataset_column *column;            /* owned (encoder.columns): as shown */
};
struct model *model_new(enum model_kind k);
/* The card's text from the card, and all that follows of it: the last step of making one.  ST_LIMIT. */
CHECKED status model_seal(struct model *m, struct error *err);
/* After everything is in place: its columns, and its version from the digest of its file (SHA-256). */
void model_finish(struct model *m, const unsigned char digest[static 32]);

/* Encode, train, calibrate: one model, nothing judged.  `m` is new, of f->terms->kind or, for a member of an ensemble, its own. */
CHECKED status model_fit(struct model *m, struct fit *f, struct error *err);
/* And let it learn from the validation rows too, if its kind can. */
CHECKED status model_refit(struct model *m, struct fit *f, struct error *err);
/* Of raw scores; `wanted` NONE: the kind's own, rank where there is one label only. */
void fit_calibration(struct model *m, enum calibration_kind wanted, const float *raw,
                     const uint8_t *label, size_t n);
/* Raw scores of rows; answers (rows.n). */
void model_score_rows(const struct model *m, const struct dataset *d, struct rows rows,
                      struct team *team, struct model_answer *out);
float model_calibrated(const struct model *m, float raw);
/* ST_INVALID: data of the other shape, or without one of its columns. */
CHECKED status model_suits(const struct model *m, const struct dataset *d, struct error *err);
uint32_t *rows_all(size_t n); /* 0 … n-1; the caller's */
/* Encode row x (encoder.columns), have the kind explain it, and sum by column: phi (encoder.columns). */
void model_attribute(const struct model *m, struct model_scratch *s, const float *x, double *phi);
struct model_scratch {
    float *raw;     /* owned (MODEL_BLOCK, columns) */
    float *encoded; /* owned (MODEL_BLOCK, width); NULL: raw is what the kind sees */
    float score[MODEL_BLOCK];
    void *own; /* the kind's */
    void (*own_free)(void *own);
    uint32_t *event; /* owned; numbers of a sequence's events */
    size_t event_room;
};
struct model_answer model_answer_of(const struct model *m, struct answered a, float raw);
/* What the kind sees of x (n, stride), n <= MODEL_BLOCK; in the scratch. */
const float *model_see(const struct model *m, const struct model_binding *b,
                       struct model_scratch *s, const float *x, size_t n, size_t stride);
/* model_score of what it sees. */
void model_score_seen(const struct model *m, struct model_scratch *s, const float *seen, size_t n,
                      struct model_answer *out);
/* model_score_rows of sequences. */
void model_score_sessions(const struct model *m, const struct dataset *d, struct rows rows,
                          struct team *team, struct model_answer *out);
/* Rows of a set one after the other, by the model's numbers of the set's events. */
struct sessions {
    uint32_t *event; /* owned */
    uint64_t *start; /* owned (rows + 1) */
};
struct sessions sessions_of(const struct dataset *d, struct rows r, const uint32_t *number);
void sessions_done(struct sessions *s);
/* The latest events of a sequence as the model's numbers, in the scratch; returns how many. */
size_t model_sequence_numbers(const struct model *m, struct model_scratch *s, const str *event,
                              size_t n, const uint32_t **out);

/* Sequences: the numbers of names. */
uint32_t model_event(const struct model *m, str name);
str model_event_name(const struct model *m, uint32_t event);
uint32_t model_vocabulary(const struct model *m); /* the last is "never seen" */
const struct sequence_model *model_sequence(const struct model *m);

/* Keystroke. */
void keystroke_calibrate(struct model *m, const struct fit *f);
/* Higher: less likely that person `i`. */
float person_raw(const struct model *m, void *own, size_t person, const float *x);
size_t person_find(const struct model *m, str name); /* UINT32_MAX: not known */

/* What an attack weighs so that neither label is below a twentieth of `n` rows. */
double attack_weight(double attacks, double n);
/* XGBoost: its trees, borrowed; and somebody else's, taken. */
const struct boost *xgboost_trees(const struct model *m);
void xgboost_adopt(struct model *m, struct boost *trees);

/* ---- pieces of files ---- */

void calibration_write(const struct calibration *c, struct sbuf *out);
CHECKED status calibration_read(struct calibration *c, str bytes, struct error *err);
/* ST_INVALID: what was read, "forest", is of other columns than m->encoder makes. */
CHECKED status model_part_suits(const struct model *m, const char *what, size_t columns,
                                struct error *err);
/* What a file says it is; MODEL_KIND_COUNT: none. */
enum model_kind model_bytes_kind(str bytes);

/* m->card as JSON. */
void card_write(const struct model *m, struct sbuf *out);
/* Fill m->card from its text, which is copied.  ST_INVALID. */
CHECKED status card_read(struct model *m, str json, struct error *err);

#endif
