/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"
#include "os/stop.h"

#include <inttypes.h>

struct explaining {
    const struct args *args;
    struct run run;
    struct style style;
    struct rule_matcher *matcher;
    uint32_t rule;
    uint64_t line, most, done;
    struct sbuf text;
    bool json;
};

/* By id or name, else the one rule whose title it is, else the only rule there is. */
static status find_rule(const struct rule_set *set, const char *wanted, uint32_t *out,
                        struct error *err)
{
    size_t count = rule_set_count(set);
    if (!*wanted && count == 1) {
        *out = 0;
        return ST_OK;
    }
    if (!*wanted)
        return fail(err, ST_INVALID, "which of the %zu rules? say --rule ID", count);
    *out = rule_set_find(set, str_z(wanted));
    for (uint32_t i = 0; i < count && *out == UINT32_MAX; i++)
        if (str_ieq(rule_set_info(set, i)->title, str_z(wanted)))
            *out = i;
    return *out != UINT32_MAX ? ST_OK : fail(err, ST_NOT_FOUND, "there is no rule '%.80s'", wanted);
}

/* A correlation judges many events, so it has no tree; the rules beside it that feed one have. */
static status refuse_correlation(const struct rule_set *set, uint32_t rule, struct error *err)
{
    const struct rule_info *wanted = rule_set_info(set, rule);
    char ids[120] = "";
    size_t n = 0;
    for (uint32_t i = 0; i < rule_set_count(set); i++) {
        const struct rule_info *r = rule_set_info(set, i);
        bool fits = r->id.n && n + r->id.n + sizeof ", " <= sizeof ids;
        if (!r->correlation && rule_feeds(set, i) && str_eq(r->file, wanted->file) && fits)
            n += (size_t)snprintf(ids + n, sizeof ids - n, "%s" STR_FMT, n ? ", " : "",
                                  STR_ARG(r->id));
    }
    return fail(err, ST_INVALID, "this is a correlation; explain the rules it refers to%s%s",
                n ? ": " : "", ids);
}

static void on_event(void *arg, struct event *e, const char *path)
{
    struct explaining *x = arg;
    uint64_t place = e->origin.line ? e->origin.line : e->origin.record;
    if (x->done >= x->most || (x->line && place != x->line))
        return;
    x->done++;
    sbuf_clear(&x->text);
    rule_explain(x->matcher, x->rule, e, x->json, &x->text);
    if (x->json) {
        struct sbuf head;
        sbuf_init(&head, 64 << 10);
        struct json_out j = json_out_on(&head);
        json_out_object(&j);
        json_out_kv_str(&j, "file", str_z(path));
        json_out_kv_u64(&j, e->origin.line ? "line" : "record", place);
        json_out_key(&j, STR("explain"));
        fwrite(head.p, 1, head.n, stdout);
        fwrite(x->text.p, 1, x->text.n, stdout);
        puts("}");
        sbuf_done(&head);
        return;
    }
    print_bold(&x->style);
    print_text(stdout, str_z(path), 0);
    printf(":%" PRIu64 "\n", place);
    print_plain(&x->style);
    str rest = sbuf_str(&x->text);
    while (rest.p && rest.n) {
        print_text(stdout, str_cut(&rest, '\n'), 0);
        putchar('\n');
    }
}

static void on_finding(void *arg, const struct finding *f, const char *path)
{
    (void)arg, (void)f, (void)path;
}

static bool on_stop(void *arg)
{
    const struct explaining *x = arg;
    return stop_requested() || x->done >= x->most || ferror(stdout);
}

static status explain(struct explaining *x, struct error *err)
{
    const char *path[1];
    status s = args_list(x->args, "rules", path, 1)
                   ? run_load(&x->run, x->args, err)
                   : fail(err, ST_INVALID, "say where the rule is: --rules PATH");
    if (s == ST_OK)
        s = find_rule(x->run.rules, args_text(x->args, "rule"), &x->rule, err);
    if (s == ST_OK && rule_set_info(x->run.rules, x->rule)->correlation)
        s = refuse_correlation(x->run.rules, x->rule, err);
    if (s == ST_OK)
        s = run_open(&x->run, x->args, err);
    if (s != ST_OK)
        return s;
    x->matcher = rule_matcher_new(x->run.rules);
    struct snapshot only_parse = {.dict = x->run.dict};
    struct detect_options o = {.threads = 1, .limits = cli_limits(x->args)};
    struct detect_sink sink = {.event = on_event, .finding = on_finding, .stop = on_stop, .arg = x};
    struct detect_stats stats;
    return detect_run(&only_parse, &o, x->run.in, &sink, &stats, err);
}

int cmd_rules_explain(const struct args *a)
{
    struct explaining x = {.args = a,
                           .style = cli_style(),
                           .line = args_number(a, "line"),
                           .most = args_number(a, "most"),
                           .json = args_flag(a, "json")};
    struct error err;
    int code = 0;
    sbuf_init(&x.text, 16 << 20);
    stop_on_signals();
    if (explain(&x, &err) != ST_OK)
        code = cli_fail(&err);
    else if (x.done == 0 && !args_flag(a, "quiet"))
        cli_note("there is no such event in the input");
    rule_matcher_free(x.matcher);
    sbuf_done(&x.text);
    run_done(&x.run);
    return code;
}
