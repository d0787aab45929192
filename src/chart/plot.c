/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "chart/chart_int.h"

#include <math.h>

enum { MARGIN = 16, SMALL = 11, NAMES = 12, LEGEND_ROW = 18, SWATCH = 18 };

struct plot {
    const struct chart *c;
    struct pen *pen;
    struct scale x, y;
    struct box box;       /* where the lines are */
    struct point *points; /* (2 CHART_POINTS_MAX), owned: room to draw with */
};

static size_t points_of(const struct chart_series *s)
{
    return s->n < CHART_POINTS_MAX ? s->n : CHART_POINTS_MAX;
}

static enum ink ink_of(size_t series)
{
    return (enum ink)(INK_SERIES + series % SERIES_INKS);
}

/* ---- what the data span ---- */

static void widen(double v, bool log, double *min, double *max)
{
    if (!isfinite(v) || (log && v <= 0))
        return;
    *min = fmin(*min, v);
    *max = fmax(*max, v);
}

static void span_of(const struct chart *c, struct scale *x, struct scale *y)
{
    *x = *y = (struct scale){.min = INFINITY, .max = -INFINITY};
    for (size_t i = 0; i < c->series_count; i++) {
        const struct chart_series *s = &c->series[i];
        for (size_t k = 0; k < points_of(s); k++) {
            widen(s->x[k], c->x_log, &x->min, &x->max);
            widen(s->y[k], c->y_log, &y->min, &y->max);
            if (s->low && s->high) {
                widen(s->low[k], c->y_log, &y->min, &y->max);
                widen(s->high[k], c->y_log, &y->min, &y->max);
            }
        }
    }
}

/* Half the distance of neighbouring bins. */
static double half_bin(const struct chart *c)
{
    for (size_t i = 0; i < c->series_count; i++)
        if (c->series[i].n > 1)
            return fabs(c->series[i].x[1] - c->series[i].x[0]) / 2;
    return 0.5;
}

static void set_scales(struct plot *p)
{
    const struct chart *c = p->c;
    span_of(c, &p->x, &p->y);
    if (c->kind == CHART_HISTOGRAM) {
        p->x.min -= half_bin(c);
        p->x.max += half_bin(c);
        p->y.min = c->y_log ? fmin(p->y.min, 1) / 2 : fmin(0, p->y.min);
    }
    if (!c->y_log && p->y.max > p->y.min)
        p->y.max += (p->y.max - p->y.min) * 0.05;
    if (c->x_min < c->x_max) {
        p->x.min = c->x_min;
        p->x.max = c->x_max;
    }
    if (c->y_min < c->y_max) {
        p->y.min = c->y_min;
        p->y.max = c->y_max;
    }
    p->x.log = c->x_log;
    p->x.time = c->x_time;
    p->y.log = c->y_log;
}

/* ---- around the lines ---- */

/* One series needs no name beside it but its own title.  Returns the y below. */
static double draw_legend(struct plot *p, double y)
{
    const struct chart *c = p->c;
    double x = MARGIN;
    if (c->series_count < 2)
        return y;
    y += LEGEND_ROW;
    for (size_t i = 0; i < c->series_count; i++) {
        const struct chart_series *s = &c->series[i];
        str name = str_z(s->name);
        double wide = SWATCH + 6 + font_width(name, NAMES) + 16;
        if (x > MARGIN && x + wide > c->width) {
            x = MARGIN;
            y += LEGEND_ROW;
        }
        const struct point swatch[] = {{x, y - 4}, {x + SWATCH, y - 4}};
        struct box block = {x + 3, y - 10, x + 15, y + 1};
        if (c->kind == CHART_HISTOGRAM)
            pen_box(p->pen, &block, ink_of(i), 0.6);
        else if (s->dots && !s->dashed)
            pen_line(p->pen, (struct point[]){{x + 9, y - 4}, {x + 9, y - 4}}, 2, ink_of(i), 7,
                     false);
        else
            pen_line(p->pen, swatch, 2, ink_of(i), 2, s->dashed);
        pen_text(p->pen, (struct point){x + SWATCH + 6, y}, name,
                 &(struct lettering){.size = NAMES, .ink = INK_TEXT});
        x += wide;
    }
    return y + 4;
}

static double widest_tick(const struct scale *s)
{
    double wide = 0;
    for (size_t i = 0; i < s->ticks; i++)
        wide = fmax(wide, font_width(str_z(s->text[i]), SMALL));
    return wide;
}

static void draw_y_axis(struct plot *p)
{
    const struct box *b = &p->box;
    for (size_t i = 0; i < p->y.ticks; i++) {
        double y = scale_at(&p->y, p->y.tick[i]);
        pen_line(p->pen, (struct point[]){{b->x0, y}, {b->x1, y}}, 2, INK_GRID, 1, false);
        pen_text(p->pen, (struct point){b->x0 - 6, y + SMALL * 0.35}, str_z(p->y.text[i]),
                 &(struct lettering){.size = SMALL, .anchor = ANCHOR_END, .ink = INK_MUTED});
    }
    if (p->c->y_title)
        pen_text(p->pen, (struct point){MARGIN + 8, (b->y0 + b->y1) / 2}, str_z(p->c->y_title),
                 &(struct lettering){
                     .size = NAMES, .anchor = ANCHOR_MIDDLE, .ink = INK_MUTED, .upwards = true});
}

