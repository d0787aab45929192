/* SPDX-License-Identifier: Apache-2.0 */
/* GMAC under one nonce.  Its tag is then a universal hash (of GHASH) with a constant added: two texts of n
 * blocks agree for at most n + 1 of 2^128 keys, whoever chose them, as long as no tag is shown.  Shown
 * ones would give the hash's key away, which is why a nonce must not be used twice for anything else. */
#include "crypto/crypto_int.h"

#include "base/mem.h"

#include <assert.h>
#include <limits.h>

struct fingerprinter {
    EVP_CIPHER_CTX *keyed; /* owned; copied for each use, so never written to */
};

struct fingerprinter *fingerprinter_new(void)
{
    unsigned char key[16], nonce[12] = {0};
    struct fingerprinter *f = mem_new(struct fingerprinter);
    f->keyed = EVP_CIPHER_CTX_new();
    crypto_random(key, sizeof key);
    crypto_must(f->keyed &&
                EVP_EncryptInit_ex2(f->keyed, algorithms()->aes_128_gcm, key, nonce, NULL));
    crypto_wipe(key, sizeof key);
    return f;
}

void fingerprinter_free(struct fingerprinter *f)
{
    if (f)
        EVP_CIPHER_CTX_free(f->keyed);
    mem_free(f);
}

void fingerprint_of(const struct fingerprinter *f, str data,
                    unsigned char out[static FINGERPRINT_SIZE])
{
    int n = 0;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    assert(data.n <= INT_MAX);
    crypto_must(c && EVP_CIPHER_CTX_copy(c, f->keyed) &&
                EVP_EncryptUpdate(c, NULL, &n, (const unsigned char *)data.p, (int)data.n) &&
                EVP_EncryptFinal_ex(c, out, &n) &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, FINGERPRINT_SIZE, out) == 1);
    EVP_CIPHER_CTX_free(c);
}
