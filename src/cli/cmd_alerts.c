/* SPDX-License-Identifier: Apache-2.0 */
/* alerts list, show, ack, close, watch. */
#include "cli/cli_int.h"
#include "cli/remote.h"
#include "codec/url.h"
#include "detect/score.h"
#include "os/stop.h"

#include <poll.h>

enum { QUERY_MAX = 8192, PAGE_MAX = 1000, ID_MAX = 64, LINE_BYTES_MAX = 4 << 20, PAUSE_MS = 1000 };

static const struct column alert_column[] = {{"last_seen", "last seen", 0, COLUMN_TIME},
                                             {"level", "level", 0, COLUMN_LEVEL},
                                             {"status", "status", 12, COLUMN_TEXT},
                                             {"count", "count", 5, COLUMN_NUMBER},
                                             {"id", "id", 26, COLUMN_TEXT},
                                             {"entity", "whom", 26, COLUMN_VALUES},
                                             {"title", "title", 0, COLUMN_TEXT}};

/* ---- list ---- */

static void add_query(struct sbuf *b, const char *name, const char *value)
{
    if (!*value)
        return;
    sbuf_addf(b, "%c%s=", memchr(b->p, '?', b->n) ? '&' : '?', name);
    url_encode(b, str_z(value));
}

static void list_url(const struct args *a, const char *cursor, uint64_t limit, struct sbuf *b)
{
    char number[24];
    const char *status_name = args_text(a, "status"), *level = args_text(a, "min-level");
    snprintf(number, sizeof number, "%llu", (unsigned long long)limit);
    sbuf_clear(b);
    sbuf_addz(b, "/api/alerts");
    add_query(b, "limit", number);
    add_query(b, "status", strcmp(status_name, "any") == 0 ? "" : status_name);
    add_query(b, "level", strcmp(level, "informational") == 0 ? "" : level);
    add_query(b, "entity", args_text(a, "entity"));
    add_query(b, "rule", args_text(a, "rule"));
    add_query(b, "text", args_text(a, "text"));
    add_query(b, "from", args_text(a, "from"));
    add_query(b, "to", args_text(a, "to"));
    add_query(b, "cursor", cursor);
}

static status list(struct remote *r, struct error *err)
{
    struct sbuf url;
    char cursor[512] = "";
    uint64_t left = args_number(r->args, "most");
    bool first = true;
    sbuf_init(&url, QUERY_MAX);
    status s = ST_OK;
    do {
        list_url(r->args, cursor, left < PAGE_MAX ? left : PAGE_MAX, &url);
        s = remote_ask(r, "GET", url.p, err);
        if (s != ST_OK)
            break;
        json_node rows = json_get(r->root, STR("alerts"));
        if (!remote_print_json(r))
            remote_print_rows(rows, alert_column, COUNT(alert_column), first ? "no alerts" : "");
        first = false;
        left -= json_count(rows) < left ? json_count(rows) : left;
        snprintf(cursor, sizeof cursor, STR_FMT,
                 STR_ARG(json_str(json_get(r->root, STR("next")), STR(""))));
    } while (left && *cursor);
    sbuf_done(&url);
    return s;
}

int cmd_alerts_list(const struct args *a)
{
    struct remote r = {0};
    struct error err;
    status s = remote_open(&r, a, &err);
    if (s == ST_OK)
        s = list(&r, &err);
    remote_close(&r);
    return s == ST_OK ? 0 : cli_fail(&err);
}

/* ---- show ---- */

static void print_value(const char *name, str value)
{
    if (!value.n)
        return;
    printf("%-14s ", name);
    print_text(stdout, value, 0);
    fputc('\n', stdout);
}

