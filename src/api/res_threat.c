/* SPDX-License-Identifier: Apache-2.0 */
/* How an entity behaves, and what flows show together. */
#include "api/finding.h"
#include "api/models.h"

#include "base/mem.h"

enum { SCORES_MAX = 1000, EVENTS_MAX = 10000, FLOWS_MAX = 20000, TEXT_MAX = 48 * 1024 * 1024 };

/* ---- POST /api/threat/analyze-behavior ---- */

static const struct schema_field behavior_fields[] = {
    {"entity", SCHEMA_ANY, .required = true,
     .doc = "whom: \"user:alice\", \"host:web1\", \"service:KEY\", \"source.ip:192.0.2.7\", or an "
            "object of type "
            "and value"},
    {"events", SCHEMA_ARRAY, .required = true, .item = SCHEMA_ANY, .min = 1, .max = EVENTS_MAX,
     .doc = "what it did: objects, or strings that are records in any format.  Those that name "
            "another "
            "entity of its type do not count"},
    {"learn", SCHEMA_BOOLEAN, .doc = "take them into the baseline afterwards; false"},
};
const struct schema schema_behavior =
    SCHEMA_OF("BehaviorQuestion", "Is this how it usually behaves?", behavior_fields);

static const struct schema_field factor_fields[] = {
    {"name", SCHEMA_STRING, .required = true,
     .doc = "rate, volume, peers, hour, failures, group, or what the values are of"},
    {"score", SCHEMA_NUMBER, .required = true, .min = 0, .max = 1, .doc = "how strange"},
    {"observed", SCHEMA_STRING, .required = true, .doc = "what was seen"},
    {"expected", SCHEMA_STRING, .required = true, .doc = "what is usual"},
    {"reason", SCHEMA_STRING, .required = true, .doc = "why, in words"},
};
static const struct schema schema_factor =
    SCHEMA_OF("BehaviorFactor", "One respect", factor_fields);
static const struct schema_field behaved_fields[] = {
    {"entity", SCHEMA_OBJECT, .required = true, .doc = "type and value"},
    {"deviation", SCHEMA_NUMBER, .required = true, .min = 0, .max = 1,
     .doc = "from the baseline; 0 without enough history"},
    {"confidence", SCHEMA_NUMBER, .required = true, .min = 0, .max = 1,
     .doc = "grows with the history"},
    {"enough_history", SCHEMA_BOOLEAN, .required = true,
     .doc = "at least 50 events over a day are known; without, nothing is strange"},
    {"known_events", SCHEMA_INTEGER, .required = true, .doc = "events in the baseline"},
    {"known_days", SCHEMA_NUMBER, .required = true, .doc = "that it spans"},
    {"compared", SCHEMA_INTEGER, .required = true, .doc = "events that were looked at"},
    {"rejected", SCHEMA_INTEGER, .required = true, .doc = "records that could not be read"},
    {"factors", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_factor,
     .doc = "the strangest first"},
    {"group", SCHEMA_STRING, .required = true,
     .doc = "those that it is compared with; empty: none are known"},
    {"summary", SCHEMA_STRING, .required = true, .doc = "in words"},
    {"finding", SCHEMA_OBJECT, .required = true, .nullable = true, .child = &schema_finding,
     .doc = "when it deviates much and enough is known"},
    {"learned", SCHEMA_BOOLEAN, .required = true, .doc = "the events are in the baseline now"},
    {"models", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_model_score,
     .doc = "what models make of the connections among the events; of more than 1,000 scores the "
            "alarms alone"},
};
const struct schema schema_behaved = SCHEMA_OF("Behaved", "How unusual it is", behaved_fields);

static status read_entity(json_node n, struct behavior_entity *out, struct error *err)
{
    str value = json_str(n, STR("")), type = str_cut(&value, ':');
    if (json_kind(n) == JSON_IS_OBJECT) {
        type = json_str(json_get(n, STR("type")), STR(""));
        value = json_str(json_get(n, STR("value")), STR(""));
    }
    if (str_eq(type, STR("ip")) || str_eq(type, STR("source")))
        type = STR("source.ip");
    if (!behavior_type_find(type, &out->type))
        return fail(err, ST_INVALID,
                    "/entity: expected a user, host, service or source.ip, not '" STR_FMT "'",
                    STR_ARG(str_head(type, 40)));
    if (!value.n || value.n > 1024)
        return fail(err, ST_INVALID, "/entity: expected a value of 1 to 1024 bytes");
    out->value = value;
    return ST_OK;
}

