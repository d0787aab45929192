/* SPDX-License-Identifier: Apache-2.0 */
/* Statements: translated to the driver's words, prepared once a connection, bound from and read to records. */
#include "base/mem.h"
#include "base/vec.h"
#include "codec/utf.h"
#include "store/store_int.h"

#include <assert.h>
#include <ctype.h>

enum { SQL_MAX = 16384, TEXT_BYTES = 1 << 20, SCRATCH_BYTES = 64 << 20 };

static const struct {
    const char *name;
    const struct record *record;
} records[] = {
#define X(name) {#name, &record_##name},
#include "store/record.def"
};

/* ---- words ---- */

static void write_columns(const struct record *r, struct sbuf *out)
{
    for (unsigned i = 0; i < r->count; i++) {
        sbuf_addz(out, i ? ", " : "");
        sbuf_addz(out, r->column[i].name);
    }
}

static void write_places(const struct store_ops *ops, const struct record *r, struct sbuf *out)
{
    for (unsigned i = 0; i < r->count; i++)
        sbuf_addf(out, "%s%c%u", i ? ", " : "", ops->placeholder, i + 1);
}

static void write_word(const struct store_ops *ops, str word, struct sbuf *out)
{
    for (const struct word *w = ops->word; w->name; w++)
        if (str_eq(word, str_z(w->name))) {
            sbuf_addz(out, w->text);
            return;
        }
    bool places = str_starts(word, STR("?"));
    word = str_from(word, places);
    for (size_t i = 0; i < COUNT(records); i++)
        if (str_eq(word, str_z(records[i].name))) {
            if (places)
                write_places(ops, records[i].record, out);
            else
                write_columns(records[i].record, out);
            return;
        }
    assert(false && "a word that is in no table");
}

status sql_translate(const struct store_ops *ops, str sql, struct sbuf *out, struct error *err)
{
    while (sql.n) {
        char c = sql.p[0];
        if (c == '{') {
            sql = str_from(sql, 1);
            write_word(ops, str_cut(&sql, '}'), out);
            continue;
        }
        bool place = c == '?' && sql.n > 1 && isdigit((unsigned char)sql.p[1]);
        sbuf_addc(out, place ? ops->placeholder : c);
        sql = str_from(sql, 1);
    }
    return out->full ? fail(err, ST_LIMIT, "a statement too long") : ST_OK;
}

/* ---- connections ---- */

status conn_open(const struct store_ops *ops, const struct store_options *o, bool writes,
                 struct conn **out, struct error *err)
{
    void *db = NULL;
    status st = ops->open(o, writes, &db, err);
    if (st != ST_OK)
        return st;
    struct conn *c = mem_new(struct conn);
    c->ops = ops;
    c->db = db;
    arena_init(&c->text, TEXT_BYTES);
    arena_init(&c->scratch, SCRATCH_BYTES);
    *out = c;
    return ST_OK;
}

void conn_close(struct conn *c)
{
    for (size_t i = 0; i < c->count; i++)
        c->ops->finish(c->statement[i].handle);
    c->ops->close(c->db);
    mem_free(c->statement);
    map_done(&c->known);
    arena_done(&c->text);
    arena_done(&c->scratch);
    mem_free(c);
}

static status prepare(struct conn *c, const char *sql, void **out, struct error *err)
{
    struct sbuf text;
    sbuf_init(&text, SQL_MAX);
    status st = sql_translate(c->ops, str_z(sql), &text, err);
    if (st == ST_OK)
        st = c->ops->prepare(c->db, text.p, out, err);
    sbuf_done(&text);
    return st;
}

static status statement_for(struct conn *c, const char *sql, struct statement *out,
                            struct error *err)
{
    uint32_t *at = map_find(&c->known, str_z(sql));
    if (at) {
        *out = c->statement[*at];
        return ST_OK;
    }
    void *handle = NULL;
    status st = prepare(c, sql, &handle, err);
    if (st != ST_OK)
        return st;
    str key = c->count < STATEMENTS_MAX ? arena_str(&c->text, str_z(sql)) : (str){0};
    *out = (struct statement){handle, key.p != NULL};
    if (!out->kept)
        return ST_OK;
    if (!c->statement)
        c->statement = mem_array(struct statement, STATEMENTS_MAX);
    c->statement[c->count] = *out;
    (void)map_add(&c->known, key, (uint32_t)c->count++, NULL);
    return ST_OK;
}

