/* SPDX-License-Identifier: Apache-2.0 */
/* One line a finding.  The same rule firing again on the same entity right after adds to the
 * line's count, so a thousand failed passwords in a row are one line; the line stands for the
 * first of them.  A line is therefore written when the next one begins. */
#include "report/report_int.h"

enum { TITLE_COLUMNS = 46, ENTITY_COLUMNS = 34, TEXT_BYTES = 64 << 10, GAPS = 8 };

struct line {
    struct sbuf id, title, label, place; /* of the line not written yet; empty id: none */
    struct sbuf next;                    /* label of the finding at hand */
    int64_t time_ms;
    enum level level;
    uint64_t count;
};

static void begin(struct report *r)
{
    struct line *l = r->state;
    struct sbuf *all[] = {&l->id, &l->title, &l->label, &l->place, &l->next};
    for (size_t i = 0; i < COUNT(all); i++)
        sbuf_init(all[i], TEXT_BYTES);
}

struct columns {
    size_t title, entity, place; /* 0: as long as it is */
};

/* What a narrow terminal leaves after time and level is shared out. */
static struct columns columns_for(const struct report *r)
{
    size_t fixed = TIME_COLUMNS + LEVEL_COLUMNS + GAPS;
    if (r->style.width == 0 || r->style.width >= fixed + TITLE_COLUMNS + ENTITY_COLUMNS + 30)
        return (struct columns){
            TITLE_COLUMNS, ENTITY_COLUMNS,
            r->style.width ? r->style.width - fixed - TITLE_COLUMNS - ENTITY_COLUMNS : 0};
    size_t left = r->style.width > fixed + 24 ? r->style.width - fixed : 24;
    return (struct columns){left * 45 / 100, left * 30 / 100,
                            left - left * 45 / 100 - left * 30 / 100};
}

static void cell(struct report *r, const struct sbuf *text, size_t columns)
{
    if (r->style.width)
        print_column(r->style.to, sbuf_str(text), columns);
    else /* a file or a pipe: nothing is cut */
        for (size_t used = print_text(r->style.to, sbuf_str(text), 0); used < columns; used++)
            fputc(' ', r->style.to);
    fputs("  ", r->style.to);
}

static void flush_line(struct report *r)
{
    struct line *l = r->state;
    if (l->id.n == 0)
        return;
    struct columns c = columns_for(r);
    char times[32] = "";
    int wide = l->count > 1
                   ? snprintf(times, sizeof times, " (%llu times)", (unsigned long long)l->count)
                   : 0;
    print_time(r->style.to, l->time_ms);
    fputs("  ", r->style.to);
    print_level(&r->style, l->level);
    fputs("  ", r->style.to);
    cell(r, &l->title, c.title);
    cell(r, &l->label, c.entity);
    print_dim(&r->style);
    size_t room = c.place > (size_t)wide + 8 ? c.place - (size_t)wide : c.place;
    print_text(r->style.to, sbuf_str(&l->place), room);
    print_plain(&r->style);
    fprintf(r->style.to, "%s\n", times);
    sbuf_clear(&l->id);
}

static void hold(struct line *l, const struct finding *f, const char *path)
{
    sbuf_clear(&l->title);
    sbuf_clear(&l->label);
    sbuf_clear(&l->place);
    sbuf_add(&l->id, f->id);
    sbuf_add(&l->title, f->title);
    sbuf_add(&l->label, sbuf_str(&l->next));
    sbuf_addf(&l->place, "%s:%llu", path,
              (unsigned long long)(f->origin.line ? f->origin.line : f->origin.record));
    l->time_ms = f->time_ms;
    l->level = f->level;
    l->count = 1;
}

static void finding(struct report *r, const struct finding *f, const char *path)
{
    struct line *l = r->state;
    sbuf_clear(&l->next);
    entity_label(f, &l->next);
    if (l->id.n && str_eq(sbuf_str(&l->id), f->id) &&
        str_eq(sbuf_str(&l->label), sbuf_str(&l->next))) {
        l->count++;
        return;
    }
    flush_line(r);
    hold(l, f, path);
}

static void end(struct report *r, const struct report_run *run)
{
    flush_line(r);
    if (tally_total(r->tally))
        fputc('\n', r->style.to);
    print_totals(r, run);
    print_trouble(r, run);
    print_next(r, run, true);
}

static void done(struct report *r)
{
    struct line *l = r->state;
    sbuf_done(&l->id);
    sbuf_done(&l->title);
    sbuf_done(&l->label);
    sbuf_done(&l->place);
    sbuf_done(&l->next);
}

const struct report_ops report_table = {
    .name = "table",
    .wants_tally = true,
    .state_size = sizeof(struct line),
    .begin = begin,
    .finding = finding,
    .end = end,
    .done = done,
};
