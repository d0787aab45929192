/* SPDX-License-Identifier: Apache-2.0 */
/* router.h - from a path to the routes that serve it.
 *
 * A template is fixed segments and parameters, "/api/alerts/{id}/close".  Fixed paths are found in one table look-up; the
 * few templates with parameters are compared one after the other.  Fixed goes before
 * parameter.  No path is mended: a doubled or trailing '/' or an escaped fixed segment is another path.  Immutable after
 * init: any thread. */
#ifndef API_ROUTER_H
#define API_ROUTER_H

#include "base/map.h"
#include "base/vec.h"
#include "net/http.h"

enum { ROUTE_PARAMS_MAX = 3 };

struct router_entry { /* all there is at one path */
    const char *path;
    uint16_t route[HTTP_METHOD_COUNT]; /* number of the route + 1; 0: the method is not allowed */
};

struct router {
    struct map fixed; /* path → entry */
    VEC(struct router_entry) entry;
    VEC(uint32_t) templated; /* entries with parameters, in order of addition */
};

void router_done(struct router *r); /* all-zero is an empty one */
/* `path`: static; two routes may share it with different methods. */
void router_add(struct router *r, enum http_method m, const char *path, uint16_t route);

/* What serves `path` (as sent, without the query), or NULL.  param[i] is the still escaped text of the i-th
 * parameter, never empty.  O(1) for fixed paths. */
const struct router_entry *router_find(const struct router *r, str path,
                                       str param[static ROUTE_PARAMS_MAX]);

#endif
