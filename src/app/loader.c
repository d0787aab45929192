/* SPDX-License-Identifier: Apache-2.0 */
#include "app/loader.h"

#include "api/api.h"
#include "os/clock.h"
#include "os/log.h"

enum { PROBLEMS_LOGGED = 20 };

static void log_problems(const struct rule_set *set)
{
    size_t n = rule_set_problem_count(set);
    for (size_t i = 0; i < n && i < PROBLEMS_LOGGED; i++) {
        const struct rule_problem *p = rule_set_problem(set, i);
        log_say(LOG_DATA, LOG_WARN, "rule left out", LOG_STR("file", p->file),
                LOG_INT("line", p->line), LOG_Z("reason", p->reason));
    }
    if (n > PROBLEMS_LOGGED)
        log_say(LOG_DATA, LOG_WARN, "more rules left out; see 'bguard rules check'",
                LOG_INT("count", n - PROBLEMS_LOGGED));
}

static status load_rules(const struct loader *from, struct rule_set **out, struct error *err)
{
    const struct config *c = from->config;
    if (c->rules.n == 0)
        return ST_OK;
    struct rule_options o = {.cache_dir = from->cache_dir};
    status s = rule_set_load(c->rules.at, c->rules.n, from->dict, &o, out, err);
    if (s != ST_OK)
        return fail_prefix(err, s, "rules");
    log_problems(*out);
    if (rule_set_loaded(*out) == 0)
        return fail(err, ST_INVALID, "no rule could be loaded from '%.100s'%s", c->rules.at[0],
                    c->rules.n > 1 ? " and the other 'rules'" : "");
    return ST_OK;
}

static status load_feeds(struct intel_set *set, const struct config_list *l, bool allow,
                         struct error *err)
{
    status s = ST_OK;
    for (size_t i = 0; i < l->n && s == ST_OK; i++)
        s = intel_set_load(set, l->at[i], allow, err);
    return s;
}

static status load_intel(const struct loader *from, struct intel_set **out, struct error *err)
{
    const struct config *c = from->config;
    int64_t now_ms = clock_wall_ms();
    struct intel_set *set = intel_set_new(&(struct intel_options){.now_ms = now_ms});
    status s = load_feeds(set, &c->intel, false, err);
    if (s == ST_OK)
        s = load_feeds(set, &c->allow, true, err);
    if (s == ST_OK)
        s = api_imported_indicators(from->store, STR("default"), set, now_ms, err);
    if (s != ST_OK) {
        intel_set_free(set);
        return fail_prefix(err, s, "indicators");
    }
    intel_set_freeze(set);
    struct intel_stats st = intel_set_stats(set);
    if (st.indicators == 0) { /* the pipeline need not look */
        intel_set_free(set);
        return ST_OK;
    }
    *out = set;
    return ST_OK;
}

static void summarise(const struct rule_set *rules, const struct intel_set *intel,
                      struct load_summary *out)
{
    *out = (struct load_summary){0};
    if (rules) {
        out->rules = rule_set_loaded(rules);
        out->rule_problems = rule_set_problem_count(rules);
    }
    if (intel) {
        struct intel_stats st = intel_set_stats(intel);
        out->indicators = st.indicators;
        out->allowed = st.allowed;
    }
}

status loader_run(const struct loader *from, struct snapshot_ref **out,
                  struct load_summary *summary, struct error *err)
{
    struct rule_set *rules = NULL;
    struct intel_set *intel = NULL;
    uint64_t start_ns = clock_ns();
    status s = load_rules(from, &rules, err);
    if (s == ST_OK)
        s = load_intel(from, &intel, err);
    if (s != ST_OK) {
        rule_set_free(rules);
        return s;
    }
    summarise(rules, intel, summary);
    *out = snapshot_ref_new(from->dict, rules, intel);
    summary->seconds = clock_since(start_ns);
    return ST_OK;
}
