/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, given the checksum that they should have, are refused as a model or are one: it writes as what it was read
 * from, and its scores are between 0 and 1. */
#include "base/mem.h"
#include "crypto/crypto.h"
#include "ml/model.h"

#include <assert.h>
#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 3 };

static void scores(const struct model *m)
{
    size_t n;
    const struct dataset_column *column = model_columns(m, &n);
    struct model_binding *b = model_bind(m, column, n);
    struct model_scratch *s = model_scratch_new(m);
    struct model_answer a[ROWS];
    float *x = mem_array(float, ROWS *(n + 1));
    for (size_t j = 0; j < n; j++) {
        x[j] = NAN;
        x[n + j] = 0;
        x[2 * n + j] = 3e38F;
    }
    model_score(m, b, s, x, ROWS, n, a);
    for (size_t i = 0; i < ROWS; i++)
        assert(isnan(a[i].score_01) || (a[i].score_01 >= 0 && a[i].score_01 <= 1));
    mem_free(x);
    model_scratch_free(s);
    model_binding_free(b);
}

static void sessions(const struct model *m)
{
    const str event[] = {STR("open"), STR("never"), STR("close")};
    struct model_scratch *s = model_scratch_new(m);
    struct model_answer a;
    model_score_sequence(m, s, event, COUNT(event), &a);
    assert(isnan(a.score_01) || (a.score_01 >= 0 && a.score_01 <= 1));
    model_scratch_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sbuf bytes, again;
    struct model *m = NULL;
    unsigned char digest[SHA256_SIZE];
    sbuf_init(&bytes, 1 << 24);
    sbuf_init(&again, 1 << 24);
    /* What is there of a checksum in the corpus is not of these bytes any more. */
    sbuf_add(&bytes, (str){(const char *)data, size > SHA256_SIZE ? size - SHA256_SIZE : size});
    crypto_sha256(sbuf_str(&bytes), digest);
    sbuf_add(&bytes, (str){(const char *)digest, sizeof digest});
    if (model_read(sbuf_str(&bytes), NULL, &m, NULL) == ST_OK) {
        model_write(m, &again);
        assert(again.full || model_card(m)->version.n == 12);
        if (model_kind_shape(model_card(m)->kind) == DATASET_TABLE)
            scores(m);
        else
            sessions(m);
    }
    model_free(m);
    sbuf_done(&bytes);
    sbuf_done(&again);
    return 0;
}
