/* SPDX-License-Identifier: Apache-2.0 */
/* model.h - a model of any kind: trained, judged, kept in a file, asked for scores and for reasons.
 *
 * A model has an encoder (raw columns to what its kind computes with), the kind's own part, a calibration (to
 * 0..1), a threshold, references for drift, and a card.  All of it is one file (artifact.h).  Immutable once made: any
 * thread may score, each with its own scratch.
 *
 * To add a kind: ml/kind_NAME.c and a line in kind.def. */
#ifndef ML_MODEL_H
#define ML_MODEL_H

#include "dataset/dataset.h"
#include "eval/eval.h"

enum model_kind {
#define X(NAME, name, SHAPE, doc) MODEL_##NAME,
#include "ml/kind.def"
    MODEL_KIND_COUNT
};
const char *model_kind_name(enum model_kind k);
enum model_kind model_kind_find(str name); /* MODEL_KIND_COUNT: none */
enum dataset_shape model_kind_shape(enum model_kind k);
bool model_kind_labelled(
    enum model_kind k); /* learns from both labels, not only from normal rows */

/* What `option` of model_training may say for a kind. */
struct model_option {
    const char *name, *doc;
    double least, most, otherwise; /* a number; least == most: a text */
    bool whole;
};
const struct model_option *model_kind_options(enum model_kind k, size_t *n);

struct model;                     /* opaque */
void model_free(struct model *m); /* NULL is fine */

/* ---- training ---- */

enum model_stage { STAGE_READ, STAGE_TRAIN, STAGE_CALIBRATE, STAGE_JUDGE };
struct model_training {
    enum model_kind kind;
    uint64_t seed;
    enum split_kind
        split; /* how validation (15 %) and, unless `no_test`, test rows (10 %) are put aside */
    bool
        no_test; /* keep no rows back for the card's figures: they are then of the validation rows */
    uint32_t
        heavy_from; /* rows of this group and those after it are trained with `heavy` times (0, 1: once); validated and tested once */
    unsigned heavy;
    unsigned folds;                    /* > 1: cross-validation too, its figures go on the card */
    enum calibration_kind calibration; /* NONE: isotonic with labels, rank without */
    double
        fpr; /* threshold: at most this part of normal rows; 0: best F1 when there are labels, else 0.001 */
    double alarms_per_day,
        rows_per_day;              /* or so many false alarms of so many rows; 0: not stated */
    unsigned trees, depth, epochs; /* 0: the kind's own */
    const char *
        option; /* "name=value,name=value" for the kind; NULL: none.  ST_INVALID names an unknown one */
    const char *checkpoint;     /* folder for what lets an interrupted training go on; NULL: none */
    unsigned threads;           /* 0: all */
    const char *name;           /* for people; NULL: made of the kind and the data */
    const char *license, *note; /* for the card; NULL: not stated */
    double hold_back; /* for the card: part of the data that `d` is without, split so with `seed` */
    enum split_kind hold_split;
    int64_t now_ms; /* for the card */
    bool (*progress)(void *arg, enum model_stage stage, const char *what, double part_01,
                     double loss);
    void *arg; /* false from progress: stop, ST_UNAVAILABLE; the checkpoint stays */
};
/* Removes duplicates from a table first (the card tells how many).  Kinds that learn what is normal leave out rows labelled attack,
 * and use them for the threshold and the card.  ST_INVALID: the data are not for this kind, and why. */
CHECKED status model_train(const struct model_training *t, struct dataset *d, struct model **out,
                           struct error *err);
/* Does t->checkpoint hold what a training of this kind and seed on these data would go on with? */
bool model_training_kept(const struct model_training *t, const struct dataset *d);

/* ---- files ---- */

struct model_host; /* what remote members are called with: remote.h; NULL: they are missing */
CHECKED status model_read(str bytes, struct model_host *host, struct model **out,
                          struct error *err);
CHECKED status model_load(const char *path, struct model_host *host, struct model **out,
                          struct error *err);
void model_write(const struct model *m, struct sbuf *out);
/* By way of a file beside it; a crash leaves the old one. */
CHECKED status model_save(const struct model *m, const char *path, struct error *err);
/* Somebody else's XGBoost model, JSON or UBJSON: columns are named as in it, or f0, f1… */
CHECKED status model_import_xgboost(str bytes, struct model **out, struct error *err);
/* What XGBoost reads.  ST_UNSUPPORTED: not of that kind. */
CHECKED status model_export_xgboost(const struct model *m, struct sbuf *out, struct error *err);

/* ---- what it is ---- */

