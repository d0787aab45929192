/* SPDX-License-Identifier: Apache-2.0 */
/* Indicators: asked about, imported, listed, removed. */
#include "api/threat.h"

#include "base/vec.h"
#include "codec/time.h"
#include "store/ledger.h"

enum {
    VALUES_MAX = 1000,
    VALUE_MAX = 2048,
    IMPORT_MAX = 50000,
    PAGE = 100,
    PAGE_MAX = 1000,
    ERRORS_MAX = 20
};
enum { IMPORT_BYTES_MAX = 64 * 1024 * 1024, AT_ONCE = 1000 };

/* ---- query-intelligence ---- */

static const struct schema_field question_fields[] = {
    {"value", SCHEMA_STRING, .required = true, .min = 1, .max = VALUE_MAX, .format = FORMAT_LINE,
     .doc = "an address, network, domain, URL, hash or e-mail address in any spelling"},
};
const struct schema schema_intel_question = SCHEMA_OF("IntelQuestion", "", question_fields);
static const struct schema_field questions_fields[] = {
    {"indicators", SCHEMA_ARRAY, .required = true, .item = SCHEMA_STRING, .min = 1,
     .max = VALUES_MAX, .doc = "values to look up"},
};
const struct schema schema_intel_questions =
    SCHEMA_OF("IntelQuestions", "Values to look up", questions_fields);

static const struct schema_field match_fields[] = {
    {"kind", SCHEMA_STRING, .required = true,
     .doc = "ip, range, domain, url, md5, sha1, sha256, email"},
    {"value", SCHEMA_STRING, .required = true,
     .doc = "the indicator: the value, or what it lies in"},
    {"source", SCHEMA_STRING, .required = true, .doc = "the feed, or who imported it"},
    {"imported", SCHEMA_BOOLEAN, .required = true,
     .doc = "by the tenant; else from the service's feeds"},
    {"description", SCHEMA_STRING, .required = true, .doc = "what the feed says of it"},
    {"confidence", SCHEMA_NUMBER, .required = true, .min = 0, .max = 1, .doc = "that it is bad"},
    {"techniques", SCHEMA_ARRAY, .required = true, .item = SCHEMA_STRING,
     .doc = "MITRE ATT&CK ids"},
    {"expires_at", SCHEMA_STRING, .required = true, .nullable = true, .format = FORMAT_TIME,
     .doc = "null: never"},
};
static const struct schema schema_intel_match =
    SCHEMA_OF("IntelMatch", "An indicator", match_fields);
static const struct schema_field answer_fields[] = {
    {"value", SCHEMA_STRING, .required = true, .doc = "as it was asked"},
    {"listed", SCHEMA_BOOLEAN, .required = true, .doc = "it is known to be bad"},
    {"allowed", SCHEMA_BOOLEAN, .required = true, .doc = "it is on an allow-list, which wins"},
    {"confidence", SCHEMA_NUMBER, .required = true, .min = 0, .max = 1,
     .doc = "the highest of the matches"},
    {"matches", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_intel_match,
     .doc = "what is known"},
};
static const struct schema schema_intel_answer =
    SCHEMA_OF("IntelAnswer", "What is known of a value", answer_fields);
static const struct schema_field answers_fields[] = {
    {"results", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT,
     .child = &schema_intel_answer, .doc = "in the order of the values"},
};
const struct schema schema_intel_answers =
    SCHEMA_OF("IntelAnswers", "What is known", answers_fields);

/* Where is looked: the service's feeds and what the tenant imported. */
struct sources {
    struct snapshot_ref *snapshot;
    struct imported *own;
    const struct intel_set *set[2];
};

static status sources_open(struct sources *s, struct api_call *c, struct error *err)
{
    struct engine *e = c->api->options.engine;
    *s = (struct sources){.snapshot = e ? engine_snapshot(e) : NULL};
    s->set[0] = s->snapshot ? snapshot_of(s->snapshot)->intel : NULL;
    status st = threat_imported(c->api, str_z(c->who.tenant), &s->own, err);
    s->set[1] = st == ST_OK ? s->own->set : NULL;
    return st;
}

static void sources_close(struct sources *s)
{
    imported_drop(s->own);
    snapshot_ref_drop(s->snapshot);
}

