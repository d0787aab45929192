/* SPDX-License-Identifier: Apache-2.0 */
#include "alert/alert.h"
#include "alert/recorder.h"

#include "base/metric.h"
#include "base/vec.h"
#include "codec/json_doc.h"
#include "codec/utf.h"
#include "os/thread.h"
#include "tests/folder.h"
#include "tests/test.h"

#include <sched.h>
#include <sqlite3.h>
#include <stdatomic.h>

struct note {
    struct bus_message *m;
};

/* A store in a file, a bus that is listened to, and a recorder at work. */
struct bed {
    struct store *store;
    struct bus *bus;
    struct bus_subscriber *ear;
    struct recorder *recorder;
    struct thread thread;
    bool running;
    VEC(struct note)
    heard;              /* the recorder's thread writes it; read when it stands still */
    atomic_size_t told; /* how many messages were heard */
    sqlite3 *other;     /* somebody else at the database */
    struct arena arena;
};

static void hear(void *arg, struct bus_message *m)
{
    struct bed *b = arg;
    vec_push(&b->heard)->m = bus_message_ref(m);
    atomic_fetch_add(&b->told, 1);
}

static void run(void *arg)
{
    recorder_run(arg);
}

static void bed_start(struct bed *b)
{
    assert_int_equal(thread_start(&b->thread, "recorder", run, b->recorder, NULL), ST_OK);
    b->running = true;
}

static void bed_stop(struct bed *b)
{
    recorder_stop(b->recorder);
    if (b->running)
        thread_join(&b->thread);
    b->running = false;
}

static void bed_init(struct bed *b, size_t max_bytes)
{
    static unsigned number;
    char name[32], url[300];
    *b = (struct bed){0};
    (void)snprintf(name, sizeof name, "store-%u.db", number++);
    (void)snprintf(url, sizeof url, "sqlite:%s", folder_path(name));
    const struct store_options options = {.url = str_z(url), .patience_ms = 20, .relaxed = true};
    struct error err = {0};
    if (store_open(&options, &b->store, &err) != ST_OK)
        fail_msg("%s", err.text);
    assert_int_equal(sqlite3_open(folder_path(name), &b->other), SQLITE_OK);
    b->bus = bus_new(&(struct bus_options){.first_id = 1});
    b->ear = bus_subscribe(b->bus, hear, b);
    const struct recorder_options how = {.max_bytes = max_bytes, .retry_ms = 1};
    b->recorder = recorder_new(b->store, b->bus, &how);
    arena_init(&b->arena, 64 << 20);
}

static void bed_done(struct bed *b)
{
    bed_stop(b);
    recorder_free(b->recorder);
    bus_unsubscribe(b->bus, b->ear);
    for (size_t i = 0; i < b->heard.n; i++)
        bus_message_unref(b->heard.at[i].m);
    vec_done(&b->heard);
    bus_free(b->bus);
    sqlite3_close(b->other);
    store_close(b->store);
    arena_done(&b->arena);
}

