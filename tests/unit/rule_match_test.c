/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "rule/match.h"
#include "tests/rule_events.h"
#include "tests/test.h"

/* cmocka's fail_msg() would call our fail(). */
#define FAIL(...)                                                                                  \
    do {                                                                                           \
        print_error(__VA_ARGS__);                                                                  \
        assert_true(false);                                                                        \
    } while (0)

static struct rule_set *parse(struct dict *d, const char *yaml)
{
    struct rule_set *set = NULL;
    struct error err = {.text = ""};
    if (rule_set_parse(STR("test.yml"), str_z(yaml), d, NULL, &set, &err) != ST_OK)
        FAIL("%s", err.text);
    for (size_t i = 0; i < rule_set_problem_count(set); i++)
        print_message("%s\n", rule_set_problem(set, i)->reason);
    assert_int_equal(rule_set_problem_count(set), 0);
    return set;
}

#define RULE_HEAD "title: t\nstatus: test\nlevel: low\n"
#define WINDOWS   "logsource: {product: windows}\n"

/* Does a rule with this detection fire on this event? */
static bool fires(const char *detection, const struct made_field *field)
{
    char yaml[4096];
    struct dict *d = dict_new();
    snprintf(yaml, sizeof yaml, RULE_HEAD WINDOWS "detection:\n%s", detection);
    struct rule_set *set = parse(d, yaml);
    struct rule_matcher *m = rule_matcher_new(set);
    struct rule_hits hits = {0};
    struct batch b;
    batch_init(&b, 1 << 20);
    struct event *e = make_event(&b, d, FAMILY_WINDOWS, field);
    bool plain = node_event(&m->tester, FAMILY_WINDOWS, set->image.rule.at[0].root, e);
    for (int i = 0; i < 3; i++) /* the second time out of the memo, the third without it */ {
        hits.n = 0;
        m->use_memo = i < 2;
        rule_match(m, &b, &hits);
        assert_int_equal(hits.n, plain);
    }
    rule_hits_done(&hits);
    rule_matcher_free(m);
    rule_set_free(set);
    batch_done(&b);
    dict_free(d);
    return plain;
}

#define SELECT(s) "  sel:\n    " s "\n  condition: sel\n"

