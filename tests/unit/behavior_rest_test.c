/* SPDX-License-Identifier: Apache-2.0 */
/* Entities that rest in files: they come back, whatever happens to the process and the file. */
#include "base/mem.h"
#include "tests/behavior_bed.h"

#include <ftw.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENTITIES = 160, MANY = 3000 };

struct files {
    char folder[32], path[64];
};

static void files_init(struct files *f)
{
    snprintf(f->folder, sizeof f->folder, "/tmp/rest-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/rest", f->folder);
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
    return remove(path);
}

static void files_done(const struct files *f)
{
    (void)nftw(f->folder, remove_one, 8, FTW_DEPTH);
}

static void rested(struct bed *bed, const struct files *f, uint64_t max_bytes)
{
    assert_int_equal(behavior_rest(bed->b, f->path, max_bytes, NULL), ST_OK);
}

/* Users 0 … MANY-1, 60 logins each over two days, one after the other. */
static void learn_many(struct bed *bed, int from, int to)
{
    char name[24];
    for (int u = from; u < to; u++) {
        snprintf(name, sizeof name, "user%d", u);
        for (int i = 0; i < 60; i++)
            add(bed, monday + (int64_t)i * HOUR, &(struct login){name, "-", "-", "DE", "success"});
        if (u % 50 == 49 || u + 1 == to)
            behavior_learn(bed->b, STR("default"), take(bed), 0);
    }
}

static bool knows(struct bed *bed, const char *tenant, int user)
{
    char name[24];
    snprintf(name, sizeof name, "user%d", user);
    add(bed, monday + 70 * (int64_t)HOUR, &(struct login){name, "-", "-", "DE", "success"});
    return compare(bed, tenant, name).known_events == 60;
}

static void come_back_when_they_are_seen_again(void **state)
{
    struct files f;
    struct bed bed;
    files_init(&f);
    bed_init(&bed, ENTITIES);
    rested(&bed, &f, 0);
    learn_many(&bed, 0, MANY);
    struct behavior_stats st = behavior_stats(bed.b);
    assert_true(st.entities <= ENTITIES && st.entities + st.resting == MANY);
    assert_true(st.spilled >= MANY - ENTITIES && st.evicted == 0);
    for (int u = 0; u < MANY; u += 7)
        assert_true(knows(&bed, "default", u));
    assert_false(knows(&bed, "other", 3));
    st = behavior_stats(bed.b);
    assert_true(st.loaded > MANY / 8 && st.rest_failures == 0);
    assert_true(st.entities + st.resting == MANY);
    bed_done(&bed);
    files_done(&f);
}

static void survive_the_process_and_a_torn_end(void **state)
{
    struct files f;
    struct bed bed;
    char path[80];
    struct stat s;
    files_init(&f);
    bed_init(&bed, ENTITIES);
    rested(&bed, &f, 0);
    learn_many(&bed, 0, 1000);
    uint64_t resting = behavior_stats(bed.b).resting;
    bed_done(&bed); /* what was in memory is gone */
    snprintf(path, sizeof path, "%s.3", f.path);
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(truncate(path, s.st_size - 5), 0);

    bed_init(&bed, ENTITIES);
    rested(&bed, &f, 0);
    assert_int_equal(behavior_stats(bed.b).resting, resting - 1);
    int known = 0;
    for (int u = 0; u < 1000; u++)
        known += knows(&bed, "default", u);
    assert_int_equal(known, resting - 1);
    assert_int_equal(behavior_stats(bed.b).rest_failures, 0);
    bed_done(&bed);
    files_done(&f);
}

static void are_not_shown_when_they_are_damaged(void **state)
{
    struct files f;
    struct bed bed;
    char path[80];
    files_init(&f);
    bed_init(&bed, ENTITIES);
    rested(&bed, &f, 0);
    learn_many(&bed, 0, 1000);
    uint64_t resting = behavior_stats(bed.b).resting;
    snprintf(path, sizeof path, "%s.3", f.path);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, 500, SEEK_SET); /* in one of the first records */
    fputc(0xff, file);
    fclose(file);
    int known = 0;
    for (int u = 0; u < 1000; u++)
        known += knows(&bed, "default", u);
    assert_int_equal(behavior_stats(bed.b).rest_failures, 1);
    assert_int_equal(known, 999);
    assert_true(resting > 800);
    bed_done(&bed);
    bed_init(&bed, ENTITIES); /* of another seed: not ours */
    behavior_free(bed.b);
    bed.b = behavior_new(&(struct behavior_options){.seed = SEED + 1});
    struct error err;
    assert_int_equal(behavior_rest(bed.b, f.path, 0, &err), ST_INVALID);
    assert_int_equal(behavior_rest(bed.b, "/nowhere/at/all", 0, &err), ST_IO);
    bed_done(&bed);
    files_done(&f);
}

