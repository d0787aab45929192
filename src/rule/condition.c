/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   or    := and ("or" and)*
 *   and   := not ("and" not)*
 *   not   := "not" not | atom
 *   atom  := "(" or ")" | count "of" pattern | name
 *   count := "all" | "any" | 1 | 2 | …
 */
#include "rule/condition.h"

#include "codec/yaml.h"

enum { DEPTH_MAX = 32, WORDS_MAX = 4096, PICKS_MAX = 512 };

typedef VEC(uint32_t) nodes;

struct condition {
    struct rule_read *read;
    const struct yaml_node *at;
    const struct condition_names *names;
    str rest;
    str word; /* the next token; empty at the end */
    unsigned words;
    unsigned depth;
};

/* ---- tokens ---- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_mark(char c)
{
    return c == '(' || c == ')' || c == '|';
}

static str next_word(str *rest)
{
    while (rest->n && is_space(rest->p[0]))
        *rest = str_from(*rest, 1);
    size_t n = 0;
    if (rest->n && is_mark(rest->p[0]))
        n = 1;
    else
        while (n < rest->n && !is_space(rest->p[n]) && !is_mark(rest->p[n]))
            n++;
    str word = str_head(*rest, n);
    *rest = str_from(*rest, n);
    return word;
}

static void advance(struct condition *c)
{
    c->word = next_word(&c->rest);
    c->words++;
}

static bool at_word(const struct condition *c, const char *word)
{
    return str_ieq(c->word, str_z(word));
}

/* Is the token after this one "of"? */
static bool of_follows(const struct condition *c)
{
    str rest = c->rest;
    return str_ieq(next_word(&rest), STR("of"));
}

static bool refuse_here(struct condition *c, const char *wanted)
{
    if (c->word.n == 0)
        return read_refuse(c->read, c->at, "the condition ends where %s should be", wanted);
    return read_refuse(c->read, c->at, "the condition has '%.*s' where %s should be",
                       STR_ARG(str_head(c->word, 60)), wanted);
}

/* ---- count of pattern ---- */

static void collect(void *to, uint32_t node)
{
    *vec_push((nodes *)to) = node;
}

static uint32_t node_of(struct condition *c, enum node_kind kind, const uint32_t *child, size_t n,
                        str label)
{
    uint32_t node = image_node(c->read->image, kind, c->at->line, label);
    image_children(c->read->image, node, child, (uint32_t)n);
    return node;
}

