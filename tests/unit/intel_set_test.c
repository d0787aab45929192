/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "codec/ip.h"
#include "intel/expression.h"
#include "intel/intel_int.h"
#include "tests/test.h"

#include <stdio.h>

static status add(struct intel_set *set, const char *value, unsigned flags)
{
    struct indicator item = {
        .kind = INTEL_KIND_COUNT,
        .value = str_z(value),
        .source = STR("unit"),
        .confidence_01 = 0.8f,
    };
    return intel_add(set, &item, flags, NULL);
}

/* "bad", "allowed" or "unknown". */
static const char *verdict(const struct intel_set *set, const char *value)
{
    struct indicator it;
    bool allowed;
    if (intel_find(set, str_z(value), &it, &allowed))
        return "bad";
    return allowed ? "allowed" : "unknown";
}

static bool is_bad(const struct intel_set *set, const char *value)
{
    struct indicator it;
    return intel_find(set, str_z(value), &it, NULL);
}

static void everything_said_of_an_indicator_is_given_back(void **state)
{
    static const str techniques[] = {{"T1059", 5}, {"T1566.001", 9}};
    struct intel_set *set = intel_set_new(NULL);
    struct indicator item = {
        .kind = INTEL_IP,
        .value = STR("hxxp"),
        .source = STR("my feed"),
        .description = STR("scanner"),
        .confidence_01 = 0.75f,
        .expires_ms = 1893456000000,
        .technique = techniques,
        .technique_count = 2,
    };
    assert_int_equal(intel_set_add(set, &item, false, NULL), ST_INVALID);
    item.value = STR("203[.]0.113.7");
    assert_int_equal(intel_set_add(set, &item, false, NULL), ST_OK);
    intel_set_freeze(set);
    struct indicator it;
    assert_true(intel_find(set, STR("203.0.113.7"), &it, NULL));
    assert_int_equal(it.kind, INTEL_IP);
    assert_true(str_eq(it.value, STR("203.0.113.7")));
    assert_true(str_eq(it.source, STR("my feed")));
    assert_true(str_eq(it.description, STR("scanner")));
    assert_true(it.confidence_01 == 0.75f);
    assert_int_equal(it.expires_ms, 1893456000000);
    assert_int_equal(it.technique_count, 2);
    assert_true(str_eq(it.technique[1], STR("T1566.001")));
    struct intel_stats s = intel_set_stats(set);
    assert_int_equal(s.indicators, 1);
    assert_int_equal(s.rejected, 1);
    intel_set_free(set);
}

static void each_kind_is_found_by_what_it_covers(void **state)
{
    static const char *const values[] = {
        "203.0.113.7",
        "198.51.100.0/24",
        "198.51.100.128/25",
        "2001:db8:1::/48",
        "2001:db8::7",
        "evil.example",
        "http://203.0.113.9/a",
        "https://www.bad.example/path",
        "d41d8cd98f00b204e9800998ecf8427e",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "bad@mail.example",
    };
    static const char *const bad[] = {
        "203.0.113.7",
        "203.0.113.7:443",
        "::ffff:203.0.113.7",
        "198.51.100.1",
        "198.51.100.255",
        "198.51.100.0/26",
        "2001:db8:1:ffff::1",
        "2001:db8::7",
        "evil.example",
        "a.b.c.EVIL.example.",
        "http://x.evil.example/anything",
        "http://198.51.100.3:8080/",
        "http://[2001:db8::7]/",
        "someone@evil.example",
        "http://203.0.113.9/a",
        "https://203.0.113.9/a#b",
        "hxxp://www[.]bad[.]example/path",
        "D41D8CD98F00B204E9800998ECF8427E",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "BAD@mail.example",
    };
    static const char *const unknown[] = {
        "203.0.113.8",
        "198.51.101.0",
        "198.51.99.255",
        "198.51.100.0/23",
        "2001:db8:2::",
        "2001:db8::8",
        "notevil.example",
        "example",
        "evil.example.org",
        "203.0.113.9",
        "http://203.0.113.9/b",
        "www.bad.example",
        "https://www.bad.example/Path",
        "good@mail.example",
        "d41d8cd98f00b204e9800998ecf8427f",
        "",
        "no indicator",
    };
    struct intel_set *set = intel_set_new(NULL);
    for (size_t i = 0; i < COUNT(values); i++)
        assert_int_equal(add(set, values[i], 0), ST_OK);
    intel_set_freeze(set);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_string_equal(verdict(set, bad[i]), "bad");
    for (size_t i = 0; i < COUNT(unknown); i++)
        assert_string_equal(verdict(set, unknown[i]), "unknown");
    struct indicator it;
    assert_true(intel_find(set, STR("198.51.100.200"), &it, NULL));
    assert_true(str_eq(it.value, STR("198.51.100.128/25"))); /* the narrowest */
    intel_set_free(set);
}

