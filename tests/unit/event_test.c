/* SPDX-License-Identifier: Apache-2.0 */
#include "event/batch.h"
#include "event/dict.h"
#include "event/finding.h"
#include "tests/test.h"

#include <pthread.h>

static void put(struct batch *b, field_id id, const char *text, unsigned flags)
{
    *batch_field(b, 4096) = (struct field){.p = text,
                                           .n = (uint32_t)strlen(text),
                                           .id = id,
                                           .kind = VALUE_STRING,
                                           .flags = (uint8_t)flags};
}

static void a_name_means_what_its_family_means_by_it(void **state)
{
    struct dict *d = dict_new();
    assert_int_equal(dict_resolve(d, FAMILY_WINDOWS, STR("Image")), FIELD_PROCESS_EXECUTABLE);
    assert_int_equal(dict_resolve(d, FAMILY_UNKNOWN, STR("process.executable")),
                     FIELD_PROCESS_EXECUTABLE);
    field_id own = dict_resolve(d, FAMILY_ZEEK, STR("Image"));
    assert_true(own >= FIELD_KNOWN);
    assert_int_equal(own, dict_resolve(d, FAMILY_UNKNOWN, STR("Image")));
    assert_true(str_eq(dict_name(d, own), STR("Image")));
    dict_free(d);
}

static void an_unknown_source_files_a_name_under_all_its_meanings(void **state)
{
    struct dict *d = dict_new();
    field_id id[DICT_IDS_MAX];
    size_t n = dict_resolve_all(d, STR("CommandLine"), id);
    assert_int_equal(n, 2);
    assert_true(id[0] >= FIELD_KNOWN);
    assert_int_equal(id[1], FIELD_PROCESS_COMMAND_LINE);
    assert_int_equal(dict_resolve_all(d, STR("nobody.knows"), id), 1);
    dict_free(d);
}

static void names_past_the_limit_share_one_id_and_are_counted(void **state)
{
    struct dict *d = dict_new();
    char name[16];
    field_id last = 0;
    for (int i = 0; i < 66000; i++) {
        snprintf(name, sizeof name, "n%d", i);
        last = dict_resolve(d, FAMILY_UNKNOWN, str_z(name));
    }
    assert_int_equal(last, FIELD_OVERFLOW);
    assert_true(dict_overflowed(d) > 0);
    assert_true(dict_count(d) <= 65000);
    assert_true(dict_resolve(d, FAMILY_UNKNOWN, STR("n0")) != FIELD_OVERFLOW);
    dict_free(d);
}

static void *intern_many(void *arg)
{
    char name[16];
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "t%d", i);
        field_id id = dict_resolve(arg, FAMILY_UNKNOWN, str_z(name));
        assert_true(str_eq(dict_name(arg, id), str_z(name)));
    }
    return NULL;
}