static void statement_end(struct conn *c, struct statement *s)
{
    if (s->kept)
        c->ops->reset(s->handle);
    else
        c->ops->finish(s->handle);
    arena_clear(&c->scratch);
}

/* ---- binding ---- */

/* Logs hold any bytes; PostgreSQL takes text only as UTF-8 without NUL, and one finding must not make a whole
 * commit fail for ever.  So what is neither becomes U+FFFD, on both databases. */
static str mend(struct arena *a, str s)
{
    char *out = arena_bytes(a, size_mul(s.n, 3));
    if (!out)
        return (str){0};
    size_t n = 0, len;
    for (str rest = s; rest.n; rest = str_from(rest, len)) {
        uint32_t code = utf8_next(rest, &len, NULL);
        n += utf8_put(code ? code : UTF_REPLACEMENT, out + n);
    }
    return (str){out, n};
}

static status bind(struct conn *c, void *handle, unsigned at, struct bound v, struct error *err)
{
    if (v.kind == BOUND_TEXT && v.s.n && (memchr(v.s.p, 0, v.s.n) || !utf8_valid(v.s))) {
        v.s = mend(&c->scratch, v.s);
        if (!v.s.p)
            return fail(err, ST_LIMIT, "a text too long to be stored");
    }
    c->ops->bind(handle, at, &v);
    return ST_OK;
}

static struct bound value_of(const struct column *column, const void *record)
{
    const void *p = (const char *)record + column->offset;
    switch (column->kind) {
    case COLUMN_TEXT:
        return TEXT(*(const str *)p);
    case COLUMN_BLOB:
        return (struct bound){.kind = BOUND_BLOB, .s = *(const str *)p};
    case COLUMN_I64:
        return INT(*(const int64_t *)p);
    case COLUMN_U64:
        return INT(*(const uint64_t *)p);
    case COLUMN_BOOL:
        return INT(*(const bool *)p);
    case COLUMN_ENUM:
        return INT(*(const unsigned *)p);
    case COLUMN_F32:
        return (struct bound){.kind = BOUND_REAL, .f = (double)*(const float *)p};
    case COLUMN_F64:
        break;
    }
    return (struct bound){.kind = BOUND_REAL, .f = *(const double *)p};
}

static status bind_all(struct conn *c, void *handle, const struct ask *q, struct error *err)
{
    unsigned at = 0;
    status st = ST_OK;
    for (unsigned i = 0; q->from && st == ST_OK && i < q->record->count; i++)
        st = bind(c, handle, ++at, value_of(&q->record->column[i], q->from), err);
    for (size_t i = 0; st == ST_OK && i < q->count; i++)
        st = bind(c, handle, ++at, q->value[i], err);
    return st;
}

static status ask_begin(struct conn *c, const struct ask *q, struct statement *s, struct error *err)
{
    status st = statement_for(c, q->sql, s, err);
    if (st != ST_OK)
        return st;
    st = bind_all(c, s->handle, q, err);
    if (st != ST_OK)
        statement_end(c, s);
    return st;
}

/* ---- reading ---- */

static status read_bytes(struct conn *c, void *handle, unsigned at, struct arena *a, str *out,
                         struct error *err)
{
    *out = arena_str(a, c->ops->column_bytes(handle, at));
    return out->p ? ST_OK : fail(err, ST_LIMIT, "the answer takes more than %zu bytes", a->cap);
}

static status read_column(struct conn *c, void *handle, unsigned at, const struct column *column,
                          struct arena *a, void *record, struct error *err)
{
    void *p = (char *)record + column->offset;
    switch (column->kind) {
    case COLUMN_TEXT:
    case COLUMN_BLOB:
        return read_bytes(c, handle, at, a, p, err);
    case COLUMN_I64:
        *(int64_t *)p = c->ops->column_int(handle, at);
        break;
    case COLUMN_U64:
        *(uint64_t *)p = (uint64_t)c->ops->column_int(handle, at);
        break;
    case COLUMN_BOOL:
        *(bool *)p = c->ops->column_int(handle, at) != 0;
        break;
    case COLUMN_ENUM:
        *(unsigned *)p = (unsigned)c->ops->column_int(handle, at);
        break;
    case COLUMN_F32:
        *(float *)p = (float)c->ops->column_real(handle, at);
        break;
    case COLUMN_F64:
        *(double *)p = c->ops->column_real(handle, at);
        break;
    }
    return ST_OK;
}

