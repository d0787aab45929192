/* SPDX-License-Identifier: Apache-2.0 */
/* crypto.h - digests, random bytes, passwords, sealing and signatures, all by OpenSSL 3.5.
 *
 * Nothing here is of our own invention; no OpenSSL type leaves the folder.  Failures of the
 * library for which input is not to blame (out of entropy, a missing algorithm) end in ST_UNAVAILABLE.
 * Thread-safe; a `signing_key` is immutable. */
#ifndef CRYPTO_CRYPTO_H
#define CRYPTO_CRYPTO_H

#include "base/sbuf.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* ST_UNAVAILABLE when the library lacks what we need (X25519MLKEM768, ML-DSA-65, Argon2id): the ability
 * is tried, not the version read.  Call once at start. */
CHECKED status crypto_check(struct error *err);

/* Fill with random bytes from OpenSSL's generator, which the system's seeds (also anew after a fork).  Never
 * fails: without entropy the program ends. */
void crypto_random(void *out, size_t n);
/* `n` random bytes as unpadded base64url. */
void crypto_random_text(struct sbuf *out, size_t n);

/* Equal?  Takes the same time wherever they differ; lengths are not secret. */
bool crypto_equal(str a, str b);
/* Overwrite in a way the compiler keeps. */
void crypto_wipe(void *p, size_t n);

enum { SHA256_SIZE = 32 };
void crypto_sha256(str data, unsigned char out[static SHA256_SIZE]);
void crypto_hmac_sha256(str key, str data, unsigned char out[static SHA256_SIZE]);

/* Digests of a file's content, streamed. */
enum crypto_digest { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256, DIGEST_COUNT };
struct digester; /* several digests of one stream at once */
struct digester *digester_new(void);
void digester_free(struct digester *d); /* NULL is fine */
void digester_add(struct digester *d, str bytes);
/* Lower-case hex of one of them, NUL terminated; ends the stream for that digest. */
enum { DIGEST_HEX_MAX = 65 };
void digester_end(struct digester *d, enum crypto_digest which, char out[static DIGEST_HEX_MAX]);

/* Fingerprints of texts already found good, to know them again: 128 bits under a random key that lives as
 * long as the object (GMAC, NIST SP 800-38D).  Ten times as fast as SHA-256.  For the memory of this
 * process only: who is shown one could make others of the same fingerprint. */
enum { FINGERPRINT_SIZE = 16 };
struct fingerprinter;
struct fingerprinter *fingerprinter_new(void);
void fingerprinter_free(struct fingerprinter *f); /* NULL is fine */
void fingerprint_of(const struct fingerprinter *f, str data,
                    unsigned char out[static FINGERPRINT_SIZE]);

/* ---- passwords: Argon2id, version 0x13 (RFC 9106), PHC string ---- */

struct password_cost {
    uint32_t memory_kib, passes, lanes;
};
extern const struct password_cost password_cost_default; /* 19 MiB, 2, 1 (OWASP 2023) */

enum { PASSWORD_HASH_MAX = 128 };
/* "$argon2id$v=19$m=…,t=…,p=…$salt$hash".  ST_INVALID: a cost out of range (passes 1..64, lanes 1..16,
 * 8 KiB for each lane .. 1 GiB).  Takes the time and memory that `cost` says. */
CHECKED status password_hash(str password, const struct password_cost *cost,
                             char out[static PASSWORD_HASH_MAX], struct error *err);
/* A hash of that cost, of no password: random bytes.  To compare with where there is no user, in the same time; made
 * at once. */
void password_nobodys(const struct password_cost *cost, char out[static PASSWORD_HASH_MAX]);
/* Does `password` have this hash?  A hash that cannot be read, or costs more than password_hash would
 * take, is no match.  *stale (may be NULL): made with less than `cost`, so hash it anew. */
bool password_matches(str password, str hash, const struct password_cost *cost, bool *stale);

/* ---- signatures: Ed25519 (RFC 8032), ML-DSA-65 (FIPS 204, empty context) ---- */

enum signature_kind { SIGN_ED25519, SIGN_ML_DSA_65, SIGN_KIND_COUNT };
enum {
    ED25519_PUBLIC_SIZE = 32,
    ED25519_SIGNATURE_SIZE = 64,
    ML_DSA_65_PUBLIC_SIZE = 1952,
    ML_DSA_65_SIGNATURE_SIZE = 3309,
    SIGN_SEED_SIZE = 32, /* private part of either kind */
    SIGN_PUBLIC_MAX = 1952,
    SIGNATURE_MAX = 3309
};
size_t signature_size(enum signature_kind k);
size_t signature_public_size(enum signature_kind k);

struct signing_key; /* opaque; private or only public */
/* These three: *out is the caller's, to signing_key_free.  ST_INVALID: a seed or public key of the
 * wrong size; its content is judged by what it verifies. */
CHECKED status signing_key_generate(enum signature_kind k, struct signing_key **out,
                                    struct error *err);
CHECKED status signing_key_from_seed(enum signature_kind k, str seed, struct signing_key **out,
                                     struct error *err);
CHECKED status signing_key_from_public(enum signature_kind k, str bytes, struct signing_key **out,
                                       struct error *err);
void signing_key_free(struct signing_key *key); /* NULL is fine; wipes */
enum signature_kind signing_key_kind(const struct signing_key *key);
/* signature_public_size(kind) bytes. */
void signing_key_public(const struct signing_key *key, unsigned char *out);
/* The seed; ST_INVALID when the key is public only. */
CHECKED status signing_key_seed(const struct signing_key *key,
                                unsigned char out[static SIGN_SEED_SIZE], struct error *err);
/* signature_size(kind) bytes.  ST_INVALID when the key is public only.  ML-DSA is hedged (FIPS 204, 3.4):
 * two signatures of the same data differ. */
CHECKED status signing_key_sign(const struct signing_key *key, str data, unsigned char *out,
                                struct error *err);
/* Strict: of the exact size, and for Ed25519 S < L (RFC 8032, 5.1.7). */
bool signing_key_verify(const struct signing_key *key, str data, str signature);

/* ---- sealing small secrets at rest: AES-256-GCM (NIST SP 800-38D), random 96-bit nonce ---- */

enum { SEAL_KEY_SIZE = 32, SEAL_OVERHEAD = 12 + 16 };
/* nonce | ciphertext | tag appended to `out`; `context` is authenticated, not kept.  ST_INVALID: a key
 * not of SEAL_KEY_SIZE.  ST_LIMIT: `out` is full. */
CHECKED status crypto_seal(str key, str context, str plain, struct sbuf *out, struct error *err);
/* Appends the plain text.  ST_INVALID: changed, of another context or another key. */
CHECKED status crypto_open(str key, str context, str sealed, struct sbuf *out, struct error *err);

#endif
