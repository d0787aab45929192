/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"
#include "cli/test_case.h"
#include "os/clock.h"
#include "os/stop.h"

#include <inttypes.h>
#include <unistd.h>

enum { OTHERS_SHOWN = 5 };

struct testing {
    const struct args *args;
    struct run run;
    struct test_list list;
    struct json_out json;
    struct sbuf text; /* the JSON document, or the words on one case */
    char temporary[256];
    bool as_json;
    size_t passed, failed;
};

/* One case while it runs. */
struct outcome {
    const struct rule_info *rule;
    uint64_t fired;
    uint32_t other[OTHERS_SHOWN]; /* rules that fired besides */
    size_t others;
    const struct rule_set *rules;
    uint64_t events, rejected;
};

static void on_finding(void *arg, const struct finding *f, const char *path)
{
    struct outcome *o = arg;
    (void)path;
    if (str_eq(f->id, o->rule->id)) {
        o->fired++;
        return;
    }
    uint32_t other = rule_set_find(o->rules, f->id);
    for (size_t i = 0; i < o->others; i++)
        if (o->other[i] == other)
            return;
    if (other != UINT32_MAX && o->others < OTHERS_SHOWN)
        o->other[o->others++] = other;
}

/* ---- which rule ---- */

/* The rule a case means: the one it names, else the only one that the file beside reports. */
static const struct rule_info *find_rule(const struct rule_set *set, const struct test_case *c,
                                         struct error *err)
{
    const struct rule_info *found = NULL;
    if (c->rule.n) {
        uint32_t at = rule_set_find(set, c->rule);
        if (at != UINT32_MAX)
            return rule_set_info(set, at);
        (void)fail(err, ST_NOT_FOUND, "rule '" STR_FMT "' is not loaded",
                   STR_ARG(str_head(c->rule, 80)));
        return NULL;
    }
    for (uint32_t i = 0; i < rule_set_count(set); i++) {
        const struct rule_info *r = rule_set_info(set, i);
        if (!str_eq(r->file, c->beside) || !(r->correlation || rule_reports(set, i)))
            continue;
        if (found) {
            (void)fail(err, ST_INVALID, "say which rule: its file reports more than one");
            return NULL;
        }
        found = r;
    }
    if (!found)
        (void)fail(err, ST_NOT_FOUND, "no rule of '" STR_FMT "' is loaded", STR_ARG(c->beside));
    return found;
}

/* ---- running ---- */

/* The case's events in a file of their own, as the pipeline reads files. */
static status write_temporary(struct testing *t, str text, struct error *err)
{
    FILE *to = fopen(t->temporary, "w");
    bool ok = to && fwrite(text.p, 1, text.n, to) == text.n;
    ok = to && fclose(to) == 0 && ok;
    return ok ? ST_OK : fail(err, ST_IO, "'%s' could not be written", t->temporary);
}

static status input_options(const struct test_case *c, struct ingest_options *o, struct error *err)
{
    *o = (struct ingest_options){.limits = parse_limits_default, .now_ms = clock_wall_ms()};
    str channel = c->logsource, product = str_cut(&channel, '/');
    o->forced = c->format.n != 0;
    if (o->forced && !parse_format_find(c->format, &o->format))
        return fail(err, ST_INVALID, "there is no format '" STR_FMT "'",
                    STR_ARG(str_head(c->format, 40)));
    o->family = family_find(product);
    if (product.n && o->family == FAMILY_UNKNOWN)
        return fail(err, ST_INVALID, "there is no product '" STR_FMT "'",
                    STR_ARG(str_head(product, 40)));
    o->channel = channel.p ? channel : (str){0};
    return ST_OK;
}

static status run_case(struct testing *t, const struct test_case *c, struct outcome *o,
                       struct error *err)
{
    const char *path = c->path.n ? c->path.p : t->temporary;
    struct ingest_options in_options;
    struct ingest *in;
    struct detect_stats stats;
    status s = input_options(c, &in_options, err);
    if (s == ST_OK && !c->path.n)
        s = write_temporary(t, c->text, err);
    if (s == ST_OK)
        s = ingest_open(&path, 1, &in_options, &in, err);
    if (s != ST_OK)
        return s;
    struct detect_options options = {.threads = 1, .limits = parse_limits_default};
    struct detect_sink sink = {.finding = on_finding, .arg = o};
    s = detect_run(&t->run.snapshot, &options, in, &sink, &stats, err);
    if (s == ST_OK && ingest_problem_count(in))
        s = fail(err, ST_IO, "%s", ingest_problem(in, 0)->reason);
    ingest_close(in);
    o->events = stats.events;
    o->rejected = stats.rejected;
    return s;
}

/* ---- judging ---- */

static bool judge(const struct test_case *c, const struct outcome *o, struct error *err)
{
    if (o->events == 0)
        (void)fail(err, ST_INVALID, "none of its records could be parsed");
    else if (!c->match && o->fired)
        (void)fail(err, ST_INVALID, "fired %" PRIu64 " times and must not", o->fired);
    else if (c->match && o->fired == 0)
        (void)fail(err, ST_INVALID, "did not fire on %" PRIu64 " events", o->events);
    else if (c->match && c->count >= 0 &&
             (c->least ? o->fired < (uint64_t)c->count : o->fired != (uint64_t)c->count))
        (void)fail(err, ST_INVALID, "fired %" PRIu64 " times, not %" PRId64, o->fired, c->count);
    else
        return true;
    return false;
}

