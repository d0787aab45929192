/* SPDX-License-Identifier: Apache-2.0 */
/* A set as a whole: read or fetched from the cache, built, asked about. */
#include "rule/rule.h"

#include "rule/cache.h"
#include "rule/read.h"

#include <assert.h>

enum { PROBLEMS_MAX = 10000 };
#define BYTES_DEFAULT ((size_t)512 << 20)

void rule_problem_add(struct rule_set *set, str file, uint32_t line, const char *why)
{
    if (set->problem.n >= PROBLEMS_MAX)
        return;
    bool last = set->problem.n == PROBLEMS_MAX - 1;
    struct rule_problem p = {.file = arena_str(&set->arena, file), .line = line};
    snprintf(p.reason, sizeof p.reason, "%s", last ? "there are more problems than are kept" : why);
    *vec_push(&set->problem) = p;
}

/* ---- building ---- */

static struct rule_set *set_new(struct dict *dict, size_t max_bytes)
{
    struct rule_set *set = mem_new(struct rule_set);
    set->dict = dict;
    arena_init(&set->arena, max_bytes);
    image_init(&set->image, max_bytes);
    return set;
}

void rule_set_free(struct rule_set *set)
{
    if (!set)
        return;
    program_free(set->program);
    plan_free(set->plan);
    image_done(&set->image);
    map_done(&set->by_name);
    vec_done(&set->problem);
    arena_done(&set->arena);
    mem_free(set->info);
    mem_free(set);
}

static const str *strings(struct rule_set *set, struct span s)
{
    str *out = arena_array(&set->arena, str, s.count);
    for (uint32_t i = 0; out && i < s.count; i++)
        out[i] = image_str(&set->image, set->image.list.at[s.first + i]);
    set->image.full |= !out;
    return out;
}

static struct rule_info info_of(struct rule_set *set, const struct rule_row *row)
{
    const struct image *im = &set->image;
    return (struct rule_info){
        .id = image_str(im, row->id),
        .title = image_str(im, row->title),
        .description = image_str(im, row->description),
        .status = image_str(im, row->status),
        .author = image_str(im, row->author),
        .file = image_str(im, row->file),
        .line = row->line,
        .level = (enum level)row->level,
        .correlation = row->flags & RULE_CORRELATION,
        .product = image_str(im, row->product),
        .category = image_str(im, row->category),
        .service = image_str(im, row->service),
        .technique = strings(set, row->technique),
        .technique_count = row->technique.count,
        .tag = strings(set, row->tag),
        .tag_count = row->tag.count,
        .falsepositive = strings(set, row->falsepositive),
        .falsepositive_count = row->falsepositive.count,
        .reference = strings(set, row->reference),
        .reference_count = row->reference.count,
    };
}

/* The image does not move any more: text may be pointed to. */
static void build_info(struct rule_set *set)
{
    set->info = mem_array(struct rule_info, set->image.rule.n + 1);
    for (size_t i = 0; i < set->image.rule.n; i++)
        set->info[i] = info_of(set, &set->image.rule.at[i]);
}

/* Ids before names: where one rule is called what another's id is, the id wins. */
static void index_names(struct rule_set *set)
{
    const struct image *im = &set->image;
    map_done(&set->by_name);
    for (uint32_t i = 0; i < im->rule.n; i++)
        if (im->rule.at[i].id.n)
            map_add(&set->by_name, image_str(im, im->rule.at[i].id), i, NULL);
    for (uint32_t i = 0; i < im->rule.n; i++)
        if (im->rule.at[i].name.n)
            map_add(&set->by_name, image_str(im, im->rule.at[i].name), i, NULL);
}

static status build(struct rule_set *set, str databases, struct error *err)
{
    index_names(set);
    build_info(set);
    if (set->image.full)
        return fail(err, ST_LIMIT, "the rules need more than %zu bytes", set->image.max_bytes);
    plan_build(set);
    return program_build(set, databases, err);
}

