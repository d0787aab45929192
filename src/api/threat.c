/* SPDX-License-Identifier: Apache-2.0 */
#include "api/threat.h"

#include "base/mem.h"
#include "ingest/feed.h"
#include "store/ledger.h"

enum { PAGE = 1000, PAGE_ARENA_MAX = 16 * 1024 * 1024, SET_BYTES_MAX = 64 * 1024 * 1024 };
enum { BATCH_ARENA_MAX = 256 * 1024 * 1024, BATCH_BYTES = 64 * 1024 * 1024, DEPTH_MAX = 64 };

struct threat {
    struct lock lock;
    /* under lock: */
    struct scan_rules *rules;                      /* owned reference; may be NULL */
    struct imported *imported[THREAT_TENANTS_MAX]; /* owned references, the one used last first */
    uint64_t generation;
};

struct threat *threat_new(void)
{
    struct threat *t = mem_new(struct threat);
    lock_init(&t->lock, LOCK_API_THREAT);
    return t;
}

void threat_free(struct threat *t)
{
    if (!t)
        return;
    scan_rules_unref(t->rules);
    for (size_t i = 0; i < THREAT_TENANTS_MAX; i++)
        imported_drop(t->imported[i]);
    lock_done(&t->lock);
    mem_free(t);
}

void threat_absent(struct api_call *c, const char *what)
{
    char text[120];
    (void)snprintf(text, sizeof text, "%s is not part of this service", what);
    call_problem(c, 503, "unavailable", text);
}

/* ---- malware rules ---- */

void api_set_scan_rules(struct api *a, struct scan_rules *rules)
{
    struct threat *t = a->threat;
    lock_take(&t->lock);
    struct scan_rules *before = t->rules;
    t->rules = scan_rules_ref(rules);
    lock_drop(&t->lock);
    scan_rules_unref(before);
}

struct scan_rules *threat_rules(struct api *a)
{
    struct threat *t = a->threat;
    lock_take(&t->lock);
    struct scan_rules *r = scan_rules_ref(t->rules);
    lock_drop(&t->lock);
    return r;
}

/* ---- imported indicators ---- */

void imported_drop(struct imported *i)
{
    if (!i || atomic_fetch_sub_explicit(&i->references, 1, memory_order_acq_rel) != 1)
        return;
    intel_set_free(i->set);
    mem_free(i);
}

void threat_changed(struct api *a)
{
    lock_take(&a->threat->lock);
    a->threat->generation++;
    lock_drop(&a->threat->lock);
}

/* ["T1059"] to its elements. */
static uint32_t techniques_of(str json, struct arena *arena, str out[static 16])
{
    struct json_doc *doc = NULL;
    uint32_t n = 0;
    if (json.n && json_doc_parse(json, json.n, &doc, NULL) == ST_OK)
        for (struct json_each it = json_each(json_doc_root(doc)); json_each_next(&it) && n < 16;)
            out[n++] = arena_str(arena, json_str(it.value, STR("")));
    json_doc_free(doc);
    return n;
}

static status add_record(struct intel_set *set, struct arena *arena,
                         const struct indicator_record *r, struct error *err)
{
    str technique[16];
    struct indicator item = {.kind = INTEL_KIND_COUNT,
                             .value = r->value,
                             .source = r->source,
                             .description = r->description,
                             .confidence_01 = (float)r->confidence_01,
                             .expires_ms = r->expires_ms,
                             .technique = technique};
    struct error why;
    item.technique_count = techniques_of(r->technique, arena, technique);
    status st = intel_set_add(set, &item, r->allow, &why);
    /* What is in the store was taken once; should it be refused now, the others stay. */
    return st == ST_LIMIT ? fail(err, st, "%s", why.text) : ST_OK;
}

status api_imported_indicators(struct store *s, str tenant, struct intel_set *set, int64_t now_ms,
                               struct error *err)
{
    struct arena page;
    char after[4096] = "";
    size_t n = PAGE, all = 0;
    status st = ST_OK;
    arena_init(&page, PAGE_ARENA_MAX);
    while (st == ST_OK && n == PAGE && all < THREAT_INDICATORS_MAX) {
        struct indicator_record *r;
        arena_clear(&page);
        st = store_indicator_list(s, &page, tenant, str_z(after), PAGE, &r, &n, err);
        for (size_t i = 0; i < n && st == ST_OK; i++)
            if (!r[i].expires_ms || r[i].expires_ms > now_ms)
                st = add_record(set, &page, &r[i], err);
        if (st == ST_OK && n)
            (void)snprintf(after, sizeof after, STR_FMT, STR_ARG(r[n - 1].value));
        all += n;
    }
    arena_done(&page);
    return st;
}

