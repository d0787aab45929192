/* SPDX-License-Identifier: Apache-2.0 */
/* route.h - for files in rule/ only: which rules may see an event.
 *
 * A *source* is one distinct (product, category, service) of a set's rules; a
 * detection has exactly one, so a set of thousands of rules has about a
 * hundred.  logsource.def says which events (family, channel, code) each part
 * of a log source means; the parts a rule gives must all agree.
 *
 *     set build:  sources_new(image)        rule → source
 *     run time:   route_event(router, e)    event → the sources that apply
 *
 * What an event does not say excludes nothing: no channel (or code) suits every
 * channel (or code) of its family, and an event of FAMILY_UNKNOWN has every
 * source.  A log source that the table does not know applies to events whose
 * family's name or channel is the product, service or category the rule gives. */
#ifndef RULE_ROUTE_H
#define RULE_ROUTE_H

#include "base/str.h"
#include "event/event.h"

#define SOURCE_NONE UINT32_MAX

struct image;

/* ---- the sources of a set: immutable, shared by all workers ---- */

struct sources; /* opaque */

/* Of every detection in `im`, which it does not keep.  Numbered in order of first use. */
struct sources *sources_new(const struct image *im);
void sources_free(struct sources *s); /* NULL is fine */
uint32_t sources_count(const struct sources *s);

/* The source of a rule; SOURCE_NONE for a correlation. */
uint32_t source_of(const struct sources *s, uint32_t rule);

/* The families whose events the source may apply to, one bit (1 << enum family) each;
 * FAMILY_UNKNOWN always among them. */
uint32_t source_families(const struct sources *s, uint32_t source);

/* Whether logsource.def says which events the source means. */
bool source_is_known(const struct sources *s, uint32_t source);

/* ---- routing: one router a worker ---- */

/* The sources that apply to an event.  Equal sets are one route, so per-route tables of the
 * caller can be kept by `index` (dense from 0, in order of first use by this router; there are
 * at most as many as logsource.def tells apart, some hundreds). */
struct route {
    uint32_t index;
    uint32_t count;         /* of source[] */
    const uint32_t *source; /* ascending */
    const uint64_t *bits;   /* (sources_count + 63) / 64 words: bit s of the set is source s */
};

struct router; /* opaque; one thread at a time */
struct router *router_new(const struct sources *s);
void router_free(struct router *r); /* NULL is fine */

/* Never NULL; lives as long as the router.  One hash probe for a (family, channel, code) met
 * before; what is remembered is bounded. */
const struct route *route_event(struct router *r, const struct event *e);

static inline bool route_has(const struct route *r, uint32_t source)
{
    return r->bits[source >> 6] >> (source & 63) & 1;
}

#endif
