/* SPDX-License-Identifier: Apache-2.0 */
/* What a JSON stream is, by its first record: where records begin, and whose keys they have. */
#include "parse/json_int.h"

/* Fewer points are chance: many a JSON has a "timestamp". */
enum { FEW = 30 };

static str from_text(str s, const char *p)
{
    return (str){p, (size_t)(s.p + s.n - p)};
}

/* Looks like the beginning of an object. */
static bool opens_object(str s)
{
    if (s.n == 0 || s.p[0] != '{')
        return false;
    str inside = str_from(s, 1);
    inside = str_from(inside, json_blank(inside));
    return inside.n == 0 || inside.p[0] == '"' || inside.p[0] == '}';
}

/* Behind `[`: elements that are objects, or none. */
static bool opens_records(str s)
{
    s = str_from(s, json_blank(s));
    return opens_object(s) || (s.n && s.p[0] == ']');
}

static bool one_of(str s, const char *const *list)
{
    for (; *list; list++)
        if (str_eq(s, str_z(*list)))
            return true;
    return false;
}

/* An object that only carries an array of records: CloudTrail's Records, Azure's records, a Graph
 * answer's value, a Kubernetes list's items.  Length up to behind the `[`, or 0. */
static size_t wrapper(str s)
{
    static const char *const carrier[] = {"Records", "records", "value", "items", "events",
                                          "Events",  "entries", "logs",  NULL};
    static const char *const beside[] = {"@odata.context",
                                         "@odata.count",
                                         "@odata.nextLink",
                                         "kind",
                                         "apiVersion",
                                         "metadata",
                                         "nextPageToken",
                                         "count",
                                         "etag",
                                         "nextLink",
                                         NULL};
    struct json_scan scan = json_scan_of(s);
    struct json_text t;
    if (json_next(&scan, &t) != JSON_OBJECT)
        return 0;
    while (json_next(&scan, &t) == JSON_KEY) {
        str key = t.raw;
        enum json_token token = json_next(&scan, &t);
        if (token == JSON_ARRAY && one_of(key, carrier))
            return opens_records(from_text(s, scan.p)) ? (size_t)(scan.p - s.p) : 0;
        bool container = token == JSON_OBJECT || token == JSON_ARRAY;
        if (!one_of(key, beside) || (container && json_skip(&scan, NULL) == JSON_ERROR))
            return 0;
    }
    return 0;
}

/* Length of the value `s` starts with, as far as it is good; *whole says whether it ends. */
static size_t measure(str s, bool *whole)
{
    struct json_scan scan = json_scan_of(s);
    struct json_text t;
    scan.depth_max = JSON_DEPTH_MAX;
    while (!json_scan_complete(&scan) && json_next(&scan, &t) > JSON_ERROR)
        ;
    *whole = json_scan_complete(&scan);
    return (size_t)(scan.p - s.p);
}

static bool ends_line(str s)
{
    size_t i = 0;
    while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == ',' || s.p[i] == '\r'))
        i++;
    return i == s.n || s.p[i] == '\n';
}

struct parse_layout parse_json_layout(str head)
{
    struct parse_layout l = {.skip = json_blank(head)};
    str s = str_from(head, l.skip);
    size_t open = s.n && s.p[0] == '[' ? 1 : wrapper(s);
    if (open) {
        l.in_array = true;
        l.skip += open;
        l.skip += json_blank(str_from(head, l.skip));
        s = str_from(head, l.skip);
    }
    bool whole;
    size_t n = measure(s, &whole);
    l.lines = str_find(s, '\n') >= n && (!whole || ends_line(str_from(s, n)));
    return l;
}

/* A file may begin in the middle of a line, so two good lines after a bad one are JSON too. */
static str behind_first_line(str head)
{
    str none = {head.p, 0}, rest = head;
    bool whole;
    (void)str_cut(&rest, '\n');
    str second = rest;
    size_t n = opens_object(rest) ? measure(rest, &whole) : 0;
    if (n == 0 || !whole)
        return none;
    (void)str_cut(&rest, '\n');
    n = opens_object(rest) ? measure(rest, &whole) : 0;
    return n && whole ? second : none;
}

str json_first_value(str head, bool *whole)
{
    struct parse_layout l = parse_json_layout(head);
    str s = str_from(head, l.skip);
    *whole = false;
    if (!opens_object(s))
        s = behind_first_line(head);
    if (s.n == 0)
        return s;
    size_t n = measure(s, whole);
    return *whole ? str_head(s, n) : s;
}

/* `name` is `outer`, or `outer.inner` when there is an inner key. */
static bool is_path(str name, str outer, str inner)
{
    if (inner.n == 0)
        return str_eq(name, outer);
    return name.n == outer.n + 1 + inner.n && str_starts(name, outer) && str_ends(name, inner) &&
           str_find(str_from(name, outer.n), '.') == 0;
}

/* Points of the clue of that path, once. */
static int points_of(str outer, str inner, const struct json_clue *clue, size_t count,
                     uint64_t *seen)
{
    for (size_t i = 0; i < count && i < 64; i++)
        if (!(*seen >> i & 1) && is_path(str_z(clue[i].name), outer, inner)) {
            *seen |= (uint64_t)1 << i;
            return clue[i].points;
        }
    return 0;
}

int json_sniff(str value, const struct json_clue *clue, size_t count)
{
    struct json_scan s = json_scan_of(value);
    struct json_text t;
    enum json_token token;
    uint64_t seen = 0;
    int points = 0;
    str outer = {"", 0};
    while ((token = json_next(&s, &t)) > JSON_ERROR && s.depth > 0) {
        if (token != JSON_KEY || s.depth > 2)
            continue;
        if (s.depth == 1)
            outer = t.raw;
        points += points_of(outer, s.depth == 2 ? t.raw : (str){"", 0}, clue, count, &seen);
    }
    return points < FEW ? 0 : points > 100 ? 100 : points;
}
