/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/vec.h"
#include "cli/cli_int.h"
#include "os/clock.h"
#include "os/file.h"

/* ---- rules ---- */

/* Where compiled rules are kept: --cache, else the user's cache folder, else nowhere. */
static str cache_dir(const struct args *a, struct arena *arena)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (!args_has(a, "cache") || args_flag(a, "no-cache"))
        return (str){0};
    if (*args_text(a, "cache"))
        return str_z(args_text(a, "cache"));
    if (xdg && *xdg == '/')
        return arena_fmt(arena, "%s/bguard", xdg);
    if (home && *home == '/')
        return arena_fmt(arena, "%s/.cache/bguard", home);
    return (str){0};
}

/* "NAME=a,b" → the placeholder and its values, borrowed from the argument. */
static status read_placeholder(const char *text, struct arena *arena, struct rule_placeholder *out,
                               struct error *err)
{
    str values = str_z(text), name = str_cut(&values, '=');
    if (name.n == 0 || values.n == 0)
        return fail(err, ST_INVALID, "'--expand' wants NAME=VALUE,..., not '%.60s'", text);
    size_t n = 1;
    for (size_t i = 0; i < values.n; i++)
        n += values.p[i] == ',';
    str *value = arena_array(arena, str, n);
    if (!value)
        return fail(err, ST_LIMIT, "'--expand': too many values");
    for (size_t i = 0; i < n; i++)
        value[i] = str_cut(&values, ',');
    *out = (struct rule_placeholder){.name = name, .value = value, .count = n};
    return ST_OK;
}

static status read_placeholders(const struct args *a, struct arena *arena, struct rule_options *out,
                                struct error *err)
{
    const char *text[ARGS_VALUES_MAX];
    size_t n = args_has(a, "expand") ? args_list(a, "expand", text, COUNT(text)) : 0;
    struct rule_placeholder *all = arena_array(arena, struct rule_placeholder, n + 1);
    for (size_t i = 0; i < n; i++) {
        status s = read_placeholder(text[i], arena, &all[i], err);
        if (s != ST_OK)
            return s;
    }
    out->placeholder = all;
    out->placeholder_count = n;
    return ST_OK;
}

status load_rules(const struct args *a, const char *const *path, size_t count, struct dict *dict,
                  struct rule_set **out, struct error *err)
{
    struct arena arena;
    arena_init(&arena, 16 << 20);
    struct rule_options o = {.cache_dir = cache_dir(a, &arena).p};
    status s = read_placeholders(a, &arena, &o, err);
    if (s == ST_OK)
        s = rule_set_load(path, count, dict, &o, out, err);
    arena_done(&arena);
    return s;
}

void note_rule_problems(const struct rule_set *set, size_t most)
{
    size_t n = rule_set_problem_count(set);
    for (size_t i = 0; i < n && i < most; i++) {
        const struct rule_problem *p = rule_set_problem(set, i);
        cli_note(STR_FMT ":%u: %s", STR_ARG(p->file), p->line, p->reason);
    }
    if (n > most)
        cli_note("%zu rules did not compile and were left out; see 'bguard rules check'", n);
}

enum { PROBLEMS_SHOWN = 5 };

static status run_rules(struct run *r, const struct args *a, struct error *err)
{
    const char *path[CLI_PATHS_MAX];
    size_t n = args_list(a, "rules", path, COUNT(path));
    if (n == 0)
        return ST_OK;
    status s = load_rules(a, path, n, r->dict, &r->rules, err);
    if (s != ST_OK)
        return s;
    if (!args_flag(a, "quiet"))
        note_rule_problems(r->rules, PROBLEMS_SHOWN);
    if (rule_set_loaded(r->rules) == 0)
        s = fail(err, ST_INVALID, "no rule could be loaded from '%.100s'%s", path[0],
                 n > 1 ? " and the other --rules" : "");
    return s;
}

/* ---- indicators ---- */

static void note_intel_problems(const struct intel_set *set)
{
    struct intel_stats st = intel_set_stats(set);
    if (st.rejected == 0 || intel_set_problem_count(set) == 0)
        return;
    const struct intel_problem *p = intel_set_problem(set, 0);
    cli_note("%llu lines of the feeds name no indicator, such as " STR_FMT ":%llu: %s",
             (unsigned long long)st.rejected, STR_ARG(p->file), (unsigned long long)p->line,
             p->reason);
}

static status load_feeds(struct intel_set *set, const char *const *path, size_t n, bool allow,
                         struct error *err)
{
    status s = ST_OK;
    for (size_t i = 0; i < n && s == ST_OK; i++)
        s = intel_set_load(set, path[i], allow, err);
    return s;
}

status load_intel(const struct args *a, const char *const *feed, size_t feeds,
                  struct intel_set **out, struct error *err)
{
    const char *allow[CLI_PATHS_MAX];
    size_t allows = args_has(a, "allow") ? args_list(a, "allow", allow, COUNT(allow)) : 0;
    struct intel_set *set = intel_set_new(&(struct intel_options){.now_ms = clock_wall_ms()});
    status s = load_feeds(set, feed, feeds, false, err);
    if (s == ST_OK)
        s = load_feeds(set, allow, allows, true, err);
    if (s != ST_OK) {
        intel_set_free(set);
        return s;
    }
    intel_set_freeze(set);
    *out = set;
    return ST_OK;
}

