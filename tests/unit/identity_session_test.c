/* SPDX-License-Identifier: Apache-2.0 */
/* Logins, tokens, refreshing, and everything that ends a session. */
#include "base/metric.h"
#include "tests/test.h"

#include "tests/identity_bed.h"

static void lets_the_first_user_in(void **state)
{
    struct bed b;
    bed_make(&b);
    assert_int_equal(b.shown.n, 0);
    struct principal p = bed_admin(&b);
    assert_int_equal(p.kind, PRINCIPAL_USER);
    assert_int_equal(p.role, ROLE_ADMIN);
    assert_string_equal(p.tenant, "default");
    assert_string_equal(p.name, "admin");
    assert_true(principal_may(&p, PERMIT_INSTALLATION));
    assert_true(p.expires_ms > b.now_ms && p.expires_ms <= b.now_ms + 900 * 1000);
    bed_done(&b);
}

static void makes_a_password_and_shows_it_once(void **state)
{
    struct bed b;
    bed_empty(&b);
    bed_start(&b, "ed25519", NULL);
    assert_int_equal(b.shown.n, 24);
    str password = arena_str(&b.a, sbuf_str(&b.shown));
    sbuf_clear(&b.shown);
    bed_stop(&b);
    bed_start(&b, "ed25519", NULL);
    assert_int_equal(b.shown.n, 0);
    (void)bed_login(&b, STR("admin"), password);
    bed_done(&b);
}

static void refuses_to_start_with_a_weak_first_password(void **state)
{
    struct bed b;
    bed_empty(&b);
    struct identity_options o = bed_options(&b, "ed25519");
    struct error err = {0};
    assert_int_equal(identity_new(&o, "short", &b.i, &b.shown, &err), ST_INVALID);
    assert_non_null(strstr(err.text, "at least 10 characters"));
    bed_start(&b, "ed25519", ADMIN_PASSWORD);
    (void)bed_login(&b, STR("admin"), STR(ADMIN_PASSWORD));
    bed_done(&b);
}

static void signs_with_each_algorithm_there_is(void **state)
{
    static const char *const algorithm[] = {"hybrid", "ed25519", "ml-dsa-65", "hs256"};
    for (size_t k = 0; k < COUNT(algorithm); k++) {
        struct bed b;
        bed_empty(&b);
        bed_start(&b, algorithm[k], ADMIN_PASSWORD);
        struct tokens t = bed_login(&b, STR("admin"), STR(ADMIN_PASSWORD));
        (void)bed_who(&b, t.access);
        bed_stop(&b); /* and with the keys read again */
        bed_start(&b, algorithm[k], NULL);
        (void)bed_who(&b, t.access);
        bed_done(&b);
    }
    struct bed b;
    bed_empty(&b);
    struct identity_options o = bed_options(&b, "none");
    assert_int_equal(identity_new(&o, ADMIN_PASSWORD, &b.i, &b.shown, NULL), ST_INVALID);
    bed_done(&b);
}

static void refuses_what_is_no_credential(void **state)
{
    struct bed b;
    bed_make(&b);
    struct tokens t = bed_login(&b, STR("admin"), STR(ADMIN_PASSWORD));
    struct principal p;
    char changed[8192];
    memcpy(changed, t.access.p, t.access.n);
    changed[t.access.n / 2] ^= 1;
    str cases[] = {STR(""),
                   STR("x"),
                   STR("a.b.c"),
                   STR("bg_"),
                   {changed, t.access.n},
                   t.refresh,
                   str_head(t.access, t.access.n - 1)};
    for (size_t k = 0; k < COUNT(cases); k++)
        assert_int_equal(bed_ask(&b, cases[k], &p), ST_UNAUTHORIZED);
    static const char *const headers[] = {"", "Bearer", "Basic YTpi", "Bearer  ", "bearer"};
    for (size_t k = 0; k < COUNT(headers); k++)
        assert_int_equal(identity_authenticate(b.i, str_z(headers[k]), b.now_ms, true, &p, NULL),
                         ST_UNAUTHORIZED);
    b.now_ms += (900 + 30) * 1000;
    assert_int_equal(bed_ask(&b, t.access, &p), ST_UNAUTHORIZED);
    bed_done(&b);
}

static void does_not_block_on_a_loop(void **state)
{
    struct bed b;
    bed_make(&b);
    struct tokens t = bed_login(&b, STR("admin"), STR(ADMIN_PASSWORD));
    str header = arena_fmt(&b.a, "bEARER " STR_FMT, STR_ARG(t.access));
    struct principal p;
    int64_t cached = metric_value(METRIC_TOKENS_CACHED);
    assert_int_equal(identity_authenticate(b.i, header, b.now_ms, false, &p, NULL), ST_BUSY);
    assert_int_equal(identity_authenticate(b.i, header, b.now_ms, true, &p, NULL), ST_OK);
    assert_int_equal(identity_authenticate(b.i, header, b.now_ms, false, &p, NULL), ST_OK);
    assert_int_equal(metric_value(METRIC_TOKENS_CACHED), cached + 1);
    bed_done(&b);
}

