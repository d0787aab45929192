/* SPDX-License-Identifier: Apache-2.0 */
#include "api/schema.h"

#include "codec/time.h"
#include "codec/url.h"
#include "codec/utf.h"
#include "os/uid.h"

#include <math.h>

enum { PATH_SIZE = 160, DEPTH_MAX = 16 };

/* ---- forms of strings ---- */

static bool any_valid(str s)
{
    return utf8_valid(s);
}

static bool id_valid(str s)
{
    return uid_valid(s);
}

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* As identity has it. */
static bool name_valid(str s)
{
    str more = STR("._@-");
    for (size_t i = 0; i < s.n; i++)
        if (!is_lower_alnum(s.p[i]) && str_find(more, s.p[i]) == more.n)
            return false;
    return s.n > 0 && s.n < 64;
}

static bool tenant_valid(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_lower_alnum(s.p[i]) && (i == 0 || s.p[i] != '-'))
            return false;
    return s.n > 0 && s.n < 64;
}

static bool slot_valid(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_lower_alnum(s.p[i]) && (i == 0 || (s.p[i] != '-' && s.p[i] != '_')))
            return false;
    return s.n > 0 && s.n < 64;
}

static bool time_valid(str s)
{
    int64_t ms;
    return time_parse_iso(s, &ms);
}

static bool line_valid(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return utf8_valid(s);
}

static const struct {
    bool (*valid)(str s);
    const char *pattern, *doc;
} format[] = {
#define X(NAME, valid, pattern, doc) {valid##_valid, pattern, doc},
#include "api/format.def"
};

static const char *const type_name[] = {"any",     "string", "integer", "number",
                                        "boolean", "object", "array"};
static const char *const type_words[] = {"anything",      "a string",  "an integer", "a number",
                                         "true or false", "an object", "an array"};

/* ---- where we are: a JSON pointer, cut when it grows too long ---- */

struct place {
    char text[PATH_SIZE];
    size_t n;
};

static void place_add(struct place *p, str key)
{
    char *end = p->text + PATH_SIZE - 1, *at = p->text + p->n;
    if (at < end)
        *at++ = '/';
    for (size_t i = 0; i < key.n && at + 2 < end; i++) {
        char c = key.p[i];
        if (c == '~' || c == '/') {
            *at++ = '~';
            c = c == '~' ? '0' : '1';
        }
        *at++ = (unsigned char)c < 0x20 || c == 0x7f ? '?' : c;
    }
    *at = 0;
    p->n = (size_t)(at - p->text);
}

static void place_cut(struct place *p, size_t n)
{
    p->n = n;
    p->text[n] = 0;
}

static status wrong(const struct place *p, struct error *err, const char *what)
{
    return fail(err, ST_INVALID, "%s: %s", p->n ? p->text : "/", what);
}

/* ---- checking ---- */

static status check_range(const struct schema_field *f, double v, const char *unit,
                          const struct place *p, struct error *err)
{
    if (f->max == 0 && f->min == 0)
        return ST_OK;
    if (v >= f->min && (f->max == 0 || v <= f->max))
        return ST_OK;
    const char *at = p->n ? p->text : "/";
    if (f->max == 0)
        return fail(err, ST_INVALID, "%s: expected at least %.15g%s", at, f->min, unit);
    return fail(err, ST_INVALID, "%s: expected %.15g to %.15g%s", at, f->min, f->max, unit);
}

static status check_values(const struct schema_field *f, str s, const struct place *p,
                           struct error *err)
{
    char list[120];
    size_t n = 0;
    for (const char *const *v = f->values; *v; v++) {
        if (str_eq(s, str_z(*v)))
            return ST_OK;
        int k = snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", *v);
        n = k > 0 && n + (size_t)k < sizeof list ? n + (size_t)k : n;
    }
    list[n] = 0;
    return fail(err, ST_INVALID, "%s: expected one of %s", p->text, list);
}

