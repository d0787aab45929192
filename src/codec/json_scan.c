/* SPDX-License-Identifier: Apache-2.0 */
/* The state says what may come next, and which kind of container we are in,
 * so that the common paths look at no stack: only a closing bracket asks
 * in_object what it returns to. */
#include "codec/json_scan.h"

#include "codec/codec_int.h"
#include "codec/hex.h"
#include "codec/utf.h"

#include <assert.h>

static const char too_deep[] = "nested too deep";

static enum json_token bad(struct json_scan *s, const char *at, const char *problem)
{
    s->p = at;
    s->state = JSON_AT_ERROR;
    s->problem = problem;
    return JSON_ERROR;
}

static inline const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

/* The place of the quote that closes the string at `p`, when it is a short one
 * without escapes, as keys are: no call for those.  Else NULL. */
static inline const char *short_string_end(const char *p, const char *end)
{
#ifdef __SSE2__
    if (end - p > 16) {
        unsigned special = json_special16(p + 1);
        const char *hit = p + 1 + __builtin_ctz(special | 1u << 16);
        return special && *hit == '"' ? hit : NULL;
    }
#endif
    (void)p;
    (void)end;
    return NULL;
}

/* The string at `p`, its quote.  Returns what follows it; NULL when it is bad. */
static inline const char *string(struct json_scan *s, const char *p, struct json_text *text)
{
    struct json_fault fault;
    text->escaped = false;
    const char *close = short_string_end(p, s->end);
    if (!close)
        close = json_string_end(p + 1, s->end, &text->escaped, &fault);
    if (UNLIKELY(!close)) {
        bad(s, fault.at, fault.problem);
        return NULL;
    }
    text->raw = (str){p + 1, (size_t)(close - p - 1)};
    return close + 1;
}

static enum json_token key(struct json_scan *s, const char *p, struct json_text *text)
{
    if (p == s->end || *p != '"')
        return bad(s, p, "expected a key in quotes");
    p = string(s, p, text);
    if (!p)
        return JSON_ERROR;
    if (p == s->end || *p != ':') {
        p = skip_space(p, s->end);
        if (p == s->end || *p != ':')
            return bad(s, p, "expected ':'");
    }
    s->p = p + 1;
    s->state = JSON_AT_MEMBER_VALUE;
    return JSON_KEY;
}

static const char *digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

static enum json_token number(struct json_scan *s, const char *begin, struct json_text *text)
{
    const char *end = s->end, *p = begin + (*begin == '-');
    const char *whole = p;
    p = digits(p, end);
    if (p == whole)
        return bad(s, p, "expected a digit");
    if (*whole == '0' && p - whole > 1)
        return bad(s, whole, "a number may not begin with 0");
    if (p < end && *p == '.') {
        const char *fraction = ++p;
        p = digits(p, end);
        if (p == fraction)
            return bad(s, p, "expected a digit after '.'");
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        const char *exponent = p;
        p = digits(p, end);
        if (p == exponent)
            return bad(s, p, "expected a digit in the exponent");
    }
    *text = (struct json_text){.raw = {begin, (size_t)(p - begin)}};
    s->p = p;
    return JSON_NUMBER;
}

static enum json_token literal(struct json_scan *s, const char *p, str word, enum json_token token)
{
    if ((size_t)(s->end - p) < word.n || memcmp(p, word.p, word.n) != 0)
        return bad(s, p, "expected a value");
    s->p = p + word.n;
    return token;
}

/* `after`: the state to come back to, which tells what the container is in. */
static enum json_token enter(struct json_scan *s, const char *p, enum json_state after)
{
    if (s->depth >= s->depth_max)
        return bad(s, p, too_deep);
    uint64_t bit = (uint64_t)1 << (s->depth & 63), *word = &s->in_object[s->depth >> 6];
    *word = after == JSON_AT_NEXT_MEMBER ? *word | bit : *word & ~bit;
    s->depth++;
    s->p = p + 1;
    bool object = *p == '{';
    s->state = object ? JSON_AT_FIRST_MEMBER : JSON_AT_FIRST_ELEMENT;
    return object ? JSON_OBJECT : JSON_ARRAY;
}

static enum json_token leave(struct json_scan *s, const char *p, enum json_token token)
{
    s->p = p + 1;
    uint32_t d = --s->depth;
    if (d == 0)
        s->state = JSON_AT_DONE;
    else
        s->state =
            s->in_object[d >> 6] >> (d & 63) & 1 ? JSON_AT_NEXT_MEMBER : JSON_AT_NEXT_ELEMENT;
    return token;
}

