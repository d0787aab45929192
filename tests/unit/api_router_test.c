/* SPDX-License-Identifier: Apache-2.0 */
#include "api/router.h"

#include "tests/test.h"

static struct router made(void)
{
    struct router r = {0};
    router_add(&r, HTTP_GET, "/health", 0);
    router_add(&r, HTTP_GET, "/api/alerts", 1);
    router_add(&r, HTTP_GET, "/api/alerts/{id}", 2);
    router_add(&r, HTTP_POST, "/api/alerts/{id}/close", 3);
    router_add(&r, HTTP_DELETE, "/api/alerts/{id}", 4);
    router_add(&r, HTTP_GET, "/api/alerts/latest", 5);
    router_add(&r, HTTP_GET, "/a/{x}/b/{y}/{z}", 6);
    return r;
}

static int route_of(const struct router *r, enum http_method m, const char *path, str *param)
{
    str none[ROUTE_PARAMS_MAX];
    const struct router_entry *e = router_find(r, str_z(path), param ? param : none);
    return e ? (int)e->route[m] - 1 : -2;
}

static void finds_fixed_paths_and_templates(void **state)
{
    struct router r = made();
    str p[ROUTE_PARAMS_MAX] = {{0}};
    assert_int_equal(route_of(&r, HTTP_GET, "/health", NULL), 0);
    assert_int_equal(route_of(&r, HTTP_GET, "/api/alerts/42", p), 2);
    assert_true(str_eq(p[0], STR("42")));
    assert_int_equal(route_of(&r, HTTP_DELETE, "/api/alerts/42", p), 4);
    assert_int_equal(route_of(&r, HTTP_POST, "/api/alerts/x%2f/close", p), 3);
    assert_true(str_eq(p[0], STR("x%2f")));
    assert_int_equal(route_of(&r, HTTP_GET, "/a/1/b/2/3", p), 6);
    assert_true(str_eq(p[0], STR("1")) && str_eq(p[1], STR("2")) && str_eq(p[2], STR("3")));
    router_done(&r);
}

static void prefers_the_fixed_path(void **state)
{
    struct router r = made();
    assert_int_equal(route_of(&r, HTTP_GET, "/api/alerts/latest", NULL), 5);
    router_done(&r);
}

static void tells_a_method_that_is_not_allowed_from_a_path_that_is_not_there(void **state)
{
    struct router r = made();
    assert_int_equal(route_of(&r, HTTP_POST, "/health", NULL), -1);
    assert_int_equal(route_of(&r, HTTP_POST, "/healthy", NULL), -2);
    router_done(&r);
}

static void mends_no_path(void **state)
{
    static const char *const wrong[] = {"",
                                        "/",
                                        "//",
                                        "health",
                                        "/health/",
                                        "//health",
                                        "/HEALTH",
                                        "/%68ealth",
                                        "/api/alerts/",
                                        "/api/alerts//close",
                                        "/api/alerts/1/",
                                        "/api/alerts/1/close/",
                                        "/api/alerts/1/close/2",
                                        "/api//alerts/1",
                                        "/a/1/b/2",
                                        "/a/1/b/2/",
                                        "/a//b//"};
    struct router r = made();
    for (size_t i = 0; i < COUNT(wrong); i++)
        if (route_of(&r, HTTP_GET, wrong[i], NULL) != -2)
            fail_msg("found something at '%s'", wrong[i]);
    router_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_fixed_paths_and_templates),
        cmocka_unit_test(prefers_the_fixed_path),
        cmocka_unit_test(tells_a_method_that_is_not_allowed_from_a_path_that_is_not_there),
        cmocka_unit_test(mends_no_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
