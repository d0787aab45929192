/* SPDX-License-Identifier: Apache-2.0 */
/* What a JSON stream is, by its first record: where records begin, and whose keys they have. */
#include "parse/json_int.h"

#include "base/map.h"

#include <assert.h>
#include <pthread.h>

enum {
    FEW = 30,        /* fewer points are chance: many a JSON has a "timestamp" */
    CLUES_MAX = 512, /* of all formats together */
    CLUE_MAX = 64    /* bytes of a clue's name */
};

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

/* ---- clues ---- */

static const struct parse_ops *const all_ops[PARSE_FORMAT_COUNT] = {
#define X(NAME, name, framing, doc) [PARSE_##NAME] = &parse_##NAME,
#include "parse/format.def"
};

/* The clues of all formats, found by name: one walk through a value serves them all. */
static struct {
    uint64_t length[256]; /* by a name's first byte: bit n: there is one of n bytes */
    struct map first;     /* of a name: its number here */
    struct clue {
        const struct json_clue *of;
        uint8_t format;
        uint16_t next; /* the next of this name; 0: none */
    } at[CLUES_MAX];   /* from 1 */
    uint16_t count;
} index_of;

static void add_clue(size_t format, const struct json_clue *of)
{
    assert(index_of.count + 1 < CLUES_MAX);
    uint16_t n = ++index_of.count;
    bool added;
    str name = str_z(of->name);
    assert(name.n && name.n < CLUE_MAX);
    index_of.length[(unsigned char)name.p[0]] |= (uint64_t)1 << name.n;
    uint32_t *first = map_add(&index_of.first, name, n, &added);
    index_of.at[n] = (struct clue){of, (uint8_t)format, added ? 0 : (uint16_t)*first};
    *first = n;
}

static void make_index(void)
{
    for (size_t i = 0; i < PARSE_FORMAT_COUNT; i++)
        for (size_t k = 0; all_ops[i]->json && k < all_ops[i]->json->clues; k++)
            add_clue(i, &all_ops[i]->json->clue[k]);
}

struct tally {
    int *points;                   /* a format's */
    uint64_t seen[CLUES_MAX / 64]; /* a clue counts once */
    str outer;                     /* the key at the top */
};

static void count_clues(struct tally *t, str name)
{
    const uint32_t *first = map_find(&index_of.first, name);
    for (uint32_t n = first ? *first : 0; n; n = index_of.at[n].next) {
        const struct clue *c = &index_of.at[n];
        if (!(t->seen[n / 64] >> n % 64 & 1))
            t->points[c->format] += c->of->points;
        t->seen[n / 64] |= (uint64_t)1 << n % 64;
    }
}

/* "outer.inner" */
static str join(str outer, str inner, char out[static CLUE_MAX])
{
    assert(outer.n + 1 + inner.n < CLUE_MAX);
    memcpy(out, outer.p, outer.n);
    out[outer.n] = '.';
    memcpy(out + outer.n + 1, inner.p, inner.n);
    return (str){out, outer.n + 1 + inner.n};
}

/* Most keys are seen by their length to be no clue. */
static bool may_be_clue(str outer, size_t n)
{
    return outer.n && n < CLUE_MAX && index_of.length[(unsigned char)outer.p[0]] >> n & 1;
}

static void take_key(struct tally *t, uint32_t depth, str key)
{
    char path[CLUE_MAX];
    if (depth == 1) {
        t->outer = key;
        if (may_be_clue(key, key.n))
            count_clues(t, key);
    } else if (depth == 2 && may_be_clue(t->outer, t->outer.n + 1 + key.n)) {
        count_clues(t, join(t->outer, key, path));
    }
}

/* ---- the first value ---- */

/* Length of the value `s` starts with, as far as it is good; *whole says whether it ends.  Its keys
 * are tallied when there is a tally. */
static size_t measure(str s, bool *whole, struct tally *tally)
{
    struct json_scan scan = json_scan_of(s);
    struct json_text t;
    enum json_token token;
    scan.depth_max = JSON_DEPTH_MAX;
    while (!json_scan_complete(&scan) && (token = json_next(&scan, &t)) > JSON_ERROR)
        if (token == JSON_KEY && tally)
            take_key(tally, scan.depth, t.raw);
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

/* *n, *whole: as measure() has it of the first record. */
static struct parse_layout find_layout(str head, size_t *n, bool *whole, struct tally *tally)
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
    *n = measure(s, whole, tally);
    l.lines = str_find(str_head(s, *n), '\n') == *n && (!*whole || ends_line(str_from(s, *n)));
    return l;
}

struct parse_layout parse_json_layout(str head)
{
    size_t n;
    bool whole;
    return find_layout(head, &n, &whole, NULL);
}

/* A file may begin in the middle of a line, so two good lines after a bad one are JSON too. */
static str behind_first_line(str head)
{
    str none = {head.p, 0}, rest = head;
    bool whole;
    (void)str_cut(&rest, '\n');
    str second = rest;
    size_t n = opens_object(rest) ? measure(rest, &whole, NULL) : 0;
    if (n == 0 || !whole)
        return none;
    (void)str_cut(&rest, '\n');
    n = opens_object(rest) ? measure(rest, &whole, NULL) : 0;
    return n && whole ? second : none;
}

static void find_first(str head, struct json_first *out, struct tally *tally)
{
    size_t n;
    out->layout = find_layout(head, &n, &out->whole, tally);
    str s = str_from(head, out->layout.skip);
    if (!opens_object(s)) {
        s = behind_first_line(head);
        *tally = (struct tally){.points = out->points};
        memset(out->points, 0, sizeof out->points);
        out->whole = false;
        n = s.n ? measure(s, &out->whole, tally) : 0;
    }
    out->value = out->whole ? str_head(s, n) : s;
}

void json_sniff(str head, struct json_first *out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_index);
    memset(out, 0, sizeof *out);
    struct tally tally = {.points = out->points};
    find_first(head, out, &tally);
    for (size_t i = 0; i < PARSE_FORMAT_COUNT; i++)
        if (out->points[i] < FEW)
            out->points[i] = 0;
}
