/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "base/mem.h"
#include "event/event.h"
#include "ml/registry.h"
#include "tests/folder.h"

#include <signal.h>
#include <sys/wait.h>

/* ---- small models ---- */

/* Sessions that go round in a circle of `seed + 3` events. */
static struct model *some_model(unsigned seed)
{
    struct sbuf text;
    struct dataset d = {0};
    struct model *m = NULL;
    struct error err = {0};
    sbuf_init(&text, 1 << 20);
    for (unsigned i = 0; i < 60; i++)
        for (unsigned k = 0; k < 12 + i; k++) /* all of them different */
            sbuf_addf(&text, "%u%s", (i + k) % (seed + 3), k == 11 + i ? "\n" : " ");
    folder_write("sessions", sbuf_str(&text));
    sbuf_done(&text);
    const char *path = folder_path("sessions");
    struct dataset_options o = {.format = DATASET_SEQUENCE, .label = LABEL_NORMAL};
    if (dataset_read(&d, &path, 1, &o, &err) != ST_OK)
        fail_msg("%s", err.text);
    struct model_training t = {
        .kind = MODEL_MARKOV, .seed = seed, .name = "Sessions of web 1", .threads = 1};
    if (model_train(&t, &d, &m, &err) != ST_OK)
        fail_msg("%s", err.text);
    dataset_done(&d);
    return m;
}

static struct registry *opened(const char *folder)
{
    struct registry *r = NULL;
    struct error err;
    if (registry_open(folder, &r, &err) != ST_OK)
        fail_msg("%s", err.text);
    return r;
}

static void must(status got, const struct error *err)
{
    if (got != ST_OK)
        fail_msg("%s", err->text);
}

static const char *role(const struct registry *r, const char *name, int which)
{
    const struct registry_slot *s = registry_find(r, str_z(name));
    for (size_t i = 0; s && i < s->versions; i++)
        if ((which == 0 && s->version[i].live) || (which == 1 && s->version[i].shadow) ||
            (which == 2 && s->version[i].before))
            return s->version[i].version;
    return "";
}

/* ---- life ---- */

static void a_folder_that_is_not_there_is_empty(void **state)
{
    (void)state;
    struct error err;
    struct registry *r = opened(folder_path("none"));
    assert_int_equal(registry_slots(r), 0);
    assert_int_equal(registry_rollback(r, STR("x"), "me", 0, &err), ST_NOT_FOUND);
    assert_int_not_equal(access(folder_path("none"), F_OK), 0); /* and asking does not make it */
    registry_close(r);
}

static void versions_go_live_and_back(void **state)
{
    (void)state;
    struct error err;
    struct model *one = some_model(1), *two = some_model(2);
    char first[13], second[13];
    (void)snprintf(first, sizeof first, STR_FMT, STR_ARG(model_card(one)->version));
    (void)snprintf(second, sizeof second, STR_FMT, STR_ARG(model_card(two)->version));
    struct registry *r = opened(folder_path("life"));
    must(registry_add(r, one, NULL, "ann", 1000, &err), &err);
    assert_non_null(registry_find(r, STR("sessions-of-web-1"))); /* as its card, made fit */
    must(registry_add(r, one, "web", "ann", 1000, &err), &err);
    must(registry_add(r, one, "web", "bob", 2000, &err), &err); /* again: nothing new */
    assert_int_equal(registry_find(r, STR("web"))->versions, 1);
    assert_string_equal(role(r, "web", 0), "");
    must(registry_promote(r, STR("web"), STR(""), false, "ann", 3000, &err), &err);
    assert_string_equal(role(r, "web", 0), first);
    assert_int_equal(registry_rollback(r, STR("web"), "ann", 0, &err), ST_CONFLICT);
    must(registry_add(r, two, "web", "ann", 4000, &err), &err);
    assert_string_equal(registry_find(r, STR("web"))->version[0].version, second);
    must(registry_promote(r, STR("web"), str_head(str_z(second), 4), true, "ann", 5000, &err),
         &err);
    assert_string_equal(role(r, "web", 1), second);
    assert_string_equal(role(r, "web", 0), first);
    assert_int_equal(registry_promote(r, STR("web"), str_z(first), true, "ann", 0, &err),
                     ST_CONFLICT);
    must(registry_promote(r, STR("web"), str_z(second), false, "cat", 6000, &err), &err);
    assert_string_equal(role(r, "web", 0), second);
    assert_string_equal(role(r, "web", 1), "");
    assert_string_equal(role(r, "web", 2), first);
    assert_int_equal(registry_find(r, STR("web"))->version[0].promoted_ms, 6000);
    assert_string_equal(registry_find(r, STR("web"))->version[0].by, "cat");
    must(registry_rollback(r, STR("web"), "dan", 7000, &err), &err);
    assert_string_equal(role(r, "web", 0), first);
    assert_string_equal(role(r, "web", 2), "");
    registry_close(r);
    model_free(one);
    model_free(two);
}

