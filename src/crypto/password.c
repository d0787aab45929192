/* SPDX-License-Identifier: Apache-2.0 */
/* Argon2id (RFC 9106) by OpenSSL's own EVP_KDF; see docs/decisions/009. */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>

#include "crypto/crypto_int.h"

#include "base/reader.h"
#include "codec/base64.h"

enum { SALT_SIZE = 16, HASH_SIZE = 32, PART_MAX = 64 };
enum { PASSES_MAX = 64, LANES_MAX = 16, MEMORY_MAX_KIB = 1 << 20 };

const struct password_cost password_cost_default = {.memory_kib = 19456, .passes = 2, .lanes = 1};

static bool in_range(const struct password_cost *c)
{
    return c->passes >= 1 && c->passes <= PASSES_MAX && c->lanes >= 1 && c->lanes <= LANES_MAX &&
           c->memory_kib >= 8 * c->lanes && c->memory_kib <= MEMORY_MAX_KIB;
}

static OSSL_PARAM octets(const char *key, str s)
{
    void *p = s.n ? (void *)(uintptr_t)s.p : (void *)(uintptr_t) "";
    return OSSL_PARAM_construct_octet_string(key, p, s.n);
}

status crypto_argon2id(const struct argon2id_input *in, unsigned char *out, size_t n,
                       struct error *err)
{
    struct password_cost cost = in->cost;
    unsigned version = 0x13;
    OSSL_PARAM params[] = {
        octets(OSSL_KDF_PARAM_PASSWORD, in->password),
        octets(OSSL_KDF_PARAM_SALT, in->salt),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ITER, &cost.passes),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_MEMCOST, &cost.memory_kib),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_LANES, &cost.lanes),
        OSSL_PARAM_construct_uint(OSSL_KDF_PARAM_ARGON2_VERSION, &version),
        octets(OSSL_KDF_PARAM_SECRET, in->secret),
        octets(OSSL_KDF_PARAM_ARGON2_AD, in->associated),
        OSSL_PARAM_construct_end(),
    };
    if (!algorithms()->argon2id)
        return fail(err, ST_UNAVAILABLE, "the cryptographic library has no Argon2id");
    EVP_KDF_CTX *c = EVP_KDF_CTX_new(algorithms()->argon2id);
    bool ok = c && EVP_KDF_derive(c, out, n, params) == 1;
    EVP_KDF_CTX_free(c);
    return ok ? ST_OK : crypto_fail(err, "argon2id");
}

/* The PHC string format has base64 without padding. */
static void add_base64(struct sbuf *to, const unsigned char *bytes, size_t n)
{
    char text[96]; /* base64_encoded_max(PART_MAX) = 88 */
    str s = {text, base64_encode((str){(const char *)bytes, n}, text)};
    sbuf_addc(to, '$');
    sbuf_add(to, str_head(s, str_find(s, '=')));
}

static void write_hash(const struct password_cost *cost, const unsigned char salt[SALT_SIZE],
                       const unsigned char hash[HASH_SIZE], char out[static PASSWORD_HASH_MAX])
{
    struct sbuf text;
    sbuf_init(&text, PASSWORD_HASH_MAX - 1);
    sbuf_addf(&text, "$argon2id$v=19$m=%u,t=%u,p=%u", cost->memory_kib, cost->passes, cost->lanes);
    add_base64(&text, salt, SALT_SIZE);
    add_base64(&text, hash, HASH_SIZE);
    memcpy(out, text.p, text.n + 1);
    sbuf_done(&text);
}

status password_hash(str password, const struct password_cost *cost,
                     char out[static PASSWORD_HASH_MAX], struct error *err)
{
    unsigned char salt[SALT_SIZE], hash[HASH_SIZE];
    if (!in_range(cost))
        return fail(err, ST_INVALID, "password cost 'm=%u,t=%u,p=%u' is out of range",
                    cost->memory_kib, cost->passes, cost->lanes);
    crypto_random(salt, sizeof salt);
    struct argon2id_input in = {
        .password = password, .salt = {(const char *)salt, sizeof salt}, .cost = *cost};
    status st = crypto_argon2id(&in, hash, sizeof hash, err);
    if (st != ST_OK)
        return st;
    write_hash(cost, salt, hash, out);
    crypto_wipe(hash, sizeof hash);
    return ST_OK;
}

void password_nobodys(const struct password_cost *cost, char out[static PASSWORD_HASH_MAX])
{
    unsigned char salt[SALT_SIZE], hash[HASH_SIZE];
    crypto_random(salt, sizeof salt);
    crypto_random(hash, sizeof hash);
    write_hash(cost, salt, hash, out);
}

/* A PHC string, read. */
struct parts {
    struct password_cost cost;
    char salt[PART_MAX], hash[PART_MAX];
    size_t salt_n, hash_n;
};

static uint32_t number(struct reader *r, str digits)
{
    uint64_t v = 0;
    if (!str_to_u64(digits, &v) || v > UINT32_MAX)
        r->ok = false;
    return (uint32_t)v;
}

static size_t bytes_of(struct reader *r, str text, char out[static PART_MAX])
{
    size_t n = 0;
    bool padded = str_find(text, '=') < text.n;
    if (padded || base64_decoded_max(text.n) > PART_MAX || !base64_decode(text, out, &n))
        r->ok = false;
    return n;
}

static bool parse(str text, struct parts *out)
{
    struct reader r = reader_of(text);
    rd_expect(&r, STR("$argon2id$v=19$m="));
    out->cost.memory_kib = number(&r, rd_until(&r, ','));
    rd_expect(&r, STR("t="));
    out->cost.passes = number(&r, rd_until(&r, ','));
    rd_expect(&r, STR("p="));
    out->cost.lanes = number(&r, rd_until(&r, '$'));
    out->salt_n = bytes_of(&r, rd_until(&r, '$'), out->salt);
    out->hash_n = bytes_of(&r, rd_rest(&r), out->hash);
    return r.ok && in_range(&out->cost) && out->salt_n >= 8 && out->hash_n >= 16;
}

bool password_matches(str password, str hash, const struct password_cost *cost, bool *stale)
{
    struct parts p;
    unsigned char got[PART_MAX];
    if (hash.n >= PASSWORD_HASH_MAX || !parse(hash, &p))
        return false;
    struct argon2id_input in = {.password = password, .salt = {p.salt, p.salt_n}, .cost = p.cost};
    bool same = crypto_argon2id(&in, got, p.hash_n, NULL) == ST_OK &&
                crypto_equal((str){(const char *)got, p.hash_n}, (str){p.hash, p.hash_n});
    crypto_wipe(got, sizeof got);
    if (same && stale)
        *stale = p.cost.memory_kib < cost->memory_kib || p.cost.passes < cost->passes ||
                 p.cost.lanes < cost->lanes || p.hash_n < HASH_SIZE || p.salt_n < SALT_SIZE;
    return same;
}