/* The newest set of `tenant` if it is still what the store has; moved to the front. */
static struct imported *find_locked(struct threat *t, str tenant)
{
    for (size_t i = 0; i < THREAT_TENANTS_MAX && t->imported[i]; i++) {
        struct imported *found = t->imported[i];
        if (!str_eq(str_z(found->tenant), tenant) || found->generation != t->generation)
            continue;
        memmove(t->imported + 1, t->imported, i * sizeof(struct imported *));
        t->imported[0] = found;
        atomic_fetch_add_explicit(&found->references, 1, memory_order_relaxed);
        return found;
    }
    return NULL;
}

static struct imported *keep_locked(struct threat *t, struct imported *made)
{
    struct imported *last = t->imported[THREAT_TENANTS_MAX - 1];
    memmove(t->imported + 1, t->imported, (THREAT_TENANTS_MAX - 1) * sizeof(struct imported *));
    t->imported[0] = made;
    return last;
}

status threat_imported(struct api *a, str tenant, struct imported **out, struct error *err)
{
    struct threat *t = a->threat;
    lock_take(&t->lock);
    *out = find_locked(t, tenant);
    uint64_t generation = t->generation;
    lock_drop(&t->lock);
    if (*out)
        return ST_OK;
    struct imported *i = mem_new(struct imported);
    *i = (struct imported){.references = 2, .generation = generation};
    (void)snprintf(i->tenant, sizeof i->tenant, STR_FMT, STR_ARG(tenant));
    i->set = intel_set_new(&(struct intel_options){.max_bytes = SET_BYTES_MAX});
    status st = api_imported_indicators(a->options.store, tenant, i->set, api_now_ms(a), err);
    if (st != ST_OK) {
        i->references = 1;
        imported_drop(i);
        return st;
    }
    intel_set_freeze(i->set);
    lock_take(&t->lock);
    struct imported *last = keep_locked(t, i);
    lock_drop(&t->lock);
    imported_drop(last);
    *out = i;
    return ST_OK;
}

/* ---- events ---- */

void events_done(struct events *e)
{
    batch_done(&e->batch);
    feed_free(e->feed);
    parser_free(e->parser);
    snapshot_ref_drop(e->snapshot);
    *e = (struct events){0};
}

status events_read(struct events *e, struct api_call *c, str text, struct error *err)
{
    struct parse_stream stream;
    if (!c->api->options.engine)
        return fail(err, ST_UNAVAILABLE, "there is no engine");
    e->snapshot = engine_snapshot(c->api->options.engine);
    e->dict = snapshot_of(e->snapshot)->dict;
    e->parser = parser_new(e->dict, &parse_limits_default);
    e->feed = feed_new();
    batch_init(&e->batch, BATCH_ARENA_MAX);
    feed_begin(e->feed, &(struct feed_options){.limits = parse_limits_default,
                                               .batch_bytes = BATCH_BYTES,
                                               .now_ms = c->now_ms});
    (void)feed_push(e->feed, text); /* a batch holds more than a body */
    bool any = feed_next(e->feed, FEED_END, &e->batch, &stream);
    status st = feed_failed(e->feed, err);
    if (st == ST_OK && any)
        parser_run(e->parser, &stream, &e->batch);
    return st;
}

static void write_node(struct json_out *o, json_node n, unsigned depth)
{
    enum json_kind kind = depth < DEPTH_MAX ? json_kind(n) : JSON_IS_NULL;
    bool array = kind == JSON_IS_ARRAY;
    double real = json_real(n, 0);
    if (array || kind == JSON_IS_OBJECT) {
        (array ? json_out_array : json_out_object)(o);
        for (struct json_each it = json_each(n); json_each_next(&it);) {
            if (!array)
                json_out_key(o, it.key);
            write_node(o, it.value, depth + 1);
        }
        (array ? json_out_array_end : json_out_object_end)(o);
    } else if (kind == JSON_IS_STRING) {
        json_out_str(o, json_str(n, STR("")));
    } else if (kind == JSON_IS_BOOL) {
        json_out_bool(o, json_bool(n, false));
    } else if (kind == JSON_IS_NUMBER && json_int(n, INT64_MIN) != INT64_MIN) {
        json_out_i64(o, json_int(n, 0));
    } else if (kind == JSON_IS_NUMBER) {
        json_out_f64(o, real);
    } else {
        json_out_null(o);
    }
}

void events_unwrap(json_node array, struct sbuf *out)
{
    for (struct json_each it = json_each(array); json_each_next(&it);) {
        struct json_out o = json_out_on(out);
        if (json_kind(it.value) == JSON_IS_STRING)
            sbuf_add(out, json_str(it.value, STR("")));
        else
            write_node(&o, it.value, 0);
        sbuf_addc(out, '\n');
    }
}
