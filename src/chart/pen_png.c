/* SPDX-License-Identifier: Apache-2.0 */
#include "chart/chart_int.h"

#include <math.h>

static const double SCALE = 2; /* pixels to one of the chart's */

static const uint32_t ink_rgb[INK_COUNT] = {
#define X(NAME, name, light, dark) [INK_##NAME] = light,
#include "chart/ink.def"
};

static struct raster *raster_of(struct pen *pen)
{
    return ((struct png_pen *)pen)->raster;
}

static struct point scaled(struct point p)
{
    return (struct point){p.x * SCALE, p.y * SCALE};
}

/* From `a` to `b` in strokes and gaps; `walked` is how far the line has come. */
static double dashes(struct raster *r, struct point a, struct point b, double width, double walked)
{
    const double on = 6 * SCALE, off = 5 * SCALE;
    double length = hypot(b.x - a.x, b.y - a.y), done = 0;
    while (done < length) {
        double phase = fmod(walked + done, on + off);
        double piece = fmin(phase < on ? on - phase : on + off - phase, length - done) + 1e-6;
        struct point from = {a.x + (b.x - a.x) * done / length, a.y + (b.y - a.y) * done / length};
        done = fmin(done + piece, length);
        struct point to = {a.x + (b.x - a.x) * done / length, a.y + (b.y - a.y) * done / length};
        if (phase < on)
            raster_stroke(r, from, to, width);
    }
    return walked + length;
}

static void png_line(struct pen *pen, const struct point *at, size_t n, enum ink ink, double width,
                     bool dashed)
{
    struct raster *r = raster_of(pen);
    double walked = 0;
    if (n == 1)
        raster_stroke(r, scaled(at[0]), scaled(at[0]), width * SCALE);
    for (size_t i = 1; i < n; i++) {
        if (dashed)
            walked = dashes(r, scaled(at[i - 1]), scaled(at[i]), width * SCALE, walked);
        else
            raster_stroke(r, scaled(at[i - 1]), scaled(at[i]), width * SCALE);
    }
    raster_ink(r, ink_rgb[ink], 1);
}

static void png_area(struct pen *pen, const struct point *at, size_t n, enum ink ink, double alpha)
{
    raster_fill(raster_of(pen), at, n, SCALE);
    raster_ink(raster_of(pen), ink_rgb[ink], alpha);
}

struct writing {
    struct raster *raster;
    struct point at; /* where the text begins, and turns */
    double width;
    bool upwards;
};

static struct point turned(const struct writing *w, struct point p)
{
    double x = p.x - w->at.x, y = p.y - w->at.y;
    return w->upwards ? (struct point){w->at.x + y, w->at.y - x} : p;
}

static void write_stroke(void *arg, struct point a, struct point b)
{
    const struct writing *w = arg;
    raster_stroke(w->raster, scaled(turned(w, a)), scaled(turned(w, b)), w->width * SCALE);
}

static void png_text(struct pen *pen, struct point at, str text, const struct lettering *l)
{
    double wide = font_width(text, l->size), back = l->anchor == ANCHOR_START    ? 0
                                                    : l->anchor == ANCHOR_MIDDLE ? wide / 2
                                                                                 : wide;
    struct point start =
        l->upwards ? (struct point){at.x, at.y + back} : (struct point){at.x - back, at.y};
    struct writing w = {raster_of(pen), start, l->size * (l->bold ? 0.125 : 0.085), l->upwards};
    font_draw(text, l->size, start, write_stroke, &w);
    raster_ink(raster_of(pen), ink_rgb[l->ink], 1);
}

static void png_clip(struct pen *pen, const struct box *b)
{
    if (!b) {
        raster_clip(raster_of(pen), NULL);
        return;
    }
    const struct box s = {b->x0 * SCALE, b->y0 * SCALE, b->x1 * SCALE, b->y1 * SCALE};
    raster_clip(raster_of(pen), &s);
}

void png_pen_init(struct png_pen *p, unsigned width, unsigned height)
{
    static const struct pen_ops ops = {png_line, png_area, png_text, png_clip};
    unsigned times = (unsigned)SCALE;
    *p = (struct png_pen){
        .pen = {&ops}, .raster = raster_new(width * times, height * times, ink_rgb[INK_SURFACE])};
}

void png_pen_done(struct png_pen *p, struct sbuf *to)
{
    raster_png(p->raster, to);
    raster_free(p->raster);
    p->raster = NULL;
}
