/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/intel_int.h"
#include "tests/test.h"

#include <stdio.h>

struct fixture {
    struct intel_set *set;
    struct dict *dict;
    struct batch batch;
    struct arena arena;
    char log[8192]; /* what was emitted */
    uint32_t emitted;
    struct finding last;
};

static void add(struct fixture *x, const char *value, float confidence_01, unsigned flags)
{
    static const str techniques[] = {{"T1071", 5}};
    struct indicator item = {
        .kind = INTEL_KIND_COUNT,
        .value = str_z(value),
        .source = STR("unit"),
        .description = STR("test"),
        .confidence_01 = confidence_01,
        .expires_ms = 1893456000000,
        .technique = techniques,
        .technique_count = 1,
    };
    assert_int_equal(intel_add(x->set, &item, flags, NULL), ST_OK);
}

static struct fixture *fixture_new(void)
{
    struct fixture *x = mem_new(struct fixture);
    x->set = intel_set_new(NULL);
    x->dict = dict_new();
    batch_init(&x->batch, 1 << 20);
    arena_init(&x->arena, 1 << 20);
    add(x, "203.0.113.7", 0.95f, 0);
    add(x, "198.51.100.0/24", 0.7f, 0);
    add(x, "198.51.100.99", 0.9f, INTEL_ALLOW);
    add(x, "evil.example", 0.5f, 0);
    add(x, "http://files.example/a.ps1", 0.7f, 0);
    add(x, "d41d8cd98f00b204e9800998ecf8427e", 0.7f, 0);
    add(x, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0.7f, 0);
    add(x, "bad@mail.example", 0.7f, 0);
    intel_set_freeze(x->set);
    return x;
}

static void fixture_free(struct fixture *x)
{
    intel_set_free(x->set);
    dict_free(x->dict);
    batch_done(&x->batch);
    arena_done(&x->arena);
    mem_free(x);
}

struct given {
    const char *field, *value;
    unsigned flags;
};

static void add_event(struct fixture *x, const struct given *given, size_t n)
{
    struct event *e = batch_begin(&x->batch, STR("raw"), (struct origin){.line = 7});
    e->time_ms = 1234;
    for (size_t i = 0; i < n && given[i].field; i++)
        *batch_field(&x->batch, 100) = (struct field){
            .p = given[i].value,
            .n = (uint32_t)strlen(given[i].value),
            .id = dict_resolve(x->dict, FAMILY_UNKNOWN, str_z(given[i].field)),
            .kind = VALUE_STRING,
            .flags = (uint8_t)given[i].flags,
        };
    batch_commit(&x->batch, e);
}

static void emit(void *arg, uint32_t event, const struct finding *f)
{
    struct fixture *x = arg;
    size_t n = strlen(x->log);
    n += (size_t)snprintf(x->log + n, sizeof x->log - n, STR_FMT, STR_ARG(f->id));
    for (uint32_t i = 0; i < f->evidence_count; i++)
        n += (size_t)snprintf(x->log + n, sizeof x->log - n, " " STR_FMT "=" STR_FMT,
                              STR_ARG(f->evidence[i].name), STR_ARG(f->evidence[i].value));
    snprintf(x->log + n, sizeof x->log - n, "\n");
    x->emitted++;
    x->last = *f;
}

static void match(struct fixture *x)
{
    struct intel_matcher *m = intel_matcher_new(x->set, x->dict);
    x->log[0] = 0;
    intel_match(m, &x->batch, &x->arena, emit, x);
    intel_matcher_free(m);
}

static const struct {
    struct given given[5];
    const char *expected;
} table[] = {
    {{{"source.ip", "203.0.113.7", 0}}, "ip:203.0.113.7 source.ip=203.0.113.7\n"},
    {{{"source.ip", "203.0.113.8", 0}}, ""},
    {{{"host.name", "203.0.113.7", 0}}, ""},
    {{{"source.ip", "203.0.113.7", 0}, {"message", "from 203.0.113.7 port 4", 0}},
     "ip:203.0.113.7 source.ip=203.0.113.7 message=203.0.113.7\n"},
    {{{"destination.ip", "198.51.100.4", 0}},
     "range:198.51.100.0/24 destination.ip=198.51.100.4\n"},
    {{{"destination.ip", "198.51.100.99", 0}}, ""},
    {{{"network.forwarded_ip", "10.0.0.1, 203.0.113.7", 0}},
     "ip:203.0.113.7 network.forwarded_ip=203.0.113.7\n"},
    {{{"dns.question.name", "A.Evil.Example.", 0}},
     "domain:evil.example dns.question.name=A.Evil.Example.\n"},
    {{{"dns.answers.data", "type:  5 x.evil.example;::ffff:203.0.113.7;", 0}},
     "domain:evil.example dns.answers.data=x.evil.example\n"
     "ip:203.0.113.7 dns.answers.data=::ffff:203.0.113.7\n"},
    {{{"url.full", "https://files.example/a.ps1", 0}},
     "url:http://files.example/a.ps1 url.full=https://files.example/a.ps1\n"},
    {{{"url.full", "http:\\/\\/files.example\\/a.ps1", FIELD_ESCAPED}},
     "url:http://files.example/a.ps1 url.full=http://files.example/a.ps1\n"},
    {{{"url.full", "https://files.example/b", 0}}, ""},
    {{{"url.original", "/a.ps1", 0}, {"url.domain", "files.example", 0}},
     "url:http://files.example/a.ps1 url.original=/a.ps1\n"},
    {{{"url.original", "/a.ps1", 0}}, ""},
    {{{"url.original", "http://evil.example:81/x", 0}},
     "domain:evil.example url.original=http://evil.example:81/x\n"},
    {{{"process.hash", "SHA1=00,MD5=D41D8CD98F00B204E9800998ECF8427E,IMPHASH=x", 0}},
     "md5:d41d8cd98f00b204e9800998ecf8427e process.hash=D41D8CD98F00B204E9800998ECF8427E\n"},
    {{{"process.hash", "IMPHASH=D41D8CD98F00B204E9800998ECF8427E", 0}}, ""},
    {{{"file.hash.sha256", "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", 0}},
     "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 file.hash.sha256="
     "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855\n"},
    {{{"email.from.address", "Bad@mail.example", 0}},
     "email:bad@mail.example email.from.address=Bad@mail.example\n"},
    {{{"process.command_line", "iex('hxxp','http://files.example/a.ps1')", 0}},
     "url:http://files.example/a.ps1 process.command_line=http://files.example/a.ps1\n"},
    {{{"message", "to\\thttp:\\/\\/files.example\\/a.ps1 from\\t203.0.113.7", FIELD_ESCAPED}},
     "ip:203.0.113.7 message=203.0.113.7\n"
     "url:http://files.example/a.ps1 message=http://files.example/a.ps1\n"},
    {{{"process.hash.md5", "d41d8cd98f00b204e9800998ecf8427e", 0}},
     "md5:d41d8cd98f00b204e9800998ecf8427e process.hash.md5=d41d8cd98f00b204e9800998ecf8427e\n"},
    {{{"source.ip", "203.0.113.7", 0}, {"client.ip", "203.0.113.7", FIELD_COPY}},
     "ip:203.0.113.7 source.ip=203.0.113.7\n"},
};

