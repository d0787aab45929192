/* SPDX-License-Identifier: Apache-2.0 */
#include "chart/chart_int.h"
#include "codec/utf.h"

#include <math.h>

enum { FIRST = ' ', UNKNOWN = '~' + 1, LETTERS = UNKNOWN - FIRST + 1 };
enum { BASE = 7, CAPITAL = 27 - BASE, POINTS_MAX = 24, CURVE_STEPS = 6 };

static const struct letter {
    unsigned char wide;
    const char *strokes;
} letters[LETTERS] = {
#define X(character, wide, strokes) [(character)-FIRST] = {wide, strokes},
#include "chart/font.def"
};

/* What is written with letters there are. */
static const struct {
    uint32_t c;
    const char *as;
} spelt[] = {{0x2013, "-"},  {0x2014, "-"},  {0x2212, "-"},   {0x2018, "'"},  {0x2019, "'"},
             {0x201c, "\""}, {0x201d, "\""}, {0x2026, "..."}, {0x00d7, "x"},  {0x00b7, "."},
             {0x00a0, " "},  {0x00b5, "u"},  {0x03bc, "u"},   {0x2264, "<="}, {0x2265, ">="}};

/* Capitals are 0.7 of a font's size high, as in most. */
static double unit_of(double size)
{
    return size * 0.7 / CAPITAL;
}

/* The next character of *text as letters; returns them. */
static const char *next_letters(str *text, char one[static 2])
{
    size_t n;
    uint32_t c = utf8_next(*text, &n, NULL);
    *text = str_from(*text, n);
    one[0] = c >= FIRST && c < UNKNOWN ? (char)c : (char)UNKNOWN;
    one[1] = '\0';
    for (size_t i = 0; i < COUNT(spelt); i++)
        if (spelt[i].c == c)
            return spelt[i].as;
    return one;
}

double font_width(str text, double size)
{
    char one[2];
    double wide = 0;
    while (text.n)
        for (const char *l = next_letters(&text, one); *l; l++)
            wide += letters[*l - FIRST].wide;
    return wide * unit_of(size);
}

struct drawing {
    struct point at; /* of the letter's corner */
    double unit;
    void (*stroke)(void *arg, struct point a, struct point b);
    void *arg;
};

static void piece(const struct drawing *d, struct point a, struct point b)
{
    struct point from = {d->at.x + a.x * d->unit, d->at.y - a.y * d->unit};
    struct point to = {d->at.x + b.x * d->unit, d->at.y - b.y * d->unit};
    d->stroke(d->arg, from, to);
}

/* Catmull and Rom (1974): between b and c, where a is before and d after them. */
static double between(double a, double b, double c, double d, double t)
{
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t +
                  (3 * b - a - 3 * c + d) * t * t * t);
}

static void curve(const struct drawing *d, const struct point *p, size_t n)
{
    bool closed = n > 2 && fabs(p[0].x - p[n - 1].x) + fabs(p[0].y - p[n - 1].y) < 0.5;
    for (size_t i = 0; i + 1 < n; i++) {
        struct point a = i ? p[i - 1] : p[closed ? n - 2 : 0], b = p[i], c = p[i + 1],
                     e = i + 2 < n ? p[i + 2] : p[closed ? 1 : n - 1], from = b;
        for (int k = 1; k <= CURVE_STEPS; k++) {
            double t = (double)k / CURVE_STEPS;
            struct point to = {between(a.x, b.x, c.x, e.x, t), between(a.y, b.y, c.y, e.y, t)};
            piece(d, from, to);
            from = to;
        }
    }
}

static double digit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* The stroke at `s`; returns what is after it. */
static const char *one_stroke(const struct drawing *d, const char *s)
{
    struct point p[POINTS_MAX];
    size_t n = 0;
    bool smooth = *s == '~';
    for (s += smooth; *s && *s != ',' && n < POINTS_MAX; s += 2 + (s[2] == ' '))
        p[n++] = (struct point){digit(s[0]), digit(s[1]) - BASE};
    if (smooth)
        curve(d, p, n);
    for (size_t i = 0; i + 1 < n && !smooth; i++)
        piece(d, p[i], p[i + 1]);
    return *s == ',' ? s + 1 : s;
}

void font_draw(str text, double size, struct point at,
               void (*stroke)(void *arg, struct point a, struct point b), void *arg)
{
    char one[2];
    struct drawing d = {at, unit_of(size), stroke, arg};
    while (text.n)
        for (const char *l = next_letters(&text, one); *l; l++) {
            const struct letter *letter = &letters[*l - FIRST];
            for (const char *s = letter->strokes; *s;)
                s = one_stroke(&d, s);
            d.at.x += letter->wide * d.unit;
        }
}
