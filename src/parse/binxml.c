/* SPDX-License-Identifier: Apache-2.0 */
/* A fragment is a run of tokens.  An element:
 *
 *     OPEN  dependency u16, size u32, name u32 [attributes' size u32]
 *           ATTRIBUTE name u32, value tokens …
 *     then  CLOSE_EMPTY, or CLOSE, value and element tokens …, END
 *
 * A name is an offset in the chunk; where that is the very place reading has reached, the name
 * itself stands there.  A template instance is the offset of its template (which may stand there in
 * the same way) and the values to put into it.  An element whose `dependency` is the number of a
 * value that is NULL is left out.
 *
 * Nothing is trusted: every read is checked, templates nest to a fixed depth, and the tokens of a
 * record and their bytes are counted, because templates that contain each other could go on for
 * ever. */
#include "parse/binxml.h"

#include "parse/xml.h"

enum token {
    TOKEN_EOF,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_CLOSE_EMPTY,
    TOKEN_END,
    TOKEN_VALUE,
    TOKEN_ATTRIBUTE,
    TOKEN_CDATA,
    TOKEN_CHAR,
    TOKEN_ENTITY,
    TOKEN_PI_TARGET,
    TOKEN_PI_DATA,
    TOKEN_TEMPLATE,
    TOKEN_NORMAL,
    TOKEN_OPTIONAL,
    TOKEN_HEADER,
    TOKEN_MORE = 0x40 /* added: attributes follow an OPEN, another attribute an ATTRIBUTE */
};

enum {
    STEPS_MAX = 100000,
    STEP_BYTES = 16, /* bytes gone through that count as a token */
    NESTING_MAX = 8,
    TEMPLATE_HEAD = 24,
    NO_DEPENDENCY = 0xffff
};

/* A place in the chunk, and what substitutions there mean. */
struct cursor {
    struct binxml *b;
    size_t at, end;
    size_t first, count; /* its values in b->value */
    bool bare;           /* a fragment inside a value: its elements say no dependency */
};

static bool element(struct cursor *c, uint8_t token);
static bool fragment(struct cursor *c);

static bool problem(struct binxml *b, const char *what)
{
    b->problem = what;
    return false;
}

/* Pay for bytes to go through: those of one name or value can be asked for again and again. */
static bool pay(struct binxml *b, size_t bytes)
{
    b->steps += (uint32_t)(bytes / STEP_BYTES);
    return b->steps <= STEPS_MAX || problem(b, "too many tokens");
}

static bool take(struct cursor *c, size_t n, str *out)
{
    if (n > c->end - c->at)
        return problem(c->b, "cut short");
    if (!pay(c->b, n))
        return false;
    *out = (str){c->b->chunk.p + c->at, n};
    c->at += n;
    return true;
}

static uint32_t le(str s)
{
    uint32_t v = 0;
    for (size_t i = s.n; i > 0; i--)
        v = v << 8 | (unsigned char)s.p[i - 1];
    return v;
}

static bool take_number(struct cursor *c, size_t n, uint32_t *out)
{
    str s;
    if (!take(c, n, &s))
        return false;
    *out = le(s);
    return true;
}

static bool take_token(struct cursor *c, uint8_t *out)
{
    uint32_t v;
    if (++c->b->steps > STEPS_MAX)
        return problem(c->b, "too many tokens");
    if (!take_number(c, 1, &v))
        return false;
    *out = (uint8_t)v;
    return true;
}

static uint8_t peek(const struct cursor *c)
{
    return c->at < c->end ? (uint8_t)c->b->chunk.p[c->at] & (uint8_t)~TOKEN_MORE : TOKEN_EOF;
}

/* The UTF-16 of a name, by its offset. */
static bool take_name(struct cursor *c, str *out)
{
    enum { NAME_HEAD = 8 };
    uint32_t offset;
    str chunk = c->b->chunk;
    if (!take_number(c, 4, &offset))
        return false;
    if (offset > chunk.n || chunk.n - offset < NAME_HEAD)
        return problem(c->b, "a name outside of the chunk");
    size_t n = 2 * (size_t)le((str){chunk.p + offset + 6, 2});
    if (chunk.n - offset - NAME_HEAD < n + 2)
        return problem(c->b, "a name outside of the chunk");
    if (!pay(c->b, n))
        return false;
    *out = (str){chunk.p + offset + NAME_HEAD, n};
    str skipped;
    return offset != c->at || take(c, NAME_HEAD + n + 2, &skipped);
}

