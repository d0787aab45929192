/* SPDX-License-Identifier: Apache-2.0 */
/* One session a line, its events separated by white space or commas.  Below a folder or in an archive, a path that says "attack",
 * or "normal", "training" or "validation" (as ADFA-LD's do), says what its sessions are, and the folder of an attack says of what
 * kind it is. */
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

/* What a path below what was named says of its sessions. */
struct place {
    str folders; /* all of the path but the file */
    str kind; /* the last of them, without the number that tells it from others of its kind: "Adduser_1" is Adduser */
    bool one_of_many; /* there was such a number */
};

static struct place place_of(str path)
{
    struct place p = {0};
    str rest = path, folder = STR("");
    for (str part = str_cut(&rest, '/'); rest.p; part = str_cut(&rest, '/'))
        folder = part;
    p.folders = folder.n ? str_head(path, (size_t)(folder.p - path.p) + folder.n) : folder;
    size_t n = folder.n;
    while (n > 0 && folder.p[n - 1] >= '0' && folder.p[n - 1] <= '9')
        n--;
    p.one_of_many = n > 1 && n < folder.n && folder.p[n - 1] == '_';
    p.kind = p.one_of_many ? str_head(folder, n - 1) : folder;
    return p;
}

/* The end of a path that is too long tells folders apart better than its beginning. */
static str group_of(str folders, uint8_t label, char group[DATASET_GROUP_MAX])
{
    size_t n = folders.n < DATASET_GROUP_MAX - 1 ? folders.n : DATASET_GROUP_MAX - 1;
    group[0] = (char)label;
    memcpy(group + 1, folders.p + (folders.n - n), n);
    return (str){group, n + 1};
}

/* Sessions of a folder that is one of many of its kind were recorded together, and stay together. */
static struct row_truth truth_of(const struct reading *r, char group[DATASET_GROUP_MAX])
{
    str path = r->member;
    struct row_truth t = {.label = LABEL_NONE, .time_ms = TIME_NONE};
    struct place p = place_of(path);
    if (str_icontains(path, STR("attack")))
        t.label = LABEL_ATTACK;
    else if (str_icontains(path, STR("normal")) || str_icontains(path, STR("training")) ||
             str_icontains(path, STR("validation")))
        t.label = LABEL_NORMAL;
    if (r->o->label >= 0)
        t.label = (uint8_t)r->o->label;
    if (t.label == LABEL_ATTACK)
        t.klass = p.kind;
    if (p.one_of_many)
        t.group = group_of(p.folders, t.label, group);
    return t;
}

static status read_lines(struct reading *r, struct session *s)
{
    char group[DATASET_GROUP_MAX];
    struct row_truth truth = truth_of(r, group);
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
    status st = text_not_zeek(r);
    if (st == ST_OK)
        st = read_lines(r, &s);
    vec_done(&s.event);
    return st;
}