static void draw_x_axis(struct plot *p)
{
    const struct box *b = &p->box;
    for (size_t i = 0; i < p->x.ticks; i++) {
        double x = scale_at(&p->x, p->x.tick[i]);
        pen_line(p->pen, (struct point[]){{x, b->y0}, {x, b->y1}}, 2, INK_GRID, 1, false);
        pen_line(p->pen, (struct point[]){{x, b->y1}, {x, b->y1 + 4}}, 2, INK_AXIS, 1, false);
        pen_text(p->pen, (struct point){x, b->y1 + 6 + SMALL}, str_z(p->x.text[i]),
                 &(struct lettering){.size = SMALL, .anchor = ANCHOR_MIDDLE, .ink = INK_MUTED});
    }
    pen_line(p->pen, (struct point[]){{b->x0, b->y1}, {b->x1, b->y1}}, 2, INK_AXIS, 1, false);
    if (p->c->x_title)
        pen_text(p->pen, (struct point){(b->x0 + b->x1) / 2, b->y1 + 24 + NAMES},
                 str_z(p->c->x_title),
                 &(struct lettering){.size = NAMES, .anchor = ANCHOR_MIDDLE, .ink = INK_MUTED});
}

static void place_box(struct plot *p, double top)
{
    const struct chart *c = p->c;
    double high = c->height, wide = c->width;
    double bottom = high - (c->x_title ? 44 : 28);
    scale_init(&p->y, (size_t)fmax(2, (bottom - top) / 48));
    double left = MARGIN + (c->y_title ? 18 : 0) + widest_tick(&p->y) + 6;
    p->box = (struct box){left, top + 12, wide - MARGIN - 6, bottom};
    scale_init(&p->x, (size_t)fmax(2, (p->box.x1 - left) / 76));
    p->x.from = p->box.x0;
    p->x.to = p->box.x1;
    p->y.from = p->box.y1;
    p->y.to = p->box.y0;
}

/* ---- the lines ---- */

static void draw_band(struct plot *p, const struct chart_series *s, enum ink ink)
{
    size_t n = points_of(s), k = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(s->high[i]) && isfinite(s->x[i]))
            p->points[k++] = (struct point){scale_at(&p->x, s->x[i]), scale_at(&p->y, s->high[i])};
    for (size_t i = n; i-- > 0;)
        if (isfinite(s->low[i]) && isfinite(s->x[i]))
            p->points[k++] = (struct point){scale_at(&p->x, s->x[i]), scale_at(&p->y, s->low[i])};
    pen_area(p->pen, p->points, k, ink, 0.16);
}

static void draw_dots(struct plot *p, const struct chart_series *s, enum ink ink)
{
    for (size_t i = 0; i < points_of(s); i++) {
        struct point at = {scale_at(&p->x, s->x[i]), scale_at(&p->y, s->y[i])};
        if (!isnan(at.x) && !isnan(at.y))
            pen_line(p->pen, (struct point[]){at, at}, 2, ink, 6, false);
    }
}

static void draw_series(struct plot *p, const struct chart_series *s, size_t index)
{
    size_t k = 0;
    bool dashed = s->dashed || index >= SERIES_INKS;
    for (size_t i = 0; i < points_of(s) && !(s->dots && !s->dashed); i++) {
        struct point at = {scale_at(&p->x, s->x[i]), scale_at(&p->y, s->y[i])};
        if (!isnan(at.x) && !isnan(at.y)) {
            p->points[k++] = at;
            continue;
        }
        pen_line(p->pen, p->points, k, ink_of(index), 2, dashed);
        k = 0;
    }
    pen_line(p->pen, p->points, k, ink_of(index), 2, dashed);
    if (s->dots)
        draw_dots(p, s, ink_of(index));
}

static void draw_histogram(struct plot *p, const struct chart_series *s, size_t index)
{
    double half = half_bin(p->c) * 0.94;
    for (size_t i = 0; i < points_of(s); i++) {
        double y = scale_at(&p->y, s->y[i]), x0 = scale_at(&p->x, s->x[i] - half),
               x1 = scale_at(&p->x, s->x[i] + half);
        struct box b = {x0, fmin(y, p->box.y1), x1, p->box.y1};
        if (!isnan(y) && !isnan(x0) && s->y[i] > 0)
            pen_box(p->pen, &b, ink_of(index), 0.55);
    }
}

void draw_plot(struct pen *pen, const struct chart *c)
{
    struct plot p = {.c = c, .pen = pen};
    set_scales(&p);
    place_box(&p, draw_legend(&p, draw_titles(pen, c)));
    draw_y_axis(&p);
    draw_x_axis(&p);
    p.points = mem_array(struct point, 2 * CHART_POINTS_MAX);
    const struct box clip = {p.box.x0 - 1, p.box.y0 - 3, p.box.x1 + 3, p.box.y1 + 1};
    pen_clip(pen, &clip);
    for (size_t i = 0; i < c->series_count; i++)
        if (c->kind != CHART_HISTOGRAM && c->series[i].low && c->series[i].high)
            draw_band(&p, &c->series[i], ink_of(i));
    for (size_t i = 0; i < c->series_count; i++) {
        if (c->kind == CHART_HISTOGRAM)
            draw_histogram(&p, &c->series[i], i);
        else
            draw_series(&p, &c->series[i], i);
    }
    pen_clip(pen, NULL);
    mem_free(p.points);
}
