/* SPDX-License-Identifier: Apache-2.0 */
/* Two million indicators: what they take and what a look-up costs. */
#include "base/hash.h"
#include "base/mem.h"
#include "intel/feed_int.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { INDICATORS = 2000000, LOOKUPS = 2000000, EVENTS = 200000, FIELDS = 24 };

static double seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* the machine may be busy */
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double rss_mb(void)
{
    unsigned long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%lu %lu", &pages, &resident) != 2)
        resident = 0;
    if (f)
        (void)fclose(f); /* only read */
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static double peak_mb(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_maxrss * 1024 / 1e6;
}

/* Value `i`, of the mix found in public feeds: half addresses, then names, URLs, hashes. */
static size_t value_of(uint64_t i, char out[static 160])
{
    uint64_t r = hash_mix(i, 1), q = hash_mix(i, 2);
    int n;
    switch (i % 10) {
    case 5:
    case 6:
        n = snprintf(out, 160, "%s%llx.evil%u.example", i % 3 ? "www." : "",
                     (unsigned long long)r & 0xffffffffff, (unsigned)(q % 50));
        break;
    case 7:
        n = snprintf(out, 160, "http://h%llx.example/dl/%llx/setup.exe?id=%u",
                     (unsigned long long)r & 0xffffff, (unsigned long long)q, (unsigned)(r % 99));
        break;
    case 8:
        n = snprintf(out, 160, "%016llx%016llx", (unsigned long long)r, (unsigned long long)q);
        break;
    case 9:
        n = snprintf(out, 160, "%016llx%016llx%016llx%016llx", (unsigned long long)r,
                     (unsigned long long)q, (unsigned long long)r ^ 5, ~(unsigned long long)q);
        break;
    default:
        n = snprintf(out, 160, "%u.%u.%u.%u%s", 11 + (unsigned)(r % 80), (unsigned)(r >> 8 & 255),
                     (unsigned)(r >> 16 & 255), (unsigned)(r >> 24 & 255),
                     r >> 32 & 127 ? "" : "/28");
        break;
    }
    return (size_t)n;
}

static struct intel_set *build(void)
{
    struct intel_set *set = intel_set_new(NULL);
    struct intel_feed f = {.set = set, .path = STR("bench"), .source = STR("bench")};
    double start = seconds();
    for (uint64_t i = 0; i < INDICATORS; i++) {
        char text[160];
        size_t n = value_of(i, text);
        if (intel_plain_line(&f, (str){text, n}, NULL) != ST_OK)
            return set;
    }
    for (unsigned i = 0; i < 10000; i++) {
        char text[160];
        int n = snprintf(text, sizeof text, "good%u.example", i);
        struct indicator item = {.kind = INTEL_DOMAIN, .value = {text, (size_t)n}};
        if (intel_set_add(set, &item, true, NULL) != ST_OK)
            return set;
    }
    intel_set_freeze(set);
    struct intel_stats s = intel_set_stats(set);
    printf("%llu indicators (%llu duplicates, %llu rejected) in %.2f s\n",
           (unsigned long long)s.indicators, (unsigned long long)s.duplicates,
           (unsigned long long)s.rejected, seconds() - start);
    printf("%.1f MB in the set, %.1f MB resident, %.1f MB at the peak\n", (double)s.bytes / 1e6,
           rss_mb(), peak_mb());
    return set;
}

static int by_size(const void *x, const void *y)
{
    const double *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

/* Look up values first + 0..; their texts are made before the clock runs, and few at a time, so
 * that they are in the cache as those of a line just parsed are.  The median of the runs, because
 * the machine may be busy, and the best. */
static void look_up(const struct intel_set *set, const char *what, uint64_t first, unsigned kind)
{
    enum { BATCH = 1000, RUNS = LOOKUPS / BATCH };
    char *text = mem_resize(NULL, (size_t)BATCH * 160);
    size_t *n = mem_array(size_t, BATCH);
    double *spent = mem_array(double, RUNS);
    uint64_t hits = 0;
    for (uint64_t run = 0; run < RUNS; run++) {
        for (uint64_t i = 0; i < BATCH; i++) {
            uint64_t at = first + hash_mix(run * BATCH + i, 7) % INDICATORS;
            if (kind < 10)
                at = at / 10 * 10 + kind;
            n[i] = value_of(at, text + i * 160);
        }
        double start = seconds();
        for (uint64_t i = 0; i < BATCH; i++) {
            struct indicator it;
            hits += intel_find(set, (str){text + i * 160, n[i]}, &it, NULL);
        }
        spent[run] = (seconds() - start) / BATCH * 1e9;
    }
    qsort(spent, RUNS, sizeof *spent, by_size);
    printf("%-24s %6.1f ns a look-up (%.1f at best), %5.1f %% hits\n", what, spent[RUNS / 2],
           spent[0], (double)hits * 100 / LOOKUPS);
    mem_free(text);
    mem_free(n);
    mem_free(spent);
}

/* What the machine takes to read eight bytes it could not foresee, now: the measure of the rest. */
static void read_at_random(size_t bytes)
{
    enum { READS = 1000000 };
    size_t n = bytes / sizeof(uint64_t);
    uint64_t *to = mem_array(uint64_t, n);
    uint64_t at = 0;
    for (size_t i = 0; i < n; i++)
        to[i] = hash_mix(i, 3) % n;
    double start = seconds();
    for (unsigned i = 0; i < READS; i++)
        at = (to[at] + i) % n;
    printf("%.1f ns for one random read in %zu MB (%u)\n", (seconds() - start) / READS * 1e9,
           bytes >> 20, (unsigned)(at & 1));
    mem_free(to);
}

static void count(void *arg, uint32_t event, const struct finding *f)
{
    (void)event;
    (void)f;
    ++*(uint64_t *)arg;
}

/* Events of FIELDS fields; `different` values of addresses and names go round. */
static void match(const struct intel_set *set, const char *what, uint64_t different)
{
    struct dict *dict = dict_new();
    struct intel_matcher *m = intel_matcher_new(set, dict);
    struct batch b;
    struct arena arena, texts;
    batch_init(&b, (size_t)1 << 30);
    arena_init(&arena, (size_t)1 << 30);
    arena_init(&texts, (size_t)1 << 30);
    for (uint64_t i = 0; i < EVENTS; i++) {
        struct event *e = batch_begin(&b, STR(""), (struct origin){.line = i});
        for (unsigned k = 0; k < FIELDS; k++) {
            char text[160];
            uint64_t at = INDICATORS * 3ull + hash_mix(i, k) % different;
            field_id id = (field_id)(FIELD_EVENT_ACTION + k);
            size_t n = value_of(at / 10 * 10, text);
            if (k == 0)
                id = FIELD_SOURCE_IP;
            if (k == 1) {
                id = FIELD_DNS_QUESTION_NAME;
                n = value_of(at / 10 * 10 + 5, text);
            }
            if (k == 2) {
                id = FIELD_MESSAGE;
                n = (size_t)snprintf(text, sizeof text,
                                     "session %llu opened for user root by (uid=0) in unit "
                                     "system-getty.slice, nothing else of note",
                                     (unsigned long long)i);
            }
            str s = arena_str(&texts, (str){text, n});
            *batch_field(&b, 4096) =
                (struct field){.p = s.p, .n = (uint32_t)s.n, .id = id, .kind = VALUE_STRING};
        }
        batch_commit(&b, e);
    }
    uint64_t findings = 0;
    double start = seconds();
    intel_match(m, &b, &arena, count, &findings);
    printf("%-24s %6.1f ns an event, %llu findings\n", what, (seconds() - start) / EVENTS * 1e9,
           (unsigned long long)findings);
    intel_matcher_free(m);
    batch_done(&b);
    arena_done(&arena);
    arena_done(&texts);
    dict_free(dict);
}

int main(void)
{
    struct intel_set *set = build();
    read_at_random((size_t)4 << 20);
    read_at_random((size_t)64 << 20);
    look_up(set, "hits and misses", INDICATORS / 2, 10);
    look_up(set, "hits", 0, 10);
    look_up(set, "misses", INDICATORS * 2ull, 10);
    look_up(set, "addresses, half known", INDICATORS / 2, 0);
    look_up(set, "names, half known", INDICATORS / 2, 5);
    look_up(set, "URLs, half known", INDICATORS / 2, 7);
    look_up(set, "SHA-256, half known", INDICATORS / 2, 9);
    match(set, "events, 1,000 values", 1000 * 10);
    match(set, "events, all different", INDICATORS * 100ull);
    intel_set_free(set);
    return 0;
}
