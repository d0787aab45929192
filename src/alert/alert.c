/* SPDX-License-Identifier: Apache-2.0 */
#include "alert/alert.h"

#include "base/mem.h"
#include "codec/hex.h"
#include "codec/json_scan.h"
#include "crypto/crypto.h"

enum { JSON_BYTES_MAX = 4 << 20, KEY_BYTES_MAX = 1 << 20 };

/* ---- repeats ---- */

/* With its length before it, so that no two lists of texts look the same. */
static void add_part(struct sbuf *to, str s)
{
    sbuf_addf(to, "%zu:", s.n);
    for (size_t i = 0; i < s.n; i++)
        sbuf_addc(to, ascii_lower(s.p[i]));
}

static bool is_main(str name)
{
    return str_eq(name, STR("user")) || str_eq(name, STR("host")) || str_eq(name, STR("source.ip"));
}

static size_t add_entities(struct sbuf *to, const struct finding *f, bool all)
{
    size_t n = 0;
    for (uint32_t i = 0; i < f->entity_count; i++)
        if (all || is_main(f->entity[i].name)) {
            add_part(to, f->entity[i].name);
            add_part(to, f->entity[i].value);
            n++;
        }
    return n;
}

void alert_group(const struct finding *f, char out[static ALERT_GROUP_SIZE])
{
    struct sbuf key;
    sbuf_init(&key, KEY_BYTES_MAX); /* what is longer is told apart by its first MiB */
    add_part(&key, str_z(finding_kind_name(f->kind)));
    add_part(&key, f->id);
    /* An indicator's id is its kind; a rule without an id has its title. */
    if (f->kind == FINDING_INDICATOR || f->id.n == 0)
        add_part(&key, f->title);
    if (add_entities(&key, f, false) == 0)
        add_entities(&key, f, true);

    unsigned char digest[SHA256_SIZE];
    crypto_sha256(sbuf_str(&key), digest);
    /* Half of it: 128 bits tell alerts apart. */
    size_t n = hex_encode((str){(const char *)digest, SHA256_SIZE / 2}, out);
    out[n] = '\0';
    sbuf_done(&key);
}

/* ---- shown ---- */

static void put_raw(struct json_out *o, const char *key, str json, str otherwise)
{
    json_out_key(o, str_z(key));
    json_out_raw(o, json.n ? json : otherwise);
}

static void put_head(struct json_out *o, const struct alert_record *r)
{
    json_out_kv_str(o, "id", r->id);
    json_out_kv_str(o, "kind", str_z(finding_kind_name(r->kind)));
    json_out_kv_str(o, "level", str_z(level_name(r->level)));
    json_out_kv_f64(o, "score", (double)(int)(r->score_01 * 1000 + 0.5f) / 1000);
    json_out_kv_str(o, "rule", r->rule);
    json_out_kv_str(o, "title", r->title);
    json_out_kv_str(o, "reason", r->reason);
    put_raw(o, "entity", r->entity, STR("{}"));
    put_raw(o, "techniques", r->technique, STR("[]"));
    json_out_kv_time(o, "first_seen", r->first_ms);
    json_out_kv_time(o, "last_seen", r->last_ms);
    json_out_kv_time(o, "changed_at", r->changed_ms);
    json_out_kv_u64(o, "count", r->count);
    json_out_kv_str(o, "status", str_z(alert_status_name(r->status)));
    json_out_kv_u64(o, "seq", r->seq);
}

void alert_write_repeat(struct json_out *o, const struct alert_record *r)
{
    json_out_object(o);
    put_head(o, r);
    json_out_object_end(o);
}

void alert_write_json(struct json_out *o, const struct alert_record *r)
{
    json_out_object(o);
    put_head(o, r);
    put_raw(o, "evidence", r->evidence, STR("{}"));
    json_out_kv_str(o, "source", r->source);
    json_out_kv_time(o, "created_at", r->created_ms);
    json_out_kv_str(o, "owner", r->owner);
    json_out_kv_str(o, "note", r->note);
    json_out_key(o, STR("decided_at"));
    if (r->decided_ms)
        json_out_time(o, r->decided_ms);
    else
        json_out_null(o);
    json_out_object_end(o);
}