static inline enum json_token value(struct json_scan *s, const char *p, struct json_text *text,
                                    enum json_state after)
{
    if (UNLIKELY(p == s->end))
        return bad(s, p, "ends where a value is expected");
    if (*p == '"') {
        p = string(s, p, text);
        if (!p)
            return JSON_ERROR;
        s->p = p;
        s->state = after;
        return JSON_STRING;
    }
    if (*p == '{' || *p == '[')
        return enter(s, p, after);
    s->state = after; /* bad() overrules */
    if ((*p >= '0' && *p <= '9') || *p == '-')
        return number(s, p, text);
    if (*p == 't')
        return literal(s, p, STR("true"), JSON_TRUE);
    if (*p == 'f')
        return literal(s, p, STR("false"), JSON_FALSE);
    return literal(s, p, STR("null"), JSON_NULL);
}

static enum json_token at_end(struct json_scan *s, const char *p)
{
    if (s->state == JSON_AT_ERROR)
        return JSON_ERROR;
    if (s->state != JSON_AT_DONE)
        return bad(s, p, "ends in the middle of a value");
    s->p = p;
    return JSON_END;
}

enum json_token json_next(struct json_scan *s, struct json_text *text)
{
    const char *p = skip_space(s->p, s->end);
    if (UNLIKELY(p == s->end))
        return at_end(s, p);
    switch ((enum json_state)s->state) {
    case JSON_AT_MEMBER_VALUE:
        return value(s, p, text, JSON_AT_NEXT_MEMBER);
    case JSON_AT_NEXT_MEMBER:
        if (*p == ',')
            return key(s, skip_space(p + 1, s->end), text);
        return *p == '}' ? leave(s, p, JSON_OBJECT_END) : bad(s, p, "expected ',' or '}'");
    case JSON_AT_FIRST_MEMBER:
        return *p == '}' ? leave(s, p, JSON_OBJECT_END) : key(s, p, text);
    case JSON_AT_NEXT_ELEMENT:
        if (*p == ',')
            return value(s, skip_space(p + 1, s->end), text, JSON_AT_NEXT_ELEMENT);
        return *p == ']' ? leave(s, p, JSON_ARRAY_END) : bad(s, p, "expected ',' or ']'");
    case JSON_AT_FIRST_ELEMENT:
        return *p == ']' ? leave(s, p, JSON_ARRAY_END) : value(s, p, text, JSON_AT_NEXT_ELEMENT);
    case JSON_AT_START:
        assert(s->depth_max <= JSON_DEPTH_MAX);
        return value(s, p, text, JSON_AT_DONE);
    case JSON_AT_DONE:
        return bad(s, p, "something follows the value");
    case JSON_AT_ERROR:
        break;
    }
    return JSON_ERROR;
}

enum json_token json_skip(struct json_scan *s, str *raw)
{
    assert(s->state == JSON_AT_FIRST_MEMBER || s->state == JSON_AT_FIRST_ELEMENT);
    const char *begin = s->p - 1;
    uint32_t outside = s->depth - 1;
    struct json_text text;
    enum json_token token = JSON_NULL;
    while (s->depth > outside && token != JSON_ERROR)
        token = json_next(s, &text);
    if (token != JSON_ERROR && raw)
        *raw = (str){begin, (size_t)(s->p - begin)};
    return token;
}

status json_scan_fail(const struct json_scan *s, struct error *err)
{
    assert(s->state == JSON_AT_ERROR);
    return fail(err, s->problem == too_deep ? ST_LIMIT : ST_INVALID, "byte %zu: %s",
                (size_t)(s->p - s->begin) + 1, s->problem);
}

status json_check(str text, uint32_t depth_max, struct error *err)
{
    struct json_scan s = json_scan_of(text);
    struct json_text t;
    enum json_token token;
    s.depth_max = depth_max;
    while ((token = json_next(&s, &t)) > JSON_ERROR)
        ;
    return token == JSON_END ? ST_OK : json_scan_fail(&s, err);
}

bool json_to_i64(str raw, int64_t *out)
{
    size_t i = raw.n && raw.p[0] == '-';
    bool minus = i;
    uint64_t v = 0;
    if (i == raw.n || raw.n - i > 19)
        return false;
    for (; i < raw.n; i++) {
        unsigned d = (unsigned)(unsigned char)raw.p[i] - '0';
        if (d > 9)
            return false;
        v = v * 10 + d; /* 19 digits fit */
    }
    if (v > (uint64_t)INT64_MAX + minus)
        return false;
    *out = (int64_t)(minus ? 0 - v : v);
    return true;
}
