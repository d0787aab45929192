/* SPDX-License-Identifier: Apache-2.0 */
#include "api/live_int.h"

#include "crypto/crypto.h"
#include "event/finding.h"

enum { COMMAND_MAX = 64 << 10 };

/* ---- limits ---- */

static str caller_of(const struct principal *who)
{
    return str_z(who->kind == PRINCIPAL_USER ? who->user : who->key);
}

static struct live_share *share_locked(struct live_hub *h, str caller)
{
    for (size_t i = 0; i < h->share.n; i++)
        if (str_eq(str_z(h->share.at[i].caller), caller))
            return &h->share.at[i];
    return NULL;
}

bool live_admit(struct live_hub *h, const struct principal *who)
{
    const struct api_options *o = &h->api->options;
    size_t most = o->live_clients ? o->live_clients : LIVE_CLIENTS;
    size_t each = o->live_clients_each ? o->live_clients_each : LIVE_CLIENTS_EACH;
    str caller = caller_of(who);
    lock_take(&h->lock);
    struct live_share *s = share_locked(h, caller);
    bool room = h->clients < most && (!s || s->clients < each);
    if (room && !s) {
        s = vec_push(&h->share);
        *s = (struct live_share){0};
        memcpy(s->caller, caller.p, caller.n);
    }
    if (room) {
        s->clients++;
        h->clients++;
    }
    lock_drop(&h->lock);
    if (room)
        metric_move(METRIC_LIVE_CLIENTS, 1);
    else
        metric_inc(METRIC_LIVE_DROPPED_LIMIT);
    return room;
}

void live_release(struct live_hub *h, const struct principal *who)
{
    lock_take(&h->lock);
    struct live_share *s = share_locked(h, caller_of(who));
    h->clients--;
    if (--s->clients == 0)
        *s = h->share.at[--h->share.n];
    lock_drop(&h->lock);
    metric_move(METRIC_LIVE_CLIENTS, -1);
}

/* ---- a client's life ---- */

str live_own(str s)
{
    if (s.n == 0)
        return (str){0};
    char *p = mem_resize(NULL, s.n);
    memcpy(p, s.p, s.n);
    return (str){p, s.n};
}

void live_disown(str *s)
{
    union {
        const char *from;
        char *to;
    } p = {s->p};
    if (s->n)
        crypto_wipe(p.to, s->n);
    mem_free(p.to);
    *s = (str){0};
}

struct watcher *watcher_new(struct live *l, const struct principal *who, str authorization)
{
    struct watcher *c = mem_new(struct watcher);
    c->live = l;
    c->who = *who;
    c->authorization = live_own(authorization);
    c->next = l->first;
    if (l->first)
        l->first->prev = c;
    l->first = c;
    return c;
}

void watcher_free(struct watcher *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        c->live->first = c->next;
    if (c->next)
        c->next->prev = c->prev;
    if (c->store)
        errand_forget(c->store);
    if (c->check)
        errand_forget(c->check);
    live_release(c->live->hub, &c->who);
    if (c->sse)
        http_unref(c->sse);
    live_disown(&c->authorization);
    live_disown(&c->entity);
    live_disown(&c->rule);
    mem_free(c);
}

/* ---- what it wants ---- */

bool watcher_permits(const struct watcher *c, enum bus_topic t)
{
    return principal_may(&c->who, t == TOPIC_STATUS ? PERMIT_STATUS_READ : PERMIT_ALERTS_READ);
}

/* `values` has a NUL after each. */
static bool has_value(str values, str value)
{
    while (values.n)
        if (str_eq(str_cut(&values, '\0'), value))
            return true;
    return false;
}

bool watcher_wants(const struct watcher *c, const struct bus_message *m)
{
    if (!(c->topics & 1u << m->topic) || (m->tenant.n && !str_eq(m->tenant, str_z(c->who.tenant))))
        return false;
    if (m->topic != TOPIC_ALERTS && m->topic != TOPIC_INCIDENTS)
        return true;
    if (m->level < c->min_level)
        return false;
    if (c->rule.n && !str_eq(m->rule, c->rule) && !str_eq(m->title, c->rule))
        return false;
    return c->entity.n == 0 || has_value(m->entity, c->entity);
}

/* ---- what goes out ---- */

