/* SPDX-License-Identifier: Apache-2.0 */
/* STIX 2.x bundles (OASIS STIX 2.1, sections 4.7 and 5.1).  Two walks over the
 * objects: the first notes attack patterns and who points to them, the second
 * takes the indicators. */
#include "codec/json_doc.h"
#include "codec/json_scan.h"
#include "codec/time.h"
#include "intel/feed_int.h"

enum {
    RELATIONS_MAX = 4 << 20,
    NOTES_MAX = 256 << 20, /* bytes of ids kept between the walks */
};

/* What a value is worth when the rest of its pattern is not looked at. */
#define PARTIAL_FACTOR 0.6f

struct relation {
    str indicator, attack; /* STIX ids, in the arena */
};

struct stix {
    struct intel_feed *feed;
    struct arena arena;
    struct map attack; /* attack pattern's STIX id -> index into technique */
    VEC(str) technique;
    VEC(struct relation) relation;
};

static void stix_init(struct stix *s, struct intel_feed *f)
{
    *s = (struct stix){.feed = f};
    arena_init(&s->arena, NOTES_MAX);
}

static void stix_done(struct stix *s)
{
    map_done(&s->attack);
    vec_done(&s->technique);
    vec_done(&s->relation);
    arena_done(&s->arena);
}

/* ---- first walk ---- */

/* ATT&CK ids an object refers to. */
static void own_techniques(json_node object, struct arena *arena, struct intel_technique_list *out)
{
    json_node references = json_get(object, STR("external_references"));
    for (struct json_each it = json_each(references); json_each_next(&it);) {
        str source = json_str(json_get(it.value, STR("source_name")), STR(""));
        if (str_istarts(source, STR("mitre")))
            intel_techniques_find(json_str(json_get(it.value, STR("external_id")), STR("")), arena,
                                  out);
    }
}

static void note_attack(struct stix *s, json_node object)
{
    struct intel_technique_list found = {.count = 0};
    own_techniques(object, &s->arena, &found);
    str id = arena_str(&s->arena, json_str(json_get(object, STR("id")), STR("")));
    bool added;
    if (found.count == 0 || id.n == 0)
        return;
    map_add(&s->attack, id, (uint32_t)s->technique.n, &added);
    if (added)
        *vec_push(&s->technique) = found.at[0];
}

static void note_relation(struct stix *s, str object)
{
    str from = intel_json_member(object, STR("source_ref"));
    str to = intel_json_member(object, STR("target_ref"));
    if (!str_starts(from, STR("indicator--")) || !str_starts(to, STR("attack-pattern--")) ||
        s->relation.n >= RELATIONS_MAX)
        return;
    struct relation r = {arena_str(&s->arena, from), arena_str(&s->arena, to)};
    if (r.indicator.p && r.attack.p)
        *vec_push(&s->relation) = r;
}

static int compare(const void *x, const void *y)
{
    const struct relation *a = x, *b = y;
    int c = str_cmp(a->indicator, b->indicator);
    return c ? c : str_cmp(a->attack, b->attack);
}

static void note_all(struct stix *s, str objects)
{
    struct json_scan scan = json_scan_of(objects);
    struct json_text t;
    (void)json_next(&scan, &t); /* the bracket */
    for (str object; intel_json_element(&scan, &object);) {
        str type = intel_json_member(object, STR("type"));
        if (str_eq(type, STR("relationship")))
            note_relation(s, object);
        if (!str_eq(type, STR("attack-pattern")))
            continue;
        intel_feed_place(s->feed, object.p);
        struct json_doc *doc = intel_json_part(s->feed, object);
        if (doc)
            note_attack(s, json_doc_root(doc));
        json_doc_free(doc);
    }
    if (s->relation.n)
        qsort(s->relation.at, s->relation.n, sizeof *s->relation.at, compare);
}

/* ---- second walk ---- */

static void add_technique(struct intel_technique_list *list, str id)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (str_eq(list->at[i], id))
            return;
    if (list->count < INTEL_TECHNIQUES_MAX)
        list->at[list->count++] = id;
}

