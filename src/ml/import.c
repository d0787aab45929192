/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody else's XGBoost model as one of ours, and ours as XGBoost's. */
#include "base/mem.h"
#include "codec/base64.h"
#include "ml/model_int.h"
#include "tree/tree.h"

#include <math.h>

enum { JSON_MAX = 64 << 20, NOTE_MAX = 32 << 20, COLUMNS_MAX = ENCODER_COLUMNS_MAX };

static void name_columns(struct dataset_column *column, const struct boost *trees,
                         struct arena *arena)
{
    for (size_t i = 0; i < boost_columns(trees); i++) {
        str name = boost_column_name(trees, i);
        if (name.n == 0)
            name = arena_fmt(arena, "f%zu", i);
        column[i] = (struct dataset_column){.name = name,
                                            .feature = feature_find(name),
                                            .kind = FEATURE_NUMBER,
                                            .missing = MISSING_KEEP,
                                            .unit = ""};
    }
}

/* The encoder that our export left among the attributes: it knows what words the trees saw as which numbers.  False: the
 * model is not of ours, or somebody changed it. */
static bool take_encoder(struct encoder *e, const struct boost *trees)
{
    str text = boost_note(trees);
    size_t n = 0;
    char *bytes = mem_array(char, base64_decoded_max(text.n) + 1);
    bool good =
        text.n && base64_decode(text, bytes, &n) && encoder_read(e, (str){bytes, n}, NULL) == ST_OK;
    good = good && e->style == ENCODE_TREES && e->columns == boost_columns(trees);
    if (!good)
        encoder_done(e);
    mem_free(bytes);
    return good;
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
    name_columns(column, trees, &arena);
    if (!take_encoder(&m->encoder, trees))
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
        return fail(err, ST_UNSUPPORTED, "models of the kind '%s' are none of XGBoost's",
                    model_kind_name(m->kind));
    const struct encoder *e = &m->encoder;
    const struct boost *trees = xgboost_trees(m);
    size_t n = boost_columns(trees);
    str *name = mem_array(str, n);
    struct sbuf bytes;
    sbuf_init(&bytes, NOTE_MAX);
    for (size_t i = 0; i < n; i++)
        name[i] = e->column[i].column.name;
    if (e->style == ENCODE_TREES)
        encoder_write(e, &bytes);
    char *text = mem_array(char, base64_encoded_max(bytes.n) + 1);
    size_t length = bytes.full ? 0 : base64_encode(sbuf_str(&bytes), text);
    boost_write_named(trees, name, (str){text, length}, out);
    mem_free(text);
    mem_free(name);
    sbuf_done(&bytes);
    return ST_OK;
}
