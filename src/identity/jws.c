/* SPDX-License-Identifier: Apache-2.0 */
/* The signatures of a token.
 *
 *     header.payload.signature                          one
 *     header.payload.signature~header..signature        two, over the same payload
 *
 * A token with two stands or falls as a whole (docs/decisions/010).  Both headers say
 *     "crit": ["hyb"], "hyb": [first key, second key]
 * so that either half alone is refused by every implementation of RFC 7515, 4.1.11; the payload is
 * written once, so the halves cannot differ in it; and the first is always Ed25519, the second ML-DSA-65.
 *
 * Nothing of a token chooses how it is judged.  The ring says which algorithm each signature has; kid is
 * compared with the ids in the ring and used for nothing else; whatever else a header brings (a key, an
 * address of one) is no reason to look at it but one to refuse the token. */
#include "identity/jwt_int.h"

#include "codec/base64.h"
#include "codec/json_out.h"

#include <assert.h>

/* The first is what we write. */
static const char *const alg_names[ALG_COUNT][2] = {
    [ALG_ED25519] = {"EdDSA", "Ed25519"}, /* RFC 8037; RFC 9864 */
    [ALG_ML_DSA_65] = {"ML-DSA-65", NULL},
    [ALG_HS256] = {"HS256", NULL},
};

static status refuse(struct error *err, const char *why)
{
    return fail(err, ST_UNAUTHORIZED, "%s", why);
}

static status refuse_value(struct error *err, const char *what, str value)
{
    return fail(err, ST_UNAUTHORIZED, "%s '" STR_FMT "'", what, STR_ARG(str_head(value, KID_MAX)));
}

/* ---- writing ---- */

static void add_base64(struct sbuf *to, str bytes)
{
    char *p = sbuf_space(to, base64_encoded_max(bytes.n));
    if (p)
        sbuf_grew(to, base64url_encode(bytes, p));
}

/* `pair`: the keys of a hybrid token, else NULL. */
static void add_header(struct sbuf *to, const struct token_key *key,
                       const struct token_key *const *pair, str type)
{
    struct sbuf json;
    sbuf_init(&json, 1024);
    struct json_out o = json_out_on(&json);
    json_out_object(&o);
    json_out_kv_str(&o, "alg", str_z(alg_names[key->alg][0]));
    if (pair) {
        json_out_key(&o, STR("crit"));
        json_out_raw(&o, STR("[\"hyb\"]"));
        json_out_key(&o, STR("hyb"));
        json_out_array(&o);
        json_out_str(&o, pair[0]->kid);
        json_out_str(&o, pair[1]->kid);
        json_out_array_end(&o);
    }
    json_out_kv_str(&o, "kid", key->kid);
    if (type.n)
        json_out_kv_str(&o, "typ", type);
    json_out_object_end(&o);
    to->full = to->full || json.full;
    add_base64(to, sbuf_str(&json));
    sbuf_done(&json);
}

static status add_signature(struct sbuf *to, const struct token_key *key, str input,
                            struct error *err)
{
    unsigned char sig[SIGNATURE_MAX];
    size_t n = SHA256_SIZE;
    if (key->alg == ALG_HS256) {
        crypto_hmac_sha256(sbuf_str(&key->secret), input, sig);
    } else {
        n = signature_size(signing_key_kind(key->key));
        status st = signing_key_sign(key->key, input, sig, err);
        if (st != ST_OK)
            return st;
    }
    add_base64(to, (str){(const char *)sig, n});
    return ST_OK;
}

/* What is signed: header.payload. */
static void set_input(struct sbuf *input, const struct token_key *key,
                      const struct token_key *const *pair, str type, str payload)
{
    sbuf_clear(input);
    add_header(input, key, pair, type);
    sbuf_addc(input, '.');
    add_base64(input, payload);
}

static status sign_halves(const struct token_key *const *key, size_t n, str type, str payload,
                          struct sbuf *out, struct error *err)
{
    struct sbuf input;
    status st = ST_OK;
    sbuf_init(&input, TOKEN_MAX);
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        set_input(&input, key[i], n == 2 ? key : NULL, type, payload);
        str text = sbuf_str(&input);
        if (i == 1) {
            sbuf_addc(out, '~');
            text = str_head(text, str_find(text, '.') + 1); /* the payload stands already */
        }
        sbuf_add(out, text);
        sbuf_addc(out, '.');
        if (input.full)
            st = fail(err, ST_LIMIT, "a token would have more than %d bytes", TOKEN_MAX);
        else
            st = add_signature(out, key[i], sbuf_str(&input), err);
    }
    sbuf_done(&input);
    return st;
}

