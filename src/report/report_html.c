/* SPDX-License-Identifier: Apache-2.0 */
/* One page that needs nothing else: no script, no font, no image, and a policy that would forbid
 * them.  The findings shown in full are chosen as they come: the first few of each rule, so that a
 * noisy one does not push out the rest. */
#include "base/map.h"
#include "event/attack.h"
#include "report/html.h"
#include "report/report_int.h"

enum {
    PAGE_BYTES_MAX = 64 << 20,
    DETAIL_BYTES_MAX = 24 << 20,
    DETAILS_MAX = 1000,
    DETAILS_OF_RULE = 10,
    VALUE_BYTES_MAX = 2000,
    ROWS_MAX = 500
};

struct page {
    struct sbuf details; /* the findings, rendered */
    struct sbuf label;
    struct map shown;  /* rule → how many */
    struct arena keys; /* of `shown` */
    size_t count;
};

static void begin(struct report *r)
{
    struct page *p = r->state;
    sbuf_init(&p->details, DETAIL_BYTES_MAX);
    sbuf_init(&p->label, 64 << 10);
    arena_init(&p->keys, 16 << 20);
}

static void done(struct report *r)
{
    struct page *p = r->state;
    sbuf_done(&p->details);
    sbuf_done(&p->label);
    map_done(&p->shown);
    arena_done(&p->keys);
}

/* ---- findings ---- */

static void put_pairs(struct sbuf *to, const struct pair *pair, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        html_put(to, "<dt>%s</dt><dd class=\"mono\">", pair[i].name);
        html_text(to, pair[i].value, VALUE_BYTES_MAX);
        sbuf_addz(to, "</dd>");
    }
}

static void put_detail(struct sbuf *to, const struct finding *f, const char *path, str label)
{
    sbuf_addz(to, "<details><summary>");
    html_level(to, f->level);
    sbuf_addz(to, " <span class=\"soft\">");
    html_time(to, f->time_ms);
    html_put(to, "</span> %s", str_head(f->title, VALUE_BYTES_MAX));
    html_put(to, " <span class=\"soft\">%s</span></summary><dl>", str_head(label, VALUE_BYTES_MAX));
    html_put(to, "<dt>why</dt><dd>%s</dd>", str_head(f->reason, VALUE_BYTES_MAX));
    put_pairs(to, f->evidence, f->evidence_count);
    sbuf_addz(to, "<dt>entity</dt><dd><dl>");
    put_pairs(to, f->entity, f->entity_count);
    html_put(to, "</dl></dd><dt>where</dt><dd class=\"mono\">%s:", str_z(path));
    sbuf_addf(to, "%llu", (unsigned long long)(f->origin.line ? f->origin.line : f->origin.record));
    html_put(to, " (event %s)</dd>", str_z(f->event_id));
    html_put(to, "<dt>rule</dt><dd class=\"mono\">%s</dd></dl></details>\n", f->id);
}

static bool is_shown(struct page *p, str rule)
{
    uint32_t *seen = map_find(&p->shown, rule);
    if (!seen) {
        bool added;
        str key = arena_str(&p->keys, rule);
        if (!key.p)
            return false;
        seen = map_add(&p->shown, key, 0, &added);
    }
    return p->count < DETAILS_MAX && (*seen)++ < DETAILS_OF_RULE;
}

static void finding(struct report *r, const struct finding *f, const char *path)
{
    struct page *p = r->state;
    if (p->details.full || !is_shown(p, f->id))
        return;
    sbuf_clear(&p->label);
    entity_label(f, &p->label);
    size_t before = p->details.n;
    put_detail(&p->details, f, path, sbuf_str(&p->label));
    if (p->details.full) /* half a finding is none */
        p->details.n = before;
    else
        p->count++;
}

/* ---- head ---- */

static void put_head(struct sbuf *to)
{
    sbuf_addz(to, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                  "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                  "<meta name=\"referrer\" content=\"no-referrer\">\n"
                  "<title>BehaviorGuard report</title>\n<style>\n");
    sbuf_addz(to, html_style);
    sbuf_addz(to, "</style></head><body>\n<header><h1>BehaviorGuard report</h1>");
}

