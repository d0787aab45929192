/* SPDX-License-Identifier: Apache-2.0 */
/* behavior_int.h - for files in behavior/ only. */
#ifndef BEHAVIOR_BEHAVIOR_INT_H
#define BEHAVIOR_BEHAVIOR_INT_H

#include "base/reader.h"
#include "base/sbuf.h"
#include "behavior/amount.h"
#include "behavior/behavior.h"
#include "behavior/sketch.h"
#include "os/lock.h"

#include <stdatomic.h>

enum aspect {
#define X(NAME, name, STORY, WEIGHT, words) ASPECT_##NAME,
#include "behavior/aspect.def"
    ASPECT_COUNT
};
enum story {
    STORY_WHAT,
    STORY_WHERE,
    STORY_WHO,
    STORY_HOW,
    STORY_PEER,
    STORY_FAILS,
    STORY_MUCH,
    STORY_WHEN,
    STORY_NONE, /* told by others */
    STORIES
};
struct aspect_info {
    const char *name;
    enum story story;
    double weight;
    const char *words;
};
extern const struct aspect_info aspect_info[ASPECT_COUNT];

enum {
    SHARDS = BEHAVIOR_REST_FILES,
    WEEK_HOURS = 168,
    HALF_LIFE_HOURS = 14 * 24,
    HOUR_MS = 3600 * 1000
};
enum { HOUR_ABS_MAX = 100 * 1000 * 1000 }; /* 11,000 years: what is further away is no time */
enum {
    NAME_MAX_BYTES = 128,
    TENANT_MAX_BYTES = 64,
    KEY_MAX_BYTES = NAME_MAX_BYTES + TENANT_MAX_BYTES + 2,
    KEY_GROUP = BEHAVIOR_TYPE_COUNT /* first byte of a group's key */
};

/* ---- trait.c: what of an event is remembered ---- */

struct trait {
    str text; /* n 0: the event has none */
    uint32_t hash;
};
struct traits {
    struct trait at[ASPECT_COUNT]; /* of SEQUENCE: none, it is not in the event */
    str who[BEHAVIOR_TYPE_COUNT];  /* n 0: names none */
    str of[BEHAVIOR_TYPE_COUNT];   /* what it belongs to: a domain, a subnet; n 0: not said */
    int64_t hour;                  /* since 1970; INT64_MIN: the event has no time */
    double bytes;                  /* moved; 0: not said */
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
    int64_t found_hour;       /* of the last finding; INT64_MIN: none */
    uint32_t hour_count;
    uint32_t last_kind; /* hash of the last event's; 0: none */
    float weight;       /* of events of `hour` */
    float total;        /* faded events */
    uint64_t events;
    double hour_bytes;
    size_t bytes_held;                   /* of memory, with all it owns */
    struct week *week;                   /* owned; NULL until an hour was over */
    struct sketch *aspect[ASPECT_COUNT]; /* owned; NULL: no value yet */
    struct amounts *bytes;               /* owned; NULL: no event said any.  Of hours with some */
    struct spread *peers; /* owned; NULL: never any.  A group's: its members, never turned */
    uint8_t type;         /* enum behavior_type, or KEY_GROUP */
    bool kept;            /* in the list of those seen often */
    uint16_t key_n;
    char key[]; /* type, tenant, NUL, name */
};

struct entity *entity_new(str key, uint64_t hash, unsigned type);
void entity_free(struct entity *e);
struct entity *entity_copy(const struct entity *e, struct arena *a); /* NULL: no room */
/* An hour that is over, for the entity's group. */
struct hour_over {
    int64_t hour;
    uint32_t count;
    bool is;
};
/* False: the event is of an hour that is over. */
bool entity_learn(struct entity *e, const struct traits *f, struct hour_over *over);
/* What a member of the group did, and an hour of it. */
void group_learn(struct entity *group, const struct traits *f, unsigned type, uint64_t member,
                 const struct hour_over *over);
