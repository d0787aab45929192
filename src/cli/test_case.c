/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/test_case.h"

#include "codec/json_out.h"
#include "codec/yaml.h"
#include "os/file.h"

#include <dirent.h>

enum { LIST_BYTES_MAX = 512 << 20, FILE_BYTES_MAX = 16 << 20, DEPTH_MAX = 32 };

void test_list_init(struct test_list *l)
{
    *l = (struct test_list){0};
    arena_init(&l->arena, LIST_BYTES_MAX);
}

void test_list_done(struct test_list *l)
{
    vec_done(&l->at);
    arena_done(&l->arena);
}

static struct test_case *new_case(struct test_list *l, str file, uint32_t line)
{
    struct test_case *c = vec_push(&l->at);
    *c = (struct test_case){.file = file, .line = line, .match = true, .count = -1};
    return c;
}

static void refuse(struct test_list *l, struct test_case *c, const char *why)
{
    c->refused = arena_str(&l->arena, str_z(why));
    if (!c->refused.n)
        c->refused = STR("it cannot be read");
}

/* ---- events ---- */

static void put_json(struct json_out *o, const struct yaml_node *n)
{
    bool flag;
    double number;
    if (n->kind == YAML_MAP) {
        json_out_object(o);
        for (uint32_t i = 0; i < n->count; i++) {
            json_out_key(o, n->pair[i].key);
            put_json(o, &n->pair[i].value);
        }
        json_out_object_end(o);
    } else if (n->kind == YAML_SEQ) {
        json_out_array(o);
        for (uint32_t i = 0; i < n->count; i++)
            put_json(o, &n->item[i]);
        json_out_array_end(o);
    } else if (yaml_is_null(n)) {
        json_out_null(o);
    } else if (yaml_to_bool(n, &flag)) {
        json_out_bool(o, flag);
    } else if (yaml_to_f64(n, &number)) {
        json_out_f64(o, number);
    } else {
        json_out_str(o, n->text);
    }
}

/* A scalar is a line as it is in the log; anything else is an object of a JSON log. */
static void put_event(struct sbuf *out, const struct yaml_node *n)
{
    struct json_out o = json_out_on(out);
    if (n->kind == YAML_SCALAR)
        sbuf_add(out, n->text);
    else
        put_json(&o, n);
    if (out->n && out->p[out->n - 1] != '\n')
        sbuf_addc(out, '\n');
}

static bool read_events(struct test_list *l, struct test_case *c, const struct yaml_node *n)
{
    const struct yaml_node *one = yaml_find(n, STR("event")), *many = yaml_find(n, STR("events"));
    struct sbuf text;
    if (!one == !many || (many && many->kind != YAML_SEQ)) {
        refuse(l, c, "give either 'event' or a list of 'events'");
        return false;
    }
    sbuf_init(&text, FILE_BYTES_MAX);
    if (one)
        put_event(&text, one);
    for (uint32_t i = 0; many && i < many->count; i++)
        put_event(&text, &many->item[i]);
    c->text = arena_str(&l->arena, sbuf_str(&text));
    bool ok = c->text.n && !text.full;
    sbuf_done(&text);
    if (!ok)
        refuse(l, c, "it has no event, or too much of one");
    return ok;
}

/* ---- our layout ---- */

static bool is_known_key(str key)
{
    static const char *const known[] = {"name",  "rule",  "format", "logsource",
                                        "match", "count", "event",  "events"};
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_eq(key, str_z(known[i])))
            return true;
    return false;
}

static void read_case(struct test_list *l, str file, str beside, const struct yaml_node *n)
{
    struct test_case *c = new_case(l, file, n->line);
    if (n->kind != YAML_MAP) {
        refuse(l, c, "a case is a mapping");
        return;
    }
    c->name = yaml_str(yaml_find(n, STR("name")), STR("(no name)"));
    for (uint32_t i = 0; i < n->count; i++)
        if (!is_known_key(n->pair[i].key)) {
            str why = arena_fmt(&l->arena, "unknown key '" STR_FMT "'",
                                STR_ARG(str_head(n->pair[i].key, 40)));
            refuse(l, c, why.p ? why.p : "unknown key");
            return;
        }
    const str none = {"", 0};
    c->beside = beside;
    c->rule = yaml_str(yaml_find(n, STR("rule")), none);
    c->format = yaml_str(yaml_find(n, STR("format")), none);
    c->logsource = yaml_str(yaml_find(n, STR("logsource")), none);
    const struct yaml_node *match = yaml_find(n, STR("match")), *count = yaml_find(n, STR("count"));
    if (match && !yaml_to_bool(match, &c->match))
        refuse(l, c, "'match' is true or false");
    else if (count && (!yaml_to_i64(count, &c->count) || c->count < 0))
        refuse(l, c, "'count' is a whole number");
    else
        (void)read_events(l, c, n); /* the case itself says what is wrong */
}

/* dir/x.test.yml → dir/x.yml */
static str rule_beside(struct test_list *l, str file)
{
    str suffix = str_iends(file, STR(".yaml")) ? STR(".yaml") : STR(".yml");
    str stem = str_head(file, file.n - suffix.n - strlen(".test"));
    str path = arena_fmt(&l->arena, STR_FMT STR_FMT, STR_ARG(stem), STR_ARG(suffix));
    return path.p ? path : (str){"", 0};
}

