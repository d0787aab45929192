/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in and out; users, keys, tenants; what is written down about it. */
#include "tests/unit/api_bed.h"

static struct bed bed;
static const char *admin;

static int set_up(void **state)
{
    if (folder_make(state) != 0)
        return -1;
    bed_open(&bed, &(struct api_options){.guard = false});
    admin = bed_login(&bed, "admin", BED_PASSWORD);
    return 0;
}

static int tear_down(void **state)
{
    bed_close(&bed);
    return folder_remove(state);
}

static const char *fmt(const char *format, const char *a)
{
    struct sbuf b = {.cap = 4096};
    const char *at = strstr(format, "%s");
    sbuf_add(&b, (str){format, (size_t)(at - format)});
    sbuf_addz(&b, a);
    sbuf_addz(&b, at + 2);
    const char *copy = arena_str(&bed.arena, sbuf_str(&b)).p;
    sbuf_done(&b);
    return copy;
}

static const char *add_user(const char *name, const char *role)
{
    bed_as(&bed, admin);
    bed_expect(&bed, 201, "POST", "/api/users",
               arena_fmt(&bed.arena,
                         "{\"name\":\"%s\",\"password\":\"" BED_PASSWORD "\",\"role\":\"%s\"}",
                         name, role)
                   .p);
    assert_false(str_contains(bed.answer.body, STR("password")));
    assert_false(str_contains(bed.answer.body, STR("argon2")));
    return bed_text(&bed, "id");
}

static void tells_who_one_is(void **state)
{
    bed_as(&bed, admin);
    bed_expect(&bed, 200, "GET", "/api/auth/me", NULL);
    assert_string_equal(bed_text(&bed, "kind"), "user");
    assert_string_equal(bed_text(&bed, "name"), "admin");
    assert_string_equal(bed_text(&bed, "tenant"), "default");
    assert_int_equal(json_count(bed_member(&bed, "permissions")), PERMISSION_COUNT);
}

static void says_the_same_of_a_wrong_name_and_a_wrong_password(void **state)
{
    bed_as(&bed, NULL);
    bed_expect(&bed, 401, "POST", "/api/auth/login", "{\"username\":\"no\",\"password\":\"x\"}");
    const char *one = bed_text(&bed, "detail");
    bed_expect(&bed, 401, "POST", "/api/auth/login", "{\"username\":\"admin\",\"password\":\"x\"}");
    assert_string_equal(one, bed_text(&bed, "detail"));
}

static void rotates_refresh_tokens(void **state)
{
    (void)add_user("refresher", "read");
    bed_as(&bed, NULL);
    (void)bed_login(&bed, "refresher", BED_PASSWORD);
    const char *first = bed_text(&bed, "refresh_token");
    bed_expect(&bed, 200, "POST", "/api/auth/refresh", fmt("{\"refresh_token\":\"%s\"}", first));
    const char *access = bed_text(&bed, "access_token"), *second = bed_text(&bed, "refresh_token");
    bed_as(&bed, access);
    bed_expect(&bed, 200, "GET", "/api/auth/me", NULL);
    bed_as(&bed, NULL); /* shown twice: somebody has stolen it, and the session is over */
    bed_expect(&bed, 401, "POST", "/api/auth/refresh", fmt("{\"refresh_token\":\"%s\"}", first));
    bed_expect(&bed, 401, "POST", "/api/auth/refresh", fmt("{\"refresh_token\":\"%s\"}", second));
    bed_as(&bed, access);
    bed_expect(&bed, 401, "GET", "/api/auth/me", NULL);
}

static void logs_out(void **state)
{
    (void)add_user("leaver", "read");
    bed_as(&bed, NULL);
    bed_as(&bed, bed_login(&bed, "leaver", BED_PASSWORD));
    bed_expect(&bed, 204, "POST", "/api/auth/logout", NULL);
    bed_expect(&bed, 401, "GET", "/api/auth/me", NULL);
}

static void lists_and_ends_sessions(void **state)
{
    (void)add_user("twice", "read");
    bed_as(&bed, NULL);
    const char *one = bed_login(&bed, "twice", BED_PASSWORD);
    const char *two = bed_login(&bed, "twice", BED_PASSWORD);
    bed_as(&bed, two);
    bed_expect(&bed, 200, "GET", "/api/auth/sessions", NULL);
    const char *other = NULL;
    for (struct json_each it = json_each(bed_member(&bed, "sessions")); json_each_next(&it);)
        if (!json_bool(json_get(it.value, STR("current")), true))
            other = arena_str(&bed.arena, json_str(json_get(it.value, STR("id")), STR(""))).p;
    assert_non_null(other);
    bed_expect(&bed, 204, "DELETE", fmt("/api/auth/sessions/%s", other), NULL);
    bed_as(&bed, one);
    bed_expect(&bed, 401, "GET", "/api/auth/me", NULL);
}

