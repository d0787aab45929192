/* SPDX-License-Identifier: Apache-2.0 */
/* chart.h - pictures of numbers, as SVG (follows the reader's light or dark scheme) and PNG; nothing to install.
 *
 * Borrowed: everything a chart points to lives until it is drawn.  Limits: 16 series of 4,096 points, 64 bars; what is past them
 * is not drawn.  Names and titles may hold anything; they are escaped.  NaN breaks a line.  Pure functions: any thread. */
#ifndef CHART_CHART_H
#define CHART_CHART_H

#include "base/sbuf.h"

#include <stddef.h>

enum {
    CHART_SERIES_MAX = 16,
    CHART_POINTS_MAX = 4096,
    CHART_BARS_MAX = 64,
    CHART_SIDE_MAX = 4096,
    CHART_BYTES_MAX = 32 << 20 /* no chart takes more: a cap for `out` */
};

enum chart_kind {
    CHART_LINES,
    CHART_BARS,     /* horizontal, signed, labelled */
    CHART_HISTOGRAM /* x: the middles of bins of equal width; a bar of each series stands over it */
};
struct chart_series {
    const char *name;
    const double *x, *y;      /* (n) */
    const double *low, *high; /* (n) a band about y, or NULL */
    size_t n;
    bool dashed, dots; /* dots: points not joined by lines, unless dashed too */
};
struct chart_bar {
    const char *name;
    double value;
    const char *text; /* at its end, or NULL: the value */
};
struct chart {
    enum chart_kind kind;
    const char *title, *subtitle, *x_title, *y_title;
    double x_min, x_max, y_min, y_max; /* min == max: from the data */
    bool x_log, y_log, x_time /* Unix ms */;
    const struct chart_series *series;
    size_t series_count;
    const struct chart_bar *bar;
    size_t bars;
    unsigned width, height; /* pixels; 0: 640 × 400, for bars as high as they need */
};
void chart_svg(const struct chart *c, struct sbuf *out);
/* In light colours, twice as many pixels each way, for the dense screens of today. */
void chart_png(const struct chart *c, struct sbuf *out);
/* Bars for a terminal, `width` columns (20 at least), ASCII or block characters; lines and histograms give nothing. */
void chart_text(const struct chart *c, unsigned width, bool unicode, struct sbuf *out);

#endif
