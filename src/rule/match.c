/* SPDX-License-Identifier: Apache-2.0 */
#include "rule/match.h"

#include "base/mem.h"
#include "codec/json_scan.h"

#include <assert.h>

enum { GENERATION_MAX = 1 << 30, TEXT_MAX = 1 << 30, NARROW_BYTES = 4 << 20 };

void rule_hits_done(struct rule_hits *h)
{
    vec_done(h);
}

/* ---- making a matcher ---- */

static void fit_scratch(struct rule_matcher *m)
{
    const struct program *p = m->program;
    for (uint32_t i = 1; i < p->lane_count + p->keywords_count; i++) {
        const struct literal_map *map =
            i < p->lane_count ? &p->lane[i].literal : &p->keywords[i - p->lane_count].literal;
        status s = map->db ? literal_scratch_fit(&m->scan.scratch, map->db) : ST_OK;
        assert(s == ST_OK); /* out of memory */
    }
}

struct rule_matcher *rule_matcher_new(const struct rule_set *set)
{
    const struct program *p = set->program;
    struct rule_matcher *m = mem_new(struct rule_matcher);
    m->set = set;
    m->program = p;
    m->router = router_new(p->sources);
    tester_init(&m->tester, set);
    m->scan = (struct lane_scan){
        .program = p, .tester = &m->tester, .seen = mem_array(uint32_t, p->predicate_count)};
    fit_scratch(m);
    memo_init(&m->memo);
    m->use_memo = true;
    arena_init(&m->arena, SIZE_MAX / 2); /* some hundred routes at most */
    m->mark = mem_array(uint32_t, p->predicate_count);
    m->ran = mem_array(uint32_t, set->image.rule.n);
    sbuf_init(&m->text, TEXT_MAX);
    return m;
}

static void view_done(struct view *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < v->lane.n; i++)
        literal_db_free(v->lane.at[i].narrowed.db);
    vec_done(&v->lane);
}

void rule_matcher_free(struct rule_matcher *m)
{
    if (!m)
        return;
    router_free(m->router);
    tester_done(&m->tester);
    literal_scratch_done(&m->scan.scratch);
    mem_free(m->scan.seen);
    mem_free(m->scan.folded);
    vec_done(&m->scan.hit);
    memo_done(&m->memo);
    for (size_t i = 0; i < m->view.n; i++)
        view_done(m->view.at[i].view);
    vec_done(&m->view);
    keywords_done(m);
    arena_done(&m->arena);
    mem_free(m->mark);
    mem_free(m->ran);
    vec_done(&m->found);
    vec_done(&m->spill);
    vec_done(&m->woken);
    vec_done(&m->fired);
    vec_done(&m->candidate);
    sbuf_done(&m->text);
    mem_free(m);
}

/* ---- views ---- */

static uint16_t view_add_lane(struct view *v, const struct lane *lane)
{
    *vec_push(&v->lane) = (struct view_lane){
        .want = {.lane = lane, .relevant = v->relevant, .literal = &lane->literal}};
    return (uint16_t)(v->lane.n - 1);
}

static void view_add_rule(struct view *v, const struct program *p, uint32_t rule)
{
    v->used = true;
    if (p->always[rule])
        v->always[v->always_count++] = rule;
    for (uint32_t i = 0; i < p->code[rule].count; i++) {
        const struct step *s = &p->step[p->code[rule].first + i];
        if (s->kind != STEP_FIRED)
            continue;
        v->relevant[s->arg >> 6] |= 1ull << (s->arg & 63);
        field_id f = p->predicate[s->arg].fields.field;
        if (!v->lane_of[f])
            v->lane_of[f] = view_add_lane(v, &p->lane[p->lane_of[f]]);
        v->lane.at[v->lane_of[f]].want.parts |= lane_parts(p, s->arg);
    }
}

static struct view *view_new(struct rule_matcher *m, const struct route *route)
{
    const struct program *p = m->program;
    size_t rules = m->set->image.rule.n;
    struct view *v = arena_new(&m->arena, struct view);
    v->lane_of = arena_array(&m->arena, uint16_t, p->lane_fields);
    v->relevant = arena_array(&m->arena, uint64_t, p->predicate_count / 64 + 1);
    *vec_push(&v->lane) = (struct view_lane){.scanned = 0};
    uint32_t always = 0;
    for (uint32_t r = 0; r < rules; r++)
        always += p->code[r].count && route_has(route, p->source[r]) && p->always[r];
    v->always = arena_array(&m->arena, uint32_t, always);
    for (uint32_t r = 0; r < rules; r++)
        if (p->code[r].count && route_has(route, p->source[r]))
            view_add_rule(v, p, r);
    v->keywords = keywords_of(m, route);
    return v;
}

static struct view *view_of(struct rule_matcher *m, const struct route *route)
{
    while (m->view.n <= route->index)
        *vec_push(&m->view) = (struct view_slot){NULL};
    struct view_slot *slot = &m->view.at[route->index];
    if (UNLIKELY(!slot->view))
        slot->view = view_new(m, route);
    return slot->view;
}

/* ---- values ---- */

