/* SPDX-License-Identifier: Apache-2.0 */
/* remote.h - for files in cli/ only: asking a running service for a command.
 *
 * A command is: remote_open, remote_ask (as often as needed), print, remote_close.  An access token that is over is
 * renewed once by itself. */
#ifndef CLI_REMOTE_H
#define CLI_REMOTE_H

#include "cli/args.h"
#include "cli/session.h"
#include "codec/json_doc.h"
#include "codec/json_out.h"
#include "net/client.h"

struct remote {
    const struct args *args;
    struct client *client; /* owned */
    struct session session;
    struct arena arena;
    struct json_doc *doc; /* owned; of the last answer */
    json_node root;
    str body;            /* of the last answer; until the next */
    struct sbuf request; /* for bodies: begin with remote_body */
};

CHECKED status remote_open(struct remote *r, const struct args *a, struct error *err);
void remote_close(struct remote *r);

/* Begin a JSON body in r->request. */
struct json_out remote_body(struct remote *r);
/* Ask with r->request as body when `method` takes one and it is not empty.  The answer is in r->root and
 * r->body.  What the service refuses is a failure with its words and request id. */
CHECKED status remote_ask(struct remote *r, const char *method, const char *path,
                          struct error *err);
/* The failure that an answer with `http_status` and a problem document is. */
status remote_refused(int http_status, str body, struct error *err);
/* Those of an answer that has some, into the session. */
void remote_take_tokens(struct remote *r);
/* Is a new token worth a try after `http_status`?  Then it is there. */
bool remote_renew(struct remote *r, int http_status);

/* "/api/things/" and a word of the command line, escaped. */
const char *remote_path(struct remote *r, const char *before, const char *word, const char *after);

/* With --json the answer as it came; else false. */
bool remote_print_json(const struct remote *r);

/* ---- tables for people ---- */

enum column_kind {
    COLUMN_TEXT,
    COLUMN_TIME,
    COLUMN_NUMBER,
    COLUMN_LEVEL,
    COLUMN_FLAG,
    COLUMN_VALUES
};
struct column {
    const char *key, *heading;
    size_t width; /* 0: as wide as it is */
    enum column_kind kind;
};
/* The elements of `rows`, a line each; `none` when there is none. */
void remote_print_rows(json_node rows, const struct column *column, size_t columns,
                       const char *none);
void remote_print_row(json_node row, const struct column *column, size_t columns);

#endif
