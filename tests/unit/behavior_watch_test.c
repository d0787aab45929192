/* SPDX-License-Identifier: Apache-2.0 */
/* Findings while it is learned: quiet where nothing happens, there where something does. */
#include "base/random.h"
#include "tests/behavior_bed.h"

enum { USERS = 100, DAYS = 28, FOUND_MAX = 64 };

/* People of ordinary habits: each has a computer, seven programs of different popularity, travels once in a while, works
 * late sometimes, and gets a new program every other week. */
static void add_event(struct bed *bed, struct random *r, unsigned user, int64_t ms)
{
    static const char *const country[] = {"DE", "FR", "AT", "NL"};
    unsigned program = random_below(r, 7) * random_below(r, 7) / 7;
    bool travels = random_below(r, 3000) == 0, fails = random_below(r, 40) == 0;
    if (random_below(r, 2000) == 0)
        program = 10 + random_below(r, 40);
    sbuf_addf(&bed->text,
              "{\"@timestamp\":%lld,\"user.name\":\"user%u\",\"host.name\":\"pc%u\",\"source.ip\":"
              "\"10.%u.%u.7\",\"source.geo.country_iso_code\":\"%s\",\"event.outcome\":\"%s\","
              "\"event.action\":\"%s\",\"process.name\":\"p%u\",\"source.bytes\":%u}\n",
              (long long)ms, user, random_below(r, 200) ? user : user + 1,
              travels ? 200 + random_below(r, 50) : user % 5, user,
              travels ? country[random_below(r, 4)] : "DE", fails ? "failure" : "success",
              random_below(r, 5) ? "read" : "login", program, 1000 + random_below(r, 100000));
}

static void add_day(struct bed *bed, struct random *r, int64_t day)
{
    for (unsigned user = 0; user < USERS; user++)
        for (int64_t hour = 7; hour < 20 && (day % 7 < 5 || user % 10 == 0); hour++) {
            unsigned events = random_below(r, 1 + user % 7) + (hour > 8 && hour < 17 ? 2 : 0);
            if (hour >= 18 && random_below(r, 8))
                continue;
            for (unsigned i = 0; i < events; i++)
                add_event(bed, r, user, monday + (day * 24 + hour) * HOUR + i * 60000);
        }
}

static size_t watch_day(struct bed *bed, struct random *r, int64_t day, struct behavior_found *out)
{
    add_day(bed, r, day);
    return behavior_watch(bed->b, STR("default"), take(bed), 0, out, FOUND_MAX);
}

static void is_quiet_while_nothing_happens(void **state)
{
    struct bed bed;
    struct random r;
    struct behavior_found found[FOUND_MAX];
    size_t findings = 0;
    random_init(&r, 11, 0);
    bed_init(&bed, 0);
    for (int64_t day = 0; day < DAYS; day++) {
        size_t n = watch_day(&bed, &r, day, found);
        assert_true(n <= 5 && (day >= 7 || n == 0));
        for (size_t i = 0; i < n; i++)
            print_message("day %lld: " STR_FMT "\n", (long long)day,
                          STR_ARG(found[i].finding->reason));
        findings += n;
    }
    struct behavior_stats st = behavior_stats(bed.b);
    print_message("%zu findings of %d users in %d days, %llu held back\n", findings, USERS, DAYS,
                  (unsigned long long)st.quieted);
    assert_true(findings <= (DAYS - 7) * 2);
    assert_int_equal(st.found, findings);
    bed_done(&bed);
}

static void add_stranger(struct bed *bed, int64_t ms)
{
    sbuf_addf(&bed->text,
              "{\"@timestamp\":%lld,\"user.name\":\"user7\",\"host.name\":\"dc01\",\"source.ip\":"
              "\"203.0.113.9\",\"source.geo.country_iso_code\":\"KP\",\"event.outcome\":"
              "\"success\",\"event.action\":\"login\",\"process.name\":\"mimi\"}\n",
              (long long)ms);
}

static void says_what_is_strange_as_it_passes_and_only_once(void **state)
{
    struct bed bed;
    struct random r;
    struct behavior_found found[FOUND_MAX];
    random_init(&r, 12, 0);
    bed_init(&bed, 0);
    for (int64_t day = 0; day < 21; day++)
        (void)watch_day(&bed, &r, day, found);
    int64_t night = monday + (21 * 24 + 3) * (int64_t)HOUR;
    for (int i = 0; i < 5; i++)
        add_stranger(&bed, night + i * 1000);
    size_t n = behavior_watch(bed.b, STR("default"), take(&bed), 0, found, FOUND_MAX);
    assert_int_equal(n, 1);
    const struct finding *f = found[0].finding;
    assert_int_equal(found[0].event, 0);
    assert_int_equal(f->kind, FINDING_BEHAVIOR);
    assert_true(f->time_ms == night && f->level == LEVEL_HIGH);
    assert_true(str_eq(f->entity[0].value, STR("user7")));
    assert_true(str_contains(f->reason, STR("first activity from the country 'KP' in ")));
    assert_int_equal(strlen(f->event_id), EVENT_ID_LEN);
    assert_true(f->evidence_count >= 3);
    add_stranger(&bed, night + HOUR);
    assert_int_equal(behavior_watch(bed.b, STR("default"), take(&bed), 0, found, FOUND_MAX), 0);
    bed_done(&bed);
}

static void says_nothing_while_it_learns(void **state)
{
    struct bed bed;
    struct random r;
    struct behavior_found found[FOUND_MAX];
    random_init(&r, 13, 0);
    bed_init(&bed, 0);
    for (int64_t day = 0; day < 5; day++)
        (void)watch_day(&bed, &r, day, found);
    add_stranger(&bed, monday + (int64_t)5 * 24 * HOUR);
    assert_int_equal(behavior_watch(bed.b, STR("default"), take(&bed), 0, found, FOUND_MAX), 0);
    assert_int_equal(behavior_stats(bed.b).found, 0);
    bed_done(&bed);
}

/* One attack on everybody is some findings, and a number. */
static void holds_back_past_the_days_measure(void **state)
{
    struct bed bed;
    struct random r;
    struct behavior_found found[FOUND_MAX];
    random_init(&r, 14, 0);
    bed_init(&bed, 0);
    for (int64_t day = 0; day < 21; day++)
        (void)watch_day(&bed, &r, day, found);
    size_t n = 0;
    for (int user = 0; user < USERS; user++) {
        sbuf_addf(&bed.text,
                  "{\"@timestamp\":%lld,\"user.name\":\"user%d\",\"host.name\":\"dc01\","
                  "\"source.ip\":\"203.0.113.9\",\"source.geo.country_iso_code\":\"KP\","
                  "\"event.outcome\":\"success\",\"event.action\":\"login\",\"process.name\":"
                  "\"mimi\"}\n",
                  monday + (21 * 24 + 3) * (long long)HOUR + user, user);
        n += behavior_watch(bed.b, STR("default"), take(&bed), 0, found, FOUND_MAX);
    }
    struct behavior_stats st = behavior_stats(bed.b);
    assert_true(n >= 3 && n <= 3 + st.entities / 50);
    assert_true(st.quieted > 50);
    bed_done(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_quiet_while_nothing_happens),
        cmocka_unit_test(says_what_is_strange_as_it_passes_and_only_once),
        cmocka_unit_test(says_nothing_while_it_learns),
        cmocka_unit_test(holds_back_past_the_days_measure),
    };
    return cmocka_run_group_tests_name("behavior_watch", tests, NULL, NULL);
}
