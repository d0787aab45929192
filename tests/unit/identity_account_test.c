/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what: roles, users, keys, tenants, and the audit log of it. */
#include "tests/test.h"

#include "tests/identity_bed.h"

/* ---- roles ---- */

static void gives_each_role_what_is_written_here(void **state)
{
    static const struct {
        const char *permission;
        bool role[ROLE_COUNT]; /* read, analyst, admin */
    } want[] = {
        {"events:write", {0, 1, 1}}, {"threat:use", {0, 1, 1}},  {"intel:read", {1, 1, 1}},
        {"intel:write", {0, 1, 1}},  {"alerts:read", {1, 1, 1}}, {"alerts:write", {0, 1, 1}},
        {"status:read", {1, 1, 1}},  {"self", {1, 1, 1}},        {"users:admin", {0, 0, 1}},
        {"audit:read", {0, 0, 1}},   {"models:read", {1, 1, 1}}, {"models:write", {0, 0, 1}},
        {"installation", {0, 0, 1}},
    };
    assert_int_equal(COUNT(want), PERMISSION_COUNT);
    for (size_t k = 0; k < COUNT(want); k++) {
        enum permission p;
        assert_true(permission_find(str_z(want[k].permission), &p));
        assert_string_equal(permission_name(p), want[k].permission);
        for (unsigned r = 0; r < ROLE_COUNT; r++)
            assert_int_equal(role_permits((enum role)r, p), want[k].role[r]);
    }
    enum permission p;
    enum role r;
    assert_false(permission_find(STR("everything"), &p));
    assert_false(role_find(STR("root"), &r));
    for (unsigned k = 0; k < ROLE_COUNT; k++) {
        assert_true(role_find(str_z(role_name((enum role)k)), &r));
        assert_int_equal(r, k);
    }
}

static struct principal login_as(struct bed *b, const struct principal *admin, const char *name,
                                 const char *role, const char *tenant)
{
    (void)bed_user(b, admin, str_z(name), str_z(role), str_z(tenant));
    return bed_who(b, bed_login(b, str_z(name), STR(PASSWORD)).access);
}

static void add_tenant(struct bed *b, const struct principal *admin, const char *id)
{
    struct actor by = bed_actor(b, admin);
    assert_int_equal(identity_tenant_add(b->i, &by, str_z(id), STR("Title"), NULL), ST_OK);
}

