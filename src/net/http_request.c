/* SPDX-License-Identifier: Apache-2.0 */
/* Requests: made, used again, and what a handler may ask of one. */
#include "net/http_server_int.h"

#include "base/mem.h"

#include <assert.h>

struct http_request *http_request_take(struct http_server *s)
{
    struct http_request *r = s->spare;
    if (r) {
        s->spare = r->next;
        s->spares--;
    } else {
        r = mem_new(struct http_request);
        sbuf_init(&r->extra, 64 * 1024);
        arena_init(&r->arena, HTTP_ARENA_MAX);
    }
    r->next = NULL;
    r->server = s;
    r->refs = 1;
    s->refs++;
    return r;
}

void http_request_free(struct http_request *r)
{
    sbuf_done(&r->bytes);
    sbuf_done(&r->extra);
    http_head_done(&r->head);
    arena_done(&r->arena);
    mem_free(r);
}

static void clear_buffer(struct sbuf *b)
{
    if (b->room > HTTP_KEEP_ROOM)
        sbuf_done(b);
    else
        sbuf_clear(b);
}

/* As new, but with the memory it has. */
static void recycle(struct http_request *r)
{
    struct http_server *s = r->server;
    http_body_clear(r);
    clear_buffer(&r->bytes);
    clear_buffer(&r->extra);
    arena_clear(&r->arena);
    if (s->spares >= HTTP_SPARE_REQUESTS || s->closing) {
        http_request_free(r);
        return;
    }
    struct http_request kept = {
        .bytes = r->bytes,
        .extra = r->extra,
        .head = {.header = r->head.header, .room = r->head.room},
        .arena = r->arena,
        .next = s->spare,
    };
    *r = kept;
    s->spare = r;
    s->spares++;
}

struct http_request *http_ref(struct http_request *r)
{
    r->refs++;
    return r;
}

void http_unref(struct http_request *r)
{
    assert(r->refs);
    if (--r->refs)
        return;
    struct http_server *s = r->server;
    recycle(r);
    http_server_unref(s);
}

void http_leave(struct http_conn *c, bool tell)
{
    struct http_request *r = c->r;
    if (!r)
        return;
    c->r = NULL;
    r->conn = NULL;
    if (tell && !r->answered) {
        r->left = true;
        if (r->gone)
            r->gone(r->user);
    }
    http_unref(r);
}

/* ---- what a handler asks ---- */

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
