/* SPDX-License-Identifier: Apache-2.0 */
/* Public feeds as they are published; see $BGUARD_DATA/README.md. */
#include "intel/intel.h"
#include "tests/test.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static struct intel_set *load_into(struct intel_set *set, const char *path, bool allow)
{
    struct error err = {.text = ""};
    status st = intel_set_load(set, path, allow, &err);
    if (st != ST_OK)
        print_message("%s\n", err.text);
    assert_int_equal(st, ST_OK);
    for (size_t i = 0; i < intel_set_problem_count(set); i++)
        print_message("%llu: %s\n", (unsigned long long)intel_set_problem(set, i)->line,
                      intel_set_problem(set, i)->reason);
    return set;
}

static struct intel_set *load(const char *name, bool allow)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", test_data_dir(), name);
    return load_into(intel_set_new(NULL), path, allow);
}

static void ipsum_is_read_whole(void **state)
{
    if (!test_data_dir())
        SKIP_BECAUSE("BGUARD_DATA is not set");
    struct intel_set *set = load("ipsum/ipsum.txt.gz", false);
    struct intel_stats s = intel_set_stats(set);
    assert_int_equal(s.indicators + s.duplicates, 120430);
    assert_int_equal(s.rejected, 0);
    assert_int_equal(intel_set_problem_count(set), 0);
    intel_set_freeze(set);
    struct indicator it;
    assert_true(intel_find(set, STR("77.90.185.20"), &it, NULL));
    assert_true(it.confidence_01 > 0.95f); /* on ten lists */
    assert_true(str_eq(it.source, STR("ipsum")));
    intel_set_free(set);
}

static void attack_is_read_without_a_problem(void **state)
{
    if (!test_data_dir())
        SKIP_BECAUSE("BGUARD_DATA is not set");
    struct intel_set *set = load("mitre-cti/enterprise-attack-rebuilt.json.gz", false);
    struct intel_stats s = intel_set_stats(set);
    assert_int_equal(s.indicators, 0); /* it describes behaviour, not values */
    assert_int_equal(s.rejected, 0);
    assert_int_equal(intel_set_problem_count(set), 0);
    intel_set_free(set);
}

static bool unpack(const char *archive, const char *folder)
{
    int ended = -1;
    pid_t child = fork();
    if (child == 0) {
        execlp("tar", "tar", "-xJf", archive, "-C", folder, (char *)NULL);
        _exit(127);
    }
    return child > 0 && waitpid(child, &ended, 0) == child && ended == 0;
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
    return remove(path);
}

static bool is_bad(const struct intel_set *set, const char *value)
{
    struct indicator it;
    return intel_find(set, str_z(value), &it, NULL);
}

static void warninglists_excuse_what_they_name(void **state)
{
    static const char *const good[] = {"google.com", "17.1.2.3", "192.168.1.1",
                                       "da39a3ee5e6b4b0d3255bfef95601890afd80709"};
    static const char *const bad[] = {"evil.example", "77.90.185.20", "a.b.c.evil.example"};
    char archive[512], folder[] = "/tmp/intel_data_test.XXXXXX";
    if (!test_data_dir())
        SKIP_BECAUSE("BGUARD_DATA is not set");
    snprintf(archive, sizeof archive, "%s/misp-warninglists/lists.tar.xz", test_data_dir());
    assert_non_null(mkdtemp(folder));
    if (!unpack(archive, folder))
        SKIP_BECAUSE("tar cannot unpack the warninglists");

    struct intel_set *set = intel_set_new(NULL);
    for (size_t i = 0; i < COUNT(good) + COUNT(bad); i++) {
        struct indicator item = {.kind = INTEL_KIND_COUNT};
        item.value = str_z(i < COUNT(good) ? good[i] : bad[i - COUNT(good)]);
        assert_int_equal(intel_set_add(set, &item, false, NULL), ST_OK);
    }
    load_into(set, folder, true);
    assert_int_equal(nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    intel_set_freeze(set);
    struct intel_stats s = intel_set_stats(set);
    print_message("%llu allowed, %llu rejected, %zu bytes\n", (unsigned long long)s.allowed,
                  (unsigned long long)s.rejected, s.bytes);
    assert_true(s.allowed > 60000);
    assert_true(s.rejected < 700);
    for (size_t i = 0; i < COUNT(good); i++)
        assert_false(is_bad(set, good[i]));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_true(is_bad(set, bad[i]));
    intel_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipsum_is_read_whole),
        cmocka_unit_test(attack_is_read_without_a_problem),
        cmocka_unit_test(warninglists_excuse_what_they_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
