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

status store_recent_list(struct store *s, struct arena *a, int64_t since_ms,
                         struct recent_record **out, size_t *n, struct error *err)
{
    return store_list(s, a,
                      ASK("SELECT {recent} FROM recent WHERE time_ms >= ?1 ORDER BY number",
                          .record = &record_recent, VALUES(INT(since_ms))),
                      out, n, err);
}

struct recent_limits {
    int64_t before_ms;
    uint64_t most;
};

static status recent_expire(struct conn *c, void *arg, struct error *err)
{
    const struct recent_limits *x = arg;
    status st = ask_run(c, ASK("DELETE FROM recent WHERE time_ms < ?1", VALUES(INT(x->before_ms))),
                        NULL, err);
    if (st != ST_OK)
        return st;
    return ask_run(c,
                   ASK("DELETE FROM recent WHERE number <="
                       " (SELECT number FROM recent ORDER BY number DESC LIMIT 1 OFFSET ?1)",
                       VALUES(INT(x->most < INT64_MAX ? x->most : INT64_MAX))),
                   NULL, err);
}

status store_recent_expire(struct store *s, int64_t before_ms, uint64_t most, struct error *err)
{
    return store_write(s, recent_expire, &(struct recent_limits){before_ms, most}, err);
}
