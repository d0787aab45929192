/* SPDX-License-Identifier: Apache-2.0 */
/* Who shows this token or key?
 *
 * What was verified within the last minute answers from the cache.  Everything else asks the store as
 * well as the signature: a session that ended before this process started, or that another one ends,
 * a user that it disabled, are known here within that minute, and what this process changed at once:
 *
 * A session or key that ended never comes back, so the cache refuses its id from then on.  A user who
 * was changed does go on, so only what is cached of them is dropped.  Somebody may be verifying a
 * key of theirs just then, with what the store said before; so whoever adds to the cache looks
 * whether the generation has grown meanwhile, and drops what they added when it has. */
#include "base/metric.h"
#include "identity/identity_int.h"
#include "os/log.h"

enum { LOOK_EVERY_MS = 10 * 1000, LOG_EVERY_MS = 100 };

void user_changed(struct identity *i, str user, int64_t now_ms)
{
    atomic_fetch_add(&i->generation, 1);
    token_cache_forget(i->cache, user, now_ms, now_ms);
}

void everybody_changed(struct identity *i)
{
    atomic_fetch_add(&i->generation, 1);
    token_cache_clear(i->cache);
}

void credential_void(struct identity *i, str id, int64_t now_ms)
{
    int64_t longest = ((int64_t)i->access_s + LEEWAY_S) * 1000;
    token_cache_forget(i->cache, id, now_ms,
                       now_ms + (longest > CACHED_MS ? longest : CACHED_MS) + 1);
}

/* RFC 6750, 2.1; the scheme in any case (RFC 9110, 11.1). */
static bool bearer(str header, str *out)
{
    str rest = str_trim(header);
    str scheme = str_cut(&rest, ' ');
    *out = str_trim(rest);
    return str_ieq(scheme, STR("bearer")) && out->n > 0 && out->n <= TOKEN_MAX;
}

/* Did another process make new keys?  Asked when a token does not verify, but not for every one. */
static bool look_for_keys(struct identity *i, int64_t now_ms)
{
    if (i->mode == TOKEN_HS256)
        return false;
    long long last = atomic_load(&i->keys_loaded_ms);
    if (now_ms - last < LOOK_EVERY_MS ||
        !atomic_compare_exchange_strong(&i->keys_loaded_ms, &last, now_ms))
        return false;
    struct error err = {0};
    if (signers_load(i, &err) == ST_OK)
        return true;
    log_say(LOG_SECURITY, LOG_ERROR, "signing keys cannot be read", LOG_Z("why", err.text));
    return false;
}

static status verify(struct identity *i, str token, int64_t now_ms, struct token_claims *out,
                     struct error *err)
{
    struct token_expect e = {.issuer = i->issuer, .audience = i->issuer, .type = STR("at+jwt")};
    e.now_ms = now_ms;
    e.leeway_s = LEEWAY_S;
    struct token_keys *keys = signers_ref(i);
    status st = token_verify(keys, token, &e, out, err);
    token_keys_unref(keys);
    return st;
}

static status of_token(struct identity *i, str token, int64_t now_ms, struct principal *out,
                       int64_t *issued_ms, struct error *err)
{
    struct token_claims claims = {0};
    status st = verify(i, token, now_ms, &claims, err);
    if (st == ST_UNAUTHORIZED && look_for_keys(i, now_ms))
        st = verify(i, token, now_ms, &claims, err);
    if (st == ST_OK) {
        st = principal_of_session(i, claims.subject, claims.session, now_ms, out, err);
        out->expires_ms = claims.expires_ms;
        *issued_ms = claims.issued_ms;
        if (st == ST_UNAUTHORIZED) /* token_verify counts what it refuses itself */
            metric_inc(METRIC_TOKENS_REFUSED);
    }
    token_claims_done(&claims);
    return st;
}

/* Also says whether it was revoked while it was being verified. */
static bool keep(struct identity *i, str text, const struct principal *who, int64_t issued_ms,
                 uint64_t generation, int64_t now_ms)
{
    int64_t until_ms = now_ms + CACHED_MS;
    if (who->expires_ms && who->expires_ms < until_ms)
        until_ms = who->expires_ms;
    struct token_cache_entry e = {.token = text, .issued_ms = issued_ms, .expires_ms = until_ms};
    e.id = str_z(who->user);
    e.session = str_z(who->key);
    e.who = who;
    bool good = token_cache_add(i->cache, &e, now_ms);
    if (atomic_load(&i->generation) != generation)
        token_cache_forget(i->cache, e.session, now_ms, now_ms);
    return good;
}

/* For the log, ten a second at most: somebody who guesses must not push the rest out of it. */
static status refuse(struct identity *i, const char *why, int64_t now_ms, struct error *err)
{
    long long last = atomic_load(&i->refusal_ms);
    if (now_ms - last >= LOG_EVERY_MS &&
        atomic_compare_exchange_strong(&i->refusal_ms, &last, now_ms))
        log_say(LOG_SECURITY, LOG_INFO, "credential refused", LOG_Z("why", why),
                LOG_INT("unlogged_before", atomic_exchange(&i->refusals, 0)));
    else
        atomic_fetch_add(&i->refusals, 1);
    return fail(err, ST_UNAUTHORIZED, "the token or key is missing or not valid");
}

static status verified(struct identity *i, str text, int64_t now_ms, struct principal *out,
                       struct error *why)
{
    uint64_t generation = atomic_load(&i->generation);
    int64_t issued_ms = now_ms;
    bool key = credential_is_key(text);
    struct principal who = {0};
    status st = key ? principal_of_key(i, text, now_ms, &who, why)
                    : of_token(i, text, now_ms, &who, &issued_ms, why);
    if (st == ST_UNAUTHORIZED && key)
        metric_inc(METRIC_TOKENS_REFUSED);
    if (st == ST_OK && !keep(i, text, &who, issued_ms, generation, now_ms)) {
        metric_inc(METRIC_TOKENS_REFUSED);
        st = fail(why, ST_UNAUTHORIZED, "it was revoked");
    }
    if (st == ST_OK)
        *out = who;
    return st;
}

status identity_authenticate(struct identity *i, str authorization, int64_t now_ms, bool may_block,
                             struct principal *out, struct error *err)
{
    str text;
    if (!bearer(authorization, &text))
        return refuse(i, "no bearer token", now_ms, err);
    struct principal who;
    if (!token_cache_find(i->cache, text, now_ms, &who)) {
        if (!may_block)
            return fail(err, ST_BUSY, "the token or key is not known yet");
        struct error why = {0};
        status st = verified(i, text, now_ms, &who, &why);
        if (st == ST_UNAUTHORIZED)
            return refuse(i, why.text, now_ms, err);
        if (st != ST_OK) {
            if (err)
                *err = why;
            return st;
        }
    }
    if (who.kind != PRINCIPAL_USER)
        use_note(i, str_z(who.key), now_ms);
    *out = who;
    return ST_OK;
}
