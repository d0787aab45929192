/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/feed_int.h"
#include "tests/test.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOW_MS = 1700000000 }; /* in seconds: 2023-11-14 */

static struct intel_set *set_new(void)
{
    struct intel_options options = {.now_ms = (int64_t)NOW_MS * 1000};
    return intel_set_new(&options);
}

static status read_text(struct intel_set *set, const char *text, bool allow)
{
    struct intel_feed f = {
        .set = set, .path = STR("feed.txt"), .source = STR("feed"), .allow = allow};
    struct error err = {.text = ""};
    status st = intel_feed_read(&f, str_z(text), &err);
    if (st != ST_OK)
        print_message("%s\n", err.text);
    return st;
}

/* A frozen set of what a feed says. */
static struct intel_set *set_of(const char *text)
{
    struct intel_set *set = set_new();
    assert_int_equal(read_text(set, text, false), ST_OK);
    intel_set_freeze(set);
    return set;
}

static struct indicator get(const struct intel_set *set, const char *value)
{
    static struct indicator it;
    if (!intel_find(set, str_z(value), &it, NULL))
        assert_string_equal(value, "is not in the set");
    return it;
}

static bool has(const struct intel_set *set, const char *value)
{
    struct indicator it;
    return intel_find(set, str_z(value), &it, NULL);
}

static void expect_stats(const struct intel_set *set, uint64_t indicators, uint64_t rejected)
{
    struct intel_stats s = intel_set_stats(set);
    for (size_t i = 0; i < intel_set_problem_count(set) && s.rejected != rejected; i++)
        print_message("%llu: %s\n", (unsigned long long)intel_set_problem(set, i)->line,
                      intel_set_problem(set, i)->reason);
    assert_int_equal(s.indicators, indicators);
    assert_int_equal(s.rejected, rejected);
}

static bool near(float a, double b)
{
    return (double)a > b - 0.005 && (double)a < b + 0.005;
}

static void a_plain_list_has_comments_anywhere(void **state)
{
    struct intel_set *set = set_of("\xef\xbb\xbf# a list\r\n"
                                   "; of\n// things\n\n"
                                   "203.0.113.7   # scanner\r\n"
                                   "198.51.100.0/24 ; SBL1\n"
                                   "hxxp://evil[.]example/a//b#c // dropper\n"
                                   "||ads.example^\n"
                                   "bad@evil.example,\n"
                                   "this is no indicator\n"
                                   "evil.example is a bad place\n"
                                   "d41d8cd98f00b204e9800998ecf8427e");
    expect_stats(set, 6, 2);
    assert_true(has(set, "203.0.113.7"));
    assert_true(has(set, "198.51.100.9"));
    assert_true(has(set, "http://evil.example/a//b"));
    assert_true(has(set, "x.ads.example"));
    assert_true(has(set, "bad@evil.example"));
    assert_false(has(set, "evil.example"));
    assert_true(str_eq(get(set, "203.0.113.7").source, STR("feed")));
    assert_int_equal(intel_set_problem_count(set), 2);
    assert_int_equal(intel_set_problem(set, 0)->line, 10);
    assert_true(str_eq(intel_set_problem(set, 0)->file, STR("feed.txt")));
    intel_set_free(set);
}

static void a_count_of_lists_is_a_confidence(void **state)
{
    static const char *const feeds[] = {
        "# IPsum\n#\n# IP\tnumber of (black)lists\n#\n203.0.113.7\t9\n203.0.113.8\t1\n",
        "203.0.113.7\t9\n203.0.113.8\t1\n",
        "203.0.113.7 9\n203.0.113.8 1\n",
        "ip,count\n203.0.113.7,9\n203.0.113.8,1\n",
    };
    for (size_t i = 0; i < COUNT(feeds); i++) {
        struct intel_set *set = set_of(feeds[i]);
        expect_stats(set, 2, 0);
        assert_true(near(get(set, "203.0.113.7").confidence_01, 0.96));
        assert_true(near(get(set, "203.0.113.8").confidence_01, 0.30));
        intel_set_free(set);
    }
}

