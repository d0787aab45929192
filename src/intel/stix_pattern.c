/* SPDX-License-Identifier: Apache-2.0 */
/* What a STIX pattern (STIX 2.1, section 9) names.
 *
 * A pattern is a condition over observations; a set of indicators can hold only
 * values.  So the values that could make the pattern true are taken: each side of
 * an OR on its own, each side of an AND as `partial`, since the rest of the
 * condition is not looked at.  Negated comparisons name nothing. */
#include "intel/feed_int.h"

enum {
    DEPTH_MAX = 16,
    NAMED_MAX = 4096,
    LITERAL_MAX = INTEL_VALUE_MAX,
};

enum token { END, PATH, LITERAL, NUMBER, PUNCT, BAD };

struct named {
    str literal; /* between its quotes, escapes as written */
    enum intel_kind kind;
    bool partial;
};

struct parser {
    const char *p, *end;
    enum token kind;
    str text;
    unsigned depth;
    const char *problem;
    VEC(struct named) named;
};

static bool is_path_byte(char c)
{
    char l = ascii_lower(c);
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == ':' ||
           c == '.' || c == '*';
}

/* The place after the quote that closes the one at `p`, or NULL. */
static const char *past_quoted(const char *p, const char *end)
{
    char quote = *p++;
    for (; p < end; p++) {
        if (*p == '\\' && p + 1 < end)
            p++;
        else if (*p == quote)
            return p + 1;
    }
    return NULL;
}

/* file:hashes.'SHA-256', x:list[0].y */
static const char *past_path(const char *p, const char *end)
{
    while (p && p < end) {
        bool key = (*p == '\'' || *p == '"') && (p[-1] == '.' || p[-1] == ':');
        if (key) {
            p = past_quoted(p, end);
        } else if (*p == '[') {
            const char *close = memchr(p, ']', (size_t)(end - p));
            p = close ? close + 1 : NULL;
        } else if (is_path_byte(*p)) {
            p++;
        } else {
            break;
        }
    }
    return p;
}

static void next(struct parser *s)
{
    while (s->p < s->end && (unsigned char)*s->p <= ' ')
        s->p++;
    const char *begin = s->p, *after = s->p + 1;
    if (begin == s->end) {
        s->kind = END;
        return;
    }
    char c = *begin, l = ascii_lower(c);
    bool typed = (c == 't' || c == 'b' || c == 'h') && after < s->end && *after == '\'';
    if (c == '\'' || typed) {
        s->kind = LITERAL;
        after = past_quoted(begin + typed, s->end);
    } else if (l >= 'a' && l <= 'z') {
        s->kind = PATH;
        after = past_path(begin, s->end);
    } else if ((c >= '0' && c <= '9') || c == '-' || c == '+') {
        s->kind = NUMBER;
        while (after < s->end && is_path_byte(*after))
            after++;
    } else {
        s->kind = PUNCT;
        if ((c == '!' || c == '<' || c == '>') && after < s->end && *after == '=')
            after++;
    }
    if (!after) {
        s->kind = BAD;
        s->problem = "something in the pattern is not closed";
        return;
    }
    s->text = (str){begin, (size_t)(after - begin)};
    s->p = after;
}

static bool at(const struct parser *s, const char *word)
{
    return (s->kind == PATH || s->kind == PUNCT) && str_ieq(s->text, str_z(word));
}

static bool skip(struct parser *s, const char *word)
{
    if (!at(s, word))
        return false;
    next(s);
    return true;
}

static void complain(struct parser *s, const char *problem)
{
    if (!s->problem)
        s->problem = problem;
    s->kind = BAD;
}

/* md5 of MD5, sha256 of 'SHA-256'; INTEL_KIND_COUNT of any other. */
static enum intel_kind hash_kind(str name)
{
    char plain[8];
    size_t n = 0;
    for (size_t i = 0; i < name.n; i++) {
        char c = ascii_lower(name.p[i]);
        if (c == '\'' || c == '"' || c == '-' || c == '_')
            continue;
        if (n == sizeof plain)
            return INTEL_KIND_COUNT;
        plain[n++] = c;
    }
    for (enum intel_kind k = INTEL_MD5; k <= INTEL_SHA256; k++)
        if (str_eq((str){plain, n}, str_z(intel_kinds[k]->name)))
            return k;
    return INTEL_KIND_COUNT;
}

/* Does a path hold indicators, and of which kind (INTEL_KIND_COUNT: as its text shows)? */
static bool path_kind(str path, enum intel_kind *kind)
{
    static const str values[] = {
        {"ipv4-addr:value", 15}, {"ipv6-addr:value", 15},  {"domain-name:value", 17},
        {"url:value", 9},        {"email-addr:value", 16},
    };
    *kind = INTEL_KIND_COUNT;
    for (size_t i = 0; i < COUNT(values); i++)
        if (str_ieq(path, values[i]))
            return true;
    if (str_ends(path, STR("_ref.value")) || str_ends(path, STR("_refs[*].value")))
        return true;
    if (!str_starts(path, STR("file:")) && !str_starts(path, STR("artifact:")) &&
        !str_starts(path, STR("process:")))
        return false;
    for (size_t i = 0; i + 7 < path.n; i++)
        if (str_istarts(str_from(path, i), STR("hashes."))) {
            *kind = hash_kind(str_from(path, i + 7));
            return *kind != INTEL_KIND_COUNT;
        }
    return false;
}

