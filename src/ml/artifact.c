/* SPDX-License-Identifier: Apache-2.0 */
/* A model's file:
 *
 *   8 bytes   \x89 B G M \r \n \x1a \n: no text, and shows what changed line ends
 *   u32       version of the format, 1
 *   u32       sections, in the order of enum section
 *   each      u64 size
 *             the sections' bytes, one after the other
 *   32 bytes  SHA-256 of all before
 *
 * Little-endian.  The card is JSON, everything else binary; an ensemble's members are such files in its
 * own part.  The digest finds damage; hostile bytes have the right one, so every size is held against
 * what is left, and every number that computes must be one. */
#include "base/mem.h"
#include "crypto/crypto.h"
#include "ml/bytes.h"
#include "ml/model_int.h"
#include "os/file.h"

#include <math.h>

static const char MAGIC[8] = {'\x89', 'B', 'G', 'M', '\r', '\n', '\x1a', '\n'};
enum { FORMAT = 1, REFERENCE_BYTES = 4 * (2 * DRIFT_BINS) };
enum section {
    SECTION_KIND, /* its name */
    SECTION_CARD,
    SECTION_ENCODER,
    SECTION_PART,
    SECTION_CALIBRATION,
    SECTION_CURVES,
    SECTION_DRIFT,
    SECTIONS
};

/* ---- calibration ---- */

void calibration_write(const struct calibration *c, struct sbuf *out)
{
    put_u32(out, c->kind);
    put_f64(out, c->a);
    put_f64(out, c->b);
    put_u32(out, c->knots);
    put_f32s(out, c->x, c->knots);
    put_f32s(out, c->y, c->knots);
}

status calibration_read(struct calibration *c, str bytes, struct error *err)
{
    struct reader r = reader_of(bytes);
    c->kind = (enum calibration_kind)rd_count(&r, CALIBRATION_RANK);
    c->a = rd_f64(&r);
    c->b = rd_f64(&r);
    c->knots = rd_count(&r, CALIBRATION_KNOTS);
    rd_f32s(&r, c->x, c->knots);
    rd_f32s(&r, c->y, c->knots);
    if (!r.ok || rd_left(&r) || !calibration_sane(c))
        return fail(err, ST_INVALID, "its calibration is damaged");
    return ST_OK;
}

/* ---- curves ---- */

static void write_curves(const struct model *m, struct sbuf *out)
{
    for (size_t i = 0; i < MODEL_PICTURES; i++) {
        const struct curve *c = &m->curve[i];
        put_u32(out, (uint32_t)c->n);
        for (size_t k = 0; k < c->n; k++) {
            put_f32(out, (float)c->x[k]);
            put_f32(out, (float)c->y[k]);
            put_f64(out, c->threshold[k]);
        }
    }
}

static bool read_curve(struct curve *c, struct reader *r)
{
    uint32_t n = rd_count(r, CURVE_POINTS_MAX);
    if (n > rd_left(r) / 16)
        return false;
    *c = (struct curve){.n = n,
                        .x = mem_array(double, n + 1),
                        .y = mem_array(double, n + 1),
                        .threshold = mem_array(double, n + 1)};
    for (uint32_t k = 0; k < n; k++) {
        c->x[k] = rd_f32(r);
        c->y[k] = rd_f32(r);
        c->threshold[k] = rd_f64(r);
        if (!isfinite(c->x[k]) || !isfinite(c->y[k]))
            return false;
    }
    return r->ok;
}

static status read_curves(struct model *m, str bytes, struct error *err)
{
    struct reader r = reader_of(bytes);
    for (size_t i = 0; i < MODEL_PICTURES; i++)
        if (!read_curve(&m->curve[i], &r))
            return fail(err, ST_INVALID, "its curves are damaged");
    return rd_left(&r) ? fail(err, ST_INVALID, "its curves are damaged") : ST_OK;
}

/* ---- references of drift ---- */

static void write_reference(const struct drift_reference *d, struct sbuf *out)
{
    put_f32s(out, d->edge, DRIFT_BINS - 1);
    put_f32s(out, d->part, DRIFT_BINS);
    put_f32(out, d->missing);
}