struct model_card { /* borrowed from the model */
    str name;
    enum model_kind kind;
    str version; /* first 12 hexadecimal digits of the file's checksum */
    str data_digest, data_format;
    int64_t trained_ms;
    uint64_t seed;
    size_t rows, positives, duplicates; /* that it was trained with */
    double hold_back;                   /* part of the data kept from it; 0: none */
    str hold_split;                     /* by which split; "" */
    str split, parameters;              /* in words; "trees=300 depth=6 …" */
    str basis, warning;                 /* how the threshold was chosen; what to know; "" */
    double threshold, fpr;
    struct figures figures;  /* on rows kept back; rows 0: none were */
    struct figures crossed;  /* of cross-validation; rows 0: none */
    str json;                /* the whole card */
    str license, note;       /* "" when not stated */
    double equal_error_rate; /* keystroke: mean over persons, of rows kept back; else NaN */
};
const struct model_card *model_card(const struct model *m);
const struct dataset_column *model_columns(const struct model *m,
                                           size_t *n); /* tables: what it wants to see */
size_t model_members(const struct model *m);           /* of an ensemble; else 0 */
const struct model *model_member(const struct model *m, size_t i, double *weight);
/* Part of each column in the model's decisions, (columns), summing to 1; false: this kind cannot say. */
bool model_importance(const struct model *m, double *out);

/* Pictures of the rows that the card's figures are of; they need no data.  NULL: there are none. */
enum model_picture { PICTURE_ROC, PICTURE_PR, PICTURE_RELIABILITY, MODEL_PICTURES };
const struct curve *model_curve(const struct model *m, enum model_picture which);

/* ---- scores ---- */

/* How columns of a table are found in what is at hand; by name.  Those not there are missing. */
struct model_binding; /* opaque; immutable */
struct model_binding *model_bind(const struct model *m, const struct dataset_column *column,
                                 size_t n);
void model_binding_free(struct model_binding *b);          /* NULL is fine */
size_t model_binding_found(const struct model_binding *b); /* columns that are there */

struct model_scratch; /* opaque; one thread at a time */
struct model_scratch *model_scratch_new(const struct model *m);
void model_scratch_free(struct model_scratch *s); /* NULL is fine */

struct model_answer {
    float score_01; /* calibrated; NaN: none answered */
    float raw;      /* the kind's own */
    uint8_t members,
        missing; /* that answered, that did not; of a single model 1 and 0, or 0 and 1 */
};
/* x (n, stride), bound by `b`. */
void model_score(const struct model *m, const struct model_binding *b, struct model_scratch *s,
                 const float *x, size_t n, size_t stride, struct model_answer *out);
/* One session of event names. */
void model_score_sequence(const struct model *m, struct model_scratch *s, const str *event,
                          size_t n, struct model_answer *out);
/* A whole set of either shape, on `threads` (0: all); out (rows).  ST_INVALID: the other shape, or no column in common. */
CHECKED status model_score_set(const struct model *m, const struct dataset *d, unsigned threads,
                               struct model_answer *out, struct error *err);

/* How good on these rows?  With keystroke models every row of a person they know is genuine for that person, and an attempt
 * at being each other one.  Rows without a label are left out. */
struct model_judgement {
    size_t n;
    float *score;   /* owned (n): score_01 */
    uint8_t *label; /* owned (n): 1 attack, or somebody else */
    size_t unlabelled;
    uint8_t members, missing; /* the least and the most of any row */
    struct figures figures;   /* at `threshold` */
    double threshold;
    size_t persons;          /* keystroke, else 0 */
    double equal_error_rate; /* mean over persons */
};
/* threshold NaN: the model's own.  Fails as model_score_set does; ST_INVALID too: no row has a label. */
CHECKED status model_judge(const struct model *m, const struct dataset *d, unsigned threads,
                           double threshold, struct model_judgement *out, struct error *err);
void model_judgement_done(struct model_judgement *j); /* safe when zeroed */

/* Keystroke models: whom they know, and is it that person?  model_score: is it anybody known? */
size_t model_persons(const struct model *m); /* 0: of another kind */
str model_person(const struct model *m, size_t i);
void model_score_person(const struct model *m, const struct model_binding *b,
                        struct model_scratch *s, const float *x, size_t person,
                        struct model_answer *out);

/* ---- reasons ---- */

enum { MODEL_REASONS_MAX = 10 };
struct model_reason {
    str what;            /* column, or the event at a place */
    double value, usual; /* NaN: not numbers */
    double part;         /* signed contribution, in parts of the score; sorted by size */
    str words;           /* "4.1 MB sent to the target, usually 12 kB" */
};
struct model_explanation { /* in the arena */
    struct model_reason reason[MODEL_REASONS_MAX];
    size_t count;
    double score_01, threshold;
    str words; /* a sentence */
};
/* By the kind's method: TreeSHAP, path attribution, reconstruction error, surprise of events, members' by weight.
 * ST_LIMIT: the arena's. */
CHECKED status model_explain(const struct model *m, const struct model_binding *b,
                             struct model_scratch *s, const float *x, struct arena *arena,
                             struct model_explanation *out, struct error *err);
CHECKED status model_explain_sequence(const struct model *m, struct model_scratch *s,
                                      const str *event, size_t n, struct arena *arena,
                                      struct model_explanation *out, struct error *err);

/* References of drift that training left: of the score, and of each column. */
const struct drift_reference *model_score_reference(const struct model *m);
const struct drift_reference *model_column_reference(const struct model *m, size_t column);

#endif