static const struct one_test {
    const char *detection, *text; /* of field F */
    enum value_kind kind;
    bool fires;
} tests[] = {
    /* whole values */
    {SELECT("F: abc"), "abc", VALUE_STRING, true},
    {SELECT("F: abc"), "ABC", VALUE_STRING, true},
    {SELECT("F: abc"), "abcd", VALUE_STRING, false},
    {SELECT("F: abc"), NULL, VALUE_NULL, false},
    {SELECT("F|cased: abc"), "abc", VALUE_STRING, true},
    {SELECT("F|cased: abc"), "ABC", VALUE_STRING, false},
    {SELECT("F: ''"), "", VALUE_STRING, true},
    {SELECT("F: ''"), "x", VALUE_STRING, false},
    {SELECT("F: ''"), NULL, VALUE_NULL, false},
    /* numbers */
    {SELECT("F: 4624"), "4624", VALUE_STRING, true},
    {SELECT("F: 4624"), "4624", VALUE_NUMBER, true},
    {SELECT("F: 4624"), "4624.0", VALUE_NUMBER, true},
    {SELECT("F: 4624"), "46240e-1", VALUE_NUMBER, true},
    {SELECT("F: 4624"), "04624", VALUE_STRING, true},
    {SELECT("F: '4624'"), "04624", VALUE_STRING, false},
    {SELECT("F: '4624'"), "4624.0", VALUE_NUMBER, true},
    {SELECT("F: 4624"), "4625", VALUE_NUMBER, false},
    {SELECT("F: 4624"), " 4624", VALUE_STRING, false},
    {SELECT("F: 9007199254740993"), "9007199254740992", VALUE_NUMBER, false},
    {SELECT("F: '0x10'"), "0x10", VALUE_STRING, true},
    {SELECT("F: '0x10'"), "16", VALUE_NUMBER, false},
    {SELECT("F: true"), "true", VALUE_BOOL, true},
    {SELECT("F: true"), "True", VALUE_STRING, true},
    {SELECT("F: false"), "true", VALUE_BOOL, false},
    {SELECT("F|lt: 10"), "9.5", VALUE_NUMBER, true},
    {SELECT("F|lt: 10"), "10", VALUE_NUMBER, false},
    {SELECT("F|lte: 10"), "10", VALUE_STRING, true},
    {SELECT("F|gt: 10"), "1e2", VALUE_NUMBER, true},
    {SELECT("F|gte: 10"), "9", VALUE_NUMBER, false},
    {SELECT("F|gte: 10"), "abc", VALUE_STRING, false},
    /* parts */
    {SELECT("F|contains: bc"), "aBCd", VALUE_STRING, true},
    {SELECT("F|contains: b"), "aBCd", VALUE_STRING, true},
    {SELECT("F|contains: x"), "aBCd", VALUE_STRING, false},
    {SELECT("F|contains|cased: bc"), "aBCd", VALUE_STRING, false},
    {SELECT("F|contains|cased: BC"), "aBCd", VALUE_STRING, true},
    {SELECT("F|contains|cased: B"), "aBCd", VALUE_STRING, true},
    {SELECT("F|contains|cased: b"), "aBCd", VALUE_STRING, false},
    {SELECT("F|startswith: ab"), "ABC", VALUE_STRING, true},
    {SELECT("F|startswith: ab"), "xab", VALUE_STRING, false},
    {SELECT("F|startswith: abcdef"), "abc", VALUE_STRING, false},
    {SELECT("F|endswith: '\\powershell.exe'"), "C:\\x\\PowerShell.EXE", VALUE_STRING, true},
    {SELECT("F|endswith: '\\powershell.exe'"), "C:\\x\\xpowershell.exe", VALUE_STRING, false},
    {SELECT("F|endswith: '\\powershell.exe'"), "powershell.exe", VALUE_STRING, false},
    {SELECT("F|endswith|cased: '.exe'"), "a.EXE", VALUE_STRING, false},
    {SELECT("F|contains|all: [ab, cd]"), "xcdxab", VALUE_STRING, true},
    {SELECT("F|contains|all: [ab, cd]"), "xcdx", VALUE_STRING, false},
    /* patterns */
    {SELECT("F: 'a*c'"), "abbc", VALUE_STRING, true},
    {SELECT("F: 'a*c'"), "abbcd", VALUE_STRING, false},
    {SELECT("F: 'a?c'"), "abc", VALUE_STRING, true},
    {SELECT("F: 'a?c'"),
     "a\xc3\xa4"
     "c",
     VALUE_STRING, true},
    {SELECT("F: 'a?c'"), "abbc", VALUE_STRING, false},
    {SELECT("F: '*a*b*c*'"), "xaxbxcx", VALUE_STRING, true},
    {SELECT("F: '*a*b*c*'"), "xcxbxax", VALUE_STRING, false},
    {SELECT("F: '*'"), "x", VALUE_STRING, true},
    {SELECT("F: '*'"), "", VALUE_STRING, false},
    {SELECT("F: '?'"), "x", VALUE_STRING, true},
    {SELECT("F|re: 'net\\s+user'"), "xnet  user", VALUE_STRING, true},
    {SELECT("F|re: 'net\\s+user'"), "NET user", VALUE_STRING, false},
    {SELECT("F|re|i: 'net\\s+user'"), "NET user", VALUE_STRING, true},
    {SELECT("F|re: '(?i)net\\s+user'"), "NET user", VALUE_STRING, true},
    {SELECT("F|re: '^.{3}$'"), "abc", VALUE_STRING, true},
    {SELECT("F|re: '^.{3}$'"), "abcd", VALUE_STRING, false},
    {SELECT("F|re: '[Pp]rogram(abc)?[Dd]ata'"), "xprogramData", VALUE_STRING, true},
    /* other tests */
    {SELECT("F|cidr: 10.0.0.0/8"), "10.1.2.3", VALUE_STRING, true},
    {SELECT("F|cidr: 10.0.0.0/8"), "11.1.2.3", VALUE_STRING, false},
    {SELECT("F|cidr: 'fe80::/10'"), "fe80::1", VALUE_STRING, true},
    {SELECT("F: null"), NULL, VALUE_NULL, true},
    {SELECT("F: null"), "", VALUE_STRING, false},
    {SELECT("G: null"), "x", VALUE_STRING, true},
    {SELECT("F|exists: true"), "x", VALUE_STRING, true},
    {SELECT("F|exists: true"), NULL, VALUE_NULL, true},
    {SELECT("G|exists: true"), "x", VALUE_STRING, false},
    {SELECT("G|exists: false"), "x", VALUE_STRING, true},
    {SELECT("F|exists: false"), "x", VALUE_STRING, false},
    {SELECT("F|hour: 3"), "2020-09-22T03:45:14Z", VALUE_STRING, true},
    {SELECT("F|hour: 4"), "2020-09-22T03:45:14Z", VALUE_STRING, false},
    {SELECT("F|week: 39"), "2020-09-22T03:45:14Z", VALUE_STRING, true},
    {SELECT("F|fieldref: F"), "x", VALUE_STRING, true},
    {SELECT("F|fieldref: G"), "x", VALUE_STRING, false},
    /* combinations */
    {"  a:\n    F: abc\n  b:\n    G: x\n  condition: a and not b\n", "abc", VALUE_STRING, true},
    {"  a:\n    F: abc\n  condition: not a\n", "abd", VALUE_STRING, true},
    {"  a:\n    F: abc\n  condition: not a\n", "abc", VALUE_STRING, false},
    {"  a:\n    F: abc\n  b:\n    F: abd\n  condition: 1 of them\n", "abd", VALUE_STRING, true},
    {"  a:\n    F|contains: a\n  b:\n    F|contains: b\n  condition: all of them\n", "ba",
     VALUE_STRING, true},
    /* keywords */
    {"  kw: [secret, other]\n  condition: kw\n", "the Secret word", VALUE_STRING, true},
    {"  kw: [secret, other]\n  condition: kw\n", "nothing", VALUE_STRING, false},
    {"  kw: ['s*t w?rd']\n  condition: kw\n", "the secret word", VALUE_STRING, true},
    {"  kw: ['a\\b']\n  condition: kw\n", "x\\a\\b", VALUE_STRING, true},
    {"  kw:\n    '|all': [secret, other]\n  condition: kw\n", "other secret", VALUE_STRING, true},
    {"  kw:\n    '|all': [secret, other]\n  condition: kw\n", "secret", VALUE_STRING, false},
    {"  kw:\n    '|re': 'se.ret'\n  condition: kw\n", "a secret", VALUE_STRING, true},
    {"  kw: [secret]\n  condition: not kw\n", "a secret", VALUE_STRING, false},
};

