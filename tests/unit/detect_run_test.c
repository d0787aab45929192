/* SPDX-License-Identifier: Apache-2.0 */
/* The pipeline end to end: order, counts, faults, memory.  Without rules here; see
 * detect_findings_test.c. */
#include "base/sbuf.h"
#include "detect/detect.h"
#include "tests/folder.h"
#include "tests/test.h"

#include <malloc.h>

/* A sink that writes down all it is told. */
struct log {
    struct sbuf text;
    uint64_t events, rejects, progresses;
    uint64_t stop_after; /* batches; 0: never */
};

static void log_event(void *arg, struct event *e, const char *path)
{
    struct log *log = arg;
    log->events++;
    sbuf_addf(&log->text, "%s:%llu", path, (unsigned long long)e->origin.line);
    for (uint32_t i = 0; i < e->field_count; i++) {
        str value = event_text(e, &e->field[i]);
        sbuf_addf(&log->text, " %u=", e->field[i].id);
        sbuf_add(&log->text, value);
    }
    sbuf_addc(&log->text, '\n');
}

static void log_reject(void *arg, const struct reject *r, const char *path)
{
    struct log *log = arg;
    log->rejects++;
    sbuf_addf(&log->text, "%s:%llu: %s\n", path, (unsigned long long)r->origin.line, r->text);
}

static void log_progress(void *arg, const struct ingest_progress *p, const struct detect_stats *s)
{
    struct log *log = arg;
    log->progresses++;
    assert_true(s->events >= s->findings && p->files_done <= p->files_total);
}

static bool log_stop(void *arg)
{
    struct log *log = arg;
    return log->stop_after && --log->stop_after == 0;
}

/* Ids of interned fields depend on which thread met a name first; so intern them up front. */
static struct dict *make_dict(void)
{
    struct dict *dict = dict_new();
    (void)dict_resolve(dict, FAMILY_UNKNOWN, STR("number"));
    (void)dict_resolve(dict, FAMILY_UNKNOWN, STR("text"));
    return dict;
}

static struct detect_stats run(const char *path, unsigned threads, struct log *log)
{
    struct ingest_options options = {.limits = parse_limits_default, .batch_bytes = 4096};
    struct ingest *in;
    assert_int_equal(ingest_open(&path, 1, &options, &in, NULL), ST_OK);
    struct dict *dict = make_dict();
    struct snapshot snapshot = {.dict = dict};
    struct detect_options how = {.threads = threads, .limits = parse_limits_default};
    struct detect_sink sink = {
        .event = log_event,
        .reject = log_reject,
        .progress = log_progress,
        .stop = log_stop,
        .arg = log,
    };
    sbuf_init(&log->text, SIZE_MAX);
    struct detect_stats stats;
    assert_int_equal(detect_run(&snapshot, &how, in, &sink, &stats, NULL), ST_OK);
    ingest_close(in);
    dict_free(dict);
    return stats;
}

/* Some files of JSON, good and bad, in `name`. */
static void write_feed(const char *name)
{
    assert_int_equal(mkdir(folder_path(name), 0700), 0);
    for (unsigned file = 0; file < 5; file++) {
        struct sbuf text;
        sbuf_init(&text, SIZE_MAX);
        for (unsigned i = 0; i < 2000; i++) {
            sbuf_addf(&text, "{\"number\":%u,\"text\":\"escaped \\\"%.*s\\\"\"}\n", i,
                      (int)(i * 13 % 200),
                      "........................................................................"
                      "........................................................................"
                      "........................................................................");
            if (i % 97 == 5)
                sbuf_addz(&text, "{\"number\":\n");
        }
        char path[64];
        (void)snprintf(path, sizeof path, "%s/%u.json", name, file);
        folder_write(path, sbuf_str(&text));
        sbuf_done(&text);
    }
}

static void says_the_same_whatever_the_number_of_threads(void **state)
{
    write_feed("feed");
    struct log one = {0};
    struct detect_stats stats = run(folder_path("feed"), 1, &one);
    assert_int_equal(stats.events, 10000);
    assert_int_equal(one.events, 10000);
    assert_int_equal(stats.rejected, 5 * 21);
    assert_int_equal(stats.read, stats.events + stats.rejected);
    assert_true(one.rejects > 0 && one.progresses > 0);
    for (unsigned threads = 2; threads <= 8; threads *= 2) {
        struct log many = {0};
        struct detect_stats again = run(folder_path("feed"), threads, &many);
        assert_true(str_eq(sbuf_str(&one.text), sbuf_str(&many.text)));
        again.seconds = stats.seconds;
        assert_memory_equal(&again, &stats, sizeof stats);
        sbuf_done(&many.text);
    }
    sbuf_done(&one.text);
}

static void counts_what_the_files_hold(void **state)
{
    folder_write("small", STR("{\"number\":1}\n\nnot json\n{\"number\":2}"));
    struct log log = {0};
    struct detect_stats stats = run(folder_path("small"), 1, &log);
    assert_int_equal(stats.bytes, 35);
    assert_int_equal(stats.read, 3);
    assert_int_equal(stats.rejected, 1);
    assert_int_equal(stats.events, 2);
    assert_int_equal(stats.findings, 0);
    assert_non_null(strstr(log.text.p, "/small:3: "));
    sbuf_done(&log.text);
}

