/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "crypto/crypto_int.h"

#include "codec/base64.h"

#include <assert.h>
#include <limits.h>

void crypto_random(void *out, size_t n)
{
    assert(n <= INT_MAX);
    crypto_must(RAND_bytes(out, (int)n));
}

void crypto_random_text(struct sbuf *out, size_t n)
{
    char bytes[256];
    assert(n <= sizeof bytes);
    char *p = sbuf_space(out, base64_encoded_max(n));
    if (!p)
        return;
    crypto_random(bytes, n);
    sbuf_grew(out, base64url_encode((str){bytes, n}, p));
    crypto_wipe(bytes, n);
}

bool crypto_equal(str a, str b)
{
    return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

void crypto_wipe(void *p, size_t n)
{
    if (p)
        OPENSSL_cleanse(p, n);
}
