/* SPDX-License-Identifier: Apache-2.0 */
#include "event/attack.h"
#include "report/html.h"

enum { BAR_WIDTH = 10, CHART_HEIGHT = 200 };

static uint64_t span_total(const struct tally_timeline *t, size_t i)
{
    uint64_t n = 0;
    for (size_t l = 0; l < LEVEL_COUNT; l++)
        n += t->count[l][i];
    return n;
}

/* The worst stand at the bottom, where small numbers are still seen. */
static void put_bar(struct sbuf *to, const struct tally_timeline *t, size_t i, double scale)
{
    double y = CHART_HEIGHT;
    sbuf_addz(to, "<g><title>");
    html_time(to, t->start_ms + (int64_t)i * t->span_ms);
    sbuf_addz(to, ": ");
    html_number(to, span_total(t, i));
    sbuf_addz(to, "</title>");
    for (size_t l = LEVEL_COUNT; l-- > 0;) {
        double height = t->count[l][i] * scale;
        if (t->count[l][i] == 0)
            continue;
        height = height < 2 ? 2 : height;
        y -= height;
        sbuf_addf(to, "<rect class=\"%s\" x=\"%zu\" y=\"%.1f\" width=\"%d\" height=\"%.1f\"/>",
                  level_name((enum level)l), i * BAR_WIDTH + 1, y, BAR_WIDTH - 2, height);
    }
    sbuf_addz(to, "</g>");
}

void html_timeline(struct sbuf *to, const struct tally_timeline *t)
{
    uint64_t most = 0;
    if (t->span_ms == 0)
        return;
    for (size_t i = 0; i < t->used; i++)
        most = span_total(t, i) > most ? span_total(t, i) : most;
    sbuf_addz(to, "<section><h2>Timeline</h2>\n");
    sbuf_addf(to,
              "<svg viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" role=\"img\" "
              "aria-label=\"findings over time\">",
              TALLY_SPANS * BAR_WIDTH, CHART_HEIGHT);
    for (size_t i = 0; i < t->used; i++)
        if (span_total(t, i))
            put_bar(to, t, i, (CHART_HEIGHT - 10.0) / (double)most);
    sbuf_addz(to, "</svg><div class=\"axis\"><span>");
    html_time(to, t->start_ms);
    sbuf_addz(to, "</span><span>most in one bar: ");
    html_number(to, most);
    sbuf_addz(to, "</span><span>");
    html_time(to, t->start_ms + TALLY_SPANS * t->span_ms);
    sbuf_addz(to, "</span></div></section>\n");
}

/* ---- heat map ---- */

static void put_cell(struct sbuf *to, const struct tally_technique *t)
{
    struct sbuf name;
    sbuf_init(&name, 4096);
    technique_name(t->id, &name);
    int shade = t->count >= 1000 ? 4 : t->count >= 50 ? 3 : t->count >= 5 ? 2 : 1;
    sbuf_addf(to, "<a class=\"cell %s a%d\" rel=\"noreferrer noopener\" ", level_name(t->worst),
              shade);
    if (technique_find(t->id)) { /* its id is safe in an address */
        str rest = t->id, parent = str_cut(&rest, '.');
        html_put(to, "href=\"https://attack.mitre.org/techniques/%s/", parent);
        if (rest.n)
            html_put(to, "%s/", rest);
        sbuf_addz(to, "\"");
    }
    html_put(to, "><b>%s</b> ", t->id);
    html_number(to, t->count);
    html_put(to, "<br>%s</a>", sbuf_str(&name));
    sbuf_done(&name);
}

static uint32_t tactics_of(const struct tally_technique *t)
{
    const struct technique *known = technique_find(t->id);
    return known ? known->tactics : 1u << TACTIC_COUNT;
}

void html_heat_map(struct sbuf *to, const struct tally_technique *t, size_t n)
{
    if (n == 0)
        return;
    sbuf_addz(to, "<section><h2>ATT&amp;CK</h2><p class=\"soft\">Coloured by the worst level, "
                  "stronger with more findings.</p><div class=\"scroll\"><div class=\"heat\">\n");
    for (size_t column = 0; column <= TACTIC_COUNT; column++) {
        bool any = false;
        for (size_t i = 0; i < n; i++) {
            if (!(tactics_of(&t[i]) >> column & 1))
                continue;
            if (!any)
                html_put(to, "<div><h3>%s</h3>",
                         str_z(column < TACTIC_COUNT ? tactic_name((enum tactic)column) : "Other"));
            any = true;
            put_cell(to, &t[i]);
        }
        sbuf_addz(to, any ? "</div>\n" : "");
    }
    sbuf_addz(to, "</div></div></section>\n");
}
