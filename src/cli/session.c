/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/session.h"

#include "codec/json_doc.h"
#include "codec/json_out.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 1 << 20, PATH_BYTES = 4096 };

static bool folder_of(char out[static PATH_BYTES])
{
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int n = -1;
    if (xdg && *xdg == '/')
        n = snprintf(out, PATH_BYTES, "%s/bguard", xdg);
    else if (home && *home == '/')
        n = snprintf(out, PATH_BYTES, "%s/.config/bguard", home);
    return n > 0 && n < PATH_BYTES - 32;
}

static bool path_of(char out[static PATH_BYTES], const char *name)
{
    if (!folder_of(out))
        return false;
    size_t n = strlen(out);
    return snprintf(out + n, PATH_BYTES - n, "/%s", name) > 0;
}

static str copy_of(struct arena *a, json_node root, const char *key)
{
    return arena_str(a, json_str(json_get(root, str_z(key)), STR("")));
}

static status read_text(struct session *s, struct arena *a, str text, const char *path,
                        struct error *err)
{
    struct json_doc *doc = NULL;
    status st = json_doc_parse(text, FILE_BYTES_MAX, &doc, err);
    if (st != ST_OK)
        return fail_prefix(err, st, "'%s'; log in again: ", path);
    json_node root = json_doc_root(doc);
    *s = (struct session){.server = copy_of(a, root, "server"),
                          .ca = copy_of(a, root, "ca"),
                          .access = copy_of(a, root, "access_token"),
                          .refresh = copy_of(a, root, "refresh_token")};
    json_doc_free(doc);
    return ST_OK;
}

static status read_file(struct session *s, struct arena *a, struct error *err)
{
    char path[PATH_BYTES];
    struct stat st;
    if (!path_of(path, "session.json") || stat(path, &st) != 0)
        return ST_OK;
    if (st.st_mode & 077)
        return fail(err, ST_FORBIDDEN, "'%s' can be read by others; remove it and log in again",
                    path);
    struct sbuf text;
    sbuf_init(&text, FILE_BYTES_MAX);
    status got = file_read_all(path, &text, err);
    if (got == ST_OK)
        got = read_text(s, a, sbuf_str(&text), path, err);
    sbuf_done(&text);
    return got;
}

status session_read(struct session *s, struct arena *a, struct error *err)
{
    const char *server = getenv("BGUARD_SERVER"), *token = getenv("BGUARD_TOKEN");
    *s = (struct session){0};
    status st = token && *token ? ST_OK : read_file(s, a, err);
    if (token && *token) {
        s->access = str_z(token);
        s->from_environment = true;
    }
    if (st != ST_OK || !server || !*server)
        return st;
    /* A token is for the service that gave it. */
    if (!s->from_environment && !str_eq(s->server, str_z(server)))
        *s = (struct session){0};
    s->server = str_z(server);
    return ST_OK;
}

/* ---- writing ---- */

static status fail_write(struct error *err, const char *path)
{
    char text[128];
    return fail(err, ST_IO, "'%s' cannot be written: %s", path,
                strerror_r(errno, text, sizeof text));
}

static void encode(const struct session *s, struct sbuf *out)
{
    struct json_out o = json_out_on(out);
    json_out_object(&o);
    json_out_kv_str(&o, "server", s->server);
    json_out_kv_str(&o, "ca", s->ca);
    json_out_kv_str(&o, "access_token", s->access);
    json_out_kv_str(&o, "refresh_token", s->refresh);
    json_out_object_end(&o);
    sbuf_addc(out, '\n');
}

static status write_to(const char *path, str text, struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail_write(err, path);
    bool ok = fchmod(fd, 0600) == 0 && write(fd, text.p, text.n) == (ssize_t)text.n;
    ok = fsync(fd) == 0 && ok;
    ok = close(fd) == 0 && ok;
    return ok ? ST_OK : fail_write(err, path);
}

static void make_folders(char *path)
{
    for (char *p = path + 1; *p; p++)
        if (*p == '/') {
            *p = '\0';
            (void)mkdir(path, 0700); /* there already, or what follows fails */
            *p = '/';
        }
}

status session_write(const struct session *s, struct error *err)
{
    char path[PATH_BYTES], beside[PATH_BYTES];
    if (!path_of(path, "session.json") || !path_of(beside, "session.json.new"))
        return fail(err, ST_NOT_FOUND,
                    "there is no place to remember the session: $HOME is not set");
    make_folders(path);
    struct sbuf text;
    sbuf_init(&text, FILE_BYTES_MAX);
    encode(s, &text);
    status st = write_to(beside, sbuf_str(&text), err);
    if (st == ST_OK && rename(beside, path) != 0)
        st = fail_write(err, path);
    sbuf_done(&text);
    return st;
}

int session_lock(void)
{
    char path[PATH_BYTES];
    if (!path_of(path, "session.lock"))
        return -1;
    make_folders(path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int got = -1;
    while (fd >= 0 && (got = flock(fd, LOCK_EX)) != 0 && errno == EINTR)
        ;
    if (fd >= 0 && got != 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

void session_unlock(int lock)
{
    if (lock >= 0)
        (void)close(lock); /* which drops it */
}

status session_forget(struct error *err)
{
    char path[PATH_BYTES];
    if (path_of(path, "session.json") && unlink(path) != 0 && errno != ENOENT)
        return fail_write(err, path);
    return ST_OK;
}
