/* SPDX-License-Identifier: Apache-2.0 */
/* The correlator against a plain, slow one: on random event streams, out of
 * order and with ties, both report the same groups at the same times. */
#include "tests/unit/correlate_bed.h"

#include "base/mem.h"

enum { EVENTS = 60, ROUNDS = 400, SPAN_S = 20, GROUPS = 3 };

static const char *const kinds[] = {"fail", "ok", "third"};
static const char *const users[GROUPS] = {"a", "b", "c"};
static const char *const hosts[] = {"h0", "h1", "h2", "h3", "h4"};
static const char *const numbers[] = {"1", "2", "5", "-3", "10"};
static const double values[] = {1, 2, 5, -3, 10};

struct plain_event {
    int64_t at_s;
    int order, kind, user, host, number;
};

/* How each correlation is judged, plainly. */
struct subject {
    const char *yaml;
    bool closes, ordered;
    /* Does it hold for these events, oldest first? */
    bool (*met)(const struct plain_event *e, size_t n);
};

/* ---- the slow judges ---- */

static size_t distinct_hosts(const struct plain_event *e, size_t n)
{
    unsigned seen = 0;
    for (size_t i = 0; i < n; i++)
        seen |= 1u << e[i].host;
    return (size_t)__builtin_popcount(seen);
}

static unsigned kinds_in(const struct plain_event *e, size_t n)
{
    unsigned seen = 0;
    for (size_t i = 0; i < n; i++)
        seen |= 1u << e[i].kind;
    return seen;
}

static double sum(const struct plain_event *e, size_t n)
{
    double total = 0;
    for (size_t i = 0; i < n; i++)
        total += values[e[i].number];
    return total;
}

static double median(const struct plain_event *e, size_t n)
{
    double v[EVENTS];
    for (size_t i = 0; i < n; i++) {
        size_t k = i;
        for (; k > 0 && v[k - 1] > values[e[i].number]; k--)
            v[k] = v[k - 1];
        v[k] = values[e[i].number];
    }
    if (n == 0)
        return 0;
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static bool four_events(const struct plain_event *e, size_t n)
{
    return (void)e, n >= 4;
}

static bool two_or_three_events(const struct plain_event *e, size_t n)
{
    return (void)e, n >= 2 && n <= 3;
}

static bool three_hosts(const struct plain_event *e, size_t n)
{
    return distinct_hosts(e, n) >= 3;
}

static bool exactly_two_hosts(const struct plain_event *e, size_t n)
{
    return distinct_hosts(e, n) == 2;
}

static bool all_kinds(const struct plain_event *e, size_t n)
{
    return kinds_in(e, n) == 7;
}

static bool first_or_third_with_second(const struct plain_event *e, size_t n)
{
    unsigned k = kinds_in(e, n);
    return (k & 2) && (k & 5);
}

static bool first_without_second(const struct plain_event *e, size_t n)
{
    return (kinds_in(e, n) & 3) == 1;
}

static bool sum_above_ten(const struct plain_event *e, size_t n)
{
    return sum(e, n) > 10;
}

static bool average_at_least_three(const struct plain_event *e, size_t n)
{
    return sum(e, n) / (double)n >= 3;
}

static bool median_below_two(const struct plain_event *e, size_t n)
{
    return median(e, n) < 2;
}

/* Some first, then second, then third, ending at the last event. */
static bool in_order(const struct plain_event *e, size_t n)
{
    if (n == 0 || e[n - 1].kind != 2)
        return false;
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++)
            if (e[i].kind == 0 && e[k].kind == 1 && k < n - 1)
                return true;
    return false;
}

#define BODY(type, rules, rest)                                                                    \
    CORRELATION("  type: " type "\n  rules: " rules "\n  group-by: [user]\n  timespan: "           \
                "20s\n" rest)