static void answers_alike_whatever_is_wrong(void **state)
{
    struct bed b;
    bed_make(&b);
    struct principal admin = bed_admin(&b);
    struct user_record u = bed_user(&b, &admin, STR("off"), STR("read"), STR(""));
    struct actor by = bed_actor(&b, &admin);
    struct user_change off = {.disabled = 1};
    assert_int_equal(identity_user_change(b.i, &b.a, &by, u.id, &off, &u, NULL), ST_OK);
    const struct {
        str name, password;
    } cases[] = {{STR("nobody"), STR(PASSWORD)},
                 {STR("admin"), STR(PASSWORD)},
                 {STR("off"), STR(PASSWORD)},
                 {STR("No Name"), STR(PASSWORD)},
                 {STR(""), STR("")}};
    struct error first = {0};
    for (size_t k = 0; k < COUNT(cases); k++) {
        struct tokens t;
        uint32_t retry_s = 1;
        struct error err = {0};
        assert_int_equal(bed_try(&b, cases[k].name, cases[k].password, &t, &retry_s, &err),
                         ST_UNAUTHORIZED);
        assert_int_equal(retry_s, 0);
        if (k == 0)
            first = err;
        assert_string_equal(err.text, first.text);
    }
    bed_done(&b);
}

static void locks_after_failures_and_doubles_whoever_it_is(void **state)
{
    static const char *const names[] = {"admin", "nobody"};
    struct bed b;
    bed_make(&b);
    for (size_t n = 0; n < COUNT(names); n++) {
        str name = str_z(names[n]);
        struct tokens t;
        uint32_t retry_s;
        for (int k = 0; k < 5; k++)
            assert_int_equal(bed_try(&b, name, STR("wrong"), &t, &retry_s, NULL), ST_UNAUTHORIZED);
        int64_t locked = metric_value(METRIC_LOGIN_LOCKED);
        assert_int_equal(bed_try(&b, name, STR(ADMIN_PASSWORD), &t, &retry_s, NULL), ST_BUSY);
        assert_int_equal(retry_s, 60);
        assert_int_equal(metric_value(METRIC_LOGIN_LOCKED), locked + 1);
        b.now_ms += 60 * 1000;
        assert_int_equal(bed_try(&b, name, STR("wrong"), &t, &retry_s, NULL), ST_UNAUTHORIZED);
        assert_int_equal(bed_try(&b, name, STR("wrong"), &t, &retry_s, NULL), ST_BUSY);
        assert_int_equal(retry_s, 120);
        b.now_ms += 120 * 1000;
    }
    struct audit_record r = {0};
    assert_true(bed_deed(&b, STR("default"), STR("session.lock"), &r));
    assert_false(r.ok);
    (void)bed_login(&b, STR("admin"), STR(ADMIN_PASSWORD)); /* which clears the count */
    struct tokens t;
    uint32_t retry_s;
    for (int k = 0; k < 4; k++)
        assert_int_equal(bed_try(&b, STR("admin"), STR("wrong"), &t, &retry_s, NULL),
                         ST_UNAUTHORIZED);
    (void)bed_login(&b, STR("admin"), STR(ADMIN_PASSWORD));
    bed_done(&b);
}

static void keeps_an_address_waiting_that_tries_many_names(void **state)
{
    struct bed b;
    bed_make(&b);
    struct tokens t;
    uint32_t retry_s = 0;
    status st = ST_OK;
    int tries = 0;
    for (; tries < 40 && st != ST_BUSY; tries++) {
        str name = arena_fmt(&b.a, "name%d", tries);
        str address = arena_fmt(&b.a, "2001:db8::%x", tries); /* of one /64 */
        st = identity_login(b.i, &b.a, name, STR("wrong"), address, STR(""), b.now_ms, &t, &retry_s,
                            NULL);
    }
    assert_int_equal(st, ST_BUSY);
    assert_int_equal(tries, 21);
    assert_int_equal(retry_s, 60);
    (void)bed_login(&b, STR("admin"), STR(ADMIN_PASSWORD)); /* from elsewhere */
    bed_done(&b);
}

static status refresh(struct bed *b, str token, struct tokens *out)
{
    return identity_refresh(b->i, &b->a, token, STR("192.0.2.7"), b->now_ms, out, NULL);
}

