/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody else's XGBoost model as one of ours, and ours as XGBoost's. */
#include "base/mem.h"
#include "codec/json_doc.h"
#include "ml/model_int.h"
#include "tree/tree.h"

#include <math.h>

enum { JSON_MAX = 64 << 20, COLUMNS_MAX = ENCODER_COLUMNS_MAX };

/* learner.feature_names, when it is JSON and has as many as there are columns. */
static void name_columns(struct dataset_column *column, size_t n, str bytes, struct arena *arena)
{
    struct json_doc *doc = NULL;
    for (size_t i = 0; i < n; i++)
        column[i] = (struct dataset_column){.name = arena_fmt(arena, "f%zu", i),
                                            .feature = FEATURE_COUNT,
                                            .kind = FEATURE_NUMBER,
                                            .missing = MISSING_KEEP,
                                            .unit = ""};
    if (json_doc_parse(bytes, JSON_MAX, &doc, NULL) != ST_OK)
        return; /* UBJSON: by number */
    json_node names = json_get(json_get(json_doc_root(doc), STR("learner")), STR("feature_names"));
    size_t i = 0;
    for (struct json_each it = json_each(names); json_count(names) == n && json_each_next(&it);
         i++) {
        column[i].name = arena_str(arena, json_str(it.value, column[i].name));
        column[i].feature = feature_find(column[i].name);
    }
    json_doc_free(doc);
}

status model_import_xgboost(str bytes, struct model **out, struct error *err)
{
    struct boost *trees = NULL;
    struct arena arena;
    status st = boost_read(bytes, &trees, err);
    if (st != ST_OK)
        return st;
    size_t n = boost_columns(trees);
    if (n == 0 || n > COLUMNS_MAX) {
        boost_free(trees);
        return fail(err, ST_LIMIT, "a model of %zu columns; 1 to %d can be", n, COLUMNS_MAX);
    }
    struct dataset_column *column = mem_array(struct dataset_column, n);
    struct model *m = model_new(MODEL_XGBOOST);
    arena_init(&arena, JSON_MAX);
    name_columns(column, n, bytes, &arena);
    encoder_raw(&m->encoder, column, n);
    m->calibration.kind = CALIBRATION_NONE;
    m->card.name = STR("imported-xgboost");
    m->card.parameters = arena_fmt(&m->arena, "trees=%zu", boost_trees(trees));
    m->card.basis = STR("a half; nothing was measured");
    m->card.note = boost_outputs(trees) > 1
                       ? STR("imported; the score is that it is not the first class")
                       : STR("imported");
    xgboost_adopt(m, trees);
    mem_free(column);
    arena_done(&arena);
    st = model_seal(m, err);
    if (st == ST_OK)
        *out = m;
    else
        model_free(m);
    return st;
}

status model_export_xgboost(const struct model *m, struct sbuf *out, struct error *err)
{
    if (m->kind != MODEL_XGBOOST)
        return fail(err, ST_UNSUPPORTED, "a %s model is not one of XGBoost's",
                    model_kind_name(m->kind));
    boost_write(xgboost_trees(m), out);
    return ST_OK;
}