status jws_sign(const struct token_keys *k, str type, str payload, struct sbuf *out,
                struct error *err)
{
    const struct token_mode_row *m = &token_modes[k->mode];
    const struct token_key *key[2] = {NULL};
    for (size_t i = 0; i < m->signatures; i++) {
        key[i] = token_keys_current(k, m->alg[i]);
        assert(key[i]); /* or the ring would not be frozen */
    }
    size_t before = out->n;
    status st = sign_halves(key, m->signatures, type, payload, out, err);
    if (st == ST_OK && (out->full || out->n - before > TOKEN_MAX))
        st = fail(err, ST_LIMIT, "no room for a token, or more than %d bytes", TOKEN_MAX);
    if (st != ST_OK && out->p) {
        out->n = before;
        out->p[before] = '\0';
    }
    return st;
}

/* ---- reading ---- */

/* Decoded into the arena; false when it is not base64url without padding and stray bits. */
static bool decode(struct arena *a, str text, str *out)
{
    char *p = arena_bytes(a, base64_decoded_max(text.n));
    for (const char *c = "+/="; *c; c++)
        if (str_find(text, *c) < text.n)
            return false;
    if (!p || !base64_decode(text, p, &out->n))
        return false;
    out->p = p;
    return true;
}

struct header {
    str alg, kid, type, pair[2];
    unsigned seen; /* 1 << the member's place in the table below */
};
enum { HEADER_ALG, HEADER_KID, HEADER_TYP, HEADER_CRIT, HEADER_HYB, HEADER_COUNT };
static const char *const header_names[HEADER_COUNT] = {"alg", "kid", "typ", "crit", "hyb"};

/* An array of exactly `n` texts. */
static bool texts(json_node array, str *out, size_t n)
{
    if (json_kind(array) != JSON_IS_ARRAY || json_count(array) != n)
        return false;
    struct json_each it = json_each(array);
    for (size_t i = 0; json_each_next(&it); i++) {
        if (json_kind(it.value) != JSON_IS_STRING)
            return false;
        out[i] = json_str(it.value, STR(""));
    }
    return true;
}

static bool read_member(struct header *h, size_t which, json_node value)
{
    str *const text[] = {&h->alg, &h->kid, &h->type};
    str only = {0};
    if (which == HEADER_CRIT)
        return texts(value, &only, 1) && str_eq(only, STR("hyb"));
    if (which == HEADER_HYB)
        return texts(value, h->pair, 2);
    *text[which] = json_str(value, STR(""));
    return json_kind(value) == JSON_IS_STRING;
}

/* Texts of *h live in the document. */
static status read_header(json_node root, struct header *h, struct error *err)
{
    if (json_kind(root) != JSON_IS_OBJECT)
        return refuse(err, "the token's header is no object");
    for (struct json_each it = json_each(root); json_each_next(&it);) {
        size_t i = 0;
        while (i < HEADER_COUNT && !str_eq(it.key, str_z(header_names[i])))
            i++;
        if (i == HEADER_COUNT)
            return refuse_value(err, "the token's header has the member", it.key);
        if (h->seen >> i & 1)
            return refuse_value(err, "the token's header has twice the member", it.key);
        h->seen |= 1u << i;
        if (!read_member(h, i, it.value))
            return refuse_value(err, "the token's header has no valid", it.key);
    }
    return ST_OK;
}

static bool names(enum token_alg alg, str name)
{
    return str_eq(name, str_z(alg_names[alg][0])) ||
           (alg_names[alg][1] && str_eq(name, str_z(alg_names[alg][1])));
}

/* One signature of a token: its three parts, still encoded, and which of how many it is. */
struct half {
    str header, payload, signature;
    enum token_alg alg;
    size_t index, of;
};

/* Does the header say what must be said of this half?  Then *key is the one it names. */
static status judge_header(const struct token_keys *k, const struct half *half,
                           const struct header *h, str type, int64_t now_ms,
                           const struct token_key **key, struct error *err)
{
    unsigned need = 1u << HEADER_ALG | 1u << HEADER_KID;
    if (half->of == 2)
        need |= 1u << HEADER_CRIT | 1u << HEADER_HYB;
    if (type.n)
        need |= 1u << HEADER_TYP;
    if (!names(half->alg, h->alg))
        return refuse_value(err, "the token is not to be signed by algorithm", h->alg);
    if (h->seen != need)
        return refuse(err, "the token's header lacks a member, or has one too many");
    if (!str_eq(h->type, type))
        return refuse_value(err, "the token is of type", h->type);
    if (half->of == 2 && !str_eq(h->pair[half->index], h->kid))
        return refuse(err, "half of a token is signed by another key than it says");
    *key = token_keys_find(k, h->kid, half->alg, now_ms);
    return *key ? ST_OK
                : refuse_value(err, "the token is signed by no key of ours, but by", h->kid);
}

