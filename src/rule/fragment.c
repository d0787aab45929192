/* SPDX-License-Identifier: Apache-2.0 */
/* A pattern is read as far as its literals go: runs of characters that must
 * stand one after the other.  The longest run is the fragment; of alternatives
 * every one must have a fragment, and any of them may be the one found.
 *
 * PCRE's syntax is larger than what is read here.  The rule is to end the run
 * where something is not a plain character, to drop the character before an
 * optional quantifier, and to give up (dead) on what could change the meaning
 * of the characters that follow: \Q, (?x), verbs, conditions, recursion. */
#include "rule/fragment.h"

#include "base/mem.h"

#include <assert.h>

enum { RUN_MAX = 128, FRAGMENT_MIN = 2, NESTING_MAX = 50 };

struct read {
    str s;
    size_t at;
    unsigned depth;
    bool nocase, plain, dead;
    struct arena *arena;
};

struct run {
    char at[RUN_MAX];
    size_t n;
};

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '/';
}

static size_t worth(const struct fragments *f)
{
    size_t least = f->count ? SIZE_MAX : 0;
    for (uint32_t i = 0; i < f->count; i++)
        least = f->at[i].n < least ? f->at[i].n : least;
    return least;
}

static void better(struct fragments *best, const struct fragments *other)
{
    if (worth(other) > worth(best))
        *best = *other;
}

static void end_run(struct run *run, struct arena *arena, struct fragments *best)
{
    if (run->n >= FRAGMENT_MIN && run->n > worth(best)) {
        best->at[0] = arena_str(arena, (str){run->at, run->n});
        best->count = best->at[0].p ? 1 : 0;
    }
    run->n = 0;
}

static void run_add(struct run *run, char c, struct arena *arena, struct fragments *best)
{
    if (run->n == RUN_MAX)
        end_run(run, arena, best);
    run->at[run->n++] = ascii_lower(c);
}

/* ---- literals and globs ---- */

void fragments_of_literal(str literal, bool plain, struct arena *arena, struct fragments *out)
{
    struct run run = {.n = 0};
    *out = (struct fragments){.count = 0};
    for (size_t i = 0; i < literal.n; i++)
        if (plain && !is_plain((unsigned char)literal.p[i]))
            end_run(&run, arena, out);
        else
            run_add(&run, literal.p[i], arena, out);
    end_run(&run, arena, out);
}

static bool is_special(char c)
{
    return c == '*' || c == '?' || c == '\\';
}

void fragments_of_glob(str pattern, bool plain, struct arena *arena, struct fragments *out)
{
    struct run run = {.n = 0};
    *out = (struct fragments){.count = 0};
    for (size_t i = 0; i < pattern.n; i++) {
        char c = pattern.p[i];
        bool wild = c == '*' || c == '?';
        if (c == '\\' && i + 1 < pattern.n && is_special(pattern.p[i + 1]))
            c = pattern.p[++i];
        if (wild || (plain && !is_plain((unsigned char)c)))
            end_run(&run, arena, out);
        else
            run_add(&run, c, arena, out);
    }
    end_run(&run, arena, out);
}

/* Vectorscan looks for the last bytes of a literal first. */
static unsigned rarity(char c)
{
    c = ascii_lower(c);
    if (c && strchr("etaoinsrlhdcum pgfy.0123", c))
        return 0;
    return (c >= 'a' && c <= 'z') || (c >= '4' && c <= '9') || c == '-' || c == ',' ? 1 : 3;
}

str fragment_sharpened(str fragment)
{
    enum { TAIL = 3, SHORTEST = 6, LONGEST = 12 };
    size_t best = fragment.n;
    unsigned most = 0;
    for (size_t end = SHORTEST; end <= fragment.n; end++) {
        unsigned sum = 0;
        for (size_t i = 0; i < TAIL; i++)
            sum += rarity(fragment.p[end - 1 - i]);
        if (sum > most) {
            most = sum;
            best = end;
        }
    }
    size_t n = best < LONGEST ? best : LONGEST;
    return (str){fragment.p + best - n, n};
}

/* ---- regular expressions ---- */

enum { NOT_LITERAL = -1 };

static bool more(const struct read *r)
{
    return !r->dead && r->at < r->s.n;
}

static char peek(const struct read *r, size_t ahead)
{
    return r->at + ahead < r->s.n ? r->s.p[r->at + ahead] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    c = ascii_lower(c);
    return is_digit(c) || (c >= 'a' && c <= 'z');
}

