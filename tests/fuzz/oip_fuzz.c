/* A message that is read has tensors whose elements are all there; written, it reads the same again.  The first
 * two bytes say where the JSON ends. */
#include "ml/oip.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t all(const struct oip_message *m)
{
    size_t sum = 0;
    for (size_t i = 0; i < m->tensors; i++)
        for (size_t k = 0; k < m->tensor[i].count; k++)
            sum += m->tensor[i].type == OIP_BYTES ? m->tensor[i].text[k].n
                                                  : (size_t)(m->tensor[i].number[k] > 0);
    return sum;
}

static void again(const struct oip_message *m, struct arena *arena)
{
    struct sbuf out, bytes;
    struct oip_message b;
    sbuf_init(&out, 1 << 20);
    sbuf_init(&bytes, 1 << 20);
    oip_write_answer(m, &out, &bytes);
    if (!out.full && !bytes.full) {
        if (oip_read_answer(sbuf_str(&out), sbuf_str(&bytes), arena, &b, NULL) != ST_OK ||
            b.tensors != m->tensors)
            abort();
    }
    sbuf_done(&out);
    sbuf_done(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t n = (size_t)data[0] | (size_t)data[1] << 8;
    str rest = {(const char *)data + 2, size - 2};
    struct arena arena;
    struct oip_message m;
    arena_init(&arena, 64 << 20);
    str text = str_head(rest, n), bytes = str_from(rest, text.n);
    if (oip_read_answer(text, bytes, &arena, &m, NULL) == ST_OK)
        again(&m, &arena);
    if (oip_read_request(text, bytes, &arena, &m, NULL) == ST_OK && all(&m) == SIZE_MAX)
        abort();
    arena_done(&arena);
    return 0;
}
