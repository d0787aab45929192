/* SPDX-License-Identifier: Apache-2.0 */
/* events send: files to a service, as they are. */
#include "cli/cli_int.h"
#include "cli/remote.h"
#include "codec/url.h"
#include "os/file.h"
#include "os/stop.h"

enum { PATH_BYTES = 1024, HEADER_MAX = 256 };

struct transfer {
    int fd;
    uint64_t sent;
    struct error *err;
    bool failed;
};

static size_t read_piece(void *arg, char *out, size_t room)
{
    struct transfer *t = arg;
    size_t n = 0;
    if (stop_requested())
        t->failed = fail(t->err, ST_IO, "interrupted") != ST_OK;
    else
        t->failed = file_read(t->fd, out, room, &n, t->err) != ST_OK;
    t->sent += n;
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

static status send_open(struct remote *r, const char *path, int fd, struct error *err)
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
    struct transfer t = {.fd = fd, .err = err};
    struct client_answer answer;
    status s = client_upload(r->client, url, "application/octet-stream", header, read_piece, &t,
                             &answer, err);
    if (t.failed)
        return err->code;
    if (s != ST_OK)
        return s;
    return answer.status >= 400 ? remote_refused(answer.status, answer.body, err)
                                : json_doc_parse(answer.body, answer.body.n, &r->doc, err);
}

static void print_sent(struct remote *r, const char *path)
{
    r->root = json_doc_root(r->doc);
    printf("%s: %lld events, %lld records rejected, %lld alerts\n", path,
           (long long)json_int(json_get(r->root, STR("accepted")), 0),
           (long long)json_int(json_get(r->root, STR("rejected")), 0),
           (long long)json_int(json_get(r->root, STR("alerts")), 0));
}

static status send_file(struct remote *r, const char *path, struct error *err)
{
    int fd = 0;
    bool piped = strcmp(path, "-") == 0;
    status s = piped ? ST_OK : file_open(path, FILE_ANY, &fd, err);
    if (s != ST_OK)
        return s;
    json_doc_free(r->doc);
    r->doc = NULL;
    s = send_open(r, path, fd, err);
    if (!piped)
        file_close(fd);
    if (s == ST_OK)
        print_sent(r, path);
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
