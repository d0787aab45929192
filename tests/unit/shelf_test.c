/* SPDX-License-Identifier: Apache-2.0 */
/* What a service has of models: which are in use, which are kept in memory, and what may become live. */
#include "tests/folder.h"
#include "tests/model_bed.h"

#include "ml/shelf.h"

enum { SEEDS = 9 };
static char version[SEEDS][16]; /* of the bed's model of each seed */

static void must(status got, const struct error *err)
{
    if (got != ST_OK)
        fail_msg("%s", err->text);
}

static struct shelf *opened(const char *folder)
{
    struct shelf *s = NULL;
    struct error err;
    struct shelf_options o = {.folder = folder};
    must(shelf_open(&o, &s, &err), &err);
    return s;
}

static void bytes_of(uint64_t seed, const char *name, struct sbuf *out)
{
    struct model *m = bed_model_named(seed, name);
    sbuf_init(out, 1 << 24);
    model_write(m, out);
    model_free(m);
}

static void add(struct shelf *s, uint64_t seed, const char *name)
{
    struct error err;
    struct sbuf bytes;
    struct shelf_entry e;
    bytes_of(seed, "flows", &bytes);
    must(shelf_add(s, sbuf_str(&bytes), name, "ann", 1000, &e, &err), &err);
    memcpy(version[seed], e.version, sizeof e.version);
    sbuf_done(&bytes);
}

static void spoil(const char *folder, const char *name, uint64_t seed)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s/%s.bgm", folder, name, version[seed]);
    folder_write(path, STR("no model"));
}

static void count_problem(void *arg, const char *name, const char *why)
{
    size_t *n = arg;
    (void)name, (void)why;
    ++*n;
}

static void says_where_it_put_a_model(void **state)
{
    (void)state;
    struct error err;
    struct sbuf bytes;
    struct shelf_entry e;
    struct loaded_model *l = NULL;
    struct shelf *s = opened(folder_path("names"));
    bytes_of(1, "Flows of Web 1", &bytes);
    must(shelf_add(s, sbuf_str(&bytes), NULL, "ann", 1000, &e, &err), &err);
    assert_string_equal(e.name, "flows-of-web-1"); /* not as its card says: there is no such slot */
    must(shelf_get(s, str_z(e.name), str_z(e.version), &l, &err), &err);
    loaded_unref(l);
    sbuf_done(&bytes);
    shelf_close(s);
}

static void nothing_that_cannot_be_read_becomes_live(void **state)
{
    (void)state;
    struct error err;
    struct loaded_model *l = NULL;
    struct shelf *s = opened(folder_path("spoilt"));
    add(s, 1, "flows");
    must(shelf_promote(s, STR("flows"), STR(""), false, "ann", 1, &err), &err);
    add(s, 2, "flows");
    spoil("spoilt", "flows", 2);
    assert_int_equal(shelf_promote(s, STR("flows"), STR(""), false, "ann", 2, &err), ST_INVALID);
    assert_int_equal(shelf_promote(s, STR("flows"), str_z(version[2]), true, "ann", 2, &err),
                     ST_INVALID);
    must(shelf_get(s, STR("flows"), STR(""), &l, &err), &err);
    assert_string_equal(l->version, version[1]);
    loaded_unref(l);
    add(s, 3, "flows");
    must(shelf_promote(s, STR("flows"), str_z(version[3]), false, "ann", 3, &err), &err);
    spoil("spoilt", "flows", 1);
    shelf_close(s);
    s = opened(folder_path("spoilt")); /* what was in memory is not any more */
    assert_int_equal(shelf_rollback(s, STR("flows"), "ann", 4, &err), ST_INVALID);
    must(shelf_get(s, STR("flows"), STR(""), &l, &err), &err);
    assert_string_equal(l->version, version[3]);
    loaded_unref(l);
    assert_int_equal(shelf_promote(s, STR("none"), STR(""), false, "ann", 5, &err), ST_NOT_FOUND);
    shelf_close(s);
}

