/* SPDX-License-Identifier: Apache-2.0 */
#include "alert/alert.h"

#include "codec/csv.h"
#include "codec/json_doc.h"
#include "tests/test.h"

/* STR, where a constant is wanted. */
#define S(lit)                                                                                     \
    {                                                                                              \
        lit, sizeof(lit) - 1                                                                       \
    }

static const struct pair who[] = {{S("user"), S("Alice")},
                                  {S("host"), S("pc-1")},
                                  {S("source.ip"), S("10.0.0.1")},
                                  {S("process"), S("/bin/sh")}};

static struct finding finding_of(str id, const struct pair *entity, uint32_t n)
{
    return (struct finding){.kind = FINDING_RULE,
                            .id = id,
                            .title = STR("A title"),
                            .entity = entity,
                            .entity_count = n};
}

static bool same_group(struct finding a, struct finding b)
{
    char x[ALERT_GROUP_SIZE], y[ALERT_GROUP_SIZE];
    alert_group(&a, x);
    alert_group(&b, y);
    assert_int_equal(strlen(x), ALERT_GROUP_SIZE - 1);
    return strcmp(x, y) == 0;
}

static void groups_by_detector_user_host_and_source(void **state)
{
    struct finding a = finding_of(STR("r1"), who, 3);
    struct pair other[] = {who[0], who[1], who[2], {STR("process"), STR("/bin/ls")}};
    assert_true(same_group(a, a));
    assert_true(same_group(finding_of(STR("r1"), who, 4), finding_of(STR("r1"), other, 4)));
    assert_false(same_group(a, finding_of(STR("r2"), who, 3)));
    assert_false(same_group(a, finding_of(STR("r1"), who, 2)));
    for (size_t i = 0; i < 3; i++) {
        struct pair changed[] = {who[0], who[1], who[2]};
        changed[i].value = STR("other");
        assert_false(same_group(a, finding_of(STR("r1"), changed, 3)));
    }
    struct pair upper[] = {{STR("user"), STR("ALICE")}, who[1], who[2]};
    assert_true(same_group(a, finding_of(STR("r1"), upper, 3)));
}

static void does_not_mix_up_neighbouring_texts(void **state)
{
    const struct pair one[] = {{STR("user"), STR("a")}, {STR("host"), STR("bc")}};
    const struct pair two[] = {{STR("user"), STR("ab")}, {STR("host"), STR("c")}};
    assert_false(same_group(finding_of(STR("r"), one, 2), finding_of(STR("r"), two, 2)));
}

static void groups_by_all_entities_when_none_is_a_main_one(void **state)
{
    const struct pair one = {STR("destination.ip"), STR("1.1.1.1")};
    const struct pair two = {STR("destination.ip"), STR("2.2.2.2")};
    assert_false(same_group(finding_of(STR("r"), &one, 1), finding_of(STR("r"), &two, 1)));
    assert_true(same_group(finding_of(STR("r"), &one, 1), finding_of(STR("r"), &one, 1)));
}

static void tells_indicators_apart_by_their_value(void **state)
{
    struct finding a = finding_of(STR("ip"), who, 2), b = a;
    a.kind = b.kind = FINDING_INDICATOR;
    a.title = STR("6.6.6.6");
    b.title = STR("7.7.7.7");
    assert_false(same_group(a, b));
    a.kind = b.kind = FINDING_RULE; /* a rule may be given a better title */
    assert_true(same_group(a, b));
}

static const struct alert_record record = {.id = S("01ARZ3NDEKTSV4RRFFQ69G5FAV"),
                                           .tenant = S("acme"),
                                           .group = S("secret"),
                                           .kind = FINDING_CORRELATION,
                                           .level = LEVEL_HIGH,
                                           .score_01 = 0.755f,
                                           .rule = S("r1"),
                                           .title = S("=cmd|' /C calc'!A0"),
                                           .reason = S("said \"no\",\nthen yes"),
                                           .entity =
                                               S("{\"user\":\"al\\u0069ce\",\"ip\":[\"::1\"]}"),
                                           .technique = S("[\"T1110\"]"),
                                           .evidence = S("{\"event.code\":\"4625\"}"),
                                           .source = S("auth.log"),
                                           .first_ms = 1000,
                                           .last_ms = 2000,
                                           .created_ms = 3000,
                                           .changed_ms = 4000,
                                           .count = 7,
                                           .status = ALERT_ACKNOWLEDGED,
                                           .owner = S("bob"),
                                           .note = S("-1+1"),
                                           .decided_ms = 5000,
                                           .seq = 9};

static struct json_doc *parsed(void (*write)(struct json_out *, const struct alert_record *),
                               const struct alert_record *r)
{
    struct sbuf b;
    sbuf_init(&b, 1 << 20);
    struct json_out o = json_out_on(&b);
    write(&o, r);
    struct json_doc *doc = NULL;
    assert_int_equal(json_doc_parse(sbuf_str(&b), 1 << 20, &doc, NULL), ST_OK);
    sbuf_done(&b);
    return doc;
}

static void assert_text(json_node object, str key, const char *want)
{
    str got = json_str(json_get(object, key), STR("(none)"));
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p, want, got.n);
}