static void a_hosts_file_names_what_it_sends_nowhere(void **state)
{
    struct intel_set *set = set_of("# hosts\n"
                                   "127.0.0.1 localhost localhost.localdomain\n"
                                   "::1 ip6-localhost ip6-loopback\n"
                                   "fe80::1%lo0 localhost\n"
                                   "255.255.255.255 broadcasthost\n"
                                   "0.0.0.0 0.0.0.0\n"
                                   "0.0.0.0 evil.example ads.example # two\n"
                                   "127.0.0.1\ttracker.example\n");
    expect_stats(set, 3, 0);
    assert_true(has(set, "a.evil.example"));
    assert_true(has(set, "ads.example"));
    assert_true(has(set, "tracker.example"));
    intel_set_free(set);
}

static void csv_columns_are_told_by_their_header(void **state)
{
    struct intel_set *set =
        set_of("First Seen,Indicator,Type,Confidence,Source,Valid Until,Description,Tags\n"
               "2023-01-01,203.0.113.7,ip-dst,90,acme,2030-01-01,\"C2, main\",\"x T1071.001\"\n"
               "2023-01-01,old.example,domain,90,acme,2020-01-01,,\n"
               "2023-01-01,d41d8cd98f00b204e9800998ecf8427e,ja3,90,acme,,,\n"
               "2023-01-01,evil.example,domain,high,,,\"two\nlines\",\n"
               "2023-01-01,???,domain,50,acme,,,\n");
    expect_stats(set, 2, 2);
    assert_int_equal(intel_set_stats(set).expired, 1);
    struct indicator it = get(set, "203.0.113.7");
    assert_true(near(it.confidence_01, 0.9));
    assert_true(str_eq(it.source, STR("acme")));
    assert_true(str_eq(it.description, STR("C2, main")));
    assert_int_equal(it.expires_ms, 1893456000000);
    assert_int_equal(it.technique_count, 1);
    assert_true(str_eq(it.technique[0], STR("T1071.001")));
    it = get(set, "evil.example");
    assert_true(str_eq(it.source, STR("feed")));
    assert_true(str_eq(it.description, STR("two\nlines")));
    intel_set_free(set);
}

static void csv_headers_may_stand_in_a_comment(void **state)
{
    struct intel_set *set = set_of("################\n"
                                   "# A feed\n"
                                   "#\n"
                                   "# \"first_seen\",\"ioc_id\",\"ioc_value\",\"ioc_type\","
                                   "\"confidence_level\",\"reference\",\"tags\"\n"
                                   "\"2023-01-01\", \"1\", \"203.0.113.7:8080\", \"ip:port\", "
                                   "\"75\", \"https://ref.example/1\", \"a,b\"\n"
                                   "\"2023-01-01\", \"2\", \"evil.example\", \"domain\", "
                                   "\"100\", \"https://ref.example/2\", \"\"\n"
                                   "# Number of entries: 2\n");
    expect_stats(set, 2, 0);
    assert_true(near(get(set, "203.0.113.7").confidence_01, 0.75));
    assert_true(has(set, "evil.example"));
    assert_false(has(set, "https://ref.example/1")); /* not a column of indicators */
    intel_set_free(set);
}

static void every_hash_of_a_row_is_an_indicator(void **state)
{
    struct intel_set *set =
        set_of("name;md5;sha1;sha256\n"
               "a;d41d8cd98f00b204e9800998ecf8427e;da39a3ee5e6b4b0d3255bfef95601890afd80709;"
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
               "b;;da39a3ee5e6b4b0d3255bfef95601890afd80700;\n"
               "c;;;\n");
    expect_stats(set, 4, 1);
    intel_set_free(set);
}

static void without_a_header_every_cell_is_tried(void **state)
{
    struct intel_set *set = set_of("1,203.0.113.7,scan,evil.example\n"
                                   "2,203.0.113.8,,other.example\n"
                                   "3,none,,\n");
    expect_stats(set, 4, 1);
    assert_true(has(set, "other.example"));
    intel_set_free(set);
}

static void a_list_of_urls_with_commas_is_no_csv(void **state)
{
    struct intel_set *set = set_of("http://evil.example/a,b\nhttp://evil.example/c,d\n");
    expect_stats(set, 2, 0);
    assert_true(has(set, "http://evil.example/a,b"));
    intel_set_free(set);
}

static void a_row_that_is_no_csv_does_not_spoil_the_rest(void **state)
{
    struct intel_set *set = set_of("ip,comment\n203.0.113.7,\"a\"b\n203.0.113.8,ok\n"
                                   "203.0.113.9,it's \"fine\" here\n203.0.113.10,x\n");
    assert_true(has(set, "203.0.113.8"));
    assert_true(has(set, "203.0.113.9"));
    assert_true(has(set, "203.0.113.10"));
    intel_set_free(set);
}