static void what_is_allowed_wins_in_every_combination(void **state)
{
    static const struct {
        const char *bad, *good;
        unsigned flags;
        const char *value, *expected;
    } cases[] = {
        {"203.0.113.7", "203.0.113.7", 0, "203.0.113.7", "allowed"},
        {"203.0.113.7", "203.0.113.0/24", 0, "203.0.113.7", "allowed"},
        {"203.0.113.0/24", "203.0.113.7", 0, "203.0.113.7", "allowed"},
        {"203.0.113.0/24", "203.0.113.7", 0, "203.0.113.8", "bad"},
        {"203.0.113.0/24", "203.0.113.0/25", 0, "203.0.113.100", "allowed"},
        {"203.0.113.0/24", "203.0.113.0/25", 0, "203.0.113.200", "bad"},
        {"2001:db8::1", "2001:db8::/32", 0, "2001:db8::1", "allowed"},
        {"203.0.113.7", "::ffff:203.0.113.7", 0, "203.0.113.7", "allowed"},
        {"evil.example", "evil.example", 0, "evil.example", "allowed"},
        {"evil.example", "evil.example", 0, "a.evil.example", "allowed"},
        {"a.good.example", "good.example", 0, "a.good.example", "allowed"},
        {"a.good.example", "good.example", 0, "b.a.good.example", "allowed"},
        {"evil.example", "good.evil.example", 0, "good.evil.example", "allowed"},
        {"evil.example", "good.evil.example", 0, "bad.evil.example", "bad"},
        {"evil.example", "good.evil.example", INTEL_EXACT, "x.good.evil.example", "bad"},
        {"evil.example", "evil.example", INTEL_EXACT, "x.evil.example", "allowed"},
        {"a.good.example", "good.example", INTEL_EXACT, "a.good.example", "bad"},
        {"http://good.example/x", "good.example", 0, "http://good.example/x", "allowed"},
        {"http://a.good.example/x", "good.example", 0, "https://a.good.example/x", "allowed"},
        {"http://good.example/x", "good.example", INTEL_EXACT, "http://good.example/x", "allowed"},
        {"http://203.0.113.7/x", "203.0.113.0/24", 0, "http://203.0.113.7/x", "allowed"},
        {"http://good.example/x", "https://good.example/x", 0, "http://good.example/x", "allowed"},
        {"http://good.example/x", "http://good.example/y", 0, "http://good.example/x", "bad"},
        {"good.example", "good.example", 0, "http://good.example/x", "allowed"},
        {"bad@good.example", "bad@good.example", 0, "bad@good.example", "allowed"},
        {"bad@good.example", "good.example", 0, "bad@good.example", "bad"},
        {"good.example", "good.example", 0, "any@good.example", "allowed"},
        {"d41d8cd98f00b204e9800998ecf8427e", "D41D8CD98F00B204E9800998ECF8427E", 0,
         "d41d8cd98f00b204e9800998ecf8427e", "allowed"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int order = 0; order < 2; order++) {
            struct intel_set *set = intel_set_new(NULL);
            unsigned allow = cases[i].flags | INTEL_ALLOW;
            if (order == 0)
                assert_int_equal(add(set, cases[i].bad, 0), ST_OK);
            assert_int_equal(add(set, cases[i].good, allow), ST_OK);
            if (order == 1)
                assert_int_equal(add(set, cases[i].bad, 0), ST_OK);
            intel_set_freeze(set);
            assert_string_equal(verdict(set, cases[i].value), cases[i].expected);
            intel_set_free(set);
        }
}

static void an_allowed_pattern_wins_too(void **state)
{
    static const char *const bad[] = {"x.tracker.example", "abuse@evil.example",
                                      "http://evil.example/security/x", "other.example",
                                      "203.0.113.7"};
    uint32_t all = (1u << INTEL_KIND_COUNT) - 1;
    struct intel_set *set = intel_set_new(NULL);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(add(set, bad[i], 0), ST_OK);
    struct intel_patterns **p = &set->patterns;
    struct intel_budget *b = &set->budget;
    assert_int_equal(intel_patterns_add_substring(p, STR("Tracker."), all, b, NULL), ST_OK);
    assert_int_equal(intel_patterns_add_substring(p, STR("0.113.7"), 1u << INTEL_URL, b, NULL),
                     ST_OK);
    assert_int_equal(intel_patterns_add_substring(p, STR("abc"), all, b, NULL), ST_INVALID);
    assert_int_equal(intel_patterns_add_regex(p, STR("/^(?:security|ABUSE)\\@.*\\..*$/i"),
                                              1u << INTEL_EMAIL, b, NULL),
                     ST_OK);
    intel_set_freeze(set);
    assert_string_equal(verdict(set, "x.tracker.example"), "allowed");
    assert_string_equal(verdict(set, "abuse@evil.example"), "allowed");
    assert_string_equal(verdict(set, "other.example"), "bad");
    assert_string_equal(verdict(set, "203.0.113.7"), "bad");
    intel_set_free(set);
}

static void expressions_that_cannot_be_kept_in_bounds_are_refused(void **state)
{
    static const char *const bad[] = {"(a)\\1", "a{1,9999}", "(?=x)y", "[[:alpha:]]", "/a/x",
                                      "\\",     "(",         ")",      "[a",          "//",
                                      "",       "a**",       "*",      "[b-a]",       "\\bx"};
    struct intel_patterns *p = NULL;
    struct intel_budget budget = {0, 1 << 20};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(intel_patterns_add_regex(&p, str_z(bad[i]), 1, &budget, NULL), ST_INVALID);
    assert_int_equal(intel_patterns_add_regex(&p, STR("/A+\\.com/i"), 1, &budget, NULL), ST_OK);
    intel_patterns_freeze(p);
    assert_true(intel_patterns_match(p, 0, STR("baaa.com")));
    assert_false(intel_patterns_match(p, 0, STR("b.com")));
    assert_false(intel_patterns_match(p, 1, STR("baaa.com")));
    intel_patterns_free(p);
}

static void an_expression_matches_what_it_says(void **state)
{
    static const struct {
        const char *pattern, *yes, *no; /* texts apart by blanks */
    } cases[] = {
        {"abc", "abc xabcx", "ab abd"},
        {"^abc$", "abc", "xabc abcx"},
        {"a.c", "abc a.c", "ac"},
        {"ab*c", "ac abc abbbc", "adc"},
        {"ab+c", "abc abbbc", "ac"},
        {"^ab?c$", "ac abc", "abbc"},
        {"^(a|bc|d)e$", "ae bce de", "be e abce"},
        {"^(?:ab)+$", "ab abab", "aba"},
        {"^(a*)*b$", "b aab", "aac"},
        {"^(a|)*$", "aaa", "b"},
        {"[a-c1]x", "ax cx 1x", "dx x"},
        {"^[^a-c]+$", "xyz", "xay"},
        {"^[\\d.-]+$", "1.2-3", "1a"},
        {"^\\w+\\.\\d$", "a_1.2", "a-1.2 a.b"},
        {"^[]a]+$", "]a", "b"},
        {"a+?b", "aab", "b"},
        {"x|y$", "xz zy", "yz"},
        {"^(security|abuse)\\@.*\\..*$", "abuse@a.b", "abusea.b xabuse@a.b"},
    };
    struct arena a;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct expression r;
        assert_true(expression_parse(str_z(cases[i].pattern), false, &a, &r));
        for (str yes = str_z(cases[i].yes); yes.n;)
            assert_true(expression_match(&r, str_cut(&yes, ' ')));
        for (str no = str_z(cases[i].no); no.n;)
            assert_false(expression_match(&r, str_cut(&no, ' ')));
    }
    arena_done(&a);
}

