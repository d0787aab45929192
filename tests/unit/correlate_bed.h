/* SPDX-License-Identifier: Apache-2.0 */
/* correlate_bed.h - what the tests of correlations stand on: three plain
 * detections, events in a line each, and the findings they lead to. */
#ifndef TESTS_UNIT_CORRELATE_BED_H
#define TESTS_UNIT_CORRELATE_BED_H

#include "rule/rule.h"
#include "tests/test.h"

/* Detections `fail` and `ok` on generic events, and one correlation after them. */
#define RULES                                                                                      \
    "title: Failed\nname: fail\nlogsource: {product: app}\n"                                       \
    "detection: {selection: {what: fail}, condition: selection}\n---\n"                            \
    "title: Succeeded\nname: ok\nlogsource: {product: app}\n"                                      \
    "detection: {selection: {what: ok}, condition: selection}\n---\n"                              \
    "title: Third\nname: third\nlogsource: {product: app}\n"                                       \
    "detection: {selection: {what: third}, condition: selection}\n---\n"

#define CORRELATION(body) RULES "title: Test\nid: test-id\nlevel: high\ncorrelation:\n" body

struct happening {
    int64_t at_s;
    const char *what, *user, *host; /* NULL: the event has no such field */
    const char *number;
};

enum { RESULTS_MAX = 512 };

struct result {
    uint32_t n;
    int64_t time_ms[RESULTS_MAX];
    char entity[RESULTS_MAX][64], value[RESULTS_MAX][32], id[RESULTS_MAX][40];
};

static inline void keep(void *arg, const struct finding *f)
{
    struct result *r = arg;
    assert_true(r->n < RESULTS_MAX);
    r->time_ms[r->n] = f->time_ms;
    snprintf(r->entity[r->n], 64, "%.*s", f->entity_count ? (int)f->entity[0].value.n : 0,
             f->entity_count ? f->entity[0].value.p : "");
    str v = f->evidence[f->evidence_count - 1].value;
    snprintf(r->value[r->n], 32, "%.*s", STR_ARG(v));
    snprintf(r->id[r->n++], 40, "%.*s", STR_ARG(f->id));
}

struct bed {
    struct dict *dict;
    struct rule_set *set;
    struct rule_matcher *matcher;
    struct correlator *correlator;
    struct batch batch;
    struct arena arena;
    struct rule_hits hits;
};

static inline void bed_open(struct bed *b, const char *yaml, const struct correlator_limits *limits)
{
    struct error err = {0};
    *b = (struct bed){.dict = dict_new()};
    if (rule_set_parse(STR("test"), str_z(yaml), b->dict, NULL, &b->set, &err) != ST_OK)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < rule_set_problem_count(b->set); i++)
        print_message("problem: %s\n", rule_set_problem(b->set, i)->reason);
    assert_int_equal(rule_set_problem_count(b->set), 0);
    b->matcher = rule_matcher_new(b->set);
    b->correlator = correlator_new(b->set, limits);
    batch_init(&b->batch, 1 << 20);
    arena_init(&b->arena, 16 << 20);
}

static inline void bed_close(struct bed *b)
{
    rule_hits_done(&b->hits);
    batch_done(&b->batch);
    arena_done(&b->arena);
    correlator_free(b->correlator);
    rule_matcher_free(b->matcher);
    rule_set_free(b->set);
    dict_free(b->dict);
}

static inline void put(struct bed *b, const char *name, const char *value)
{
    if (!value)
        return;
    struct field *f = batch_field(&b->batch, 100);
    *f = (struct field){.p = value,
                        .n = (uint32_t)strlen(value),
                        .id = dict_resolve(b->dict, FAMILY_UNKNOWN, str_z(name)),
                        .kind = VALUE_STRING};
}

static inline void happen(struct bed *b, const struct happening *h, struct result *out)
{
    batch_clear(&b->batch);
    struct event *e = batch_begin(&b->batch, (str){0}, (struct origin){.line = 1});
    e->time_ms = h->at_s * 1000;
    put(b, "what", h->what);
    put(b, "user", h->user);
    put(b, "host", h->host);
    put(b, "number", h->number);
    batch_commit(&b->batch, e);
    b->hits.n = 0;
    rule_match(b->matcher, &b->batch, &b->hits);
    for (size_t i = 0; i < b->hits.n; i++) {
        struct sample *s = rule_sample(b->set, &b->batch, &b->hits.at[i], &b->arena);
        if (s)
            correlator_feed(b->correlator, s, &b->arena, keep, out);
    }
    arena_clear(&b->arena);
}

static inline struct result run(const char *yaml, const struct happening *h, size_t n)
{
    struct bed b;
    struct result r = {0};
    bed_open(&b, yaml, NULL);
    for (size_t i = 0; i < n; i++)
        happen(&b, &h[i], &r);
    correlator_finish(b.correlator, &b.arena, keep, &r);
    bed_close(&b);
    return r;
}

/* Streams name only the fields that matter to them. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#define RUN(yaml, ...)                                                                             \
    run(yaml, (const struct happening[]){__VA_ARGS__},                                             \
        sizeof((const struct happening[]){__VA_ARGS__}) / sizeof(struct happening))

#endif
