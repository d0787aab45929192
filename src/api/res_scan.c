/* SPDX-License-Identifier: Apache-2.0 */
/* POST /api/threat/scan: bytes or a text through malware rules and digests; a text's lines through the detection
 * rules too.
 *
 * The lines are judged on the loop, with its lane, before the rest goes to a worker: texts are small, files
 * are not.  What is found so is an answer and no alert. */
#include "api/finding.h"
#include "api/threat.h"
#include "codec/hex.h"
#include "ingest/feed.h"

enum { TEXT_BYTES_MAX = 1024 * 1024, FINDINGS_BYTES_MAX = 4 * 1024 * 1024 };

static const struct schema_field scan_fields[] = {
    {"text", SCHEMA_STRING, .required = true, .min = 1, .max = TEXT_BYTES_MAX,
     .doc = "scanned as it is; its lines are judged by the detection rules as well"},
};
static const struct schema scan_body = SCHEMA_OF("ScanText", "A text to scan", scan_fields);
const struct schema schema_scan = {.name = NULL, .media = "*/*"};

static const struct schema_field string_fields[] = {
    {"name", SCHEMA_STRING, .required = true, .doc = "of the rule's string"},
    {"offset", SCHEMA_INTEGER, .required = true, .doc = "bytes before it"},
    {"length", SCHEMA_INTEGER, .required = true, .doc = "bytes of it"},
    {"hex", SCHEMA_STRING, .required = true, .doc = "the first 64 of them"},
};
static const struct schema schema_scan_string =
    SCHEMA_OF("ScanString", "Where a rule matched", string_fields);
static const struct schema_field match_fields[] = {
    {"rule", SCHEMA_STRING, .required = true, .doc = "its name"},
    {"tags", SCHEMA_ARRAY, .required = true, .item = SCHEMA_STRING, .doc = "of the rule"},
    {"meta", SCHEMA_OBJECT, .required = true, .doc = "what the rule says of itself"},
    {"strings", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_scan_string,
     .doc = "up to 32"},
};
static const struct schema schema_scan_match =
    SCHEMA_OF("ScanMatch", "A malware rule that matched", match_fields);
static const struct schema_field known_fields[] = {
    {"kind", SCHEMA_STRING, .required = true, .doc = "md5, sha1 or sha256"},
    {"value", SCHEMA_STRING, .required = true, .doc = "the digest"},
    {"source", SCHEMA_STRING, .required = true, .doc = "who lists it"},
    {"description", SCHEMA_STRING, .required = true, .doc = "as what"},
    {"confidence", SCHEMA_NUMBER, .required = true, .min = 0, .max = 1, .doc = "that it is bad"},
};
static const struct schema schema_scan_known =
    SCHEMA_OF("ScanKnown", "A digest that is listed", known_fields);
static const struct schema_field scanned_fields[] = {
    {"verdict", SCHEMA_STRING, .required = true, .values = verdict_names,
     .doc = "malicious from a score of 0.7, suspicious above 0, else benign"},
    {"score", SCHEMA_NUMBER, .required = true, .min = 0, .max = 1, .doc = "of the worst"},
    {"size", SCHEMA_INTEGER, .required = true, .doc = "bytes"},
    {"md5", SCHEMA_STRING, .required = true, .doc = "digest"},
    {"sha1", SCHEMA_STRING, .required = true, .doc = "digest"},
    {"sha256", SCHEMA_STRING, .required = true, .doc = "digest"},
    {"allowed", SCHEMA_BOOLEAN, .required = true,
     .doc = "a digest is on an allow-list, which wins"},
    {"rules", SCHEMA_INTEGER, .required = true, .doc = "malware rules that were asked"},
    {"matches", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_scan_match,
     .doc = "malware rules that matched"},
    {"more_matches", SCHEMA_INTEGER, .required = true, .doc = "past 200: not listed"},
    {"indicators", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT,
     .child = &schema_scan_known, .doc = "digests that are listed"},
    {"findings", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_finding,
     .doc = "of the detection rules, in a text's lines"},
};
const struct schema schema_scanned = SCHEMA_OF("Scanned", "What a scan found", scanned_fields);

struct job {
    str bytes;
    struct json_doc *doc; /* owned; holds a text */
    struct sbuf findings; /* elements of the answer's array */
    double score;         /* of the worst finding */
};

static void over(struct api_call *c)
{
    struct job *j = c->user;
    json_doc_free(j->doc);
    sbuf_done(&j->findings);
}

/* ---- on the loop: lines of a text ---- */

static void judge_lines(struct api_call *c, struct job *j)
{
    struct engine_job *job = engine_lane_job(c->lane->lane);
    struct engine_result r;
    struct error err;
    feed_begin(c->lane->feed, &(struct feed_options){.limits = parse_limits_default,
                                                     .batch_bytes = 2 * TEXT_BYTES_MAX,
                                                     .plain = true,
                                                     .now_ms = c->now_ms});
    (void)feed_push(c->lane->feed, j->bytes); /* a batch holds more than a text */
    if (!feed_next(c->lane->feed, FEED_END, &job->batch, &job->stream) ||
        feed_failed(c->lane->feed, &err) != ST_OK)
        return; /* no lines that could be read are no findings */
    job->path = "scan";
    (void)snprintf(job->tenant, sizeof job->tenant, "%s", c->who.tenant);
    job->events_metric = METRIC_EVENTS_REALTIME;
    engine_match(c->lane->lane, &r); /* and not delivered: the next job on the lane begins anew */
    for (size_t i = 0; i < r.count; i++) {
        struct json_out o = json_out_on(&j->findings);
        size_t before = j->findings.n;
        sbuf_addz(&j->findings, before ? "," : "");
        finding_write_json(&o, r.found[i].finding);
        if (j->findings.full) { /* the answer says what fits */
            j->findings.n = before;
            break;
        }
        if ((double)r.found[i].finding->score_01 > j->score)
            j->score = (double)r.found[i].finding->score_01;
    }
}

