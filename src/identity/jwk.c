/* SPDX-License-Identifier: Apache-2.0 */
/* Keys for tokens: their ids, the ring of them, and what of it is public. */
#include "identity/jwt_int.h"

#include "base/mem.h"
#include "codec/base64.h"
#include "codec/json_out.h"

#include <assert.h>

const struct token_mode_row token_modes[TOKEN_MODE_COUNT] = {
    [TOKEN_ED25519] = {"ed25519", 1, {ALG_ED25519}},
    [TOKEN_ML_DSA_65] = {"ml-dsa-65", 1, {ALG_ML_DSA_65}},
    [TOKEN_HYBRID] = {"hybrid", 2, {ALG_ED25519, ALG_ML_DSA_65}},
    [TOKEN_HS256] = {"hs256", 1, {ALG_HS256}},
};

const char *token_mode_name(enum token_mode m)
{
    return token_modes[m].name;
}

bool token_mode_find(str name, enum token_mode *out)
{
    for (enum token_mode m = 0; m < TOKEN_MODE_COUNT; m++) {
        if (str_eq(name, str_z(token_modes[m].name))) {
            *out = m;
            return true;
        }
    }
    return false;
}

enum { PUBLIC_TEXT_MAX = (SIGN_PUBLIC_MAX + 2) / 3 * 4 };

/* The public key as base64url. */
static str public_text(const struct signing_key *key, char out[static PUBLIC_TEXT_MAX])
{
    unsigned char bytes[SIGN_PUBLIC_MAX];
    signing_key_public(key, bytes);
    str s = {(const char *)bytes, signature_public_size(signing_key_kind(key))};
    return (str){out, base64url_encode(s, out)};
}

static size_t digest_text(str data, char out[static TOKEN_KID_SIZE])
{
    unsigned char digest[SHA256_SIZE];
    crypto_sha256(data, digest);
    size_t n = base64url_encode((str){(const char *)digest, sizeof digest}, out);
    out[n] = '\0';
    return n;
}

/* The members that make the key what it is, sorted, without white space. */
void token_kid(const struct signing_key *key, char out[static TOKEN_KID_SIZE])
{
    char text[PUBLIC_TEXT_MAX];
    str public = public_text(key, text);
    struct sbuf json;
    sbuf_init(&json, PUBLIC_TEXT_MAX + 64);
    if (signing_key_kind(key) == SIGN_ED25519)
        sbuf_addf(&json, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"" STR_FMT "\"}",
                  STR_ARG(public));
    else
        sbuf_addf(&json, "{\"alg\":\"ML-DSA-65\",\"kty\":\"AKP\",\"pub\":\"" STR_FMT "\"}",
                  STR_ARG(public));
    assert(!json.full);
    digest_text(sbuf_str(&json), out);
    sbuf_done(&json);
}

/* A secret's thumbprint would be its plain digest; this one tells nothing to who has not the secret. */
static void secret_kid(str secret, char out[static TOKEN_KID_SIZE])
{
    unsigned char mac[SHA256_SIZE];
    crypto_hmac_sha256(secret, STR("bguard token key id"), mac);
    digest_text((str){(const char *)mac, sizeof mac}, out);
}

struct token_keys *token_keys_new(enum token_mode mode)
{
    struct token_keys *k = mem_new(struct token_keys);
    atomic_init(&k->holders, 1);
    k->mode = mode;
    return k;
}

struct token_keys *token_keys_ref(struct token_keys *k)
{
    atomic_fetch_add_explicit(&k->holders, 1, memory_order_relaxed);
    return k;
}

