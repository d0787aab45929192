/* SPDX-License-Identifier: Apache-2.0 */
/* network.h - flows, and what many of them together show: scans, floods, beacons, exfiltration, lateral movement.
 *
 * Each request's flows are judged by what is in them and by what is remembered of their sources, tenant by
 * tenant.  Methods and thresholds are in talker.c and beacon.c.  What is remembered is bounded (the sources and
 * pairs idle longest go, and are counted) and does not survive the process.
 *
 * Thread-safe: one lock, held while one request's flows are judged. */
#ifndef BEHAVIOR_NETWORK_H
#define BEHAVIOR_NETWORK_H

#include "base/status.h"
#include "event/finding.h"
#include "flow/flow.h"

enum network_kind {
#define X(NAME, name, LEVEL, technique, title) NETWORK_##NAME,
#include "behavior/detection.def"
    NETWORK_KIND_COUNT
};
const char *network_kind_name(enum network_kind k);

struct detection {
    enum network_kind kind;
    struct ip source, target; /* target: of SCAN_PORTS, FLOOD and BEACON */
    uint16_t port;            /* of SCAN_HOSTS and BEACON */
    int64_t first_ms, last_ms;
    uint64_t flows; /* of this request */
    double score_01;
    str reason; /* a sentence, in the arena */
};

struct network_options {
    size_t sources,
        pairs;     /* remembered, of all tenants together; 0: 8,192 and 32,768, up to 40 MiB */
    uint64_t seed; /* of hashes; 0: the process's */
};
struct network; /* opaque */
struct network *network_new(const struct network_options *options);
void network_free(struct network *n); /* NULL is fine */

enum { NETWORK_DETECTIONS_MAX = 1000 };
struct network_verdict {
    struct detection *detection; /* in the arena; the most certain first */
    size_t detections;
    uint32_t *of_flow; /* for each flow: its detection + 1, or 0: nothing; in the arena */
    uint64_t more;     /* detections past NETWORK_DETECTIONS_MAX */
};
/* Judge `flows` and remember them.  They may be in any order and are not changed.  Those without a time
 * are at `now_ms`.  ST_LIMIT: the arena's; they are remembered all the same. */
CHECKED status network_judge(struct network *n, str tenant, const struct flow *flow, size_t flows,
                             int64_t now_ms, struct arena *arena, struct network_verdict *out,
                             struct error *err);
/* A detection as a finding; NULL past the arena's cap. */
struct finding *network_finding(const struct detection *d, struct arena *arena);

struct network_stats {
    uint64_t sources, pairs, evicted_sources, evicted_pairs, flows;
};
struct network_stats network_stats(struct network *n);

#endif
