/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler may ask a request. */
#include "net/http_server_int.h"

#include <assert.h>

enum http_method http_method(const struct http_request *r)
{
    return r->head.method;
}

str http_path(const struct http_request *r)
{
    return r->head.path;
}

str http_query(const struct http_request *r)
{
    return r->head.query;
}

str http_header(const struct http_request *r, str name)
{
    if (str_eq(name, STR("host")))
        return r->head.host;
    for (size_t i = 0; i < r->head.count; i++)
        if (str_eq(r->head.header[i].name, name))
            return r->head.header[i].value;
    return (str){0};
}

size_t http_header_count(const struct http_request *r)
{
    return r->head.count;
}

struct http_header http_header_at(const struct http_request *r, size_t i)
{
    assert(i < r->head.count);
    return r->head.header[i];
}

str http_address(const struct http_request *r)
{
    return (str){r->address, r->address_n};
}

bool http_is_tls(const struct http_request *r)
{
    return r->tls;
}

uint64_t http_started_ns(const struct http_request *r)
{
    return r->started_ns;
}

struct arena *http_arena(struct http_request *r)
{
    return &r->arena;
}

struct loop *http_loop(const struct http_request *r)
{
    return r->server->loop;
}

void http_set_user(struct http_request *r, void *user)
{
    r->user = user;
}

void *http_user(const struct http_request *r)
{
    return r->user;
}

void http_on_gone(struct http_request *r, void (*gone)(void *user))
{
    r->gone = gone;
}

bool http_is_gone(const struct http_request *r)
{
    return r->left;
}

bool http_answered(const struct http_request *r)
{
    return r->begun;
}
