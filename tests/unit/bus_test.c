/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus.h"

#include "base/vec.h"
#include "os/thread.h"
#include "tests/test.h"

struct note {
    struct bus_message *m;
};

struct heard {
    VEC(struct note) m;
};

static void hear(void *arg, struct bus_message *m)
{
    struct heard *h = arg;
    vec_push(&h->m)->m = bus_message_ref(m);
}

static void forget(struct heard *h)
{
    for (size_t i = 0; i < h->m.n; i++)
        bus_message_unref(h->m.at[i].m);
    vec_done(&h->m);
}

static struct bus *bus_from(uint64_t first, size_t kept, size_t bytes)
{
    return bus_new(&(struct bus_options){.first_id = first, .kept = kept, .kept_bytes = bytes});
}

static void say(struct bus *b, uint64_t id, const char *data)
{
    bus_publish(b, &(struct bus_message){.id = id, .type = "test", .data = str_z(data)});
}

/* In small bites. */
static void read_all(struct bus *b, uint64_t after, struct heard *h, bool *complete, uint64_t *last)
{
    struct bus_message *m[3];
    bool whole;
    size_t n = bus_read(b, after, m, COUNT(m), complete, last);
    while (n) {
        for (size_t i = 0; i < n; i++)
            vec_push(&h->m)->m = m[i];
        n = bus_read(b, m[n - 1]->id, m, COUNT(m), &whole, last);
    }
}

static void tells_everyone_who_subscribed(void **state)
{
    struct bus *b = bus_from(7, 0, 0);
    struct heard one = {0}, two = {0};
    struct bus_subscriber *s1 = bus_subscribe(b, hear, &one);
    struct bus_subscriber *s2 = bus_subscribe(b, hear, &two);
    const struct bus_message m = {.topic = TOPIC_ALERTS,
                                  .time_ms = 5,
                                  .type = "alert.new",
                                  .tenant = STR("acme"),
                                  .data = STR("{\"a\":1}"),
                                  .level = 3,
                                  .rule = STR("r1"),
                                  .title = STR("Rule"),
                                  .entity = STR("alice\0pc\0")};
    bus_publish(b, &m);
    bus_unsubscribe(b, s2);
    say(b, 0, "{}");
    bus_unsubscribe(b, s1);
    say(b, 0, "{}");

    assert_int_equal(one.m.n, 2);
    assert_int_equal(two.m.n, 1);
    const struct bus_message *got = one.m.at[0].m;
    assert_ptr_equal(got, two.m.at[0].m);
    assert_int_equal(got->id, 7);
    assert_int_equal(one.m.at[1].m->id, 8);
    assert_int_equal(got->topic, TOPIC_ALERTS);
    assert_int_equal(got->level, 3);
    assert_true(got->sent_us > 0);
    assert_true(str_eq(got->tenant, m.tenant) && got->tenant.p != m.tenant.p);
    assert_true(str_eq(got->data, m.data) && str_eq(got->rule, m.rule));
    assert_true(str_eq(got->title, m.title) && str_eq(got->entity, m.entity));
    bus_free(b);
    assert_true(str_eq(got->data, m.data)); /* what was referenced outlives the bus */
    forget(&one);
    forget(&two);
}

static void delivers_in_the_order_of_ids(void **state)
{
    struct bus *b = bus_from(1, 0, 0);
    struct heard h = {0};
    struct bus_subscriber *s = bus_subscribe(b, hear, &h);
    uint64_t first = bus_reserve(b, 3);
    assert_int_equal(first, 1);
    say(b, 0, "{\"late\":1}"); /* 4: waits for those before it */
    assert_int_equal(h.m.n, 0);
    say(b, first + 1, "{}");
    assert_int_equal(h.m.n, 0);
    say(b, first, "{}");
    assert_int_equal(h.m.n, 2);
    say(b, first + 2, "{}");
    assert_int_equal(h.m.n, 4);
    for (size_t i = 0; i < h.m.n; i++)
        assert_int_equal(h.m.at[i].m->id, i + 1);
    bus_unsubscribe(b, s);
    forget(&h);
    bus_free(b);
}

static void does_not_wait_for_what_was_released(void **state)
{
    struct bus *b = bus_from(1, 0, 0);
    struct heard h = {0};
    struct bus_subscriber *s = bus_subscribe(b, hear, &h);
    uint64_t first = bus_reserve(b, 1000);
    say(b, 0, "{}");
    bus_release(b, first, 1000);
    assert_int_equal(h.m.n, 1);
    assert_int_equal(h.m.at[0].m->id, 1001);

    bool complete;
    uint64_t last;
    struct heard again = {0};
    read_all(b, 0, &again, &complete, &last);
    assert_true(complete);
    assert_int_equal(last, 1001);
    assert_int_equal(again.m.n, 1);
    bus_unsubscribe(b, s);
    forget(&h);
    forget(&again);
    bus_free(b);
}