static void every_kind_of_test_means_what_sigma_says(void **state)
{
    for (size_t i = 0; i < COUNT(tests); i++) {
        const struct made_field field[] = {
            {"F", tests[i].text, tests[i].kind, 0}, S("Other", "nought"), END};
        if (fires(tests[i].detection, field) != tests[i].fires)
            FAIL("%s on '%s' should%s fire", tests[i].detection,
                 tests[i].text ? tests[i].text : "null", tests[i].fires ? "" : " not");
    }
}

static void any_value_of_a_list_is_enough(void **state)
{
    const struct made_field field[] = {S("F", "one"), S("F", "two"), END};
    assert_true(fires(SELECT("F: two"), field));
    assert_true(fires("  a:\n    F|all: [one, two]\n  condition: a\n", field));
    assert_false(fires("  a:\n    F: two\n  condition: not a\n", field));
}

static void escaped_text_is_decoded_before_it_is_compared(void **state)
{
    const struct made_field field[] = {
        {"F", "C:\\\\W\\u0069n\\\\x.exe", VALUE_STRING, FIELD_ESCAPED}, END};
    assert_true(fires(SELECT("F: 'C:\\win\\x.exe'"), field));
    assert_true(fires("  kw: ['\\win\\x']\n  condition: kw\n", field));
}

