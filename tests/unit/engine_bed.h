/* SPDX-License-Identifier: Apache-2.0 */
/* engine_bed.h - what the tests of the engine stand on: rules, an engine, and a sink that writes
 * down what it is shown. */
#ifndef TESTS_UNIT_ENGINE_BED_H
#define TESTS_UNIT_ENGINE_BED_H

#include "base/sbuf.h"
#include "detect/engine.h"
#include "os/thread.h"
#include "tests/test.h"

/* One detection that reports, one that only feeds; three of the latter by one user in a minute are
 * a finding.  `TITLE` tells one snapshot from the next. */
#define ENGINE_RULES(TITLE)                                                                        \
    "title: " TITLE "\nid: hit\nlevel: high\nlogsource: {product: app}\n"                          \
    "detection: {selection: {what: hit}, condition: selection}\n---\n"                             \
    "title: Failed\nname: fail\nlogsource: {product: app}\n"                                       \
    "detection: {selection: {what: fail}, condition: selection}\n---\n"                            \
    "title: Guessing " TITLE "\nid: guessing\nlevel: high\ncorrelation:\n"                         \
    "  type: event_count\n  rules: [fail]\n  group-by: [who]\n  timespan: 1m\n"                    \
    "  condition: {gte: 3}\n"

struct engine_bed {
    struct dict *dict;
    struct engine *engine;
    struct sbuf text; /* a line a finding: "tenant path event title" */
    uint64_t jobs, events, parsed, rooms;
    uint64_t next;       /* number expected in the next job's path */
    bool numbered, adds; /* findings of its own to each event */
};

static inline struct snapshot_ref *make_snapshot(struct dict *dict, const char *yaml)
{
    struct rule_options options = {0};
    struct rule_set *set;
    struct error err;
    if (rule_set_parse(STR("test.yml"), str_z(yaml), dict, &options, &set, &err) != ST_OK)
        fail_msg("%s", err.text);
    assert_int_equal(rule_set_problem_count(set), 0);
    return snapshot_ref_new(dict, set, NULL);
}

static inline void bed_deliver(void *arg, const struct engine_result *r)
{
    struct engine_bed *bed = arg;
    const struct engine_job *job = r->job;
    if (bed->numbered && job->path) {
        assert_int_equal(strtoull(job->path, NULL, 10), bed->next);
        bed->next++;
    }
    bed->jobs += job->path != NULL;
    bed->events += job->batch.event_count;
    for (size_t i = 0; i < r->count; i++) {
        assert_true(i == 0 || r->found[i].event >= r->found[i - 1].event);
        sbuf_addf(&bed->text, "%s %s %lld " STR_FMT "\n", job->tenant, job->path ? job->path : "-",
                  r->found[i].event == UINT32_MAX ? -1 : (long long)r->found[i].event,
                  STR_ARG(r->found[i].finding->title));
    }
}

static inline void bed_room(void *arg)
{
    struct engine_bed *bed = arg;
    __atomic_fetch_add(&bed->rooms, 1, __ATOMIC_RELAXED);
}

static inline void bed_parsed(void *arg, struct engine_job *job)
{
    struct engine_bed *bed = arg;
    assert_true(*job->tenant);
    __atomic_fetch_add(&bed->parsed, job->batch.event_count, __ATOMIC_RELAXED);
    for (size_t i = job->batch.event_count; bed->adds && i-- > 0;) { /* backwards on purpose */
        struct finding *f = arena_new(&job->batch.arena, struct finding);
        *f = (struct finding){.level = i % 2 ? LEVEL_LOW : LEVEL_HIGH, .title = STR("added")};
        engine_add(job, (uint32_t)i, f);
    }
}

static inline void bed_open(struct engine_bed *bed, const struct engine_options *options)
{
    struct engine_options how = *options;
    *bed = (struct engine_bed){.dict = dict_new()};
    sbuf_init(&bed->text, SIZE_MAX);
    how.limits = parse_limits_default;
    struct engine_sink sink = {bed_deliver, bed_room, bed_parsed, bed};
    struct snapshot_ref *s = make_snapshot(bed->dict, ENGINE_RULES("first"));
    bed->engine = engine_new(&how, &sink, s);
    snapshot_ref_drop(s);
}

static inline void bed_close(struct engine_bed *bed)
{
    engine_free(bed->engine);
    sbuf_done(&bed->text);
    dict_free(bed->dict);
}

static inline const char *bed_text(struct engine_bed *bed)
{
    return bed->text.p ? bed->text.p : "";
}

static inline void set_bytes(struct engine_job *job, const char *tenant, str bytes)
{
    batch_reserve(&job->batch, bytes.n);
    memcpy(job->batch.bytes, bytes.p, bytes.n);
    job->batch.n = bytes.n;
    job->batch.first_line = 1;
    job->stream = (struct parse_stream){.format = PARSE_json};
    (void)snprintf(job->tenant, sizeof job->tenant, "%s", tenant);
}

/* An event `at_s` seconds after noon. */
static inline void add_event(struct sbuf *b, unsigned at_s, const char *what, const char *who)
{
    sbuf_addf(b, "{\"@timestamp\":\"2024-05-01T%02u:%02u:%02uZ\",\"what\":\"%s\",\"who\":\"%s\"}\n",
              12 + at_s / 3600, at_s / 60 % 60, at_s % 60, what, who);
}

#define NOON_MS INT64_C(1714564800000)

#endif
