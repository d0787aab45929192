/* SPDX-License-Identifier: Apache-2.0 */
/* A trained autoencoder: scores, and bytes.
 *
 *     "BGAUTOE1" | u64 columns, hidden, waist | f32 of each layer: weights (in, out), biases (out)
 *
 * Scoring takes rows in blocks that stay in the first-level cache with what the layers make of them. */
#include "base/mem.h"
#include "nn/autoencoder_int.h"

enum { BLOCK_ROWS = 48 }; /* of whole tiles of 6, 8 and 12 rows */
static const char magic[] = "BGAUTOE1";

status ae_net_init(struct ae_net *n, const struct autoencoder_shape *s, struct error *err)
{
    size_t hidden = s->hidden ? s->hidden : AE_HIDDEN, waist = s->waist ? s->waist : AE_WAIST;
    if (s->columns == 0 || s->columns > AE_COLUMNS_MAX)
        return fail(err, ST_INVALID, "an autoencoder of %zu columns; 1 to %d are possible",
                    s->columns, AE_COLUMNS_MAX);
    if (hidden > AE_WIDTH_MAX || waist > AE_WIDTH_MAX)
        return fail(err, ST_INVALID, "an autoencoder with layers of %zu and %zu; at most %d",
                    hidden, waist, AE_WIDTH_MAX);
    *n = (struct ae_net){.width = {s->columns, hidden, waist, hidden, s->columns}};
    for (size_t l = 0, at = 0; l < AE_LAYERS; l++) {
        size_t out = n->width[l + 1];
        n->weight[l] = at;
        n->bias[l] = at + n->width[l] * out;
        n->parameters = at = n->bias[l] + out;
        n->inner += out;
        n->widest = out > n->widest ? out : n->widest;
    }
    if (n->parameters > AE_PARAMETERS_MAX)
        return fail(err, ST_INVALID, "an autoencoder of %zu numbers; at most %d", n->parameters,
                    AE_PARAMETERS_MAX);
    return ST_OK;
}

struct autoencoder *ae_new(const struct ae_net *net, float *parameter)
{
    struct autoencoder *a = mem_new(struct autoencoder);
    a->net = *net;
    a->parameter = parameter;
    return a;
}

void autoencoder_free(struct autoencoder *a)
{
    if (!a)
        return;
    mem_free(a->parameter);
    mem_free(a);
}

size_t autoencoder_columns(const struct autoencoder *a)
{
    return a->net.width[0];
}

void ae_forward(const struct ae_net *n, const float *parameter, const float *x, size_t stride,
                size_t m, float *out, float **last)
{
    for (size_t l = 0; l < AE_LAYERS; l++) {
        size_t in = n->width[l], wide = n->width[l + 1];
        nn_linear(m, wide, in, x, stride, parameter + n->weight[l], parameter + n->bias[l],
                  l + 1 < AE_LAYERS, out, wide);
        x = out;
        stride = wide;
        *last = out;
        out += m * wide;
    }
}

size_t autoencoder_room(const struct autoencoder *a)
{
    return size_mul(a->net.inner, BLOCK_ROWS * sizeof(float));
}

struct rows {
    const float *x;
    size_t n, stride;
};

static void score_rows(const struct autoencoder *a, const struct rows *r, float *room, float *out,
                       float *each)
{
    size_t d = a->net.width[0];
    float *y = NULL;
    for (size_t at = 0; at < r->n; at += BLOCK_ROWS) {
        size_t m = r->n - at < BLOCK_ROWS ? r->n - at : BLOCK_ROWS;
        ae_forward(&a->net, a->parameter, r->x + at * r->stride, r->stride, m, room, &y);
        for (size_t i = at; i < at + m; i++, y += d)
            out[i] =
                nn_square_gap(each ? each + i * d : NULL, r->x + i * r->stride, y, d) / (float)d;
    }
}

void autoencoder_score_in(const struct autoencoder *a, const float *x, size_t n, size_t stride,
                          void *room, float *out)
{
    score_rows(a, &(struct rows){x, n, stride}, room, out, NULL);
}

void autoencoder_score(const struct autoencoder *a, const float *x, size_t n, size_t stride,
                       float *out, float *each)
{
    void *room = mem_aligned(64, autoencoder_room(a));
    score_rows(a, &(struct rows){x, n, stride}, room, out, each);
    mem_free(room);
}

/* ---- bytes ---- */

void autoencoder_write(const struct autoencoder *a, struct sbuf *out)
{
    sbuf_addz(out, magic);
    for (size_t i = 0; i <= 2; i++)
        put_u64(out, a->net.width[i]);
    put_floats(out, a->parameter, a->net.parameters);
}

status autoencoder_read(str bytes, struct autoencoder **out, struct error *err)
{
    struct reader r = reader_of(bytes);
    rd_expect(&r, STR("BGAUTOE1"));
    struct autoencoder_shape s = {0};
    s.columns = take_u64(&r);
    s.hidden = take_u64(&r);
    s.waist = take_u64(&r);
    if (!r.ok || s.hidden == 0 || s.waist == 0)
        return fail(err, ST_INVALID, "not an autoencoder");
    struct ae_net net = {0};
    status st = ae_net_init(&net, &s, err);
    if (st)
        return st;
    if (rd_left(&r) / sizeof(float) != net.parameters || rd_left(&r) % sizeof(float))
        return fail(err, ST_INVALID, "an autoencoder of %zu numbers with %zu bytes of them",
                    net.parameters, rd_left(&r));
    float *p = mem_aligned(64, net.parameters * sizeof *p);
    if (!take_floats(&r, p, net.parameters)) {
        mem_free(p);
        return fail(err, ST_INVALID, "a weight of the autoencoder is not finite");
    }
    *out = ae_new(&net, p);
    return ST_OK;
}
