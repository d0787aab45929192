/* SPDX-License-Identifier: Apache-2.0 */
/* The installation's key, the signing keys, and processes that share a database. */
#include "base/str.h"
#include "os/log.h"
#include "os/thread.h"
#include "tests/test.h"

#include <stdatomic.h>

#include "tests/identity_bed.h"

static const char *key_path(const struct bed *b)
{
    static char path[300];
    (void)snprintf(path, sizeof path, "%s/installation.key", b->dir);
    return path;
}

static status start_again(struct bed *b, struct error *err)
{
    struct identity_options o = bed_options(b, "hybrid");
    bed_stop(b);
    return identity_new(&o, NULL, &b->i, &b->shown, err);
}

static void makes_a_key_that_only_we_can_read(void **state)
{
    struct bed b;
    bed_make(&b);
    struct stat st;
    assert_int_equal(stat(key_path(&b), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 65);
    bed_done(&b);
}

static void says_what_to_do_about_a_key_that_is_lost_or_wrong(void **state)
{
    struct bed b;
    bed_empty(&b);
    bed_start(&b, "hybrid", ADMIN_PASSWORD);
    char saved[300];
    struct error err = {0};
    (void)snprintf(saved, sizeof saved, "%s/saved", b.dir);
    assert_int_equal(rename(key_path(&b), saved), 0);
    assert_int_equal(start_again(&b, &err), ST_NOT_FOUND);
    assert_non_null(strstr(err.text, "installation.key' is missing"));
    assert_non_null(strstr(err.text, "backup"));

    FILE *f = fopen(key_path(&b), "wb");
    assert_non_null(f);
    for (int k = 0; k < 64; k++)
        (void)fputc('0', f);
    (void)fclose(f);
    assert_int_equal(chmod(key_path(&b), 0644), 0);
    assert_int_equal(start_again(&b, &err), ST_FORBIDDEN);
    assert_non_null(strstr(err.text, "chmod 600"));
    assert_int_equal(chmod(key_path(&b), 0600), 0);
    assert_int_equal(start_again(&b, &err), ST_INVALID);
    assert_non_null(strstr(err.text, "does not open the signing keys"));
    assert_int_equal(truncate(key_path(&b), 10), 0);
    assert_int_equal(start_again(&b, &err), ST_INVALID);
    assert_non_null(strstr(err.text, "hexadecimal"));

    assert_int_equal(rename(saved, key_path(&b)), 0);
    assert_int_equal(start_again(&b, &err), ST_OK);
    (void)bed_login(&b, STR("admin"), STR(ADMIN_PASSWORD));
    bed_done(&b);
}

struct starter {
    const struct bed *b;
    struct thread thread;
    struct store *store;
    struct identity *i;
    struct sbuf shown;
    status st;
};

static void start_one(void *arg)
{
    struct starter *s = arg;
    struct identity_options o = bed_options(s->b, "hybrid");
    o.store = s->store;
    struct error err = {0};
    s->st = identity_new(&o, NULL, &s->i, &s->shown, &err);
    if (s->st != ST_OK)
        print_error("%s\n", err.text);
}

/* As processes do: each with connections of its own. */
static void starts_well_when_several_start_at_once(void **state)
{
    struct bed b;
    struct starter s[4] = {0};
    bed_empty(&b);
    for (size_t k = 0; k < COUNT(s); k++) {
        s[k].b = &b;
        s[k].store = bed_store(&b);
        sbuf_init(&s[k].shown, 256);
    }
    for (size_t k = 0; k < COUNT(s); k++)
        assert_int_equal(thread_start(&s[k].thread, "start", start_one, &s[k], NULL), ST_OK);
    size_t shown = 0;
    str password = {0};
    for (size_t k = 0; k < COUNT(s); k++) {
        thread_join(&s[k].thread);
        assert_int_equal(s[k].st, ST_OK);
        shown += s[k].shown.n > 0;
        if (s[k].shown.n)
            password = sbuf_str(&s[k].shown);
    }
    assert_int_equal(shown, 1);
    b.now_ms = clock_wall_ms() + 20 * 1000; /* it may look for others' keys */
    for (size_t k = 0; k < COUNT(s); k++) { /* what one signs, all know */
        b.i = s[k].i;
        struct tokens t = bed_login(&b, STR("admin"), password);
        for (size_t j = 0; j < COUNT(s); j++) {
            b.i = s[j].i;
            (void)bed_who(&b, t.access);
        }
    }
    b.i = NULL;
    for (size_t k = 0; k < COUNT(s); k++) {
        identity_free(s[k].i);
        store_close(s[k].store);
        sbuf_done(&s[k].shown);
    }
    bed_done(&b);
}

/* ---- signing keys ---- */

static size_t published(struct bed *b)
{
    struct sbuf out;
    sbuf_init(&out, 1 << 20);
    identity_jwks(b->i, &out);
    size_t n = 0;
    for (str rest = sbuf_str(&out); rest.n; rest = str_from(rest, 1))
        n += str_starts(rest, STR("\"kid\""));
    assert_false(str_contains(sbuf_str(&out), STR("\"d\""))); /* RFC 8037: the private part */
    assert_false(str_contains(sbuf_str(&out), STR("\"priv\"")));
    sbuf_done(&out);
    return n;
}

static void verifies_with_retired_keys_until_their_tokens_are_over(void **state)
{
    struct bed b;
    bed_empty(&b);
    bed_start(&b, "hybrid", ADMIN_PASSWORD);
    struct tokens old = bed_login(&b, STR("admin"), STR(ADMIN_PASSWORD));
    struct principal admin = bed_who(&b, old.access);
    struct actor by = bed_actor(&b, &admin);
    assert_int_equal(published(&b), 2);
    assert_int_equal(identity_rotate(b.i, &by, NULL), ST_OK);
    assert_int_equal(published(&b), 4);
    b.now_ms += 100 * 1000; /* out of the cache */
    (void)bed_who(&b, old.access);
    struct tokens fresh = bed_login(&b, STR("admin"), STR(ADMIN_PASSWORD));
    (void)bed_who(&b, fresh.access);
    b.now_ms += 1000 * 1000;
    identity_tick(b.i, b.now_ms);
    struct signer_record *r;
    size_t n = 0;
    assert_int_equal(store_signer_list(b.store, &b.a, &r, &n, NULL), ST_OK);
    assert_int_equal(n, 2);
    assert_int_equal(published(&b), 2);
    bed_done(&b);
}

static void rotates_by_itself_after_ninety_days(void **state)
{
    struct bed b;
    bed_make(&b);
    int64_t day_ms = (int64_t)24 * 3600 * 1000;
    identity_tick(b.i, b.now_ms + 89 * day_ms);
    struct signer_record *r;
    size_t n = 0;
    assert_int_equal(store_signer_list(b.store, &b.a, &r, &n, NULL), ST_OK);
    assert_int_equal(n, 1);
    b.now_ms += 91 * day_ms;
    identity_tick(b.i, b.now_ms);
    assert_int_equal(store_signer_list(b.store, &b.a, &r, &n, NULL), ST_OK);
    assert_int_equal(n, 2);
    struct audit_record deed = {0};
    assert_true(bed_deed(&b, STR("default"), STR("keys.rotate"), &deed));
    assert_true(str_eq(deed.actor, STR("system")));
    identity_tick(b.i, b.now_ms + 60 * 1000);
    assert_int_equal(store_signer_list(b.store, &b.a, &r, &n, NULL), ST_OK);
    assert_int_equal(n, 2);
    bed_done(&b);
}

static void does_not_rotate_a_configured_secret(void **state)
{
    struct bed b;
    bed_empty(&b);
    bed_start(&b, "hs256", ADMIN_PASSWORD);
    struct principal admin = bed_admin(&b);
    struct actor by = bed_actor(&b, &admin);
    assert_int_equal(identity_rotate(b.i, &by, NULL), ST_CONFLICT);
    identity_tick(b.i, b.now_ms);
    assert_int_equal(published(&b), 0);
    bed_done(&b);
}

static void learns_what_another_process_did(void **state)
{
    struct bed b, other;
    bed_make(&b);
    other = b;
    other.store = bed_store(&b);
    sbuf_init(&other.shown, 256);
    arena_init(&other.a, 64 << 20);
    bed_start(&other, "ed25519", NULL);
    struct principal admin = bed_admin(&b), p;
    struct actor by = bed_actor(&b, &admin);
    assert_int_equal(identity_rotate(b.i, &by, NULL), ST_OK);
    struct tokens t = bed_login(&b, STR("admin"), STR(ADMIN_PASSWORD));
    other.now_ms = b.now_ms += 11 * 1000;
    (void)bed_who(&other, t.access); /* signed by a key it has to look for */
    p = bed_who(&b, t.access);
    assert_int_equal(identity_logout(b.i, &p, NULL), ST_OK);
    other.now_ms += 61 * 1000;
    assert_int_equal(bed_ask(&other, t.access, &p), ST_UNAUTHORIZED);
    bed_done(&other);
    bed_done(&b);
}

/* ---- what is not to be seen ---- */

static void writes_no_secret_into_the_log_or_the_audit_log(void **state)
{
    struct bed b;
    char path[300];
    bed_empty(&b);
    (void)snprintf(path, sizeof path, "%s/all.log", b.dir);
    assert_int_equal(log_open(&(struct log_options){.path = path, .level = LOG_DEBUG}, NULL),
                     ST_OK);
    bed_start(&b, "hybrid", NULL);
    str first = arena_str(&b.a, sbuf_str(&b.shown));
    struct tokens t = bed_login(&b, STR("admin"), first), none = {0}, next;
    struct principal admin = bed_who(&b, t.access), p;
    struct actor by = bed_actor(&b, &admin);
    (void)bed_user(&b, &admin, STR("ann"), STR("read"), STR(""));
    struct new_key in = {.name = STR("k")};
    struct key_record k = {0};
    str key = bed_key(&b, &admin, &in, &k);
    (void)bed_who(&b, key);
    uint32_t retry_s;
    (void)bed_try(&b, STR("ann"), STR("my typed secret"), &none, &retry_s, NULL);
    assert_int_equal(identity_password(b.i, &by, first, STR("a second password"), NULL), ST_OK);
    assert_int_equal(identity_key_revoke(b.i, &by, k.id, NULL), ST_OK);
    assert_int_equal(bed_ask(&b, key, &p), ST_UNAUTHORIZED);
    assert_int_equal(identity_refresh(b.i, &b.a, t.refresh, STR(""), b.now_ms, &next, NULL), ST_OK);
    assert_int_equal(identity_refresh(b.i, &b.a, t.refresh, STR(""), b.now_ms, &none, NULL),
                     ST_UNAUTHORIZED);
    identity_tick(b.i, b.now_ms);
    bed_stop(&b);
    log_close();

    static char text[1 << 20];
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    str log = {text, fread(text, 1, sizeof text, f)};
    (void)fclose(f);
    assert_true(str_contains(log, STR("login failed")));
    struct audit_record *r = NULL;
    size_t n = 0;
    assert_int_equal(store_audit_list(b.store, &b.a, STR("default"), 0, 500, &r, &n, NULL), ST_OK);
    assert_true(n > 5);
    str secret[] = {first,
                    STR("a second password"),
                    STR(PASSWORD),
                    STR("my typed secret"),
                    str_from(key, 30),
                    str_from(t.access, t.access.n - 40),
                    str_from(t.refresh, 31),
                    str_from(next.refresh, 31),
                    STR("$argon2")};
    for (size_t s = 0; s < COUNT(secret); s++) {
        assert_true(secret[s].n >= 7);
        assert_false(str_contains(log, secret[s]));
        for (size_t a = 0; a < n; a++) {
            assert_false(str_contains(r[a].target, secret[s]));
            assert_false(str_contains(r[a].detail, secret[s]));
            assert_false(str_contains(r[a].actor, secret[s]));
        }
    }
    bed_done(&b);
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 300 };
struct shared {
    struct bed b;
    struct tokens t[THREADS];
    str key;
    atomic_bool revoked; /* the last thread's session, and the key */
    atomic_uint let_in_late, refused_early;
};
struct caller {
    struct shared *s;
    struct thread thread;
    size_t number;
};

static void ask_on_and_on(void *arg)
{
    struct caller *c = arg;
    struct shared *s = c->s;
    char header[17000];
    str mine = c->number % 2 ? s->key : s->t[c->number].access;
    bool ends = c->number % 2 || c->number == THREADS - 2;
    int n = snprintf(header, sizeof header, "Bearer " STR_FMT, STR_ARG(mine));
    for (unsigned k = 0; k < ROUNDS || (ends && k < 100 * ROUNDS && !atomic_load(&s->revoked));
         k++) {
        struct principal p;
        bool after = atomic_load(&s->revoked);
        int64_t now_ms =
            s->b.now_ms + (int64_t)(k / 50 % 2) * 70 * 1000; /* in and out of the cache */
        status st = identity_authenticate(s->b.i, (str){header, (size_t)n}, now_ms, true, &p, NULL);
        if (st == ST_OK && after && ends)
            atomic_fetch_add(&s->let_in_late, 1);
        if (st != ST_OK && !ends)
            atomic_fetch_add(&s->refused_early, 1);
    }
}

static void lets_nobody_in_whose_session_ended_while_others_go_on(void **state)
{
    static struct shared s;
    struct caller c[THREADS];
    bed_make(&s.b);
    struct principal admin = bed_admin(&s.b);
    struct actor by = bed_actor(&s.b, &admin);
    struct new_key in = {.name = STR("k")};
    struct key_record k = {0};
    s.key = bed_key(&s.b, &admin, &in, &k);
    for (size_t n = 0; n < THREADS; n++)
        s.t[n] = bed_login(&s.b, STR("admin"), STR(ADMIN_PASSWORD));
    struct principal last = bed_who(&s.b, s.t[THREADS - 2].access);
    for (size_t n = 0; n < THREADS; n++) {
        c[n] = (struct caller){.s = &s, .number = n};
        assert_int_equal(thread_start(&c[n].thread, "ask", ask_on_and_on, &c[n], NULL), ST_OK);
    }
    for (int n = 0; n < 3; n++) {
        assert_int_equal(identity_rotate(s.b.i, &by, NULL), ST_OK);
        identity_tick(s.b.i, s.b.now_ms);
    }
    assert_int_equal(identity_session_revoke(s.b.i, &by, str_z(last.key), NULL), ST_OK);
    assert_int_equal(identity_key_revoke(s.b.i, &by, k.id, NULL), ST_OK);
    atomic_store(&s.revoked, true);
    for (size_t n = 0; n < THREADS; n++)
        thread_join(&c[n].thread);
    assert_int_equal(s.let_in_late, 0);
    assert_int_equal(s.refused_early, 0);
    struct principal p;
    assert_int_equal(bed_ask(&s.b, s.t[THREADS - 2].access, &p), ST_UNAUTHORIZED);
    assert_int_equal(bed_ask(&s.b, s.key, &p), ST_UNAUTHORIZED);
    bed_done(&s.b);
}

enum { CROWD = 40 };
struct guest {
    struct bed *b;
    struct thread thread;
    int number;
    status st;
};

static void log_in_once(void *arg)
{
    struct guest *g = arg;
    struct arena a;
    arena_init(&a, 1 << 20);
    struct tokens t;
    uint32_t retry_s;
    char address[32];
    (void)snprintf(address, sizeof address, "10.0.0.%d", g->number);
    g->st = identity_login(g->b->i, &a, STR("admin"), STR(ADMIN_PASSWORD), str_z(address), STR(""),
                           g->b->now_ms, &t, &retry_s, NULL);
    arena_done(&a);
}

static void hashes_few_passwords_at_once_and_lets_few_wait(void **state)
{
    struct bed b;
    static struct guest g[CROWD];
    bed_make(&b);
    for (int n = 0; n < CROWD; n++) {
        g[n] = (struct guest){.b = &b, .number = n};
        assert_int_equal(thread_start(&g[n].thread, "guest", log_in_once, &g[n], NULL), ST_OK);
    }
    int in = 0, busy = 0;
    for (int n = 0; n < CROWD; n++) {
        thread_join(&g[n].thread);
        in += g[n].st == ST_OK;
        busy += g[n].st == ST_BUSY;
    }
    assert_int_equal(in + busy, CROWD);
    assert_true(in >= 18);
    bed_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_a_key_that_only_we_can_read),
        cmocka_unit_test(says_what_to_do_about_a_key_that_is_lost_or_wrong),
        cmocka_unit_test(starts_well_when_several_start_at_once),
        cmocka_unit_test(verifies_with_retired_keys_until_their_tokens_are_over),
        cmocka_unit_test(rotates_by_itself_after_ninety_days),
        cmocka_unit_test(does_not_rotate_a_configured_secret),
        cmocka_unit_test(learns_what_another_process_did),
        cmocka_unit_test(writes_no_secret_into_the_log_or_the_audit_log),
        cmocka_unit_test(lets_nobody_in_whose_session_ended_while_others_go_on),
        cmocka_unit_test(hashes_few_passwords_at_once_and_lets_few_wait),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
