/* SPDX-License-Identifier: Apache-2.0 */
/* Trainings as processes: what is shown of one that runs, and what is left of one that was cut off.  The program is a script. */
#include "tests/folder.h"
#include "tests/test.h"

#include "api/jobs.h"

#include <sched.h>

static struct jobs *opened(const char *folder, const char *program)
{
    struct jobs *j = NULL;
    struct error err;
    struct jobs_options o = {.folder = folder, .program = program};
    if (jobs_open(&o, &j, &err) != ST_OK)
        fail_msg("%s", err.text);
    return j;
}

static const char *script(const char *text)
{
    folder_write("program", str_z(text));
    assert_int_equal(chmod(folder_path("program"), 0700), 0);
    return folder_path("program");
}

static const struct job_request request = {.kind = {"iforest", 7},
                                           .name = {"flows", 5},
                                           .rows = {"a,b\n1,2\n", 8},
                                           .by = {"ann", 3},
                                           .seed = 1};

static void shows_how_far_a_long_training_is(void **state)
{
    (void)state;
    struct error err = {.text = ""};
    struct job_record r;
    /* More lines than one would read whole at each look, and one that is not ended. */
    const char *program =
        script("#!/bin/sh\n"
               "while [ \"$1\" != --progress ]; do shift; done\n"
               "yes '{\"stage\":\"training\",\"part\":0.25}' | head -n 60000 >\"$2\"\n"
               "printf '%s\\n%s' '{\"stage\":\"training\",\"part\":0.5}' '{\"stage\":' >>\"$2\"\n"
               "exec tail -f /dev/null\n");
    struct jobs *j = opened(folder_path("long"), program);
    if (jobs_start(j, &request, &r, &err) != ST_OK)
        fail_msg("%s", err.text);
    while (!strstr(r.progress, "0.5") && r.state == JOB_RUNNING) {
        (void)sched_yield();
        assert_int_equal(jobs_get(j, str_z(r.id), &r, &err), ST_OK);
    }
    assert_string_equal(r.progress, "{\"stage\":\"training\",\"part\":0.5}");
    assert_int_equal(jobs_cancel(j, str_z(r.id), &r, &err), ST_OK);
    assert_int_equal(r.state, JOB_CANCELLED);
    jobs_close(j);
}

static void one_that_was_cut_off_leaves_no_data_behind(void **state)
{
    (void)state;
    struct error err;
    struct job_record r;
    static const char id[] = "01JABCDEFGHJKMNPQRSTVWXYZ0";
    assert_int_equal(mkdir(folder_path("cut"), 0700), 0);
    assert_int_equal(mkdir(folder_path("cut/01JABCDEFGHJKMNPQRSTVWXYZ0"), 0700), 0);
    folder_write("cut/01JABCDEFGHJKMNPQRSTVWXYZ0/job.json", STR("{\"state\":\"running\"}"));
    folder_write("cut/01JABCDEFGHJKMNPQRSTVWXYZ0/rows", STR("a,b\n1,2\n"));
    struct jobs *j = opened(folder_path("cut"), "/bin/false");
    assert_int_equal(jobs_get(j, str_z(id), &r, &err), ST_OK);
    assert_int_equal(r.state, JOB_INTERRUPTED);
    assert_int_not_equal(access(folder_path("cut/01JABCDEFGHJKMNPQRSTVWXYZ0/rows"), F_OK), 0);
    assert_int_equal(access(folder_path("cut/01JABCDEFGHJKMNPQRSTVWXYZ0/job.json"), F_OK), 0);
    jobs_close(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_how_far_a_long_training_is),
        cmocka_unit_test(one_that_was_cut_off_leaves_no_data_behind),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
