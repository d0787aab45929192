/* SPDX-License-Identifier: Apache-2.0 */
#include "event/attack.h"
#include "report/report_int.h"

#include <inttypes.h>

static void print_levels(struct report *r)
{
    const char *between = ": ";
    for (size_t l = LEVEL_COUNT; l-- > 0;) {
        char digits[GROUPED_SIZE];
        uint64_t n = tally_level(r->tally, (enum level)l);
        if (n == 0)
            continue;
        format_grouped(n, digits);
        fprintf(r->style.to, "%s%s %s", between, digits, level_name((enum level)l));
        between = ", ";
    }
}

/* Then what was found says little about the input. */
static bool mostly_rejected(const struct report_run *run)
{
    return run->stats->rejected > run->stats->events;
}

void print_totals(struct report *r, const struct report_run *run)
{
    FILE *to = r->style.to;
    print_bold(&r->style);
    if (tally_total(r->tally) == 0)
        fputs("Nothing found", to);
    else
        print_count(to, tally_total(r->tally), "finding", "findings");
    print_plain(&r->style);
    print_levels(r);
    fputs(" in ", to);
    print_count(to, run->stats->events, "event", "events");
    fputs(" from ", to);
    print_count(to, run->inputs, "input", "inputs");
    fprintf(to, ", %.1f s%s", run->stats->seconds, run->stopped ? ", stopped early" : "");
    if (run->rules_failed) {
        fputs("; ", to);
        print_count(to, run->rules_failed, "rule", "rules");
        fputs(" did not load", to);
    }
    if (mostly_rejected(run))
        fputs("; most records could not be parsed", to);
    fputc('\n', to);
}

static void print_notes(struct report *r, const struct notes *n)
{
    for (size_t i = 0; i < n->kept; i++) {
        fputs("  ", r->style.to);
        print_text(r->style.to, str_z(n->at[i].where), 0);
        fputs(": ", r->style.to);
        print_text(r->style.to, str_z(n->at[i].why), 0);
        fputc('\n', r->style.to);
    }
}

void print_trouble(struct report *r, const struct report_run *run)
{
    FILE *to = r->style.to;
    const struct detect_stats *s = run->stats;
    if (r->unread.count) {
        print_count(to, r->unread.count, "input", "inputs");
        fputs(" could not be read to the end:\n", to);
        print_notes(r, &r->unread);
    }
    if (s->rejected) {
        print_count(to, s->rejected, "record", "records");
        fprintf(to, " of %" PRIu64 " could not be parsed; the first:\n", s->read);
        print_notes(r, &r->rejects);
        if (mostly_rejected(run))
            fputs("  if the format was mistaken, give --format; if a file holds several, split "
                  "it\n",
                  to);
    }
    if (s->correlation.evicted) {
        fputs("Correlations forgot ", to);
        print_count(to, s->correlation.evicted, "group", "groups");
        fputs(" to stay inside --correlation-memory: some of their findings may be missing\n", to);
    }
    if (s->correlation.late) {
        print_count(to, s->correlation.late, "match", "matches");
        fprintf(to, " came too late to be correlated: give more %s\n", run->waiting_option);
    }
    if (s->dropped) {
        print_count(to, s->dropped, "value", "values");
        fputs(" left out because a limit was reached\n", to);
    }
    if (tally_others(r->tally)) {
        print_count(to, tally_others(r->tally), "finding", "findings");
        fputs(" counted above but not listed: there are too many kinds\n", to);
    }
}

static bool is_plain_word(str word)
{
    for (size_t i = 0; i < word.n; i++) {
        unsigned char c = (unsigned char)word.p[i];
        if ((c | 0x20u) - 'a' >= 26 && (c == 0 || !strchr("0123456789_./-:@%+=,", c)))
            return false;
    }
    return word.n != 0;
}

/* A word for a shell to read back, in single quotes unless it is plain. */
static void print_shell_word(FILE *to, str word)
{
    if (is_plain_word(word)) {
        print_text(to, word, 0);
        return;
    }
    fputc('\'', to);
    while (word.n) {
        str part = str_cut(&word, '\'');
        print_text(to, part, 0);
        if (word.p)
            fputs("'\\''", to);
    }
    fputc('\'', to);
}

void print_worst(struct report *r)
{
    size_t n;
    const struct tally_entity *e = tally_entities(r->tally, &n);
    for (size_t i = 0; i < n && i < 3; i++) {
        fputs(i ? ", " : "Look first at ", r->style.to);
        print_text(r->style.to, e[i].key, 40);
        fputc(' ', r->style.to);
        print_text(r->style.to, e[i].value, 60);
        fputs(" (", r->style.to);
        print_count(r->style.to, e[i].rules, "kind", "kinds");
        fprintf(r->style.to, ", up to %s)", level_name(e[i].worst));
    }
    if (n)
        fputc('\n', r->style.to);
}

void print_next(struct report *r, const struct report_run *run, bool from_table)
{
    size_t n;
    const struct tally_rule *rule = tally_rules(r->tally, &n);
    if (n == 0)
        return;
    fputs("\nNext:\n", r->style.to);
    if (from_table)
        fputs("  add '--output summary' for the same by rule, entity and technique, or\n"
              "  '--output html >report.html' for a page\n",
              r->style.to);
    if (rule->kind != FINDING_RULE || !run->rules_path)
        return;
    fputs("  ", r->style.to);
    print_shell_word(r->style.to, str_z(run->program));
    fputs(" rules explain --rules ", r->style.to);
    print_shell_word(r->style.to, str_z(run->rules_path));
    fputs(" --rule ", r->style.to);
    print_shell_word(r->style.to, rule->id);
    if (rule->example_line)
        fprintf(r->style.to, " --line %" PRIu64, rule->example_line);
    fputc(' ', r->style.to);
    print_shell_word(r->style.to, rule->example_path);
    fputs("\n      shows why the first of them fired\n", r->style.to);
}

void technique_name(str id, struct sbuf *out)
{
    const struct technique *t = technique_find(id), *parent = technique_parent(id);
    if (t && parent)
        sbuf_addf(out, "%s: ", parent->name);
    if (t)
        sbuf_addz(out, t->name);
}