static void put_cards(struct sbuf *to, struct report *r, const struct report_run *run)
{
    sbuf_addz(to, "<p class=\"soft\">");
    html_time(to, run->now_ms);
    sbuf_addz(to, " UTC: ");
    html_number(to, run->stats->events);
    sbuf_addz(to, " events");
    if (run->rules) {
        sbuf_addz(to, ", ");
        html_number(to, run->rules);
        sbuf_addz(to, " rules");
    }
    sbuf_addf(to, ", %.1f s%s</p></header><main>\n", run->stats->seconds,
              run->stopped ? "; stopped before the end of the input" : "");
    sbuf_addz(to, "<div class=\"cards\"><div class=\"card\"><b>");
    html_number(to, tally_total(r->tally));
    sbuf_addz(to, "</b>findings</div>");
    for (size_t l = LEVEL_COUNT; l-- > 0;) {
        uint64_t n = tally_level(r->tally, (enum level)l);
        if (n == 0)
            continue;
        sbuf_addf(to, "<div class=\"card %s\"><b>", level_name((enum level)l));
        html_number(to, n);
        sbuf_addf(to, "</b>%s</div>", level_name((enum level)l));
    }
    sbuf_addz(to, "</div>\n");
}

/* ---- tables ---- */

static void table_head(struct sbuf *to, const char *title, const char *columns)
{
    sbuf_addf(
        to, "<section><h2>%s</h2><div class=\"scroll\"><table><thead><tr>%s</tr></thead><tbody>\n",
        title, columns);
}

static void table_foot(struct sbuf *to, size_t n)
{
    sbuf_addz(to, "</tbody></table></div>");
    if (n > ROWS_MAX) {
        sbuf_addz(to, "<p class=\"soft\">and ");
        html_number(to, n - ROWS_MAX);
        sbuf_addz(to, " more</p>");
    }
    sbuf_addz(to, "</section>\n");
}

static void put_number_cell(struct sbuf *to, uint64_t n)
{
    sbuf_addz(to, "<td class=\"n\">");
    html_number(to, n);
    sbuf_addz(to, "</td>");
}

static void put_span_cell(struct sbuf *to, int64_t first, int64_t last)
{
    sbuf_addz(to, "<td>");
    html_time(to, first);
    sbuf_addz(to, first == last ? "" : "<br>");
    if (first != last)
        html_time(to, last);
    sbuf_addz(to, "</td>");
}

static void put_rules(struct sbuf *to, const struct tally_rule *rule, size_t n)
{
    table_head(
        to, "Rules and indicators",
        "<th>level</th><th class=\"n\">findings</th><th class=\"n\">entities</th><th>rule</th>"
        "<th>first, last</th><th>example</th>");
    for (size_t i = 0; i < n && i < ROWS_MAX; i++) {
        sbuf_addz(to, "<tr><td>");
        html_level(to, rule[i].level);
        sbuf_addz(to, "</td>");
        put_number_cell(to, rule[i].count);
        put_number_cell(to, rule[i].entities);
        html_put(to, "<td>%s<br>", rule[i].title);
        html_put(to, "<span class=\"soft mono\">%s</span></td>", rule[i].id);
        put_span_cell(to, rule[i].first_ms, rule[i].last_ms);
        html_put(to, "<td>%s: ", rule[i].example_label);
        html_put(to, "%s<br>", rule[i].example_reason);
        html_put(to, "<span class=\"soft mono\">%s:", rule[i].example_path);
        sbuf_addf(to, "%llu</span></td></tr>\n", (unsigned long long)rule[i].example_line);
    }
    table_foot(to, n);
}

static void put_entities(struct sbuf *to, const struct tally_entity *e, size_t n)
{
    table_head(
        to, "Whom to look at first",
        "<th>worst</th><th class=\"n\">findings</th><th class=\"n\">rules</th><th>entity</th>"
        "<th>tactics</th><th>first, last</th>");
    for (size_t i = 0; i < n && i < ROWS_MAX; i++) {
        sbuf_addz(to, "<tr><td>");
        html_level(to, e[i].worst);
        sbuf_addz(to, "</td>");
        put_number_cell(to, e[i].count);
        put_number_cell(to, e[i].rules);
        html_put(to, "<td><span class=\"soft\">%s</span> ", e[i].key);
        html_put(to, "%s</td><td>", e[i].value);
        html_tactics(to, e[i].tactics);
        sbuf_addz(to, "</td>");
        put_span_cell(to, e[i].first_ms, e[i].last_ms);
        sbuf_addz(to, "</tr>\n");
    }
    table_foot(to, n);
}

