/* SPDX-License-Identifier: Apache-2.0 */
/* How well people are known: MEU-Mobile's typing, Balabit's mice. */
#include "base/mem.h"
#include "dynamics/dynamics.h"
#include "tests/public_data.h"

#include <math.h>

enum {
    PEOPLE = 28,
    ROWS = 51,
    ENROL = ROWS / 2,
    COLUMNS = 71,
    TIMINGS = 40,
    SESSIONS = 64,
    MOVES = 8000,
    EVENTS = 1 << 18,
    BLOCK = 100,
    SCORES = 400000
};

/* ---- figures: a score is a distance; the person's own are the lower ---- */

struct scores {
    double *own, *others;
    size_t owns, other;
};

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Where as large a part of the person's own is refused as of the others' is let in.  The limit goes up from own to own score: the
 * part let in grows on the way, the part refused falls with the step. */
static double equal_error_rate(struct scores *s)
{
    size_t in = 0;
    qsort(s->own, s->owns, sizeof *s->own, by_value);
    qsort(s->others, s->other, sizeof *s->others, by_value);
    for (size_t i = 0; i < s->owns; i++) {
        while (in < s->other && s->others[in] <= s->own[i])
            in++;
        double let_in = (double)in / (double)s->other;
        double refused = 1 - (double)i / (double)s->owns;
        if (let_in >= refused)
            return refused;
        if (let_in >= refused - 1 / (double)s->owns)
            return let_in;
    }
    return 1;
}

static double area(const struct scores *s)
{
    double above = 0;
    for (size_t i = 0; i < s->owns; i++)
        for (size_t k = 0; k < s->other; k++)
            above += s->others[k] > s->own[i] ? 1 : s->others[k] == s->own[i] ? 0.5 : 0;
    return above / ((double)s->owns * (double)s->other);
}

/* ---- typing ---- */

struct typed {
    int person[PEOPLE * ROWS];
    float x[PEOPLE * ROWS][COLUMNS];
    size_t n;
};

static void read_typed(str text, struct typed *t)
{
    (void)str_cut(&text, '\n');
    while (text.n) {
        str line = str_cut(&text, '\n');
        int64_t person;
        assert_true(str_to_i64(str_cut(&line, ','), &person) && t->n < PEOPLE * ROWS);
        t->person[t->n] = (int)person;
        for (size_t c = 0; c < COLUMNS; c++) {
            double v;
            assert_true(str_to_f64(str_trim(str_cut(&line, ',')), &v));
            t->x[t->n][c] = (float)v;
        }
        t->n++;
    }
}

static double typing_error(const struct typed *t, size_t columns)
{
    double sum = 0;
    size_t people = 0;
    float *x = mem_array(float, ENROL *columns);
    struct scores s = {mem_array(double, PEOPLE *ROWS), mem_array(double, PEOPLE *ROWS), 0, 0};
    for (size_t first = 0; first < t->n; first += ROWS, people++) {
        struct keystroke_template k;
        for (size_t i = 0; i < ENROL; i++)
            memcpy(x + i * columns, t->x[first + i], columns * sizeof *x);
        assert_int_equal(keystroke_fit(x, ENROL, columns, &k, NULL), ST_OK);
        s.owns = s.other = 0;
        for (size_t i = 0; i < t->n; i++) {
            double d = keystroke_distance(&k, t->x[i]);
            if (t->person[i] != t->person[first])
                s.others[s.other++] = d;
            else if (i >= first + ENROL)
                s.own[s.owns++] = d;
        }
        sum += equal_error_rate(&s);
        keystroke_done(&k);
    }
    mem_free(x);
    mem_free(s.own);
    mem_free(s.others);
    return sum / (double)people;
}

static void people_are_known_by_their_typing(void **state)
{
    struct sbuf text;
    if (!test_data_dir())
        SKIP_BECAUSE("BGUARD_DATA is not set");
    struct typed *t = mem_new(struct typed);
    read_typed(unpacked(test_data_dir(), "keystroke/meu_mobile_users_01_28.csv.gz", &text), t);
    assert_int_equal(t->n, PEOPLE * ROWS);
    double timings = typing_error(t, TIMINGS), all = typing_error(t, COLUMNS);
    print_message("typing: equal error rate %.2f %% by timings, %.2f %% with pressures and sizes\n",
                  100 * timings, 100 * all);
    assert_true(timings < 0.10 && all < 0.07);
    sbuf_done(&text);
    mem_free(t);
}

/* ---- mice ---- */

struct session {
    char person[16];
    struct mouse_movement *m;
    size_t n;
};

