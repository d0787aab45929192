/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/folder.h"
#include "tests/rule_text.h"

#include <dirent.h>
#include <fcntl.h>

static struct dict *dict;
static char rules[256], cache[256];

#define RULE(id, value)                                                                            \
    "title: " id "\nid: " id "\nlogsource: {product: windows}\ndetection:\n  s: {Image|contains: " \
    "'" value "', User|re: 'a.c'}\n  condition: s\n"

/* Some of everything an image holds. */
static const char everything[] = RULE("one", "first") "---\n" RULE(
    "two", "second") "---\n"
                     "title: bad\nlogsource: {product: windows}\ndetection: 5\n---\n"
                     "title: many\nid: three\ncorrelation:\n  type: temporal\n  rules: [one, two]\n"
                     "  timespan: 5m\n  group-by: [U]\n  aliases: {U: {one: User, two: Image}}\n";

static struct rule_set *load_with(const struct rule_options *options)
{
    const char *paths[] = {rules};
    struct rule_set *set;
    struct error err;
    if (rule_set_load(paths, 1, dict, options, &set, &err) != ST_OK)
        fail_msg("%s", err.text);
    return set;
}

static struct rule_set *load(void)
{
    return load_with(&(struct rule_options){.cache_dir = cache});
}

static bool was_cached(void)
{
    struct rule_set *set = load();
    bool yes = rule_set_from_cache(set);
    rule_set_free(set);
    return yes;
}

/* The set as text: equal texts are equal sets. */
static struct sbuf describe(const struct rule_set *set)
{
    struct sbuf out;
    sbuf_init(&out, 1 << 20);
    for (uint32_t i = 0; i < rule_set_count(set); i++) {
        const struct rule_info *info = rule_set_info(set, i);
        sbuf_addf(&out, STR_FMT " " STR_FMT " %u\n", STR_ARG(info->id), STR_ARG(info->file),
                  info->line);
        assert_int_equal(rule_set_find(set, info->id), i);
        if (!info->correlation)
            text_of_node(&set->image, set->image.rule.at[i].root, &out);
    }
    for (size_t i = 0; i < rule_set_problem_count(set); i++) {
        const struct rule_problem *p = rule_set_problem(set, i);
        sbuf_addf(&out, STR_FMT ":%u: %s\n", STR_ARG(p->file), p->line, p->reason);
    }
    return out;
}

static void gives_back_what_was_read(void **state)
{
    folder_write("rules/a.yml", (str){everything, sizeof everything - 1});
    struct rule_set *fresh = load(), *cached = load();
    assert_false(rule_set_from_cache(fresh));
    assert_true(rule_set_from_cache(cached));
    struct sbuf a = describe(fresh), b = describe(cached);
    assert_string_equal(a.p, b.p);
    assert_int_equal(rule_set_problem_count(cached), 1);
    assert_int_equal(cached->image.correlation.n, 1);
    assert_true(cached->image.rule.at[0].flags & RULE_FED);
    sbuf_done(&a);
    sbuf_done(&b);
    rule_set_free(fresh);
    rule_set_free(cached);
}

/* The highest tower of pairs that is taken: many ways down, and still an image to trust. */
static void gives_back_correlations_on_correlations(void **state)
{
    struct sbuf yaml;
    sbuf_init(&yaml, 1 << 20);
    for (unsigned i = 0; i < 13 * 2; i++) {
        sbuf_addf(&yaml, "title: t\nname: r%u\n", i);
        if (i < 2)
            sbuf_addz(&yaml, "logsource: {product: app}\ndetection: {s: {F: 1}, condition: s}\n");
        else
            sbuf_addf(&yaml,
                      "correlation: {type: event_count, rules: [r%u, r%u], timespan: 1m, "
                      "condition: {gte: 1}}\n",
                      i / 2 * 2 - 2, i / 2 * 2 - 1);
        sbuf_addz(&yaml, "---\n");
    }
    folder_write("rules/a.yml", sbuf_str(&yaml));
    struct rule_set *fresh = load();
    assert_int_equal(rule_set_loaded(fresh), 26);
    rule_set_free(fresh);
    assert_true(was_cached());
    sbuf_done(&yaml);
}

