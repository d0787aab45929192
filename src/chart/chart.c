/* SPDX-License-Identifier: Apache-2.0 */
#include "chart/chart_int.h"

enum { WIDTH = 640, HEIGHT = 400, LEAST = 120, MARGIN = 16 };

void pen_box(struct pen *p, const struct box *b, enum ink ink, double alpha)
{
    const struct point corner[] = {{b->x0, b->y0}, {b->x1, b->y0}, {b->x1, b->y1}, {b->x0, b->y1}};
    pen_area(p, corner, COUNT(corner), ink, alpha);
}

double draw_titles(struct pen *p, const struct chart *c)
{
    double y = 12;
    if (c->title && *c->title) {
        y += 16;
        pen_text(p, (struct point){MARGIN, y}, str_z(c->title),
                 &(struct lettering){.size = 16, .ink = INK_TEXT, .bold = true});
        y += 4;
    }
    if (c->subtitle && *c->subtitle) {
        y += 14;
        pen_text(p, (struct point){MARGIN, y}, str_z(c->subtitle),
                 &(struct lettering){.size = 12, .ink = INK_MUTED});
        y += 4;
    }
    return y;
}

static unsigned side(unsigned wanted, unsigned otherwise)
{
    if (wanted == 0)
        return otherwise;
    return wanted < LEAST ? LEAST : wanted > CHART_SIDE_MAX ? CHART_SIDE_MAX : wanted;
}

static struct chart sized(const struct chart *c)
{
    struct chart out = *c;
    out.width = side(c->width, WIDTH);
    out.height = side(c->height, c->kind == CHART_BARS ? bars_height(c) : HEIGHT);
    if (out.series_count > CHART_SERIES_MAX)
        out.series_count = CHART_SERIES_MAX;
    return out;
}

static void draw(struct pen *p, const struct chart *c)
{
    if (c->kind == CHART_BARS)
        draw_bars(p, c);
    else
        draw_plot(p, c);
}

void chart_svg(const struct chart *c, struct sbuf *out)
{
    struct chart s = sized(c);
    struct svg_pen pen;
    svg_pen_init(&pen, out, &s);
    draw(&pen.pen, &s);
    svg_pen_done(&pen);
}

void chart_png(const struct chart *c, struct sbuf *out)
{
    struct chart s = sized(c);
    struct png_pen pen;
    png_pen_init(&pen, s.width, s.height);
    draw(&pen.pen, &s);
    png_pen_done(&pen, out);
}