/* A count of characters and the characters. */
static bool take_string(struct cursor *c, str *out)
{
    uint32_t n;
    return take_number(c, 2, &n) && take(c, 2 * (size_t)n, out);
}

/* ---- templates ---- */

/* The table of an instance's values, behind those of the instances around it. */
static bool take_values(struct cursor *c, struct cursor *inner)
{
    struct binxml *b = c->b;
    uint32_t count;
    str table, data;
    if (!take_number(c, 4, &count))
        return false;
    if (count > BINXML_VALUES_MAX - b->value_count)
        return problem(b, "too many values");
    if (!take(c, 4 * (size_t)count, &table))
        return false;
    inner->first = b->value_count;
    inner->count = count;
    for (size_t i = 0; i < count; i++) {
        uint16_t size = (uint16_t)le((str){table.p + 4 * i, 2});
        struct binxml_value *v = &b->value[inner->first + i];
        *v = (struct binxml_value){(uint32_t)c->at, size, (uint8_t)table.p[4 * i + 2]};
        if (!take(c, size, &data))
            return false;
    }
    b->value_count += count;
    return true;
}

static bool template(struct cursor *c)
{
    struct binxml *b = c->b;
    uint32_t skipped, offset, size;
    if (!take_number(c, 1, &skipped) || !take_number(c, 4, &skipped) || !take_number(c, 4, &offset))
        return false;
    if (offset > b->chunk.n || b->chunk.n - offset < TEMPLATE_HEAD)
        return problem(b, "a template outside of the chunk");
    size = le((str){b->chunk.p + offset + 20, 4});
    if (size > b->chunk.n - offset - TEMPLATE_HEAD)
        return problem(b, "a template outside of the chunk");
    str here;
    if (offset == c->at && !take(c, TEMPLATE_HEAD + (size_t)size, &here))
        return false;
    if (b->nesting == NESTING_MAX)
        return problem(b, "templates nested too deep");
    struct cursor inner = {.b = b, .at = offset + TEMPLATE_HEAD};
    inner.end = inner.at + size;
    if (!take_values(c, &inner))
        return false;
    b->nesting++;
    bool ok = fragment(&inner);
    b->nesting--;
    b->value_count = inner.first;
    return ok;
}

/* ---- content ---- */

/* A tag being written: where in the output it and its content start. */
struct tag {
    str name;
    size_t start, content;
};

static void write_end(struct sbuf *out, str name)
{
    sbuf_addz(out, "</");
    binxml_text(out, name, false);
    sbuf_addc(out, '>');
}

/* One element for each item, as Windows does it: <Data>a</Data><Data>b</Data>. */
static void write_array(struct sbuf *out, uint8_t type, str bytes, const struct tag *tag)
{
    str item;
    for (bool again = false; binxml_item(type, &bytes, &item); again = true) {
        if (again && tag) {
            size_t n = tag->content - tag->start;
            write_end(out, tag->name);
            char *to = sbuf_space(out, n); /* before reading out->p, which this may move */
            if (!to)
                return;
            memcpy(to, out->p + tag->start, n);
            sbuf_grew(out, n);
        } else if (again) {
            sbuf_addc(out, ',');
        }
        binxml_scalar(out, type, item, !tag);
    }
}

/* What stands in a value: a fragment, which may have its own templates. */
static bool nested(struct cursor *c, const struct binxml_value *v)
{
    struct cursor inner = {.b = c->b, .at = v->at, .end = v->at + v->size, .bare = true};
    if (c->b->nesting == NESTING_MAX)
        return problem(c->b, "fragments nested too deep");
    c->b->nesting++;
    bool ok = fragment(&inner);
    c->b->nesting--;
    return ok;
}

