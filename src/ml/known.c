/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "ml/known_int.h"

enum { NAMES_MAX = 65535, NAME_BYTES = 1024, NAMES_BYTES = 64 << 20 };

void known_init(struct known *k)
{
    *k = (struct known){0};
    arena_init(&k->arena, NAMES_BYTES);
}

void known_done(struct known *k)
{
    sequence_free(k->model);
    map_done(&k->number);
    mem_free(k->name);
    arena_done(&k->arena);
}

/* False: there are too many. */
static bool known_add(struct known *k, str name)
{
    bool added;
    str kept = arena_str(&k->arena, str_head(name, NAME_BYTES));
    if (!kept.p || k->names == NAMES_MAX)
        return false;
    *map_add(&k->number, kept, k->names, &added) = k->names;
    k->name[k->names++] = kept;
    return added;
}

/* ---- by number, by name ---- */

uint32_t model_event(const struct model *m, str name)
{
    const struct known *k = m->part;
    const uint32_t *at = map_find(&k->number, str_head(name, NAME_BYTES));
    return at ? *at : k->names;
}

str model_event_name(const struct model *m, uint32_t event)
{
    const struct known *k = m->part;
    return event < k->names ? k->name[event] : STR("(never seen)");
}

uint32_t model_vocabulary(const struct model *m)
{
    return ((const struct known *)m->part)->names + 1;
}

const struct sequence_model *model_sequence(const struct model *m)
{
    return ((const struct known *)m->part)->model;
}

/* ---- from a set ---- */

status known_learn(struct known *k, const struct dataset *d, struct rows r, uint32_t *number,
                   struct error *err)
{
    bool *there = mem_array(bool, d->event_names + 1);
    for (size_t i = 0; i < r.n; i++)
        for (uint64_t e = d->start[r.index[i]]; e < d->start[r.index[i] + 1]; e++)
            there[d->event[e]] = true;
    k->name = mem_array(str, (size_t)d->event_names + 1);
    bool fits = true;
    for (uint32_t i = 0; i < d->event_names && fits; i++) {
        number[i] = k->names;
        if (there[i])
            fits = known_add(k, d->event_name[i]);
    }
    for (uint32_t i = 0; i < d->event_names; i++)
        number[i] = there[i] ? number[i] : k->names;
    mem_free(there);
    return fits ? ST_OK : fail(err, ST_LIMIT, "more than %d kinds of event", NAMES_MAX);
}

struct sessions sessions_of(const struct dataset *d, struct rows r, const uint32_t *number)
{
    uint64_t events = 0;
    for (size_t i = 0; i < r.n; i++)
        events += d->start[r.index[i] + 1] - d->start[r.index[i]];
    struct sessions s = {.event = mem_array(uint32_t, (size_t)events + 1),
                         .start = mem_array(uint64_t, r.n + 1)};
    uint64_t at = 0;
    for (size_t i = 0; i < r.n; i++) {
        for (uint64_t e = d->start[r.index[i]]; e < d->start[r.index[i] + 1]; e++)
            s.event[at++] = number[d->event[e]];
        s.start[i + 1] = at;
    }
    return s;
}

void sessions_done(struct sessions *s)
{
    mem_free(s->event);
    mem_free(s->start);
}

/* ---- file ---- */

void known_write(const struct known *k, struct sbuf *out)
{
    put_u32(out, k->names);
    for (uint32_t i = 0; i < k->names; i++)
        put_text(out, k->name[i]);
}

status known_read(struct known *k, struct reader *r, struct error *err)
{
    uint32_t names = rd_count(r, NAMES_MAX);
    if (names > rd_left(r) / 4)
        return fail(err, ST_INVALID, "its names of events are cut off");
    k->name = mem_array(str, (size_t)names + 1);
    for (uint32_t i = 0; i < names; i++) {
        str name = rd_text(r, NAME_BYTES);
        if (!r->ok || !known_add(k, name))
            return fail(err, ST_INVALID, "its names of events are damaged");
    }
    return ST_OK;
}

status known_read_model(struct known *k, str bytes, enum sequence_kind kind, struct error *err)
{
    status st = sequence_read(bytes, &k->model, err);
    if (st == ST_OK &&
        (sequence_kind(k->model) != kind || sequence_vocabulary(k->model) != k->names + 1))
        st = fail(err, ST_INVALID, "its network is of other events");
    return st;
}
