/* SPDX-License-Identifier: Apache-2.0 */
/* chart_int.h - for files in chart/ only.
 *
 *   chart.c   sizes, and which pen
 *   plot.c    lines and histograms   ─┐             ┌─ pen_svg.c
 *   bars.c    bars                   ─┼─ struct pen ┤
 *   scale.c   axes and their numbers ─┘             └─ pen_png.c: raster.c, font.c
 *   text.c    bars for a terminal */
#ifndef CHART_CHART_INT_H
#define CHART_CHART_INT_H

#include "chart/chart.h"

enum ink {
#define X(NAME, name, light, dark) INK_##NAME,
#include "chart/ink.def"
    INK_COUNT
};
enum { SERIES_INKS = INK_COUNT - INK_SERIES };

struct point { /* pixels, from the upper left corner */
    double x, y;
};
struct box {
    double x0, y0, x1, y1;
};
enum anchor { ANCHOR_START, ANCHOR_MIDDLE, ANCHOR_END };
struct lettering {
    double size; /* pixels, as a font has it */
    enum anchor anchor;
    enum ink ink;
    bool bold;
    bool upwards; /* reads from below */
};

/* What draws.  Points outside the clip, where there is one, are not seen. */
struct pen;
struct pen_ops {
    void (*line)(struct pen *p, const struct point *at, size_t n, enum ink ink, double width,
                 bool dashed);
    void (*area)(struct pen *p, const struct point *at, size_t n, enum ink ink, double alpha);
    void (*text)(struct pen *p, struct point at, str text, const struct lettering *l);
    void (*clip)(struct pen *p, const struct box *box); /* NULL: no longer */
};
struct pen {
    const struct pen_ops *ops;
};
static inline void pen_line(struct pen *p, const struct point *at, size_t n, enum ink ink,
                            double width, bool dashed)
{
    if (n)
        p->ops->line(p, at, n, ink, width, dashed);
}
static inline void pen_area(struct pen *p, const struct point *at, size_t n, enum ink ink,
                            double alpha)
{
    if (n > 2)
        p->ops->area(p, at, n, ink, alpha);
}
static inline void pen_text(struct pen *p, struct point at, str text, const struct lettering *l)
{
    if (text.n)
        p->ops->text(p, at, text, l);
}
static inline void pen_clip(struct pen *p, const struct box *box)
{
    p->ops->clip(p, box);
}
void pen_box(struct pen *p, const struct box *b, enum ink ink, double alpha);

struct svg_pen {
    struct pen pen;
    struct sbuf *to;
    unsigned clips;
    bool clipped;
};
void svg_pen_init(struct svg_pen *p, struct sbuf *to, const struct chart *c);
void svg_pen_done(struct svg_pen *p); /* the end of the file */

struct raster;
struct png_pen {
    struct pen pen;
    struct raster *raster; /* owned */
};
void png_pen_init(struct png_pen *p, unsigned width, unsigned height);
void png_pen_done(struct png_pen *p, struct sbuf *to);

/* ---- raster.c: pixels.  A shape is gathered as the part of each pixel that it covers, then inked at once, so that
 * where its pieces meet nothing is inked twice. ---- */
struct raster *raster_new(unsigned width, unsigned height, uint32_t rgb);
void raster_free(struct raster *r);
void raster_clip(struct raster *r, const struct box *b); /* NULL: all */
/* A stroke with round ends; a == b: a dot. */
void raster_stroke(struct raster *r, struct point a, struct point b, double width);
/* What lies within the outline, even-odd; points are multiplied by `scale`. */
void raster_fill(struct raster *r, const struct point *at, size_t n, double scale);
void raster_ink(struct raster *r, uint32_t rgb, double alpha);
void raster_png(const struct raster *r, struct sbuf *to);

/* ---- font.c: letters of strokes.  UTF-8; what there is no letter for is a box. ---- */
double font_width(str text, double size);
/* Calls stroke(arg, a, b) for each straight piece, x from `at` to the right, y downwards, `at` on the base line. */
void font_draw(str text, double size, struct point at,
               void (*stroke)(void *arg, struct point a, struct point b), void *arg);

/* ---- scale.c ---- */
enum { TICKS_MAX = 16, TICK_TEXT = 24 };
struct scale {
    double min, max; /* of the values */
    double from, to; /* pixels of min and max */
    bool log, time;
    double tick[TICKS_MAX];
    char text[TICKS_MAX][TICK_TEXT];
    size_t ticks;
};
/* min and max must be set; makes them such that they can be drawn.  `room`: most ticks wanted. */
void scale_init(struct scale *s, size_t room);
double scale_at(const struct scale *s, double value); /* pixel; NaN for NaN */
/* "12,345", "0.05", "1.2 M" */
void number_text(double value, char out[static TICK_TEXT]);

/* ---- layout ---- */
/* Title and subtitle; returns the y below them. */
double draw_titles(struct pen *p, const struct chart *c);
void draw_plot(struct pen *p, const struct chart *c);
void draw_bars(struct pen *p, const struct chart *c);
unsigned bars_height(const struct chart *c);
static inline size_t bars_drawn(const struct chart *c)
{
    return c->bars < CHART_BARS_MAX ? c->bars : CHART_BARS_MAX;
}

#endif
