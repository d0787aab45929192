/* SPDX-License-Identifier: Apache-2.0 */
/* Events against indicators.
 *
 * Logs repeat themselves: the same addresses and names come again and again, and
 * nearly all are in no feed.  So each worker remembers the hashes of values that
 * were looked up in vain; a value seen before costs one hash and one load instead
 * of parsing and several cache misses (tests/bench/intel_bench.c has both). */
#include "base/hash.h"
#include "base/mem.h"
#include "base/sbuf.h"
#include "codec/time.h"
#include "intel/intel_int.h"

enum {
    CLEAN_COUNT = 8192, /* 64 KiB, so that it stays in the second-level cache */
    HITS_MAX = 16,      /* different indicators in one event */
    EVIDENCE_MAX = 8,   /* fields that show one of them */
    PARTS_MAX = 64,     /* values in one field */
    REASON_MAX = 4096,
};

struct hit {
    intel_ref ref;
    uint32_t count;
    field_id field[EVIDENCE_MAX];
    str value[EVIDENCE_MAX]; /* in the event */
};

struct intel_matcher {
    const struct intel_set *set; /* borrowed */
    struct dict *dict;           /* borrowed */
    uint8_t *where;              /* owned; by field id, enum intel_where */
    uint64_t *clean;             /* owned; hashes of values without a hit */
    uint32_t hit_count;
    struct hit hit[HITS_MAX];
    struct intel_key key; /* scratch */
};

/* Where a value stands. */
struct place {
    struct intel_matcher *m;
    struct event *e;
    const struct field *field;
};

static const struct {
    const char *name;
    enum intel_where where;
} places[] = {
#define X(name, where) {name, INTEL_WHERE_##where},
#include "intel/where.def"
};

/* The least confidence of each level. */
static const struct {
    float confidence_01;
    enum level level;
} levels[] = {{0.9f, LEVEL_HIGH}, {0.6f, LEVEL_MEDIUM}, {0.0f, LEVEL_LOW}};

/* Could a value in such a place be known bad at all? */
static bool is_wanted(const struct intel_set *set, enum intel_where where)
{
    const size_t *n = set->bad.kind;
    bool host = n[INTEL_IP] || n[INTEL_RANGE] || n[INTEL_DOMAIN];
    bool hash = n[INTEL_MD5] || n[INTEL_SHA1] || n[INTEL_SHA256];
    switch (where) {
    case INTEL_WHERE_HOST:
        return host;
    case INTEL_WHERE_URL:
    case INTEL_WHERE_PATH:
        return host || n[INTEL_URL];
    case INTEL_WHERE_HASH:
    case INTEL_WHERE_HASHES:
        return hash;
    case INTEL_WHERE_EMAIL:
        return n[INTEL_EMAIL] || n[INTEL_DOMAIN];
    case INTEL_WHERE_TEXT:
        return host || hash || n[INTEL_URL];
    default:
        return false;
    }
}

struct intel_matcher *intel_matcher_new(const struct intel_set *set, struct dict *dict)
{
    struct intel_matcher *m = mem_new(struct intel_matcher);
    m->set = set;
    m->dict = dict;
    m->where = mem_array(uint8_t, FIELD_OVERFLOW + 1);
    m->clean = mem_array(uint64_t, CLEAN_COUNT);
    for (size_t i = 0; i < COUNT(places); i++) {
        field_id id = dict_resolve(dict, FAMILY_UNKNOWN, str_z(places[i].name));
        if (id != FIELD_OVERFLOW && is_wanted(set, places[i].where))
            m->where[id] = (uint8_t)places[i].where;
    }
    return m;
}

void intel_matcher_free(struct intel_matcher *m)
{
    if (!m)
        return;
    mem_free(m->where);
    mem_free(m->clean);
    mem_free(m);
}

/* ---- looking ---- */

static struct hit *hit_of(struct intel_matcher *m, intel_ref ref)
{
    for (uint32_t i = 0; i < m->hit_count; i++)
        if (m->hit[i].ref == ref)
            return &m->hit[i];
    if (m->hit_count == HITS_MAX)
        return NULL;
    struct hit *h = &m->hit[m->hit_count++];
    h->ref = ref;
    h->count = 0;
    return h;
}

