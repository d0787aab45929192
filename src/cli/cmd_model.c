/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of models: what is there, what is live, in and out. */
#include "cli/model_int.h"
#include "ml/shelf.h"
#include "os/clock.h"
#include "os/file.h"

#include <dirent.h>
#include <math.h>
#include <unistd.h>

enum { PATH_ROOM = 8192, FILE_BYTES_MAX = 1 << 30, READ_SPARE = 64 << 10, NAME_COLUMNS = 24 };

static str operand(const struct args *a, size_t i)
{
    return str_z(i < a->operand_count ? a->operand[i] : NULL);
}

static status at_most(const struct args *a, size_t n, struct error *err)
{
    if (a->operand_count <= n)
        return ST_OK;
    return fail(err, ST_INVALID, "'%s' wants %s, not '%.60s' too", command_table[a->command].words,
                command_table[a->command].operands, a->operand[n]);
}

static const char *who(void)
{
    const char *user = getenv("USER");
    return user ? user : "";
}

/* ---- list ---- */

struct listing {
    const struct args *args;
    struct model_folder folder;
    struct json_out *json; /* NULL: for people */
    size_t shown;
};

static const char *state_of(const struct registry_version *v)
{
    return v->live ? "live" : v->shadow ? "shadow" : v->before ? "before" : "";
}

static void list_json(struct json_out *j, const char *name, const struct registry_version *v,
                      const char *path, const struct model *m)
{
    json_out_object(j);
    json_out_kv_str(j, "name", str_z(name));
    json_out_kv_str(j, "path", str_z(path));
    json_out_kv_str(j, "version", v ? str_z(v->version) : m ? model_card(m)->version : STR(""));
    json_out_kv_str(j, "state", str_z(v ? state_of(v) : ""));
    json_out_kv_bool(j, "readable", m != NULL);
    if (v) {
        json_out_kv_str(j, "by", str_z(v->by));
        json_out_kv_time(j, "added", v->added_ms);
        if (v->promoted_ms != TIME_NONE)
            json_out_kv_time(j, "promoted", v->promoted_ms);
    }
    if (m) {
        json_out_kv_str(j, "kind", str_z(model_kind_name(model_card(m)->kind)));
        json_out_kv_str(j, "format", model_card(m)->data_format);
        if (model_card(m)->trained_ms)
            json_out_kv_time(j, "trained", model_card(m)->trained_ms);
        json_out_kv_f64(j, "roc_auc", model_card(m)->figures.roc_auc.value);
    }
    json_out_object_end(j);
}

static void list_line(const char *name, const struct registry_version *v, const struct model *m,
                      const struct error *err)
{
    print_column(stdout, str_z(name), NAME_COLUMNS);
    printf(" %-12s  %-6s  ",
           v   ? v->version
           : m ? model_card(m)->version.p
               : "",
           v ? state_of(v) : "file");
    if (!m) {
        print_text(stdout, str_z(err->text), 0);
        putchar('\n');
        return;
    }
    const struct model_card *c = model_card(m);
    printf("%-11s  %-10s  ", model_kind_name(c->kind), c->data_format.n ? c->data_format.p : "");
    if (c->trained_ms)
        print_time(stdout, c->trained_ms);
    else
        printf("%-19s", "unknown");
    if (c->figures.rows && !isnan(c->figures.roc_auc.value))
        printf("  %.4f", c->figures.roc_auc.value);
    putchar('\n');
}

static void list_one(struct listing *l, const char *name, const struct registry_version *v,
                     const char *path)
{
    struct model *m = NULL;
    struct error err = {0};
    if (model_load(path, NULL, &m, &err) != ST_OK)
        m = NULL;
    if (!l->json && l->shown++ == 0)
        printf("%-*s %-12s  %-6s  %-11s  %-10s  %-19s  ROC AUC\n", NAME_COLUMNS, "name", "version",
               "state", "kind", "format", "trained");
    if (l->json)
        list_json(l->json, name, v, path, m);
    else
        list_line(name, v, m, &err);
    model_free(m);
}

static void list_slot(struct listing *l, const struct registry_slot *slot)
{
    if (*slot->problem)
        cli_note("%s", slot->problem);
    for (size_t i = 0; i < slot->versions; i++) {
        struct sbuf path;
        sbuf_init(&path, PATH_ROOM);
        if (registry_path(l->folder.registry, str_z(slot->name), str_z(slot->version[i].version),
                          &path, NULL) == ST_OK)
            list_one(l, slot->name, &slot->version[i], path.p);
        sbuf_done(&path);
    }
}

/* Files beside the slots: those that came with the program. */
static void list_files(struct listing *l)
{
    struct dirent **entry = NULL;
    int n = scandir(l->folder.path, &entry, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        str name = str_z(entry[i]->d_name);
        if (str_ends(name, STR(".bgm"))) {
            struct sbuf path, plain;
            sbuf_init(&path, PATH_ROOM);
            sbuf_init(&plain, PATH_ROOM);
            sbuf_addf(&path, "%s/%s", l->folder.path, entry[i]->d_name);
            sbuf_add(&plain, str_head(name, name.n - 4));
            list_one(l, plain.n ? plain.p : "", NULL, path.p);
            sbuf_done(&path);
            sbuf_done(&plain);
        }
        free(entry[i]); /* lint: allow free, scandir took it */
    }
    free(entry); /* lint: allow free, scandir took it */
}