static void print_members(const char *heading, json_node object)
{
    if (!json_count(object))
        return;
    printf("\n%s\n", heading);
    for (struct json_each it = json_each(object); json_each_next(&it);) {
        if (str_eq(it.key, STR(EVIDENCE_ROW)))
            continue; /* for training; the reasons say what matters of it */
        fputs("  ", stdout);
        print_column(stdout, it.key, 30);
        fputs("  ", stdout);
        print_text(stdout, json_str(it.value, STR("…")), 0);
        fputc('\n', stdout);
    }
}

static void print_events(json_node events)
{
    if (!json_count(events))
        return;
    puts("\nevents");
    for (struct json_each it = json_each(events); json_each_next(&it);) {
        str raw = json_str(json_get(it.value, STR("raw")), STR(""));
        fputs("  ", stdout);
        print_text(stdout, raw.n ? str_trim(raw) : STR("(a correlation: see the entities)"), 0);
        fputc('\n', stdout);
    }
}

static void print_alert(json_node alert)
{
    static const char *const shown[] = {"title",      "id",     "level",      "status",
                                        "owner",      "note",   "rule",       "reason",
                                        "created_at", "source", "first_seen", "last_seen"};
    for (size_t i = 0; i < COUNT(shown); i++)
        print_value(shown[i], json_str(json_get(alert, str_z(shown[i])), STR("")));
    printf("%-14s %lld\n", "count", (long long)json_int(json_get(alert, STR("count")), 0));
    json_node techniques = json_get(alert, STR("techniques"));
    for (struct json_each it = json_each(techniques); json_each_next(&it);)
        print_value("technique", json_str(it.value, STR("")));
    print_members("entities", json_get(alert, STR("entity")));
    print_members("evidence", json_get(alert, STR("evidence")));
}

int cmd_alerts_show(const struct args *a)
{
    struct remote r = {0};
    struct error err;
    status s = remote_open(&r, a, &err);
    for (size_t i = 0; i < a->operand_count && s == ST_OK; i++) {
        s = remote_ask(&r, "GET", remote_path(&r, "/api/alerts/", a->operand[i], ""), &err);
        if (s == ST_OK && !remote_print_json(&r)) {
            print_alert(json_get(r.root, STR("alert")));
            print_events(json_get(r.root, STR("events")));
        }
    }
    remote_close(&r);
    return s == ST_OK ? 0 : cli_fail(&err);
}

/* ---- ack, close ---- */

static int decide(const struct args *a, const char *verb, const char *verdict)
{
    struct remote r = {0};
    struct error err;
    status s = remote_open(&r, a, &err);
    struct json_out o = remote_body(&r);
    json_out_object(&o);
    if (verdict)
        json_out_kv_str(&o, "verdict", str_z(verdict));
    if (*args_text(a, "note"))
        json_out_kv_str(&o, "note", str_z(args_text(a, "note")));
    json_out_object_end(&o);
    for (size_t i = 0; i < a->operand_count && s == ST_OK; i++) {
        s = remote_ask(&r, "POST", remote_path(&r, "/api/alerts/", a->operand[i], verb), &err);
        if (s == ST_OK && !remote_print_json(&r))
            remote_print_row(r.root, alert_column, COUNT(alert_column));
    }
    remote_close(&r);
    return s == ST_OK ? 0 : cli_fail(&err);
}

int cmd_alerts_ack(const struct args *a)
{
    return decide(a, "/acknowledge", NULL);
}

int cmd_alerts_close(const struct args *a)
{
    struct error err;
    if (*args_text(a, "verdict"))
        return decide(a, "/close", args_text(a, "verdict"));
    (void)fail(&err, ST_INVALID,
               "'alerts close' wants --verdict true_positive or --verdict false_positive");
    return cli_fail(&err);
}

int cmd_alerts_reopen(const struct args *a)
{
    return decide(a, "/reopen", NULL);
}

/* ---- watch: server-sent events ---- */

struct watch {
    struct remote r;
    struct sbuf line; /* what came of the line under way */
    struct sbuf data; /* of the message under way */
    char id[ID_MAX];  /* of the last message: where to go on */
    bool json;
    bool lost; /* told that the connection ended */
};