static void write_behaved(struct api_call *c, const struct behavior_entity *who,
                          const struct behavior_verdict *v, const struct request_scores *scores,
                          uint64_t rejected, bool learned)
{
    struct json_out o = call_json(c);
    struct finding f;
    json_out_object(&o);
    json_out_key(&o, STR("entity"));
    json_out_object(&o);
    json_out_kv_str(&o, "type", str_z(behavior_type_name(who->type)));
    json_out_kv_str(&o, "value", who->value);
    json_out_object_end(&o);
    json_out_kv_f64(&o, "deviation", v->deviation_01);
    json_out_kv_f64(&o, "confidence", v->confidence_01);
    json_out_kv_bool(&o, "enough_history", v->enough);
    json_out_kv_u64(&o, "known_events", v->known_events);
    json_out_kv_f64(&o, "known_days", v->known_days);
    json_out_kv_u64(&o, "compared", v->compared);
    json_out_kv_u64(&o, "rejected", rejected);
    json_out_key(&o, STR("factors"));
    json_out_array(&o);
    for (size_t i = 0; i < v->factor_count; i++) {
        json_out_object(&o);
        json_out_kv_str(&o, "name", str_z(v->factor[i].name));
        json_out_kv_f64(&o, "score", v->factor[i].score_01);
        json_out_kv_str(&o, "observed", v->factor[i].observed);
        json_out_kv_str(&o, "expected", v->factor[i].expected);
        json_out_kv_str(&o, "reason", v->factor[i].reason);
        json_out_object_end(&o);
    }
    json_out_array_end(&o);
    json_out_kv_str(&o, "group", v->group);
    json_out_kv_str(&o, "summary", v->summary);
    json_out_key(&o, STR("finding"));
    if (behavior_finding(v, who, c->now_ms, c->arena, &f))
        finding_write_json(&o, &f);
    else
        json_out_null(&o);
    json_out_kv_bool(&o, "learned", learned);
    request_scores_write(scores, &o, SCORES_MAX);
    json_out_object_end(&o);
    call_send(c, 200);
}

void serve_threat_behavior(struct api_call *c)
{
    struct behavior *b = c->api->options.behavior;
    struct behavior_entity who = {0};
    struct behavior_verdict v = {0};
    struct request_scores scores = {0};
    struct events e = {0};
    struct sbuf text;
    struct error err;
    if (!b) {
        threat_absent(c, "behavior");
        return;
    }
    if (!call_ok(c, read_entity(json_get(c->root, STR("entity")), &who, &err), &err))
        return;
    bool learn = json_bool(json_get(c->root, STR("learn")), false);
    sbuf_init(&text, TEXT_MAX);
    events_unwrap(json_get(c->root, STR("events")), &text);
    status st = text.full ? fail(&err, ST_LIMIT, "the events are too long")
                          : events_read(&e, c, sbuf_str(&text), &err);
    if (st == ST_OK)
        st = behavior_compare(b, str_z(c->who.tenant), &who, &e.batch, c->arena, &v, &err);
    if (st == ST_OK && learn)
        behavior_learn_as(b, str_z(c->who.tenant), &who, &e.batch, c->now_ms);
    if (call_ok(c, st, &err)) {
        request_scores_run(&scores, c, &e);
        write_behaved(c, &who, &v, &scores, e.batch.rejected, learn);
    }
    request_scores_done(&scores);
    events_done(&e);
    sbuf_done(&text);
}

/* ---- POST /api/threat/monitor-network ---- */

static const struct schema_field flows_fields[] = {
    {"flows", SCHEMA_ARRAY, .item = SCHEMA_OBJECT, .max = FLOWS_MAX,
     .doc =
         "objects with time, source_ip, destination_ip, port, proto, bytes_out, bytes_in, "
         "duration, or "
         "as Zeek, Suricata or a NetFlow exporter writes them.  A body without this member is such "
         "records as they are: NDJSON, a Zeek log"},
};
const struct schema schema_flows = {.name = "Flows",
                                    .doc = "Flows to be judged",
                                    .field = flows_fields,
                                    .count = COUNT(flows_fields),
                                    .media = "application/json"};

static const struct schema_field detection_fields[] = {
    {"kind", SCHEMA_STRING, .required = true,
     .doc = "horizontal_scan, vertical_scan, flood, beacon, exfiltration, lateral_movement"},
    {"first_seen", SCHEMA_STRING, .required = true, .format = FORMAT_TIME, .doc = "when it began"},
    {"flows", SCHEMA_INTEGER, .required = true, .doc = "of this request that belong to it"},
    {"finding", SCHEMA_OBJECT, .required = true, .child = &schema_finding,
     .doc = "who, why, how bad"},
};
static const struct schema schema_detection =
    SCHEMA_OF("Detection", "What flows show", detection_fields);