static void ends_nobody_elses_session(void **state)
{
    bed_as(&bed, admin);
    bed_expect(&bed, 200, "GET", "/api/auth/sessions", NULL);
    struct json_each it = json_each(bed_member(&bed, "sessions"));
    assert_true(json_each_next(&it));
    const char *id = arena_str(&bed.arena, json_str(json_get(it.value, STR("id")), STR(""))).p;
    (void)add_user("nosy", "analyst");
    bed_as(&bed, NULL);
    bed_as(&bed, bed_login(&bed, "nosy", BED_PASSWORD));
    bed_expect(&bed, 404, "DELETE", fmt("/api/auth/sessions/%s", id), NULL);
}

static void changes_ones_password(void **state)
{
    (void)add_user("changer", "read");
    bed_as(&bed, NULL);
    bed_as(&bed, bed_login(&bed, "changer", BED_PASSWORD));
    bed_expect(&bed, 403, "POST", "/api/auth/password",
               "{\"old_password\":\"wrong\",\"new_password\":\"another long password\"}");
    bed_expect(&bed, 204, "POST", "/api/auth/password",
               "{\"old_password\":\"" BED_PASSWORD
               "\",\"new_password\":\"another long password\"}");
    bed_as(&bed, NULL);
    (void)bed_login(&bed, "changer", "another long password");
}

static void manages_users(void **state)
{
    const char *id = add_user("managed", "read");
    const char *path = fmt("/api/users/%s", id);
    bed_expect(&bed, 409, "POST", "/api/users",
               "{\"name\":\"managed\",\"password\":\"" BED_PASSWORD "\",\"role\":\"read\"}");
    bed_expect(&bed, 200, "PATCH", path, "{\"role\":\"analyst\"}");
    assert_string_equal(bed_text(&bed, "role"), "analyst");
    bed_expect(&bed, 400, "PATCH", path, "{\"role\":\"king\"}");
    bed_expect(&bed, 400, "PATCH", path, "{\"name\":\"other\"}");
    bed_as(&bed, NULL);
    const char *token = bed_login(&bed, "managed", BED_PASSWORD);
    bed_as(&bed, admin);
    bed_expect(&bed, 200, "PATCH", path, "{\"disabled\":true}");
    bed_as(&bed, token);
    bed_expect(&bed, 401, "GET", "/api/auth/me", NULL);
    bed_as(&bed, admin);
    bed_expect(&bed, 200, "GET", path, NULL);
    bed_expect(&bed, 204, "DELETE", path, NULL);
    bed_expect(&bed, 404, "GET", path, NULL);
    bed_expect(&bed, 404, "DELETE", path, NULL);
}

static void makes_lists_and_revokes_keys(void **state)
{
    (void)add_user("keyer", "analyst");
    bed_as(&bed, NULL);
    const char *token = bed_login(&bed, "keyer", BED_PASSWORD);
    bed_as(&bed, token);
    bed_expect(&bed, 400, "POST", "/api/keys", "{\"name\":\"k\",\"scopes\":[\"every:thing\"]}");
    bed_expect(&bed, 400, "POST", "/api/keys",
               "{\"name\":\"k\",\"expires_at\":\"2001-01-01T00:00:00Z\"}");
    bed_expect(&bed, 403, "POST", "/api/keys", "{\"name\":\"k\",\"role\":\"admin\"}");
    bed_expect(&bed, 403, "POST", "/api/keys", "{\"name\":\"k\",\"service\":true}");
    bed_expect(&bed, 201, "POST", "/api/keys", "{\"name\":\"k\",\"scopes\":[\"alerts:read\"]}");
    const char *id = bed_text(&bed, "id"), *secret = bed_text(&bed, "secret");
    bed_expect(&bed, 200, "GET", "/api/keys", NULL);
    assert_int_equal(json_count(bed_member(&bed, "keys")), 1);
    assert_false(str_contains(bed.answer.body, STR("secret")));
    bed_as(&bed, secret);
    bed_expect(&bed, 200, "GET", "/api/alerts", NULL);
    bed_expect(&bed, 403, "GET", "/health/detailed", NULL);
    bed_as(&bed, token);
    bed_expect(&bed, 204, "DELETE", fmt("/api/keys/%s", id), NULL);
    bed_as(&bed, secret);
    bed_expect(&bed, 401, "GET", "/api/alerts", NULL);
}