static void write_match(struct json_out *o, const struct indicator *i, bool imported)
{
    json_out_object(o);
    json_out_kv_str(o, "kind", str_z(intel_kind_name(i->kind)));
    json_out_kv_str(o, "value", i->value);
    json_out_kv_str(o, "source", i->source);
    json_out_kv_bool(o, "imported", imported);
    json_out_kv_str(o, "description", i->description);
    json_out_kv_f64(o, "confidence", (double)(int)(i->confidence_01 * 1000 + 0.5f) / 1000);
    json_out_key(o, STR("techniques"));
    json_out_array(o);
    for (uint32_t k = 0; k < i->technique_count; k++)
        json_out_str(o, i->technique[k]);
    json_out_array_end(o);
    json_out_key(o, STR("expires_at"));
    if (i->expires_ms)
        json_out_time(o, i->expires_ms);
    else
        json_out_null(o);
    json_out_object_end(o);
}

static void write_answer(struct json_out *o, const struct sources *s, str value, int64_t now_ms)
{
    struct indicator found[2];
    bool listed[2] = {false}, allowed = false;
    float confidence = 0;
    for (size_t k = 0; k < 2; k++) {
        bool good = false;
        listed[k] = s->set[k] && intel_find(s->set[k], value, &found[k], &good) &&
                    (!found[k].expires_ms || found[k].expires_ms > now_ms);
        allowed |= good;
        if (listed[k] && found[k].confidence_01 > confidence)
            confidence = found[k].confidence_01;
    }
    json_out_object(o);
    json_out_kv_str(o, "value", value);
    json_out_kv_bool(o, "listed", (listed[0] || listed[1]) && !allowed);
    json_out_kv_bool(o, "allowed", allowed);
    json_out_kv_f64(o, "confidence", allowed ? 0 : (double)(int)(confidence * 1000 + 0.5f) / 1000);
    json_out_key(o, STR("matches"));
    json_out_array(o);
    for (size_t k = 0; k < 2; k++)
        if (listed[k])
            write_match(o, &found[k], k == 1);
    json_out_array_end(o);
    json_out_object_end(o);
}

static void answer(struct api_call *c, const str *value, size_t count)
{
    struct sources s;
    struct error err;
    if (call_ok(c, sources_open(&s, c, &err), &err)) {
        struct json_out o = call_json(c);
        json_out_object(&o);
        json_out_key(&o, STR("results"));
        json_out_array(&o);
        for (size_t i = 0; i < count; i++)
            write_answer(&o, &s, value[i], c->now_ms);
        json_out_array_end(&o);
        json_out_object_end(&o);
        call_send(c, 200);
    }
    sources_close(&s);
}

void serve_intel_query(struct api_call *c)
{
    str value = call_query(c, "value");
    answer(c, &value, 1);
}

void serve_intel_query_many(struct api_call *c)
{
    json_node list = json_get(c->root, STR("indicators"));
    str *value = arena_array(c->arena, str, json_count(list));
    size_t n = 0;
    for (struct json_each it = json_each(list); value && json_each_next(&it);)
        value[n++] = json_str(it.value, STR(""));
    answer(c, value, n);
}

/* ---- import ---- */

static const struct schema_field import_query_fields[] = {
    {"source", SCHEMA_STRING, .min = 1, .max = 200, .format = FORMAT_LINE,
     .doc = "whom what does not say so itself is from; the one who imports"},
    {"allow", SCHEMA_STRING, .min = 4, .max = 5, .format = FORMAT_LINE,
     .doc = "true: the feed names what is known good"},
};
const struct schema schema_intel_import_query =
    SCHEMA_OF("IntelImportQuery", "", import_query_fields);
static const struct schema_field one_fields[] = {
    {"value", SCHEMA_STRING, .required = true, .min = 1, .max = VALUE_MAX,
     .doc = "in any spelling"},
    {"source", SCHEMA_STRING, .max = 200, .format = FORMAT_LINE, .doc = "whom it is from"},
    {"description", SCHEMA_STRING, .max = 1000, .doc = "what it is"},
    {"confidence", SCHEMA_NUMBER, .min = 0, .max = 1, .doc = "0.75"},
    {"techniques", SCHEMA_ARRAY, .item = SCHEMA_STRING, .max = 16, .doc = "MITRE ATT&CK ids"},
    {"expires_at", SCHEMA_STRING, .nullable = true, .format = FORMAT_TIME, .doc = "null: never"},
    {"allow", SCHEMA_BOOLEAN, .doc = "it is known good; false"},
};
static const struct schema schema_one = SCHEMA_OF("NewIndicator", "An indicator", one_fields);
static const struct schema_field import_fields[] = {
    {"indicators", SCHEMA_ARRAY, .item = SCHEMA_OBJECT, .child = &schema_one, .max = IMPORT_MAX,
     .doc = "what is imported.  A body without this member is a feed: plain list, CSV, hosts file, "
            "STIX 2.1, "
            "MISP event or warninglist"},
};
const struct schema schema_intel_import = {.name = "IntelImport",
                                           .doc = "Indicators to import",
                                           .field = import_fields,
                                           .count = COUNT(import_fields),
                                           .media = "application/json"};