/* Put a value in.  *wrote is set unless it is an optional one that is absent. */
static bool substitution(struct cursor *c, bool optional, const struct tag *tag, bool *wrote)
{
    uint32_t id, type;
    if (!take_number(c, 2, &id) || !take_number(c, 1, &type))
        return false;
    const struct binxml_value *v = id < c->count ? &c->b->value[c->first + id] : NULL;
    *wrote |= !optional || (v && v->type != BINXML_NULL && v->size);
    if (!v || v->type == BINXML_NULL)
        return true;
    if (!pay(c->b, v->size))
        return false;
    if (v->type == BINXML_FRAGMENT)
        return nested(c, v);
    str bytes = {c->b->chunk.p + v->at, v->size};
    if (v->type & BINXML_ARRAY)
        write_array(c->b->out, (uint8_t)(v->type & ~BINXML_ARRAY), bytes, tag);
    else
        binxml_scalar(c->b->out, v->type, bytes, !tag);
    return true;
}

static bool is_value(uint8_t token)
{
    return token == TOKEN_VALUE || token == TOKEN_CDATA || token == TOKEN_CHAR ||
           token == TOKEN_ENTITY || token == TOKEN_NORMAL || token == TOKEN_OPTIONAL;
}

static bool inline_value(struct cursor *c, bool quoted)
{
    uint32_t type;
    str text;
    if (!take_number(c, 1, &type))
        return false;
    if (type != BINXML_STRING)
        return problem(c->b, "a value in the text that is no string");
    if (!take_string(c, &text))
        return false;
    binxml_text(c->b->out, text, quoted);
    return true;
}

static bool character(struct cursor *c, bool quoted)
{
    uint32_t code;
    if (!take_number(c, 2, &code))
        return false;
    char unit[2] = {(char)(code & 0xff), (char)(code >> 8)};
    binxml_text(c->b->out, (str){unit, 2}, quoted);
    return true;
}

static bool entity(struct cursor *c)
{
    str name;
    if (!take_name(c, &name))
        return false;
    sbuf_addc(c->b->out, '&');
    binxml_text(c->b->out, name, false);
    sbuf_addc(c->b->out, ';');
    return true;
}

/* `tag`: of the element whose content this is; NULL in attributes. */
static bool value(struct cursor *c, const struct tag *tag, bool *wrote)
{
    uint8_t token;
    str text;
    if (!take_token(c, &token))
        return false;
    token &= (uint8_t)~TOKEN_MORE;
    *wrote |= token != TOKEN_OPTIONAL && token != TOKEN_NORMAL;
    switch (token) {
    case TOKEN_VALUE:
        return inline_value(c, !tag);
    case TOKEN_CHAR:
        return character(c, !tag);
    case TOKEN_ENTITY:
        return entity(c);
    case TOKEN_CDATA:
        if (!take_string(c, &text))
            return false;
        binxml_text(c->b->out, text, !tag);
        return true;
    default:
        return substitution(c, token == TOKEN_OPTIONAL, tag, wrote);
    }
}

/* ---- elements ---- */

static void cut_back(struct sbuf *out, size_t n)
{
    out->n = n;
    if (out->p)
        out->p[n] = '\0';
}

/* An attribute whose only value is an optional one that is absent is left out. */
static bool attribute(struct cursor *c)
{
    struct sbuf *out = c->b->out;
    size_t before = out->n;
    bool wrote = false;
    str name;
    if (!take_name(c, &name))
        return false;
    sbuf_addc(out, ' ');
    binxml_text(out, name, false);
    sbuf_addz(out, "=\"");
    while (is_value(peek(c)))
        if (!value(c, NULL, &wrote))
            return false;
    sbuf_addc(out, '"');
    if (!wrote)
        cut_back(out, before);
    return true;
}

static bool processing_instruction(struct cursor *c, uint8_t token)
{
    str skipped;
    return token == TOKEN_PI_TARGET ? take_name(c, &skipped) : take_string(c, &skipped);
}

