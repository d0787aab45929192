/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/nearest.h"
#include "cli/model_int.h"

#include <math.h>

enum { ARENA_MAX = 16 << 20, CLASSES_MAX = 10000 };

/* ---- options ---- */

/* FORMAT:PATH, or a path alone. */
static struct model_source source_of(const char *given, int label)
{
    str rest = str_z(given);
    enum dataset_format f = dataset_format_find(str_cut(&rest, ':'));
    if (!rest.p || f == DATASET_FORMAT_COUNT)
        return (struct model_source){given, label, DATASET_FORMAT_COUNT};
    return (struct model_source){rest.p, label, f};
}

static void add_sources(struct model_input *in, const struct args *a, const char *option, int label)
{
    size_t n;
    const char **path = args_many(a, option, &n);
    for (size_t i = 0; i < n; i++)
        *vec_push(&in->source) = source_of(path[i], label);
    mem_free(path);
}

static status read_format(const char *name, enum dataset_format otherwise, enum dataset_format *out,
                          struct error *err)
{
    char all[160] = "";
    size_t k = 0;
    *out = *name ? dataset_format_find(str_z(name)) : otherwise;
    if (*out != DATASET_FORMAT_COUNT)
        return ST_OK;
    struct nearest near = nearest_to(str_z(name));
    for (size_t f = 0; f < DATASET_FORMAT_COUNT && k < sizeof all; f++) {
        const char *one = dataset_format_name((enum dataset_format)f);
        nearest_try(&near, str_z(one));
        k += (size_t)snprintf(all + k, sizeof all - k, "%s%s", f ? ", " : "", one);
    }
    if (!*name)
        return fail(err, ST_INVALID, "say what the data are: --format, one of %s", all);
    return fail(err, ST_INVALID, "'--format' wants one of %s, not '%.40s'%s" STR_FMT "%s", all,
                name, near.found ? "; did you mean '" : "", STR_ARG(near.best),
                near.found ? "'?" : "");
}

/* Of the sources that do not say themselves. */
static status choose_formats(struct model_input *in, const char *name,
                             enum dataset_format otherwise, struct error *err)
{
    bool all_say = *name == 0;
    for (size_t i = 0; i < in->source.n; i++)
        all_say = all_say && in->source.at[i].format != DATASET_FORMAT_COUNT;
    status st = all_say ? ST_OK : read_format(name, otherwise, &in->format, err);
    for (size_t i = 0; i < in->source.n && st == ST_OK; i++) {
        struct model_source *s = &in->source.at[i];
        if (s->format == DATASET_FORMAT_COUNT)
            s->format = in->format;
        in->mixed = in->mixed || s->format != in->source.at[0].format;
    }
    return st;
}

static const char *text_if(const struct args *a, const char *option)
{
    return args_has(a, option) ? args_text(a, option) : "";
}

static enum split_kind split_of(const char *name)
{
    for (int k = SPLIT_AUTO; k <= SPLIT_GROUP; k++)
        if (strcmp(split_name((enum split_kind)k), name) == 0)
            return (enum split_kind)k;
    return SPLIT_AUTO;
}

status model_input_init(struct model_input *in, const struct args *a, enum dataset_format otherwise,
                        struct error *err)
{
    *in = (struct model_input){.quiet = args_flag(a, "quiet")};
    arena_init(&in->arena, ARENA_MAX);
    add_sources(in, a, "data", -1);
    add_sources(in, a, "positive", LABEL_ATTACK);
    add_sources(in, a, "negative", LABEL_NORMAL);
    if (in->source.n == 0 && !*text_if(a, "verdicts"))
        return fail(err, ST_INVALID,
                    "say where the data are: --data PATH..., or --positive and --negative");
    const char *label = text_if(a, "label");
    in->label_column = *label ? label : NULL;
    in->only = str_z(text_if(a, "only-classes"));
    in->except = str_z(text_if(a, args_has(a, "hold-out") ? "hold-out" : "except-classes"));
    if (args_has(a, "hold-back")) {
        double part = args_real(a, "hold-back");
        if (!isnan(part) && !(part > 0 && part < 1))
            return fail(err, ST_INVALID, "'--hold-back' wants a part between 0 and 1, not '%.40s'",
                        args_text(a, "hold-back"));
        in->hold_back = isnan(part) ? 0 : part;
        in->held = !args_has(a, "hold-out"); /* training has that, and takes the other rows */
        in->seed = args_number(a, "seed");
        in->split = split_of(args_text(a, "split"));
    }
    in->live = args_has(a, "live") && args_flag(a, "live");
    in->columns = str_z(text_if(a, "columns"));
    progress_init(&in->bar, in->quiet);
    return choose_formats(in, args_text(a, "format"), otherwise, err);
}

