/* SPDX-License-Identifier: Apache-2.0 */
/* threat detect, behavior, network, intel, scan: thin calls of the service's threat routes. */
#include "cli/cli_int.h"
#include "cli/remote.h"
#include "codec/url.h"
#include "os/file.h"

enum {
    FILE_BYTES_MAX = 32 * 1024 * 1024,
    LINES_AT_ONCE = 1000,
    BATCH_BYTES = 768 * 1024,
    EVENTS_MAX = 10000
};

/* The whole of a file or of standard input. */
static status read_input(const char *path, struct sbuf *out, struct error *err)
{
    int fd = 0;
    size_t n = 1;
    bool piped = strcmp(path, "-") == 0;
    sbuf_init(out, FILE_BYTES_MAX);
    status s = piped ? ST_OK : file_open(path, FILE_ANY, &fd, err);
    if (s != ST_OK)
        return s;
    while (s == ST_OK && n > 0) {
        char *room = sbuf_space(out, 4096);
        if (!room) {
            s = fail(err, ST_LIMIT, "more than %d MiB", FILE_BYTES_MAX >> 20);
            break;
        }
        s = file_read(fd, room, 4096, &n, err);
        if (s == ST_OK)
            sbuf_grew(out, n);
    }
    if (!piped)
        file_close(fd);
    return s == ST_OK ? s : fail_prefix(err, s, "'%.80s'", path);
}

/* POST bytes as they are; the answer is in r->root and r->body. */
static status post_bytes(struct remote *r, const char *path, str bytes, struct error *err)
{
    struct client_answer answer;
    for (int again = 0;; again++) {
        status s = client_ask(r->client, "POST", path, "application/octet-stream", bytes, NULL,
                              &answer, err);
        if (s != ST_OK)
            return s;
        if (again || !remote_renew(r, answer.status))
            break;
    }
    if (answer.status >= 400)
        return remote_refused(answer.status, answer.body, err);
    json_doc_free(r->doc);
    r->doc = NULL;
    status s = json_doc_parse(answer.body, answer.body.n, &r->doc, err);
    r->root = s == ST_OK ? json_doc_root(r->doc) : (json_node){NULL};
    r->body = answer.body;
    return s;
}

typedef status on_path_fn(struct remote *r, const char *path, struct error *err);
static int each_path(const struct args *a, on_path_fn *on_path)
{
    struct remote r = {0};
    struct error err;
    status s = remote_open(&r, a, &err);
    for (size_t i = 0; i < a->operand_count && s == ST_OK; i++)
        s = on_path(&r, a->operand[i], &err);
    remote_close(&r);
    return s == ST_OK ? 0 : cli_fail(&err);
}

static void print_str(const char *before, json_node n)
{
    fputs(before, stdout);
    print_text(stdout, json_str(n, STR("")), 0);
}

/* ---- detect ---- */

static void print_verdicts(struct remote *r, size_t first)
{
    json_node results = json_get(r->root, STR("results"));
    size_t i = first;
    for (struct json_each it = json_each(results); json_each_next(&it); i++) {
        json_node findings = json_get(it.value, STR("findings"));
        for (struct json_each f = json_each(findings); json_each_next(&f);) {
            printf("%-8zu", i + 1);
            print_str("  ", json_get(it.value, STR("verdict")));
            print_str("  ", json_get(f.value, STR("level")));
            print_str("  ", json_get(f.value, STR("title")));
            fputc('\n', stdout);
        }
    }
}

/* As many lines as one request takes. */
static str cut_lines(str *text)
{
    size_t n = 0, lines = 0;
    while (n < text->n && lines < LINES_AT_ONCE && n < BATCH_BYTES) {
        n += str_find(str_from(*text, n), '\n') + 1;
        lines++;
    }
    n = n < text->n ? n : text->n;
    str head = str_head(*text, n);
    *text = str_from(*text, n);
    return head;
}

static status detect(struct remote *r, const char *path, struct error *err)
{
    struct sbuf input;
    size_t events = 0;
    status s = read_input(path, &input, err);
    str text = sbuf_str(&input);
    while (s == ST_OK && text.n) {
        s = post_bytes(r, "/api/threat/detect-realtime", cut_lines(&text), err);
        if (s != ST_OK)
            break;
        if (!remote_print_json(r))
            print_verdicts(r, events);
        events += json_count(json_get(r->root, STR("results")));
    }
    sbuf_done(&input);
    return s;
}

int cmd_threat_detect(const struct args *a)
{
    return each_path(a, detect);
}

/* ---- behavior ---- */

static const struct column factor_column[] = {{"name", "factor", 10, COLUMN_TEXT},
                                              {"observed", "observed", 32, COLUMN_TEXT},
                                              {"expected", "expected", 32, COLUMN_TEXT},
                                              {"reason", "reason", 0, COLUMN_TEXT}};