static const char bundle[] =
    "{\"type\":\"bundle\",\"id\":\"bundle--1\",\"objects\":[\n"
    "{\"type\":\"identity\",\"id\":\"identity--1\",\"name\":\"acme\"},\n"
    "{\"type\":\"indicator\",\"id\":\"indicator--1\",\"name\":\"C2\",\"pattern_type\":\"stix\","
    "\"confidence\":85,\"valid_from\":\"2023-01-01T00:00:00Z\","
    "\"valid_until\":\"2030-01-01T00:00:00.000Z\","
    "\"pattern\":\"[ipv4-addr:value = '203.0.113.7' OR ipv4-addr:value ISSUBSET "
    "'198.51.100.0/24']\"},\n"
    "{\"type\":\"indicator\",\"id\":\"indicator--2\",\"revoked\":true,"
    "\"pattern\":\"[domain-name:value = 'revoked.example']\"},\n"
    "{\"type\":\"indicator\",\"id\":\"indicator--3\","
    "\"valid_until\":\"2020-01-01T00:00:00Z\","
    "\"pattern\":\"[domain-name:value = 'old.example']\"},\n"
    "{\"type\":\"indicator\",\"id\":\"indicator--4\",\"pattern_type\":\"yara\","
    "\"pattern\":\"rule x {}\"},\n"
    "{\"type\":\"indicator\",\"id\":\"indicator--5\",\"valid_from\":\"2029-01-01T00:00:00Z\","
    "\"pattern\":\"[domain-name:value = 'future.example']\"},\n"
    "{\"type\":\"indicator\",\"id\":\"indicator--6\",\"pattern\":\"[url:value = \"},\n"
    "{\"type\":\"indicator\",\"id\":\"indicator--7\",\"indicator_types\":[\"benign\"],"
    "\"pattern\":\"[domain-name:value = 'good.example']\"},\n"
    "{\"type\":\"relationship\",\"id\":\"relationship--1\",\"relationship_type\":\"indicates\","
    "\"source_ref\":\"indicator--1\",\"target_ref\":\"attack-pattern--1\"},\n"
    "{\"type\":\"attack-pattern\",\"id\":\"attack-pattern--1\",\"external_references\":["
    "{\"source_name\":\"capec\",\"external_id\":\"CAPEC-1\"},"
    "{\"source_name\":\"mitre-attack\",\"external_id\":\"T1071.001\"}]}\n"
    "]}";

static void a_stix_bundle_is_read_with_its_attack_patterns(void **state)
{
    struct intel_set *set = set_of(bundle);
    expect_stats(set, 2, 4);
    assert_int_equal(intel_set_stats(set).expired, 2);
    struct indicator it = get(set, "203.0.113.7");
    assert_true(near(it.confidence_01, 0.85));
    assert_true(str_eq(it.description, STR("C2")));
    assert_int_equal(it.expires_ms, 1893456000000);
    assert_int_equal(it.technique_count, 1);
    assert_true(str_eq(it.technique[0], STR("T1071.001")));
    assert_true(has(set, "198.51.100.77"));
    assert_int_equal(intel_set_problem(set, 0)->line, 6);
    intel_set_free(set);
}

struct named {
    char text[1024];
};

static status collect(void *arg, str value, enum intel_kind kind, bool partial, struct error *err)
{
    struct named *n = arg;
    size_t used = strlen(n->text);
    snprintf(n->text + used, sizeof n->text - used, "%s%s:" STR_FMT " ", partial ? "+" : "",
             kind == INTEL_KIND_COUNT ? "" : intel_kinds[kind]->name, STR_ARG(value));
    return ST_OK;
}