int cmd_model_list(const struct args *a)
{
    struct listing l = {.args = a};
    struct sbuf text;
    struct error err;
    if (model_folder_open(&l.folder, a, &err) != ST_OK)
        return cli_fail(&err);
    sbuf_init(&text, CLI_JSON_MAX);
    struct json_out j = json_out_on(&text);
    bool json = args_flag(a, "json");
    l.json = json ? &j : NULL;
    if (json)
        json_out_array(&j);
    for (size_t i = 0; i < registry_slots(l.folder.registry); i++)
        list_slot(&l, registry_slot(l.folder.registry, i));
    list_files(&l);
    if (json) {
        json_out_array_end(&j);
        cli_print_json(&text);
    } else if (l.shown == 0) {
        printf("there are no models in '%s'; 'bguard model train --help' tells how to make one\n",
               l.folder.path);
    }
    sbuf_done(&text);
    model_folder_close(&l.folder);
    return 0;
}

/* ---- show ---- */

static void show_json(const struct model *m)
{
    struct sbuf text;
    struct arena arena;
    struct chart chart;
    sbuf_init(&text, CLI_JSON_MAX);
    arena_init(&arena, 4 << 20);
    struct json_out j = json_out_on(&text);
    json_out_object(&j);
    json_model(&j, m);
    json_out_key(&j, STR("card"));
    json_out_raw(&j, model_card(m)->json);
    json_out_key(&j, STR("importance"));
    json_out_object(&j);
    if (importance_chart(m, &arena, &chart))
        for (size_t i = 0; i < chart.bars; i++)
            json_out_kv_f64(&j, chart.bar[i].name, chart.bar[i].value);
    json_out_object_end(&j);
    json_out_object_end(&j);
    cli_print_json(&text);
    arena_done(&arena);
}

int cmd_model_show(const struct args *a)
{
    struct model *m = NULL;
    struct error err;
    const char *pictures = args_text(a, "pictures");
    status st = at_most(a, 1, &err);
    if (st == ST_OK)
        st = model_open(a, a->operand[0], NULL, &m, &err);
    if (st == ST_OK && *pictures)
        st = picture_card(pictures, m, &err);
    if (st != ST_OK) {
        model_free(m);
        return cli_fail(&err);
    }
    if (args_flag(a, "json"))
        show_json(m);
    else
        print_card(m);
    model_free(m);
    return 0;
}

/* ---- promote, rollback, remove ---- */

/* What is so now. */
static void print_slot(const struct args *a, const struct registry_slot *slot)
{
    const char *part[3] = {"", "", ""};
    static const char *const name[3] = {"live", "shadow", "before"};
    for (size_t i = 0; slot && i < slot->versions; i++) {
        const struct registry_version *v = &slot->version[i];
        part[0] = v->live ? v->version : part[0];
        part[1] = v->shadow ? v->version : part[1];
        part[2] = v->before ? v->version : part[2];
    }
    if (args_flag(a, "json")) {
        struct sbuf text;
        sbuf_init(&text, CLI_JSON_MAX);
        struct json_out j = json_out_on(&text);
        json_out_object(&j);
        json_out_kv_str(&j, "name", operand(a, 0));
        for (size_t i = 0; i < 3; i++)
            json_out_kv_str(&j, name[i], str_z(part[i]));
        json_out_kv_u64(&j, "versions", slot ? slot->versions : 0);
        json_out_object_end(&j);
        cli_print_json(&text);
        return;
    }
    print_text(stdout, operand(a, 0), 0);
    for (size_t i = 0; i < 3; i++)
        if (*part[i])
            printf("%s %s %s", i && *part[i - 1] ? "," : "", part[i], name[i]);
    puts(*part[0] ? "" : " (none live)");
}

static int change(const struct args *a,
                  status (*make)(const struct args *, struct registry *, struct error *))
{
    struct model_folder f = {0};
    struct error err;
    status st = model_folder_open(&f, a, &err);
    if (st == ST_OK)
        st = make(a, f.registry, &err);
    if (st == ST_OK && !(args_flag(a, "quiet") && !args_flag(a, "json")))
        print_slot(a, registry_find(f.registry, operand(a, 0)));
    model_folder_close(&f);
    return st == ST_OK ? 0 : cli_fail(&err);
}

/* It would be live and nothing came of it. */
static void note_flows(const struct args *a, const struct model *m)
{
    if (!model_scores_flows(m) && !args_flag(a, "quiet"))
        cli_note("'" STR_FMT "' does not score flows of the pipeline; ask it through /v2",
                 STR_ARG(operand(a, 0)));
}