void model_input_done(struct model_input *in)
{
    progress_clear(&in->bar);
    vec_done(&in->source);
    vec_done(&in->class_seen);
    arena_done(&in->arena);
}

/* ---- narrowing ---- */

static bool listed(str list, str name)
{
    while (list.n) {
        str one = str_trim(str_cut(&list, ','));
        if (one.n && str_ieq(one, name))
            return true;
    }
    return false;
}

static void remember_classes(struct model_input *in, const struct dataset *d)
{
    for (uint32_t k = 0; k < d->class_names; k++) {
        bool seen = false;
        for (size_t i = 0; i < in->class_seen.n && !seen; i++)
            seen = str_ieq(in->class_seen.at[i], d->class_name[k]);
        str copy = {0};
        if (!seen && in->class_seen.n < CLASSES_MAX)
            copy = arena_str(&in->arena, d->class_name[k]);
        if (copy.p)
            *vec_push(&in->class_seen) = copy;
    }
}

/* Which rows of `d` are wanted?  Normal ones always; attacks by their class. */
static size_t wanted_rows(const struct model_input *in, const struct dataset *d, uint32_t *index)
{
    size_t n = 0;
    bool *kept = mem_array(bool, d->class_names + 1);
    uint8_t *side = in->hold_back > 0 ? mem_array(uint8_t, d->rows + 1) : NULL;
    for (uint32_t k = 0; k < d->class_names; k++)
        kept[k] = !listed(in->except, d->class_name[k]) &&
                  (in->only.n == 0 || listed(in->only, d->class_name[k]));
    if (side)
        (void)dataset_split(d, in->split, in->hold_back, in->seed, side);
    for (size_t i = 0; i < d->rows; i++) {
        bool of_class = d->label[i] != LABEL_ATTACK || kept[d->klass[i]];
        if (of_class && (!side || (side[i] != 0) == in->held))
            index[n++] = (uint32_t)i;
    }
    mem_free(side);
    mem_free(kept);
    return n;
}

static void narrow(struct model_input *in, struct dataset *d)
{
    remember_classes(in, d);
    if (in->only.n == 0 && in->except.n == 0 && !(in->hold_back > 0))
        return;
    struct dataset taken = {0};
    if (in->hold_back > 0)
        dataset_dedupe(d); /* else a row and its copy could be on both sides */
    uint32_t *index = mem_array(uint32_t, d->rows + 1);
    size_t n = wanted_rows(in, d, index);
    dataset_take(d, index, n, &taken);
    taken.duplicates = d->duplicates;
    memcpy(taken.digest, d->digest, sizeof taken.digest);
    mem_free(index);
    dataset_done(d);
    *d = taken;
}

static status check_list(const struct model_input *in, str list, struct error *err)
{
    while (list.n) {
        str one = str_trim(str_cut(&list, ','));
        struct nearest near = nearest_to(one);
        bool seen = one.n == 0;
        for (size_t i = 0; i < in->class_seen.n && !seen; i++) {
            seen = str_ieq(in->class_seen.at[i], one);
            nearest_try(&near, in->class_seen.at[i]);
        }
        if (!seen)
            return fail(err, ST_NOT_FOUND, "no row is of the class '" STR_FMT "'%s" STR_FMT "%s",
                        STR_ARG(str_head(one, 60)), near.found ? "; did you mean '" : "",
                        STR_ARG(near.best), near.found ? "'?" : "");
    }
    return ST_OK;
}

status model_input_classes(const struct model_input *in, struct error *err)
{
    status st = check_list(in, in->only, err);
    return st == ST_OK ? check_list(in, in->except, err) : st;
}

/* ---- reading ---- */

static void on_read(void *arg, uint64_t done, uint64_t total)
{
    struct model_input *in = arg;
    progress_part(&in->bar, "reading", total ? (double)done / (double)total : 0, "");
}

static status read_one(struct model_input *in, const struct model_source *s, struct dataset *d,
                       struct error *err)
{
    struct dataset_options o = {.format = s->format,
                                .label_column = in->label_column,
                                .label = s->label,
                                .progress = in->bar.wanted ? on_read : NULL,
                                .arg = in};
    uint64_t before = d->read, refused = d->rejected;
    status st = dataset_read(d, &s->path, 1, &o, err);
    in->read += d->read - before;
    in->rejected += d->rejected - refused;
    if (d->rejected && !*in->reject)
        memcpy(in->reject, d->reject, sizeof in->reject);
    return st;
}

