/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and compiling rules.
 *
 * After an error a YARA compiler is of no use any more, so each file is tried on one of its own first, and those
 * that pass go into the one whose rules are kept. */
#include "base/mem.h"
#include "os/file.h"
#include "scan/scan_int.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>

enum { ARENA_MAX = 16 * 1024 * 1024, PATH_BYTES = 4096, PROBLEMS_MAX = 1000 };

struct loading {
    struct scan_rules *rules;
    YR_COMPILER *compiler; /* of those that pass */
    const char *file;      /* under way */
    size_t files;
    bool noted; /* a problem of this file */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int started; /* by yr_initialize, for the life of the process */

static void start(void)
{
    started = yr_initialize();
}

const char *scan_error_text(int code)
{
    switch (code) {
    case ERROR_INSUFFICIENT_MEMORY:
        return "out of memory";
    case ERROR_SCAN_TIMEOUT:
        return "the rules took too long";
    case ERROR_TOO_MANY_MATCHES:
        return "a string matches too often";
    case ERROR_CALLBACK_ERROR:
        return "no memory left for what matched";
    default:
        return "the scanner failed";
    }
}

static void note(struct loading *l, int line, const char *reason)
{
    struct scan_rules *r = l->rules;
    if (l->noted || r->problem.n == PROBLEMS_MAX)
        return; /* the first of a file says it all */
    l->noted = true;
    str file = arena_str(&r->arena, str_z(l->file)),
        text = arena_str(&r->arena, str_head(str_z(reason), 300));
    if (file.p && text.p)
        *vec_push(&r->problem) = (struct scan_problem){file, line, text};
}

static void on_message(int level, const char *file, int line, const YR_RULE *rule, const char *text,
                       void *arg)
{
    (void)file;
    (void)rule;
    if (level == YARA_ERROR_LEVEL_ERROR)
        note(arg, line, text);
}

static YR_COMPILER *compiler_new(struct loading *l)
{
    YR_COMPILER *c = NULL;
    if (yr_compiler_create(&c) != ERROR_SUCCESS)
        return NULL;
    yr_compiler_set_callback(c, on_message, l);
    yr_compiler_set_include_callback(c, NULL, NULL, NULL); /* includes are errors */
    return c;
}

static bool compiles(struct loading *l, const char *text)
{
    YR_COMPILER *trial = compiler_new(l);
    bool ok = trial && yr_compiler_add_string(trial, text, l->file) == 0;
    if (trial)
        yr_compiler_destroy(trial);
    if (!ok)
        note(l, 0, "it does not compile");
    return ok;
}

static status load_file(struct loading *l, const char *path, struct error *err)
{
    struct sbuf text;
    struct error why;
    if (l->files++ == SCAN_FILES_MAX)
        return fail(err, ST_LIMIT, "more than %d files of rules", SCAN_FILES_MAX);
    l->file = path;
    l->noted = false;
    sbuf_init(&text, SCAN_FILE_BYTES_MAX + 65536);
    if (file_read_all(path, &text, &why) != ST_OK)
        note(l, 0, why.text);
    else if (text.n && memchr(text.p, '\0', text.n))
        note(l, 0, "a NUL byte: this is no text");
    else if (text.n && compiles(l, text.p) &&
             yr_compiler_add_string(l->compiler, text.p, path) != 0)
        note(l, 0, "its rules cannot stand beside those of the files before");
    sbuf_done(&text);
    l->file = NULL; /* the caller's, and soon gone */
    return ST_OK;
}

static int is_rule_file(const struct dirent *e)
{
    str name = str_z(e->d_name);
    return name.n && name.p[0] != '.';
}

static status load_path(struct loading *l, const char *path, unsigned depth, struct error *err);

static status load_folder(struct loading *l, const char *path, unsigned depth, struct error *err)
{
    struct dirent **entry = NULL;
    status st = ST_OK;
    if (depth == SCAN_DEPTH_MAX)
        return fail(err, ST_LIMIT, "folders are nested deeper than %d at '%.120s'", SCAN_DEPTH_MAX,
                    path);
    int n = scandir(path, &entry, is_rule_file, alphasort);
    if (n < 0)
        return fail(err, ST_IO, "'%.160s': %s", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        char below[PATH_BYTES];
        struct file_info info;
        str name = str_z(entry[i]->d_name);
        bool fits =
            (size_t)snprintf(below, sizeof below, "%s/%s", path, entry[i]->d_name) < sizeof below;
        if (st == ST_OK && fits && file_stat(below, &info, NULL) == ST_OK &&
            (info.kind == FILE_FOLDER ||
             (info.kind == FILE_REGULAR &&
              (str_iends(name, STR(".yar")) || str_iends(name, STR(".yara"))))))
            st = load_path(l, below, depth + 1, err);
        free(entry[i]); /* lint: allow free, scandir's own memory */
    }
    free(entry); /* lint: allow free, scandir's own memory */
    return st;
}

static status load_path(struct loading *l, const char *path, unsigned depth, struct error *err)
{
    struct file_info info;
    status st = file_stat(path, &info, err);
    if (st != ST_OK)
        return st;
    return info.kind == FILE_FOLDER ? load_folder(l, path, depth, err) : load_file(l, path, err);
}

static size_t count_rules(YR_RULES *rules)
{
    size_t n = 0;
    YR_RULE *rule;
    yr_rules_foreach(rules, rule) n += !RULE_IS_PRIVATE(rule);
    return n;
}

status scan_rules_load(const char *const *path, size_t count, struct scan_rules **out,
                       struct error *err)
{
    pthread_once(&once, start);
    if (started != ERROR_SUCCESS)
        return fail(err, ST_UNAVAILABLE, "the malware scanner does not start");
    struct scan_rules *r = mem_new(struct scan_rules);
    struct loading l = {.rules = r};
    r->references = 1;
    arena_init(&r->arena, ARENA_MAX);
    l.compiler = compiler_new(&l);
    status st =
        l.compiler ? ST_OK : fail(err, ST_UNAVAILABLE, "the malware scanner does not start");
    for (size_t i = 0; i < count && st == ST_OK; i++)
        st = load_path(&l, path[i], 0, err);
    if (st == ST_OK && yr_compiler_get_rules(l.compiler, &r->rules) != ERROR_SUCCESS)
        st = fail(err, ST_UNAVAILABLE, "the malware rules could not be put together");
    if (l.compiler)
        yr_compiler_destroy(l.compiler);
    if (st != ST_OK) {
        scan_rules_unref(r);
        return st;
    }
    r->count = count_rules(r->rules);
    *out = r;
    return ST_OK;
}

struct scan_rules *scan_rules_ref(struct scan_rules *r)
{
    if (r)
        atomic_fetch_add_explicit(&r->references, 1, memory_order_relaxed);
    return r;
}

void scan_rules_unref(struct scan_rules *r)
{
    if (!r || atomic_fetch_sub_explicit(&r->references, 1, memory_order_acq_rel) != 1)
        return;
    if (r->rules)
        yr_rules_destroy(r->rules);
    vec_done(&r->problem);
    arena_done(&r->arena);
    mem_free(r);
}

size_t scan_rules_count(const struct scan_rules *r)
{
    return r ? r->count : 0;
}

size_t scan_problem_count(const struct scan_rules *r)
{
    return r->problem.n;
}

const struct scan_problem *scan_problem(const struct scan_rules *r, size_t i)
{
    return &r->problem.at[i];
}