/* A model that nobody can read must not go live. */
static status promote(const struct args *a, struct registry *r, struct error *err)
{
    struct sbuf path;
    struct model *m = NULL;
    str version = operand(a, 1);
    const struct registry_slot *slot = registry_find(r, operand(a, 0));
    status st = at_most(a, 2, err);
    if (st == ST_OK && slot && slot->versions && version.n == 0)
        version = str_z(slot->version[0].version);
    sbuf_init(&path, PATH_ROOM);
    if (st == ST_OK)
        st = registry_path(r, operand(a, 0), version, &path, err);
    if (st == ST_OK)
        st = model_load(path.p, NULL, &m, err);
    if (st == ST_OK)
        st = registry_promote(r, operand(a, 0), model_card(m)->version, args_flag(a, "shadow"),
                              who(), clock_wall_ms(), err);
    if (st == ST_OK)
        note_flows(a, m);
    model_free(m);
    sbuf_done(&path);
    return st;
}

static status roll_back(const struct args *a, struct registry *r, struct error *err)
{
    status st = at_most(a, 1, err);
    return st == ST_OK ? registry_rollback(r, operand(a, 0), who(), clock_wall_ms(), err) : st;
}

static status take_away(const struct args *a, struct registry *r, struct error *err)
{
    status st = at_most(a, 2, err);
    if (st == ST_OK && operand(a, 1).n == 0)
        st = fail(err, ST_INVALID, "which version of '%.63s'? 'bguard model list' shows them",
                  a->operand[0]);
    return st == ST_OK ? registry_remove(r, operand(a, 0), operand(a, 1), err) : st;
}

int cmd_model_promote(const struct args *a)
{
    return change(a, promote);
}

int cmd_model_rollback(const struct args *a)
{
    return change(a, roll_back);
}

int cmd_model_remove(const struct args *a)
{
    return change(a, take_away);
}

/* ---- in and out ---- */

/* Ours by its first bytes, else somebody's XGBoost model. */
static status read_any(const char *path, struct model **out, struct error *err)
{
    struct sbuf bytes;
    struct error ours = {0}, theirs = {0};
    sbuf_init(&bytes, FILE_BYTES_MAX + READ_SPARE);
    status st = file_read_all(path, &bytes, err);
    if (st == ST_OK && model_read(sbuf_str(&bytes), NULL, out, &ours) != ST_OK) {
        bool json = bytes.n && (bytes.p[0] == '{' || bytes.p[0] == 'L');
        if (json && model_import_xgboost(sbuf_str(&bytes), out, &theirs) == ST_OK)
            st = ST_OK;
        else
            st = fail(err, json ? theirs.code : ours.code, "'%.80s': %s", path,
                      json ? theirs.text : ours.text);
    }
    sbuf_done(&bytes);
    return st;
}

int cmd_model_import(const struct args *a)
{
    struct model_folder f = {0};
    struct model *m = NULL;
    struct error err;
    const char *name = args_text(a, "name");
    status st = at_most(a, 1, &err);
    if (st == ST_OK)
        st = read_any(a->operand[0], &m, &err);
    if (st == ST_OK)
        st = model_folder_open(&f, a, &err);
    if (st == ST_OK)
        st = registry_add(f.registry, m, *name ? name : NULL, who(), clock_wall_ms(), &err);
    if (st != ST_OK)
        (void)cli_fail(&err);
    else if (args_flag(a, "json")) {
        struct sbuf text;
        sbuf_init(&text, CLI_JSON_MAX);
        struct json_out j = json_out_on(&text);
        json_out_object(&j);
        json_model(&j, m);
        json_out_object_end(&j);
        cli_print_json(&text);
    } else if (!args_flag(a, "quiet")) {
        printf("version " STR_FMT " is in '%s'; 'bguard model promote' makes it live\n",
               STR_ARG(model_card(m)->version), f.path);
    }
    model_free(m);
    model_folder_close(&f);
    return st == ST_OK ? 0 : status_exit(err.code);
}

static void print_exported(const struct model *m, const char *file)
{
    struct sbuf text;
    sbuf_init(&text, CLI_JSON_MAX);
    struct json_out j = json_out_on(&text);
    json_out_object(&j);
    json_model(&j, m);
    json_out_kv_str(&j, "file", str_z(file));
    json_out_object_end(&j);
    cli_print_json(&text);
}

int cmd_model_export(const struct args *a)
{
    struct model *m = NULL;
    struct sbuf bytes;
    struct error err;
    const char *out = args_text(a, "out");
    status st = at_most(a, 1, &err);
    sbuf_init(&bytes, FILE_BYTES_MAX);
    if (st == ST_OK && !*out)
        st = fail(&err, ST_INVALID, "say where to: --out FILE");
    if (st == ST_OK)
        st = model_open(a, a->operand[0], NULL, &m, &err);
    if (st == ST_OK && args_flag(a, "xgboost")) {
        st = model_export_xgboost(m, &bytes, &err);
        if (st == ST_OK)
            st = file_replace(out, 0644, sbuf_str(&bytes), &err);
    } else if (st == ST_OK) {
        st = model_save(m, out, &err);
    }
    if (st == ST_OK && args_flag(a, "json"))
        print_exported(m, out);
    model_free(m);
    sbuf_done(&bytes);
    return st == ST_OK ? 0 : cli_fail(&err);
}