/* What stands between the tags, and the end tag. */
static bool content(struct cursor *c, const struct tag *tag)
{
    uint8_t token;
    bool wrote = false;
    for (;;) {
        if (is_value(peek(c))) {
            if (!value(c, tag, &wrote))
                return false;
            continue;
        }
        if (!take_token(c, &token))
            return false;
        switch (token & ~TOKEN_MORE) {
        case TOKEN_END:
            write_end(c->b->out, tag->name);
            return true;
        case TOKEN_OPEN:
            if (!element(c, token))
                return false;
            break;
        case TOKEN_TEMPLATE:
            if (!template(c))
                return false;
            break;
        case TOKEN_PI_TARGET:
        case TOKEN_PI_DATA:
            if (!processing_instruction(c, token & (uint8_t)~TOKEN_MORE))
                return false;
            break;
        default:
            return problem(c->b, "an unknown token in an element");
        }
    }
}

/* Attributes up to the end of the start tag; then the content, if any. */
static bool tag_rest(struct cursor *c, struct tag *tag)
{
    uint8_t token;
    for (;;) {
        if (!take_token(c, &token))
            return false;
        switch (token & ~TOKEN_MORE) {
        case TOKEN_ATTRIBUTE:
            if (!attribute(c))
                return false;
            break;
        case TOKEN_CLOSE_EMPTY:
            sbuf_addz(c->b->out, "/>");
            return true;
        case TOKEN_CLOSE:
            sbuf_addc(c->b->out, '>');
            tag->content = c->b->out->n;
            return content(c, tag);
        default:
            return problem(c->b, "an unknown token in a tag");
        }
    }
}

static bool left_out(const struct cursor *c, uint32_t dependency)
{
    return dependency != NO_DEPENDENCY && dependency < c->count &&
           c->b->value[c->first + dependency].type == BINXML_NULL;
}

static bool element(struct cursor *c, uint8_t token)
{
    struct binxml *b = c->b;
    uint32_t dependency = NO_DEPENDENCY, size, skipped;
    struct tag tag = {.start = b->out->n};
    if ((!c->bare && !take_number(c, 2, &dependency)) || !take_number(c, 4, &size))
        return false;
    if (left_out(c, dependency)) {
        str element;
        return take(c, size, &element);
    }
    if (!take_name(c, &tag.name) || ((token & TOKEN_MORE) && !take_number(c, 4, &skipped)))
        return false;
    if (b->depth >= XML_DEPTH_MAX)
        return problem(b, "elements nested too deep");
    sbuf_addc(b->out, '<');
    binxml_text(b->out, tag.name, false);
    b->depth++;
    bool ok = tag_rest(c, &tag);
    b->depth--;
    return ok;
}

static bool fragment(struct cursor *c)
{
    uint8_t token;
    str skipped;
    while (c->at < c->end) {
        if (!take_token(c, &token))
            return false;
        bool ok = true;
        switch (token & ~TOKEN_MORE) {
        case TOKEN_EOF:
            return true;
        case TOKEN_HEADER:
            ok = take(c, 3, &skipped);
            break;
        case TOKEN_TEMPLATE:
            ok = template(c);
            break;
        case TOKEN_OPEN:
            ok = element(c, token);
            break;
        case TOKEN_PI_TARGET:
        case TOKEN_PI_DATA:
            ok = processing_instruction(c, token & (uint8_t)~TOKEN_MORE);
            break;
        default:
            ok = problem(c->b, "an unknown token");
        }
        if (!ok)
            return false;
    }
    return true;
}

bool binxml_write(struct binxml *b, str chunk, size_t at, size_t n, struct sbuf *out)
{
    size_t before = out->n;
    bool full = out->full;
    b->chunk = chunk;
    b->out = out;
    b->problem = NULL;
    b->depth = b->nesting = b->steps = 0;
    b->value_count = 0;
    struct cursor c = {.b = b, .at = at, .end = at + n};
    bool ok = fragment(&c);
    if (ok && out->full)
        ok = problem(b, "longer than the limit");
    if (ok && out->n == before)
        ok = problem(b, "nothing in it");
    if (!ok) {
        cut_back(out, before);
        out->full = full;
    }
    return ok;
}
