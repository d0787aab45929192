/* SPDX-License-Identifier: Apache-2.0 */
#include "parse/appliance.h"

#include "codec/time.h"
#include "parse/line.h"
#include "parse/parse_web.h"

enum { FRONT_MAX = 300 };

static enum family family_of(const struct appliance_device *d)
{
    if (str_icontains(d->vendor, STR("fortinet")) || str_icontains(d->product, STR("fortigate")))
        return FAMILY_FORTIGATE;
    if (str_icontains(d->vendor, STR("palo alto")))
        return FAMILY_PALOALTO;
    if (str_icontains(d->vendor, STR("cisco")))
        return FAMILY_CISCO;
    return FAMILY_APPLIANCE;
}

void appliance_begin(struct parse *p, str line, const struct appliance_device *d)
{
    struct event *e = parse_begin(p, line);
    line_source(p, family_of(d), d->product);
    e->code = d->code;
    line_add(p, FIELD_OBSERVER_VENDOR, d->vendor);
    line_add(p, FIELD_OBSERVER_PRODUCT, d->product);
    line_add(p, FIELD_OBSERVER_VERSION, d->version);
    line_add(p, FIELD_EVENT_CODE, d->code);
}

/* FortiGate puts this before its own names in CEF; Sigma's rules for it do not. */
static str without_prefix(enum family family, str key)
{
    static const char prefix[] = "FTNTFGT";
    bool has = family == FAMILY_FORTIGATE && str_starts(key, str_z(prefix));
    return has && key.n > sizeof prefix ? str_from(key, sizeof prefix - 1) : key;
}

static bool is_number_field(field_id id)
{
    return id < FIELD_KNOWN && field_type_of(id) == FIELD_LONG;
}

void appliance_add(struct parse *p, struct appliance *a, str key, str value)
{
    enum family family = (enum family)p->event->family;
    if (key.n == 0 || value.n == 0)
        return;
    field_id id = names_find(&a->common, p->dict, FAMILY_APPLIANCE, key);
    if (id >= FIELD_KNOWN && family != FAMILY_APPLIANCE) {
        if (a->own_family != family) {
            memset(&a->own, 0, sizeof a->own);
            a->own_family = (uint8_t)family;
        }
        id = names_find(&a->own, p->dict, family, without_prefix(family, key));
    }
    if (is_number_field(id))
        line_add_number(p, id, value);
    else
        line_add(p, id, value);
    if (str_eq(key, STR("fileHash")))
        parse_add_hashes(p, value);
    if (id == FIELD_URL_ORIGINAL)
        parse_add_url(p, value, 0);
}

int64_t appliance_time(struct parse *p, str value)
{
    int64_t ms;
    if (time_parse_any(value, &ms))
        return ms;
    str rest = value;
    return syslog_take_time(&rest, p->stream->now_ms, &ms) ? ms : TIME_NONE;
}

bool appliance_cut_front(str line, str mark, int64_t now_ms, struct syslog *front, str *rest)
{
    str head = str_head(line, FRONT_MAX);
    const char *at = head.n ? memmem(head.p, head.n, mark.p, mark.n) : NULL;
    if (!at || (at > line.p && at[-1] != ' '))
        return false;
    str before = str_head(line, (size_t)(at - line.p));
    *rest = str_from(line, before.n + mark.n);
    if (before.n == 0 || !syslog_cut(before, now_ms, front))
        *front = (struct syslog){.priority = -1, .time_ms = TIME_NONE};
    if (front->host.n == 0 && front->message.n &&
        memchr(front->message.p, ' ', front->message.n) == NULL)
        front->host = front->message; /* "Sep  2 03:45:14 host CEF:0|…": no tag in between */
    return true;
}