static void put_techniques(struct sbuf *to, const struct tally_technique *t, size_t n)
{
    struct sbuf name;
    sbuf_init(&name, 4096);
    table_head(
        to, "Techniques",
        "<th>worst</th><th class=\"n\">findings</th><th class=\"n\">rules</th><th>technique</th>"
        "<th>tactics</th>");
    for (size_t i = 0; i < n && i < ROWS_MAX; i++) {
        const struct technique *known = technique_find(t[i].id);
        sbuf_clear(&name);
        technique_name(t[i].id, &name);
        sbuf_addz(to, "<tr><td>");
        html_level(to, t[i].worst);
        sbuf_addz(to, "</td>");
        put_number_cell(to, t[i].count);
        put_number_cell(to, t[i].rules);
        html_put(to, "<td><b>%s</b> ", t[i].id);
        html_put(to, "%s</td><td>", sbuf_str(&name));
        html_tactics(to, known ? known->tactics : 0);
        sbuf_addz(to, "</td></tr>\n");
    }
    table_foot(to, n);
    sbuf_done(&name);
}

/* ---- the rest ---- */

static void put_notes(struct sbuf *to, const struct notes *n, const char *what)
{
    if (n->count == 0)
        return;
    sbuf_addz(to, "<li>");
    html_number(to, n->count);
    sbuf_addf(to, " %s<ul>\n", what);
    for (size_t i = 0; i < n->kept; i++) {
        html_put(to, "<li><span class=\"mono\">%s</span>: ", str_z(n->at[i].where));
        html_put(to, "%s</li>\n", str_z(n->at[i].why));
    }
    sbuf_addz(to, n->kept < n->count ? "<li>…</li></ul></li>\n" : "</ul></li>\n");
}

static void put_trouble(struct sbuf *to, const struct report *r, const struct report_run *run)
{
    if (!r->unread.count && !run->stats->rejected && !run->stats->correlation.evicted &&
        !run->stats->correlation.late && !run->stats->dropped)
        return;
    sbuf_addz(to, "<section><h2>What was not seen</h2><ul>\n");
    struct notes rejects = r->rejects;
    rejects.count = run->stats->rejected;
    put_notes(to, &r->unread, "inputs could not be read to the end");
    put_notes(to, &rejects, "records could not be parsed");
    if (run->stats->correlation.evicted)
        sbuf_addf(to, "<li>correlations forgot %llu groups to stay inside their memory</li>\n",
                  (unsigned long long)run->stats->correlation.evicted);
    if (run->stats->correlation.late)
        sbuf_addf(to, "<li>%llu matches came too late to be correlated</li>\n",
                  (unsigned long long)run->stats->correlation.late);
    if (run->stats->dropped)
        sbuf_addf(to, "<li>%llu values left out because a limit was reached</li>\n",
                  (unsigned long long)run->stats->dropped);
    sbuf_addz(to, "</ul></section>\n");
}

static void put_details(struct sbuf *to, const struct page *p, uint64_t total)
{
    if (p->count == 0)
        return;
    sbuf_addz(to, "<section><h2>Findings</h2>");
    if (p->count < total)
        sbuf_addf(to,
                  "<p class=\"soft\">%zu of %llu: the first %d of each rule, %d in all. "
                  "<code>--output ndjson</code> has every one.</p>\n",
                  p->count, (unsigned long long)total, DETAILS_OF_RULE, DETAILS_MAX);
    sbuf_add(to, sbuf_str(&p->details));
    sbuf_addz(to, "</section>\n");
}

static const char foot[] =
    "</main><footer><p>Times are UTC. Made by BehaviorGuard.</p><p>Technique names: MITRE "
    "ATT&amp;CK®, © 2025 The MITRE Corporation, reproduced and distributed with the permission of "
    "The MITRE Corporation.</p></footer></body></html>\n";

static void end(struct report *r, const struct report_run *run)
{
    struct sbuf page;
    size_t rules, entities, techniques;
    const struct tally_rule *rule = tally_rules(r->tally, &rules);
    const struct tally_entity *entity = tally_entities(r->tally, &entities);
    const struct tally_technique *technique = tally_techniques(r->tally, &techniques);
    sbuf_init(&page, PAGE_BYTES_MAX);
    put_head(&page);
    put_cards(&page, r, run);
    html_timeline(&page, tally_timeline(r->tally));
    html_heat_map(&page, technique, techniques);
    put_rules(&page, rule, rules);
    put_entities(&page, entity, entities);
    put_techniques(&page, technique, techniques);
    put_trouble(&page, r, run);
    put_details(&page, r->state, tally_total(r->tally));
    sbuf_addz(&page, foot);
    fwrite(page.p, 1, page.n, r->style.to);
    sbuf_done(&page);
}

const struct report_ops report_html = {
    .name = "html",
    .wants_tally = true,
    .state_size = sizeof(struct page),
    .begin = begin,
    .finding = finding,
    .end = end,
    .done = done,
};