static status check_string(const struct schema_field *f, str s, const struct place *p,
                           struct error *err)
{
    status st = check_range(f, (double)s.n, " bytes", p, err);
    if (st == ST_OK && f->values)
        st = check_values(f, s, p, err);
    if (st == ST_OK && !format[f->format].valid(s))
        st = fail(err, ST_INVALID, "%s: expected %s", p->n ? p->text : "/", format[f->format].doc);
    return st;
}

static bool has_type(enum schema_type type, json_node v)
{
    switch (type) {
    case SCHEMA_ANY:
        return true;
    case SCHEMA_STRING:
        return json_kind(v) == JSON_IS_STRING;
    case SCHEMA_INTEGER:
        return json_kind(v) == JSON_IS_NUMBER &&
               (json_int(v, 0) == json_int(v, 1)); /* a fraction or too large: the defaults */
    case SCHEMA_NUMBER:
        return json_kind(v) == JSON_IS_NUMBER;
    case SCHEMA_BOOLEAN:
        return json_kind(v) == JSON_IS_BOOL;
    case SCHEMA_OBJECT:
        return json_kind(v) == JSON_IS_OBJECT;
    case SCHEMA_ARRAY:
        return json_kind(v) == JSON_IS_ARRAY;
    }
    return false;
}

static status check_type(enum schema_type type, json_node v, const struct place *p,
                         struct error *err)
{
    if (has_type(type, v))
        return ST_OK;
    return fail(err, ST_INVALID, "%s: expected %s", p->n ? p->text : "/", type_words[type]);
}

static status check_object(const struct schema *s, json_node v, struct place *p, int depth,
                           struct error *err);
static status check_array(const struct schema_field *f, json_node v, struct place *p, int depth,
                          struct error *err);

static status check_field(const struct schema_field *f, json_node v, struct place *p, int depth,
                          struct error *err)
{
    if (f->nullable && json_kind(v) == JSON_IS_NULL)
        return ST_OK;
    status st = check_type(f->type, v, p, err);
    if (st != ST_OK)
        return st;
    switch (f->type) {
    case SCHEMA_STRING:
        return check_string(f, json_str(v, STR("")), p, err);
    case SCHEMA_INTEGER:
    case SCHEMA_NUMBER:
        return check_range(f, json_real(v, 0), "", p, err);
    case SCHEMA_OBJECT:
        return f->child ? check_object(f->child, v, p, depth + 1, err) : ST_OK;
    case SCHEMA_ARRAY:
        return check_array(f, v, p, depth, err);
    case SCHEMA_ANY:
    case SCHEMA_BOOLEAN:
        break;
    }
    return ST_OK;
}

/* Elements of an array of scalars are held to their type alone; `min` and `max` count them. */
static status check_array(const struct schema_field *f, json_node v, struct place *p, int depth,
                          struct error *err)
{
    status st = check_range(f, (double)json_count(v), " elements", p, err);
    size_t here = p->n, i = 0;
    for (struct json_each it = json_each(v); st == ST_OK && json_each_next(&it); i++) {
        char number[24];
        int n = snprintf(number, sizeof number, "%zu", i);
        place_add(p, (str){number, (size_t)n});
        st = check_type(f->item, it.value, p, err);
        if (st == ST_OK && f->item == SCHEMA_OBJECT && f->child)
            st = check_object(f->child, it.value, p, depth + 1, err);
        else if (st == ST_OK && f->item == SCHEMA_STRING &&
                 !utf8_valid(json_str(it.value, STR(""))))
            st = wrong(p, err, "expected text");
        if (st == ST_OK)
            place_cut(p, here);
    }
    return st;
}

static size_t find_field(const struct schema *s, str name)
{
    size_t i = 0;
    while (i < s->count && !str_eq(name, str_z(s->field[i].name)))
        i++;
    return i;
}

static status check_missing(const struct schema *s, uint64_t seen, const struct place *p,
                            struct error *err)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->field[i].required && !(seen >> i & 1))
            return fail(err, ST_INVALID, "%s: the member '%s' is missing", p->n ? p->text : "/",
                        s->field[i].name);
    return ST_OK;
}