static void name_literal(struct parser *s, bool wanted, enum intel_kind kind)
{
    if (s->kind != LITERAL && s->kind != NUMBER && s->kind != PATH) {
        complain(s, "a value is missing in the pattern");
        return;
    }
    if (wanted && s->kind == LITERAL && s->text.p[0] == '\'') {
        if (s->named.n == NAMED_MAX) {
            complain(s, "the pattern names too many values");
            return;
        }
        str inside = {s->text.p + 1, s->text.n - 2};
        *vec_push(&s->named) = (struct named){inside, kind, false};
    }
    next(s);
}

static void comparison(struct parser *s)
{
    bool negated = skip(s, "NOT");
    if (skip(s, "EXISTS")) {
        next(s);
        return;
    }
    if (s->kind != PATH) {
        complain(s, "a comparison is missing in the pattern");
        return;
    }
    enum intel_kind kind;
    bool wanted = path_kind(s->text, &kind);
    next(s);
    negated ^= skip(s, "NOT");
    bool list = at(s, "IN");
    wanted &= !negated && (list || at(s, "=") || at(s, "==") || at(s, "ISSUBSET"));
    if (s->kind != PUNCT && s->kind != PATH) {
        complain(s, "an operator is missing in the pattern");
        return;
    }
    next(s);
    if (list && skip(s, "(")) {
        do
            name_literal(s, wanted, kind);
        while (skip(s, ","));
        if (!skip(s, ")"))
            complain(s, "a list is not closed in the pattern");
        return;
    }
    name_literal(s, wanted, kind);
}

static void expression(struct parser *s, bool observations);

/* Observations may be qualified: START t'..' STOP t'..', WITHIN 5 SECONDS, REPEATS 3 TIMES. */
static void qualifiers(struct parser *s)
{
    while (at(s, "START") || at(s, "STOP") || at(s, "WITHIN") || at(s, "REPEATS") ||
           at(s, "SECONDS") || at(s, "TIMES")) {
        next(s);
        if (s->kind == LITERAL || s->kind == NUMBER)
            next(s);
    }
}

static void operand(struct parser *s, bool observations)
{
    const char *close = at(s, "[") ? "]" : ")";
    bool inside = at(s, "[") && observations;
    if (!inside && !at(s, "(")) {
        if (observations)
            complain(s, "'[' is missing in the pattern");
        else
            comparison(s);
        return;
    }
    if (++s->depth > DEPTH_MAX) {
        complain(s, "the pattern is nested too deep");
        return;
    }
    next(s);
    expression(s, observations && !inside);
    s->depth--;
    if (!skip(s, close))
        complain(s, "a bracket is not closed in the pattern");
    if (observations)
        qualifiers(s);
}

static void conjunction(struct parser *s, bool observations)
{
    size_t first = s->named.n;
    bool several = false;
    operand(s, observations);
    while (s->kind != BAD && (skip(s, "AND") || skip(s, "FOLLOWEDBY"))) {
        several = true;
        operand(s, observations);
    }
    for (size_t i = first; several && i < s->named.n; i++)
        s->named.at[i].partial = true;
}

static void expression(struct parser *s, bool observations)
{
    conjunction(s, observations);
    while (s->kind != BAD && skip(s, "OR"))
        conjunction(s, observations);
}

/* Without the backslashes of \' and \\. */
static str unescape(str s, char out[static LITERAL_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < s.n && n < LITERAL_MAX; i++) {
        if (s.p[i] == '\\' && i + 1 < s.n)
            i++;
        out[n++] = s.p[i];
    }
    return (str){out, n};
}

static status report(const struct parser *s, intel_named_fn *named, void *arg, struct error *err)
{
    for (size_t i = 0; i < s->named.n; i++) {
        const struct named *one = &s->named.at[i];
        char buf[LITERAL_MAX];
        status st = named(arg, unescape(one->literal, buf), one->kind, one->partial, err);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

status intel_stix_pattern(str pattern, intel_named_fn *named, void *arg, struct error *err)
{
    struct parser s = {.p = pattern.p, .end = pattern.p + pattern.n};
    next(&s);
    expression(&s, true);
    if (s.kind != END)
        complain(&s, "the pattern does not end where it should");
    status st;
    if (s.kind == BAD)
        st = fail(err, ST_INVALID, "%s", s.problem);
    else if (s.named.n == 0)
        st = fail(err, ST_UNSUPPORTED, "the pattern names no address, name, URL or hash");
    else
        st = report(&s, named, arg, err);
    vec_done(&s.named);
    return st;
}
