/* SPDX-License-Identifier: Apache-2.0 */
/* login, logout, health: whom one talks to. */
#include "cli/cli_int.h"
#include "cli/remote.h"
#include "crypto/crypto.h"
#include "os/terminal.h"

enum { PASSWORD_MAX = 256, PROMPT_MAX = 400 };

/* ---- login ---- */

static status ask_password(const char *prompt, char out[static PASSWORD_MAX], str *password,
                           struct error *err)
{
    size_t n = 0;
    if (!terminal_secret(prompt, out, PASSWORD_MAX, &n) || n == 0)
        return fail(err, ST_INVALID,
                    "a password of 1 to 256 bytes is wanted, typed or on standard input");
    *password = (str){out, n};
    return ST_OK;
}

static status login(struct remote *r, const struct args *a, str password, struct error *err)
{
    status s = client_set_bearer(r->client, NULL, err);
    if (s != ST_OK)
        return s;
    r->session.refresh = (str){0};
    struct json_out o = remote_body(r);
    json_out_object(&o);
    json_out_kv_str(&o, "username", str_z(args_text(a, "user")));
    json_out_kv_str(&o, "password", password);
    json_out_object_end(&o);
    struct client_answer answer;
    s = client_ask(r->client, "POST", "/api/auth/login", "application/json", sbuf_str(&r->request),
                   NULL, &answer, err);
    crypto_wipe(r->request.p, r->request.n);
    if (s == ST_OK && answer.status == 401)
        return fail(err, ST_UNAUTHORIZED, "the name or the password is wrong");
    if (s == ST_OK && answer.status >= 400)
        return remote_refused(answer.status, answer.body, err);
    if (s == ST_OK)
        s = json_doc_parse(answer.body, answer.body.n, &r->doc, err);
    if (s != ST_OK)
        return s;
    r->root = json_doc_root(r->doc);
    remote_take_tokens(r);
    return session_write(&r->session, err);
}

int cmd_login(const struct args *a)
{
    struct remote r = {0};
    struct error err;
    char text[PASSWORD_MAX];
    str password = {0};
    char prompt[PROMPT_MAX];
    status s = remote_open(&r, a, &err);
    if (s == ST_OK) {
        snprintf(prompt, sizeof prompt, "password of %s at " STR_FMT ": ", args_text(a, "user"),
                 STR_ARG(r.session.server));
        s = ask_password(prompt, text, &password, &err);
    }
    if (s == ST_OK)
        s = login(&r, a, password, &err);
    crypto_wipe(text, sizeof text);
    if (s == ST_OK && !args_flag(a, "quiet"))
        cli_note("logged in to " STR_FMT " as %s", STR_ARG(r.session.server), args_text(a, "user"));
    remote_close(&r);
    return s == ST_OK ? 0 : cli_fail(&err);
}

int cmd_logout(const struct args *a)
{
    struct remote r = {0};
    struct error err;
    status s = remote_open(&r, a, &err);
    if (s == ST_OK && r.session.access.n)
        s = remote_ask(&r, "POST", "/api/auth/logout", &err);
    if (s == ST_UNAUTHORIZED) /* it was over already */
        s = ST_OK;
    if (s == ST_OK && !r.session.from_environment)
        s = session_forget(&err);
    remote_close(&r);
    return s == ST_OK ? 0 : cli_fail(&err);
}

/* ---- one's own password ---- */

static status change_password(struct remote *r, struct error *err)
{
    char old_text[PASSWORD_MAX], new_text[PASSWORD_MAX];
    str old_password = {0}, new_password = {0};
    status s = ask_password("old password: ", old_text, &old_password, err);
    if (s == ST_OK)
        s = ask_password("new password: ", new_text, &new_password, err);
    if (s == ST_OK) {
        struct json_out o = remote_body(r);
        json_out_object(&o);
        json_out_kv_str(&o, "old_password", old_password);
        json_out_kv_str(&o, "new_password", new_password);
        json_out_object_end(&o);
        s = remote_ask(r, "POST", "/api/auth/password", err);
    }
    crypto_wipe(r->request.p, r->request.n);
    crypto_wipe(old_text, sizeof old_text);
    crypto_wipe(new_text, sizeof new_text);
    return s;
}

int cmd_password(const struct args *a)
{
    struct remote r = {0};
    struct error err;
    status s = remote_open(&r, a, &err);
    if (s == ST_OK)
        s = change_password(&r, &err);
    remote_close(&r);
    return s == ST_OK ? 0 : cli_fail(&err);
}

/* ---- health ---- */

static void print_components(json_node components)
{
    static const struct column column[] = {{"name", "component", 16, COLUMN_TEXT},
                                           {"status", "status", 8, COLUMN_TEXT},
                                           {"latency_ms", "ms", 8, COLUMN_NUMBER},
                                           {"detail", "detail", 0, COLUMN_TEXT}};
    if (json_count(components))
        remote_print_rows(components, column, COUNT(column), "");
}

int cmd_health(const struct args *a)
{
    struct remote r = {0};
    struct error err;
    status s = remote_open(&r, a, &err);
    if (s == ST_OK)
        s = remote_ask(&r, "GET", args_flag(a, "detailed") ? "/health/detailed" : "/health", &err);
    str said = json_str(json_get(r.root, STR("status")), STR("?"));
    bool well = str_eq(said, STR("ok"));
    if (s == ST_OK && !remote_print_json(&r)) {
        printf(STR_FMT "  " STR_FMT "  version " STR_FMT "\n", STR_ARG(said),
               STR_ARG(r.session.server),
               STR_ARG(json_str(json_get(r.root, STR("version")), STR("?"))));
        print_components(json_get(r.root, STR("components")));
    }
    remote_close(&r);
    if (s != ST_OK)
        return cli_fail(&err);
    return well ? 0 : status_exit(ST_UNAVAILABLE);
}
