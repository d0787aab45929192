/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"
#include "os/clock.h"
#include "os/stop.h"
#include "report/report.h"

enum { REJECTS_NOTED = 10 };

struct detection {
    const struct args *args;
    struct run run;
    const char *output;
    struct report *report; /* owned */
    struct progress_bar bar;
    struct detect_stats stats;
    uint64_t failing; /* findings at or above --fail-on */
    enum level min_level, fail_on;
    uint64_t hidden; /* findings below min_level, made for --fail-on only */
    bool fails, quiet;
    bool pending;       /* findings that the report may still hold back */
    bool live;          /* standard input is read: somebody may be waiting for each line */
    bool tells_trouble; /* the report itself says what could not be read */
    uint64_t rejects;
};

static void on_finding(void *arg, const struct finding *f, const char *path)
{
    struct detection *d = arg;
    d->failing += d->fails && f->level >= d->fail_on;
    if (f->level < d->min_level) {
        d->hidden++;
        return;
    }
    progress_clear(&d->bar);
    d->pending = true;
    report_finding(d->report, f, path);
}

static void on_reject(void *arg, const struct reject *r, const char *path)
{
    struct detection *d = arg;
    report_reject(d->report, r, path);
    if (d->quiet || d->tells_trouble || d->rejects++ >= REJECTS_NOTED)
        return;
    progress_clear(&d->bar);
    cli_note("%s:%llu: %s", path,
             (unsigned long long)(r->origin.line ? r->origin.line : r->origin.record), r->text);
}

static void hide(struct detect_stats *s, uint64_t findings)
{
    s->findings -= findings;
    s->suppressed += findings;
}

static void on_progress(void *arg, const struct ingest_progress *p, const struct detect_stats *s)
{
    struct detection *d = arg;
    struct detect_stats shown = *s;
    hide(&shown, d->hidden);
    progress_show(&d->bar, p, &shown);
}

static bool on_stop(void *arg)
{
    struct detection *d = arg;
    if (d->live && d->pending) {
        progress_clear(&d->bar);
        report_flush(d->report);
        d->pending = false;
    }
    return stop_requested() || ferror(stdout);
}

/* The option that bounds how long correlations wait for late matches. */
static const char *waiting_option(const struct detection *d)
{
    return args_number(d->args, "lateness") ? "--lateness" : "--correlation-memory";
}

/* What a person must know even when the report goes to a program. */
static void note_trouble(const struct detection *d)
{
    const struct correlator_stats *c = &d->stats.correlation;
    if (d->quiet || d->tells_trouble)
        return;
    for (size_t i = 0; i < ingest_problem_count(d->run.in); i++) {
        const struct ingest_problem *p = ingest_problem(d->run.in, i);
        cli_note("%s: %s", p->path, p->reason);
    }
    note_rejects(&d->stats, REJECTS_NOTED);
    if (d->stats.flows_skipped)
        cli_note("%llu scores of connections were left out at a limit",
                 (unsigned long long)d->stats.flows_skipped);
    if (c->evicted)
        cli_note("correlations forgot %llu groups to stay inside --correlation-memory: some of "
                 "their findings may be missing",
                 (unsigned long long)c->evicted);
    if (c->late)
        cli_note("%llu matches came too late to be correlated: give more %s",
                 (unsigned long long)c->late, waiting_option(d));
}

static const char *output_kind(const struct args *a)
{
    const char *given[1];
    bool chosen = args_list(a, "output", given, 1) != 0;
    return !chosen && args_flag(a, "json") ? "ndjson" : args_text(a, "output");
}

static void prepare(struct detection *d)
{
    const struct args *a = d->args;
    struct style style = cli_style();
    d->output = output_kind(a);
    d->quiet = args_flag(a, "quiet");
    d->tells_trouble = strcmp(d->output, "table") == 0 || strcmp(d->output, "summary") == 0;
    (void)level_find(str_z(args_text(a, "min-level")), &d->min_level); /* args_parse has checked */
    d->fails = level_find(str_z(args_text(a, "fail-on")), &d->fail_on);
    for (size_t i = 0; i < a->operand_count; i++)
        d->live = d->live || strcmp(a->operand[i], "-") == 0;
    d->report = report_new(d->output, &style);
    progress_init(&d->bar, d->quiet);
}

static void finish_report(struct detection *d)
{
    const char *rules[1] = {NULL};
    for (size_t i = 0; i < ingest_problem_count(d->run.in); i++)
        report_unread(d->report, ingest_problem(d->run.in, i)->path,
                      ingest_problem(d->run.in, i)->reason);
    (void)args_list(d->args, "rules", rules, 1);
    report_end(d->report,
               &(struct report_run){.stats = &d->stats,
                                    .inputs = ingest_progress(d->run.in).files_done,
                                    .rules = d->run.rules ? rule_set_loaded(d->run.rules) : 0,
                                    .rules_failed =
                                        d->run.rules ? rule_set_problem_count(d->run.rules) : 0,
                                    .waiting_option = waiting_option(d),
                                    .program = d->args->program,
                                    .rules_path = rules[0],
                                    .now_ms = clock_wall_ms(),
                                    .stopped = stop_requested()});
}

static status detect(struct detection *d, struct error *err)
{
    const struct args *a = d->args;
    status s = run_load(&d->run, a, err);
    if (s == ST_OK && !d->run.rules && !d->run.intel && !*args_text(a, "models"))
        s = fail(err, ST_INVALID, "nothing to look for: give --rules, --intel or --models");
    if (s == ST_OK)
        s = run_open(&d->run, a, err);
    if (s != ST_OK)
        return s;
    struct detect_options o = {
        .threads = (unsigned)args_number(a, "threads"),
        .limits = cli_limits(a),
        .correlation = {.max_bytes = (size_t)args_number(a, "correlation-memory") << 20,
                        .lateness_ms = (int64_t)args_number(a, "lateness") * 1000}};
    struct detect_sink sink = {.finding = on_finding,
                               .reject = on_reject,
                               .progress = on_progress,
                               .stop = on_stop,
                               .arg = d};
    prepare(d);
    o.min_level = d->fails && d->fail_on < d->min_level ? d->fail_on : d->min_level;
    s = detect_run(&d->run.snapshot, &o, d->run.in, &sink, &d->stats, err);
    hide(&d->stats, d->hidden);
    progress_clear(&d->bar);
    if (s == ST_OK)
        finish_report(d);
    return s;
}

static int verdict(const struct detection *d)
{
    int code = run_verdict(&d->run, d->args, &d->stats);
    return d->failing && code != CLI_INTERRUPTED ? CLI_UNMET : code;
}

int cmd_detect(const struct args *a)
{
    struct detection d = {.args = a};
    struct error err;
    stop_on_signals();
    status s = detect(&d, &err);
    int code = 0;
    if (s == ST_OK) {
        note_trouble(&d);
        if (args_flag(a, "stats"))
            print_stats(&d.stats, d.run.rules, d.run.in);
        code = verdict(&d);
    } else {
        code = cli_fail(&err);
    }
    report_free(d.report);
    run_done(&d.run);
    return code;
}
