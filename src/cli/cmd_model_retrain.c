/* SPDX-License-Identifier: Apache-2.0 */
/* model retrain: a call of the service, and then its job until that ends. */
#include "cli/cli_int.h"
#include "cli/remote.h"
#include "os/stop.h"

#include <math.h>
#include <poll.h>

enum { AGAIN_MS = 300 };

static status fill(struct remote *r, struct error *err)
{
    static const char *const texts[] = {"data", "format", "kind", "option"};
    const struct args *a = r->args;
    double fpr = args_real(a, "fpr");
    struct json_out o = remote_body(r);
    if (!isnan(fpr) && !(fpr > 0 && fpr < 1))
        return fail(err, ST_INVALID, "'--fpr' wants a part between 0 and 1, not '%.40s'",
                    args_text(a, "fpr"));
    json_out_object(&o);
    for (size_t i = 0; i < COUNT(texts); i++)
        if (*args_text(a, texts[i]))
            json_out_kv_str(&o, texts[i], str_z(args_text(a, texts[i])));
    json_out_kv_u64(&o, "weight", args_number(a, "weight"));
    json_out_kv_u64(&o, "seed", args_number(a, "seed"));
    if (!isnan(fpr))
        json_out_kv_f64(&o, "fpr", fpr);
    json_out_object_end(&o);
    return ST_OK;
}

static bool runs(const struct remote *r)
{
    return str_eq(json_str(json_get(r->root, STR("state")), STR("")), STR("running"));
}

/* Until it has ended or nobody wants to know any more. */
static status wait_for(struct remote *r, struct error *err)
{
    struct progress_bar bar;
    const char *path =
        remote_path(r, "/api/models/jobs/",
                    arena_str(&r->arena, json_str(json_get(r->root, STR("id")), STR(""))).p, "");
    status s = ST_OK;
    progress_init(&bar, args_flag(r->args, "quiet"));
    stop_on_signals();
    while (s == ST_OK && runs(r) && !stop_requested()) {
        char stage[32];
        json_node p = json_get(r->root, STR("progress"));
        str said = str_head(json_str(json_get(p, STR("stage")), STR("starting")), 30);
        (void)snprintf(stage, sizeof stage, STR_FMT, STR_ARG(said)); /* fits */
        progress_part(&bar, stage, json_real(json_get(p, STR("part")), 0), "");
        (void)poll(NULL, 0, AGAIN_MS); /* between two looks; a signal ends it */
        sbuf_clear(&r->request);
        s = remote_ask(r, "GET", path, err);
    }
    progress_clear(&bar);
    return s;
}

static status tell(const struct remote *r, struct error *err)
{
    const char *name = r->args->operand[0];
    str why = json_str(json_get(r->root, STR("why")), STR("")),
        state = json_str(json_get(r->root, STR("state")), STR(""));
    bool printed = remote_print_json(r), done = str_eq(state, STR("done"));
    if (!done && !runs(r))
        return fail(err, ST_INVALID, "'%.63s' was not trained: " STR_FMT, name,
                    STR_ARG(why.n ? why : state));
    if (printed)
        return ST_OK;
    fputs(done ? "version " : "job ", stdout);
    print_text(stdout, json_str(json_get(r->root, done ? STR("version") : STR("id")), STR("")), 0);
    if (done)
        printf(" of '%.63s' is in shadow; /api/models/%.63s/watch has how it does\n", name, name);
    else
        printf(" trains '%.63s': /api/models/jobs has how it goes\n", name);
    return ST_OK;
}

int cmd_model_retrain(const struct args *a)
{
    struct remote r = {0};
    struct error err;
    status s = remote_open(&r, a, &err);
    if (s == ST_OK && a->operand_count != 1)
        s = fail(&err, ST_INVALID, "'model retrain' wants the name of one model");
    if (s == ST_OK)
        s = fill(&r, &err);
    if (s == ST_OK)
        s = remote_ask(&r, "POST", remote_path(&r, "/api/models/", a->operand[0], "/retrain"),
                       &err);
    if (s == ST_OK && !args_flag(a, "no-wait"))
        s = wait_for(&r, &err);
    if (s == ST_OK)
        s = tell(&r, &err);
    remote_close(&r);
    return s == ST_OK ? 0 : cli_fail(&err);
}