static status run_intel(struct run *r, const struct args *a, struct error *err)
{
    const char *feed[CLI_PATHS_MAX];
    size_t n = args_list(a, "intel", feed, COUNT(feed));
    if (n == 0)
        return ST_OK;
    status s = load_intel(a, feed, n, &r->intel, err);
    if (s == ST_OK && !args_flag(a, "quiet"))
        note_intel_problems(r->intel);
    return s;
}

/* ---- models ---- */

struct unread { /* models that could not be read */
    const struct args *args;
    size_t count;
};

static void note_model(void *arg, const char *name, const char *why)
{
    struct unread *u = arg;
    u->count++;
    if (!args_flag(u->args, "quiet"))
        cli_note("model '%s' is left out: %s", name, why);
}

/* One file, as if it were alone in a folder. */
static status run_model(struct run *r, const char *path, struct error *err)
{
    struct model *m = NULL;
    status s = model_load(path, NULL, &m, err);
    if (s != ST_OK)
        return s;
    char name[64];
    str card = str_head(model_card(m)->name, sizeof name - 1);
    (void)snprintf(name, sizeof name, STR_FMT, STR_ARG(card));
    struct model_use *use = mem_new(struct model_use);
    use->model = loaded_new(name, m, &(struct watch_limits){0});
    bool fits = use->model->flows != NULL;
    r->models = model_set_new(use, 1);
    return fits ? ST_OK : fail(err, ST_INVALID, "'%.100s' is no model of connections", path);
}

/* --models, else what came with the program.  Who names a folder wants a model of it. */
static status run_models(struct run *r, const struct args *a, struct error *err)
{
    struct sbuf shipped;
    struct shelf *shelf = NULL;
    struct unread unread = {.args = a};
    const char *folder = args_text(a, "models");
    if (args_flag(a, "no-models"))
        return ST_OK;
    sbuf_init(&shipped, 4096);
    if (!*folder && shelf_shipped(&shipped))
        folder = shipped.p;
    bool named = *args_text(a, "models");
    struct file_info info;
    status s = named ? file_stat(folder, &info, err) : ST_OK; /* or it would be made */
    if (s == ST_OK && named && info.kind == FILE_REGULAR) {
        sbuf_done(&shipped);
        return run_model(r, folder, err);
    }
    struct shelf_options o = {.folder = named ? folder : NULL, .shipped = folder};
    if (s == ST_OK && *folder)
        s = shelf_open(&o, &shelf, err);
    if (s == ST_OK && shelf)
        s = shelf_use(shelf, note_model, &unread, &r->models, err);
    if (s == ST_OK && named && r->models->n == 0)
        s = fail(err, ST_NOT_FOUND, "there is no model that can be read in '%.100s'", folder);
    shelf_close(shelf);
    sbuf_done(&shipped);
    return s;
}

status run_load(struct run *r, const struct args *a, struct error *err)
{
    *r = (struct run){.dict = dict_new()};
    status s = args_has(a, "rules") ? run_rules(r, a, err) : ST_OK;
    if (s == ST_OK && args_has(a, "intel"))
        s = run_intel(r, a, err);
    if (s == ST_OK && args_has(a, "models"))
        s = run_models(r, a, err);
    r->snapshot = (struct snapshot){r->dict, r->rules, r->intel, r->models};
    return s;
}

/* ---- input ---- */

/* "linux/sshd" → family and channel. */
static status read_logsource(const char *text, struct ingest_options *o, struct error *err)
{
    str channel = str_z(text), product = str_cut(&channel, '/');
    if (product.n == 0)
        return ST_OK;
    o->family = family_find(product);
    if (o->family == FAMILY_UNKNOWN)
        return fail(err, ST_INVALID,
                    "'--logsource' knows no product '" STR_FMT
                    "'; windows, linux, web, zeek, aws, azure and others are known",
                    STR_ARG(str_head(product, 40)));
    o->channel = channel.p ? channel : (str){0};
    return ST_OK;
}

struct parse_limits cli_limits(const struct args *a)
{
    struct parse_limits l = parse_limits_default;
    if (!args_has(a, "max-record"))
        return l;
    l.record_bytes = (size_t)args_number(a, "max-record") << 10;
    l.depth = (size_t)args_number(a, "max-depth");
    l.fields = (size_t)args_number(a, "max-fields");
    return l;
}

status run_open_paths(struct run *r, const struct args *a, const char *const *path, size_t count,
                      struct error *err)
{
    struct ingest_options o = {.limits = cli_limits(a), .now_ms = clock_wall_ms()};
    status s = ST_OK;
    if (args_has(a, "format"))
        o.forced = parse_format_find(str_z(args_text(a, "format")), &o.format);
    if (args_has(a, "logsource"))
        s = read_logsource(args_text(a, "logsource"), &o, err);
    if (s == ST_OK)
        s = ingest_open(path, count, &o, &r->in, err);
    if (s == ST_OK && ingest_progress(r->in).files_total == 0)
        s = fail(err, ST_NOT_FOUND, "there is no file in '%.100s'%s", path[0],
                 count > 1 ? " and the other paths" : "");
    return s;
}

status run_open(struct run *r, const struct args *a, struct error *err)
{
    return run_open_paths(r, a, a->operand, a->operand_count, err);
}

void run_done(struct run *r)
{
    ingest_close(r->in);
    rule_set_free(r->rules);
    intel_set_free(r->intel);
    model_set_unref(r->models);
    dict_free(r->dict);
    *r = (struct run){0};
}