/* Of another format than those before: a set of its own, then joined. */
static status read_beside(struct model_input *in, const struct model_source *s, struct dataset *d,
                          struct error *err)
{
    struct dataset more = {0};
    status st = read_one(in, s, &more, err);
    if (st == ST_OK)
        st = dataset_join(d, &more, err);
    dataset_done(&more);
    return st;
}

static status unknown_column(const struct dataset *d, str name, struct error *err)
{
    struct nearest near = nearest_to(name);
    for (size_t c = 0; c < d->columns; c++)
        nearest_try(&near, d->column[c].name);
    return fail(err, ST_NOT_FOUND, "the data have no column '" STR_FMT "'%s" STR_FMT "%s",
                STR_ARG(str_head(name, 60)), near.found ? "; did you mean '" : "",
                STR_ARG(near.best), near.found ? "'?" : "");
}

/* Only the columns of --columns, or --live, or both. */
static status choose_columns(const struct model_input *in, struct dataset *d, struct error *err)
{
    str list = in->columns;
    status st = ST_OK;
    if (in->live)
        (void)dataset_keep_live(d);
    bool *keep = mem_array(bool, d->columns + 1);
    while (list.n && st == ST_OK) {
        str one = str_trim(str_cut(&list, ','));
        size_t at = dataset_column_find(d, one);
        if (one.n && at == d->columns)
            st = unknown_column(d, one, err);
        keep[at] = true;
    }
    if (st == ST_OK && in->columns.n)
        (void)dataset_keep(d, keep);
    mem_free(keep);
    if (st == ST_OK && d->shape == DATASET_TABLE && d->columns == 0)
        st = fail(err, ST_INVALID, "no column is left of the data");
    return st;
}

status model_input_all(struct model_input *in, struct dataset *out, struct error *err)
{
    struct dataset d = {0};
    status st = ST_OK;
    for (size_t i = 0; i < in->source.n && st == ST_OK; i++)
        st = i && in->mixed ? read_beside(in, &in->source.at[i], &d, err)
                            : read_one(in, &in->source.at[i], &d, err);
    progress_clear(&in->bar);
    memcpy(in->digest, d.digest, sizeof in->digest);
    if (st == ST_OK)
        st = choose_columns(in, &d, err);
    if (st == ST_OK)
        narrow(in, &d);
    if (st == ST_OK)
        st = model_input_classes(in, err);
    if (st == ST_OK && d.rows == 0)
        st = fail(err, ST_INVALID, "no row is left of the data");
    if (st == ST_OK)
        *out = d;
    else
        dataset_done(&d);
    return st;
}

status model_input_each(struct model_input *in,
                        status (*use)(void *arg, const struct dataset *d, struct error *err),
                        void *arg, struct error *err)
{
    struct dataset d = {0};
    status st = ST_OK;
    if (in->whole || in->hold_back > 0) {
        st = model_input_all(in, &d, err);
        if (st == ST_OK)
            st = use(arg, &d, err);
        dataset_done(&d);
        return st;
    }
    for (size_t i = 0; i < in->source.n && st == ST_OK; i++) {
        d = (struct dataset){0};
        memcpy(d.digest, in->digest, sizeof d.digest); /* as if all were read at once */
        st = read_one(in, &in->source.at[i], &d, err);
        memcpy(in->digest, d.digest, sizeof in->digest);
        if (st == ST_OK)
            narrow(in, &d);
        if (st == ST_OK && d.rows)
            st = use(arg, &d, err);
        dataset_done(&d);
    }
    progress_clear(&in->bar);
    return st == ST_OK ? model_input_classes(in, err) : st;
}

bool model_input_trained(const struct model_input *in, const struct model *m)
{
    const struct model_card *c = model_card(m);
    bool kept_back = in->hold_back > 0 && in->held && in->hold_back == c->hold_back &&
                     in->seed == c->seed && str_eq(c->hold_split, str_z(split_name(in->split)));
    return !kept_back && in->digest[0] && str_eq(c->data_digest, str_z(in->digest));
}

void model_input_note(const struct model_input *in)
{
    unsigned long long refused = in->rejected, all = in->read + in->rejected;
    if (refused && !in->quiet)
        cli_note("%llu of %llu lines could not be read, the first: %s", refused, all, in->reject);
}
