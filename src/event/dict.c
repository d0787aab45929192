/* SPDX-License-Identifier: Apache-2.0 */
/* Known names and aliases are filled in once and then only read; interned
 * names live in an arena that only grows, up to 65,000 of them.  The lock is a
 * plain pthread one: this module stands below os/. */
#include "event/dict.h"

#include "base/map.h"
#include "base/mem.h"

#include <pthread.h>

enum { DICT_NAMES_MAX = 65000, DICT_BYTES_MAX = 16 << 20 };

struct dict {
    pthread_rwlock_t lock;
    struct map alias[FAMILY_COUNT]; /* immutable after dict_new */
    struct map known;               /* likewise */
    struct map interned;            /* under lock, as all below */
    str *name;                      /* owned array of DICT_NAMES_MAX; text in arena or static */
    uint32_t count;
    uint64_t overflowed;
    struct arena arena;
};

static const struct {
    const char *name;
    enum field_type type;
} known[FIELD_KNOWN] = {
#define X(NAME, name, TYPE, doc) [FIELD_##NAME] = {name, FIELD_##TYPE},
#include "event/field.def"
};

static const struct {
    enum family family;
    const char *name;
    field_id id;
} aliases[] = {
#define X(FAMILY, name, FIELD) {FAMILY_##FAMILY, name, FIELD_##FIELD},
#include "event/alias.def"
};

struct dict *dict_new(void)
{
    struct dict *d = mem_new(struct dict);
    pthread_rwlock_init(&d->lock, NULL);
    arena_init(&d->arena, DICT_BYTES_MAX);
    d->name = mem_array(str, DICT_NAMES_MAX);
    for (uint32_t i = 0; i < FIELD_KNOWN; i++) {
        d->name[i] = str_z(known[i].name);
        map_add(&d->known, d->name[i], i, NULL);
    }
    d->count = FIELD_KNOWN;
    for (size_t i = 0; i < COUNT(aliases); i++)
        map_add(&d->alias[aliases[i].family], str_z(aliases[i].name), aliases[i].id, NULL);
    return d;
}

void dict_free(struct dict *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < FAMILY_COUNT; i++)
        map_done(&d->alias[i]);
    map_done(&d->known);
    map_done(&d->interned);
    arena_done(&d->arena);
    mem_free(d->name);
    pthread_rwlock_destroy(&d->lock);
    mem_free(d);
}

static field_id add_locked(struct dict *d, str name)
{
    uint32_t *have = map_find(&d->interned, name); /* another thread may have been first */
    if (have)
        return (field_id)*have;
    str copy = d->count < DICT_NAMES_MAX ? arena_str(&d->arena, name) : (str){NULL, 0};
    if (!copy.p) {
        d->overflowed++;
        return FIELD_OVERFLOW;
    }
    map_add(&d->interned, copy, d->count, NULL);
    d->name[d->count] = copy;
    return (field_id)d->count++;
}

static field_id intern(struct dict *d, str name)
{
    pthread_rwlock_rdlock(&d->lock);
    uint32_t *have = map_find(&d->interned, name);
    field_id id = have ? (field_id)*have : FIELD_OVERFLOW;
    pthread_rwlock_unlock(&d->lock);
    if (have)
        return id;
    pthread_rwlock_wrlock(&d->lock);
    id = add_locked(d, name);
    pthread_rwlock_unlock(&d->lock);
    return id;
}

field_id dict_resolve(struct dict *d, enum family family, str name)
{
    uint32_t *have = map_find(&d->alias[family], name);
    if (!have)
        have = map_find(&d->known, name);
    return have ? (field_id)*have : intern(d, name);
}

static bool listed(const field_id *id, size_t n, field_id one)
{
    for (size_t i = 0; i < n; i++)
        if (id[i] == one)
            return true;
    return false;
}

size_t dict_resolve_all(struct dict *d, str name, field_id out[static DICT_IDS_MAX])
{
    size_t n = 0;
    out[n++] = dict_resolve(d, FAMILY_UNKNOWN, name);
    for (size_t i = 0; i < FAMILY_COUNT && n < DICT_IDS_MAX; i++) {
        uint32_t *have = map_find(&d->alias[i], name);
        if (have && !listed(out, n, (field_id)*have))
            out[n++] = (field_id)*have;
    }
    return n;
}

str dict_name(const struct dict *d, field_id id)
{
    /* Entries are written before their id is given out and never change. */
    return id == FIELD_OVERFLOW ? STR("labels.other") : d->name[id];
}

size_t dict_count(const struct dict *d)
{
    return d->count;
}

uint64_t dict_overflowed(const struct dict *d)
{
    return d->overflowed;
}

enum field_type field_type_of(field_id id)
{
    return id < FIELD_KNOWN ? known[id].type : FIELD_KEYWORD;
}
