/* SPDX-License-Identifier: Apache-2.0 */
/* Thompson's construction (1968): the expression becomes steps, and all ways through them are
 * followed at once.  Jumps are relative, so that a piece can be moved to make room before it. */
#include "intel/expression.h"

enum op { OP_BYTE, OP_ANY, OP_SET, OP_SPLIT, OP_JUMP, OP_BEGIN, OP_END, OP_MATCH };

struct parser {
    str in;
    size_t at;
    unsigned depth;
    bool fold, bad;
    uint16_t count, sets;
    struct expression_step step[EXPRESSION_STEPS_MAX];
    uint8_t set[EXPRESSION_SETS_MAX][32];
};

static bool more(const struct parser *p)
{
    return !p->bad && p->at < p->in.n;
}

static bool skip(struct parser *p, char c)
{
    if (!more(p) || p->in.p[p->at] != c)
        return false;
    p->at++;
    return true;
}

/* Make room for one step at `where` and put it there. */
static void insert(struct parser *p, uint16_t where, struct expression_step s)
{
    if (p->count == EXPRESSION_STEPS_MAX - 1) { /* one is left for OP_MATCH */
        p->bad = true;
        return;
    }
    memmove(p->step + where + 1, p->step + where, (size_t)(p->count - where) * sizeof *p->step);
    p->step[where] = s;
    p->count++;
}

static void emit(struct parser *p, enum op op, unsigned arg)
{
    insert(p, p->count, (struct expression_step){.op = (uint8_t)op, .arg = (uint8_t)arg});
}

static void set_add(uint8_t set[32], unsigned low, unsigned high)
{
    for (unsigned c = low; c <= high; c++)
        set[c >> 3] |= (uint8_t)(1u << (c & 7));
}

/* \d \w \s; false for any other. */
static bool class_add(uint8_t set[32], char name)
{
    if (name != 'd' && name != 'w' && name != 's')
        return false;
    if (name == 's') {
        set_add(set, '\t', '\r');
        set_add(set, ' ', ' ');
        return true;
    }
    set_add(set, '0', '9');
    if (name == 'w') {
        set_add(set, 'a', 'z');
        set_add(set, 'A', 'Z');
        set_add(set, '_', '_');
    }
    return true;
}

static uint8_t *set_new(struct parser *p)
{
    if (p->sets == EXPRESSION_SETS_MAX) {
        p->bad = true;
        return NULL;
    }
    return memset(p->set[p->sets++], 0, sizeof p->set[0]);
}

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

/* After a backslash: a class, or a character that stands for itself. */
static void escape(struct parser *p)
{
    char c = more(p) ? p->in.p[p->at++] : 0;
    uint8_t set[32] = {0};
    if (class_add(set, c)) {
        uint8_t *to = set_new(p);
        if (to)
            memcpy(to, set, sizeof set);
        emit(p, OP_SET, p->sets - 1u);
    } else if (c == 0 || is_letter_or_digit(c)) {
        p->bad = true; /* \1, \b and the like */
    } else {
        emit(p, OP_BYTE, (unsigned char)c);
    }
}

/* One character of a set; -1 for a class, which is added. */
static int set_char(struct parser *p, uint8_t *set)
{
    char c = more(p) ? p->in.p[p->at++] : 0;
    p->bad |= c == 0 || (c == '[' && more(p) && p->in.p[p->at] == ':'); /* [:alpha:] */
    if (c != '\\')
        return (unsigned char)c;
    c = more(p) ? p->in.p[p->at++] : 0;
    if (class_add(set, c))
        return -1;
    p->bad |= c == 0 || is_letter_or_digit(c);
    return (unsigned char)c;
}

static void set_negate(uint8_t set[32])
{
    for (unsigned i = 0; i < 32; i++)
        set[i] = (uint8_t)~set[i];
}

static void fold_set(uint8_t set[32])
{
    for (unsigned c = 'a'; c <= 'z'; c++) {
        unsigned upper = c - 32;
        bool has = set[c >> 3] >> (c & 7) & 1 || set[upper >> 3] >> (upper & 7) & 1;
        if (has) {
            set_add(set, c, c);
            set_add(set, upper, upper);
        }
    }
}

static void bracket(struct parser *p)
{
    uint8_t *set = set_new(p);
    bool negated = skip(p, '^');
    if (!set)
        return;
    do {
        int low = set_char(p, set), high = low;
        bool range =
            low >= 0 && p->at + 1 < p->in.n && p->in.p[p->at] == '-' && p->in.p[p->at + 1] != ']';
        if (range) {
            p->at++;
            high = set_char(p, set);
        }
        p->bad |= high < low;
        if (!p->bad && low >= 0)
            set_add(set, (unsigned)low, (unsigned)high);
    } while (more(p) && p->in.p[p->at] != ']');
    p->bad |= !skip(p, ']');
    if (p->fold)
        fold_set(set);
    if (negated)
        set_negate(set);
    emit(p, OP_SET, p->sets - 1u);
}

static void alternatives(struct parser *p);

static void group(struct parser *p)
{
    if (skip(p, '?') && !skip(p, ':'))
        p->bad = true; /* look-around, names, flags */
    if (++p->depth > EXPRESSION_DEPTH_MAX)
        p->bad = true;
    if (!p->bad)
        alternatives(p);
    p->depth--;
    p->bad |= !skip(p, ')');
}

