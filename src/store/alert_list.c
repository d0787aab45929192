/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of alerts by filter, a page at a time.
 *
 * A page goes on behind the last alert of the one before (its time and id, or its seq), so that what arrives
 * meanwhile moves nothing.  The statement holds only the conditions that are asked for: each has
 * its index.  A `+` before a column (|| '' behind a text) tells both databases not to use its index: one that is good
 * for the condition but not for the order would sort everything that fits to show the first page. */
#include "codec/base64.h"
#include "store/alert.h"
#include "store/store_int.h"

enum { PAGE_MAX = 1000, CURSOR_MAX = 64, VALUES_MAX = 16, PATTERN_MAX = 1024 };

struct listing {
    const struct alert_filter *f;
    struct sbuf sql;
    struct bound value[VALUES_MAX];
    size_t count;
    struct sbuf pattern; /* what `text` became */
    bool by_id;          /* `rule` is the id of one, not a title */
};

static unsigned place(struct listing *l, struct bound v)
{
    l->value[l->count++] = v;
    return (unsigned)l->count;
}

/* ---- cursors: base64url of "LAST_MS ID", or of "SEQ" ---- */

static str cursor_write(struct arena *a, const struct alert_filter *f,
                        const struct alert_record *last)
{
    char plain[CURSOR_MAX], coded[CURSOR_MAX * 2];
    int n = f->after_seq ? snprintf(plain, sizeof plain, "%llu", (unsigned long long)last->seq)
                         : snprintf(plain, sizeof plain, "%lld " STR_FMT, (long long)last->last_ms,
                                    STR_ARG(str_head(last->id, UID_LEN)));
    return arena_str(a, (str){coded, base64url_encode((str){plain, (size_t)n}, coded)});
}

struct cursor {
    int64_t time_ms;
    uint64_t seq;
    str id;
    char plain[CURSOR_MAX];
};

static bool cursor_read(const struct alert_filter *f, struct cursor *out)
{
    size_t n = 0;
    if (base64_decoded_max(f->cursor.n) > CURSOR_MAX || !base64_decode(f->cursor, out->plain, &n))
        return false;
    str text = {out->plain, n};
    if (f->after_seq)
        return str_to_u64(text, &out->seq) && out->seq <= INT64_MAX;
    out->id = text;
    str time = str_cut(&out->id, ' ');
    return str_to_i64(time, &out->time_ms) && uid_valid(out->id);
}

/* ---- conditions ---- */

static void add_tenant_and_time(struct listing *l)
{
    const struct alert_filter *f = l->f;
    if (f->tenant.n)
        sbuf_addf(&l->sql, f->entity.n ? " AND tenant || '' = ?%u" : " AND tenant = ?%u",
                  place(l, TEXT(f->tenant)));
    if (f->from_ms)
        sbuf_addf(&l->sql, " AND last_ms >= ?%u", place(l, INT(f->from_ms)));
    if (f->to_ms)
        sbuf_addf(&l->sql, " AND last_ms < ?%u", place(l, INT(f->to_ms)));
}

static void add_level(struct listing *l)
{
    enum level least = l->f->min_level;
    if (least == LEVEL_CRITICAL)
        sbuf_addf(&l->sql, " AND level = %d", LEVEL_CRITICAL);
    else if (least > 0)
        sbuf_addf(&l->sql, " AND +level >= %d", (int)least);
}

static void add_status(struct listing *l)
{
    unsigned mask = l->f->status_mask;
    if (!mask)
        return;
    bool several = (mask & (mask - 1)) != 0;
    for (int i = 0; i < ALERT_STATUS_COUNT && !several; i++)
        if (mask == 1u << i)
            sbuf_addf(&l->sql, " AND status = %d", i);
    if (!several)
        return;
    sbuf_addz(&l->sql, " AND +status IN (-1");
    for (int i = 0; i < ALERT_STATUS_COUNT; i++)
        if (mask >> i & 1)
            sbuf_addf(&l->sql, ", %d", i);
    sbuf_addc(&l->sql, ')');
}

/* The text is sought as it is: what LIKE takes for a wildcard is escaped. */
static str like_pattern(struct sbuf *out, str text)
{
    sbuf_addc(out, '%');
    for (size_t i = 0; i < text.n; i++) {
        if (strchr("%_\\", text.p[i]) && text.p[i])
            sbuf_addc(out, '\\');
        sbuf_addc(out, text.p[i]);
    }
    sbuf_addc(out, '%');
    return sbuf_str(out);
}

