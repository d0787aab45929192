/* SPDX-License-Identifier: Apache-2.0 */
/* What learning and watching cost an event, and what an entity costs: first one busy site over and over, then 100,000
 * and more entities of which few are seen often (Zipf), at the hours people work.
 *
 *   behavior_bench [ENTITIES [MILLIONS OF EVENTS]] */
#include "base/mem.h"
#include "base/random.h"
#include "base/sbuf.h"
#include "behavior/behavior.h"
#include "parse/parse.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 20000, ROUNDS = 20, FOUND_MAX = 1000 };
static const long long start = 1735516800000;

/* Of this process alone: others may be busy, too. */
static uint64_t cpu_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* of itself it always can */
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct bench {
    struct dict *dict;
    struct parser *parser;
    struct batch batch;
    struct sbuf text;
};

static void bench_init(struct bench *b)
{
    *b = (struct bench){.dict = dict_new()};
    b->parser = parser_new(b->dict, &parse_limits_default);
    batch_init(&b->batch, 256 << 20);
    sbuf_init(&b->text, 64 << 20);
}

static void bench_done(struct bench *b)
{
    sbuf_done(&b->text);
    batch_done(&b->batch);
    parser_free(b->parser);
    dict_free(b->dict);
}

static void parse(struct bench *b)
{
    struct parse_stream stream = {.format = PARSE_json};
    batch_clear(&b->batch);
    batch_reserve(&b->batch, b->text.n);
    memcpy(b->batch.bytes, b->text.p, b->text.n);
    b->batch.n = b->text.n;
    parser_run(b->parser, &stream, &b->batch);
    sbuf_clear(&b->text);
}

/* ---- one site: 1,000 users on 200 hosts from 5,000 addresses ---- */

static void fill_site(struct bench *b, struct random *r)
{
    for (int i = 0; i < EVENTS; i++) {
        unsigned u = random_below(r, 1000);
        sbuf_addf(&b->text,
                  "{\"@timestamp\":%lld,\"user.name\":\"user%u\",\"host.name\":\"host%u\",\"source."
                  "ip\":\"10.0.%u.%u\",\"event.outcome\":\"success\",\"event.action\":\"login\","
                  "\"process.name\":\"sshd\",\"source.bytes\":%u}\n",
                  start + (long long)i * 100, u, u % 200, u % 20, u % 250, random_below(r, 9999));
    }
    parse(b);
}

static void site(struct bench *bench)
{
    struct random r;
    struct behavior_found *found = mem_array(struct behavior_found, FOUND_MAX);
    random_init(&r, 1, 0);
    fill_site(bench, &r);
    for (int watch = 0; watch < 2; watch++) {
        struct behavior *b = behavior_new(&(struct behavior_options){.seed = 1});
        uint64_t began = cpu_ns();
        for (int i = 0; i < ROUNDS; i++) {
            if (watch)
                (void)behavior_watch(b, STR("default"), &bench->batch, 0, found, FOUND_MAX);
            else
                behavior_learn(b, STR("default"), &bench->batch, 0);
        }
        double ns = (double)(cpu_ns() - began) / ROUNDS / (double)bench->batch.event_count;
        printf("%s %.0f ns an event (3 entities, 8 values): %.0f events/s\n",
               watch ? "learn and watch" : "learn", ns, 1e9 / ns);
        behavior_free(b);
    }
    mem_free(found);
}

/* ---- many entities ---- */

struct many {
    struct bench *bench;
    struct random random;
    struct behavior *b;
    unsigned entities; /* half of them users, a quarter hosts, a quarter addresses */
    uint64_t events, ns, findings;
};

/* Zipf's law with exponent 1, by the inverse of its distribution. */
static unsigned some(struct random *r, unsigned n)
{
    unsigned i = (unsigned)(pow(n + 1.0, random_01(r)) - 1);
    return i < n ? i : n - 1;
}

static void fill_hour(struct many *m, int hour, unsigned events)
{
    struct random *r = &m->random;
    for (unsigned i = 0; i < events; i++) {
        unsigned u = some(r, m->entities / 2),
                 h = (u / 2 + (random_below(r, 20) == 0)) % (m->entities / 4);
        unsigned a = random_below(r, 30) ? u / 2 : some(r, m->entities / 4);
        sbuf_addf(&m->bench->text,
                  "{\"@timestamp\":%lld,\"user.name\":\"user%u\",\"host.name\":\"host%u\",\"source."
                  "ip\":\"10.%u.%u.%u\",\"source.geo.country_iso_code\":\"%s\",\"event.outcome\":"
                  "\"%s\",\"event.action\":\"a%u\",\"process.name\":\"p%u\",\"destination.ip\":"
                  "\"10.9.%u.1\",\"destination.port\":%u,\"source.bytes\":%.0f}\n",
                  start + hour * 3600000ll + (long long)i * 3600000 / events, u, h, a >> 16,
                  a >> 8 & 255, a & 255, random_below(r, 100) ? "DE" : "FR",
                  random_below(r, 30) ? "success" : "failure", some(r, 12), some(r, 60),
                  (u + some(r, 40)) % 250, 400 + some(r, 8), exp(6 + 3 * random_normal(r)));
    }
    parse(m->bench);
}

