/* SPDX-License-Identifier: Apache-2.0 */
#include "rule/files.h"

#include "base/map.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 32, ENTRIES_MAX = 1000 * 1000 };

struct walk {
    struct rule_files *files;
    struct map seen; /* device and inode → nothing; keys in the arena */
    char *buf;       /* owned, RULE_FILE_MAX + 1 */
    struct error *err;
};

static status too_much(struct walk *w)
{
    return fail(w->err, ST_LIMIT, "the rules need more than %zu bytes", w->files->arena.cap);
}

/* True the first time a file or folder is met. */
static bool first_time(struct walk *w, const struct stat *st, status *s)
{
    uint64_t id[2] = {(uint64_t)st->st_dev, (uint64_t)st->st_ino};
    str key = {(const char *)id, sizeof id};
    if (map_find(&w->seen, key))
        return false;
    key = arena_str(&w->files->arena, key);
    if (!key.p)
        *s = too_much(w);
    else
        map_add(&w->seen, key, 0, NULL);
    return key.p != NULL;
}

/* Up to RULE_FILE_MAX + 1 bytes of `fd` into w->buf; negative on failure. */
static ssize_t slurp(struct walk *w, int fd)
{
    size_t n = 0;
    while (n < RULE_FILE_MAX + 1) {
        ssize_t got = read(fd, w->buf + n, RULE_FILE_MAX + 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

static const char *system_text(struct walk *w)
{
    char buf[80];
    const char *why = strerror_r(errno, buf, sizeof buf);
    str copy = arena_str(&w->files->arena, str_z(why));
    return copy.p ? copy.p : "cannot be read";
}

static status add_file(struct walk *w, int folder, const char *name, const char *path)
{
    struct rule_file file = {.path = arena_str(&w->files->arena, str_z(path))};
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t n = fd < 0 ? -1 : slurp(w, fd);
    if (n < 0)
        file.problem = system_text(w);
    else if (n > RULE_FILE_MAX)
        file.problem = "the file is larger than 1 MiB";
    else
        file.text = arena_str(&w->files->arena, (str){w->buf, (size_t)n});
    if (fd >= 0)
        (void)close(fd); /* nothing was written */
    if (!file.path.p || (!file.problem && !file.text.p))
        return too_much(w);
    *vec_push(&w->files->file) = file;
    return ST_OK;
}

/* ---- folders ---- */

typedef VEC(char *) names;

static int by_name(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

/* The names in an open folder, sorted; hidden ones left out. */
static bool list(DIR *dir, names *out)
{
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        if (out->n == ENTRIES_MAX)
            return false;
        size_t n = strlen(e->d_name) + 1;
        *vec_push(out) = memcpy(mem_zero(n), e->d_name, n);
    }
    if (out->n)
        qsort(out->at, out->n, sizeof *out->at, by_name);
    return true;
}

static void names_done(names *n)
{
    for (size_t i = 0; i < n->n; i++)
        mem_free(n->at[i]);
    vec_done(n);
}

/* Test cases lie beside the rules they are about. */
static bool is_rule_name(str name)
{
    return (str_iends(name, STR(".yml")) || str_iends(name, STR(".yaml"))) &&
           !str_iends(name, STR(".test.yml")) && !str_iends(name, STR(".test.yaml"));
}

static status walk_folder(struct walk *w, int folder, const char *name, const char *path,
                          unsigned depth);

static status walk_entry(struct walk *w, int folder, const char *name, const char *parent,
                         unsigned depth)
{
    struct stat st;
    status s = ST_OK;
    bool rule = is_rule_name(str_z(name));
    if (fstatat(folder, name, &st, 0) != 0)
        st.st_mode = rule ? S_IFREG : 0; /* a dangling link: opening it says why */
    else if (!S_ISDIR(st.st_mode) && !(S_ISREG(st.st_mode) && rule))
        return ST_OK;
    else if (!first_time(w, &st, &s))
        return s;
    if (!S_ISDIR(st.st_mode) && !rule)
        return ST_OK;
    bool slash = str_ends(str_z(parent), STR("/"));
    str path = arena_fmt(&w->files->arena, "%s%s%s", parent, slash ? "" : "/", name);
    if (!path.p)
        return too_much(w);
    return S_ISDIR(st.st_mode) ? walk_folder(w, folder, name, path.p, depth)
                               : add_file(w, folder, name, path.p);
}

static status walk_folder(struct walk *w, int folder, const char *name, const char *path,
                          unsigned depth)
{
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct rule_file unreadable = {.path = str_z(path)};
    if (!dir || depth == 0) {
        unreadable.problem = dir ? "folders are nested too deep" : system_text(w);
        if (dir)
            closedir(dir);
        else if (fd >= 0)
            (void)close(fd); /* nothing was written */
        *vec_push(&w->files->file) = unreadable;
        return ST_OK;
    }
    names entry = {0};
    status s = list(dir, &entry) ? ST_OK : too_much(w);
    for (size_t i = 0; s == ST_OK && i < entry.n; i++)
        s = walk_entry(w, fd, entry.at[i], path, depth - 1);
    names_done(&entry);
    closedir(dir);
    return s;
}

/* ---- paths as given ---- */

static status walk_path(struct walk *w, const char *path)
{
    struct stat st;
    status s = ST_OK;
    if (stat(path, &st) != 0) {
        char buf[80];
        bool absent = errno == ENOENT || errno == ENOTDIR;
        return fail(w->err, absent ? ST_NOT_FOUND : ST_IO, "rules '%s': %s", path,
                    strerror_r(errno, buf, sizeof buf));
    }
    if (!first_time(w, &st, &s))
        return s;
    str kept = arena_str(&w->files->arena, str_z(path));
    if (!kept.p)
        return too_much(w);
    return S_ISDIR(st.st_mode) ? walk_folder(w, AT_FDCWD, path, kept.p, DEPTH_MAX)
                               : add_file(w, AT_FDCWD, path, kept.p);
}

status rule_files_read(struct rule_files *f, const char *const *path, size_t count,
                       size_t max_bytes, struct error *err)
{
    *f = (struct rule_files){0};
    arena_init(&f->arena, max_bytes);
    struct walk w = {.files = f, .buf = mem_zero(RULE_FILE_MAX + 1), .err = err};
    status s = ST_OK;
    for (size_t i = 0; s == ST_OK && i < count; i++)
        s = walk_path(&w, path[i]);
    map_done(&w.seen);
    mem_free(w.buf);
    if (s != ST_OK)
        rule_files_done(f);
    return s;
}

void rule_files_done(struct rule_files *f)
{
    arena_done(&f->arena);
    vec_done(&f->file);
}