static void reads_afresh_when_a_rule_changes(void **state)
{
    folder_write("rules/a.yml", STR(RULE("one", "first")));
    assert_false(was_cached());
    assert_true(was_cached());
    folder_write("rules/a.yml", STR(RULE("one", "fisrt"))); /* same length, maybe same second */
    assert_false(was_cached());
    assert_true(was_cached());
    folder_write("rules/b.yml", STR(RULE("two", "second")));
    assert_false(was_cached());
    assert_true(was_cached());
    assert_int_equal(rename(folder_path("rules/b.yml"), folder_path("rules/c.yml")), 0);
    assert_false(was_cached());
    assert_int_equal(remove(folder_path("rules/c.yml")), 0);
    assert_false(was_cached());
    assert_true(was_cached());
}

static void reads_afresh_when_a_placeholder_changes(void **state)
{
    str value = STR("x");
    struct rule_placeholder p = {STR("name"), &value, 1};
    struct rule_options options = {.cache_dir = cache, .placeholder = &p, .placeholder_count = 1};
    rule_set_free(load());
    assert_true(was_cached());
    struct rule_set *set = load_with(&options);
    assert_false(rule_set_from_cache(set));
    rule_set_free(set);
}

/* The name of the only cache file. */
static const char *cache_file(void)
{
    static char name[300];
    DIR *dir = opendir(cache);
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.') {
            (void)snprintf(name, sizeof name, "cache/%s", e->d_name);
            n++;
        }
    closedir(dir);
    assert_int_equal(n, 1);
    return name;
}

