/* SPDX-License-Identifier: Apache-2.0 */
/* Allow-lists of substrings and regular expressions (MISP warninglists have some).
 * They are held only against values that hit an indicator, so they need not be as
 * fast as the tables: substrings are found by their first four bytes, expressions
 * are few and tried one by one. */
#include "base/hash.h"
#include "base/mem.h"
#include "intel/expression.h"
#include "intel/intel_int.h"

enum {
    GRAM = 4, /* bytes of a substring that are indexed; shorter ones say too little */
    SUBSTRING_MAX = 256,
    REGEX_MAX = 64, /* how many */
    REGEX_LENGTH_MAX = 256,
    REGEX_COST = EXPRESSION_STEPS_MAX * sizeof(struct expression_step) + EXPRESSION_SETS_MAX * 32,
};

struct substring {
    str text; /* lower case; lives in the arena */
    uint32_t kinds, next;
};

struct regex {
    struct expression expression;
    uint32_t kinds;
};

struct intel_patterns {
    VEC(struct substring) substring; /* [0] is unused */
    uint32_t *first;                 /* owned, once frozen: by gram, index or 0 */
    size_t room;
    VEC(struct regex) regex;
    struct arena arena;
};

static struct intel_patterns *patterns_of(struct intel_patterns **p)
{
    if (!*p) {
        *p = mem_new(struct intel_patterns);
        arena_init(&(*p)->arena, SIZE_MAX / 2); /* the budget is the limit */
        *vec_push(&(*p)->substring) = (struct substring){0};
    }
    return *p;
}

static status full(const struct intel_budget *budget, struct error *err)
{
    return fail(err, ST_LIMIT, "indicators need more than %zu bytes", budget->max);
}

status intel_patterns_add_substring(struct intel_patterns **pp, str text, uint32_t kinds,
                                    struct intel_budget *budget, struct error *err)
{
    if (text.n < GRAM || text.n > SUBSTRING_MAX)
        return fail(err, ST_INVALID, "a substring of %zu characters, not %d to %d", text.n, GRAM,
                    SUBSTRING_MAX);
    if (!intel_budget_take(budget, sizeof(struct substring) * 2 + 8 + text.n + 1))
        return full(budget, err);
    struct intel_patterns *p = patterns_of(pp);
    char lower[SUBSTRING_MAX];
    for (size_t i = 0; i < text.n; i++)
        lower[i] = ascii_lower(text.p[i]);
    str copy = arena_str(&p->arena, (str){lower, text.n});
    *vec_push(&p->substring) = (struct substring){copy, kinds, 0};
    return ST_OK;
}

/* Cut "/…/i" down to what is between; false when the delimiters are not there. */
static bool take_delimiters(str *s, bool *fold)
{
    if (!str_starts(*s, STR("/")))
        return true;
    size_t last = s->n;
    while (last > 1 && s->p[last - 1] != '/')
        last--;
    if (last <= 1)
        return false;
    for (size_t i = last; i < s->n; i++) {
        if (s->p[i] == 'i')
            *fold = true;
        else if (s->p[i] != 'g' && s->p[i] != 'u')
            return false;
    }
    *s = (str){s->p + 1, last - 2};
    return true;
}

status intel_patterns_add_regex(struct intel_patterns **pp, str pattern, uint32_t kinds,
                                struct intel_budget *budget, struct error *err)
{
    bool fold = false;
    str shown = str_head(pattern, 60);
    if (pattern.n > REGEX_LENGTH_MAX)
        return fail(err, ST_INVALID, "a regular expression of %zu characters, at most %d are taken",
                    pattern.n, REGEX_LENGTH_MAX);
    if (*pp && (*pp)->regex.n == REGEX_MAX)
        return fail(err, ST_INVALID, "more than %d regular expressions", REGEX_MAX);
    if (!intel_budget_take(budget, REGEX_COST))
        return full(budget, err);
    struct regex r = {.kinds = kinds};
    struct intel_patterns *p = patterns_of(pp);
    if (!take_delimiters(&pattern, &fold) || pattern.n == 0 ||
        !expression_parse(pattern, fold, &p->arena, &r.expression))
        return fail(err, ST_INVALID, "the regular expression '" STR_FMT "' is not supported",
                    STR_ARG(shown));
    *vec_push(&p->regex) = r;
    return ST_OK;
}

static uint32_t *first_of(const struct intel_patterns *p, const char *gram)
{
    uint64_t hash = hash_mix(hash_load32(gram), 0);
    return &p->first[hash & (p->room - 1)];
}

void intel_patterns_freeze(struct intel_patterns *p)
{
    if (!p)
        return;
    p->room = 64;
    while (p->room < p->substring.n)
        p->room *= 2;
    p->first = mem_array(uint32_t, p->room);
    for (uint32_t i = 1; i < p->substring.n; i++) {
        uint32_t *first = first_of(p, p->substring.at[i].text.p);
        p->substring.at[i].next = *first;
        *first = i;
    }
}

void intel_patterns_free(struct intel_patterns *p)
{
    if (!p)
        return;
    vec_done(&p->regex);
    vec_done(&p->substring);
    mem_free(p->first);
    arena_done(&p->arena);
    mem_free(p);
}

static bool has_substring(const struct intel_patterns *p, uint32_t kind_bit, str text)
{
    char lower[INTEL_VALUE_MAX];
    if (text.n > sizeof lower)
        return false;
    for (size_t i = 0; i < text.n; i++)
        lower[i] = ascii_lower(text.p[i]);
    for (size_t i = 0; i + GRAM <= text.n; i++) {
        str rest = {lower + i, text.n - i};
        for (uint32_t at = *first_of(p, rest.p); at; at = p->substring.at[at].next)
            if (p->substring.at[at].kinds & kind_bit && str_starts(rest, p->substring.at[at].text))
                return true;
    }
    return false;
}

bool intel_patterns_match(const struct intel_patterns *p, enum intel_kind kind, str text)
{
    uint32_t kind_bit = 1u << kind;
    if (p->substring.n > 1 && has_substring(p, kind_bit, text))
        return true;
    for (size_t i = 0; i < p->regex.n; i++)
        if (p->regex.at[i].kinds & kind_bit && expression_match(&p->regex.at[i].expression, text))
            return true;
    return false;
}