static void what_is_kept_can_be_loaded(void **state)
{
    (void)state;
    struct error err;
    struct sbuf path;
    struct model *one = some_model(1), *back = NULL;
    struct registry *r = opened(folder_path("load"));
    sbuf_init(&path, 4096);
    must(registry_add(r, one, "web", "ann", 1, &err), &err);
    assert_int_equal(registry_path(r, STR("web"), STR(""), &path, &err), ST_NOT_FOUND);
    must(registry_promote(r, STR("web"), STR(""), false, "ann", 2, &err), &err);
    must(registry_path(r, STR("web"), STR(""), &path, &err), &err);
    must(model_load(path.p, NULL, &back, &err), &err);
    assert_true(str_eq(model_card(back)->version, model_card(one)->version));
    assert_int_equal(registry_path(r, STR("wep"), STR(""), &path, &err), ST_NOT_FOUND);
    assert_non_null(strstr(err.text, "did you mean 'web'"));
    sbuf_done(&path);
    registry_close(r);
    model_free(one);
    model_free(back);
}

static void what_is_live_is_not_removed(void **state)
{
    (void)state;
    struct error err;
    struct model *one = some_model(1), *two = some_model(2);
    struct registry *r = opened(folder_path("remove"));
    must(registry_add(r, one, "web", "ann", 1, &err), &err);
    must(registry_promote(r, STR("web"), STR(""), false, "ann", 2, &err), &err);
    assert_int_equal(registry_remove(r, STR("web"), model_card(one)->version, &err), ST_CONFLICT);
    must(registry_add(r, two, "web", "ann", 3, &err), &err);
    must(registry_remove(r, STR("web"), model_card(two)->version, &err), &err);
    assert_int_equal(registry_find(r, STR("web"))->versions, 1);
    assert_int_equal(registry_promote(r, STR("web"), model_card(two)->version, false, "a", 0, &err),
                     ST_NOT_FOUND);
    registry_close(r);
    model_free(one);
    model_free(two);
}

/* Else no state of the folder could be read any more. */
static void a_slot_too_many_is_refused_before_it_is_made(void **state)
{
    (void)state;
    struct error err;
    char name[64];
    struct model *one = some_model(1);
    must(mkdir(folder_path("full"), 0700) == 0 ? ST_OK : fail(&err, ST_IO, "no folder"), &err);
    for (unsigned i = 0; i < REGISTRY_SLOTS_MAX; i++) {
        (void)snprintf(name, sizeof name, "full/m%u", i);
        must(mkdir(folder_path(name), 0700) == 0 ? ST_OK : fail(&err, ST_IO, "no folder"), &err);
        (void)snprintf(name, sizeof name, "full/m%u/state.json", i);
        folder_write(name, STR("{\"versions\":[],\"live\":\"\",\"shadow\":\"\",\"before\":\"\"}"));
    }
    struct registry *r = opened(folder_path("full"));
    assert_int_equal(registry_add(r, one, "another", "ann", 1, &err), ST_LIMIT);
    assert_int_not_equal(access(folder_path("full/another"), F_OK), 0);
    must(registry_reload(r, &err), &err);
    must(registry_add(r, one, "m7", "ann", 1, &err), &err); /* a version of one that is there */
    registry_close(r);
    model_free(one);
}

static void takes_no_odd_names(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "",        "..", "a/b", "Web",
        ".hidden", "-x", "a b", "0123456789012345678901234567890123456789012345678901234567890123"};
    struct error err;
    struct model *one = some_model(1);
    struct registry *r = opened(folder_path("names"));
    for (size_t i = 0; i < COUNT(odd); i++)
        assert_int_equal(registry_add(r, one, odd[i], "a", 0, &err), ST_INVALID);
    registry_close(r);
    model_free(one);
}

/* ---- harm ---- */

static str file_bytes(const char *path, struct sbuf *out)
{
    FILE *f = fopen(path, "rb");
    sbuf_init(out, 1 << 20);
    for (size_t n = 1; f && n > 0; sbuf_grew(out, n))
        n = fread(sbuf_space(out, 4096), 1, 4096, f);
    if (f)
        fclose(f);
    return sbuf_str(out);
}

/* Every state that a cut or a wrong byte leaves is either refused, and said so, or a state. */
static void a_damaged_state_is_refused_and_named(void **state)
{
    (void)state;
    struct error err;
    struct sbuf whole;
    struct model *one = some_model(1);
    struct registry *r = opened(folder_path("harm"));
    must(registry_add(r, one, "web", "ann", 1, &err), &err);
    must(registry_promote(r, STR("web"), STR(""), false, "ann", 2, &err), &err);
    str good = file_bytes(folder_path("harm/web/state.json"), &whole);
    assert_true(good.n > 100);
    for (size_t cut = 0; cut + 1 < good.n; cut++) { /* the last byte is the line's end */
        folder_write("harm/web/state.json", str_head(good, cut));
        must(registry_reload(r, &err), &err);
        const struct registry_slot *s = registry_find(r, STR("web"));
        assert_non_null(s);
        assert_int_equal(s->versions, 0);
        assert_non_null(strstr(s->problem, "state.json' is damaged"));
        assert_int_equal(registry_promote(r, STR("web"), STR(""), false, "a", 0, &err), ST_INVALID);
    }
    for (size_t at = 0; at < good.n; at++) {
        struct sbuf bent;
        sbuf_init(&bent, 1 << 20);
        sbuf_add(&bent, good);
        bent.p[at] = (char)(bent.p[at] ^ 1);
        folder_write("harm/web/state.json", sbuf_str(&bent));
        must(registry_reload(r, &err), &err);
        sbuf_done(&bent);
    }
    folder_write("harm/web/state.json", good);
    must(registry_reload(r, &err), &err);
    assert_int_equal(registry_find(r, STR("web"))->versions, 1);
    sbuf_done(&whole);
    registry_close(r);
    model_free(one);
}

