/* SPDX-License-Identifier: Apache-2.0 */
#include "api/router.h"

#include <assert.h>

void router_done(struct router *r)
{
    map_done(&r->fixed);
    vec_done(&r->entry);
    vec_done(&r->templated);
}

/* The entries of equal templates are one. */
static struct router_entry *entry_of(struct router *r, const char *path)
{
    for (size_t i = 0; i < r->entry.n; i++)
        if (strcmp(r->entry.at[i].path, path) == 0)
            return &r->entry.at[i];
    uint32_t number = (uint32_t)r->entry.n;
    struct router_entry *e = vec_push(&r->entry);
    *e = (struct router_entry){.path = path};
    bool added;
    if (strchr(path, '{'))
        *vec_push(&r->templated) = number;
    else
        map_add(&r->fixed, str_z(path), number, &added);
    return e;
}

void router_add(struct router *r, enum http_method m, const char *path, uint16_t route)
{
    struct router_entry *e = entry_of(r, path);
    assert(e->route[m] == 0 && "two routes for one method and path");
    e->route[m] = (uint16_t)(route + 1);
}

/* Segment by segment. */
static bool matches(str path, const char *template, str param[static ROUTE_PARAMS_MAX])
{
    str want = str_z(template);
    size_t n = 0;
    while (want.n && path.n) {
        str w = str_cut(&want, '/'), p = str_cut(&path, '/');
        if (w.n && w.p[0] == '{') {
            if (p.n == 0 || n == ROUTE_PARAMS_MAX)
                return false;
            param[n++] = p;
        } else if (!str_eq(w, p)) {
            return false;
        }
        /* str_cut tells "ended here" and "an empty segment follows" apart by p. */
        if ((want.p == NULL) != (path.p == NULL))
            return false;
    }
    return want.n == 0 && path.n == 0;
}

const struct router_entry *router_find(const struct router *r, str path,
                                       str param[static ROUTE_PARAMS_MAX])
{
    const uint32_t *at = map_find(&r->fixed, path);
    if (at)
        return &r->entry.at[*at];
    for (size_t i = 0; i < r->templated.n; i++) {
        const struct router_entry *e = &r->entry.at[r->templated.at[i]];
        if (matches(path, e->path, param))
            return e;
    }
    return NULL;
}