static void who_asks_for_others_takes_no_place_of_what_is_in_use(void **state)
{
    (void)state;
    struct error err;
    struct loaded_model *l = NULL, *asked = NULL;
    struct model_set *before = NULL, *after = NULL;
    struct shelf *s = opened(folder_path("asked"));
    for (uint64_t seed = 1; seed < SEEDS; seed++)
        add(s, seed, "flows");
    must(shelf_promote(s, STR("flows"), str_z(version[1]), false, "ann", 1, &err), &err);
    must(shelf_use(s, NULL, NULL, &before, &err), &err);
    must(shelf_get(s, STR("flows"), str_z(version[2]), &asked, &err), &err);
    for (uint64_t seed = 3; seed < SEEDS; seed++) {
        must(shelf_get(s, STR("flows"), str_z(version[seed]), &l, &err), &err);
        loaded_unref(l);
    }
    must(shelf_use(s, NULL, NULL, &after, &err), &err);
    assert_int_equal(after->n, 1);
    assert_ptr_equal(after->at[0].model, before->at[0].model); /* with all that it counted */
    must(shelf_get(s, STR("flows"), str_z(version[2]), &l, &err), &err);
    assert_ptr_equal(l, asked);
    loaded_unref(l);
    loaded_unref(asked);
    model_set_unref(before);
    model_set_unref(after);
    shelf_close(s);
}

static void more_than_may_be_in_use_are_left_out_and_told(void **state)
{
    (void)state;
    enum { MORE = 3 };
    struct error err;
    struct sbuf bytes;
    struct shelf_entry e;
    struct model_set *one = NULL, *two = NULL;
    size_t problems = 0;
    struct shelf *s = opened(folder_path("many"));
    bytes_of(1, "flows", &bytes);
    for (size_t i = 0; i < SHELF_USE_MAX + MORE; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "flows%zu", i);
        must(shelf_add(s, sbuf_str(&bytes), name, "ann", 1, &e, &err), &err);
        must(shelf_promote(s, str_z(name), STR(""), false, "ann", 2, &err), &err);
    }
    must(shelf_use(s, count_problem, &problems, &one, &err), &err);
    assert_int_equal(one->n, SHELF_USE_MAX);
    assert_int_equal(problems, MORE);
    must(shelf_use(s, count_problem, &problems, &two, &err), &err);
    for (size_t i = 0; i < SHELF_USE_MAX; i++)
        assert_ptr_equal(one->at[i].model, two->at[i].model);
    model_set_unref(one);
    model_set_unref(two);
    sbuf_done(&bytes);
    shelf_close(s);
}

static void what_came_with_the_program_is_not_compared_with_itself(void **state)
{
    (void)state;
    struct error err;
    struct sbuf bytes;
    struct shelf_entry e;
    struct shelf *s = NULL;
    struct model_set *set = NULL;
    assert_int_equal(mkdir(folder_path("shipped"), 0700), 0);
    bytes_of(1, "flows", &bytes);
    folder_write("shipped/flows.bgm", sbuf_str(&bytes));
    struct shelf_options o = {.folder = folder_path("own"), .shipped = folder_path("shipped")};
    must(shelf_open(&o, &s, &err), &err);
    must(shelf_add(s, sbuf_str(&bytes), "flows", "ann", 1, &e, &err), &err);
    must(shelf_promote(s, STR("flows"), STR(""), true, "ann", 2, &err), &err);
    must(shelf_use(s, NULL, NULL, &set, &err), &err);
    assert_int_equal(set->n, 1);
    assert_false(set->at[0].shadow);
    model_set_unref(set);
    sbuf_done(&bytes);
    shelf_close(s);
}

static void says_that_a_model_in_shadow_is_not_live(void **state)
{
    struct shelf *s = opened(folder_path("shadowed"));
    struct loaded_model *l = NULL;
    struct error err;
    add(s, 1, "xg");
    must(shelf_promote(s, STR("xg"), STR(""), true, "ann", 2000, &err), &err);
    assert_int_equal(shelf_get(s, STR("xg"), STR(""), &l, &err), ST_NOT_FOUND);
    assert_non_null(strstr(err.text, "no version of 'xg' is live"));
    must(shelf_get(s, STR("xg"), str_z(version[1]), &l, &err), &err);
    assert_true(l->flows && model_scores_flows(l->model));
    loaded_unref(l);
    shelf_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_where_it_put_a_model),
        cmocka_unit_test(nothing_that_cannot_be_read_becomes_live),
        cmocka_unit_test(who_asks_for_others_takes_no_place_of_what_is_in_use),
        cmocka_unit_test(what_came_with_the_program_is_not_compared_with_itself),
        cmocka_unit_test(says_that_a_model_in_shadow_is_not_live),
        cmocka_unit_test(more_than_may_be_in_use_are_left_out_and_told),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
