/* SPDX-License-Identifier: Apache-2.0 */
#include "rule/compile.h"

#include "base/map.h"
#include "base/mem.h"
#include "rule/fragment.h"

#include <assert.h>

enum { KEY_BYTES_MAX = 1 << 24 };

struct build {
    struct program *program;
    const struct image *image;
    struct error *err;
    struct db_cache cache;
    struct map seen; /* what a predicate says → its number; keys in the program's arena */
    struct sbuf key;
    struct {
        struct predicate *at;
        size_t n, room;
    } predicate;
    struct {
        uint32_t *at;
        size_t n, room;
    } order; /* predicates of all rules' tests, in the order visit() meets them */
    uint32_t *of_node;
    struct wake_pair {
        uint32_t predicate, rule;
    } * pair;
    size_t pairs, pair_room;
    struct {
        struct step *at;
        size_t n, room;
    } step;
    struct {
        struct test_regex *at;
        size_t n, room;
    } regex;
};

void *program_keep(struct program *p, const void *at, size_t n, size_t size)
{
    void *out = arena_alloc(&p->arena, n, size, alignof(max_align_t));
    assert(out); /* the arena has no cap: the image it is made of does */
    if (n)
        memcpy(out, at, size_mul(n, size));
    return out;
}

static str fold(struct arena *arena, str s)
{
    char *p = arena_bytes(arena, s.n);
    assert(p);
    for (size_t i = 0; i < s.n; i++)
        p[i] = ascii_lower(s.p[i]);
    return (str){p, s.n};
}

/* ---- predicates ---- */

static bool ignores_case(const struct test_row *row)
{
    if (row->op == TEST_REGEX)
        return false; /* letters of its syntax differ by case */
    return !(row->flags & TEST_CASED) || (row->op == TEST_EQUAL && (row->flags & TEST_NUMBER));
}

/* Everything that two tests must share to be one predicate. */
static str predicate_key(struct build *b, const struct test_row *row, struct test_fields fields)
{
    struct {
        struct test_fields fields;
        uint16_t flags;
        uint8_t op, unit;
        double number;
    } head = {fields, row->flags, row->op, row->unit, row->number};
    char bytes[sizeof head.fields + sizeof head.flags + 2 + sizeof head.number];
    memcpy(bytes, &head.fields, sizeof head.fields);
    memcpy(bytes + sizeof head.fields, &head.flags, sizeof head.flags);
    bytes[sizeof head.fields + sizeof head.flags] = (char)head.op;
    bytes[sizeof head.fields + sizeof head.flags + 1] = (char)head.unit;
    memcpy(bytes + sizeof bytes - sizeof head.number, &head.number, sizeof head.number);
    sbuf_clear(&b->key);
    sbuf_add(&b->key, (str){bytes, sizeof bytes});
    str value = image_str(b->image, row->value);
    sbuf_add(&b->key, value);
    if (ignores_case(row))
        for (size_t i = b->key.n - value.n; i < b->key.n; i++)
            b->key.p[i] = ascii_lower(b->key.p[i]);
    return sbuf_str(&b->key);
}

static uint8_t shortest_fragment(struct build *b, const struct test_row *row)
{
    struct fragments f = {.count = 0};
    str value = image_str(b->image, row->value);
    bool keyword = row->flags & TEST_KEYWORD;
    if (row->op == TEST_GLOB)
        fragments_of_glob(value, keyword, &b->program->arena, &f);
    else if (row->op == TEST_REGEX)
        fragments_of_regex(value, !(row->flags & TEST_CASED), keyword, &b->program->arena, &f);
    else if (keyword)
        fragments_of_literal(value, true, &b->program->arena, &f);
    size_t least = f.count ? 255 : 0;
    for (uint32_t i = 0; i < f.count; i++)
        least = f.at[i].n < least ? f.at[i].n : least;
    return (uint8_t)least;
}

