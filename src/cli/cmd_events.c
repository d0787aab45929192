/* SPDX-License-Identifier: Apache-2.0 */
/* events send: files to a service, as they are. */
#include "cli/cli_int.h"
#include "cli/remote.h"
#include "codec/decompress.h"
#include "codec/url.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/stop.h"
#include "os/uid.h"

#include <poll.h>

enum { PATH_BYTES = 1024, HEADER_MAX = 256 };

struct transfer {
    int fd;
    str head; /* read already */
    struct error *err;
    bool failed;
};

static size_t read_piece(void *arg, char *out, size_t room)
{
    struct transfer *t = arg;
    size_t n = 0;
    if (t->head.n) {
        n = t->head.n < room ? t->head.n : room;
        memcpy(out, t->head.p, n);
        t->head = str_from(t->head, n);
        return n;
    }
    if (stop_requested())
        t->failed = fail(t->err, ST_IO, "interrupted") != ST_OK;
    else
        t->failed = file_read(t->fd, out, room, &n, t->err) != ST_OK;
    return t->failed ? SIZE_MAX : n;
}

/* The last part of a path. */
static str name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return str_z(slash ? slash + 1 : path);
}

static void url_of(const struct args *a, const char *path, char out[static PATH_BYTES])
{
    struct sbuf b;
    sbuf_init(&b, PATH_BYTES - 1);
    sbuf_addz(&b, "/api/events?source=");
    url_encode(&b, name_of(path));
    if (strcmp(args_text(a, "format"), "auto") != 0)
        sbuf_addf(&b, "&format=%s", args_text(a, "format"));
    snprintf(out, PATH_BYTES, STR_FMT, STR_ARG(sbuf_str(&b)));
    sbuf_done(&b);
}

/* The answer in r->root, or the failure it is. */
static status take_answer(struct remote *r, const struct client_answer *answer, struct error *err)
{
    json_doc_free(r->doc);
    r->doc = NULL;
    if (answer->status >= 400)
        return remote_refused(answer->status, answer->body, err);
    status s = json_doc_parse(answer->body, answer->body.n, &r->doc, err);
    r->body = answer->body;
    r->root = s == ST_OK ? json_doc_root(r->doc) : (json_node){0};
    return s;
}

static status send_open(struct remote *r, const char *path, int fd, str head, struct error *err)
{
    const struct args *a = r->args;
    char url[PATH_BYTES], key[HEADER_MAX];
    const char *header[2] = {NULL, NULL};
    url_of(a, path, url);
    if (*args_text(a, "key")) {
        /* One key for the command, one body for each file. */
        bool several = a->operand_count > 1;
        snprintf(key, sizeof key, "Idempotency-Key: %s%s%s", args_text(a, "key"),
                 several ? ":" : "", several ? name_of(path).p : "");
        header[0] = key;
    }
    struct transfer t = {.fd = fd, .head = head, .err = err};
    struct client_answer answer;
    status s = client_upload(r->client, url, "application/octet-stream", header, read_piece, &t,
                             &answer, err);
    if (t.failed)
        return err->code;
    if (s != ST_OK)
        return s;
    return take_answer(r, &answer, err);
}

static void print_sent(struct remote *r, const char *path)
{
    if (remote_print_json(r)) {
        fflush(stdout);
        return;
    }
    json_node errors = json_get(r->root, STR("errors"));
    for (struct json_each it = json_each(errors); json_each_next(&it);) {
        str reason = json_str(json_get(it.value, STR("reason")), STR(""));
        cli_note("%s:%lld: " STR_FMT, path, (long long)json_int(json_get(it.value, STR("line")), 0),
                 STR_ARG(reason));
    }
    printf("%s: %lld events, %lld records rejected, %lld alerts\n", path,
           (long long)json_int(json_get(r->root, STR("accepted")), 0),
           (long long)json_int(json_get(r->root, STR("rejected")), 0),
           (long long)json_int(json_get(r->root, STR("alerts")), 0));
    fflush(stdout);
    long long late = (long long)json_int(json_get(r->root, STR("late")), 0);
    if (late)
        cli_note("%lld match%s came too late to be correlated: the service knows of newer events",
                 late, late == 1 ? "" : "es");
}

/* ---- a pipe that goes on ----
 *
 * What somebody writes now and then cannot be one long body: it would be acknowledged at its end only.
 * Lines are gathered for a second, or until there are enough of them, and sent as a body of their own,
 * again and again until the service has taken them. */

enum { GATHER_BYTES = 4 << 20, GATHER_MS = 1000, AGAIN_MS = 2000 };