static void zero_bytes_are_bytes_like_others(void **state)
{
    static const struct {
        const char *test, *text;
        bool fires;
    } cases[] = {
        {"F|utf16be|contains: foo", "x\\u0000f\\u0000O\\u0000o", true},
        {"F|utf16be|contains: foo", "xf\\u0000O\\u0000o", false},
        {"F|utf16be|contains|cased: foo", "x\\u0000f\\u0000O\\u0000o", false},
        {"F|utf16be|startswith: foo", "\\u0000f\\u0000o\\u0000o", true},
        {"F|utf16be|endswith: foo", "x\\u0000f\\u0000o\\u0000o", true},
        {"F|utf16be: foo", "\\u0000f\\u0000o\\u0000o", true},
        {"F|wide|contains: foo", "xf\\u0000o\\u0000o\\u0000", true},
        {"F|wide|contains: foo", "xfoo\\u0000", false},
        {"F|utf16be|contains: 'f*o'", "xx\\u0000fy\\u0000o", true},
        {"F|contains: \"\\0\"", "x\\u0000", true},
        {"F|contains: \"\\0\\0\"", "x\\u0000y\\u0000", false},
        {"F|contains: \"\\0\\0\"", "x\\u0000\\u0000", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char detection[128];
        const struct made_field field[] = {{"F", cases[i].text, VALUE_STRING, FIELD_ESCAPED}, END};
        snprintf(detection, sizeof detection, "  sel:\n    %s\n  condition: sel\n", cases[i].test);
        if (fires(detection, field) != cases[i].fires)
            FAIL("%s on '%s'", cases[i].test, cases[i].text);
    }
}

/* ---- keywords in records ---- */

static size_t keyword_hits(const char *keyword, const char *raw, bool escaped)
{
    char yaml[512];
    struct dict *d = dict_new();
    snprintf(yaml, sizeof yaml, RULE_HEAD WINDOWS "detection:\n  k: ['%s']\n  condition: k\n",
             keyword);
    struct rule_set *set = parse(d, yaml);
    struct rule_matcher *m = rule_matcher_new(set);
    struct rule_hits hits = {0};
    struct batch b;
    batch_init(&b, 1 << 20);
    struct event *e = batch_begin(&b, str_z(raw), (struct origin){.line = 1});
    e->family = FAMILY_WINDOWS;
    str value = str_z(raw);
    (void)str_cut(&value, ':');
    *batch_field(&b, 9) = (struct field){.p = value.p + 1,
                                         .n = (uint32_t)value.n - 3,
                                         .id = FIELD_MESSAGE,
                                         .kind = VALUE_STRING,
                                         .flags = escaped ? FIELD_ESCAPED : 0};
    batch_commit(&b, e);
    rule_match(m, &b, &hits);
    size_t n = hits.n;
    rule_hits_done(&hits);
    rule_matcher_free(m);
    rule_set_free(set);
    batch_done(&b);
    dict_free(d);
    return n;
}

static void keywords_are_found_however_json_writes_them(void **state)
{
    assert_int_equal(keyword_hits("evil", "{\"a\":\"so evil it is\"}", false), 1);
    assert_int_equal(keyword_hits("ev''il", "{\"a\":\"so ev\\u0027il\"}", true), 1);
    assert_int_equal(keyword_hits("evil", "{\"a\":\"so \\u0065vil\"}", true), 1);
    assert_int_equal(keyword_hits("x/y", "{\"a\":\"so x\\/y\"}", true), 1);
    assert_int_equal(keyword_hits("\\\\perfc.dat", "{\"a\":\"c:\\\\perfc.dat\"}", true), 1);
    assert_int_equal(keyword_hits("evil", "{\"a\":\"c:\\\\u0065vil\"}", true), 0);
}

static void keywords_are_not_looked_for_in_the_names_of_json(void **state)
{
    assert_int_equal(keyword_hits("evil", "{\"evil\":\"so good\"}", false), 0);
}

static void keywords_are_looked_for_in_a_whole_line_of_text(void **state)
{
    assert_int_equal(keyword_hits("evil line", "an evil line: with a part", false), 1);
}

/* ---- routing ---- */

static void rules_of_other_sources_are_never_tried(void **state)
{
    static const char yaml[] = RULE_HEAD
        "logsource: {product: linux}\ndetection:\n  a: {F: x}\n  condition: a\n---\n" RULE_HEAD
        "logsource: {product: windows, category: process_creation}\ndetection:\n"
        "  a: {F: x}\n  condition: a\n";
    struct dict *d = dict_new();
    struct rule_set *set = parse(d, yaml);
    struct rule_matcher *m = rule_matcher_new(set);
    struct rule_hits hits = {0};
    struct batch b;
    batch_init(&b, 1 << 20);
    const struct made_field field[] = {S("F", "x"), END};
    struct event *e = make_event(&b, d, FAMILY_WINDOWS, field);
    e->channel = STR("Microsoft-Windows-Sysmon/Operational");
    e->code = STR("1");
    e = make_event(&b, d, FAMILY_WINDOWS, field);
    e->channel = STR("Security");
    e->code = STR("4624");
    make_event(&b, d, FAMILY_LINUX, field);
    make_event(&b, d, FAMILY_UNKNOWN, field);
    rule_match(m, &b, &hits);
    static const struct rule_hit want[] = {{1, 0}, {0, 2}, {0, 3}, {1, 3}};
    assert_int_equal(hits.n, COUNT(want));
    assert_memory_equal(hits.at, want, sizeof want);
    assert_int_equal(m->stats.tried, 4);
    rule_hits_done(&hits);
    rule_matcher_free(m);
    rule_set_free(set);
    batch_done(&b);
    dict_free(d);
}

static void a_rule_of_absence_leaves_strangers_alone(void **state)
{
    static const char yaml[] =
        RULE_HEAD "logsource: {product: zeek, service: rdp}\ndetection:\n  a: {id.orig_h: x}\n"
                  "  condition: not a\n---\n" RULE_HEAD
                  "logsource: {product: ours}\ndetection:\n  a: {F: x}\n  condition: not a\n";
    struct dict *d = dict_new();
    struct rule_set *set = parse(d, yaml);
    struct rule_matcher *m = rule_matcher_new(set);
    struct rule_hits hits = {0};
    struct batch b;
    batch_init(&b, 1 << 20);
    const struct made_field other[] = {S("message", "any line of text"), END};
    const struct made_field own[] = {S("source.ip", "y"), END};
    make_event(&b, d, FAMILY_UNKNOWN, other);
    make_event(&b, d, FAMILY_UNKNOWN, own);
    struct event *e = make_event(&b, d, FAMILY_ZEEK, other);
    e->channel = STR("rdp");
    rule_match(m, &b, &hits);
    static const struct rule_hit want[] = {{1, 0}, {0, 1}, {1, 1}, {0, 2}};
    assert_int_equal(hits.n, COUNT(want));
    assert_memory_equal(hits.at, want, sizeof want);
    rule_hits_done(&hits);
    rule_matcher_free(m);
    rule_set_free(set);
    batch_done(&b);
    dict_free(d);
}

/* ---- the same as the plain way, whatever the rules and events ---- */

static uint64_t seed;

static uint32_t random_below(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 20) % n);
}