static const struct schema_field imported_fields[] = {
    {"imported", SCHEMA_INTEGER, .required = true, .doc = "indicators that are kept now"},
    {"rejected", SCHEMA_INTEGER, .required = true, .doc = "values of no kind"},
    {"errors", SCHEMA_ARRAY, .required = true, .item = SCHEMA_STRING,
     .doc = "the first twenty of them"},
};
const struct schema schema_intel_imported =
    SCHEMA_OF("IntelImported", "What became of it", imported_fields);

/* What is being imported: into a scratch set, which knows kinds and spellings, and a list. */
struct import {
    struct api_call *c;
    struct intel_set *set;
    str source;
    bool allow;
    VEC(struct indicator_record) item; /* texts in c->arena */
    struct sbuf errors;                /* elements of the answer's array */
    uint64_t rejected, errors_told;
};

static str text_of(const struct api_call *c, str s)
{
    return arena_str(c->arena, s);
}

static str techniques_json(struct import *m, const str *technique, uint32_t n)
{
    struct sbuf b;
    sbuf_init(&b, 4096);
    struct json_out o = json_out_on(&b);
    json_out_array(&o);
    for (uint32_t i = 0; i < n; i++)
        json_out_str(&o, technique[i]);
    json_out_array_end(&o);
    str s = text_of(m->c, b.full ? STR("[]") : sbuf_str(&b));
    sbuf_done(&b);
    return s;
}

static status taken(void *arg, const struct indicator *item, struct error *err)
{
    struct import *m = arg;
    if (m->item.n == IMPORT_MAX)
        return fail(err, ST_LIMIT, "more than %d indicators at once", IMPORT_MAX);
    struct indicator_record r = {
        .tenant = str_z(m->c->who.tenant),
        .value = text_of(m->c, item->value),
        .kind = STR(""),
        .source = text_of(m->c, str_head(item->source.n ? item->source : m->source, 200)),
        .description = text_of(m->c, str_head(item->description, 1000)),
        .confidence_01 = (double)item->confidence_01,
        .technique = techniques_json(m, item->technique, item->technique_count),
        .added_ms = m->c->now_ms,
        .expires_ms = item->expires_ms,
        .allow = m->allow};
    if (!r.value.p || !r.source.p || !r.description.p || !r.technique.p)
        return fail(err, ST_LIMIT, "no memory left to import");
    *vec_push(&m->item) = r;
    return ST_OK;
}

static void refuse(struct import *m, const char *why)
{
    m->rejected++;
    if (m->errors_told++ >= ERRORS_MAX)
        return;
    struct json_out o = json_out_on(&m->errors);
    sbuf_addz(&m->errors, m->errors.n ? "," : "");
    json_out_str(&o, str_z(why));
}

static status take_one(struct import *m, json_node n, struct error *err)
{
    str technique[16], expires = json_str(json_get(n, STR("expires_at")), STR(""));
    struct indicator item = {.kind = INTEL_KIND_COUNT,
                             .value = json_str(json_get(n, STR("value")), STR("")),
                             .source = json_str(json_get(n, STR("source")), m->source),
                             .description = json_str(json_get(n, STR("description")), STR("")),
                             .confidence_01 =
                                 (float)json_real(json_get(n, STR("confidence")), 0.75),
                             .technique = technique};
    struct error why;
    json_node list = json_get(n, STR("techniques"));
    for (struct json_each it = json_each(list); json_each_next(&it) && item.technique_count < 16;)
        technique[item.technique_count++] = json_str(it.value, STR(""));
    if (expires.n)
        (void)time_parse_any(expires, &item.expires_ms); /* the schema has seen to it */
    status st = intel_set_add(m->set, &item, false, &why);
    if (st == ST_LIMIT)
        return fail(err, st, "%s", why.text);
    m->allow = json_bool(json_get(n, STR("allow")), false);
    if (st == ST_OK)
        return taken(m, &item, err);
    refuse(m, why.text);
    return ST_OK;
}