static void a_stix_pattern_names_what_could_make_it_true(void **state)
{
    static const char *const cases[][2] = {
        {"[ipv4-addr:value = '203.0.113.7']", ":203.0.113.7 "},
        {"[ipv4-addr:value='203.0.113.7'OR domain-name:value='a.example']",
         ":203.0.113.7 :a.example "},
        {"[domain-name:value IN ('a.example', 'b.example')]", ":a.example :b.example "},
        {"[file:hashes.MD5 = 'aa' OR file:hashes.'SHA-256' = 'bb' OR file:hashes.\"SHA-1\" = 'cc']",
         "md5:aa sha256:bb sha1:cc "},
        {"[file:name = 'x.exe' AND file:hashes.'SHA-256' = 'bb']", "+sha256:bb "},
        {"[file:hashes.'SHA-512' = 'x' OR file:hashes.SSDEEP = 'y' OR url:value = 'u']", ":u "},
        {"[ipv4-addr:value = '1' AND (domain-name:value = '2' OR url:value = '3')] OR "
         "[email-addr:value = '4']",
         "+:1 +:2 +:3 :4 "},
        {"[network-traffic:dst_ref.value = '1' AND network-traffic:dst_port = 443]", "+:1 "},
        {"[ipv4-addr:value = '1'] FOLLOWEDBY [ipv4-addr:value = '2'] WITHIN 300 SECONDS",
         "+:1 +:2 "},
        {"([ipv4-addr:value = '1'] AND [ipv4-addr:value = '2']) REPEATS 5 TIMES", "+:1 +:2 "},
        {"[ipv4-addr:value = '1'] START t'2023-01-01T00:00:00Z' STOP t'2024-01-01T00:00:00Z'",
         ":1 "},
        {"[ipv4-addr:value != '1' OR NOT ipv4-addr:value = '2' OR ipv4-addr:value NOT = '3' "
         "OR url:value LIKE '%x' OR url:value MATCHES 'y' OR url:value = '4']",
         ":4 "},
        {"[url:value = 'http://a/it\\'s\\\\x']", ":http://a/it's\\x "},
        {"[EXISTS file:name OR url:value = 'u']", ":u "},
        {"[process:binary_ref.hashes.MD5 = 'aa']", "md5:aa "},
        {"[x509-certificate:hashes.'SHA-1' = 'aa' OR url:value = 'u']", ":u "},
        {"[windows-registry-key:values[*].data = 'd' OR url:value = 'u']", ":u "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct named n = {.text = ""};
        assert_int_equal(intel_stix_pattern(str_z(cases[i][0]), collect, &n, NULL), ST_OK);
        assert_string_equal(n.text, cases[i][1]);
    }
}

static void a_bad_stix_pattern_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "[",
        "[]",
        "ipv4-addr:value = '1'",
        "[ipv4-addr:value = '1'",
        "[url:value = ]",
        "[url:value 'x']",
        "[url:value = 'x] ",
        "[url:value = 'x'] extra",
        "[url:value IN ('a','b']",
        "[file:name = 'x']",
        "[url:value = 'x' AND]",
        "((((((((((((((((((((((((((((((((((((((((((((((([url:value = 'x']",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct named n = {.text = ""};
        struct error err = {.text = ""};
        assert_int_not_equal(intel_stix_pattern(str_z(cases[i]), collect, &n, &err), ST_OK);
        assert_string_equal(n.text, "");
        assert_true(err.text[0] != 0);
    }
}

static const char event[] =
    "{\"Event\":{\"info\":\"Campaign \\\"X\\\"\",\"Tag\":[{\"name\":"
    "\"misp-galaxy:mitre-attack-pattern=\\\"Phishing - T1566\\\"\"}],\n"
    "\"Attribute\":[\n"
    "{\"type\":\"ip-dst|port\",\"value\":\"203.0.113.7|443\",\"to_ids\":true},\n"
    "{\"type\":\"domain|ip\",\"value\":\"evil.example|203.0.113.8\",\"to_ids\":\"1\"},\n"
    "{\"type\":\"filename|sha256\",\"value\":\"a.exe|e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b"
    "934ca495991b7852b855\",\"to_ids\":true,\"comment\":\"dropper\"},\n"
    "{\"type\":\"url\",\"value\":\"http:\\/\\/evil.example\\/a|b\",\"to_ids\":true},\n"
    "{\"type\":\"email-src\",\"value\":\"bad@evil.example\",\"to_ids\":true,\"Tag\":["
    "{\"name\":\"misp:confidence-level=\\\"completely-confident\\\"\"}]},\n"
    "{\"type\":\"ip-src\",\"value\":\"198.51.100.1\",\"to_ids\":false},\n"
    "{\"type\":\"ip-src\",\"value\":\"198.51.100.2\",\"to_ids\":true,\"deleted\":true},\n"
    "{\"type\":\"comment\",\"value\":\"198.51.100.3\",\"to_ids\":true},\n"
    "{\"type\":\"md5\",\"value\":\"oops\",\"to_ids\":true}],\n"
    "\"Galaxy\":[{\"type\":\"mitre-attack-pattern\",\"GalaxyCluster\":[{\"value\":"
    "\"Exploit Public-Facing Application - T1190\",\"meta\":{\"external_id\":[\"T1190\"]}}]}],\n"
    "\"Object\":[{\"name\":\"file\",\"Attribute\":["
    "{\"type\":\"md5\",\"value\":\"d41d8cd98f00b204e9800998ecf8427e\",\"to_ids\":true}]}]}}";

