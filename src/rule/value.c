/* SPDX-License-Identifier: Apache-2.0 */
#include "rule/value.h"

#include "codec/base64.h"
#include "codec/utf.h"
#include "codec/yaml.h"

#include <assert.h>

enum { VARIANTS_MAX = 1024, PATTERN_MAX = 64 * 1024, PLACEHOLDERS_MAX = 8 };

static bool too_large(struct value *v)
{
    return read_refuse(v->read, v->yaml, "the value grows too large");
}

/* Room for `n` symbols; NULL when that is too many. */
static uint16_t *symbols(struct value *v, size_t n)
{
    return n > PATTERN_MAX ? NULL : arena_array(v->read->scratch, uint16_t, n + 1);
}

static bool form_add(struct value *v, const uint16_t *at, size_t n)
{
    if (!at || v->form.n >= VARIANTS_MAX)
        return too_large(v);
    *vec_push(&v->form) = (struct pattern){at, n};
    return true;
}

/* ---- text → pattern (the specification's "Escaping") ---- */

static size_t unescape(str s, uint16_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], next = i + 1 < s.n ? s.p[i + 1] : '\0';
        if (c == '\\' && (next == '\\' || next == '*' || next == '?')) {
            out[n++] = (uint8_t)next;
            i++;
        } else {
            out[n++] = c == '*' ? SYMBOL_STAR : c == '?' ? SYMBOL_QUESTION : (uint8_t)c;
        }
    }
    return n;
}

static bool form_add_text(struct value *v, str s)
{
    uint16_t *at = symbols(v, s.n);
    return form_add(v, at, at ? unescape(s, at) : 0);
}

static bool has_wildcard(struct pattern p)
{
    for (size_t i = 0; i < p.n; i++)
        if (p.at[i] > 255)
            return true;
    return false;
}

str value_bytes(struct value *v, struct pattern p)
{
    char *out = arena_bytes(v->read->scratch, p.n + 1);
    size_t n = 0;
    for (size_t i = 0; out && i < p.n; i++)
        if (p.at[i] < 256)
            out[n++] = (char)p.at[i];
    return (str){out, n};
}

static bool form_add_bytes(struct value *v, str s)
{
    uint16_t *at = symbols(v, s.n);
    for (size_t i = 0; at && i < s.n; i++)
        at[i] = (uint8_t)s.p[i];
    return form_add(v, at, s.n);
}

/* ---- steps: one pattern in, its forms out ---- */

static bool step_utf16(struct value *v, struct pattern p, size_t (*encode)(str, char *), bool bom)
{
    uint16_t *out = symbols(v, p.n * 2 + 2);
    if (!out)
        return too_large(v);
    size_t n = 0;
    if (bom) {
        out[n++] = 0xff;
        out[n++] = 0xfe;
    }
    for (size_t i = 0; i < p.n;) {
        if (p.at[i] > 255) {
            out[n++] = p.at[i++];
            continue;
        }
        size_t end = i;
        while (end < p.n && p.at[end] < 256)
            end++;
        str run = value_bytes(v, (struct pattern){p.at + i, end - i});
        char *wide = arena_bytes(v->read->scratch, run.n * 2 + 1);
        if (!run.p || !wide)
            return too_large(v);
        size_t wide_n = encode(run, wide);
        for (size_t k = 0; k < wide_n; k++)
            out[n++] = (uint8_t)wide[k];
        i = end;
    }
    return form_add(v, out, n);
}

static bool refuse_wildcard(struct value *v, const char *modifier)
{
    return read_refuse(v->read, v->yaml,
                       "modifier '%s' cannot encode a wildcard; write \\* or \\? for the character",
                       modifier);
}

/* Base64 of the pattern behind `lead` unknown bytes: only the characters that do not depend on
 * what stands before and after. */
static bool add_base64(struct value *v, struct pattern p, size_t lead, bool whole)
{
    str plain = value_bytes(v, p);
    char *in = arena_bytes(v->read->scratch, lead + plain.n + 1);
    char *out = arena_bytes(v->read->scratch, base64_encoded_max(lead + plain.n) + 1);
    if (!plain.p || !in || !out)
        return too_large(v);
    memset(in, ' ', lead);
    memcpy(in + lead, plain.p, plain.n);
    size_t n = base64_encode((str){in, lead + plain.n}, out);
    if (whole)
        return form_add_bytes(v, (str){out, n});
    size_t from = lead ? lead + 1 : 0;
    size_t odd = (lead + plain.n) % 3;
    size_t drop = odd == 0 ? 0 : 4 - odd;
    return form_add_bytes(v, (str){out + from, n >= from + drop ? n - from - drop : 0});
}

static bool step_base64(struct value *v, struct pattern p)
{
    return has_wildcard(p) ? refuse_wildcard(v, "base64") : add_base64(v, p, 0, true);
}

static bool step_base64offset(struct value *v, struct pattern p)
{
    if (has_wildcard(p))
        return refuse_wildcard(v, "base64offset");
    if (p.n < 3)
        return read_refuse(v->read, v->yaml, "'base64offset' wants three characters or more");
    return add_base64(v, p, 0, false) && add_base64(v, p, 1, false) && add_base64(v, p, 2, false);
}

static bool is_word(const struct pattern *p, size_t i)
{
    uint16_t c = i < p->n ? p->at[i] : SYMBOL_STAR;
    return c < 256 && (c == '_' || c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                       (c >= 'A' && c <= 'Z'));
}

/* A dash or slash that opens an option: not behind a word, and before one. */
static bool opens_option(const struct pattern *p, size_t i)
{
    return (p->at[i] == '-' || p->at[i] == '/') && !(i > 0 && is_word(p, i - 1)) &&
           is_word(p, i + 1);
}

