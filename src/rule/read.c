/* SPDX-License-Identifier: Apache-2.0 */
/* Documents → rows.  A document that is refused leaves nothing in the image but its problem. */
#include "rule/read.h"

#include "codec/yaml.h"

#include <assert.h>
#include <stdarg.h>

enum { SCRATCH_BYTES = 64 << 20, YAML_BYTES = 256 << 20, NAME_BYTES_MAX = 200 };

/* A problem of the reader's is a NUL-terminated field of `struct rule_problem`. */
bool read_refuse(struct rule_read *r, const struct yaml_node *at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->why, sizeof r->why, fmt, ap);
    va_end(ap);
    r->problem_line = at ? at->line : r->line;
    return false;
}

/* ---- metadata ---- */

/* A field that must be text when it is there. */
static bool read_word(struct rule_read *r, const struct yaml_node *doc, str key, struct text *out)
{
    const struct yaml_node *n = yaml_find(doc, key);
    if (yaml_is_null(n))
        return true;
    if (n->kind != YAML_SCALAR)
        return read_refuse(r, n, "'%.*s' must be text", STR_ARG(key));
    *out = image_text(r->image, n->text);
    return true;
}

static void list_add(struct rule_read *r, str s, struct span *out)
{
    struct text text = image_text(r->image, s);
    struct text *at = image_push(r->image, list);
    if (!at)
        return;
    *at = text;
    out->count++;
}

/* A text or a list of them; what is neither says nothing and is passed over. */
static void read_list(struct rule_read *r, const struct yaml_node *doc, str key, struct span *out)
{
    const struct yaml_node *n = yaml_find(doc, key);
    *out = (struct span){(uint32_t)r->image->list.n, 0};
    if (yaml_is_null(n) || n->kind == YAML_MAP)
        return;
    if (n->kind == YAML_SCALAR) {
        list_add(r, n->text, out);
        return;
    }
    for (uint32_t i = 0; i < n->count; i++)
        if (n->item[i].kind == YAML_SCALAR)
            list_add(r, n->item[i].text, out);
}

static bool digits(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0;
}

/* "attack.t1059.001" → "T1059.001". */
static bool technique_of(str tag, char out[static 16], str *technique)
{
    if (!str_istarts(tag, STR("attack.t")))
        return false;
    str number = str_from(tag, 8);
    bool whole =
        digits(str_head(number, 4)) &&
        (number.n == 4 || (number.n == 8 && number.p[4] == '.' && digits(str_from(number, 5))));
    if (!whole)
        return false;
    *technique = (str){out, (size_t)snprintf(out, 16, "T%.*s", STR_ARG(number))};
    return true;
}

static void read_techniques(struct rule_read *r, struct rule_row *row)
{
    row->technique = (struct span){(uint32_t)r->image->list.n, 0};
    for (uint32_t i = 0; i < row->tag.count; i++) {
        char buf[16];
        str tag = image_str(r->image, r->image->list.at[row->tag.first + i]), technique;
        if (technique_of(tag, buf, &technique))
            list_add(r, technique, &row->technique);
    }
}

/* Several authors may stand in a list. */
static void read_author(struct rule_read *r, const struct yaml_node *doc, struct rule_row *row)
{
    const struct yaml_node *n = yaml_find(doc, STR("author"));
    str all = yaml_str(n, (str){0});
    for (uint32_t i = 0; n && n->kind == YAML_SEQ && i < n->count; i++) {
        str one = yaml_str(&n->item[i], (str){0});
        str longer = arena_fmt(r->scratch, STR_FMT "%s" STR_FMT, STR_ARG(all), all.n ? ", " : "",
                               STR_ARG(one));
        all = longer.p ? longer : all;
    }
    row->author = image_text(r->image, all);
}

