/* SPDX-License-Identifier: Apache-2.0 */
/* A path found has the segments of its template, and parameters that are parts of it without a '/'; records come out of their
 * wrapping whole, one a line; and marks are read as they were written or not at all. */
#include "api/guard.h"
#include "api/records.h"
#include "api/router.h"
#include "api/upload.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const paths[] = {
#define X(METHOD, path, handler, ACCESS, RUN, query, body, limit, status, answer, RATE, summary)   \
    path,
#include "api/route.def"
};

static size_t slashes(str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '/';
    return n;
}

static bool is_first(size_t k)
{
    for (size_t j = 0; j < k; j++)
        if (strcmp(paths[j], paths[k]) == 0)
            return false;
    return true;
}

static const struct router *all_paths(void)
{
    static struct router r;
    if (r.entry.n == 0)
        for (size_t k = 0; k < COUNT(paths); k++)
            if (is_first(k))
                router_add(&r, HTTP_GET, paths[k], (uint16_t)k);
    return &r;
}

static void check_path(str path)
{
    str param[ROUTE_PARAMS_MAX] = {{0}};
    const struct router_entry *e = router_find(all_paths(), path, param);
    if (!e)
        return;
    assert(slashes(path) == slashes(str_z(e->path)));
    for (size_t i = 0; strchr(e->path, '{') && i < ROUTE_PARAMS_MAX && param[i].p; i++)
        assert(param[i].n && param[i].p > path.p && param[i].p + param[i].n <= path.p + path.n &&
               slashes(param[i]) == 0);
}

static void check_records(str body)
{
    struct sbuf out;
    bool wrapped;
    size_t n;
    sbuf_init(&out, 2 * body.n + 2);
    if (records_unwrap(body, &out, &wrapped, &n, NULL) == ST_OK) {
        assert(!out.full && n <= RECORDS_MAX && (wrapped || n == 0));
        assert(n == 0 || out.p[out.n - 1] == '\n');
    }
    sbuf_done(&out);
}

static void check_mark(str text)
{
    struct upload_mark m = {.finished = false}, again;
    if (!upload_mark_read(text, &m))
        return;
    struct sbuf out = {.cap = 1000};
    upload_mark_write(&m, &out);
    assert(upload_mark_read(sbuf_str(&out), &again) && again.bytes == m.bytes &&
           memcmp(again.chain, m.chain, sizeof m.chain) == 0);
    sbuf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str text = {(const char *)data, size};
    check_path(text);
    check_records(text);
    check_mark(text);
    (void)guard_suspicious(text, text);
    return 0;
}