/* Every way to pick `want` of the nodes, each an AND, into `out`; false when there are too many. */
static bool pick(struct condition *c, const nodes *from, uint64_t want, nodes *out)
{
    size_t at[PICKS_MAX], n = (size_t)want;
    uint32_t child[PICKS_MAX];
    if (want > PICKS_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        at[i] = i;
    for (;;) {
        if (out->n == PICKS_MAX)
            return false;
        for (size_t i = 0; i < n; i++)
            child[i] = from->at[at[i]];
        *vec_push(out) = node_of(c, NODE_AND, child, n, (str){0});
        size_t i = n;
        while (i > 0 && at[i - 1] == from->n - n + i - 1)
            i--;
        if (i == 0)
            return true;
        at[i - 1]++;
        for (size_t k = i; k < n; k++)
            at[k] = at[k - 1] + 1;
    }
}

static bool some_of(struct condition *c, uint64_t want, str label, const nodes *from,
                    uint32_t *node)
{
    if (want > from->n)
        return read_refuse(c->read, c->at, "'%.*s', but there are only %zu", STR_ARG(label),
                           from->n);
    if (want == 1 || want == from->n) {
        enum node_kind kind = want == 1 ? NODE_OR : NODE_AND;
        *node = node_of(c, kind, from->at, from->n, label);
        return true;
    }
    nodes picks = {0};
    bool ok = pick(c, from, want, &picks);
    if (ok)
        *node = node_of(c, NODE_OR, picks.at, picks.n, label);
    vec_done(&picks);
    return ok || read_refuse(c->read, c->at, "'%.*s' can be met in more than %d ways",
                             STR_ARG(label), PICKS_MAX);
}

static bool parse_count(struct condition *c, uint32_t *node)
{
    char label[120];
    nodes from = {0};
    uint64_t want = 1;
    bool all = at_word(c, "all");
    if (!all && !at_word(c, "any") && (!str_to_u64(c->word, &want) || want == 0))
        return refuse_here(c, "1, all or any");
    str count = c->word;
    advance(c); /* of */
    advance(c);
    if (c->word.n == 0 || is_mark(c->word.p[0]))
        return refuse_here(c, "'them' or a name such as selection_*");
    if (!c->names->pattern)
        return read_refuse(c->read, c->at, "'%.*s of' has no meaning here", STR_ARG(count));
    snprintf(label, sizeof label, "%.*s of %.*s", STR_ARG(str_head(count, 20)),
             STR_ARG(str_head(c->word, 80)));
    str pattern = at_word(c, "them") ? STR("them") : c->word;
    bool ok = c->names->pattern(c->names->arg, pattern, collect, &from) &&
              some_of(c, all ? from.n : want, str_z(label), &from, node);
    vec_done(&from);
    if (ok)
        advance(c);
    return ok;
}

/* ---- the rest of the grammar ---- */

static bool parse_or(struct condition *c, uint32_t *node);

static bool parse_group(struct condition *c, uint32_t *node)
{
    advance(c);
    if (!parse_or(c, node))
        return false;
    if (!at_word(c, ")"))
        return refuse_here(c, "')'");
    advance(c);
    return true;
}

static bool parse_atom(struct condition *c, uint32_t *node)
{
    if (at_word(c, "("))
        return parse_group(c, node);
    if (c->word.n == 0 || is_mark(c->word.p[0]) || at_word(c, "and") || at_word(c, "or"))
        return refuse_here(c, "a name");
    if (of_follows(c))
        return parse_count(c, node);
    if (!c->names->name(c->names->arg, c->word, node))
        return false;
    advance(c);
    return true;
}

static bool parse_not(struct condition *c, uint32_t *node)
{
    if (!at_word(c, "not") || of_follows(c)) {
        if (c->words > WORDS_MAX)
            return read_refuse(c->read, c->at, "the condition has more than %d words", WORDS_MAX);
        return parse_atom(c, node);
    }
    if (++c->depth > DEPTH_MAX)
        return read_refuse(c->read, c->at, "the condition is nested deeper than %d", DEPTH_MAX);
    uint32_t inner;
    advance(c);
    if (!parse_not(c, &inner))
        return false;
    c->depth--;
    *node = node_of(c, NODE_NOT, &inner, 1, (str){0});
    return true;
}

/* `part` (`word` `part`)* */
static bool parse_row(struct condition *c, const char *word, enum node_kind kind,
                      bool (*part)(struct condition *, uint32_t *), uint32_t *node)
{
    nodes child = {0};
    bool ok = part(c, vec_push(&child));
    while (ok && at_word(c, word)) {
        advance(c);
        ok = part(c, vec_push(&child));
    }
    if (ok)
        *node = child.n == 1 ? child.at[0] : node_of(c, kind, child.at, child.n, (str){0});
    vec_done(&child);
    return ok;
}

static bool parse_and(struct condition *c, uint32_t *node)
{
    return parse_row(c, "and", NODE_AND, parse_not, node);
}

static bool parse_or(struct condition *c, uint32_t *node)
{
    if (++c->depth > DEPTH_MAX)
        return read_refuse(c->read, c->at, "the condition is nested deeper than %d", DEPTH_MAX);
    bool ok = parse_row(c, "or", NODE_OR, parse_and, node);
    c->depth--;
    return ok;
}

bool condition_parse(struct rule_read *r, const struct yaml_node *at, str text,
                     const struct condition_names *names, uint32_t *root)
{
    struct condition c = {.read = r, .at = at, .names = names, .rest = text};
    uint32_t node;
    advance(&c);
    if (c.word.n == 0)
        return read_refuse(r, at, "the condition is empty");
    if (!parse_or(&c, &node))
        return false;
    if (at_word(&c, "|"))
        return read_refuse(r, at,
                           "aggregations such as '| count() > 5' are no longer part of Sigma; "
                           "write a correlation rule");
    if (c.word.n)
        return refuse_here(&c, "'and', 'or' or the end");
    *root = node;
    return true;
}
