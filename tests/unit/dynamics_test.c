/* SPDX-License-Identifier: Apache-2.0 */
/* Templates of made-up people: what they are, what they refuse, how they travel. */
#include "base/mem.h"
#include "base/random.h"
#include "dynamics/dynamics.h"
#include "tests/test.h"

#include <math.h>

enum { ROWS = 25, COLUMNS = 12, EVENTS = 40000, MOVES = 2000 };

/* A person types each key at a pace of their own. */
static void type(struct random *r, unsigned person, size_t rows, float *x)
{
    struct random own;
    double pace[COLUMNS];
    random_init(&own, 99, person);
    for (size_t c = 0; c < COLUMNS; c++)
        pace[c] = 60 + 200 * random_01(&own);
    for (size_t i = 0; i < rows; i++)
        for (size_t c = 0; c < COLUMNS; c++)
            x[i * COLUMNS + c] = (float)(pace[c] * exp(0.2 * random_normal(r)));
}

static struct keystroke_template enrolled(struct random *r, unsigned person)
{
    float x[ROWS * COLUMNS];
    struct keystroke_template t;
    type(r, person, ROWS, x);
    assert_int_equal(keystroke_fit(x, ROWS, COLUMNS, &t, NULL), ST_OK);
    return t;
}

static void knows_a_person_by_the_typing(void **state)
{
    struct random r;
    random_init(&r, 1, 0);
    struct keystroke_template t = enrolled(&r, 1);
    float x[200 * COLUMNS];
    size_t refused = 0, let_in = 0;
    type(&r, 1, 200, x);
    for (size_t i = 0; i < 200; i++)
        refused += keystroke_score(&t, keystroke_distance(&t, x + i * COLUMNS)) > 0.5;
    type(&r, 2, 200, x);
    for (size_t i = 0; i < 200; i++)
        let_in += keystroke_score(&t, keystroke_distance(&t, x + i * COLUMNS)) < 0.5;
    assert_true(refused <= 20);
    assert_true(let_in <= 4);
    keystroke_done(&t);
}

static void units_of_a_column_cancel(void **state)
{
    struct random r;
    float x[ROWS * COLUMNS], y[ROWS * COLUMNS];
    struct keystroke_template a, b;
    random_init(&r, 2, 0);
    type(&r, 1, ROWS, x);
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        y[i] = x[i] / 1000;
    assert_int_equal(keystroke_fit(x, ROWS, COLUMNS, &a, NULL), ST_OK);
    assert_int_equal(keystroke_fit(y, ROWS, COLUMNS, &b, NULL), ST_OK);
    for (size_t i = 0; i < ROWS; i++)
        assert_true(fabs(keystroke_distance(&a, x + i * COLUMNS) -
                         keystroke_distance(&b, y + i * COLUMNS)) < 1e-3);
    keystroke_done(&a);
    keystroke_done(&b);
}

static void one_hesitation_is_not_another_person(void **state)
{
    struct random r;
    random_init(&r, 3, 0);
    struct keystroke_template t = enrolled(&r, 1);
    float row[COLUMNS], each[COLUMNS];
    type(&r, 1, 1, row);
    double before = keystroke_distance(&t, row);
    row[4] = 60000;
    assert_true(keystroke_distance(&t, row) <= before + KEYSTROKE_DISTANCE_MAX / COLUMNS);
    keystroke_each(&t, row, each);
    assert_true(each[4] == (float)KEYSTROKE_DISTANCE_MAX);
    keystroke_done(&t);
}

static void does_without_what_is_not_known(void **state)
{
    struct random r;
    float x[ROWS * COLUMNS], each[COLUMNS];
    struct keystroke_template t;
    random_init(&r, 4, 0);
    type(&r, 1, ROWS, x);
    for (size_t i = 0; i < ROWS; i++)
        x[i * COLUMNS + 3] = i ? NAN : 5; /* one value: none */
    x[7] = INFINITY;
    assert_int_equal(keystroke_fit(x, ROWS, COLUMNS, &t, NULL), ST_OK);
    assert_true(t.spread[3] == 0 && t.spread[7] > 0);
    keystroke_each(&t, x, each);
    assert_true(isnan(each[3]) && isnan(each[7]) && each[0] >= 0);
    for (size_t c = 0; c < COLUMNS; c++)
        x[c] = NAN;
    assert_true(keystroke_distance(&t, x) == KEYSTROKE_DISTANCE_MAX);
    keystroke_done(&t);
}

