/* SPDX-License-Identifier: Apache-2.0 */
/* Values as people say them: 4.1 MB, 12 ms, 35 %. */
#include "ml/explain_int.h"

#include <math.h>
#include <stdio.h>

enum { VALUE_MAX = 48 };

static void of_scale(double v, const char *const *prefix, size_t n, const char *unit,
                     char out[static VALUE_MAX])
{
    size_t i = 0;
    for (; i + 1 < n && fabs(v) >= 999.5; i++)
        v /= 1000;
    int digits = fabs(v) < 9.95 && v != floor(v) ? 1 : 0;
    (void)snprintf(out, VALUE_MAX, "%.*f %s%s", digits, v, prefix[i], unit); /* cut if absurd */
}

static void seconds(double v, char out[static VALUE_MAX])
{
    double a = fabs(v);
    if (a >= 7200)
        (void)snprintf(out, VALUE_MAX, "%.1f h", v / 3600);
    else if (a >= 120)
        (void)snprintf(out, VALUE_MAX, "%.1f min", v / 60);
    else if (a >= 1 || a == 0)
        (void)snprintf(out, VALUE_MAX, "%.3g s", v);
    else if (a >= 0.001)
        (void)snprintf(out, VALUE_MAX, "%.3g ms", v * 1e3);
    else
        (void)snprintf(out, VALUE_MAX, "%.3g µs", v * 1e6);
}

static void number(double v, const char *unit, char out[static VALUE_MAX])
{
    static const char *const large[] = {"", "k", "M", "G", "T", "P"};
    const char *gap = *unit ? " " : "";
    if (fabs(v) >= 1e6) {
        of_scale(v, large, COUNT(large), "", out);
        size_t n = strlen(out);
        (void)snprintf(out + n, VALUE_MAX - n, "%s%s", gap, unit);
    } else if (v == floor(v)) {
        (void)snprintf(out, VALUE_MAX, "%.0f%s%s", v, gap, unit);
    } else {
        (void)snprintf(out, VALUE_MAX, "%.3g%s%s", v, gap, unit);
    }
}

static void word(const struct encoder_column *c, float code, char out[static VALUE_MAX])
{
    str text = encoder_word(c, code);
    const char *known = feature_word(code);
    if (text.n)
        (void)snprintf(out, VALUE_MAX, "'" STR_FMT "'", STR_ARG(str_head(text, VALUE_MAX - 3)));
    else if (known)
        (void)snprintf(out, VALUE_MAX, "'%s'", known);
    else
        (void)snprintf(out, VALUE_MAX, "%s", text.p ? "a known word" : "a word never seen");
}

static void value_text(const struct encoder_column *e, double v, char out[static VALUE_MAX])
{
    const struct dataset_column *c = &e->column;
    static const char *const bytes[] = {"", "k", "M", "G", "T", "P"};
    if (isnan(v))
        (void)snprintf(out, VALUE_MAX, "missing");
    else if (c->kind == FEATURE_FLAG)
        (void)snprintf(out, VALUE_MAX, "%s", v != 0 ? "yes" : "no");
    else if (c->kind == FEATURE_CATEGORY)
        word(e, (float)v, out);
    else if (c->kind == FEATURE_RATIO)
        (void)snprintf(out, VALUE_MAX, "%.3g %%", v * 100);
    else if (strcmp(c->unit, "s") == 0)
        seconds(v, out);
    else if (strcmp(c->unit, "bytes") == 0)
        of_scale(v, bytes, COUNT(bytes), "B", out);
    else if (strcmp(c->unit, "bytes/s") == 0)
        of_scale(v, bytes, COUNT(bytes), "B/s", out);
    else
        number(v, c->unit, out);
}

void value_words(const struct encoder_column *c, float value, char out[static REASON_WORDS])
{
    char is[VALUE_MAX], usual[VALUE_MAX];
    str name = c->column.name;
    if (c->column.feature < FEATURE_COUNT)
        name = str_z(feature_info[c->column.feature].doc);
    value_text(c, value, is);
    value_text(c, c->usual, usual);
    bool same = strcmp(is, usual) == 0;
    if (same && c->column.kind == FEATURE_CATEGORY && value != c->usual)
        (void)snprintf(out, REASON_WORDS, STR_FMT ": not the usual word", STR_ARG(name));
    else if (same)
        (void)snprintf(out, REASON_WORDS, STR_FMT ": %s, as usual", STR_ARG(name), is);
    else
        (void)snprintf(out, REASON_WORDS, STR_FMT ": %s, usually %s", STR_ARG(name), is, usual);
}
