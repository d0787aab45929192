/* SPDX-License-Identifier: Apache-2.0 */
#include "store/alert.h"

#include "store/store_int.h"

#include <assert.h>

static const char *const status_names[] = {
#define X(NAME, name, doc) name,
#include "store/alert_status.def"
};

const char *alert_status_name(enum alert_status s)
{
    return status_names[s];
}

bool alert_status_find(str name, enum alert_status *out)
{
    for (unsigned i = 0; i < ALERT_STATUS_COUNT; i++)
        if (str_eq(name, str_z(status_names[i]))) {
            *out = (enum alert_status)i;
            return true;
        }
    return false;
}

static const struct column alert_columns[] = {
    COLUMN(alert_record, TEXT, id),
    COLUMN(alert_record, TEXT, tenant),
    COLUMN_AS(alert_record, TEXT, group, "grp"), /* `group` is a word of SQL's */
    COLUMN(alert_record, ENUM, kind),
    COLUMN(alert_record, ENUM, level),
    COLUMN(alert_record, F32, score_01),
    COLUMN(alert_record, TEXT, rule),
    COLUMN(alert_record, TEXT, title),
    COLUMN(alert_record, TEXT, reason),
    COLUMN(alert_record, TEXT, entity),
    COLUMN(alert_record, TEXT, technique),
    COLUMN(alert_record, TEXT, evidence),
    COLUMN(alert_record, TEXT, source),
    COLUMN(alert_record, I64, first_ms),
    COLUMN(alert_record, I64, last_ms),
    COLUMN(alert_record, I64, created_ms),
    COLUMN(alert_record, I64, changed_ms),
    COLUMN(alert_record, U64, count),
    COLUMN(alert_record, ENUM, status),
    COLUMN(alert_record, TEXT, owner),
    COLUMN(alert_record, TEXT, note),
    COLUMN(alert_record, I64, decided_ms),
    COLUMN(alert_record, U64, seq),
};
RECORD(alert, alert_record);

static const struct column alert_event_columns[] = {
    COLUMN(alert_event, TEXT, id),
    COLUMN(alert_event, I64, time_ms),
    COLUMN(alert_event, BLOB, raw),
    COLUMN(alert_event, TEXT, format),
};
RECORD(alert_event, alert_event);

/* ---- reading ---- */

static const char get_alert[] = "SELECT {alert} FROM alert WHERE id = ?1 AND tenant = ?2";

status store_alert_get(struct store *s, struct arena *a, str tenant, str id,
                       struct alert_record *out, struct error *err)
{
    return store_one(s, a, ASK(get_alert, .record = &record_alert, VALUES(TEXT(id), TEXT(tenant))),
                     out, err);
}

status store_alert_events(struct store *s, struct arena *a, str tenant, str id,
                          struct alert_event **out, size_t *n, struct error *err)
{
    return store_list(s, a,
                      ASK("SELECT {alert_event} FROM alert_event WHERE alert = ?1 AND tenant = ?2"
                          " ORDER BY number",
                          .record = &record_alert_event, VALUES(TEXT(id), TEXT(tenant))),
                      out, n, err);
}

status store_seq(struct store *s, uint64_t *out, struct error *err)
{
    int64_t seq = 0;
    status st =
        store_numbers(s, ASK("SELECT value FROM counter WHERE name = 'seq'"), &seq, 1, NULL, err);
    if (st == ST_OK)
        *out = (uint64_t)seq;
    return st;
}

/* ---- counts ---- */

struct tally {
    int64_t status, level, count;
};
static const struct column tally_column[] = {COLUMN(tally, I64, status), COLUMN(tally, I64, level),
                                             COLUMN(tally, I64, count)};
static const struct record tally_record = {tally_column, COUNT(tally_column), sizeof(struct tally)};

status store_alert_counts(struct store *s, str tenant, struct alert_counts *out, struct error *err)
{
    struct arena a;
    arena_init(&a, 65536);
    struct tally *row = NULL;
    size_t n = 0;
    status st = store_list(s, &a,
                           ASK("SELECT status, level, count(*) FROM alert WHERE tenant = ?1"
                               " GROUP BY status, level",
                               .record = &tally_record, VALUES(TEXT(tenant))),
                           &row, &n, err);
    struct alert_counts counts = {0};
    for (size_t i = 0; st == ST_OK && i < n; i++) {
        if (row[i].status < 0 || row[i].status >= ALERT_STATUS_COUNT || row[i].level < 0 ||
            row[i].level >= LEVEL_COUNT)
            continue; /* by a newer program, before it changed the schema */
        counts.by_status[row[i].status] += (uint64_t)row[i].count;
        if (row[i].status == ALERT_OPEN)
            counts.open_by_level[row[i].level] += (uint64_t)row[i].count;
    }
    arena_done(&a);
    if (st == ST_OK)
        *out = counts;
    return st;
}

