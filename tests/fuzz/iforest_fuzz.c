/* SPDX-License-Identifier: Apache-2.0 */
/* A forest that is read is written as the same bytes, scores between 0 and 1, and its reasons are numbers. */
#include "tree/iforest_int.h"

#include <assert.h>
#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct iforest *f;
    struct sbuf bytes;
    if (iforest_read((str){(const char *)data, size}, &f, NULL))
        return 0;
    sbuf_init(&bytes, size + 1);
    iforest_write(f, &bytes);
    assert(str_eq(sbuf_str(&bytes), (str){(const char *)data, size}));
    size_t d = iforest_columns(f);
    float *x = mem_array(float, d), score, plain;
    double *phi = mem_array(double, d);
    for (size_t c = 0; c < d; c++)
        x[c] = c % 3 == 0 ? 0.5F : c % 3 == 1 ? NAN : INFINITY;
    iforest_score(f, x, 1, d, &score);
    iforest_score_plain(f, x, 1, d, &plain);
    assert(score >= 0 && score <= 1 && score == plain);
    iforest_explain(f, x, phi);
    for (size_t c = 0; c < d; c++)
        assert(!isnan(phi[c]));
    mem_free(x);
    mem_free(phi);
    sbuf_done(&bytes);
    iforest_free(f);
    return 0;
}
