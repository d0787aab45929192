/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that people judged are features of flows with the numbers that were scored, words as their codes. */
#include "cli/model_int.h"

#include <math.h>

static status be_features(struct dataset *d, const char *path, struct error *err)
{
    for (size_t c = 0; c < d->columns; c++) {
        struct dataset_column *to = &d->column[c];
        enum feature f = feature_find(to->name);
        if (f == FEATURE_COUNT)
            return fail(err, ST_INVALID, "'%s': '" STR_FMT "' is no feature of flows", path,
                        STR_ARG(str_head(to->name, 60)));
        to->feature = f;
        to->kind = feature_info[f].kind;
        to->missing = feature_info[f].missing;
        to->unit = feature_info[f].unit;
    }
    size_t none = dataset_count(d, LABEL_NONE);
    return none ? fail(err, ST_INVALID, "'%s': %zu rows have no label", path, none) : ST_OK;
}

static bool any(const struct dataset *d, size_t column, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (!isnan(d->x[i * d->columns + column]))
            return true;
    return false;
}

/* Columns that are all missing are nobody's to learn from; returns how many others there are. */
static size_t keep_shared(struct dataset *d, size_t base_rows)
{
    size_t shared = 0;
    for (size_t c = 0; c < d->columns; c++) {
        if (any(d, c, 0, base_rows) && any(d, c, base_rows, d->rows)) {
            shared++;
            continue;
        }
        for (size_t i = 0; i < d->rows; i++)
            d->x[i * d->columns + c] = NAN;
    }
    return shared;
}

static status join(struct dataset *d, const struct dataset *judged, const char *path,
                   struct error *err)
{
    size_t base_rows = d->rows;
    status st = dataset_join(d, judged, err);
    if (st != ST_OK)
        return st;
    (void)dataset_keep_live(d); /* how many went does not matter */
    if (keep_shared(d, base_rows) == 0)
        return fail(err, ST_INVALID, "the data and '%s' have no column in common", path);
    return ST_OK;
}

status model_verdicts_join(struct dataset *d, const char *path, uint32_t *from, struct error *err)
{
    struct dataset judged = {0};
    const struct dataset_options o = {.format = DATASET_CSV, .label_column = "label", .label = -1};
    bool alone = d->rows == 0;
    *from = alone ? 0 : d->groups;
    status st = dataset_read(&judged, &path, 1, &o, err);
    if (st == ST_OK)
        st = be_features(&judged, path, err);
    if (st == ST_OK && alone) {
        *d = judged;
        return ST_OK;
    }
    if (st == ST_OK)
        st = join(d, &judged, path, err);
    dataset_done(&judged);
    return st;
}
