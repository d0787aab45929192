/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/core_names.h>

#include "crypto/crypto_int.h"

#include "base/mem.h"
#include "codec/hex.h"

struct digester {
    EVP_MD_CTX *of[DIGEST_COUNT]; /* owned */
};

void crypto_sha256(str data, unsigned char out[static SHA256_SIZE])
{
    crypto_must(EVP_Digest(data.p, data.n, out, NULL, algorithms()->digest[DIGEST_SHA256], NULL));
}

void crypto_hmac_sha256(str key, str data, unsigned char out[static SHA256_SIZE])
{
    char name[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC_CTX *c = EVP_MAC_CTX_new(algorithms()->hmac);
    size_t n;
    /* A NULL key would mean "the one before". */
    const void *k = key.n ? key.p : "";
    crypto_must(c && EVP_MAC_init(c, k, key.n, params) &&
                EVP_MAC_update(c, (const unsigned char *)data.p, data.n) &&
                EVP_MAC_final(c, out, &n, SHA256_SIZE));
    EVP_MAC_CTX_free(c);
}

struct digester *digester_new(void)
{
    struct digester *d = mem_new(struct digester);
    for (size_t i = 0; i < DIGEST_COUNT; i++) {
        d->of[i] = EVP_MD_CTX_new();
        crypto_must(d->of[i] && EVP_DigestInit_ex2(d->of[i], algorithms()->digest[i], NULL));
    }
    return d;
}

void digester_free(struct digester *d)
{
    for (size_t i = 0; d && i < DIGEST_COUNT; i++)
        EVP_MD_CTX_free(d->of[i]);
    mem_free(d);
}

void digester_add(struct digester *d, str bytes)
{
    for (size_t i = 0; i < DIGEST_COUNT; i++)
        if (d->of[i])
            crypto_must(EVP_DigestUpdate(d->of[i], bytes.p, bytes.n));
}

void digester_end(struct digester *d, enum crypto_digest which, char out[static DIGEST_HEX_MAX])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    crypto_must(d->of[which] && EVP_DigestFinal_ex(d->of[which], bytes, &n));
    EVP_MD_CTX_free(d->of[which]);
    d->of[which] = NULL;
    out[hex_encode((str){(const char *)bytes, n}, out)] = '\0';
}
