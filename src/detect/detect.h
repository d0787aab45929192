/* SPDX-License-Identifier: Apache-2.0 */
/* detect.h - the pipeline: batches in, findings out, in input order.
 *
 * Workers take turns at the input (reading and cutting is serial and cheap), then parse and match
 * on their own, then hand their findings over in the order of the batches.  The last step, under
 * the output lock, feeds the correlations and calls the sink; so the sink sees the same findings
 * in the same order whatever the number of workers.  One worker runs on the calling thread. */
#ifndef DETECT_DETECT_H
#define DETECT_DETECT_H

#include "detect/score.h"
#include "ingest/ingest.h"
#include "intel/intel.h"
#include "rule/rule.h"

/* All detectors, frozen.  Members may be NULL; borrowed: they outlive the run. */
struct snapshot {
    struct dict *dict;
    const struct rule_set *rules;
    const struct intel_set *intel;
    struct model_set *models; /* of a run over files; the engine has its own: engine_adopt_models */
};

struct detect_options {
    unsigned threads; /* 0: one a processor */
    enum level min_level;
    struct correlator_limits correlation;
    struct parse_limits limits;
};

struct detect_stats {
    uint64_t events, bytes, read, rejected, findings, dropped;
    uint64_t suppressed; /* findings below min_level */
    uint64_t flows,
        flows_skipped; /* shown to models; scores left out at a limit or because a model rests */
    struct correlator_stats correlation;
    double seconds;
};

/* Where findings go.  Both are called from one thread at a time, in order. */
struct detect_sink {
    void (*finding)(void *arg, const struct finding *f, const char *path);
    /* Every event, for tools that print them.  Optional. */
    void (*event)(void *arg, struct event *e, const char *path);
    /* A record that could not be read.  Optional. */
    void (*reject)(void *arg, const struct reject *r, const char *path);
    /* About ten times a second.  Optional. */
    void (*progress)(void *arg, const struct ingest_progress *p, const struct detect_stats *s);
    /* Asked after each batch: true stops the run early.  Optional. */
    bool (*stop)(void *arg);
    void *arg;
};

/* Run the input to its end.  Rejected records and unreadable files are not failures (see stats and
 * ingest_problem). */
CHECKED status detect_run(const struct snapshot *snapshot, const struct detect_options *options,
                          struct ingest *in, const struct detect_sink *sink,
                          struct detect_stats *out, struct error *err);

#endif