static void values_that_make_no_sense_are_refused_with_a_reason(void **state)
{
    static const struct {
        const char *value, *why;
    } cases[] = {
        {"0.0.0.0/0", "everything"},
        {"::/0", "everything"},
        {"128.0.0.0/7", "wider than a /8"},
        {"2000::/15", "wider than a /16"},
        {"10.0.0.0/8", "special-purpose"},
        {"192.168.0.0/16", "special-purpose"},
        {"172.0.0.0/8", "special-purpose"},
        {"127.0.0.1", "not an address on the internet"},
        {"0.0.0.0", "not an address on the internet"},
        {"224.0.0.251", "not an address on the internet"},
        {"255.255.255.255", "not an address on the internet"},
        {"::1", "not an address on the internet"},
        {"fe80::1", "not an address on the internet"},
        {"ff02::1", "not an address on the internet"},
    };
    static const char *const fine[] = {"10.1.2.3",       "10.1.0.0/16", "192.168.7.0/24",
                                       "203.0.113.0/24", "1.0.0.0/8",   "fd00::1",
                                       "2001:db8::/32",  "100.64.1.1"};
    struct intel_set *set = intel_set_new(NULL);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error err = {.code = ST_OK};
        struct indicator item = {.kind = INTEL_KIND_COUNT, .value = str_z(cases[i].value)};
        assert_int_equal(intel_set_add(set, &item, false, &err), ST_INVALID);
        assert_non_null(strstr(err.text, cases[i].why));
    }
    for (size_t i = 0; i < COUNT(fine); i++)
        assert_int_equal(add(set, fine[i], 0), ST_OK);
    assert_int_equal(add(set, "10.0.0.0/8", INTEL_ALLOW), ST_OK);
    assert_int_equal(add(set, "224.0.0.0/4", INTEL_ALLOW), ST_OK);
    assert_int_equal(add(set, "0.0.0.0/0", INTEL_ALLOW), ST_INVALID);
    intel_set_free(set);
}

