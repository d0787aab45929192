/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, as any format, are refused or become a set whose parts agree; and its rows can be put aside. */
#include "base/mem.h"
#include "dataset/dataset.h"

#include <assert.h>
#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parts_agree(const struct dataset *d)
{
    for (size_t i = 0; i < d->rows; i++) {
        assert(d->label[i] <= LABEL_ATTACK || d->label[i] == LABEL_NONE);
        assert(d->klass[i] < d->class_names);
        assert(d->shape == DATASET_TABLE || d->start[i] < d->start[i + 1]);
    }
    for (size_t i = 0; i < d->rows * d->columns; i++)
        assert(!isinf(d->x[i]) &&
               !(d->column[i % d->columns].kind == FEATURE_AMOUNT && d->x[i] < 0 &&
                 d->format != DATASET_CSV && d->format != DATASET_KEYSTROKE));
    if (d->shape == DATASET_SEQUENCES && d->rows)
        for (uint64_t i = 0; i < d->start[d->rows]; i++)
            assert(d->event[i] < d->event_names);
    for (size_t i = 0; i < d->columns; i++)
        assert(dataset_column_find(d, d->column[i].name) == i);
}

/* Rows of one group stay together. */
static void stay_together(const struct dataset *d)
{
    uint8_t *side = mem_array(uint8_t, d->rows + 1);
    for (int kind = SPLIT_AUTO; kind <= SPLIT_GROUP + 1; kind++) {
        if (kind <= SPLIT_GROUP)
            (void)dataset_split(d, (enum split_kind)kind, 0.3, 1, side);
        else
            dataset_folds(d, 3, 1, side);
        for (size_t i = 1; i < d->rows && i < 100; i++)
            for (size_t k = 0; k < i; k++)
                assert(d->group[i] != d->group[k] || side[i] == side[k]);
    }
    mem_free(side);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct dataset d = {0}, some;
    struct dataset_options o = {.format = data[0] % DATASET_FORMAT_COUNT,
                                .label = data[1] % 4 == 0 ? LABEL_ATTACK : -1,
                                .rows_max = 1000};
    str bytes = {(const char *)data + 2, size - 2};
    status st = dataset_read_memory(&d, bytes, "fuzz", &o, NULL);
    if (st == ST_OK) {
        assert(d.rows > 0);
        parts_agree(&d);
        stay_together(&d);
        if (dataset_read_memory(&d, bytes, "fuzz", &o, NULL) == ST_OK) {
            parts_agree(&d);
            size_t rows = d.rows;
            dataset_dedupe(&d);
            assert(d.rows <= rows / 2 || d.format == DATASET_ZEEK || d.format == DATASET_EVE);
            parts_agree(&d);
        }
        uint32_t index[2] = {0, (uint32_t)d.rows - 1};
        dataset_take(&d, index, 2, &some);
        parts_agree(&some);
        dataset_done(&some);
    }
    dataset_done(&d);
    return 0;
}
