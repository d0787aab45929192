/* SPDX-License-Identifier: Apache-2.0 */
/* jcache.h - tokens (and API keys) that were verified, and those revoked before their time.
 *
 * Verifying costs 100 to 300 microseconds and is done once a token; afterwards a fingerprint of its
 * whole text, under a key nobody sees, says who it is (SHA-256 of the 5,300 bytes of a hybrid token
 * takes 3.5 microseconds, this 0.4).  Bounded: places come in groups of eight, chosen by the
 * fingerprint; a newcomer takes the place that expires first of its group.  What is pushed out is only
 * verified again.
 *
 * Revoking wins whatever happens at the same time: each shard keeps what was revoked until it would have
 * expired, and `add` asks there under the shard's lock.  Thread-safe; nothing here blocks for long. */
#ifndef IDENTITY_JCACHE_H
#define IDENTITY_JCACHE_H

#include "identity/identity.h"

struct token_cache; /* opaque */

enum { TOKEN_CACHE_DEFAULT = 65536 /* about 25 MB */ };
/* Room for about `entries`, rounded up to a power of two, at least 128. */
struct token_cache *token_cache_new(size_t entries);
void token_cache_free(struct token_cache *c); /* NULL is fine */

/* Was this very text verified, and is it still good?  Then *who.  O(1); counted when found. */
bool token_cache_find(struct token_cache *c, str token, int64_t now_ms, struct principal *who);

struct token_cache_entry {
    str token;          /* its whole text */
    str id, session;    /* by which it may be revoked; empty: not by this */
    int64_t issued_ms;  /* iat; for an API key: now */
    int64_t expires_ms; /* then it is to be verified again; exp, or sooner */
    const struct principal *who;
};
/* Remember a token just verified.  False, and nothing kept: it is revoked, and must be refused (which is counted).  To be
 * asked of every token verified, so also where nothing is to be remembered. */
CHECKED bool token_cache_add(struct token_cache *c, const struct token_cache_entry *e,
                             int64_t now_ms);

/* No token of this id (a token's or a session's) is good any more, whether seen yet or not.  Kept until
 * `until_ms`, when the last of them has expired by itself.  O(entries); for revocations, which are few.
 * When more than TOKEN_REVOKED_MAX are kept at once, all tokens issued until now are void instead, and
 * their holders refresh: no revocation is ever forgotten. */
enum { TOKEN_REVOKED_MAX = 4096 };
void token_cache_forget(struct token_cache *c, str id, int64_t now_ms, int64_t until_ms);

/* Forget what is verified, not what is revoked. */
void token_cache_clear(struct token_cache *c);

#endif
