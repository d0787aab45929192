/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json_out.h"
#include "rule/describe.h"
#include "rule/match.h"

enum { SHOWN_VALUES = 3, SHOWN_WIDTH = 100, SHOWN_JSON_BYTES = 1024, SCRATCH_BYTES = 1 << 20 };

struct explain {
    struct rule_matcher *m;
    struct event *event;
    enum family family;
    struct arena arena; /* words */
    struct sbuf *out;
    struct json_out json;
};

static const struct image *image_of(const struct explain *x)
{
    return &x->m->set->image;
}

static bool node_holds(struct explain *x, uint32_t node)
{
    return node_event(&x->m->tester, x->family, node, x->event);
}

/* The values a test looked at: of its field, or for a keyword the one that has it. */
static uint32_t values_of(struct explain *x, uint32_t test, struct field *out[SHOWN_VALUES])
{
    struct test_fields f = test_fields(x->m->set, x->family, test);
    struct field *by = NULL;
    uint32_t n = 0;
    bool keyword = image_of(x)->test.at[test].flags & TEST_KEYWORD;
    (void)test_event(&x->m->tester, test, f, x->event, &by);
    if (by)
        out[n++] = by;
    for (uint32_t i = 0; i < x->event->field_count && n < SHOWN_VALUES && !keyword; i++)
        if (x->event->field[i].id == f.field && &x->event->field[i] != by)
            out[n++] = &x->event->field[i];
    return n;
}

static const char *group_word(unsigned kind)
{
    return kind == NODE_AND ? "all of" : kind == NODE_OR ? "any of" : "not";
}

static bool is_detection(const struct rule_row *row)
{
    return !(row->flags & RULE_CORRELATION) && row->root != ROW_NONE;
}

static bool source_applies(struct explain *x, uint32_t rule)
{
    x->m->event = x->event;
    x->m->route = route_event(x->m->router, x->event);
    return match_applies(x->m, rule);
}

/* ---- text ---- */

static void text_values(struct explain *x, uint32_t test)
{
    struct field *f[SHOWN_VALUES];
    uint32_t n = values_of(x, test, f);
    const struct test_row *row = &image_of(x)->test.at[test];
    if (n == 0 && !(row->flags & TEST_KEYWORD))
        sbuf_addz(x->out, "; the event has no such field");
    for (uint32_t i = 0; i < n; i++) {
        sbuf_addz(x->out, i                           ? ", "
                          : row->flags & TEST_KEYWORD ? "; found in "
                                                      : "; the event has ");
        if (row->flags & TEST_KEYWORD) {
            sbuf_add(x->out, dict_name(x->m->set->dict, f[i]->id));
            sbuf_addc(x->out, ' ');
        }
        if (f[i]->kind == VALUE_NULL)
            sbuf_addz(x->out, "null");
        else
            describe_value(x->out, event_text(x->event, f[i]), SHOWN_WIDTH);
    }
}

static void text_test(struct explain *x, uint32_t test)
{
    const struct test_row *row = &image_of(x)->test.at[test];
    str written = image_str(image_of(x), row->field);
    struct test_fields fields = test_fields(x->m->set, x->family, test);
    if (written.n && !str_eq(written, dict_name(x->m->set->dict, fields.field))) {
        sbuf_add(x->out, written);
        sbuf_addz(x->out, " = ");
    }
    describe_test(x->out, x->m->set, test, fields, &x->arena);
    if (row->flags & TEST_CASED)
        sbuf_addz(x->out, " (case counts)");
    text_values(x, test);
}

static void text_node(struct explain *x, uint32_t node, unsigned depth)
{
    const struct node_row *row = &image_of(x)->node.at[node];
    str label = image_str(image_of(x), row->label);
    for (unsigned i = 0; i < depth; i++)
        sbuf_addz(x->out, "  ");
    sbuf_addz(x->out, node_holds(x, node) ? "✓ " : "✗ ");
    sbuf_add(x->out, label);
    sbuf_addz(x->out, label.n ? ": " : "");
    if (row->kind == NODE_TEST)
        text_test(x, row->test);
    else
        sbuf_addz(x->out, group_word(row->kind));
    sbuf_addc(x->out, '\n');
    for (uint32_t i = 0; row->kind != NODE_TEST && i < row->child.count; i++)
        text_node(x, image_of(x)->child.at[row->child.first + i], depth + 1);
}

static void text_source(struct explain *x, const struct rule_row *row, bool applies)
{
    const struct text part[] = {row->product, row->category, row->service};
    const struct event *e = x->event;
    bool any = false;
    sbuf_addz(x->out, applies ? "✓ log source " : "✗ log source ");
    for (size_t i = 0; i < COUNT(part); i++) {
        if (part[i].n == 0)
            continue;
        sbuf_addz(x->out, any ? " / " : "");
        sbuf_add(x->out, image_str(image_of(x), part[i]));
        any = true;
    }
    sbuf_addz(x->out, any ? "" : "of any kind");
    sbuf_addf(x->out, "; the event is %s, channel ",
              e->family != FAMILY_UNKNOWN ? family_name(e->family)
              : applies                   ? "of an unknown source"
                                          : "of an unknown source and has no field of the rule's");
    describe_value(x->out, e->channel, SHOWN_WIDTH);
    sbuf_addz(x->out, ", code ");
    describe_value(x->out, e->code, SHOWN_WIDTH);
    sbuf_addc(x->out, '\n');
}

