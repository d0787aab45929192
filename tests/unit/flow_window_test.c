/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/random.h"
#include "event/event.h"
#include "flow/window.h"
#include "tests/test.h"

#include <math.h>

static const int64_t start_ms = 1700000000000;

static struct flow flow(int64_t ms, unsigned source, unsigned target, uint16_t port)
{
    return (struct flow){.time_ms = start_ms + ms,
                         .source = ip_from_v4(0x0a000000U + source),
                         .target = ip_from_v4(0xc0000200U + target),
                         .port = port,
                         .source_port = (uint16_t)(40000 + source),
                         .transport = 6,
                         .end = FLOW_ANSWERED,
                         .bytes_out = 100};
}

static float of(const struct aggregates *a, enum feature f)
{
    return a->x[f - FEATURE_TARGET_2S];
}

#define EXPECT(a, NAME, want) assert_float_equal(of(&(a), FEATURE_##NAME), want, 1e-6)

static void counts_a_flow_with_those_before_it(void **state)
{
    struct window *w = window_new(NULL);
    struct aggregates a;
    struct flow f = flow(0, 1, 1, 80);
    window_add(w, 1, &f, &a);
    EXPECT(a, TARGET_2S, 1);
    EXPECT(a, LAST_TARGET, 1);
    EXPECT(a, SOURCE_60S, 1);
    EXPECT(a, SOURCE_60S_PORTS, 1);
    assert_true(isnan(of(&a, FEATURE_SOURCE_60S_GAP)));
    f = flow(100, 2, 1, 80);
    f.end = FLOW_FAILED;
    f.error = FLOW_SYN_ERROR;
    window_add(w, 1, &f, &a);
    f = flow(200, 1, 1, 22);
    f.end = FLOW_FAILED;
    f.error = FLOW_REJECTED;
    window_add(w, 1, &f, &a);
    EXPECT(a, TARGET_2S, 3);
    EXPECT(a, SERVICE_2S, 1);
    EXPECT(a, TARGET_2S_SERROR, 1.0 / 3);
    EXPECT(a, TARGET_2S_RERROR, 1.0 / 3);
    EXPECT(a, SERVICE_2S_RERROR, 1);
    EXPECT(a, TARGET_2S_SAME, 1.0 / 3);
    EXPECT(a, TARGET_2S_DIFF, 2.0 / 3);
    EXPECT(a, LAST_TARGET_KDD, 3);
    EXPECT(a, LAST_SERVICE_KDD, 1);
    EXPECT(a, LAST_SOURCE, 2);
    EXPECT(a, LAST_PAIR, 2);
    EXPECT(a, LAST_SOURCE_PORT, 1);
    EXPECT(a, SOURCE_60S, 2);
    EXPECT(a, SOURCE_60S_PORTS, 2);
    EXPECT(a, SOURCE_60S_HOSTS, 1);
    EXPECT(a, SOURCE_60S_FAILED, 0.5);
    EXPECT(a, SOURCE_60S_BYTES, 200);
    EXPECT(a, SOURCE_60S_GAP, 0.2);
    EXPECT(a, TARGET_60S_HOSTS, 2);
    EXPECT(a, TARGET_60S_GAP, 0.1);
    EXPECT(a, TARGET_60S_GAP_DEV, 0);
    EXPECT(a, PAIR_60S, 2);
    window_free(w);
}

/* ---- against the plain way: go through all flows again for each ---- */

enum { FLOWS = 3000 };

struct plain {
    struct flow f[FLOWS];
    int64_t clock_ms[FLOWS];
    uint64_t tenant[FLOWS];
};

static bool same_service(const struct flow *a, const struct flow *b)
{
    return a->port == b->port && a->transport == b->transport;
}