static bool read_level(struct rule_read *r, const struct yaml_node *doc, struct rule_row *row)
{
    const struct yaml_node *n = yaml_find(doc, STR("level"));
    enum level level = LEVEL_MEDIUM; /* where the rule does not say */
    str text = yaml_str(n, (str){0});
    if (!yaml_is_null(n) && !level_find(text, &level))
        return read_refuse(r, n,
                           "'level' wants informational, low, medium, high or critical, not '%.*s'",
                           STR_ARG(str_head(text, 40)));
    row->level = (uint8_t)level;
    return true;
}

static bool logsource_part(struct rule_read *r, const struct yaml_node *l, str key, str *out)
{
    const struct yaml_node *n = yaml_find(l, key);
    *out = (str){0};
    if (yaml_is_null(n))
        return true;
    *out = str_trim(yaml_str(n, (str){0}));
    if (n->kind != YAML_SCALAR || out->n == 0 || out->n > NAME_BYTES_MAX)
        return read_refuse(r, n, "'%.*s' of the log source must be a name", STR_ARG(key));
    return true;
}

bool read_logsource(struct rule_read *r, const struct yaml_node *document, struct logsource *out)
{
    const struct yaml_node *l = yaml_find(document, STR("logsource"));
    if (!l || l->kind != YAML_MAP)
        return read_refuse(r, l, l ? "'logsource' wants a mapping" : "there is no 'logsource'");
    if (!logsource_part(r, l, STR("product"), &out->product) ||
        !logsource_part(r, l, STR("category"), &out->category) ||
        !logsource_part(r, l, STR("service"), &out->service))
        return false;
    if (out->product.n + out->category.n + out->service.n == 0)
        return read_refuse(r, l, "'logsource' wants a product, category or service");
    return true;
}

static bool read_metadata(struct rule_read *r, const struct yaml_node *doc, struct rule_row *row)
{
    if (!read_word(r, doc, STR("id"), &row->id) || !read_word(r, doc, STR("name"), &row->name) ||
        !read_word(r, doc, STR("title"), &row->title) ||
        !read_word(r, doc, STR("description"), &row->description) ||
        !read_word(r, doc, STR("status"), &row->status) || !read_level(r, doc, row))
        return false;
    if (row->title.n == 0)
        return read_refuse(r, NULL, "there is no 'title'");
    read_author(r, doc, row);
    read_list(r, doc, STR("tags"), &row->tag);
    read_list(r, doc, STR("references"), &row->reference);
    read_list(r, doc, STR("falsepositives"), &row->falsepositive);
    read_techniques(r, row);
    return true;
}

/* ---- one document ---- */

static bool read_detection_rule(struct rule_read *r, const struct yaml_node *doc,
                                struct rule_row *row)
{
    struct logsource l = {0};
    if (!read_logsource(r, doc, &l) ||
        !read_detection(r, yaml_find(doc, STR("detection")), &row->root))
        return false;
    row->product = image_text(r->image, l.product);
    row->category = image_text(r->image, l.category);
    row->service = image_text(r->image, l.service);
    return true;
}

/* Under which id and name the rule is found.  An id that several documents of a collection have
 * from its global one is nobody's fault. */
static bool register_rule(struct reading *g, struct rule_read *r, const struct yaml_node *doc,
                          const struct rule_row *row, bool shared_id)
{
    struct rule_set *set = g->set;
    uint32_t rule = (uint32_t)r->image->rule.n;
    str id = image_str(r->image, row->id), name = image_str(r->image, row->name);
    const uint32_t *have = id.n ? map_find(&set->by_name, id) : NULL;
    if (have && !shared_id && *have < r->image->rule.n &&
        str_eq(image_str(r->image, r->image->rule.at[*have].id), id)) {
        const struct rule_row *first = &r->image->rule.at[*have];
        str file = image_str(r->image, first->file);
        size_t skip = file.n > 90 ? file.n - 90 : 0;
        return read_refuse(r, yaml_find(doc, STR("id")), "the id is that of '%.*s', line %u",
                           STR_ARG(str_from(file, skip)), first->line);
    }
    const str keys[] = {id, name};
    for (size_t i = 0; i < COUNT(keys); i++) {
        str key = keys[i].n ? arena_str(&set->arena, keys[i]) : keys[i];
        if (keys[i].n && !key.p)
            r->image->full = true;
        else if (keys[i].n)
            map_add(&set->by_name, key, rule, NULL);
    }
    return true;
}

