/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"
#include "codec/time.h"

static const char *kind_name(enum intel_kind k)
{
    static const char *const names[] = {
#define X(NAME, name, doc) name,
#include "intel/kind.def"
    };
    return names[k];
}

/* ---- check ---- */

static void check_json(const struct intel_set *set)
{
    struct intel_stats st = intel_set_stats(set);
    struct sbuf text;
    sbuf_init(&text, CLI_JSON_MAX);
    struct json_out j = json_out_on(&text);
    json_out_object(&j);
    json_out_kv_u64(&j, "indicators", st.indicators);
    json_out_kv_u64(&j, "allowed", st.allowed);
    json_out_kv_u64(&j, "expired", st.expired);
    json_out_kv_u64(&j, "duplicates", st.duplicates);
    json_out_kv_u64(&j, "rejected", st.rejected);
    json_out_kv_u64(&j, "bytes", st.bytes);
    json_out_key(&j, STR("errors"));
    json_out_array(&j);
    for (size_t i = 0; i < intel_set_problem_count(set); i++) {
        const struct intel_problem *p = intel_set_problem(set, i);
        json_out_object(&j);
        json_out_kv_str(&j, "file", p->file);
        json_out_kv_u64(&j, "line", p->line);
        json_out_kv_str(&j, "reason", str_z(p->reason));
        json_out_object_end(&j);
    }
    json_out_array_end(&j);
    json_out_object_end(&j);
    cli_print_json(&text);
}

static void check_text(const struct intel_set *set)
{
    struct intel_stats st = intel_set_stats(set);
    for (size_t i = 0; i < intel_set_problem_count(set); i++) {
        const struct intel_problem *p = intel_set_problem(set, i);
        print_text(stdout, p->file, 0);
        printf(":%llu: ", (unsigned long long)p->line);
        print_text(stdout, str_z(p->reason), 0);
        putchar('\n');
    }
    print_count(stdout, st.indicators, "indicator", "indicators");
    fputs(", ", stdout);
    print_count(stdout, st.allowed, "allowed value", "allowed values");
    fputs("; ", stdout);
    print_count(stdout, st.expired, "expired", "expired");
    fputs(", ", stdout);
    print_count(stdout, st.duplicates, "duplicate", "duplicates");
    fputs(", ", stdout);
    print_count(stdout, st.rejected, "line refused", "lines refused");
    printf("; %.1f MiB\n", (double)st.bytes / (1 << 20));
}

int cmd_intel_check(const struct args *a)
{
    struct intel_set *set = NULL;
    struct error err;
    if (load_intel(a, a->operand, a->operand_count, &set, &err) != ST_OK)
        return cli_fail(&err);
    struct intel_stats st = intel_set_stats(set);
    (args_flag(a, "json") ? check_json : check_text)(set);
    intel_set_free(set);
    return st.indicators + st.allowed + st.expired ? 0 : CLI_UNMET;
}

/* ---- query ---- */

struct answer {
    const char *value;
    bool listed, allowed;
    struct indicator found;
};

static void answer_json(struct json_out *j, const struct answer *q)
{
    const struct indicator *i = &q->found;
    json_out_object(j);
    json_out_kv_str(j, "value", str_z(q->value));
    json_out_kv_bool(j, "listed", q->listed);
    json_out_kv_bool(j, "allowed", q->allowed);
    if (q->listed) {
        json_out_kv_str(j, "kind", str_z(kind_name(i->kind)));
        json_out_kv_str(j, "indicator", i->value);
        json_out_kv_str(j, "source", i->source);
        json_out_kv_str(j, "description", i->description);
        json_out_kv_f64(j, "confidence", (double)(int)(i->confidence_01 * 1000 + 0.5f) / 1000);
        if (i->expires_ms)
            json_out_kv_time(j, "expires", i->expires_ms);
        json_out_key(j, STR("techniques"));
        json_out_array(j);
        for (uint32_t t = 0; t < i->technique_count; t++)
            json_out_str(j, i->technique[t]);
        json_out_array_end(j);
    }
    json_out_object_end(j);
}

static void answer_text(const struct answer *q)
{
    const struct indicator *i = &q->found;
    char expires[32];
    print_column(stdout, str_z(q->value), strlen(q->value) < 40 ? 40 : 0);
    if (!q->listed) {
        puts(q->allowed ? "  allowed" : "  not listed");
        return;
    }
    printf("  %s ", kind_name(i->kind));
    print_text(stdout, i->value, 0);
    fputs(", listed by ", stdout);
    print_text(stdout, i->source, 0);
    printf(", confidence %.2f", (double)i->confidence_01);
    if (i->expires_ms) {
        time_format_rfc3339(i->expires_ms, expires);
        printf(", until %.10s", expires);
    }
    if (i->description.n) {
        fputs(": ", stdout);
        print_text(stdout, i->description, 0);
    }
    putchar('\n');
}

static size_t answer_all(const struct args *a, const struct intel_set *set)
{
    size_t listed = 0;
    bool as_json = args_flag(a, "json");
    struct sbuf text;
    sbuf_init(&text, CLI_JSON_MAX);
    struct json_out j = json_out_on(&text);
    json_out_array(&j);
    for (size_t i = 0; i < a->operand_count; i++) {
        struct answer q = {.value = a->operand[i]};
        q.listed = intel_find(set, str_z(q.value), &q.found, &q.allowed);
        listed += q.listed;
        if (as_json)
            answer_json(&j, &q);
        else
            answer_text(&q);
    }
    json_out_array_end(&j);
    if (as_json)
        cli_print_json(&text);
    sbuf_done(&text);
    return listed;
}

int cmd_intel_query(const struct args *a)
{
    const char *feed[CLI_PATHS_MAX];
    size_t feeds = args_list(a, "intel", feed, COUNT(feed));
    struct intel_set *set = NULL;
    struct error err;
    if (feeds == 0) {
        (void)fail(&err, ST_INVALID, "say where the indicators are: --intel PATH");
        return cli_fail(&err);
    }
    if (load_intel(a, feed, feeds, &set, &err) != ST_OK)
        return cli_fail(&err);
    size_t listed = answer_all(a, set);
    intel_set_free(set);
    return listed ? 0 : status_exit(ST_NOT_FOUND);
}