static const struct schema_field monitored_fields[] = {
    {"flows", SCHEMA_INTEGER, .required = true, .doc = "that were judged"},
    {"rejected", SCHEMA_INTEGER, .required = true, .doc = "records that could not be read"},
    {"other", SCHEMA_INTEGER, .required = true, .doc = "records that are no flows"},
    {"verdicts", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT,
     .doc = "of the flows that belong to a detection: flow (its number, from 0), detection "
            "(likewise), verdict"},
    {"detections", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT,
     .child = &schema_detection, .doc = "the most certain first"},
    {"more_detections", SCHEMA_INTEGER, .required = true, .doc = "past a thousand: not listed"},
    {"models", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_model_score,
     .doc = "what models make of the flows; of more than 1,000 scores the alarms alone"},
};
const struct schema schema_monitored =
    SCHEMA_OF("Monitored", "What the flows show", monitored_fields);

/* {"flows": […]} unwrapped into `text`; *body: what to read. */
static status unwrap_flows(struct api_call *c, struct sbuf *text, str *body, struct error *err)
{
    struct json_doc *doc = NULL;
    *body = c->body;
    if (!str_starts(str_trim(c->body), STR("{")) ||
        json_doc_parse(c->body, c->route->body_max, &doc, NULL) != ST_OK)
        return ST_OK; /* several objects, or none: records as they are */
    json_node root = json_doc_root(doc), flows = json_get(root, STR("flows"));
    status st = ST_OK;
    if (json_kind(flows) != JSON_IS_ABSENT) {
        struct schema strict = schema_flows;
        strict.media = NULL;
        st = schema_check(&strict, root, err);
        events_unwrap(flows, text);
        *body = sbuf_str(text);
    }
    json_doc_free(doc);
    if (st == ST_OK && text->full)
        st = fail(err, ST_LIMIT, "the flows are too long");
    return st;
}

static void write_detections(struct api_call *c, struct json_out *o,
                             const struct network_verdict *v)
{
    json_out_key(o, STR("detections"));
    json_out_array(o);
    for (size_t i = 0; i < v->detections; i++) {
        struct finding *f = network_finding(&v->detection[i], c->arena);
        if (!f)
            continue;
        json_out_object(o);
        json_out_kv_str(o, "kind", str_z(network_kind_name(v->detection[i].kind)));
        json_out_kv_time(o, "first_seen", v->detection[i].first_ms);
        json_out_kv_u64(o, "flows", v->detection[i].flows);
        json_out_key(o, STR("finding"));
        finding_write_json(o, f);
        json_out_object_end(o);
    }
    json_out_array_end(o);
    json_out_kv_u64(o, "more_detections", v->more);
}

static void write_monitored(struct api_call *c, const struct network_verdict *v, size_t flows,
                            struct events *e)
{
    struct request_scores scores;
    const struct batch *b = &e->batch;
    request_scores_run(&scores, c, e);
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_kv_u64(&o, "flows", flows);
    json_out_kv_u64(&o, "rejected", b->rejected);
    json_out_kv_u64(&o, "other", b->event_count - flows);
    json_out_key(&o, STR("verdicts"));
    json_out_array(&o);
    for (size_t i = 0; i < flows; i++) {
        if (!v->of_flow[i])
            continue;
        const struct detection *d = &v->detection[v->of_flow[i] - 1];
        json_out_object(&o);
        json_out_kv_u64(&o, "flow", i);
        json_out_kv_u64(&o, "detection", v->of_flow[i] - 1);
        json_out_kv_str(&o, "verdict", str_z(d->score_01 >= 0.8 ? "malicious" : "suspicious"));
        json_out_object_end(&o);
    }
    json_out_array_end(&o);
    write_detections(c, &o, v);
    request_scores_write(&scores, &o, SCORES_MAX);
    json_out_object_end(&o);
    request_scores_done(&scores);
    call_send(c, 200);
}

static void judge_flows(struct api_call *c, struct events *e)
{
    struct flow_reader reader;
    struct network_verdict v;
    struct error err;
    struct flow *flow = arena_array(c->arena, struct flow, e->batch.event_count);
    size_t n = 0;
    if (!flow || e->batch.event_count > FLOWS_MAX) {
        call_problem(c, 413, "too_large", "more than 20,000 flows");
        return;
    }
    flow_reader_init(&reader, e->dict);
    for (size_t i = 0; i < e->batch.event_count; i++)
        n += flow_read(&reader, &e->batch.event[i], &flow[n]);
    status st = network_judge(c->api->options.network, str_z(c->who.tenant), flow, n, c->now_ms,
                              c->arena, &v, &err);
    if (call_ok(c, st, &err))
        write_monitored(c, &v, n, e);
}

void serve_threat_network(struct api_call *c)
{
    struct events e = {0};
    struct sbuf text;
    struct error err;
    str body;
    if (!c->api->options.network) {
        threat_absent(c, "network");
        return;
    }
    sbuf_init(&text, TEXT_MAX);
    status st = unwrap_flows(c, &text, &body, &err);
    if (st == ST_OK)
        st = events_read(&e, c, body, &err);
    if (call_ok(c, st, &err))
        judge_flows(c, &e);
    events_done(&e);
    sbuf_done(&text);
}

