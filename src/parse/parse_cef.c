/* SPDX-License-Identifier: Apache-2.0 */
/* ArcSight Common Event Format, bare or behind a syslog front:
 *
 *     CEF:0|vendor|product|version|event class id|name|severity|src=10.0.0.1 msg=with spaces cs1Label=Rule cs1=x
 *
 * In the front part `\|` and `\\` are escapes, in the pairs `\=`, `\\`, `\n` and `\r`.  A value ends
 * where the next key starts.  Custom fields go by the name their label gives them. */
#include "parse/appliance.h"
#include "parse/line.h"

enum { PAIRS_MAX = 512, KEY_MAX = 64 };

struct cef_pair {
    str key, value;
};

struct cef_state {
    struct appliance appliance;
    struct cef_pair pair[PAIRS_MAX];
    size_t count;
};

struct cef {
    struct syslog front;
    struct appliance_device device;
    str name, severity, pairs;
};

/* Up to the next '|' that is not escaped, which is taken off as well. */
static bool cut_part(str *s, str *out)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->p[i] == '\\') {
            i++;
        } else if (s->p[i] == '|') {
            *out = str_head(*s, i);
            *s = str_from(*s, i + 1);
            return true;
        }
    return false;
}

static bool cef_cut(str line, int64_t now_ms, struct cef *c)
{
    str rest, version;
    if (!appliance_cut_front(line, STR("CEF:"), now_ms, &c->front, &rest))
        return false;
    if (!cut_part(&rest, &version) || !line_is_number(str_trim(version)))
        return false;
    struct appliance_device *d = &c->device;
    if (!cut_part(&rest, &d->vendor) || !cut_part(&rest, &d->product) ||
        !cut_part(&rest, &d->version) || !cut_part(&rest, &d->code) || !cut_part(&rest, &c->name))
        return false;
    if (!cut_part(&rest, &c->severity)) { /* nothing behind the severity, not even a bar */
        c->severity = rest;
        rest = str_from(rest, rest.n);
    }
    c->pairs = rest;
    return true;
}

/* `\|`, `\=`, `\\`, `\n`, `\r` undone; what has none is handed back as it is. */
static str unescape(struct parse *p, str s)
{
    if (s.n == 0 || !memchr(s.p, '\\', s.n))
        return s;
    char *out = arena_bytes(&p->batch->arena, s.n);
    if (!out)
        return s;
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char next = s.p[i] == '\\' && i + 1 < s.n ? s.p[i + 1] : '\0';
        i += next != '\0';
        if (next == 'n' || next == 'r')
            out[n++] = next == 'n' ? '\n' : '\r';
        else if (next == '\0' || next == '|' || next == '=' || next == '\\')
            out[n++] = next ? next : s.p[i];
        else {
            out[n++] = '\\'; /* a path somebody forgot to escape */
            out[n++] = next;
        }
    }
    return (str){out, n};
}

static bool is_key_char(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '_' ||
           c == '.' || c == '-' || c == '[' || c == ']';
}

/* Where the key that ends at the '=' at `at` starts, or SIZE_MAX when none does. */
static size_t key_start(str s, size_t at)
{
    size_t i = at;
    while (i > 0 && at - i <= KEY_MAX && is_key_char(s.p[i - 1]))
        i--;
    return i < at && (i == 0 || s.p[i - 1] == ' ') ? i : SIZE_MAX;
}

/* The next '=' from `from` on that ends a key; s.n when there is none. */
static size_t next_equals(str s, size_t from, size_t *key)
{
    for (size_t i = from; i < s.n; i++)
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == '=' && (*key = key_start(s, i)) != SIZE_MAX && *key >= from)
            return i;
    return s.n;
}

static void read_pairs(struct parse *p, struct cef_state *c, str s)
{
    size_t key = 0, next_key = 0, at = next_equals(s, 0, &key);
    c->count = 0;
    while (at < s.n) {
        size_t next = next_equals(s, at + 1, &next_key);
        str value = str_from(str_head(s, next < s.n ? next_key : s.n), at + 1);
        if (c->count == PAIRS_MAX)
            p->batch->dropped++;
        else
            c->pair[c->count++] =
                (struct cef_pair){str_from(str_head(s, at), key), unescape(p, str_trim(value))};
        at = next;
        key = next_key;
    }
}

/* "Rule Name" for cs1 when the pairs have cs1Label=Rule Name; else the key. */
static str label_of(const struct cef_state *c, str key)
{
    bool custom = key.n >= 3 && key.n <= 24 && key.p[key.n - 1] >= '0' && key.p[key.n - 1] <= '9';
    for (size_t i = 0; custom && i < c->count; i++) {
        str label = c->pair[i].key;
        if (label.n == key.n + 5 && str_starts(label, key) && str_ends(label, STR("Label")) &&
            c->pair[i].value.n)
            return c->pair[i].value;
    }
    return key;
}

static void add_pairs(struct parse *p, struct cef_state *c)
{
    for (size_t i = 0; i < c->count; i++) {
        str key = c->pair[i].key, value = c->pair[i].value;
        if (str_ends(key, STR("Label")) && !str_eq(key, STR("Label")))
            continue;
        if (str_eq(key, STR("rt")) || (p->event->time_ms == TIME_NONE &&
                                       (str_eq(key, STR("end")) || str_eq(key, STR("start"))))) {
            int64_t ms = appliance_time(p, value);
            p->event->time_ms = ms != TIME_NONE ? ms : p->event->time_ms;
        }
        appliance_add(p, &c->appliance, label_of(c, key), value);
    }
}

static bool cef_record(struct parse *p, str line)
{
    struct cef_state *state = p->state;
    struct cef c = {0};
    if (!cef_cut(line, p->stream->now_ms, &c))
        return parse_refuse(p, "no CEF header: '%.*s'", (int)str_head(line, 60).n, line.p);
    struct appliance_device *d = &c.device;
    *d = (struct appliance_device){unescape(p, d->vendor), unescape(p, d->product),
                                   unescape(p, d->version), unescape(p, d->code)};
    appliance_begin(p, line, d);
    line_add(p, FIELD_RULE_NAME, unescape(p, c.name));
    line_add_number(p, FIELD_EVENT_SEVERITY, c.severity);
    read_pairs(p, state, c.pairs);
    add_pairs(p, state);
    if (p->event->time_ms == TIME_NONE)
        p->event->time_ms = c.front.time_ms;
    line_add(p, FIELD_HOST_NAME, c.front.host);
    return true;
}

static bool is_cef(str line)
{
    struct cef c;
    return cef_cut(line, 0, &c);
}

static int cef_sniff(str head)
{
    return line_share(head, is_cef) * 98 / 100;
}

const struct parse_ops parse_cef = {
    .name = "cef",
    .sniff = cef_sniff,
    .record = cef_record,
    .state_size = sizeof(struct cef_state),
};
