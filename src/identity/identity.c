/* SPDX-License-Identifier: Apache-2.0 */
/* The life of the whole: made at the start, on an empty store with its first user, and once a minute. */
#include "base/mem.h"
#include "identity/identity_int.h"
#include "identity/session_int.h"
#include "os/log.h"

enum {
    HASHING = 2,
    HASHING_WAITING = 16,
    CHANGING_WAITING = 64,
    ADDRESS_FACTOR = 4, /* people share addresses: they lock later than names */
    HOUR_MS = 3600 * 1000,
    SHOWN_SECRET = 18 /* random bytes of a password we make: 24 characters */
};

static uint32_t or_else(uint32_t value, uint32_t fallback)
{
    return value ? value : fallback;
}

static void set_up(struct identity *i, const struct identity_options *o)
{
    arena_init(&i->texts, ARENA_SMALL);
    i->store = o->store;
    i->issuer = arena_str(&i->texts, o->issuer ? str_z(o->issuer) : STR("bguard"));
    i->data_dir = arena_str(&i->texts, o->data_dir ? str_z(o->data_dir) : STR("."));
    i->access_s = or_else(o->access_s, 900);
    i->refresh_s = or_else(o->refresh_s, 30 * 24 * 3600);
    i->lock_after = or_else(o->lock_after, 5);
    i->lock_s = or_else(o->lock_s, 60);
    sbuf_init(&i->secret, TOKEN_MAX);
    sbuf_addz(&i->secret, o->jwt_secret ? o->jwt_secret : "");
    lock_init(&i->keys_lock, LOCK_IDENTITY_KEYS);
    turn_init(&i->hashing, HASHING, HASHING_WAITING);
    turn_init(&i->changing, 1, CHANGING_WAITING);
    throttle_init(&i->addresses, i->lock_after * ADDRESS_FACTOR, i->lock_s, HOUR_MS);
    throttle_init(&i->names, i->lock_after, i->lock_s, 24 * HOUR_MS);
    i->cache = token_cache_new(TOKEN_CACHE_DEFAULT);
    i->uses = mem_new(struct uses);
    lock_init(&i->uses->lock, LOCK_IDENTITY_USE);
}

void identity_free(struct identity *i)
{
    if (!i)
        return;
    use_flush(i);
    lock_done(&i->uses->lock);
    mem_free(i->uses);
    token_cache_free(i->cache);
    throttle_done(&i->names);
    throttle_done(&i->addresses);
    turn_done(&i->changing);
    turn_done(&i->hashing);
    token_keys_unref(i->keys);
    lock_done(&i->keys_lock);
    if (i->secret.p)
        crypto_wipe(i->secret.p, i->secret.n);
    sbuf_done(&i->secret);
    arena_done(&i->texts);
    crypto_wipe(i, sizeof *i);
    mem_free(i);
}

/* ---- the first start ---- */

static status first_tenant(struct identity *i, int64_t now_ms, struct error *err)
{
    struct tenant_record t = {.id = STR("default"), .title = STR("Default"), .created_ms = now_ms};
    struct arena a;
    arena_init(&a, ARENA_SMALL);
    struct tenant_record there;
    status st = store_tenant_get(i->store, &a, t.id, &there, err);
    if (st == ST_NOT_FOUND)
        st = store_tenant_add(i->store, &t, err);
    arena_done(&a);
    return st == ST_CONFLICT ? ST_OK : st; /* another process was as quick */
}

static status add_admin(struct identity *i, str password, int64_t now_ms, struct error *err)
{
    char hash[PASSWORD_HASH_MAX], id[UID_SIZE];
    status st = password_make(i, password, hash, err);
    if (st != ST_OK)
        return st;
    uid_new(now_ms, id);
    struct user_record u = {.id = str_z(id), .tenant = STR("default"), .name = STR("admin")};
    u.role = str_z(role_name(ROLE_ADMIN));
    u.password_hash = str_z(hash);
    u.created_ms = u.changed_ms = now_ms;
    return store_user_add(i->store, &u, err);
}