static str decoded(struct rule_matcher *m, const struct field *f)
{
    str raw = {f->p, f->n};
    if (!(f->flags & FIELD_ESCAPED))
        return raw;
    sbuf_clear(&m->text);
    char *out = sbuf_space(&m->text, raw.n);
    if (!out)
        return raw;
    return (str){out, json_unescape(raw, out)};
}

static bool has_a_field_of(const struct rule_matcher *m, uint32_t rule)
{
    const struct program *p = m->program;
    for (uint32_t i = 0; i < p->code[rule].count; i++) {
        const struct step *s = &p->step[p->code[rule].first + i];
        bool asks = s->kind == STEP_FIRED || s->kind == STEP_ASK;
        if (asks && event_find(m->event, p->predicate[s->arg].fields.field))
            return true;
    }
    return false;
}

bool match_applies(const struct rule_matcher *m, uint32_t rule)
{
    const struct program *p = m->program;
    uint32_t source = p->source[rule];
    if (source == SOURCE_NONE || !route_has(m->route, source))
        return false;
    return m->event->family != FAMILY_UNKNOWN || !p->always[rule] ||
           !source_is_known(p->sources, source) || has_a_field_of(m, rule);
}

/* Rules of this route that a predicate wakes. */
static void add_woken(struct rule_matcher *m, uint32_t predicate)
{
    const struct program *p = m->program;
    struct span wake = p->wake[predicate];
    for (uint32_t i = 0; i < wake.count; i++) {
        uint32_t rule = p->wake_rule[wake.first + i];
        if (route_has(m->route, p->source[rule]))
            *vec_push(&m->woken) = rule;
    }
}

/* Once a lane has had much to scan, a database of what matters here pays for itself. */
static void narrow(struct rule_matcher *m, struct view_lane *lane, size_t bytes)
{
    lane->scanned += bytes;
    if (lane->scanned < NARROW_BYTES ||
        !literal_map_narrow(lane->want.literal, lane->want.relevant, &m->arena, &lane->narrowed))
        return;
    if (lane->narrowed.db && literal_scratch_fit(&m->scan.scratch, lane->narrowed.db) != ST_OK)
        return;
    lane->want.literal = &lane->narrowed;
}

static void ask_lane(struct rule_matcher *m, struct view_lane *lane, const struct field *f)
{
    str text = f->kind == VALUE_NULL ? (str){"", 0} : decoded(m, f);
    m->stats.bytes += text.n;
    if (UNLIKELY(lane->scanned < NARROW_BYTES))
        narrow(m, lane, text.n);
    lane_ask(&m->scan, &lane->want, text, f->kind);
    m->woken.n = 0;
    for (size_t i = 0; i < m->scan.hit.n; i++)
        add_woken(m, m->scan.hit.at[i]);
}

static void spill(struct rule_matcher *m, struct found *out)
{
    *out = (struct found){.spill_at = (uint32_t)m->spill.n,
                          .predicates = (uint32_t)m->scan.hit.n,
                          .rules = (uint32_t)m->woken.n};
    for (size_t i = 0; i < m->scan.hit.n; i++)
        *vec_push(&m->spill) = m->scan.hit.at[i];
    for (size_t i = 0; i < m->woken.n; i++)
        *vec_push(&m->spill) = m->woken.at[i];
}

static void remember(struct rule_matcher *m, const struct memo_key *key, uint64_t hash,
                     struct found *out)
{
    size_t n = m->scan.hit.n, rules = m->woken.n;
    struct memo_entry *e = memo_add(&m->memo, key, hash, n, rules);
    if (!e) {
        spill(m, out);
        return;
    }
    if (n)
        memcpy(e->at, m->scan.hit.at, n * sizeof *e->at);
    if (rules)
        memcpy(e->at + n, m->woken.at, rules * sizeof *e->at);
    *out = (struct found){.at = e->at, .predicates = (uint32_t)n, .rules = (uint32_t)rules};
}

static void find_value(struct rule_matcher *m, const struct view *v, uint16_t lane,
                       const struct field *f, struct found *out)
{
    m->stats.values++;
    if (f->n > MEMO_TEXT_MAX || !m->use_memo) {
        ask_lane(m, &v->lane.at[lane], f);
        spill(m, out);
        return;
    }
    struct memo_key key = {.route = m->route->index,
                           .lane = lane,
                           .kind = f->kind,
                           .flags = f->flags & FIELD_ESCAPED,
                           .text = {f->p, f->n}};
    uint64_t hash = memo_hash(&m->memo, &key);
    const struct memo_entry *e = memo_find(&m->memo, &key, hash);
    if (LIKELY(e)) {
        m->stats.remembered++;
        *out = (struct found){.at = e->at, .predicates = e->predicates, .rules = e->rules};
        return;
    }
    ask_lane(m, &v->lane.at[lane], f);
    remember(m, &key, hash, out);
}

/* ---- predicates of the event ---- */

/* Find out the plain way, once an event. */
static bool ask(struct rule_matcher *m, uint32_t predicate)
{
    const struct predicate *q = &m->program->predicate[predicate];
    bool yes = test_event(&m->tester, q->test, q->fields, m->event, NULL);
    m->mark[predicate] = match_mark(m, yes ? MARK_YES : MARK_NO);
    return yes;
}

