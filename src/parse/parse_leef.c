/* SPDX-License-Identifier: Apache-2.0 */
/* IBM QRadar Log Event Extended Format, bare or behind a syslog front:
 *
 *     LEEF:1.0|vendor|product|version|event id|src=10.0.0.1<TAB>dst=10.0.0.2
 *     LEEF:2.0|vendor|product|version|event id|^|src=10.0.0.1^dst=10.0.0.2
 *
 * The delimiter of 2.0 is a character or its number (x5E, 0x5E); without it, a tab. */
#include "codec/hex.h"
#include "parse/appliance.h"
#include "parse/line.h"

struct leef {
    struct syslog front;
    struct appliance_device device;
    char delimiter;
    str pairs;
};

/* Cut at the next bar; false when there is none. */
static bool cut_part(str *s, str *out)
{
    *out = str_cut(s, '|');
    return s->p != NULL;
}

/* "^", "x5E", "0x5E"; false when `s` is none of these. */
static bool delimiter_of(str s, char *out)
{
    if (s.n == 0)
        *out = '\t';
    else if (s.n == 1)
        *out = s.p[0];
    else {
        s = str_from(s, s.p[0] == '0');
        if (s.n < 2 || s.n > 5 || (s.p[0] | 0x20) != 'x')
            return false;
        int c = 0;
        for (size_t i = 1; i < s.n; i++) {
            if (hex_digit(s.p[i]) < 0)
                return false;
            c = (c * 16 + hex_digit(s.p[i])) & 0xff;
        }
        *out = (char)c;
    }
    return true;
}

static bool leef_cut(str line, int64_t now_ms, struct leef *l)
{
    str rest, version;
    if (!appliance_cut_front(line, STR("LEEF:"), now_ms, &l->front, &rest))
        return false;
    struct appliance_device *d = &l->device;
    if (!cut_part(&rest, &version) || !cut_part(&rest, &d->vendor) ||
        !cut_part(&rest, &d->product) || !cut_part(&rest, &d->version) ||
        !cut_part(&rest, &d->code))
        return false;
    if (!str_starts(version, STR("1")) && !str_starts(version, STR("2")))
        return false;
    l->delimiter = '\t';
    str after = rest, given;
    if (version.p[0] == '2' && cut_part(&after, &given) && delimiter_of(given, &l->delimiter))
        rest = after;
    l->pairs = rest;
    return true;
}

static bool leef_record(struct parse *p, str line)
{
    struct leef l = {0};
    if (!leef_cut(line, p->stream->now_ms, &l))
        return parse_refuse(p, "no LEEF header: '%.*s'", (int)str_head(line, 60).n, line.p);
    appliance_begin(p, line, &l.device);
    str rest = l.pairs;
    while (rest.n) {
        str value = str_cut(&rest, l.delimiter);
        str key = str_trim(str_cut(&value, '='));
        if (str_eq(key, STR("devTime")))
            p->event->time_ms = appliance_time(p, value);
        appliance_add(p, p->state, key, str_trim(value));
    }
    if (p->event->time_ms == TIME_NONE)
        p->event->time_ms = l.front.time_ms;
    line_add(p, FIELD_HOST_NAME, l.front.host);
    return true;
}

static bool is_leef(str line)
{
    struct leef l;
    return leef_cut(line, 0, &l);
}

static int leef_sniff(str head)
{
    return line_share(head, is_leef) * 98 / 100;
}

const struct parse_ops parse_leef = {
    .name = "leef",
    .sniff = leef_sniff,
    .record = leef_record,
    .state_size = sizeof(struct appliance),
};
