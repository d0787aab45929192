/* SPDX-License-Identifier: Apache-2.0 */
/* remote.h - asking models on servers of the Open Inference Protocol, without waiting longer than was agreed.
 *
 *   remote_model_score ──rows, copied──▶ queue ──▶ the remote's own thread ──HTTP──▶ server
 *        │ waits at most wait_ms                   │
 *        ◀──────────────scores────────────────────┘     too late: thrown away, counted
 *
 * A remote that fails or is late `failures` times in a row is left alone for `rest_ms` (twice as long each time,
 * up to 5 minutes); then one request probes it.  Nobody waits for it meanwhile.
 *
 * A model's file names the server, and files come from outside: so the host has the list of servers that may be
 * asked, and keys are files of one folder, by name.
 *
 * Thread-safe. */
#ifndef ML_REMOTE_H
#define ML_REMOTE_H

#include "base/status.h"
#include "base/str.h"

enum { REMOTES_MAX = 16, REMOTE_ROWS_MAX = 65536 };

struct model_host; /* opaque */
struct model_host_options {
    const char *const *allowed; /* beginnings of URLs that may be asked: "http://127.0.0.1:8080" */
    size_t allowed_count;
    const char *keys;  /* folder of keys; NULL: none can be used */
    uint32_t wait_ms;  /* longest that remote_model_score takes; 0: 20 */
    uint32_t rest_ms;  /* of one that fails; 0: 10,000 */
    unsigned failures; /* in a row before it rests; 0: 3 */
    size_t queue;      /* requests that wait for one remote; past it they are missing; 0: 8 */
};
/* The options are copied. */
struct model_host *model_host_new(const struct model_host_options *o);
void model_host_free(struct model_host *h); /* its remotes are closed; NULL is fine */

struct remote_model_options {
    str url, model, version; /* version may be empty */
    str key;                 /* name of a file in the host's folder; empty: none */
    str key_header;          /* "X-API-Key"; empty: Authorization: Bearer */
    str input, output;       /* names of tensors; empty: "x", and the first that is answered */
    uint32_t timeout_ms;     /* of one exchange; 0: 1,000 */
    size_t rows;             /* of one exchange; 0: 256 */
    float missing;           /* is sent for a value that is missing; NaN: null is */
};
struct remote_model; /* opaque */
/* Its thread is started, nothing is asked yet.  ST_INVALID: an option cannot be; ST_FORBIDDEN: the host does not
 * allow that server; ST_NOT_FOUND: no such key; ST_LIMIT: REMOTES_MAX are open. */
CHECKED status remote_model_open(struct model_host *h, const struct remote_model_options *o,
                                 struct remote_model **out, struct error *err);
/* May wait for an exchange under way.  NULL is fine. */
void remote_model_close(struct remote_model *r);

enum remote_model_outcome {
    REMOTE_ANSWERED,
    REMOTE_LATE,
    REMOTE_FAILED,
    REMOTE_RESTING,
    REMOTE_FULL
};
/* x (n, d), rows `stride` apart; n at most REMOTE_ROWS_MAX.  out (n): what the server says, of a tensor (n, k) its last column;
 * all NaN unless REMOTE_ANSWERED. */
enum remote_model_outcome remote_model_score(struct remote_model *r, const float *x, size_t n,
                                             size_t d, size_t stride, float *out);

struct remote_model_stats {
    uint64_t answered, late, failed, resting, full; /* requests, by outcome */
    bool open;                                      /* the circuit: it is left alone */
    char why[160];                                  /* of the last failure */
};
struct remote_model_stats remote_model_stats(struct remote_model *r);

#endif
