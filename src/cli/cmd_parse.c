/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"
#include "cli/cli_int.h"
#include "cli/event_json.h"
#include "os/stop.h"
#include "report/tally.h"

enum {
    LINE_BYTES_MAX = 64 << 20,
    SOURCE_COLUMNS = 30,
    LABEL_COLUMNS = 34,
    SOURCES_MAX = 10000,
    REJECTS_NOTED = 10
};

struct source_count {
    str family, channel;
    enum parse_format format;
    uint64_t events;
};

struct parsing {
    const struct args *args;
    struct run run;
    struct style style;
    struct progress_bar bar;
    struct detect_stats stats;
    void (*print)(struct parsing *p, struct event *e, const char *path);
    struct sbuf line;
    struct event_json json;
    struct arena scratch; /* of one event */
    struct arena names;   /* of the summary */
    struct map source_at; /* "format, family, channel" → source[] */
    VEC(struct source_count) source;
    uint64_t *field; /* owned; id → events that have it */
    uint64_t rejects;
    bool live;
};

/* ---- one event ---- */

static void print_ndjson(struct parsing *p, struct event *e, const char *path)
{
    sbuf_clear(&p->line);
    event_json_print(&p->json, p->run.dict, e, path, &p->line);
    if (!p->line.full)
        fwrite(p->line.p, 1, p->line.n, stdout);
    else
        cli_note("%s:%llu: the event is too long to print", path,
                 (unsigned long long)e->origin.line);
}

/* The words that say most about what happened. */
static str gist(struct event *e)
{
    static const field_id fields[] = {FIELD_PROCESS_COMMAND_LINE,
                                      FIELD_URL_ORIGINAL,
                                      FIELD_DNS_QUESTION_NAME,
                                      FIELD_RULE_NAME,
                                      FIELD_MESSAGE,
                                      FIELD_FILE_PATH,
                                      FIELD_REGISTRY_PATH,
                                      FIELD_PROCESS_EXECUTABLE,
                                      FIELD_EVENT_ACTION};
    for (size_t i = 0; i < COUNT(fields); i++) {
        str text = event_get(e, fields[i]);
        if (text.n)
            return text;
    }
    return e->raw;
}

static void print_row(struct parsing *p, struct event *e, const char *path)
{
    struct pair entity[ENTITY_MAX];
    (void)path;
    arena_clear(&p->scratch);
    struct finding whom = {.entity = entity};
    whom.entity_count = event_entity(e, &p->scratch, entity);
    sbuf_clear(&p->line);
    sbuf_addf(&p->line, "%s%s" STR_FMT "%s" STR_FMT, family_name(e->family),
              e->channel.n ? "/" : "", STR_ARG(e->channel), e->code.n ? " " : "", STR_ARG(e->code));
    print_time(stdout, e->time_ms);
    fputs("  ", stdout);
    print_column(stdout, sbuf_str(&p->line), SOURCE_COLUMNS);
    fputs("  ", stdout);
    sbuf_clear(&p->line);
    entity_label(&whom, &p->line);
    print_column(stdout, sbuf_str(&p->line), LABEL_COLUMNS);
    fputs("  ", stdout);
    size_t used = TIME_COLUMNS + SOURCE_COLUMNS + LABEL_COLUMNS + 6;
    print_text(stdout, gist(e), p->style.width > used + 20 ? p->style.width - used : 120);
    fputc('\n', stdout);
}

/* ---- the summary ---- */

static struct source_count *source_of(struct parsing *p, const struct event *e)
{
    bool added;
    sbuf_clear(&p->line);
    sbuf_addf(&p->line, "%u %u ", e->format, e->family);
    sbuf_add(&p->line, str_head(e->channel, 200));
    const uint32_t *at = map_find(&p->source_at, sbuf_str(&p->line));
    if (at)
        return &p->source.at[*at];
    str key = p->source.n < SOURCES_MAX ? arena_str(&p->names, sbuf_str(&p->line)) : (str){0};
    str channel = arena_str(&p->names, str_head(e->channel, 200));
    if (!key.p || !channel.p)
        return &p->source.at[p->source.n - 1]; /* the last one stands for all others */
    map_add(&p->source_at, key, (uint32_t)p->source.n, &added);
    struct source_count *s = vec_push(&p->source);
    *s = (struct source_count){str_z(family_name(e->family)), channel, e->format, 0};
    return s;
}

static void count_event(struct parsing *p, struct event *e, const char *path)
{
    (void)path;
    source_of(p, e)->events++;
    for (uint32_t i = 0; i < e->field_count; i++)
        p->field[e->field[i].id] += !(e->field[i].flags & FIELD_COPY);
}

static int by_events(const void *x, const void *y)
{
    const struct source_count *a = x, *b = y;
    if (a->events != b->events)
        return a->events > b->events ? -1 : 1;
    int by_format = (int)a->format - (int)b->format;
    return by_format ? by_format : str_cmp(a->channel, b->channel);
}

static void print_sources(struct parsing *p)
{
    print_bold(&p->style);
    printf("%-12s %-14s %-42s %12s\n", "format", "family", "channel", "events");
    print_plain(&p->style);
    if (p->source.n)
        qsort(p->source.at, p->source.n, sizeof *p->source.at, by_events);
    for (size_t i = 0; i < p->source.n; i++) {
        const struct source_count *s = &p->source.at[i];
        char events[GROUPED_SIZE];
        format_grouped(s->events, events);
        printf("%-12s %-14s ", parse_format_name(s->format), s->family.n ? s->family.p : "-");
        print_column(stdout, s->channel, 42);
        printf(" %12s\n", events);
    }
}