static void refreshes_and_ends_a_session_whose_token_is_shown_twice(void **state)
{
    for (int older = 0; older < 2; older++) {
        struct bed b;
        bed_make(&b);
        struct tokens t[4] = {bed_login(&b, STR("admin"), STR(ADMIN_PASSWORD))};
        struct principal p;
        for (int k = 0; k < 3; k++) {
            b.now_ms += 1000;
            assert_int_equal(refresh(&b, t[k].refresh, &t[k + 1]), ST_OK);
            assert_false(str_eq(t[k].refresh, t[k + 1].refresh));
            (void)bed_who(&b, t[k + 1].access);
        }
        struct tokens none;
        assert_int_equal(refresh(&b, t[older ? 0 : 2].refresh, &none), ST_UNAUTHORIZED);
        assert_int_equal(refresh(&b, t[3].refresh, &none), ST_UNAUTHORIZED);
        for (int k = 0; k < 4; k++)
            assert_int_equal(bed_ask(&b, t[k].access, &p), ST_UNAUTHORIZED);
        struct audit_record r = {0};
        assert_true(bed_deed(&b, STR("default"), STR("session.reuse"), &r));
        bed_done(&b);
    }
}

static void ends_no_session_for_a_token_somebody_made_up(void **state)
{
    struct bed b;
    bed_make(&b);
    struct tokens t = bed_login(&b, STR("admin"), STR(ADMIN_PASSWORD)), none;
    char made_up[256];
    memcpy(made_up, t.refresh.p, t.refresh.n);
    made_up[t.refresh.n - 30] = made_up[t.refresh.n - 30] == 'A' ? 'B' : 'A';
    assert_int_equal(refresh(&b, (str){made_up, t.refresh.n}, &none), ST_UNAUTHORIZED);
    assert_int_equal(refresh(&b, STR("bgr_"), &none), ST_UNAUTHORIZED);
    assert_int_equal(refresh(&b, t.access, &none), ST_UNAUTHORIZED);
    assert_int_equal(refresh(&b, t.refresh, &none), ST_OK);
    bed_done(&b);
}

static void refreshes_no_session_that_has_lasted_its_time(void **state)
{
    struct bed b;
    bed_make(&b);
    struct tokens t = bed_login(&b, STR("admin"), STR(ADMIN_PASSWORD)), none;
    b.now_ms += (int64_t)30 * 24 * 3600 * 1000;
    assert_int_equal(refresh(&b, t.refresh, &none), ST_UNAUTHORIZED);
    bed_done(&b);
}

static void voids_the_tokens_of_a_session_at_once_when_it_ends(void **state)
{
    struct bed b;
    bed_make(&b);
    struct tokens t = bed_login(&b, STR("admin"), STR(ADMIN_PASSWORD)), none;
    struct tokens other = bed_login(&b, STR("admin"), STR(ADMIN_PASSWORD));
    struct principal p = bed_who(&b, t.access);
    assert_int_equal(identity_logout(b.i, &p, NULL), ST_OK);
    assert_int_equal(bed_ask(&b, t.access, &p), ST_UNAUTHORIZED);
    assert_int_equal(refresh(&b, t.refresh, &none), ST_UNAUTHORIZED);

    struct principal q = bed_who(&b, other.access);
    struct tokens third = bed_login(&b, STR("admin"), STR(ADMIN_PASSWORD));
    p = bed_who(&b, third.access);
    struct actor by = bed_actor(&b, &q);
    assert_int_equal(identity_session_revoke(b.i, &by, str_z(p.key), NULL), ST_OK);
    assert_int_equal(bed_ask(&b, third.access, &p), ST_UNAUTHORIZED);
    assert_int_equal(identity_session_revoke(b.i, &by, STR("none"), NULL), ST_NOT_FOUND);
    bed_stop(&b); /* a restart knows it too */
    bed_start(&b, "ed25519", NULL);
    assert_int_equal(bed_ask(&b, t.access, &p), ST_UNAUTHORIZED);
    (void)bed_who(&b, other.access);
    bed_done(&b);
}

static void ends_the_oldest_session_of_a_user_with_too_many(void **state)
{
    enum { MANY = 32 };
    struct bed b;
    struct tokens t[MANY + 1];
    struct principal p;
    bed_make(&b);
    for (int k = 0; k <= MANY; k++) {
        b.now_ms += 5;
        t[k] = bed_login(&b, STR("admin"), STR(ADMIN_PASSWORD));
        if (k < MANY)
            (void)bed_who(&b, t[0].access);
    }
    assert_int_equal(bed_ask(&b, t[0].access, &p), ST_UNAUTHORIZED);
    (void)bed_who(&b, t[1].access);
    (void)bed_who(&b, t[MANY].access);
    bed_done(&b);
}

