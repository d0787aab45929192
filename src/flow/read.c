/* SPDX-License-Identifier: Apache-2.0 */
/* Flows out of events. */
#include "codec/hex.h"
#include "codec/time.h"
#include "flow/flow.h"

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
    MILLISECONDS,
    START,
    LAST,
    STATE,
    SERVICE,
    HISTORY,
    FLAGS_OUT,
    FLAGS_IN,
    SOURCE_PORT,
    IP_BYTES_OUT,
    IP_BYTES_IN,
    MISSED_BYTES,
    TTL_OUT,
    WINDOW_OUT,
    WINDOW_IN,
    PART_COUNT
};
static const struct {
    enum part part;
    const char *name;
} names[] = {
#define X(PART, name) {PART, name},
#include "flow/flow.def"
};
static const struct {
    enum part part;
    field_id id;
} known[] = {{SOURCE, FIELD_SOURCE_IP},
             {TARGET, FIELD_DESTINATION_IP},
             {PORT, FIELD_DESTINATION_PORT},
             {SOURCE_PORT, FIELD_SOURCE_PORT},
             {TRANSPORT, FIELD_NETWORK_TRANSPORT},
             {BYTES_OUT, FIELD_SOURCE_BYTES},
             {BYTES_IN, FIELD_DESTINATION_BYTES},
             {PACKETS_OUT, FIELD_SOURCE_PACKETS},
             {PACKETS_IN, FIELD_DESTINATION_PACKETS}};