static bool good_signature(const struct token_key *key, str input, str signature)
{
    unsigned char mac[SHA256_SIZE];
    if (key->alg != ALG_HS256)
        return signing_key_verify(key->key, input, signature);
    crypto_hmac_sha256(sbuf_str(&key->secret), input, mac);
    return crypto_equal((str){(const char *)mac, sizeof mac}, signature);
}

static str signed_input(struct arena *a, const struct half *half)
{
    size_t n = half->header.n + 1 + half->payload.n;
    char *p = arena_bytes(a, n);
    if (!p)
        return (str){0};
    if (half->header.n)
        memcpy(p, half->header.p, half->header.n);
    p[half->header.n] = '.';
    if (half->payload.n)
        memcpy(p + half->header.n + 1, half->payload.p, half->payload.n);
    return (str){p, n};
}

/* `pair`: of a hybrid token, the keys the first half names; the second must name the same. */
static status verify_parsed(const struct token_keys *k, const struct half *half, json_node root,
                            str type, int64_t now_ms, struct arena *a, str pair[2],
                            struct error *err)
{
    struct header h = {0};
    const struct token_key *key = NULL;
    str signature;
    status st = read_header(root, &h, err);
    if (st == ST_OK)
        st = judge_header(k, half, &h, type, now_ms, &key, err);
    if (st != ST_OK)
        return st;
    assert(key);
    for (size_t i = 0; i < 2; i++) {
        if (half->index == 0)
            pair[i] = arena_str(a, h.pair[i]);
        else if (!str_eq(pair[i], h.pair[i]))
            return refuse(err, "the halves of the token name different keys");
    }
    str input = signed_input(a, half);
    if (!input.p || !decode(a, half->signature, &signature))
        return refuse(err, "the token's signature is not base64url");
    if (!good_signature(key, input, signature))
        return refuse(err, "the token's signature is wrong");
    return ST_OK;
}

static status verify_half(const struct token_keys *k, const struct half *half, str type,
                          int64_t now_ms, struct arena *a, str pair[2], struct error *err)
{
    struct json_doc *doc = NULL;
    str header;
    if (!decode(a, half->header, &header))
        return refuse(err, "the token's header is not base64url");
    if (json_doc_parse(header, TOKEN_MAX, &doc, NULL) != ST_OK)
        return refuse(err, "the token's header is not JSON");
    status st = verify_parsed(k, half, json_doc_root(doc), type, now_ms, a, pair, err);
    json_doc_free(doc);
    return st;
}

/* Exactly three parts. */
static bool cut(str text, struct half *out)
{
    size_t first = str_find(text, '.');
    str rest = str_from(text, first + 1);
    size_t second = str_find(rest, '.');
    if (first == text.n || second == rest.n)
        return false;
    out->header = str_head(text, first);
    out->payload = str_head(rest, second);
    out->signature = str_from(rest, second + 1);
    return str_find(out->signature, '.') == out->signature.n;
}

/* The halves the mode asks for; how many there are must be right. */
static status cut_all(const struct token_mode_row *m, str token, struct half half[2],
                      struct error *err)
{
    size_t tilde = str_find(token, '~');
    bool two = tilde < token.n;
    if (token.n > TOKEN_MAX)
        return fail(err, ST_UNAUTHORIZED, "the token has %zu bytes", token.n);
    if (two != (m->signatures == 2))
        return refuse(err, two ? "the token has two signatures, and one is demanded"
                               : "the token has one signature, and two are demanded");
    for (size_t i = 0; i < m->signatures; i++) {
        str text = i == 0 ? str_head(token, tilde) : str_from(token, tilde + 1);
        half[i] = (struct half){.alg = m->alg[i], .index = i, .of = m->signatures};
        if (!cut(text, &half[i]))
            return refuse(err, "the token has not three parts");
    }
    if (two && half[1].payload.n)
        return refuse(err, "the second half of the token has a payload of its own");
    if (two)
        half[1].payload = half[0].payload;
    return ST_OK;
}

status jws_verify(const struct token_keys *k, str token, str type, int64_t now_ms, struct arena *a,
                  str *payload, struct error *err)
{
    const struct token_mode_row *m = &token_modes[k->mode];
    struct half half[2] = {0};
    str pair[2] = {0};
    status st = cut_all(m, token, half, err);
    for (size_t i = 0; i < m->signatures && st == ST_OK; i++)
        st = verify_half(k, &half[i], type, now_ms, a, pair, err);
    if (st == ST_OK && !decode(a, half[0].payload, payload))
        return refuse(err, "the token's payload is not base64url");
    return st;
}
