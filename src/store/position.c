/* SPDX-License-Identifier: Apache-2.0 */
/* How far each source was read, and the records that correlations may still need. */
#include "store/alert.h"
#include "store/store_int.h"

#include <assert.h>

static const struct column position_columns[] = {
    COLUMN(position_record, TEXT, source),
    COLUMN(position_record, TEXT, value),
    COLUMN(position_record, I64, changed_ms),
};
RECORD(position, position_record);

static const struct column recent_columns[] = {
    COLUMN(recent_record, TEXT, tenant),
    COLUMN(recent_record, TEXT, format),
    COLUMN(recent_record, BLOB, raw),
    COLUMN(recent_record, I64, time_ms),
};
RECORD(recent, recent_record);

status store_position(struct store *s, struct arena *a, str source, struct position_record *out,
                      struct error *err)
{
    return store_one(s, a,
                     ASK("SELECT {position} FROM source_position WHERE source = ?1",
                         .record = &record_position, VALUES(TEXT(source))),
                     out, err);
}

/* What follows a colon in the order of bytes is a semicolon. */
status store_position_list(struct store *s, struct arena *a, str prefix,
                           struct position_record **out, size_t *n, struct error *err)
{
    assert(prefix.n && prefix.p[prefix.n - 1] == ':');
    str end = arena_fmt(a, STR_FMT ";", (int)(prefix.n - 1), prefix.p);
    if (!end.p)
        return fail(err, ST_LIMIT, "no room for the positions");
    return store_list(s, a,
                      ASK("SELECT {position} FROM source_position WHERE source >= ?1"
                          " AND source < ?2 ORDER BY source",
                          .record = &record_position, VALUES(TEXT(prefix), TEXT(end))),
                      out, n, err);
}

/* ---- recent records ---- */

struct recent_page {
    struct arena *a;
    int64_t since_ms, after, last;
    size_t most;
    struct recent_record **out;
    size_t *n;
};

/* The number of the page's last record is asked for first: records do not know theirs. */
static status recent_read(struct conn *c, void *arg, struct error *err)
{
    struct recent_page *x = arg;
    int64_t got[2] = {0};
    *x->n = 0;
    status st = ask_numbers(c,
                            ASK("SELECT max(number), count(*) FROM (SELECT number FROM recent"
                                " WHERE number > ?1 AND time_ms >= ?2 ORDER BY number LIMIT ?3)"
                                " AS page",
                                VALUES(INT(x->after), INT(x->since_ms), INT(x->most))),
                            got, COUNT(got), NULL, err);
    x->last = got[1] ? got[0] : x->after;
    if (st != ST_OK || got[1] == 0)
        return st;
    return ask_list(c, x->a,
                    ASK("SELECT {recent} FROM recent WHERE number > ?1 AND number <= ?2"
                        " AND time_ms >= ?3 ORDER BY number",
                        .record = &record_recent,
                        VALUES(INT(x->after), INT(x->last), INT(x->since_ms))),
                    x->out, x->n, err);
}

status store_recent_list(struct store *s, struct arena *a, int64_t since_ms, uint64_t *after,
                         size_t most, struct recent_record **out, size_t *n, struct error *err)
{
    struct recent_page x = {a, since_ms, (int64_t)*after, 0, most, out, n};
    status st = store_read(s, recent_read, &x, err);
    if (st == ST_OK)
        *after = (uint64_t)x.last;
    return st;
}

enum { RECENT_STEP = 5000 };

struct recent_limits {
    int64_t before_ms;
    uint64_t most;
    bool more;
};

static status recent_remove(struct conn *c, struct recent_limits *x, const struct ask *q,
                            struct error *err)
{
    uint64_t n = 0;
    status st = ask_run(c, q, &n, err);
    x->more |= n >= RECENT_STEP;
    return st;
}

static status recent_expire(struct conn *c, void *arg, struct error *err)
{
    struct recent_limits *x = arg;
    x->more = false;
    status st = recent_remove(c, x,
                              ASK("DELETE FROM recent WHERE number IN (SELECT number FROM recent"
                                  " WHERE time_ms < ?1 LIMIT ?2)",
                                  VALUES(INT(x->before_ms), INT(RECENT_STEP))),
                              err);
    if (st != ST_OK)
        return st;
    return recent_remove(
        c, x,
        ASK("DELETE FROM recent WHERE number IN (SELECT number FROM recent"
            " WHERE number <= (SELECT number FROM recent"
            " ORDER BY number DESC LIMIT 1 OFFSET ?1) LIMIT ?2)",
            VALUES(INT(x->most < INT64_MAX ? x->most : INT64_MAX), INT(RECENT_STEP))),
        err);
}

status store_recent_expire(struct store *s, int64_t before_ms, uint64_t most, bool *more,
                           struct error *err)
{
    struct recent_limits x = {.before_ms = before_ms, .most = most};
    status st = store_write(s, recent_expire, &x, err);
    if (st == ST_OK)
        *more = x.more;
    return st;
}