/* What each role may have the identities do, and that each attempt is written down. */
static void lets_roles_do_what_they_may_and_writes_all_of_it_down(void **state)
{
    struct bed b;
    bed_make(&b);
    struct principal admin = bed_admin(&b);
    add_tenant(&b, &admin, "other");
    const struct {
        struct principal who;
        status admin, installation, self;
    } cases[] = {
        {login_as(&b, &admin, "r", "read", ""), ST_FORBIDDEN, ST_FORBIDDEN, ST_OK},
        {login_as(&b, &admin, "a", "analyst", ""), ST_FORBIDDEN, ST_FORBIDDEN, ST_OK},
        {login_as(&b, &admin, "d", "admin", ""), ST_OK, ST_OK, ST_OK},
        {login_as(&b, &admin, "o", "admin", "other"), ST_OK, ST_FORBIDDEN, ST_OK},
    };
    for (size_t k = 0; k < COUNT(cases); k++) {
        struct actor by = bed_actor(&b, &cases[k].who);
        str tenant = str_z(cases[k].who.tenant), secret, name = arena_fmt(&b.a, "new%zu", k);
        struct user_record u = {0};
        struct key_record key;
        struct new_user user = {.name = name, .password = STR(PASSWORD), .role = STR("read")};
        struct new_key mine = {.name = STR("mine")}, service = {.name = STR("s"), .service = true};
        struct user_change off = {.disabled = 1};
        static const char *const action[] = {"user.add",   "user.change",    "user.remove",
                                             "key.add",    "key.revoke",     "service.add",
                                             "tenant.add", "tenant.disable", "keys.rotate"};
        const status want[COUNT(action)] = {
            cases[k].admin,        cases[k].admin,        cases[k].admin,
            cases[k].self,         cases[k].self,         cases[k].admin,
            cases[k].installation, cases[k].installation, cases[k].installation};
        status got[COUNT(action)];
        got[0] = identity_user_add(b.i, &b.a, &by, &user, &u, NULL);
        got[1] = identity_user_change(b.i, &b.a, &by, u.id, &off, &u, NULL);
        got[2] = identity_user_remove(b.i, &by, u.id, NULL);
        got[3] = identity_key_add(b.i, &b.a, &by, &mine, &key, &secret, NULL);
        got[4] = identity_key_revoke(b.i, &by, key.id, NULL);
        got[5] = identity_key_add(b.i, &b.a, &by, &service, &key, &secret, NULL);
        got[6] = identity_tenant_add(b.i, &by, name, STR("T"), NULL);
        got[7] = identity_tenant_disable(b.i, &by, name, true, NULL);
        got[8] = identity_rotate(b.i, &by, NULL);
        for (size_t d = 0; d < COUNT(action); d++) {
            struct audit_record r = {0};
            assert_int_equal(got[d], want[d]);
            assert_true(bed_deed(&b, tenant, str_z(action[d]), &r));
            assert_int_equal(r.ok, want[d] == ST_OK);
            assert_true(str_eq(r.actor, str_z(cases[k].who.name)));
            assert_true(str_eq(r.address, STR("192.0.2.7")));
        }
    }
    bed_done(&b);
}

static void keeps_the_installation_to_the_default_tenant(void **state)
{
    struct bed b;
    bed_make(&b);
    struct principal admin = bed_admin(&b);
    add_tenant(&b, &admin, "other");
    struct principal p = login_as(&b, &admin, "boss", "admin", "other");
    assert_string_equal(p.tenant, "other");
    assert_true(principal_may(&p, PERMIT_USERS_ADMIN));
    assert_false(principal_may(&p, PERMIT_INSTALLATION));
    bed_done(&b);
}

/* ---- names and passwords ---- */

static void refuses_names_and_passwords_that_will_not_do(void **state)
{
    char long_name[65], long_password[258];
    memset(long_name, 'a', sizeof long_name);
    memset(long_password, 'x', sizeof long_password);
    const struct {
        str name, password;
        const char *why; /* NULL: good */
    } cases[] = {
        {STR("good.user_1@x-y"), STR(PASSWORD), NULL},
        {STR("utf"),
         STR("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa4\xc3\xb6"),
         NULL},
        {{long_name, 63}, {long_password, 256}, NULL},
        {STR(""), STR(PASSWORD), "a name is"},
        {{long_name, 64}, STR(PASSWORD), "a name is"},
        {STR("Upper"), STR(PASSWORD), "a name is"},
        {STR("a b"), STR(PASSWORD), "a name is"},
        {STR("\xc3\xa4"), STR(PASSWORD), "a name is"},
        {STR("u1"), STR("ninechars"), "at least 10 characters"},
        {STR("u1"), STR("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"), "at least 10 characters"},
        {STR("u1"), {long_password, 257}, "at most 256 bytes"},
        {STR("johnny.appleseed"), STR("Johnny.Appleseed"), "user's name"},
        {STR("u1"), STR("Password123"), "tried first"},
        {STR("u1"), STR("1q2w3e4r5t"), "tried first"},
    };
    struct bed b;
    bed_make(&b);
    struct principal admin = bed_admin(&b);
    struct actor by = bed_actor(&b, &admin);
    for (size_t k = 0; k < COUNT(cases); k++) {
        struct new_user in = {.name = cases[k].name, .password = cases[k].password};
        in.role = STR("read");
        struct user_record u;
        struct error err = {0};
        status st = identity_user_add(b.i, &b.a, &by, &in, &u, &err);
        assert_int_equal(st, cases[k].why ? ST_INVALID : ST_OK);
        assert_non_null(strstr(err.text, cases[k].why ? cases[k].why : ""));
        if (st == ST_OK) {
            assert_int_equal(u.password_hash.n, 0);
            (void)bed_login(&b, in.name, in.password);
        }
    }
    struct new_user in = {.name = STR("utf"), .password = STR(PASSWORD), .role = STR("root")};
    struct user_record u;
    assert_int_equal(identity_user_add(b.i, &b.a, &by, &in, &u, NULL), ST_INVALID);
    in.role = STR("read");
    assert_int_equal(identity_user_add(b.i, &b.a, &by, &in, &u, NULL), ST_CONFLICT);
    in.name = STR("elsewhere");
    in.tenant = STR("none");
    assert_int_equal(identity_user_add(b.i, &b.a, &by, &in, &u, NULL), ST_INVALID);
    bed_done(&b);
}

