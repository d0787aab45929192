/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of one month of alerts, where the database is partitioned (PostgreSQL).
 *
 * Names end with the month (alert_202611); bounds are the least ids of its first millisecond and of the next month's.
 * They are made before the first alert of their month, together with those of the month after, so that the short lock
 * on all alerts that this takes is taken ahead of time.  A month none of whose alerts must be kept is dropped at once;
 * before that its rows go one by one, as on SQLite. */
#include "os/uid.h"
#include "store/alert.h"
#include "store/store_int.h"

enum { NAME_MAX_LEN = 32, SQL_LEN = 512 };

static const struct {
    const char *name;
} tables[] = {{"alert"}, {"alert_entity"}, {"alert_event"}};

/* ---- months, counted from year 0 ---- */

static int64_t month_of(int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    (void)gmtime_r(&seconds, &tm); /* ids reach to the year 10889: no failure */
    return ((int64_t)tm.tm_year + 1900) * 12 + tm.tm_mon;
}

static int64_t month_begin_ms(int64_t month)
{
    struct tm tm = {.tm_year = (int)(month / 12 - 1900), .tm_mon = (int)(month % 12), .tm_mday = 1};
    return (int64_t)timegm(&tm) * 1000;
}

static void month_name(const char *table, int64_t month, char out[static NAME_MAX_LEN])
{
    (void)snprintf(out, NAME_MAX_LEN, "%s_%04d%02d", table, (int)(month / 12) % 10000,
                   (int)(month % 12) + 1);
}

/* ---- making ---- */

static status lock_tables(struct conn *c, struct error *err)
{
    return c->ops->script(c->db, "SELECT pg_advisory_xact_lock(7021937746210812)", err);
}

static status make_month(struct conn *c, int64_t month, struct error *err)
{
    char from[UID_SIZE], to[UID_SIZE], name[NAME_MAX_LEN], sql[SQL_LEN];
    uid_least(month_begin_ms(month), from);
    uid_least(month_begin_ms(month + 1), to);
    status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < COUNT(tables); i++) {
        month_name(tables[i].name, month, name);
        (void)snprintf(
            sql, sizeof sql,
            "CREATE TABLE IF NOT EXISTS %s PARTITION OF %s FOR VALUES FROM ('%s') TO ('%s')", name,
            tables[i].name, from, to);
        st = c->ops->script(c->db, sql, err);
    }
    return st;
}

static status make_months(struct conn *c, void *arg, struct error *err)
{
    int64_t month = *(const int64_t *)arg;
    status st = lock_tables(c, err);
    if (st == ST_OK)
        st = make_month(c, month, err);
    return st == ST_OK ? make_month(c, month + 1, err) : st;
}

status partition_ensure(struct store *s, const char *id, struct error *err)
{
    if (!s->ops->partitioned)
        return ST_OK;
    int64_t month = month_of(uid_ms(id));
    if (s->month == month)
        return ST_OK;
    status st = store_write(s, make_months, &month, err);
    if (st == ST_OK)
        s->month = month;
    return st;
}

/* ---- dropping ---- */

struct dropping {
    const struct store_retention *r;
    bool dropped;
};

static int64_t kept_since(const struct store_retention *r, int64_t age_ms)
{
    return age_ms > 0 ? r->now_ms - age_ms : INT64_MIN;
}

/* *month: the first with a table. */
static status oldest_month(struct conn *c, int64_t *month, bool *found, struct error *err)
{
    int64_t got[1] = {0};
    status st = ask_numbers(c,
                            ASK("SELECT min(right(relname::text, 6)::bigint) FROM pg_inherits"
                                " JOIN pg_class ON pg_class.oid = inhrelid"
                                " WHERE inhparent = 'alert'::regclass HAVING count(*) > 0"),
                            got, 1, found, err);
    *month = got[0] / 100 * 12 + got[0] % 100 - 1;
    return st;
}

/* *kept: one of them must be.  Nobody adds to them from here on. */
static status is_kept(struct conn *c, int64_t month, const struct store_retention *r, bool *kept,
                      struct error *err)
{
    char name[NAME_MAX_LEN], sql[SQL_LEN];
    month_name("alert", month, name);
    (void)snprintf(sql, sizeof sql, "LOCK TABLE %s IN ACCESS EXCLUSIVE MODE", name);
    status st = c->ops->script(c->db, sql, err);
    if (st != ST_OK)
        return st;
    (void)snprintf(sql, sizeof sql,
                   "SELECT status FROM %s WHERE (status >= 2 AND last_ms >= ?1)"
                   " OR (status < 2 AND last_ms >= ?2) LIMIT 1",
                   name);
    int64_t one = 0;
    return ask_numbers(c,
                       ASK(sql, VALUES(INT(kept_since(r, r->closed_alerts_ms)),
                                       INT(kept_since(r, r->open_alerts_ms)))),
                       &one, 1, kept, err);
}

static status drop_month(struct conn *c, int64_t month, struct error *err)
{
    char from[UID_SIZE], to[UID_SIZE], name[NAME_MAX_LEN], sql[SQL_LEN];
    uid_least(month_begin_ms(month), from);
    uid_least(month_begin_ms(month + 1), to);
    status st = ask_run(c,
                        ASK("DELETE FROM alert_open WHERE alert >= ?1 AND alert < ?2",
                            VALUES(TEXT(str_z(from)), TEXT(str_z(to)))),
                        NULL, err);
    for (size_t i = 0; st == ST_OK && i < COUNT(tables); i++) {
        month_name(tables[i].name, month, name);
        (void)snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS %s", name);
        st = c->ops->script(c->db, sql, err);
    }
    return st;
}

static status drop_oldest(struct conn *c, void *arg, struct error *err)
{
    struct dropping *x = arg;
    int64_t month = 0;
    bool found = false, kept = true;
    x->dropped = false;
    status st = oldest_month(c, &month, &found, err);
    if (st != ST_OK || !found || month >= month_of(x->r->now_ms))
        return st;
    st = lock_tables(c, err);
    if (st == ST_OK)
        st = is_kept(c, month, x->r, &kept, err);
    if (st == ST_OK && !kept) {
        st = drop_month(c, month, err);
        x->dropped = st == ST_OK;
    }
    return st;
}

status partition_drop(struct store *s, const struct store_retention *r, bool *dropped,
                      struct error *err)
{
    *dropped = false;
    if (!s->ops->partitioned || (!r->closed_alerts_ms && !r->open_alerts_ms))
        return ST_OK;
    struct dropping x = {.r = r};
    status st = store_write(s, drop_oldest, &x, err);
    if (st == ST_OK)
        *dropped = x.dropped;
    return st;
}