/* A quantifier at the cursor: 1 when what stands before it must occur and may repeat, 0 when it
 * may be missing, -1 when there is none. */
static int read_braces(struct read *r)
{
    size_t at = r->at + 1;
    bool some = false;
    while (at < r->s.n && is_digit(r->s.p[at]))
        some |= r->s.p[at++] != '0';
    if (at == r->at + 1 && peek(r, 1) != ',' && peek(r, 1) != ' ')
        return -1; /* a brace that is a brace */
    if (at < r->s.n && r->s.p[at] == ',')
        at++;
    while (at < r->s.n && is_digit(r->s.p[at]))
        at++;
    if (at >= r->s.n || r->s.p[at] != '}')
        r->dead = true;
    r->at = at + 1;
    return some;
}

static int read_quantifier(struct read *r)
{
    int least = -1;
    if (!more(r))
        return -1;
    switch (peek(r, 0)) {
    case '*':
    case '?':
        r->at++;
        least = 0;
        break;
    case '+':
        r->at++;
        least = 1;
        break;
    case '{':
        least = read_braces(r);
        break;
    default:
        return -1;
    }
    if (least >= 0 && (peek(r, 0) == '?' || peek(r, 0) == '+'))
        r->at++; /* lazy, possessive */
    return least;
}

/* After `\x`, `\p` and the like: skip {…} or the characters that belong to it. */
static void skip_escape(struct read *r, char kind)
{
    if (peek(r, 0) == '{') {
        while (more(r) && peek(r, 0) != '}')
            r->at++;
        r->at++;
        return;
    }
    size_t n = kind == 'x' ? 2 : kind == 'c' || kind == 'p' || kind == 'P' ? 1 : 0;
    for (; n && more(r) && (kind != 'x' || is_alnum(peek(r, 0))); n--)
        r->at++;
}

/* Behind a backslash.  Returns the character it stands for, or NOT_LITERAL. */
static int read_escape(struct read *r)
{
    if (!more(r)) {
        r->dead = true;
        return NOT_LITERAL;
    }
    char c = r->s.p[r->at++];
    if (!is_alnum(c))
        return (unsigned char)c;
    if (strchr("dDwWsSbBAZzGhHvVRNXtnrfae", c)) {
        r->dead |= c == 'N' && peek(r, 0) == '{'; /* a character by its name */
        return NOT_LITERAL;
    }
    if (strchr("xpPc", c)) {
        skip_escape(r, c);
        return NOT_LITERAL;
    }
    while (is_digit(c) && more(r) && is_digit(peek(r, 0)))
        r->at++;
    if (!is_digit(c))
        r->dead = true; /* \Q, \k, \g, \o … */
    return NOT_LITERAL;
}

/* Behind `[`.  A class of one letter in both cases is that letter. */
static int read_class(struct read *r)
{
    int only = 0;
    bool simple = peek(r, 0) != '^';
    for (bool first = true; more(r); first = false) {
        char c = r->s.p[r->at++];
        if (c == ']' && !first)
            return simple && only ? only : NOT_LITERAL;
        if (c == '^' && first) {
            if (peek(r, 0) == ']')
                r->at++;
            continue;
        }
        if (c == '[' && strchr(":.=", peek(r, 0)) && peek(r, 0)) {
            size_t close = str_find(str_from(r->s, r->at), ']');
            r->at += close + 1;
            simple = false;
            continue;
        }
        int is = c == '\\' ? read_escape(r) : (unsigned char)c;
        if (is == NOT_LITERAL || is >= 0x80 || peek(r, 0) == '-' || c == '-' ||
            (only && ascii_lower((char)is) != (char)only))
            simple = false;
        else
            only = (unsigned char)ascii_lower((char)is);
    }
    r->dead = true;
    return NOT_LITERAL;
}

static void read_alternatives(struct read *r, struct fragments *out);

/* The flags of `(?flags)` or `(?flags:`; the cursor is behind the question mark.
 * True when a group's body follows. */
static bool read_flags(struct read *r)
{
    while (more(r) && (is_alnum(peek(r, 0)) || peek(r, 0) == '-' || peek(r, 0) == '^')) {
        if (!strchr("imsnJU-^", peek(r, 0)))
            r->dead = true; /* x; and what is no flag */
        r->at++;
    }
    char c = peek(r, 0);
    r->at++;
    if (c != ':' && c != ')')
        r->dead = true;
    return c == ':';
}

/* Behind `(?`: reads what says the kind of group.  *must: its body must match for the whole to.
 * True when a body follows. */