static status first_user(struct identity *i, const char *given, int64_t now_ms, struct sbuf *shown,
                         struct error *err)
{
    uint64_t users = 0;
    status st = store_user_count(i->store, &users, err);
    if (st != ST_OK || users)
        return st;
    struct sbuf made;
    sbuf_init(&made, 256);
    if (!given)
        crypto_random_text(&made, SHOWN_SECRET);
    str password = given ? str_z(given) : sbuf_str(&made);
    st = policy_password(STR("admin"), password, err);
    if (st != ST_OK)
        fail_prefix(err, st, "the first password of 'admin'");
    if (st == ST_OK)
        st = add_admin(i, password, now_ms, err);
    struct act act = {.i = i, .by = &(struct actor){.now_ms = now_ms}, .action = "user.add"};
    act.target = STR("admin");
    if (st == ST_OK)
        st = act_done(&act, ST_OK, NULL, err);
    if (st == ST_OK && !given)
        sbuf_add(shown, password);
    if (made.p)
        crypto_wipe(made.p, made.n);
    sbuf_done(&made);
    return st == ST_CONFLICT ? ST_OK : st; /* another process was as quick: its password it is */
}

/* ---- every start ---- */

static status start(struct identity *i, const struct identity_options *o,
                    const char *first_password, struct sbuf *shown, struct error *err)
{
    int64_t now_ms = clock_wall_ms();
    str algorithm = o->algorithm ? str_z(o->algorithm) : STR("hybrid");
    if (!token_mode_find(algorithm, &i->mode))
        return fail(err, ST_INVALID, "no token algorithm is called '" STR_FMT "'",
                    STR_ARG(str_head(algorithm, 64)));
    bool sealed = false;
    status st = signers_sealed(i, &sealed, err);
    if (st == ST_OK)
        st = install_key(i, sealed, err);
    password_nobodys(&password_cost_default, i->nobody);
    if (st == ST_OK)
        st = first_tenant(i, now_ms, err);
    if (st == ST_OK)
        st = signers_start(i, now_ms, err);
    return st == ST_OK ? first_user(i, first_password, now_ms, shown, err) : st;
}

status identity_new(const struct identity_options *options, const char *first_password,
                    struct identity **out, struct sbuf *shown, struct error *err)
{
    struct identity *i = mem_new(struct identity);
    set_up(i, options);
    status st = !i->issuer.p || !i->data_dir.p || i->secret.full
                    ? fail(err, ST_LIMIT, "an option of the identities is too long")
                    : start(i, options, first_password, shown, err);
    if (st == ST_OK)
        *out = i;
    else
        identity_free(i);
    return st;
}

/* ---- keys, once a minute ---- */

static status rotate(struct identity *i, const struct actor *by, struct error *err)
{
    status st = act_permitted(by, PERMIT_INSTALLATION, err);
    if (st == ST_OK)
        st = turn_take(&i->changing, err);
    if (st != ST_OK)
        return st;
    st = signers_rotate(i, by->now_ms, err);
    turn_drop(&i->changing);
    return st;
}

status identity_rotate(struct identity *i, const struct actor *by, struct error *err)
{
    struct error why = {0};
    struct act act = {.i = i, .by = by, .action = "keys.rotate"};
    return act_done(&act, rotate(i, by, &why), &why, err);
}

void identity_jwks(struct identity *i, struct sbuf *out)
{
    struct token_keys *keys = signers_ref(i);
    token_keys_jwks(keys, clock_wall_ms(), out);
    token_keys_unref(keys);
}

void identity_tick(struct identity *i, int64_t now_ms)
{
    struct error err = {0};
    use_flush(i);
    if (signers_tick(i, now_ms, &err) != ST_OK)
        log_say(LOG_SECURITY, LOG_ERROR, "signing keys are not looked after",
                LOG_Z("why", err.text));
    atomic_store(&i->keys_loaded_ms, now_ms);
}
