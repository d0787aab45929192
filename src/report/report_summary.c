/* SPDX-License-Identifier: Apache-2.0 */
/* Everything at a glance, worst first, each rule with one example to start from. */
#include "event/attack.h"
#include "report/report_int.h"

enum { RULES_SHOWN = 25, ENTITIES_SHOWN = 20, TECHNIQUES_SHOWN = 20, COUNT_COLUMNS = 9 };

static void heading(struct report *r, const char *text, const char *note)
{
    fputc('\n', r->style.to);
    print_bold(&r->style);
    fputs(text, r->style.to);
    print_plain(&r->style);
    print_dim(&r->style);
    fprintf(r->style.to, "%s\n", note);
    print_plain(&r->style);
}

static void and_more(struct report *r, size_t n, size_t shown)
{
    if (n <= shown)
        return;
    fputs("  and ", r->style.to);
    print_count(r->style.to, n - shown, "more\n", "more\n");
}

static void number(struct report *r, uint64_t n)
{
    char digits[GROUPED_SIZE];
    format_grouped(n, digits);
    fprintf(r->style.to, "%*s  ", COUNT_COLUMNS, digits);
}

static void print_span(FILE *to, int64_t first_ms, int64_t last_ms)
{
    if (first_ms == TIME_NONE)
        return;
    fputs(", ", to);
    print_time(to, first_ms);
    if (last_ms == first_ms)
        return;
    fputs(" to ", to);
    print_time(to, last_ms);
}

static size_t room_for(const struct report *r, size_t taken)
{
    return r->style.width == 0 ? 0 : r->style.width > taken + 20 ? r->style.width - taken : 20;
}

static void print_rule(struct report *r, const struct tally_rule *rule)
{
    FILE *to = r->style.to;
    fputs("  ", to);
    print_level(&r->style, rule->level);
    number(r, rule->count);
    print_text(to, rule->title, room_for(r, 21));
    fputs("\n                       ", to);
    print_dim(&r->style);
    print_count(to, rule->entities, "entity", "entities");
    print_span(to, rule->first_ms, rule->last_ms);
    fputs("; ", to);
    print_text(to, rule->id, 0);
    print_plain(&r->style);
    fputs("\n                       e.g. ", to);
    print_text(to, rule->example_label, 60);
    fputs(" (", to);
    print_text(to, rule->example_path, 0);
    fprintf(to, ":%llu)", (unsigned long long)rule->example_line);
    fputs("\n                       ", to);
    print_text(to, rule->example_reason, room_for(r, 23));
    fputc('\n', to);
}

static void print_rules(struct report *r)
{
    size_t n;
    const struct tally_rule *rule = tally_rules(r->tally, &n);
    heading(r, "Rules and indicators", "   level, findings, title");
    for (size_t i = 0; i < n && i < RULES_SHOWN; i++)
        print_rule(r, &rule[i]);
    and_more(r, n, RULES_SHOWN);
}

/* "Execution, Credential Access" */
static void print_tactics(FILE *to, uint64_t bits)
{
    const char *between = "";
    for (size_t i = 0; i < TACTIC_COUNT; i++)
        if (bits >> i & 1) {
            fprintf(to, "%s%s", between, tactic_name((enum tactic)i));
            between = ", ";
        }
}

static void print_entities(struct report *r)
{
    size_t n;
    const struct tally_entity *e = tally_entities(r->tally, &n);
    if (n == 0)
        return;
    heading(r, "Whom to look at first", "   worst level, findings, rules");
    for (size_t i = 0; i < n && i < ENTITIES_SHOWN; i++) {
        fputs("  ", r->style.to);
        print_level(&r->style, e[i].worst);
        number(r, e[i].count);
        fprintf(r->style.to, "%4llu  ", (unsigned long long)e[i].rules);
        print_column(r->style.to, e[i].key, 15);
        fputc(' ', r->style.to);
        print_column(r->style.to, e[i].value, 40);
        fputs("  ", r->style.to);
        print_dim(&r->style);
        print_tactics(r->style.to, e[i].tactics);
        print_plain(&r->style);
        fputc('\n', r->style.to);
    }
    and_more(r, n, ENTITIES_SHOWN);
}

static void print_techniques(struct report *r)
{
    size_t n;
    const struct tally_technique *t = tally_techniques(r->tally, &n);
    struct sbuf name;
    if (n == 0)
        return;
    sbuf_init(&name, 4096);
    heading(r, "ATT&CK techniques", "   worst level, findings, rules");
    for (size_t i = 0; i < n && i < TECHNIQUES_SHOWN; i++) {
        sbuf_clear(&name);
        technique_name(t[i].id, &name);
        fputs("  ", r->style.to);
        print_level(&r->style, t[i].worst);
        number(r, t[i].count);
        fprintf(r->style.to, "%4llu  ", (unsigned long long)t[i].rules);
        print_column(r->style.to, t[i].id, 10);
        fputs("  ", r->style.to);
        print_text(r->style.to, sbuf_str(&name), room_for(r, 37));
        fputc('\n', r->style.to);
    }
    and_more(r, n, TECHNIQUES_SHOWN);
    sbuf_done(&name);
}

static void end(struct report *r, const struct report_run *run)
{
    print_totals(r, run);
    if (tally_total(r->tally)) {
        print_rules(r);
        print_entities(r);
        print_techniques(r);
        fputc('\n', r->style.to);
    }
    print_trouble(r, run);
    print_next(r, run, false);
}

const struct report_ops report_summary = {
    .name = "summary",
    .wants_tally = true,
    .end = end,
};
