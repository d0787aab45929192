/* SPDX-License-Identifier: Apache-2.0 */
/* A connection as the numbers that models see. */
#include "flow/window.h"

#include <assert.h>
#include <math.h>

static const enum feature of_number[FLOW_NUMBERS] = {
    [FLOW_IP_BYTES_OUT] = FEATURE_IP_BYTES_OUT, [FLOW_IP_BYTES_IN] = FEATURE_IP_BYTES_IN,
    [FLOW_MISSED_BYTES] = FEATURE_MISSED_BYTES, [FLOW_TTL_OUT] = FEATURE_TTL_OUT,
    [FLOW_WINDOW_OUT] = FEATURE_WINDOW_OUT,     [FLOW_WINDOW_IN] = FEATURE_WINDOW_IN,
    [FLOW_SERVICE] = FEATURE_SERVICE,           [FLOW_STATE] = FEATURE_STATE,
};

static float proto_of(uint8_t transport)
{
    switch (transport) {
    case 0:
        return NAN;
    case 1:
        return category_code(STR("icmp"));
    case 6:
        return category_code(STR("tcp"));
    case 17:
        return category_code(STR("udp"));
    default:
        break;
    }
    char digits[3] = {(char)('0' + transport / 100), (char)('0' + transport / 10 % 10),
                      (char)('0' + transport % 10)};
    size_t skip = transport < 10 ? 2 : transport < 100 ? 1 : 0;
    return feature_category(FEATURE_PROTO, (str){digits + skip, sizeof digits - skip});
}

static void set(float *x, const struct flow *f, enum flow_said bit, double value)
{
    if (f->said & (uint32_t)bit)
        *x = (float)value;
}

void flow_features(const struct flow *f, const struct aggregates *a,
                   float out[static FEATURE_COUNT])
{
    _Static_assert(FEATURE_SEEN_GAP - FEATURE_SEEN_SYN + 1 == FLOW_SEEN_BITS, "one for each bit");
    for (size_t i = 0; i < FEATURE_COUNT; i++)
        out[i] = NAN;
    for (size_t i = 0; i < FLOW_NUMBERS; i++)
        if (f->said & 1U << i)
            out[of_number[i]] = f->number[i];
    set(&out[FEATURE_DURATION], f, FLOW_SAID_SECONDS, f->seconds);
    set(&out[FEATURE_BYTES_OUT], f, FLOW_SAID_BYTES_OUT, (double)f->bytes_out);
    set(&out[FEATURE_BYTES_IN], f, FLOW_SAID_BYTES_IN, (double)f->bytes_in);
    set(&out[FEATURE_PACKETS_OUT], f, FLOW_SAID_PACKETS_OUT, (double)f->packets_out);
    set(&out[FEATURE_PACKETS_IN], f, FLOW_SAID_PACKETS_IN, (double)f->packets_in);
    set(&out[FEATURE_PORT], f, FLOW_SAID_PORT, f->port);
    for (unsigned i = 0; i < FLOW_SEEN_BITS; i++)
        set(&out[FEATURE_SEEN_SYN + i], f, FLOW_SAID_SEEN, f->seen >> i & 1);
    out[FEATURE_PROTO] = proto_of(f->transport);
    out[FEATURE_LAND] = ip_eq(&f->source, &f->target) && f->source_port == f->port ? 1 : 0;
    if (f->end != FLOW_UNKNOWN)
        out[FEATURE_FAILED] = f->end == FLOW_FAILED ? 1 : 0;
    if (a)
        memcpy(&out[FEATURE_TARGET_2S], a->x, sizeof a->x);
    feature_derive(out);
}

size_t flow_live(enum feature out[static FEATURE_COUNT])
{
    struct flow f = {.transport = 6,
                     .port = 80,
                     .end = FLOW_ANSWERED,
                     .said = UINT32_MAX,
                     .seconds = 1,
                     .bytes_out = 1,
                     .bytes_in = 1,
                     .packets_out = 1,
                     .packets_in = 1};
    float x[FEATURE_COUNT];
    size_t n = 0;
    f.number[FLOW_IP_BYTES_OUT] = 1;
    struct aggregates all = {{0}};
    flow_features(&f, &all, x);
    for (size_t i = 0; i < FEATURE_COUNT; i++)
        if (!isnan(x[i]))
            out[n++] = (enum feature)i;
    return n;
}