void token_keys_unref(struct token_keys *k)
{
    if (!k || atomic_fetch_sub_explicit(&k->holders, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < k->n; i++) {
        signing_key_free(k->key[i].key);
        crypto_wipe(k->key[i].secret.p, k->key[i].secret.n);
        sbuf_done(&k->key[i].secret);
    }
    mem_free(k);
}

status token_keys_put(struct token_keys *k, str kid, enum token_alg alg, struct token_key **out,
                      struct error *err)
{
    assert(!k->frozen && kid.n <= KID_MAX);
    for (size_t i = 0; i < k->n; i++)
        if (str_eq(k->key[i].kid, kid))
            return fail(err, ST_CONFLICT, "the key '" STR_FMT "' is there already", STR_ARG(kid));
    if (k->n == TOKEN_KEYS_MAX)
        return fail(err, ST_LIMIT, "more than %d keys for tokens", TOKEN_KEYS_MAX);
    struct token_key *key = &k->key[k->n++];
    memcpy(key->kid_text, kid.p, kid.n);
    key->kid = (str){key->kid_text, kid.n};
    key->alg = alg;
    *out = key;
    return ST_OK;
}

status token_keys_add(struct token_keys *k, const struct token_key_row *row, struct error *err)
{
    struct signing_key *key = NULL;
    struct token_key *put = NULL;
    char kid[TOKEN_KID_SIZE];
    status st = signing_key_from_seed(row->kind, row->seed, &key, err);
    if (st != ST_OK)
        return st;
    token_kid(key, kid);
    if (row->kid.n && !str_eq(row->kid, str_z(kid)))
        st = fail(err, ST_INVALID, "the key '" STR_FMT "' has the seed of another",
                  STR_ARG(str_head(row->kid, KID_MAX)));
    else
        st = token_keys_put(k, str_z(kid), row->kind == SIGN_ED25519 ? ALG_ED25519 : ALG_ML_DSA_65,
                            &put, err);
    if (st != ST_OK) {
        signing_key_free(key);
        return st;
    }
    assert(put);
    put->key = key;
    put->created_ms = row->created_ms;
    put->retired_ms = row->retired_ms;
    put->expires_ms = row->expires_ms;
    return ST_OK;
}

status token_keys_add_secret(struct token_keys *k, str secret, struct error *err)
{
    char kid[TOKEN_KID_SIZE];
    struct token_key *put = NULL;
    if (secret.n < TOKEN_SECRET_MIN || secret.n > SECRET_MAX)
        return fail(err, ST_INVALID, "a secret for tokens of %zu bytes, not %d to %d", secret.n,
                    TOKEN_SECRET_MIN, SECRET_MAX);
    secret_kid(secret, kid);
    status st = token_keys_put(k, str_z(kid), ALG_HS256, &put, err);
    if (st != ST_OK)
        return st;
    assert(put);
    sbuf_init(&put->secret, SECRET_MAX);
    sbuf_add(&put->secret, secret);
    return ST_OK;
}

status token_keys_freeze(struct token_keys *k, struct error *err)
{
    const struct token_mode_row *m = &token_modes[k->mode];
    for (size_t i = 0; i < m->signatures; i++)
        if (!token_keys_current(k, m->alg[i]))
            return fail(err, ST_INVALID, "tokens of mode '%s' lack a key to sign with", m->name);
    k->frozen = true;
    return ST_OK;
}

static bool over(const struct token_key *key, int64_t now_ms)
{
    return key->expires_ms && now_ms >= key->expires_ms;
}

const struct token_key *token_keys_find(const struct token_keys *k, str kid, enum token_alg alg,
                                        int64_t now_ms)
{
    for (size_t i = 0; i < k->n; i++)
        if (k->key[i].alg == alg && str_eq(k->key[i].kid, kid))
            return over(&k->key[i], now_ms) ? NULL : &k->key[i];
    return NULL;
}

const struct token_key *token_keys_current(const struct token_keys *k, enum token_alg alg)
{
    const struct token_key *newest = NULL;
    for (size_t i = 0; i < k->n; i++) {
        const struct token_key *key = &k->key[i];
        if (key->alg == alg && !key->retired_ms &&
            (!newest || key->created_ms >= newest->created_ms))
            newest = key;
    }
    return newest;
}

static void write_jwk(struct json_out *o, const struct token_key *key)
{
    char text[PUBLIC_TEXT_MAX];
    str public = public_text(key->key, text);
    bool ed25519 = key->alg == ALG_ED25519;
    json_out_object(o);
    json_out_kv_str(o, "kty", ed25519 ? STR("OKP") : STR("AKP"));
    if (ed25519)
        json_out_kv_str(o, "crv", STR("Ed25519"));
    json_out_kv_str(o, "alg", ed25519 ? STR("EdDSA") : STR("ML-DSA-65"));
    json_out_kv_str(o, "use", STR("sig"));
    json_out_kv_str(o, "kid", key->kid);
    json_out_kv_str(o, ed25519 ? "x" : "pub", public);
    json_out_object_end(o);
}

static bool public_and_used(const struct token_keys *k, const struct token_key *key)
{
    const struct token_mode_row *m = &token_modes[k->mode];
    bool used = key->alg == m->alg[0] || (m->signatures == 2 && key->alg == m->alg[1]);
    return used && key->alg != ALG_HS256;
}

void token_keys_jwks(const struct token_keys *k, int64_t now_ms, struct sbuf *out)
{
    struct json_out o = json_out_on(out);
    json_out_object(&o);
    json_out_key(&o, STR("keys"));
    json_out_array(&o);
    for (size_t i = 0; i < k->n; i++)
        if (public_and_used(k, &k->key[i]) && !over(&k->key[i], now_ms))
            write_jwk(&o, &k->key[i]);
    json_out_array_end(&o);
    json_out_object_end(&o);
}