static void print_message(struct watch *w)
{
    struct json_doc *doc = NULL;
    if (w->json) {
        fwrite(w->data.p, 1, w->data.n, stdout);
        fputc('\n', stdout);
    } else if (json_doc_parse(sbuf_str(&w->data), LINE_BYTES_MAX, &doc, NULL) == ST_OK) {
        json_node root = json_doc_root(doc);
        json_node alert = json_get(root, STR("data"));
        if (str_starts(json_str(json_get(root, STR("type")), STR("")), STR("alert.")))
            remote_print_row(alert, alert_column, COUNT(alert_column));
        json_doc_free(doc);
    }
    fflush(stdout);
}

static void take_line(struct watch *w, str line)
{
    if (line.n == 0) {
        if (w->data.n)
            print_message(w);
        sbuf_clear(&w->data);
    } else if (str_starts(line, STR("data:"))) {
        sbuf_add(&w->data, str_trim(str_from(line, 5)));
    } else if (str_starts(line, STR("id:"))) {
        snprintf(w->id, sizeof w->id, STR_FMT, STR_ARG(str_trim(str_from(line, 3))));
    }
}

static bool take_piece(void *arg, str bytes)
{
    struct watch *w = arg;
    w->lost = false;
    while (bytes.n) {
        size_t n = str_find(bytes, '\n');
        sbuf_add(&w->line, str_head(bytes, n));
        if (n == bytes.n)
            break;
        str line = sbuf_str(&w->line);
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        take_line(w, line);
        sbuf_clear(&w->line);
        bytes = str_from(bytes, n + 1);
    }
    return !stop_requested() && !ferror(stdout) && !w->line.full;
}

static status watch_once(struct watch *w, int *http_status, struct error *err)
{
    struct sbuf url;
    char last[ID_MAX + 32];
    const char *header[2] = {NULL, NULL};
    const char *level = args_text(w->r.args, "min-level");
    sbuf_init(&url, QUERY_MAX);
    sbuf_addz(&url, "/api/stream?topics=alerts");
    add_query(&url, "min_level", strcmp(level, "informational") == 0 ? "" : level);
    if (*w->id) {
        snprintf(last, sizeof last, "Last-Event-ID: %s", w->id);
        header[0] = last;
    }
    sbuf_clear(&w->line);
    sbuf_clear(&w->data);
    status s = client_stream(w->r.client, url.p, header, take_piece, w, http_status, err);
    sbuf_done(&url);
    return s;
}

/* A service that restarts is waited for; one that was never there, or says no, is not. */
static status watch(struct watch *w, struct error *err)
{
    bool was_there = false;
    while (!stop_requested()) {
        int http_status = 0;
        status s = watch_once(w, &http_status, err);
        if (remote_renew(&w->r, http_status))
            continue;
        if (http_status >= 400 && http_status < 500)
            return remote_refused(http_status, STR(""), err);
        if (s != ST_OK && !was_there && http_status == 0)
            return s;
        was_there = was_there || http_status == 200;
        if (!stop_requested() && !w->lost)
            cli_note("the connection ended; it is tried again");
        w->lost = true;
        if (!stop_requested())
            (void)poll(NULL, 0, PAUSE_MS); /* between two tries */
    }
    return ST_OK;
}

int cmd_alerts_watch(const struct args *a)
{
    struct watch w = {.json = args_flag(a, "json")};
    struct error err;
    stop_on_signals();
    sbuf_init(&w.line, LINE_BYTES_MAX);
    sbuf_init(&w.data, LINE_BYTES_MAX);
    status s = remote_open(&w.r, a, &err);
    if (s == ST_OK)
        s = watch(&w, &err);
    sbuf_done(&w.line);
    sbuf_done(&w.data);
    remote_close(&w.r);
    return s == ST_OK ? 0 : cli_fail(&err);
}
