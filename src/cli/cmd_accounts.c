/* SPDX-License-Identifier: Apache-2.0 */
/* keys, users, tenants, backup: thin calls of the API. */
#include "cli/cli_int.h"
#include "cli/remote.h"
#include "crypto/crypto.h"
#include "os/clock.h"
#include "os/terminal.h"
#include "os/uid.h"

enum { PASSWORD_MAX = 256 };
static const int64_t day_ms = 24 * 3600 * 1000;

/* Ask once, print JSON or let `print` show it. */
static int ask(const struct args *a, const char *method, const char *path,
               void (*print)(const struct remote *r))
{
    struct remote r = {0};
    struct error err;
    status s = remote_open(&r, a, &err);
    if (s == ST_OK)
        s = remote_ask(&r, method, path, &err);
    if (s == ST_OK && !remote_print_json(&r))
        print(&r);
    remote_close(&r);
    return s == ST_OK ? 0 : cli_fail(&err);
}

static const char users_path[] = "/api/users/";

/* The id of the user called `word`, or `word` where that is none's name. */
static const char *user_id(struct remote *r, const char *word)
{
    struct error err;
    if (uid_valid(str_z(word)) || remote_ask(r, "GET", "/api/users", &err) != ST_OK)
        return word;
    json_node users = json_get(r->root, STR("users"));
    for (struct json_each it = json_each(users); json_each_next(&it);)
        if (str_eq(json_str(json_get(it.value, STR("name")), STR("")), str_z(word)))
            return arena_str(&r->arena, json_str(json_get(it.value, STR("id")), STR(""))).p;
    return word;
}

/* "/api/things/" and the operand; users go by name as well.  Before there is a body. */
static const char *thing_path(struct remote *r, const char *before, const char *word)
{
    bool user = strcmp(before, users_path) == 0;
    return remote_path(r, before, user ? user_id(r, word) : word, "");
}

/* The same call for each operand: before + operand + after. */
static int ask_each(const struct args *a, const char *method, const char *before, const char *said)
{
    struct remote r = {0};
    struct error err;
    status s = remote_open(&r, a, &err);
    for (size_t i = 0; i < a->operand_count && s == ST_OK; i++) {
        s = remote_ask(&r, method, thing_path(&r, before, a->operand[i]), &err);
        if (s == ST_OK && !args_flag(a, "quiet"))
            cli_note("%s %s", a->operand[i], said);
    }
    remote_close(&r);
    return s == ST_OK ? 0 : cli_fail(&err);
}

static const char *whole_path(struct remote *r, const char *path)
{
    bool whole = path[strlen(path) - 1] != '/';
    return whole ? path : thing_path(r, path, r->args->operand[0]);
}

/* Send what `fill` writes for the only operand; a path that ends in '/' goes on with it. */
static int ask_with(const struct args *a, const char *method, const char *path,
                    status (*fill)(struct remote *r, struct json_out *o, struct error *err),
                    void (*print)(const struct remote *r))
{
    struct remote r = {0};
    struct error err;
    status s = remote_open(&r, a, &err);
    const char *whole = s == ST_OK ? whole_path(&r, path) : path;
    if (s == ST_OK) {
        struct json_out o = remote_body(&r);
        json_out_object(&o);
        s = fill(&r, &o, &err);
        json_out_object_end(&o);
    }
    if (s == ST_OK)
        s = remote_ask(&r, method, whole, &err);
    crypto_wipe(r.request.p, r.request.n); /* there may be a password in it */
    if (s == ST_OK && !remote_print_json(&r))
        print(&r);
    remote_close(&r);
    return s == ST_OK ? 0 : cli_fail(&err);
}

static bool one_operand(const struct args *a, struct error *err)
{
    if (a->operand_count == 1)
        return true;
    (void)fail(err, ST_INVALID, "'%s' wants one operand, not %zu", command_table[a->command].words,
               a->operand_count);
    return false;
}

static status add_password(struct json_out *o, struct error *err)
{
    char text[PASSWORD_MAX];
    size_t n = 0;
    bool got = terminal_secret("new password: ", text, sizeof text, &n) && n;
    if (got)
        json_out_kv_str(o, "password", (str){text, n});
    crypto_wipe(text, sizeof text);
    return got ? ST_OK
               : fail(err, ST_INVALID,
                      "a password of 1 to 256 bytes is wanted, typed or on standard input");
}

static status add_disabled(const struct args *a, struct json_out *o, struct error *err)
{
    bool no = args_flag(a, "disable"), yes = args_flag(a, "enable");
    if (no && yes)
        return fail(err, ST_INVALID, "'--disable' and '--enable' exclude each other");
    if (no || yes)
        json_out_kv_bool(o, "disabled", no);
    return ST_OK;
}

static void add_role(const struct args *a, struct json_out *o)
{
    str role = str_z(args_text(a, "role"));
    if (!str_eq(role, STR("same")))
        json_out_kv_str(o, "role", role);
}

/* ---- keys ---- */

static void print_keys(const struct remote *r)
{
    static const struct column column[] = {{"id", "id", 26, COLUMN_TEXT},
                                           {"name", "name", 20, COLUMN_TEXT},
                                           {"role", "role", 8, COLUMN_TEXT},
                                           {"used_at", "last used", 0, COLUMN_TIME},
                                           {"expires_at", "expires", 0, COLUMN_TIME},
                                           {"scopes", "scopes", 0, COLUMN_TEXT}};
    remote_print_rows(json_get(r->root, STR("keys")), column, COUNT(column), "no keys");
}

