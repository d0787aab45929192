/* SPDX-License-Identifier: Apache-2.0 */
/* Paths to texts: folders are walked, archives opened, and each text given to its format's reader. */
#include "codec/decompress.h"
#include "codec/tar.h"
#include "crypto/crypto.h"
#include "dataset/dataset_int.h"
#include "os/file.h"

#include <dirent.h>
#include <stdio.h>

enum { DEPTH_MAX = 16, FILES_MAX = 100 * 1000, PATH_MAX_BYTES = 4096 };
static const size_t text_max = (size_t)4 << 30;  /* bytes of one file, unless told */
static const size_t names_max = (size_t)1 << 30; /* bytes of names in a set */

static status (*const readers[DATASET_FORMAT_COUNT])(struct reading *r) = {
    [DATASET_UNSW_NB15] = read_unsw_nb15, [DATASET_NSL_KDD] = read_nsl_kdd,
    [DATASET_CICFLOW] = read_cicflow,     [DATASET_ZEEK] = read_flows,
    [DATASET_EVE] = read_flows,           [DATASET_SEQUENCE] = read_sequence,
    [DATASET_KEYSTROKE] = read_keystroke, [DATASET_CSV] = read_csv,
};

struct file {
    const char *path; /* in the arena */
    size_t below;     /* where it goes on below what the user named */
    uint64_t size;
};
struct files {
    VEC(struct file) file;
    struct arena arena;
    uint64_t bytes;
    struct error *err;
};

/* ---- which files ---- */

static status add_file(struct files *f, str path, size_t below, uint64_t size)
{
    str copy = arena_str(&f->arena, path);
    if (!copy.p || f->file.n == FILES_MAX)
        return fail(f->err, ST_LIMIT, "more than %d files", FILES_MAX);
    *vec_push(&f->file) = (struct file){copy.p, below, size};
    f->bytes += size;
    return ST_OK;
}