static void shows_an_alert_as_json(void **state)
{
    struct json_doc *doc = parsed(alert_write_json, &record);
    json_node a = json_doc_root(doc);
    assert_text(a, STR("id"), "01ARZ3NDEKTSV4RRFFQ69G5FAV");
    assert_text(a, STR("kind"), "correlation");
    assert_text(a, STR("level"), "high");
    assert_text(a, STR("status"), "acknowledged");
    assert_text(a, STR("reason"), "said \"no\",\nthen yes");
    assert_text(a, STR("first_seen"), "1970-01-01T00:00:01.000Z");
    assert_text(a, STR("decided_at"), "1970-01-01T00:00:05.000Z");
    assert_text(a, STR("owner"), "bob");
    assert_text(json_get(a, STR("entity")), STR("user"), "alice");
    assert_text(json_get(a, STR("evidence")), STR("event.code"), "4625");
    assert_int_equal(json_count(json_get(a, STR("techniques"))), 1);
    assert_int_equal(json_int(json_get(a, STR("count")), 0), 7);
    assert_int_equal(json_int(json_get(a, STR("seq")), 0), 9);
    assert_true(json_real(json_get(a, STR("score")), 0) > 0.75);
    assert_int_equal(json_kind(json_get(a, STR("group"))), JSON_IS_ABSENT);
    json_doc_free(doc);
}

static void shows_an_empty_alert_as_json(void **state)
{
    struct json_doc *doc = parsed(alert_write_json, &(struct alert_record){0});
    json_node a = json_doc_root(doc);
    assert_int_equal(json_kind(json_get(a, STR("entity"))), JSON_IS_OBJECT);
    assert_int_equal(json_kind(json_get(a, STR("techniques"))), JSON_IS_ARRAY);
    assert_int_equal(json_kind(json_get(a, STR("decided_at"))), JSON_IS_NULL);
    json_doc_free(doc);
}

static void says_of_a_repeat_only_what_it_knows(void **state)
{
    struct json_doc *doc = parsed(alert_write_repeat, &record);
    json_node a = json_doc_root(doc);
    assert_int_equal(json_int(json_get(a, STR("count")), 0), 7);
    static const char *const unknown[] = {"evidence", "source",     "created_at",
                                          "owner",    "decided_at", "note"};
    for (size_t i = 0; i < COUNT(unknown); i++)
        assert_int_equal(json_kind(json_get(a, str_z(unknown[i]))), JSON_IS_ABSENT);
    json_doc_free(doc);
}

static void lists_the_values_of_entities(void **state)
{
    struct sbuf b;
    sbuf_init(&b, 1 << 10);
    alert_entity_values(&b, record.entity);
    assert_true(str_eq(sbuf_str(&b), STR("alice\0::1\0")));
    sbuf_done(&b);
}

static void writes_csv_that_reads_back_and_runs_nothing(void **state)
{
    struct sbuf b;
    sbuf_init(&b, 1 << 20);
    alert_write_csv_head(&b);
    alert_write_csv(&b, &record);
    assert_true(str_ends(sbuf_str(&b), STR("\r\n")));

    struct arena a;
    arena_init(&a, 1 << 20);
    struct csv c;
    struct csv_row row;
    csv_init(&c, sbuf_str(&b), ',', 64, &a);
    assert_int_equal(csv_next(&c, &row, NULL), ST_OK);
    size_t columns = row.count;
    int title = csv_column(&row, STR("title")), note = csv_column(&row, STR("note"));
    int reason = csv_column(&row, STR("reason")), count = csv_column(&row, STR("count"));
    int seen = csv_column(&row, STR("last_seen")), entity = csv_column(&row, STR("entity"));
    int evidence = csv_column(&row, STR("evidence"));
    assert_int_equal(csv_next(&c, &row, NULL), ST_OK);
    assert_int_equal(row.count, columns);
    assert_true(str_eq(row.cell[title], STR("'=cmd|' /C calc'!A0")));
    assert_true(str_eq(row.cell[note], STR("'-1+1")));
    assert_true(str_eq(row.cell[reason], record.reason));
    assert_true(str_eq(row.cell[count], STR("7")));
    assert_true(str_eq(row.cell[seen], STR("1970-01-01T00:00:02.000Z")));
    assert_true(str_eq(row.cell[entity], record.entity));
    assert_true(str_eq(row.cell[evidence], record.evidence));
    assert_int_equal(csv_next(&c, &row, NULL), ST_NOT_FOUND);
    arena_done(&a);
    sbuf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_by_detector_user_host_and_source),
        cmocka_unit_test(does_not_mix_up_neighbouring_texts),
        cmocka_unit_test(groups_by_all_entities_when_none_is_a_main_one),
        cmocka_unit_test(tells_indicators_apart_by_their_value),
        cmocka_unit_test(shows_an_alert_as_json),
        cmocka_unit_test(shows_an_empty_alert_as_json),
        cmocka_unit_test(says_of_a_repeat_only_what_it_knows),
        cmocka_unit_test(lists_the_values_of_entities),
        cmocka_unit_test(writes_csv_that_reads_back_and_runs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
