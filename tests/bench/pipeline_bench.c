/* SPDX-License-Identifier: Apache-2.0 */
/* What the pipeline costs beyond its parsers, and what threads bring.
 *
 *     pipeline_bench [RULES...] -- [LOGS...]      (default: a feed made up on the spot)
 *
 * `parse` parses batches that lie in memory; `detect` reads, cuts, parses, matches and delivers.
 * One thread is measured in seconds of its processor, two by the clock on the wall. */
#include "base/mem.h"
#include "base/sbuf.h"
#include "base/vec.h"
#include "detect/engine.h"
#include "os/clock.h"
#include "os/process.h"
#include "os/thread.h"

#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

enum { ROUNDS = 7, MADE_UP_EVENTS = 100000 };

struct feed {
    const char *const *path;
    size_t count;
};

static struct ingest *open_feed(const struct feed *feed)
{
    struct ingest_options options = {.limits = parse_limits_default};
    struct ingest *in;
    struct error err;
    if (ingest_open(feed->path, feed->count, &options, &in, &err) != ST_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    return in;
}

static double cpu_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* cannot fail for ourselves */
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print_row(const char *what, double seconds, uint64_t events, uint64_t bytes)
{
    printf("%-22s %7.3f s %10.0f events/s %8.1f MB/s\n", what, seconds, (double)events / seconds,
           (double)bytes / seconds / 1e6);
}

/* ---- parsing alone ---- */

struct kept {
    struct batch batch;
    const struct parse_stream *stream;
};

struct kept_batches {
    VEC(struct kept) all;
};

static struct kept_batches keep_batches(struct ingest *in)
{
    struct kept_batches k = {0};
    for (;;) {
        struct kept one;
        batch_init(&one.batch, 64 << 20);
        if (!ingest_next(in, &one.batch, &one.stream)) {
            batch_done(&one.batch);
            return k;
        }
        *vec_push(&k.all) = one;
    }
}

static double parse_kept(struct kept_batches *k, struct dict *dict, uint64_t *events,
                         uint64_t *bytes)
{
    struct parser *parser = parser_new(dict, &parse_limits_default);
    struct batch work;
    batch_init(&work, 64 << 20);
    *events = *bytes = 0;
    double start = cpu_seconds();
    for (size_t i = 0; i < k->all.n; i++) {
        struct batch *from = &k->all.at[i].batch;
        char *own = work.bytes; /* lend it the bytes; the rest is reused, as in a run */
        batch_clear(&work);
        work.bytes = from->bytes;
        work.n = from->n;
        work.file = from->file;
        work.first_line = from->first_line;
        parser_run(parser, k->all.at[i].stream, &work);
        *events += work.event_count;
        *bytes += work.n;
        work.bytes = own;
    }
    double seconds = cpu_seconds() - start;
    batch_done(&work);
    parser_free(parser);
    return seconds;
}

static double bench_parse(const struct feed *feed)
{
    struct ingest *in = open_feed(feed);
    struct dict *dict = dict_new();
    struct kept_batches k = keep_batches(in);
    uint64_t events = 0, bytes = 0;
    double best = 0;
    for (int i = 0; i < ROUNDS; i++) {
        double seconds = parse_kept(&k, dict, &events, &bytes);
        best = i && best < seconds ? best : seconds;
    }
    print_row("parse", best, events, bytes);
    for (size_t i = 0; i < k.all.n; i++)
        batch_done(&k.all.at[i].batch);
    vec_done(&k.all);
    dict_free(dict);
    ingest_close(in);
    return best;
}

/* ---- reading alone ---- */

static double bench_ingest(const struct feed *feed)
{
    struct batch b;
    batch_init(&b, 64 << 20);
    double best = 0;
    uint64_t bytes = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct ingest *in = open_feed(feed);
        const struct parse_stream *stream;
        double start = cpu_seconds();
        while (ingest_next(in, &b, &stream))
            ;
        double seconds = cpu_seconds() - start;
        best = i && best < seconds ? best : seconds;
        bytes = ingest_progress(in).text_bytes;
        ingest_close(in);
    }
    print_row("ingest", best, 0, bytes);
    batch_done(&b);
    return best;
}

/* ---- all of it ---- */

static double bench_detect(const struct feed *feed, const struct snapshot *snapshot,
                           unsigned threads)
{
    struct detect_options options = {.threads = threads, .limits = parse_limits_default};
    struct detect_sink sink = {0};
    struct detect_stats best = {0};
    for (int i = 0; i < ROUNDS; i++) {
        struct ingest *in = open_feed(feed);
        struct detect_stats stats;
        double start = cpu_seconds();
        if (detect_run(snapshot, &options, in, &sink, &stats, NULL) != ST_OK)
            exit(1);
        if (threads == 1)
            stats.seconds = cpu_seconds() - start;
        if (i == 0 || stats.seconds < best.seconds)
            best = stats;
        ingest_close(in);
    }
    char what[64];
    (void)snprintf(what, sizeof what, "detect, %u thread%s", threads, threads == 1 ? "" : "s");
    print_row(what, best.seconds, best.events, best.bytes);
    if (threads == 1)
        printf("%-22s read %llu, rejected %llu, findings %llu, dropped %llu\n", "",
               (unsigned long long)best.read, (unsigned long long)best.rejected,
               (unsigned long long)best.findings, (unsigned long long)best.dropped);
    return best.seconds;
}