static void random_text(struct sbuf *out, const char *alphabet, uint32_t max)
{
    for (uint32_t n = random_below(max + 1); n; n--)
        sbuf_addc(out, alphabet[random_below((uint32_t)strlen(alphabet))]);
}

static void random_values(struct sbuf *y, bool regex)
{
    static const char *const patterns[] = {
        "a+b",     "(ab|ba)b", "[Aa]b.c", "(?i)ab",    "a{2,3}b",  "(?:ab){0,1}c",
        "^a",      "b$",       "ab(?=c)", "(?!ab)..a", "a|bc",     "\\.b",
        "x?ab*c",  "[^a]b",    ".",       "ab\\d",     "(a|b)c+a", "1[0-9]\\.",
        "(?:abc)", "a\\\\b",   "\\x61b",  "",
    };
    sbuf_addz(y, "[");
    for (uint32_t n = 1 + random_below(4); n; n--) {
        struct sbuf text;
        sbuf_init(&text, 100);
        if (regex)
            sbuf_addz(&text, patterns[random_below(COUNT(patterns))]);
        else
            random_text(&text, random_below(3) ? "abcAB1.\\ " : "ab*?\\c", 6);
        sbuf_addf(y, "'%s'%s", text.p ? text.p : "", n > 1 ? ", " : "");
        sbuf_done(&text);
    }
    sbuf_addz(y, "]");
}

