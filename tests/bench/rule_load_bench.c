/* SPDX-License-Identifier: Apache-2.0 */
/* Loading a rule set: its files alone, read and compiled, and from the cache.
 *
 *     rule_load_bench [PATH…]   rule files and folders; by default 4,000 rules made up here */
#include "event/dict.h"
#include "rule/files.h"
#include "rule/read.h"
#include "tests/folder.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void make_rules(void)
{
    if (folder_make(NULL) != 0 || mkdir(folder_path("rules"), 0700) != 0)
        abort();
    for (int i = 0; i < 4000; i++) {
        char name[40], text[1000];
        (void)snprintf(name, sizeof name, "rules/%d.yml", i);
        int n = snprintf(text, sizeof text,
                         "title: Rule %d\nid: %08d\nlevel: high\ntags: [attack.t1059.001]\n"
                         "logsource: {product: windows, category: process_creation}\n"
                         "detection:\n  sel_img:\n    - Image|endswith: '\\tool%d.exe'\n"
                         "    - OriginalFileName: 'tool%d.exe'\n  sel_cli:\n"
                         "    CommandLine|contains|all: [' -x%d ', 'word%d']\n"
                         "    ParentImage|re: 'c[md]{2}%d\\.exe'\n"
                         "  filter_main: {User|contains: 'svc%d'}\n"
                         "  condition: all of sel_* and not 1 of filter_main*\n",
                         i, i, i, i, i, i, i % 20, i % 50);
        folder_write(name, (str){text, (size_t)n});
    }
}

static double files_alone(const char *const *path, size_t count)
{
    struct rule_files files;
    double start = now();
    if (rule_files_read(&files, path, count, 512 << 20, NULL) != ST_OK)
        exit(1);
    double seconds = now() - start;
    rule_files_done(&files);
    return seconds;
}

/* Files and texts, without compiling. */
static double read_alone(const char *const *path, size_t count, struct dict *dict)
{
    struct rule_files files;
    struct rule_set set = {.dict = dict};
    struct reading g;
    double start = now();
    if (rule_files_read(&files, path, count, 512 << 20, NULL) != ST_OK)
        exit(1);
    arena_init(&set.arena, 512 << 20);
    image_init(&set.image, 512 << 20);
    reading_init(&g, &set, NULL);
    for (size_t i = 0; i < files.file.n; i++)
        read_text(&g, files.file.at[i].path, files.file.at[i].text);
    filters_apply(&g);
    link_correlations(&set);
    double seconds = now() - start;
    reading_done(&g);
    image_done(&set.image);
    map_done(&set.by_name);
    vec_done(&set.problem);
    arena_done(&set.arena);
    rule_files_done(&files);
    return seconds;
}

static double load(const char *const *path, size_t count, const char *cache, struct dict *dict)
{
    struct rule_options options = {.cache_dir = cache};
    struct rule_set *set;
    struct error err;
    double start = now();
    if (rule_set_load(path, count, dict, &options, &set, &err) != ST_OK) {
        printf("%s\n", err.text);
        exit(1);
    }
    double seconds = now() - start;
    printf("%-22s %8.1f ms  %zu rules, %zu problems%s\n", cache ? "load, cache given" : "load",
           seconds * 1e3, rule_set_count(set), rule_set_problem_count(set),
           rule_set_from_cache(set) ? ", from the cache" : "");
    rule_set_free(set);
    return seconds;
}

int main(int argc, char **argv)
{
    struct dict *dict = dict_new();
    make_rules();
    char made[256], cache[256];
    (void)snprintf(made, sizeof made, "%s", folder_path("rules"));
    (void)snprintf(cache, sizeof cache, "%s", folder_path("cache"));
    const char *const own[] = {made};
    const char *const *path = argc > 1 ? (const char *const *)argv + 1 : own;
    size_t count = argc > 1 ? (size_t)argc - 1 : 1;
    printf("%-22s %8.1f ms\n", "files", files_alone(path, count) * 1e3);
    printf("%-22s %8.1f ms\n", "files and rules", read_alone(path, count, dict) * 1e3);
    (void)load(path, count, NULL, dict);
    for (int i = 0; i < 3; i++)
        (void)load(path, count, cache, dict);
    dict_free(dict);
    return folder_remove(NULL);
}