/* ---- deciding ---- */

struct decision {
    struct arena *a;
    const struct alert_record *decided;
    struct alert_record *out;
};

static bool is_closed(enum alert_status s)
{
    return s == ALERT_TRUE_POSITIVE || s == ALERT_FALSE_POSITIVE;
}

/* First the group's row, then the alert: the order in which a commit locks them. */
static status move_group(struct conn *c, const struct alert_record *was, enum alert_status to,
                         struct error *err)
{
    if (is_closed(to))
        return ask_run(c,
                       ASK("DELETE FROM alert_open WHERE tenant = ?1 AND grp = ?2 AND alert = ?3",
                           VALUES(TEXT(was->tenant), TEXT(was->group), TEXT(was->id))),
                       NULL, err);
    if (!is_closed(was->status))
        return ST_OK;
    return ask_run(c,
                   ASK("INSERT INTO alert_open (tenant, grp, alert) VALUES (?1, ?2, ?3)"
                       " ON CONFLICT (tenant, grp) DO NOTHING",
                       VALUES(TEXT(was->tenant), TEXT(was->group), TEXT(was->id))),
                   NULL, err);
}

/* The one asked for, or the next; the counter never falls behind it. */
static status take_seq(struct conn *c, uint64_t asked, int64_t *seq, struct error *err)
{
    return ask_numbers(c,
                       ASK("UPDATE counter SET value = CASE WHEN ?1 = 0 THEN value + 1"
                           " ELSE {greatest}(value, ?1) END WHERE name = 'seq' RETURNING value",
                           VALUES(INT(asked))),
                       seq, 1, NULL, err);
}

static status write_decision(struct conn *c, const struct alert_record *d, uint64_t *changed,
                             struct error *err)
{
    int64_t seq = 0;
    status st = take_seq(c, d->seq, &seq, err);
    if (st != ST_OK)
        return st;
    seq = d->seq ? (int64_t)d->seq : seq;
    int64_t changed_ms = d->changed_ms ? d->changed_ms : d->decided_ms;
    return ask_run(c,
                   ASK("UPDATE alert SET status = ?3, owner = ?4, note = ?5, decided_ms = ?6,"
                       " changed_ms = ?7, seq = ?8 WHERE id = ?1 AND tenant = ?2"
                       " AND (status IN (0, 1) OR ?3 = 0)",
                       VALUES(TEXT(d->id), TEXT(d->tenant), INT(d->status), TEXT(d->owner),
                              TEXT(d->note), INT(d->decided_ms), INT(changed_ms), INT(seq))),
                   changed, err);
}

static_assert(ALERT_OPEN == 0 && ALERT_ACKNOWLEDGED == 1, "write_decision names them");

static status decide(struct conn *c, void *arg, struct error *err)
{
    struct decision *x = arg;
    const struct alert_record *d = x->decided;
    const struct ask *get =
        ASK(get_alert, .record = &record_alert, VALUES(TEXT(d->id), TEXT(d->tenant)));
    struct alert_record was = {0};
    uint64_t changed = 0;
    status st = ask_one(c, x->a, get, &was, err);
    if (st == ST_NOT_FOUND)
        return fail(err, st, "no alert '" STR_FMT "'", STR_ARG(str_head(d->id, 64)));
    if (st == ST_OK)
        st = move_group(c, &was, d->status, err);
    if (st == ST_OK)
        st = write_decision(c, d, &changed, err);
    if (st == ST_OK && !changed)
        return fail(err, ST_CONFLICT, "closed already by '" STR_FMT "'",
                    STR_ARG(str_head(was.owner, 64)));
    return st == ST_OK ? ask_one(c, x->a, get, x->out, err) : st;
}

status store_alert_decide(struct store *s, struct arena *a, const struct alert_record *decided,
                          struct alert_record *out, struct error *err)
{
    struct alert_record after = {0};
    status st = store_write(s, decide, &(struct decision){a, decided, &after}, err);
    if (st == ST_OK)
        *out = after;
    return st;
}