/* Records that end with their line?  Not compressed, not binary, no array, no object over several lines. */
static bool is_of_lines(str head)
{
    str line = str_trim(str_head(head, str_find(head, '\n')));
    return decompress_kind_of(head) == DECOMPRESS_NONE && !str_starts(head, STR("ElfFile")) &&
           !str_starts(line, STR("[")) && !str_eq(line, STR("{"));
}

/* Read until there is a pause with a whole line, or enough.  False: the end. */
static status gather(int fd, struct sbuf *b, bool *ended, struct error *err)
{
    uint64_t start_ns = clock_ns();
    status s = ST_OK;
    while (s == ST_OK && !*ended && !stop_requested()) {
        bool whole = b->n && b->p[b->n - 1] == '\n';
        double waited_s = clock_since(start_ns);
        if (whole && (waited_s * 1000 >= GATHER_MS || b->n >= GATHER_BYTES / 2))
            break;
        if (!file_wait(fd, GATHER_MS / 4)) {
            if (b->n == 0)
                start_ns = clock_ns();
            continue;
        }
        size_t n = 0;
        char *room = sbuf_space(b, 64 << 10);
        s = room ? file_read(fd, room, 64 << 10, &n, err)
                 : fail(err, ST_LIMIT, "a line is longer than %d bytes", GATHER_BYTES);
        if (s == ST_OK)
            sbuf_grew(b, n);
        *ended = s == ST_OK && n == 0;
    }
    return s;
}

/* The same body under the same key until it is taken; what will never be is an error. */
static status send_lines(struct remote *r, const char *path, str lines, struct error *err)
{
    char url[PATH_BYTES], id[UID_SIZE], key[HEADER_MAX];
    const char *const header[] = {key, NULL};
    struct client_answer answer;
    status s;
    url_of(r->args, path, url);
    uid_new(clock_wall_ms(), id);
    snprintf(key, sizeof key, "Idempotency-Key: %s", id);
    for (bool told = false;; told = true) {
        s = client_ask(r->client, "POST", url, "application/octet-stream", lines, header, &answer,
                       err);
        if (s == ST_OK && remote_renew(r, answer.status))
            continue;
        if (s == ST_OK)
            s = take_answer(r, &answer, err);
        if ((s != ST_UNAVAILABLE && s != ST_BUSY) || stop_requested())
            return s;
        if (!told)
            cli_note("%s; it is tried again", err->text);
        (void)poll(NULL, 0, AGAIN_MS); /* between two tries */
    }
}

static status send_pipe(struct remote *r, const char *path, int fd, struct error *err)
{
    struct sbuf b;
    bool ended = false, first = true;
    status s = ST_OK;
    sbuf_init(&b, GATHER_BYTES);
    while (s == ST_OK && !ended && !stop_requested()) {
        sbuf_clear(&b);
        s = gather(fd, &b, &ended, err);
        if (s != ST_OK || b.n == 0)
            break;
        bool lines = is_of_lines(sbuf_str(&b)) && !*args_text(r->args, "key");
        if (first && !lines) { /* one body, whatever it is */
            s = send_open(r, path, fd, sbuf_str(&b), err);
            ended = true;
        } else {
            s = send_lines(r, path, sbuf_str(&b), err);
        }
        first = false;
        if (s == ST_OK)
            print_sent(r, path);
    }
    sbuf_done(&b);
    return s;
}

static status send_file(struct remote *r, const char *path, struct error *err)
{
    int fd = 0;
    bool piped = strcmp(path, "-") == 0;
    status s = piped ? ST_OK : file_open(path, FILE_ANY, &fd, err);
    if (s != ST_OK)
        return s;
    struct file_info info = {.kind = FILE_OTHER};
    s = piped ? ST_OK : file_fstat(fd, &info, err);
    if (s == ST_OK && info.kind == FILE_OTHER) {
        s = send_pipe(r, path, fd, err);
    } else if (s == ST_OK) {
        s = send_open(r, path, fd, STR(""), err);
        if (s == ST_OK)
            print_sent(r, path);
    }
    if (!piped)
        file_close(fd);
    return s == ST_OK ? s : fail_prefix(err, s, "'%.80s'", path);
}

/* A token that is over would be noticed only after a long transfer: ask first.  A key that may send events need
 * not be one that may look at itself. */
static status check_token(struct remote *r, struct error *err)
{
    status s = remote_ask(r, "GET", "/api/auth/me", err);
    return s == ST_FORBIDDEN ? ST_OK : s;
}

int cmd_events_send(const struct args *a)
{
    struct remote r = {0};
    struct error err;
    stop_on_signals();
    status s = remote_open(&r, a, &err);
    if (s == ST_OK)
        s = check_token(&r, &err);
    for (size_t i = 0; i < a->operand_count && s == ST_OK; i++)
        s = send_file(&r, a->operand[i], &err);
    remote_close(&r);
    return s == ST_OK ? 0 : cli_fail(&err);
}
