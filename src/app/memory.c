/* SPDX-License-Identifier: Apache-2.0 */
/* What the service learned of its users, hosts and networks, and the rules that files are scanned with. */
#include "app/service_int.h"

#include "os/log.h"

#include <unistd.h>

enum { PROBLEMS_LOGGED = 20, PATH_ARENA_MAX = 1 << 16, PATH_BYTES = 4096 };

static status load_baselines(struct service *s, struct error *err)
{
    const char *path = data_path(&s->data, &s->arena, "behavior.bin");
    status st = behavior_load(s->behavior, path, err);
    if (st == ST_INVALID || st == ST_LIMIT)
        log_say(LOG_MODEL, LOG_WARN, "what is normal is learned anew", LOG_Z("reason", err->text));
    else if (st != ST_NOT_FOUND)
        return st;
    /* At once: the rest files go by its seed, and must be known by it after a crash, too. */
    return behavior_save(s->behavior, path, err);
}

/* Files of other baselines than these are of no use to anybody. */
static void remove_rest(const char *path)
{
    char name[PATH_BYTES];
    for (int i = 0; i < BEHAVIOR_REST_FILES; i++)
        if ((size_t)snprintf(name, sizeof name, "%s.%d", path, i) < sizeof name)
            (void)unlink(name); /* else opening says what is wrong */
}

/* The service does without, if it must: less is remembered, all else goes on. */
static void open_rest(struct service *s)
{
    const char *path = data_path(&s->data, &s->arena, "behavior.rest");
    uint64_t most = (uint64_t)s->config->behavior_rest << 20;
    struct error err;
    if (!most)
        return;
    status st = behavior_rest(s->behavior, path, most, &err);
    if (st == ST_INVALID) {
        log_say(LOG_MODEL, LOG_WARN, "habits that rested in files are learned anew",
                LOG_Z("reason", err.text));
        remove_rest(path);
        st = behavior_rest(s->behavior, path, most, &err);
    }
    if (st == ST_OK)
        return;
    (void)snprintf(s->rest_problem, sizeof s->rest_problem, "%s", err.text);
    log_say(LOG_MODEL, LOG_ERROR, "habits that have no place in memory are forgotten",
            LOG_Z("reason", err.text));
}

status memory_open(struct service *s, struct error *err)
{
    struct behavior_options o = {.entities = (size_t)s->config->behavior_entities};
    (void)config_watch(s->config, &o.watch_01); /* config_load has checked */
    s->behavior = behavior_new(&o);
    s->network = network_new(&(struct network_options){0});
    status st = load_baselines(s, err);
    if (st == ST_OK)
        open_rest(s);
    return st;
}

void memory_check(void *arg, struct api_health *out)
{
    struct service *s = arg;
    struct behavior_stats st = behavior_stats(s->behavior);
    out->ok = !*s->rest_problem;
    (void)snprintf(
        out->detail, sizeof out->detail,
        "%llu of %llu entities in %llu MiB, %llu rest in %llu MiB of files, %llu forgotten",
        (unsigned long long)st.entities, (unsigned long long)st.entities_max,
        (unsigned long long)(st.bytes >> 20), (unsigned long long)st.resting,
        (unsigned long long)(st.rest_bytes >> 20), (unsigned long long)st.evicted);
    (void)snprintf(out->last_error, sizeof out->last_error, "%.150s", s->rest_problem);
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
