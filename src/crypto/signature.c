/* SPDX-License-Identifier: Apache-2.0 */
/* Both kinds have a private key that grows out of 32 bytes: RFC 8032, 5.1.5; FIPS 204, algorithm 6. */
#include <openssl/core_names.h>
#include <openssl/err.h>

#include "crypto/crypto_int.h"

#include "base/mem.h"

struct signing_key {
    enum signature_kind kind;
    bool private;
    EVP_PKEY *pkey; /* owned */
    unsigned char public[SIGN_PUBLIC_MAX];
    unsigned char seed[SIGN_SEED_SIZE]; /* when private */
};

static const struct {
    const char *name;
    size_t public_size, signature_size;
} kinds[SIGN_KIND_COUNT] = {
    [SIGN_ED25519] = {"ED25519", ED25519_PUBLIC_SIZE, ED25519_SIGNATURE_SIZE},
    [SIGN_ML_DSA_65] = {"ML-DSA-65", ML_DSA_65_PUBLIC_SIZE, ML_DSA_65_SIGNATURE_SIZE},
};

size_t signature_size(enum signature_kind k)
{
    return kinds[k].signature_size;
}

size_t signature_public_size(enum signature_kind k)
{
    return kinds[k].public_size;
}

enum signature_kind signing_key_kind(const struct signing_key *key)
{
    return key->kind;
}

void signing_key_free(struct signing_key *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->pkey); /* which wipes its own */
    crypto_wipe(key, sizeof *key);
    mem_free(key);
}

/* Take over `pkey`, which may be NULL: the library refused. */
static status adopt(enum signature_kind k, EVP_PKEY *pkey, struct signing_key **out,
                    struct error *err)
{
    size_t n = SIGN_PUBLIC_MAX;
    struct signing_key *key = mem_new(struct signing_key);
    key->kind = k;
    key->pkey = pkey;
    if (!pkey || EVP_PKEY_get_raw_public_key(pkey, key->public, &n) != 1 ||
        n != kinds[k].public_size) {
        signing_key_free(key);
        return crypto_fail(err, kinds[k].name);
    }
    *out = key;
    return ST_OK;
}

/* EVP_PKEY_new_raw_private_key would take an ML-DSA private key only when expanded. */
static EVP_PKEY *ml_dsa_from_seed(str seed)
{
    OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ML_DSA_SEED,
                                                             (void *)(uintptr_t)seed.p, seed.n),
                           OSSL_PARAM_construct_end()};
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, kinds[SIGN_ML_DSA_65].name, NULL);
    if (c && EVP_PKEY_fromdata_init(c) == 1)
        (void)EVP_PKEY_fromdata(c, &pkey, EVP_PKEY_KEYPAIR, params); /* NULL says it failed */
    EVP_PKEY_CTX_free(c);
    return pkey;
}

static EVP_PKEY *ed25519_from_seed(str seed)
{
    return EVP_PKEY_new_raw_private_key_ex(NULL, kinds[SIGN_ED25519].name, NULL,
                                           (const unsigned char *)seed.p, seed.n);
}

status signing_key_from_seed(enum signature_kind k, str seed, struct signing_key **out,
                             struct error *err)
{
    if (seed.n != SIGN_SEED_SIZE)
        return fail(err, ST_INVALID, "a seed of %zu bytes, not %d", seed.n, SIGN_SEED_SIZE);
    EVP_PKEY *pkey = k == SIGN_ED25519 ? ed25519_from_seed(seed) : ml_dsa_from_seed(seed);
    status st = adopt(k, pkey, out, err);
    if (st != ST_OK)
        return st;
    (*out)->private = true;
    memcpy((*out)->seed, seed.p, seed.n);
    return ST_OK;
}

status signing_key_generate(enum signature_kind k, struct signing_key **out, struct error *err)
{
    char seed[SIGN_SEED_SIZE];
    crypto_random(seed, sizeof seed);
    status st = signing_key_from_seed(k, (str){seed, sizeof seed}, out, err);
    crypto_wipe(seed, sizeof seed);
    return st;
}

status signing_key_from_public(enum signature_kind k, str bytes, struct signing_key **out,
                               struct error *err)
{
    if (bytes.n != kinds[k].public_size)
        return fail(err, ST_INVALID, "a public key of %zu bytes, not %zu", bytes.n,
                    kinds[k].public_size);
    return adopt(k,
                 EVP_PKEY_new_raw_public_key_ex(NULL, kinds[k].name, NULL,
                                                (const unsigned char *)bytes.p, bytes.n),
                 out, err);
}

void signing_key_public(const struct signing_key *key, unsigned char *out)
{
    memcpy(out, key->public, kinds[key->kind].public_size);
}

status signing_key_seed(const struct signing_key *key, unsigned char out[static SIGN_SEED_SIZE],
                        struct error *err)
{
    if (!key->private)
        return fail(err, ST_INVALID, "the key is public only");
    memcpy(out, key->seed, SIGN_SEED_SIZE);
    return ST_OK;
}

status signing_key_sign(const struct signing_key *key, str data, unsigned char *out,
                        struct error *err)
{
    if (!key->private)
        return fail(err, ST_INVALID, "the key is public only");
    size_t n = kinds[key->kind].signature_size;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = c && EVP_DigestSignInit_ex(c, NULL, NULL, NULL, NULL, key->pkey, NULL) == 1 &&
              EVP_DigestSign(c, out, &n, (const unsigned char *)data.p, data.n) == 1;
    EVP_MD_CTX_free(c);
    return ok ? ST_OK : crypto_fail(err, kinds[key->kind].name);
}

bool signing_key_verify(const struct signing_key *key, str data, str signature)
{
    if (signature.n != kinds[key->kind].signature_size)
        return false;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = c && EVP_DigestVerifyInit_ex(c, NULL, NULL, NULL, NULL, key->pkey, NULL) == 1 &&
              EVP_DigestVerify(c, (const unsigned char *)signature.p, signature.n,
                               (const unsigned char *)data.p, data.n) == 1;
    EVP_MD_CTX_free(c);
    if (!ok)
        ERR_clear_error();
    return ok;
}