static uint32_t predicate_of(struct build *b, uint32_t test, enum family family)
{
    const struct test_row *row = &b->image->test.at[test];
    struct test_fields fields = test_fields(b->program->set, family, test);
    str key = predicate_key(b, row, fields);
    uint32_t *have = map_find(&b->seen, key);
    if (have)
        return *have;
    uint32_t number = (uint32_t)b->predicate.n;
    str kept = {program_keep(b->program, key.p, key.n, 1), key.n};
    map_add(&b->seen, kept, number, NULL);
    struct predicate *q = vec_push(&b->predicate);
    *q = (struct predicate){
        .test = test, .fields = fields, .op = row->op, .keyword = row->flags & TEST_KEYWORD};
    if (ignores_case(row))
        q->folded = fold(&b->program->arena, image_str(b->image, row->value));
    q->fragment = shortest_fragment(b, row);
    return number;
}

/* Call `each` on every NODE_TEST of the tree, in a fixed order. */
static void visit(struct build *b, uint32_t node, void (*each)(struct build *, uint32_t, void *),
                  void *arg)
{
    const struct node_row *row = &b->image->node.at[node];
    if (row->kind == NODE_TEST) {
        each(b, node, arg);
        return;
    }
    for (uint32_t i = 0; i < row->child.count; i++)
        visit(b, b->image->child.at[row->child.first + i], each, arg);
}

struct rule_visit {
    uint32_t rule;
    enum family family;
    size_t next; /* in order */
};

static void add_test(struct build *b, uint32_t node, void *arg)
{
    struct rule_visit *v = arg;
    uint32_t q = predicate_of(b, b->image->node.at[node].test, v->family);
    *vec_push(&b->order) = q;
    struct predicate *p = &b->predicate.at[q];
    if (p->uses == 0 || p->last_use != v->rule)
        p->uses++;
    p->last_use = v->rule;
}

static bool is_detection(const struct rule_row *row)
{
    return !(row->flags & RULE_CORRELATION) && row->root != ROW_NONE;
}

static void find_predicates(struct build *b)
{
    struct program *p = b->program;
    for (uint32_t r = 0; r < b->image->rule.n; r++) {
        const struct rule_row *row = &b->image->rule.at[r];
        struct rule_visit v = {.rule = r, .family = rule_family(p->set, row)};
        if (is_detection(row))
            visit(b, row->root, add_test, &v);
    }
    p->predicate_count = (uint32_t)b->predicate.n;
    p->predicate = program_keep(p, b->predicate.at, b->predicate.n, sizeof *b->predicate.at);
}

static void guess_chances(struct build *b)
{
    struct program *p = b->program;
    uint32_t *asked = mem_array(uint32_t, FIELD_OVERFLOW + 1);
    for (uint32_t i = 0; i < p->predicate_count; i++)
        asked[p->predicate[i].fields.field] += p->predicate[i].uses;
    for (uint32_t i = 0; i < p->predicate_count; i++)
        p->predicate[i].chance =
            predicate_chance(p, &p->predicate[i], asked[p->predicate[i].fields.field]);
    mem_free(asked);
}

/* ---- regular expressions ---- */

static int by_test(const void *x, const void *y)
{
    const struct test_regex *a = x, *b = y;
    return (a->test > b->test) - (a->test < b->test);
}

const struct regex *program_regex(const struct program *p, uint32_t test)
{
    struct test_regex key = {.test = test};
    const struct test_regex *row = bsearch(&key, p->regex, p->regex_count, sizeof key, by_test);
    assert(row);
    return row->regex;
}

static status compile_regex(struct build *b, struct predicate *q)
{
    const struct test_row *row = &b->image->test.at[q->test];
    unsigned flags = (row->flags & TEST_CASED ? 0 : REGEX_NOCASE) |
                     (row->flags & TEST_MULTILINE ? REGEX_MULTILINE : 0) |
                     (row->flags & TEST_DOTALL ? REGEX_DOTALL : 0);
    struct regex *regex = regex_new(image_str(b->image, row->value), flags, b->err);
    if (!regex)
        return ST_INVALID;
    *vec_push(&b->regex) = (struct test_regex){q->test, regex, true};
    return ST_OK;
}

static void share_regex(struct build *b, uint32_t node, void *arg)
{
    struct rule_visit *v = arg;
    uint32_t test = b->image->node.at[node].test;
    const struct predicate *q = &b->program->predicate[b->order.at[v->next++]];
    if (q->op != TEST_REGEX || q->test == test)
        return;
    struct regex *regex = NULL;
    for (size_t i = 0; i < b->regex.n && !regex; i++)
        if (b->regex.at[i].test == q->test)
            regex = b->regex.at[i].regex;
    *vec_push(&b->regex) = (struct test_regex){test, regex, false};
}

