/* SPDX-License-Identifier: Apache-2.0 */
/* behavior.h - what is normal for each user, host, source address and service account, and how far something is from it.
 *
 * Learned from every event as it passes: how many events, bytes and different peers an entity has in an hour, in which hours
 * of the week, how often which country, network, host, program… came with it, and which event follows
 * which.  Old times fade (half of it in 14 days).  Entities that are alike form groups, whose habits are what is
 * assumed of those that are new.  Everything is bounded: entities by number (those seen once go before those seen often;
 * into files, where that is wanted), the values of an entity by sketches.  The methods and their sources are in
 * sketch.h, amount.h, entity.c and judge.c.
 *
 * The same events in the same order lead to the same answers, for the same seed.
 *
 * Thread-safe: entities are spread over shards, each with its lock. */
#ifndef BEHAVIOR_BEHAVIOR_H
#define BEHAVIOR_BEHAVIOR_H

#include "base/status.h"
#include "event/batch.h"
#include "event/finding.h"

enum behavior_type {
    BEHAVIOR_USER,
    BEHAVIOR_HOST,
    BEHAVIOR_SOURCE,
    BEHAVIOR_SERVICE, /* a key, or an account that programs use: trait.c says how they are told */
    BEHAVIOR_TYPE_COUNT
};
const char *behavior_type_name(
    enum behavior_type t); /* as in event/entity.def: "user", "host", "source.ip"; "service" */
bool behavior_type_find(str name, enum behavior_type *out);

struct behavior_options {
    size_t entities; /* in memory, of all tenants together; 0: 32,768, which take 60 to 130 MiB */
    uint64_t seed;   /* of hashes; 0: the process's.  A loaded file brings its own */
    double
        learning_days; /* before that nothing is said of an entity; 0: 1, and 7 for behavior_watch */
    double watch_01;   /* least deviation that behavior_watch reports; 0: 0.95 */
    size_t groups;     /* of entities that are alike; 0: 1,024 */
};

struct behavior; /* opaque */
struct behavior *behavior_new(const struct behavior_options *options);
void behavior_free(struct behavior *b); /* NULL is fine */

/* Take the events of `batch` in; for engine_sink.parsed.  An event counts for each entity that it names.
 * Events that claim to be more than a day after `now_ms` (0: no such check) do not count; those
 * without a time are of `now_ms`.  Scratch
 * is from the batch's arena; with none left the events are counted as skipped. */
void behavior_learn(struct behavior *b, str tenant, struct batch *batch, int64_t now_ms);

/* The same, and what is strange about the events is said as it passes: findings in the batch's arena, with the
 * number of the event in the batch, the first `max` of them.  Returns how many.  Quiet on purpose: of an entity nothing is
 * said twice in a day, nothing while it is learned, and of all of them not more than 3 and one for each 50
 * entities a day; what was held back so is counted. */
struct behavior_found {
    uint32_t event;
    struct finding *finding;
};
size_t behavior_watch(struct behavior *b, str tenant, struct batch *batch, int64_t now_ms,
                      struct behavior_found *out, size_t max);

struct behavior_entity {
    enum behavior_type type;
    str value; /* user and host names in any case */
};
/* All events of the batch, as the entity's, whatever they name.  Those that name another of its type do
 * not count. */
void behavior_learn_as(struct behavior *b, str tenant, const struct behavior_entity *who,
                       struct batch *batch, int64_t now_ms);

struct behavior_factor {
    const char
        *name; /* "rate", "volume", "peers", "hour", "failures", "group" or one of aspect.def */
    double score_01;        /* how strange */
    str observed, expected; /* values, in words */
    str reason;             /* a sentence */
};
enum { BEHAVIOR_FACTORS_MAX = 20 };
struct behavior_verdict {
    double deviation_01;  /* 0 as long as there is not enough history */
    double confidence_01; /* of the history: grows with events and days */
    bool enough;          /* history to say anything */
    uint64_t known_events;
    double known_days;
    size_t compared; /* events that were looked at; those that name another entity were not */
    struct behavior_factor factor[BEHAVIOR_FACTORS_MAX]; /* the strangest first */
    size_t factor_count;
    str group;   /* those it is compared with: "hosts of 10.1.2"; "": none are known */
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
    uint64_t entities, entities_max, bytes; /* in memory; bytes: with groups and tables */
    uint64_t groups;
    uint64_t learned; /* events, counted once for each entity */
    uint64_t evicted; /* entities forgotten to stay inside the limit */
    uint64_t late;    /* events of an hour that was over: they count as values, not for the rate */
    uint64_t skipped; /* events of the future, or without room to look at */
    uint64_t found;   /* findings of behavior_watch */
    uint64_t quieted; /* not said, as enough was */
    uint64_t resting; /* entities in the files now */
    uint64_t spilled; /* times that one was written there */
    uint64_t loaded;  /* and came back */
    uint64_t rest_bytes;    /* of the files */
    uint64_t rest_failures; /* reads and writes that did not work: the entity was forgotten */
};
struct behavior_stats behavior_stats(struct behavior *b);

/* Entities that make room go into files `path`.0 to .15 instead of being forgotten, at most `max_bytes` in all (0: 4 GiB;
 * past it those there longest are forgotten), and come back when they are seen again.  After behavior_load, or without: what the files
 * hold of the same seed is taken over.  A crash loses nothing that was written but the last record, if it is
 * torn.  ST_IO: why; ST_INVALID: a file is of another version or seed, and was left alone. */
enum { BEHAVIOR_REST_FILES = 16 };
CHECKED status behavior_rest(struct behavior *b, const char *path, uint64_t max_bytes,
                             struct error *err);

/* What is in memory into `path`, by way of a file beside it that is moved there: a crash leaves the old one.  Mode 0600.
 * ST_IO: why. */
CHECKED status behavior_save(struct behavior *b, const char *path, struct error *err);
/* What was saved, into a `b` that is empty.  ST_NOT_FOUND: no such file.  ST_INVALID: damaged, or of another
 * version; ST_LIMIT: too large; then `b` is empty: go on, with a line in the log. */
CHECKED status behavior_load(struct behavior *b, const char *path, struct error *err);
/* The same from bytes: what behavior_load reads. */
CHECKED status behavior_read(struct behavior *b, str bytes, struct error *err);

#endif