static void ranges_may_end_where_addresses_end(void **state)
{
    struct intel_set *set = intel_set_new(NULL);
    assert_int_equal(add(set, "240.0.0.0/4", INTEL_ALLOW), ST_OK);
    assert_int_equal(add(set, "20.0.0.0/8", INTEL_ALLOW), ST_OK);
    assert_int_equal(add(set, "ffff::/16", INTEL_ALLOW), ST_OK);
    intel_set_freeze(set);
    assert_string_equal(verdict(set, "255.255.255.255"), "allowed");
    assert_string_equal(verdict(set, "240.0.0.0"), "allowed");
    assert_string_equal(verdict(set, "20.255.255.255"), "allowed");
    assert_string_equal(verdict(set, "21.0.0.0"), "unknown");
    assert_string_equal(verdict(set, "0.0.0.0"), "unknown");
    assert_string_equal(verdict(set, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), "allowed");
    assert_string_equal(verdict(set, "fffe::"), "unknown");
    intel_set_free(set);
}

static void expired_duplicate_and_rejected_ones_are_counted(void **state)
{
    struct intel_options options = {.now_ms = 1000};
    struct intel_set *set = intel_set_new(&options);
    struct indicator item = {.kind = INTEL_KIND_COUNT, .value = STR("a.example")};
    item.expires_ms = 1000;
    assert_int_equal(intel_set_add(set, &item, false, NULL), ST_OK);
    item.expires_ms = 1001;
    item.confidence_01 = 0.3f;
    assert_int_equal(intel_set_add(set, &item, false, NULL), ST_OK);
    item.value = STR("A[.]example");
    item.confidence_01 = 0.9f;
    assert_int_equal(intel_set_add(set, &item, false, NULL), ST_OK);
    item.value = STR("?");
    assert_int_equal(intel_set_add(set, &item, false, NULL), ST_INVALID);
    intel_set_freeze(set);
    struct intel_stats s = intel_set_stats(set);
    assert_int_equal(s.indicators, 1);
    assert_int_equal(s.expired, 1);
    assert_int_equal(s.duplicates, 1);
    assert_int_equal(s.rejected, 1);
    struct indicator it;
    assert_true(intel_find(set, STR("a.example"), &it, NULL));
    assert_true(it.confidence_01 == 0.9f); /* the surer of the two */
    intel_set_free(set);
}