/* ---- administrators ---- */

static void keeps_a_tenants_last_administrator(void **state)
{
    struct bed b;
    bed_make(&b);
    struct principal admin = bed_admin(&b);
    struct actor by = bed_actor(&b, &admin);
    struct user_record u;
    struct user_change off = {.disabled = 1}, demote = {.role = STR("read"), .disabled = -1};
    struct user_record second = bed_user(&b, &admin, STR("second"), STR("admin"), STR(""));
    assert_int_equal(identity_user_change(b.i, &b.a, &by, second.id, &off, &u, NULL), ST_OK);
    str me = str_z(admin.user); /* the other one is disabled */
    assert_int_equal(identity_user_change(b.i, &b.a, &by, me, &off, &u, NULL), ST_CONFLICT);
    assert_int_equal(identity_user_change(b.i, &b.a, &by, me, &demote, &u, NULL), ST_CONFLICT);
    assert_int_equal(identity_user_remove(b.i, &by, me, NULL), ST_CONFLICT);
    struct principal p;
    assert_int_equal(bed_ask(&b, bed_login(&b, STR("admin"), STR(ADMIN_PASSWORD)).access, &p),
                     ST_OK);
    struct user_change on = {.disabled = 0};
    assert_int_equal(identity_user_change(b.i, &b.a, &by, second.id, &on, &u, NULL), ST_OK);
    assert_int_equal(identity_user_remove(b.i, &by, me, NULL), ST_OK);
    bed_done(&b);
}

static void touches_nobody_of_another_tenant(void **state)
{
    struct bed b;
    bed_make(&b);
    struct principal admin = bed_admin(&b);
    add_tenant(&b, &admin, "other");
    struct user_record theirs = bed_user(&b, &admin, STR("theirs"), STR("admin"), STR("other")), u;
    struct principal p = bed_who(&b, bed_login(&b, STR("theirs"), STR(PASSWORD)).access);
    struct new_key in = {.name = STR("k")};
    struct key_record k = {0};
    str secret = bed_key(&b, &p, &in, &k);
    struct actor by = bed_actor(&b, &admin), them = bed_actor(&b, &p);
    struct user_change off = {.disabled = 1};
    assert_int_equal(identity_user_change(b.i, &b.a, &by, theirs.id, &off, &u, NULL), ST_NOT_FOUND);
    assert_int_equal(identity_user_remove(b.i, &by, theirs.id, NULL), ST_NOT_FOUND);
    assert_int_equal(identity_key_revoke(b.i, &by, k.id, NULL), ST_NOT_FOUND);
    assert_int_equal(identity_session_revoke(b.i, &by, str_z(p.key), NULL), ST_NOT_FOUND);
    assert_int_equal(identity_session_revoke(b.i, &them, str_z(admin.key), NULL), ST_NOT_FOUND);
    assert_string_equal(bed_who(&b, secret).tenant, "other");
    struct new_user into = {.name = STR("spy"), .password = STR(PASSWORD), .role = STR("admin")};
    into.tenant = STR("default");
    assert_int_equal(identity_user_add(b.i, &b.a, &them, &into, &u, NULL), ST_FORBIDDEN);
    bed_done(&b);
}

