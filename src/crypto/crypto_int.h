/* SPDX-License-Identifier: Apache-2.0 */
/* crypto_int.h - for files in crypto/ and their tests only. */
#ifndef CRYPTO_CRYPTO_INT_H
#define CRYPTO_CRYPTO_INT_H

/* OpenSSL's headers go first: they use names that base/banned.h forbids. */
#include <openssl/evp.h>

#include "crypto/crypto.h"

/* Algorithms are looked up once: a look-up by name costs more than a short digest. */
struct algorithms {
    EVP_MD *digest[DIGEST_COUNT];
    EVP_MAC *hmac;
    EVP_CIPHER *aes_256_gcm, *aes_128_gcm;
    EVP_KDF *argon2id; /* NULL: the library has none; crypto_check says so */
};
const struct algorithms *algorithms(void);

/* End the program when `ok` is not: for what fails only without memory or without its library. */
void crypto_must(int ok);

/* ST_UNAVAILABLE with "what: the library's reason".  Like everything here it leaves the thread's error
 * queue empty, because TLS reads its own failures from there. */
status crypto_fail(struct error *err, const char *what);

/* Argon2id with all its inputs (RFC 9106, 3.1); passwords use neither secret nor associated data. */
struct argon2id_input {
    str password, salt, secret, associated;
    struct password_cost cost;
};
CHECKED status crypto_argon2id(const struct argon2id_input *in, unsigned char *out, size_t n,
                               struct error *err);

#endif