static void a_misp_event_is_read_attribute_by_attribute(void **state)
{
    struct intel_set *set = set_of(event);
    expect_stats(set, 7, 1);
    assert_true(has(set, "203.0.113.7"));
    assert_true(has(set, "203.0.113.8"));
    assert_true(has(set, "http://evil.example/a|b"));
    assert_true(has(set, "d41d8cd98f00b204e9800998ecf8427e"));
    assert_false(has(set, "198.51.100.1"));
    assert_false(has(set, "198.51.100.2"));
    struct indicator it = get(set, "evil.example");
    assert_true(str_eq(it.description, STR("Campaign \"X\"")));
    assert_int_equal(it.technique_count, 2);
    it = get(set, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_true(str_eq(it.description, STR("dropper")));
    assert_true(near(get(set, "bad@evil.example").confidence_01, 0.95));
    intel_set_free(set);
}

static void several_misp_events_may_come_in_one_answer(void **state)
{
    struct intel_set *set =
        set_of("{\"response\":[{\"Event\":{\"Attribute\":[{\"type\":\"domain\",\"value\":\"a."
               "example\"}]}},"
               "{\"Event\":{\"Attribute\":[{\"type\":\"domain\",\"value\":\"b.example\"}]}}]}");
    expect_stats(set, 2, 0);
    intel_set_free(set);
    set = set_of("[\"c[.]example\", \"hxxp:\\/\\/d.example\\/\"]");
    expect_stats(set, 2, 0);
    assert_true(has(set, "http://d.example/"));
    intel_set_free(set);
}

static void a_warninglist_allows_as_its_type_says(void **state)
{
    static const char *const lists[] = {
        "{\"name\":\"top\",\"type\":\"string\",\"matching_attributes\":[\"domain\",\"url\"],"
        "\"list\":[\"exact.example\",\".dot.example\",\"com\"]}",
        "{\"name\":\"hosts\",\"type\":\"hostname\",\"list\":[\"wide.example\"]}",
        "{\"name\":\"net\",\"type\":\"cidr\",\"list\":[\"203.0.113.0/24\",\"198.51.100.1\","
        "\"0.0.0.0/8\"]}",
        "{\"name\":\"sub\",\"type\":\"substring\",\"matching_attributes\":[\"domain\"],"
        "\"list\":[\"sandbox\"]}",
        "{\"name\":\"re\",\"type\":\"regex\",\"matching_attributes\":[\"email-src\"],"
        "\"list\":[\"/^abuse\\\\@.*$/i\"]}",
        "{\"name\":\"tel\",\"type\":\"regex\",\"matching_attributes\":[\"phone-number\"],"
        "\"list\":[\"/^555$/\"]}",
    };
    static const char *const bad =
        "exact.example\na.exact2.example\nx.dot.example\ny.wide.example\n203.0.113.7\n"
        "198.51.100.1\n198.51.100.2\nmy.sandbox.example\nabuse@evil.example\nme@evil.example\n"
        "http://exact.example/x\n";
    struct intel_set *set = set_new();
    assert_int_equal(read_text(set, bad, false), ST_OK);
    for (size_t i = 0; i < COUNT(lists); i++) {
        assert_int_equal(read_text(set, lists[i], true), ST_OK);
        assert_int_equal(read_text(set, lists[i], false), ST_INVALID);
    }
    intel_set_freeze(set);
    assert_int_equal(intel_set_stats(set).allowed, 8);
    assert_int_equal(intel_set_stats(set).rejected, 0);
    static const char *const allowed[] = {
        "exact.example", "x.dot.example",      "y.wide.example",     "203.0.113.7",
        "198.51.100.1",  "my.sandbox.example", "abuse@evil.example", "http://exact.example/x",
    };
    for (size_t i = 0; i < COUNT(allowed); i++)
        assert_false(has(set, allowed[i]));
    assert_true(has(set, "a.exact2.example"));
    assert_true(has(set, "198.51.100.2"));
    assert_true(has(set, "me@evil.example"));
    intel_set_free(set);
}

static void what_is_no_feed_is_refused_with_a_reason(void **state)
{
    static const char *const cases[] = {
        "{\"a\":1}",
        "{\"type\":\"bundle\"}",
        "{\"type\":\"bundle\",\"objects\":[",
        "{",
        "[{]",
        "{\"list\":[],\"type\":\"colour\"}",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct intel_set *set = set_new();
        assert_int_equal(read_text(set, cases[i], true), ST_INVALID);
        intel_set_free(set);
    }
    struct intel_set *set = set_new();
    assert_int_equal(read_text(set, "", false), ST_OK);
    intel_set_free(set);
}

/* ---- files ---- */

static const char text[] = "203.0.113.7\nevil.example\n";
static const char gzip[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x33\x32\x30\xd6\x33\xd0\x33"
                           "\x34\x34\xd6\x33\xe7\x4a\x2d\xcb\xcc\xd1\x4b\xad\x48\xcc\x2d\xc8\x49"
                           "\xe5\x02\x00\x40\xc4\x7c\x1a\x19\x00\x00\x00";
static const char xz[] =
    "\xfd\x37\x7a\x58\x5a\x00\x00\x04\xe6\xd6\xb4\x46\x02\x00\x21\x01\x16\x00\x00\x00\x74\x2f\xe5"
    "\xa3\x01\x00\x18\x32\x30\x33\x2e\x30\x2e\x31\x31\x33\x2e\x37\x0a\x65\x76\x69\x6c\x2e\x65\x78"
    "\x61\x6d\x70\x6c\x65\x0a\x00\x00\x00\x00\xc3\xd5\xe2\x2b\xfb\xf3\x6b\xae\x00\x01\x31\x19\x59"
    "\x1a\xb0\x82\x1f\xb6\xf3\x7d\x01\x00\x00\x00\x00\x04\x59\x5a";
static const char zstd[] = "\x28\xb5\x2f\xfd\x04\x58\xc9\x00\x00\x32\x30\x33\x2e\x30\x2e\x31\x31"
                           "\x33\x2e\x37\x0a\x65\x76\x69\x6c\x2e\x65\x78\x61\x6d\x70\x6c\x65\x0a"
                           "\x40\x60\x5c\x02";

static char folder[64];

static int make_folder(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/intel_feed_test.XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *bytes, size_t n)
{
    FILE *f = fopen(path_of(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void a_feed_is_read_packed_or_not(void **state)
{
    static const struct {
        const char *name, *bytes;
        size_t n;
    } files[] = {
        {"packed.txt", text, sizeof text - 1},
        {"packed.txt.gz", gzip, sizeof gzip - 1},
        {"packed.list.xz", xz, sizeof xz - 1},
        {"packed.zst", zstd, sizeof zstd - 1},
    };
    for (size_t i = 0; i < COUNT(files); i++) {
        struct intel_set *set = set_new();
        write_file(files[i].name, files[i].bytes, files[i].n);
        assert_int_equal(intel_set_load(set, path_of(files[i].name), false, NULL), ST_OK);
        assert_int_equal(unlink(path_of(files[i].name)), 0);
        intel_set_freeze(set);
        expect_stats(set, 2, 0);
        assert_true(str_eq(get(set, "evil.example").source, STR("packed")));
        intel_set_free(set);
    }
}

static void a_folder_is_read_recursively_and_survives_bad_files(void **state)
{
    static const char *const names[] = {"README.md", "a.txt",     "bad.json",
                                        "bin.txt",   "sub/b.csv", "script.sh"};
    assert_int_equal(mkdir(path_of("sub"), 0700), 0);
    write_file("README.md", "docs.example\n", 13);
    write_file("a.txt", text, sizeof text - 1);
    write_file("bad.json", "{\"a\":", 5);
    write_file("bin.txt", "a\0b", 3);
    write_file("sub/b.csv", "ip\n203.0.113.9\n", 15);
    write_file("script.sh", "sh.example\n", 11);
    struct intel_set *set = set_new();
    assert_int_equal(intel_set_load(set, folder, false, NULL), ST_OK);
    for (size_t i = 0; i < COUNT(names); i++)
        assert_int_equal(unlink(path_of(names[i])), 0);
    assert_int_equal(rmdir(path_of("sub")), 0);
    intel_set_freeze(set);
    expect_stats(set, 3, 0);
    assert_int_equal(intel_set_problem_count(set), 2);
    assert_true(str_ends(intel_set_problem(set, 0)->file, STR("/bad.json")));
    assert_null(strstr(intel_set_problem(set, 0)->reason, "bad.json"));
    intel_set_free(set);
}

static void a_path_without_a_feed_is_an_error(void **state)
{
    struct intel_set *set = set_new();
    struct error err;
    assert_int_equal(intel_set_load(set, path_of("none"), false, &err), ST_NOT_FOUND);
    assert_int_equal(intel_set_load(set, folder, false, &err), ST_NOT_FOUND);
    intel_set_free(set);
}

/* Lines across the ends of the buffer, one far too long among them. */
static void a_long_file_is_read_line_by_line(void **state)
{
    enum { LINES = 60000 };
    FILE *f = fopen(path_of("long.txt"), "wb");
    assert_non_null(f);
    for (unsigned i = 0; i < LINES; i++) {
        if (i == LINES / 2)
            for (unsigned k = 0; k < 700000; k++)
                fputc('x', f);
        if (i == LINES / 2)
            fputc('\n', f);
        fprintf(f, "20.%u.%u.%u\n", i >> 16, i >> 8 & 255, i & 255);
    }
    fputs("last.line.is.wrong!", f);
    assert_int_equal(fclose(f), 0);
    struct intel_set *set = set_new();
    assert_int_equal(intel_set_load(set, path_of("long.txt"), false, NULL), ST_OK);
    assert_int_equal(unlink(path_of("long.txt")), 0);
    intel_set_freeze(set);
    expect_stats(set, LINES, 2);
    assert_int_equal(intel_set_problem(set, 0)->line, LINES / 2 + 1);
    assert_int_equal(intel_set_problem(set, 1)->line, LINES + 2);
    assert_true(has(set, "20.0.117.47"));
    intel_set_free(set);
}

static int remove_folder(void **state)
{
    return rmdir(folder);
}

/* Every limit: ST_LIMIT, or all of it. */
static void a_feed_that_does_not_fit_says_so(void **state)
{
    static const char *const feeds[] = {text, bundle, event};
    for (size_t i = 0; i < COUNT(feeds); i++) {
        status st = ST_LIMIT;
        for (size_t cap = 1; st != ST_OK; cap *= 2) {
            struct intel_options options = {.max_bytes = cap};
            struct intel_set *set = intel_set_new(&options);
            struct intel_feed f = {.set = set, .path = STR("x"), .source = STR("x")};
            st = intel_feed_read(&f, str_z(feeds[i]), NULL);
            assert_true(st == ST_OK || st == ST_LIMIT);
            assert_true(intel_set_stats(set).bytes <= cap);
            intel_set_freeze(set);
            intel_set_free(set);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_list_has_comments_anywhere),
        cmocka_unit_test(a_count_of_lists_is_a_confidence),
        cmocka_unit_test(a_hosts_file_names_what_it_sends_nowhere),
        cmocka_unit_test(csv_columns_are_told_by_their_header),
        cmocka_unit_test(csv_headers_may_stand_in_a_comment),
        cmocka_unit_test(every_hash_of_a_row_is_an_indicator),
        cmocka_unit_test(without_a_header_every_cell_is_tried),
        cmocka_unit_test(a_list_of_urls_with_commas_is_no_csv),
        cmocka_unit_test(a_row_that_is_no_csv_does_not_spoil_the_rest),
        cmocka_unit_test(a_stix_bundle_is_read_with_its_attack_patterns),
        cmocka_unit_test(a_stix_pattern_names_what_could_make_it_true),
        cmocka_unit_test(a_bad_stix_pattern_is_refused),
        cmocka_unit_test(a_misp_event_is_read_attribute_by_attribute),
        cmocka_unit_test(several_misp_events_may_come_in_one_answer),
        cmocka_unit_test(a_warninglist_allows_as_its_type_says),
        cmocka_unit_test(what_is_no_feed_is_refused_with_a_reason),
        cmocka_unit_test(a_feed_is_read_packed_or_not),
        cmocka_unit_test(a_folder_is_read_recursively_and_survives_bad_files),
        cmocka_unit_test(a_path_without_a_feed_is_an_error),
        cmocka_unit_test(a_long_file_is_read_line_by_line),
        cmocka_unit_test(a_feed_that_does_not_fit_says_so),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