/* ---- as a service: what is read here goes through the engine's queue ---- */

struct service {
    struct engine *engine;
    atomic_uint rooms;
    uint64_t events, findings;
};

static void on_deliver(void *arg, const struct engine_result *r)
{
    struct service *s = arg;
    s->events += r->job->batch.event_count;
    s->findings += r->count;
}

static void on_room(void *arg)
{
    struct service *s = arg;
    atomic_fetch_add(&s->rooms, 1);
}

static void work(void *arg)
{
    engine_work(arg);
}

static uint64_t feed_engine(struct service *s, struct ingest *in)
{
    const struct parse_stream *stream;
    uint64_t bytes = 0;
    for (;;) {
        struct engine_job *job;
        while (!(job = engine_take(s->engine)))
            (void)sched_yield();
        if (!ingest_next(in, &job->batch, &stream)) {
            engine_give_back(s->engine, job);
            return bytes;
        }
        bytes += job->batch.n;
        job->stream = *stream;
        engine_submit(s->engine, job);
    }
}

static double bench_engine(const struct feed *feed, struct snapshot_ref *snapshot, unsigned threads)
{
    double best = 0;
    struct service s = {0};
    uint64_t bytes = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct engine_options options = {.jobs = 2 * threads + 2, .limits = parse_limits_default};
        struct engine_sink sink = {.deliver = on_deliver, .room = on_room, .arg = &s};
        struct thread thread[8];
        s = (struct service){.engine = engine_new(&options, &sink, snapshot)};
        struct ingest *in = open_feed(feed);
        uint64_t start_ns = clock_ns();
        for (unsigned t = 0; t < threads; t++)
            if (thread_start(&thread[t], "worker", work, s.engine, NULL) != ST_OK)
                exit(1);
        bytes = feed_engine(&s, in);
        engine_stop(s.engine);
        for (unsigned t = 0; t < threads; t++)
            thread_join(&thread[t]);
        double seconds = clock_since(start_ns);
        best = i && best < seconds ? best : seconds;
        ingest_close(in);
        engine_free(s.engine);
    }
    char what[64];
    (void)snprintf(what, sizeof what, "engine, %u worker%s", threads, threads == 1 ? "" : "s");
    print_row(what, best, s.events, bytes);
    printf("%-22s findings %llu\n", "", (unsigned long long)s.findings);
    return best;
}

static struct rule_set *load_rules(const char *const *path, size_t count, struct dict *dict)
{
    struct rule_options options = {0};
    struct rule_set *set;
    struct error err;
    double start = cpu_seconds();
    if (rule_set_load(path, count, dict, &options, &set, &err) != ST_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    printf("%-22s %7.3f s %10zu rules, %zu not compiled\n", "rules", cpu_seconds() - start,
           rule_set_count(set), rule_set_problem_count(set));
    return set;
}

static const char *make_feed(void)
{
    static char path[] = "/tmp/bguard-bench-XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!f)
        abort();
    for (unsigned i = 0; i < MADE_UP_EVENTS; i++)
        (void)fprintf(f,
                      "{\"@timestamp\":\"2024-05-01T10:%02u:%02u.%03uZ\",\"EventID\":1,"
                      "\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",\"Computer\":\"ws%u\","
                      "\"Image\":\"C:\\\\Windows\\\\System32\\\\svchost.exe\",\"ProcessId\":%u,"
                      "\"CommandLine\":\"svchost.exe -k netsvcs -p -s Schedule %u\","
                      "\"User\":\"CORP\\\\user%u\",\"IntegrityLevel\":\"System\","
                      "\"ParentImage\":\"C:\\\\Windows\\\\System32\\\\services.exe\"}\n",
                      i / 60000 % 60, i / 1000 % 60, i % 1000, i % 50, i, i * 7, i % 200);
    if (fclose(f) != 0)
        abort();
    return path;
}

int main(int argc, char **argv)
{
    int split = 1;
    while (split < argc && strcmp(argv[split], "--") != 0)
        split++;
    const char *made = split >= argc - 1 ? make_feed() : NULL;
    struct feed feed = {made ? &made : (const char *const *)argv + split + 1,
                        made ? 1 : (size_t)(argc - split - 1)};
    struct snapshot snapshot = {.dict = dict_new()};
    double parse = bench_parse(&feed);
    (void)bench_ingest(&feed);
    double one = bench_detect(&feed, &snapshot, 1);
    printf("%-22s %+6.1f %%\n", "overhead over parse", (one / parse - 1) * 100);
    struct rule_set *rules = NULL;
    if (split > 1) {
        rules = load_rules((const char *const *)argv + 1, (size_t)split - 1, snapshot.dict);
        snapshot.rules = rules;
        one = bench_detect(&feed, &snapshot, 1);
    }
    double two = bench_detect(&feed, &snapshot, 2);
    printf("%-22s %6.2f x of %u processors\n", "two threads bring", one / two, thread_processors());
    printf("%-22s %6.1f MB\n", "resident at most", (double)process_rss_peak_bytes() / 1e6);
    struct snapshot_ref *ref = snapshot_ref_new(snapshot.dict, rules, NULL);
    double served = bench_engine(&feed, ref, 2);
    printf("%-22s %6.2f x of a run with two threads\n", "the engine takes", served / two);
    snapshot_ref_drop(ref);
    dict_free(snapshot.dict);
    if (made)
        (void)unlink(made);
    return 0;
}