static int by_name(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

struct entries {
    VEC(const char *) name;
};

/* The visible names in a folder, in order; in the arena. */
static status list(struct files *f, const char *path, struct entries *out)
{
    DIR *folder = opendir(path);
    if (!folder)
        return fail(f->err, ST_IO, "'%s': the folder cannot be read", path);
    const struct dirent *e;
    status st = ST_OK;
    while (st == ST_OK && (e = readdir(folder))) {
        str copy = e->d_name[0] == '.' ? STR("") : arena_str(&f->arena, str_z(e->d_name));
        if (!copy.p)
            st = fail(f->err, ST_LIMIT, "more than %d files", FILES_MAX);
        else if (copy.n)
            *vec_push(&out->name) = copy.p;
    }
    (void)closedir(folder); /* only read */
    if (out->name.n)
        qsort(out->name.at, out->name.n, sizeof *out->name.at, by_name);
    return st;
}

static status add_path(struct files *f, str path, size_t below, unsigned depth);

static status add_folder(struct files *f, str path, size_t below, unsigned depth)
{
    struct entries e = {0};
    if (depth == DEPTH_MAX)
        return fail(f->err, ST_LIMIT, "'" STR_FMT "': folders more than %d deep", STR_ARG(path),
                    DEPTH_MAX);
    status st = list(f, path.p, &e);
    for (size_t i = 0; i < e.name.n && st == ST_OK; i++) {
        str child = arena_fmt(&f->arena, STR_FMT "/%s", STR_ARG(path), e.name.at[i]);
        st = child.p ? add_path(f, child, below, depth + 1)
                     : fail(f->err, ST_LIMIT, "more than %d files", FILES_MAX);
    }
    vec_done(&e.name);
    return st;
}

static status add_path(struct files *f, str path, size_t below, unsigned depth)
{
    struct file_info info;
    status st = file_stat(path.p, &info, f->err);
    if (st != ST_OK)
        return st;
    if (info.kind == FILE_FOLDER)
        return add_folder(f, path, depth ? below : path.n + 1, depth);
    return add_file(f, path, depth ? below : path.n, info.size);
}

/* ---- their texts ---- */

/* What the user named must be of the format; what lies below it may be something else (a README), and is left out with a
 * note. */
static status read_text(struct reading *r, str text)
{
    struct dataset *d = r->d;
    size_t rows = d->rows;
    uint64_t rejected = d->rejected;
    if (str_starts(text, STR("\xef\xbb\xbf")))
        text = str_from(text, 3);
    r->text = text;
    status st = readers[r->o->format](r);
    if (st == ST_OK && d->rows == rows)
        st = fail(r->err, ST_INVALID, "%s", d->rejected > rejected ? d->reject : "no row in it");
    if (st != ST_INVALID || r->member.n == 0 || d->rows != rows)
        return st;
    dataset_note(d, "'" STR_FMT "' left out", STR_ARG(str_head(r->member, 60)));
    return ST_OK;
}

static status read_archive(struct reading *r, str archive)
{
    struct tar tar;
    struct tar_entry e;
    char path[PATH_MAX_BYTES];
    const char *outer = r->path;
    status st;
    tar_init(&tar, archive);
    while ((st = tar_next(&tar, &e, r->err)) == ST_OK) {
        snprintf(path, sizeof path, "%s/" STR_FMT, outer, STR_ARG(e.name));
        r->path = path;
        r->member = e.name;
        st = read_text(r, e.bytes);
        r->path = outer;
        if (st != ST_OK)
            return st;
    }
    return st == ST_NOT_FOUND ? ST_OK : fail_prefix(r->err, st, "'%s'", outer);
}

static size_t bytes_max(const struct reading *r)
{
    return r->o->bytes_max ? r->o->bytes_max : text_max;
}

static status read_bytes(struct reading *r, str stored)
{
    struct sbuf plain;
    str text = stored;
    status st = ST_OK;
    sbuf_init(&plain, bytes_max(r));
    if (decompress_kind_of(stored) != DECOMPRESS_NONE) {
        st = decompress_all(stored, &plain, r->err);
        text = sbuf_str(&plain);
        if (st != ST_OK)
            st = fail_prefix(r->err, st, "'%s'", r->path);
    }
    if (st == ST_OK)
        st = tar_is(text) ? read_archive(r, text) : read_text(r, text);
    sbuf_done(&plain);
    return st;
}

static status read_file(struct reading *r, const struct file *f, struct digester *digester)
{
    struct sbuf stored;
    sbuf_init(&stored, bytes_max(r));
    r->path = f->path;
    r->member = str_from(str_z(f->path), f->below);
    r->stored = f->size;
    status st = file_read_all(f->path, &stored, r->err);
    if (st == ST_OK) {
        digester_add(digester, sbuf_str(&stored));
        st = read_bytes(r, sbuf_str(&stored));
    }
    sbuf_done(&stored);
    r->done += f->size;
    return st;
}

static struct digester *digest_begin(const struct dataset *d)
{
    struct digester *digester = digester_new();
    if (d->digest[0]) /* what was read before is part of what it is */
        digester_add(digester, str_z(d->digest));
    return digester;
}

/* Archives and folders may have held nothing of the format. */
static status must_have_more(struct reading *r, size_t rows)
{
    const struct dataset *d = r->d;
    if (d->rows > rows)
        return ST_OK;
    return fail(r->err, ST_INVALID, "nothing that is %s: %s", dataset_format_name(r->o->format),
                d->note[0] ? d->note : "no files");
}

static status read_files(struct reading *r, const struct files *f)
{
    struct dataset *d = r->d;
    struct digester *digester = digest_begin(d);
    size_t before = d->rows;
    status st = ST_OK;
    for (size_t i = 0; i < f->file.n && st == ST_OK; i++) {
        st = read_file(r, &f->file.at[i], digester);
        if (r->o->progress)
            r->o->progress(r->o->arg, r->done, r->total);
    }
    digester_end(digester, DIGEST_SHA256, d->digest);
    digester_free(digester);
    return st == ST_OK ? must_have_more(r, before) : st;
}

static status begin(struct dataset *d, enum dataset_format format, struct error *err)
{
    if (d->rows && d->format != format)
        return fail(err, ST_INVALID, "rows of %s cannot be added to rows of %s",
                    dataset_format_name(format), dataset_format_name(d->format));
    d->format = format;
    d->shape = dataset_format_shape(format);
    if (d->arena.cap == 0)
        arena_init(&d->arena, names_max);
    return ST_OK;
}

status dataset_read(struct dataset *d, const char *const *path, size_t paths,
                    const struct dataset_options *o, struct error *err)
{
    struct error why = {0};
    struct files files = {.err = &why};
    status st = begin(d, o->format, &why);
    arena_init(&files.arena, names_max);
    for (size_t i = 0; i < paths && st == ST_OK; i++)
        st = add_path(&files, str_z(path[i]), 0, 0);
    struct reading r = {.d = d, .o = o, .total = files.bytes, .err = &why, .path = ""};
    if (st == ST_OK)
        st = read_files(&r, &files);
    flow_stream_free(r.flows);
    vec_done(&files.file);
    arena_done(&files.arena);
    text_make_plain(why.text);
    return st == ST_OK ? ST_OK : fail(err, st, "%s", why.text);
}

status dataset_read_memory(struct dataset *d, str bytes, const char *name,
                           const struct dataset_options *o, struct error *err)
{
    struct error why = {0};
    struct reading r = {
        .d = d, .o = o, .stored = bytes.n, .total = bytes.n, .err = &why, .path = name};
    status st = begin(d, o->format, &why);
    if (st == ST_OK) {
        struct digester *digester = digest_begin(d);
        digester_add(digester, bytes);
        size_t before = d->rows;
        st = read_bytes(&r, bytes);
        if (st == ST_OK)
            st = must_have_more(&r, before);
        digester_end(digester, DIGEST_SHA256, d->digest);
        digester_free(digester);
        flow_stream_free(r.flows);
    }
    text_make_plain(why.text);
    return st == ST_OK ? ST_OK : fail(err, st, "%s", why.text);
}