static void add_words(struct listing *l)
{
    const struct alert_filter *f = l->f;
    if (f->entity.n)
        sbuf_addf(&l->sql, " AND id IN (SELECT alert FROM alert_entity WHERE value = ?%u%s)",
                  place(l, TEXT(f->entity)), f->tenant.n ? " AND tenant = ?1" : "");
    if (f->rule.n)
        sbuf_addf(&l->sql, l->by_id ? " AND rule = ?%u" : " AND title = ?%u",
                  place(l, TEXT(f->rule)));
    if (f->text.n) {
        unsigned at = place(l, TEXT(like_pattern(&l->pattern, f->text)));
        sbuf_addf(&l->sql, " AND (title {like} ?%u ESCAPE '\\' OR reason {like} ?%u ESCAPE '\\')",
                  at, at);
    }
}

static status add_order(struct listing *l, struct cursor *at, struct error *err)
{
    const struct alert_filter *f = l->f;
    if (f->cursor.n && !cursor_read(f, at))
        return fail(err, ST_INVALID, "'" STR_FMT "' is no cursor",
                    STR_ARG(str_head(f->cursor, 64)));
    if (f->after_seq) {
        uint64_t seq = at->seq > f->after_seq ? at->seq : f->after_seq;
        sbuf_addf(&l->sql, " AND seq > ?%u ORDER BY seq",
                  place(l, INT(seq < INT64_MAX ? seq : INT64_MAX)));
    } else {
        if (f->cursor.n) {
            unsigned time = place(l, INT(at->time_ms)), id = place(l, TEXT(at->id));
            sbuf_addf(&l->sql, " AND (last_ms, id) < (?%u, ?%u)", time, id);
        }
        bool few = f->entity.n || (f->rule.n && !l->by_id); /* find them, then sort */
        sbuf_addz(&l->sql,
                  few ? " ORDER BY +last_ms DESC, id DESC" : " ORDER BY last_ms DESC, id DESC");
    }
    sbuf_addf(&l->sql, " LIMIT ?%u", place(l, INT(f->limit + 1)));
    return ST_OK;
}

/* Asked beforehand, for no index gives "the id or the title" in the order of the list. */
static status find_rule(struct store *s, struct listing *l, struct error *err)
{
    int64_t status_of_one;
    if (!l->f->rule.n)
        return ST_OK;
    return l->f->tenant.n
               ? store_numbers(
                     s,
                     ASK("SELECT status FROM alert WHERE rule = ?1 AND tenant = ?2 LIMIT 1",
                         VALUES(TEXT(l->f->rule), TEXT(l->f->tenant))),
                     &status_of_one, 1, &l->by_id, err)
               : store_numbers(s,
                               ASK("SELECT status FROM alert WHERE rule = ?1 LIMIT 1",
                                   VALUES(TEXT(l->f->rule))),
                               &status_of_one, 1, &l->by_id, err);
}

/* One more than the page, to know whether there is a next. */
static status list(struct store *s, struct arena *a, struct listing *l, struct alert_record **out,
                   size_t *n, struct error *err)
{
    struct cursor at = {0};
    status st = find_rule(s, l, err);
    if (st != ST_OK)
        return st;
    sbuf_addz(&l->sql, "SELECT {alert} FROM alert WHERE 1 = 1");
    add_tenant_and_time(l);
    add_level(l);
    add_status(l);
    add_words(l);
    st = add_order(l, &at, err);
    if (st != ST_OK)
        return st;
    if (l->pattern.full)
        return fail(err, ST_INVALID, "the text sought is too long");
    const struct ask q = {
        .sql = l->sql.p, .record = &record_alert, .value = l->value, .count = l->count};
    return store_list(s, a, &q, out, n, err);
}

status store_alert_list(struct store *s, struct arena *a, const struct alert_filter *f,
                        struct alert_record **out, size_t *n, str *next, struct error *err)
{
    if (f->status_mask >> ALERT_STATUS_COUNT)
        return fail(err, ST_INVALID, "'%u' is no set of alert statuses", f->status_mask);
    if (f->limit < 1 || f->limit > PAGE_MAX)
        return fail(err, ST_INVALID, "a page has 1 to %d alerts, not '%zu'", PAGE_MAX, f->limit);
    struct listing l = {.f = f};
    sbuf_init(&l.sql, 4096);
    sbuf_init(&l.pattern, PATTERN_MAX);
    struct alert_record *rows = NULL;
    size_t count = 0;
    status st = list(s, a, &l, &rows, &count, err);
    sbuf_done(&l.sql);
    sbuf_done(&l.pattern);
    if (st != ST_OK)
        return st;
    str cursor = {0};
    if (count > f->limit) {
        count = f->limit;
        cursor = cursor_write(a, f, &rows[count - 1]);
        if (!cursor.p)
            return fail(err, ST_LIMIT, "the answer takes more than %zu bytes", a->cap);
    }
    *out = rows;
    *n = count;
    *next = cursor;
    return ST_OK;
}