static void shuts_a_disabled_tenant_out(void **state)
{
    struct bed b;
    bed_make(&b);
    struct principal admin = bed_admin(&b), p;
    add_tenant(&b, &admin, "other");
    (void)login_as(&b, &admin, "theirs", "admin", "other");
    struct tokens t = bed_login(&b, STR("theirs"), STR(PASSWORD));
    assert_int_equal(store_tenant_disable(b.store, STR("other"), true, NULL), ST_OK);
    uint32_t retry_s;
    assert_int_equal(bed_ask(&b, t.access, &p), ST_UNAUTHORIZED);
    assert_int_equal(bed_try(&b, STR("theirs"), STR(PASSWORD), &t, &retry_s, NULL),
                     ST_UNAUTHORIZED);
    bed_done(&b);
}

/* ---- keys ---- */

static void gives_keys_the_scopes_they_were_made_with(void **state)
{
    const struct {
        str role, scopes;
        status st;
        uint64_t permits; /* when ST_OK */
    } cases[] = {
        {STR("read"), STR("alerts:read self"), ST_OK, 1u << PERMIT_ALERTS_READ | 1u << PERMIT_SELF},
        {STR("analyst"), STR("  events:write "), ST_OK, 1u << PERMIT_EVENTS_WRITE},
        {STR("read"), STR("events:write"), ST_INVALID, 0},
        {STR("read"), STR("everything"), ST_INVALID, 0},
        {STR("king"), STR(""), ST_INVALID, 0},
        {STR("admin"), STR("users:admin"), ST_OK, 1u << PERMIT_USERS_ADMIN},
        {STR("admin"), STR("installation"), ST_OK, 1u << PERMIT_INSTALLATION},
        {STR("read"), STR(""), ST_OK,
         1u << PERMIT_INTEL_READ | 1u << PERMIT_ALERTS_READ | 1u << PERMIT_STATUS_READ |
             1u << PERMIT_SELF | 1u << PERMIT_MODELS_READ},
    };
    struct bed b;
    bed_make(&b);
    struct principal admin = bed_admin(&b);
    struct actor by = bed_actor(&b, &admin);
    for (size_t k = 0; k < COUNT(cases); k++) {
        struct new_key in = {.name = STR("k"), .role = cases[k].role, .scopes = cases[k].scopes};
        struct key_record key;
        str secret;
        assert_int_equal(identity_key_add(b.i, &b.a, &by, &in, &key, &secret, NULL), cases[k].st);
        if (cases[k].st != ST_OK)
            continue;
        struct principal p = bed_who(&b, secret);
        assert_int_equal(p.permits, cases[k].permits);
        assert_int_equal(p.kind, PRINCIPAL_KEY);
        assert_true(str_eq(str_z(p.key), key.id));
        assert_int_equal(secret.n, 3 + 26 + 1 + 43);
        assert_int_equal(key.hash.n, 0);
    }
    struct new_key in = {.name = STR("all"), .role = STR("admin")};
    struct key_record key;
    struct principal p = bed_who(&b, bed_key(&b, &admin, &in, &key));
    assert_false(principal_may(&p, PERMIT_USERS_ADMIN));
    assert_false(principal_may(&p, PERMIT_INSTALLATION));
    assert_true(principal_may(&p, PERMIT_AUDIT_READ));
    bed_done(&b);
}