/* Every combination of the five dashes at all places where an option opens. */
static bool step_windash(struct value *v, struct pattern p)
{
    static const char *const dash[] = {"-", "/", "\u2013", "\u2014", "\u2015"};
    size_t places = 0, total = 1;
    for (size_t i = 0; i < p.n; i++)
        if (opens_option(&p, i)) {
            places++;
            total *= COUNT(dash);
            if (total > VARIANTS_MAX)
                return read_refuse(v->read, v->yaml, "'windash' finds more than %zu dashes",
                                   places - 1);
        }
    for (size_t pick = 0; pick < total; pick++) {
        uint16_t *out = symbols(v, p.n + places * 2);
        size_t n = 0, left = pick;
        for (size_t i = 0; out && i < p.n; i++) {
            if (!opens_option(&p, i)) {
                out[n++] = p.at[i];
                continue;
            }
            for (const char *c = dash[left % COUNT(dash)]; *c; c++)
                out[n++] = (uint8_t)*c;
            left /= COUNT(dash);
        }
        if (!form_add(v, out, n))
            return false;
    }
    return true;
}

/* ---- placeholders ---- */

static const struct rule_placeholder *placeholder_find(const struct value *v, str name)
{
    const struct rule_options *o = v->read->options;
    for (size_t i = 0; o && i < o->placeholder_count; i++)
        if (str_eq(o->placeholder[i].name, name))
            return &o->placeholder[i];
    return NULL;
}

/* The first `%name%` at or after `from`: where it begins and ends.  `\%` is a percent sign. */
static bool placeholder_next(struct pattern p, size_t from, size_t *begin, size_t *end)
{
    for (size_t i = from; i < p.n; i++) {
        if (p.at[i] != '%' || (i > 0 && p.at[i - 1] == '\\'))
            continue;
        size_t k = i + 1;
        while (is_word(&p, k) || (k < p.n && (p.at[k] == '-' || p.at[k] == '.')))
            k++;
        if (k > i + 1 && k < p.n && p.at[k] == '%') {
            *begin = i;
            *end = k + 1;
            return true;
        }
    }
    return false;
}

/* `p` with symbols [begin, end) replaced by a placeholder's value. */
static bool put_in(struct value *v, struct pattern p, size_t begin, size_t end, str with, bool raw,
                   struct pattern *result)
{
    size_t tail = p.n - end, n = begin;
    uint16_t *out = symbols(v, begin + with.n + tail);
    if (!out)
        return too_large(v);
    memcpy(out, p.at, begin * sizeof *out);
    if (raw)
        for (size_t i = 0; i < with.n; i++)
            out[n++] = (uint8_t)with.p[i];
    else
        n += unescape(with, out + n);
    memcpy(out + n, p.at + end, tail * sizeof *out);
    *result = (struct pattern){out, n + tail};
    return true;
}

/* Replace the placeholders in the first `upto` symbols, the last one first: what is put in is
 * not searched again. */
static bool expand(struct value *v, struct pattern p, size_t upto, unsigned depth, bool raw)
{
    size_t begin = 0, end = 0, next = 0, b = 0, e = 0;
    while (placeholder_next((struct pattern){p.at, upto}, next, &b, &e)) {
        begin = b;
        end = next = e;
    }
    if (end == 0)
        return form_add(v, p.at, p.n);
    if (depth == 0)
        return read_refuse(v->read, v->yaml, "more than %d placeholders in one value",
                           PLACEHOLDERS_MAX);
    str name = value_bytes(v, (struct pattern){p.at + begin + 1, end - begin - 2});
    const struct rule_placeholder *with = placeholder_find(v, name);
    for (size_t i = 0; with && i < with->count; i++) {
        struct pattern q;
        if (!put_in(v, p, begin, end, with->value[i], raw, &q) ||
            !expand(v, q, begin, depth - 1, raw))
            return false;
    }
    return true;
}

/* ---- all steps ---- */

static bool step(struct value *v, unsigned modifier, struct pattern p, bool raw)
{
    switch (modifier) {
    case MODIFIER_windash:
        return step_windash(v, p);
    case MODIFIER_base64:
        return step_base64(v, p);
    case MODIFIER_base64offset:
        return step_base64offset(v, p);
    case MODIFIER_wide:
    case MODIFIER_utf16le:
        return step_utf16(v, p, utf8_to_utf16le, false);
    case MODIFIER_utf16:
        return step_utf16(v, p, utf8_to_utf16le, true);
    case MODIFIER_utf16be:
        return step_utf16(v, p, utf8_to_utf16be, false);
    default:
        assert(modifier == MODIFIER_expand);
        return expand(v, p, p.n, PLACEHOLDERS_MAX, raw);
    }
}

/* What the step makes takes the place of what it is given. */
static bool step_all(struct value *v, unsigned modifier, bool raw)
{
    struct value given = *v;
    bool ok = true;
    v->form.at = NULL;
    v->form.n = v->form.room = 0;
    for (size_t i = 0; ok && i < given.form.n; i++)
        ok = step(v, modifier, given.form.at[i], raw);
    value_done(&given);
    return ok;
}

bool value_forms(struct value *v, str text, bool raw)
{
    bool ok = raw ? form_add_bytes(v, text) : form_add_text(v, text);
    for (unsigned i = 0; ok && i < v->mods->step_count; i++)
        ok = step_all(v, v->mods->step[i], raw);
    return ok;
}

void value_done(struct value *v)
{
    vec_done(&v->form);
}