static bool read_group_kind(struct read *r, bool *must)
{
    char c = peek(r, 0), d = peek(r, 1);
    *must = true;
    if (c == ':' || c == '>' || c == '|') {
        r->at++;
        return true;
    }
    if (c == '=' || c == '!') {
        r->at++;
        *must = false;
        return true;
    }
    if (c == '<' && (d == '=' || d == '!')) {
        r->at += 2;
        *must = false;
        return true;
    }
    if (c == '<' || (c == 'P' && d == '<') || c == '\'') {
        char close = c == '\'' ? '\'' : '>';
        r->at += c == 'P' ? 2 : 1;
        while (more(r) && peek(r, 0) != close)
            r->at++;
        r->at++;
        return true;
    }
    return read_flags(r);
}

/* Behind `(`, up to behind its `)`. */
static void read_group(struct read *r, struct fragments *out)
{
    bool must = true;
    *out = (struct fragments){.count = 0};
    if (peek(r, 0) == '*' || r->depth == NESTING_MAX) {
        r->dead = true;
        return;
    }
    if (peek(r, 0) == '?') {
        r->at++;
        if (!read_group_kind(r, &must))
            return;
    }
    r->depth++;
    read_alternatives(r, out);
    r->depth--;
    if (peek(r, 0) != ')')
        r->dead = true;
    r->at++;
    if (!must)
        out->count = 0;
}

static bool usable(const struct read *r, int c)
{
    if (c < 0x20 || c >= 0x7f || (r->plain && !is_plain((unsigned char)c)))
        return false;
    /* Outside ASCII there are letters whose other case is k or s. */
    char low = ascii_lower((char)c);
    return !(r->nocase && (low == 'k' || low == 's'));
}

/* One element that is no group: its character, or NOT_LITERAL. */
static int read_atom(struct read *r)
{
    unsigned char c = (unsigned char)r->s.p[r->at++];
    if (c == '\\')
        return read_escape(r);
    if (c == '[')
        return read_class(r);
    if (c == '.' || c == '^' || c == '$')
        return NOT_LITERAL;
    if (c == '*' || c == '+' || c == '?')
        r->dead = true; /* a quantifier of nothing */
    while (c >= 0xc0 && more(r) && ((unsigned char)peek(r, 0) & 0xc0) == 0x80)
        r->at++; /* what follows belongs to the whole character */
    return c;
}

static void read_sequence(struct read *r, struct fragments *best)
{
    struct run run = {.n = 0};
    *best = (struct fragments){.count = 0};
    while (more(r) && peek(r, 0) != '|' && peek(r, 0) != ')') {
        if (peek(r, 0) == '(') {
            struct fragments group;
            end_run(&run, r->arena, best);
            r->at++;
            read_group(r, &group);
            if (read_quantifier(r) != 0)
                better(best, &group);
            continue;
        }
        int c = read_atom(r);
        int least = read_quantifier(r);
        if (least != 0 && usable(r, c))
            run_add(&run, (char)c, r->arena, best);
        if (least >= 0 || !usable(r, c))
            end_run(&run, r->arena, best);
    }
    end_run(&run, r->arena, best);
}

static void read_alternatives(struct read *r, struct fragments *out)
{
    bool all = true;
    struct fragments one;
    read_sequence(r, out);
    all = out->count > 0;
    while (more(r) && peek(r, 0) == '|') {
        r->at++;
        read_sequence(r, &one);
        all = all && one.count > 0 && out->count + one.count <= FRAGMENTS_MAX;
        if (!all)
            continue;
        memcpy(out->at + out->count, one.at, one.count * sizeof *one.at);
        out->count += one.count;
    }
    if (!all)
        out->count = 0;
}

/* `(?i` anywhere: taken to hold everywhere. */
static bool turns_nocase(str pattern)
{
    for (size_t i = 0; i + 1 < pattern.n; i++)
        for (size_t j = i + 2; pattern.p[i] == '(' && pattern.p[i + 1] == '?' && j < pattern.n &&
                               (is_alnum(pattern.p[j]) || pattern.p[j] == '^');
             j++)
            if (pattern.p[j] == 'i')
                return true;
    return false;
}

void fragments_of_regex(str pattern, bool nocase, bool plain, struct arena *arena,
                        struct fragments *out)
{
    struct read r = {
        .s = pattern, .nocase = nocase || turns_nocase(pattern), .plain = plain, .arena = arena};
    read_alternatives(&r, out);
    if (r.dead || r.at < r.s.n)
        out->count = 0;
}
