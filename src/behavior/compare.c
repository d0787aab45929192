/* SPDX-License-Identifier: Apache-2.0 */
/* Events that somebody asks about, beside what is known: gathered here, judged in judge.c. */
#include "base/hash.h"
#include "behavior/behavior_int.h"

/* ---- what is there ---- */

static void see_hour(struct observed *o, const struct traits *f)
{
    size_t i = o->hours;
    while (i > 0 && o->hour[i - 1].hour != f->hour)
        i--;
    if (i == 0) {
        if (o->hours == HOURS_MAX)
            return;
        o->hour[o->hours++].hour = f->hour;
        i = o->hours;
    }
    struct observed_hour *h = &o->hour[i - 1];
    h->count++;
    h->bytes += f->bytes;
    uint32_t peer =
        f->at[ASPECT_TARGET].text.n ? f->at[ASPECT_TARGET].hash : f->at[ASPECT_HOST].hash;
    if (peer)
        (void)spread_add(&h->peers, peer);
}

static void see_value(struct observed *o, unsigned aspect, uint32_t hash, str text)
{
    struct value *v = o->value[aspect];
    size_t *n = &o->values[aspect];
    for (size_t i = 0; i < *n; i++)
        if (v[i].hash == hash) {
            v[i].count++;
            return;
        }
    if (*n < VALUES_MAX)
        v[(*n)++] = (struct value){hash, 1, text};
}

/* Which event followed which, in the order they came in. */
static void see_sequence(struct observed *o, const struct traits *f)
{
    const struct trait *kind = &f->at[ASPECT_KIND];
    struct entity last = {.last_kind = o->last_kind};
    uint32_t hash = entity_sequence(&last, kind->hash);
    if (hash)
        see_value(o, ASPECT_SEQUENCE, hash, kind->text);
    o->last_kind = kind->hash;
}

void observe_event(struct observed *o, const struct traits *f)
{
    o->events++;
    if (f->hour != INT64_MIN)
        see_hour(o, f);
    o->outcomes += f->at[ASPECT_OUTCOME].text.n > 0;
    o->failures += f->failed;
    see_sequence(o, f);
    for (unsigned i = 0; i < ASPECT_COUNT; i++)
        if (f->at[i].text.n)
            see_value(o, i, f->at[i].hash, f->at[i].text);
}

/* ---- what is known ---- */

/* A copy, so that no lock is held while words are made of it.  *found false: nothing. */
static struct entity *take_copy(struct behavior *b, unsigned type, str key, struct arena *a,
                                bool *found)
{
    uint64_t hash = hash_bytes(key, b->seed);
    struct shard *s = behavior_shard(b, type, hash);
    lock_take(&s->lock);
    const struct entity *e = shard_find_locked(s, hash, key);
    struct entity *copy = e ? entity_copy(e, a) : NULL;
    lock_drop(&s->lock);
    *found = e != NULL;
    return copy;
}

struct entity *take_group(struct behavior *b, str tenant, const struct entity *e, str of,
                          struct arena *a)
{
    char name[GROUP_NAME_MAX], room[KEY_MAX_BYTES];
    bool found;
    str group = entity_group(e, of, name);
    if (!group.n)
        return NULL;
    return take_copy(b, KEY_GROUP, behavior_key(tenant, KEY_GROUP, str_head(group, 95), room), a,
                     &found);
}

static bool texts_fit(const struct behavior_verdict *v)
{
    bool ok = v->summary.p != NULL;
    for (size_t i = 0; i < v->factor_count; i++)
        ok = ok && v->factor[i].observed.p && v->factor[i].expected.p && v->factor[i].reason.p;
    return ok;
}

status behavior_compare(struct behavior *b, str tenant, const struct behavior_entity *who,
                        struct batch *batch, struct arena *arena, struct behavior_verdict *out,
                        struct error *err)
{
    char room[KEY_MAX_BYTES];
    bool found;
    struct behavior_verdict v = {0};
    struct traits f;
    str of = {0};
    struct observed *o = arena_new(arena, struct observed);
    struct comparison c = {.o = o, .arena = arena, .out = &v};
    struct entity *e =
        take_copy(b, who->type, behavior_key(tenant, who->type, who->value, room), arena, &found);
    if (!o || (found && !e))
        return fail(err, ST_LIMIT, "no memory left to compare");
    for (size_t i = 0; i < batch->event_count; i++) {
        traits_of(&batch->event[i], b->seed, &f);
        if (f.who[who->type].n && !str_ieq(f.who[who->type], who->value))
            continue;
        observe_event(o, &f);
        of = f.of[who->type].n ? f.of[who->type] : of;
    }
    v.compared = o->events;
    c.e = e;
    c.group = e ? take_group(b, tenant, e, of, arena) : NULL;
    c.learning_days = b->learning_days > 0 ? b->learning_days : 1;
    judge(&c, who);
    if (!texts_fit(&v))
        return fail(err, ST_LIMIT, "no memory left to compare");
    *out = v;
    return ST_OK;
}

bool behavior_finding(const struct behavior_verdict *v, const struct behavior_entity *who,
                      int64_t now_ms, struct arena *arena, struct finding *out)
{
    if (v->deviation_01 < 0.7 || v->confidence_01 < 0.5)
        return false;
    struct pair *entity = arena_new(arena, struct pair);
    struct pair *evidence = arena_array(arena, struct pair, v->factor_count);
    size_t n = 0;
    if (!entity || !evidence)
        return false;
    *entity = (struct pair){str_z(behavior_type_name(who->type)), arena_str(arena, who->value)};
    for (size_t i = 0; i < v->factor_count; i++)
        if (v->factor[i].score_01 > 0)
            evidence[n++] = (struct pair){str_z(v->factor[i].name), v->factor[i].observed};
    *out = (struct finding){.kind = FINDING_BEHAVIOR,
                            .level = v->deviation_01 >= 0.9 ? LEVEL_HIGH : LEVEL_MEDIUM,
                            .score_01 = (float)(v->deviation_01 * v->confidence_01),
                            .time_ms = now_ms,
                            .id = STR("behavior"),
                            .title = STR("Unusual behavior of an entity"),
                            .entity = entity,
                            .entity_count = 1,
                            .evidence = evidence,
                            .evidence_count = (uint32_t)n,
                            .reason = v->summary};
    return true;
}
