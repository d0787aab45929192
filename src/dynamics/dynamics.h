/* SPDX-License-Identifier: Apache-2.0 */
/* dynamics.h - who types, and who moves the mouse?  By how it is done, not by what.
 *
 * A template is learned from a person's own rows or movements (enrol), is a few kilobytes, and is compared with what
 * comes later (verify): distance, then a score.  A trust goes down and up with the scores of a session
 * (watch).  Pure functions: nothing is kept but the template. */
#ifndef DYNAMICS_DYNAMICS_H
#define DYNAMICS_DYNAMICS_H

#include "base/sbuf.h"
#include "base/status.h"

#include <stdint.h>

/* ---- keys ----
 *
 * A row is one typing of the same text, or of the same keys: how long each was held, how long from one to the
 * next, its pressure and size where the device says; in any unit, as each column is compared with itself only.  The
 * method is in keystroke.c. */

enum { KEYSTROKE_ROWS_MIN = 4, KEYSTROKE_ROWS_MAX = 1 << 20, KEYSTROKE_COLUMNS_MAX = 4096 };
#define KEYSTROKE_DISTANCE_MAX 3.0

struct keystroke_template {
    uint32_t rows, columns;
    float *centre,
        *spread; /* (columns) each, owned, one allocation; spread 0: the column does not count */
    float usual, deviation; /* of the distance of the person's own rows */
};
/* From x (n, d) row-major; NaN: not known.  ST_INVALID: too few rows, or no column has four values; ST_LIMIT: too many. */
CHECKED status keystroke_fit(const float *x, size_t n, size_t d, struct keystroke_template *out,
                             struct error *err);
void keystroke_done(struct keystroke_template *t); /* safe when zeroed */
/* 0 … KEYSTROKE_DISTANCE_MAX; row (t->columns).  Of a row without a known column: the largest. */
double keystroke_distance(const struct keystroke_template *t, const float *row);
/* 0 … 1: how sure it is that somebody else typed; 0.5 is two deviations past the person's usual distance. */
double keystroke_score(const struct keystroke_template *t, double distance);
/* What each column adds, out (t->columns), 0 … KEYSTROKE_DISTANCE_MAX, NaN: nothing. */
void keystroke_each(const struct keystroke_template *t, const float *row, float *out);
/* As bytes, and back.  ST_INVALID: no template, or damaged. */
void keystroke_write(const struct keystroke_template *t, struct sbuf *out);
CHECKED status keystroke_read(str bytes, struct keystroke_template *out, struct error *err);

/* ---- mouse ---- */

enum mouse_what { MOUSE_MOVE, MOUSE_DRAG, MOUSE_PRESS, MOUSE_RELEASE, MOUSE_OTHER };
struct mouse_event {
    double seconds; /* of any clock that does not go back */
    float x, y;     /* pixels */
    uint8_t what;   /* enum mouse_what */
};
enum mouse_feature {
#define X(NAME, name, doc) MOUSE_##NAME,
#include "dynamics/mouse.def"
    MOUSE_FEATURES
};
struct mouse_feature_info {
    const char *name, *doc;
};
extern const struct mouse_feature_info mouse_feature_info[MOUSE_FEATURES];
struct mouse_movement {
    float at[MOUSE_FEATURES]; /* all finite */
};
/* The movements of n events in order, the first `max` of them; a movement ends with a button, a drag, or half a second of rest.
 * Returns how many there are in `out`.  Events that can not be (not finite, back in time, a million pixels off) are
 * left out. */
size_t mouse_movements(const struct mouse_event *e, size_t n, struct mouse_movement *out,
                       size_t max);

enum { MOUSE_BINS = 10, MOUSE_ENROL_MIN = 200 };
struct mouse_template { /* by value */
    uint32_t movements;
    float edge[MOUSE_FEATURES]
              [MOUSE_BINS - 1]; /* ascending; bin i: below edge[i], not below edge[i - 1] */
    float part[MOUSE_FEATURES][MOUSE_BINS]; /* of the person's movements; sums to 1 */
    float usual, deviation; /* of the distance of 100 of the person's own movements */
};
/* ST_INVALID: fewer than MOUSE_ENROL_MIN. */
CHECKED status mouse_fit(const struct mouse_movement *m, size_t n, struct mouse_template *out,
                         struct error *err);
/* How differently n movements are distributed, 0 … 1.5; from 30 on it says something, from 100 on much. */
double mouse_distance(const struct mouse_template *t, const struct mouse_movement *m, size_t n);
/* 0 … 1, as keystroke_score; drawn to 0.5 while there are few movements. */
double mouse_score(const struct mouse_template *t, double distance, size_t n);
void mouse_write(const struct mouse_template *t, struct sbuf *out);
CHECKED status mouse_read(str bytes, struct mouse_template *out, struct error *err);

/* ---- a session ----
 *
 * The trust model of Bours ("Continuous keystroke dynamics", Information Security Technical Report 2012): each score below
 * 0.5 gives some trust back, each above takes more away. */

struct dynamics_trust { /* {0} is a new session */
    double lost_01;     /* 0: full trust, 1: none */
    uint64_t seen;
};
/* One more score; returns the trust left, 0 … 1.  NaN changes nothing.  Lock the session below 0.3. */
double dynamics_trust(struct dynamics_trust *t, double score_01);

#endif
