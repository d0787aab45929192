/* SPDX-License-Identifier: Apache-2.0 */
/* Linux audit logs: lines with the same stamp that follow each other are one event (audit.h).
 * When lines of two events are mixed, which the kernel does now and then, more events come of
 * them, with the same id. */
#include "parse/audit.h"
#include "parse/line.h"

static bool same_event(const struct audit_line *a, const struct audit_line *b)
{
    return str_eq(a->stamp, b->stamp) && str_eq(a->node, b->node);
}

static bool auditd_joins(str line, str next)
{
    struct audit_line a, b;
    return audit_cut(line, 0, &a) && audit_cut(next, 0, &b) && same_event(&a, &b);
}

/* What ausearch puts between events. */
static bool is_separator(str line)
{
    return str_starts(line, STR("----")) || str_starts(line, STR("time->"));
}

static void end_event(struct parse *p, struct audit *a)
{
    if (!p->event)
        return;
    audit_end(p, a);
    parse_keep(p);
}

/* Every line is a record that is read; those kept make up fewer events. */
static void take_line(struct parse *p, struct audit *a, str line)
{
    size_t most = p->limits->record_bytes;
    struct audit_line l;
    p->batch->read++;
    if (line.n > most || !audit_cut(line, p->stream->now_ms, &l)) {
        end_event(p, a);
        (void)(line.n > most
                   ? parse_refuse(p, "longer than %zu bytes: %zu", most, line.n)
                   : parse_refuse(p, "no audit record: '%.*s'", (int)str_head(line, 60).n, line.p));
        parse_drop(p);
        return;
    }
    if (p->event && !(str_eq(l.stamp, a->stamp) && str_eq(l.node, a->node)))
        end_event(p, a);
    if (!p->event)
        audit_begin(p, a, line, &l);
    audit_add(p, a, line, &l);
}

static void auditd_run(struct parse *p)
{
    str rest = {p->batch->bytes, p->batch->n}, line;
    struct audit *a = p->state;
    for (; line_next(&rest, &line); p->line++)
        if (str_trim(line).n && !is_separator(line))
            take_line(p, a, line);
        else
            end_event(p, a); /* as the reader, which may cut the stream here, has it */
    end_event(p, a);
}

static bool is_audit(str line)
{
    struct audit_line l;
    return audit_cut(line, 0, &l) || is_separator(line);
}

static int auditd_sniff(str head)
{
    return line_share(head, is_audit) * 95 / 100;
}

const struct parse_ops parse_auditd = {
    .name = "auditd",
    .sniff = auditd_sniff,
    .run = auditd_run,
    .joins = auditd_joins,
    .state_size = sizeof(struct audit),
};