/* One compiled pattern for all rows that say the same. */
static status compile_regexes(struct build *b)
{
    struct program *p = b->program;
    status s = ST_OK;
    for (uint32_t i = 0; i < p->predicate_count && s == ST_OK; i++)
        if (p->predicate[i].op == TEST_REGEX)
            s = compile_regex(b, &p->predicate[i]);
    struct rule_visit v = {.next = 0};
    for (uint32_t r = 0; r < b->image->rule.n && s == ST_OK; r++)
        if (is_detection(&b->image->rule.at[r]))
            visit(b, b->image->rule.at[r].root, share_regex, &v);
    p->regex_count = (uint32_t)b->regex.n;
    p->regex = program_keep(p, b->regex.at, b->regex.n, sizeof *b->regex.at);
    if (p->regex_count)
        qsort(p->regex, p->regex_count, sizeof *p->regex, by_test);
    return s;
}

/* ---- wake lists ---- */

static void note_node(struct build *b, uint32_t node, void *arg)
{
    struct rule_visit *v = arg;
    b->of_node[node] = b->order.at[v->next++];
}

static void add_pairs(struct build *b, const struct wake_set *set, uint32_t rule)
{
    for (size_t i = 0; i < set->n; i++) {
        if (b->pairs == b->pair_room)
            b->pair = vec_grown(b->pair, &b->pair_room, sizeof *b->pair);
        b->pair[b->pairs++] = (struct wake_pair){set->at[i], rule};
        b->program->predicate[set->at[i]].wakes = true;
    }
}

static int by_predicate(const void *x, const void *y)
{
    const struct wake_pair *a = x, *b = y;
    if (a->predicate != b->predicate)
        return a->predicate < b->predicate ? -1 : 1;
    return (a->rule > b->rule) - (a->rule < b->rule);
}

static void choose_wakes(struct build *b)
{
    struct program *p = b->program;
    struct tree tree = {p, b->of_node};
    struct rule_visit v = {.next = 0};
    struct wake_set set = {0};
    for (uint32_t r = 0; r < b->image->rule.n; r++) {
        const struct rule_row *row = &b->image->rule.at[r];
        if (!is_detection(row))
            continue;
        visit(b, row->root, note_node, &v);
        set.n = 0;
        p->always[r] = !wake_choose(&tree, row->root, &set);
        add_pairs(b, &set, r);
    }
    vec_done(&set);
}

static void build_wakes(struct build *b)
{
    struct program *p = b->program;
    if (b->pairs)
        qsort(b->pair, b->pairs, sizeof *b->pair, by_predicate);
    p->wake_rule = arena_array(&p->arena, uint32_t, b->pairs);
    p->wake = arena_array(&p->arena, struct span, p->predicate_count);
    assert(p->wake && p->wake_rule);
    uint32_t n = 0;
    for (size_t i = 0; i < b->pairs; i++) {
        if (i && by_predicate(&b->pair[i], &b->pair[i - 1]) == 0)
            continue;
        struct span *wake = &p->wake[b->pair[i].predicate];
        if (wake->count++ == 0)
            wake->first = n;
        p->wake_rule[n++] = b->pair[i].rule;
    }
}

/* ---- eager or asked ---- */

static bool is_eager(const struct program *p, const struct predicate *q)
{
    if (q->keyword)
        return q->wakes;
    if (q->fields.field == FIELD_OVERFLOW)
        return false;
    switch ((enum test_op)q->op) {
    case TEST_NULL:
    case TEST_FIELD:
        return false;
    case TEST_EXISTS:
        return p->set->image.test.at[q->test].number != 0;
    case TEST_GLOB:
    case TEST_REGEX:
        return q->fragment || q->wakes;
    default:
        return true;
    }
}

/* ---- lanes ---- */

struct lane_member {
    field_id field;
    uint32_t predicate;
};

static int by_field(const void *x, const void *y)
{
    const struct lane_member *a = x, *b = y;
    if (a->field != b->field)
        return a->field < b->field ? -1 : 1;
    return (a->predicate > b->predicate) - (a->predicate < b->predicate);
}