static enum mark mark_of(const struct rule_matcher *m, uint32_t predicate)
{
    uint32_t mark = m->mark[predicate];
    return mark >> 2 == m->generation ? (enum mark)(mark & 3) : MARK_NONE;
}

static bool test_holds(struct rule_matcher *m, const struct step *s)
{
    enum mark mark = mark_of(m, s->arg);
    if (mark == MARK_MAYBE || (mark == MARK_NONE && s->kind == STEP_ASK))
        return ask(m, s->arg);
    return mark == MARK_YES;
}

static bool holds(struct rule_matcher *m, uint32_t at)
{
    const struct step *s = &m->program->step[at];
    switch ((enum step_kind)s->kind) {
    case STEP_FIRED:
        return m->mark[s->arg] == match_mark(m, MARK_YES);
    case STEP_KEYWORD:
    case STEP_ASK:
        return test_holds(m, s);
    case STEP_NEVER:
        return false;
    case STEP_NOT:
        return !holds(m, at + 1);
    case STEP_AND:
    case STEP_OR:
        break;
    }
    bool stop = s->kind == STEP_OR;
    for (uint32_t i = at + 1; i < s->arg;) {
        if (holds(m, i) == stop)
            return stop;
        const struct step *child = &m->program->step[i];
        i = child->kind <= STEP_NOT ? child->arg : i + 1;
    }
    return !stop;
}

static void try_rule(struct rule_matcher *m, uint32_t rule)
{
    if (m->ran[rule] == m->generation)
        return;
    m->ran[rule] = m->generation;
    m->stats.tried++;
    if (holds(m, m->program->code[rule].first))
        *vec_push(&m->fired) = rule;
}

/* ---- events ---- */

static void next_generation(struct rule_matcher *m)
{
    if (++m->generation < GENERATION_MAX)
        return;
    memset(m->mark, 0, m->program->predicate_count * sizeof *m->mark);
    memset(m->ran, 0, m->set->image.rule.n * sizeof *m->ran);
    m->generation = 1;
}

static bool find_values(struct rule_matcher *m, const struct view *v)
{
    const struct event *e = m->event;
    bool woken = false;
    m->found.n = m->spill.n = 0;
    for (uint32_t i = 0; i < e->field_count; i++) {
        const struct field *f = &e->field[i];
        uint16_t lane = f->id < m->program->lane_fields ? v->lane_of[f->id] : 0;
        if (!lane)
            continue;
        struct found *found = vec_push(&m->found);
        find_value(m, v, lane, f, found);
        woken |= found->rules > 0;
        if (found->predicates == 0)
            m->found.n--;
    }
    return woken;
}

static const uint32_t *found_at(const struct rule_matcher *m, const struct found *f)
{
    return f->at ? f->at : m->spill.at + f->spill_at;
}

static void try_woken(struct rule_matcher *m, const struct view *v)
{
    uint32_t yes = match_mark(m, MARK_YES);
    for (size_t i = 0; i < m->found.n; i++)
        for (uint32_t j = 0; j < m->found.at[i].predicates; j++)
            m->mark[found_at(m, &m->found.at[i])[j]] = yes;
    for (size_t i = 0; i < m->found.n; i++) {
        const struct found *f = &m->found.at[i];
        for (uint32_t j = 0; j < f->rules; j++)
            try_rule(m, found_at(m, f)[f->predicates + j]);
    }
    m->woken.n = 0;
    for (size_t i = 0; i < m->candidate.n; i++)
        add_woken(m, m->candidate.at[i]);
    for (size_t i = 0; i < m->woken.n; i++)
        try_rule(m, m->woken.at[i]);
    for (uint32_t i = 0; i < v->always_count; i++)
        if (match_applies(m, v->always[i]))
            try_rule(m, v->always[i]);
}

static int by_value(const void *x, const void *y)
{
    const uint32_t *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

static void match_event(struct rule_matcher *m, struct event *e, uint32_t index,
                        struct rule_hits *out)
{
    m->route = route_event(m->router, e);
    const struct view *v = view_of(m, m->route);
    if (!v->used)
        return;
    m->event = e;
    next_generation(m);
    bool woken = find_values(m, v) || v->always_count;
    m->candidate.n = 0;
    if (v->keywords)
        woken |= keywords_find(m, v->keywords);
    if (!woken)
        return;
    m->fired.n = 0;
    try_woken(m, v);
    if (m->fired.n > 1)
        qsort(m->fired.at, m->fired.n, sizeof *m->fired.at, by_value);
    for (size_t i = 0; i < m->fired.n; i++)
        *vec_push(out) = (struct rule_hit){.rule = m->fired.at[i], .event = index};
}

void rule_match(struct rule_matcher *m, struct batch *b, struct rule_hits *out)
{
    for (size_t i = 0; i < b->event_count; i++) {
        match_event(m, &b->event[i], (uint32_t)i, out);
        if (UNLIKELY(m->memo.full))
            memo_clear(&m->memo);
    }
}
