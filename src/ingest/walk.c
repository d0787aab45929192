/* SPDX-License-Identifier: Apache-2.0 */
/* Folders are read once, before anything in them, so that the run knows how much lies ahead.
 * Symbolic links are followed; a folder is not entered below itself, which is enough to end
 * every loop, and the same folder under two names is read under both. */
#include "base/sbuf.h"
#include "ingest/ingest_int.h"
#include "os/file.h"

#include <dirent.h>
#include <errno.h>

struct walk {
    struct input_list *list;
    struct problems *problems;
    struct error *err;
    unsigned depth;
    struct {
        uint64_t device, inode;
    } above[WALK_DEPTH_MAX]; /* the folders we are in */
};

void input_list_init(struct input_list *l)
{
    *l = (struct input_list){0};
    arena_init(&l->arena, WALK_PATHS_MAX_BYTES);
}

void input_list_done(struct input_list *l)
{
    vec_done(&l->file);
    arena_done(&l->arena);
}

static status add_file(struct walk *w, str path, const struct file_info *info, bool given)
{
    str copy = arena_str(&w->list->arena, path);
    if (!copy.p)
        return fail(w->err, ST_LIMIT, "too many files: their names take more than %d MiB",
                    WALK_PATHS_MAX_BYTES / (1024 * 1024));
    *vec_push(&w->list->file) = (struct input){
        .path = copy.p,
        .size = info->size,
        .given = given,
        .regular = info->kind == FILE_REGULAR,
    };
    return ST_OK;
}

/* Something below a folder that will not be read. */
static status note(struct walk *w, str path, const char *why)
{
    str copy = arena_str(&w->list->arena, path);
    problem_add(w->problems, copy.p ? copy.p : "(a long list of files)", "%s", why);
    return ST_OK;
}

static int by_name(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

struct names {
    VEC(char *) at; /* owned, and what it points to */
};

static void names_done(struct names *n)
{
    for (size_t i = 0; i < n->at.n; i++)
        mem_free(n->at.at[i]);
    vec_done(&n->at);
}

/* The visible entries of a folder, in name order. */
static bool read_names(const char *path, struct names *out)
{
    DIR *folder = opendir(path);
    if (!folder)
        return false;
    const struct dirent *entry;
    while ((entry = readdir(folder))) {
        if (entry->d_name[0] == '.')
            continue;
        size_t size = strlen(entry->d_name) + 1;
        char *copy = mem_zero(size);
        memcpy(copy, entry->d_name, size);
        *vec_push(&out->at) = copy;
    }
    (void)closedir(folder); /* only read */
    if (out->at.n)
        qsort(out->at.at, out->at.n, sizeof *out->at.at, by_name);
    return true;
}

static status add_entry(struct walk *w, str path);

static status add_below(struct walk *w, str path)
{
    struct names names = {0};
    if (!read_names(path.p, &names)) {
        char why[128];
        return note(w, path, strerror_r(errno, why, sizeof why));
    }
    status st = ST_OK;
    struct sbuf child;
    sbuf_init(&child, SIZE_MAX);
    for (size_t i = 0; i < names.at.n && st == ST_OK; i++) {
        sbuf_clear(&child);
        sbuf_addf(&child, STR_FMT "%s%s", STR_ARG(path), str_ends(path, STR("/")) ? "" : "/",
                  names.at.at[i]);
        st = add_entry(w, sbuf_str(&child));
    }
    sbuf_done(&child);
    names_done(&names);
    return st;
}

static bool is_above(const struct walk *w, const struct file_info *info)
{
    for (unsigned i = 0; i < w->depth; i++)
        if (w->above[i].device == info->device && w->above[i].inode == info->inode)
            return true;
    return false;
}

static status add_folder(struct walk *w, str path, const struct file_info *info)
{
    if (is_above(w, info))
        return note(w, path, "contains itself; not entered again");
    if (w->depth == WALK_DEPTH_MAX)
        return note(w, path, "too deep; not entered");
    w->above[w->depth].device = info->device;
    w->above[w->depth].inode = info->inode;
    w->depth++;
    status st = add_below(w, path);
    w->depth--;
    return st;
}

/* What stands in a folder; path.p ends in a NUL. */
static status add_entry(struct walk *w, str path)
{
    struct file_info info;
    struct error why;
    if (file_stat(path.p, &info, &why) != ST_OK)
        return note(w, path, why.text);
    if (info.kind == FILE_FOLDER)
        return add_folder(w, path, &info);
    if (info.kind == FILE_OTHER)
        return note(w, path, "is not a regular file; name it to have it read");
    return add_file(w, path, &info, false);
}

status input_list_add(struct input_list *l, const char *path, struct problems *problems,
                      struct error *err)
{
    struct walk w = {.list = l, .problems = problems, .err = err};
    struct file_info info = {.kind = FILE_OTHER};
    if (strcmp(path, "-") == 0)
        return add_file(&w, STR("-"), &info, true);
    status st = file_stat(path, &info, err);
    if (st != ST_OK)
        return st;
    if (info.kind == FILE_FOLDER)
        return add_folder(&w, str_z(path), &info);
    return add_file(&w, str_z(path), &info, true);
}
