/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/metric.h"
#include "codec/json_doc.h"
#include "os/log.h"
#include "os/thread.h"
#include "tests/test.h"

#include "tests/folder.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

static char text[256 * 1024];

static str content(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return (str){0};
    size_t n = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    return (str){text, n};
}

static size_t lines_of(str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '\n';
    return n;
}

static void open_log(const char *path, enum log_level level, uint64_t rotate_bytes, unsigned keep)
{
    struct log_options o = {
        .path = path, .level = level, .rotate_bytes = rotate_bytes, .keep = keep};
    assert_int_equal(log_open(&o, NULL), ST_OK);
}

static void writes_one_json_object_a_line(void **state)
{
    const char *path = folder_path("one.log");
    open_log(path, LOG_INFO, 0, 0);
    log_say(LOG_SECURITY, LOG_WARN, "login \"refused\"", LOG_STR("user", STR("a\nb\xff")),
            LOG_INT("count", -7), LOG_STR("none", ((str){0})), LOG_Z("nothing", NULL));
    log_close();

    str line = content(path);
    assert_int_equal(lines_of(line), 1);
    struct json_doc *doc = NULL;
    assert_int_equal(json_doc_parse(str_trim(line), 1 << 20, &doc, NULL), ST_OK);
    json_doc_free(doc);
    assert_true(str_starts(line, STR("{\"time\":\"20")));
    assert_true(str_contains(line, STR("Z\",\"level\":\"warn\",\"category\":\"security\","
                                       "\"message\":\"login \\\"refused\\\"\","
                                       "\"user\":\"a\\nb\xef\xbf\xbd\",\"count\":-7,"
                                       "\"none\":\"\",\"nothing\":\"\"}\n")));
}

static void leaves_out_what_is_below_the_level(void **state)
{
    const char *path = folder_path("level.log");
    open_log(path, LOG_WARN, 0, 0);
    assert_false(log_wants(LOG_INFO));
    log_say(LOG_SYSTEM, LOG_INFO, "quiet", LOG_INT("n", 1));
    log_say(LOG_SYSTEM, LOG_ERROR, "loud", LOG_INT("n", 2));
    log_close();
    str all = content(path);
    assert_int_equal(lines_of(all), 1);
    assert_true(str_contains(all, STR("loud")));
}

