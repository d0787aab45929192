/* SPDX-License-Identifier: Apache-2.0 */
#include "api/records.h"

#include "codec/json_scan.h"

/* A string's text; a record must not end early, so line ends in it become spaces. */
static void add_text(struct sbuf *out, const struct json_text *t)
{
    char *to = sbuf_space(out, t->raw.n + 1);
    if (!to)
        return;
    size_t n = t->raw.n;
    if (t->escaped)
        n = json_unescape(t->raw, to);
    else if (n)
        memcpy(to, t->raw.p, n);
    for (size_t i = 0; i < n; i++)
        if (to[i] == '\n' || to[i] == '\r')
            to[i] = ' ';
    sbuf_grew(out, n);
}

/* `token` began a value.  False: it is no record. */
static bool add_record(struct json_scan *scan, enum json_token token, const struct json_text *t,
                       struct sbuf *out)
{
    if (token == JSON_STRING) {
        add_text(out, t);
    } else if (token == JSON_OBJECT) {
        str raw;
        if (json_skip(scan, &raw) == JSON_ERROR)
            return false;
        sbuf_add(out, raw);
    } else {
        return false;
    }
    sbuf_addc(out, '\n');
    return true;
}

static status add_all(struct json_scan *scan, struct sbuf *out, size_t *count, struct error *err)
{
    struct json_text t;
    enum json_token token = json_next(scan, &t);
    if (token != JSON_ARRAY)
        return fail(err, ST_INVALID, "/events: expected an array");
    while ((token = json_next(scan, &t)) != JSON_ARRAY_END) {
        if (token != JSON_ERROR && *count == RECORDS_MAX)
            return fail(err, ST_LIMIT, "/events: expected at most %d elements", RECORDS_MAX);
        if (token == JSON_ERROR || !add_record(scan, token, &t, out))
            return scan->problem ? json_scan_fail(scan, err)
                                 : fail(err, ST_INVALID,
                                        "/events/%zu: expected an object or a string", *count);
        ++*count;
    }
    return ST_OK;
}

static status add_one(struct json_scan *scan, struct sbuf *out, size_t *count, struct error *err)
{
    struct json_text t;
    enum json_token token = json_next(scan, &t);
    if (token != JSON_ERROR && add_record(scan, token, &t, out)) {
        *count = 1;
        return ST_OK;
    }
    return scan->problem ? json_scan_fail(scan, err)
                         : fail(err, ST_INVALID, "/event: expected an object or a string");
}

static bool first_member(struct json_scan *scan, str *key)
{
    struct json_text t;
    if (json_next(scan, &t) != JSON_OBJECT || json_next(scan, &t) != JSON_KEY)
        return false;
    *key = t.raw;
    return true;
}

/* What follows the one member there may be; *more: another one does. */
static status check_end(struct json_scan *scan, struct json_text *key, bool *more,
                        struct error *err)
{
    enum json_token token = json_next(scan, key);
    *more = token == JSON_KEY;
    if (token == JSON_OBJECT_END)
        token = json_next(scan, key);
    return *more || token == JSON_END ? ST_OK : json_scan_fail(scan, err);
}

status records_unwrap(str body, struct sbuf *out, bool *wrapped, size_t *count, struct error *err)
{
    struct json_scan scan = json_scan_of(body);
    str key;
    *wrapped = false;
    *count = 0;
    if (!first_member(&scan, &key))
        return ST_OK;
    bool one = str_eq(key, STR("event")), many = str_eq(key, STR("events"));
    if (!one && !many)
        return ST_OK;
    struct json_text next;
    bool more = false;
    size_t before = out->n;
    *wrapped = true;
    status st = one ? add_one(&scan, out, count, err) : add_all(&scan, out, count, err);
    if (st == ST_OK)
        st = check_end(&scan, &next, &more, err);
    if (st == ST_OK && more && many)
        return fail(err, ST_INVALID, "/" STR_FMT ": no such member",
                    STR_ARG(str_head(next.raw, 60)));
    if (st == ST_OK && more) { /* a record that happens to begin so: ECS has a field set "event" */
        *wrapped = false;
        out->n = before;
        *count = 0;
    }
    return st;
}
