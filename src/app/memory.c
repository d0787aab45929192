/* SPDX-License-Identifier: Apache-2.0 */
/* What the service learned of its users, hosts and networks, and the rules that files are scanned with. */
#include "app/service_int.h"

#include "os/log.h"

enum { PROBLEMS_LOGGED = 20, PATH_ARENA_MAX = 1 << 16 };

static status load_baselines(struct service *s, struct error *err)
{
    const char *path = data_path(&s->data, &s->arena, "behavior.bin");
    status st = behavior_load(s->behavior, path, err);
    if (st == ST_INVALID || st == ST_LIMIT) {
        log_say(LOG_MODEL, LOG_WARN, "what is normal is learned anew", LOG_Z("reason", err->text));
        return ST_OK;
    }
    return st == ST_NOT_FOUND ? ST_OK : st;
}

status memory_open(struct service *s, struct error *err)
{
    s->behavior = behavior_new(&(struct behavior_options){0});
    s->network = network_new(&(struct network_options){0});
    return load_baselines(s, err);
}

/* Called by one thread at a time: the keeper while it runs, then the one that takes the service apart. */
void memory_keep(struct service *s)
{
    struct arena a;
    struct error err;
    if (!s->behavior || behavior_stats(s->behavior).learned == s->kept)
        return;
    arena_init(&a, PATH_ARENA_MAX);
    uint64_t learned = behavior_stats(s->behavior).learned;
    if (behavior_save(s->behavior, data_path(&s->data, &a, "behavior.bin"), &err) == ST_OK)
        s->kept = learned;
    else
        log_say(LOG_MODEL, LOG_ERROR, "what is normal could not be kept",
                LOG_Z("reason", err.text));
    arena_done(&a);
}

static void log_problems(const struct scan_rules *rules)
{
    size_t n = scan_problem_count(rules);
    for (size_t i = 0; i < n && i < PROBLEMS_LOGGED; i++) {
        const struct scan_problem *p = scan_problem(rules, i);
        log_say(LOG_DATA, LOG_WARN, "YARA rules left out", LOG_STR("file", p->file),
                LOG_INT("line", p->line), LOG_STR("reason", p->reason));
    }
}

status memory_load_scan(struct service *s, struct error *err)
{
    struct scan_rules *rules = NULL;
    if (s->config->yara.n == 0)
        return ST_OK;
    status st = scan_rules_load(s->config->yara.at, s->config->yara.n, &rules, err);
    if (st != ST_OK)
        return fail_prefix(err, st, "YARA rules");
    log_problems(rules);
    api_set_scan_rules(s->api, rules);
    scan_rules_unref(rules);
    return ST_OK;
}

void memory_free(struct service *s)
{
    memory_keep(s);
    network_free(s->network);
    behavior_free(s->behavior);
}