static void makes_a_file_others_cannot_read(void **state)
{
    mode_t before = umask(0);
    const char *path = folder_path("mode.log");
    open_log(path, LOG_INFO, 0, 0);
    log_close();
    (void)umask(before);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static void cuts_a_text_that_is_too_long(void **state)
{
    const char *path = folder_path("long.log");
    char *many = mem_zero(5000);
    memset(many, 1, 4999); /* six bytes each in JSON */
    open_log(path, LOG_INFO, 0, 0);
    log_say(LOG_DATA, LOG_INFO, many, LOG_Z("a", many), LOG_Z("b", many), LOG_Z("c", many),
            LOG_Z("d", many), LOG_Z("e", many), LOG_Z("f", many), LOG_Z("g", many),
            LOG_Z("h", many), LOG_Z("i", many), LOG_Z("j", many), LOG_Z("k", many),
            LOG_Z("l", many), LOG_Z("m", many), LOG_Z("n", many), LOG_Z("o", many),
            LOG_Z("p", many));
    log_close();
    mem_free(many);
    str line = content(path);
    assert_int_equal(lines_of(line), 1);
    assert_true(line.n > 17 * 6 * 1024 && line.n < 17 * 6 * 1024 + 1024);
}

static void turns_the_file_over_and_keeps_so_many(void **state)
{
    char path[256], old[4][280];
    (void)snprintf(path, sizeof path, "%s", folder_path("turn.log"));
    for (unsigned i = 0; i < 4; i++)
        (void)snprintf(old[i], sizeof old[i], "%s.%u", path, i);
    open_log(path, LOG_INFO, 200, 2);
    for (int i = 0; i < 60; i++)
        log_say(LOG_SYSTEM, LOG_INFO, "turning", LOG_INT("n", i));
    log_close();

    size_t kept = 0;
    const char *all[] = {path, old[1], old[2]};
    for (size_t i = 0; i < COUNT(all); i++) {
        str part = content(all[i]);
        assert_true(part.n > 0 && part.n < 400);
        assert_true(part.p[part.n - 1] == '\n');
        kept += lines_of(part);
    }
    assert_true(kept >= 3 && kept < 60);
    assert_null(content(old[3]).p);
    assert_true(str_contains(content(path), STR("\"n\":59}")));
}

static void begins_anew_when_nothing_is_to_be_kept(void **state)
{
    const char *path = folder_path("anew.log");
    open_log(path, LOG_INFO, 200, 0);
    for (int i = 0; i < 20; i++)
        log_say(LOG_SYSTEM, LOG_INFO, "turning", LOG_INT("n", i));
    log_close();
    str all = content(path);
    assert_true(all.n < 400);
    assert_true(str_contains(all, STR("\"n\":19}")));
}

static void opens_its_path_again_after_it_was_moved(void **state)
{
    const char *path = folder_path("move.log"), *moved = folder_path("move.old");
    open_log(path, LOG_INFO, 0, 0);
    log_say(LOG_SYSTEM, LOG_INFO, "before", LOG_INT("n", 1));
    assert_int_equal(rename(path, moved), 0);
    log_say(LOG_SYSTEM, LOG_INFO, "between", LOG_INT("n", 2));
    assert_int_equal(log_reopen(NULL), ST_OK);
    log_say(LOG_SYSTEM, LOG_INFO, "after", LOG_INT("n", 3));
    log_close();
    assert_int_equal(lines_of(content(moved)), 2);
    assert_int_equal(lines_of(content(path)), 1);
}

static void keeps_the_old_file_when_the_path_cannot_be_opened(void **state)
{
    const char *folder = folder_path("gone");
    assert_int_equal(mkdir(folder, 0755), 0);
    char path[300], aside[256];
    (void)snprintf(path, sizeof path, "%s/a.log", folder);
    (void)snprintf(aside, sizeof aside, "%s", folder_path("aside"));
    open_log(path, LOG_INFO, 0, 0);
    assert_int_equal(rename(folder, aside), 0);
    struct error err = {0};
    assert_int_equal(log_reopen(&err), ST_IO);
    assert_non_null(strstr(err.text, "a.log"));
    log_say(LOG_SYSTEM, LOG_INFO, "still here", LOG_INT("n", 1));
    log_close();
    (void)snprintf(path, sizeof path, "%s/a.log", aside);
    assert_int_equal(lines_of(content(path)), 1);
}

static void counts_lines_lost_to_a_full_disk(void **state)
{
    open_log("/dev/full", LOG_INFO, 0, 0);
    int64_t before = metric_value(METRIC_LOG_LOST);
    log_say(LOG_SYSTEM, LOG_INFO, "lost", LOG_INT("n", 1));
    log_say(LOG_SYSTEM, LOG_INFO, "lost", LOG_INT("n", 2));
    log_close();
    assert_int_equal(metric_value(METRIC_LOG_LOST), before + 2);
}

/* The limit of a file's size stands in for a disk that fills up within a line. */
static void ends_a_line_the_disk_cut_before_the_next(void **state)
{
    const char *path = folder_path("torn.log");
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 40;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    int64_t before = metric_value(METRIC_LOG_LOST);
    open_log(path, LOG_INFO, 0, 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    log_say(LOG_SYSTEM, LOG_INFO, "cut", LOG_INT("n", 1));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    log_say(LOG_SYSTEM, LOG_INFO, "whole", LOG_INT("n", 2));
    log_say(LOG_SYSTEM, LOG_INFO, "whole", LOG_INT("n", 3));
    log_close();
    (void)signal(SIGXFSZ, handler);

    assert_int_equal(metric_value(METRIC_LOG_LOST), before + 1);
    str all = content(path);
    assert_int_equal(lines_of(all), 3);
    assert_int_equal(str_cut(&all, '\n').n, 40);
    assert_true(str_starts(all, STR("{\"time\"")));
}

static void does_not_wait_for_a_pipe_nobody_reads(void **state)
{
    const char *path = folder_path("pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    struct log_options o = {.path = path};
    struct error err = {0};
    assert_int_equal(log_open(&o, &err), ST_IO);

    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    open_log(path, LOG_INFO, 0, 0);
    int64_t before = metric_value(METRIC_LOG_LOST);
    for (int i = 0; i < 2000; i++)
        log_say(LOG_SYSTEM, LOG_INFO, "fills the pipe", LOG_INT("n", i));
    log_close();
    (void)close(reader);
    assert_true(metric_value(METRIC_LOG_LOST) > before);
}

enum { THREADS = 4, ROUNDS = 200 };

static void say_much(void *arg)
{
    for (int i = 0; i < ROUNDS; i++)
        log_say(LOG_API, LOG_INFO, "together", LOG_INT("thread", (intptr_t)arg), LOG_INT("n", i));
}

static void mixes_no_lines_of_threads_that_write_together(void **state)
{
    const char *path = folder_path("together.log");
    open_log(path, LOG_INFO, 0, 0);
    struct thread t[THREADS];
    for (intptr_t i = 0; i < THREADS; i++)
        assert_int_equal(thread_start(&t[i], "log", say_much, (void *)i, NULL), ST_OK);
    assert_int_equal(log_reopen(NULL), ST_OK);
    for (int i = 0; i < THREADS; i++)
        thread_join(&t[i]);
    log_close();
    str all = content(path);
    assert_int_equal(lines_of(all), THREADS * ROUNDS);
    while (all.n) {
        str line = str_cut(&all, '\n');
        assert_true(str_starts(line, STR("{\"time\"")) && str_ends(line, STR("}")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_one_json_object_a_line),
        cmocka_unit_test(leaves_out_what_is_below_the_level),
        cmocka_unit_test(makes_a_file_others_cannot_read),
        cmocka_unit_test(cuts_a_text_that_is_too_long),
        cmocka_unit_test(turns_the_file_over_and_keeps_so_many),
        cmocka_unit_test(begins_anew_when_nothing_is_to_be_kept),
        cmocka_unit_test(opens_its_path_again_after_it_was_moved),
        cmocka_unit_test(keeps_the_old_file_when_the_path_cannot_be_opened),
        cmocka_unit_test(counts_lines_lost_to_a_full_disk),
        cmocka_unit_test(ends_a_line_the_disk_cut_before_the_next),
        cmocka_unit_test(does_not_wait_for_a_pipe_nobody_reads),
        cmocka_unit_test(mixes_no_lines_of_threads_that_write_together),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
