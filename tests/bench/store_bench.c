/* SPDX-License-Identifier: Apache-2.0 */
/* Commits to SQLite of 1, 100 and 1,000 findings, each of its own group or a repeat; then lists and counts over what
 * came of it.  BGUARD_BENCH_DATABASE names another database than a file in a temporary folder. */
#include "base/mem.h"
#include "os/clock.h"
#include "store/alert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FINDINGS_MAX = 1000, HOUR = 3600000 };
static const int64_t now_ms = 1790000000000;

static struct {
    struct store *store;
    struct alert_record alert[FINDINGS_MAX];
    struct alert_event event[FINDINGS_MAX];
    struct commit_result result[FINDINGS_MAX];
    char group[FINDINGS_MAX][33], entity[FINDINGS_MAX][96];
    uint64_t made;
} b;

static void must(status st, const struct error *err)
{
    if (st == ST_OK)
        return;
    (void)fprintf(stderr, "store_bench: %s\n", err->text);
    exit(1);
}

static void finding(size_t i, uint64_t group)
{
    (void)snprintf(b.group[i], sizeof b.group[i], "%032llx", (unsigned long long)group);
    (void)snprintf(b.entity[i], sizeof b.entity[i],
                   "{\"user\":\"user%llu\",\"host\":\"host%llu\",\"source.ip\":\"10.0.%llu.%llu\"}",
                   (unsigned long long)group % 997, (unsigned long long)group % 101,
                   (unsigned long long)group / 256 % 256, (unsigned long long)group % 256);
    b.alert[i] = (struct alert_record){
        .tenant = STR("acme"),
        .group = str_z(b.group[i]),
        .level = (enum level)(group % LEVEL_COUNT),
        .score_01 = 0.5f,
        .rule = STR("5af54681-df95-4c26-854f-2565e13cfab0"),
        .title = STR("Suspicious Encoded PowerShell Command Line"),
        .reason = STR("process.command_line contains ' -enc ' and process.name is powershell.exe"),
        .entity = str_z(b.entity[i]),
        .technique = STR("[\"T1059.001\"]"),
        .evidence =
            STR("{\"process.command_line\":\"powershell -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBi\"}"),
        .source = STR("syslog:udp"),
        .first_ms = now_ms + (int64_t)group,
        .last_ms = now_ms + (int64_t)group};
    b.event[i] = (struct alert_event){
        STR("0123456789abcdef"), now_ms,
        STR("<13>Nov 21 15:36:41 host42 powershell[4711]: process started: powershell -enc "
            "SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAIABOAGUAdAAuAFcAZQBiAEMAbABpAGUAbgB0ACkA "
            "parent "
            "explorer.exe user CORP\\ann integrity medium hashes "
            "SHA256=aabbccddeeff00112233445566"),
        STR("syslog")};
}

static void commit(size_t n, bool repeats)
{
    for (size_t i = 0; i < n; i++)
        finding(i, repeats ? i : ++b.made + FINDINGS_MAX);
    struct position_record p = {STR("syslog:udp"), STR("1"), now_ms};
    struct store_commit c = {.now_ms = now_ms,
                             .group_ms = 24 * HOUR,
                             .alert = b.alert,
                             .event = b.event,
                             .alert_count = n,
                             .position = &p,
                             .position_count = 1,
                             .first_seq = b.made + 1};
    struct error err;
    must(store_commit(b.store, &c, b.result, &err), &err);
}

/* CPU of this process: the machine may be busy. */
static double cpu_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void measure_commits(size_t n, bool repeats, double seconds)
{
    unsigned commits = 0;
    double worst = 0, cpu = cpu_seconds();
    uint64_t begun = clock_ns();
    while (clock_since(begun) < seconds) {
        uint64_t start = clock_ns();
        commit(n, repeats);
        double took = clock_since(start);
        worst = took > worst ? took : worst;
        commits++;
    }
    double took = clock_since(begun);
    printf("commits of %4zu %-8s %8.0f/s  %9.0f findings/s  mean %7.2f ms  worst %7.2f ms"
           "  cpu %6.2f ms\n",
           n, repeats ? "repeats" : "new", commits / took, (double)n * commits / took,
           took * 1e3 / commits, worst * 1e3, (cpu_seconds() - cpu) * 1e3 / commits);
}

static void measure_list(const char *what, struct alert_filter f)
{
    enum { TIMES = 50 };
    size_t n = 0;
    uint64_t begun = clock_ns();
    for (unsigned i = 0; i < TIMES; i++) {
        struct arena a;
        struct error err;
        struct alert_record *list;
        str next;
        arena_init(&a, 16 << 20);
        f.tenant = STR("acme");
        f.limit = 50;
        must(store_alert_list(b.store, &a, &f, &list, &n, &next, &err), &err);
        arena_done(&a);
    }
    printf("list %-28s %8.2f ms  (%zu alerts)\n", what, clock_since(begun) * 1e3 / TIMES, n);
}

static void measure_lists(void)
{
    measure_list("latest", (struct alert_filter){0});
    measure_list("open", (struct alert_filter){.status_mask = 1});
    measure_list("closed (none)", (struct alert_filter){.status_mask = 4 | 8});
    measure_list("several statuses", (struct alert_filter){.status_mask = 1 | 2});
    measure_list("one entity", (struct alert_filter){.entity = STR("10.0.3.7")});
    measure_list("one rule", (struct alert_filter){.rule = b.alert[0].rule});
    measure_list("no such rule", (struct alert_filter){.rule = STR("none")});
    measure_list("critical", (struct alert_filter){.min_level = LEVEL_CRITICAL});
    measure_list("text that is nowhere", (struct alert_filter){.text = STR("nowhere")});
    struct alert_counts counts;
    struct error err;
    uint64_t begun = clock_ns();
    must(store_alert_counts(b.store, STR("acme"), &counts, &err), &err);
    printf("counts over %llu alerts %21.2f ms\n", (unsigned long long)counts.by_status[ALERT_OPEN],
           clock_since(begun) * 1e3);
}

int main(void)
{
    char folder[] = "/tmp/bguard-bench-XXXXXX", url[64], path[64];
    if (!mkdtemp(folder))
        return 1;
    (void)snprintf(url, sizeof url, "sqlite:%s/b.db", folder);
    const char *other = getenv("BGUARD_BENCH_DATABASE");
    struct store_options o = {.url = str_z(other ? other : url)};
    struct error err;
    must(store_open(&o, &b.store, &err), &err);
    for (size_t n = 1; n <= FINDINGS_MAX; n = n == 1 ? 100 : n * 10) {
        measure_commits(n, false, 2);
        measure_commits(n, true, 2);
    }
    measure_lists();
    printf("database %.1f MB\n", (double)store_size_bytes(b.store) / 1e6);
    store_close(b.store);
    static const char *const suffix[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < COUNT(suffix); i++) {
        (void)snprintf(path, sizeof path, "%s/b.db%s", folder, suffix[i]);
        (void)unlink(path); /* -wal and -shm are gone already */
    }
    return rmdir(folder);
}
