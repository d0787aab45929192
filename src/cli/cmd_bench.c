/* SPDX-License-Identifier: Apache-2.0 */
/* The same pipeline as detect, over the same input, so often that timing means something.  The
 * files are read once before, so that they come from memory. */
#include "base/mem.h"
#include "cli/cli_int.h"
#include "os/process.h"
#include "os/stop.h"
#include "os/thread.h"

enum { OPENS_MAX = 1 << 20 };

struct benching {
    const struct args *args;
    struct run run;
    const char **path; /* owned; the operands, again and again */
    size_t paths;
    struct json_out *json; /* NULL: text */
};

struct measured {
    const char *what;
    unsigned threads;
    struct detect_stats stats;
};

static void on_finding(void *arg, const struct finding *f, const char *path)
{
    (void)arg, (void)f, (void)path;
}

static bool on_stop(void *arg)
{
    (void)arg;
    return stop_requested();
}

static status pass(struct benching *b, const struct snapshot *snapshot, unsigned threads,
                   struct detect_stats *out, struct error *err)
{
    status s = run_open_paths(&b->run, b->args, b->path, b->paths, err);
    if (s != ST_OK)
        return s;
    struct detect_options o = {.threads = threads, .limits = cli_limits(b->args)};
    struct detect_sink sink = {.finding = on_finding, .stop = on_stop, .arg = b};
    s = detect_run(snapshot, &o, b->run.in, &sink, out, err);
    ingest_close(b->run.in);
    b->run.in = NULL;
    return s;
}

/* How often the operands have to be read for --events; reads them once to know. */
static status repeat(struct benching *b, struct error *err)
{
    struct snapshot parse_only = {.dict = b->run.dict};
    struct detect_stats once;
    const struct args *a = b->args;
    for (size_t i = 0; i < a->operand_count; i++)
        if (strcmp(a->operand[i], "-") == 0)
            return fail(err, ST_UNSUPPORTED, "standard input cannot be read more than once");
    b->path = mem_array(const char *, a->operand_count);
    b->paths = a->operand_count;
    memcpy(b->path, a->operand, a->operand_count * sizeof *b->path);
    status s = pass(b, &parse_only, 1, &once, err);
    if (s != ST_OK)
        return s;
    if (once.events == 0)
        return fail(err, ST_INVALID, "there is no event in the input");
    uint64_t times = (args_number(a, "events") + once.events - 1) / once.events;
    times = times < 1 ? 1 : times > OPENS_MAX / b->paths ? OPENS_MAX / b->paths : times;
    mem_free(b->path);
    b->paths = (size_t)times * a->operand_count;
    b->path = mem_array(const char *, b->paths);
    for (size_t i = 0; i < b->paths; i++)
        b->path[i] = a->operand[i % a->operand_count];
    return ST_OK;
}

static void show(struct benching *b, const struct measured *m, const struct measured *base)
{
    double seconds = m->stats.seconds > 0 ? m->stats.seconds : 1e-9;
    double events = (double)m->stats.events / seconds, mb = (double)m->stats.bytes / seconds / 1e6;
    double ratio = base->stats.seconds > 0 ? base->stats.seconds / seconds : 1;
    if (!b->json) {
        char text[GROUPED_SIZE];
        format_grouped((uint64_t)events, text);
        printf("%-20s %2u thread%s %9.1f MB/s %14s events/s %8.2f x %9.2f s\n", m->what, m->threads,
               m->threads == 1 ? " " : "s", mb, text, ratio, m->stats.seconds);
        fflush(stdout);
        return;
    }
    json_out_object(b->json);
    json_out_kv_str(b->json, "what", str_z(m->what));
    json_out_kv_u64(b->json, "threads", m->threads);
    json_out_kv_u64(b->json, "events", m->stats.events);
    json_out_kv_u64(b->json, "bytes", m->stats.bytes);
    json_out_kv_u64(b->json, "findings", m->stats.findings);
    json_out_kv_f64(b->json, "seconds", m->stats.seconds);
    json_out_kv_f64(b->json, "events_per_second", (double)(uint64_t)events);
    json_out_kv_f64(b->json, "bytes_per_second", (double)(uint64_t)(mb * 1e6));
    json_out_kv_f64(b->json, "ratio", (double)(uint64_t)(ratio * 1000) / 1000);
    json_out_object_end(b->json);
}

static status measure(struct benching *b, struct error *err)
{
    unsigned threads = (unsigned)args_number(b->args, "threads");
    threads = threads ? threads : thread_processors();
    struct snapshot parse_only = {.dict = b->run.dict};
    bool detects = b->run.rules || b->run.intel;
    struct {
        struct measured m;
        const struct snapshot *snapshot;
        bool wanted;
    } all[] = {
        {{"parse", 1, {0}}, &parse_only, true},
        {{"parse", threads, {0}}, &parse_only, threads > 1},
        {{"parse and detect", 1, {0}}, &b->run.snapshot, detects},
        {{"parse and detect", threads, {0}}, &b->run.snapshot, detects && threads > 1},
    };
    for (size_t i = 0; i < COUNT(all); i++) {
        if (!all[i].wanted || stop_requested())
            continue;
        status s = pass(b, all[i].snapshot, all[i].m.threads, &all[i].m.stats, err);
        if (s != ST_OK)
            return s;
        show(b, &all[i].m, &all[0].m);
    }
    return ST_OK;
}

static status bench(struct benching *b, struct error *err)
{
    status s = run_load(&b->run, b->args, err);
    if (s == ST_OK)
        s = repeat(b, err);
    return s == ST_OK ? measure(b, err) : s;
}

int cmd_bench(const struct args *a)
{
    struct benching b = {.args = a};
    struct sbuf text;
    struct error err;
    sbuf_init(&text, 1 << 20);
    struct json_out j = json_out_on(&text);
    if (args_flag(a, "json"))
        b.json = &j;
    stop_on_signals();
    json_out_object(&j);
    json_out_key(&j, STR("runs"));
    json_out_array(&j);
    status s = bench(&b, &err);
    json_out_array_end(&j);
    json_out_kv_u64(&j, "rules", b.run.rules ? rule_set_loaded(b.run.rules) : 0);
    json_out_kv_u64(&j, "rss_peak_bytes", process_rss_peak_bytes());
    json_out_object_end(&j);
    int code = s == ST_OK ? 0 : cli_fail(&err);
    if (s == ST_OK && b.json)
        cli_print_json(&text);
    else if (s == ST_OK)
        printf("%.1f MiB of memory at most; x is the speed against parsing on one thread\n",
               (double)process_rss_peak_bytes() / (1 << 20));
    sbuf_done(&text);
    mem_free(b.path);
    run_done(&b.run);
    return stop_requested() ? CLI_INTERRUPTED : code;
}
