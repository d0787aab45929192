/* SPDX-License-Identifier: Apache-2.0 */
/* A recording is copied in two goes: what must be written as JSON is written first, so that all sizes are
 * known, then everything is laid out in one piece of memory. */
#include "alert/alert_int.h"

#include "base/mem.h"
#include "base/vec.h"
#include "codec/hex.h"

#include <assert.h>

static const str ellipsis = {"…", sizeof "…" - 1};

/* At most `max` bytes of `s`, not ending inside a UTF-8 character. */
static str cut(str s, size_t max)
{
    if (s.n <= max)
        return s;
    size_t n = max;
    for (unsigned i = 0; i < 3 && n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80; i++)
        n--;
    return str_head(s, n);
}

/* ---- JSON first ---- */

struct span {
    size_t from, to; /* in the scratch text */
};
struct draft { /* of one finding */
    char group[ALERT_GROUP_SIZE];
    struct span entity, values, technique, evidence;
};

static void put_value(struct json_out *o, str value, size_t max)
{
    if (value.n <= max) {
        json_out_str(o, value);
        return;
    }
    struct sbuf text;
    sbuf_init(&text, max + ellipsis.n);
    sbuf_add(&text, cut(value, max));
    sbuf_add(&text, ellipsis);
    json_out_str(o, sbuf_str(&text));
    sbuf_done(&text);
}

static bool named_before(const struct pair *pair, uint32_t i)
{
    for (uint32_t k = 0; k < i; k++)
        if (str_eq(pair[k].name, pair[i].name))
            return true;
    return false;
}

/* The values of pair[i]'s name: one, or an array of several. */
static void put_values(struct json_out *o, const struct pair *pair, uint32_t i, uint32_t n,
                       size_t max)
{
    uint32_t same = 0;
    for (uint32_t k = i + 1; k < n; k++)
        same += str_eq(pair[k].name, pair[i].name);
    if (same)
        json_out_array(o);
    for (uint32_t k = i; k < n; k++)
        if (k == i || str_eq(pair[k].name, pair[i].name))
            put_value(o, pair[k].value, max);
    if (same)
        json_out_array_end(o);
}

/* An object of them, duplicates brought together.  What does not fit is counted in it. */
static struct span put_pairs(struct sbuf *to, const struct pair *pair, uint32_t count, size_t max)
{
    struct span span = {.from = to->n};
    struct json_out o = json_out_on(to);
    uint32_t n = count < PAIRS_MAX ? count : PAIRS_MAX, left = count - n;
    json_out_object(&o);
    for (uint32_t i = 0; i < n; i++) {
        if (named_before(pair, i))
            continue;
        if (to->n - span.from > PAIRS_BYTES_MAX) {
            left++;
            continue;
        }
        str name = cut(pair[i].name, RULE_BYTES_MAX);
        json_out_key(&o, name);
        put_values(&o, pair, i, n, max);
    }
    if (left)
        json_out_kv_u64(&o, "left_out", left);
    json_out_object_end(&o);
    span.to = to->n;
    return span;
}

static struct span put_techniques(struct sbuf *to, const struct finding *f)
{
    struct span span = {.from = to->n};
    struct json_out o = json_out_on(to);
    json_out_array(&o);
    for (uint32_t i = 0; i < f->technique_count && i < TECHNIQUES_MAX; i++)
        json_out_str(&o, cut(f->technique[i], RULE_BYTES_MAX));
    json_out_array_end(&o);
    span.to = to->n;
    return span;
}

static void draft_make(struct draft *d, struct sbuf *to, const struct finding *f)
{
    alert_group(f, d->group);
    d->entity = put_pairs(to, f->entity, f->entity_count, ENTITY_BYTES_MAX);
    d->technique = put_techniques(to, f);
    d->evidence = put_pairs(to, f->evidence, f->evidence_count, EVIDENCE_BYTES_MAX);
    d->values.from = to->n;
    for (uint32_t i = 0; i < f->entity_count && i < PAIRS_MAX; i++) {
        sbuf_add(to, cut(f->entity[i].value, ENTITY_BYTES_MAX));
        sbuf_addc(to, '\0');
    }
    d->values.to = to->n;
}

/* ---- then the copy ---- */

struct room {
    char *at, *end;
};

static char *take(struct room *m, size_t n)
{
    assert(n <= (size_t)(m->end - m->at));
    char *p = m->at;
    m->at += n;
    return p;
}

static str copy(struct room *m, str s)
{
    char *p = take(m, s.n);
    if (s.n)
        memcpy(p, s.p, s.n);
    return (str){p, s.n};
}

static str copy_cut(struct room *m, str s, size_t max)
{
    str head = cut(s, max);
    str out = copy(m, head);
    if (head.n < s.n)
        out.n += copy(m, ellipsis).n;
    return out;
}

static size_t cut_size(str s, size_t max)
{
    return s.n <= max ? s.n : max + ellipsis.n;
}

/* Findings of one event come one after the other, and share its bytes. */
static bool same_raw(const struct recording *in, size_t i)
{
    return i > 0 && in->item[i].raw.n && in->item[i].raw.p == in->item[i - 1].raw.p &&
           in->item[i].raw.n == in->item[i - 1].raw.n;
}

