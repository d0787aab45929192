/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: a login begins one, a refresh token keeps it going, and showing one twice ends it. */
#include "base/metric.h"
#include "codec/json_out.h"
#include "identity/identity_int.h"
#include "identity/session_int.h"
#include "os/log.h"

enum { AGENT_MAX = 256, ADDRESS_MAX = 64, CLAIMS_MAX = 4096, SESSIONS_MAX = 32 };

static str refresh_mac(const struct identity *i)
{
    return (str){(const char *)i->refresh_mac, sizeof i->refresh_mac};
}

/* RFC 9068, with the session and what the caller may read without asking us. */
static void write_claims(const struct identity *i, const struct user_record *u, str session,
                         int64_t now_ms, struct sbuf *to)
{
    char id[UID_SIZE];
    uid_new(now_ms, id);
    struct json_out o = json_out_on(to);
    json_out_object(&o);
    json_out_kv_str(&o, "iss", i->issuer);
    json_out_kv_str(&o, "sub", u->id);
    json_out_kv_str(&o, "aud", i->issuer);
    json_out_kv_i64(&o, "iat", now_ms / 1000);
    json_out_kv_i64(&o, "nbf", now_ms / 1000);
    json_out_kv_i64(&o, "exp", now_ms / 1000 + i->access_s);
    json_out_kv_str(&o, "jti", str_z(id));
    json_out_kv_str(&o, "sid", session);
    json_out_kv_str(&o, "tenant", u->tenant);
    json_out_kv_str(&o, "role", u->role);
    json_out_kv_str(&o, "name", u->name);
    json_out_object_end(&o);
}

static status access_token(struct identity *i, struct arena *a, const struct user_record *u,
                           str session, int64_t now_ms, str *out, struct error *err)
{
    struct sbuf claims, token;
    sbuf_init(&claims, CLAIMS_MAX);
    sbuf_init(&token, TOKEN_MAX + 1);
    write_claims(i, u, session, now_ms, &claims);
    struct token_keys *keys = signers_ref(i);
    status st = claims.full ? fail(err, ST_LIMIT, "the token is too long")
                            : token_sign(keys, STR("at+jwt"), sbuf_str(&claims), &token, err);
    token_keys_unref(keys);
    if (st == ST_OK) {
        *out = arena_str(a, sbuf_str(&token));
        st = out->p ? ST_OK : fail(err, ST_LIMIT, "no room for the token");
    }
    sbuf_done(&claims);
    sbuf_done(&token);
    return st;
}

static status give(struct identity *i, struct arena *a, const struct user_record *u, str session,
                   const struct credential *refresh, int64_t now_ms, struct tokens *out,
                   struct error *err)
{
    out->refresh = arena_str(a, str_z(refresh->text));
    out->expires_in = i->access_s;
    if (!out->refresh.p)
        return fail(err, ST_LIMIT, "no room for the token");
    return access_token(i, a, u, session, now_ms, &out->access, err);
}

static bool live(const struct session_record *s, int64_t now_ms)
{
    return !s->revoked && s->expires_ms > now_ms;
}

/* A user has so many sessions; the oldest goes when there is one more. */
static status make_room(struct identity *i, const struct user_record *u, int64_t now_ms,
                        struct error *err)
{
    struct arena a;
    arena_init(&a, ARENA_LARGE);
    struct session_record *s = NULL;
    size_t n = 0, alive = 0;
    status st = store_session_list(i->store, &a, u->tenant, u->id, &s, &n, err);
    for (size_t k = 0; st == ST_OK && k < n; k++)
        alive += live(&s[k], now_ms);
    for (size_t k = 0; st == ST_OK && k < n && alive >= SESSIONS_MAX; k++) {
        if (!live(&s[k], now_ms))
            continue;
        st = session_end(i, s[k].id, now_ms, err);
        alive--;
    }
    arena_done(&a);
    return st;
}

status session_begin(struct identity *i, struct arena *a, const struct user_record *u,
                     const struct login *l, struct tokens *out, struct error *err)
{
    char id[UID_SIZE];
    uid_new(l->now_ms, id);
    struct credential refresh = {0};
    credential_refresh(refresh_mac(i), str_z(id), &refresh);
    struct session_record s = {.id = str_z(id), .tenant = u->tenant, .user = u->id};
    s.refresh_hash = str_z(refresh.hash);
    s.address = str_head(l->address, ADDRESS_MAX);
    s.agent = str_head(l->agent, AGENT_MAX);
    /* A clock set back since the user was changed must not make this session older than that. */
    s.created_ms = l->now_ms > u->valid_from_ms ? l->now_ms : u->valid_from_ms;
    s.used_ms = l->now_ms;
    s.expires_ms = l->now_ms + (int64_t)i->refresh_s * 1000;
    status st = make_room(i, u, l->now_ms, err);
    if (st == ST_OK)
        st = store_session_add(i->store, &s, err);
    if (st == ST_OK)
        st = give(i, a, u, s.id, &refresh, l->now_ms, out, err);
    crypto_wipe(&refresh, sizeof refresh);
    return st;
}

/* ---- refreshing ---- */

static status over(struct error *err)
{
    return fail(err, ST_UNAUTHORIZED, "the session is over; log in again");
}

