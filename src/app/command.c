/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app.h"

#include "api/api.h"
#include "app/check.h"
#include "app/config.h"
#include "app/service.h"
#include "base/vec.h"
#include "base/version.h"
#include "cli/cli.h"
#include "codec/json_doc.h"

enum { TEXT_MAX = 1 << 20, KEY_WIDTH = 28 };

/* The options of the command line as settings. */
struct flags {
    VEC(struct config_flag) at;
    struct arena arena;
};

static void add_flag(struct flags *f, const char *key, const char *value)
{
    *vec_push(&f->at) = (struct config_flag){key, value};
}

static void add_list(struct flags *f, const struct args *a, const char *option)
{
    const char *value[ARGS_VALUES_MAX];
    size_t n = args_has(a, option) ? args_list(a, option, value, COUNT(value)) : 0;
    for (size_t i = 0; i < n; i++)
        add_flag(f, option, value[i]);
}

static status add_listen(struct flags *f, const char *text, struct error *err)
{
    char host[ADDRESS_MAX];
    uint16_t port;
    status s = config_address(text, host, sizeof host, &port, err);
    if (s != ST_OK)
        return fail_prefix(err, s, "'--listen'");
    add_flag(f, "host", arena_str(&f->arena, str_z(host)).p);
    add_flag(f, "port", arena_fmt(&f->arena, "%u", (unsigned)port).p);
    return ST_OK;
}

static status add_set(struct flags *f, const struct args *a, struct error *err)
{
    const char *text[ARGS_VALUES_MAX];
    size_t n = args_list(a, "set", text, COUNT(text));
    for (size_t i = 0; i < n; i++) {
        str value = str_z(text[i]), key = str_cut(&value, '=');
        if (!value.p || key.n == 0)
            return fail(err, ST_INVALID, "'--set' wants KEY=VALUE, not '%.60s'", text[i]);
        add_flag(f, arena_str(&f->arena, key).p, value.p);
    }
    return ST_OK;
}

static status read_flags(struct flags *f, const struct args *a, struct error *err)
{
    bool listens = args_has(a, "listen") && *args_text(a, "listen");
    status s = listens ? add_listen(f, args_text(a, "listen"), err) : ST_OK;
    if (args_has(a, "data") && *args_text(a, "data"))
        add_flag(f, "data", args_text(a, "data"));
    add_list(f, a, "rules");
    add_list(f, a, "intel");
    add_list(f, a, "allow");
    return s == ST_OK ? add_set(f, a, err) : s;
}

static status load(const struct args *a, struct config *c, struct error *err)
{
    struct flags f = {0};
    arena_init(&f.arena, TEXT_MAX);
    status s = read_flags(&f, a, err);
    const char *file = *args_text(a, "config") ? args_text(a, "config") : NULL;
    *c = (struct config){0};
    if (s == ST_OK)
        s = config_load(c, file, getenv, f.at.at, f.at.n, err);
    arena_done(&f.arena);
    vec_done(&f.at);
    return s;
}

static void tell(const char *text)
{
    cli_note("%s", text);
}

static status print_settings(const struct config *c, bool json, struct error *err)
{
    struct sbuf text;
    sbuf_init(&text, TEXT_MAX);
    if (json) {
        config_write_json(c, &text);
        cli_print_json(&text);
    } else {
        config_write_text(c, &text);
        printf(STR_FMT, STR_ARG(sbuf_str(&text)));
        sbuf_done(&text);
    }
    return config_check_files(c, tell, err);
}

int app_serve(const struct args *a)
{
    struct config c;
    struct error err;
    status s = load(a, &c, &err);
    if (s == ST_OK && args_flag(a, "check-config"))
        s = print_settings(&c, true, &err);
    else if (s == ST_OK)
        s = service_run(&c, !args_flag(a, "quiet"), &err);
    config_done(&c);
    return s == ST_OK ? 0 : cli_fail(&err);
}

/* ---- bguard config ---- */

static void print_row(json_node row)
{
    str key = json_str(json_get(row, STR("key")), (str){0});
    str otherwise = json_str(json_get(row, STR("default")), (str){0});
    str env = json_str(json_get(row, STR("environment")), (str){0});
    str doc = json_str(json_get(row, STR("doc")), (str){0});
    printf("%-*.*s " STR_FMT "\n", KEY_WIDTH, STR_ARG(key), STR_ARG(doc));
    printf("%*s default %s" STR_FMT "%s%s" STR_FMT "\n", KEY_WIDTH, "",
           otherwise.n ? "" : "(empty)", STR_ARG(otherwise), env.n ? "; environment " : "", "",
           STR_ARG(env));
}

static status print_table(bool json, struct error *err)
{
    struct sbuf text;
    struct json_doc *doc = NULL;
    sbuf_init(&text, TEXT_MAX);
    config_describe(&text);
    if (json) {
        cli_print_json(&text);
        return ST_OK;
    }
    status s = json_doc_parse(sbuf_str(&text), TEXT_MAX, &doc, err);
    if (s == ST_OK)
        for (struct json_each it = json_each(json_doc_root(doc)); json_each_next(&it);)
            print_row(it.value);
    json_doc_free(doc);
    sbuf_done(&text);
    return s;
}

int app_config(const struct args *a)
{
    struct config c = {0};
    struct error err;
    status s = ST_OK;
    if (!args_flag(a, "check"))
        s = print_table(args_flag(a, "json"), &err);
    else if ((s = load(a, &c, &err)) == ST_OK)
        s = print_settings(&c, args_flag(a, "json"), &err);
    config_done(&c);
    return s == ST_OK ? 0 : cli_fail(&err);
}

/* ---- bguard openapi ---- */

int app_openapi(const struct args *a)
{
    (void)a;
    struct sbuf text;
    sbuf_init(&text, TEXT_MAX);
    api_write_openapi(&text, BGUARD_VERSION);
    cli_print_json(&text);
    return 0;
}
