/* SPDX-License-Identifier: Apache-2.0 */
/* Findings to alerts, with the positions of their sources, in one transaction.
 *
 * Findings of one group that belong together make a `run`, which becomes one change of one alert: so a burst of repeats
 * costs little more than one.  A run first tries to join the group's open alert (one UPDATE that says all the
 * conditions); only when that is not there, closed or too far away in time, an alert is made.
 *
 * Runs are taken in the order of their groups: two processes that commit at once then lock the rows of alert_open in
 * the same order, and none waits for the other for ever. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/vec.h"
#include "store/alert.h"
#include "store/store_int.h"

enum { INDEXED_LEN_MAX = 1000, SOURCE_LEN_MAX = 2048, NO_RUN = -1 };

struct run {
    str tenant, group;
    size_t first, last; /* findings: the first and the latest; those between are linked by next[] */
    size_t best;        /* of a model: with the highest score, and of those with the most to say */
    uint64_t count;
    int64_t first_ms, last_ms;
    enum level level;
    float score_01;
    size_t order;
    struct commit_result result; /* of the latest finding */
    bool is_new;
};

struct work {
    struct store *store;
    const struct store_commit *c;
    VEC(struct run) run;
    uint32_t *next; /* of a finding: the next of its run */
    uint32_t *of;   /* of a finding: its run, before they are sorted */
    struct arena keys;
};

/* ---- runs ---- */

static bool joins(const struct run *r, const struct alert_record *f, int64_t group_ms)
{
    return f->first_ms <= r->last_ms + group_ms && f->last_ms >= r->first_ms - group_ms;
}

static void run_new(struct work *w, size_t i)
{
    const struct alert_record *f = &w->c->alert[i];
    size_t order = w->run.n;
    *vec_push(&w->run) = (struct run){.tenant = f->tenant,
                                      .group = f->group,
                                      .first = i,
                                      .last = i,
                                      .best = i,
                                      .count = 1,
                                      .first_ms = f->first_ms,
                                      .last_ms = f->last_ms,
                                      .level = f->level,
                                      .score_01 = f->score_01,
                                      .order = order};
}

/* An alert of a model says of one connection what it scored and why: of the one with the highest score.  Of equals
 * the one with reasons, as not all are explained; else the latest. */
static bool is_better(const struct alert_record *f, const struct alert_record *than)
{
    if (f->score_01 < than->score_01 || f->score_01 > than->score_01)
        return f->score_01 > than->score_01;
    return f->evidence.n >= than->evidence.n;
}

static void run_add(struct work *w, struct run *r, size_t i)
{
    const struct alert_record *f = &w->c->alert[i];
    r->best = is_better(f, &w->c->alert[r->best]) ? i : r->best;
    w->next[r->last] = (uint32_t)i;
    r->last = i;
    r->count++;
    r->first_ms = f->first_ms < r->first_ms ? f->first_ms : r->first_ms;
    r->last_ms = f->last_ms > r->last_ms ? f->last_ms : r->last_ms;
    r->level = f->level > r->level ? f->level : r->level;
    r->score_01 = f->score_01 > r->score_01 ? f->score_01 : r->score_01;
}

static int by_group(const void *x, const void *y)
{
    const struct run *a = x, *b = y;
    int c = str_cmp(a->tenant, b->tenant);
    if (!c)
        c = str_cmp(a->group, b->group);
    return c ? c : (a->order > b->order) - (a->order < b->order);
}

/* No place of the map moves while it is used: a run is looked up, then changed. */
static void gather(struct work *w)
{
    struct map latest = {.seed = hash_seed()};
    for (size_t i = 0; i < w->c->alert_count; i++) {
        const struct alert_record *f = &w->c->alert[i];
        str key = arena_fmt(&w->keys, STR_FMT "\n" STR_FMT, STR_ARG(f->tenant), STR_ARG(f->group));
        bool added = false;
        uint32_t *at = map_add(&latest, key, (uint32_t)w->run.n, &added);
        if (!added && joins(&w->run.at[*at], f, w->c->group_ms)) {
            run_add(w, &w->run.at[*at], i);
            continue;
        }
        *at = (uint32_t)w->run.n;
        run_new(w, i);
    }
    map_done(&latest);
    if (w->run.n)
        qsort(w->run.at, w->run.n, sizeof *w->run.at, by_group);
}

/* ---- alerts ---- */

static uint64_t seq_of(const struct work *w, const struct run *r)
{
    return w->c->first_seq + r->last;
}

/* The alert that takes the group's repeats; when there is none yet, `id` becomes it. */
static status find_open(struct conn *c, const struct run *r, const char *id, char out[UID_SIZE],
                        struct error *err)
{
    static const struct column column = {"alert", COLUMN_TEXT, 0};
    static const struct record text = {&column, 1, sizeof(str)};
    struct arena a;
    arena_init(&a, 256);
    str open = {0};
    status st =
        ask_one(c, &a,
                ASK("INSERT INTO alert_open (tenant, grp, alert) VALUES (?1, ?2, ?3)"
                    " ON CONFLICT (tenant, grp) DO UPDATE SET grp = excluded.grp"
                    " RETURNING alert",
                    .record = &text, VALUES(TEXT(r->tenant), TEXT(r->group), TEXT(str_z(id)))),
                &open, err);
    if (st == ST_OK)
        (void)snprintf(out, UID_SIZE, STR_FMT, STR_ARG(open)); /* always an id of ours */
    arena_done(&a);
    return st;
}

