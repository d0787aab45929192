/* SPDX-License-Identifier: Apache-2.0 */
#include "identity/identity.h"

#include <assert.h>

static const struct {
    const char *name;
    bool role[ROLE_COUNT];
} table[] = {
#define X(NAME, name, READ, ANALYST, ADMIN, doc) {name, {READ, ANALYST, ADMIN}},
#include "identity/permission.def"
};
static const char *const roles[] = {"read", "analyst", "admin"};

static_assert(PERMISSION_COUNT <= 64, "a principal's permissions fit one word");
static_assert(COUNT(roles) == ROLE_COUNT, "every role has a name");

const char *permission_name(enum permission p)
{
    return table[p].name;
}

bool permission_find(str name, enum permission *out)
{
    for (unsigned i = 0; i < PERMISSION_COUNT; i++) {
        if (str_eq(name, str_z(table[i].name))) {
            *out = (enum permission)i;
            return true;
        }
    }
    return false;
}

const char *role_name(enum role r)
{
    return roles[r];
}

bool role_find(str name, enum role *out)
{
    for (unsigned i = 0; i < ROLE_COUNT; i++) {
        if (str_eq(name, str_z(roles[i]))) {
            *out = (enum role)i;
            return true;
        }
    }
    return false;
}

bool role_permits(enum role r, enum permission p)
{
    return table[p].role[r];
}
