/* SPDX-License-Identifier: Apache-2.0 */
/* AES-256-GCM.  A random nonce of 96 bits bears 2^32 seals under one key (SP 800-38D, 8.3); what is
 * sealed here is keys and tokens, a few thousand. */
#include <openssl/err.h>

#include "crypto/crypto_int.h"

#include <limits.h>

enum { NONCE_SIZE = 12, TAG_SIZE = 16 };

/* One pass in either direction: `n` bytes from `in` to `out`, the context authenticated. */
static bool run(EVP_CIPHER_CTX *c, str context, str in, unsigned char *out)
{
    int n = 0, rest = 0;
    const unsigned char *p = (const unsigned char *)in.p;
    return EVP_CipherUpdate(c, NULL, &n, (const unsigned char *)context.p, (int)context.n) == 1 &&
           (in.n == 0 || EVP_CipherUpdate(c, out, &n, p, (int)in.n) == 1) &&
           EVP_CipherFinal_ex(c, out + in.n, &rest) == 1;
}

static EVP_CIPHER_CTX *begin(str key, const unsigned char *nonce, bool seal)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    crypto_must(c && EVP_CipherInit_ex2(c, algorithms()->aes_256_gcm, (const unsigned char *)key.p,
                                        nonce, seal, NULL));
    return c;
}

static status check(str key, str context, str text, struct error *err)
{
    if (key.n != SEAL_KEY_SIZE)
        return fail(err, ST_INVALID, "a sealing key of %zu bytes, not %d", key.n, SEAL_KEY_SIZE);
    if (context.n > INT_MAX || text.n > INT_MAX - SEAL_OVERHEAD)
        return fail(err, ST_LIMIT, "%zu bytes are too many to seal", text.n);
    return ST_OK;
}

status crypto_seal(str key, str context, str plain, struct sbuf *out, struct error *err)
{
    status st = check(key, context, plain, err);
    if (st != ST_OK)
        return st;
    unsigned char *p = (unsigned char *)sbuf_space(out, plain.n + SEAL_OVERHEAD);
    if (!p)
        return fail(err, ST_LIMIT, "no room for %zu sealed bytes", plain.n + SEAL_OVERHEAD);
    crypto_random(p, NONCE_SIZE);
    EVP_CIPHER_CTX *c = begin(key, p, true);
    unsigned char *tag = p + NONCE_SIZE + plain.n;
    crypto_must(run(c, context, plain, p + NONCE_SIZE) &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag) == 1);
    EVP_CIPHER_CTX_free(c);
    sbuf_grew(out, plain.n + SEAL_OVERHEAD);
    return ST_OK;
}

status crypto_open(str key, str context, str sealed, struct sbuf *out, struct error *err)
{
    status st = check(key, context, sealed, err);
    if (st != ST_OK)
        return st;
    if (sealed.n < SEAL_OVERHEAD)
        return fail(err, ST_INVALID, "%zu sealed bytes are too few", sealed.n);
    str body = str_head(str_from(sealed, NONCE_SIZE), sealed.n - SEAL_OVERHEAD);
    unsigned char tag[TAG_SIZE];
    memcpy(tag, sealed.p + sealed.n - TAG_SIZE, TAG_SIZE);
    unsigned char *p = (unsigned char *)sbuf_space(out, body.n);
    if (!p)
        return fail(err, ST_LIMIT, "no room for %zu opened bytes", body.n);
    EVP_CIPHER_CTX *c = begin(key, (const unsigned char *)sealed.p, false);
    bool ok = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) == 1 &&
              run(c, context, body, p);
    EVP_CIPHER_CTX_free(c);
    if (!ok) {
        crypto_wipe(p, body.n); /* not authentic, so nobody's to see */
        ERR_clear_error();
        return fail(err, ST_INVALID, "the sealed bytes do not open with this key and context");
    }
    sbuf_grew(out, body.n);
    return ST_OK;
}