static str indexed(str s)
{
    return str_head(s, INDEXED_LEN_MAX); /* PostgreSQL's indexes take 2,704 bytes a row */
}

/* is_better() than what the alert has. */
#define BETTER " (?4 > score_01 OR (?4 = score_01 AND length(?13) >= length(evidence))) "

/* Add the run to alert `id`. *joined: it was there, open, and near enough in time. */
static status join(struct conn *c, const struct work *w, struct run *r, const char *id,
                   bool *joined, struct error *err)
{
    const struct alert_record *f = &w->c->alert[r->last], *best = &w->c->alert[r->best];
    bool is_model = f->kind == FINDING_MODEL;
    int64_t got[5] = {0};
    status st = ask_numbers(
        c,
        ASK("UPDATE alert SET"
            " reason = CASE WHEN ?14 = 0 OR" BETTER "THEN ?3 ELSE reason END,"
            " evidence = CASE WHEN ?14 = 1 AND" BETTER "THEN ?13 ELSE evidence END,"
            " score_01 = {greatest}(score_01, ?4), level = {greatest}(level, ?5),"
            " first_ms = {least}(first_ms, ?6), last_ms = {greatest}(last_ms, ?7),"
            " changed_ms = ?8, count = count + ?9, seq = ?10"
            " WHERE id = ?1 AND tenant = ?2 AND status IN (0, 1)"
            " AND first_ms <= ?11 AND last_ms >= ?12"
            " RETURNING count, first_ms, last_ms, level, status",
            VALUES(TEXT(str_z(id)), TEXT(r->tenant), TEXT((is_model ? best : f)->reason),
                   (struct bound){.kind = BOUND_REAL, .f = (double)r->score_01}, INT(r->level),
                   INT(r->first_ms), INT(r->last_ms), INT(w->c->now_ms), INT(r->count),
                   INT(seq_of(w, r)), INT(r->last_ms + w->c->group_ms),
                   INT(r->first_ms - w->c->group_ms), TEXT(best->evidence), INT(is_model))),
        got, COUNT(got), joined, err);
    if (st != ST_OK || !*joined)
        return st;
    r->result = (struct commit_result){.count = (uint64_t)got[0],
                                       .first_ms = got[1],
                                       .last_ms = got[2],
                                       .level = (enum level)got[3],
                                       .status = (enum alert_status)got[4]};
    (void)snprintf(r->result.id, sizeof r->result.id, "%s", id);
    return ST_OK;
}

/* What is of the first finding stays so; the rest is of the latest, and what a model says of its best. */
static status add_alert(struct conn *c, const struct work *w, struct run *r, const char *id,
                        struct error *err)
{
    const struct alert_record *first = &w->c->alert[r->first];
    struct alert_record a = w->c->alert[r->last];
    a.id = str_z(id);
    a.rule = indexed(a.rule);
    a.title = indexed(a.title);
    a.entity = first->entity;
    a.evidence = first->evidence;
    if (a.kind == FINDING_MODEL) {
        a.reason = w->c->alert[r->best].reason;
        a.evidence = w->c->alert[r->best].evidence;
    }
    a.source = first->source;
    a.level = r->level;
    a.score_01 = r->score_01;
    a.first_ms = r->first_ms;
    a.last_ms = r->last_ms;
    a.created_ms = a.changed_ms = w->c->now_ms;
    a.count = r->count;
    a.status = ALERT_OPEN;
    a.owner = a.note = (str){0};
    a.decided_ms = 0;
    a.seq = seq_of(w, r);
    r->is_new = true;
    r->result = (struct commit_result){.count = r->count,
                                       .first_ms = r->first_ms,
                                       .last_ms = r->last_ms,
                                       .level = r->level,
                                       .status = ALERT_OPEN};
    (void)snprintf(r->result.id, sizeof r->result.id, "%s", id);
    status st = ask_send(
        c,
        ASK("INSERT INTO alert ({alert}) VALUES ({?alert})", .record = &record_alert, .from = &a),
        err);
    return st == ST_OK ? entity_add(c, a.entity, a.tenant, a.id, err) : st;
}

/* The events that are among the alert's first. */
static status add_events(struct conn *c, const struct work *w, const struct run *r,
                         struct error *err)
{
    uint64_t number = r->result.count - r->count;
    status st = ST_OK;
    size_t i = r->first;
    for (uint64_t k = 0; st == ST_OK && k < r->count && number < ALERT_EVENTS_MAX; k++) {
        number++;
        const struct alert_event *e = &w->c->event[i];
        st = ask_send(c,
                      ASK("INSERT INTO alert_event ({alert_event}, alert, number, tenant)"
                          " VALUES ({?alert_event}, ?5, ?6, ?7)",
                          .record = &record_alert_event, .from = e,
                          VALUES(TEXT(str_z(r->result.id)), INT(number), TEXT(r->tenant))),
                      err);
        i = w->next[i];
    }
    return st;
}

