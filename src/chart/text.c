/* SPDX-License-Identifier: Apache-2.0 */
#include "chart/chart_int.h"
#include "codec/utf.h"

#include <math.h>

enum { LEAST_WIDTH = 20, EIGHTHS = 8 };

/* Characters, each taken to be one column; those that would move the cursor are a question mark. */
static void put_cell(struct sbuf *to, str text, size_t columns, bool unicode, bool right)
{
    size_t have = 0, bytes;
    for (str rest = text; rest.n; rest = str_from(rest, bytes), have++)
        (void)utf8_next(rest, &bytes, NULL);
    for (size_t i = have; right && i < columns; i++)
        sbuf_addc(to, ' ');
    for (size_t i = 0; i < have && i < columns; i++) {
        char out[4];
        uint32_t c = utf8_next(text, &bytes, NULL);
        bool odd = c < ' ' || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x202e) ||
                   (c >= 0x2060 && c <= 0x2069) || c == 0xfeff || (!unicode && c > '~');
        sbuf_add(to, (str){out, utf8_put(odd ? '?' : c, out)});
        text = str_from(text, bytes);
    }
    for (size_t i = have; !right && i < columns; i++)
        sbuf_addc(to, ' ');
}

static size_t columns_of(const char *text)
{
    size_t n = 0, bytes;
    for (str rest = str_z(text); rest.n; rest = str_from(rest, bytes), n++)
        (void)utf8_next(rest, &bytes, NULL);
    return n;
}

/* `cells` of a bar from column `from` on in a field of `columns`. */
static void put_bar(struct sbuf *to, double from, double cells, size_t columns, bool unicode)
{
    static const char *const block[EIGHTHS + 1] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
    for (size_t i = 0; i < columns; i++) {
        double covered = fmin(from + cells, (double)i + 1) - fmax(from, (double)i);
        int eighths = (int)lround(fmax(0, covered) * EIGHTHS);
        bool begins = from > (double)i; /* blocks fill from the left only */
        if (unicode)
            sbuf_addz(to, begins ? (eighths >= 4 ? "▐" : " ") : block[eighths]);
        else
            sbuf_addc(to, eighths >= 4 ? '#' : ' ');
    }
}

struct text_layout {
    size_t names, texts, room; /* columns */
    double least, most;
};

static const char *end_text(const struct chart_bar *b, char number[static TICK_TEXT])
{
    if (b->text)
        return b->text;
    number_text(b->value, number);
    return number;
}

static void lay_out(const struct chart *c, unsigned width, struct text_layout *l)
{
    char number[TICK_TEXT];
    *l = (struct text_layout){0};
    for (size_t i = 0; i < bars_drawn(c); i++) {
        double v = c->bar[i].value;
        size_t name = columns_of(c->bar[i].name), text = columns_of(end_text(&c->bar[i], number));
        l->names = name > l->names ? name : l->names;
        l->texts = text > l->texts ? text : l->texts;
        l->least = isfinite(v) ? fmin(l->least, v) : l->least;
        l->most = isfinite(v) ? fmax(l->most, v) : l->most;
    }
    size_t wide = width < LEAST_WIDTH ? LEAST_WIDTH : width;
    l->names = l->names > wide * 2 / 5 ? wide * 2 / 5 : l->names;
    l->texts = l->texts > wide * 3 / 10 ? wide * 3 / 10 : l->texts;
    l->room = wide - l->names - l->texts - 2;
}

void chart_text(const struct chart *c, unsigned width, bool unicode, struct sbuf *out)
{
    struct text_layout l;
    char number[TICK_TEXT];
    if (c->kind != CHART_BARS)
        return;
    lay_out(c, width, &l);
    double one = l.most > l.least ? (double)l.room / (l.most - l.least) : 0;
    for (size_t i = 0; i < bars_drawn(c); i++) {
        const struct chart_bar *b = &c->bar[i];
        double v = isfinite(b->value) ? b->value : 0;
        put_cell(out, str_z(b->name), l.names, unicode, false);
        sbuf_addc(out, ' ');
        put_bar(out, (fmin(v, 0) - l.least) * one, fabs(v) * one, l.room, unicode);
        sbuf_addc(out, ' ');
        put_cell(out, str_z(end_text(b, number)), l.texts, unicode, true);
        sbuf_addc(out, '\n');
    }
}