static void refuses_what_nobody_can_be_known_by(void **state)
{
    struct error err;
    struct keystroke_template t;
    float x[KEYSTROKE_ROWS_MIN * 2] = {1, 2, 3, 4, 5, 6, 7, 8}, nothing[8];
    for (size_t i = 0; i < 8; i++)
        nothing[i] = NAN;
    assert_int_equal(keystroke_fit(x, KEYSTROKE_ROWS_MIN - 1, 2, &t, &err), ST_INVALID);
    assert_int_equal(keystroke_fit(x, KEYSTROKE_ROWS_MIN, 0, &t, &err), ST_INVALID);
    assert_int_equal(keystroke_fit(nothing, KEYSTROKE_ROWS_MIN, 2, &t, &err), ST_INVALID);
    assert_int_equal(keystroke_fit(x, KEYSTROKE_ROWS_MIN, KEYSTROKE_COLUMNS_MAX + 1, &t, &err),
                     ST_LIMIT);
    assert_int_equal(keystroke_fit(x, KEYSTROKE_ROWS_MIN, 2, &t, &err), ST_OK);
    keystroke_done(&t);
}

/* ---- the mouse ---- */

/* Arcs of a curvature and speed that are the person's, with clicks between them. */
static size_t draw(struct random *r, unsigned person, struct mouse_event *e, size_t n)
{
    double seconds = 1, x = 500, y = 500, bend = person * 0.06, speed = 12 + person * 9;
    for (size_t i = 0; i < n;) {
        double direction = 6.28 * random_01(r), size = speed * exp(0.3 * random_normal(r));
        size_t steps = 10 + random_below(r, 20);
        for (size_t k = 0; k < steps && i < n; k++, i++) {
            direction += bend + 0.05 * random_normal(r);
            seconds += 0.015;
            x += size * cos(direction);
            y += size * sin(direction);
            e[i] = (struct mouse_event){seconds, (float)x, (float)y, MOUSE_MOVE};
        }
        if (i < n)
            e[i++] = (struct mouse_event){seconds += 0.2, (float)x, (float)y, MOUSE_PRESS};
        x = y = 500;
    }
    return n;
}

static size_t moves_of(struct random *r, unsigned person, struct mouse_movement *m)
{
    struct mouse_event *e = mem_array(struct mouse_event, EVENTS);
    size_t n = mouse_movements(e, draw(r, person, e, EVENTS), m, MOVES);
    mem_free(e);
    return n;
}

static void knows_a_person_by_the_mouse(void **state)
{
    struct random r;
    struct mouse_template t;
    struct mouse_movement *m = mem_array(struct mouse_movement, MOVES);
    random_init(&r, 5, 0);
    size_t n = moves_of(&r, 1, m);
    assert_true(n > 1000);
    assert_int_equal(mouse_fit(m, n, &t, NULL), ST_OK);
    n = moves_of(&r, 1, m);
    for (size_t i = 0; i + 100 <= n; i += 100)
        assert_true(mouse_score(&t, mouse_distance(&t, m + i, 100), 100) < 0.8);
    n = moves_of(&r, 2, m);
    for (size_t i = 0; i + 100 <= n; i += 100)
        assert_true(mouse_score(&t, mouse_distance(&t, m + i, 100), 100) > 0.9);
    double few = mouse_score(&t, mouse_distance(&t, m, 5), 5); /* says next to nothing */
    assert_true(few > 0.45 && few < 0.55);
    assert_int_equal(mouse_fit(m, MOUSE_ENROL_MIN - 1, &t, NULL), ST_INVALID);
    mem_free(m);
}

static void tells_movements_apart(void **state)
{
    struct mouse_event e[] = {
        {0.00, 0, 0, MOUSE_MOVE},    {0.01, 3, 0, MOUSE_MOVE},         {0.02, 6, 0, MOUSE_MOVE},
        {0.02, 9, 0, MOUSE_MOVE},    {0.015, 5, 5, MOUSE_MOVE},        {NAN, 5, 5, MOUSE_MOVE},
        {0.03, 1e9f, 0, MOUSE_MOVE}, {0.03, 10, 0, MOUSE_MOVE},        {0.04, 10, 0, MOUSE_PRESS},
        {0.05, 10, 5, MOUSE_DRAG},   {0.06, 10, 9, MOUSE_DRAG},        {0.07, 10, 9, MOUSE_RELEASE},
        {2.00, 0, 0, MOUSE_MOVE},    {2.01, 0, 3, MOUSE_MOVE},         {2.02, 4, 3, MOUSE_MOVE},
        {2.03, 4, 0, MOUSE_MOVE},    {9.00, 4, 0, MOUSE_MOVE},         {9.01, 4, 0, MOUSE_MOVE},
        {9.02, 4, 0, MOUSE_MOVE},    {9.03, 4, 0, (uint8_t)MOUSE_MOVE}};
    struct mouse_movement m[8];
    assert_int_equal(mouse_movements(e, COUNT(e), m, 8), 2); /* the last went nowhere */
    assert_true(m[0].at[MOUSE_PATH] == 10 && m[0].at[MOUSE_STRAIGHT] == 1);
    assert_true(m[1].at[MOUSE_PATH] == 10 && m[1].at[MOUSE_STRAIGHT] < 0.5f);
    assert_true(m[1].at[MOUSE_BULGE] > 2.9f);
    assert_int_equal(mouse_movements(e, COUNT(e), m, 1), 1);
    assert_int_equal(mouse_movements(e, 0, m, 8), 0);
    assert_string_equal(mouse_feature_info[MOUSE_PATH].name, "path");
}

