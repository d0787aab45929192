/* SPDX-License-Identifier: Apache-2.0 */
/* behavior_bed.h - for tests of behavior/: events as JSON lines through the real parser. */
#ifndef TESTS_BEHAVIOR_BED_H
#define TESTS_BEHAVIOR_BED_H

#include "behavior/behavior.h"
#include "parse/parse.h"
#include "tests/test.h"

enum { HOUR = 3600 * 1000, SEED = 42, TEXT_MAX = 64 << 20 };
static const int64_t monday = 1735516800000; /* 2024-12-30T00:00:00Z */

/* ---- events: JSON lines through the real parser ---- */

struct bed {
    struct dict *dict;
    struct parser *parser;
    struct batch batch;
    struct sbuf text;
    struct behavior *b;
    struct arena arena;
};

static inline void bed_init(struct bed *bed, size_t entities)
{
    *bed = (struct bed){.dict = dict_new()};
    bed->parser = parser_new(bed->dict, &parse_limits_default);
    batch_init(&bed->batch, 256 << 20);
    sbuf_init(&bed->text, TEXT_MAX);
    arena_init(&bed->arena, 64 << 20);
    bed->b = behavior_new(&(struct behavior_options){.entities = entities, .seed = SEED});
}

static inline void bed_done(struct bed *bed)
{
    behavior_free(bed->b);
    arena_done(&bed->arena);
    sbuf_done(&bed->text);
    batch_done(&bed->batch);
    parser_free(bed->parser);
    dict_free(bed->dict);
}

struct login {
    const char *user, *host, *address, *country, *outcome;
};
static const struct login usual = {"alice", "pc1", "192.0.2.7", "DE", "success"};

static inline void add(struct bed *bed, int64_t ms, const struct login *l)
{
    sbuf_addf(&bed->text,
              "{\"@timestamp\":%lld,\"user.name\":\"%s\",\"host.name\":\"%s\",\"source.ip\":\"%s\","
              "\"source.geo.country_iso_code\":\"%s\",\"event.outcome\":\"%s\",\"event.action\":"
              "\"login\"}\n",
              (long long)ms, l->user, l->host, l->address, l->country, l->outcome);
}

/* What was added becomes the batch. */
static inline struct batch *take(struct bed *bed)
{
    struct parse_stream stream = {.format = PARSE_json};
    batch_clear(&bed->batch);
    batch_reserve(&bed->batch, bed->text.n);
    memcpy(bed->batch.bytes, bed->text.p, bed->text.n);
    bed->batch.n = bed->text.n;
    parser_run(bed->parser, &stream, &bed->batch);
    assert_int_equal(bed->batch.rejected, 0);
    sbuf_clear(&bed->text);
    return &bed->batch;
}

static inline void learn(struct bed *bed, const char *tenant)
{
    behavior_learn(bed->b, str_z(tenant), take(bed), 0);
}

static inline struct behavior_verdict compare(struct bed *bed, const char *tenant, const char *user)
{
    struct behavior_verdict v;
    struct behavior_entity who = {BEHAVIOR_USER, str_z(user)};
    assert_int_equal(
        behavior_compare(bed->b, str_z(tenant), &who, take(bed), &bed->arena, &v, NULL), ST_OK);
    return v;
}

static inline const struct behavior_factor *factor(const struct behavior_verdict *v,
                                                   const char *name)
{
    for (size_t i = 0; i < v->factor_count; i++)
        if (strcmp(v->factor[i].name, name) == 0)
            return &v->factor[i];
    fail_msg("no factor '%s'", name);
    return NULL;
}

#endif