static bool read_reference(struct drift_reference *d, struct reader *r)
{
    rd_f32s(r, d->edge, DRIFT_BINS - 1);
    rd_f32s(r, d->part, DRIFT_BINS);
    d->missing = rd_f32(r);
    return r->ok && drift_sane(d);
}

static void write_drift(const struct model *m, struct sbuf *out)
{
    write_reference(&m->score_reference, out);
    put_u32(out, m->column_reference ? (uint32_t)m->encoder.columns : 0);
    for (size_t i = 0; m->column_reference && i < m->encoder.columns; i++)
        write_reference(&m->column_reference[i], out);
}

static status read_drift(struct model *m, str bytes, struct error *err)
{
    struct reader r = reader_of(bytes);
    bool good = read_reference(&m->score_reference, &r);
    uint32_t n = rd_u32(&r);
    good = good && r.ok && (n == 0 || n == m->encoder.columns) &&
           rd_left(&r) == n * (size_t)REFERENCE_BYTES;
    if (good && n)
        m->column_reference = mem_array(struct drift_reference, n);
    for (uint32_t i = 0; good && i < n; i++)
        good = read_reference(&m->column_reference[i], &r);
    return good ? ST_OK : fail(err, ST_INVALID, "its references of drift are damaged");
}

/* ---- all of it ---- */

status model_part_suits(const struct model *m, const char *what, size_t columns, struct error *err)
{
    if (columns == m->encoder.width)
        return ST_OK;
    return fail(err, ST_INVALID, "its %s is of %zu columns, not %zu", what, columns,
                m->encoder.width);
}

static void write_section(const struct model *m, enum section s, struct sbuf *out)
{
    switch (s) {
    case SECTION_KIND:
        sbuf_addz(out, model_kind_name(m->kind));
        break;
    case SECTION_CARD:
        sbuf_add(out, m->card.json);
        break;
    case SECTION_ENCODER:
        encoder_write(&m->encoder, out);
        break;
    case SECTION_PART:
        m->ops->write(m, out);
        break;
    case SECTION_CALIBRATION:
        calibration_write(&m->calibration, out);
        break;
    case SECTION_CURVES:
        write_curves(m, out);
        break;
    case SECTION_DRIFT:
        write_drift(m, out);
        break;
    case SECTIONS:
        break;
    }
}

void model_write(const struct model *m, struct sbuf *out)
{
    struct sbuf body;
    uint64_t size[SECTIONS];
    size_t begin = out->n;
    sbuf_init(&body, MODEL_BYTES_MAX);
    for (enum section s = 0; s < SECTIONS; s++) {
        size_t before = body.n;
        write_section(m, s, &body);
        size[s] = body.n - before;
    }
    sbuf_add(out, (str){MAGIC, sizeof MAGIC});
    put_u32(out, FORMAT);
    put_u32(out, SECTIONS);
    for (size_t s = 0; s < SECTIONS; s++)
        put_u64(out, size[s]);
    sbuf_add(out, sbuf_str(&body));
    out->full |= body.full;
    sbuf_done(&body);
    if (out->full)
        return;
    unsigned char digest[SHA256_SIZE];
    crypto_sha256(str_from(sbuf_str(out), begin), digest);
    sbuf_add(out, (str){(const char *)digest, sizeof digest});
}