static bool read_rule(struct reading *g, struct rule_read *r, const struct yaml_node *doc,
                      bool shared_id, struct text file)
{
    struct rule_row row = {
        .file = file, .line = r->line, .root = ROW_NONE, .correlation = ROW_NONE};
    bool correlation = yaml_find(doc, STR("correlation")) != NULL;
    if (!correlation && !yaml_find(doc, STR("detection")))
        return read_refuse(r, NULL, "there is neither 'detection' nor 'correlation' nor 'filter'");
    row.flags = correlation ? RULE_CORRELATION : 0;
    if (!read_metadata(r, doc, &row))
        return false;
    if (!(correlation ? read_correlation(r, doc, &row.correlation)
                      : read_detection_rule(r, doc, &row)))
        return false;
    if (!register_rule(g, r, doc, &row, shared_id))
        return false;
    struct rule_row *at = image_push(r->image, rule);
    if (at)
        *at = row;
    return true;
}

static void read_document(struct reading *g, struct rule_read *r, struct collection *c,
                          const struct yaml_node *doc, struct text file)
{
    const struct yaml_node *whole;
    struct image_mark mark = image_mark(r->image);
    bool ok;
    r->line = doc->line;
    if (doc->kind == YAML_SCALAR && yaml_is_null(doc))
        return;
    if (doc->kind != YAML_MAP)
        ok = read_refuse(r, doc, "a rule must be a mapping");
    else if (!collection_next(c, r, doc, &g->yaml, &whole))
        ok = false;
    else if (!whole)
        return;
    else if (yaml_find(whole, STR("filter")))
        ok = read_filter(g, r, whole);
    else
        ok = read_rule(g, r, whole, c->global && !yaml_find(doc, STR("id")), file);
    if (!ok) {
        image_cut(r->image, &mark);
        rule_problem_add(g->set, r->file, r->problem_line, r->why);
    }
    arena_clear(&g->scratch);
}

/* ---- one text ---- */

/* "line 7: …" → 7 and the rest. */
static void add_yaml_problem(struct rule_set *set, str file, const char *text)
{
    str rest = str_z(text);
    uint64_t line = 0;
    if (str_starts(rest, STR("line "))) {
        str after = str_from(rest, 5), number = str_cut(&after, ':');
        if (after.p && str_to_u64(number, &line) && line <= UINT32_MAX)
            rest = str_trim(after);
    }
    rule_problem_add(set, file, (uint32_t)line, rest.p);
}

void read_text(struct reading *g, str file, str text)
{
    struct rule_read r = {.image = &g->set->image,
                          .set = g->set,
                          .options = g->options,
                          .scratch = &g->scratch,
                          .file = file};
    struct collection c = {0};
    struct yaml_docs docs;
    struct error err;
    if (yaml_parse(text, NULL, &g->yaml, &docs, &err) != ST_OK) {
        add_yaml_problem(g->set, file, err.text);
    } else {
        struct text name = image_text(r.image, file);
        for (size_t i = 0; i < docs.count && !r.image->full; i++)
            read_document(g, &r, &c, &docs.doc[i], name);
    }
    arena_clear(&g->yaml);
}

void reading_init(struct reading *g, struct rule_set *set, const struct rule_options *options)
{
    *g = (struct reading){.set = set, .options = options};
    arena_init(&g->yaml, YAML_BYTES);
    arena_init(&g->scratch, SCRATCH_BYTES);
    arena_init(&g->keep, SCRATCH_BYTES);
}

void reading_done(struct reading *g)
{
    arena_done(&g->yaml);
    arena_done(&g->scratch);
    arena_done(&g->keep);
    vec_done(&g->filter);
}
