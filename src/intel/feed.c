/* SPDX-License-Identifier: Apache-2.0 */
/* Files and folders of feeds.  Lists and CSV are read as they come, so that a feed
 * of any length needs one buffer; JSON is held whole while it is read. */
#include "base/mem.h"
#include "codec/decompress.h"
#include "intel/feed_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BUFFER_SIZE = 256 * 1024,
    FOLDER_DEPTH_MAX = 16,
    PATH_LENGTH_MAX = 4096,
};

/* What a folder's file must end in to be taken for a feed, compressed or not. */
static const char *const endings[] = {
    ".txt",  ".csv",  ".tsv",   ".json",  ".jsonl", ".ndjson",  ".list",  ".lst",
    ".ioc",  ".iocs", ".dat",   ".feed",  ".hosts", ".ipset",   ".intel", ".netset",
    ".misp", ".stix", ".stix2", ".allow", ".conf",  ".domains",
};
static const char *const packed_endings[] = {".gz", ".xz", ".zst"};

void intel_problem_add(struct intel_feed *f, bool rejected, const char *fmt, ...)
{
    struct intel_set *set = f->set;
    if (rejected)
        set->stats.rejected++;
    if (f->problems >= INTEL_PROBLEMS_A_FILE || set->problem.n >= INTEL_PROBLEMS_MAX)
        return;
    if (f->problems++ == 0) {
        str copy = arena_str(&set->names, f->path);
        f->path = copy.p ? copy : STR("(too many files with problems)");
    }
    struct intel_problem *p = vec_push(&set->problem);
    *p = (struct intel_problem){.file = f->path, .line = f->line};
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(p->reason, sizeof p->reason, fmt, ap); /* cut when too long */
    va_end(ap);
}

struct indicator intel_feed_item(const struct intel_feed *f, str value)
{
    return (struct indicator){
        .kind = INTEL_KIND_COUNT,
        .value = value,
        .source = f->source,
        .confidence_01 = INTEL_CONFIDENCE_DEFAULT,
    };
}

status intel_feed_add(struct intel_feed *f, const struct indicator *item, unsigned flags,
                      struct error *err)
{
    struct error why;
    status st = intel_add(f->set, item, flags | (f->allow ? INTEL_ALLOW : 0), &why);
    if (st == ST_LIMIT)
        return fail(err, st, "%s", why.text);
    if (st != ST_OK)
        intel_problem_add(f, false, "%s", why.text); /* intel_add has counted it */
    else if (f->set->taken)
        return f->set->taken(f->set->taken_arg, item, err);
    return ST_OK;
}

const char *intel_kind_name(enum intel_kind k)
{
    static const char *const names[INTEL_KIND_COUNT] = {
#define X(NAME, name, doc) name,
#include "intel/kind.def"
    };
    return names[k];
}

status intel_set_read(struct intel_set *set, str source, str text, intel_taken_fn *taken, void *arg,
                      struct error *err)
{
    struct intel_feed f = {.set = set, .path = source, .source = source};
    set->taken = taken;
    set->taken_arg = arg;
    status st = intel_feed_read(&f, text, err);
    set->taken = NULL;
    return st;
}

/* ---- text ---- */

static bool looks_like_json(str head)
{
    head = str_trim(head);
    if (str_starts(head, STR("{")))
        return true;
    if (!str_starts(head, STR("[")))
        return false;
    str first = str_trim(str_from(head, 1));
    return first.n && (first.p[0] == '{' || first.p[0] == '"' || first.p[0] == ']');
}

static str without_bom(str s)
{
    return str_starts(s, STR("\xef\xbb\xbf")) ? str_from(s, 3) : s;
}

static status one_line(struct intel_feed *f, struct intel_csv *csv, str line, struct error *err)
{
    f->line++;
    if (line.n > INTEL_LINE_MAX) {
        intel_problem_add(f, true, "longer than %d bytes", INTEL_LINE_MAX);
        return ST_OK;
    }
    return csv ? intel_csv_line(csv, line, err) : intel_plain_line(f, line, err);
}

