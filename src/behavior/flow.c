/* SPDX-License-Identifier: Apache-2.0 */
/* Flows out of events. */
#include "behavior/network.h"

#include <math.h>

enum part {
    TIME,
    SOURCE,
    TARGET,
    PORT,
    TRANSPORT,
    BYTES_OUT,
    BYTES_IN,
    PACKETS_OUT,
    PACKETS_IN,
    SECONDS,
    STATE,
    PART_COUNT
};
static const struct {
    enum part part;
    const char *name;
} names[] = {
#define X(PART, name) {PART, name},
#include "behavior/flow.def"
};
static const struct {
    enum part part;
    field_id id;
} known[] = {{SOURCE, FIELD_SOURCE_IP},           {TARGET, FIELD_DESTINATION_IP},
             {PORT, FIELD_DESTINATION_PORT},      {TRANSPORT, FIELD_NETWORK_TRANSPORT},
             {BYTES_OUT, FIELD_SOURCE_BYTES},     {BYTES_IN, FIELD_DESTINATION_BYTES},
             {PACKETS_OUT, FIELD_SOURCE_PACKETS}, {PACKETS_IN, FIELD_DESTINATION_PACKETS}};

void flow_reader_init(struct flow_reader *r, struct dict *dict)
{
    _Static_assert(COUNT(names) <= FLOW_NAMES_MAX, "room for every name");
    *r = (struct flow_reader){0};
    for (size_t i = 0; i < COUNT(names); i++) {
        str name = str_z(names[i].name);
        r->ids[i] = (uint8_t)dict_resolve_all(dict, name, r->id[i]);
        r->id[i][r->ids[i]++] = dict_resolve(dict, FAMILY_ZEEK, name);
    }
}

static str text_of(struct event *e, const field_id *id, size_t ids)
{
    for (size_t i = 0; i < ids; i++) {
        str s = event_get(e, id[i]);
        if (s.n && !str_eq(s, STR("-")))
            return s;
    }
    return (str){0};
}

static uint64_t number(str s)
{
    uint64_t v = 0;
    double d = 0;
    if (!str_to_u64(s, &v) && str_to_f64(s, &d) && d > 0 && d < 1e18)
        v = (uint64_t)d;
    return v;
}

static uint8_t transport_of(str s)
{
    static const struct {
        const char *name;
        uint8_t number;
    } all[] = {{"tcp", 6},    {"udp", 17},       {"icmp", 1},
               {"icmp6", 58}, {"ipv6-icmp", 58}, {"sctp", 132}};
    for (size_t i = 0; i < COUNT(all); i++)
        if (str_ieq(s, str_z(all[i].name)))
            return all[i].number;
    uint64_t v = number(s);
    return v < 256 ? (uint8_t)v : 0;
}

/* Zeek's conn_state (base/protocols/conn): attempts that were not answered or refused.  Suricata's flow.state
 * "new": nothing came back.  OTH is a flow seen from its middle on: nobody knows. */
static uint8_t end_of(str state, const struct flow *f, bool counted)
{
    static const char *const failed[] = {"S0", "REJ", "RSTOS0", "SH", "SHR", "RSTRH", "new"};
    static const char *const answered[] = {"SF",   "S1",   "S2",          "S3",
                                           "RSTO", "RSTR", "established", "closed"};
    for (size_t i = 0; i < COUNT(failed); i++)
        if (str_eq(state, str_z(failed[i])))
            return FLOW_FAILED;
    for (size_t i = 0; i < COUNT(answered); i++)
        if (str_eq(state, str_z(answered[i])))
            return FLOW_ANSWERED;
    if (state.n || !counted)
        return FLOW_UNKNOWN;
    /* A refusal is one packet back without content. */
    if (f->packets_in == 0 && f->bytes_in == 0)
        return FLOW_FAILED;
    return f->bytes_in > 0 || f->packets_in > 1 ? FLOW_ANSWERED : FLOW_UNKNOWN;
}

bool flow_read(const struct flow_reader *r, struct event *e, struct flow *out)
{
    str part[PART_COUNT] = {{0}};
    for (size_t i = 0; i < COUNT(known); i++)
        part[known[i].part] = event_get(e, known[i].id);
    for (size_t i = 0; i < COUNT(names); i++) {
        str *p = &part[names[i].part];
        if (!p->n || str_eq(*p, STR("-")))
            *p = text_of(e, r->id[i], r->ids[i]);
    }
    struct flow f = {.time_ms = e->time_ms};
    if (!ip_parse(part[SOURCE], &f.source) || !ip_parse(part[TARGET], &f.target))
        return false;
    uint64_t port = number(part[PORT]);
    f.port = port <= UINT16_MAX ? (uint16_t)port : 0;
    f.transport = transport_of(part[TRANSPORT]);
    f.bytes_out = number(part[BYTES_OUT]);
    f.bytes_in = number(part[BYTES_IN]);
    f.packets_out = number(part[PACKETS_OUT]);
    f.packets_in = number(part[PACKETS_IN]);
    if (!str_to_f64(part[SECONDS], &f.seconds) || !isfinite(f.seconds) || f.seconds < 0)
        f.seconds = 0;
    f.end = end_of(part[STATE], &f, part[PACKETS_IN].n || part[BYTES_IN].n);
    *out = f;
    return true;
}
