/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "rule/describe.h"
#include "rule/match.h"

enum {
    EVIDENCE_MAX = 16,
    EVIDENCE_BYTES_MAX = 1024,
    REASON_BYTES = 300, /* then it says how many more */
    REASON_BYTES_MAX = 4096
};

/* A test that holds, and the field that made it (NULL: the record, or an absence). */
struct reason {
    uint32_t test;
    struct test_fields fields;
    struct field *by;
};

struct reasons {
    struct rule_matcher *m;
    struct event *event;
    enum family family;
    struct reason at[EVIDENCE_MAX];
    uint32_t count, more;
};

static void add_reason(struct reasons *r, uint32_t test)
{
    struct reason one = {.test = test, .fields = test_fields(r->m->set, r->family, test)};
    if (!test_event(&r->m->tester, test, one.fields, r->event, &one.by))
        return;
    if (r->count < EVIDENCE_MAX)
        r->at[r->count++] = one;
    else
        r->more++;
}

/* The tests because of which a node that holds does; what must not hold says nothing. */
static void find_reasons(struct reasons *r, uint32_t node)
{
    const struct image *im = &r->m->set->image;
    const struct node_row *row = &im->node.at[node];
    if (row->kind == NODE_TEST) {
        add_reason(r, row->test);
        return;
    }
    if (row->kind == NODE_NOT)
        return;
    for (uint32_t i = 0; i < row->child.count; i++) {
        uint32_t child = im->child.at[row->child.first + i];
        bool inner = row->kind == NODE_OR && im->node.at[child].kind != NODE_TEST;
        if (!inner || node_event(&r->m->tester, r->family, child, r->event))
            find_reasons(r, child);
    }
}

/* ---- evidence ---- */

static bool has_field(const struct reasons *r, uint32_t before, const struct field *f)
{
    for (uint32_t i = 0; i < before; i++)
        if (r->at[i].by == f)
            return true;
    return false;
}

static uint32_t add_evidence(const struct reasons *r, struct arena *arena, struct pair *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        struct field *f = r->at[i].by;
        bool keyword = r->m->set->image.test.at[r->at[i].test].flags & TEST_KEYWORD;
        if ((!f && !keyword) || has_field(r, i, f))
            continue;
        str value = f ? event_text(r->event, f) : r->event->raw;
        out[n].name = dict_name(r->m->set->dict, f ? f->id : (field_id)FIELD_EVENT_ORIGINAL);
        out[n].value = arena_str(arena, str_head(value, EVIDENCE_BYTES_MAX));
        if (!out[n].value.p)
            return n;
        n++;
    }
    return n;
}

/* ---- the sentence ---- */

static str reason_text(const struct reasons *r, struct arena *arena)
{
    struct sbuf text;
    uint32_t said = 0, count = r->count + r->more;
    sbuf_init(&text, REASON_BYTES_MAX);
    for (; said < r->count && (said == 0 || text.n < REASON_BYTES); said++) {
        sbuf_addz(&text, said ? " and " : "");
        describe_test(&text, r->m->set, r->at[said].test, r->at[said].fields, arena);
    }
    if (said < count)
        sbuf_addf(&text, " and %u more", count - said);
    if (count == 0)
        sbuf_addz(&text, "nothing that the rule excludes is in the event");
    str out = arena_str(arena, sbuf_str(&text));
    sbuf_done(&text);
    return out;
}

/* ---- the rule ---- */

static str slug(str title, struct arena *arena)
{
    char *out = arena_bytes(arena, title.n + 1);
    size_t n = 0;
    for (size_t i = 0; out && i < title.n; i++) {
        char c = ascii_lower(title.p[i]);
        bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (word || (n && out[n - 1] != '-'))
            out[n++] = word ? c : '-';
    }
    while (n && out[n - 1] == '-')
        n--;
    if (out)
        out[n] = '\0';
    return (str){out, n};
}

static str rule_name(const struct rule_set *set, const struct rule_row *row, struct arena *arena)
{
    str id = image_str(&set->image, row->id);
    id = id.n ? id : image_str(&set->image, row->name);
    return id.n ? arena_str(arena, id) : slug(image_str(&set->image, row->title), arena);
}

static bool add_techniques(struct finding *f, const struct rule_set *set,
                           const struct rule_row *row, struct arena *arena)
{
    str *technique = arena_array(arena, str, row->technique.count);
    for (uint32_t i = 0; technique && i < row->technique.count; i++)
        technique[i] =
            arena_str(arena, image_str(&set->image, set->image.list.at[row->technique.first + i]));
    f->technique = technique;
    f->technique_count = row->technique.count;
    return technique && (row->technique.count == 0 || technique[row->technique.count - 1].p);
}

struct finding *rule_finding(struct rule_matcher *m, const struct batch *b,
                             const struct rule_hit *hit, struct arena *arena)
{
    const struct rule_row *row = &m->set->image.rule.at[hit->rule];
    struct event *e = &b->event[hit->event];
    struct reasons r = {.m = m, .event = e, .family = rule_family(m->set, row)};
    struct finding *f = arena_new(arena, struct finding);
    struct pair *entity = arena_array(arena, struct pair, ENTITY_MAX);
    struct pair *evidence = arena_array(arena, struct pair, EVIDENCE_MAX);
    if (!f || !entity || !evidence)
        return NULL;
    find_reasons(&r, row->root);
    *f = (struct finding){.kind = FINDING_RULE,
                          .level = (enum level)row->level,
                          .score_01 = level_score((enum level)row->level),
                          .time_ms = e->time_ms,
                          .id = rule_name(m->set, row, arena),
                          .title = arena_str(arena, image_str(&m->set->image, row->title)),
                          .entity = entity,
                          .evidence = evidence,
                          .reason = reason_text(&r, arena),
                          .origin = e->origin};
    f->entity_count = event_entity(e, arena, entity);
    f->evidence_count = add_evidence(&r, arena, evidence);
    event_id(e, f->event_id);
    bool whole = add_techniques(f, m->set, row, arena);
    return whole && f->id.p && f->title.p && f->reason.p ? f : NULL;
}