static void stay_forgotten(void **state)
{
    struct files f;
    struct bed bed;
    files_init(&f);
    bed_init(&bed, ENTITIES);
    rested(&bed, &f, 0);
    learn_many(&bed, 0, 600);
    assert_true(knows(&bed, "default", 5)); /* it is in memory again, and dead in the file */
    for (int u = 0; u < 10; u++) {
        char name[24];
        snprintf(name, sizeof name, "user%d", u);
        struct behavior_entity who = {BEHAVIOR_USER, str_z(name)};
        assert_int_equal(behavior_forget(bed.b, STR("default"), &who), 1);
        assert_false(knows(&bed, "default", u));
    }
    bed_done(&bed);
    bed_init(&bed, ENTITIES);
    rested(&bed, &f, 0);
    for (int u = 0; u < 10; u++)
        assert_false(knows(&bed, "default", u));
    assert_true(behavior_stats(bed.b).resting > 300);
    assert_true(behavior_forget(bed.b, STR("default"), NULL) > 300);
    assert_int_equal(behavior_stats(bed.b).resting, 0);
    bed_done(&bed);
    bed_init(&bed, ENTITIES);
    rested(&bed, &f, 0);
    assert_int_equal(behavior_stats(bed.b).resting, 0);
    bed_done(&bed);
    files_done(&f);
}

/* The file does not grow past its limit; the oldest go, and are counted. */
static void take_no_more_than_they_may(void **state)
{
    enum { LIMIT = 512 * 1024 };
    struct files f;
    struct bed bed;
    files_init(&f);
    bed_init(&bed, ENTITIES);
    rested(&bed, &f, LIMIT);
    for (int round = 0; round < 3; round++)
        learn_many(&bed, 0, MANY);
    struct behavior_stats st = behavior_stats(bed.b);
    assert_true(st.rest_bytes <= LIMIT);
    assert_true(st.evicted > 500 && st.resting > 300 && st.rest_failures == 0);
    bed_done(&bed);
    files_done(&f);
}

/* What cannot be written anew stays where it is. */
static void survive_a_full_disk(void **state)
{
    struct files f;
    struct bed bed;
    struct rlimit whole, few;
    files_init(&f);
    bed_init(&bed, ENTITIES);
    rested(&bed, &f, 0);
    learn_many(&bed, 0, MANY);
    size_t resting = behavior_stats(bed.b).resting;
    rested(&bed, &f, 512 * 1024); /* which is less than there is: it must be written anew */
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &whole), 0);
    few = (struct rlimit){8192, whole.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
    learn_many(&bed, MANY, MANY + ENTITIES);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &whole), 0);
    struct behavior_stats st = behavior_stats(bed.b);
    assert_int_equal(st.resting, resting);
    assert_true(st.rest_failures > 0);
    bed_done(&bed);
    files_done(&f);
}

static void what_is_saved_is_newer_than_what_rests(void **state)
{
    struct files f;
    struct bed bed;
    char saved[80];
    files_init(&f);
    bed_init(&bed, ENTITIES);
    rested(&bed, &f, 0);
    learn_many(&bed, 0, 600);
    assert_true(knows(&bed, "default", 5));
    add(&bed, monday + 71 * (int64_t)HOUR, &(struct login){"user5", "-", "-", "DE", "success"});
    behavior_learn(bed.b, STR("default"), take(&bed), 0); /* 61 now */
    snprintf(saved, sizeof saved, "%s/saved", f.folder);
    assert_int_equal(behavior_save(bed.b, saved, NULL), ST_OK);
    bed_done(&bed);
    bed_init(&bed, ENTITIES);
    assert_int_equal(behavior_load(bed.b, saved, NULL), ST_OK);
    rested(&bed, &f, 0);
    struct behavior_stats st = behavior_stats(bed.b);
    assert_int_equal(st.entities + st.resting, 600);
    add(&bed, monday + 72 * (int64_t)HOUR, &(struct login){"user5", "-", "-", "DE", "success"});
    assert_int_equal(compare(&bed, "default", "user5").known_events, 61);
    bed_done(&bed);
    files_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(come_back_when_they_are_seen_again),
        cmocka_unit_test(survive_the_process_and_a_torn_end),
        cmocka_unit_test(are_not_shown_when_they_are_damaged),
        cmocka_unit_test(stay_forgotten),
        cmocka_unit_test(take_no_more_than_they_may),
        cmocka_unit_test(survive_a_full_disk),
        cmocka_unit_test(what_is_saved_is_newer_than_what_rests),
    };
    return cmocka_run_group_tests_name("behavior_rest", tests, NULL, NULL);
}
