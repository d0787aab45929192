/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "chart/chart_int.h"
#include "codec/png.h"

#include <math.h>

enum { CHANNELS = 3, SUBROWS = 4, FULL = 255 };

/* A part of the picture: columns x0 … x1-1, rows y0 … y1-1. */
struct patch {
    int x0, y0, x1, y1;
};

struct raster {
    int width, height;
    struct patch clip, dirty; /* dirty: where `cover` is not 0 */
    uint8_t *rgb;             /* (height, width, 3), owned */
    uint8_t *cover;           /* (height, width), owned; FULL: all of the pixel */
};

static const struct patch nothing = {1 << 30, 1 << 30, -(1 << 30), -(1 << 30)};

struct raster *raster_new(unsigned width, unsigned height, uint32_t rgb)
{
    struct raster *r = mem_new(struct raster);
    size_t pixels = size_mul(width, height);
    r->width = (int)width;
    r->height = (int)height;
    r->rgb = mem_array(uint8_t, pixels * CHANNELS);
    r->cover = mem_array(uint8_t, pixels);
    r->dirty = nothing;
    raster_clip(r, NULL);
    for (size_t i = 0; i < pixels * CHANNELS; i++)
        r->rgb[i] = (uint8_t)(rgb >> (16 - 8 * (i % CHANNELS)));
    return r;
}

void raster_free(struct raster *r)
{
    mem_free(r->rgb);
    mem_free(r->cover);
    mem_free(r);
}

static int bounded(double v, int most)
{
    return v <= 0 ? 0 : v >= most ? most : (int)v;
}

void raster_clip(struct raster *r, const struct box *b)
{
    r->clip = (struct patch){0, 0, r->width, r->height};
    if (b)
        r->clip = (struct patch){bounded(b->x0, r->width), bounded(b->y0, r->height),
                                 bounded(ceil(b->x1), r->width), bounded(ceil(b->y1), r->height)};
}

/* The pixels of the clip that a box touches; they are dirty from now on. */
static struct patch touched(struct raster *r, double x0, double y0, double x1, double y1)
{
    struct patch p = {bounded(floor(x0), r->width), bounded(floor(y0), r->height),
                      bounded(ceil(x1) + 1, r->width), bounded(ceil(y1) + 1, r->height)};
    p.x0 = p.x0 > r->clip.x0 ? p.x0 : r->clip.x0;
    p.y0 = p.y0 > r->clip.y0 ? p.y0 : r->clip.y0;
    p.x1 = p.x1 < r->clip.x1 ? p.x1 : r->clip.x1;
    p.y1 = p.y1 < r->clip.y1 ? p.y1 : r->clip.y1;
    if (p.x0 < p.x1 && p.y0 < p.y1) {
        struct patch *d = &r->dirty;
        d->x0 = p.x0 < d->x0 ? p.x0 : d->x0;
        d->y0 = p.y0 < d->y0 ? p.y0 : d->y0;
        d->x1 = p.x1 > d->x1 ? p.x1 : d->x1;
        d->y1 = p.y1 > d->y1 ? p.y1 : d->y1;
    }
    return p;
}

/* How far from the stretch a-b is the middle of a pixel? */
static double distance(struct point p, struct point a, struct point b)
{
    double dx = b.x - a.x, dy = b.y - a.y, square = dx * dx + dy * dy;
    double along = square > 0 ? ((p.x - a.x) * dx + (p.y - a.y) * dy) / square : 0;
    along = fmax(0, fmin(1, along));
    return hypot(p.x - a.x - along * dx, p.y - a.y - along * dy);
}

/* The columns that a stroke can touch in row `y`. */
static void row_span(struct patch *p, struct point a, struct point b, double reach, int y)
{
    double t0 = 0, t1 = 1, dy = b.y - a.y;
    if (fabs(dy) > 1e-9) {
        double at0 = (y - reach - a.y) / dy, at1 = (y + 1 + reach - a.y) / dy;
        t0 = fmax(0, fmin(at0, at1));
        t1 = fmin(1, fmax(at0, at1));
    }
    double x0 = a.x + (b.x - a.x) * t0, x1 = a.x + (b.x - a.x) * t1;
    double from = floor(fmin(x0, x1) - reach), to = ceil(fmax(x0, x1) + reach) + 1;
    p->x0 = from > p->x0 ? bounded(from, p->x1) : p->x0;
    p->x1 = to < p->x1 ? bounded(to, p->x1) : p->x1;
}