static void atom(struct parser *p)
{
    char c = p->in.p[p->at++];
    switch (c) {
    case '(':
        group(p);
        return;
    case '[':
        bracket(p);
        return;
    case '\\':
        escape(p);
        return;
    case '.':
        emit(p, OP_ANY, 0);
        return;
    case '^':
        emit(p, OP_BEGIN, 0);
        return;
    case '$':
        emit(p, OP_END, 0);
        return;
    case '*':
    case '+':
    case '?':
    case '{':
    case 0:
        p->bad = true; /* of nothing, or counted */
        return;
    default:
        emit(p, OP_BYTE, (unsigned char)(p->fold ? ascii_lower(c) : c));
    }
}

static struct expression_step split(int x, int y)
{
    return (struct expression_step){.op = OP_SPLIT, .x = (int16_t)x, .y = (int16_t)y};
}

static struct expression_step jump(int x)
{
    return (struct expression_step){.op = OP_JUMP, .x = (int16_t)x};
}

/* An atom and what says how often. */
static void piece(struct parser *p)
{
    uint16_t begin = p->count;
    atom(p);
    int n = p->count - begin;
    bool repeated = true;
    if (skip(p, '*')) {
        insert(p, begin, split(1, n + 2));
        insert(p, p->count, jump(-(n + 1)));
    } else if (skip(p, '+')) {
        insert(p, p->count, split(-n, 1));
    } else if (skip(p, '?')) {
        insert(p, begin, split(1, n + 1));
    } else {
        repeated = false;
    }
    if (repeated)
        (void)skip(p, '?'); /* whether it takes few or many does not change if it matches */
}

static void alternatives(struct parser *p)
{
    uint16_t begin = p->count;
    while (more(p) && p->in.p[p->at] != '|' && p->in.p[p->at] != ')')
        piece(p);
    if (!skip(p, '|'))
        return;
    insert(p, begin, split(1, p->count - begin + 2));
    uint16_t leave = p->count;
    insert(p, leave, jump(0));
    if (++p->depth > EXPRESSION_DEPTH_MAX * 4)
        p->bad = true;
    if (!p->bad)
        alternatives(p);
    p->depth--;
    p->step[leave].x = (int16_t)(p->count - leave);
}

bool expression_parse(str pattern, bool fold, struct arena *arena, struct expression *out)
{
    struct parser p = {.in = pattern, .fold = fold};
    alternatives(&p);
    if (p.bad || p.at < p.in.n)
        return false;
    p.step[p.count++] = (struct expression_step){.op = OP_MATCH};
    struct expression_step *step = arena_array(arena, struct expression_step, p.count);
    uint8_t *set = arena_array(arena, uint8_t, p.sets * sizeof p.set[0]);
    if (!step || !set)
        return false;
    memcpy(step, p.step, p.count * sizeof *step);
    memcpy(set, p.set, p.sets * sizeof p.set[0]);
    *out = (struct expression){.step = step, .set = set, .count = p.count, .fold = fold};
    return true;
}

/* ---- matching ---- */

/* The steps that wait for the next byte, none twice. */
struct ways {
    uint16_t at[EXPRESSION_STEPS_MAX], count;
    bool seen[EXPRESSION_STEPS_MAX];
};

/* Follow all jumps from step `from`; true at the end of the expression. */
static bool follow(const struct expression *r, struct ways *w, uint16_t from, bool begin, bool end)
{
    uint16_t stack[EXPRESSION_STEPS_MAX + 1];
    size_t n = 0;
    stack[n++] = from;
    w->seen[from] = true;
    while (n) {
        uint16_t at = stack[--n];
        const struct expression_step *s = &r->step[at];
        int next[2] = {-1, -1};
        if (s->op == OP_MATCH)
            return true;
        if (s->op == OP_SPLIT || s->op == OP_JUMP)
            next[0] = at + s->x;
        if (s->op == OP_SPLIT)
            next[1] = at + s->y;
        if ((s->op == OP_BEGIN && begin) || (s->op == OP_END && end))
            next[0] = at + 1;
        if (s->op == OP_BYTE || s->op == OP_ANY || s->op == OP_SET)
            w->at[w->count++] = at;
        for (int i = 0; i < 2; i++)
            if (next[i] >= 0 && !w->seen[next[i]]) {
                w->seen[next[i]] = true;
                stack[n++] = (uint16_t)next[i];
            }
    }
    return false;
}

static bool takes(const struct expression *r, const struct expression_step *s, char byte)
{
    unsigned c = (unsigned char)byte;
    if (s->op == OP_SET)
        return r->set[s->arg * 32u + (c >> 3)] >> (c & 7) & 1;
    if (s->op == OP_ANY)
        return byte != '\n';
    return s->arg == (unsigned char)(r->fold ? ascii_lower(byte) : byte);
}

bool expression_match(const struct expression *r, str text)
{
    struct ways now = {.count = 0};
    for (size_t i = 0; i <= text.n; i++) {
        bool begin = i == 0, end = i == text.n;
        if (!now.seen[0] && follow(r, &now, 0, begin, end))
            return true;
        if (end)
            return false;
        struct ways then = {.count = 0};
        for (uint16_t k = 0; k < now.count; k++) {
            uint16_t next = (uint16_t)(now.at[k] + 1);
            if (takes(r, &r->step[now.at[k]], text.p[i]) && !then.seen[next] &&
                follow(r, &then, next, false, i + 1 == text.n))
                return true;
        }
        now = then;
    }
    return false;
}
