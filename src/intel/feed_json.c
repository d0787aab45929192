/* SPDX-License-Identifier: Apache-2.0 */
/* Which kind of JSON a feed is.  Documents are walked with the scanner and only
 * their small parts (one STIX object, one MISP attribute) become trees, so a feed
 * of hundreds of megabytes needs its text and little more. */
#include "codec/json_doc.h"
#include "codec/json_scan.h"
#include "intel/feed_int.h"

enum { NESTED_MAX = 4 }; /* arrays of documents in arrays */

void intel_feed_place(struct intel_feed *f, const char *at)
{
    while (f->line_at < at) {
        const char *end = memchr(f->line_at, '\n', (size_t)(at - f->line_at));
        if (!end)
            break;
        f->line++;
        f->line_at = end + 1;
    }
}

/* A value whose first token was `k`: past its end, *raw all of it (not of a key). */
static bool take_value(struct json_scan *s, enum json_token k, const struct json_text *t, str *raw)
{
    if (k == JSON_OBJECT || k == JSON_ARRAY)
        return json_skip(s, raw) > JSON_ERROR;
    *raw = k == JSON_STRING || k == JSON_NUMBER ? t->raw : STR("");
    return k > JSON_ERROR;
}

bool intel_json_element(struct json_scan *s, str *element)
{
    struct json_text t;
    enum json_token k = json_next(s, &t);
    return k != JSON_ARRAY_END && k > JSON_ERROR && take_value(s, k, &t, element);
}

/* The next member of the object a scan is in. */
static bool next_member(struct json_scan *s, str *key, enum json_token *kind, str *value)
{
    struct json_text t;
    if (json_next(s, &t) != JSON_KEY)
        return false;
    *key = t.raw;
    *kind = json_next(s, &t);
    return take_value(s, *kind, &t, value);
}

str intel_json_member(str object, str key)
{
    struct json_scan s = json_scan_of(object);
    struct json_text t;
    str name, value;
    enum json_token kind;
    if (json_next(&s, &t) == JSON_OBJECT)
        while (next_member(&s, &name, &kind, &value))
            if (kind == JSON_STRING && str_eq(name, key))
                return value;
    return STR("");
}

struct json_doc *intel_json_part(struct intel_feed *f, str value)
{
    struct json_doc *doc = NULL;
    struct error why;
    if (json_doc_parse(value, INTEL_OBJECT_MAX, &doc, &why) == ST_OK)
        return doc;
    intel_problem_add(f, true, "%s", why.text);
    return NULL;
}

/* What a document's members show it to be. */
struct shape {
    str objects, event, response, list, type;
    bool pattern;
};

static void look_at_member(struct shape *shape, str key, enum json_token kind, str value)
{
    const struct {
        str key;
        enum json_token kind;
        str *to;
    } wanted[] = {
        {STR("objects"), JSON_ARRAY, &shape->objects},   {STR("Event"), JSON_OBJECT, &shape->event},
        {STR("response"), JSON_ARRAY, &shape->response}, {STR("list"), JSON_ARRAY, &shape->list},
        {STR("type"), JSON_STRING, &shape->type},
    };
    for (size_t i = 0; i < COUNT(wanted); i++)
        if (kind == wanted[i].kind && str_eq(key, wanted[i].key))
            *wanted[i].to = value;
    shape->pattern |= kind == JSON_STRING && str_eq(key, STR("pattern"));
}

static struct shape shape_of(str object)
{
    struct shape shape = {.pattern = false};
    struct json_scan s = json_scan_of(object);
    struct json_text t;
    str key, value;
    enum json_token kind;
    if (json_next(&s, &t) == JSON_OBJECT)
        while (next_member(&s, &key, &kind, &value))
            look_at_member(&shape, key, kind, value);
    return shape;
}

static status take_document(struct intel_feed *f, str raw, unsigned depth, struct error *err);

static status take_string(struct intel_feed *f, str raw, struct error *err)
{
    char text[INTEL_VALUE_MAX];
    if (raw.n > sizeof text) {
        intel_problem_add(f, true, "a value of %zu bytes", raw.n);
        return ST_OK;
    }
    struct indicator item = intel_feed_item(f, (str){text, json_unescape(raw, text)});
    return intel_feed_add(f, &item, 0, err);
}

static status take_array(struct intel_feed *f, str array, unsigned depth, struct error *err)
{
    struct json_scan s = json_scan_of(array);
    struct json_text t;
    status st = ST_OK;
    if (depth > NESTED_MAX)
        return fail(err, ST_LIMIT, "arrays nested more than %d deep", NESTED_MAX);
    (void)json_next(&s, &t); /* the bracket */
    for (str element; st == ST_OK && intel_json_element(&s, &element);) {
        intel_feed_place(f, element.p);
        bool nested = str_starts(element, STR("{")) || str_starts(element, STR("["));
        st = nested ? take_document(f, element, depth + 1, err) : take_string(f, element, err);
    }
    return st;
}

static status take_document(struct intel_feed *f, str raw, unsigned depth, struct error *err)
{
    if (str_starts(raw, STR("[")))
        return take_array(f, raw, depth, err);
    struct shape shape = shape_of(raw);
    intel_feed_place(f, raw.p);
    if (shape.event.n)
        return intel_misp_event(f, shape.event, err);
    if (shape.response.n)
        return take_array(f, shape.response, depth + 1, err);
    if (shape.objects.n)
        return intel_stix(f, shape.objects, err);
    if (shape.list.n && shape.type.n)
        return intel_misp_warninglist(f, raw, err);
    if (shape.pattern || str_eq(shape.type, STR("indicator")))
        return intel_stix_object(f, raw, err);
    if (depth == 0)
        return fail(err, ST_INVALID, "JSON of no feed format that is known");
    intel_problem_add(f, true, "JSON of no feed format that is known");
    return ST_OK;
}

status intel_json(struct intel_feed *f, str text, struct error *err)
{
    f->line = 1;
    f->line_at = text.p;
    for (text = str_trim(text); text.n; text = str_trim(text)) {
        struct json_scan s = json_scan_of(text);
        struct json_text t;
        str raw;
        enum json_token k = json_next(&s, &t);
        if (k != JSON_OBJECT && k != JSON_ARRAY && k != JSON_ERROR)
            return fail(err, ST_INVALID, "JSON of no feed format that is known");
        if (k == JSON_ERROR || json_skip(&s, &raw) == JSON_ERROR)
            return json_scan_fail(&s, err);
        status st = take_document(f, raw, 0, err);
        if (st != ST_OK)
            return st;
        text = str_from(text, (size_t)(s.p - text.p));
    }
    return ST_OK;
}