void raster_stroke(struct raster *r, struct point a, struct point b, double width)
{
    double reach = width / 2 + 0.5;
    struct patch p = touched(r, fmin(a.x, b.x) - reach, fmin(a.y, b.y) - reach,
                             fmax(a.x, b.x) + reach, fmax(a.y, b.y) + reach);
    for (int y = p.y0; y < p.y1; y++) {
        struct patch row = p;
        row_span(&row, a, b, reach, y);
        for (int x = row.x0; x < row.x1; x++) {
            double part = reach - distance((struct point){x + 0.5, y + 0.5}, a, b);
            uint8_t *to = &r->cover[(size_t)y * (size_t)r->width + (size_t)x];
            uint8_t cover = part >= 1 ? FULL : part > 0 ? (uint8_t)(part * FULL) : 0;
            if (cover > *to)
                *to = cover;
        }
    }
}

/* ---- areas ---- */

/* The stretch x0-x1 of a quarter of a row. */
static void cover_span(uint8_t *row, const struct patch *p, double x0, double x1)
{
    x0 = fmax(x0, p->x0);
    x1 = fmin(x1, p->x1);
    for (int x = (int)floor(x0); x < p->x1 && x < x1; x++) {
        double part = fmin(x1, x + 1) - fmax(x0, x);
        if (part > 0) {
            int cover = row[x] + (int)(part * (FULL / (double)SUBROWS) + 0.5);
            row[x] = (uint8_t)(cover < FULL ? cover : FULL);
        }
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Where the outline crosses the line at `y`, from left to right; (n) at most. */
static size_t crossings(const struct point *at, size_t n, double scale, double y, double *out)
{
    size_t found = 0;
    for (size_t i = 0, j = n - 1; i < n; j = i++) {
        double yi = at[i].y * scale, yj = at[j].y * scale;
        if ((yi <= y) != (yj <= y))
            out[found++] = at[i].x * scale + (at[j].x - at[i].x) * scale * (y - yi) / (yj - yi);
    }
    qsort(out, found, sizeof *out, by_value);
    return found;
}

void raster_fill(struct raster *r, const struct point *at, size_t n, double scale)
{
    double *cross = mem_array(double, n), x0 = INFINITY, y0 = INFINITY, x1 = -INFINITY,
           y1 = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        x0 = fmin(x0, at[i].x * scale);
        y0 = fmin(y0, at[i].y * scale);
        x1 = fmax(x1, at[i].x * scale);
        y1 = fmax(y1, at[i].y * scale);
    }
    struct patch p = touched(r, x0, y0, x1, y1);
    for (int y = p.y0; y < p.y1; y++)
        for (int sub = 0; sub < SUBROWS; sub++) {
            size_t k = crossings(at, n, scale, y + (sub + 0.5) / SUBROWS, cross);
            for (size_t i = 0; i + 1 < k; i += 2)
                cover_span(r->cover + (size_t)y * (size_t)r->width, &p, cross[i], cross[i + 1]);
        }
    mem_free(cross);
}

/* ---- ink ---- */

void raster_ink(struct raster *r, uint32_t rgb, double alpha)
{
    struct patch d = r->dirty;
    for (int y = d.y0; y < d.y1; y++)
        for (int x = d.x0; x < d.x1; x++) {
            size_t i = (size_t)y * (size_t)r->width + (size_t)x;
            double part = alpha * r->cover[i] / FULL;
            for (size_t c = 0; c < CHANNELS && part > 0; c++) {
                uint8_t *to = &r->rgb[i * CHANNELS + c];
                double ink = (uint8_t)(rgb >> (16 - 8 * c));
                *to = (uint8_t)(*to + (ink - *to) * part + 0.5);
            }
            r->cover[i] = 0;
        }
    r->dirty = nothing;
}

void raster_png(const struct raster *r, struct sbuf *to)
{
    png_write(r->rgb, (unsigned)r->width, (unsigned)r->height, to);
}