/* Read the whole lines at the front of *text, all of it when `last`. */
static status take_lines(struct intel_feed *f, struct intel_csv *csv, str *text, bool last,
                         struct error *err)
{
    while (text->n) {
        size_t end = str_find(*text, '\n');
        if (end == text->n && !last)
            return ST_OK;
        str line = str_head(*text, end);
        *text = str_from(*text, end + 1);
        status st = one_line(f, csv, line, err);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

static status refuse_binary(str head, struct error *err)
{
    if (head.n && memchr(head.p, 0, head.n))
        return fail(err, ST_INVALID, "not a text file");
    return ST_OK;
}

status intel_feed_read(struct intel_feed *f, str text, struct error *err)
{
    text = without_bom(text);
    status st = refuse_binary(str_head(text, BUFFER_SIZE), err);
    if (st != ST_OK)
        return st;
    if (looks_like_json(text))
        return intel_json(f, text, err);
    struct intel_csv *csv = intel_csv_new(f, str_head(text, BUFFER_SIZE));
    st = take_lines(f, csv, &text, true, err);
    if (csv)
        intel_csv_end(csv);
    intel_csv_free(csv);
    return st;
}

/* ---- files ---- */

struct input {
    int fd;
    struct decompress *d; /* owned */
    char *raw;            /* owned, BUFFER_SIZE */
    str left;             /* of raw */
    bool last;            /* nothing follows `left` */
    bool done;            /* all text was given out */
};

static status refill(struct input *in, struct error *err)
{
    ssize_t n;
    do
        n = read(in->fd, in->raw, BUFFER_SIZE);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return fail(err, ST_IO, "%s", strerror(errno));
    in->left = (str){in->raw, (size_t)n};
    in->last = n == 0;
    return ST_OK;
}

/* Up to `room` bytes of text; fewer only at the end. */
static status input_read(struct input *in, char *out, size_t room, size_t *got, struct error *err)
{
    *got = 0;
    while (*got < room && !in->done) {
        status st = ST_OK;
        if (in->left.n == 0 && !in->last)
            st = refill(in, err);
        if (st != ST_OK)
            return st;
        if (!in->d)
            in->d = decompress_open(decompress_kind_of(in->left));
        size_t n = 0;
        st = decompress_run(in->d, &in->left, in->last, out + *got, room - *got, &n, err);
        if (st != ST_OK)
            return st;
        *got += n;
        in->done = in->last && in->left.n == 0 && *got < room;
    }
    return ST_OK;
}

static void input_done(struct input *in)
{
    decompress_close(in->d);
    mem_free(in->raw);
}

static status read_json(struct intel_feed *f, struct input *in, str head, struct error *err)
{
    struct sbuf all;
    sbuf_init(&all, INTEL_JSON_MAX);
    sbuf_add(&all, head);
    status st = ST_OK;
    while (st == ST_OK && !in->done && !all.full) {
        size_t n = 0;
        char *to = sbuf_space(&all, BUFFER_SIZE);
        if (!to)
            break;
        st = input_read(in, to, BUFFER_SIZE, &n, err);
        sbuf_grew(&all, n);
    }
    if (st == ST_OK && all.full)
        st = fail(err, ST_LIMIT, "JSON of more than %d bytes", INTEL_JSON_MAX);
    if (st == ST_OK)
        st = intel_json(f, sbuf_str(&all), err);
    sbuf_done(&all);
    return st;
}

/* `text`: the first bytes, in a buffer of BUFFER_SIZE. */
static status read_lines(struct intel_feed *f, struct input *in, char *buffer, str text,
                         struct error *err)
{
    struct intel_csv *csv = intel_csv_new(f, text);
    bool skipping = false; /* the rest of a line that did not fit */
    status st;
    while ((st = take_lines(f, csv, &text, in->done, err)) == ST_OK && !in->done) {
        if (text.n == BUFFER_SIZE) {
            f->line += !skipping;
            if (!skipping)
                intel_problem_add(f, true, "longer than %d bytes", INTEL_LINE_MAX);
            skipping = true;
            text.n = 0;
        }
        memmove(buffer, text.p, text.n);
        size_t n;
        st = input_read(in, buffer + text.n, BUFFER_SIZE - text.n, &n, err);
        if (st != ST_OK)
            break;
        text = (str){buffer, text.n + n};
        if (skipping) {
            size_t end = str_find(text, '\n');
            skipping = end == text.n;
            text = skipping ? (str){buffer, in->done ? 0 : BUFFER_SIZE} : str_from(text, end + 1);
        }
    }
    if (csv)
        intel_csv_end(csv);
    intel_csv_free(csv);
    return st;
}

static status read_input(struct intel_feed *f, struct input *in, char *buffer, struct error *err)
{
    size_t n;
    status st = input_read(in, buffer, BUFFER_SIZE, &n, err);
    if (st != ST_OK)
        return st;
    str head = without_bom((str){buffer, n});
    st = refuse_binary(head, err);
    if (st != ST_OK)
        return st;
    return looks_like_json(head) ? read_json(f, in, head, err)
                                 : read_lines(f, in, buffer, head, err);
}

static bool ends_in(str *name, const char *const *ending, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_iends(*name, str_z(ending[i])) && name->n > strlen(ending[i])) {
            name->n -= strlen(ending[i]);
            return true;
        }
    return false;
}

/* The file's name without its folder and endings. */
static str source_of(str path)
{
    str name = path;
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] == '/' && i + 1 < path.n)
            name = str_from(path, i + 1);
    (void)ends_in(&name, packed_endings, COUNT(packed_endings));
    (void)ends_in(&name, endings, COUNT(endings));
    return name;
}