static void an_adding_cut_short_leaves_nothing_behind(void **state)
{
    (void)state;
    struct error err;
    struct model *one = some_model(1);
    struct registry *r = opened(folder_path("short"));
    must(registry_add(r, one, "web", "ann", 1, &err), &err);
    (void)unlink(folder_path("short/web/state.json")); /* as if it had died before the state */
    must(registry_reload(r, &err), &err);
    assert_int_equal(registry_slots(r), 0);
    must(registry_add(r, one, "web", "ann", 1, &err), &err);
    assert_int_equal(registry_find(r, STR("web"))->versions, 1);
    registry_close(r);
    model_free(one);
}

/* ---- two at once ---- */

enum { ROUNDS = 40 };

static int promote_often(const char *folder, str version)
{
    struct error err;
    struct registry *r = NULL;
    if (registry_open(folder, &r, &err) != ST_OK)
        return 1;
    int bad = 0;
    for (int i = 0; i < ROUNDS; i++)
        bad |= registry_promote(r, STR("web"), version, false, "child", i, &err) != ST_OK;
    registry_close(r);
    return bad;
}

static void processes_take_turns(void **state)
{
    (void)state;
    struct error err;
    pid_t child[2];
    struct model *model[2] = {some_model(1), some_model(2)};
    const char *folder = folder_path("turns");
    struct registry *r = opened(folder);
    for (size_t i = 0; i < 2; i++)
        must(registry_add(r, model[i], "web", "ann", 1, &err), &err);
    for (size_t i = 0; i < 2; i++)
        if ((child[i] = fork()) == 0)
            _exit(promote_often(folder, model_card(model[i])->version));
    for (size_t i = 0; i < 2; i++) {
        int code = -1;
        waitpid(child[i], &code, 0);
        assert_int_equal(code, 0);
    }
    must(registry_reload(r, &err), &err);
    assert_int_equal(registry_find(r, STR("web"))->versions, 2);
    assert_int_equal(strlen(role(r, "web", 0)), 12); /* one is live, the other was before */
    assert_int_equal(strlen(role(r, "web", 2)), 12);
    assert_string_not_equal(role(r, "web", 0), role(r, "web", 2));
    registry_close(r);
    model_free(model[0]);
    model_free(model[1]);
}

/* A process that is killed at any moment leaves a state that can be read. */
static void a_killed_process_leaves_a_whole_state(void **state)
{
    (void)state;
    struct error err;
    struct model *one = some_model(1), *two = some_model(2);
    const char *folder = folder_path("killed");
    struct registry *r = opened(folder);
    must(registry_add(r, one, "web", "ann", 1, &err), &err);
    must(registry_add(r, two, "web", "ann", 1, &err), &err);
    for (int i = 0; i < 20; i++) {
        int ready[2];
        char byte;
        assert_int_equal(pipe(ready), 0);
        pid_t child = fork();
        if (child == 0) {
            while (write(ready[1], "x", 1) == 1)
                if (promote_often(folder, model_card(i & 1 ? one : two)->version) != 0)
                    _exit(1);
        }
        assert_int_equal(read(ready[0], &byte, 1), 1); /* it has begun */
        for (volatile int spin = 0; spin < i * 20000;)
            spin = spin + 1; /* somewhere else each time */
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        close(ready[0]);
        close(ready[1]);
        must(registry_reload(r, &err), &err);
        assert_string_equal(registry_find(r, STR("web"))->problem, "");
        assert_int_equal(registry_find(r, STR("web"))->versions, 2);
        must(registry_promote(r, STR("web"), STR(""), false, "me", i, &err), &err); /* nor a lock */
    }
    registry_close(r);
    model_free(one);
    model_free(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_that_is_not_there_is_empty),
        cmocka_unit_test(versions_go_live_and_back),
        cmocka_unit_test(what_is_kept_can_be_loaded),
        cmocka_unit_test(what_is_live_is_not_removed),
        cmocka_unit_test(a_slot_too_many_is_refused_before_it_is_made),
        cmocka_unit_test(takes_no_odd_names),
        cmocka_unit_test(a_damaged_state_is_refused_and_named),
        cmocka_unit_test(an_adding_cut_short_leaves_nothing_behind),
        cmocka_unit_test(processes_take_turns),
        cmocka_unit_test(a_killed_process_leaves_a_whole_state),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
