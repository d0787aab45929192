/* SPDX-License-Identifier: Apache-2.0 */
#include "app/config.h"

#include "base/nearest.h"
#include "codec/json_out.h"
#include "codec/yaml.h"
#include "event/finding.h"
#include "os/file.h"

#include <stddef.h>
#include <unistd.h>

enum { ARENA_MAX = 16 << 20, FILE_MAX = 1 << 20, KEY_MAX = 80, LIST_MAX = 1024 };

enum config_type { CONFIG_TEXT, CONFIG_SECRET, CONFIG_NUMBER, CONFIG_FLAG, CONFIG_LIST };

static const char *const type_name[] = {"text", "secret", "number", "flag", "list"};

static const struct setting {
    const char *key, *env, *otherwise, *doc;
    enum config_type type;
    int64_t least, most;
    size_t offset;
} table[] = {
#define X(NAME, key, TYPE, env, otherwise, least, most, doc)                                       \
    {key, env, otherwise, doc, CONFIG_##TYPE, least, most, offsetof(struct config, NAME)},
#include "app/config.def"
};

static void *place_of(struct config *c, const struct setting *s)
{
    return (char *)c + s->offset;
}

static const void *value_of(const struct config *c, const struct setting *s)
{
    return (const char *)c + s->offset;
}

/* ---- one value ---- */

static bool read_flag(str text, bool *out)
{
    bool yes = str_ieq(text, STR("true")) || str_ieq(text, STR("yes")) ||
               str_ieq(text, STR("on")) || str_eq(text, STR("1"));
    bool no = str_ieq(text, STR("false")) || str_ieq(text, STR("no")) ||
              str_ieq(text, STR("off")) || str_eq(text, STR("0"));
    if (yes || no)
        *out = yes;
    return yes || no;
}

static status set_number(const struct setting *s, str text, int64_t *out, struct error *err)
{
    int64_t v;
    if (!str_to_i64(text, &v))
        return fail(err, ST_INVALID, "'%s' wants a whole number, not '" STR_FMT "'", s->key,
                    STR_ARG(str_head(text, 40)));
    if (v < s->least || v > s->most)
        return fail(err, ST_INVALID, "'%s' is %lld; it may be from %lld to %lld", s->key,
                    (long long)v, (long long)s->least, (long long)s->most);
    *out = v;
    return ST_OK;
}

static status list_add(struct config *c, struct config_list *l, str item, struct error *err)
{
    if (l->n >= LIST_MAX)
        return fail(err, ST_LIMIT, "more than %d values in a list", LIST_MAX);
    const char **at = arena_array(&c->arena, const char *, l->n + 1);
    if (!at)
        return fail(err, ST_LIMIT, "the settings are too large");
    if (l->n)
        memcpy(at, l->at, l->n * sizeof *at);
    at[l->n] = arena_str(&c->arena, item).p;
    *l = (struct config_list){at, l->n + 1};
    return ST_OK;
}

static status list_split(struct config *c, struct config_list *l, str text, struct error *err)
{
    status st = ST_OK;
    while (text.n && st == ST_OK) {
        str item = str_trim(str_cut(&text, ','));
        if (item.n)
            st = list_add(c, l, item, err);
    }
    return st;
}

/* `text` to the setting; what a list held before is replaced. */
static status set_text(struct config *c, const struct setting *s, str text, struct error *err)
{
    void *place = place_of(c, s);
    switch (s->type) {
    case CONFIG_TEXT:
    case CONFIG_SECRET:
        *(const char **)place = arena_str(&c->arena, text).p;
        return *(const char **)place ? ST_OK : fail(err, ST_LIMIT, "the settings are too large");
    case CONFIG_NUMBER:
        return set_number(s, text, place, err);
    case CONFIG_FLAG:
        if (read_flag(text, place))
            return ST_OK;
        return fail(err, ST_INVALID, "'%s' wants true or false, not '" STR_FMT "'", s->key,
                    STR_ARG(str_head(text, 40)));
    case CONFIG_LIST:
        *(struct config_list *)place = (struct config_list){0};
        return list_split(c, place, text, err);
    }
    return ST_OK;
}

static const struct setting *setting_find(str key)
{
    for (size_t i = 0; i < COUNT(table); i++)
        if (str_eq(key, str_z(table[i].key)))
            return &table[i];
    return NULL;
}

/* ---- the file ---- */

static status unknown_key(const char *file, uint32_t line, str key, struct error *err)
{
    struct nearest near = nearest_to(key);
    for (size_t i = 0; i < COUNT(table); i++)
        nearest_try(&near, str_z(table[i].key));
    return fail(err, ST_INVALID, "%s: line %u: there is no setting '" STR_FMT "'%s" STR_FMT "%s",
                file, line, STR_ARG(str_head(key, KEY_MAX)),
                near.found ? "; did you mean '" : "; see 'bguard config'", STR_ARG(near.best),
                near.found ? "'?" : "");
}

static status set_node(struct config *c, const struct setting *s, const struct yaml_node *n,
                       struct error *err)
{
    if (s->type == CONFIG_LIST && n->kind == YAML_SEQ) {
        struct config_list *l = place_of(c, s);
        *l = (struct config_list){0};
        for (uint32_t i = 0; i < n->count; i++) {
            if (n->item[i].kind != YAML_SCALAR)
                return fail(err, ST_INVALID, "'%s' wants a list of texts", s->key);
            status st = list_add(c, l, n->item[i].text, err);
            if (st != ST_OK)
                return st;
        }
        return ST_OK;
    }
    if (n->kind != YAML_SCALAR)
        return fail(err, ST_INVALID, "'%s' wants one value", s->key);
    return set_text(c, s, yaml_is_null(n) ? STR("") : n->text, err);
}

static bool is_level(str key)
{
    for (size_t i = 0; i < COUNT(table); i++) {
        str k = str_z(table[i].key);
        if (k.n > key.n && k.p[key.n] == '.' && memcmp(k.p, key.p, key.n) == 0)
            return true;
    }
    return false;
}

static status read_map(struct config *c, const char *file, str level, const struct yaml_node *map,
                       struct error *err)
{
    for (uint32_t i = 0; i < map->count; i++) {
        const struct yaml_pair *p = &map->pair[i];
        str key = level.n ? arena_fmt(&c->arena, STR_FMT "." STR_FMT, STR_ARG(level),
                                      STR_ARG(str_head(p->key, KEY_MAX)))
                          : p->key;
        const struct setting *s = setting_find(key);
        status st = ST_OK;
        if (s) {
            st = set_node(c, s, &p->value, err);
            if (st != ST_OK)
                return fail_prefix(err, st, "%s: line %u", file, p->line);
        } else if (p->value.kind == YAML_MAP && level.n == 0 && is_level(key)) {
            st = read_map(c, file, key, &p->value, err);
        } else {
            st = unknown_key(file, p->line, key, err);
        }
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

static status read_file(struct config *c, const char *file, struct error *err)
{
    struct sbuf text;
    sbuf_init(&text, FILE_MAX);
    struct yaml_docs docs;
    status st = file_read_all(file, &text, err);
    if (st == ST_OK)
        st = yaml_parse(sbuf_str(&text), NULL, &c->arena, &docs, err);
    if (st != ST_OK)
        st = fail_prefix(err, st, "the settings in %s", file);
    else if (docs.count > 1)
        st = fail(err, ST_INVALID, "%s: one document is wanted, not %zu", file, docs.count);
    else if (docs.count == 1 && !yaml_is_null(docs.doc))
        st = docs.doc->kind == YAML_MAP
                 ? read_map(c, file, (str){0}, docs.doc, err)
                 : fail(err, ST_INVALID, "%s: settings are 'key: value' lines", file);
    sbuf_done(&text);
    return st;
}

static const char *default_file(void)
{
    static const char *const place[] = {"bguard.yaml", "/etc/bguard/bguard.yaml"};
    for (size_t i = 0; i < COUNT(place); i++)
        if (access(place[i], F_OK) == 0)
            return place[i];
    return NULL;
}

/* ---- all of it ---- */

static status read_environment(struct config *c, char *(*environment)(const char *),
                               struct error *err)
{
    for (size_t i = 0; i < COUNT(table); i++) {
        const char *text = *table[i].env ? environment(table[i].env) : NULL;
        if (!text || !*text)
            continue;
        status st = set_text(c, &table[i], str_z(text), err);
        if (st != ST_OK)
            return fail_prefix(err, st, "the environment's %s", table[i].env);
    }
    return ST_OK;
}

static status read_flags(struct config *c, const struct config_flag *flag, size_t flags,
                         struct error *err)
{
    bool given[COUNT(table)] = {false};
    for (size_t i = 0; i < flags; i++) {
        const struct setting *s = setting_find(str_z(flag[i].key));
        if (!s)
            return fail(err, ST_INVALID, "there is no setting '%s'", flag[i].key);
        size_t k = (size_t)(s - table);
        status st = s->type == CONFIG_LIST && given[k]
                        ? list_add(c, place_of(c, s), str_z(flag[i].value), err)
                        : ST_OK;
        if (s->type != CONFIG_LIST)
            st = set_text(c, s, str_z(flag[i].value), err);
        else if (!given[k]) {
            *(struct config_list *)place_of(c, s) = (struct config_list){0};
            if (*flag[i].value) /* KEY= is the empty list */
                st = list_add(c, place_of(c, s), str_z(flag[i].value), err);
        }
        if (st != ST_OK)
            return st;
        given[k] = true;
    }
    return ST_OK;
}

bool config_watch(const struct config *c, double *out_01)
{
    return str_to_f64(str_z(c->behavior_watch), out_01) && *out_01 >= 0.5 && *out_01 <= 1;
}

static status check(const struct config *c, struct error *err)
{
    enum level level;
    double watch_01;
    if (!level_find(str_z(c->min_level), &level))
        return fail(err, ST_INVALID, "'pipeline.min_level' is no level: '%.40s'", c->min_level);
    if (!config_watch(c, &watch_01))
        return fail(err, ST_INVALID, "'behavior.watch_01' is no number from 0.5 to 1: '%.40s'",
                    c->behavior_watch);
    if (!*c->tls_certificate != !*c->tls_key)
        return fail(err, ST_INVALID, "'tls.certificate' and 'tls.key' want each other");
    if (*c->syslog_tls && !*c->tls_certificate && !c->tls_self_signed)
        return fail(err, ST_INVALID, "'syslog.tls' wants 'tls.certificate' and 'tls.key'");
    return ST_OK;
}

status config_load(struct config *c, const char *file, char *(*environment)(const char *),
                   const struct config_flag *flag, size_t flags, struct error *err)
{
    *c = (struct config){0};
    arena_init(&c->arena, ARENA_MAX);
    status st = ST_OK;
    for (size_t i = 0; i < COUNT(table) && st == ST_OK; i++)
        st = set_text(c, &table[i], str_z(table[i].otherwise), err);
    if (st == ST_OK && !file)
        file = default_file();
    if (st == ST_OK && file)
        st = read_file(c, file, err);
    if (st == ST_OK)
        st = read_environment(c, environment, err);
    if (st == ST_OK)
        st = read_flags(c, flag, flags, err);
    return st == ST_OK ? check(c, err) : st;
}

void config_done(struct config *c)
{
    arena_done(&c->arena);
    *c = (struct config){0};
}

status config_address(const char *text, char *host, size_t room, uint16_t *port, struct error *err)
{
    const char *colon = strrchr(text, ':');
    uint64_t number = 0;
    str name = {text, colon ? (size_t)(colon - text) : 0};
    if (name.n >= 2 && name.p[0] == '[' && name.p[name.n - 1] == ']')
        name = (str){name.p + 1, name.n - 2};
    if (name.n == 0)
        name = STR("0.0.0.0");
    if (!colon || !str_to_u64(str_z(colon + 1), &number) || number > UINT16_MAX || name.n >= room)
        return fail(err, ST_INVALID, "an ADDRESS:PORT is wanted, not '%.60s'", text);
    snprintf(host, room, STR_FMT, STR_ARG(name));
    *port = (uint16_t)number;
    return ST_OK;
}

/* ---- showing ---- */

static void write_value(struct json_out *o, const struct config *c, const struct setting *s)
{
    const void *v = value_of(c, s);
    const struct config_list *l = v;
    switch (s->type) {
    case CONFIG_TEXT:
        json_out_str(o, str_z(*(const char *const *)v));
        break;
    case CONFIG_SECRET:
        json_out_str(o, **(const char *const *)v ? STR("set") : STR(""));
        break;
    case CONFIG_NUMBER:
        json_out_i64(o, *(const int64_t *)v);
        break;
    case CONFIG_FLAG:
        json_out_bool(o, *(const bool *)v);
        break;
    case CONFIG_LIST:
        json_out_array(o);
        for (size_t i = 0; i < l->n; i++)
            json_out_str(o, str_z(l->at[i]));
        json_out_array_end(o);
        break;
    }
}

static void write_plain(struct sbuf *out, const struct config *c, const struct setting *s)
{
    const void *v = value_of(c, s);
    const struct config_list *l = v;
    switch (s->type) {
    case CONFIG_TEXT:
        sbuf_addz(out, *(const char *const *)v);
        break;
    case CONFIG_SECRET:
        sbuf_addz(out, **(const char *const *)v ? "set" : "");
        break;
    case CONFIG_NUMBER:
        sbuf_addf(out, "%lld", (long long)*(const int64_t *)v);
        break;
    case CONFIG_FLAG:
        sbuf_addz(out, *(const bool *)v ? "true" : "false");
        break;
    case CONFIG_LIST:
        for (size_t i = 0; i < l->n; i++)
            sbuf_addf(out, "%s%s", i ? ", " : "", l->at[i]);
        break;
    }
}

void config_write_text(const struct config *c, struct sbuf *out)
{
    for (size_t i = 0; i < COUNT(table); i++) {
        sbuf_addf(out, "%-28s ", table[i].key);
        size_t before = out->n;
        write_plain(out, c, &table[i]);
        sbuf_addz(out, out->n == before ? "(empty)\n" : "\n");
    }
}

void config_write_json(const struct config *c, struct sbuf *out)
{
    struct json_out o = json_out_on(out);
    json_out_object(&o);
    for (size_t i = 0; i < COUNT(table); i++) {
        json_out_key(&o, str_z(table[i].key));
        write_value(&o, c, &table[i]);
    }
    json_out_object_end(&o);
}

void config_describe(struct sbuf *out)
{
    struct json_out o = json_out_on(out);
    json_out_array(&o);
    for (size_t i = 0; i < COUNT(table); i++) {
        json_out_object(&o);
        json_out_kv_str(&o, "key", str_z(table[i].key));
        json_out_kv_str(&o, "type", str_z(type_name[table[i].type]));
        json_out_kv_str(&o, "environment", str_z(table[i].env));
        json_out_kv_str(&o, "default", str_z(table[i].otherwise));
        if (table[i].type == CONFIG_NUMBER) {
            json_out_kv_i64(&o, "min", table[i].least);
            json_out_kv_i64(&o, "max", table[i].most);
        }
        json_out_kv_str(&o, "doc", str_z(table[i].doc));
        json_out_object_end(&o);
    }
    json_out_array_end(&o);
}