static void keeps_its_files_to_itself(void **state)
{
    struct stat st;
    rule_set_free(load());
    assert_int_equal(stat(cache, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(stat(folder_path(cache_file()), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void does_not_trust_what_others_may_write(void **state)
{
    rule_set_free(load());
    const char *file = folder_path(cache_file());
    assert_true(was_cached());
    assert_int_equal(chmod(file, 0622), 0);
    assert_false(was_cached()); /* and is replaced */
    assert_true(was_cached());
    assert_int_equal(chmod(cache, 0777), 0);
    assert_false(was_cached());
    assert_false(was_cached());
    assert_int_equal(chmod(cache, 0700), 0);
    assert_true(was_cached());
}

static void does_not_follow_links(void **state)
{
    rule_set_free(load());
    char file[300], other[300];
    (void)snprintf(file, sizeof file, "%s", folder_path(cache_file()));
    (void)snprintf(other, sizeof other, "%s", folder_path("elsewhere"));
    assert_int_equal(rename(file, other), 0);
    assert_int_equal(symlink(other, file), 0);
    assert_false(was_cached());
    assert_true(was_cached());
    assert_int_equal(remove(other), 0);
}

/* Every byte of the file, one after the other: flipped, the rules are read afresh and right. */
static void survives_any_damage(void **state)
{
    folder_write("rules/a.yml", (str){everything, sizeof everything - 1});
    struct rule_set *fresh = load();
    struct sbuf want = describe(fresh);
    rule_set_free(fresh);
    char file[300];
    (void)snprintf(file, sizeof file, "%s", folder_path(cache_file()));
    struct stat st;
    assert_int_equal(stat(file, &st), 0);
    size_t step = (size_t)st.st_size / 200 + 1;
    for (off_t at = 0; at < st.st_size; at += at < 256 ? 1 : (off_t)step) {
        int fd = open(file, O_RDWR);
        char byte;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 0x41;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        assert_int_equal(close(fd), 0);
        struct rule_set *set = load();
        struct sbuf got = describe(set);
        if (rule_set_from_cache(set)) /* a byte between the parts */
            fail_msg("byte %lld", (long long)at);
        assert_string_equal(got.p, want.p);
        sbuf_done(&got);
        rule_set_free(set);
    }
    for (off_t size = st.st_size - 1; size > 0; size /= 2) {
        assert_int_equal(truncate(file, size), 0);
        assert_false(was_cached());
    }
    sbuf_done(&want);
}

/* Rows that a checksum would not catch. */
static void refuses_images_that_point_outside(void **state)
{
    struct rule_set *set = set_of_options(everything, dict, NULL);
    struct image *im = &set->image;
    assert_true(image_valid(im));
#define BREAK(place, value)                                                                        \
    do {                                                                                           \
        __typeof__(place) kept_ = (place);                                                         \
        (place) = (value);                                                                         \
        assert_false(image_valid(im));                                                             \
        (place) = kept_;                                                                           \
        assert_true(image_valid(im));                                                              \
    } while (0)
    uint32_t root = im->rule.at[0].root;
    BREAK(im->rule.at[0].root, (uint32_t)im->node.n);
    BREAK(im->rule.at[0].root, ROW_NONE);
    BREAK(im->rule.at[0].level, LEVEL_COUNT);
    BREAK(im->rule.at[0].flags, 0xff);
    BREAK(im->rule.at[0].flags, RULE_CORRELATION);
    BREAK(im->rule.at[2].correlation, 1);
    BREAK(im->rule.at[0].title.n, (uint32_t)im->bytes.n);
    BREAK(im->rule.at[0].title.at, (uint32_t)im->bytes.n);
    BREAK(im->rule.at[0].title.n, im->rule.at[0].title.n - 1);
    BREAK(im->rule.at[0].tag.count, 1000);
    BREAK(im->rule.at[0].technique.first, UINT32_MAX);
    BREAK(im->node.at[root].kind, 9);
    BREAK(im->node.at[root].kind, NODE_NOT);
    BREAK(im->node.at[root].kind, NODE_TEST);
    BREAK(im->node.at[root].child.first, UINT32_MAX);
    BREAK(im->node.at[root].child.count, UINT32_MAX);
    BREAK(im->child.at[im->node.at[root].child.first], root); /* a circle */
    BREAK(im->child.at[0], (uint32_t)im->node.n);
    BREAK(im->test.at[0].op, TEST_OP_COUNT);
    BREAK(im->test.at[0].unit, 6);
    BREAK(im->test.at[0].value.at, UINT32_MAX);
    BREAK(im->list.at[0].at, UINT32_MAX);
    BREAK(im->alias.at[0].field.n, UINT32_MAX);
    BREAK(im->reference.at[0], 3);
    BREAK(im->reference.at[0], 2); /* a correlation that listens to itself */
    BREAK(im->correlation.at[0].type, 8);
    BREAK(im->correlation.at[0].timespan_ms, 0);
    BREAK(im->correlation.at[0].percentile, 101);
    BREAK(im->correlation.at[0].rule.count, 1000);
    BREAK(im->correlation.at[0].condition, 5000);
    BREAK(im->correlation.at[0].bound_mask, 0xff);
#undef BREAK
    rule_set_free(set);
}

static void keeps_only_a_few_files(void **state)
{
    for (int i = 0; i < 12; i++) {
        char path[300];
        (void)snprintf(path, sizeof path, "%s%.*s", rules, i, "////////////");
        const char *paths[] = {path};
        struct rule_options options = {.cache_dir = cache};
        struct rule_set *set;
        assert_int_equal(rule_set_load(paths, 1, dict, &options, &set, NULL), ST_OK);
        rule_set_free(set);
    }
    unsigned n = 0;
    DIR *dir = opendir(cache);
    while (readdir(dir))
        n++;
    closedir(dir);
    assert_int_equal(n, 2 + 8);
}

static void does_without_where_there_can_be_none(void **state)
{
    struct rule_options options = {.cache_dir = "/dev/null/nowhere"};
    struct rule_set *set = load_with(&options);
    assert_false(rule_set_from_cache(set));
    rule_set_free(set);
}

/* ---- a new folder for each test ---- */

static int start(void **state)
{
    if (folder_make(state) != 0 || mkdir(folder_path("rules"), 0700) != 0)
        return -1;
    dict = dict_new();
    (void)snprintf(rules, sizeof rules, "%s", folder_path("rules"));
    (void)snprintf(cache, sizeof cache, "%s", folder_path("cache"));
    folder_write("rules/a.yml", STR(RULE("one", "first")));
    return 0;
}

static int stop(void **state)
{
    dict_free(dict);
    return folder_remove(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gives_back_what_was_read),
        TEST(gives_back_correlations_on_correlations),
        TEST(reads_afresh_when_a_rule_changes),
        TEST(reads_afresh_when_a_placeholder_changes),
        TEST(keeps_its_files_to_itself),
        TEST(does_not_trust_what_others_may_write),
        TEST(does_not_follow_links),
        TEST(survives_any_damage),
        TEST(refuses_images_that_point_outside),
        TEST(keeps_only_a_few_files),
        TEST(does_without_where_there_can_be_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
