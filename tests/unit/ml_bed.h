/* SPDX-License-Identifier: Apache-2.0 */
/* ml_bed.h - small data that models can learn from, made up: flows of which some send much to odd ports, and sessions. */
#ifndef TESTS_UNIT_ML_BED_H
#define TESTS_UNIT_ML_BED_H

#include "tests/folder.h"
#include "tests/test.h"

#include "base/mem.h"
#include "base/random.h"
#include "dataset/dataset.h"
#include "ml/model.h"

#include <math.h>

static inline void bed_read(struct dataset *d, const char *name, enum dataset_format format,
                            str text)
{
    struct error err = {0};
    const struct dataset_options o = {.format = format, .label = -1};
    folder_write(name, text);
    const char *path = folder_path(name);
    if (dataset_read(d, &path, 1, &o, &err) != ST_OK)
        fail_msg("%s", err.text);
}

/* Rows of a CSV: four kinds of normal traffic and three of attack, a third of all. */
static inline void bed_flows(struct dataset *d, size_t rows, uint64_t seed)
{
    static const char *const kinds[] = {"normal", "normal", "normal", "normal", "exfil", "scan"};
    static const char *const words[] = {"http", "dns", "smtp", "ssh", "other", "irc"};
    struct sbuf text;
    struct random r;
    sbuf_init(&text, 64 << 20);
    random_init(&r, seed, 1);
    sbuf_addz(&text, "sent,got,seconds,service,flag,constant,label\n");
    for (size_t i = 0; i < rows; i++) {
        unsigned k = random_below(&r, 6);
        double sent = exp(6 + random_normal(&r) + (k == 4 ? 5 : 0) - (k == 5 ? 4 : 0));
        double got = exp(8 + random_normal(&r) - (k == 5 ? 6 : 0));
        sbuf_addf(&text, "%.0f,%.0f,%.4f,%s,%d,7,%s\n", sent, got, exp(random_normal(&r)),
                  random_below(&r, 10) ? words[k] : words[random_below(&r, 4)], k == 5, kinds[k]);
    }
    *d = (struct dataset){0};
    bed_read(d, "flows.csv", DATASET_CSV, sbuf_str(&text));
    sbuf_done(&text);
}

/* Sessions that go open, read or write some times, close. */
static inline void bed_sessions(struct dataset *d, size_t rows, uint64_t seed)
{
    struct sbuf text;
    struct random r;
    sbuf_init(&text, 64 << 20);
    random_init(&r, seed, 2);
    for (size_t i = 0; i < rows; i++) {
        sbuf_addz(&text, "open ");
        for (unsigned n = 1 + random_below(&r, 6); n > 0; n--)
            sbuf_addz(&text, random_below(&r, 2) ? "read " : "write ");
        sbuf_addz(&text, "close\n");
    }
    *d = (struct dataset){0};
    bed_read(d, "sessions.txt", DATASET_SEQUENCE, sbuf_str(&text));
    sbuf_done(&text);
}

static inline struct model *bed_train(const struct model_training *t, struct dataset *d)
{
    struct error err = {0};
    struct model *m = NULL;
    if (model_train(t, d, &m, &err) != ST_OK)
        fail_msg("%s: %s", model_kind_name(t->kind), err.text);
    return m;
}

#endif
