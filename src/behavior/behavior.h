/* SPDX-License-Identifier: Apache-2.0 */
/* behavior.h - what is normal for each user, host and source address, and how far something is from it.
 *
 * Learned from every event as it passes: how many events an entity has in each hour of the week, and how
 * often which country, network, host, program… came with it.  Old times fade (half of it in 14 days).
 * Everything is bounded: entities by number (those seen once go before those seen often), the values of an
 * entity by sketches.  The methods and their sources are in sketch.h and entity.c.
 *
 * The same events in the same order lead to the same answers, for the same seed.
 *
 * Thread-safe: entities are spread over shards, each with its lock. */
#ifndef BEHAVIOR_BEHAVIOR_H
#define BEHAVIOR_BEHAVIOR_H

#include "base/status.h"
#include "event/batch.h"
#include "event/finding.h"

enum behavior_type { BEHAVIOR_USER, BEHAVIOR_HOST, BEHAVIOR_SOURCE, BEHAVIOR_TYPE_COUNT };
const char *
behavior_type_name(enum behavior_type t); /* as in event/entity.def: "user", "host", "source.ip" */
bool behavior_type_find(str name, enum behavior_type *out);

struct behavior_options {
    size_t entities; /* of all tenants together; 0: 32,768, which take 60 to 200 MiB */
    uint64_t seed;   /* of hashes; 0: the process's.  A loaded file brings its own */
};

struct behavior; /* opaque */
struct behavior *behavior_new(const struct behavior_options *options);
void behavior_free(struct behavior *b); /* NULL is fine */

/* Take the events of `batch` in; for engine_sink.parsed.  An event counts for each entity that it names.
 * Events that claim to be more than a day after `now_ms` (0: no such check) do not count; those
 * without a time are of `now_ms`.  Scratch
 * is from the batch's arena; with none left the events are counted as skipped. */
void behavior_learn(struct behavior *b, str tenant, struct batch *batch, int64_t now_ms);

struct behavior_entity {
    enum behavior_type type;
    str value; /* user and host names in any case */
};
/* All events of the batch, as the entity's, whatever they name.  Those that name another of its type do
 * not count. */
void behavior_learn_as(struct behavior *b, str tenant, const struct behavior_entity *who,
                       struct batch *batch, int64_t now_ms);

struct behavior_factor {
    const char *name;       /* "rate", "hour", "failures" or one of aspect.def */
    double score_01;        /* how strange */
    str observed, expected; /* values, in words */
    str reason;             /* a sentence */
};
enum { BEHAVIOR_FACTORS_MAX = 16 };
struct behavior_verdict {
    double deviation_01;  /* 0 as long as there is not enough history */
    double confidence_01; /* of the history: grows with events and days */
    bool enough;          /* history to say anything */
    uint64_t known_events;
    double known_days;
    size_t compared; /* events that were looked at; those that name another entity were not */
    struct behavior_factor factor[BEHAVIOR_FACTORS_MAX]; /* the strangest first */
    size_t factor_count;
    str summary; /* a sentence */
};
/* How unusual are the events of `batch` for `who`?  Texts live in `arena`.  Learns nothing.  ST_LIMIT: the
 * arena's. */
CHECKED status behavior_compare(struct behavior *b, str tenant, const struct behavior_entity *who,
                                struct batch *batch, struct arena *arena,
                                struct behavior_verdict *out, struct error *err);
/* A verdict as a finding; false: it is none (deviation below 0.7, or confidence below 0.5). */
bool behavior_finding(const struct behavior_verdict *v, const struct behavior_entity *who,
                      int64_t now_ms, struct arena *arena, struct finding *out);

/* Forget a tenant's entity, or all of a tenant when `who` is NULL.  Returns how many. */
size_t behavior_forget(struct behavior *b, str tenant, const struct behavior_entity *who);

struct behavior_stats {
    uint64_t entities, entities_max, bytes;
    uint64_t learned; /* events, counted once for each entity */
    uint64_t evicted; /* entities forgotten to stay inside the limit */
    uint64_t late;    /* events of an hour that was over: they count as values, not for the rate */
    uint64_t skipped; /* events of the future, or without room to look at */
};
struct behavior_stats behavior_stats(struct behavior *b);

/* Into `path`, by way of a file beside it that is moved there: a crash leaves the old one.  Mode 0600.
 * ST_IO: why. */
CHECKED status behavior_save(struct behavior *b, const char *path, struct error *err);
/* What was saved, into a `b` that is empty.  ST_NOT_FOUND: no such file.  ST_INVALID: damaged, or of another
 * version; ST_LIMIT: too large; then `b` is empty: go on, with a line in the log. */
CHECKED status behavior_load(struct behavior *b, const char *path, struct error *err);
/* The same from bytes: what behavior_load reads. */
CHECKED status behavior_read(struct behavior *b, str bytes, struct error *err);

#endif
