/* SPDX-License-Identifier: Apache-2.0 */
/* upload.h - for files in api/ only: how far an upload with an idempotency key got, as kept with its position.
 *
 * A batch that was delivered leaves "how many batches, what came of them", and the digest of the body as far as it had been
 * read then.  Batches of the same bytes are the same however they come, so a repeat cuts all of them again and hands in those
 * that are new.  The digest is a chain over blocks of 64 KiB, H(0) = "", H(i) = SHA-256(H(i-1) block(i)): a
 * repeat that differs is known at the first block that does. */
#ifndef API_UPLOAD_H
#define API_UPLOAD_H

#include "base/arena.h"
#include "base/sbuf.h"
#include "crypto/crypto.h"

enum { UPLOAD_BLOCK = 64 * 1024 };

struct body_digest { /* all-zero: of nothing yet */
    unsigned char chain[SHA256_SIZE];
    uint64_t blocks;  /* in the chain */
    struct sbuf part; /* of the block that is not whole */
};
void body_digest_done(struct body_digest *d);
/* Takes bytes up to the end of a block and says how many, so that a caller can look at the chain there. */
size_t body_digest_add(struct body_digest *d, str bytes);
/* What is left is a block of its own. */
void body_digest_end(struct body_digest *d);

struct upload_mark {
    bool finished;
    uint64_t batches; /* delivered */
    uint64_t accepted, rejected, bytes, findings, alerts, repeats;
    uint64_t blocks; /* of the body that are in the chain */
    uint64_t late;   /* samples that came too late to be correlated */
    unsigned char chain[SHA256_SIZE];
};
/* One line of text, to be kept as a position. */
void upload_mark_write(const struct upload_mark *m, struct sbuf *out);
/* False: it is none of ours. */
bool upload_mark_read(str text, struct upload_mark *m);

#endif
