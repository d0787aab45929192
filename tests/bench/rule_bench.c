/* SPDX-License-Identifier: Apache-2.0 */
/* Events through parser and matcher with a whole rule set, one thread, against
 * yyjson merely reading the same bytes.
 *
 *     rule_bench [RULES FILE…]
 *
 * RULES is a folder of Sigma rules, each FILE a log.  By default the public
 * rules, the OTRF captures and the access log below $BGUARD_DATA.  All sides
 * get the same 256 KiB pieces, take turns, and the best turn counts. */
#include "base/mem.h"
#include "parse/parse.h"
#include "rule/match.h"

#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yyjson.h>

enum { PIECE = 256 * 1024, BYTES = 200 << 20, ROUNDS = 5 };

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- input ---- */

static void slurp(int fd, struct sbuf *to)
{
    char *p;
    ssize_t n;
    while ((p = sbuf_space(to, 1 << 16)) && (n = read(fd, p, 1 << 16)) > 0)
        sbuf_grew(to, (size_t)n);
}

/* Run a program; what it prints is added to `out` when that is not NULL. */
static void run(const char *const *argv, struct sbuf *out)
{
    int fd[2];
    if (pipe(fd) != 0)
        return;
    pid_t child = fork();
    if (child == 0) {
        dup2(fd[1], 1);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(fd[1]);
    if (out)
        slurp(fd[0], out);
    close(fd[0]);
    waitpid(child, NULL, 0);
}

static void add_zips(const char *dir, struct sbuf *to)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (str_ends(str_z(path), STR(".zip")))
            run((const char *[]){"unzip", "-p", path, "[!_]*", NULL}, to);
    }
    if (d)
        closedir(d);
}

static str piece(str text, size_t *at)
{
    if (*at >= text.n)
        *at = 0;
    size_t end = *at + PIECE < text.n ? *at + PIECE : text.n;
    end += str_find(str_from(text, end), '\n');
    end = end < text.n ? end + 1 : text.n;
    str s = {text.p + *at, end - *at};
    *at = end;
    return s;
}

/* ---- the sides ---- */

static double run_yyjson(str text)
{
    size_t at = 0, done = 0, room = 64 << 20;
    void *pool = mem_zero(room);
    double start = cpu_seconds();
    while (done < BYTES) {
        str rest = piece(text, &at);
        done += rest.n;
        while (rest.n) {
            str line = str_cut(&rest, '\n');
            yyjson_alc alc;
            yyjson_alc_pool_init(&alc, pool, room);
            (void)yyjson_read_opts((char *)(uintptr_t)line.p, line.n, 0, &alc, NULL);
        }
    }
    double spent = cpu_seconds() - start;
    mem_free(pool);
    return (double)done / spent;
}

enum side { PARSE, MATCH, MATCH_PLAIN, FINDINGS, SIDES };

struct bench {
    struct dict *dict;
    struct rule_set *set;
    struct parser *parser;
    struct rule_matcher *matcher;
    struct batch batch;
    struct arena arena;
    struct rule_hits hits;
    size_t events, hit_count;
};

/* Bytes a second. */
static double run_side(struct bench *b, str text, enum side side)
{
    struct parse_stream stream = {.format = parse_sniff(str_head(text, 65536))};
    size_t at = 0, done = 0;
    double spent = 0;
    b->events = b->hit_count = 0;
    b->matcher->use_memo = side != MATCH_PLAIN;
    b->matcher->stats = (struct match_stats){0};
    while (done < BYTES) {
        str s = piece(text, &at);
        batch_clear(&b->batch);
        batch_reserve(&b->batch, s.n);
        memcpy(b->batch.bytes, s.p, s.n);
        b->batch.n = s.n;
        b->batch.first_line = 1;
        double start = cpu_seconds();
        parser_run(b->parser, &stream, &b->batch);
        b->hits.n = 0;
        if (side != PARSE)
            rule_match(b->matcher, &b->batch, &b->hits);
        for (size_t i = 0; i < b->hits.n && side == FINDINGS; i++)
            (void)rule_finding(b->matcher, &b->batch, &b->hits.at[i], &b->arena);
        arena_clear(&b->arena);
        spent += cpu_seconds() - start;
        done += s.n;
        b->events += b->batch.event_count;
        b->hit_count += b->hits.n;
    }
    return (double)done / spent;
}