static void tell_text(struct testing *t, const struct test_case *c, const struct outcome *o,
                      const char *why)
{
    fputs(why ? "FAIL " : "ok   ", stdout);
    print_text(stdout, c->file, 0);
    printf(":%u: ", c->line);
    print_text(stdout, c->name, 0);
    if (why) {
        fputs(": ", stdout);
        print_text(stdout, str_z(why), 0);
    }
    for (size_t i = 0; why && i < o->others; i++) {
        fputs(i ? ", " : "; others fired: ", stdout);
        print_text(stdout, rule_set_info(t->run.rules, o->other[i])->title, 0);
    }
    putchar('\n');
}

static void tell_json(struct testing *t, const struct test_case *c, const struct outcome *o,
                      const char *why)
{
    struct json_out *j = &t->json;
    json_out_object(j);
    json_out_kv_str(j, "file", c->file);
    json_out_kv_u64(j, "line", c->line);
    json_out_kv_str(j, "name", c->name);
    json_out_kv_str(j, "rule", o->rule ? o->rule->id : c->rule);
    json_out_kv_bool(j, "ok", !why);
    json_out_kv_u64(j, "fired", o->fired);
    if (c->count >= 0)
        json_out_kv_i64(j, "count", c->count);
    json_out_kv_str(j, "reason", str_z(why ? why : ""));
    json_out_key(j, STR("others"));
    json_out_array(j);
    for (size_t i = 0; i < o->others; i++)
        json_out_str(j, rule_set_info(t->run.rules, o->other[i])->id);
    json_out_array_end(j);
    json_out_object_end(j);
}

static void test_one(struct testing *t, const struct test_case *c)
{
    struct error err;
    struct outcome o = {.rules = t->run.rules};
    bool ok = c->refused.n == 0;
    if (!ok)
        (void)fail(&err, ST_INVALID, STR_FMT, STR_ARG(c->refused));
    if (ok)
        ok = (o.rule = find_rule(t->run.rules, c, &err)) != NULL;
    ok = ok && run_case(t, c, &o, &err) == ST_OK && judge(c, &o, &err);
    *(ok ? &t->passed : &t->failed) += 1;
    (t->as_json ? tell_json : tell_text)(t, c, &o, ok ? NULL : err.text);
}

/* ---- the command ---- */

static status load(struct testing *t, struct error *err)
{
    const struct args *a = t->args;
    const char *path[CLI_PATHS_MAX];
    size_t n = args_list(a, "rules", path, COUNT(path));
    t->run.dict = dict_new();
    status s = load_rules(a, n ? path : a->operand, n ? n : a->operand_count, t->run.dict,
                          &t->run.rules, err);
    t->run.snapshot = (struct snapshot){.dict = t->run.dict, .rules = t->run.rules};
    if (s == ST_OK && !args_flag(a, "quiet"))
        note_rule_problems(t->run.rules, 5);
    for (size_t i = 0; i < a->operand_count && s == ST_OK; i++)
        s = test_list_find(&t->list, a->operand[i], err);
    if (s == ST_OK && t->list.at.n == 0)
        s = fail(err, ST_NOT_FOUND, "there is no test case below '%.100s'", a->operand[0]);
    return s;
}

static status make_temporary(struct testing *t, struct error *err)
{
    const char *folder = getenv("TMPDIR");
    snprintf(t->temporary, sizeof t->temporary, "%s/bguard-test-XXXXXX",
             folder && *folder && strlen(folder) < 200 ? folder : "/tmp");
    int fd = mkstemp(t->temporary);
    if (fd < 0) {
        t->temporary[0] = '\0';
        return fail(err, ST_IO, "no temporary file can be made");
    }
    (void)close(fd); /* nothing was written */
    return ST_OK;
}

static void finish(struct testing *t)
{
    if (t->as_json) {
        json_out_array_end(&t->json);
        json_out_kv_u64(&t->json, "passed", t->passed);
        json_out_kv_u64(&t->json, "failed", t->failed);
        json_out_object_end(&t->json);
        cli_print_json(&t->text);
        return;
    }
    print_count(stdout, t->passed, "case", "cases");
    printf(" passed, %zu failed\n", t->failed);
}

static int test_all(struct testing *t)
{
    struct error err;
    status s = load(t, &err);
    if (s == ST_OK)
        s = make_temporary(t, &err);
    if (s != ST_OK)
        return cli_fail(&err);
    json_out_object(&t->json);
    json_out_key(&t->json, STR("cases"));
    json_out_array(&t->json);
    for (size_t i = 0; i < t->list.at.n && !stop_requested(); i++)
        test_one(t, &t->list.at.at[i]);
    finish(t);
    (void)unlink(t->temporary); /* it is ours; gone already is as good */
    if (stop_requested())
        return CLI_INTERRUPTED;
    return t->failed ? CLI_UNMET : 0;
}

int cmd_rules_test(const struct args *a)
{
    struct testing t = {.args = a, .as_json = args_flag(a, "json")};
    stop_on_signals();
    test_list_init(&t.list);
    sbuf_init(&t.text, CLI_JSON_MAX);
    t.json = json_out_on(&t.text);
    int code = test_all(&t);
    sbuf_done(&t.text);
    test_list_done(&t.list);
    run_done(&t.run);
    return code;
}
