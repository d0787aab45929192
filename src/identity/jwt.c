/* SPDX-License-Identifier: Apache-2.0 */
/* What a token says, and whether it may (RFC 7519; RFC 8725 for what to be strict about). */
#include "identity/jwt_int.h"

#include "base/metric.h"
#include "codec/json_scan.h"

enum { MEMBERS_MAX = 64, ARENA_MAX = 8 * TOKEN_MAX };
static const int64_t date_max = 253402300799; /* the year 9999, so that milliseconds fit */

status token_sign(const struct token_keys *k, str type, str claims, struct sbuf *out,
                  struct error *err)
{
    status st = json_check(claims, JSON_DEPTH_DEFAULT, err);
    if (st == ST_OK && !str_starts(str_trim(claims), STR("{")))
        st = fail(err, ST_INVALID, "the claims of a token are no object");
    return st == ST_OK ? jws_sign(k, type, claims, out, err) : st;
}

static status refuse(struct error *err, const char *why)
{
    return fail(err, ST_UNAUTHORIZED, "%s", why);
}

/* No object in it has a member twice (RFC 8725, 2.4: readers differ in which one counts), or very many. */
static bool unique(json_node n)
{
    str seen[MEMBERS_MAX];
    size_t count = 0;
    bool members = json_kind(n) == JSON_IS_OBJECT;
    if (members && json_count(n) > MEMBERS_MAX)
        return false;
    for (struct json_each it = json_each(n); json_each_next(&it);) {
        for (size_t i = 0; members && i < count; i++)
            if (str_eq(seen[i], it.key))
                return false;
        if (members)
            seen[count++] = it.key;
        if (!unique(it.value))
            return false;
    }
    return true;
}

/* Seconds, as milliseconds.  A date that is there must be one. */
static bool date(json_node root, str name, bool required, int64_t otherwise, int64_t *out)
{
    json_node n = json_get(root, name);
    int64_t s = json_int(n, -1);
    *out = otherwise;
    if (json_kind(n) == JSON_IS_ABSENT)
        return !required;
    if (s < 0 || s > date_max)
        return false;
    *out = s * 1000;
    return true;
}

/* A text that is there must be one. */
static bool text(json_node root, str name, str *out)
{
    json_node n = json_get(root, name);
    *out = json_str(n, STR(""));
    return json_kind(n) == JSON_IS_ABSENT || json_kind(n) == JSON_IS_STRING;
}

static bool for_audience(json_node aud, str want)
{
    bool found = str_eq(json_str(aud, (str){0}), want) && json_kind(aud) == JSON_IS_STRING;
    if (json_kind(aud) != JSON_IS_ARRAY)
        return found;
    for (struct json_each it = json_each(aud); json_each_next(&it);) {
        if (json_kind(it.value) != JSON_IS_STRING)
            return false;
        found = found || str_eq(json_str(it.value, (str){0}), want);
    }
    return found;
}

static status judge_dates(json_node root, const struct token_expect *e, struct token_claims *c,
                          struct error *err)
{
    int64_t leeway = (int64_t)e->leeway_s * 1000, not_before;
    if (!date(root, STR("exp"), true, 0, &c->expires_ms) ||
        !date(root, STR("iat"), true, 0, &c->issued_ms) ||
        !date(root, STR("nbf"), false, 0, &not_before))
        return refuse(err, "the token lacks a date, or has one that is none");
    if (e->now_ms - leeway >= c->expires_ms)
        return fail(err, ST_UNAUTHORIZED, "the token expired %lld s ago",
                    (long long)((e->now_ms - c->expires_ms) / 1000));
    if (c->issued_ms - leeway > e->now_ms)
        return refuse(err, "the token was issued in the future");
    if (not_before - leeway > e->now_ms)
        return refuse(err, "the token is not valid yet");
    return ST_OK;
}

/* Texts of *c live in the document. */
static status judge_claims(json_node root, const struct token_expect *e, struct token_claims *c,
                           struct error *err)
{
    str issuer;
    if (json_kind(root) != JSON_IS_OBJECT)
        return refuse(err, "the token's claims are no object");
    if (!unique(root))
        return refuse(err, "the token has a member twice, or too many");
    if (!text(root, STR("iss"), &issuer) || !str_eq(issuer, e->issuer))
        return fail(err, ST_UNAUTHORIZED, "the token is from '" STR_FMT "'",
                    STR_ARG(str_head(issuer, KID_MAX)));
    if (!for_audience(json_get(root, STR("aud")), e->audience))
        return refuse(err, "the token is not for us");
    if (!text(root, STR("sub"), &c->subject) || !text(root, STR("jti"), &c->id) ||
        !text(root, STR("sid"), &c->session))
        return refuse(err, "the token's sub, jti or sid is no text");
    c->root = root;
    return judge_dates(root, e, c, err);
}

static status verify(const struct token_keys *k, str token, const struct token_expect *e,
                     struct token_claims *out, struct error *err)
{
    struct arena a;
    struct token_claims c = {0};
    str payload;
    arena_init(&a, ARENA_MAX);
    status st = jws_verify(k, token, e->type, e->now_ms, &a, &payload, err);
    if (st == ST_OK && json_doc_parse(payload, TOKEN_MAX, &c.doc, NULL) != ST_OK)
        st = refuse(err, "the token's claims are not JSON");
    if (st == ST_OK)
        st = judge_claims(json_doc_root(c.doc), e, &c, err);
    if (st == ST_OK)
        *out = c;
    else
        token_claims_done(&c);
    arena_done(&a);
    return st;
}

status token_verify(const struct token_keys *k, str token, const struct token_expect *e,
                    struct token_claims *out, struct error *err)
{
    status st = verify(k, token, e, out, err);
    metric_inc(st == ST_OK ? METRIC_TOKENS_VERIFIED : METRIC_TOKENS_REFUSED);
    return st;
}

void token_claims_done(struct token_claims *c)
{
    json_doc_free(c->doc);
    *c = (struct token_claims){0};
}
