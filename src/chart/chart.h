/* SPDX-License-Identifier: Apache-2.0 */
/* chart.h - pictures of numbers, as SVG (follows the reader's light or dark scheme) and PNG; nothing to install.
 *
 * Borrowed: everything a chart points to lives until it is drawn.  Limits: 16 series of 4,096 points, 64 bars. */
#ifndef CHART_CHART_H
#define CHART_CHART_H

#include "base/sbuf.h"

#include <stddef.h>

enum chart_kind { CHART_LINES, CHART_BARS /* horizontal, signed, labelled */, CHART_HISTOGRAM };
struct chart_series {
    const char *name;
    const double *x, *y;      /* (n) */
    const double *low, *high; /* (n) a band about y, or NULL */
    size_t n;
    bool dashed, dots;
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
    unsigned width, height; /* pixels; 0: 640 × 400 */
};
void chart_svg(const struct chart *c, struct sbuf *out);
void chart_png(const struct chart *c, struct sbuf *out);
/* Bars for a terminal, `width` columns, ASCII or block characters. */
void chart_text(const struct chart *c, unsigned width, bool unicode, struct sbuf *out);

#endif
