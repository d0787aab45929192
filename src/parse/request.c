/* SPDX-License-Identifier: Apache-2.0 */
#include "parse/request.h"

#include "parse/line.h"
#include "parse/parse_web.h"

enum { METHOD_MAX = 20 };

static void add_part(struct parse *p, field_id id, str value)
{
    if (value.n)
        line_put(p, id, value, VALUE_STRING, FIELD_DERIVED);
}

/* parse_add_url for what nearly all requests ask for: a path of this server, perhaps a query. */
static void add_path(struct parse *p, str target)
{
    const char *mark = memchr(target.p, '?', target.n);
    str path = str_head(target, mark ? (size_t)(mark - target.p) : target.n);
    add_part(p, FIELD_URL_PATH, path);
    add_part(p, FIELD_URL_QUERY, str_from(target, path.n + 1));
    size_t i = path.n;
    while (path.p[i - 1] != '/' && path.p[i - 1] != '.') /* a path starts with a slash */
        i--;
    if (path.p[i - 1] == '.')
        add_part(p, FIELD_URL_EXTENSION, str_from(path, i));
}

void request_add_target(struct parse *p, str target)
{
    if (target.n == 0 || (target.n == 1 && target.p[0] == '-'))
        return;
    line_put(p, FIELD_URL_ORIGINAL, target, VALUE_STRING, 0);
    if (target.p[0] == '/' && !memchr(target.p, '#', target.n))
        add_path(p, target);
    else
        parse_add_url(p, target, 0);
    line_put(p, FIELD_URL_QUERY, target, VALUE_STRING, FIELD_COPY);
}

static bool is_method(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'A' && s.p[i] <= 'Z') || s.p[i] == '-' || s.p[i] == '_'))
            return false;
    return s.n != 0 && s.n <= METHOD_MAX;
}

void request_add(struct parse *p, str request)
{
    str method = str_head(request, METHOD_MAX + 1);
    const char *space = method.n ? memchr(method.p, ' ', method.n) : NULL;
    method.n = space ? (size_t)(space - request.p) : 0;
    if (!is_method(method)) {
        request_add_target(p, request);
        return;
    }
    line_put(p, FIELD_HTTP_METHOD, method, VALUE_STRING, 0);
    str target = {space + 1, request.n - method.n - 1};
    const char *last = target.n ? memrchr(target.p, ' ', target.n) : NULL;
    str version = last ? str_from(target, (size_t)(last + 1 - target.p)) : (str){NULL, 0};
    if (str_starts(version, STR("HTTP/"))) {
        line_put(p, FIELD_HTTP_VERSION, str_from(version, 5), VALUE_STRING, 0);
        target.n = (size_t)(last - target.p);
    }
    request_add_target(p, target);
}