static void frees_what_was_never_published(void **state)
{
    struct bus *b = bus_from(1, 0, 0);
    (void)bus_reserve(b, 2);
    say(b, 2, "{}");
    say(b, 0, "{}");
    bus_free(b);
}

static void replays_what_came_after(void **state)
{
    struct bus *b = bus_from(101, 0, 0);
    for (int i = 0; i < 200; i++)
        say(b, 0, "{}");
    static const struct {
        uint64_t after;
        size_t count;
        bool complete;
    } cases[] = {{100, 200, true}, {101, 199, true}, {299, 1, true},  {300, 0, true},
                 {99, 200, false}, {0, 200, false},  {301, 0, false}, {UINT64_MAX, 0, false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct heard h = {0};
        bool complete;
        uint64_t last;
        read_all(b, cases[i].after, &h, &complete, &last);
        assert_int_equal(h.m.n, cases[i].count);
        assert_int_equal(complete, cases[i].complete);
        assert_int_equal(last, 300);
        for (size_t k = 0; k < h.m.n; k++)
            assert_int_equal(h.m.at[k].m->id, 301 - h.m.n + k);
        forget(&h);
    }
    bus_free(b);
}

static void keeps_as_many_as_it_was_told(void **state)
{
    struct bus *b = bus_from(1, 10, 0);
    for (int i = 0; i < 100; i++)
        say(b, 0, "{}");
    struct heard h = {0};
    bool complete;
    uint64_t last;
    read_all(b, 90, &h, &complete, &last);
    assert_true(complete);
    assert_int_equal(h.m.n, 10);
    read_all(b, 89, &h, &complete, &last);
    assert_false(complete);
    assert_int_equal(h.m.n, 20);
    forget(&h);
    bus_free(b);
}

static void keeps_no_more_bytes_than_it_was_told(void **state)
{
    struct bus *b = bus_from(1, 0, 4096);
    char big[1001];
    memset(big, ' ', 1000);
    big[1000] = '\0';
    for (int i = 0; i < 100; i++)
        say(b, 0, big);
    struct heard h = {0};
    bool complete;
    uint64_t last;
    read_all(b, 0, &h, &complete, &last);
    assert_false(complete);
    assert_int_equal(last, 100);
    assert_in_range(h.m.n, 1, 4);
    forget(&h);
    bus_free(b);
}

enum { THREADS = 4, ROUNDS = 2000 };

static void publish_many(void *arg)
{
    struct bus *b = arg;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t first = bus_reserve(b, 3);
        say(b, 0, "{}");
        say(b, first, "{}");
        bus_release(b, first + 1, 1);
        say(b, first + 2, "{}");
    }
}

struct order {
    uint64_t last, count;
    bool wrong;
};

static void check_order(void *arg, struct bus_message *m)
{
    struct order *o = arg;
    o->wrong |= m->id <= o->last;
    o->last = m->id;
    o->count++;
}

static void keeps_the_order_whoever_publishes(void **state)
{
    struct bus *b = bus_from(1, 100, 0);
    struct order o = {0};
    struct bus_subscriber *s = bus_subscribe(b, check_order, &o);
    struct thread t[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(thread_start(&t[i], "publisher", publish_many, b, NULL), ST_OK);
    for (int i = 0; i < 200; i++) { /* who comes and goes disturbs nobody */
        struct order brief = {0};
        struct bus_subscriber *other = bus_subscribe(b, check_order, &brief);
        bus_unsubscribe(b, other);
        assert_false(brief.wrong);
    }
    for (unsigned i = 0; i < THREADS; i++)
        thread_join(&t[i]);
    bus_unsubscribe(b, s);
    assert_false(o.wrong);
    assert_int_equal(o.count, THREADS * ROUNDS * 3);
    assert_int_equal(o.last, THREADS * ROUNDS * 4);
    bus_free(b);
}

static void finds_topics_by_name(void **state)
{
    enum bus_topic t;
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        assert_true(bus_topic_find(str_z(bus_topic_name((enum bus_topic)i)), &t));
        assert_int_equal(t, i);
    }
    assert_false(bus_topic_find(STR("alert"), &t));
    assert_false(bus_topic_find((str){0}, &t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_everyone_who_subscribed),
        cmocka_unit_test(delivers_in_the_order_of_ids),
        cmocka_unit_test(does_not_wait_for_what_was_released),
        cmocka_unit_test(frees_what_was_never_published),
        cmocka_unit_test(replays_what_came_after),
        cmocka_unit_test(keeps_as_many_as_it_was_told),
        cmocka_unit_test(keeps_no_more_bytes_than_it_was_told),
        cmocka_unit_test(keeps_the_order_whoever_publishes),
        cmocka_unit_test(finds_topics_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