static void other_does(struct bed *b, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(b->other, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
}

/* How one recording ended. */
struct end {
    atomic_int times;
    status st;
    size_t count;
    struct commit_result result[4];
};

static void ended(void *arg, status s, const struct commit_result *alert, size_t count)
{
    struct end *e = arg;
    e->st = s;
    e->count = count;
    for (size_t i = 0; i < count && i < COUNT(e->result); i++)
        e->result[i] = alert[i];
    atomic_fetch_add(&e->times, 1);
}

static void wait_for(struct end *e)
{
    while (atomic_load(&e->times) == 0)
        sched_yield();
}

static struct finding finding_of(const char *rule, const char *user)
{
    static _Thread_local struct pair who;
    who = (struct pair){STR("user"), str_z(user)};
    return (struct finding){.kind = FINDING_RULE,
                            .level = LEVEL_HIGH,
                            .score_01 = 0.75f,
                            .time_ms = 1700000000000,
                            .id = str_z(rule),
                            .title = STR("Title"),
                            .reason = STR("because"),
                            .entity = &who,
                            .entity_count = 1,
                            .event_id = "0123456789abcdef"};
}

static status add(struct bed *b, const char *rule, const char *user, struct end *e)
{
    struct finding f = finding_of(rule, user);
    struct recorded item = {&f, STR("raw line"), STR("syslog"), "auth.log"};
    struct recording in = {
        .tenant = STR("acme"), .item = &item, .count = 1, .done = ended, .arg = e};
    return recorder_add(b->recorder, &in);
}

static size_t list(struct bed *b, struct alert_record **out)
{
    struct alert_filter filter = {.tenant = STR("acme"), .limit = 1000};
    size_t n;
    str next;
    assert_int_equal(store_alert_list(b->store, &b->arena, &filter, out, &n, &next, NULL), ST_OK);
    return n;
}

static void stores_a_finding_and_tells_of_it(void **state)
{
    struct bed b;
    struct end e = {0};
    bed_init(&b, 0);
    bed_start(&b);
    assert_int_equal(add(&b, "r1", "alice", &e), ST_OK);
    wait_for(&e);
    bed_stop(&b);
    assert_int_equal(e.st, ST_OK);
    assert_int_equal(e.count, 1);
    assert_true(e.result[0].is_new && uid_valid(str_z(e.result[0].id)));

    struct alert_record *a;
    assert_int_equal(list(&b, &a), 1);
    assert_true(str_eq(a->id, str_z(e.result[0].id)));
    assert_true(str_eq(a->rule, STR("r1")) && str_eq(a->source, STR("auth.log")));
    assert_true(str_eq(a->entity, STR("{\"user\":\"alice\"}")));
    assert_int_equal(a->first_ms, 1700000000000);

    assert_int_equal(b.heard.n, 1);
    const struct bus_message *m = b.heard.at[0].m;
    assert_string_equal(m->type, "alert.new");
    assert_int_equal(m->id, a->seq);
    assert_true(str_eq(m->tenant, STR("acme")) && str_eq(m->rule, STR("r1")));
    assert_true(str_eq(m->entity, STR("alice\0")));
    assert_int_equal(m->level, LEVEL_HIGH);
    struct json_doc *doc;
    assert_int_equal(json_doc_parse(m->data, 1 << 20, &doc, NULL), ST_OK);
    assert_true(str_eq(json_str(json_get(json_doc_root(doc), STR("id")), STR("")), a->id));
    json_doc_free(doc);

    struct alert_event *event;
    size_t n;
    assert_int_equal(store_alert_events(b.store, &b.arena, STR("acme"), a->id, &event, &n, NULL),
                     ST_OK);
    assert_int_equal(n, 1);
    assert_true(str_eq(event->raw, STR("raw line")) && str_eq(event->format, STR("syslog")));
    bed_done(&b);
}

static void adds_repeats_to_the_alert_that_stands(void **state)
{
    struct bed b;
    struct end first = {0}, second = {0}, other = {0};
    bed_init(&b, 0);
    assert_int_equal(add(&b, "r1", "alice", &first), ST_OK);
    assert_int_equal(add(&b, "r1", "alice", &second), ST_OK);
    assert_int_equal(add(&b, "r1", "bob", &other), ST_OK);
    bed_start(&b); /* one group */
    wait_for(&other);
    bed_stop(&b);
    assert_true(first.result[0].is_new && other.result[0].is_new);
    assert_false(second.result[0].is_new);
    assert_string_equal(first.result[0].id, second.result[0].id);
    assert_string_not_equal(first.result[0].id, other.result[0].id);
    assert_int_equal(second.result[0].count, 2);
    assert_int_equal(b.heard.n, 3);
    assert_string_equal(b.heard.at[1].m->type, "alert.changed");
    bed_done(&b);
}

static void commits_a_position_with_its_findings(void **state)
{
    struct bed b;
    struct end e = {0};
    bed_init(&b, 0);
    bed_start(&b);
    struct finding f = finding_of("r1", "alice");
    struct recorded item = {.finding = &f, .path = "x.log"};
    struct position_record at = {.source = STR("file:x.log"), .value = STR("4096")};
    struct recent_record recent = {
        .tenant = STR("acme"), .format = STR("json"), .raw = STR("{}"), .time_ms = 5};
    struct recording in = {.tenant = STR("acme"),
                           .item = &item,
                           .count = 1,
                           .position = &at,
                           .recent = &recent,
                           .recent_count = 1,
                           .done = ended,
                           .arg = &e};
    assert_int_equal(recorder_add(b.recorder, &in), ST_OK);
    wait_for(&e);
    struct position_record got;
    assert_int_equal(store_position(b.store, &b.arena, at.source, &got, NULL), ST_OK);
    assert_true(str_eq(got.value, at.value));
    struct recent_record *kept;
    size_t n;
    uint64_t after = 0;
    assert_int_equal(store_recent_list(b.store, &b.arena, 0, &after, 10, &kept, &n, NULL), ST_OK);
    assert_int_equal(n, 1);
    assert_true(str_eq(kept->raw, recent.raw));
    bed_done(&b);
}

static void has_nothing_to_do_for_nothing(void **state)
{
    struct bed b;
    struct end e = {0};
    bed_init(&b, 0);
    struct recording in = {.tenant = STR("acme"), .done = ended, .arg = &e};
    assert_int_equal(recorder_add(b.recorder, &in), ST_OK);
    assert_int_equal(atomic_load(&e.times), 1); /* though nothing runs */
    assert_int_equal(e.st, ST_OK);
    bed_done(&b);
}

enum { THREADS = 4, EACH = 200 };
struct sender {
    struct bed *bed;
    struct end end[EACH];
};

static void send_many(void *arg)
{
    struct sender *s = arg;
    char user[16];
    for (unsigned i = 0; i < EACH; i++) {
        (void)snprintf(user, sizeof user, "user-%u", i % 7);
        if (add(s->bed, "r1", user, &s->end[i]) != ST_OK)
            abort();
    }
}

static void tells_each_exactly_once_and_in_order(void **state)
{
    struct bed b;
    bed_init(&b, 0);
    bed_start(&b);
    struct sender *s = mem_array(struct sender, THREADS);
    struct thread t[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        s[i].bed = &b;
        assert_int_equal(thread_start(&t[i], "sender", send_many, &s[i], NULL), ST_OK);
    }
    for (unsigned i = 0; i < THREADS; i++)
        thread_join(&t[i]);
    bed_stop(&b); /* commits what is queued */
    for (unsigned i = 0; i < THREADS; i++)
        for (unsigned k = 0; k < EACH; k++) {
            assert_int_equal(atomic_load(&s[i].end[k].times), 1);
            assert_int_equal(s[i].end[k].st, ST_OK);
        }
    assert_int_equal(b.heard.n, THREADS * EACH);
    for (size_t i = 0; i < b.heard.n; i++)
        assert_int_equal(b.heard.at[i].m->id, i + 1);
    struct alert_record *a;
    size_t n = list(&b, &a);
    assert_int_equal(n, 7);
    uint64_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += a[i].count;
    assert_int_equal(total, THREADS * EACH);
    uint64_t seq;
    assert_int_equal(store_seq(b.store, &seq, NULL), ST_OK);
    assert_int_equal(seq, THREADS * EACH);
    mem_free(s);
    bed_done(&b);
}

static void waits_while_the_database_is_locked(void **state)
{
    struct bed b;
    struct end e = {0};
    bed_init(&b, 0);
    assert_int_equal(recorder_failing_since(b.recorder, NULL), 0);
    other_does(&b, "BEGIN IMMEDIATE");
    int64_t before = metric_value(METRIC_RECORDER_RETRIES);
    bed_start(&b);
    assert_int_equal(add(&b, "r1", "alice", &e), ST_OK);
    while (metric_value(METRIC_RECORDER_RETRIES) < before + 3)
        sched_yield();
    assert_int_equal(atomic_load(&e.times), 0);
    struct error why = {0};
    assert_true(recorder_failing_since(b.recorder, &why) > 0);
    assert_int_equal(why.code, ST_UNAVAILABLE);
    /* What has an id and waits for nothing is not held up for ever. */
    bus_publish(b.bus, &(struct bus_message){.topic = TOPIC_STATUS, .type = "status"});
    while (atomic_load(&b.told) == 0)
        sched_yield();

    other_does(&b, "COMMIT");
    wait_for(&e);
    assert_int_equal(e.st, ST_OK);
    assert_int_equal(recorder_failing_since(b.recorder, &why), 0);
    bed_stop(&b);
    assert_int_equal(b.heard.n, 2);
    assert_string_equal(b.heard.at[0].m->type, "status");
    assert_string_equal(b.heard.at[1].m->type, "alert.new");
    assert_true(b.heard.at[1].m->id > b.heard.at[0].m->id);
    bed_done(&b);
}

static void asks_for_less_and_then_says_no(void **state)
{
    struct bed b;
    enum { MANY = 400, MAX_BYTES = 16 << 10 };
    struct end *e = mem_array(struct end, MANY);
    bed_init(&b, MAX_BYTES);
    other_does(&b, "BEGIN IMMEDIATE");
    bed_start(&b);
    size_t taken = 0, roomy = 0;
    status st = ST_OK;
    while (st == ST_OK && taken < MANY) {
        roomy += recorder_has_room(b.recorder);
        if ((st = add(&b, "r1", "alice", &e[taken])) == ST_OK)
            taken++;
    }
    assert_int_equal(st, ST_LIMIT);
    assert_in_range(roomy, 2, taken - 1); /* what was under way is taken past max_bytes, */
    assert_in_range(taken, 3 * (roomy - 1), 4 * roomy); /* up to four times it */
    other_does(&b, "COMMIT");
    for (size_t i = 0; i < taken; i++)
        wait_for(&e[i]);
    bed_stop(&b);
    assert_true(recorder_has_room(b.recorder));
    assert_int_equal(b.heard.n, taken);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(atomic_load(&e[i].times), i < taken);
    mem_free(e);
    bed_done(&b);
}

static void takes_what_is_larger_than_the_queue_when_that_is_empty(void **state)
{
    struct bed b;
    struct end big = {0}, small = {0};
    bed_init(&b, 64);
    assert_true(recorder_has_room(b.recorder));
    assert_int_equal(add(&b, "r1", "alice", &big), ST_OK);
    assert_false(recorder_has_room(b.recorder));
    assert_int_equal(add(&b, "r1", "alice", &small), ST_LIMIT);
    bed_start(&b);
    wait_for(&big);
    bed_done(&b);
}

static void tells_who_waits_when_it_is_stopped(void **state)
{
    struct bed b;
    struct end e = {0}, late = {0};
    bed_init(&b, 0);
    other_does(&b, "BEGIN IMMEDIATE");
    bed_start(&b);
    assert_int_equal(add(&b, "r1", "alice", &e), ST_OK);
    bed_stop(&b);
    assert_int_equal(atomic_load(&e.times), 1);
    assert_int_equal(e.st, ST_UNAVAILABLE);
    assert_int_equal(add(&b, "r1", "alice", &late), ST_UNAVAILABLE);
    other_does(&b, "COMMIT");
    bed_done(&b);
    assert_int_equal(atomic_load(&e.times), 1);
    assert_int_equal(atomic_load(&late.times), 0);
}

static void tells_who_waits_when_it_never_ran(void **state)
{
    struct bed b;
    struct end e = {0};
    bed_init(&b, 0);
    assert_int_equal(add(&b, "r1", "alice", &e), ST_OK);
    bed_done(&b);
    assert_int_equal(atomic_load(&e.times), 1);
    assert_int_equal(e.st, ST_UNAVAILABLE);
}

static status add_position(struct bed *b, const char *value, struct end *e, recorded_fn *done)
{
    struct finding f = finding_of("r1", "alice");
    struct recorded item = {.finding = &f, .path = "x.log"};
    struct position_record at = {.source = STR("file:x.log"), .value = str_z(value)};
    struct recording in = {
        .tenant = STR("acme"), .item = &item, .count = 1, .position = &at, .done = done, .arg = e};
    return recorder_add(b->recorder, &in);
}

static struct bed *locked; /* whose database `unlock` frees */

static void unlock(void *arg, status s, const struct commit_result *alert, size_t count)
{
    ended(arg, s, alert, count);
    other_does(locked, "COMMIT");
}

/* The store is back when it is too late for the first: then the second, further on in the same
 * file, must not be committed either. */
static void commits_nothing_past_what_it_gave_up(void **state)
{
    struct bed b;
    struct end first = {0}, second = {0};
    bed_init(&b, 0);
    locked = &b;
    other_does(&b, "BEGIN IMMEDIATE");
    int64_t before = metric_value(METRIC_RECORDER_RETRIES);
    bed_start(&b);
    assert_int_equal(add_position(&b, "10", &first, unlock), ST_OK);
    while (metric_value(METRIC_RECORDER_RETRIES) < before + 1)
        sched_yield();
    assert_int_equal(add_position(&b, "20", &second, ended), ST_OK);
    bed_stop(&b);
    assert_int_equal(first.st, ST_UNAVAILABLE);
    assert_int_equal(second.st, ST_UNAVAILABLE);
    struct position_record got;
    assert_int_equal(store_position(b.store, &b.arena, STR("file:x.log"), &got, NULL),
                     ST_NOT_FOUND);
    bed_done(&b);
}

static void refuses_nothing_that_has_a_position(void **state)
{
    enum { MANY = 100 };
    struct bed b;
    struct end e[MANY] = {{0}}, other = {0};
    bed_init(&b, 64);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(add_position(&b, "10", &e[i], ended), ST_OK);
    assert_int_equal(add(&b, "r1", "alice", &other), ST_LIMIT);
    assert_false(recorder_has_room(b.recorder));
    bed_start(&b);
    wait_for(&e[MANY - 1]);
    bed_done(&b);
}

static void is_not_held_up_by_what_the_store_refuses(void **state)
{
    struct bed b;
    struct end good = {0}, mixed = {0}, after = {0};
    bed_init(&b, 0);
    other_does(&b, "CREATE TRIGGER no_bad BEFORE INSERT ON alert WHEN NEW.rule = 'bad' BEGIN"
                   " SELECT RAISE(ABORT, 'too bad'); END");
    int64_t dropped = metric_value(METRIC_FINDINGS_DROPPED);
    assert_int_equal(add(&b, "r1", "alice", &good), ST_OK);
    struct finding f[] = {finding_of("r2", "x"), finding_of("bad", "x"), finding_of("r3", "x")};
    struct recorded item[] = {{.finding = &f[0]}, {.finding = &f[1]}, {.finding = &f[2]}};
    struct position_record at = {.source = STR("s"), .value = STR("1")};
    struct recording in = {.tenant = STR("acme"),
                           .item = item,
                           .count = 3,
                           .position = &at,
                           .done = ended,
                           .arg = &mixed};
    assert_int_equal(recorder_add(b.recorder, &in), ST_OK);
    assert_int_equal(add(&b, "r4", "alice", &after), ST_OK);
    bed_start(&b);
    wait_for(&after);
    bed_stop(&b);

    assert_int_equal(metric_value(METRIC_FINDINGS_DROPPED), dropped + 1);
    assert_true(good.st == ST_OK && mixed.st == ST_OK && after.st == ST_OK);
    assert_int_equal(mixed.count, 3);
    assert_true(mixed.result[0].id[0] && !mixed.result[1].id[0] && mixed.result[2].id[0]);
    struct alert_record *a;
    assert_int_equal(list(&b, &a), 4);
    assert_int_equal(b.heard.n, 4);
    for (size_t i = 1; i < b.heard.n; i++)
        assert_true(b.heard.at[i].m->id > b.heard.at[i - 1].m->id);
    struct position_record got;
    assert_int_equal(store_position(b.store, &b.arena, at.source, &got, NULL), ST_OK);
    bed_done(&b);
}

static str text_of(struct arena *a, const char *unit, size_t n)
{
    str one = str_z(unit);
    char *p = arena_bytes(a, n * one.n);
    for (size_t i = 0; i < n; i++)
        memcpy(p + i * one.n, one.p, one.n);
    return (str){p, n * one.n};
}

static void cuts_texts_to_sane_lengths(void **state)
{
    struct bed b;
    struct end e = {0};
    bed_init(&b, 0);
    struct finding f = finding_of("r1", "alice");
    str twice[2] = {text_of(&b.arena, "€", 50000), text_of(&b.arena, "x", 10)};
    struct pair evidence[200];
    for (size_t i = 0; i < COUNT(evidence); i++)
        evidence[i] = (struct pair){arena_fmt(&b.arena, "field.%zu", i / 2), twice[i % 2]};
    f.evidence = evidence;
    f.evidence_count = COUNT(evidence);
    f.title = f.reason = text_of(&b.arena, "ü", 100000);
    struct recorded item = {&f, text_of(&b.arena, "y", 1 << 20), STR("text"), "x"};
    struct recording in = {
        .tenant = STR("acme"), .item = &item, .count = 1, .done = ended, .arg = &e};
    assert_int_equal(recorder_add(b.recorder, &in), ST_OK);
    bed_start(&b);
    wait_for(&e);
    bed_stop(&b);

    struct alert_record *a;
    assert_int_equal(list(&b, &a), 1);
    assert_true(a->title.n <= 600 && a->reason.n <= 2100 && a->evidence.n <= 600 << 10);
    assert_true(utf8_valid(a->title) && str_ends(a->title, STR("ü…")));
    struct json_doc *doc;
    assert_int_equal(json_doc_parse(a->evidence, 1 << 20, &doc, NULL), ST_OK);
    json_node pairs = json_doc_root(doc), both = json_get(pairs, STR("field.0"));
    assert_int_equal(json_count(both), 2);
    struct json_each it = json_each(both);
    assert_true(json_each_next(&it));
    str value = json_str(it.value, STR(""));
    assert_in_range(value.n, 4000, 4096 + 3);
    assert_true(str_ends(value, STR("€…")));
    assert_int_equal(json_int(json_get(pairs, STR("left_out")), 0), 200 - 64);
    json_doc_free(doc);

    struct alert_event *event;
    size_t n;
    assert_int_equal(store_alert_events(b.store, &b.arena, STR("acme"), a->id, &event, &n, NULL),
                     ST_OK);
    assert_in_range(event->raw.n, 64 << 10, (64 << 10) + 3);
    bed_done(&b);
}

static void tells_of_a_decision(void **state)
{
    struct bed b;
    struct end e = {0};
    bed_init(&b, 0);
    bed_start(&b);
    assert_int_equal(add(&b, "r1", "alice", &e), ST_OK);
    wait_for(&e);
    bed_stop(&b);
    struct alert_decision d = {.tenant = STR("acme"),
                               .id = str_z(e.result[0].id),
                               .who = STR("bob"),
                               .note = STR("on it"),
                               .status = ALERT_ACKNOWLEDGED,
                               .now_ms = 1800000000000};
    struct alert_record out;
    assert_int_equal(alert_decide(b.store, b.bus, &b.arena, &d, &out, NULL), ST_OK);
    assert_int_equal(out.status, ALERT_ACKNOWLEDGED);
    assert_int_equal(b.heard.n, 2);
    const struct bus_message *m = b.heard.at[1].m;
    assert_string_equal(m->type, "alert.changed");
    assert_true(str_eq(m->entity, STR("alice\0")) && str_eq(m->tenant, STR("acme")));
    struct json_doc *doc;
    assert_int_equal(json_doc_parse(m->data, 1 << 20, &doc, NULL), ST_OK);
    assert_true(str_eq(json_str(json_get(json_doc_root(doc), STR("owner")), STR("")), d.who));
    json_doc_free(doc);

    /* It is the store's latest change too. */
    struct alert_record *a;
    assert_int_equal(list(&b, &a), 1);
    assert_int_equal(a->seq, m->id);
    bed_done(&b);
}

static void tells_nothing_of_a_decision_that_failed(void **state)
{
    struct bed b;
    bed_init(&b, 0);
    struct alert_decision d = {.tenant = STR("acme"),
                               .id = STR("01ARZ3NDEKTSV4RRFFQ69G5FAV"),
                               .who = STR("bob"),
                               .status = ALERT_TRUE_POSITIVE,
                               .now_ms = 1};
    struct alert_record out;
    assert_int_equal(alert_decide(b.store, b.bus, &b.arena, &d, &out, NULL), ST_NOT_FOUND);
    assert_int_equal(b.heard.n, 0);
    bus_publish(b.bus, &(struct bus_message){.topic = TOPIC_STATUS, .type = "status"});
    assert_int_equal(b.heard.n, 1); /* the id that was reserved holds nobody up */
    bed_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_a_finding_and_tells_of_it),
        cmocka_unit_test(adds_repeats_to_the_alert_that_stands),
        cmocka_unit_test(commits_a_position_with_its_findings),
        cmocka_unit_test(has_nothing_to_do_for_nothing),
        cmocka_unit_test(tells_each_exactly_once_and_in_order),
        cmocka_unit_test(waits_while_the_database_is_locked),
        cmocka_unit_test(asks_for_less_and_then_says_no),
        cmocka_unit_test(takes_what_is_larger_than_the_queue_when_that_is_empty),
        cmocka_unit_test(tells_who_waits_when_it_is_stopped),
        cmocka_unit_test(tells_who_waits_when_it_never_ran),
        cmocka_unit_test(commits_nothing_past_what_it_gave_up),
        cmocka_unit_test(refuses_nothing_that_has_a_position),
        cmocka_unit_test(is_not_held_up_by_what_the_store_refuses),
        cmocka_unit_test(cuts_texts_to_sane_lengths),
        cmocka_unit_test(tells_of_a_decision),
        cmocka_unit_test(tells_nothing_of_a_decision_that_failed),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