static void manages_tenants(void **state)
{
    bed_as(&bed, admin);
    bed_expect(&bed, 201, "POST", "/api/tenants", "{\"id\":\"acme\",\"title\":\"Acme\"}");
    bed_expect(&bed, 409, "POST", "/api/tenants", "{\"id\":\"acme\"}");
    bed_expect(&bed, 400, "POST", "/api/tenants", "{\"id\":\"Acme\"}");
    bed_expect(&bed, 201, "POST", "/api/users",
               "{\"name\":\"wile\",\"password\":\"" BED_PASSWORD
               "\",\"role\":\"admin\",\"tenant\":\"acme\"}");
    bed_as(&bed, NULL);
    const char *wile = bed_login(&bed, "wile", BED_PASSWORD);
    bed_as(&bed, wile);
    bed_expect(&bed, 201, "POST", "/api/keys", "{\"name\":\"robot\",\"service\":true}");
    const char *robot = bed_text(&bed, "secret");
    bed_as(&bed, robot);
    bed_expect(&bed, 200, "GET", "/api/alerts", NULL);
    bed_as(&bed, admin);
    bed_expect(&bed, 409, "PATCH", "/api/tenants/default", "{\"disabled\":true}");
    bed_expect(&bed, 200, "PATCH", "/api/tenants/acme", "{\"disabled\":true}");
    bed_expect(&bed, 404, "PATCH", "/api/tenants/none", "{\"disabled\":true}");
    bed_as(&bed, wile);
    bed_expect(&bed, 401, "GET", "/api/alerts", NULL);
    bed_as(&bed, robot); /* though known a moment ago */
    bed_expect(&bed, 401, "GET", "/api/alerts", NULL);
    bed_as(&bed, admin);
    bed_expect(&bed, 200, "PATCH", "/api/tenants/acme", "{\"disabled\":false}");
    bed_expect(&bed, 200, "GET", "/api/tenants", NULL);
    assert_true(json_count(bed_member(&bed, "tenants")) >= 2);
}

static void rotates_signing_keys(void **state)
{
    bed_as(&bed, admin);
    bed_expect(&bed, 204, "POST", "/api/signers/rotate", NULL);
    bed_expect(&bed, 200, "GET", "/api/auth/me", NULL);
}

static void pages_through_the_audit_log(void **state)
{
    bed_as(&bed, admin);
    int64_t last = INT64_MAX, next = 0;
    size_t seen = 0;
    do {
        const char *path =
            next ? arena_fmt(&bed.arena, "/api/audit?limit=3&before=%lld", (long long)next).p
                 : "/api/audit?limit=3";
        bed_expect(&bed, 200, "GET", path, NULL);
        for (struct json_each it = json_each(bed_member(&bed, "entries")); json_each_next(&it);) {
            int64_t n = json_int(json_get(it.value, STR("number")), 0);
            assert_true(n < last);
            last = n;
            seen++;
        }
        next = json_int(bed_member(&bed, "next"), 0);
    } while (next);
    assert_true(seen > 10);
}

static void counts_who_used_what(void **state)
{
    bed_as(&bed, admin);
    bed_expect(&bed, 200, "GET", "/api/auth/me", NULL);
    api_tick(bed.api);
    bed_expect(&bed, 200, "GET", "/api/usage", NULL);
    bool found = false;
    for (struct json_each it = json_each(bed_member(&bed, "usage")); json_each_next(&it);)
        found |= str_eq(json_str(json_get(it.value, STR("route")), STR("")), STR("auth_me")) &&
                 json_int(json_get(it.value, STR("requests")), 0) > 0;
    assert_true(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_who_one_is),
        cmocka_unit_test(says_the_same_of_a_wrong_name_and_a_wrong_password),
        cmocka_unit_test(rotates_refresh_tokens),
        cmocka_unit_test(logs_out),
        cmocka_unit_test(lists_and_ends_sessions),
        cmocka_unit_test(ends_nobody_elses_session),
        cmocka_unit_test(changes_ones_password),
        cmocka_unit_test(manages_users),
        cmocka_unit_test(makes_lists_and_revokes_keys),
        cmocka_unit_test(manages_tenants),
        cmocka_unit_test(rotates_signing_keys),
        cmocka_unit_test(pages_through_the_audit_log),
        cmocka_unit_test(counts_who_used_what),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
