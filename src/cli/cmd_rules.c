/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"
#include "os/clock.h"

/* The operands as rules, with a dictionary of their own. */
struct loaded {
    struct dict *dict;
    struct rule_set *set;
};

static status load(struct loaded *l, const struct args *a, struct error *err)
{
    *l = (struct loaded){.dict = dict_new()};
    return load_rules(a, a->operand, a->operand_count, l->dict, &l->set, err);
}

static void unload(struct loaded *l)
{
    rule_set_free(l->set);
    dict_free(l->dict);
}

/* ---- check ---- */

/* Of those that are loaded: detections always are. */
static size_t count_correlations(const struct rule_set *set)
{
    size_t n = rule_set_loaded(set);
    for (uint32_t i = 0; i < rule_set_count(set); i++)
        n -= !rule_set_info(set, i)->correlation;
    return n;
}

static void check_json(const struct rule_set *set, double seconds)
{
    struct sbuf text;
    sbuf_init(&text, CLI_JSON_MAX);
    struct json_out j = json_out_on(&text);
    json_out_object(&j);
    json_out_kv_u64(&j, "loaded", rule_set_loaded(set));
    json_out_kv_u64(&j, "failed", rule_set_problem_count(set));
    json_out_key(&j, STR("errors"));
    json_out_array(&j);
    for (size_t i = 0; i < rule_set_problem_count(set); i++) {
        const struct rule_problem *p = rule_set_problem(set, i);
        json_out_object(&j);
        json_out_kv_str(&j, "file", p->file);
        json_out_kv_u64(&j, "line", p->line);
        json_out_kv_str(&j, "reason", str_z(p->reason));
        json_out_object_end(&j);
    }
    json_out_array_end(&j);
    json_out_kv_u64(&j, "correlations", count_correlations(set));
    json_out_kv_bool(&j, "from_cache", rule_set_from_cache(set));
    json_out_kv_f64(&j, "seconds", (double)(uint64_t)(seconds * 1e6) / 1e6);
    json_out_object_end(&j);
    cli_print_json(&text);
}

static void check_text(const struct rule_set *set, double seconds)
{
    for (size_t i = 0; i < rule_set_problem_count(set); i++) {
        const struct rule_problem *p = rule_set_problem(set, i);
        print_text(stdout, p->file, 0);
        printf(":%u: ", p->line);
        print_text(stdout, str_z(p->reason), 0);
        putchar('\n');
    }
    print_count(stdout, rule_set_loaded(set), "rule", "rules");
    printf(" loaded, %zu of them correlations; %zu failed; %.2f s%s\n", count_correlations(set),
           rule_set_problem_count(set), seconds,
           rule_set_from_cache(set) ? ", from the cache" : "");
}

int cmd_rules_check(const struct args *a)
{
    struct loaded l;
    struct error err;
    uint64_t start = clock_ns();
    int code = 0;
    if (load(&l, a, &err) != ST_OK) {
        code = cli_fail(&err);
    } else {
        double seconds = clock_since(start);
        (args_flag(a, "json") ? check_json : check_text)(l.set, seconds);
        code = rule_set_problem_count(l.set) ? CLI_UNMET : 0;
    }
    unload(&l);
    return code;
}

/* ---- list ---- */

static void json_strings(struct json_out *j, const char *key, const str *s, uint32_t n)
{
    json_out_key(j, str_z(key));
    json_out_array(j);
    for (uint32_t i = 0; i < n; i++)
        json_out_str(j, s[i]);
    json_out_array_end(j);
}

static void json_rule(struct json_out *j, const struct rule_info *r)
{
    json_out_object(j);
    json_out_kv_str(j, "id", r->id);
    json_out_kv_str(j, "title", r->title);
    json_out_kv_str(j, "level", str_z(level_name(r->level)));
    json_out_kv_bool(j, "correlation", r->correlation);
    json_out_kv_str(j, "status", r->status);
    json_out_kv_str(j, "author", r->author);
    json_out_kv_str(j, "description", r->description);
    json_out_key(j, STR("logsource"));
    json_out_object(j);
    json_out_kv_str(j, "product", r->product);
    json_out_kv_str(j, "category", r->category);
    json_out_kv_str(j, "service", r->service);
    json_out_object_end(j);
    json_strings(j, "techniques", r->technique, r->technique_count);
    json_strings(j, "tags", r->tag, r->tag_count);
    json_strings(j, "falsepositives", r->falsepositive, r->falsepositive_count);
    json_strings(j, "references", r->reference, r->reference_count);
    json_out_kv_str(j, "file", r->file);
    json_out_kv_u64(j, "line", r->line);
    json_out_object_end(j);
}

static void list_json(const struct rule_set *set, enum level least)
{
    struct sbuf text;
    sbuf_init(&text, CLI_JSON_MAX);
    struct json_out j = json_out_on(&text);
    json_out_array(&j);
    for (uint32_t i = 0; i < rule_set_count(set); i++)
        if (rule_set_info(set, i)->level >= least)
            json_rule(&j, rule_set_info(set, i));
    json_out_array_end(&j);
    cli_print_json(&text);
}

/* "windows/process_creation"; for a correlation, that it is one. */
static void logsource_of(const struct rule_info *r, struct sbuf *out)
{
    const str parts[] = {r->product, r->category, r->service};
    sbuf_clear(out);
    if (r->correlation)
        sbuf_addz(out, "correlation");
    for (size_t i = 0; i < COUNT(parts); i++)
        if (parts[i].n) {
            if (out->n)
                sbuf_addc(out, '/');
            sbuf_add(out, parts[i]);
        }
}

static void list_text(const struct rule_set *set, enum level least)
{
    struct style style = cli_style();
    struct sbuf text;
    sbuf_init(&text, 64 << 10);
    for (uint32_t i = 0; i < rule_set_count(set); i++) {
        const struct rule_info *r = rule_set_info(set, i);
        if (r->level < least)
            continue;
        print_level(&style, r->level);
        fputs("  ", stdout);
        print_column(stdout, r->id, 36);
        fputs("  ", stdout);
        logsource_of(r, &text);
        print_column(stdout, sbuf_str(&text), 36);
        fputs("  ", stdout);
        sbuf_clear(&text);
        for (uint32_t t = 0; t < r->technique_count; t++) {
            sbuf_addz(&text, t ? " " : "");
            sbuf_add(&text, r->technique[t]);
        }
        print_column(stdout, sbuf_str(&text), 20);
        fputs("  ", stdout);
        print_text(stdout, r->title, 0);
        putchar('\n');
    }
    sbuf_done(&text);
}

int cmd_rules_list(const struct args *a)
{
    struct loaded l;
    struct error err;
    enum level least = LEVEL_INFORMATIONAL;
    int code = 0;
    (void)level_find(str_z(args_text(a, "min-level")), &least); /* args_parse has checked */
    if (load(&l, a, &err) != ST_OK) {
        code = cli_fail(&err);
    } else {
        if (!args_flag(a, "quiet"))
            note_rule_problems(l.set, 5);
        (args_flag(a, "json") ? list_json : list_text)(l.set, least);
    }
    unload(&l);
    return code;
}