static status check_object(const struct schema *s, json_node v, struct place *p, int depth,
                           struct error *err)
{
    if (depth > DEPTH_MAX)
        return wrong(p, err, "nested too deep");
    uint64_t seen = 0;
    size_t here = p->n;
    for (struct json_each it = json_each(v); json_each_next(&it);) {
        place_add(p, it.key);
        size_t i = find_field(s, it.key);
        if (i == s->count)
            return wrong(p, err, "no such member");
        if (seen >> i & 1)
            return wrong(p, err, "given twice");
        seen |= (uint64_t)1 << i;
        status st = check_field(&s->field[i], it.value, p, depth, err);
        if (st != ST_OK)
            return st;
        place_cut(p, here);
    }
    return check_missing(s, seen, p, err);
}

bool schema_optional(const struct schema *schema)
{
    for (size_t i = 0; i < schema->count; i++)
        if (schema->field[i].required)
            return false;
    return !schema->media;
}

status schema_check(const struct schema *schema, json_node value, struct error *err)
{
    struct place p = {.n = 0};
    status st = check_type(SCHEMA_OBJECT, value, &p, err);
    return st == ST_OK ? check_object(schema, value, &p, 0, err) : st;
}

/* ---- query strings ---- */

/* str_to_i64 reads hexadecimal too, as logs have it. */
static bool is_decimal(str s)
{
    size_t i = s.n && s.p[0] == '-';
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
        i++;
    return i == s.n;
}

static status check_query(const struct schema_field *f, str s, struct error *err)
{
    struct place p;
    p.n = (size_t)snprintf(p.text, sizeof p.text, "?%.60s", f->name);
    int64_t i;
    double d;
    switch (f->type) {
    case SCHEMA_INTEGER:
        return is_decimal(s) && str_to_i64(s, &i) ? check_range(f, (double)i, "", &p, err)
                                                  : wrong(&p, err, "expected an integer");
    case SCHEMA_NUMBER:
        return str_to_f64(s, &d) && isfinite(d) ? check_range(f, d, "", &p, err)
                                                : wrong(&p, err, "expected a number");
    case SCHEMA_BOOLEAN:
        return str_eq(s, STR("true")) || str_eq(s, STR("false"))
                   ? ST_OK
                   : wrong(&p, err, "expected true or false");
    default:
        return check_string(f, s, &p, err);
    }
}

static status decoded(str in, struct arena *a, str *out, struct error *err)
{
    char *p = arena_bytes(a, in.n + 1);
    if (!p)
        return fail(err, ST_LIMIT, "the query is too long");
    *out = (str){p, url_decode(in, true, p)};
    return ST_OK;
}

static status query_pair(const struct schema *s, str pair, struct arena *a, str *value,
                         struct error *err)
{
    str key = str_cut(&pair, '='), name = {0}, text = {0};
    status st = decoded(key, a, &name, err);
    if (st == ST_OK)
        st = decoded(pair, a, &text, err);
    if (st != ST_OK)
        return st;
    size_t i = find_field(s, name);
    struct place p = {.text = "?", .n = 1};
    if (i == s->count) {
        place_add(&p, str_head(name, 60));
        return fail(err, ST_INVALID, "?%s: no such parameter", p.text + 2);
    }
    if (value[i].p)
        return fail(err, ST_INVALID, "?%s: given twice", s->field[i].name);
    st = check_query(&s->field[i], text, err);
    if (st == ST_OK)
        value[i] = text;
    return st;
}

status schema_query(const struct schema *schema, str query, struct arena *a, str *value,
                    struct error *err)
{
    memset(value, 0, schema->count * sizeof *value);
    while (query.n) {
        str pair = str_cut(&query, '&');
        status st = pair.n ? query_pair(schema, pair, a, value, err) : ST_OK;
        if (st != ST_OK)
            return st;
    }
    for (size_t i = 0; i < schema->count; i++)
        if (schema->field[i].required && !value[i].p)
            return fail(err, ST_INVALID, "?%s: the parameter is missing", schema->field[i].name);
    return ST_OK;
}