static status build_lane(struct build *b, const struct lane_member *m, uint32_t n)
{
    struct program *p = b->program;
    uint32_t *predicate = mem_array(uint32_t, n);
    for (uint32_t i = 0; i < n; i++)
        predicate[i] = m[i].predicate;
    p->lane_of[m[0].field] = (uint16_t)p->lane_count;
    status s = lane_build(&p->lane[p->lane_count++], p, predicate, n, &b->cache, b->err);
    mem_free(predicate);
    return s;
}

static status build_lanes(struct build *b)
{
    struct program *p = b->program;
    struct lane_member *m = mem_array(struct lane_member, p->predicate_count);
    uint32_t n = 0, fields = 1;
    for (uint32_t i = 0; i < p->predicate_count; i++)
        if (p->predicate[i].eager && !p->predicate[i].keyword)
            m[n++] = (struct lane_member){p->predicate[i].fields.field, i};
    if (n)
        qsort(m, n, sizeof *m, by_field);
    for (uint32_t i = 1; i < n; i++)
        fields += m[i].field != m[i - 1].field;
    p->lane_fields = n ? m[n - 1].field + 1u : 0;
    p->lane_of = arena_array(&p->arena, uint16_t, p->lane_fields);
    p->lane = arena_array(&p->arena, struct lane, fields + 1);
    assert(p->lane_of && p->lane);
    p->lane_count = 1;
    status s = ST_OK;
    for (uint32_t i = 0, j; i < n && s == ST_OK; i = j) {
        for (j = i; j < n && m[j].field == m[i].field; j++)
            ;
        s = build_lane(b, m + i, j - i);
    }
    mem_free(m);
    return s;
}

/* ---- keywords ---- */

static void keyword_fragments(struct build *b, uint32_t predicate, struct fragments *f)
{
    const struct predicate *q = &b->program->predicate[predicate];
    const struct test_row *row = &b->image->test.at[q->test];
    str value = image_str(b->image, row->value);
    *f = (struct fragments){.count = 0};
    if (q->op == TEST_GLOB)
        fragments_of_glob(value, true, &b->program->arena, f);
    else if (q->op == TEST_REGEX)
        fragments_of_regex(value, !(row->flags & TEST_CASED), true, &b->program->arena, f);
    else if (q->op <= TEST_ENDS)
        fragments_of_literal(value, true, &b->program->arena, f);
}

struct keyword_lists {
    struct {
        struct literal_entry *at;
        size_t n, room;
    } literal;
    struct {
        uint32_t *at;
        size_t n, room;
    } unfiltered;
};

static void add_keyword(struct build *b, struct keyword_lists *k, uint32_t predicate)
{
    struct fragments f;
    keyword_fragments(b, predicate, &f);
    for (uint32_t i = 0; i < f.count; i++)
        *vec_push(&k->literal) =
            (struct literal_entry){fragment_sharpened(f.at[i]), predicate << 1 | 1};
    if (f.count == 0)
        *vec_push(&k->unfiltered) = predicate;
}

/* `pair` holds (keyword predicate, source), sorted by source; these are of one source. */
static status build_source_keywords(struct build *b, const struct wake_pair *pair, size_t n)
{
    struct program *p = b->program;
    struct keywords *k = &p->keywords[p->keywords_count++];
    struct keyword_lists lists = {0};
    k->source = pair[0].rule;
    for (size_t i = 0; i < n; i++)
        if (i == 0 || pair[i].predicate != pair[i - 1].predicate)
            add_keyword(b, &lists, pair[i].predicate);
    /* How JSON may write a character that it need not escape; see find_keywords. */
    if (lists.literal.n)
        *vec_push(&lists.literal) = (struct literal_entry){KEYWORD_ESCAPE, KEYWORD_ESCAPE_TARGET};
    k->unfiltered = program_keep(p, lists.unfiltered.at, lists.unfiltered.n, sizeof(uint32_t));
    k->unfiltered_count = (uint32_t)lists.unfiltered.n;
    status s = literal_map_build(&k->literal, lists.literal.at, lists.literal.n, true, &b->cache,
                                 &p->arena, b->err);
    vec_done(&lists.literal);
    vec_done(&lists.unfiltered);
    return s;
}

static int by_source(const void *x, const void *y)
{
    const struct wake_pair *a = x, *b = y;
    if (a->rule != b->rule)
        return a->rule < b->rule ? -1 : 1;
    return (a->predicate > b->predicate) - (a->predicate < b->predicate);
}

