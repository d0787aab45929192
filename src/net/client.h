/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - asking an HTTP server, blocking; by libcurl.
 *
 * TLS is 1.2 or newer and always verified: against the system's certificates, or against `ca_file`
 * instead.  The library offers X25519MLKEM768 first where OpenSSL has it.  Redirects are answers
 * like any other, never followed: a token goes to nobody but who was asked.  The proxies of the
 * environment count, but not for a loopback address; ~/.netrc does not.
 *
 * One thread at a time. */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include "base/sbuf.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct client_options {
    const char *base_url; /* http://127.0.0.1:3002; a path in it goes before every path asked for */
    const char *ca_file;  /* PEM to trust instead of the system's; NULL: the system's */
    const char *bearer;   /* token or API key; NULL: none.  Never in argv or logs */
    uint32_t
        timeout_ms; /* of client_ask, the whole exchange; 0: none.  Connecting has 10 s at most;
                             uploads and streams take their time, while TCP finds the peer alive */
    size_t answer_bytes; /* most of an answer kept; 0: 64 MiB */
};
struct client; /* opaque */
/* The options are copied.  ST_INVALID: the URL or the token cannot be one. */
CHECKED status client_new(const struct client_options *options, struct client **out,
                          struct error *err);
void client_free(struct client *c); /* NULL is fine; wipes the token */
/* Another token from now on; NULL: none.  ST_INVALID (the old one stays): not a token of visible
 * ASCII. */
CHECKED status client_set_bearer(struct client *c, const char *bearer, struct error *err);

struct client_answer {
    int status;
    str content_type, request_id; /* live until the next call */
    str body;
};

/* `method` "GET"…; `path` with its query, beginning with '/'; body p NULL: none, and content_type
 * is not looked at.  Header lines as "Name: value", NULL-terminated list or NULL.  ST_UNAVAILABLE:
 * no answer (the text says whom we asked, why, and what to do); ST_LIMIT: the answer is longer than
 * answer_bytes; ST_INVALID: the path or a header cannot be one.  An HTTP status of 400 and more
 * is an answer, not a failure. */
CHECKED status client_ask(struct client *c, const char *method, const char *path,
                          const char *content_type, str body, const char *const *headers,
                          struct client_answer *out, struct error *err);

/* POST a body of unknown length as it is read: `read` fills up to `room`, 0 is the end, SIZE_MAX
 * gives up (ST_IO).  A server that refuses early has its answer told and the rest is not read. */
CHECKED status client_upload(struct client *c, const char *path, const char *content_type,
                             const char *const *headers,
                             size_t (*read)(void *arg, char *out, size_t room), void *arg,
                             struct client_answer *out, struct error *err);

/* GET and receive the body as it comes, whatever the status, which is in *http_status before the first
 * piece: `piece` answers false to stop, which is ST_OK. */
CHECKED status client_stream(struct client *c, const char *path, const char *const *headers,
                             bool (*piece)(void *arg, str bytes), void *arg, int *http_status,
                             struct error *err);

#endif
