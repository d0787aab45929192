/* SPDX-License-Identifier: Apache-2.0 */
/* MISP events (misp-project.org core format) and warninglists.
 *
 * Attributes that MISP itself would not use for detection (to_ids false) are
 * context and are left out of a feed.  A warninglist names what is known good or
 * merely well known, so it can only be an allow-list. */
#include "codec/json_doc.h"
#include "codec/json_scan.h"
#include "intel/feed_int.h"

enum { TAGS_ARENA = 64 * 1024, INFO_MAX = 200, MEMBER_DEPTH = 4 };

struct misp_event {
    struct intel_feed *feed;
    struct arena arena; /* what all attributes share */
    char info[INFO_MAX];
    struct indicator item;
    struct intel_technique_list techniques;
    uint64_t context; /* attributes not meant for detection */
};

/* ---- tags ---- */

/* misp-galaxy:mitre-attack-pattern="Phishing - T1566",
 * estimative-language:confidence-in-analytic-judgment="high" */
static void take_tag(str name, struct arena *arena, struct intel_technique_list *techniques,
                     float *confidence)
{
    if (str_icontains(name, STR("mitre")))
        intel_techniques_find(name, arena, techniques);
    size_t equals = str_find(name, '=');
    float said;
    if (str_icontains(str_head(name, equals), STR("confidence")) &&
        intel_confidence(str_from(name, equals + 1), &said))
        *confidence = said;
}

static void take_galaxy(json_node galaxy, struct arena *arena, struct intel_technique_list *out)
{
    if (!str_istarts(json_str(json_get(galaxy, STR("type")), STR("")), STR("mitre")))
        return;
    json_node clusters = json_get(galaxy, STR("GalaxyCluster"));
    for (struct json_each it = json_each(clusters); json_each_next(&it);) {
        intel_techniques_find(json_str(json_get(it.value, STR("value")), STR("")), arena, out);
        json_node ids = json_get(json_get(it.value, STR("meta")), STR("external_id"));
        intel_techniques_find(json_str(ids, STR("")), arena, out);
        for (struct json_each id = json_each(ids); json_each_next(&id);)
            intel_techniques_find(json_str(id.value, STR("")), arena, out);
    }
}

static void take_labels(json_node tags, json_node galaxies, struct arena *arena,
                        struct intel_technique_list *techniques, float *confidence)
{
    for (struct json_each it = json_each(tags); json_each_next(&it);)
        take_tag(json_str(json_get(it.value, STR("name")), STR("")), arena, techniques, confidence);
    for (struct json_each it = json_each(galaxies); json_each_next(&it);)
        take_galaxy(it.value, arena, techniques);
}

/* ---- attributes ---- */

static enum intel_kind kind_of_part(enum intel_part part)
{
    switch (part) {
    case INTEL_PART_NAME:
        return INTEL_DOMAIN;
    case INTEL_PART_URL:
        return INTEL_URL;
    case INTEL_PART_EMAIL:
        return INTEL_EMAIL;
    default: /* address or range, one hash or another: as the text shows */
        return INTEL_KIND_COUNT;
    }
}

