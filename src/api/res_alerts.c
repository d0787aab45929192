/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts: listed, shown, exported, decided. */
#include "alert/alert.h"
#include "api/api_int.h"

enum { PAGE = 100, PAGE_MAX = 1000, EXPORTED_AT_ONCE = 200, EXPORT_ARENA_MAX = 256 * 1024 * 1024 };

static const char *const levels[] = {"informational", "low", "medium", "high", "critical", NULL};
static const char *const formats[] = {"csv", "json", NULL};
static const char *const verdicts[] = {"true_positive", "false_positive", NULL};

static const struct schema_field alert_query_fields[] = {
    {"from", SCHEMA_STRING, .format = FORMAT_TIME, .doc = "last seen at this time or later"},
    {"to", SCHEMA_STRING, .format = FORMAT_TIME, .doc = "last seen before"},
    {"entity", SCHEMA_STRING, .min = 1, .max = 256, .format = FORMAT_LINE,
     .doc = "a user, host or address of it"},
    {"rule", SCHEMA_STRING, .min = 1, .max = 256, .format = FORMAT_LINE,
     .doc = "id or title of the rule"},
    {"text", SCHEMA_STRING, .min = 1, .max = 256, .format = FORMAT_LINE,
     .doc = "in its title or reason"},
    {"level", SCHEMA_STRING, .values = levels, .doc = "of this level or above"},
    {"status", SCHEMA_STRING, .min = 1, .max = 100, .format = FORMAT_LINE,
     .doc = "separated by commas: open, acknowledged, closed_true_positive, closed_false_positive, "
            "or closed for both"},
    {"after_seq", SCHEMA_INTEGER, .min = 0, .max = 9007199254740991.0,
     .doc = "changed since; then in the order of change"},
    {"limit", SCHEMA_INTEGER, .min = 1, .max = PAGE_MAX,
     .doc = "alerts on a page; 100.  Exports have all"},
    {"cursor", SCHEMA_STRING, .min = 1, .max = 256, .format = FORMAT_LINE,
     .doc = "`next` of the page before"},
    {"format", SCHEMA_STRING, .values = formats,
     .doc = "an export of all that fits the filters, as CSV or one JSON array; Accept: text/csv "
            "does the same"},
};
const struct schema schema_alert_query = SCHEMA_OF("AlertQuery", "", alert_query_fields);

static const struct schema_field alert_fields[] = {
    {"id", SCHEMA_STRING, .required = true, .format = FORMAT_ID, .doc = "of the alert"},
    {"kind", SCHEMA_STRING, .required = true,
     .doc = "what found it: rule, correlation, indicator …"},
    {"level", SCHEMA_STRING, .required = true, .values = levels, .doc = "the highest yet"},
    {"score", SCHEMA_NUMBER, .required = true, .min = 0, .max = 1, .doc = "how bad"},
    {"rule", SCHEMA_STRING, .required = true, .doc = "id of what found it"},
    {"title", SCHEMA_STRING, .required = true, .doc = "what it is"},
    {"reason", SCHEMA_STRING, .required = true, .doc = "why it was raised, in words"},
    {"entity", SCHEMA_OBJECT, .required = true, .doc = "whom it concerns"},
    {"techniques", SCHEMA_ARRAY, .required = true, .item = SCHEMA_STRING,
     .doc = "MITRE ATT&CK ids"},
    {"first_seen", SCHEMA_STRING, .required = true, .format = FORMAT_TIME,
     .doc = "time of the first event"},
    {"last_seen", SCHEMA_STRING, .required = true, .format = FORMAT_TIME,
     .doc = "time of the latest event"},
    {"changed_at", SCHEMA_STRING, .required = true, .format = FORMAT_TIME, .doc = "last changed"},
    {"count", SCHEMA_INTEGER, .required = true, .doc = "findings in it"},
    {"status", SCHEMA_STRING, .required = true,
     .doc = "open, acknowledged, closed_true_positive, closed_false_positive"},
    {"seq", SCHEMA_INTEGER, .required = true, .doc = "of its last change"},
    {"evidence", SCHEMA_OBJECT, .required = true,
     .doc = "fields and values that made it fire first"},
    {"source", SCHEMA_STRING, .required = true, .doc = "where the first event came from"},
    {"created_at", SCHEMA_STRING, .required = true, .format = FORMAT_TIME, .doc = "raised"},
    {"owner", SCHEMA_STRING, .required = true, .doc = "who acknowledged or closed it"},
    {"note", SCHEMA_STRING, .required = true, .doc = "why"},
    {"decided_at", SCHEMA_STRING, .required = true, .nullable = true, .format = FORMAT_TIME,
     .doc = "when"},
};
const struct schema schema_alert = SCHEMA_OF("Alert", "An alert", alert_fields);

static const struct schema_field alert_page_fields[] = {
    {"alerts", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_alert,
     .doc = "latest first"},
    {"next", SCHEMA_STRING, .required = true, .nullable = true,
     .doc = "for `cursor`; null: no more"},
};
const struct schema schema_alert_page =
    SCHEMA_OF("AlertPage", "A page of alerts", alert_page_fields);