static void each_field_is_looked_at_for_what_it_holds(void **state)
{
    for (size_t i = 0; i < COUNT(table); i++) {
        struct fixture *x = fixture_new();
        add_event(x, table[i].given, COUNT(table[i].given));
        match(x);
        assert_string_equal(x->log, table[i].expected);
        fixture_free(x);
    }
}

/* The memo of values without a hit changes nothing. */
static void many_events_say_what_each_says_alone(void **state)
{
    struct fixture *x = fixture_new();
    char expected[8192] = "";
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < COUNT(table); i++) {
            size_t n = strlen(expected);
            add_event(x, table[i].given, COUNT(table[i].given));
            snprintf(expected + n, sizeof expected - n, "%s", table[i].expected);
        }
    match(x);
    assert_string_equal(x->log, expected);
    fixture_free(x);
}

static void a_finding_says_what_why_and_about_whom(void **state)
{
    static const struct given given[] = {{"source.ip", "203.0.113.7", 0},
                                         {"user.name", "alice", 0}};
    struct fixture *x = fixture_new();
    add_event(x, given, COUNT(given));
    match(x);
    const struct finding *f = &x->last;
    assert_int_equal(x->emitted, 1);
    assert_int_equal(f->kind, FINDING_INDICATOR);
    assert_int_equal(f->level, LEVEL_HIGH);
    assert_true(f->score_01 > 0.94f && f->score_01 < 0.96f);
    assert_int_equal(f->time_ms, 1234);
    assert_int_equal(f->origin.line, 7);
    assert_int_equal(strlen(f->event_id), EVENT_ID_LEN);
    assert_true(str_eq(f->title, STR("Known-bad address 203.0.113.7 (unit)")));
    assert_true(
        str_eq(f->reason, STR("unit lists the address 203.0.113.7 with confidence 0.95 until "
                              "2030-01-01 (test); used for T1071; seen in source.ip")));
    assert_int_equal(f->technique_count, 1);
    assert_true(str_eq(f->technique[0], STR("T1071")));
    assert_int_equal(f->entity_count, 2);
    assert_true(str_eq(f->entity[0].name, STR("user")));
    assert_true(str_eq(f->entity[1].value, STR("203.0.113.7")));
    fixture_free(x);
}

static void confidence_decides_the_level(void **state)
{
    static const struct {
        const char *value;
        enum level level;
    } cases[] = {
        {"203.0.113.7", LEVEL_HIGH}, {"198.51.100.1", LEVEL_MEDIUM}, {"evil.example", LEVEL_LOW}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fixture *x = fixture_new();
        struct given given = {"source.ip", cases[i].value, 0};
        add_event(x, &given, 1);
        match(x);
        assert_int_equal(x->last.level, cases[i].level);
        fixture_free(x);
    }
}

static void without_room_a_finding_is_dropped_and_counted(void **state)
{
    bool whole = false;
    for (size_t cap = 0; !whole; cap = cap * 2 + 1) {
        struct fixture *x = fixture_new();
        struct given given = {"source.ip", "203.0.113.7", 0};
        add_event(x, &given, 1);
        arena_done(&x->arena);
        arena_init(&x->arena, cap);
        match(x);
        assert_int_equal(x->emitted + x->batch.dropped, 1);
        whole = x->emitted == 1;
        fixture_free(x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_is_looked_at_for_what_it_holds),
        cmocka_unit_test(many_events_say_what_each_says_alone),
        cmocka_unit_test(a_finding_says_what_why_and_about_whom),
        cmocka_unit_test(confidence_decides_the_level),
        cmocka_unit_test(without_room_a_finding_is_dropped_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