static void print_fields(struct parsing *p)
{
    size_t n = dict_count(p->run.dict);
    putchar('\n');
    print_bold(&p->style);
    printf("%-70s %12s\n", "field", "values");
    print_plain(&p->style);
    for (size_t id = 0; id < n; id++) {
        char values[GROUPED_SIZE];
        if (p->field[id] == 0)
            continue;
        format_grouped(p->field[id], values);
        print_column(stdout, dict_name(p->run.dict, (field_id)id), 70);
        printf(" %12s\n", values);
    }
}

static void print_summary(struct parsing *p)
{
    print_sources(p);
    print_fields(p);
    putchar('\n');
    print_count(stdout, p->stats.events, "event", "events");
    fputs(", ", stdout);
    print_count(stdout, p->stats.rejected, "record", "records");
    fputs(" refused, ", stdout);
    print_count(stdout, p->stats.dropped, "value", "values");
    puts(" left out");
}

/* ---- the run ---- */

static void print_nothing(struct parsing *p, struct event *e, const char *path)
{
    (void)p, (void)e, (void)path;
}

static const struct {
    const char *name;
    void (*print)(struct parsing *p, struct event *e, const char *path);
} outputs[] = {{"ndjson", print_ndjson},
               {"table", print_row},
               {"summary", count_event},
               {"none", print_nothing}};

static void on_event(void *arg, struct event *e, const char *path)
{
    struct parsing *p = arg;
    progress_clear(&p->bar);
    p->print(p, e, path);
}

static void on_finding(void *arg, const struct finding *f, const char *path)
{
    (void)arg, (void)f, (void)path;
}

static void on_reject(void *arg, const struct reject *r, const char *path)
{
    struct parsing *p = arg;
    if (args_flag(p->args, "quiet") || p->rejects++ >= REJECTS_NOTED)
        return;
    progress_clear(&p->bar);
    cli_note("%s:%llu: %s", path,
             (unsigned long long)(r->origin.line ? r->origin.line : r->origin.record), r->text);
}

static void on_progress(void *arg, const struct ingest_progress *in, const struct detect_stats *s)
{
    progress_show(&((struct parsing *)arg)->bar, in, s);
}

static bool on_stop(void *arg)
{
    struct parsing *p = arg;
    if (p->live)
        fflush(stdout);
    return stop_requested() || ferror(stdout);
}

static void parsing_init(struct parsing *p)
{
    p->style = cli_style();
    sbuf_init(&p->line, LINE_BYTES_MAX);
    arena_init(&p->scratch, 16 << 20);
    arena_init(&p->names, 16 << 20);
    p->field = mem_array(uint64_t, FIELD_OVERFLOW + 1);
    for (size_t i = 0; i < COUNT(outputs); i++)
        if (strcmp(outputs[i].name, args_text(p->args, "output")) == 0)
            p->print = outputs[i].print;
    for (size_t i = 0; i < p->args->operand_count; i++)
        p->live = p->live || strcmp(p->args->operand[i], "-") == 0;
    progress_init(&p->bar, args_flag(p->args, "quiet"));
}

static void parsing_done(struct parsing *p)
{
    sbuf_done(&p->line);
    event_json_done(&p->json);
    arena_done(&p->scratch);
    arena_done(&p->names);
    map_done(&p->source_at);
    vec_done(&p->source);
    mem_free(p->field);
    run_done(&p->run);
}

static status parse(struct parsing *p, struct error *err)
{
    status s = run_load(&p->run, p->args, err);
    if (s == ST_OK)
        s = run_open(&p->run, p->args, err);
    if (s != ST_OK)
        return s;
    struct detect_options o = {.threads = (unsigned)args_number(p->args, "threads"),
                               .limits = cli_limits(p->args)};
    struct detect_sink sink = {.event = on_event,
                               .finding = on_finding,
                               .reject = on_reject,
                               .progress = on_progress,
                               .stop = on_stop,
                               .arg = p};
    if (p->print == print_nothing)
        sink.event = NULL;
    s = detect_run(&p->run.snapshot, &o, p->run.in, &sink, &p->stats, err);
    progress_clear(&p->bar);
    return s;
}

static int finish(struct parsing *p)
{
    if (p->print == count_event)
        print_summary(p);
    size_t unread = ingest_problem_count(p->run.in);
    for (size_t i = 0; i < unread && !args_flag(p->args, "quiet"); i++)
        cli_note("%s: %s", ingest_problem(p->run.in, i)->path,
                 ingest_problem(p->run.in, i)->reason);
    if (!args_flag(p->args, "quiet"))
        note_rejects(&p->stats, REJECTS_NOTED);
    if (args_flag(p->args, "stats"))
        print_stats(&p->stats, NULL, p->run.in);
    return run_verdict(&p->run, p->args, &p->stats);
}

int cmd_parse(const struct args *a)
{
    struct parsing p = {.args = a};
    struct error err;
    stop_on_signals();
    parsing_init(&p);
    int code = parse(&p, &err) == ST_OK ? finish(&p) : cli_fail(&err);
    parsing_done(&p);
    return code;
}