static void related_techniques(const struct stix *s, str id, struct intel_technique_list *out)
{
    size_t low = 0;
    for (size_t high = s->relation.n; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (str_cmp(s->relation.at[middle].indicator, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < s->relation.n && str_eq(s->relation.at[low].indicator, id); low++) {
        const uint32_t *at = map_find(&s->attack, s->relation.at[low].attack);
        if (at)
            add_technique(out, s->technique.at[*at]);
    }
}

struct claim {
    struct intel_feed *feed;
    struct indicator item;
};

static status take_named(void *arg, str value, enum intel_kind kind, bool partial,
                         struct error *err)
{
    struct claim *claim = arg;
    struct indicator item = claim->item;
    item.value = value;
    item.kind = kind;
    bool hash = kind >= INTEL_MD5 && kind <= INTEL_SHA256; /* one alone says enough */
    if (partial && !hash)
        item.confidence_01 *= PARTIAL_FACTOR;
    return intel_feed_add(claim->feed, &item, 0, err);
}

/* Why an indicator is left out, or NULL.  `*counted`: it is in the statistics already. */
static const char *unwanted(const struct stix *s, json_node object, bool *counted)
{
    int64_t now = s->feed->set->options.now_ms, from;
    str type = json_str(json_get(object, STR("pattern_type")), STR("stix"));
    str valid_from = json_str(json_get(object, STR("valid_from")), STR(""));
    *counted = false;
    if (json_bool(json_get(object, STR("revoked")), false)) {
        s->feed->set->stats.expired++;
        *counted = true;
        return "revoked";
    }
    if (!str_ieq(type, STR("stix")))
        return "a pattern in another language than STIX";
    if (now && time_parse_any(valid_from, &from) && from > now)
        return "not valid yet";
    json_node types = json_get(object, STR("indicator_types"));
    for (struct json_each it = json_each(types); json_each_next(&it);)
        if (str_ieq(json_str(it.value, STR("")), STR("benign")) && !s->feed->allow)
            return "known good by its own words";
    return NULL;
}

static str words_of(json_node object)
{
    str name = json_str(json_get(object, STR("name")), STR(""));
    return name.n ? name : json_str(json_get(object, STR("description")), STR(""));
}

static status take_indicator(struct stix *s, json_node object, struct error *err)
{
    struct claim claim = {s->feed, intel_feed_item(s->feed, STR(""))};
    struct intel_technique_list techniques = {.count = 0};
    bool counted;
    const char *why = unwanted(s, object, &counted);
    if (why) {
        if (!counted)
            intel_problem_add(s->feed, true, "%s", why);
        return ST_OK;
    }
    double confidence = json_real(json_get(object, STR("confidence")), -1);
    if (confidence >= 0 && confidence <= 100)
        claim.item.confidence_01 = (float)(confidence / 100);
    str until = json_str(json_get(object, STR("valid_until")), STR(""));
    if (until.n && !time_parse_any(until, &claim.item.expires_ms))
        intel_problem_add(s->feed, false, "valid_until '" STR_FMT "' is no time", STR_ARG(until));
    claim.item.description = words_of(object);
    related_techniques(s, json_str(json_get(object, STR("id")), STR("")), &techniques);
    own_techniques(object, &s->arena, &techniques);
    claim.item.technique = techniques.at;
    claim.item.technique_count = techniques.count;

    struct error reason;
    str pattern = json_str(json_get(object, STR("pattern")), STR(""));
    status st = intel_stix_pattern(pattern, take_named, &claim, &reason);
    if (st == ST_LIMIT)
        return fail(err, st, "%s", reason.text);
    if (st != ST_OK)
        intel_problem_add(s->feed, true, "%s", reason.text);
    return ST_OK;
}

static status take_object(struct stix *s, str object, struct error *err)
{
    intel_feed_place(s->feed, object.p);
    struct json_doc *doc = intel_json_part(s->feed, object);
    status st = doc ? take_indicator(s, json_doc_root(doc), err) : ST_OK;
    json_doc_free(doc);
    return st;
}

status intel_stix_object(struct intel_feed *f, str object, struct error *err)
{
    struct stix s;
    stix_init(&s, f);
    status st = take_object(&s, object, err);
    stix_done(&s);
    return st;
}

status intel_stix(struct intel_feed *f, str objects, struct error *err)
{
    struct stix s;
    stix_init(&s, f);
    struct intel_feed start = *f;
    note_all(&s, objects);
    f->line = start.line; /* the second walk begins where the first did */
    f->line_at = start.line_at;
    struct json_scan scan = json_scan_of(objects);
    struct json_text t;
    status st = ST_OK;
    (void)json_next(&scan, &t); /* the bracket */
    for (str object; st == ST_OK && intel_json_element(&scan, &object);)
        if (str_eq(intel_json_member(object, STR("type")), STR("indicator")))
            st = take_object(&s, object, err);
    stix_done(&s);
    return st;
}
