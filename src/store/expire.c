/* SPDX-License-Identifier: Apache-2.0 */
/* Forgetting what is older than it must be kept, EXPIRE_STEP rows of a kind at a time: a writer that waits for
 * this one waits for milliseconds. */
#include "store/alert.h"
#include "store/store_int.h"

enum { EXPIRE_STEP = 1000, ARENA_MAX = 64 << 20 };

struct expiry {
    const struct store_retention *r;
    uint64_t removed;
    bool more;
};

/* Before when; INT64_MIN: keep. */
static int64_t before(const struct expiry *x, int64_t age_ms)
{
    return age_ms > 0 ? x->r->now_ms - age_ms : INT64_MIN;
}

static status remove_rows(struct conn *c, struct expiry *x, const struct ask *q, struct error *err)
{
    uint64_t n = 0;
    status st = ask_run(c, q, &n, err);
    x->removed += n;
    x->more |= n >= EXPIRE_STEP;
    return st;
}

/* ---- alerts ---- */

struct gone {
    str id, tenant, group, entity;
};
static const struct column gone_column[] = {COLUMN(gone, TEXT, id), COLUMN(gone, TEXT, tenant),
                                            COLUMN(gone, TEXT, group), COLUMN(gone, TEXT, entity)};
static const struct record gone_record = {gone_column, COUNT(gone_column), sizeof(struct gone)};

static status remove_alert(struct conn *c, const struct gone *g, struct error *err)
{
    status st = ask_send(c,
                         ASK("DELETE FROM alert_open WHERE tenant = ?1 AND grp = ?2 AND alert = ?3",
                             VALUES(TEXT(g->tenant), TEXT(g->group), TEXT(g->id))),
                         err);
    if (st == ST_OK)
        st = ask_send(c, ASK("DELETE FROM alert WHERE id = ?1", VALUES(TEXT(g->id))), err);
    if (st == ST_OK)
        st = ask_send(c, ASK("DELETE FROM alert_event WHERE alert = ?1", VALUES(TEXT(g->id))), err);
    return st == ST_OK ? entity_remove(c, g->entity, g->tenant, g->id, err) : st;
}

static status remove_alerts(struct conn *c, struct expiry *x, struct arena *a, struct error *err)
{
    struct gone *gone = NULL;
    size_t n = 0;
    status st =
        ask_list(c, a,
                 ASK("SELECT id, tenant, grp, entity FROM alert"
                     " WHERE (last_ms < ?1 AND status >= 2) OR (last_ms < ?2 AND status < 2)"
                     " ORDER BY last_ms LIMIT ?3",
                     .record = &gone_record,
                     VALUES(INT(before(x, x->r->closed_alerts_ms)),
                            INT(before(x, x->r->open_alerts_ms)), INT(EXPIRE_STEP))),
                 &gone, &n, err);
    for (size_t i = 0; st == ST_OK && i < n; i++)
        st = remove_alert(c, &gone[i], err);
    x->removed += n;
    x->more |= n == EXPIRE_STEP;
    return st;
}

static status expire_alerts(struct conn *c, void *arg, struct error *err)
{
    struct arena a;
    arena_init(&a, ARENA_MAX);
    status st = remove_alerts(c, arg, &a, err);
    arena_done(&a);
    return st;
}

/* ---- the rest ---- */

/* The permit is there for this transaction alone: nobody else sees it. */
static status expire_audit(struct conn *c, struct expiry *x, struct error *err)
{
    int64_t before_ms = before(x, x->r->audit_ms);
    if (before_ms == INT64_MIN)
        return ST_OK;
    status st = ask_run(
        c, ASK("INSERT INTO permit (name, before_ms) VALUES ('audit', ?1)", VALUES(INT(before_ms))),
        NULL, err);
    if (st == ST_OK)
        st = remove_rows(c, x,
                         ASK("DELETE FROM audit WHERE number IN (SELECT number FROM audit"
                             " WHERE time_ms < ?1 ORDER BY time_ms LIMIT ?2)",
                             VALUES(INT(before_ms), INT(EXPIRE_STEP))),
                         err);
    return st == ST_OK ? ask_run(c, ASK("DELETE FROM permit"), NULL, err) : st;
}

/* The oldest day. */
static status expire_usage(struct conn *c, struct expiry *x, struct error *err)
{
    enum { DAY_MS = 86400000 };
    int64_t before_ms = before(x, x->r->usage_ms);
    if (before_ms == INT64_MIN)
        return ST_OK;
    uint64_t n = 0;
    status st = ask_run(c,
                        ASK("DELETE FROM usage_day WHERE day < ?1"
                            " AND day = (SELECT min(day) FROM usage_day)",
                            VALUES(INT(before_ms / DAY_MS))),
                        &n, err);
    x->removed += n;
    x->more |= n != 0;
    return st;
}

static status expire_positions(struct conn *c, struct expiry *x, struct error *err)
{
    int64_t before_ms = before(x, x->r->positions_ms);
    if (before_ms == INT64_MIN)
        return ST_OK;
    return remove_rows(c, x,
                       ASK("DELETE FROM source_position WHERE source IN (SELECT source"
                           " FROM source_position WHERE source >= '" POSITION_ONCE "'"
                           " AND source < 'once;' AND changed_ms < ?1 LIMIT ?2)",
                           VALUES(INT(before_ms), INT(EXPIRE_STEP))),
                       err);
}

static status expire_sessions(struct conn *c, struct expiry *x, struct error *err)
{
    return remove_rows(c, x,
                       ASK("DELETE FROM session WHERE id IN (SELECT id FROM session"
                           " WHERE expires_ms < ?1 ORDER BY expires_ms LIMIT ?2)",
                           VALUES(INT(x->r->now_ms), INT(EXPIRE_STEP))),
                       err);
}

static status expire_others(struct conn *c, void *arg, struct error *err)
{
    struct expiry *x = arg;
    status st = expire_positions(c, x, err);
    if (st == ST_OK)
        st = expire_sessions(c, x, err);
    if (st == ST_OK)
        st = expire_usage(c, x, err);
    return st == ST_OK ? expire_audit(c, x, err) : st;
}

status store_expire(struct store *s, const struct store_retention *r, uint64_t *removed, bool *more,
                    struct error *err)
{
    struct expiry alerts = {.r = r}, others = {.r = r};
    bool dropped = false;
    status st = partition_drop(s, r, &dropped, err);
    if (st == ST_OK)
        st = store_write(s, expire_alerts, &alerts, err);
    if (st == ST_OK)
        st = store_write(s, expire_others, &others, err);
    if (st != ST_OK)
        return st;
    *removed = alerts.removed + others.removed;
    *more = alerts.more || others.more || dropped;
    return ST_OK;
}