/* The group's name, in `out`: what the entity belongs to, and what it does most.  n 0: it is not yet clear. */
enum { GROUP_NAME_MAX = 96 };
str entity_group(const struct entity *e, str of, char out[static GROUP_NAME_MAX]);
size_t entity_bytes(const struct entity *e); /* counted anew; what bytes_held must be */
double entity_days(const struct entity *e);
/* Hash and words of "the last event, then `kind`"; hash 0: there was none. */
uint32_t entity_sequence(const struct entity *e, uint32_t kind);
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
static inline unsigned day_of_hour(int64_t hour)
{
    int64_t day = hour / 24;
    return day < 0 ? 0 : day > UINT16_MAX ? UINT16_MAX : (unsigned)day;
}

/* ---- encode.c: an entity as bytes ---- */

void entity_put(struct sbuf *out, const struct entity *e);
/* NULL: these bytes are none. */
struct entity *entity_get(struct reader *r, uint64_t seed);

/* ---- rest.c: entities in a file.  Guarded by the shard's lock, which is held for a read or write of some
 * kilobytes: another lock for the file would have to be held as long, by the same. ---- */

struct rest; /* opaque */
CHECKED status rest_open(const char *path, uint64_t seed, uint64_t max_bytes, struct rest **out,
                         struct error *err);
void rest_close(struct rest *r); /* NULL is fine */
/* Written, or not and counted. */
void rest_put(struct rest *r, const struct entity *e);
/* It comes back, and is in the file no longer; NULL: it is not there. */
struct entity *rest_take(struct rest *r, uint64_t hash, str key);
/* Forget one, or all of a tenant (key NULL).  Returns how many. */
size_t rest_forget(struct rest *r, uint64_t hash, const str *key, str tenant);
/* It is in memory, newer. */
void rest_drop(struct rest *r, uint64_t hash);
struct rest_stats {
    uint64_t entities, bytes, put, taken, failures, forgotten;
};
struct rest_stats rest_stats(const struct rest *r);

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
    struct rest *rest; /* owned; NULL: those that go are forgotten */
};

struct behavior {
    uint64_t seed;
    double learning_days, watch_01;
    struct shard shard[SHARDS + 1]; /* the last one is the groups' */
    _Atomic uint64_t skipped, found, quieted;
    _Atomic int64_t found_day; /* and how many that day: */
    _Atomic uint32_t found_today;
};

/* The key of `who`: in `out`, at most KEY_MAX_BYTES. */
str behavior_key(str tenant, unsigned type, str name, char out[static KEY_MAX_BYTES]);
struct shard *behavior_shard(struct behavior *b, unsigned type, uint64_t hash);
/* Back from the file, if it rests there. */
struct entity *shard_find_locked(struct shard *s, uint64_t hash, str key);
/* Takes `e`; it is the newest. */
void shard_put_locked(struct shard *s, struct entity *e);
/* It was used. */
void shard_touch_locked(struct shard *s, struct entity *e);
void behavior_clear(struct behavior *b);

/* ---- compare.c, judge.c ---- */

enum {
    VALUES_MAX = 64, /* distinct ones of an aspect that are judged; more are not */
    HOURS_MAX = 256
};
struct value {
    uint32_t hash, count;
    str text;
};
struct observed {
    struct value value[ASPECT_COUNT][VALUES_MAX];
    size_t values[ASPECT_COUNT];
    struct observed_hour {
        int64_t hour;
        uint32_t count;
        double bytes;
        struct spread peers;
    } hour[HOURS_MAX];
    size_t hours, events, outcomes, failures;
    uint32_t last_kind;
};
struct comparison {
    const struct entity *e, *group; /* NULL: nothing is known */
    const struct observed *o;
    struct arena *arena;
    double learning_days;
    struct behavior_verdict *out;
    struct judged { /* of out->factor */
        double weight;
        enum story story;
    } judged[BEHAVIOR_FACTORS_MAX];
};
void observe_event(struct observed *o, const struct traits *f);
void judge(struct comparison *c, const struct behavior_entity *who);
/* A copy of the group that `e` is in, or NULL. */
struct entity *take_group(struct behavior *b, str tenant, const struct entity *e, str of,
                          struct arena *a);

#endif
