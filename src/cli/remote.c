/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/remote.h"

#include "cli/cli_int.h"
#include "codec/url.h"
#include <limits.h>
#include <stdlib.h>

enum { ARENA_MAX = 16 << 20, BODY_MAX = 16 << 20, ANSWER_MAX = 64 << 20, TIMEOUT_MS = 60 * 1000 };

static const char default_server[] = "http://127.0.0.1:3002";

/* ---- opening ---- */

static const char *choose(struct remote *r, const char *option, str remembered,
                          const char *otherwise)
{
    const char *given = args_text(r->args, option);
    if (*given)
        return given;
    return remembered.n ? arena_str(&r->arena, remembered).p : otherwise;
}

/* A certificate is remembered from another folder than the next command may be given in. */
static status absolute(struct remote *r, const char **path, struct error *err)
{
    char whole[PATH_MAX];
    if (!*path || !**path)
        return ST_OK;
    if (!realpath(*path, whole))
        return fail(err, ST_NOT_FOUND, "the certificate '%s' cannot be found", *path);
    *path = arena_str(&r->arena, str_z(whole)).p;
    return ST_OK;
}

status remote_open(struct remote *r, const struct args *a, struct error *err)
{
    *r = (struct remote){.args = a};
    arena_init(&r->arena, ARENA_MAX);
    sbuf_init(&r->request, BODY_MAX);
    status s = session_read(&r->session, &r->arena, err);
    if (s != ST_OK)
        return s;
    const char *server = choose(r, "server", r->session.server, default_server);
    /* A token is for the service that gave it, and for no other. */
    bool elsewhere = r->session.server.n && !str_eq(r->session.server, str_z(server));
    if (elsewhere && !r->session.from_environment)
        r->session = (struct session){0};
    const char *ca = choose(r, "ca", r->session.ca, NULL);
    s = absolute(r, &ca, err);
    r->session.server = str_z(server);
    r->session.ca = str_z(ca);
    struct client_options o = {.base_url = server,
                               .ca_file = ca,
                               .bearer = r->session.access.n ? r->session.access.p : NULL,
                               .timeout_ms = TIMEOUT_MS,
                               .answer_bytes = ANSWER_MAX};
    return s == ST_OK ? client_new(&o, &r->client, err) : s;
}

void remote_close(struct remote *r)
{
    json_doc_free(r->doc);
    client_free(r->client);
    sbuf_done(&r->request);
    arena_done(&r->arena);
    *r = (struct remote){0};
}

/* ---- asking ---- */

struct json_out remote_body(struct remote *r)
{
    sbuf_clear(&r->request);
    return json_out_on(&r->request);
}

static status status_of(int http_status)
{
    static const struct {
        int http;
        status s;
    } table[] = {{401, ST_UNAUTHORIZED}, {403, ST_FORBIDDEN}, {404, ST_NOT_FOUND},
                 {409, ST_CONFLICT},     {413, ST_LIMIT},     {415, ST_UNSUPPORTED},
                 {429, ST_BUSY}};
    for (size_t i = 0; i < COUNT(table); i++)
        if (table[i].http == http_status)
            return table[i].s;
    return http_status >= 500 ? ST_UNAVAILABLE : ST_INVALID;
}

status remote_refused(int http_status, str body, struct error *err)
{
    struct json_doc *doc = NULL;
    json_node root = {0};
    if (json_doc_parse(body, ANSWER_MAX, &doc, NULL) == ST_OK)
        root = json_doc_root(doc);
    str title = json_str(json_get(root, STR("title")), STR(""));
    str detail = json_str(json_get(root, STR("detail")), title);
    str id = json_str(json_get(root, STR("request_id")), STR(""));
    status s = fail(err, status_of(http_status), "the service says: " STR_FMT "%s%s" STR_FMT "%s",
                    STR_ARG(str_head(detail, 150)), detail.n ? "" : "no", id.n ? " (request " : "",
                    STR_ARG(str_head(id, 40)), id.n ? ")" : "");
    if (http_status == 401)
        s = fail(err, ST_UNAUTHORIZED, "not logged in, or no longer: bguard login");
    json_doc_free(doc);
    return s;
}

static status keep_answer(struct remote *r, const struct client_answer *answer, struct error *err)
{
    json_doc_free(r->doc);
    r->doc = NULL;
    r->root = (json_node){0};
    r->body = answer->body;
    bool json = str_contains(answer->content_type, STR("json")) && answer->body.n;
    if (answer->status >= 400)
        return remote_refused(answer->status, answer->body, err);
    if (!json)
        return ST_OK;
    status s = json_doc_parse(answer->body, ANSWER_MAX, &r->doc, err);
    if (s != ST_OK)
        return fail_prefix(err, s, "the answer of '" STR_FMT "'", STR_ARG(r->session.server));
    r->root = json_doc_root(r->doc);
    return ST_OK;
}

/* Has another command renewed it meanwhile? */
static bool adopt(struct remote *r)
{
    struct session now;
    struct error err;
    if (session_read(&now, &r->arena, &err) != ST_OK || now.access.n == 0 ||
        !str_eq(now.server, r->session.server) || str_eq(now.access, r->session.access) ||
        client_set_bearer(r->client, now.access.p, &err) != ST_OK)
        return false;
    r->session = now;
    return true;
}

