/* SPDX-License-Identifier: Apache-2.0 */
/* remote_int.h - for remote.c and exchange.c only. */
#ifndef ML_REMOTE_INT_H
#define ML_REMOTE_INT_H

#include "ml/remote.h"
#include "net/client.h"
#include "os/lock.h"
#include "os/thread.h"

enum { REMOTE_PATH_MAX = 512, REMOTE_KEY_MAX = 4096, REMOTE_NAME_MAX = 128 };

/* What an exchange goes by: the thread's of the remote. */
struct exchange {
    struct client *client; /* owned */
    char path[REMOTE_PATH_MAX];
    char *header; /* owned, wiped: "X-API-Key: …"; NULL: none, or the client's bearer */
    char input[REMOTE_NAME_MAX], output[REMOTE_NAME_MAX];
    size_t rows;
    float missing;
};
CHECKED status exchange_init(struct exchange *x, const char *keys,
                             const struct remote_model_options *o, struct error *err);
void exchange_done(struct exchange *x);
/* Blocks.  x (n, d) without gaps.  ST_UNAVAILABLE: no answer, or the server says no; ST_INVALID: what it says cannot be. */
CHECKED status exchange_rows(struct exchange *x, const float *row, size_t n, size_t d, float *out,
                             struct error *err);

#endif