static void random_item(struct sbuf *y, unsigned number)
{
    static const char *const modifier[] = {
        "",          "",       "|contains",       "|contains",         "|startswith",
        "|endswith", "|cased", "|contains|cased", "|contains|all",     "|endswith|cased",
        "|re",       "|re|i",  "|startswith|all", "|windash|contains",
    };
    static const char *const single[] = {"F%u|lt: 5",
                                         "F%u|gte: 1",
                                         "F%u: null",
                                         "F%u|exists: true",
                                         "F%u|exists: false",
                                         "F%u|fieldref: F1",
                                         "F%u: 1",
                                         "F%u: [1, 11, true]",
                                         "F%u: '*'",
                                         "F%u: ''",
                                         "F%u|fieldref|contains: F0",
                                         "F%u|cidr: 10.0.0.0/8"};
    unsigned field = number * 2 + random_below(2); /* a mapping may name a field once */
    if (random_below(4) == 0) {
        sbuf_addz(y, "    ");
        const char *s = single[random_below(COUNT(single))];
        const char *at = strstr(s, "%u");
        sbuf_add(y, (str){s, (size_t)(at - s)});
        sbuf_addf(y, "%u%s\n", field, at + 2);
        return;
    }
    const char *m = modifier[random_below(COUNT(modifier))];
    sbuf_addf(y, "    F%u%s: ", field, m);
    random_values(y, strstr(m, "re") != NULL);
    sbuf_addc(y, '\n');
}

static void random_condition(struct sbuf *y, unsigned depth)
{
    if (depth == 0 || random_below(3) == 0) {
        static const char *const leaf[] = {"s0",        "s1", "s2",     "1 of s*",
                                           "all of s*", "k",  "not s0", "not s1"};
        sbuf_addz(y, leaf[random_below(COUNT(leaf))]);
        return;
    }
    sbuf_addz(y, random_below(4) ? "(" : "not (");
    random_condition(y, depth - 1);
    sbuf_addz(y, random_below(2) ? " and " : " or ");
    random_condition(y, depth - 1);
    sbuf_addc(y, ')');
}

static void random_rule(struct sbuf *y)
{
    static const char *const source[] = {"{product: windows}",
                                         "{product: linux}",
                                         "{category: webserver}",
                                         "{product: windows, category: process_creation}",
                                         "{product: windows, service: security}",
                                         "{category: process_creation}",
                                         "{service: unheard-of}"};
    sbuf_addf(y, "---\n" RULE_HEAD "logsource: %s\ndetection:\n",
              source[random_below(COUNT(source))]);
    for (unsigned i = 0; i < 3; i++) {
        sbuf_addf(y, "  s%u:\n", i);
        for (unsigned k = 0, n = 1 + random_below(2); k < n; k++)
            random_item(y, k);
    }
    sbuf_addz(y, "  k: ");
    random_values(y, false);
    sbuf_addz(y, "\n  condition: ");
    random_condition(y, 3);
    sbuf_addc(y, '\n');
}

/* Writes a value into the record and answers the field that shows it. */
static struct field random_value(struct sbuf *raw, bool json)
{
    struct sbuf text;
    struct field f = {.kind = VALUE_STRING};
    sbuf_init(&text, 100);
    switch (random_below(10)) {
    case 0:
        sbuf_addf(&text, "%u", random_below(12));
        f.kind = VALUE_NUMBER;
        break;
    case 1:
        sbuf_addz(&text, random_below(2) ? "true" : "10.2.3.4");
        break;
    case 2:
        f.kind = VALUE_NULL;
        break;
    default:
        random_text(&text, "abcAB1.\\ b", 10);
    }
    size_t at = raw->n + 1;
    sbuf_addc(raw, '"');
    for (size_t i = 0; i < text.n; i++)
        if (json && text.p[i] == '\\')
            sbuf_addz(raw, "\\\\");
        else if (json && f.kind == VALUE_STRING && random_below(12) == 0)
            sbuf_addf(raw, "\\u%04x", (unsigned)text.p[i]);
        else
            sbuf_addc(raw, text.p[i]);
    f.n = (uint32_t)(raw->n - at);
    f.p = (const char *)(uintptr_t)at; /* until the record stays where it is */
    f.flags = json && memchr(raw->p + at, '\\', f.n ? f.n : 1) ? FIELD_ESCAPED : 0;
    sbuf_addz(raw, "\",");
    sbuf_done(&text);
    return f;
}

