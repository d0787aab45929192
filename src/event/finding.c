/* SPDX-License-Identifier: Apache-2.0 */
#include "event/finding.h"

static const struct {
    const char *name;
    float score;
} levels[LEVEL_COUNT] = {
#define X(NAME, name, score) [LEVEL_##NAME] = {name, score},
#include "event/level.def"
};

static const struct {
    const char *key;
    field_id id;
} keys[] = {
#define X(NAME, key, FIELD) {key, FIELD_##FIELD},
#include "event/entity.def"
};

const char *level_name(enum level l)
{
    return levels[l].name;
}

float level_score(enum level l)
{
    return levels[l].score;
}

bool level_find(str name, enum level *out)
{
    for (size_t i = 0; i < LEVEL_COUNT; i++)
        if (str_ieq(name, str_z(levels[i].name))) {
            *out = (enum level)i;
            return true;
        }
    return false;
}

const char *finding_kind_name(enum finding_kind k)
{
    static const char *const names[FINDING_KIND_COUNT] = {"rule",     "correlation", "indicator",
                                                          "behavior", "network",     "model"};
    return names[k];
}

/* "-" is how Windows and web logs write nothing. */
static bool says_nothing(str s)
{
    return s.n == 0 || str_eq(s, STR("-"));
}

uint32_t event_entity(struct event *e, struct arena *arena, struct pair out[static ENTITY_MAX])
{
    uint32_t n = 0;
    for (size_t i = 0; i < COUNT(keys) && n < ENTITY_MAX; i++) {
        if (n && str_eq(out[n - 1].name, str_z(keys[i].key)))
            continue;
        str value = event_get(e, keys[i].id);
        if (says_nothing(value))
            continue;
        str copy = arena_str(arena, value);
        if (copy.p)
            out[n++] = (struct pair){str_z(keys[i].key), copy};
    }
    return n;
}

str entity_key(field_id id)
{
    for (size_t i = 0; i < COUNT(keys); i++)
        if (keys[i].id == id)
            return str_z(keys[i].key);
    return (str){0};
}