static status build_keywords(struct build *b)
{
    struct program *p = b->program;
    struct wake_pair *pair = mem_array(struct wake_pair, b->order.n);
    size_t n = 0, next = 0;
    for (uint32_t r = 0; r < b->image->rule.n; r++)
        for (uint32_t i = 0; i < p->code[r].count; i++) {
            const struct step *s = &p->step[p->code[r].first + i];
            if (s->kind == STEP_FIRED && p->predicate[s->arg].keyword)
                pair[n++] = (struct wake_pair){s->arg, p->source[r]};
        }
    if (n)
        qsort(pair, n, sizeof *pair, by_source);
    p->keywords = arena_array(&p->arena, struct keywords, sources_count(p->sources));
    assert(p->keywords);
    status s = ST_OK;
    for (size_t i = 0; i < n && s == ST_OK; i = next) {
        for (next = i; next < n && pair[next].rule == pair[i].rule; next++)
            ;
        s = build_source_keywords(b, pair + i, next - i);
    }
    mem_free(pair);
    return s;
}

/* ---- steps ---- */

struct child_order {
    uint32_t node;
    float chance;
    bool lazy;
};

/* How likely the node is, and whether asking it may cost more than a look at a bit. */
static struct child_order judge(struct build *b, uint32_t node)
{
    const struct node_row *row = &b->image->node.at[node];
    struct child_order out = {.node = node, .chance = row->kind == NODE_AND ? 1.0f : 0.0f};
    if (row->kind == NODE_TEST) {
        const struct predicate *q = &b->program->predicate[b->of_node[node]];
        out.chance = q->chance < 1 ? q->chance : 1;
        out.lazy = !q->eager;
        return out;
    }
    for (uint32_t i = 0; i < row->child.count; i++) {
        struct child_order c = judge(b, b->image->child.at[row->child.first + i]);
        out.lazy |= c.lazy;
        if (row->kind == NODE_AND)
            out.chance *= c.chance;
        else
            out.chance = row->kind == NODE_NOT ? 1 - c.chance : out.chance + c.chance;
    }
    out.chance = out.chance < 1 ? out.chance : 1;
    return out;
}

static int unlikely_first(const void *x, const void *y)
{
    const struct child_order *a = x, *b = y;
    if (a->lazy != b->lazy)
        return a->lazy - b->lazy;
    if (a->chance != b->chance)
        return a->chance < b->chance ? -1 : 1;
    return (a->node > b->node) - (a->node < b->node);
}

static int likely_first(const void *x, const void *y)
{
    const struct child_order *a = x, *b = y;
    if (a->lazy != b->lazy)
        return a->lazy - b->lazy;
    if (a->chance != b->chance)
        return a->chance > b->chance ? -1 : 1;
    return (a->node > b->node) - (a->node < b->node);
}

static void emit_test(struct build *b, uint32_t node)
{
    uint32_t number = b->of_node[node];
    const struct predicate *q = &b->program->predicate[number];
    bool never = !q->keyword && q->fields.field == FIELD_OVERFLOW;
    *vec_push(&b->step) = (struct step){never      ? STEP_NEVER
                                        : q->eager ? STEP_FIRED
                                                   : STEP_ASK,
                                        number};
}

static void emit(struct build *b, uint32_t node)
{
    const struct node_row *row = &b->image->node.at[node];
    uint32_t n = row->child.count;
    if (row->kind == NODE_TEST) {
        emit_test(b, node);
        return;
    }
    if (row->kind != NODE_NOT && n == 1) {
        emit(b, b->image->child.at[row->child.first]);
        return;
    }
    struct child_order *child = mem_array(struct child_order, n);
    for (uint32_t i = 0; i < n; i++)
        child[i] = judge(b, b->image->child.at[row->child.first + i]);
    if (n)
        qsort(child, n, sizeof *child, row->kind == NODE_AND ? unlikely_first : likely_first);
    size_t at = b->step.n;
    *vec_push(&b->step) = (struct step){row->kind == NODE_AND  ? STEP_AND
                                        : row->kind == NODE_OR ? STEP_OR
                                                               : STEP_NOT,
                                        0};
    for (uint32_t i = 0; i < n; i++)
        emit(b, child[i].node);
    b->step.at[at].arg = (uint32_t)b->step.n;
    mem_free(child);
}

