/* SPDX-License-Identifier: Apache-2.0 */
/* test_case.h - for files in cli/ only: the test cases of `rules test`, found and read.
 *
 * Two layouts.  Ours, NAME.test.yml beside NAME.yml, a list of
 *
 *     - name: three failures and a login      what the case shows
 *       rule: 5f0c…                           id or name; see test_case.rule
 *       format: syslog                        else found by looking
 *       logsource: linux/sshd                 else what the format says
 *       match: true                           the default; false: must not fire
 *       count: 1                              findings; else one or more
 *       events: [line, {field: value}, …]     or `event:` for one
 *
 * and SigmaHQ's: info.yml, whose regression_tests_info names a file beside it;
 * that file is read as .evtx and as .json, whichever there are.  A .json may hold
 * more events than the .evtx it was made from, so match_count is a least. */
#ifndef CLI_TEST_CASE_H
#define CLI_TEST_CASE_H

#include "base/arena.h"
#include "base/status.h"
#include "base/vec.h"

struct test_case {
    str file; /* where the case is written; all text is in the list's arena */
    uint32_t line;
    str name;
    str rule;      /* as given; empty: the one that `beside` reports */
    str beside;    /* path of the rule file it belongs to */
    str format;    /* may be empty */
    str logsource; /* may be empty */
    bool match;
    int64_t count; /* -1: any number */
    bool least;    /* more than `count` will do */
    str text;      /* the input, or */
    str path;      /* the file that has it; one of the two is empty */
    str refused;   /* why the case cannot be run; empty: it can */
};

struct test_list {
    struct arena arena;
    VEC(struct test_case) at;
};
void test_list_init(struct test_list *l);
void test_list_done(struct test_list *l);

/* Cases of the file or below the folder `path`, in name order.  A file that is not well formed
 * becomes a case that is refused.  ST_NOT_FOUND, ST_IO: the path itself. */
CHECKED status test_list_find(struct test_list *l, const char *path, struct error *err);

/* The cases in `text`; `file` is its path. */
void test_list_read(struct test_list *l, str file, str text);

#endif
