/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, with the checksum they should have, are refused, or are a template that answers with numbers in range and
 * is written as the same bytes. */
#include "base/hash.h"
#include "base/mem.h"
#include "dynamics/dynamics.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct sbuf *written, str bytes)
{
    if (!str_eq(sbuf_str(written), bytes))
        abort();
}

static void try_keystroke(str bytes, struct sbuf *out)
{
    struct keystroke_template t;
    if (keystroke_read(bytes, &t, NULL) != ST_OK)
        return;
    float *row = mem_array(float, t.columns);
    double d = keystroke_distance(&t, row), s = keystroke_score(&t, d);
    if (!(d >= 0 && d <= KEYSTROKE_DISTANCE_MAX && s >= 0 && s <= 1))
        abort();
    keystroke_write(&t, out);
    same(out, bytes);
    mem_free(row);
    keystroke_done(&t);
}

static void try_mouse(str bytes, struct sbuf *out)
{
    struct mouse_template t;
    struct mouse_movement m[3] = {0};
    if (mouse_read(bytes, &t, NULL) != ST_OK)
        return;
    double d = mouse_distance(&t, m, COUNT(m)), s = mouse_score(&t, d, COUNT(m));
    if (!(d >= 0 && d <= 4 && s >= 0 && s <= 1))
        abort();
    mouse_write(&t, out);
    same(out, bytes);
}

/* Events of any bytes are movements of finite numbers. */
static void try_events(const uint8_t *data, size_t size)
{
    struct mouse_movement m[16];
    size_t n = size / sizeof(struct mouse_event);
    struct mouse_event *e = mem_array(struct mouse_event, n + 1);
    if (n)
        memcpy(e, data, n * sizeof *e);
    size_t moves = mouse_movements(e, n, m, COUNT(m));
    for (size_t i = 0; i < moves; i++)
        for (size_t f = 0; f < MOUSE_FEATURES; f++)
            if (!isfinite(m[i].at[f]))
                abort();
    mem_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sbuf out;
    char *bytes = mem_zero(size + 8);
    if (size)
        memcpy(bytes, data, size);
    uint64_t sum = hash_bytes((str){bytes, size}, 0);
    memcpy(bytes + size, &sum, 8);
    sbuf_init(&out, 1 << 22);
    try_keystroke((str){bytes, size + 8}, &out);
    try_mouse((str){bytes, size + 8}, &out);
    try_events(data, size);
    sbuf_done(&out);
    mem_free(bytes);
    return 0;
}