static void threads_agree_on_the_ids_they_add(void **state)
{
    struct dict *d = dict_new();
    pthread_t thread[4];
    for (size_t i = 0; i < COUNT(thread); i++)
        assert_int_equal(pthread_create(&thread[i], NULL, intern_many, d), 0);
    for (size_t i = 0; i < COUNT(thread); i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(dict_count(d), FIELD_KNOWN + 2000);
    dict_free(d);
}

static void escaped_text_is_decoded_when_it_is_looked_at(void **state)
{
    struct batch b;
    batch_init(&b, 1 << 16);
    struct event *e = batch_begin(&b, (str){0}, (struct origin){0});
    put(&b, FIELD_MESSAGE, "C:\\\\x\\u0041\\n", FIELD_ESCAPED);
    batch_commit(&b, e);
    struct field *f = event_find(e, FIELD_MESSAGE);
    assert_true(str_eq(event_text(e, f), STR("C:\\xA\n")));
    assert_int_equal(f->flags & FIELD_ESCAPED, 0);
    assert_true(str_eq(event_get(e, FIELD_MESSAGE), STR("C:\\xA\n")));
    assert_int_equal(event_get(e, FIELD_USER_NAME).n, 0);
    batch_done(&b);
}

static void an_event_has_the_same_id_in_every_run(void **state)
{
    char id[3][EVENT_ID_LEN + 1];
    const char *const values[] = {"one", "one", "two"};
    for (size_t i = 0; i < 3; i++) {
        struct batch b;
        batch_init(&b, 1 << 16);
        struct event *e = batch_begin(&b, (str){0}, (struct origin){.line = i});
        put(&b, FIELD_MESSAGE, values[i], 0);
        batch_commit(&b, e);
        event_id(e, id[i]);
        batch_done(&b);
    }
    assert_string_equal(id[0], id[1]);
    assert_string_not_equal(id[0], id[2]);
}

static void fields_past_the_limit_are_refused(void **state)
{
    struct batch b;
    batch_init(&b, 1 << 20);
    struct event *e = batch_begin(&b, (str){0}, (struct origin){0});
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(batch_field(&b, 300) != NULL, i < 300);
    memset(b.field, 0, b.field_count * sizeof *b.field);
    batch_commit(&b, e);
    assert_int_equal(b.event[0].field_count, 300);
    batch_done(&b);
}

static void an_event_that_does_not_fit_is_rejected(void **state)
{
    struct batch b;
    batch_init(&b, 16);
    struct event *e = batch_begin(&b, (str){0}, (struct origin){.line = 7});
    put(&b, FIELD_MESSAGE, "a", 0);
    put(&b, FIELD_MESSAGE, "b", 0);
    batch_commit(&b, e);
    assert_int_equal(b.event_count, 0);
    assert_int_equal(b.rejected, 1);
    assert_int_equal(b.reject[0].origin.line, 7);
    batch_done(&b);
}

static void the_first_rejections_are_kept_and_all_counted(void **state)
{
    struct batch b;
    batch_init(&b, 1 << 16);
    for (unsigned i = 1; i <= 20; i++)
        batch_reject(&b, (struct origin){.line = i}, "bad thing %u", i);
    assert_int_equal(b.rejected, 20);
    assert_string_equal(b.reject[BATCH_REJECTS_KEPT - 1].text, "bad thing 8");
    batch_clear(&b);
    assert_int_equal(b.rejected, 0);
    batch_done(&b);
}

static void an_entity_takes_the_first_field_that_says_something(void **state)
{
    struct batch b;
    struct pair out[ENTITY_MAX];
    batch_init(&b, 1 << 16);
    struct event *e = batch_begin(&b, (str){0}, (struct origin){0});
    put(&b, FIELD_USER_NAME, "-", 0);
    put(&b, FIELD_USER_TARGET_NAME, "bob", 0);
    put(&b, FIELD_HOST_NAME, "ws5", 0);
    put(&b, FIELD_SOURCE_IP, "192.0.2.1", 0);
    batch_commit(&b, e);
    assert_int_equal(event_entity(e, &b.arena, out), 3);
    assert_true(str_eq(out[0].name, STR("user")) && str_eq(out[0].value, STR("bob")));
    assert_true(str_eq(out[1].name, STR("host")));
    assert_true(str_eq(out[2].name, STR("source.ip")));
    assert_true(str_eq(entity_key(FIELD_USER_NAME), STR("user")));
    assert_int_equal(entity_key(FIELD_MESSAGE).n, 0);
    batch_done(&b);
}

static void levels_and_families_have_names(void **state)
{
    enum level l;
    assert_true(level_find(STR("HIGH"), &l) && l == LEVEL_HIGH);
    assert_false(level_find(STR("severe"), &l));
    assert_true(level_score(LEVEL_LOW) < level_score(LEVEL_CRITICAL));
    assert_int_equal(family_find(STR("windows")), FAMILY_WINDOWS);
    assert_int_equal(family_find(STR("")), FAMILY_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_means_what_its_family_means_by_it),
        cmocka_unit_test(an_unknown_source_files_a_name_under_all_its_meanings),
        cmocka_unit_test(names_past_the_limit_share_one_id_and_are_counted),
        cmocka_unit_test(threads_agree_on_the_ids_they_add),
        cmocka_unit_test(escaped_text_is_decoded_when_it_is_looked_at),
        cmocka_unit_test(an_event_has_the_same_id_in_every_run),
        cmocka_unit_test(fields_past_the_limit_are_refused),
        cmocka_unit_test(an_event_that_does_not_fit_is_rejected),
        cmocka_unit_test(the_first_rejections_are_kept_and_all_counted),
        cmocka_unit_test(an_entity_takes_the_first_field_that_says_something),
        cmocka_unit_test(levels_and_families_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