static void report(struct bench *b, str text, const char *name)
{
    static const char *const names[SIDES] = {"parse", "parse, match", "the same without memo",
                                             "parse, match, findings"};
    double best[SIDES] = {0}, yyjson = 0;
    bool json = text.n && text.p[0] == '{';
    struct match_stats stats[SIDES];
    size_t events = 1, hits = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double rate = json ? run_yyjson(text) : 0;
        yyjson = rate > yyjson ? rate : yyjson;
        for (int side = 0; side < SIDES; side++) {
            rate = run_side(b, text, (enum side)side);
            best[side] = rate > best[side] ? rate : best[side];
            stats[side] = b->matcher->stats;
            events = b->events ? b->events : 1;
            hits = b->hit_count;
        }
    }
    double each = (double)BYTES / (double)events;
    printf("%s: %.1f MB, %zu events in %d MB, %.0f bytes each, %.3f hits an event\n", name,
           (double)text.n / 1e6, events, BYTES >> 20, each, (double)hits / (double)events);
    if (json)
        printf("  %-26s %6.0f MB/s %9.0f events/s\n", "yyjson", yyjson / 1e6, yyjson / each);
    for (int side = 0; side < SIDES; side++) {
        printf("  %-26s %6.0f MB/s %9.0f events/s %6.0f ns/event", names[side], best[side] / 1e6,
               best[side] / each, each / best[side] * 1e9);
        if (json)
            printf("  %3.0f %% of yyjson", best[side] / yyjson * 100);
        printf("\n");
    }
    printf("  match alone: %.0f ns/event, %.0f without memo\n",
           (each / best[MATCH] - each / best[PARSE]) * 1e9,
           (each / best[MATCH_PLAIN] - each / best[PARSE]) * 1e9);
    const struct match_stats *s = &stats[MATCH];
    printf("  an event: %.2f values looked at, %.1f %% answered by the memo, %.0f bytes scanned, "
           "%.2f rules tried\n",
           (double)s->values / (double)events,
           100.0 * (double)s->remembered / (double)(s->values + 1),
           (double)s->bytes / (double)events, (double)s->tried / (double)events);
}

static void bench_text(struct bench *b, const struct sbuf *text, const char *name)
{
    if (text->n)
        report(b, sbuf_str(text), name);
    else
        printf("SKIPPED: %s could not be read\n", name);
}

static bool open_bench(struct bench *b, const char *rules)
{
    struct error err;
    *b = (struct bench){.dict = dict_new()};
    double start = cpu_seconds();
    if (rule_set_load(&rules, 1, b->dict, NULL, &b->set, &err) != ST_OK) {
        printf("SKIPPED: %s\n", err.text);
        return false;
    }
    printf("%zu rules in %.2f s, %u predicates, %u lanes\n", rule_set_count(b->set),
           cpu_seconds() - start, b->set->program->predicate_count, b->set->program->lane_count);
    b->parser = parser_new(b->dict, &parse_limits_default);
    b->matcher = rule_matcher_new(b->set);
    batch_init(&b->batch, 64 << 20);
    arena_init(&b->arena, 64 << 20);
    return true;
}

static void close_bench(struct bench *b)
{
    rule_hits_done(&b->hits);
    rule_matcher_free(b->matcher);
    if (b->parser) {
        parser_free(b->parser);
        batch_done(&b->batch);
    }
    arena_done(&b->arena);
    rule_set_free(b->set);
    dict_free(b->dict);
}

static void bench_public_data(const char *data)
{
    char folder[] = "/tmp/rule_bench.XXXXXX", path[512];
    struct bench b;
    struct sbuf text;
    if (!mkdtemp(folder))
        return;
    snprintf(path, sizeof path, "%s/sigma/rules.tar.xz", data);
    run((const char *[]){"tar", "-C", folder, "-xJf", path, NULL}, NULL);
    if (open_bench(&b, folder)) {
        sbuf_init(&text, (size_t)1 << 30);
        snprintf(path, sizeof path, "%s/otrf", data);
        add_zips(path, &text);
        bench_text(&b, &text, "OTRF captures");
        sbuf_clear(&text);
        snprintf(path, sizeof path, "%s/access-logs/apache_first_5000.gz", data);
        run((const char *[]){"gzip", "-dc", path, NULL}, &text);
        bench_text(&b, &text, "access log");
        sbuf_done(&text);
    }
    close_bench(&b);
    run((const char *[]){"rm", "-rf", folder, NULL}, NULL);
}

int main(int argc, char **argv)
{
    const char *data = getenv("BGUARD_DATA");
    struct bench b;
    if (argc < 3) {
        bench_public_data(data ? data : "../shared/data");
        return 0;
    }
    for (int i = open_bench(&b, argv[1]) ? 2 : argc; i < argc; i++) {
        struct sbuf text;
        sbuf_init(&text, (size_t)1 << 30);
        run((const char *[]){"cat", argv[i], NULL}, &text);
        bench_text(&b, &text, argv[i]);
        sbuf_done(&text);
    }
    close_bench(&b);
    return 0;
}