static void plain_2s(const struct plain *p, size_t n, struct aggregates *out)
{
    const struct flow *f = &p->f[n];
    float target = 0, service = 0, both = 0, ts = 0, ss = 0, tr = 0, sr = 0;
    for (size_t i = 0; i <= n; i++) {
        const struct flow *g = &p->f[i];
        if (p->tenant[i] != p->tenant[n] || p->clock_ms[n] / 500 - p->clock_ms[i] / 500 >= 4)
            continue;
        bool t = ip_eq(&f->target, &g->target), s = same_service(f, g);
        target += t, service += s, both += t && s;
        ts += t && g->error == FLOW_SYN_ERROR, tr += t && g->error == FLOW_REJECTED;
        ss += s && g->error == FLOW_SYN_ERROR, sr += s && g->error == FLOW_REJECTED;
    }
    const float want[] = {target,
                          service,
                          ts / target,
                          ss / service,
                          tr / target,
                          sr / service,
                          both / target,
                          (target - both) / target,
                          (service - both) / service};
    memcpy(&out->x[0], want, sizeof want);
}

static void plain_last(const struct plain *p, size_t n, struct aggregates *out)
{
    const struct flow *f = &p->f[n];
    float kdd[10] = {0}, nb[7] = {0}, others = 0, ports = 0, serr = 0, rerr = 0, sserr = 0,
          srerr = 0;
    float target = 0, mine = 0;
    size_t seen = 0;
    for (size_t i = n + 1; i-- > 0 && seen < 256;) {
        const struct flow *g = &p->f[i];
        if (p->tenant[i] != p->tenant[n])
            continue;
        bool t = ip_eq(&f->target, &g->target), s = ip_eq(&f->source, &g->source);
        bool same = t && same_service(f, g);
        target += t, mine += same;
        ports += same && f->source_port == g->source_port, others += same && !s;
        serr += t && g->error == FLOW_SYN_ERROR, rerr += t && g->error == FLOW_REJECTED;
        sserr += same && g->error == FLOW_SYN_ERROR, srerr += same && g->error == FLOW_REJECTED;
        if (seen++ >= 100)
            continue;
        /* no service is said here: one for all */
        nb[0] += s, nb[1] += t, nb[2] += t, nb[3] += s, nb[4] += s && f->port == g->port;
        nb[5] += t && f->source_port == g->source_port, nb[6] += s && t;
    }
    kdd[0] = target < 255 ? target : 255, kdd[1] = mine < 255 ? mine : 255;
    kdd[2] = mine / target, kdd[3] = (target - mine) / target, kdd[4] = ports / mine;
    kdd[5] = others / mine, kdd[6] = serr / target, kdd[7] = sserr / mine;
    kdd[8] = rerr / target, kdd[9] = srerr / mine;
    memcpy(&out->x[FEATURE_LAST_TARGET_KDD - FEATURE_TARGET_2S], kdd, sizeof kdd);
    memcpy(&out->x[FEATURE_LAST_SERVICE_SOURCE - FEATURE_TARGET_2S], nb, sizeof nb);
}

/* The minute's number, failures, bytes and mean gap of those for which `is` holds. */
static void plain_minute(const struct plain *p, size_t n,
                         bool (*is)(const struct flow *, const struct flow *), float out[static 4])
{
    double count = 0, failed = 0, bytes = 0, gap = 0, gaps = 0;
    int64_t before = TIME_NONE;
    for (size_t i = 0; i <= n; i++) {
        if (p->tenant[i] != p->tenant[n] || !is(&p->f[i], &p->f[n]))
            continue;
        if (p->clock_ms[n] / 15000 - p->clock_ms[i] / 15000 < 4) {
            count++, failed += p->f[i].end == FLOW_FAILED, bytes += (double)p->f[i].bytes_out;
            gaps += before != TIME_NONE;
            gap += before != TIME_NONE ? (double)(p->clock_ms[i] - before) / 1000 : 0;
        }
        before = p->clock_ms[i];
    }
    out[0] = (float)count, out[1] = (float)(failed / count), out[2] = (float)bytes;
    out[3] = gaps > 0 ? (float)(gap / gaps) : NAN;
}

