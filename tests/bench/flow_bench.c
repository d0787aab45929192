/* SPDX-License-Identifier: Apache-2.0 */
/* What a flow costs in the windows and as features, and what a row costs to read. */
#include "base/mem.h"
#include "base/random.h"
#include "base/sbuf.h"
#include "dataset/dataset.h"
#include "flow/window.h"
#include "os/clock.h"

enum { FLOWS = 1 << 16, ROUNDS = 16, ROWS = 200 * 1000, COLUMNS = 50 };

static struct flow *make_flows(uint32_t sources, uint32_t targets)
{
    struct flow *f = mem_array(struct flow, FLOWS);
    struct random r;
    random_init(&r, 1, sources);
    for (size_t i = 0; i < FLOWS; i++) {
        f[i] =
            (struct flow){.time_ms = 1700000000000 + (int64_t)i,
                          .source = ip_from_v4(0x0a000000U + random_below(&r, sources)),
                          .target = ip_from_v4(0xc0000200U + random_below(&r, targets)),
                          .port = (uint16_t)(random_below(&r, 8) ? 443 : random_below(&r, 60000)),
                          .source_port = (uint16_t)random_below(&r, 65536),
                          .transport = 6,
                          .end = FLOW_ANSWERED,
                          .seconds = random_01(&r),
                          .bytes_out = random_below(&r, 100000),
                          .bytes_in = random_below(&r, 100000),
                          .packets_out = 10,
                          .packets_in = 10,
                          .said = UINT32_MAX};
    }
    return f;
}

static void measure(uint32_t sources, uint32_t targets)
{
    struct flow *f = make_flows(sources, targets);
    struct window *w = window_new(NULL);
    struct aggregates a;
    float x[FEATURE_COUNT], sum = 0;
    uint64_t window_ns = 0, start = clock_ns();
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < FLOWS; i++) {
            f[i].time_ms += FLOWS;
            window_add(w, 1, &f[i], &a);
            sum += a.x[0];
        }
    window_ns = clock_ns() - start;
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < FLOWS; i++) {
            f[i].time_ms += FLOWS;
            window_add(w, 1, &f[i], &a);
            flow_features(&f[i], &a, x);
            sum += x[0];
        }
    double n = (double)FLOWS * ROUNDS, all = (double)(clock_ns() - start - window_ns);
    struct window_stats st = window_stats(w);
    printf("%7u sources, %7u targets: windows %4.0f ns, with features %4.0f ns a flow, %.2f M/s; "
           "%llu hosts evicted (%g)\n",
           sources, targets, (double)window_ns / n, all / n, n / all * 1e3,
           (unsigned long long)st.evicted_hosts, (double)sum);
    window_free(w);
    mem_free(f);
}

static void read_table(void)
{
    struct sbuf text;
    struct dataset d = {0};
    struct dataset_options o = {.format = DATASET_CSV, .label = -1};
    struct error err = {0};
    struct random r;
    random_init(&r, 1, 2);
    sbuf_init(&text, (size_t)1 << 30);
    for (int i = 0; i < COLUMNS; i++)
        sbuf_addf(&text, "c%d,", i);
    sbuf_addz(&text, "label\n");
    for (int row = 0; row < ROWS; row++) {
        for (int i = 0; i < COLUMNS; i++)
            sbuf_addf(&text, "%u.%u,", random_below(&r, 1000), random_below(&r, 1000));
        sbuf_addz(&text, row % 2 ? "1\n" : "0\n");
    }
    uint64_t start = clock_ns();
    status st = dataset_read_memory(&d, sbuf_str(&text), "bench", &o, &err);
    double s = (double)(clock_ns() - start) / 1e9;
    printf("CSV: %zu rows of %zu columns in %.2f s, %.0f MB/s%s\n", d.rows, d.columns, s,
           (double)text.n / s / 1e6, st == ST_OK ? "" : err.text);
    start = clock_ns();
    dataset_dedupe(&d);
    printf("dedupe: %.2f s\n", (double)(clock_ns() - start) / 1e9);
    dataset_done(&d);
    sbuf_done(&text);
}

int main(void)
{
    measure(1000, 100);
    measure(10000, 1000);
    measure(1000000, 1000000);
    read_table();
    return 0;
}