static status load_file(struct intel_set *set, const char *path, bool allow, struct error *err)
{
    struct intel_feed f = {.set = set, .path = str_z(path), .allow = allow};
    f.source = source_of(f.path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno == ENOENT ? ST_NOT_FOUND : ST_IO, "%s: %s", path, strerror(errno));
    struct input in = {.fd = fd, .raw = mem_resize(NULL, BUFFER_SIZE)};
    char *buffer = mem_resize(NULL, BUFFER_SIZE);
    status st = read_input(&f, &in, buffer, err);
    mem_free(buffer);
    input_done(&in);
    (void)close(fd); /* only read */
    return st == ST_OK ? st : fail_prefix(err, st, "%s", path);
}

/* ---- folders ---- */

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool is_feed_name(str name)
{
    static const char *const others[] = {"readme", "license", "copying", "changelog", "manifest"};
    (void)ends_in(&name, packed_endings, COUNT(packed_endings));
    str stem = name;
    bool known = ends_in(&stem, endings, COUNT(endings));
    for (size_t i = 0; i < COUNT(others); i++)
        if (str_ieq(stem, str_z(others[i])))
            return false;
    return known || str_find(name, '.') == name.n;
}

static status load_path(struct intel_set *set, const char *path, bool allow, unsigned depth,
                        size_t *files, struct error *err);

/* A file of a folder that cannot be read is a problem and no more. */
static void load_child(struct intel_set *set, const char *folder, const char *name, bool allow,
                       unsigned depth, size_t *files)
{
    char path[PATH_LENGTH_MAX];
    struct intel_feed f = {.set = set, .path = str_z(folder)};
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= sizeof path) {
        intel_problem_add(&f, false, "a name in it is too long");
        return;
    }
    struct error why;
    f.path = str_z(path);
    if (load_path(set, path, allow, depth, files, &why) == ST_OK)
        return;
    bool named = strncmp(why.text, path, (size_t)n) == 0 && why.text[n] == ':';
    intel_problem_add(&f, false, "%s", why.text + (named ? n + 2 : 0));
}

static status load_folder(struct intel_set *set, const char *path, bool allow, unsigned depth,
                          size_t *files, struct error *err)
{
    if (depth > FOLDER_DEPTH_MAX)
        return fail(err, ST_LIMIT, "%s: folders nested more than %d deep", path, FOLDER_DEPTH_MAX);
    struct dirent **entry;
    int count = scandir(path, &entry, is_visible, alphasort);
    if (count < 0)
        return fail(err, ST_IO, "%s: %s", path, strerror(errno));
    for (int i = 0; i < count; i++) {
        if (!set->full)
            load_child(set, path, entry[i]->d_name, allow, depth + 1, files);
        mem_free(entry[i]);
    }
    mem_free(entry);
    return set->full ? intel_full(set, err) : ST_OK;
}

static status load_path(struct intel_set *set, const char *path, bool allow, unsigned depth,
                        size_t *files, struct error *err)
{
    struct stat s;
    if (stat(path, &s) != 0)
        return fail(err, errno == ENOENT ? ST_NOT_FOUND : ST_IO, "%s: %s", path, strerror(errno));
    if (S_ISDIR(s.st_mode))
        return load_folder(set, path, allow, depth, files, err);
    const char *slash = strrchr(path, '/');
    if (depth > 0 && (!S_ISREG(s.st_mode) || !is_feed_name(str_z(slash ? slash + 1 : path))))
        return ST_OK;
    ++*files;
    return load_file(set, path, allow, err);
}

status intel_set_load(struct intel_set *set, const char *path, bool allow, struct error *err)
{
    size_t files = 0;
    status st = load_path(set, path, allow, 0, &files, err);
    if (st == ST_OK && files == 0)
        return fail(err, ST_NOT_FOUND, "%s: no feed in it", path);
    return st;
}
