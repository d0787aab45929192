/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/process.h"
#include "os/stop.h"
#include "os/terminal.h"
#include "tests/test.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, str bytes)
{
    FILE *f = fopen(in_folder(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
    assert_int_equal(fclose(f), 0);
}

static int make_folder(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/bguard-os-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"hello", "pipe", "made", "replaced"};
    for (size_t i = 0; i < COUNT(names); i++)
        (void)unlink(in_folder(names[i])); /* not every test makes every one */
    return rmdir(folder);
}

static void reads_what_is_in_a_file(void **state)
{
    write_file("hello", STR("hello\n"));
    struct file_info info;
    assert_int_equal(file_stat(in_folder("hello"), &info, NULL), ST_OK);
    assert_int_equal(info.kind, FILE_REGULAR);
    assert_int_equal(info.size, 6);

    int fd;
    assert_int_equal(file_open(in_folder("hello"), FILE_ONLY_REGULAR, &fd, NULL), ST_OK);
    char text[16];
    size_t n;
    assert_int_equal(file_read(fd, text, sizeof text, &n, NULL), ST_OK);
    assert_true(str_eq((str){text, n}, STR("hello\n")));
    assert_int_equal(file_read(fd, text, sizeof text, &n, NULL), ST_OK);
    assert_int_equal(n, 0);
    file_close(fd);
}

static void names_the_path_that_cannot_be_opened(void **state)
{
    int fd = -7;
    struct error err;
    struct file_info info;
    assert_int_equal(file_open(in_folder("absent"), FILE_ANY, &fd, &err), ST_NOT_FOUND);
    assert_non_null(strstr(err.text, "absent'"));
    assert_int_equal(file_stat(in_folder("absent"), &info, &err), ST_NOT_FOUND);
    assert_int_equal(file_open(folder, FILE_ANY, &fd, &err), ST_UNSUPPORTED);
    assert_int_equal(fd, -7);
}

static void makes_a_file_whole_and_replaces_none(void **state)
{
    struct error err = {0};
    struct file_info info;
    assert_int_equal(file_create(in_folder("made"), 0600, STR("secret"), &err), ST_OK);
    assert_int_equal(file_stat(in_folder("made"), &info, NULL), ST_OK);
    assert_int_equal(info.mode, 0600);
    assert_int_equal(info.size, 6);
    assert_int_equal(file_create(in_folder("made"), 0644, STR("other"), &err), ST_CONFLICT);
    assert_int_equal(file_stat(in_folder("made"), &info, NULL), ST_OK);
    assert_int_equal(info.size, 6);
    assert_int_equal(file_create("/nowhere/made", 0600, STR("x"), &err), ST_NOT_FOUND);
    assert_non_null(strstr(err.text, "'/nowhere/made'"));
}

static void replaces_a_file_whole(void **state)
{
    struct error err = {0};
    struct file_info info;
    for (size_t n = 3; n <= 6; n += 3) {
        str bytes = {"foobar", n};
        assert_int_equal(file_replace(in_folder("replaced"), 0640, bytes, &err), ST_OK);
        assert_int_equal(file_stat(in_folder("replaced"), &info, NULL), ST_OK);
        assert_int_equal(info.size, n);
        assert_int_equal(info.mode, 0640);
    }
    assert_int_equal(mkdir(in_folder("full"), 0700), 0);
    assert_int_not_equal(file_replace(in_folder("full"), 0600, STR("x"), &err), ST_OK);
    assert_non_null(strstr(err.text, "full'"));
    assert_int_equal(rmdir(in_folder("full")), 0);
    assert_int_equal(file_replace("/nowhere/made", 0600, STR("x"), &err), ST_NOT_FOUND);
}

static void refuses_a_pipe_without_waiting_for_its_writer(void **state)
{
    assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
    int fd;
    struct error err;
    assert_int_equal(file_open(in_folder("pipe"), FILE_ONLY_REGULAR, &fd, &err), ST_UNSUPPORTED);
}

static void waits_no_longer_than_told_for_a_pipe(void **state)
{
    int end[2];
    assert_int_equal(pipe(end), 0);
    assert_false(file_wait(end[0], 0));
    assert_int_equal(write(end[1], "x", 1), 1);
    assert_true(file_wait(end[0], 0));
    (void)close(end[1]);
    (void)close(end[0]);
}

static void takes_the_first_signal_as_a_request(void **state)
{
    assert_false(stop_requested());
    stop_on_signals();
    assert_int_equal(raise(SIGINT), 0);
    assert_true(stop_requested());
    stop_clear();
    assert_false(stop_requested());
    assert_int_equal(raise(SIGTERM), 0);
    assert_true(stop_requested());
    stop_clear();
}

static void answers_a_width_for_what_is_no_terminal(void **state)
{
    int end[2];
    assert_int_equal(pipe(end), 0);
    assert_false(terminal_is(end[0]));
    assert_int_equal(setenv("COLUMNS", "132", 1), 0);
    assert_int_equal(terminal_width(end[0]), 132);
    assert_int_equal(setenv("COLUMNS", "1", 1), 0);
    assert_int_equal(terminal_width(end[0]), 20);
    assert_int_equal(setenv("COLUMNS", "many", 1), 0);
    assert_int_equal(terminal_width(end[0]), 80);
    (void)close(end[1]);
    (void)close(end[0]);
}

static void measures_time_and_memory(void **state)
{
    uint64_t start = clock_ns();
    assert_true(clock_since(start) >= 0);
    assert_true(clock_wall_ms() > INT64_C(1700000000000));
    assert_true(process_rss_bytes() > 100000);
    assert_true(process_rss_peak_bytes() >= process_rss_bytes() / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_is_in_a_file),
        cmocka_unit_test(names_the_path_that_cannot_be_opened),
        cmocka_unit_test(makes_a_file_whole_and_replaces_none),
        cmocka_unit_test(replaces_a_file_whole),
        cmocka_unit_test(refuses_a_pipe_without_waiting_for_its_writer),
        cmocka_unit_test(waits_no_longer_than_told_for_a_pipe),
        cmocka_unit_test(takes_the_first_signal_as_a_request),
        cmocka_unit_test(answers_a_width_for_what_is_no_terminal),
        cmocka_unit_test(measures_time_and_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
