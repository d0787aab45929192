/* SPDX-License-Identifier: Apache-2.0 */
/* What one source does, in windows of ten minutes.
 *
 * Scans: a port tried on 20 hosts, or a host tried on 20 ports, most of it in vain (60 % of the flows whose end
 * is known; where no end is known, and of UDP, 50 of them).  Fewer will do when the source fails at first contacts more
 * than chance allows: threshold random walk (Jung, Paxson, Berger, Balakrishnan, "Fast portscan detection using
 * sequential hypothesis testing", IEEE S&P 2004), with their parameters: a benign source succeeds in 0.8 of
 * its first contacts, a scanner in 0.2; false positives 0.01, detection 0.99.
 *
 * Floods: 300 flows to one host's port within the window, or 1,000 packets in one flow, with no answer.
 *
 * Lateral movement: connections that were taken, from an internal address to internal ones, to ports of remote
 * administration: ten hosts in a window, or five never reached before when a week is known.
 *
 * Exfiltration: bytes to the internet in an hour, as ln(1 + bytes), against the source's own hours (mean and
 * variance by Welford, exponentially weighted; a day of them at least; z >= 4) or against its peers in
 * this hour (five at least; robust z by median and MAD, Iglewicz and Hoaglin 1993; z >= 6).  At least 50 MB,
 * and three times what came in. */
#include "behavior/network_int.h"

#include <math.h>

enum {
    WINDOW_MS = 10 * 60 * 1000,
    DAY_MS = 24 * 3600 * 1000,
    HOUR_MS = 3600 * 1000,
    SCAN_MIN = 20,
    SCAN_WALK_MIN = 10,
    SCAN_BLIND_MIN = 50,
    FLOOD_FLOWS = 300,
    FLOOD_PACKETS = 1000,
    LATERAL_MIN = 10,
    LATERAL_NEW_MIN = 5,
    HOURS_ENOUGH = 24,
    PEERS_ENOUGH = 5
};
#define SCAN_FAILED_MIN 0.6
#define WALK_STEP       1.3863 /* ln(0.8 / 0.2) */
#define WALK_END        4.5951 /* ln(0.99 / 0.01) */
#define OUT_BYTES_MIN   5e7
#define OUT_RATIO_MIN   3.0
#define OWN_Z           4.0
#define PEERS_Z         6.0

static double at_most(double v, double max)
{
    return v < max ? v : max;
}

/* Where `what` is counted; the smallest gives way. */
static struct tried *tried_at(struct tried at[static TRIED_MAX], uint64_t what, int64_t now_ms)
{
    struct tried *least = at;
    for (size_t i = 0; i < TRIED_MAX; i++) {
        if (at[i].flows && at[i].what == what)
            return &at[i];
        if (at[i].flows < least->flows)
            least = &at[i];
    }
    *least = (struct tried){.what = what, .first_ms = now_ms};
    return least;
}

static void tried_add(struct tried *t, uint64_t distinct, uint8_t end)
{
    (void)counter_add(&t->distinct, distinct); /* how many is asked later */
    t->flows++;
    t->failed += end == FLOW_FAILED;
    t->known += end != FLOW_UNKNOWN;
}

/* Datagrams without an answer are ordinary (time servers that are gone): of them many must be in vain. */
static bool is_scan(const struct tried *t, uint8_t transport, double distinct, double walk)
{
    double failed = t->known ? (double)t->failed / t->known : 0;
    if (transport == 17)
        return failed >= SCAN_FAILED_MIN && distinct >= SCAN_BLIND_MIN;
    if (t->known * 2 < t->flows)
        return t->failed * 2 >= t->known && distinct >= SCAN_BLIND_MIN;
    return failed >= SCAN_FAILED_MIN &&
           (distinct >= SCAN_MIN || (distinct >= SCAN_WALK_MIN && walk >= WALK_END));
}

static double scan_score(const struct tried *t, double distinct)
{
    double failed = t->known ? (double)t->failed / t->known : 0.5;
    return at_most(0.5 + 0.3 * failed + distinct / 500, 1);
}

