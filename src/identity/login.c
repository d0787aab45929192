/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords: shown at a login, changed by their owner.
 *
 * Nobody learns from an answer or from how long it took whether a name exists: an unknown one is
 * compared with a hash all the same, fails in the same words and is locked after as many tries.
 * A turn is taken before the user is read, so that tries side by side are counted before the next
 * begins: two at once, whatever the number of connections. */
#include "base/hash.h"
#include "base/metric.h"
#include "codec/ip.h"
#include "identity/identity_int.h"
#include "identity/session_int.h"
#include "os/log.h"

status password_make(struct identity *i, str password, char out[static PASSWORD_HASH_MAX],
                     struct error *err)
{
    status st = turn_take(&i->hashing, err);
    if (st != ST_OK)
        return st;
    st = password_hash(password, &password_cost_default, out, err);
    turn_drop(&i->hashing);
    return st;
}

/* Whoever has one IPv6 address has its /64. */
static uint64_t address_key(str address)
{
    struct ip ip;
    if (!ip_parse(address, &ip))
        return hash_bytes(address, hash_seed());
    return hash_bytes((str){(const char *)ip.byte, ip.v6 ? 8 : 16}, hash_seed());
}

/* People type passwords where the name belongs: only what could be a name is written down. */
static str logged_name(str name)
{
    return policy_name_valid(name) ? name : STR("");
}

static status locked(const struct login *l, int64_t wait_ms, uint32_t *retry_s, struct error *err)
{
    metric_inc(METRIC_LOGIN_LOCKED);
    *retry_s = (uint32_t)((wait_ms + 999) / 1000);
    log_say(LOG_SECURITY, LOG_INFO, "login while locked", LOG_STR("user", logged_name(l->name)),
            LOG_STR("address", l->address), LOG_INT("retry_s", *retry_s));
    return fail(err, ST_BUSY, "too many failed logins; try again in %u s", *retry_s);
}

/* Somebody's row, or nobody's: then u.id is empty. */
static status read_user(struct identity *i, struct arena *a, str name, struct user_record *u,
                        struct error *err)
{
    *u = (struct user_record){0};
    if (!policy_name_valid(name))
        return ST_OK;
    status st = store_user_by_name(i->store, a, name, u, err);
    if (st == ST_NOT_FOUND)
        *u = (struct user_record){0};
    return st == ST_NOT_FOUND ? ST_OK : st;
}

static bool right(struct identity *i, const struct user_record *u, str password, bool *stale)
{
    bool can = u->id.n && u->password_hash.n && password.n <= PASSWORD_MAX_BYTES;
    str hash = can ? u->password_hash : str_z(i->nobody);
    bool same = password_matches(str_head(password, PASSWORD_MAX_BYTES), hash,
                                 &password_cost_default, stale);
    return can && same;
}

/* One more failure of this user, or of nobody; how long that locks. */
static status count_failure(struct identity *i, const struct user_record *u, const struct login *l,
                            int64_t *lock_ms, struct error *err)
{
    if (!u->id.n) {
        *lock_ms = throttle_failed(&i->names, hash_bytes(l->name, hash_seed()), l->now_ms);
        return ST_OK;
    }
    *lock_ms = throttle_lock_ms((uint64_t)u->failed + 1, i->lock_after, i->lock_s);
    return store_user_login(i->store, u->id, false, l->now_ms, *lock_ms ? l->now_ms + *lock_ms : 0,
                            NULL, err);
}

static status failed(struct identity *i, const struct user_record *u, const struct login *l,
                     struct error *err)
{
    int64_t lock_ms = 0;
    metric_inc(METRIC_LOGIN_FAILED);
    (void)throttle_failed(&i->addresses, address_key(l->address), l->now_ms);
    status st = count_failure(i, u, l, &lock_ms, err);
    log_say(LOG_SECURITY, LOG_WARN, "login failed", LOG_STR("user", logged_name(l->name)),
            LOG_STR("address", l->address), LOG_INT("locked_s", lock_ms / 1000));
    struct login_act act = {.tenant = u->tenant, .address = l->address, .action = "session.lock"};
    act.name = logged_name(l->name);
    act.now_ms = l->now_ms;
    if (st == ST_OK && lock_ms)
        st = act_login(i, &act, err);
    return st == ST_OK ? fail(err, ST_UNAUTHORIZED, "the name or the password is wrong") : st;
}

