/* SPDX-License-Identifier: Apache-2.0 */
/* behavior_int.h - for files in behavior/ only. */
#ifndef BEHAVIOR_BEHAVIOR_INT_H
#define BEHAVIOR_BEHAVIOR_INT_H

#include "behavior/behavior.h"
#include "behavior/sketch.h"
#include "os/lock.h"

#include <stdatomic.h>

enum aspect {
#define X(NAME, name, WEIGHT, words) ASPECT_##NAME,
#include "behavior/aspect.def"
    ASPECT_COUNT
};
struct aspect_info {
    const char *name;
    double weight;
    const char *words;
};
extern const struct aspect_info aspect_info[ASPECT_COUNT];

enum { SHARDS = 16, WEEK_HOURS = 168, HALF_LIFE_HOURS = 14 * 24, HOUR_MS = 3600 * 1000 };
enum { HOUR_ABS_MAX = 100 * 1000 * 1000 }; /* 11,000 years: what is further away is no time */
enum {
    NAME_MAX_BYTES = 128,
    TENANT_MAX_BYTES = 64,
    KEY_MAX_BYTES = NAME_MAX_BYTES + TENANT_MAX_BYTES + 2
};

/* ---- trait.c: what of an event is remembered ---- */

struct trait {
    str text; /* n 0: the event has none */
    uint32_t hash;
};
struct traits {
    struct trait at[ASPECT_COUNT];
    str who[BEHAVIOR_TYPE_COUNT]; /* n 0: names none */
    int64_t hour;                 /* since 1970; INT64_MIN: the event has no time */
    bool failed;
};
void traits_of(struct event *e, uint64_t seed, struct traits *out);
/* Is the aspect the entity itself? */
bool trait_is_self(enum behavior_type t, enum aspect a);

/* ---- entity.c: one entity's state ---- */

/* For each hour of the week mean and variance of ln(1 + events), in steps of 1/2048, and from how many weeks. */
struct week {
    uint16_t mean[WEEK_HOURS], var[WEEK_HOURS];
    uint8_t n[WEEK_HOURS];
};

struct entity {
    struct entity *next;          /* of the same place in the table */
    struct entity *newer, *older; /* of its list */
    uint64_t hash;
    int64_t first_hour, hour; /* since 1970; `hour`: the one that is counted now */
    int64_t landmark;         /* hour whose events count 1 */
    uint32_t hour_count;
    float weight; /* of events of `hour` */
    float total;  /* faded events */
    uint64_t events;
    struct week *week;                   /* owned; NULL until an hour was over */
    struct sketch *aspect[ASPECT_COUNT]; /* owned; NULL: no value yet */
    uint8_t type;
    bool kept; /* in the list of those seen often */
    uint16_t key_n;
    char key[]; /* type, tenant, NUL, name */
};

struct entity *entity_new(str key, uint64_t hash, enum behavior_type t);
void entity_free(struct entity *e);
/* False: the event is of an hour that is over. */
bool entity_learn(struct entity *e, const struct traits *f);
size_t entity_bytes(const struct entity *e);
/* What is usual at that hour of the week: ln(1 + events), its deviation, and how many hours that is from; where
 * few weeks are known, from the same hour of all days. */
struct usual {
    double mean, deviation, hours;
    double active; /* part of such hours, and of those beside them, with any event */
};
struct usual entity_usual(const struct entity *e, int64_t hour);

static inline unsigned hour_of_week(int64_t hour)
{
    int64_t h = (hour + 72) % WEEK_HOURS; /* 1970 began on a Thursday; 0 is Monday's first */
    return (unsigned)(h < 0 ? h + WEEK_HOURS : h);
}

/* ---- behavior.c ---- */

struct shard {
    struct lock lock;
    /* under lock: */
    struct entity **table; /* owned; room of them, a power of two */
    size_t room, count, max, kept, bytes;
    struct list {
        struct entity *newest, *oldest;
    } list[2]; /* [kept] */
    uint64_t learned, evicted, late;
};

struct behavior {
    uint64_t seed;
    struct shard shard[SHARDS];
    _Atomic uint64_t skipped;
};

/* The key of `who`: in `out`, at most KEY_MAX_BYTES. */
str behavior_key(str tenant, enum behavior_type t, str name, char out[static KEY_MAX_BYTES]);
struct shard *behavior_shard(struct behavior *b, uint64_t hash);
struct entity *shard_find_locked(struct shard *s, uint64_t hash, str key);
/* Takes `e`; it is the newest. */
void shard_put_locked(struct shard *s, struct entity *e);
void behavior_clear(struct behavior *b);

#endif