static void watch_hour(struct many *m, int hour, unsigned events)
{
    static struct behavior_found found[FOUND_MAX];
    fill_hour(m, hour, events);
    uint64_t began = cpu_ns();
    m->findings += behavior_watch(m->b, STR("default"), &m->bench->batch, 0, found, FOUND_MAX);
    m->ns += cpu_ns() - began;
    m->events += m->bench->batch.event_count;
}

static double resident_mib(void)
{
    double pages = 0, skip = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%lf %lf", &skip, &pages) != 2)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (double)sysconf(_SC_PAGESIZE) / 1048576;
}

/* Everybody is seen a little first. */
static void meet(struct many *m)
{
    for (unsigned i = 0; i < m->entities / 2; i++) {
        for (unsigned k = 0; k < 4; k++)
            sbuf_addf(&m->bench->text,
                      "{\"@timestamp\":%lld,\"user.name\":\"user%u\",\"host.name\":\"host%u\","
                      "\"source.ip\":\"10.%u.%u.%u\",\"event.action\":\"a%u\",\"process.name\":"
                      "\"p%u\",\"source.bytes\":1000}\n",
                      start + k * 3600000ll, i, i / 2, i >> 17, i >> 9 & 255, i >> 1 & 255, k % 2,
                      k);
        if (i % 5000 == 4999 || i + 1 == m->entities / 2) {
            parse(m->bench);
            behavior_learn(m->b, STR("default"), &m->bench->batch, 0);
        }
    }
}

static void many(struct bench *bench, unsigned entities, unsigned in_memory, double millions)
{
    char folder[] = "/tmp/behavior-bench-XXXXXX", path[64];
    double before = resident_mib();
    struct many m = {.bench = bench, .entities = entities};
    random_init(&m.random, 2, 0);
    m.b = behavior_new(&(struct behavior_options){.seed = 1, .entities = in_memory});
    bool rests = in_memory < entities && mkdtemp(folder);
    if (rests) {
        snprintf(path, sizeof path, "%s/rest", folder);
        if (behavior_rest(m.b, path, 0, NULL) != ST_OK)
            return;
    }
    meet(&m);
    unsigned hours = 24 * 21, each = (unsigned)(millions * 1e6 / hours * 2);
    for (unsigned h = 4; h < hours; h++)
        if (h % 24 >= 8 && h % 24 < 20)
            watch_hour(&m, (int)h, each);
    struct behavior_stats st = behavior_stats(m.b);
    printf("%u entities, %.1f million events over three weeks: %.0f ns an event (%.0f events/s), "
           "%llu in memory in %.0f MiB (resident %.0f), %llu resting in %.0f MiB, spilled %llu, "
           "loaded %llu, %llu findings\n",
           entities, (double)m.events / 1e6, (double)m.ns / (double)m.events,
           1e9 * (double)m.events / (double)m.ns, (unsigned long long)st.entities,
           (double)st.bytes / 1048576, resident_mib() - before, (unsigned long long)st.resting,
           (double)st.rest_bytes / 1048576, (unsigned long long)st.spilled,
           (unsigned long long)st.loaded, (unsigned long long)m.findings);
    behavior_free(m.b);
    for (int i = 0; rests && i < 16; i++) {
        char file[80];
        snprintf(file, sizeof file, "%s.%d", path, i);
        (void)unlink(file);
    }
    if (rests)
        (void)rmdir(folder);
}

int main(int argc, char **argv)
{
    struct bench bench;
    double entities = 100000, millions = 3;
    if (argc > 1 && (!str_to_f64(str_z(argv[1]), &entities) || entities < 1000 || entities > 1e7))
        return 2;
    if (argc > 2 && (!str_to_f64(str_z(argv[2]), &millions) || millions <= 0))
        return 2;
    bench_init(&bench);
    site(&bench);
    many(&bench, (unsigned)entities, (unsigned)(entities * 1.2), millions);
    many(&bench, (unsigned)entities, (unsigned)(entities / 4), millions);
    bench_done(&bench);
    return 0;
}