static status read_row(struct conn *c, void *handle, const struct record *r, struct arena *a,
                       void *out, struct error *err)
{
    status st = ST_OK;
    for (unsigned i = 0; st == ST_OK && i < r->count; i++)
        st = read_column(c, handle, i, &r->column[i], a, out, err);
    return st;
}

/* ---- asking ---- */

status ask_run(struct conn *c, const struct ask *q, uint64_t *changed, struct error *err)
{
    struct statement s;
    status st = ask_begin(c, q, &s, err);
    if (st != ST_OK)
        return st;
    bool row = true;
    while (st == ST_OK && row)
        st = c->ops->step(s.handle, &row, err);
    if (st == ST_OK && changed)
        *changed = c->ops->changed(s.handle);
    statement_end(c, &s);
    return st;
}

status ask_send(struct conn *c, const struct ask *q, struct error *err)
{
    if (!c->ops->send)
        return ask_run(c, q, NULL, err);
    struct statement s;
    status st = ask_begin(c, q, &s, err);
    if (st != ST_OK)
        return st;
    st = c->ops->send(s.handle, err);
    statement_end(c, &s);
    return st;
}

status ask_one(struct conn *c, struct arena *a, const struct ask *q, void *out, struct error *err)
{
    struct statement s;
    status st = ask_begin(c, q, &s, err);
    if (st != ST_OK)
        return st;
    bool row = false;
    st = c->ops->step(s.handle, &row, err);
    if (st == ST_OK && !row)
        st = fail(err, ST_NOT_FOUND, "there is no such record");
    else if (st == ST_OK)
        st = read_row(c, s.handle, q->record, a, out, err);
    statement_end(c, &s);
    return st;
}

/* Rows are gathered in `got` until it is known how many there are. */
static status gather(struct conn *c, struct arena *a, const struct ask *q, struct sbuf *got,
                     struct error *err)
{
    struct statement s;
    status st = ask_begin(c, q, &s, err);
    if (st != ST_OK)
        return st;
    bool row = false;
    while ((st = c->ops->step(s.handle, &row, err)) == ST_OK && row) {
        char *to = sbuf_space(got, q->record->size);
        if (!to) {
            st = fail(err, ST_LIMIT, "the answer takes more than %zu bytes", a->cap);
            break;
        }
        memset(to, 0, q->record->size);
        st = read_row(c, s.handle, q->record, a, to, err);
        if (st != ST_OK)
            break;
        sbuf_grew(got, q->record->size);
    }
    statement_end(c, &s);
    return st;
}

status ask_list(struct conn *c, struct arena *a, const struct ask *q, void *out, size_t *n,
                struct error *err)
{
    struct sbuf got;
    sbuf_init(&got, a->cap);
    status st = gather(c, a, q, &got, err);
    size_t count = got.n / q->record->size;
    void *rows = NULL;
    if (st == ST_OK && count) {
        rows = arena_alloc(a, count, q->record->size, alignof(max_align_t));
        if (!rows)
            st = fail(err, ST_LIMIT, "the answer takes more than %zu bytes", a->cap);
        else
            memcpy(rows, got.p, got.n);
    }
    sbuf_done(&got);
    if (st != ST_OK)
        return st;
    memcpy(out, &rows, sizeof rows); /* the caller's pointer is to the record's own type */
    *n = count;
    return ST_OK;
}

status ask_numbers(struct conn *c, const struct ask *q, int64_t *out, unsigned count, bool *found,
                   struct error *err)
{
    struct statement s;
    status st = ask_begin(c, q, &s, err);
    if (st != ST_OK)
        return st;
    bool row = false;
    st = c->ops->step(s.handle, &row, err);
    for (unsigned i = 0; st == ST_OK && row && i < count; i++)
        out[i] = c->ops->column_int(s.handle, i);
    statement_end(c, &s);
    if (st != ST_OK)
        return st;
    if (found)
        *found = row;
    return row || found ? ST_OK : fail(err, ST_NOT_FOUND, "there is no such record");
}
