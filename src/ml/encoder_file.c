/* SPDX-License-Identifier: Apache-2.0 */
/* An encoder in a model's file.
 *
 *   u32 style, columns; for each: text name, text unit, u32 feature kind, missing, bits (1 logarithm, 2 flag),
 *   f32 centre, scale, usual; u32 words; words times f32 code, f32 rank, text
 *
 * Places and widths follow from it. */
#include "base/mem.h"
#include "ml/bytes.h"
#include "ml/encoder.h"

#include <math.h>

enum { NAME_MAX_BYTES = 256, UNIT_MAX = 32, WORDS_MAX = 4096, LOGARITHM = 1, FLAG = 2 };

void encoder_write(const struct encoder *e, struct sbuf *out)
{
    put_u32(out, e->style);
    put_u32(out, (uint32_t)e->columns);
    for (size_t i = 0; i < e->columns; i++) {
        const struct encoder_column *c = &e->column[i];
        put_text(out, str_head(c->column.name, NAME_MAX_BYTES));
        put_text(out, str_head(str_z(c->column.unit), UNIT_MAX));
        put_u32(out, c->column.kind);
        put_u32(out, c->column.missing);
        put_u32(out, (c->logarithm ? LOGARITHM : 0) | (c->flag ? FLAG : 0));
        put_f32(out, c->centre);
        put_f32(out, c->scale);
        put_f32(out, c->usual);
        put_u32(out, c->words);
        for (uint32_t k = 0; k < c->words; k++) {
            put_f32(out, c->word[k]);
            put_f32(out, c->rank[k]);
            put_text(out, c->text[k]);
        }
    }
}

static bool read_words(struct encoder *e, struct encoder_column *c, struct reader *r)
{
    uint32_t words = rd_count(r, WORDS_MAX);
    if (!r->ok || words > rd_left(r) / 12 || (words && c->column.kind != FEATURE_CATEGORY))
        return false;
    c->words = words;
    c->word = mem_array(float, words + 1);
    c->rank = mem_array(float, words + 1);
    c->text = mem_array(str, words + 1);
    for (uint32_t k = 0; k < words; k++) {
        c->word[k] = rd_f32(r);
        c->rank[k] = rd_f32(r);
        c->text[k] = arena_str(&e->arena, rd_text(r, ENCODER_TEXT_MAX));
        if (!c->text[k].p || !isfinite(c->word[k]) || !isfinite(c->rank[k]) ||
            (k && !(c->word[k - 1] < c->word[k])))
            return false;
    }
    return r->ok;
}

static uint32_t width_of(const struct encoder *e, const struct encoder_column *c)
{
    if (e->style != ENCODE_NETWORK)
        return 1;
    uint32_t flag = c->flag ? 1 : 0;
    return c->column.kind == FEATURE_CATEGORY ? c->words + 1 + flag : 1 + flag;
}

static bool read_column(struct encoder *e, struct encoder_column *c, struct reader *r)
{
    str name = arena_str(&e->arena, rd_text(r, NAME_MAX_BYTES));
    str unit = arena_str(&e->arena, rd_text(r, UNIT_MAX));
    uint32_t kind = rd_count(r, FEATURE_CATEGORY), missing = rd_count(r, MISSING_ZERO);
    uint32_t bits = rd_count(r, LOGARITHM | FLAG);
    c->column = (struct dataset_column){.name = name,
                                        .feature = feature_find(name),
                                        .kind = (enum feature_kind)kind,
                                        .missing = (enum feature_missing)missing,
                                        .unit = unit.n && unit.p ? unit.p : ""};
    c->logarithm = bits & LOGARITHM;
    c->flag = bits & FLAG;
    c->centre = rd_f32(r);
    c->scale = rd_f32(r);
    c->usual = rd_f32(r);
    return name.p && unit.p && name.n && isfinite(c->centre) && isfinite(c->scale) &&
           c->scale > 0 && !isinf(c->usual) && read_words(e, c, r);
}

status encoder_read(struct encoder *e, str bytes, struct error *err)
{
    struct reader r = reader_of(bytes);
    *e = (struct encoder){.style = (enum encoder_style)rd_count(&r, ENCODE_STYLES - 1)};
    uint32_t columns = rd_count(&r, ENCODER_COLUMNS_MAX);
    arena_init(&e->arena, 16 << 20);
    if (!r.ok || columns > rd_left(&r) / 36)
        return fail(err, ST_INVALID, "its encoder is damaged");
    e->column = mem_array(struct encoder_column, columns + 1);
    for (uint32_t i = 0; i < columns; i++) {
        struct encoder_column *c = &e->column[e->columns++];
        if (!read_column(e, c, &r))
            return fail(err, ST_INVALID, "its encoder's column %u is damaged", i + 1);
        c->at = (uint32_t)e->width;
        c->width = width_of(e, c);
        e->width += c->width;
    }
    if (!r.ok || rd_left(&r) || e->width > ENCODER_WIDTH_MAX)
        return fail(err, ST_INVALID, "its encoder is damaged");
    return ST_OK;
}