static enum mouse_what what_of(str state)
{
    static const char *const name[] = {"Move", "Drag", "Pressed", "Released"};
    for (size_t i = 0; i < COUNT(name); i++)
        if (str_eq(state, str_z(name[i])))
            return (enum mouse_what)i;
    return MOUSE_OTHER;
}

/* record timestamp, client timestamp, button, state, x, y */
static size_t read_events(str text, struct mouse_event *e)
{
    size_t n = 0;
    (void)str_cut(&text, '\n');
    while (text.n && n < EVENTS) {
        str line = str_cut(&text, '\n');
        double x = NAN, y = NAN;
        (void)str_cut(&line, ',');
        str seconds = str_cut(&line, ',');
        (void)str_cut(&line, ',');
        e[n] = (struct mouse_event){.what = (uint8_t)what_of(str_cut(&line, ','))};
        if (str_to_f64(seconds, &e[n].seconds) && str_to_f64(str_cut(&line, ','), &x) &&
            str_to_f64(str_trim(line), &y) && x < 5000 && y < 5000) { /* 65535: not known */
            e[n].x = (float)x;
            e[n++].y = (float)y;
        }
    }
    return n;
}

static size_t read_sessions(str tar, struct session *s)
{
    struct tar_file file;
    struct mouse_event *e = mem_array(struct mouse_event, EVENTS);
    size_t n = 0;
    while (n < SESSIONS && next_file(&tar, &file)) {
        str name = file.name;
        while (name.n && !str_starts(name, STR("user")))
            (void)str_cut(&name, '/');
        str person = str_cut(&name, '/');
        snprintf(s[n].person, sizeof s[n].person, STR_FMT, STR_ARG(person));
        s[n].m = mem_array(struct mouse_movement, MOVES);
        s[n].n = mouse_movements(e, read_events(file.bytes, e), s[n].m, MOVES);
        n++;
    }
    mem_free(e);
    return n;
}

/* Of all sessions of a person but one; false: there is none. */
static bool enrol(const struct session *s, size_t n, size_t without, struct mouse_template *t)
{
    struct mouse_movement *m = mem_array(struct mouse_movement, n * MOVES);
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (i != without && strcmp(s[i].person, s[without].person) == 0) {
            memcpy(m + k, s[i].m, s[i].n * sizeof *m);
            k += s[i].n;
        }
    bool ok = k && mouse_fit(m, k, t, NULL) == ST_OK;
    mem_free(m);
    return ok;
}

static void put_session(struct scores *out, const struct mouse_template *t, const struct session *s,
                        size_t block, bool own)
{
    size_t size = block ? block : s->n;
    for (size_t i = 0; i + size <= s->n; i += size) {
        double d = mouse_score(t, mouse_distance(t, s->m + i, size), size);
        *(own ? &out->own[out->owns++] : &out->others[out->other++]) = d;
    }
}

/* block 0: whole sessions.  All scores together, as one threshold for everybody would see them. */
static void judge_mice(const struct session *s, size_t n, size_t block, double *auc, double *eer)
{
    struct scores out = {mem_array(double, SCORES), mem_array(double, SCORES), 0, 0};
    struct mouse_template t;
    for (size_t i = 0; i < n; i++) {
        if (!enrol(s, n, i, &t))
            continue;
        for (size_t k = 0; k < n; k++)
            if (k == i || strcmp(s[k].person, s[i].person) != 0)
                put_session(&out, &t, &s[k], block, k == i);
    }
    *auc = area(&out);
    *eer = equal_error_rate(&out);
    mem_free(out.own);
    mem_free(out.others);
}

static void people_are_known_by_their_mouse(void **state)
{
    struct session s[SESSIONS] = {0};
    struct sbuf tar;
    double auc, eer;
    if (!test_data_dir())
        SKIP_BECAUSE("BGUARD_DATA is not set");
    size_t n = read_sessions(unpacked(test_data_dir(), "balabit/training.tar.xz", &tar), s);
    assert_int_equal(n, 22);
    judge_mice(s, n, 0, &auc, &eer);
    print_message("mice, whole sessions: area %.3f, equal error rate %.1f %%\n", auc, 100 * eer);
    assert_true(auc > 0.9 && eer < 0.17);
    judge_mice(s, n, BLOCK, &auc, &eer);
    print_message("mice, %d movements: area %.3f, equal error rate %.1f %%\n", BLOCK, auc,
                  100 * eer);
    assert_true(auc > 0.84 && eer < 0.24);
    for (size_t i = 0; i < n; i++)
        mem_free(s[i].m);
    sbuf_done(&tar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_are_known_by_their_typing),
        cmocka_unit_test(people_are_known_by_their_mouse),
    };
    return cmocka_run_group_tests_name("dynamics_data", tests, NULL, NULL);
}