static const struct subject subjects[] = {
    {BODY("event_count", "[fail, ok, third]", "  condition: {gte: 4}\n"), false, false,
     four_events},
    {BODY("event_count", "[fail, ok, third]", "  condition: {gt: 1, lt: 4}\n"), true, false,
     two_or_three_events},
    {BODY("value_count", "[fail, ok, third]", "  condition: {field: host, gt: 2}\n"), false, false,
     three_hosts},
    {BODY("value_count", "[fail, ok, third]", "  condition: {field: host, eq: 2}\n"), true, false,
     exactly_two_hosts},
    {BODY("temporal", "[fail, ok, third]", ""), false, false, all_kinds},
    {BODY("temporal", "[fail, ok, third]", "  condition: (fail or third) and ok\n"), false, false,
     first_or_third_with_second},
    {BODY("temporal", "[fail, ok, third]", "  condition: fail and not ok\n"), true, false,
     first_without_second},
    {BODY("temporal_ordered", "[fail, ok, third]", ""), false, true, in_order},
    {BODY("value_sum", "[fail, ok, third]", "  condition: {field: number, gt: 10}\n"), false, false,
     sum_above_ten},
    {BODY("value_avg", "[fail, ok, third]", "  condition: {field: number, gte: 3}\n"), true, false,
     average_at_least_three},
    {BODY("value_median", "[fail, ok, third]", "  condition: {field: number, lt: 2}\n"), true,
     false, median_below_two},
};

/* ---- the slow correlator ---- */

struct plain_result {
    size_t n;
    struct {
        int64_t time_ms;
        int user;
    } at[EVENTS];
};

static void plain_report(struct plain_result *r, int64_t time_s, int user)
{
    r->at[r->n].time_ms = time_s * 1000;
    r->at[r->n++].user = user;
}

static void plain_sliding(const struct subject *s, const struct plain_event *e, size_t n, int user,
                          struct plain_result *out)
{
    bool fired = false;
    size_t first = 0; /* sequences: what was reported is used up */
    for (size_t i = 0; i < n; i++) {
        size_t from = first;
        while (e[i].at_s - e[from].at_s > SPAN_S)
            from++;
        bool met = s->met(e + from, i + 1 - from);
        if (met && !fired)
            plain_report(out, e[i].at_s, user);
        if (met && s->ordered)
            first = i + 1;
        fired = met && !s->ordered;
    }
}

static void plain_closing(const struct subject *s, const struct plain_event *e, size_t n, int user,
                          struct plain_result *out)
{
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && e[end].at_s - e[i].at_s <= SPAN_S;)
            end++;
        if (s->met(e + i, end - i))
            plain_report(out, e[i].at_s + SPAN_S, user);
    }
}

static int by_time(const void *x, const void *y)
{
    const struct plain_event *a = x, *b = y;
    return a->at_s != b->at_s ? (a->at_s > b->at_s) - (a->at_s < b->at_s) : a->order - b->order;
}

static struct plain_result plain(const struct subject *s, const struct plain_event *all)
{
    struct plain_result r = {0};
    for (int user = 0; user < GROUPS; user++) {
        struct plain_event own[EVENTS];
        size_t n = 0;
        for (size_t i = 0; i < EVENTS; i++)
            if (all[i].user == user)
                own[n++] = all[i];
        qsort(own, n, sizeof *own, by_time);
        (s->closes ? plain_closing : plain_sliding)(s, own, n, user, &r);
    }
    return r;
}

/* ---- the comparison ---- */

static uint64_t seed;

static int draw(int below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (int)((seed >> 33) % (uint64_t)below);
}

static void draw_events(struct plain_event *e)
{
    int spread = 30 + draw(300);
    for (int i = 0; i < EVENTS; i++)
        e[i] = (struct plain_event){draw(spread), i, draw(3), draw(GROUPS), draw(5), draw(5)};
}

static bool reported(const struct result *r, int64_t time_ms, int user)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (r->time_ms[i] == time_ms && strcmp(r->entity[i], users[user]) == 0)
            return true;
    return false;
}

static void compare(const struct subject *s, const struct plain_event *e, int round)
{
    struct happening h[EVENTS];
    for (size_t i = 0; i < EVENTS; i++)
        h[i] = (struct happening){e[i].at_s, kinds[e[i].kind], users[e[i].user], hosts[e[i].host],
                                  numbers[e[i].number]};
    struct result got = run(s->yaml, h, EVENTS);
    struct plain_result want = plain(s, e);
    if (got.n != want.n)
        fail_msg("round %d: %u findings, %zu wanted, of %s", round, got.n, want.n, s->yaml);
    for (size_t i = 0; i < want.n; i++)
        if (!reported(&got, want.at[i].time_ms, want.at[i].user))
            fail_msg("round %d: nothing at %lld for %s", round, (long long)want.at[i].time_ms,
                     users[want.at[i].user]);
}

static void agrees_with_a_plain_correlator_on_random_streams(void **state)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct plain_event e[EVENTS];
        seed = (uint64_t)round + 1;
        draw_events(e);
        compare(&subjects[(size_t)round % COUNT(subjects)], e, round);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_plain_correlator_on_random_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