static bool is_source(const struct flow *a, const struct flow *b)
{
    return ip_eq(&a->source, &b->source);
}
static bool is_target(const struct flow *a, const struct flow *b)
{
    return ip_eq(&a->target, &b->target);
}
static bool is_pair(const struct flow *a, const struct flow *b)
{
    return is_source(a, b) && is_target(a, b);
}

static void make(struct plain *p)
{
    struct random r;
    int64_t ms = 0, clock_ms[3] = {0};
    random_init(&r, 7, 7);
    for (size_t i = 0; i < FLOWS; i++) {
        ms += random_below(&r, 50) == 0 ? random_below(&r, 40000) : random_below(&r, 200);
        unsigned error = random_below(&r, 4);
        p->f[i] = flow(ms - (int64_t)random_below(&r, 300), random_below(&r, 6),
                       random_below(&r, 5), (uint16_t)(80 + random_below(&r, 3)));
        p->f[i].error = error < 3 ? (uint8_t)error : FLOW_NO_ERROR;
        p->f[i].end = p->f[i].error ? FLOW_FAILED : FLOW_ANSWERED;
        p->f[i].source_port = (uint16_t)(40000 + random_below(&r, 3));
        p->f[i].bytes_out = random_below(&r, 1000);
        p->tenant[i] = random_below(&r, 3);
        int64_t *latest = &clock_ms[p->tenant[i]];
        *latest = p->f[i].time_ms > *latest ? p->f[i].time_ms : *latest;
        p->clock_ms[i] = *latest;
    }
}

static void near(size_t row, enum feature f, float got, float want)
{
    if (isnan(got) != isnan(want) || fabsf(got - want) > 1e-4F * (1 + fabsf(want)))
        fail_msg("flow %zu: %s is %g, not %g", row, feature_info[f].name, (double)got,
                 (double)want);
}

static void agrees_with_counting_all_flows_again(void **state)
{
    static bool (*const is[])(const struct flow *, const struct flow *) = {is_source, is_target,
                                                                           is_pair};
    static const enum feature at[3][4] = {
        {FEATURE_SOURCE_60S, FEATURE_SOURCE_60S_FAILED, FEATURE_SOURCE_60S_BYTES,
         FEATURE_SOURCE_60S_GAP},
        {FEATURE_TARGET_60S, FEATURE_TARGET_60S_FAILED, FEATURE_TARGET_60S_BYTES,
         FEATURE_TARGET_60S_GAP},
        {FEATURE_PAIR_60S, FEATURE_PAIR_60S_FAILED, FEATURE_PAIR_60S_BYTES, FEATURE_PAIR_60S_GAP}};
    struct plain *p = mem_new(struct plain);
    struct window *w = window_new(NULL);
    make(p);
    for (size_t i = 0; i < FLOWS; i++) {
        struct aggregates got, want;
        float minute[4];
        window_add(w, p->tenant[i], &p->f[i], &got);
        plain_2s(p, i, &want);
        plain_last(p, i, &want);
        for (enum feature f = FEATURE_TARGET_2S; f < FEATURE_SOURCE_60S; f++)
            near(i, f, of(&got, f), of(&want, f));
        for (size_t k = 0; k < 3; k++) {
            plain_minute(p, i, is[k], minute);
            for (size_t j = 0; j < 4; j++)
                near(i, at[k][j], of(&got, at[k][j]), minute[j]);
        }
    }
    assert_int_equal(window_stats(w).evicted_hosts, 0);
    window_free(w);
    mem_free(p);
}

static void keeps_tenants_apart(void **state)
{
    struct window *w = window_new(NULL);
    struct aggregates a;
    for (int i = 0; i < 50; i++) {
        struct flow f = flow(i, 1, 1, 80);
        window_add(w, 1, &f, &a);
    }
    struct flow f = flow(50, 1, 1, 80);
    window_add(w, 2, &f, &a);
    for (enum feature i = FEATURE_TARGET_2S; i <= FEATURE_PAIR_60S_GAP_DEV; i++)
        assert_true(!(of(&a, i) > 1) || i == FEATURE_SOURCE_60S_BYTES ||
                    i == FEATURE_TARGET_60S_BYTES || i == FEATURE_PAIR_60S_BYTES);
    window_free(w);
}