void live_write(struct sbuf *out, const struct bus_message *m)
{
    struct json_out o = json_out_on(out);
    json_out_object(&o);
    json_out_kv_str(&o, "type", str_z(m->type));
    json_out_kv_str(&o, "topic", str_z(bus_topic_name(m->topic)));
    json_out_kv_u64(&o, "id", m->id);
    json_out_kv_time(&o, "time", m->time_ms);
    json_out_kv_i64(&o, "sent_us", m->sent_us);
    json_out_key(&o, STR("data"));
    json_out_raw(&o, m->data.n ? m->data : STR("{}"));
    json_out_object_end(&o);
}

static void write_event(struct sbuf *out, const struct bus_message *m)
{
    sbuf_addf(out, "id: %llu\nevent: %s\ndata: ", (unsigned long long)m->id, m->type);
    live_write(out, m); /* one line: JSON has its line ends escaped */
    sbuf_addz(out, "\n\n");
}

static str event_of(struct parcel *p)
{
    if (p->sse.n == 0) {
        sbuf_init(&p->sse, LIVE_MESSAGE_MAX);
        write_event(&p->sse, p->m);
    }
    return sbuf_str(&p->sse);
}

static struct ws_frame *frame_of(struct live *l, struct parcel *p)
{
    if (!p->frame) {
        sbuf_clear(&l->text);
        live_write(&l->text, p->m);
        p->frame = ws_frame_new(sbuf_str(&l->text));
    }
    return p->frame;
}

status watcher_send(struct watcher *c, struct parcel *p)
{
    if (c->closing)
        return ST_UNAVAILABLE;
    return c->ws ? ws_send_frame(c->ws, frame_of(c->live, p)) : http_write(c->sse, event_of(p));
}

/* With the id to go on from: who is cut off before the first message comes would miss those until it is back. */
static status tell_stream(struct watcher *c, str json)
{
    struct sbuf b;
    sbuf_init(&b, LIVE_MESSAGE_MAX);
    sbuf_addf(&b, "id: %llu\ndata: ", (unsigned long long)c->last);
    sbuf_add(&b, json);
    sbuf_addz(&b, "\n\n");
    status st = http_write(c->sse, sbuf_str(&b));
    sbuf_done(&b);
    return st;
}

void watcher_tell(struct watcher *c, str json)
{
    if (c->closing)
        return;
    status st = c->ws ? ws_send(c->ws, json) : tell_stream(c, json);
    if (st == ST_LIMIT && c->ws)
        watcher_close(c, CLOSE_TRY_LATER, "too slow");
}

static struct json_out begin(struct watcher *c, const char *type)
{
    sbuf_clear(&c->live->text);
    struct json_out o = json_out_on(&c->live->text);
    json_out_object(&o);
    json_out_kv_str(&o, "type", str_z(type));
    return o;
}

static void tell(struct watcher *c, struct json_out *o)
{
    json_out_object_end(o);
    watcher_tell(c, sbuf_str(&c->live->text));
}

void watcher_error(struct watcher *c, const char *code, const char *detail)
{
    struct json_out o = begin(c, "error");
    json_out_kv_str(&o, "code", str_z(code));
    json_out_kv_str(&o, "detail", str_z(detail));
    tell(c, &o);
}

void watcher_close(struct watcher *c, int code, const char *why)
{
    if (c->closing)
        return;
    if (c->ws) {
        c->closing = true;
        ws_close(c->ws, code, why);
        return;
    }
    struct json_out o = begin(c, "closed");
    json_out_kv_i64(&o, "code", code);
    json_out_kv_str(&o, "detail", str_z(why));
    tell(c, &o);
    http_on_gone(c->sse, NULL);
    http_end_answer(c->sse);
    watcher_free(c);
}

/* ---- subscribing ---- */

static void tell_subscribed(struct watcher *c, uint64_t last)
{
    struct json_out o = begin(c, "subscribed");
    json_out_key(&o, STR("topics"));
    json_out_array(&o);
    for (unsigned t = 0; t < TOPIC_COUNT; t++)
        if (c->topics & 1u << t)
            json_out_str(&o, str_z(bus_topic_name((enum bus_topic)t)));
    json_out_array_end(&o);
    json_out_kv_u64(&o, "last", last);
    tell(c, &o);
}

