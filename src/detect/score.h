/* SPDX-License-Identifier: Apache-2.0 */
/* score.h - the connections in a batch, and what models make of them.
 *
 *   events ─flow_read─▶ flows ─windows, in turn─▶ features ─models in use─▶ scores ─at the threshold─▶ findings
 *
 * What a flow is worth depends on those before it (how many hosts did its source reach lately?), so batches pass the windows
 * one at a time and in their order: the same input leads to the same scores on any number of threads.  All the rest
 * is done side by side.  A batch without flows waits for nobody. */
#ifndef DETECT_SCORE_H
#define DETECT_SCORE_H

#include "event/finding.h"
#include "ml/shelf.h"

/* ---- windows: thread-safe ---- */

struct flow_windows; /* opaque */
/* `jobs`: most batches under way at once that have a number; `hosts`: remembered, 0: flow/window.h's own number, some
 * 28 MiB, from the first flow on. */
struct flow_windows *flow_windows_new(size_t jobs, size_t hosts);
void flow_windows_free(struct flow_windows *w); /* NULL is fine */

enum { FLOW_NO_TURN = 0, FLOW_ROWS_MAX = 65536 };

/* ---- scoring: one thread at a time ---- */

struct scorer; /* opaque */
struct scorer *scorer_new(struct dict *dict /* borrowed */);
void scorer_free(struct scorer *s); /* NULL is fine */
/* Score with these from now on; takes its own reference.  NULL: none. */
void scorer_adopt(struct scorer *s, struct model_set *set);

struct model_score {
    uint32_t event; /* index in the batch */
    bool shadow, alarm;
    const struct loaded_model *model; /* lives while somebody holds the set */
    struct ip source, target;         /* of the connection */
    struct model_answer answer;
    const float *x; /* what was scored, by enum feature; until the scorer's next run */
    const struct model_explanation *why; /* of alarms, and of some others; may be NULL */
};
struct model_scores {
    struct model_score *at; /* by event; in the arena */
    size_t n, flows;
    uint64_t skipped; /* flows that a model did not score: it rests, or there was no room */
};
struct score_request {
    struct flow_windows *windows;
    const char *tenant;
    uint64_t turn; /* its number + 1 in the order of batches; FLOW_NO_TURN: whenever it comes */
    struct batch *batch;
    struct arena *arena; /* of what is found */
    size_t explained;    /* rows that are explained although they are no alarms */
    uint64_t explain_ns; /* time for reasons, shared by the models; 0: 20 ms */
    bool aside;          /* a question and no part of the stream: not counted, held to no budget */
};
/* Reasons: of a model's alarms the highest between two hosts first, then their repeats, then others.  The first is explained
 * whatever it takes; those past the time go without.
 *
 * Whoever has a turn must take it, with flow_windows_pass if there is nothing to score. */
void scorer_run(struct scorer *s, const struct score_request *r, struct model_scores *out);
void flow_windows_pass(struct flow_windows *w, uint64_t turn);

/* The evidence that has the row (flow_row_write): what a person's verdict is about, for the next training. */
#define EVIDENCE_ROW "model.row"
/* An alarm of a live model as a finding, before the scorer runs again; NULL past the arena's cap. */
struct finding *score_finding(const struct model_score *s, struct event *e, bool with_row,
                              struct arena *arena);

#endif
