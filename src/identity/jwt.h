/* SPDX-License-Identifier: Apache-2.0 */
/* jwt.h - signed tokens: JSON Web Tokens (RFC 7519) of our own making, and the keys for them.
 *
 * Signed by Ed25519 (RFC 8037), by ML-DSA-65 (RFC 9964), by both (docs/decisions/010), or, where a
 * secret is configured, by HMAC.  Which of them is the ring's to say, never the token's: what a header
 * names must only agree.  A ring is immutable once frozen and counted, so threads share it; new keys
 * are a new ring.  Thread-safe but for building a ring. */
#ifndef IDENTITY_JWT_H
#define IDENTITY_JWT_H

#include "base/sbuf.h"
#include "base/status.h"
#include "codec/json_doc.h"
#include "crypto/crypto.h"

enum token_mode { TOKEN_ED25519, TOKEN_ML_DSA_65, TOKEN_HYBRID, TOKEN_HS256, TOKEN_MODE_COUNT };
/* "ed25519", "ml-dsa-65", "hybrid", "hs256" */
const char *token_mode_name(enum token_mode m);
bool token_mode_find(str name, enum token_mode *out);

enum {
    TOKEN_MAX = 16384,     /* bytes of a token; a hybrid one has about 5,600 */
    TOKEN_KEYS_MAX = 32,   /* keys in a ring */
    TOKEN_SECRET_MIN = 32, /* bytes of a secret for HS256 (RFC 7518, 3.2) */
    TOKEN_KID_SIZE = 44    /* a key id and its NUL */
};

/* The id of a key: its thumbprint (RFC 7638; RFC 9964 for ML-DSA), base64url of SHA-256. */
void token_kid(const struct signing_key *key, char out[static TOKEN_KID_SIZE]);

/* ---- a ring of keys ---- */

struct token_keys; /* opaque, counted */
struct token_key_row {
    str kid; /* must be the key's thumbprint; empty: not checked */
    enum signature_kind kind;
    str seed; /* SIGN_SEED_SIZE bytes; wiping it is the caller's */
    int64_t created_ms;
    int64_t retired_ms; /* 0: may sign; the newest of its kind does */
    int64_t expires_ms; /* 0: never; from then on it does not verify either */
};

/* An empty ring, held once. */
struct token_keys *token_keys_new(enum token_mode mode);
/* ST_INVALID: the kid is not that of the seed.  ST_CONFLICT: the key is there already.  ST_LIMIT: more than
 * TOKEN_KEYS_MAX.  Keys the mode has no use for are kept and neither sign nor verify. */
CHECKED status token_keys_add(struct token_keys *k, const struct token_key_row *row,
                              struct error *err);
/* The secret of a ring of TOKEN_HS256, copied.  ST_INVALID: shorter than TOKEN_SECRET_MIN. */
CHECKED status token_keys_add_secret(struct token_keys *k, str secret, struct error *err);
/* ST_INVALID: no key that could sign.  Afterwards the ring does not change. */
CHECKED status token_keys_freeze(struct token_keys *k, struct error *err);
/* One holder more; hands `k` back. */
struct token_keys *token_keys_ref(struct token_keys *k);
/* The last holder's frees and wipes; NULL is fine. */
void token_keys_unref(struct token_keys *k);

/* Append the public keys that verify tokens of the ring's mode, as a JWK set (RFC 7517): for TOKEN_HS256 none,
 * for a secret is no public key. */
void token_keys_jwks(const struct token_keys *k, int64_t now_ms, struct sbuf *out);

/* ---- tokens ---- */

/* Append the token that says `claims`, a JSON object, with `type` as typ ("at+jwt", RFC 9068).
 * ST_INVALID: no JSON object.  ST_LIMIT: longer than TOKEN_MAX, or no room. */
CHECKED status token_sign(const struct token_keys *k, str type, str claims, struct sbuf *out,
                          struct error *err);

struct token_expect {
    str issuer, audience, type; /* all exact */
    int64_t now_ms;
    uint32_t leeway_s; /* how far clocks may differ */
};
/* What a good token says.  Texts live in doc; end with token_claims_done. */
struct token_claims {
    struct json_doc *doc; /* owned */
    json_node root;
    str subject, id, session; /* sub, jti, sid; empty when absent */
    int64_t issued_ms, expires_ms;
};
/* Strict: base64url without padding; a header of alg, kid and typ only (crit and hyb in a hybrid token);
 * kid one of the ring's; no member twice; iss, aud (or one of an array), exp and iat must be there and
 * right, nbf if there.  A claim is read only after the signatures are good.
 * ST_UNAUTHORIZED, with the reason for our log; *out is then untouched.  Counted. */
CHECKED status token_verify(const struct token_keys *k, str token, const struct token_expect *e,
                            struct token_claims *out, struct error *err);
void token_claims_done(struct token_claims *c); /* safe when zeroed */

#endif
