/* SPDX-License-Identifier: Apache-2.0 */
/* model_bed.h - a small model of connections: attacks last long and send much.  Of another seed it is another version. */
#ifndef TESTS_MODEL_BED_H
#define TESTS_MODEL_BED_H

#include "base/mem.h"
#include "base/random.h"
#include "codec/time.h"
#include "ml/model.h"
#include "tests/test.h"

enum { BED_COLUMNS = 4, BED_ROWS = 800 };
static const enum feature bed_feature[BED_COLUMNS] = {FEATURE_DURATION, FEATURE_BYTES_OUT,
                                                      FEATURE_BYTES_IN, FEATURE_PORT};

/* A row of the bed's columns. */
static inline void bed_row(struct random *r, bool attack, float out[static BED_COLUMNS])
{
    out[0] = (float)(random_01(r) * (attack ? 100 : 2)) + (attack ? 50.0f : 0.0f);
    out[1] = (float)(random_01(r) * (attack ? 1e6 : 1e3)) + (attack ? 1e5f : 0.0f);
    out[2] = (float)(random_01(r) * 1e3);
    out[3] = random_01(r) < 0.5 ? 443 : 80;
}

static inline void bed_data(struct dataset *d, uint64_t seed)
{
    static str names[2];
    struct random r;
    random_init(&r, seed, 0);
    names[0] = STR("normal");
    names[1] = STR("attack");
    *d = (struct dataset){.format = DATASET_CSV, .rows = BED_ROWS, .columns = BED_COLUMNS};
    arena_init(&d->arena, 1 << 20);
    d->column = mem_array(struct dataset_column, BED_COLUMNS);
    d->x = mem_array(float, BED_ROWS *BED_COLUMNS);
    d->label = mem_array(uint8_t, BED_ROWS);
    d->klass = mem_array(uint32_t, BED_ROWS);
    d->group = mem_array(uint32_t, BED_ROWS);
    d->time_ms = mem_array(int64_t, BED_ROWS);
    d->class_name = memcpy(mem_array(str, 2), names, sizeof names);
    d->class_names = 2;
    for (size_t i = 0; i < BED_COLUMNS; i++) {
        const struct feature_info *f = &feature_info[bed_feature[i]];
        d->column[i] =
            (struct dataset_column){str_z(f->name), bed_feature[i], f->kind, f->missing, f->unit};
    }
    for (uint32_t i = 0; i < BED_ROWS; i++) {
        bool attack = i % 4 == 0;
        d->label[i] = attack ? LABEL_ATTACK : LABEL_NORMAL;
        d->klass[i] = attack;
        d->group[i] = i;
        d->time_ms[i] = TIME_NONE;
        bed_row(&r, attack, d->x + (size_t)i * BED_COLUMNS);
    }
    (void)snprintf(d->digest, sizeof d->digest, "%064llu", (unsigned long long)seed);
}

static inline struct model *bed_model_named(uint64_t seed, const char *name)
{
    struct dataset d;
    struct model *m = NULL;
    struct error err = {.text = ""};
    struct model_training t = {.kind = MODEL_IFOREST,
                               .seed = seed,
                               .trees = 50,
                               .threads = 1,
                               .split = SPLIT_RANDOM,
                               .name = name};
    bed_data(&d, seed);
    if (model_train(&t, &d, &m, &err) != ST_OK)
        fail_msg("%s", err.text);
    dataset_done(&d);
    return m;
}

static inline struct model *bed_model(uint64_t seed)
{
    return bed_model_named(seed, "flows");
}

#endif