void flow_reader_init(struct flow_reader *r, struct dict *dict)
{
    _Static_assert(COUNT(names) <= FLOW_NAMES_MAX, "room for every name");
    *r = (struct flow_reader){0};
    for (size_t i = 0; i < COUNT(names); i++) {
        str name = str_z(names[i].name);
        r->ids[i] = (uint8_t)dict_resolve_all(dict, name, r->id[i]);
        r->id[i][r->ids[i]++] = dict_resolve(dict, FAMILY_ZEEK, name);
    }
    r->state = dict_resolve(dict, FAMILY_ZEEK, STR("conn_state"));
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

/* KDD's errors (Lee and Stolfo, "A framework for constructing features and models for intrusion detection systems", 2000):
 * S0 and REJ.  Theirs are S1 to S3 too, connections that were answered but whose end was not seen: one in 200 of theirs, and one in
 * seven of today's.  UDP has no SYN.  Where no state is said, an attempt without answer is of the first kind. */
static uint8_t error_of(str state, const struct flow *f)
{
    if (str_eq(state, STR("REJ")))
        return FLOW_REJECTED;
    if (str_eq(state, STR("S0")))
        return f->transport == 17 ? FLOW_NO_ERROR : FLOW_SYN_ERROR;
    if (str_eq(state, STR("new")) || state.n == 0)
        return f->end == FLOW_FAILED && f->transport == 6 ? FLOW_SYN_ERROR : FLOW_NO_ERROR;
    return FLOW_NO_ERROR;
}

/* Zeek's history: a letter for what was seen, upper case from the source. */
static uint16_t seen_in_history(str history)
{
    static const struct {
        char letter;
        uint16_t bits;
    } all[] = {{'S', FLOW_SEEN_SYN},     {'h', FLOW_SEEN_SYNACK},  {'D', FLOW_SEEN_DATA_OUT},
               {'d', FLOW_SEEN_DATA_IN}, {'F', FLOW_SEEN_FIN_OUT}, {'f', FLOW_SEEN_FIN_IN},
               {'R', FLOW_SEEN_RST_OUT}, {'r', FLOW_SEEN_RST_IN},  {'T', FLOW_SEEN_RESENT},
               {'t', FLOW_SEEN_RESENT},  {'G', FLOW_SEEN_GAP},     {'g', FLOW_SEEN_GAP}};
    unsigned seen = 0;
    for (size_t i = 0; i < history.n; i++)
        for (size_t k = 0; k < COUNT(all); k++)
            seen |= history.p[i] == all[k].letter ? all[k].bits : 0U;
    return (uint16_t)seen;
}

/* Suricata's: all flags of one side as hexadecimal digits; PSH goes with content. */
static uint16_t seen_in_flags(str out, str in)
{
    static const struct {
        uint8_t flag;
        uint16_t out, in;
    } all[] = {{0x01, FLOW_SEEN_FIN_OUT, FLOW_SEEN_FIN_IN},
               {0x02, FLOW_SEEN_SYN, FLOW_SEEN_SYNACK},
               {0x04, FLOW_SEEN_RST_OUT, FLOW_SEEN_RST_IN},
               {0x08, FLOW_SEEN_DATA_OUT, FLOW_SEEN_DATA_IN}};
    unsigned flags[2] = {0}, seen = 0;
    const str text[2] = {out, in};
    for (size_t side = 0; side < 2; side++)
        for (size_t i = 0; i < text[side].n && i < 2; i++) {
            int digit = hex_digit(text[side].p[i]);
            flags[side] = flags[side] << 4 | (digit < 0 ? 0U : (unsigned)digit);
        }
    for (size_t i = 0; i < COUNT(all); i++) {
        seen |= flags[0] & all[i].flag ? all[i].out : 0U;
        seen |= flags[1] & all[i].flag ? all[i].in : 0U;
    }
    return (uint16_t)seen;
}

static void read_seconds(const str *part, struct flow *f)
{
    double v;
    int64_t first, last;
    if (part[START].n && part[LAST].n && time_parse_any(part[START], &first) &&
        time_parse_any(part[LAST], &last) && last >= first)
        v = (double)(last - first) / 1000;
    else if (str_to_f64(part[MILLISECONDS], &v))
        v /= 1000;
    else if (!str_to_f64(part[SECONDS], &v))
        return;
    if (!isfinite(v) || v < 0)
        return;
    f->seconds = v;
    f->said |= FLOW_SAID_SECONDS;
}

static uint64_t counted(str s, uint32_t bit, struct flow *f)
{
    f->said |= s.n ? bit : 0;
    return number(s);
}

static void set_number(struct flow *f, enum flow_number n, float v)
{
    if (isnan(v))
        return;
    f->number[n] = v;
    f->said |= 1U << n;
}

static void read_numbers(const str *part, bool zeek, struct flow *f)
{
    static const struct {
        enum flow_number number;
        enum part part;
    } all[] = {{FLOW_IP_BYTES_OUT, IP_BYTES_OUT}, {FLOW_IP_BYTES_IN, IP_BYTES_IN},
               {FLOW_MISSED_BYTES, MISSED_BYTES}, {FLOW_TTL_OUT, TTL_OUT},
               {FLOW_WINDOW_OUT, WINDOW_OUT},     {FLOW_WINDOW_IN, WINDOW_IN}};
    for (size_t i = 0; i < COUNT(all); i++)
        if (part[all[i].part].n)
            set_number(f, all[i].number, (float)number(part[all[i].part]));
    /* All others count whole packets. */
    if (!zeek && f->said & FLOW_SAID_BYTES_OUT && !part[IP_BYTES_OUT].n)
        set_number(f, FLOW_IP_BYTES_OUT, (float)f->bytes_out);
    if (!zeek && f->said & FLOW_SAID_BYTES_IN && !part[IP_BYTES_IN].n)
        set_number(f, FLOW_IP_BYTES_IN, (float)f->bytes_in);
    if (part[SERVICE].n && !str_eq(part[SERVICE], STR("failed")))
        set_number(f, FLOW_SERVICE, feature_category(FEATURE_SERVICE, part[SERVICE]));
    if (part[STATE].n)
        set_number(f, FLOW_STATE, feature_category(FEATURE_STATE, part[STATE]));
}

static void read_seen(const str *part, struct flow *f)
{
    if (part[HISTORY].n)
        f->seen = seen_in_history(part[HISTORY]);
    else if (part[FLAGS_OUT].n || part[FLAGS_IN].n)
        f->seen = seen_in_flags(part[FLAGS_OUT], part[FLAGS_IN]);
    else
        return;
    f->said |= FLOW_SAID_SEEN;
}

/* Zeek's REJ, of tools that have flags of TCP and no such word: a reset for an answer, and no SYN. */
static bool is_rejected(const struct flow *f)
{
    bool told = f->transport == 6 && f->said & FLOW_SAID_SEEN && f->error == FLOW_NO_ERROR;
    return told && f->seen & FLOW_SEEN_RST_IN && !(f->seen & FLOW_SEEN_SYNACK);
}

static uint16_t port_of(str s)
{
    uint64_t v = number(s);
    return v <= UINT16_MAX ? (uint16_t)v : 0;
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
    if (!part[SOURCE].n || !ip_parse(part[SOURCE], &f.source) || !part[TARGET].n ||
        !ip_parse(part[TARGET], &f.target))
        return false;
    f.port = port_of(part[PORT]);
    f.source_port = port_of(part[SOURCE_PORT]);
    f.said |= part[PORT].n ? FLOW_SAID_PORT : 0;
    f.transport = transport_of(part[TRANSPORT]);
    f.bytes_out = counted(part[BYTES_OUT], FLOW_SAID_BYTES_OUT, &f);
    f.bytes_in = counted(part[BYTES_IN], FLOW_SAID_BYTES_IN, &f);
    f.packets_out = counted(part[PACKETS_OUT], FLOW_SAID_PACKETS_OUT, &f);
    f.packets_in = counted(part[PACKETS_IN], FLOW_SAID_PACKETS_IN, &f);
    f.end = end_of(part[STATE], &f, part[PACKETS_IN].n || part[BYTES_IN].n);
    f.error = error_of(part[STATE], &f);
    read_seconds(part, &f);
    read_numbers(part, e->family == FAMILY_ZEEK, &f);
    read_seen(part, &f);
    if (e->family != FAMILY_ZEEK && is_rejected(&f))
        f.error = FLOW_REJECTED;
    *out = f;
    return true;
}

bool flow_is_record(const struct flow_reader *r, struct event *e)
{
    if (e->family == FAMILY_ZEEK)
        return str_eq(e->channel, STR("conn")) || event_find(e, r->state);
    if (e->family == FAMILY_SURICATA)
        return str_eq(e->channel, STR("flow")) || str_eq(e->channel, STR("netflow"));
    return true;
}