/* ---- JSON Schema ---- */

static void write_reference(const struct schema *s, struct json_out *o)
{
    char text[120];
    int n = snprintf(text, sizeof text, "#/components/schemas/%.80s", s->name);
    json_out_object(o);
    json_out_kv_str(o, "$ref", (str){text, (size_t)n});
    json_out_object_end(o);
}

static void write_bounds(const struct schema_field *f, struct json_out *o)
{
    const char *low = "minimum", *high = "maximum";
    if (f->type == SCHEMA_STRING) {
        low = "minLength";
        high = "maxLength";
    } else if (f->type == SCHEMA_ARRAY) {
        low = "minItems";
        high = "maxItems";
    }
    if (f->min == 0 && f->max == 0)
        return;
    json_out_kv_i64(o, low, (int64_t)f->min);
    if (f->max != 0)
        json_out_kv_i64(o, high, (int64_t)f->max);
}

static void write_string(const struct schema_field *f, struct json_out *o)
{
    if (f->format == FORMAT_TIME)
        json_out_kv_str(o, "format", STR("date-time"));
    else if (f->secret)
        json_out_kv_str(o, "format", STR("password"));
    if (format[f->format].pattern)
        json_out_kv_str(o, "pattern", str_z(format[f->format].pattern));
    if (!f->values)
        return;
    json_out_key(o, STR("enum"));
    json_out_array(o);
    for (const char *const *v = f->values; *v; v++)
        json_out_str(o, str_z(*v));
    json_out_array_end(o);
}

static void write_type(const struct schema_field *f, struct json_out *o)
{
    if (f->type == SCHEMA_ANY)
        return;
    if (!f->nullable) {
        json_out_kv_str(o, "type", str_z(type_name[f->type]));
        return;
    }
    json_out_key(o, STR("type"));
    json_out_array(o);
    json_out_str(o, str_z(type_name[f->type]));
    json_out_str(o, STR("null"));
    json_out_array_end(o);
}

static void write_items(const struct schema_field *f, struct json_out *o)
{
    json_out_key(o, STR("items"));
    if (f->child) {
        write_reference(f->child, o);
        return;
    }
    json_out_object(o);
    if (f->item != SCHEMA_ANY)
        json_out_kv_str(o, "type", str_z(type_name[f->item]));
    json_out_object_end(o);
}

void schema_field_write(const struct schema_field *f, struct json_out *o)
{
    if (f->type == SCHEMA_OBJECT && f->child && !f->nullable) {
        write_reference(f->child, o);
        return;
    }
    json_out_object(o);
    write_type(f, o);
    if (f->doc)
        json_out_kv_str(o, "description", str_z(f->doc));
    write_bounds(f, o);
    if (f->type == SCHEMA_STRING)
        write_string(f, o);
    else if (f->type == SCHEMA_ARRAY)
        write_items(f, o);
    if (f->example) {
        json_out_key(o, STR("examples"));
        json_out_array(o);
        json_out_raw(o, str_z(f->example));
        json_out_array_end(o);
    }
    json_out_object_end(o);
}

void schema_write(const struct schema *s, struct json_out *o)
{
    json_out_object(o);
    json_out_kv_str(o, "type", STR("object"));
    if (s->doc)
        json_out_kv_str(o, "description", str_z(s->doc));
    json_out_key(o, STR("properties"));
    json_out_object(o);
    size_t required = 0;
    for (size_t i = 0; i < s->count; i++) {
        json_out_key(o, str_z(s->field[i].name));
        schema_field_write(&s->field[i], o);
        required += s->field[i].required;
    }
    json_out_object_end(o);
    if (required) {
        json_out_key(o, STR("required"));
        json_out_array(o);
        for (size_t i = 0; i < s->count; i++)
            if (s->field[i].required)
                json_out_str(o, str_z(s->field[i].name));
        json_out_array_end(o);
    }
    json_out_kv_bool(o, "additionalProperties", false);
    json_out_object_end(o);
}