/* All texts are read: what needs to know all rules. */
static status finish(struct reading *g, struct error *err)
{
    filters_apply(g);
    link_correlations(g->set);
    return build(g->set, (str){0}, err);
}

static size_t max_bytes_of(const struct rule_options *options)
{
    return options && options->max_bytes ? options->max_bytes : BYTES_DEFAULT;
}

static status hand_over(struct rule_set *set, status s, struct rule_set **out)
{
    if (s == ST_OK)
        *out = set;
    else
        rule_set_free(set);
    return s;
}

status rule_set_parse(str name, str yaml, struct dict *dict, const struct rule_options *options,
                      struct rule_set **out, struct error *err)
{
    struct rule_set *set = set_new(dict, max_bytes_of(options));
    struct reading g;
    reading_init(&g, set, options);
    read_text(&g, name, yaml);
    status s = finish(&g, err);
    reading_done(&g);
    return hand_over(set, s, out);
}

static status read_files(struct rule_set *set, const struct rule_files *files,
                         const struct rule_options *options, struct error *err)
{
    struct reading g;
    reading_init(&g, set, options);
    for (size_t i = 0; i < files->file.n && !set->image.full; i++) {
        const struct rule_file *file = &files->file.at[i];
        if (file->problem)
            rule_problem_add(set, file->path, 0, file->problem);
        else
            read_text(&g, file->path, file->text);
    }
    status s = finish(&g, err);
    reading_done(&g);
    return s;
}

/* A set from the cache, or NULL. */
static struct rule_set *fetch(struct cache *cache, struct dict *dict, size_t max_bytes)
{
    struct rule_set *set = set_new(dict, max_bytes);
    if (cache_load(cache, set) && build(set, cache->databases, NULL) == ST_OK) {
        set->from_cache = true;
        return set;
    }
    rule_set_free(set);
    return NULL;
}

status rule_set_load(const char *const *path, size_t count, struct dict *dict,
                     const struct rule_options *options, struct rule_set **out, struct error *err)
{
    struct rule_files files;
    struct cache cache;
    size_t max_bytes = max_bytes_of(options);
    status s = rule_files_read(&files, path, count, max_bytes, err);
    if (s != ST_OK)
        return s;
    cache_open(&cache, options, path, count, &files);
    struct rule_set *set = fetch(&cache, dict, max_bytes);
    if (!set) {
        set = set_new(dict, max_bytes);
        s = read_files(set, &files, options, err);
        if (s == ST_OK)
            cache_save(&cache, set);
    }
    cache_close(&cache);
    rule_files_done(&files);
    return hand_over(set, s, out);
}

/* ---- asking ---- */

size_t rule_set_count(const struct rule_set *set)
{
    return set->image.rule.n;
}

size_t rule_set_loaded(const struct rule_set *set)
{
    const struct image *im = &set->image;
    size_t loaded = im->rule.n;
    for (size_t i = 0; i < im->rule.n; i++)
        if (im->rule.at[i].flags & RULE_CORRELATION)
            loaded -= im->correlation.at[im->rule.at[i].correlation].rule.count == 0;
    return loaded;
}

const struct rule_info *rule_set_info(const struct rule_set *set, uint32_t rule)
{
    assert(rule < set->image.rule.n);
    return &set->info[rule];
}

size_t rule_set_problem_count(const struct rule_set *set)
{
    return set->problem.n;
}

const struct rule_problem *rule_set_problem(const struct rule_set *set, size_t i)
{
    assert(i < set->problem.n);
    return &set->problem.at[i];
}

bool rule_set_from_cache(const struct rule_set *set)
{
    return set->from_cache;
}

uint32_t rule_set_find(const struct rule_set *set, str id)
{
    const uint32_t *have = map_find(&set->by_name, id);
    return have ? *have : UINT32_MAX;
}
