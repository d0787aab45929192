/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ledger.h"

#include "store/store_int.h"

enum { INDICATOR_LEN_MAX = 2048, LIST_MAX = 1000 };

static const struct column audit_columns[] = {
    COLUMN(audit_record, U64, number),  COLUMN(audit_record, I64, time_ms),
    COLUMN(audit_record, TEXT, tenant), COLUMN(audit_record, TEXT, actor),
    COLUMN(audit_record, TEXT, action), COLUMN(audit_record, TEXT, target),
    COLUMN(audit_record, TEXT, detail), COLUMN(audit_record, TEXT, address),
    COLUMN(audit_record, BOOL, ok),
};
RECORD(audit, audit_record);

static const struct column usage_columns[] = {
    COLUMN(usage_record, I64, day),      COLUMN(usage_record, TEXT, tenant),
    COLUMN(usage_record, TEXT, key),     COLUMN(usage_record, TEXT, route),
    COLUMN(usage_record, U64, requests), COLUMN(usage_record, U64, errors),
    COLUMN(usage_record, U64, bytes_in), COLUMN(usage_record, U64, bytes_out),
};
RECORD(usage, usage_record);

static const struct column indicator_columns[] = {
    COLUMN(indicator_record, TEXT, tenant),      COLUMN(indicator_record, TEXT, value),
    COLUMN(indicator_record, TEXT, kind),        COLUMN(indicator_record, TEXT, source),
    COLUMN(indicator_record, TEXT, description), COLUMN(indicator_record, F64, confidence_01),
    COLUMN(indicator_record, TEXT, technique),   COLUMN(indicator_record, I64, added_ms),
    COLUMN(indicator_record, I64, expires_ms),   COLUMN(indicator_record, BOOL, allow),
};
RECORD(indicator, indicator_record);

static status check_limit(size_t limit, struct error *err)
{
    return limit >= 1 && limit <= LIST_MAX
               ? ST_OK
               : fail(err, ST_INVALID, "a page has 1 to %d records, not '%zu'", LIST_MAX, limit);
}

/* ---- audit ---- */

/* The counter's row stays locked until the commit, so numbers have no gaps and come in the order of the commits. */
static status add_audit(struct conn *c, void *arg, struct error *err)
{
    struct audit_record r = *(const struct audit_record *)arg;
    int64_t number = 0;
    status st = ask_numbers(c,
                            ASK("UPDATE counter SET value = value + 1 WHERE name = 'audit'"
                                " RETURNING value"),
                            &number, 1, NULL, err);
    if (st != ST_OK)
        return st;
    r.number = (uint64_t)number;
    return ask_run(
        c,
        ASK("INSERT INTO audit ({audit}) VALUES ({?audit})", .record = &record_audit, .from = &r),
        NULL, err);
}

status store_audit_add(struct store *s, const struct audit_record *r, struct error *err)
{
    struct audit_record copy = *r;
    return store_write(s, add_audit, &copy, err);
}

status store_audit_list(struct store *s, struct arena *a, str tenant, uint64_t before, size_t limit,
                        struct audit_record **out, size_t *n, struct error *err)
{
    status st = check_limit(limit, err);
    if (st != ST_OK)
        return st;
    int64_t end = before && before < INT64_MAX ? (int64_t)before : INT64_MAX;
    return store_list(s, a,
                      ASK("SELECT {audit} FROM audit WHERE tenant = ?1 AND number < ?2"
                          " ORDER BY number DESC LIMIT ?3",
                          .record = &record_audit, VALUES(TEXT(tenant), INT(end), INT(limit))),
                      out, n, err);
}

/* ---- usage ---- */

struct many {
    const void *at;
    size_t n;
};

static status add_usage(struct conn *c, void *arg, struct error *err)
{
    const struct many *x = arg;
    const struct usage_record *u = x->at;
    status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < x->n; i++)
        st = ask_send(c,
                      ASK("INSERT INTO usage_day ({usage}) VALUES ({?usage})"
                          " ON CONFLICT (tenant, day, key, route) DO UPDATE SET"
                          " requests = usage_day.requests + excluded.requests,"
                          " errors = usage_day.errors + excluded.errors,"
                          " bytes_in = usage_day.bytes_in + excluded.bytes_in,"
                          " bytes_out = usage_day.bytes_out + excluded.bytes_out",
                          .record = &record_usage, .from = &u[i]),
                      err);
    return st;
}

status store_usage_add(struct store *s, const struct usage_record *u, size_t n, struct error *err)
{
    return n ? store_write(s, add_usage, &(struct many){u, n}, err) : ST_OK;
}

status store_usage_list(struct store *s, struct arena *a, str tenant, int64_t from_day,
                        int64_t to_day, struct usage_record **out, size_t *n, struct error *err)
{
    return store_list(
        s, a,
        ASK("SELECT {usage} FROM usage_day WHERE tenant = ?1 AND day >= ?2 AND day < ?3"
            " ORDER BY day, key, route",
            .record = &record_usage, VALUES(TEXT(tenant), INT(from_day), INT(to_day))),
        out, n, err);
}

/* ---- indicators ---- */

static status put_indicators(struct conn *c, void *arg, struct error *err)
{
    const struct many *x = arg;
    const struct indicator_record *r = x->at;
    status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < x->n; i++)
        st = ask_send(c,
                      ASK("INSERT INTO indicator ({indicator}) VALUES ({?indicator})"
                          " ON CONFLICT (tenant, value) DO UPDATE SET kind = excluded.kind,"
                          " source = excluded.source, description = excluded.description,"
                          " confidence_01 = excluded.confidence_01,"
                          " technique = excluded.technique, added_ms = excluded.added_ms,"
                          " expires_ms = excluded.expires_ms, allow = excluded.allow",
                          .record = &record_indicator, .from = &r[i]),
                      err);
    return st;
}

status store_indicator_put(struct store *s, const struct indicator_record *r, size_t n,
                           struct error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!r[i].value.n || r[i].value.n > INDICATOR_LEN_MAX)
            return fail(err, ST_INVALID, "an indicator has 1 to %d bytes, not '%zu'",
                        INDICATOR_LEN_MAX, r[i].value.n);
    return n ? store_write(s, put_indicators, &(struct many){r, n}, err) : ST_OK;
}

status store_indicator_list(struct store *s, struct arena *a, str tenant, str after, size_t limit,
                            struct indicator_record **out, size_t *n, struct error *err)
{
    status st = check_limit(limit, err);
    if (st != ST_OK)
        return st;
    return store_list(s, a,
                      ASK("SELECT {indicator} FROM indicator WHERE tenant = ?1 AND value > ?2"
                          " ORDER BY value LIMIT ?3",
                          .record = &record_indicator,
                          VALUES(TEXT(tenant), TEXT(after), INT(limit))),
                      out, n, err);
}

status store_indicator_remove(struct store *s, str tenant, str value, struct error *err)
{
    return store_change(s,
                        ASK("DELETE FROM indicator WHERE tenant = ?1 AND value = ?2",
                            VALUES(TEXT(tenant), TEXT(value))),
                        "indicator", value, err);
}

status store_indicator_expire(struct store *s, int64_t now_ms, uint64_t *removed, struct error *err)
{
    return store_run(
        s,
        ASK("DELETE FROM indicator WHERE expires_ms > 0 AND expires_ms <= ?1", VALUES(INT(now_ms))),
        removed, err);
}