/* The hash was made when less was thought enough.  Failing to renew it fails nothing. */
static status renew(struct identity *i, str name, str old_hash, str password, struct error *err)
{
    char hash[PASSWORD_HASH_MAX];
    status st = password_make(i, password, hash, err);
    if (st != ST_OK)
        return st;
    struct arena a;
    arena_init(&a, ARENA_SMALL);
    struct user_record u;
    st = read_user(i, &a, name, &u, err);
    bool same = st == ST_OK && str_eq(u.password_hash, old_hash); /* else: changed meanwhile */
    u.password_hash = str_z(hash);
    if (same)
        st = store_user_update(i->store, &u, err);
    arena_done(&a);
    return st;
}

static void renew_hash(struct identity *i, str name, str old_hash, str password)
{
    struct error err = {0};
    status st = turn_take(&i->changing, &err);
    if (st == ST_OK) {
        st = renew(i, name, old_hash, password, &err);
        turn_drop(&i->changing);
    }
    if (st != ST_OK)
        log_say(LOG_SECURITY, LOG_WARN, "password hash not renewed", LOG_STR("user", name),
                LOG_Z("why", err.text));
}

static status succeeded(struct identity *i, struct arena *a, const struct user_record *u,
                        const struct login *l, struct tokens *out, struct error *err)
{
    status st = store_user_login(i->store, u->id, true, l->now_ms, 0, NULL, err);
    if (st == ST_OK)
        st = session_begin(i, a, u, l, out, err);
    struct login_act act = {.tenant = u->tenant, .name = u->name, .address = l->address};
    act.action = "session.login";
    act.now_ms = l->now_ms;
    act.ok = true;
    if (st == ST_OK)
        st = act_login(i, &act, err);
    if (st != ST_OK)
        return st;
    metric_inc(METRIC_LOGIN_OK);
    log_say(LOG_SECURITY, LOG_INFO, "login", LOG_STR("user", u->name), LOG_STR("tenant", u->tenant),
            LOG_STR("address", l->address));
    return ST_OK;
}

static int64_t wait_of(struct identity *i, const struct user_record *u, const struct login *l)
{
    return u->id.n ? u->locked_until_ms - l->now_ms
                   : throttle_wait_ms(&i->names, hash_bytes(l->name, hash_seed()), l->now_ms);
}

/* With a turn to hash.  *stale: the hash is to be renewed. */
static status login(struct identity *i, struct arena *a, const struct user_record *u,
                    const struct login *l, struct tokens *out, bool *stale, struct error *err)
{
    bool good = right(i, u, l->password, stale) && !u->disabled;
    status st = good ? tenant_open(i, u->tenant, err) : ST_UNAUTHORIZED;
    if (st == ST_UNAUTHORIZED)
        return failed(i, u, l, err);
    return st == ST_OK ? succeeded(i, a, u, l, out, err) : st;
}

static status login_in_turn(struct identity *i, struct arena *a, const struct user_record *u,
                            const struct login *l, struct tokens *out, uint32_t *retry_s,
                            bool *stale, struct error *err)
{
    int64_t wait_ms = wait_of(i, u, l);
    return wait_ms > 0 ? locked(l, wait_ms, retry_s, err) : login(i, a, u, l, out, stale, err);
}

