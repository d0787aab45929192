/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what: every route of route.def, asked by everybody. */
#include "tests/unit/api_bed.h"

static const struct asked {
    const char *method, *path, *access, *run, *body;
} routes[] = {
#define X(METHOD, path, handler, ACCESS, RUN, query, body, limit, status, answer, RATE, summary)   \
    {#METHOD, path, #ACCESS, #RUN, #body},
#include "api/route.def"
};

static const struct {
    const char *name;
    bool may[ROLE_COUNT];
} permissions[] = {
#define X(NAME, name, READ, ANALYST, ADMIN, doc) {#NAME, {READ, ANALYST, ADMIN}},
#include "identity/permission.def"
};

static struct bed bed;

/* Somebody who asks. */
struct asker {
    const char *name, *token;
    int role;          /* -1: nobody */
    bool installation; /* of the tenant that runs it */
    const char *only;  /* a key held to one permission, its name in permission.def */
};

static struct asker askers[8];
static size_t asker_count;

static void add(const char *name, const char *token, int role, bool installation, const char *only)
{
    askers[asker_count++] = (struct asker){name, token, role, installation, only};
}

static const char *made_user(const char *name, const char *role, const char *tenant)
{
    str body = arena_fmt(&bed.arena,
                         "{\"name\":\"%s\",\"password\":\"%s\",\"role\":\"%s\",\"tenant\":\"%s\"}",
                         name, BED_PASSWORD, role, tenant);
    bed_expect(&bed, 201, "POST", "/api/users", body.p);
    return name;
}

static int set_up(void **state)
{
    if (folder_make(state) != 0)
        return -1;
    bed_open(&bed, &(struct api_options){.guard = false});
    const char *admin = bed_login(&bed, "admin", BED_PASSWORD);
    bed_as(&bed, admin);
    bed_expect(&bed, 201, "POST", "/api/tenants", "{\"id\":\"other\",\"title\":\"Other\"}");
    (void)made_user("reader", "read", "default");
    (void)made_user("analyst", "analyst", "default");
    (void)made_user("elsewhere", "admin", "other");
    bed_expect(&bed, 201, "POST", "/api/keys",
               "{\"name\":\"feeder\",\"role\":\"analyst\",\"scopes\":[\"events:write\"]}");
    const char *key = bed_text(&bed, "secret");
    add("nobody", NULL, -1, false, NULL);
    add("a bad token", "eyJhbGciOiJub25lIn0.e30.", -1, false, NULL);
    add("a bad key", "bg_01ARZ3NDEKTSV4RRFFQ69G5FAV_c2VjcmV0", -1, false, NULL);
    bed_as(&bed, NULL);
    add("reader", bed_login(&bed, "reader", BED_PASSWORD), ROLE_READ, true, NULL);
    add("analyst", bed_login(&bed, "analyst", BED_PASSWORD), ROLE_ANALYST, true, NULL);
    add("admin", bed_login(&bed, "admin", BED_PASSWORD), ROLE_ADMIN, true, NULL);
    add("admin elsewhere", bed_login(&bed, "elsewhere", BED_PASSWORD), ROLE_ADMIN, false, NULL);
    add("key", key, ROLE_ANALYST, true, "EVENTS_WRITE");
    return 0;
}

static int tear_down(void **state)
{
    bed_close(&bed);
    return folder_remove(state);
}

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool permitted(const struct asker *who, const char *access)
{
    if (who->only)
        return is(access, who->only);
    if ((is(access, "INSTALLATION") || is(access, "MODELS_WRITE")) && !who->installation)
        return false;
    for (size_t i = 0; i < COUNT(permissions); i++)
        if (is(permissions[i].name, access))
            return permissions[i].may[who->role];
    fail_msg("no permission %s", access);
    return false;
}

/* 0: anything but 401 and 403. */
static int expected(const struct asker *who, const struct asked *r)
{
    if (is(r->access, "PUBLIC") || is(r->access, "LOCAL"))
        return 0;
    if (who->role < 0)
        return 401;
    return permitted(who, r->access) ? 0 : 403;
}

/* A path whose ids are nobody's. */
static const char *path_of(const struct asked *r)
{
    struct sbuf b = {.cap = 200};
    for (const char *p = r->path; *p; p++) {
        if (*p == '{') {
            sbuf_addz(&b, "01ARZ3NDEKTSV4RRFFQ69G5FAV");
            p = strchr(p, '}');
        } else {
            sbuf_addc(&b, *p);
        }
    }
    const char *path = arena_str(&bed.arena, sbuf_str(&b)).p;
    sbuf_done(&b);
    return path;
}

/* Streams without an end, and what would log the asker out, are asked by those only who may not. */
static bool is_endless(const struct asked *r)
{
    return is(r->path, "/ws") || is(r->path, "/api/stream") || is(r->path, "/api/auth/logout");
}

static void lets_nobody_do_what_they_may_not(void **state)
{
    for (size_t i = 0; i < COUNT(routes); i++)
        for (size_t k = 0; k < asker_count; k++) {
            const struct asked *r = &routes[i];
            int want = expected(&askers[k], r);
            if (want == 0 && is_endless(r))
                continue;
            bed_as(&bed, askers[k].token);
            int got = bed_ask(&bed, r->method, path_of(r), is(r->body, "none") ? NULL : "{}");
            bool login = is(r->path, "/api/auth/login") || is(r->path, "/api/auth/refresh");
            bool good = want ? got == want : login || (got != 401 && got != 403);
            if (!good)
                fail_msg("%s %s by %s: %d, not %d: " STR_FMT, r->method, r->path, askers[k].name,
                         got, want, STR_ARG(bed.answer.body));
            if (got >= 400)
                assert_true(str_starts(bed.answer.content_type, STR("application/problem+json")));
            assert_true(bed.answer.request_id.n > 0);
        }
}

static void takes_a_key_from_its_own_header_too(void **state)
{
    str header = arena_fmt(&bed.arena, "X-API-Key: %s", askers[asker_count - 1].token);
    const char *const good[] = {header.p, NULL};
    const char *const bad[] = {"X-API-Key: bg_x_y", NULL};
    bed_as(&bed, NULL);
    assert_int_equal(bed_send(&bed, "POST", "/api/events", "text/plain", STR(""), good), 200);
    assert_int_equal(bed_send(&bed, "POST", "/api/events", "text/plain", STR(""), bad), 401);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_nobody_do_what_they_may_not),
        cmocka_unit_test(takes_a_key_from_its_own_header_too),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
