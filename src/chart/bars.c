/* SPDX-License-Identifier: Apache-2.0 */
#include "chart/chart_int.h"

#include <math.h>

enum { ROW = 24, BAR = 14, MARGIN = 16, GAP = 8, SIZE = 12 };

unsigned bars_height(const struct chart *c)
{
    bool title = c->title && *c->title, subtitle = c->subtitle && *c->subtitle,
         below = c->x_title && *c->x_title;
    return 12U + (title ? 20U : 0) + (subtitle ? 18U : 0) + 12U + ROW * (unsigned)bars_drawn(c) +
           (below ? 24U : 0) + 8U;
}

static const char *end_text(const struct chart_bar *b, char number[static TICK_TEXT])
{
    if (b->text)
        return b->text;
    number_text(b->value, number);
    return number;
}

/* The name, cut where it would take more than `room`. */
static str fitted(const char *name, double room)
{
    str s = str_z(name);
    while (s.n && font_width(s, SIZE) > room) {
        s.n--;
        while (s.n && ((unsigned char)s.p[s.n] & 0xc0) == 0x80)
            s.n--;
    }
    return s;
}

struct bars_layout {
    double names, below, above;    /* widest of them, of the texts left of 0, and of those right */
    double least, most;            /* of the values, 0 included */
    double left, right, zero, one; /* pixels of the bars, of 0, and of one unit */
};

static void lay_out(const struct chart *c, struct bars_layout *l)
{
    char number[TICK_TEXT];
    *l = (struct bars_layout){0};
    for (size_t i = 0; i < bars_drawn(c); i++) {
        const struct chart_bar *b = &c->bar[i];
        double v = isfinite(b->value) ? b->value : 0;
        l->names = fmax(l->names, font_width(str_z(b->name), SIZE));
        double *side = v < 0 ? &l->below : &l->above;
        *side = fmax(*side, font_width(str_z(end_text(b, number)), SIZE) + GAP);
        l->least = fmin(l->least, v);
        l->most = fmax(l->most, v);
    }
    double wide = c->width;
    l->names = fmin(l->names, wide * 0.35);
    l->left = MARGIN + l->names + GAP + fmin(l->below, wide * 0.3);
    l->right = wide - MARGIN - fmin(l->above, wide * 0.4);
    if (l->right < l->left + 20)
        l->right = l->left + 20;
    l->one = l->most > l->least ? (l->right - l->left) / (l->most - l->least) : 0;
    l->zero = l->left - l->least * l->one;
}

static void draw_bar(struct pen *p, const struct chart_bar *b, const struct bars_layout *l,
                     double y)
{
    char number[TICK_TEXT];
    bool negative = b->value < 0;
    double middle = y + ROW / 2.0, base = middle + SIZE * 0.35,
           end = l->zero + (isfinite(b->value) ? b->value : 0) * l->one;
    pen_text(p, (struct point){MARGIN + l->names, base}, fitted(b->name, l->names),
             &(struct lettering){.size = SIZE, .anchor = ANCHOR_END, .ink = INK_TEXT});
    struct box box = {fmin(l->zero, end), middle - BAR / 2.0, fmax(l->zero, end),
                      middle + BAR / 2.0};
    if (box.x1 - box.x0 > 0)
        pen_box(p, &box, negative ? INK_SERIES_1 : INK_SERIES, 0.9);
    pen_text(p, (struct point){negative ? end - GAP : end + GAP, base}, str_z(end_text(b, number)),
             &(struct lettering){
                 .size = SIZE, .anchor = negative ? ANCHOR_END : ANCHOR_START, .ink = INK_MUTED});
}

void draw_bars(struct pen *p, const struct chart *c)
{
    struct bars_layout l;
    lay_out(c, &l);
    double y = draw_titles(p, c) + 10, bottom = y + (double)(ROW * bars_drawn(c));
    for (size_t i = 0; i < bars_drawn(c); i++)
        draw_bar(p, &c->bar[i], &l, y + (double)(ROW * i));
    const struct point zero[] = {{l.zero, y}, {l.zero, bottom}};
    pen_line(p, zero, 2, INK_AXIS, 1, false);
    if (c->x_title)
        pen_text(p, (struct point){(l.left + l.right) / 2, bottom + 20}, str_z(c->x_title),
                 &(struct lettering){.size = SIZE, .anchor = ANCHOR_MIDDLE, .ink = INK_MUTED});
}