/* ---- bytes ---- */

static void come_back_from_their_bytes(void **state)
{
    struct random r;
    struct sbuf a, b, keys;
    struct keystroke_template k, again;
    struct mouse_template mouse, other;
    struct mouse_movement *m = mem_array(struct mouse_movement, MOVES);
    random_init(&r, 6, 0);
    sbuf_init(&a, 1 << 20);
    sbuf_init(&b, 1 << 20);
    sbuf_init(&keys, 1 << 20);
    k = enrolled(&r, 3);
    keystroke_write(&k, &keys);
    assert_int_equal(keystroke_read(sbuf_str(&keys), &again, NULL), ST_OK);
    keystroke_write(&again, &a);
    assert_true(str_eq(sbuf_str(&keys), sbuf_str(&a)));
    assert_int_equal(mouse_fit(m, moves_of(&r, 1, m), &mouse, NULL), ST_OK);
    sbuf_clear(&a);
    mouse_write(&mouse, &a);
    assert_int_equal(mouse_read(sbuf_str(&a), &other, NULL), ST_OK);
    mouse_write(&other, &b);
    assert_true(str_eq(sbuf_str(&a), sbuf_str(&b)));
    keystroke_done(&again);
    for (size_t i = 0; i < keys.n; i++) { /* any bit that is wrong, any end that is missing */
        keys.p[i] ^= 16;
        assert_int_equal(keystroke_read(sbuf_str(&keys), &again, NULL), ST_INVALID);
        keys.p[i] ^= 16;
        assert_int_equal(keystroke_read(str_head(sbuf_str(&keys), i), &again, NULL), ST_INVALID);
    }
    for (size_t i = 0; i < a.n; i++) {
        a.p[i] ^= 16;
        assert_int_equal(mouse_read(sbuf_str(&a), &other, NULL), ST_INVALID);
        a.p[i] ^= 16;
        assert_int_equal(mouse_read(str_head(sbuf_str(&a), i), &other, NULL), ST_INVALID);
    }
    keystroke_done(&k);
    sbuf_done(&a);
    sbuf_done(&b);
    sbuf_done(&keys);
    mem_free(m);
}

/* ---- a session ---- */

static void trust_follows_the_scores(void **state)
{
    struct dynamics_trust t = {0};
    assert_true(dynamics_trust(&t, 0.2) == 1);
    for (int i = 0; i < 8; i++)
        (void)dynamics_trust(&t, 1);
    assert_true(dynamics_trust(&t, NAN) < 0.3);
    for (int i = 0; i < 40; i++)
        (void)dynamics_trust(&t, 0);
    assert_true(dynamics_trust(&t, 0) == 1);
    for (int i = 0; i < 400; i++) /* wrong one time in ten, as everybody is */
        assert_true(dynamics_trust(&t, i % 10 ? 0.2 : 0.9) > 0.8);
    for (int i = 0; i < 100; i++)
        (void)dynamics_trust(&t,
                             i % 3 ? 0.9 : 0.2); /* a stranger that is alike one time in three */
    assert_true(dynamics_trust(&t, 0.9) < 0.3);
    assert_int_equal(t.seen, 1 + 8 + 41 + 400 + 101);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_a_person_by_the_typing),
        cmocka_unit_test(units_of_a_column_cancel),
        cmocka_unit_test(one_hesitation_is_not_another_person),
        cmocka_unit_test(does_without_what_is_not_known),
        cmocka_unit_test(refuses_what_nobody_can_be_known_by),
        cmocka_unit_test(knows_a_person_by_the_mouse),
        cmocka_unit_test(tells_movements_apart),
        cmocka_unit_test(come_back_from_their_bytes),
        cmocka_unit_test(trust_follows_the_scores),
    };
    return cmocka_run_group_tests_name("dynamics", tests, NULL, NULL);
}