static const struct schema_field event_fields[] = {
    {"id", SCHEMA_STRING, .required = true, .doc = "of the event: the same in every run"},
    {"time", SCHEMA_STRING, .required = true, .format = FORMAT_TIME, .doc = "when it happened"},
    {"format", SCHEMA_STRING, .required = true, .doc = "of the record"},
    {"raw", SCHEMA_STRING, .required = true, .doc = "the record"},
};
static const struct schema schema_alert_event =
    SCHEMA_OF("AlertEvent", "An event behind an alert", event_fields);
static const struct schema_field alert_detail_fields[] = {
    {"alert", SCHEMA_OBJECT, .required = true, .child = &schema_alert, .doc = "the alert"},
    {"events", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_alert_event,
     .doc = "the first twenty"},
};
const struct schema schema_alert_detail =
    SCHEMA_OF("AlertDetail", "An alert with its events", alert_detail_fields);

static const struct schema_field alert_note_fields[] = {
    {"note", SCHEMA_STRING, .max = 4000, .doc = "why"},
};
const struct schema schema_alert_note = SCHEMA_OF("AlertNote", "A decision", alert_note_fields);
static const struct schema_field alert_verdict_fields[] = {
    {"verdict", SCHEMA_STRING, .required = true, .values = verdicts, .doc = "was it an attack?"},
    {"note", SCHEMA_STRING, .max = 4000, .doc = "why"},
};
const struct schema schema_alert_verdict =
    SCHEMA_OF("AlertVerdict", "The end of an alert", alert_verdict_fields);

/* ---- filters ---- */

static status read_status(str list, unsigned *mask, struct error *err)
{
    while (list.n) {
        enum alert_status one;
        str name = str_cut(&list, ',');
        if (str_eq(name, STR("closed")))
            *mask |= 1u << ALERT_TRUE_POSITIVE | 1u << ALERT_FALSE_POSITIVE;
        else if (alert_status_find(name, &one))
            *mask |= 1u << one;
        else
            return fail(err, ST_INVALID, "?status: there is no status '" STR_FMT "'",
                        STR_ARG(str_head(name, 40)));
    }
    return ST_OK;
}

static status read_filter(struct api_call *c, struct alert_filter *f, struct error *err)
{
    *f = (struct alert_filter){.tenant = str_z(c->who.tenant),
                               .from_ms = call_query_time(c, "from", 0),
                               .to_ms = call_query_time(c, "to", 0),
                               .entity = call_query(c, "entity"),
                               .rule = call_query(c, "rule"),
                               .text = call_query(c, "text"),
                               .after_seq = (uint64_t)call_query_int(c, "after_seq", 0),
                               .cursor = call_query(c, "cursor"),
                               .limit = (size_t)call_query_int(c, "limit", PAGE)};
    str level = call_query(c, "level");
    if (level.n)
        (void)level_find(level, &f->min_level); /* the schema has seen to it */
    return read_status(call_query(c, "status"), &f->status_mask, err);
}

/* ---- exports: pages of the store, one after the other ---- */

struct export
{
    struct alert_filter filter;
    struct arena page;
    char cursor[256];
    bool csv, any;
};

static void export_over(struct api_call *c)
{
    struct export *x = c->user;
    arena_done(&x->page);
}

static void export_write(struct api_call *c, struct export *x, const struct alert_record *r,
                         size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct json_out o = json_out_on(c->out);
        if (x->csv) {
            alert_write_csv(c->out, &r[i]);
        } else {
            sbuf_addz(c->out, x->any ? ",\n" : "");
            alert_write_json(&o, &r[i]);
        }
        x->any = true;
    }
}

static bool export_page(struct api_call *c, struct error *err, status *st)
{
    struct export *x = c->user;
    struct alert_record *r = NULL;
    size_t n = 0;
    str next = {0};
    arena_clear(&x->page);
    *st = in_member(
        "?cursor", err,
        store_alert_list(c->api->options.store, &x->page, &x->filter, &r, &n, &next, err));
    if (*st == ST_OK && next.n >= sizeof x->cursor)
        *st = fail(err, ST_LIMIT, "the cursor is too long");
    if (*st != ST_OK)
        return false;
    export_write(c, x, r, n);
    (void)snprintf(x->cursor, sizeof x->cursor, STR_FMT, STR_ARG(next));
    x->filter.cursor = str_z(x->cursor);
    if (next.n == 0 && !x->csv)
        sbuf_addz(c->out, "]\n");
    return next.n > 0;
}

/* An export that breaks off must not look whole: JSON misses its end, CSV says so. */
static bool export_more(struct api_call *c)
{
    struct export *x = c->user;
    struct error err;
    status st;
    bool more = export_page(c, &err, &st);
    if (st != ST_OK) {
        log_say(LOG_API, LOG_ERROR, "an export broke off", LOG_Z("id", c->id),
                LOG_Z("why", err.text));
        if (x->csv)
            sbuf_addz(c->out, "\"THE EXPORT BROKE OFF HERE\"\r\n");
    }
    return more;
}