status identity_login(struct identity *i, struct arena *a, str name, str password, str address,
                      str agent, int64_t now_ms, struct tokens *out, uint32_t *retry_s,
                      struct error *err)
{
    struct login l = {name, password, address, agent, now_ms};
    *retry_s = 0;
    int64_t wait_ms = throttle_wait_ms(&i->addresses, address_key(address), now_ms);
    if (wait_ms > 0)
        return locked(&l, wait_ms, retry_s, err);
    status st = turn_take(&i->hashing, err);
    if (st != ST_OK) {
        *retry_s = 1;
        return st;
    }
    struct arena local;
    arena_init(&local, ARENA_SMALL);
    struct user_record u;
    bool stale = false;
    st = read_user(i, &local, name, &u, err);
    if (st == ST_OK)
        st = login_in_turn(i, a, &u, &l, out, retry_s, &stale, err);
    turn_drop(&i->hashing);
    if (st == ST_OK && stale)
        renew_hash(i, name, u.password_hash, password);
    arena_done(&local);
    return st;
}

/* ---- one's own password ---- */

/* Guessing here is guessing at a login: it counts, and it locks. */
static status check_old(struct identity *i, const struct user_record *u, const struct actor *by,
                        str old_password, struct error *err)
{
    struct login l = {.name = u->name, .address = by->address, .now_ms = by->now_ms};
    if (u->locked_until_ms > by->now_ms)
        return fail(err, ST_BUSY, "too many failed logins; try again in %lld s",
                    (long long)((u->locked_until_ms - by->now_ms + 999) / 1000));
    bool good = right(i, u, old_password, NULL);
    if (good)
        return ST_OK;
    status st = failed(i, u, &l, err);
    return st == ST_UNAUTHORIZED ? fail(err, ST_FORBIDDEN, "the old password is wrong") : st;
}

/* Others' sessions end before and after: one that began in between knew only the old password. */
static status replace(struct identity *i, const struct user_record *u, const struct actor *by,
                      str new_password, struct error *err)
{
    char hash[PASSWORD_HASH_MAX];
    struct user_record after = *u;
    status st = password_hash(new_password, &password_cost_default, hash, err);
    if (st == ST_OK)
        st = sessions_end(i, u, str_z(by->who->key), by->now_ms, err);
    after.password_hash = str_z(hash);
    after.changed_ms = by->now_ms;
    if (st == ST_OK)
        st = store_user_update(i->store, &after, err);
    if (st == ST_OK)
        st = sessions_end(i, u, str_z(by->who->key), by->now_ms, err);
    return st;
}

static status change_own(struct identity *i, struct arena *a, const struct actor *by,
                         str old_password, str new_password, struct error *err)
{
    struct user_record u = {0};
    status st = store_user_get(i->store, a, str_z(by->who->tenant), str_z(by->who->user), &u, err);
    if (st == ST_OK)
        st = check_old(i, &u, by, old_password, err);
    if (st == ST_OK)
        st = policy_password(u.name, new_password, err);
    if (st == ST_OK && str_eq(old_password, new_password))
        st = fail(err, ST_INVALID, "the new password is the old one");
    return st == ST_OK ? replace(i, &u, by, new_password, err) : st;
}

static status password(struct identity *i, const struct actor *by, str old_password,
                       str new_password, struct error *err)
{
    if (by->who->kind != PRINCIPAL_USER || !principal_may(by->who, PERMIT_SELF))
        return fail(err, ST_FORBIDDEN, "only the user can change the password");
    status st = turn_take(&i->changing, err);
    if (st != ST_OK)
        return st;
    st = turn_take(&i->hashing, err);
    if (st == ST_OK) {
        struct arena a;
        arena_init(&a, ARENA_SMALL);
        st = change_own(i, &a, by, old_password, new_password, err);
        arena_done(&a);
        turn_drop(&i->hashing);
    }
    turn_drop(&i->changing);
    return st;
}

status identity_password(struct identity *i, const struct actor *by, str old_password,
                         str new_password, struct error *err)
{
    struct error why = {0};
    struct act act = {.i = i, .by = by, .action = "user.password", .target = str_z(by->who->user)};
    return act_done(&act, password(i, by, old_password, new_password, &why), &why, err);
}
