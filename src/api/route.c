/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_int.h"

/* `none` in route.def. */
const struct schema schema_none = {.name = NULL};

const struct schema schema_any = {.name = NULL, .media = "application/json"};
const struct schema schema_jwks = {.name = NULL, .media = "application/jwk-set+json"};
const struct schema schema_text = {.name = NULL, .media = "text/plain"};

#define X(METHOD, path, handler, ACCESS, RUN, query, body, limit, status, answer, RATE, summary)   \
    extern const struct schema schema_##query, schema_##body, schema_##answer;
#include "api/route.def"

#define SCHEMA(s) (&(s) == &schema_none ? NULL : &(s))
const struct route route_table[] = {
#define X(METHOD, path, handler, ACCESS, RUN, query, body, limit, status, answer, RATE, summary)   \
    {HTTP_##METHOD,                                                                                \
     path,                                                                                         \
     serve_##handler,                                                                              \
     #handler,                                                                                     \
     (enum access)ACCESS_##ACCESS,                                                                 \
     RUN_##RUN,                                                                                    \
     SCHEMA(schema_##query),                                                                       \
     SCHEMA(schema_##body),                                                                        \
     SCHEMA(schema_##answer),                                                                      \
     limit,                                                                                        \
     status,                                                                                       \
     RATE_##RATE,                                                                                  \
     summary},
#include "api/route.def"
};
const size_t route_count = COUNT(route_table);

const struct rate_limit api_rates_default[RATE_CLASS_COUNT] = {
#define X(NAME, name, per_min, burst, doc) {per_min, burst},
#include "api/rate.def"
};

const char *rate_class_name(enum rate_class c)
{
    static const char *const name[] = {
#define X(NAME, name, per_min, burst, doc) name,
#include "api/rate.def"
    };
    return name[c];
}