static status take_parts(struct misp_event *e, struct indicator *item,
                         const enum intel_part part[2], str value, struct error *err)
{
    str parts[2] = {value, STR("")};
    size_t bar = str_find(value, '|');
    if (part[0] != INTEL_PART_URL && bar < value.n) {
        parts[0] = str_head(value, bar);
        parts[1] = str_from(value, bar + 1);
    }
    for (size_t i = 0; i < 2; i++) {
        if (part[i] == INTEL_PART_NONE || parts[i].n == 0)
            continue;
        item->kind = kind_of_part(part[i]);
        item->value = parts[i];
        status st = intel_feed_add(e->feed, item, 0, err);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* true, "true", 1 and "1"; absent is true. */
static bool is_for_detection(json_node attribute)
{
    json_node n = json_get(attribute, STR("to_ids"));
    str text = json_str(n, STR(""));
    if (json_kind(n) == JSON_IS_NUMBER)
        return json_int(n, 0) != 0;
    return json_kind(n) == JSON_IS_STRING ? str_eq(text, STR("1")) || str_ieq(text, STR("true"))
                                          : json_bool(n, true);
}

static status take_attribute(struct misp_event *e, json_node a, struct error *err)
{
    str type = json_str(json_get(a, STR("type")), STR(""));
    str comment = json_str(json_get(a, STR("comment")), STR(""));
    const enum intel_part *part = intel_type_parts(type);
    if (!part || json_bool(json_get(a, STR("deleted")), false))
        return ST_OK; /* of the many types most are not observable values */
    if (!is_for_detection(a) && !e->feed->allow) {
        e->context++;
        return ST_OK;
    }
    struct arena arena;
    arena_init(&arena, TAGS_ARENA);
    struct intel_technique_list techniques = e->techniques;
    struct indicator item = e->item;
    take_labels(json_get(a, STR("Tag")), json_get(a, STR("Galaxy")), &arena, &techniques,
                &item.confidence_01);
    item.technique = techniques.at;
    item.technique_count = techniques.count;
    item.description = comment.n ? comment : item.description;
    str value = json_str(json_get(a, STR("value")), STR(""));
    status st = take_parts(e, &item, part, value, err);
    arena_done(&arena);
    return st;
}

static status take_attributes(struct misp_event *e, str array, struct error *err)
{
    struct json_scan s = json_scan_of(array);
    struct json_text t;
    status st = ST_OK;
    (void)json_next(&s, &t); /* the bracket */
    for (str element; st == ST_OK && intel_json_element(&s, &element);) {
        intel_feed_place(e->feed, element.p);
        struct json_doc *doc = intel_json_part(e->feed, element);
        if (doc)
            st = take_attribute(e, json_doc_root(doc), err);
        json_doc_free(doc);
    }
    return st;
}

/* ---- events ---- */

/* The containers of an object a walk is interested in. */
static str container(str object, str key)
{
    struct json_scan s = json_scan_of(object);
    struct json_text t;
    str raw = STR("");
    if (json_next(&s, &t) != JSON_OBJECT)
        return raw;
    while (json_next(&s, &t) == JSON_KEY) {
        bool wanted = str_eq(t.raw, key);
        enum json_token k = json_next(&s, &t);
        bool opens = k == JSON_OBJECT || k == JSON_ARRAY;
        str value = STR("");
        if (opens && json_skip(&s, &value) == JSON_ERROR)
            return raw;
        if (opens && wanted)
            return value;
    }
    return raw;
}

static void take_event_labels(struct misp_event *e, str event)
{
    str tags = container(event, STR("Tag")), galaxies = container(event, STR("Galaxy"));
    struct json_doc *tag = tags.n ? intel_json_part(e->feed, tags) : NULL;
    struct json_doc *galaxy = galaxies.n ? intel_json_part(e->feed, galaxies) : NULL;
    json_node none = {NULL};
    take_labels(tag ? json_doc_root(tag) : none, galaxy ? json_doc_root(galaxy) : none, &e->arena,
                &e->techniques, &e->item.confidence_01);
    json_doc_free(tag);
    json_doc_free(galaxy);
}

static status take_objects(struct misp_event *e, str array, struct error *err)
{
    struct json_scan s = json_scan_of(array);
    struct json_text t;
    status st = ST_OK;
    (void)json_next(&s, &t); /* the bracket */
    for (str object; st == ST_OK && intel_json_element(&s, &object);) {
        str attributes = container(object, STR("Attribute"));
        if (attributes.n)
            st = take_attributes(e, attributes, err);
    }
    return st;
}

status intel_misp_event(struct intel_feed *f, str event, struct error *err)
{
    struct misp_event e = {.feed = f, .item = intel_feed_item(f, STR(""))};
    arena_init(&e.arena, TAGS_ARENA);
    str info = str_head(intel_json_member(event, STR("info")), INFO_MAX);
    e.item.description = (str){e.info, json_unescape(info, e.info)};
    take_event_labels(&e, event);
    str attributes = container(event, STR("Attribute")), objects = container(event, STR("Object"));
    status st = attributes.n ? take_attributes(&e, attributes, err) : ST_OK;
    if (st == ST_OK && objects.n)
        st = take_objects(&e, objects, err);
    if (e.context)
        intel_problem_add(f, false, "%llu attributes are not meant for detection (to_ids)",
                          (unsigned long long)e.context);
    arena_done(&e.arena);
    return st;
}

/* ---- warninglists ---- */

enum list_type { LIST_STRING, LIST_SUBSTRING, LIST_HOSTNAME, LIST_CIDR, LIST_REGEX, LIST_TYPES };

static bool list_type(str name, enum list_type *out)
{
    static const char *const names[] = {"string", "substring", "hostname", "cidr", "regex"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_ieq(name, str_z(names[i]))) {
            *out = (enum list_type)i;
            return true;
        }
    return false;
}

static uint32_t kinds_of_part(enum intel_part part)
{
    switch (part) {
    case INTEL_PART_IP:
        return 1u << INTEL_IP | 1u << INTEL_RANGE;
    case INTEL_PART_NAME:
        return 1u << INTEL_DOMAIN;
    case INTEL_PART_URL:
        return 1u << INTEL_URL;
    case INTEL_PART_HASH:
        return 1u << INTEL_MD5 | 1u << INTEL_SHA1 | 1u << INTEL_SHA256;
    case INTEL_PART_EMAIL:
        return 1u << INTEL_EMAIL;
    default:
        return 0;
    }
}

/* The kinds of value a list is about: all, when it does not say. */
static uint32_t kinds_of_list(str list)
{
    str array = container(list, STR("matching_attributes"));
    if (array.n == 0)
        return (1u << INTEL_KIND_COUNT) - 1;
    struct json_scan s = json_scan_of(array);
    struct json_text t;
    uint32_t kinds = 0;
    (void)json_next(&s, &t); /* the bracket */
    for (str type; intel_json_element(&s, &type);) {
        const enum intel_part *part = intel_type_parts(type);
        if (part)
            kinds |= kinds_of_part(part[0]) | kinds_of_part(part[1]);
    }
    return kinds;
}

static status take_pattern(struct intel_feed *f, enum list_type type, str text, uint32_t kinds,
                           struct error *err)
{
    struct error why;
    struct intel_set *set = f->set;
    status st = type == LIST_REGEX
                    ? intel_patterns_add_regex(&set->patterns, text, kinds, &set->budget, &why)
                    : intel_patterns_add_substring(&set->patterns, text, kinds, &set->budget, &why);
    if (st == ST_LIMIT)
        return intel_full(set, err);
    if (st == ST_OK)
        set->stats.allowed++;
    else
        intel_problem_add(f, true, "%s", why.text);
    return ST_OK;
}

/* A string stands for itself, a host name for its subdomains too; so does ".example.org". */
static status take_entry(struct intel_feed *f, enum list_type type, str text, uint32_t kinds,
                         struct error *err)
{
    if (type == LIST_REGEX || type == LIST_SUBSTRING)
        return take_pattern(f, type, text, kinds, err);
    bool name = str_find(text, '.') < text.n || str_find(text, ':') < text.n;
    if (type == LIST_STRING && !name && !(kinds & kinds_of_part(INTEL_PART_HASH)))
        return ST_OK; /* a top-level domain: no indicator is one */
    struct indicator item = intel_feed_item(f, text);
    bool exact = type == LIST_STRING && !str_starts(text, STR("."));
    return intel_feed_add(f, &item, exact ? INTEL_EXACT : 0, err);
}

static status take_entries(struct intel_feed *f, enum list_type type, str array, uint32_t kinds,
                           struct error *err)
{
    struct json_scan s = json_scan_of(array);
    struct json_text t;
    status st = ST_OK;
    (void)json_next(&s, &t); /* the bracket */
    for (str raw; st == ST_OK && intel_json_element(&s, &raw);) {
        char buf[INTEL_VALUE_MAX];
        intel_feed_place(f, raw.p);
        if (raw.n > sizeof buf) {
            intel_problem_add(f, true, "a value of %zu bytes", raw.n);
            continue;
        }
        st = take_entry(f, type, (str){buf, json_unescape(raw, buf)}, kinds, err);
    }
    return st;
}

status intel_misp_warninglist(struct intel_feed *f, str list, struct error *err)
{
    enum list_type type;
    str name = intel_json_member(list, STR("name"));
    str type_name = intel_json_member(list, STR("type"));
    if (!f->allow)
        return fail(err, ST_INVALID, "a warninglist names what is known good: it is an allow-list");
    if (!list_type(type_name, &type))
        return fail(err, ST_INVALID, "a warninglist of unknown type '" STR_FMT "'",
                    STR_ARG(type_name));
    uint32_t kinds = kinds_of_list(list);
    if (kinds == 0)
        return ST_OK; /* of telephone numbers and the like */
    if (name.n)
        f->source = name;
    return take_entries(f, type, container(list, STR("list")), kinds, err);
}
