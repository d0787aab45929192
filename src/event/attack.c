/* SPDX-License-Identifier: Apache-2.0 */
#include "event/attack.h"

static const struct {
    const char *id, *name;
} tactics[TACTIC_COUNT] = {
#define X(NAME, id, name) [TACTIC_AT_##NAME] = {id, name},
#include "event/tactic.def"
};

static const struct technique techniques[] = {
#define X(id, name, tactics) {id, name, tactics},
#include "event/attack.def"
};

const char *tactic_id(enum tactic t)
{
    return tactics[t].id;
}

const char *tactic_name(enum tactic t)
{
    return tactics[t].name;
}

static int compare(const void *key, const void *row)
{
    return str_cmp(*(const str *)key, str_z(((const struct technique *)row)->id));
}

const struct technique *technique_find(str id)
{
    return bsearch(&id, techniques, COUNT(techniques), sizeof *techniques, compare);
}

const struct technique *technique_parent(str id)
{
    size_t dot = str_find(id, '.');
    return dot < id.n ? technique_find(str_head(id, dot)) : NULL;
}
