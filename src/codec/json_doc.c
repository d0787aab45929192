/* SPDX-License-Identifier: Apache-2.0 */
#include <yyjson.h>

#include "codec/json_doc.h"

#include "base/mem.h"
#include "codec/json_scan.h"

static void *doc_malloc(void *ctx, size_t size)
{
    (void)ctx;
    return mem_resize(NULL, size);
}

static void *doc_realloc(void *ctx, void *p, size_t old_size, size_t size)
{
    (void)ctx;
    (void)old_size;
    return mem_resize(p, size);
}

static void doc_free(void *ctx, void *p)
{
    (void)ctx;
    mem_free(p);
}

static struct yyjson_doc *inner(const struct json_doc *doc)
{
    return (struct yyjson_doc *)(uintptr_t)doc;
}

/* Line and column of byte `at`, which people prefer to an offset. */
static status fail_at(str text, size_t at, status code, const char *problem, struct error *err)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at && i < text.n; i++) {
        line += text.p[i] == '\n';
        column = text.p[i] == '\n' ? 1 : column + 1;
    }
    return fail(err, code, "line %zu, column %zu: %s", line, column, problem);
}

/* yyjson has no depth limit, and other words. */
static status check(str text, struct error *err)
{
    struct json_scan s = json_scan_of(text);
    struct json_text t;
    enum json_token token;
    while ((token = json_next(&s, &t)) > JSON_ERROR)
        ;
    if (token == JSON_END)
        return ST_OK;
    return fail_at(text, (size_t)(s.p - s.begin), json_scan_fail(&s, NULL), s.problem, err);
}

status json_doc_parse(str text, size_t max_bytes, struct json_doc **doc, struct error *err)
{
    static const yyjson_alc alc = {doc_malloc, doc_realloc, doc_free, NULL};
    if (text.n > max_bytes)
        return fail(err, ST_LIMIT, "more than %zu bytes", max_bytes);
    status st = check(text, err);
    if (st != ST_OK)
        return st;
    yyjson_read_err why;
    /* Not YYJSON_READ_INSITU: the text is only read. */
    yyjson_doc *d = yyjson_read_opts((char *)(uintptr_t)text.p, text.n, 0, &alc, &why);
    if (!d)
        return fail_at(text, why.pos, ST_INVALID, why.msg, err);
    *doc = (struct json_doc *)(void *)d;
    return ST_OK;
}

void json_doc_free(struct json_doc *doc)
{
    yyjson_doc_free(inner(doc));
}

json_node json_doc_root(const struct json_doc *doc)
{
    return (json_node){yyjson_doc_get_root(inner(doc))};
}

enum json_kind json_kind(json_node n)
{
    switch (yyjson_get_type(n.p)) {
    case YYJSON_TYPE_NULL:
        return JSON_IS_NULL;
    case YYJSON_TYPE_BOOL:
        return JSON_IS_BOOL;
    case YYJSON_TYPE_NUM:
        return JSON_IS_NUMBER;
    case YYJSON_TYPE_STR:
        return JSON_IS_STRING;
    case YYJSON_TYPE_ARR:
        return JSON_IS_ARRAY;
    case YYJSON_TYPE_OBJ:
        return JSON_IS_OBJECT;
    default:
        return JSON_IS_ABSENT;
    }
}

json_node json_get(json_node object, str key)
{
    return (json_node){yyjson_obj_getn(object.p, key.p, key.n)};
}

size_t json_count(json_node n)
{
    return yyjson_is_obj(n.p) ? yyjson_obj_size(n.p) : yyjson_arr_size(n.p);
}

str json_str(json_node n, str otherwise)
{
    return yyjson_is_str(n.p) ? (str){yyjson_get_str(n.p), yyjson_get_len(n.p)} : otherwise;
}

int64_t json_int(json_node n, int64_t otherwise)
{
    if (yyjson_is_uint(n.p) && yyjson_get_uint(n.p) > INT64_MAX)
        return otherwise;
    return yyjson_is_int(n.p) ? yyjson_get_sint(n.p) : otherwise;
}

double json_real(json_node n, double otherwise)
{
    return yyjson_is_num(n.p) ? yyjson_get_num(n.p) : otherwise;
}

bool json_bool(json_node n, bool otherwise)
{
    return yyjson_is_bool(n.p) ? yyjson_get_bool(n.p) : otherwise;
}

struct json_each json_each(json_node n)
{
    size_t left = json_count(n);
    return (struct json_each){
        .left = left,
        .members = yyjson_is_obj(n.p),
        .next = left ? unsafe_yyjson_get_first(n.p) : NULL,
    };
}

bool json_each_next(struct json_each *it)
{
    if (it->left == 0)
        return false;
    it->left--;
    it->key = it->members ? json_str((json_node){it->next}, (str){0}) : (str){0};
    /* A member's value stands behind its key. */
    it->value.p = it->members ? (yyjson_val *)it->next + 1 : it->next;
    it->next = unsafe_yyjson_get_next(it->value.p);
    return true;
}
