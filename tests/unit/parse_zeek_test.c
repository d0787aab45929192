/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/parse_golden.h"

static const char head[] = "#separator \\x09\n"
                           "#set_separator\t,\n"
                           "#empty_field\t(empty)\n"
                           "#unset_field\t-\n"
                           "#path\tdns\n"
                           "#open\t2020-09-22-03-45-14\n"
                           "#fields\tts\tuid\tid.orig_h\tid.orig_p\tquery\tanswers\tAA\ttags\n"
                           "#types\ttime\tstring\taddr\tport\tstring\tvector[string]\tbool\t"
                           "set[enum]\n";
static const char row[] =
    "1600746314.123456\tCx1\t192.0.2.1\t4711\ta\\x2eb\t10.0.0.1,x\\x2cy\tT\t(empty)\n";

static struct parsed run(const char *header, const char *rows)
{
    struct parsed t = {.stream = {.format = PARSE_zeektsv, .header = str_z(header)}};
    parsed_run(&t, str_z(rows), NULL);
    return t;
}

static const struct field *find(struct parsed *t, size_t event, const char *name)
{
    field_id id = dict_resolve(t->dict, FAMILY_ZEEK, str_z(name));
    return event_find(&t->batch.event[event], id);
}

static void reads_rows_by_the_header_of_the_stream(void **state)
{
    (void)state;
    assert_int_equal(parse_sniff(str_z(head)), PARSE_zeektsv);
    struct parsed t = run(head, row);
    assert_int_equal(t.batch.event_count, 1);
    struct event *e = &t.batch.event[0];
    assert_int_equal(e->family, FAMILY_ZEEK);
    assert_true(str_eq(e->channel, STR("dns")));
    assert_int_equal(e->time_ms, 1600746314123);
    static const char *const want[] = {"uid=Cx1",
                                       "source.ip=192.0.2.1",
                                       "source.port=4711",
                                       "dns.question.name=a.b",
                                       "dns.answers.data=10.0.0.1",
                                       "dns.answers.data=x,y",
                                       "AA=true",
                                       "!tags"};
    for (size_t i = 0; i < COUNT(want); i++)
        golden_field(&t, e, want[i]);
    assert_int_equal(find(&t, 0, "id.orig_p")->kind, VALUE_NUMBER);
    assert_int_equal(find(&t, 0, "AA")->kind, VALUE_BOOL);
    parsed_done(&t);
}

static void takes_the_header_off_the_front_of_a_file(void **state)
{
    (void)state;
    char text[1024];
    snprintf(text, sizeof text, "%s%s", head, row);
    assert_int_equal(parse_header(PARSE_zeektsv, str_z(text)).n, sizeof head - 1);
    struct parsed t = run(head, text); /* and it may stand in the batch as well */
    assert_int_equal(t.batch.read, 1);
    assert_int_equal(t.batch.event_count, 1);
    parsed_done(&t);
}

static void follows_a_header_that_changes_on_the_way(void **state)
{
    (void)state;
    char text[1024];
    snprintf(text, sizeof text,
             "%s#close\t2020\n#path\tconn\n#fields\tts\tduration\n#types\ttime\tinterval\n"
             "1600746315.0\t-\n",
             row);
    struct parsed t = run(head, text);
    assert_int_equal(t.batch.read, 2);
    assert_int_equal(t.batch.event_count, 2);
    assert_true(str_eq(t.batch.event[1].channel, STR("conn")));
    assert_null(find(&t, 1, "duration"));
    /* the next batch starts again with what the stream's head said */
    batch_clear(&t.batch);
    memcpy(t.batch.bytes, row, sizeof row - 1);
    t.batch.n = sizeof row - 1;
    parser_run(t.parser, &t.stream, &t.batch);
    assert_int_equal(t.batch.event_count, 1);
    assert_true(str_eq(t.batch.event[0].channel, STR("dns")));
    parsed_done(&t);
}

static void cuts_labels_behind_the_last_column(void **state)
{
    (void)state;
    static const char labelled[] = "#separator \\x09\n#path\tconn\n"
                                   "#fields\tts\ttunnel_parents   label   detailed-label\n"
                                   "#types\ttime\tset[string]   string   string\n";
    struct parsed t = run(labelled, "1600746314.5\t(empty)   Malicious   Port Scan\n"
                                    "1600746314.5\t-   Benign   -\n"
                                    "1600746314.5\ta,b   Benign   -\n");
    assert_int_equal(t.batch.event_count, 3);
    golden_field(&t, &t.batch.event[0], "label=Malicious");
    golden_field(&t, &t.batch.event[0], "detailed-label=Port Scan");
    golden_field(&t, &t.batch.event[1], "label=Benign");
    golden_field(&t, &t.batch.event[1], "!detailed-label");
    golden_field(&t, &t.batch.event[2], "tunnel_parents=b");
    parsed_done(&t);
}

static void refuses_rows_that_do_not_fit(void **state)
{
    (void)state;
    struct parsed t = run(head, "1600746314.5\tCx1\n"
                                "1\t2\t3\t4\t5\t6\t7\t8\t9\n");
    assert_int_equal(t.batch.read, 2);
    assert_int_equal(t.batch.rejected, 2);
    assert_string_equal(t.batch.reject[0].text, "2 columns, but #fields has 8");
    assert_string_equal(t.batch.reject[1].text, "more than the 8 columns of #fields");
    parsed_done(&t);
    t = run("", row);
    assert_string_equal(t.batch.reject[0].text, "no #fields line before this");
    parsed_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_rows_by_the_header_of_the_stream),
        cmocka_unit_test(takes_the_header_off_the_front_of_a_file),
        cmocka_unit_test(follows_a_header_that_changes_on_the_way),
        cmocka_unit_test(cuts_labels_behind_the_last_column),
        cmocka_unit_test(refuses_rows_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