static void random_event(struct batch *b, struct dict *d, struct arena *arena)
{
    static const enum family family[] = {FAMILY_WINDOWS, FAMILY_WINDOWS, FAMILY_LINUX, FAMILY_WEB,
                                         FAMILY_UNKNOWN};
    struct sbuf raw;
    struct field field[6];
    enum family of = family[random_below(COUNT(family))];
    unsigned n = random_below(7), shape = random_below(3); /* JSON, text, hidden */
    sbuf_init(&raw, 4096);
    sbuf_addz(&raw, shape == 0 ? "{" : "x ");
    for (unsigned i = 0; i < n; i++)
        field[i] = random_value(&raw, shape == 0);
    str kept = arena_str(arena, sbuf_str(&raw));
    sbuf_done(&raw);
    struct event *e = batch_begin(b, shape == 2 ? (str){0} : kept, (struct origin){.line = 1});
    e->family = (uint8_t)of;
    if (of == FAMILY_WINDOWS && random_below(2)) {
        e->channel =
            random_below(2) ? STR("Security") : STR("Microsoft-Windows-Sysmon/Operational");
        e->code = random_below(2) ? STR("1") : STR("4688");
    }
    for (unsigned i = 0; i < n; i++) {
        char name[8];
        snprintf(name, sizeof name, "F%u", random_below(4));
        field[i].p = kept.p + (uintptr_t)field[i].p;
        field[i].id = dict_resolve(d, of, str_z(name));
        *batch_field(b, 100) = field[i];
    }
    batch_commit(b, e);
}

/* Every rule on every event, the plain way. */
static void expect_plain(struct rule_matcher *m, struct batch *b, struct rule_hits *out)
{
    for (uint32_t i = 0; i < b->event_count; i++)
        for (uint32_t r = 0; r < m->set->image.rule.n; r++) {
            const struct rule_row *row = &m->set->image.rule.at[r];
            struct event *e = m->event = &b->event[i];
            m->route = route_event(m->router, e);
            if (match_applies(m, r) &&
                node_event(&m->tester, rule_family(m->set, row), row->root, e))
                *vec_push(out) = (struct rule_hit){r, i};
        }
}

static void same_hits(const struct rule_hits *a, const struct rule_hits *b, const char *yaml)
{
    size_t i = 0;
    while (i < a->n && i < b->n && a->at[i].rule == b->at[i].rule &&
           a->at[i].event == b->at[i].event)
        i++;
    if (i == a->n && i == b->n)
        return;
    const struct rule_hits *more = i < a->n ? a : b;
    FAIL("hit %zu differs: rule %u event %u (%zu and %zu hits)\n%s", i, more->at[i].rule,
         more->at[i].event, a->n, b->n, yaml);
}

static void the_matcher_agrees_with_plain_evaluation(void **state)
{
    size_t total = 0;
    for (uint64_t round = 1; round <= 60; round++) {
        struct sbuf yaml;
        struct arena arena;
        struct batch b;
        struct rule_hits fast = {0}, plain = {0};
        struct dict *d = dict_new();
        seed = round * 0x9e3779b97f4a7c15u;
        sbuf_init(&yaml, 1 << 20);
        arena_init(&arena, 1 << 24);
        batch_init(&b, 1 << 24);
        for (unsigned i = 0; i < 25; i++)
            random_rule(&yaml);
        struct rule_set *set = parse(d, yaml.p);
        struct rule_matcher *m = rule_matcher_new(set);
        for (unsigned i = 0; i < 120; i++)
            random_event(&b, d, &arena);
        m->use_memo = round % 3 != 0;
        rule_match(m, &b, &fast);
        expect_plain(m, &b, &plain);
        same_hits(&fast, &plain, yaml.p);
        fast.n = 0; /* again: everything in the memo, text decoded in place */
        rule_match(m, &b, &fast);
        same_hits(&fast, &plain, yaml.p);
        total += plain.n;
        rule_hits_done(&fast);
        rule_hits_done(&plain);
        rule_matcher_free(m);
        rule_set_free(set);
        batch_done(&b);
        arena_done(&arena);
        sbuf_done(&yaml);
        dict_free(d);
    }
    assert_true(total > 1000);
}