void watcher_subscribe(struct watcher *c, const struct subscription *s)
{
    bool complete;
    uint64_t last;
    (void)bus_read(c->live->bus, s->resume, NULL, 0, &complete, &last);
    errand_void(c);
    live_disown(&c->entity);
    live_disown(&c->rule);
    c->topics = s->topics;
    c->min_level = s->min_level;
    c->entity = live_own(s->entity);
    c->rule = live_own(s->rule);
    c->last = s->resumes ? s->resume : last;
    c->state = s->resumes ? CLIENT_BEHIND : CLIENT_LIVE;
    tell_subscribed(c, last);
    if (!s->resumes)
        return;
    struct json_out o = begin(c, "resumed");
    json_out_kv_u64(&o, "from", s->resume);
    json_out_kv_bool(&o, "complete", complete);
    tell(c, &o);
    live_pump(c);
}

static status read_topics(const struct watcher *c, json_node list, unsigned *out, struct error *err)
{
    if (json_kind(list) != JSON_IS_ARRAY)
        return fail(err, ST_INVALID, "/subscribe: expected an array of topics");
    for (struct json_each it = json_each(list); json_each_next(&it);) {
        enum bus_topic t;
        str name = json_str(it.value, STR(""));
        if (!bus_topic_find(name, &t))
            return fail(err, ST_INVALID, "/subscribe: there is no topic '" STR_FMT "'",
                        STR_ARG(str_head(name, 40)));
        if (!watcher_permits(c, t))
            return fail(err, ST_FORBIDDEN, "this account may not see '%s'", bus_topic_name(t));
        *out |= 1u << t;
    }
    return ST_OK;
}

static status read_filter(json_node filter, struct subscription *s, struct error *err)
{
    for (struct json_each it = json_each(filter); json_each_next(&it);) {
        str value = json_str(it.value, (str){0});
        enum level least;
        if (!value.p || value.n > LIVE_FILTER_MAX)
            return fail(err, ST_INVALID, "/filter/" STR_FMT ": expected a text of at most %d bytes",
                        STR_ARG(str_head(it.key, 40)), LIVE_FILTER_MAX);
        if (str_eq(it.key, STR("entity"))) {
            s->entity = value;
        } else if (str_eq(it.key, STR("rule"))) {
            s->rule = value;
        } else if (!str_eq(it.key, STR("min_level"))) {
            return fail(err, ST_INVALID, "/filter: there is no '" STR_FMT "'",
                        STR_ARG(str_head(it.key, 40)));
        } else if (!level_find(value, &least)) {
            return fail(err, ST_INVALID, "/filter/min_level: there is no level '" STR_FMT "'",
                        STR_ARG(str_head(value, 40)));
        } else {
            s->min_level = (int)least;
        }
    }
    return ST_OK;
}

static status read_command(const struct watcher *c, json_node root, struct subscription *s,
                           struct error *err)
{
    status st = json_kind(root) == JSON_IS_OBJECT
                    ? ST_OK
                    : fail(err, ST_INVALID, "expected an object with 'subscribe'");
    bool subscribes = false;
    for (struct json_each it = json_each(root); st == ST_OK && json_each_next(&it);) {
        if (str_eq(it.key, STR("subscribe"))) {
            st = read_topics(c, it.value, &s->topics, err);
            subscribes = true;
        } else if (str_eq(it.key, STR("filter"))) {
            st = read_filter(it.value, s, err);
        } else if (str_eq(it.key, STR("resume"))) {
            int64_t id = json_int(it.value, -1);
            s->resumes = true;
            s->resume = (uint64_t)id;
            if (id < 0)
                st = fail(err, ST_INVALID, "/resume: expected the id of a message");
        } else {
            st = fail(err, ST_INVALID, "there is no '" STR_FMT "'", STR_ARG(str_head(it.key, 40)));
        }
    }
    if (st == ST_OK && !subscribes)
        st = fail(err, ST_INVALID, "expected 'subscribe'");
    return st;
}

void watcher_command(struct watcher *c, str text)
{
    struct error err = {0};
    struct json_doc *doc = NULL;
    struct subscription s = {.min_level = -1};
    status st = json_doc_parse(text, COMMAND_MAX, &doc, &err);
    if (st == ST_OK)
        st = read_command(c, json_doc_root(doc), &s, &err);
    if (st == ST_OK)
        watcher_subscribe(c, &s);
    else
        watcher_error(c, st == ST_FORBIDDEN ? "not_allowed" : "invalid", err.text);
    json_doc_free(doc);
}