static void makes_no_key_above_its_maker(void **state)
{
    struct bed b;
    bed_make(&b);
    struct principal admin = bed_admin(&b);
    struct principal analyst = login_as(&b, &admin, "ann", "analyst", "");
    struct actor by = bed_actor(&b, &analyst);
    struct new_key in = {.name = STR("k"), .role = STR("admin")};
    struct key_record k = {0};
    str secret;
    assert_int_equal(identity_key_add(b.i, &b.a, &by, &in, &k, &secret, NULL), ST_FORBIDDEN);
    in.role = STR("");
    struct principal p = bed_who(&b, bed_key(&b, &analyst, &in, &k));
    assert_int_equal(p.role, ROLE_ANALYST);
    by = bed_actor(&b, &p); /* a key that may see itself makes no more keys */
    assert_int_equal(identity_key_add(b.i, &b.a, &by, &in, &k, &secret, NULL), ST_FORBIDDEN);

    struct new_key users = {
        .name = STR("users"), .role = STR("admin"), .scopes = STR("users:admin")};
    p = bed_who(&b, bed_key(&b, &admin, &users, &k));
    by = bed_actor(&b, &p);
    struct new_key service = {.name = STR("s"), .role = STR("read"), .service = true};
    assert_int_equal(identity_key_add(b.i, &b.a, &by, &service, &k, &secret, NULL), ST_FORBIDDEN);
    service.role = STR("admin");
    service.scopes = STR("users:admin");
    assert_int_equal(identity_key_add(b.i, &b.a, &by, &service, &k, &secret, NULL), ST_OK);
    struct audit_record r = {0};
    assert_true(bed_deed(&b, STR("default"), STR("service.add"), &r));
    assert_true(str_eq(r.actor, STR("key:users")));
    bed_done(&b);
}

static void voids_a_key_at_once(void **state)
{
    struct bed b;
    bed_make(&b);
    struct principal admin = bed_admin(&b), p;
    struct actor by = bed_actor(&b, &admin);
    struct new_key in = {.name = STR("k"), .expires_ms = b.now_ms + 30 * 1000};
    struct key_record k = {0};
    str revoked = bed_key(&b, &admin, &in, &k);
    (void)bed_who(&b, revoked);
    assert_int_equal(identity_key_revoke(b.i, &by, k.id, NULL), ST_OK);
    assert_int_equal(bed_ask(&b, revoked, &p), ST_UNAUTHORIZED);

    str expiring = bed_key(&b, &admin, &in, &k);
    (void)bed_who(&b, expiring);
    char wrong[128];
    memcpy(wrong, expiring.p, expiring.n);
    wrong[40] = wrong[40] == 'A' ? 'B' : 'A';
    assert_int_equal(bed_ask(&b, (str){wrong, expiring.n}, &p), ST_UNAUTHORIZED);
    b.now_ms += 30 * 1000;
    assert_int_equal(bed_ask(&b, expiring, &p), ST_UNAUTHORIZED);
    by.now_ms = b.now_ms;
    str secret;
    assert_int_equal(identity_key_add(b.i, &b.a, &by, &in, &k, &secret, NULL), ST_INVALID);
    bed_done(&b);
}

