/* SPDX-License-Identifier: Apache-2.0 */
/* One line a finding.  The same rule firing again on the same entity adds to the count of a line
 * that is still held back, so a password guessed a thousand times is one line; the line stands for
 * the first of them.  The last HELD lines are held back, in the order they came. */
#include "base/hash.h"
#include "report/report_int.h"

enum { TITLE_COLUMNS = 46, ENTITY_COLUMNS = 34, TEXT_MAX = 240, GAPS = 8, HELD = 32 };

struct text {
    char at[TEXT_MAX];
    size_t n;
};

struct line {
    struct text title, label, place;
    uint64_t key; /* of rule and entity */
    int64_t time_ms;
    enum level level;
    uint64_t count;
};

struct table {
    struct line line[HELD]; /* a ring */
    size_t first, held;
    struct sbuf scratch;
};

static void set_text(struct text *t, str s)
{
    t->n = s.n < TEXT_MAX ? s.n : TEXT_MAX;
    if (t->n)
        memcpy(t->at, s.p, t->n);
}

static str text_str(const struct text *t)
{
    return (str){t->at, t->n};
}

static void begin(struct report *r)
{
    sbuf_init(&((struct table *)r->state)->scratch, 64 << 10);
}

static void done(struct report *r)
{
    sbuf_done(&((struct table *)r->state)->scratch);
}

/* ---- one line ---- */

struct columns {
    size_t title, entity, place; /* place 0: as long as it is */
};

/* What a narrow terminal leaves after time and level is shared out. */
static struct columns columns_for(const struct report *r)
{
    size_t fixed = TIME_COLUMNS + LEVEL_COLUMNS + GAPS, width = r->style.width;
    if (width == 0)
        return (struct columns){TITLE_COLUMNS, ENTITY_COLUMNS, 0};
    if (width >= fixed + TITLE_COLUMNS + ENTITY_COLUMNS + 30)
        return (struct columns){TITLE_COLUMNS, ENTITY_COLUMNS,
                                width - fixed - TITLE_COLUMNS - ENTITY_COLUMNS};
    size_t left = width > fixed + 24 ? width - fixed : 24;
    size_t title = left * 45 / 100, entity = left * 30 / 100;
    return (struct columns){title, entity, left - title - entity};
}

static void cell(const struct report *r, str text, size_t columns)
{
    if (r->style.width)
        print_column(r->style.to, text, columns);
    else /* a file or a pipe: nothing is cut */
        for (size_t used = print_text(r->style.to, text, 0); used < columns; used++)
            fputc(' ', r->style.to);
    fputs("  ", r->style.to);
}

/* Of a place the end says most. */
static void print_place(FILE *to, str place, size_t columns)
{
    if (columns == 0 || place.n <= columns) {
        print_text(to, place, columns);
        return;
    }
    place = str_from(place, place.n - columns + 1);
    while (place.n && ((unsigned char)place.p[0] & 0xc0) == 0x80)
        place = str_from(place, 1);
    fputs("…", to);
    print_text(to, place, columns > 1 ? columns - 1 : 1);
}

static void print_line(const struct report *r, const struct line *l)
{
    struct columns c = columns_for(r);
    char times[32] = "";
    size_t wide = 0;
    if (l->count > 1)
        wide = (size_t)snprintf(times, sizeof times, " ×%llu", (unsigned long long)l->count) - 1;
    print_time(r->style.to, l->time_ms);
    fputs("  ", r->style.to);
    print_level(&r->style, l->level);
    fputs("  ", r->style.to);
    cell(r, text_str(&l->title), c.title);
    cell(r, text_str(&l->label), c.entity);
    print_dim(&r->style);
    print_place(r->style.to, text_str(&l->place), c.place > wide ? c.place - wide : c.place);
    print_plain(&r->style);
    fprintf(r->style.to, "%s\n", times);
}

/* ---- holding back ---- */

static void print_first(struct report *r)
{
    struct table *t = r->state;
    print_line(r, &t->line[t->first]);
    t->first = (t->first + 1) % HELD;
    t->held--;
}

static void flush(struct report *r)
{
    struct table *t = r->state;
    while (t->held)
        print_first(r);
}

static struct line *find_held(struct table *t, uint64_t key)
{
    for (size_t i = 0; i < t->held; i++) {
        struct line *l = &t->line[(t->first + i) % HELD];
        if (l->key == key)
            return l;
    }
    return NULL;
}

static void finding(struct report *r, const struct finding *f, const char *path)
{
    struct table *t = r->state;
    sbuf_clear(&t->scratch);
    entity_label(f, &t->scratch);
    uint64_t key = hash_bytes(sbuf_str(&t->scratch), hash_bytes(f->id, (uint64_t)f->level));
    struct line *l = find_held(t, key);
    if (l) {
        l->count++;
        return;
    }
    if (t->held == HELD)
        print_first(r);
    l = &t->line[(t->first + t->held++) % HELD];
    l->key = key;
    l->time_ms = f->time_ms;
    l->level = f->level;
    l->count = 1;
    set_text(&l->title, f->title);
    set_text(&l->label, sbuf_str(&t->scratch));
    sbuf_clear(&t->scratch);
    sbuf_addf(&t->scratch, "%s:%llu", path,
              (unsigned long long)(f->origin.line ? f->origin.line : f->origin.record));
    set_text(&l->place, sbuf_str(&t->scratch));
}

static void end(struct report *r, const struct report_run *run)
{
    flush(r);
    if (tally_total(r->tally))
        fputc('\n', r->style.to);
    print_totals(r, run);
    print_worst(r);
    print_trouble(r, run);
    print_next(r, run, true);
}

const struct report_ops report_table = {
    .name = "table",
    .wants_tally = true,
    .state_size = sizeof(struct table),
    .begin = begin,
    .finding = finding,
    .flush = flush,
    .end = end,
    .done = done,
};