static void note(const struct place *at, intel_ref ref, str shown)
{
    struct hit *h = hit_of(at->m, ref);
    if (!h || h->count == EVIDENCE_MAX || (h->count && at->field->flags & FIELD_COPY))
        return;
    for (uint32_t i = 0; i < h->count; i++)
        if (h->field[i] == at->field->id)
            return;
    h->field[h->count] = at->field->id;
    h->value[h->count++] = shown;
}

/* Look `value` up; what the finding shows of it is `shown`. */
static void check_as(const struct place *at, str value, str shown)
{
    struct intel_matcher *m = at->m;
    uint64_t hash = hash_bytes(value, m->set->seed);
    uint64_t *clean = &m->clean[hash % CLEAN_COUNT];
    if (*clean == hash || value.n < 4)
        return;
    intel_ref ref =
        intel_key_parse(value, INTEL_KIND_COUNT, &m->key) ? intel_judge(m->set, &m->key) : 0;
    if (ref)
        note(at, ref, shown);
    else
        *clean = hash;
}

static void check(const struct place *at, str value)
{
    check_as(at, value, value);
}

static bool separates(char c)
{
    return c == ',' || c == ';' || c == ' ' || c == '\t';
}

/* Several values in one field: proxies' lists of addresses, DNS answers in one text. */
static void check_each(const struct place *at, str text)
{
    size_t begin = 0;
    for (size_t i = 0, parts = 0; i <= text.n && parts < PARTS_MAX; i++) {
        if (i < text.n && !separates(text.p[i]))
            continue;
        if (i > begin) {
            check(at, (str){text.p + begin, i - begin});
            parts++;
        }
        begin = i + 1;
    }
}

/* SHA1=...,MD5=... */
static void check_hashes(const struct place *at, str text)
{
    for (size_t parts = 0; text.p && parts < PARTS_MAX; parts++) {
        str part = str_trim(str_cut(&text, ','));
        size_t equals = str_find(part, '=');
        if (str_istarts(part, STR("IMPHASH=")))
            continue; /* shaped like an MD5 but of the import table */
        check(at, equals < part.n ? str_from(part, equals + 1) : part);
    }
}

/* A request's target: with the host asked, when there is one, it is a URL. */
static void check_path(const struct place *at, str target)
{
    if (!str_starts(target, STR("/"))) {
        check(at, target);
        return;
    }
    char url[INTEL_VALUE_MAX];
    str host = event_get(at->e, FIELD_URL_DOMAIN);
    if (host.n == 0)
        host = event_get(at->e, FIELD_DESTINATION_DOMAIN);
    if (host.n == 0 || at->m->set->bad.kind[INTEL_URL] == 0)
        return; /* the host alone is looked at in its own field */
    int n = snprintf(url, sizeof url, "http://" STR_FMT STR_FMT, STR_ARG(host), STR_ARG(target));
    if (n > 0 && (size_t)n < sizeof url)
        check_as(at, (str){url, (size_t)n}, target);
}

static void check_found(void *arg, str candidate)
{
    check(arg, candidate);
}

/* Long texts are scanned as they were read: decoding them would cost more than the scan. */
static void check_text(struct place *at, struct field *f)
{
    bool escaped = f->flags & FIELD_ESCAPED;
    if (!intel_scan((str){f->p, f->n}, escaped, check_found, at))
        intel_scan(event_text(at->e, f), false, check_found, at);
}

static void check_field(const struct place *at, enum intel_where where, str text)
{
    switch (where) {
    case INTEL_WHERE_HOST:
    case INTEL_WHERE_EMAIL:
        check_each(at, text);
        return;
    case INTEL_WHERE_PATH:
        check_path(at, text);
        return;
    case INTEL_WHERE_HASHES:
        check_hashes(at, text);
        return;
    default:
        check(at, text);
    }
}

/* ---- telling ---- */

static enum level level_of(float confidence_01)
{
    size_t i = 0;
    while (confidence_01 < levels[i].confidence_01)
        i++;
    return levels[i].level;
}