static void emit_all(struct build *b)
{
    struct program *p = b->program;
    struct rule_visit v = {.next = 0};
    for (uint32_t r = 0; r < b->image->rule.n; r++) {
        const struct rule_row *row = &b->image->rule.at[r];
        p->source[r] = source_of(p->sources, r);
        if (!is_detection(row))
            continue;
        visit(b, row->root, note_node, &v);
        p->code[r].first = (uint32_t)b->step.n;
        emit(b, row->root);
        p->code[r].count = (uint32_t)b->step.n - p->code[r].first;
    }
    p->step_count = (uint32_t)b->step.n;
    p->step = program_keep(p, b->step.at, b->step.n, sizeof *b->step.at);
}

/* ---- the cache of databases: (key, size, bytes padded to 8) one after the other ---- */

static size_t padded(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

str db_cache_find(const struct db_cache *cache, uint64_t key)
{
    str s = cache->bytes;
    while (s.n >= 16) {
        uint64_t head[2];
        memcpy(head, s.p, sizeof head);
        s = str_from(s, sizeof head);
        if (head[1] > s.n)
            break;
        if (head[0] == key)
            return str_head(s, head[1]);
        s = str_from(s, padded(head[1]));
    }
    return (str){NULL, 0};
}

static void write_database(const struct literal_map *map, struct sbuf *out)
{
    if (!map->db)
        return;
    struct sbuf one;
    sbuf_init(&one, SIZE_MAX / 2);
    literal_db_write(map->db, &one);
    uint64_t head[2] = {map->key, one.n};
    static const char zero[8];
    sbuf_add(out, (str){(const char *)head, sizeof head});
    sbuf_add(out, sbuf_str(&one));
    sbuf_add(out, (str){zero, padded(one.n) - one.n});
    sbuf_done(&one);
}

void program_databases(const struct program *p, struct sbuf *out)
{
    for (uint32_t i = 1; i < p->lane_count; i++)
        write_database(&p->lane[i].literal, out);
    for (uint32_t i = 0; i < p->keywords_count; i++)
        write_database(&p->keywords[i].literal, out);
}

/* ---- the whole ---- */

static status build(struct build *b)
{
    find_predicates(b);
    guess_chances(b);
    choose_wakes(b);
    build_wakes(b);
    for (uint32_t i = 0; i < b->program->predicate_count; i++)
        b->program->predicate[i].eager = is_eager(b->program, &b->program->predicate[i]);
    emit_all(b);
    status s = compile_regexes(b);
    s = s == ST_OK ? build_lanes(b) : s;
    return s == ST_OK ? build_keywords(b) : s;
}

static void build_done(struct build *b)
{
    map_done(&b->seen);
    sbuf_done(&b->key);
    vec_done(&b->predicate);
    vec_done(&b->order);
    vec_done(&b->step);
    vec_done(&b->regex);
    mem_free(b->of_node);
    mem_free(b->pair);
}

status program_build(struct rule_set *set, str databases, struct error *err)
{
    struct program *p = mem_new(struct program);
    p->set = set;
    arena_init(&p->arena, SIZE_MAX / 2);
    p->sources = sources_new(&set->image);
    p->source = arena_array(&p->arena, uint32_t, set->image.rule.n);
    p->code = arena_array(&p->arena, struct span, set->image.rule.n);
    p->always = arena_array(&p->arena, bool, set->image.rule.n);
    struct build b = {.program = p, .image = &set->image, .err = err, .cache = {databases}};
    sbuf_init(&b.key, KEY_BYTES_MAX);
    b.of_node = mem_array(uint32_t, set->image.node.n);
    status s = build(&b);
    build_done(&b);
    if (s != ST_OK) {
        program_free(p);
        return s;
    }
    set->program = p;
    return ST_OK;
}

void program_free(struct program *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; i < p->lane_count; i++)
        literal_db_free(p->lane[i].literal.db);
    for (uint32_t i = 0; i < p->keywords_count; i++)
        literal_db_free(p->keywords[i].literal.db);
    for (uint32_t i = 0; i < p->regex_count; i++)
        if (p->regex[i].owner)
            regex_free(p->regex[i].regex);
    sources_free(p->sources);
    arena_done(&p->arena);
    mem_free(p);
}
