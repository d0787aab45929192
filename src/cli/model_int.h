/* SPDX-License-Identifier: Apache-2.0 */
/* model_int.h - what the commands about models share; for cmd_model*.c and model_*.c in cli/ only.
 *
 *   model_open.c      a model by file or name, and the folder of models
 *   model_data.c      --data, --positive, --negative and what narrows them
 *   model_verdicts.c  --verdicts: rows that people judged, beside others
 *   model_rows.c      scores of all rows by several models, file by file
 *   model_print.c     cards and figures for people and programs
 *   model_picture.c   --pictures */
#ifndef CLI_MODEL_INT_H
#define CLI_MODEL_INT_H

#include "base/vec.h"
#include "chart/chart.h"
#include "cli/cli_int.h"
#include "ml/registry.h"
#include "ml/remote.h"

/* ---- model_open.c ---- */

struct model_folder { /* --models, $BGUARD_MODELS or ./models */
    const char *path; /* borrowed */
    struct registry *registry;
};
CHECKED status model_folder_open(struct model_folder *f, const struct args *a, struct error *err);
void model_folder_close(struct model_folder *f); /* safe when zeroed */

/* Whose models the remotes of `a` (--remote) may be asked by; NULL where there is no such option or it was not given. */
struct model_host *model_host_of(const struct args *a);

/* A file, or a name in the folder (its live version, else its latest), or NAME@VERSION. */
CHECKED status model_open(const struct args *a, const char *what, struct model_host *host,
                          struct model **out, struct error *err);
/* The version of a slot that a name without one means. */
const struct registry_version *slot_usual(const struct registry_slot *slot);

/* ---- model_data.c ---- */

struct model_source {
    const char *path; /* borrowed */
    int label;        /* enum dataset_label, or -1: as the file says */
    enum dataset_format format;
};
struct model_input {
    VEC(struct model_source) source;
    enum dataset_format format; /* of sources that do not say: PATH, not FORMAT:PATH */
    bool mixed;                 /* there are several */
    bool live;                  /* only columns that live flows have */
    str columns;                /* only these, separated by commas; "": all */
    const char *label_column;   /* NULL: the usual ones */
    str only, except;           /* classes of attacks, separated by commas */
    double hold_back;           /* part put aside; 0: none */
    bool held;                  /* that part, else the rest */
    uint64_t seed;
    enum split_kind split;
    bool whole; /* all at once, not file by file */
    bool quiet;
    /* what was found */
    uint64_t read, rejected;
    char reject[160];
    char digest[65]; /* SHA-256 of everything read, as on cards; "" at first */
    struct progress_bar bar;
    struct arena arena;
    VEC(str) class_seen; /* of attacks */
};
/* `otherwise`: the format when none is given.  Options the command does not have are not asked for.  ST_INVALID: no data, or
 * an unknown format. */
CHECKED status model_input_init(struct model_input *in, const struct args *a,
                                enum dataset_format otherwise, struct error *err);
void model_input_done(struct model_input *in); /* safe when zeroed */
/* Everything, narrowed. */
CHECKED status model_input_all(struct model_input *in, struct dataset *out, struct error *err);
/* Calls `use` with each file's rows, or with all where they must be seen together; narrowed. */
CHECKED status model_input_each(struct model_input *in,
                                status (*use)(void *arg, const struct dataset *d,
                                              struct error *err),
                                void *arg, struct error *err);
/* After all was read: a class that was asked for and never seen is ST_NOT_FOUND. */
CHECKED status model_input_classes(const struct model_input *in, struct error *err);
/* Are some of the rows those that `m` learned from?  By the digest on its card, and what was held back. */
bool model_input_trained(const struct model_input *in, const struct model *m);
void model_input_note(const struct model_input *in); /* lines refused, on stderr */

/* ---- model_verdicts.c ---- */

/* Add the rows of the file to `d`, which may be zeroed; *from is the group of the first.  What a live flow has not, and what
 * only one of the two has, is left out: it would tell them apart.  ST_INVALID: a row has no label, a column is no feature of
 * flows, or no column is left. */
CHECKED status model_verdicts_join(struct dataset *d, const char *path, uint32_t *from,
                                   struct error *err);

/* ---- model_rows.c ---- */

enum { PANEL_MAX = 32 };
struct panel_seat {
    const struct model *model; /* borrowed */
    float *score;              /* owned (n) */
    uint64_t unanswered;       /* rows where a member did not answer */
    double us_per_row;         /* on one thread */
    struct figures figures;
    bool trained_on; /* it learned from these very data, which were not kept back */
    size_t persons;  /* keystroke, else 0 */
    double person_eer;
};
struct panel { /* models that see the same rows */
    struct panel_seat seat[PANEL_MAX];
    size_t seats;
    unsigned threads;
    uint8_t *label;  /* owned (n) */
    uint32_t *klass; /* owned (n); in class_name.  None with keystroke */
    size_t n, room, unlabelled;
    VEC(str) class_name;
    struct arena arena;
};
void panel_init(struct panel *p, unsigned threads);
void panel_done(struct panel *p); /* safe when zeroed; the models stay */
CHECKED status panel_seat(struct panel *p, const struct model *m, struct error *err);
/* Score everything of `in`, then the figures at each model's threshold, or at `threshold` unless NaN.  ST_INVALID also: no
 * row has a label. */
CHECKED status panel_run(struct panel *p, struct model_input *in, double threshold,
                         struct error *err);

struct class_count { /* of a class of attacks */
    str name;
    uint64_t rows, found;
};
/* The classes of attacks with rows, the largest first; returns how many (out: room for class_name.n). */
size_t panel_classes(const struct panel *p, size_t seat, struct class_count *out);

/* ---- model_print.c ---- */

bool terminal_unicode(void); /* block characters are welcome on standard output */
void print_figure(const char *name, struct figure f);
void print_figures(const struct figures *f);
/* "calls about 3 in 10,000 normal rows an attack" */
void print_threshold(double threshold, double fpr);
void print_bars(const struct chart *c);
/* Bars of the columns that count most; false: the kind cannot say. */
bool importance_chart(const struct model *m, struct arena *arena, struct chart *out);
void print_card(const struct model *m);

/* The members of one object: rows, accuracy … at the front, intervals behind. */
void json_figures(struct json_out *j, const struct figures *f);
void json_model(struct json_out *j, const struct model *m); /* name, kind, version */
void json_pair(struct json_out *j, str key, double low, double high);

/* ---- model_picture.c ---- */

/* FOLDER/NAME.svg and .png; the folder is made. */
CHECKED status picture_save(const char *folder, const char *name, const struct chart *c,
                            struct error *err);
/* ROC, precision and recall, reliability, scores of the seats; importance of the first. */
CHECKED status picture_panel(const char *folder, const struct panel *p, struct error *err);
/* The same curves as the card has. */
CHECKED status picture_card(const char *folder, const struct model *m, struct error *err);

#endif