static void explain_text(struct explain *x, uint32_t rule)
{
    const struct rule_row *row = &image_of(x)->rule.at[rule];
    bool detection = is_detection(row), applies = detection && source_applies(x, rule);
    bool fires = applies && node_holds(x, row->root);
    sbuf_add(x->out, image_str(image_of(x), row->title));
    sbuf_addf(x->out, " (%s)\n", level_name((enum level)row->level));
    if (!detection) {
        sbuf_addz(x->out, "a correlation: it judges many events, not one\n");
        return;
    }
    text_source(x, row, applies);
    text_node(x, row->root, 0);
    sbuf_addz(x->out, fires ? "the rule fires\n" : "the rule does not fire\n");
}

/* ---- JSON ---- */

static void json_test(struct explain *x, uint32_t test)
{
    struct json_out *o = &x->json;
    const struct test_row *row = &image_of(x)->test.at[test];
    struct test_fields fields = test_fields(x->m->set, x->family, test);
    struct field *f[SHOWN_VALUES];
    if (!(row->flags & TEST_KEYWORD)) {
        json_out_kv_str(o, "field", dict_name(x->m->set->dict, fields.field));
        json_out_kv_str(o, "written", image_str(image_of(x), row->field));
    }
    json_out_kv_str(o, "operator", str_z(test_verb(row)));
    json_out_kv_str(o, "value", test_wants(image_of(x), row, &x->arena));
    json_out_kv_bool(o, "cased", row->flags & TEST_CASED);
    json_out_key(o, STR("event"));
    json_out_array(o);
    uint32_t n = values_of(x, test, f);
    for (uint32_t i = 0; i < n; i++)
        if (f[i]->kind == VALUE_NULL)
            json_out_null(o);
        else
            json_out_str(o, str_head(event_text(x->event, f[i]), SHOWN_JSON_BYTES));
    json_out_array_end(o);
}

static void json_node(struct explain *x, uint32_t node)
{
    struct json_out *o = &x->json;
    const struct node_row *row = &image_of(x)->node.at[node];
    json_out_object(o);
    json_out_kv_bool(o, "holds", node_holds(x, node));
    json_out_kv_str(o, "kind", str_z(row->kind == NODE_TEST ? "test" : group_word(row->kind)));
    if (row->label.n)
        json_out_kv_str(o, "label", image_str(image_of(x), row->label));
    json_out_kv_u64(o, "line", row->line);
    if (row->kind == NODE_TEST) {
        json_test(x, row->test);
    } else {
        json_out_key(o, STR("children"));
        json_out_array(o);
        for (uint32_t i = 0; i < row->child.count; i++)
            json_node(x, image_of(x)->child.at[row->child.first + i]);
        json_out_array_end(o);
    }
    json_out_object_end(o);
}

static void json_source(struct explain *x, const struct rule_row *row, bool applies)
{
    struct json_out *o = &x->json;
    json_out_key(o, STR("logsource"));
    json_out_object(o);
    json_out_kv_bool(o, "applies", applies);
    json_out_kv_str(o, "product", image_str(image_of(x), row->product));
    json_out_kv_str(o, "category", image_str(image_of(x), row->category));
    json_out_kv_str(o, "service", image_str(image_of(x), row->service));
    json_out_kv_str(o, "event_family", str_z(family_name(x->event->family)));
    json_out_kv_str(o, "event_channel", x->event->channel);
    json_out_kv_str(o, "event_code", x->event->code);
    json_out_object_end(o);
}

static void explain_json(struct explain *x, uint32_t rule)
{
    struct json_out *o = &x->json;
    const struct rule_row *row = &image_of(x)->rule.at[rule];
    bool detection = is_detection(row), applies = detection && source_applies(x, rule);
    json_out_object(o);
    json_out_kv_str(o, "id", image_str(image_of(x), row->id));
    json_out_kv_str(o, "title", image_str(image_of(x), row->title));
    json_out_kv_str(o, "level", str_z(level_name((enum level)row->level)));
    json_out_kv_bool(o, "correlation", row->flags & RULE_CORRELATION);
    json_out_kv_bool(o, "fires", applies && node_holds(x, row->root));
    json_source(x, row, applies);
    if (detection) {
        json_out_key(o, STR("tree"));
        json_node(x, row->root);
    }
    json_out_object_end(o);
}

void rule_explain(struct rule_matcher *m, uint32_t rule, struct event *e, bool json,
                  struct sbuf *out)
{
    const struct rule_row *row = &m->set->image.rule.at[rule];
    struct explain x = {.m = m,
                        .event = e,
                        .family = rule_family(m->set, row),
                        .out = out,
                        .json = json_out_on(out)};
    arena_init(&x.arena, SCRATCH_BYTES);
    if (json)
        explain_json(&x, rule);
    else
        explain_text(&x, rule);
    arena_done(&x.arena);
}
