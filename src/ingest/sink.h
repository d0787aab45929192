/* SPDX-License-Identifier: Apache-2.0 */
/* sink.h - where a source that runs on its own puts what it reads.
 *
 * App maps it onto the engine.  A source takes a batch when it has something to hand on, fills it,
 * and submits it at once; when there is none it stops reading until it is told of room (each
 * source has a function for that). */
#ifndef INGEST_SINK_H
#define INGEST_SINK_H

#include "base/metric.h"
#include "event/batch.h"
#include "parse/parse.h"

struct ingest_label {           /* of a batch; all of it lives for the call only: the sink copies */
    struct parse_stream stream; /* how to parse it */
    const char *tenant;
    const char *path;              /* of the source, for people */
    enum metric_id metric;         /* counts its events */
    str position_source, position; /* how far the source was read with it; empty: none */
};

struct ingest_sink {
    /* A batch, cleared; NULL: there is no room now. */
    struct batch *(*take)(void *arg);
    void (*submit)(void *arg, struct batch *b, const struct ingest_label *label);
    /* Not needed after all. */
    void (*give_back)(void *arg, struct batch *b);
    void *arg;
};

#endif
