/* Programs run for their result. */
#include "os/child.h"
#include "os/clock.h"
#include "os/file.h"
#include "tests/folder.h"
#include "tests/test.h"

#include <sched.h>

static int end_of(struct child *c)
{
    int code;
    while (!child_ended(c, &code))
        sched_yield();
    return code;
}

static struct child started(const char *script, uint64_t memory_bytes)
{
    struct child c = {0};
    struct error err;
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    struct child_options o = {.argv = argv,
                              .out = folder_path("out"),
                              .err = folder_path("err"),
                              .memory_bytes = memory_bytes};
    if (child_start(&o, &c, &err) != ST_OK)
        fail_msg("%s", err.text);
    return c;
}

static void tells_how_it_ended(void **state)
{
    struct sbuf out;
    sbuf_init(&out, 1 << 20);
    struct child c = started("echo told; exit 7", 0);
    assert_int_equal(end_of(&c), 7);
    assert_int_equal(c.pid, 0);
    assert_int_equal(file_read_all(folder_path("out"), &out, NULL), ST_OK);
    assert_true(str_eq(sbuf_str(&out), STR("told\n")));
    sbuf_done(&out);
}

static void stops_it_and_what_it_started(void **state)
{
    struct child c = started("sleep 1000 & sleep 1000", 0);
    int code;
    assert_false(child_ended(&c, &code));
    child_stop(&c, false);
    assert_int_equal(end_of(&c), -1);
    c = started("trap '' TERM; while :; do sleep 1000; done", 0);
    child_stop(&c, true);
    child_join(&c);
    assert_int_equal(c.pid, 0);
}

static void has_no_file_of_ours(void **state)
{
    struct child c = started("ls /proc/self/fd | wc -l > '/dev/stderr'; exit 0", 0);
    struct sbuf err;
    sbuf_init(&err, 1 << 20);
    assert_int_equal(end_of(&c), 0);
    assert_int_equal(file_read_all(folder_path("err"), &err, NULL), ST_OK);
    assert_true(err.n && strtol(err.p, NULL, 10) <= 4); /* its own three, and the folder's */
    sbuf_done(&err);
}

static void says_when_there_is_no_such_program(void **state)
{
    struct child c = {0};
    struct error err;
    const char *const argv[] = {"/no/such", NULL};
    assert_int_equal(child_start(&(struct child_options){.argv = argv}, &c, &err), ST_NOT_FOUND);
    assert_non_null(strstr(err.text, "/no/such"));
    assert_int_equal(c.pid, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_how_it_ended),
        cmocka_unit_test(stops_it_and_what_it_started),
        cmocka_unit_test(has_no_file_of_ours),
        cmocka_unit_test(says_when_there_is_no_such_program),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