static size_t item_size(const struct recording *in, size_t i)
{
    const struct recorded *item = &in->item[i];
    const struct finding *f = item->finding;
    return cut_size(f->id, RULE_BYTES_MAX) + cut_size(f->title, TITLE_BYTES_MAX) +
           cut_size(f->reason, REASON_BYTES_MAX) + cut_size(str_z(item->path), SOURCE_BYTES_MAX) +
           ALERT_GROUP_SIZE + EVENT_ID_LEN +
           (same_raw(in, i) ? 0 : cut_size(item->raw, RAW_BYTES_MAX)) +
           cut_size(item->format, RULE_BYTES_MAX);
}

static size_t text_size(const struct recording *in)
{
    size_t n = in->tenant.n;
    for (size_t i = 0; i < in->count; i++)
        n = size_add(n, item_size(in, i));
    if (in->position)
        n = size_add(n, size_add(in->position->source.n, in->position->value.n));
    for (size_t i = 0; i < in->recent_count; i++) {
        const struct recent_record *r = &in->recent[i];
        n = size_add(n, size_add(r->raw.n, size_add(r->format.n, r->tenant.n)));
    }
    return n;
}

static str of_span(str scratch, struct span span)
{
    return (str){scratch.p + span.from, span.to - span.from};
}

static void fill_alert(struct alert_record *r, struct room *m, const struct recorded *item,
                       const struct draft *d, str scratch)
{
    const struct finding *f = item->finding;
    r->group = copy(m, str_z(d->group));
    r->kind = f->kind;
    r->level = f->level;
    r->score_01 = f->score_01;
    r->rule = copy_cut(m, f->id, RULE_BYTES_MAX);
    r->title = copy_cut(m, f->title, TITLE_BYTES_MAX);
    r->reason = copy_cut(m, f->reason, REASON_BYTES_MAX);
    r->source = copy_cut(m, str_z(item->path), SOURCE_BYTES_MAX);
    r->entity = of_span(scratch, d->entity);
    r->technique = of_span(scratch, d->technique);
    r->evidence = of_span(scratch, d->evidence);
    r->count = 1;
}

static void fill_items(struct entry *e, struct room *m, const struct recording *in,
                       const struct draft *draft, str scratch, int64_t now_ms)
{
    str tenant = copy(m, in->tenant);
    for (size_t i = 0; i < in->count; i++) {
        const struct recorded *item = &in->item[i];
        const struct finding *f = item->finding;
        int64_t time_ms = f->time_ms == TIME_NONE ? now_ms : f->time_ms;
        e->alert[i].tenant = tenant;
        e->alert[i].first_ms = e->alert[i].last_ms = time_ms;
        fill_alert(&e->alert[i], m, item, &draft[i], scratch);
        e->values[i] = of_span(scratch, draft[i].values);
        e->event[i] = (struct alert_event){
            .id = copy(m, str_z(f->event_id)),
            .time_ms = time_ms,
            .raw = same_raw(in, i) ? e->event[i - 1].raw : copy_cut(m, item->raw, RAW_BYTES_MAX),
            .format = copy_cut(m, item->format, RULE_BYTES_MAX)};
    }
}

static void fill_rest(struct entry *e, struct room *m, const struct recording *in)
{
    if (in->position) {
        e->position = *in->position;
        e->position.source = copy(m, in->position->source);
        e->position.value = copy(m, in->position->value);
        e->position_count = 1;
    }
    for (size_t i = 0; i < in->recent_count; i++) {
        e->recent[i] = in->recent[i];
        e->recent[i].tenant = copy(m, in->recent[i].tenant);
        e->recent[i].format = copy(m, in->recent[i].format);
        e->recent[i].raw = copy(m, in->recent[i].raw);
    }
}

/* The entry with room for everything, its arrays in place; *m is what is left for text. */
static struct entry *lay_out(const struct recording *in, size_t text, struct room *m)
{
    size_t head = sizeof(struct entry);
    size_t alerts = size_mul(sizeof(struct alert_record), in->count);
    size_t events = size_mul(sizeof(struct alert_event), in->count);
    size_t values = size_mul(sizeof(str), in->count);
    size_t recent = size_mul(sizeof(struct recent_record), in->recent_count);
    size_t fixed = size_add(size_add(size_add(head, alerts), size_add(events, values)), recent);
    size_t bytes = size_add(fixed, text);

    struct entry *e = mem_resize(NULL, bytes);
    memset(e, 0, fixed);
    char *p = (char *)e;
    e->alert = (struct alert_record *)(void *)(p + head);
    e->event = (struct alert_event *)(void *)(p + head + alerts);
    e->values = (str *)(void *)(p + head + alerts + events);
    e->recent = (struct recent_record *)(void *)(p + head + alerts + events + values);
    e->count = in->count;
    e->recent_count = in->recent_count;
    e->done = in->done;
    e->arg = in->arg;
    e->bytes = bytes;
    *m = (struct room){p + fixed, p + bytes};
    return e;
}

struct entry *entry_new(const struct recording *in, int64_t now_ms)
{
    struct sbuf scratch;
    sbuf_init(&scratch, SIZE_MAX / 4); /* each of its parts is bounded */
    struct draft *draft = mem_array(struct draft, in->count + 1);
    for (size_t i = 0; i < in->count; i++)
        draft_make(&draft[i], &scratch, in->item[i].finding);

    struct room m;
    struct entry *e = lay_out(in, size_add(scratch.n, text_size(in)), &m);
    fill_items(e, &m, in, draft, copy(&m, sbuf_str(&scratch)), now_ms);
    fill_rest(e, &m, in);
    mem_free(draft);
    sbuf_done(&scratch);
    return e;
}

void entry_free(struct entry *e)
{
    mem_free(e);
}
