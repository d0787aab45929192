/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that are taken for an autoencoder are written again as they were, and score rows with numbers. */
#include "base/mem.h"
#include "nn/nn.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str bytes = {(const char *)data, size};
    struct autoencoder *a = NULL;
    struct nn_adam adam;
    nn_adam_init(&adam, 3, 0.1f);
    if (nn_adam_read(&adam, bytes, NULL) == ST_OK) {
        assert(nn_finite(adam.value, adam.n) && isfinite(adam.rate));
        nn_adam_step(&adam);
    }
    nn_adam_done(&adam);
    if (autoencoder_read(bytes, &a, NULL))
        return 0;

    struct sbuf out;
    sbuf_init(&out, size + 64);
    autoencoder_write(a, &out);
    assert(str_eq(sbuf_str(&out), bytes));
    sbuf_done(&out);

    size_t d = autoencoder_columns(a);
    float *x = mem_array(float, 2 * d), *each = mem_array(float, 2 * d), score[2];
    for (size_t i = 0; i < d; i++)
        x[i] = 1;
    autoencoder_score(a, x, 2, d, score, each);
    assert(isnan(score[0]) || score[0] >= 0); /* weights may be so large that it overflows */
    mem_free(x);
    mem_free(each);
    autoencoder_free(a);
    return 0;
}