static status take_list(struct import *m, json_node root, struct error *err)
{
    struct schema strict = schema_intel_import;
    strict.media = NULL;
    status st = schema_check(&strict, root, err);
    json_node list = json_get(root, STR("indicators"));
    for (struct json_each it = json_each(list); st == ST_OK && json_each_next(&it);)
        st = take_one(m, it.value, err);
    return st;
}

static status take_feed(struct import *m, struct error *err)
{
    m->allow = str_eq(call_query(m->c, "allow"), STR("true"));
    status st = intel_set_read(m->set, m->source, m->c->body, taken, m, err);
    for (size_t i = 0; st == ST_OK && i < intel_set_problem_count(m->set); i++) {
        char text[220];
        const struct intel_problem *p = intel_set_problem(m->set, i);
        (void)snprintf(text, sizeof text, "line %llu: %s", (unsigned long long)p->line, p->reason);
        refuse(m, text);
    }
    uint64_t rejected = intel_set_stats(m->set).rejected;
    m->rejected = rejected > m->rejected ? rejected : m->rejected;
    return st;
}

static status take_body(struct import *m, struct error *err)
{
    struct json_doc *doc = NULL;
    str body = str_trim(m->c->body);
    if (str_starts(body, STR("{")) &&
        json_doc_parse(body, m->c->route->body_max, &doc, NULL) == ST_OK &&
        json_kind(json_get(json_doc_root(doc), STR("indicators"))) == JSON_IS_ARRAY) {
        status st = take_list(m, json_doc_root(doc), err);
        json_doc_free(doc);
        return st;
    }
    json_doc_free(doc);
    return take_feed(m, err);
}

/* Bytes of `value` without what only hides it: example[.]org. */
static size_t bare_length(str value)
{
    size_t n = 0;
    for (size_t i = 0; i < value.n; i++)
        n += str_find(STR("[]() "), value.p[i]) == 5;
    return n && value.p[value.n - 1] == '.' ? n - 1 : n;
}

/* The spelling that all others lead to, and its kind.  What lies in a wider one that came with it, a
 * subdomain or a part of a network, keeps its own. */
static void canonical(struct import *m, struct indicator_record *r)
{
    struct indicator found;
    if (!intel_find(m->set, r->value, &found, NULL))
        return;
    bool wider = (found.kind == INTEL_DOMAIN && found.value.n != bare_length(r->value)) ||
                 (found.kind == INTEL_RANGE && !memchr(r->value.p, '/', r->value.n));
    str value = wider ? r->value : text_of(m->c, found.value);
    r->value = value.p ? value : r->value;
    r->kind = str_z(intel_kind_name(found.kind));
}

static status keep(struct import *m, struct error *err)
{
    struct store *s = m->c->api->options.store;
    status st = ST_OK;
    intel_set_freeze(m->set);
    for (size_t i = 0; i < m->item.n; i++)
        canonical(m, &m->item.at[i]);
    for (size_t i = 0; i < m->item.n && st == ST_OK; i += AT_ONCE) {
        size_t n = m->item.n - i < AT_ONCE ? m->item.n - i : AT_ONCE;
        st = store_indicator_put(s, m->item.at + i, n, err);
    }
    threat_changed(m->c->api);
    return st;
}

static void write_imported(struct api_call *c, const struct import *m)
{
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_kv_u64(&o, "imported", m->item.n);
    json_out_kv_u64(&o, "rejected", m->rejected);
    json_out_key(&o, STR("errors"));
    sbuf_addc(c->out, '[');
    sbuf_add(c->out, sbuf_str(&m->errors));
    sbuf_addc(c->out, ']');
    json_out_object_end(&o);
    call_send(c, 200);
}

void serve_intel_import(struct api_call *c)
{
    struct error err;
    struct import m = {.c = c, .source = call_query(c, "source")};
    m.set =
        intel_set_new(&(struct intel_options){.max_bytes = IMPORT_BYTES_MAX, .now_ms = c->now_ms});
    sbuf_init(&m.errors, 64 * 1024);
    if (!m.source.n)
        m.source = call_actor_name(c);
    status st = take_body(&m, &err);
    if (st == ST_OK)
        st = keep(&m, &err);
    char detail[64];
    (void)snprintf(detail, sizeof detail, "{\"imported\":%zu,\"rejected\":%llu}", m.item.n,
                   (unsigned long long)m.rejected);
    call_audit(c, "intel.import", m.source, str_z(detail), st == ST_OK);
    if (call_ok(c, st, &err))
        write_imported(c, &m);
    vec_done(&m.item);
    sbuf_done(&m.errors);
    intel_set_free(m.set);
}

