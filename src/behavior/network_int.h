/* SPDX-License-Identifier: Apache-2.0 */
/* network_int.h - for files in behavior/ only. */
#ifndef BEHAVIOR_NETWORK_INT_H
#define BEHAVIOR_NETWORK_INT_H

#include "behavior/lru.h"
#include "behavior/network.h"

/* Distinct things, roughly: linear counting (Whang, Vander-Zanden, Taylor, "A linear-time probabilistic counting
 * algorithm", 1990).  With 512 bits good to some percent up to a thousand. */
enum { COUNTER_WORDS = 8 };
struct counter {
    uint64_t bit[COUNTER_WORDS];
};
bool counter_add(struct counter *c, uint64_t hash); /* true: surely new */
double counter_estimate(const struct counter *c);

enum { TRIED_MAX = 6 };
struct tried { /* a port that was tried on hosts, or a host that was tried on ports */
    uint64_t what;
    int64_t first_ms;
    struct counter distinct;
    uint32_t flows, failed, known; /* known: those of which the end is known */
};
struct talker { /* a source */
    struct lru_node node;
    int64_t window_ms; /* start of the present one */
    struct tried port[TRIED_MAX], host[TRIED_MAX], flood[TRIED_MAX];
    /* first contacts, since `contacts_ms` */
    int64_t contacts_ms;
    struct counter contacts[4];
    double walk; /* log of the likelihood ratio */
    /* administration of others */
    int64_t admin_since_ms;
    struct counter admin, admin_new; /* ever; first time in this window */
    uint32_t admin_flows;
    /* bytes sent out, by the hour */
    uint64_t tenant;
    int64_t hour;
    double out, in, weighed; /* weighed: `out` when it was last looked at */
    double mean, var;        /* of ln(1 + bytes) of the hours before */
    uint32_t hours;
};

enum { BEATS = 64 };
struct beat { /* a source and a target's port */
    struct lru_node node;
    int64_t first_ms, last_ms, last_seen_ms;
    uint32_t count;
    float interval_s[BEATS], size[BEATS]; /* the last ones; [count % BEATS] is next */
};

struct network;
/* What one flow adds up to; `report` is called with what it completes or goes on with. */
struct watch {
    struct network *network;
    const struct flow *flow;
    uint64_t tenant;
    int64_t time_ms;
    void *arg;
    void (*report)(void *arg, const struct detection *d, const char *fmt, ...) PRINTF(3, 4);
};
void talker_see(struct talker *t, const struct watch *w);
void beat_see(struct beat *b, const struct watch *w);
/* Is the hour's traffic of `t` out of the ordinary? */
void talker_weigh(struct talker *t, const struct watch *w);
/* Median and median absolute deviation of ln(1 + bytes) that the tenant's sources sent in `hour`; how many. */
size_t network_peers(struct network *n, uint64_t tenant, int64_t hour, double *median, double *mad);
/* The same of any numbers, which are sorted on the way. */
void median_of(double *v, size_t n, double *median, double *mad);
uint64_t network_hash(const struct network *n, uint64_t tenant, const struct ip *ip, uint64_t more);

#endif