static void stops_when_it_is_told_to(void **state)
{
    write_feed("stopped");
    for (unsigned threads = 1; threads <= 4; threads *= 2) {
        struct log log = {.stop_after = 3}, full = {0};
        struct detect_stats stats = run(folder_path("stopped"), threads, &log);
        (void)run(folder_path("stopped"), 1, &full);
        assert_true(stats.events > 0 && stats.events < 1000);
        assert_memory_equal(log.text.p, full.text.p, log.text.n);
        sbuf_done(&log.text);
        sbuf_done(&full.text);
    }
}

static void runs_over_nothing(void **state)
{
    assert_int_equal(mkdir(folder_path("nothing"), 0700), 0);
    for (unsigned threads = 1; threads <= 4; threads *= 2) {
        struct log log = {0};
        struct detect_stats stats = run(folder_path("nothing"), threads, &log);
        assert_int_equal(stats.read, 0);
        sbuf_done(&log.text);
    }
}

static void refuses_more_threads_than_make_sense(void **state)
{
    struct dict *dict = dict_new();
    struct snapshot snapshot = {.dict = dict};
    struct detect_options how = {.threads = 100000, .limits = parse_limits_default};
    struct detect_sink sink = {0};
    struct detect_stats stats;
    struct error err;
    assert_int_equal(detect_run(&snapshot, &how, NULL, &sink, &stats, &err), ST_INVALID);
    dict_free(dict);
}

/* ---- faults ---- */

static void goes_on_after_files_that_cannot_be_read(void **state)
{
    static const char gzip_cut[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b";
    assert_int_equal(mkdir(folder_path("faults"), 0700), 0);
    folder_write("faults/1", STR("{\"number\":1}\n"));
    folder_write("faults/2.gz", (str){gzip_cut, sizeof gzip_cut - 1});
    assert_int_equal(symlink("nowhere", folder_path("faults/3")), 0);
    assert_int_equal(symlink(".", folder_path("faults/4")), 0);
    folder_write("faults/5", STR("PK\3\4"));
    folder_write("faults/6", STR("{\"number\":6}\n"));
    for (unsigned threads = 1; threads <= 4; threads *= 2) {
        struct log log = {0};
        struct detect_stats stats = run(folder_path("faults"), threads, &log);
        assert_int_equal(stats.events, 2);
        assert_int_equal(stats.rejected, 0);
        sbuf_done(&log.text);
    }
}

/* ---- memory ---- */

/* The sanitizers', under their name; gcc has no header for it. */
/* NOLINTNEXTLINE(bugprone-reserved-identifier) */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

/* Heap in use.  Not what is resident: sanitizers keep what was freed for a while. */
static size_t heap_bytes(void)
{
    return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes()
                                                   : mallinfo2().uordblks;
}

struct watch {
    uint64_t events, warm, most;
};

static void watch_event(void *arg, struct event *e, const char *path)
{
    struct watch *w = arg;
    if (++w->events % 1000 != 0)
        return;
    uint64_t now = heap_bytes();
    if (w->events <= 100000)
        w->warm = now > w->warm ? now : w->warm;
    else
        w->most = now > w->most ? now : w->most;
}

static void holds_no_more_memory_the_longer_it_runs(void **state)
{
    write_feed("flat");
    const char *paths[60];
    for (size_t i = 0; i < COUNT(paths); i++)
        paths[i] = "flat";
    char here[256];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(folder_name), 0);
    struct ingest_options options = {.limits = parse_limits_default, .batch_bytes = 4096};
    struct ingest *in;
    assert_int_equal(ingest_open(paths, COUNT(paths), &options, &in, NULL), ST_OK);
    struct dict *dict = make_dict();
    struct snapshot snapshot = {.dict = dict};
    struct detect_options how = {.threads = 2, .limits = parse_limits_default};
    struct watch watch = {0};
    struct detect_sink sink = {.event = watch_event, .arg = &watch};
    struct detect_stats stats;
    assert_int_equal(detect_run(&snapshot, &how, in, &sink, &stats, NULL), ST_OK);
    assert_int_equal(stats.events, COUNT(paths) * 10000);
    assert_true(watch.most <= watch.warm + 1024 * 1024);
    ingest_close(in);
    dict_free(dict);
    assert_int_equal(chdir(here), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_the_same_whatever_the_number_of_threads),
        cmocka_unit_test(counts_what_the_files_hold),
        cmocka_unit_test(stops_when_it_is_told_to),
        cmocka_unit_test(runs_over_nothing),
        cmocka_unit_test(refuses_more_threads_than_make_sense),
        cmocka_unit_test(goes_on_after_files_that_cannot_be_read),
        cmocka_unit_test(holds_no_more_memory_the_longer_it_runs),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