static void binds_a_key_to_its_owner_and_a_service_to_the_tenant(void **state)
{
    struct bed b;
    bed_make(&b);
    struct principal admin = bed_admin(&b), p;
    struct actor by = bed_actor(&b, &admin);
    struct user_record u = bed_user(&b, &admin, STR("dora"), STR("admin"), STR("")), after;
    struct principal dora = bed_who(&b, bed_login(&b, STR("dora"), STR(PASSWORD)).access);
    struct new_key in = {.name = STR("own")}, service = {.name = STR("svc"), .service = true};
    struct key_record k = {0};
    str own = bed_key(&b, &dora, &in, &k), svc = bed_key(&b, &dora, &service, &k);
    assert_int_equal(bed_who(&b, own).role, ROLE_ADMIN);
    assert_int_equal(bed_who(&b, svc).kind, PRINCIPAL_SERVICE);

    struct user_change demote = {.role = STR("read"), .disabled = -1};
    assert_int_equal(identity_user_change(b.i, &b.a, &by, u.id, &demote, &after, NULL), ST_OK);
    p = bed_who(&b, own);
    assert_int_equal(p.role, ROLE_READ);
    assert_false(principal_may(&p, PERMIT_EVENTS_WRITE));
    struct user_change off = {.disabled = 1};
    assert_int_equal(identity_user_change(b.i, &b.a, &by, u.id, &off, &after, NULL), ST_OK);
    assert_int_equal(bed_ask(&b, own, &p), ST_UNAUTHORIZED);
    struct user_change on = {.disabled = 0};
    assert_int_equal(identity_user_change(b.i, &b.a, &by, u.id, &on, &after, NULL), ST_OK);
    (void)bed_who(&b, own);
    assert_int_equal(identity_user_remove(b.i, &by, u.id, NULL), ST_OK);
    assert_int_equal(bed_ask(&b, own, &p), ST_UNAUTHORIZED);
    assert_int_equal(bed_who(&b, svc).role, ROLE_ADMIN);
    bed_done(&b);
}

static void makes_so_many_keys_and_no_more(void **state)
{
    struct bed b;
    bed_make(&b);
    struct principal admin = bed_admin(&b);
    struct actor by = bed_actor(&b, &admin);
    struct new_key in = {.name = STR("k")}, service = {.name = STR("s"), .service = true};
    struct key_record k = {0};
    str secret;
    for (int n = 0; n < 100; n++)
        (void)bed_key(&b, &admin, &in, &k);
    assert_int_equal(identity_key_add(b.i, &b.a, &by, &in, &k, &secret, NULL), ST_CONFLICT);
    assert_int_equal(identity_key_revoke(b.i, &by, k.id, NULL), ST_OK);
    (void)bed_key(&b, &admin, &in, &k);
    (void)bed_key(&b, &admin, &service, &k);
    bed_done(&b);
}

static int64_t used_ms(struct bed *b, str id)
{
    struct key_record k = {0};
    assert_int_equal(store_key_get(b->store, &b->a, id, &k, NULL), ST_OK);
    return k.used_ms;
}

static void notes_when_a_key_was_last_used(void **state)
{
    struct bed b;
    bed_make(&b);
    struct principal admin = bed_admin(&b);
    struct new_key in = {.name = STR("k")};
    struct key_record k = {0};
    str secret = bed_key(&b, &admin, &in, &k);
    int64_t first = b.now_ms;
    (void)bed_who(&b, secret);
    assert_int_equal(used_ms(&b, k.id), 0);
    identity_tick(b.i, b.now_ms);
    assert_int_equal(used_ms(&b, k.id), first);
    b.now_ms += 120 * 1000;
    (void)bed_who(&b, secret);
    bed_stop(&b); /* nothing noted is lost at the end */
    assert_int_equal(used_ms(&b, k.id), first + 120 * 1000);
    bed_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_each_role_what_is_written_here),
        cmocka_unit_test(lets_roles_do_what_they_may_and_writes_all_of_it_down),
        cmocka_unit_test(keeps_the_installation_to_the_default_tenant),
        cmocka_unit_test(refuses_names_and_passwords_that_will_not_do),
        cmocka_unit_test(keeps_a_tenants_last_administrator),
        cmocka_unit_test(touches_nobody_of_another_tenant),
        cmocka_unit_test(shuts_a_disabled_tenant_out),
        cmocka_unit_test(gives_keys_the_scopes_they_were_made_with),
        cmocka_unit_test(makes_no_key_above_its_maker),
        cmocka_unit_test(voids_a_key_at_once),
        cmocka_unit_test(binds_a_key_to_its_owner_and_a_service_to_the_tenant),
        cmocka_unit_test(makes_so_many_keys_and_no_more),
        cmocka_unit_test(notes_when_a_key_was_last_used),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