static void reason_into(struct sbuf *b, const struct intel_matcher *m, const struct hit *h,
                        const struct indicator *it)
{
    sbuf_addf(b, STR_FMT " lists the %s " STR_FMT " with confidence %.2f", STR_ARG(it->source),
              intel_kinds[it->kind]->noun, STR_ARG(it->value), (double)it->confidence_01);
    if (it->expires_ms) {
        char when[32];
        (void)time_format_rfc3339(it->expires_ms, when);
        sbuf_addf(b, " until %.10s", when);
    }
    if (it->description.n)
        sbuf_addf(b, " (" STR_FMT ")", STR_ARG(it->description));
    for (uint32_t i = 0; i < it->technique_count; i++)
        sbuf_addf(b, "%s" STR_FMT, i ? ", " : "; used for ", STR_ARG(it->technique[i]));
    for (uint32_t i = 0; i < h->count; i++)
        sbuf_addf(b, "%s" STR_FMT, i ? ", " : "; seen in ",
                  STR_ARG(dict_name(m->dict, h->field[i])));
}

static str reason_of(const struct intel_matcher *m, const struct hit *h, const struct indicator *it,
                     struct arena *arena)
{
    struct sbuf b;
    sbuf_init(&b, REASON_MAX);
    reason_into(&b, m, h, it);
    str copy = arena_str(arena, sbuf_str(&b));
    sbuf_done(&b);
    return copy;
}

static bool put_evidence(const struct intel_matcher *m, const struct hit *h, struct arena *arena,
                         struct finding *f)
{
    struct pair *pair = arena_array(arena, struct pair, h->count);
    for (uint32_t i = 0; pair && i < h->count; i++)
        pair[i] = (struct pair){dict_name(m->dict, h->field[i]), arena_str(arena, h->value[i])};
    f->evidence = pair;
    f->evidence_count = h->count;
    return pair != NULL;
}

static bool put_techniques(const struct indicator *it, struct arena *arena, struct finding *f)
{
    str *copy = arena_array(arena, str, it->technique_count);
    for (uint32_t i = 0; copy && i < it->technique_count; i++)
        copy[i] = arena_str(arena, it->technique[i]);
    f->technique = copy;
    f->technique_count = it->technique_count;
    return copy != NULL;
}

static bool put_entity(struct event *e, struct arena *arena, struct finding *f)
{
    struct pair *pair = arena_array(arena, struct pair, ENTITY_MAX);
    f->entity = pair;
    f->entity_count = pair ? event_entity(e, arena, pair) : 0;
    return pair != NULL;
}

/* False when the arena is full. */
static bool finding_of(const struct intel_matcher *m, const struct hit *h, struct event *e,
                       struct arena *arena, struct finding *f)
{
    struct indicator it;
    intel_describe(m->set, h->ref, &it);
    const struct intel_kind_ops *ops = intel_kinds[it.kind];
    *f = (struct finding){
        .kind = FINDING_INDICATOR,
        .level = level_of(it.confidence_01),
        .score_01 = it.confidence_01,
        .time_ms = e->time_ms,
        .id = arena_fmt(arena, "%s:" STR_FMT, ops->name, STR_ARG(it.value)),
        .title = arena_fmt(arena, "Known-bad %s " STR_FMT " (" STR_FMT ")", ops->noun,
                           STR_ARG(it.value), STR_ARG(it.source)),
        .reason = reason_of(m, h, &it, arena),
        .origin = e->origin,
    };
    event_id(e, f->event_id);
    return f->id.p && f->title.p && f->reason.p && put_evidence(m, h, arena, f) &&
           put_techniques(&it, arena, f) && put_entity(e, arena, f);
}

static void match_event(struct intel_matcher *m, struct event *e)
{
    struct place at = {.m = m, .e = e};
    m->hit_count = 0;
    for (uint32_t i = 0; i < e->field_count; i++) {
        struct field *f = &e->field[i];
        enum intel_where where = m->where[f->id];
        if (LIKELY(where == INTEL_WHERE_NONE) || f->kind != VALUE_STRING)
            continue;
        at.field = f;
        if (where == INTEL_WHERE_TEXT)
            check_text(&at, f);
        else
            check_field(&at, where, event_text(e, f));
    }
}

void intel_match(struct intel_matcher *m, struct batch *b, struct arena *arena, intel_fn *emit,
                 void *arg)
{
    if (m->set->stats.indicators == 0)
        return;
    for (uint32_t i = 0; i < b->event_count; i++) {
        match_event(m, &b->event[i]);
        for (uint32_t k = 0; k < m->hit_count; k++) {
            struct finding f;
            if (finding_of(m, &m->hit[k], &b->event[i], arena, &f))
                emit(arg, i, &f);
            else
                b->dropped++;
        }
    }
}