static void new_window(struct talker *t, int64_t now_ms)
{
    memset(t->port, 0, sizeof t->port);
    memset(t->host, 0, sizeof t->host);
    memset(t->flood, 0, sizeof t->flood);
    t->admin_new = (struct counter){0};
    t->admin_flows = 0;
    t->window_ms = now_ms;
    if (now_ms - t->contacts_ms >= DAY_MS) {
        memset(t->contacts, 0, sizeof t->contacts);
        t->walk = 0;
        t->contacts_ms = now_ms;
    }
}

static void walk(struct talker *t, uint64_t target, uint8_t end)
{
    if (end == FLOW_UNKNOWN || !counter_add(&t->contacts[target >> 62], target))
        return;
    t->walk += end == FLOW_FAILED ? WALK_STEP : -WALK_STEP;
    t->walk = t->walk < 0 ? 0 : at_most(t->walk, 10 * WALK_END); /* below: benign, and begin anew */
}

static void see_scan(struct talker *t, const struct watch *w, uint64_t target)
{
    const struct flow *f = w->flow;
    if (f->transport == 1 || f->transport == 58 || f->port == 0)
        return; /* ICMP has no ports */
    struct tried *p = tried_at(t->port, (uint64_t)f->transport << 16 | f->port, w->time_ms);
    tried_add(p, target, f->end);
    double hosts = counter_estimate(&p->distinct);
    if (hosts >= SCAN_WALK_MIN && is_scan(p, f->transport, hosts, t->walk))
        w->report(w->arg,
                  &(struct detection){.kind = NETWORK_SCAN_HOSTS,
                                      .source = f->source,
                                      .port = f->port,
                                      .first_ms = p->first_ms,
                                      .score_01 = scan_score(p, hosts)},
                  "port %u was tried on about %.0f hosts in %.0f s; %u of %u flows failed", f->port,
                  hosts, (double)(w->time_ms - p->first_ms) / 1000, p->failed, p->flows);
    struct tried *h = tried_at(t->host, target, w->time_ms);
    tried_add(h, (f->port * UINT64_C(0x9e3779b97f4a7c15)), f->end);
    double ports = counter_estimate(&h->distinct);
    if (ports >= SCAN_WALK_MIN && is_scan(h, f->transport, ports, 0))
        w->report(w->arg,
                  &(struct detection){.kind = NETWORK_SCAN_PORTS,
                                      .source = f->source,
                                      .target = f->target,
                                      .first_ms = h->first_ms,
                                      .score_01 = scan_score(h, ports)},
                  "about %.0f ports were tried in %.0f s; %u of %u flows failed", ports,
                  (double)(w->time_ms - h->first_ms) / 1000, h->failed, h->flows);
}

static void see_flood(struct talker *t, const struct watch *w, uint64_t target)
{
    const struct flow *f = w->flow;
    if (f->end == FLOW_ANSWERED || f->packets_in || f->bytes_in)
        return;
    struct tried *h = tried_at(t->flood, target ^ f->port, w->time_ms);
    tried_add(h, 0, f->end);
    bool many = f->packets_out >= FLOOD_PACKETS;
    if (h->flows < FLOOD_FLOWS && !many)
        return;
    w->report(w->arg,
              &(struct detection){.kind = NETWORK_FLOOD,
                                  .source = f->source,
                                  .target = f->target,
                                  .port = f->port,
                                  .first_ms = h->first_ms,
                                  .score_01 = many ? 0.9 : at_most(0.7 + h->flows / 10000.0, 1)},
              "%u flows to port %u in %.0f s, the last of %llu packets, and no answer", h->flows,
              f->port, (double)(w->time_ms - h->first_ms) / 1000,
              (unsigned long long)f->packets_out);
}

static bool is_admin_port(const struct flow *f)
{
    static const uint16_t ports[] = {22, 135, 139, 445, 3389, 5985, 5986};
    for (size_t i = 0; i < COUNT(ports); i++)
        if (f->port == ports[i])
            return f->transport == 6 || f->transport == 0;
    return false;
}

/* Private, by the IANA registries: not on the internet, and not all of a network either. */
static bool is_internal(const struct ip *ip)
{
    return ip_is_special(ip) &&
           !(ip->v6 ? ip->byte[0] == 0xff : ip->byte[12] >= 224 || ip->byte[12] == 127);
}