static bool export_end(struct api_call *c)
{
    (void)c;
    return false;
}

static void export_begin(struct api_call *c, const struct alert_filter *f, bool csv)
{
    struct export *x = arena_new(c->arena, struct export);
    struct error err;
    status st;
    *x = (struct export){.filter = *f, .csv = csv};
    x->filter.limit = EXPORTED_AT_ONCE;
    arena_init(&x->page, EXPORT_ARENA_MAX);
    c->user = x;
    c->over = export_over;
    sbuf_clear(c->out);
    if (csv)
        alert_write_csv_head(c->out);
    else
        sbuf_addz(c->out, "[");
    bool more = export_page(c, &err, &st);
    if (!call_ok(c, st, &err))
        return;
    call_set(c, "Content-Disposition",
             csv ? STR("attachment; filename=\"alerts.csv\"")
                 : STR("attachment; filename=\"alerts.json\""));
    call_stream(c, 200, csv ? "text/csv; charset=utf-8" : "application/json",
                more ? export_more : export_end);
}

/* ---- lists ---- */

static void send_page(struct api_call *c, const struct alert_filter *f)
{
    struct alert_record *r = NULL;
    size_t n = 0;
    str next = {0};
    struct error err;
    status st = in_member(
        "?cursor", &err, store_alert_list(c->api->options.store, c->arena, f, &r, &n, &next, &err));
    if (!call_ok(c, st, &err))
        return;
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_key(&o, STR("alerts"));
    json_out_array(&o);
    for (size_t i = 0; i < n; i++)
        alert_write_json(&o, &r[i]);
    json_out_array_end(&o);
    json_out_key(&o, STR("next"));
    if (next.n)
        json_out_str(&o, next);
    else
        json_out_null(&o);
    json_out_object_end(&o);
    call_send(c, 200);
}

static bool wants_csv(const struct api_call *c)
{
    str accept = http_header(c->request, STR("accept"));
    return str_istarts(str_trim(str_cut(&accept, ',')), STR("text/csv"));
}

void serve_alert_list(struct api_call *c)
{
    struct alert_filter f;
    struct error err;
    if (!call_ok(c, read_filter(c, &f, &err), &err))
        return;
    str format = call_query(c, "format");
    if (format.n || wants_csv(c))
        export_begin(c, &f, !str_eq(format, STR("json")));
    else
        send_page(c, &f);
}

static void write_event(struct json_out *o, const struct alert_event *e)
{
    json_out_object(o);
    json_out_kv_str(o, "id", e->id);
    json_out_kv_time(o, "time", e->time_ms);
    json_out_kv_str(o, "format", e->format);
    json_out_kv_str(o, "raw", e->raw);
    json_out_object_end(o);
}

void serve_alert_get(struct api_call *c)
{
    struct alert_record r = {0};
    struct alert_event *e = NULL;
    size_t n = 0;
    struct error err;
    struct store *s = c->api->options.store;
    str id, tenant = str_z(c->who.tenant);
    if (!call_id(c, &id))
        return;
    status st = store_alert_get(s, c->arena, tenant, id, &r, &err);
    if (st == ST_OK)
        st = store_alert_events(s, c->arena, tenant, id, &e, &n, &err);
    if (!call_ok(c, st, &err))
        return;
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_key(&o, STR("alert"));
    alert_write_json(&o, &r);
    json_out_key(&o, STR("events"));
    json_out_array(&o);
    for (size_t i = 0; i < n; i++)
        write_event(&o, &e[i]);
    json_out_array_end(&o);
    json_out_object_end(&o);
    call_send(c, 200);
}

/* ---- decisions ---- */

static void decide(struct api_call *c, enum alert_status what, const char *action)
{
    struct alert_record r = {0};
    struct error err;
    str id;
    if (!call_id(c, &id))
        return;
    struct alert_decision d = {.tenant = str_z(c->who.tenant),
                               .id = id,
                               .who = call_actor_name(c),
                               .note = json_str(json_get(c->root, STR("note")), STR("")),
                               .status = what,
                               .now_ms = c->now_ms};
    status st = alert_decide(c->api->options.store, c->api->options.bus, c->arena, &d, &r, &err);
    call_audit(c, action, id, STR(""), st == ST_OK);
    if (!call_ok(c, st, &err))
        return;
    struct json_out o = call_json(c);
    alert_write_json(&o, &r);
    call_send(c, 200);
}

void serve_alert_acknowledge(struct api_call *c)
{
    decide(c, ALERT_ACKNOWLEDGED, "alert.acknowledge");
}

void serve_alert_close(struct api_call *c)
{
    bool attack =
        str_eq(json_str(json_get(c->root, STR("verdict")), STR("")), STR("true_positive"));
    decide(c, attack ? ALERT_TRUE_POSITIVE : ALERT_FALSE_POSITIVE, "alert.close");
}

void serve_alert_reopen(struct api_call *c)
{
    decide(c, ALERT_OPEN, "alert.reopen");
}