static void a_scheme_of_http_or_https_makes_no_difference(void **state)
{
    struct intel_set *set = intel_set_new(NULL);
    assert_int_equal(add(set, "http://evil.example/a", 0), ST_OK);
    assert_int_equal(add(set, "https://evil.example/a", 0), ST_OK);
    intel_set_freeze(set);
    assert_int_equal(intel_set_stats(set).duplicates, 1);
    assert_true(is_bad(set, "https://evil.example/a"));
    assert_false(is_bad(set, "ftp://evil.example/a"));
    intel_set_free(set);
}

static void a_set_without_anything_knows_nothing(void **state)
{
    struct intel_set *set = intel_set_new(NULL);
    intel_set_freeze(set);
    assert_string_equal(verdict(set, "203.0.113.7"), "unknown");
    assert_string_equal(verdict(set, "evil.example"), "unknown");
    intel_set_free(set);
    intel_set_free(NULL);
}

/* Every limit from nothing up to enough: refuse cleanly, keep what fitted. */
static void refuses_to_outgrow_any_limit(void **state)
{
    bool enough = false;
    for (size_t cap = 1; !enough; cap += cap / 2 + 1) {
        struct intel_options options = {.max_bytes = cap};
        struct intel_set *set = intel_set_new(&options);
        size_t added = 0;
        enough = true;
        for (unsigned i = 0; i < 3000; i++) {
            char value[64];
            snprintf(value, sizeof value, i % 3 ? "h%u.evil.example" : "20.%u.%u.0/24",
                     i % 3 ? i : i / 256, i % 256);
            status st = add(set, value, i % 7 ? 0 : INTEL_ALLOW);
            assert_true(st == ST_OK || st == ST_LIMIT);
            enough &= st == ST_OK;
            added += st == ST_OK;
        }
        struct intel_stats s = intel_set_stats(set);
        assert_true(s.bytes <= cap);
        assert_int_equal(s.indicators + s.allowed + s.duplicates, added);
        intel_set_freeze(set);
        assert_string_equal(verdict(set, "h1.evil.example"), added > 1 ? "bad" : "unknown");
        intel_set_free(set);
    }
}

/* ---- against a plain list ---- */

enum { LIST_MAX = 400 };

struct plain {
    struct cidr range[LIST_MAX];
    char name[LIST_MAX][32];
    size_t ranges, names;
};

static uint64_t dice(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    return hash_mix(*state, 0x2545f4914f6cdd1du);
}

/* Few different ones, so that they nest and repeat. */
static void random_range(uint64_t *state, char out[static 64])
{
    static const unsigned v4[] = {16, 20, 24, 25, 28, 30, 31, 32};
    static const unsigned v6[] = {32, 40, 48, 64, 100, 127, 128};
    uint64_t r = dice(state);
    if (r % 3)
        snprintf(out, 64, "20.%u.%u.%u/%u", (unsigned)(r >> 8) % 3, (unsigned)(r >> 16) % 4,
                 (unsigned)(r >> 24) % 256, v4[(r >> 40) % COUNT(v4)]);
    else
        snprintf(out, 64, "2a00:%x:%x::%x/%u", (unsigned)(r >> 8) % 3, (unsigned)(r >> 16) % 3,
                 (unsigned)(r >> 24) % 8, v6[(r >> 40) % COUNT(v6)]);
}

