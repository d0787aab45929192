/* SPDX-License-Identifier: Apache-2.0 */
/* One session a line, its events separated by white space or commas.  Below a folder or in an archive, a path that says "attack",
 * or "normal", "training" or "validation" (as ADFA-LD's do), says what its sessions are. */
#include "dataset/dataset_int.h"

struct session {
    VEC(uint32_t) event;
};

static bool is_gap(char c)
{
    return c == ' ' || c == '\t' || c == ',' || c == '\r';
}

static str next_name(str *line)
{
    size_t n = 0;
    while (line->n && is_gap(line->p[0]))
        *line = str_from(*line, 1);
    while (n < line->n && !is_gap(line->p[n]))
        n++;
    str name = str_head(*line, n);
    *line = str_from(*line, n);
    return name;
}

static status read_line(struct reading *r, struct session *s, str line)
{
    s->event.n = 0;
    for (;;) {
        str name = next_name(&line);
        if (name.n == 0)
            return ST_OK;
        status st = event_number(r, name, vec_push(&s->event));
        if (st != ST_OK)
            return st;
    }
}

/* The folder, without the number that tells it from others of its kind: "Adduser_1" is Adduser. */
static str kind_of(str path)
{
    str folder = {0};
    for (str part = str_cut(&path, '/'); path.p; part = str_cut(&path, '/'))
        folder = part;
    size_t n = folder.n;
    while (n > 0 && folder.p[n - 1] >= '0' && folder.p[n - 1] <= '9')
        n--;
    return n > 1 && n < folder.n && folder.p[n - 1] == '_' ? str_head(folder, n - 1) : folder;
}

static struct row_truth truth_of(str path)
{
    struct row_truth t = {.label = LABEL_NONE, .time_ms = TIME_NONE};
    if (str_icontains(path, STR("attack"))) {
        t.label = LABEL_ATTACK;
        t.klass = kind_of(path);
    } else if (str_icontains(path, STR("normal")) || str_icontains(path, STR("training")) ||
               str_icontains(path, STR("validation"))) {
        t.label = LABEL_NORMAL;
    }
    return t;
}

static status read_lines(struct reading *r, struct session *s)
{
    struct row_truth truth = truth_of(r->member);
    str rest = r->text;
    for (uint64_t number = 1; rest.n; number++) {
        str line = str_cut(&rest, '\n');
        if (line.n > DATASET_LINE_MAX) {
            row_reject(r, number, "the line is too long");
            continue;
        }
        status st = read_line(r, s, line);
        if (st == ST_OK && s->event.n == 0)
            continue;
        if (st == ST_OK)
            st = row_add_events(r, s->event.at, s->event.n, &truth);
        if (st != ST_OK)
            return st;
        row_progress(r, r->text.n - rest.n);
    }
    return ST_OK;
}

status read_sequence(struct reading *r)
{
    struct session s = {0};
    status st = read_lines(r, &s);
    vec_done(&s.event);
    return st;
}
