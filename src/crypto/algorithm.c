/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/ssl.h>

#include "crypto/crypto_int.h"

#include <pthread.h>

static struct algorithms found;

static void find_all(void)
{
    static const char *const digests[DIGEST_COUNT] = {"MD5", "SHA1", "SHA256"};
    for (size_t i = 0; i < DIGEST_COUNT; i++)
        found.digest[i] = EVP_MD_fetch(NULL, digests[i], NULL);
    found.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    found.aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    found.aes_128_gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    found.argon2id = EVP_KDF_fetch(NULL, "ARGON2ID", NULL);
    ERR_clear_error();
}

const struct algorithms *algorithms(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_all);
    return &found;
}

void crypto_must(int ok)
{
    if (ok > 0)
        return;
    ERR_print_errors_fp(stderr);
    abort();
}

status crypto_fail(struct error *err, const char *what)
{
    const char *why = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    return fail(err, ST_UNAVAILABLE, "%s: %s", what, why ? why : "no reason given");
}

static bool signs(const char *name)
{
    EVP_SIGNATURE *s = EVP_SIGNATURE_fetch(NULL, name, NULL);
    EVP_SIGNATURE_free(s);
    return s != NULL;
}

/* Asked of libssl, not of libcrypto: an older libssl may have been loaded beside a new libcrypto. */
static bool exchanges(const char *group)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_method());
    char *name = (char *)(uintptr_t)group; /* only read */
    bool ok = tls && SSL_CTX_set1_groups_list(tls, name) == 1;
    SSL_CTX_free(tls);
    return ok;
}

status crypto_check(struct error *err)
{
    const struct algorithms *a = algorithms();
    const char *missing = NULL;
    if (!a->hmac || !a->aes_256_gcm || !a->aes_128_gcm)
        missing = "HMAC or AES-GCM";
    for (size_t i = 0; i < DIGEST_COUNT; i++)
        if (!a->digest[i])
            missing = "MD5, SHA-1 or SHA-256";
    if (!a->argon2id)
        missing = "Argon2id";
    if (!signs("ED25519") || !signs("ML-DSA-65"))
        missing = "Ed25519 or ML-DSA-65";
    if (!exchanges("X25519MLKEM768"))
        missing = "X25519MLKEM768";
    ERR_clear_error();
    if (missing)
        return fail(err, ST_UNAVAILABLE, "%s lacks %s; 3.5 or newer is needed",
                    OpenSSL_version(OPENSSL_VERSION), missing);
    return ST_OK;
}