/* Each line is an event: as text, which the service takes for whatever record it is. */
static status behavior(struct remote *r, const char *path, struct error *err)
{
    struct sbuf input;
    status s = read_input(path, &input, err);
    str text = sbuf_str(&input);
    struct json_out o = remote_body(r);
    size_t n = 0;
    json_out_object(&o);
    json_out_kv_str(&o, "entity", str_z(args_text(r->args, "entity")));
    json_out_kv_bool(&o, "learn", args_flag(r->args, "learn"));
    json_out_key(&o, STR("events"));
    json_out_array(&o);
    while (text.n && n++ < EVENTS_MAX)
        json_out_str(&o, str_cut(&text, '\n'));
    json_out_array_end(&o);
    json_out_object_end(&o);
    if (s == ST_OK && text.n)
        s = fail(err, ST_LIMIT, "'%.80s' has more than %d events", path, EVENTS_MAX);
    if (s == ST_OK)
        s = remote_ask(r, "POST", "/api/threat/analyze-behavior", err);
    sbuf_done(&input);
    if (s != ST_OK || remote_print_json(r))
        return s;
    print_str("", json_get(r->root, STR("summary")));
    printf("\ndeviation %.2f, confidence %.2f, %lld events known\n",
           json_real(json_get(r->root, STR("deviation")), 0),
           json_real(json_get(r->root, STR("confidence")), 0),
           (long long)json_int(json_get(r->root, STR("known_events")), 0));
    remote_print_rows(json_get(r->root, STR("factors")), factor_column, COUNT(factor_column), "");
    return s;
}

int cmd_threat_behavior(const struct args *a)
{
    struct error err;
    if (!*args_text(a, "entity")) {
        (void)fail(&err, ST_INVALID, "whom? give --entity, such as user:alice");
        return cli_fail(&err);
    }
    return each_path(a, behavior);
}

/* ---- network ---- */

static status network(struct remote *r, const char *path, struct error *err)
{
    struct sbuf input;
    status s = read_input(path, &input, err);
    if (s == ST_OK)
        s = post_bytes(r, "/api/threat/monitor-network", sbuf_str(&input), err);
    sbuf_done(&input);
    if (s != ST_OK || remote_print_json(r))
        return s;
    json_node detections = json_get(r->root, STR("detections"));
    for (struct json_each it = json_each(detections); json_each_next(&it);) {
        json_node f = json_get(it.value, STR("finding"));
        print_str("", json_get(it.value, STR("kind")));
        print_str("  ", json_get(f, STR("level")));
        print_str("  ", json_get(json_get(f, STR("entity")), STR("source.ip")));
        print_str("  ", json_get(f, STR("reason")));
        fputc('\n', stdout);
    }
    printf("%lld flows, %zu detections\n", (long long)json_int(json_get(r->root, STR("flows")), 0),
           json_count(detections));
    return s;
}

int cmd_threat_network(const struct args *a)
{
    return each_path(a, network);
}

/* ---- intel ---- */

static const struct column known_column[] = {{"kind", "kind", 8, COLUMN_TEXT},
                                             {"value", "value", 32, COLUMN_TEXT},
                                             {"source", "source", 20, COLUMN_TEXT},
                                             {"description", "description", 0, COLUMN_TEXT}};

static bool print_answers(const struct remote *r)
{
    bool any = false, json = remote_print_json(r);
    json_node results = json_get(r->root, STR("results"));
    for (struct json_each it = json_each(results); json_each_next(&it);) {
        bool listed = json_bool(json_get(it.value, STR("listed")), false);
        any |= listed;
        if (json)
            continue;
        print_str("", json_get(it.value, STR("value")));
        puts(listed                                                 ? ": listed"
             : json_bool(json_get(it.value, STR("allowed")), false) ? ": allowed"
                                                                    : ": not listed");
        if (listed)
            remote_print_rows(json_get(it.value, STR("matches")), known_column, COUNT(known_column),
                              "");
    }
    return any;
}

int cmd_threat_intel(const struct args *a)
{
    struct remote r = {0};
    struct error err;
    bool any = false;
    status s = remote_open(&r, a, &err);
    struct json_out o = remote_body(&r);
    json_out_object(&o);
    json_out_key(&o, STR("indicators"));
    json_out_array(&o);
    for (size_t i = 0; i < a->operand_count; i++)
        json_out_str(&o, str_z(a->operand[i]));
    json_out_array_end(&o);
    json_out_object_end(&o);
    if (s == ST_OK)
        s = remote_ask(&r, "POST", "/api/threat/query-intelligence", &err);
    if (s == ST_OK)
        any = print_answers(&r);
    remote_close(&r);
    return s != ST_OK ? cli_fail(&err) : any ? 0 : status_exit(ST_NOT_FOUND);
}

/* ---- scan ---- */

/* Else "benign" would say more than anybody knows. */
static void note_rules(const struct remote *r)
{
    if (json_int(json_get(r->root, STR("rules")), 1) == 0)
        cli_note("no YARA rules are loaded, only digests are looked up; set `yara` in the "
                 "service's settings");
}

static status scan(struct remote *r, const char *path, struct error *err)
{
    struct sbuf input;
    status s = read_input(path, &input, err);
    if (s == ST_OK)
        s = post_bytes(r, "/api/threat/scan", input.n ? sbuf_str(&input) : STR(""), err);
    sbuf_done(&input);
    if (s == ST_OK)
        note_rules(r);
    if (s != ST_OK || remote_print_json(r))
        return s;
    print_text(stdout, str_z(path), 0);
    print_str(": ", json_get(r->root, STR("verdict")));
    json_node matches = json_get(r->root, STR("matches")),
              known = json_get(r->root, STR("indicators"));
    for (struct json_each it = json_each(matches); json_each_next(&it);)
        print_str("  ", json_get(it.value, STR("rule")));
    for (struct json_each it = json_each(known); json_each_next(&it);)
        print_str("  listed by ", json_get(it.value, STR("source")));
    print_str("  ", json_get(r->root, STR("sha256")));
    fputc('\n', stdout);
    return s;
}

int cmd_threat_scan(const struct args *a)
{
    return each_path(a, scan);
}
