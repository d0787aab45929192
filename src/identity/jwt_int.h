/* SPDX-License-Identifier: Apache-2.0 */
/* jwt_int.h - for the token files in identity/ and their tests only. */
#ifndef IDENTITY_JWT_INT_H
#define IDENTITY_JWT_INT_H

#include "base/arena.h"
#include "identity/jwt.h"

#include <stdatomic.h>

enum token_alg { ALG_ED25519, ALG_ML_DSA_65, ALG_HS256, ALG_COUNT };

struct token_mode_row {
    const char *name;
    size_t signatures; /* 1 or 2 */
    enum token_alg alg[2];
};
extern const struct token_mode_row token_modes[TOKEN_MODE_COUNT];

/* Headers of other people's tests have longer ids than ours. */
enum { KID_MAX = 64, SECRET_MAX = 4096 };

struct token_key {
    str kid; /* in kid_text */
    char kid_text[KID_MAX];
    enum token_alg alg;
    struct signing_key *key; /* owned; NULL for ALG_HS256 */
    struct sbuf secret;      /* ALG_HS256 only */
    int64_t created_ms, retired_ms, expires_ms;
};

struct token_keys {
    atomic_uint holders;
    enum token_mode mode;
    bool frozen;
    size_t n;
    struct token_key key[TOKEN_KEYS_MAX];
};

/* A new last key, only its id and algorithm set.  ST_CONFLICT, ST_LIMIT as token_keys_add. */
CHECKED status token_keys_put(struct token_keys *k, str kid, enum token_alg alg,
                              struct token_key **out, struct error *err);
/* The key of exactly this id and algorithm that still verifies, or NULL. */
const struct token_key *token_keys_find(const struct token_keys *k, str kid, enum token_alg alg,
                                        int64_t now_ms);
/* The key that signs, or NULL. */
const struct token_key *token_keys_current(const struct token_keys *k, enum token_alg alg);

/* A JWS (RFC 7515) in compact form, or two bound together: appended to `out`. */
CHECKED status jws_sign(const struct token_keys *k, str type, str payload, struct sbuf *out,
                        struct error *err);
/* Are its signatures those the ring demands?  The payload is then put in the arena.  An empty `type`
 * demands that there be no typ.  ST_UNAUTHORIZED. */
CHECKED status jws_verify(const struct token_keys *k, str token, str type, int64_t now_ms,
                          struct arena *a, str *payload, struct error *err);

#endif