/* ---- GET /api/threat/health ---- */

static const struct schema_field threat_health_fields[] = {
    {"behavior", SCHEMA_OBJECT, .required = true, .nullable = true,
     .doc =
         "entities known, at most, groups, bytes, events learned, evicted, late, skipped; found: "
         "strange things said, held_back: not said; resting: entities in files, spilled and "
         "loaded: times that one went there and came back, rest_failures"},
    {"network", SCHEMA_OBJECT, .required = true, .nullable = true,
     .doc = "sources and pairs remembered, evicted, flows judged"},
    {"intelligence", SCHEMA_OBJECT, .required = true,
     .doc = "indicators of feeds, and imported by the tenant"},
    {"scan", SCHEMA_OBJECT, .required = true,
     .doc = "malware rules, and files of them that do not compile"},
    {"rules", SCHEMA_INTEGER, .required = true, .doc = "detection rules in force"},
};
const struct schema schema_threat_health =
    SCHEMA_OF("ThreatHealth", "What the threat routes work with", threat_health_fields);

static void write_behavior_stats(struct json_out *o, struct behavior *b)
{
    struct behavior_stats st = b ? behavior_stats(b) : (struct behavior_stats){0};
    json_out_key(o, STR("behavior"));
    if (!b) {
        json_out_null(o);
        return;
    }
    json_out_object(o);
    json_out_kv_u64(o, "entities", st.entities);
    json_out_kv_u64(o, "entities_max", st.entities_max);
    json_out_kv_u64(o, "bytes", st.bytes);
    json_out_kv_u64(o, "learned", st.learned);
    json_out_kv_u64(o, "evicted", st.evicted);
    json_out_kv_u64(o, "late", st.late);
    json_out_kv_u64(o, "skipped", st.skipped);
    json_out_kv_u64(o, "groups", st.groups);
    json_out_kv_u64(o, "found", st.found);
    json_out_kv_u64(o, "held_back", st.quieted);
    json_out_kv_u64(o, "resting", st.resting);
    json_out_kv_u64(o, "spilled", st.spilled);
    json_out_kv_u64(o, "loaded", st.loaded);
    json_out_kv_u64(o, "rest_failures", st.rest_failures);
    json_out_object_end(o);
}

static void write_network_stats(struct json_out *o, struct network *n)
{
    struct network_stats st = n ? network_stats(n) : (struct network_stats){0};
    json_out_key(o, STR("network"));
    if (!n) {
        json_out_null(o);
        return;
    }
    json_out_object(o);
    json_out_kv_u64(o, "sources", st.sources);
    json_out_kv_u64(o, "pairs", st.pairs);
    json_out_kv_u64(o, "evicted_sources", st.evicted_sources);
    json_out_kv_u64(o, "evicted_pairs", st.evicted_pairs);
    json_out_kv_u64(o, "flows", st.flows);
    json_out_object_end(o);
}

static void write_health(struct api_call *c, const struct imported *own)
{
    struct api *a = c->api;
    struct json_out o = call_json(c);
    struct scan_rules *scan = threat_rules(a);
    struct snapshot_ref *ref = a->options.engine ? engine_snapshot(a->options.engine) : NULL;
    const struct snapshot *s = ref ? snapshot_of(ref) : NULL;
    json_out_object(&o);
    write_behavior_stats(&o, a->options.behavior);
    write_network_stats(&o, a->options.network);
    json_out_key(&o, STR("intelligence"));
    json_out_object(&o);
    json_out_kv_u64(&o, "feeds", s && s->intel ? intel_set_stats(s->intel).indicators : 0);
    json_out_kv_u64(&o, "imported",
                    intel_set_stats(own->set).indicators + intel_set_stats(own->set).allowed);
    json_out_object_end(&o);
    json_out_key(&o, STR("scan"));
    json_out_object(&o);
    json_out_kv_u64(&o, "rules", scan_rules_count(scan));
    json_out_kv_u64(&o, "problems", scan ? scan_problem_count(scan) : 0);
    json_out_object_end(&o);
    json_out_kv_u64(&o, "rules", s && s->rules ? rule_set_loaded(s->rules) : 0);
    json_out_object_end(&o);
    snapshot_ref_drop(ref);
    scan_rules_unref(scan);
    call_send(c, 200);
}

void serve_threat_health(struct api_call *c)
{
    struct imported *own = NULL;
    struct error err;
    if (call_ok(c, threat_imported(c->api, str_z(c->who.tenant), &own, &err), &err))
        write_health(c, own);
    imported_drop(own);
}
