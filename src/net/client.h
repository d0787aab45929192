/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - asking an HTTP server, blocking; by libcurl.  TLS is verified unless a CA is named instead.
 *
 * One thread at a time. */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include "base/sbuf.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct client_options {
    const char *base_url; /* http://127.0.0.1:3002 */
    const char *ca_file;  /* PEM to trust instead of the system's; NULL: the system's */
    const char *bearer;   /* token or API key; NULL: none.  Never in argv or logs */
    uint32_t timeout_ms;  /* whole exchange; 0: none (streams) */
    size_t answer_bytes;  /* most of an answer kept; 64 MiB */
};
struct client; /* opaque */
CHECKED status client_new(const struct client_options *options, struct client **out,
                          struct error *err);
void client_free(struct client *c); /* NULL is fine; wipes the token */
/* Another token from now on. */
void client_set_bearer(struct client *c, const char *bearer);

struct client_answer {
    int status;
    str content_type, request_id; /* live until the next call */
    str body;
};
/* `method` "GET"…; body p NULL: none.  Header lines as "Name: value", NULL-terminated list or NULL.  ST_UNAVAILABLE: no answer (the text says whom we asked and
 * why). An HTTP status of 400 and more is an answer, not a failure. */
CHECKED status client_ask(struct client *c, const char *method, const char *path,
                          const char *content_type, str body, const char *const *headers,
                          struct client_answer *out, struct error *err);

/* Send a body of unknown length as it is read: `read` fills up to `room`, 0 is the end, SIZE_MAX gives up. */
CHECKED status client_upload(struct client *c, const char *path, const char *content_type,
                             const char *const *headers,
                             size_t (*read)(void *arg, char *out, size_t room), void *arg,
                             struct client_answer *out, struct error *err);
/* Receive a body as it comes: `piece` answers false to stop. */
CHECKED status client_stream(struct client *c, const char *path, const char *const *headers,
                             bool (*piece)(void *arg, str bytes), void *arg, int *http_status,
                             struct error *err);

#endif