/* ---- list, remove ---- */

static const struct schema_field list_query_fields[] = {
    {"limit", SCHEMA_INTEGER, .min = 1, .max = PAGE_MAX, .doc = "indicators on a page; 100"},
    {"cursor", SCHEMA_STRING, .min = 1, .max = VALUE_MAX, .doc = "`next` of the page before"},
};
const struct schema schema_intel_list_query = SCHEMA_OF("IntelListQuery", "", list_query_fields);
static const struct schema_field record_fields[] = {
    {"value", SCHEMA_STRING, .required = true, .doc = "the indicator"},
    {"kind", SCHEMA_STRING, .required = true, .doc = "what it is"},
    {"source", SCHEMA_STRING, .required = true, .doc = "whom it is from"},
    {"description", SCHEMA_STRING, .required = true, .doc = "what it is, in words"},
    {"confidence", SCHEMA_NUMBER, .required = true, .min = 0, .max = 1, .doc = "that it is bad"},
    {"techniques", SCHEMA_ARRAY, .required = true, .item = SCHEMA_STRING,
     .doc = "MITRE ATT&CK ids"},
    {"added_at", SCHEMA_STRING, .required = true, .format = FORMAT_TIME, .doc = "imported"},
    {"expires_at", SCHEMA_STRING, .required = true, .nullable = true, .format = FORMAT_TIME,
     .doc = "null: never"},
    {"allow", SCHEMA_BOOLEAN, .required = true, .doc = "known good"},
};
static const struct schema schema_record =
    SCHEMA_OF("ImportedIndicator", "An indicator", record_fields);
static const struct schema_field page_fields[] = {
    {"indicators", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_record,
     .doc = "by value"},
    {"next", SCHEMA_STRING, .required = true, .nullable = true,
     .doc = "for `cursor`; null: no more"},
};
const struct schema schema_intel_page =
    SCHEMA_OF("IntelPage", "A page of imported indicators", page_fields);
static const struct schema_field value_query_fields[] = {
    {"value", SCHEMA_STRING, .required = true, .min = 1, .max = VALUE_MAX,
     .doc = "as the list shows it"},
};
const struct schema schema_intel_value_query = SCHEMA_OF("IntelValueQuery", "", value_query_fields);

static void write_record(struct json_out *o, const struct indicator_record *r)
{
    json_out_object(o);
    json_out_kv_str(o, "value", r->value);
    json_out_kv_str(o, "kind", r->kind);
    json_out_kv_str(o, "source", r->source);
    json_out_kv_str(o, "description", r->description);
    json_out_kv_f64(o, "confidence", (double)(int)(r->confidence_01 * 1000 + 0.5) / 1000);
    json_out_key(o, STR("techniques"));
    json_out_raw(o, r->technique.n ? r->technique : STR("[]"));
    json_out_kv_time(o, "added_at", r->added_ms);
    json_out_key(o, STR("expires_at"));
    if (r->expires_ms)
        json_out_time(o, r->expires_ms);
    else
        json_out_null(o);
    json_out_kv_bool(o, "allow", r->allow);
    json_out_object_end(o);
}

void serve_intel_list(struct api_call *c)
{
    struct indicator_record *r;
    struct error err;
    size_t n = 0, limit = (size_t)call_query_int(c, "limit", PAGE);
    str after = call_query(c, "cursor");
    status st = store_indicator_list(c->api->options.store, c->arena, str_z(c->who.tenant),
                                     after.p ? after : STR(""), limit, &r, &n, &err);
    if (!call_ok(c, st, &err))
        return;
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_key(&o, STR("indicators"));
    json_out_array(&o);
    for (size_t i = 0; i < n; i++)
        write_record(&o, &r[i]);
    json_out_array_end(&o);
    json_out_key(&o, STR("next"));
    if (n == limit)
        json_out_str(&o, r[n - 1].value);
    else
        json_out_null(&o);
    json_out_object_end(&o);
    call_send(c, 200);
}

void serve_intel_remove(struct api_call *c)
{
    struct error err;
    str value = call_query(c, "value");
    status st = store_indicator_remove(c->api->options.store, str_z(c->who.tenant), value, &err);
    threat_changed(c->api);
    call_audit(c, "intel.remove", value, STR(""), st == ST_OK);
    if (call_ok(c, st, &err))
        call_empty(c, 204);
}
