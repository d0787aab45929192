/* SPDX-License-Identifier: Apache-2.0 */
#include "report/html.h"

#include "codec/entity.h"
#include "codec/time.h"
#include "codec/utf.h"
#include "event/attack.h"
#include "report/text.h"

static void put_character(struct sbuf *to, str s, bool ok, uint32_t c)
{
    const char *entity = entity_of(c);
    if (!ok || text_misleads(c))
        for (size_t i = 0; i < s.n; i++)
            sbuf_addf(to, "\\x%02x", (unsigned)(unsigned char)s.p[i]);
    else if (entity)
        sbuf_addz(to, entity);
    else
        sbuf_add(to, s);
}

void html_text(struct sbuf *to, str s, size_t max)
{
    for (size_t at = 0; at < s.n;) {
        size_t n;
        bool ok;
        uint32_t c = utf8_next(str_from(s, at), &n, &ok);
        if (max && at + n > max) {
            sbuf_addz(to, "…");
            return;
        }
        put_character(to, (str){s.p + at, n}, ok, c);
        at += n;
    }
}

void html_put(struct sbuf *to, const char *markup, str text)
{
    const char *at;
    while ((at = strstr(markup, "%s"))) {
        sbuf_add(to, (str){markup, (size_t)(at - markup)});
        html_text(to, text, 0);
        markup = at + 2;
    }
    sbuf_addz(to, markup);
}

void html_time(struct sbuf *to, int64_t ms)
{
    char text[32] = "";
    if (ms == TIME_NONE)
        return;
    time_format_rfc3339(ms, text);
    text[10] = ' ';
    text[19] = '\0';
    sbuf_addz(to, text);
}

void html_level(struct sbuf *to, enum level l)
{
    sbuf_addf(to, "<span class=\"tag %s\">%s</span>", level_name(l), level_name(l));
}

void html_number(struct sbuf *to, uint64_t n)
{
    char digits[GROUPED_SIZE];
    format_grouped(n, digits);
    sbuf_addz(to, digits);
}

void html_tactics(struct sbuf *to, uint64_t bits)
{
    const char *between = "";
    for (size_t i = 0; i < TACTIC_COUNT; i++)
        if (bits >> i & 1) {
            sbuf_addf(to, "%s%s", between, tactic_name((enum tactic)i));
            between = ", ";
        }
}