int cmd_keys_list(const struct args *a)
{
    return ask(a, "GET", "/api/keys", print_keys);
}

static status fill_key(struct remote *r, struct json_out *o, struct error *err)
{
    (void)err;
    uint64_t days = args_number(r->args, "days");
    const char *scopes = args_text(r->args, "scopes");
    json_out_kv_str(o, "name", str_z(r->args->operand[0]));
    add_role(r->args, o);
    if (*scopes) {
        str rest = str_z(scopes);
        json_out_key(o, STR("scopes"));
        json_out_array(o);
        while (rest.n) {
            str word = str_cut(&rest, ' ');
            if (word.n)
                json_out_str(o, word);
        }
        json_out_array_end(o);
    }
    if (days)
        json_out_kv_time(o, "expires_at", clock_wall_ms() + (int64_t)days * day_ms);
    if (args_flag(r->args, "service"))
        json_out_kv_bool(o, "service", true);
    return ST_OK;
}

static void print_key(const struct remote *r)
{
    cli_note("it is shown this once");
    print_text(stdout, json_str(json_get(r->root, STR("secret")), STR("")), 0);
    fputc('\n', stdout);
}

int cmd_keys_add(const struct args *a)
{
    struct error err;
    return one_operand(a, &err) ? ask_with(a, "POST", "/api/keys", fill_key, print_key)
                                : cli_fail(&err);
}

int cmd_keys_revoke(const struct args *a)
{
    return ask_each(a, "DELETE", "/api/keys/", "is revoked");
}

/* ---- backup ---- */

static void print_backup(const struct remote *r)
{
    static const struct column column[] = {{"path", "path", 0, COLUMN_TEXT},
                                           {"bytes", "bytes", 0, COLUMN_NUMBER}};
    remote_print_row(r->root, column, COUNT(column));
}

int cmd_backup(const struct args *a)
{
    return ask(a, "POST", "/api/backups", print_backup);
}

/* ---- users ---- */

static const struct column user_column[] = {{"id", "id", 26, COLUMN_TEXT},
                                            {"name", "name", 20, COLUMN_TEXT},
                                            {"role", "role", 8, COLUMN_TEXT},
                                            {"disabled", "disabled", 8, COLUMN_FLAG},
                                            {"last_login_at", "last login", 0, COLUMN_TIME}};

static void print_users(const struct remote *r)
{
    remote_print_rows(json_get(r->root, STR("users")), user_column, COUNT(user_column), "no users");
}

static void print_user(const struct remote *r)
{
    remote_print_row(r->root, user_column, COUNT(user_column));
}

int cmd_users_list(const struct args *a)
{
    return ask(a, "GET", "/api/users", print_users);
}

static status fill_user(struct remote *r, struct json_out *o, struct error *err)
{
    const char *tenant = args_text(r->args, "tenant");
    json_out_kv_str(o, "name", str_z(r->args->operand[0]));
    add_role(r->args, o);
    if (*tenant)
        json_out_kv_str(o, "tenant", str_z(tenant));
    return add_password(o, err);
}

int cmd_users_add(const struct args *a)
{
    struct error err;
    return one_operand(a, &err) ? ask_with(a, "POST", "/api/users", fill_user, print_user)
                                : cli_fail(&err);
}

static status fill_user_change(struct remote *r, struct json_out *o, struct error *err)
{
    add_role(r->args, o);
    status s = add_disabled(r->args, o, err);
    if (s == ST_OK && args_flag(r->args, "password"))
        s = add_password(o, err);
    return s;
}

int cmd_users_change(const struct args *a)
{
    struct error err;
    return one_operand(a, &err) ? ask_with(a, "PATCH", users_path, fill_user_change, print_user)
                                : cli_fail(&err);
}

int cmd_users_remove(const struct args *a)
{
    return ask_each(a, "DELETE", users_path, "is removed");
}

/* ---- tenants ---- */

static const struct column tenant_column[] = {{"id", "id", 24, COLUMN_TEXT},
                                              {"disabled", "disabled", 8, COLUMN_FLAG},
                                              {"created_at", "created", 0, COLUMN_TIME},
                                              {"title", "title", 0, COLUMN_TEXT}};

static void print_tenants(const struct remote *r)
{
    remote_print_rows(json_get(r->root, STR("tenants")), tenant_column, COUNT(tenant_column),
                      "no tenants");
}

static void print_tenant(const struct remote *r)
{
    remote_print_row(r->root, tenant_column, COUNT(tenant_column));
}

int cmd_tenants_list(const struct args *a)
{
    return ask(a, "GET", "/api/tenants", print_tenants);
}

static status fill_tenant(struct remote *r, struct json_out *o, struct error *err)
{
    (void)err;
    const char *title = args_text(r->args, "title");
    json_out_kv_str(o, "id", str_z(r->args->operand[0]));
    if (*title)
        json_out_kv_str(o, "title", str_z(title));
    return ST_OK;
}

int cmd_tenants_add(const struct args *a)
{
    struct error err;
    return one_operand(a, &err) ? ask_with(a, "POST", "/api/tenants", fill_tenant, print_tenant)
                                : cli_fail(&err);
}

static status fill_tenant_change(struct remote *r, struct json_out *o, struct error *err)
{
    return add_disabled(r->args, o, err);
}

int cmd_tenants_change(const struct args *a)
{
    struct error err;
    return one_operand(a, &err)
               ? ask_with(a, "PATCH", "/api/tenants/", fill_tenant_change, print_tenant)
               : cli_fail(&err);
}
