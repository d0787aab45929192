/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/flow.h"

#include <math.h>

void flow_row_write(const float x[static FEATURE_COUNT], struct sbuf *out)
{
    const char *between = "";
    for (size_t i = 0; i < FEATURE_COUNT; i++) {
        if (isnan(x[i]))
            continue;
        sbuf_addf(out, "%s%s=%.9g", between, feature_info[i].name, (double)x[i]);
        between = " ";
    }
}

size_t flow_row_read(str text, float x[static FEATURE_COUNT])
{
    size_t known = 0;
    while (text.n) {
        double value;
        str word = str_cut(&text, ' ');
        enum feature f = feature_find(str_cut(&word, '='));
        if (f == FEATURE_COUNT || !str_to_f64(word, &value) || !(fabs(value) <= 3.4e38))
            continue;
        known += isnan(x[f]) ? 1 : 0;
        x[f] = (float)value;
    }
    return known;
}
