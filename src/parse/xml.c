/* SPDX-License-Identifier: Apache-2.0 */
#include "parse/xml.h"

#include "codec/hex.h"
#include "codec/utf.h"

struct xml xml_of(str text)
{
    struct xml x;
    memset(&x, 0, sizeof x);
    x.p = text.p;
    x.end = text.p + text.n;
    return x;
}

static enum xml_token problem(struct xml *x, const char *what)
{
    x->problem = what;
    x->p = x->end;
    return XML_ERROR;
}

static str left(const struct xml *x)
{
    return (str){x->p, (size_t)(x->end - x->p)};
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name_char(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '_' ||
           c == '-' || c == '.' || c == ':' || (unsigned char)c >= 0x80;
}

static str take_name(const char **p, const char *end)
{
    const char *start = *p;
    while (*p < end && is_name_char(**p))
        ++*p;
    return (str){start, (size_t)(*p - start)};
}

static str without_prefix(str name)
{
    size_t colon = str_find(name, ':');
    return colon < name.n ? str_from(name, colon + 1) : name;
}

static void skip_spaces(const char **p, const char *end)
{
    while (*p < end && is_space(**p))
        ++*p;
}

/* Past `mark`, with *skipped what stood before it; false when it does not come. */
static bool skip_past(struct xml *x, str mark, str *skipped)
{
    const char *at = memmem(x->p, (size_t)(x->end - x->p), mark.p, mark.n);
    if (!at)
        return false;
    *skipped = (str){x->p, (size_t)(at - x->p)};
    x->p = at + mark.n;
    return true;
}

/* name = "value" …, up to the end of the tag. */
static bool take_attributes(struct xml *x)
{
    const char *start = x->p;
    for (;;) {
        const char *before = x->p;
        skip_spaces(&x->p, x->end);
        if (x->p == x->end)
            return false;
        if (*x->p == '>' || *x->p == '/') {
            x->attributes = (str){start, (size_t)(x->p - start)};
            return true;
        }
        if (x->p == before || take_name(&x->p, x->end).n == 0)
            return false;
        skip_spaces(&x->p, x->end);
        if (x->p == x->end || *x->p++ != '=')
            return false;
        skip_spaces(&x->p, x->end);
        if (x->p == x->end || (*x->p != '"' && *x->p != '\''))
            return false;
        const char *close = memchr(x->p + 1, *x->p, (size_t)(x->end - x->p - 1));
        if (!close)
            return false;
        x->p = close + 1;
    }
}

static enum xml_token open_element(struct xml *x)
{
    str full = take_name(&x->p, x->end);
    if (full.n == 0)
        return problem(x, "'<' without a name");
    if (x->depth == XML_DEPTH_MAX)
        return problem(x, "nested too deep");
    if (!take_attributes(x))
        return problem(x, "a tag that is not closed, or an attribute without quotes");
    x->empty = *x->p == '/';
    x->p += x->empty;
    if (x->p == x->end || *x->p != '>')
        return problem(x, "a tag that is not closed");
    x->p++;
    x->open[x->depth++] = full;
    x->name = without_prefix(full);
    return XML_OPEN;
}

static enum xml_token closed(struct xml *x)
{
    x->name = without_prefix(x->open[--x->depth]);
    return XML_CLOSE;
}

static enum xml_token close_element(struct xml *x)
{
    str full = take_name(&x->p, x->end);
    skip_spaces(&x->p, x->end);
    if (x->p == x->end || *x->p != '>')
        return problem(x, "an end tag that is not closed");
    x->p++;
    if (x->depth == 0 || !str_eq(full, x->open[x->depth - 1]))
        return problem(x, "an end tag that does not match its start");
    return closed(x);
}

static enum xml_token take_text(struct xml *x)
{
    const char *stop = memchr(x->p, '<', (size_t)(x->end - x->p));
    stop = stop ? stop : x->end;
    x->text = (str){x->p, (size_t)(stop - x->p)};
    x->verbatim = false;
    x->p = stop;
    return XML_TEXT;
}

static enum xml_token take_verbatim(struct xml *x)
{
    if (x->depth == 0)
        return problem(x, "CDATA outside of elements");
    x->verbatim = true;
    return skip_past(x, STR("]]>"), &x->text) ? XML_TEXT : problem(x, "CDATA without an end");
}

/* A comment or processing instruction: passed over.  False: it has no end, or is neither. */
static bool pass_over(struct xml *x)
{
    str s = left(x), skipped;
    if (str_starts(s, STR("<!--"))) {
        x->p += 4;
        return skip_past(x, STR("-->"), &skipped);
    }
    return str_starts(s, STR("<?")) && skip_past(x, STR("?>"), &skipped);
}

static enum xml_token take_markup(struct xml *x)
{
    str s = left(x);
    if (str_starts(s, STR("<![CDATA["))) {
        x->p += 9;
        return take_verbatim(x);
    }
    if (str_starts(s, STR("</"))) {
        x->p += 2;
        return close_element(x);
    }
    x->p++;
    return open_element(x);
}

enum xml_token xml_next(struct xml *x)
{
    if (x->problem)
        return XML_ERROR;
    if (x->empty) {
        x->empty = false;
        return closed(x);
    }
    for (;;) {
        if (x->depth == 0) {
            if (x->started)
                return XML_END;
            skip_spaces(&x->p, x->end);
        }
        if (x->p == x->end)
            return problem(x, x->depth ? "an element that is not closed" : "no element");
        if (*x->p != '<')
            return x->depth ? take_text(x) : problem(x, "text outside of elements");
        str s = left(x);
        bool special = s.n > 1 && (s.p[1] == '?' || s.p[1] == '!');
        if (!special || str_starts(s, STR("<![CDATA["))) {
            x->started = true;
            return take_markup(x);
        }
        if (!pass_over(x))
            return problem(x, "a comment without an end, or a document type");
    }
}

bool xml_attribute(str *attributes, str *name, str *value)
{
    const char *p = attributes->p, *end = p + attributes->n;
    skip_spaces(&p, end);
    *name = without_prefix(take_name(&p, end));
    while (p < end && *p != '"' && *p != '\'')
        p++;
    if (name->n == 0 || p == end)
        return false;
    char quote = *p++;
    const char *close = memchr(p, quote, (size_t)(end - p));
    if (!close)
        return false;
    *value = (str){p, (size_t)(close - p)};
    *attributes = str_from(*attributes, (size_t)(close + 1 - attributes->p));
    return true;
}

/* "&#10;" and "&#xa;" at the start of `s`: its length, and the code point; 0 when it is none. */
static size_t numeric_entity(str s, uint32_t *code)
{
    bool hex = s.n > 2 && (s.p[2] == 'x' || s.p[2] == 'X');
    size_t i = hex ? 3 : 2;
    size_t first = i;
    *code = 0;
    for (; i < s.n && i < first + 8; i++) {
        int digit = hex_digit(s.p[i]);
        if (digit < 0 || (!hex && digit > 9))
            break;
        *code = *code * (hex ? 16 : 10) + (uint32_t)digit;
    }
    return i > first && i < s.n && s.p[i] == ';' ? i + 1 : 0;
}

/* The entity at the start of `s`: how long it is, and what it stands for in out[0..*n). */
static size_t entity(str s, char out[static 4], size_t *n)
{
    static const struct {
        const char *name;
        char c;
    } named[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (size_t i = 0; i < COUNT(named); i++)
        if (str_starts(s, str_z(named[i].name))) {
            out[0] = named[i].c;
            *n = 1;
            return strlen(named[i].name);
        }
    uint32_t code;
    size_t length = s.n > 3 && s.p[1] == '#' ? numeric_entity(s, &code) : 0;
    *n = length ? utf8_put(code, out) : 0;
    return length;
}

size_t xml_unescape(str in, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.n;) {
        const char *amp = memchr(in.p + i, '&', in.n - i);
        size_t plain = amp ? (size_t)(amp - in.p) - i : in.n - i;
        memmove(out + n, in.p + i, plain);
        n += plain;
        i += plain;
        if (i == in.n)
            break;
        char text[4];
        size_t text_n, length = entity(str_from(in, i), text, &text_n);
        if (length == 0) {
            text[0] = '&';
            text_n = length = 1;
        }
        memcpy(out + n, text, text_n);
        n += text_n;
        i += length;
    }
    return n;
}