void alert_entity_values(struct sbuf *out, str entity)
{
    struct json_scan scan = json_scan_of(entity);
    struct json_text text;
    enum json_token token;
    while ((token = json_next(&scan, &text)) > JSON_ERROR) {
        if (token != JSON_STRING)
            continue;
        char *to = sbuf_space(out, text.raw.n);
        if (!to)
            return;
        if (text.escaped)
            sbuf_grew(out, json_unescape(text.raw, to));
        else
            sbuf_add(out, text.raw);
        sbuf_addc(out, '\0');
    }
}

/* ---- CSV ---- */

/* A spreadsheet runs what begins with one of these (OWASP, CSV injection); a quote before it makes it text. */
static bool is_formula(str s)
{
    return s.n && strchr("=+-@\t\r\n", s.p[0]) && s.p[0];
}

static void cell(struct sbuf *out, str s, char after)
{
    sbuf_addc(out, '"');
    if (is_formula(s))
        sbuf_addc(out, '\'');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            sbuf_addc(out, '"');
        sbuf_addc(out, s.p[i]);
    }
    sbuf_addc(out, '"');
    sbuf_addc(out, after);
}

static void cell_time(struct sbuf *out, int64_t ms)
{
    struct json_out o = json_out_on(out); /* an RFC 3339 time has nothing to escape */
    if (ms)
        json_out_time(&o, ms);
    sbuf_addc(out, ',');
}

void alert_write_csv_head(struct sbuf *out)
{
    sbuf_addz(out,
              "id,kind,level,score,rule,title,reason,entity,techniques,source,first_seen,"
              "last_seen,created_at,changed_at,count,status,owner,note,decided_at,evidence\r\n");
}

void alert_write_csv(struct sbuf *out, const struct alert_record *r)
{
    cell(out, r->id, ',');
    cell(out, str_z(finding_kind_name(r->kind)), ',');
    cell(out, str_z(level_name(r->level)), ',');
    sbuf_addf(out, "%.3f,", (double)r->score_01);
    cell(out, r->rule, ',');
    cell(out, r->title, ',');
    cell(out, r->reason, ',');
    cell(out, r->entity, ',');
    cell(out, r->technique, ',');
    cell(out, r->source, ',');
    cell_time(out, r->first_ms);
    cell_time(out, r->last_ms);
    cell_time(out, r->created_ms);
    cell_time(out, r->changed_ms);
    sbuf_addf(out, "%llu,", (unsigned long long)r->count);
    cell(out, str_z(alert_status_name(r->status)), ',');
    cell(out, r->owner, ',');
    cell(out, r->note, ',');
    cell_time(out, r->decided_ms);
    cell(out, r->evidence, '\r');
    sbuf_addc(out, '\n');
}

/* ---- decided ---- */

static void tell(struct bus *b, const struct alert_record *r)
{
    struct sbuf data, entity;
    sbuf_init(&data, JSON_BYTES_MAX);
    sbuf_init(&entity, JSON_BYTES_MAX);
    struct json_out o = json_out_on(&data);
    alert_write_json(&o, r);
    if (data.full) { /* it matters more that it changed */
        sbuf_clear(&data);
        data.full = false;
        o = json_out_on(&data);
        alert_write_repeat(&o, r);
    }
    alert_entity_values(&entity, r->entity);
    bus_publish(b, &(struct bus_message){.id = r->seq,
                                         .topic = TOPIC_ALERTS,
                                         .time_ms = r->changed_ms,
                                         .type = "alert.changed",
                                         .tenant = r->tenant,
                                         .data = sbuf_str(&data),
                                         .level = (int)r->level,
                                         .rule = r->rule,
                                         .title = r->title,
                                         .entity = sbuf_str(&entity)});
    sbuf_done(&data);
    sbuf_done(&entity);
}

status alert_decide(struct store *s, struct bus *b, struct arena *a, const struct alert_decision *d,
                    struct alert_record *out, struct error *err)
{
    struct alert_record decided = {.tenant = d->tenant,
                                   .id = d->id,
                                   .status = d->status,
                                   .owner = d->who,
                                   .note = d->note,
                                   .decided_ms = d->now_ms,
                                   .changed_ms = d->now_ms,
                                   .seq = bus_reserve(b, 1)};
    status st = store_alert_decide(s, a, &decided, out, err);
    if (st != ST_OK) {
        bus_release(b, decided.seq, 1);
        return st;
    }
    struct alert_record told = *out;
    told.seq = decided.seq; /* somebody may have changed it again since */
    tell(b, &told);
    return ST_OK;
}