static void random_name(uint64_t *state, char out[static 32])
{
    uint64_t r = dice(state);
    size_t n = 0;
    for (unsigned labels = 1 + r % 4; labels; labels--, r >>= 4)
        n += (size_t)snprintf(out + n, 32 - n, "%c.", 'a' + (int)((r >> 8) % 3));
    snprintf(out + n, 32 - n, "x");
}

static bool plain_has_address(const struct plain *p, const struct ip *ip)
{
    for (size_t i = 0; i < p->ranges; i++)
        if (cidr_contains(&p->range[i], ip))
            return true;
    return false;
}

static bool plain_has_name(const struct plain *p, str name)
{
    for (size_t i = 0; i < p->names; i++) {
        str listed = str_z(p->name[i]);
        if (str_eq(name, listed) ||
            (str_ends(name, listed) && name.p[name.n - listed.n - 1] == '.'))
            return true;
    }
    return false;
}

static void fill(struct intel_set *set, struct plain *p, unsigned flags, uint64_t *state)
{
    size_t ranges = dice(state) % LIST_MAX, names = dice(state) % 20;
    p->ranges = p->names = 0;
    for (size_t i = 0; i < ranges; i++) {
        char text[64];
        random_range(state, text);
        assert_int_equal(add(set, text, flags), ST_OK);
        assert_true(cidr_parse(str_z(text), &p->range[p->ranges++]));
    }
    for (size_t i = 0; i < names; i++) {
        random_name(state, p->name[p->names]);
        assert_int_equal(add(set, p->name[p->names++], flags), ST_OK);
    }
}

static void agrees_with_a_plain_list_on_random_sets(void **state)
{
    static struct plain bad, good;
    uint64_t seed = 20240607;
    for (int round = 0; round < 60; round++) {
        struct intel_set *set = intel_set_new(NULL);
        fill(set, &bad, 0, &seed);
        fill(set, &good, INTEL_ALLOW, &seed);
        intel_set_freeze(set);
        for (int i = 0; i < 400; i++) {
            char text[64];
            struct ip ip;
            random_range(&seed, text);
            *strchr(text, '/') = 0;
            assert_true(ip_parse(str_z(text), &ip));
            bool expected = plain_has_address(&bad, &ip) && !plain_has_address(&good, &ip);
            assert_int_equal(is_bad(set, text), expected);
            random_name(&seed, text);
            str name = str_z(text);
            expected = plain_has_name(&bad, name) && !plain_has_name(&good, name);
            assert_int_equal(is_bad(set, text), expected);
        }
        intel_set_free(set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_said_of_an_indicator_is_given_back),
        cmocka_unit_test(each_kind_is_found_by_what_it_covers),
        cmocka_unit_test(what_is_allowed_wins_in_every_combination),
        cmocka_unit_test(an_allowed_pattern_wins_too),
        cmocka_unit_test(expressions_that_cannot_be_kept_in_bounds_are_refused),
        cmocka_unit_test(an_expression_matches_what_it_says),
        cmocka_unit_test(values_that_make_no_sense_are_refused_with_a_reason),
        cmocka_unit_test(ranges_may_end_where_addresses_end),
        cmocka_unit_test(expired_duplicate_and_rejected_ones_are_counted),
        cmocka_unit_test(a_scheme_of_http_or_https_makes_no_difference),
        cmocka_unit_test(a_set_without_anything_knows_nothing),
        cmocka_unit_test(refuses_to_outgrow_any_limit),
        cmocka_unit_test(agrees_with_a_plain_list_on_random_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