static void see_admin(struct talker *t, const struct watch *w, uint64_t target)
{
    const struct flow *f = w->flow;
    if (!is_admin_port(f) || f->end != FLOW_ANSWERED || !is_internal(&f->source) ||
        !is_internal(&f->target))
        return;
    if (!t->admin_since_ms)
        t->admin_since_ms = w->time_ms;
    bool week = w->time_ms - t->admin_since_ms >= 7 * (int64_t)DAY_MS;
    t->admin_flows++;
    if (counter_add(&t->admin, target))
        (void)counter_add(&t->admin_new, target); /* how many is asked now */
    double fresh = counter_estimate(&t->admin_new);
    if (fresh < (week ? LATERAL_NEW_MIN : LATERAL_MIN))
        return;
    w->report(w->arg,
              &(struct detection){.kind = NETWORK_LATERAL,
                                  .source = f->source,
                                  .first_ms = t->window_ms,
                                  .score_01 = at_most((week ? 0.7 : 0.5) + fresh / 100, 1)},
              "%.0f hosts not reached before took connections to ports of remote administration in "
              "%.0f s%s",
              fresh, (double)(w->time_ms - t->window_ms) / 1000,
              week ? "" : "; what is usual for the source is not known yet");
}

/* ---- bytes by the hour ---- */

static void end_hour(struct talker *t)
{
    double x = log1p(t->out), alpha = fmax(1.0 / (t->hours + 1.0), 0.05), delta = x - t->mean;
    t->mean += alpha * delta;
    t->var = (1 - alpha) * (t->var + alpha * delta * delta);
    t->hours++;
}

static void see_bytes(struct talker *t, const struct watch *w)
{
    const struct flow *f = w->flow;
    int64_t hour = w->time_ms / HOUR_MS;
    if (ip_is_special(&f->target))
        return;
    if (hour > t->hour) {
        if (t->hour)
            end_hour(t);
        t->hour = hour;
        t->out = t->in = t->weighed = 0;
    }
    if (hour < t->hour)
        return; /* its hour is over */
    t->out += (double)f->bytes_out;
    t->in += (double)f->bytes_in;
}

void talker_weigh(struct talker *t, const struct watch *w)
{
    double median = 0, mad = 0, x = log1p(t->out);
    if (t->out < OUT_BYTES_MIN || t->out < OUT_RATIO_MIN * t->in || t->out < 1.2 * t->weighed)
        return; /* peers are not asked again for every flow */
    t->weighed = t->out;
    double own = t->hours >= HOURS_ENOUGH ? (x - t->mean) / fmax(sqrt(t->var), 0.5) : 0;
    size_t peers = network_peers(w->network, t->tenant, t->hour, &median, &mad);
    double others = peers >= PEERS_ENOUGH ? 0.6745 * (x - median) / fmax(mad, 0.5) : 0;
    /* Who always sends as much is no news, whatever others do. */
    bool usual = t->hours >= HOURS_ENOUGH && own < OWN_Z;
    if (own < OWN_Z && (usual || others < PEERS_Z))
        return;
    struct detection d = {.kind = NETWORK_EXFILTRATION,
                          .source = w->flow->source,
                          .first_ms = t->hour * HOUR_MS,
                          .score_01 = at_most(0.5 + fmax(own / OWN_Z, others / PEERS_Z) / 5, 1)};
    if (own >= OWN_Z)
        w->report(w->arg, &d,
                  "%.0f MB went out in an hour, %.0f MB came in; %.1f MB are usual (z %.1f)",
                  t->out / 1e6, t->in / 1e6, expm1(t->mean) / 1e6, own);
    else
        w->report(w->arg, &d,
                  "%.0f MB went out in an hour, %.0f MB came in; %zu others sent %.1f MB (z %.1f)",
                  t->out / 1e6, t->in / 1e6, peers, expm1(median) / 1e6, others);
}

void talker_see(struct talker *t, const struct watch *w)
{
    uint64_t target = network_hash(w->network, 0, &w->flow->target, 0);
    t->tenant = w->tenant;
    if (w->time_ms - t->window_ms >= WINDOW_MS || w->time_ms < t->window_ms - DAY_MS)
        new_window(t, w->time_ms);
    walk(t, target, w->flow->end);
    see_scan(t, w, target);
    see_flood(t, w, target);
    see_admin(t, w, target);
    see_bytes(t, w);
}