static void voids_the_tokens_of_a_user_who_was_changed(void **state)
{
    static const struct {
        const char *name;
        struct user_change change;
        bool remove, goes_on;
    } cases[] = {
        {"disabled", {.disabled = 1}, false, false},
        {"demoted", {.role = {"read", 4}, .disabled = -1}, false, false},
        {"password", {.password = {"another password", 16}, .disabled = -1}, false, false},
        {"removed", {.disabled = -1}, true, false},
        {"unchanged", {.disabled = -1}, false, true},
        {"same-role", {.role = {"analyst", 7}, .disabled = 0}, false, true},
    };
    struct bed b;
    bed_make(&b);
    struct principal admin = bed_admin(&b), p;
    struct actor by = bed_actor(&b, &admin);
    for (size_t k = 0; k < COUNT(cases); k++) {
        str name = str_z(cases[k].name);
        struct user_record u = bed_user(&b, &admin, name, STR("analyst"), STR("")), after;
        struct tokens t = bed_login(&b, name, STR(PASSWORD)), none;
        (void)bed_who(&b, t.access);
        if (cases[k].remove)
            assert_int_equal(identity_user_remove(b.i, &by, u.id, NULL), ST_OK);
        else
            assert_int_equal(
                identity_user_change(b.i, &b.a, &by, u.id, &cases[k].change, &after, NULL), ST_OK);
        status want = cases[k].goes_on ? ST_OK : ST_UNAUTHORIZED;
        assert_int_equal(bed_ask(&b, t.access, &p), want);
        assert_int_equal(refresh(&b, t.refresh, &none), want);
    }
    (void)bed_login(&b, STR("password"), STR("another password"));
    bed_done(&b);
}

static void changes_ones_own_password_and_ends_the_other_sessions(void **state)
{
    struct bed b;
    bed_make(&b);
    struct tokens mine = bed_login(&b, STR("admin"), STR(ADMIN_PASSWORD)), none;
    struct tokens other = bed_login(&b, STR("admin"), STR(ADMIN_PASSWORD));
    struct principal me = bed_who(&b, mine.access), p;
    (void)bed_who(&b, other.access);
    struct actor by = bed_actor(&b, &me);
    assert_int_equal(identity_password(b.i, &by, STR("wrong"), STR(PASSWORD), NULL), ST_FORBIDDEN);
    assert_int_equal(identity_password(b.i, &by, STR(ADMIN_PASSWORD), STR("short"), NULL),
                     ST_INVALID);
    assert_int_equal(identity_password(b.i, &by, STR(ADMIN_PASSWORD), STR(ADMIN_PASSWORD), NULL),
                     ST_INVALID);
    assert_int_equal(identity_password(b.i, &by, STR(ADMIN_PASSWORD), STR(PASSWORD), NULL), ST_OK);
    assert_int_equal(bed_ask(&b, other.access, &p), ST_UNAUTHORIZED);
    assert_int_equal(refresh(&b, other.refresh, &none), ST_UNAUTHORIZED);
    (void)bed_who(&b, mine.access);
    (void)bed_login(&b, STR("admin"), STR(PASSWORD));
    bed_done(&b);
}

static void guessing_ones_old_password_locks_too(void **state)
{
    struct bed b;
    bed_make(&b);
    struct principal me = bed_admin(&b);
    struct actor by = bed_actor(&b, &me);
    for (int k = 0; k < 5; k++)
        assert_int_equal(identity_password(b.i, &by, STR("wrong"), STR(PASSWORD), NULL),
                         ST_FORBIDDEN);
    assert_int_equal(identity_password(b.i, &by, STR(ADMIN_PASSWORD), STR(PASSWORD), NULL),
                     ST_BUSY);
    bed_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_the_first_user_in),
        cmocka_unit_test(makes_a_password_and_shows_it_once),
        cmocka_unit_test(refuses_to_start_with_a_weak_first_password),
        cmocka_unit_test(signs_with_each_algorithm_there_is),
        cmocka_unit_test(refuses_what_is_no_credential),
        cmocka_unit_test(does_not_block_on_a_loop),
        cmocka_unit_test(answers_alike_whatever_is_wrong),
        cmocka_unit_test(locks_after_failures_and_doubles_whoever_it_is),
        cmocka_unit_test(keeps_an_address_waiting_that_tries_many_names),
        cmocka_unit_test(refreshes_and_ends_a_session_whose_token_is_shown_twice),
        cmocka_unit_test(ends_no_session_for_a_token_somebody_made_up),
        cmocka_unit_test(refreshes_no_session_that_has_lasted_its_time),
        cmocka_unit_test(voids_the_tokens_of_a_session_at_once_when_it_ends),
        cmocka_unit_test(ends_the_oldest_session_of_a_user_with_too_many),
        cmocka_unit_test(voids_the_tokens_of_a_user_who_was_changed),
        cmocka_unit_test(changes_ones_own_password_and_ends_the_other_sessions),
        cmocka_unit_test(guessing_ones_old_password_locks_too),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