static void tells_a_scan_by_its_many_ports(void **state)
{
    struct window *w = window_new(NULL);
    struct aggregates a;
    for (int i = 0; i < 200; i++) {
        struct flow f = flow(i * 10, 1, 1, (uint16_t)(1000 + i));
        window_add(w, 1, &f, &a);
    }
    assert_true(fabsf(of(&a, FEATURE_SOURCE_60S_PORTS) - 200) < 60);
    assert_true(fabsf(of(&a, FEATURE_PAIR_60S_PORTS) - 200) < 80);
    EXPECT(a, SOURCE_60S_HOSTS, 1);
    window_free(w);
}

static void forgets_within_its_room_and_counts_it(void **state)
{
    struct window *w = window_new(
        &(struct window_options){.hosts = 64, .pairs = 64, .services = 64, .tenants = 2});
    struct aggregates a;
    size_t bytes = window_stats(w).bytes;
    for (unsigned i = 0; i < 5000; i++) {
        struct flow f = flow(i, i, i + 7, (uint16_t)i);
        window_add(w, i % 5, &f, &a);
        EXPECT(a, PAIR_60S, 1);
    }
    struct window_stats st = window_stats(w);
    assert_int_equal(st.flows, 5000);
    assert_true(st.evicted_hosts > 9000 && st.evicted_pairs > 4000 && st.evicted_services > 9000);
    assert_true(st.evicted_tenants > 4000);
    assert_int_equal(st.bytes, bytes);
    window_free(w);
}

/* Which of 200 sources are still known when there is room for 64 hosts. */
static void remembered(uint64_t seed, bool known[static 200])
{
    struct window *w = window_new(&(struct window_options){.hosts = 64, .seed = seed});
    struct aggregates a;
    for (unsigned again = 0; again < 2; again++)
        for (unsigned i = 0; i < 200; i++) {
            struct flow f = flow(again, again ? 199 - i : i, 1, 80);
            window_add(w, 1, &f, &a);
            known[again ? 199 - i : i] = of(&a, FEATURE_SOURCE_60S) > 1;
        }
    window_free(w);
}

static void who_pushes_out_whom_depends_on_the_seed(void **state)
{
    bool one[200], again[200], other[200];
    remembered(1, one);
    remembered(1, again);
    remembered(2, other);
    assert_memory_equal(one, again, sizeof one);
    assert_memory_not_equal(one, other, sizeof one);
}

static void finds_its_time_again_after_a_clock_that_was_wrong(void **state)
{
    struct window *w = window_new(NULL);
    struct aggregates a;
    struct flow wrong = flow(1000LL * 3600 * 24 * 365, 1, 1, 80);
    window_add(w, 1, &wrong, &a);
    for (int i = 0; i < 10; i++) {
        struct flow f = flow(i * 5000, 1, 1, 80);
        window_add(w, 1, &f, &a);
    }
    EXPECT(a, TARGET_2S, 1);
    assert_true(of(&a, FEATURE_SOURCE_60S) <= 10);
    struct flow none = flow(0, 1, 1, 80);
    none.time_ms = TIME_NONE;
    window_add(w, 1, &none, &a);
    EXPECT(a, TARGET_2S, 2); /* at the latest time */
    window_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_a_flow_with_those_before_it),
        cmocka_unit_test(agrees_with_counting_all_flows_again),
        cmocka_unit_test(keeps_tenants_apart),
        cmocka_unit_test(tells_a_scan_by_its_many_ports),
        cmocka_unit_test(forgets_within_its_room_and_counts_it),
        cmocka_unit_test(who_pushes_out_whom_depends_on_the_seed),
        cmocka_unit_test(finds_its_time_again_after_a_clock_that_was_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