/* The sections of a file whose frame is right. */
static status frame(str bytes, str section[static SECTIONS], struct error *err)
{
    if (bytes.n > MODEL_BYTES_MAX)
        return fail(err, ST_LIMIT, "a model of more than %d MiB", MODEL_BYTES_MAX >> 20);
    if (!str_starts(bytes, (str){MAGIC, sizeof MAGIC}))
        return fail(err, ST_INVALID, "no model: it does not begin as one");
    if (bytes.n < sizeof MAGIC + 8 + 8 * SECTIONS + SHA256_SIZE)
        return fail(err, ST_INVALID, "cut off after %zu bytes", bytes.n);
    unsigned char digest[SHA256_SIZE];
    str all = str_head(bytes, bytes.n - SHA256_SIZE);
    struct reader r = reader_of(str_from(all, sizeof MAGIC));
    uint32_t format = rd_u32(&r), sections = rd_u32(&r);
    if (format != FORMAT || sections != SECTIONS)
        return fail(err, ST_UNSUPPORTED, "a model file of version %u, this reads %d", format,
                    FORMAT);
    crypto_sha256(all, digest);
    if (memcmp(digest, all.p + all.n, SHA256_SIZE) != 0)
        return fail(err, ST_INVALID, "its checksum does not match: cut off, or changed");
    uint64_t size[SECTIONS];
    for (size_t s = 0; s < SECTIONS; s++)
        size[s] = rd_u64(&r);
    for (size_t s = 0; s < SECTIONS; s++)
        section[s] = rd_take(&r, size[s] > rd_left(&r) ? rd_left(&r) + 1 : (size_t)size[s]);
    if (!r.ok || rd_left(&r))
        return fail(err, ST_INVALID, "its sections do not add up");
    return ST_OK;
}

enum model_kind model_bytes_kind(str bytes)
{
    str section[SECTIONS] = {{0}};
    return frame(bytes, section, NULL) == ST_OK ? model_kind_find(section[SECTION_KIND])
                                                : MODEL_KIND_COUNT;
}

static status read_sections(struct model *m, const str section[static SECTIONS],
                            struct model_host *host, struct error *err)
{
    status st = card_read(m, section[SECTION_CARD], err);
    if (st == ST_OK)
        st = encoder_read(&m->encoder, section[SECTION_ENCODER], err);
    if (st == ST_OK && model_kind_shape(m->kind) == DATASET_TABLE && m->encoder.columns == 0)
        st = fail(err, ST_INVALID, "it has no columns");
    if (st == ST_OK)
        st = m->ops->read(m, section[SECTION_PART], host, err);
    if (st == ST_OK)
        st = calibration_read(&m->calibration, section[SECTION_CALIBRATION], err);
    if (st == ST_OK)
        st = read_curves(m, section[SECTION_CURVES], err);
    if (st == ST_OK)
        st = read_drift(m, section[SECTION_DRIFT], err);
    return st;
}

status model_read(str bytes, struct model_host *host, struct model **out, struct error *err)
{
    str section[SECTIONS] = {{0}};
    status st = frame(bytes, section, err);
    if (st != ST_OK)
        return st;
    enum model_kind kind = model_kind_find(section[SECTION_KIND]);
    if (kind == MODEL_KIND_COUNT)
        return fail(err, ST_UNSUPPORTED, "a model of an unknown kind, '" STR_FMT "'",
                    STR_ARG(str_head(section[SECTION_KIND], 32)));
    struct model *m = model_new(kind);
    st = read_sections(m, section, host, err);
    if (st != ST_OK) {
        model_free(m);
        return st;
    }
    model_finish(m, (const unsigned char *)bytes.p + bytes.n - SHA256_SIZE);
    *out = m;
    return ST_OK;
}

status model_load(const char *path, struct model_host *host, struct model **out, struct error *err)
{
    struct sbuf bytes;
    sbuf_init(&bytes, MODEL_BYTES_MAX + (64 << 10));
    status st = file_read_all(path, &bytes, err);
    if (st == ST_OK) {
        st = model_read(sbuf_str(&bytes), host, out, err);
        if (st != ST_OK)
            st = fail_prefix(err, st, "'%s'", path);
    }
    sbuf_done(&bytes);
    return st;
}

status model_save(const struct model *m, const char *path, struct error *err)
{
    struct sbuf bytes;
    sbuf_init(&bytes, MODEL_BYTES_MAX);
    model_write(m, &bytes);
    status st = bytes.full
                    ? fail(err, ST_LIMIT, "a model of more than %d MiB", MODEL_BYTES_MAX >> 20)
                    : file_replace(path, 0644, sbuf_str(&bytes), err);
    sbuf_done(&bytes);
    return st;
}