static void read_ours(struct test_list *l, str file, const struct yaml_docs *docs)
{
    str beside = rule_beside(l, file);
    for (size_t d = 0; d < docs->count; d++) {
        const struct yaml_node *doc = &docs->doc[d];
        if (doc->kind != YAML_SEQ)
            refuse(l, new_case(l, file, doc->line), "test cases are a list");
        for (uint32_t i = 0; doc->kind == YAML_SEQ && i < doc->count; i++)
            read_case(l, file, beside, &doc->item[i]);
    }
}

/* ---- SigmaHQ's layout ---- */

static bool exists(str path)
{
    struct file_info info;
    return path.p && file_stat(path.p, &info, NULL) == ST_OK && info.kind == FILE_REGULAR;
}

/* Paths in info.yml begin at the root of their repository; the file lies beside. */
static str stem_beside(struct test_list *l, str file, str path)
{
    size_t slash = file.n, base = path.n;
    while (slash && file.p[slash - 1] != '/')
        slash--;
    while (base && path.p[base - 1] != '/')
        base--;
    path = str_from(path, base);
    size_t dot = path.n;
    while (dot && path.p[dot - 1] != '.')
        dot--;
    return arena_fmt(&l->arena, STR_FMT STR_FMT, STR_ARG(str_head(file, slash)),
                     STR_ARG(str_head(path, dot ? dot - 1 : path.n)));
}

static void read_regression(struct test_list *l, str file, const struct yaml_node *test, str rule)
{
    static const char *const suffixes[] = {".evtx", ".json"};
    str stem = stem_beside(l, file, yaml_str(yaml_find(test, STR("path")), (str){"", 0}));
    bool any = false;
    for (size_t i = 0; stem.n && i < COUNT(suffixes); i++) {
        str path = arena_fmt(&l->arena, STR_FMT "%s", STR_ARG(stem), suffixes[i]);
        if (!exists(path))
            continue;
        struct test_case *c = new_case(l, file, test->line);
        any = true;
        c->path = path;
        c->rule = rule;
        c->name = path;
        c->least = true;
        (void)yaml_to_i64(yaml_find(test, STR("match_count")), &c->count); /* -1 when not given */
    }
    if (!any)
        refuse(l, new_case(l, file, test->line), "its file is not there");
}

static void read_info(struct test_list *l, str file, const struct yaml_docs *docs)
{
    for (size_t d = 0; d < docs->count; d++) {
        const struct yaml_node *rules = yaml_find(&docs->doc[d], STR("rule_metadata"));
        const struct yaml_node *tests = yaml_find(&docs->doc[d], STR("regression_tests_info"));
        if (!rules || rules->kind != YAML_SEQ || !tests || tests->kind != YAML_SEQ)
            continue;
        for (uint32_t r = 0; r < rules->count; r++)
            for (uint32_t t = 0; t < tests->count; t++)
                read_regression(l, file, &tests->item[t],
                                yaml_str(yaml_find(&rules->item[r], STR("id")), (str){"", 0}));
    }
}

/* ---- files and folders ---- */

static bool is_ours(str path)
{
    return str_iends(path, STR(".test.yml")) || str_iends(path, STR(".test.yaml"));
}

static bool is_info(str path)
{
    return str_eq(path, STR("info.yml")) || str_ends(path, STR("/info.yml"));
}

void test_list_read(struct test_list *l, str file, str text)
{
    struct yaml_docs docs;
    struct error err;
    const struct yaml_limits limits = {.bytes = FILE_BYTES_MAX};
    if (yaml_parse(text, &limits, &l->arena, &docs, &err) != ST_OK)
        refuse(l, new_case(l, file, 0), err.text);
    else
        (is_info(file) ? read_info : read_ours)(l, file, &docs);
}

static void read_file(struct test_list *l, const char *path)
{
    struct sbuf text;
    struct error err;
    str file = arena_str(&l->arena, str_z(path));
    sbuf_init(&text, FILE_BYTES_MAX);
    if (file_read_all(path, &text, &err) == ST_OK)
        test_list_read(l, file, sbuf_str(&text));
    else
        refuse(l, new_case(l, file, 0), err.text);
    sbuf_done(&text);
}

static int is_visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static void walk(struct test_list *l, const char *path, unsigned depth)
{
    struct file_info info;
    struct dirent **entry = NULL;
    if (file_stat(path, &info, NULL) != ST_OK)
        return; /* a link to nowhere */
    if (info.kind == FILE_REGULAR && (is_ours(str_z(path)) || is_info(str_z(path))))
        read_file(l, path);
    if (info.kind != FILE_FOLDER || depth == 0)
        return;
    int n = scandir(path, &entry, is_visible, alphasort);
    for (int i = 0; i < n; i++) {
        bool slash = str_ends(str_z(path), STR("/"));
        str child = arena_fmt(&l->arena, "%s%s%s", path, slash ? "" : "/", entry[i]->d_name);
        if (child.p)
            walk(l, child.p, depth - 1);
        mem_free(entry[i]);
    }
    mem_free(entry);
}

status test_list_find(struct test_list *l, const char *path, struct error *err)
{
    struct file_info info;
    status s = file_stat(path, &info, err);
    if (s == ST_OK)
        walk(l, path, DEPTH_MAX);
    return s;
}