/* ---- on a worker ---- */

static void write_strings(struct json_out *o, const struct scan_match *m)
{
    json_out_key(o, STR("strings"));
    json_out_array(o);
    for (size_t i = 0; i < m->strings; i++) {
        char hex[2 * SCAN_SHOWN_BYTES + 1];
        size_t n = hex_encode(m->string[i].bytes, hex);
        json_out_object(o);
        json_out_kv_str(o, "name", m->string[i].name);
        json_out_kv_u64(o, "offset", m->string[i].offset);
        json_out_kv_u64(o, "length", m->string[i].length);
        json_out_kv_str(o, "hex", (str){hex, n});
        json_out_object_end(o);
    }
    json_out_array_end(o);
}

static void write_match(struct json_out *o, const struct scan_match *m)
{
    json_out_object(o);
    json_out_kv_str(o, "rule", m->rule);
    json_out_key(o, STR("tags"));
    json_out_array(o);
    for (size_t i = 0; i < m->tags; i++)
        json_out_str(o, m->tag[i]);
    json_out_array_end(o);
    json_out_key(o, STR("meta"));
    json_out_object(o);
    for (size_t i = 0; i < m->metas; i++) {
        json_out_key(o, m->meta[i].name);
        json_out_str(o, m->meta[i].value);
    }
    json_out_object_end(o);
    write_strings(o, m);
    json_out_object_end(o);
}

static void write_known(struct json_out *o, const struct indicator *i)
{
    json_out_object(o);
    json_out_kv_str(o, "kind", str_z(intel_kind_name(i->kind)));
    json_out_kv_str(o, "value", i->value);
    json_out_kv_str(o, "source", i->source);
    json_out_kv_str(o, "description", i->description);
    json_out_kv_f64(o, "confidence", (double)i->confidence_01);
    json_out_object_end(o);
}

static void write_scanned(struct api_call *c, const struct job *j, const struct scan_result *r,
                          size_t rules)
{
    static const char *const digests[DIGEST_COUNT] = {"md5", "sha1", "sha256"};
    double score = scan_score(r);
    score = j->score > score ? j->score : score;
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_kv_str(&o, "verdict", str_z(verdict_names[score >= 0.7 ? 2 : score > 0]));
    json_out_kv_f64(&o, "score", (double)(int)(score * 1000 + 0.5) / 1000);
    json_out_kv_u64(&o, "size", j->bytes.n);
    for (size_t i = 0; i < DIGEST_COUNT; i++)
        json_out_kv_str(&o, digests[i], str_z(r->digest[i]));
    json_out_kv_bool(&o, "allowed", r->allowed);
    json_out_kv_u64(&o, "rules", rules);
    json_out_key(&o, STR("matches"));
    json_out_array(&o);
    for (size_t i = 0; i < r->matches; i++)
        write_match(&o, &r->match[i]);
    json_out_array_end(&o);
    json_out_kv_u64(&o, "more_matches", r->more);
    json_out_key(&o, STR("indicators"));
    json_out_array(&o);
    for (size_t i = 0; i < r->knowns; i++)
        write_known(&o, &r->known[i]);
    json_out_array_end(&o);
    json_out_key(&o, STR("findings"));
    sbuf_addc(c->out, '[');
    sbuf_add(c->out, sbuf_str(&j->findings));
    sbuf_addc(c->out, ']');
    json_out_object_end(&o);
    call_send(c, 200);
}

static void scan_on_worker(struct api_call *c)
{
    struct job *j = c->user;
    struct imported *own = NULL;
    struct scan_result r;
    struct error err;
    struct engine *e = c->api->options.engine;
    struct snapshot_ref *snapshot = e ? engine_snapshot(e) : NULL;
    struct scan_options o = {.rules = threat_rules(c->api)};
    status st = threat_imported(c->api, str_z(c->who.tenant), &own, &err);
    if (st == ST_OK) {
        o.intel[0] = own->set;
        o.intel[1] = snapshot ? snapshot_of(snapshot)->intel : NULL;
        st = scan_bytes(&o, j->bytes, c->arena, &r, &err);
    }
    if (call_ok(c, st, &err))
        write_scanned(c, j, &r, scan_rules_count(o.rules));
    imported_drop(own);
    scan_rules_unref(o.rules);
    snapshot_ref_drop(snapshot);
    answer_from_pool(c);
}

static bool is_json(const struct api_call *c)
{
    str type = http_header(c->request, STR("content-type"));
    return str_ieq(str_trim(str_cut(&type, ';')), STR("application/json"));
}

static bool read_text(struct api_call *c, struct job *j)
{
    struct error err;
    status st = json_doc_parse(c->body, 8 * TEXT_BYTES_MAX, &j->doc, &err);
    if (st == ST_OK)
        st = schema_check(&scan_body, json_doc_root(j->doc), &err);
    if (!call_ok(c, st, &err))
        return false;
    j->bytes = json_str(json_get(json_doc_root(j->doc), STR("text")), STR(""));
    return true;
}

void serve_threat_scan(struct api_call *c)
{
    struct job *j = arena_new(c->arena, struct job);
    if (!j) {
        call_problem(c, 503, "busy", "no memory left to scan");
        return;
    }
    sbuf_init(&j->findings, FINDINGS_BYTES_MAX);
    j->bytes = c->body;
    c->user = j;
    c->over = over;
    if (is_json(c)) {
        if (!read_text(c, j))
            return;
        if (c->lane->lane)
            judge_lines(c, j);
    }
    call_to_pool(c, scan_on_worker);
}
