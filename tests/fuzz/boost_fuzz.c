/* SPDX-License-Identifier: Apache-2.0 */
/* A model that is read scores alike on every way, its reasons add up to its margin when that is of a usual size, and
 * what is written of it is read again as the same model. */
#include "tree/boost_int.h"
#include "tree/forest_int.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 5 };

static float *rows_of(size_t columns)
{
    static const float some[] = {0, 1, -1, 0.5F, NAN, INFINITY, -INFINITY, 3, 40, 1e30F};
    float *x = mem_array(float, ROWS *columns);
    for (size_t i = 0; i < ROWS * columns; i++)
        x[i] = some[i * 7 % COUNT(some)];
    return x;
}

static uint32_t bits(float x)
{
    uint32_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static bool alike(const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bits(a[i]) != bits(b[i]) && !(isnan(a[i]) && isnan(b[i])))
            return false;
    return true;
}

static void check(const struct boost *b)
{
    size_t n = ROWS * boost_outputs(b);
    float *x = rows_of(boost_columns(b)), *plain = mem_array(float, n), *out = mem_array(float, n);
    (void)forest_add_way(FOREST_PLAIN, b->fast, x, ROWS, boost_columns(b), plain);
    for (enum forest_way way = FOREST_ROWS; way <= FOREST_AVX512; way++) {
        memset(out, 0, n * sizeof *out);
        assert(!forest_add_way(way, b->fast, x, ROWS, boost_columns(b), out) ||
               alike(out, plain, n));
    }
    double *phi = mem_array(double, boost_columns(b) + 1), sum = 0;
    boost_margin(b, x, ROWS, boost_columns(b), out);
    boost_explain(b, x, 0, phi);
    double most = 0;
    for (size_t c = 0; c <= boost_columns(b); c++) {
        sum += phi[c];
        most = fmax(most, fabs(phi[c]));
    }
    assert(!(most < 1e3) || !(fabs(out[0]) < 1e3F) || b->tree == NULL || b->trees > 100 ||
           fabs(sum - (double)out[0]) < 0.1);
    mem_free(phi);
    mem_free(x);
    mem_free(plain);
    mem_free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct boost *b, *again;
    struct sbuf bytes;
    if (boost_read((str){(const char *)data, size}, &b, NULL))
        return 0;
    check(b);
    sbuf_init(&bytes, 64 << 20);
    boost_write(b, &bytes);
    status st = boost_read(sbuf_str(&bytes), &again, NULL);
    assert(st == ST_OK);
    assert(boost_trees(again) == boost_trees(b) && boost_columns(again) == boost_columns(b));
    check(again);
    boost_free(again);
    boost_free(b);
    sbuf_done(&bytes);
    return 0;
}
