/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are refused, or are a model that gives finite numbers and is written as it was read. */
#include "nn/sequence.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct sequence_model *m)
{
    const uint32_t event[] = {0, 1, 2, 1, 0, 3, 70000};
    float surprise[7], p[4];
    uint32_t next[4];
    sequence_surprise(m, event, 7, surprise, NULL);
    for (size_t i = 0; i < 7; i++) {
        if (!isfinite(surprise[i]) || surprise[i] < 0)
            abort();
    }
    size_t n = sequence_expected(m, event, 5, 4, next, p);
    for (size_t i = 0; i < n; i++) {
        if (next[i] >= sequence_vocabulary(m) || !isfinite(p[i]))
            abort();
    }
    if (!isfinite(sequence_score(m, event, 7)) || !isfinite(sequence_threshold(m, 0.01)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sequence_model *m;
    if (sequence_read((str){(const char *)data, size}, &m, NULL) != ST_OK)
        return 0;
    use(m);
    struct sbuf out;
    sbuf_init(&out, 64 << 20);
    sequence_write(m, &out);
    struct sequence_model *back;
    if (sequence_read(sbuf_str(&out), &back, NULL) != ST_OK)
        abort();
    sequence_free(back);
    sequence_free(m);
    sbuf_done(&out);
    return 0;
}