static status put_run(struct conn *c, struct work *w, struct run *r, struct error *err)
{
    char id[UID_SIZE], open[UID_SIZE] = "";
    uid_new(w->c->now_ms, id);
    status st = find_open(c, r, id, open, err);
    bool joined = false, mine = strcmp(open, id) == 0;
    if (st == ST_OK && !mine)
        st = join(c, w, r, open, &joined, err);
    if (st == ST_OK && !mine && !joined)
        st = ask_send(c,
                      ASK("UPDATE alert_open SET alert = ?3 WHERE tenant = ?1 AND grp = ?2",
                          VALUES(TEXT(r->tenant), TEXT(r->group), TEXT(str_z(id)))),
                      err);
    if (st == ST_OK && !joined)
        st = add_alert(c, w, r, id, err);
    return st == ST_OK ? add_events(c, w, r, err) : st;
}

/* ---- positions and recent records ---- */

static status put_positions(struct conn *c, const struct store_commit *x, struct error *err)
{
    status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < x->position_count; i++)
        st = ask_send(c,
                      ASK("INSERT INTO source_position ({position}) VALUES ({?position})"
                          " ON CONFLICT (source) DO UPDATE SET value = excluded.value,"
                          " changed_ms = excluded.changed_ms",
                          .record = &record_position, .from = &x->position[i]),
                      err);
    for (size_t i = 0; st == ST_OK && i < x->recent_count; i++)
        st = ask_send(c,
                      ASK("INSERT INTO recent ({recent}) VALUES ({?recent})",
                          .record = &record_recent, .from = &x->recent[i]),
                      err);
    return st;
}

/* Last, for its row is locked until the commit. */
static status raise_seq(struct conn *c, const struct store_commit *x, struct error *err)
{
    if (!x->alert_count)
        return ST_OK;
    return ask_send(c,
                    ASK("UPDATE counter SET value = {greatest}(value, ?1) WHERE name = 'seq'",
                        VALUES(INT(x->first_seq + x->alert_count - 1))),
                    err);
}

/* ---- the commit ---- */

static status put(struct conn *c, void *arg, struct error *err)
{
    struct work *w = arg;
    status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < w->run.n; i++)
        st = put_run(c, w, &w->run.at[i], err);
    if (st == ST_OK)
        st = put_positions(c, w->c, err);
    return st == ST_OK ? raise_seq(c, w->c, err) : st;
}

/* Each finding of a run is told the count it made. */
static void tell(const struct work *w, struct commit_result *out)
{
    for (size_t k = 0; k < w->run.n; k++) {
        const struct run *r = &w->run.at[k];
        size_t i = r->first;
        for (uint64_t n = 1; n <= r->count; n++) {
            out[i] = r->result;
            out[i].is_new = r->is_new && n == 1;
            out[i].count = r->result.count - r->count + n;
            i = w->next[i];
        }
    }
}

static status check(const struct store_commit *c, struct error *err)
{
    for (size_t i = 0; i < c->position_count; i++)
        if (c->position[i].source.n > SOURCE_LEN_MAX)
            return fail(err, ST_LIMIT, "a source's name has more than %d bytes", SOURCE_LEN_MAX);
    return ST_OK;
}

static status ensure_month(struct store *s, const struct store_commit *c, struct error *err)
{
    if (!c->alert_count)
        return ST_OK;
    char id[UID_SIZE];
    uid_new(c->now_ms, id);
    return partition_ensure(s, id, err);
}

static status commit(struct store *s, const struct store_commit *c, struct commit_result *out,
                     struct error *err)
{
    uint64_t doubt = 0;
    struct work w = {.store = s, .c = c};
    arena_init(&w.keys, SIZE_MAX);
    w.next = mem_array(uint32_t, c->alert_count + 1);
    gather(&w);
    status st = store_write_or_doubt(s, put, &w, &doubt, err);
    if (st == ST_OK || doubt)
        tell(&w, out);
    if (c->doubt)
        *c->doubt = doubt;
    mem_free(w.next);
    vec_done(&w.run);
    arena_done(&w.keys);
    return st;
}

status store_commit(struct store *s, const struct store_commit *c, struct commit_result *out,
                    struct error *err)
{
    bool happened = false;
    status st = check(c, err);
    if (st == ST_OK && c->doubt && *c->doubt)
        st = store_settle(s, *c->doubt, &happened, err);
    if (st == ST_OK && c->doubt)
        *c->doubt = 0;
    if (st != ST_OK || happened)
        return st;
    st = ensure_month(s, c, err);
    return st == ST_OK ? commit(s, c, out, err) : st;
}