/* Much text in one lane makes the matcher build a database of what matters there. */
static void a_narrowed_lane_finds_the_same(void **state)
{
    enum { TEXT = 900 * 1000, TEXTS = 8 };
    struct dict *d = dict_new();
    struct rule_set *set =
        parse(d, RULE_HEAD WINDOWS
              "detection:\n  a: {F|contains: [needle, nadel]}\n"
              "  condition: a\n---\n" RULE_HEAD "logsource: {product: linux}\ndetection:\n"
              "  a: {F|contains: [one, two, three, four, five, six]}\n  condition: a\n");
    struct rule_matcher *m = rule_matcher_new(set);
    struct rule_hits hits = {0};
    struct batch b;
    char *text = mem_zero(TEXT + 1);
    memset(text, 'x', TEXT);
    const str part = STR("one Needle");
    memcpy(text + TEXT / 2, part.p, part.n);
    const struct made_field field[] = {S("F", text), END};
    batch_init(&b, 1 << 20);
    for (int i = 0; i < TEXTS; i++)
        make_event(&b, d, FAMILY_WINDOWS, field);
    rule_match(m, &b, &hits);
    assert_int_equal(hits.n, TEXTS);
    assert_int_equal(m->view.at[0].view->lane.n, 2);
    assert_int_equal(m->view.at[0].view->lane.at[1].narrowed.count, 2);
    mem_free(text);
    rule_hits_done(&hits);
    rule_matcher_free(m);
    rule_set_free(set);
    batch_done(&b);
    dict_free(d);
}

static void a_full_memo_forgets_and_goes_on(void **state)
{
    struct memo m;
    char text[1000];
    memo_init(&m);
    memset(text, 'x', sizeof text);
    size_t kept = 0;
    for (uint32_t i = 0; !m.full; i++) {
        memcpy(text, &i, sizeof i);
        struct memo_key key = {.lane = 1, .text = {text, sizeof text}};
        struct memo_entry *e = memo_add(&m, &key, memo_hash(&m, &key), 2, 1);
        if (!e)
            break;
        e->at[0] = i;
        assert_ptr_equal(memo_find(&m, &key, memo_hash(&m, &key)), e);
        kept++;
        key.route = 1;
        assert_null(memo_find(&m, &key, memo_hash(&m, &key)));
    }
    assert_true(m.full && kept > 1000);
    memo_clear(&m);
    struct memo_key key = {.lane = 1, .text = {text, sizeof text}};
    assert_null(memo_find(&m, &key, memo_hash(&m, &key)));
    assert_non_null(memo_add(&m, &key, memo_hash(&m, &key), 0, 0));
    memo_done(&m);
}

static void databases_come_back_from_a_cache(void **state)
{
    struct dict *d = dict_new();
    struct rule_set *set =
        parse(d, RULE_HEAD WINDOWS "detection:\n  a: {F|contains: [abc, def]}\n  k: [word]\n"
                                   "  condition: a or k\n");
    struct sbuf bytes;
    struct error err;
    sbuf_init(&bytes, 1 << 20);
    program_databases(set->program, &bytes);
    assert_true(bytes.n > 0);
    struct program *old = set->program;
    for (size_t cut = 0; cut <= bytes.n; cut += 97) { /* half a cache is no harm */
        assert_int_equal(program_build(set, str_head(sbuf_str(&bytes), cut), &err), ST_OK);
        assert_int_equal(set->program->lane[1].literal.key, old->lane[1].literal.key);
        program_free(set->program);
    }
    set->program = old;
    sbuf_done(&bytes);
    rule_set_free(set);
    dict_free(d);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(a_rule_of_absence_leaves_strangers_alone),
        cmocka_unit_test(every_kind_of_test_means_what_sigma_says),
        cmocka_unit_test(any_value_of_a_list_is_enough),
        cmocka_unit_test(escaped_text_is_decoded_before_it_is_compared),
        cmocka_unit_test(zero_bytes_are_bytes_like_others),
        cmocka_unit_test(keywords_are_found_however_json_writes_them),
        cmocka_unit_test(keywords_are_not_looked_for_in_the_names_of_json),
        cmocka_unit_test(keywords_are_looked_for_in_a_whole_line_of_text),
        cmocka_unit_test(rules_of_other_sources_are_never_tried),
        cmocka_unit_test(the_matcher_agrees_with_plain_evaluation),
        cmocka_unit_test(a_narrowed_lane_finds_the_same),
        cmocka_unit_test(a_full_memo_forgets_and_goes_on),
        cmocka_unit_test(databases_come_back_from_a_cache),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