/* Somebody has a copy: which of the two is the thief cannot be told (RFC 9700, 4.14.2). */
static status stolen(struct identity *i, const struct session_record *s, str address,
                     int64_t now_ms, struct error *err)
{
    log_say(LOG_SECURITY, LOG_WARN, "refresh token shown twice", LOG_STR("session", s->id),
            LOG_STR("user", s->user), LOG_STR("address", address));
    status st = s->revoked ? ST_OK : session_end(i, s->id, now_ms, err);
    struct login_act act = {.tenant = s->tenant, .name = s->user, .address = address};
    act.action = "session.reuse";
    act.now_ms = now_ms;
    if (st == ST_OK && !s->revoked)
        st = act_login(i, &act, err);
    return st == ST_OK ? over(err) : st;
}

static status rotate(struct identity *i, struct arena *a, const struct session_record *s,
                     str address, int64_t now_ms, struct tokens *out, struct error *err)
{
    struct principal who;
    status st = principal_of_session(i, s->user, s->id, now_ms, &who, NULL);
    if (st != ST_OK)
        return st == ST_UNAUTHORIZED ? over(err) : fail(err, st, "the session cannot be read");
    struct credential refresh = {0};
    credential_refresh(refresh_mac(i), s->id, &refresh);
    st = store_session_rotate(i->store, s->id, s->refresh_hash, str_z(refresh.hash), now_ms, err);
    if (st == ST_CONFLICT) /* two showed it at once */
        st = stolen(i, s, address, now_ms, err);
    else if (st == ST_OK) {
        struct user_record u = {.id = s->user, .tenant = s->tenant, .name = str_z(who.name)};
        u.role = str_z(role_name(who.role));
        st = give(i, a, &u, s->id, &refresh, now_ms, out, err);
    }
    crypto_wipe(&refresh, sizeof refresh);
    return st;
}

status identity_refresh(struct identity *i, struct arena *a, str refresh, str address,
                        int64_t now_ms, struct tokens *out, struct error *err)
{
    str id;
    char hash[CREDENTIAL_HASH_SIZE];
    if (!credential_read_refresh(refresh_mac(i), refresh, &id, hash))
        return over(err);
    struct arena local;
    arena_init(&local, ARENA_SMALL);
    struct session_record s = {0};
    status st = store_session_get(i->store, &local, id, &s, err);
    if (st == ST_NOT_FOUND)
        st = over(err);
    else if (st == ST_OK && !crypto_equal(s.refresh_hash, str_z(hash)))
        st = stolen(i, &s, address, now_ms, err); /* it was ours, and it is not the one now good */
    else if (st == ST_OK)
        st = rotate(i, a, &s, address, now_ms, out, err);
    arena_done(&local);
    return st;
}

/* ---- ending ---- */

status session_end(struct identity *i, str id, int64_t now_ms, struct error *err)
{
    status st = store_session_revoke(i->store, id, err);
    if (st == ST_OK)
        credential_void(i, id, now_ms);
    return st;
}

static status end_these(struct identity *i, const struct session_record *s, size_t n, str but,
                        int64_t now_ms, struct error *err)
{
    status st = ST_OK;
    for (size_t k = 0; k < n && st == ST_OK; k++) {
        bool ends = live(&s[k], now_ms) && !str_eq(s[k].id, but);
        if (ends && but.n)
            st = store_session_revoke(i->store, s[k].id, err);
        if (ends && st == ST_OK)
            credential_void(i, s[k].id, now_ms);
    }
    return st;
}

status sessions_end(struct identity *i, const struct user_record *u, str but, int64_t now_ms,
                    struct error *err)
{
    struct arena a;
    arena_init(&a, ARENA_LARGE);
    struct session_record *s = NULL;
    size_t n = 0;
    status st = store_session_list(i->store, &a, u->tenant, u->id, &s, &n, err);
    if (st == ST_OK && !but.n)
        st = store_session_revoke_all(i->store, u->id, NULL, err);
    if (st == ST_OK)
        st = end_these(i, s, n, but, now_ms, err);
    arena_done(&a);
    return st;
}

static status logout(struct identity *i, const struct principal *who, int64_t now_ms,
                     struct error *err)
{
    if (who->kind != PRINCIPAL_USER)
        return fail(err, ST_INVALID, "a key has no session; revoke it instead");
    return session_end(i, str_z(who->key), now_ms, err);
}

status identity_logout(struct identity *i, const struct principal *who, struct error *err)
{
    struct error why = {0};
    struct actor by = {.who = who, .now_ms = clock_wall_ms()};
    struct act act = {.i = i, .by = &by, .action = "session.logout", .target = str_z(who->key)};
    return act_done(&act, logout(i, who, by.now_ms, &why), &why, err);
}

static status revoke(struct identity *i, const struct actor *by, str id, struct error *err)
{
    struct arena a;
    arena_init(&a, ARENA_SMALL);
    struct session_record s = {0};
    status st = store_session_get(i->store, &a, id, &s, err);
    bool there = st == ST_OK && str_eq(s.tenant, str_z(by->who->tenant));
    bool own = there && by->who->kind == PRINCIPAL_USER && str_eq(s.user, str_z(by->who->user));
    if (st == ST_OK || st == ST_NOT_FOUND)
        st = act_permitted(by, own ? PERMIT_SELF : PERMIT_USERS_ADMIN, err);
    if (st == ST_OK && !there)
        st = fail(err, ST_NOT_FOUND, "no session '" STR_FMT "'", STR_ARG(str_head(id, 64)));
    if (st == ST_OK)
        st = session_end(i, s.id, by->now_ms, err);
    arena_done(&a);
    return st;
}

status identity_session_revoke(struct identity *i, const struct actor *by, str id,
                               struct error *err)
{
    struct error why = {0};
    struct act act = {.i = i, .by = by, .action = "session.revoke", .target = id};
    return act_done(&act, revoke(i, by, id, &why), &why, err);
}
