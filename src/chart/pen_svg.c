/* SPDX-License-Identifier: Apache-2.0 */
#include "chart/chart_int.h"
#include "codec/entity.h"
#include "codec/utf.h"

/* XML's own characters escaped, bytes and characters that XML does not allow replaced (XML 1.0, section 2.2). */
static void put_text(struct sbuf *to, str s)
{
    while (s.n) {
        size_t n;
        char bytes[4];
        uint32_t c = utf8_next(s, &n, NULL);
        const char *entity = entity_of(c);
        s = str_from(s, n);
        if (entity)
            sbuf_addz(to, entity);
        else if (c < ' ' || c == 0x7f || c == 0xfffe || c == 0xffff)
            sbuf_addc(to, ' ');
        else
            sbuf_add(to, (str){bytes, utf8_put(c, bytes)});
    }
}

static const char *ink_class(enum ink ink)
{
    static const char *const name[INK_COUNT] = {
#define X(NAME, name, light, dark) [INK_##NAME] = name,
#include "chart/ink.def"
    };
    return name[ink];
}

static void put_point(struct sbuf *to, char before, struct point at)
{
    if (before)
        sbuf_addc(to, before);
    sbuf_addf(to, "%.1f,%.1f", at.x, at.y);
}

static void svg_line(struct pen *pen, const struct point *at, size_t n, enum ink ink, double width,
                     bool dashed)
{
    struct sbuf *to = ((struct svg_pen *)pen)->to;
    sbuf_addf(to, "<polyline class=\"l %s\" stroke-width=\"%g\"%s points=\"", ink_class(ink), width,
              dashed ? " stroke-dasharray=\"6 5\"" : "");
    for (size_t i = 0; i < n; i++)
        put_point(to, i ? ' ' : 0, at[i]);
    sbuf_addz(to, "\"/>\n");
}

static void svg_area(struct pen *pen, const struct point *at, size_t n, enum ink ink, double alpha)
{
    struct sbuf *to = ((struct svg_pen *)pen)->to;
    sbuf_addf(to, "<polygon class=\"f %s\" fill-opacity=\"%g\" points=\"", ink_class(ink), alpha);
    for (size_t i = 0; i < n; i++)
        put_point(to, i ? ' ' : 0, at[i]);
    sbuf_addz(to, "\"/>\n");
}

static void svg_text(struct pen *pen, struct point at, str text, const struct lettering *l)
{
    static const char *const anchor[] = {"start", "middle", "end"};
    struct sbuf *to = ((struct svg_pen *)pen)->to;
    sbuf_addf(to, "<text class=\"f %s\" x=\"%.1f\" y=\"%.1f\" font-size=\"%g\" text-anchor=\"%s\"",
              ink_class(l->ink), at.x, at.y, l->size, anchor[l->anchor]);
    if (l->bold)
        sbuf_addz(to, " font-weight=\"600\"");
    if (l->upwards)
        sbuf_addf(to, " transform=\"rotate(-90 %.1f %.1f)\"", at.x, at.y);
    sbuf_addc(to, '>');
    put_text(to, text);
    sbuf_addz(to, "</text>\n");
}

static void svg_clip(struct pen *pen, const struct box *b)
{
    struct svg_pen *p = (struct svg_pen *)pen;
    if (p->clipped)
        sbuf_addz(p->to, "</svg>\n");
    p->clipped = b != NULL;
    if (b) /* a picture in the picture: unlike a clip path, it needs no name, which two charts on a page would share */
        sbuf_addf(p->to,
                  "<svg x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                  "viewBox=\"%.1f %.1f %.1f %.1f\">\n",
                  b->x0, b->y0, b->x1 - b->x0, b->y1 - b->y0, b->x0, b->y0, b->x1 - b->x0,
                  b->y1 - b->y0);
}

static void put_inks(struct sbuf *to, bool dark)
{
    static const uint32_t ink[2][INK_COUNT] = {
#define X(NAME, name, light, dark) [INK_##NAME] = light,
        {
#include "chart/ink.def"
        },
#define X(NAME, name, light, dark) [INK_##NAME] = dark,
        {
#include "chart/ink.def"
        }};
    for (size_t i = 0; i < INK_COUNT; i++)
        sbuf_addf(to, ".chart .%s{color:#%06x}", ink_class((enum ink)i), ink[dark][i]);
}

void svg_pen_init(struct svg_pen *p, struct sbuf *to, const struct chart *c)
{
    static const struct pen_ops ops = {svg_line, svg_area, svg_text, svg_clip};
    *p = (struct svg_pen){.pen = {&ops}, .to = to};
    sbuf_addf(to,
              "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" width=\"%u\" "
              "height=\"%u\" viewBox=\"0 0 %u %u\" role=\"img\">\n<title>",
              c->width, c->height, c->width, c->height);
    put_text(to, str_z(c->title));
    sbuf_addz(to, "</title>\n<style>.chart text{font-family:system-ui,sans-serif;"
                  "font-variant-numeric:tabular-nums}.chart .l{fill:none;stroke:currentColor;"
                  "stroke-linejoin:round;stroke-linecap:round}.chart .f{fill:currentColor}");
    put_inks(to, false);
    sbuf_addz(to, "@media(prefers-color-scheme:dark){");
    put_inks(to, true);
    sbuf_addz(to, "}</style>\n");
    const struct box all = {0, 0, c->width, c->height};
    pen_box(&p->pen, &all, INK_SURFACE, 1);
}

void svg_pen_done(struct svg_pen *p)
{
    sbuf_addz(p->to, "</svg>\n");
}