static status ask_for_tokens(struct remote *r, struct error *err)
{
    struct sbuf body;
    sbuf_init(&body, 1 << 16);
    struct json_out o = json_out_on(&body);
    json_out_object(&o);
    json_out_kv_str(&o, "refresh_token", r->session.refresh);
    json_out_object_end(&o);
    struct client_answer answer;
    r->session.refresh = (str){0}; /* it is good once */
    status s = client_set_bearer(r->client, NULL, err);
    if (s == ST_OK)
        s = client_ask(r->client, "POST", "/api/auth/refresh", "application/json", sbuf_str(&body),
                       NULL, &answer, err);
    sbuf_done(&body);
    return s == ST_OK ? keep_answer(r, &answer, err) : s;
}

void remote_take_tokens(struct remote *r)
{
    r->session.access =
        arena_str(&r->arena, json_str(json_get(r->root, STR("access_token")), STR("")));
    r->session.refresh =
        arena_str(&r->arena, json_str(json_get(r->root, STR("refresh_token")), STR("")));
}

static bool renew(struct remote *r)
{
    struct error err;
    if (r->session.refresh.n == 0 || ask_for_tokens(r, &err) != ST_OK)
        return false;
    remote_take_tokens(r);
    if (client_set_bearer(r->client, r->session.access.p, &err) != ST_OK ||
        session_write(&r->session, &err) != ST_OK)
        cli_note("%s", err.text);
    return true;
}

bool remote_renew(struct remote *r, int http_status)
{
    if (http_status != 401 || r->session.from_environment)
        return false;
    int lock = session_lock();
    bool renewed = adopt(r) || renew(r);
    session_unlock(lock);
    return renewed;
}

status remote_ask(struct remote *r, const char *method, const char *path, struct error *err)
{
    struct client_answer answer;
    str body = r->request.n ? sbuf_str(&r->request) : (str){0};
    const char *type = body.n ? "application/json" : NULL;
    status s = client_ask(r->client, method, path, type, body, NULL, &answer, err);
    if (s == ST_OK && remote_renew(r, answer.status))
        s = client_ask(r->client, method, path, type, body, NULL, &answer, err);
    return s == ST_OK ? keep_answer(r, &answer, err) : s;
}

const char *remote_path(struct remote *r, const char *before, const char *word, const char *after)
{
    struct sbuf b;
    sbuf_init(&b, 1 << 16);
    sbuf_addz(&b, before);
    url_encode(&b, str_z(word));
    sbuf_addz(&b, after);
    const char *path = arena_str(&r->arena, sbuf_str(&b)).p;
    sbuf_done(&b);
    return path;
}

/* ---- printing ---- */

bool remote_print_json(const struct remote *r)
{
    if (!args_flag(r->args, "json"))
        return false;
    fwrite(r->body.p, 1, r->body.n, stdout);
    if (r->body.n == 0 || r->body.p[r->body.n - 1] != '\n')
        fputc('\n', stdout);
    return true;
}

static void print_level_cell(str text)
{
    struct style style = cli_style();
    enum level level;
    if (level_find(text, &level))
        print_level(&style, level);
    else
        print_column(stdout, text, LEVEL_COLUMNS);
}

/* "2026-05-17T08:31:02.123Z" → "2026-05-17 08:31:02" */
static void print_time_cell(str text)
{
    char shown[TIME_COLUMNS + 1];
    snprintf(shown, sizeof shown, STR_FMT, STR_ARG(text));
    if (text.n > 10)
        shown[10] = ' ';
    print_column(stdout, str_z(shown), TIME_COLUMNS);
}

/* The values of an object, the first few. */
static void print_values_cell(json_node object, size_t width)
{
    struct sbuf b = {.cap = 256};
    for (struct json_each it = json_each(object); json_each_next(&it) && b.n < width;) {
        if (b.n)
            sbuf_addc(&b, ' ');
        sbuf_add(&b, str_head(json_str(it.value, STR("")), 60));
    }
    print_column(stdout, sbuf_str(&b), width);
    sbuf_done(&b);
}

static void print_cell(json_node v, const struct column *c)
{
    if (c->kind == COLUMN_VALUES) {
        print_values_cell(v, c->width);
        return;
    }
    char number[32];
    str text = json_str(v, STR("-"));
    if (json_kind(v) == JSON_IS_NUMBER) {
        snprintf(number, sizeof number, "%.10g", json_real(v, 0));
        text = str_z(number);
    } else if (json_kind(v) == JSON_IS_BOOL) {
        text = json_bool(v, false) ? STR("yes") : STR("no");
    }
    if (c->kind == COLUMN_LEVEL)
        print_level_cell(text);
    else if (c->kind == COLUMN_TIME)
        print_time_cell(text);
    else if (c->width)
        print_column(stdout, text, c->width);
    else
        print_text(stdout, text, 0);
}

static size_t width_of(const struct column *c)
{
    return c->kind == COLUMN_TIME    ? TIME_COLUMNS
           : c->kind == COLUMN_LEVEL ? LEVEL_COLUMNS
                                     : c->width;
}

void remote_print_row(json_node row, const struct column *column, size_t columns)
{
    for (size_t i = 0; i < columns; i++) {
        if (i)
            fputs("  ", stdout);
        print_cell(json_get(row, str_z(column[i].key)), &column[i]);
    }
    fputc('\n', stdout);
}

void remote_print_rows(json_node rows, const struct column *column, size_t columns,
                       const char *none)
{
    struct style style = cli_style();
    if (json_count(rows) == 0) {
        puts(none);
        return;
    }
    print_bold(&style);
    for (size_t i = 0; i < columns; i++) {
        if (i)
            fputs("  ", stdout);
        print_column(stdout, str_z(column[i].heading), width_of(&column[i]));
    }
    print_plain(&style);
    fputc('\n', stdout);
    for (struct json_each it = json_each(rows); json_each_next(&it);)
        remote_print_row(it.value, column, columns);
}
