/* SPDX-License-Identifier: Apache-2.0 */
/* The threat routes, asked over the loopback. */
#include "codec/url.h"
#include "tests/unit/api_bed.h"

static struct bed bed;
static struct behavior *behavior;
static struct network *network;

static int set_up(void **state)
{
    const char *path = "rules/yara";
    struct scan_rules *rules;
    if (folder_make(state) != 0)
        return -1;
    behavior = behavior_new(&(struct behavior_options){.seed = 1});
    network = network_new(&(struct network_options){.seed = 1});
    bed_open(&bed, &(struct api_options){.behavior = behavior, .network = network});
    BED_MUST(scan_rules_load(&path, 1, &rules, &err_));
    api_set_scan_rules(bed.api, rules);
    scan_rules_unref(rules);
    bed_as(&bed, bed_login(&bed, "admin", BED_PASSWORD));
    return 0;
}

static int tear_down(void **state)
{
    bed_close(&bed);
    behavior_free(behavior);
    network_free(network);
    return folder_remove(state);
}

static double real(const char *member)
{
    return json_real(bed_member(&bed, member), -1);
}

static json_node element(json_node array, size_t i)
{
    struct json_each it = json_each(array);
    while (json_each_next(&it) && i)
        i--;
    return it.value;
}

static bool text_is(json_node n, const char *want)
{
    return str_eq(json_str(n, STR("")), str_z(want));
}

/* ---- behavior ---- */

static const char *logins(int days, const char *country, bool learn)
{
    struct sbuf b;
    sbuf_init(&b, 4 << 20);
    sbuf_addf(&b, "{\"entity\":\"user:alice\",\"learn\":%s,\"events\":[", learn ? "true" : "false");
    for (int i = 0; i < days * 20; i++)
        sbuf_addf(&b,
                  "%s{\"@timestamp\":\"2026-01-%02dT%02d:00:00Z\",\"user\":{\"name\":\"alice\"},"
                  "\"source\":{"
                  "\"ip\":\"192.0.2.1\",\"geo\":{\"country_iso_code\":\"%s\"}},\"event\":{"
                  "\"outcome\":\"success\","
                  "\"action\":\"login\"}}",
                  i ? "," : "", i / 20 + 1, i % 20, country);
    sbuf_addz(&b, "]}");
    const char *copy = arena_str(&bed.arena, sbuf_str(&b)).p;
    sbuf_done(&b);
    return copy;
}

static void compares_with_what_is_usual(void **state)
{
    const char *path = "/api/threat/analyze-behavior";
    bed_expect(&bed, 200, "POST", path, logins(1, "KP", false));
    assert_false(json_bool(bed_member(&bed, "enough_history"), true));
    assert_true(real("deviation") == 0);
    bed_expect(&bed, 200, "POST", path, logins(20, "DE", true));
    assert_true(json_bool(bed_member(&bed, "learned"), false));
    bed_expect(&bed, 200, "POST", path, logins(1, "DE", false));
    assert_true(json_bool(bed_member(&bed, "enough_history"), false));
    assert_true(real("deviation") < 0.1);
    bed_expect(&bed, 200, "POST", path, logins(1, "KP", false));
    assert_true(real("deviation") > 0.7);
    json_node first = element(bed_member(&bed, "factors"), 0);
    assert_true(text_is(json_get(first, STR("name")), "country"));
    assert_true(text_is(json_get(bed_member(&bed, "finding"), STR("kind")), "behavior"));
    assert_int_equal(real("known_events"), 400);
}

static void refuses_questions_that_are_none(void **state)
{
    static const char *const bodies[] = {
        "{\"entity\":\"alice\",\"events\":[{}]}",
        "{\"entity\":{\"type\":\"planet\",\"value\":\"x\"},\"events\":[{}]}",
        "{\"entity\":\"user:\",\"events\":[{}]}",
        "{\"entity\":\"user:a\",\"events\":[]}",
        "{\"entity\":\"user:a\"}",
        "[]",
    };
    for (size_t i = 0; i < COUNT(bodies); i++)
        bed_expect(&bed, 400, "POST", "/api/threat/analyze-behavior", bodies[i]);
}

/* ---- network ---- */

static void finds_a_scan_in_flows(void **state)
{
    struct sbuf b, lines;
    sbuf_init(&b, 1 << 20);
    sbuf_init(&lines, 1 << 20);
    for (int i = 0; i < 60; i++) {
        sbuf_addf(
            &b,
            "%s{\"time\":\"2026-01-01T00:00:%02dZ\",\"source_ip\":\"10.0.0.5\",\"destination_ip\":"
            "\"10.0.1.%d\",\"port\":445,\"proto\":\"tcp\",\"bytes_out\":0,\"bytes_in\":0,"
            "\"packets_in\":0}",
            i ? "," : "", i, i + 1);
        sbuf_addf(
            &lines,
            "{\"ts\":17672256%02d.5,\"uid\":\"C%d\",\"id.orig_h\":\"10.0.0.6\",\"id.orig_p\":4,"
            "\"id.resp_h\":\"10.0.1.7\",\"id.resp_p\":%d,\"proto\":\"tcp\",\"conn_state\":\"REJ\"}"
            "\n",
            i, i, i + 1);
    }
    const char *body = arena_fmt(&bed.arena, "{\"flows\":[%s]}", b.p).p;
    bed_expect(&bed, 200, "POST", "/api/threat/monitor-network", body);
    assert_int_equal(real("flows"), 60);
    assert_int_equal(json_count(bed_member(&bed, "detections")), 1);
    assert_int_equal(json_count(bed_member(&bed, "verdicts")), 60);
    json_node d = element(bed_member(&bed, "detections"), 0);
    assert_true(text_is(json_get(d, STR("kind")), "horizontal_scan"));
    assert_true(text_is(json_get(json_get(d, STR("finding")), STR("kind")), "network"));
    /* Zeek's own lines */
    assert_int_equal(bed_send(&bed, "POST", "/api/threat/monitor-network", "application/x-ndjson",
                              sbuf_str(&lines), NULL),
                     200);
    d = element(bed_member(&bed, "detections"), 0);
    assert_true(text_is(json_get(d, STR("kind")), "vertical_scan"));
    bed_expect(&bed, 400, "POST", "/api/threat/monitor-network", "{\"flows\":3}");
    bed_expect(&bed, 200, "POST", "/api/threat/monitor-network", "{\"flows\":[{\"user\":\"x\"}]}");
    assert_int_equal(real("other"), 1);
    sbuf_done(&b);
    sbuf_done(&lines);
}

/* ---- indicators ---- */

static json_node asked(const char *value)
{
    bed_expect(&bed, 200, "POST", "/api/threat/query-intelligence",
               arena_fmt(&bed.arena, "{\"indicators\":[\"%s\"]}", value).p);
    return element(bed_member(&bed, "results"), 0);
}

static bool listed(const char *value)
{
    return json_bool(json_get(asked(value), STR("listed")), false);
}

static void imports_and_forgets_indicators(void **state)
{
    const char *path = "/api/threat/intelligence";
    assert_false(listed("evil.example.net"));
    bed_expect(
        &bed, 200, "POST", path,
        "{\"indicators\":[{\"value\":\"Evil.Example.NET\",\"source\":\"unit\",\"confidence\":0.9,"
        "\"techniques\":[\"T1071\"],\"description\":\"c2\"},{\"value\":\"hxxp://bad[.]example/x\"},"
        "{\"value\":\"not a thing\"},{\"value\":\"9.9.9.9\",\"allow\":true},"
        "{\"value\":\"8.8.4.4\",\"expires_at\":\"2020-01-01T00:00:00Z\"}]}");
    assert_int_equal(real("rejected"), 1);
    assert_int_equal(json_count(bed_member(&bed, "errors")), 1);
    json_node a = asked("evil.example.net");
    assert_true(json_bool(json_get(a, STR("listed")), false));
    json_node m = element(json_get(a, STR("matches")), 0);
    assert_true(text_is(json_get(m, STR("source")), "unit"));
    assert_true(text_is(json_get(m, STR("kind")), "domain"));
    assert_true(text_is(element(json_get(m, STR("techniques")), 0), "T1071"));
    assert_true(json_bool(json_get(m, STR("imported")), false));
    assert_true(listed("http://bad.example/x"));
    assert_false(listed("8.8.4.4"));
    assert_true(json_bool(json_get(asked("9.9.9.9"), STR("allowed")), false));
    bed_expect(&bed, 200, "GET", "/api/threat/query-intelligence?value=evil%5B.%5Dexample.net",
               NULL);
    assert_int_equal(json_count(bed_member(&bed, "results")), 1);

    bed_expect(&bed, 200, "GET", "/api/threat/intelligence?limit=2", NULL);
    assert_int_equal(json_count(bed_member(&bed, "indicators")), 2);
    const char *next = bed_text(&bed, "next");
    assert_true(*next);
    struct sbuf url;
    sbuf_init(&url, 4096);
    sbuf_addz(&url, "/api/threat/intelligence?limit=2&cursor=");
    url_encode(&url, str_z(next));
    bed_expect(&bed, 200, "GET", url.p, NULL);
    assert_true(json_count(bed_member(&bed, "indicators")) >= 1);
    sbuf_done(&url);

    bed_expect(&bed, 204, "DELETE", "/api/threat/intelligence?value=evil.example.net", NULL);
    assert_false(listed("evil.example.net"));
    bed_expect(&bed, 404, "DELETE", "/api/threat/intelligence?value=evil.example.net", NULL);
    bed_expect(&bed, 400, "POST", path,
               "{\"indicators\":[{\"value\":\"a.example\",\"color\":\"red\"}]}");
}

static void imports_feeds_of_other_formats(void **state)
{
    static const char plain[] = "# a list\n203.0.113.77\nbad-one.example.org\n";
    static const char csv[] = "indicator,type,confidence\n198.51.100.9,ip,90\n";
    static const char stix[] = "{\"type\":\"bundle\",\"id\":\"bundle--5d0092c5-5f74-4287-9642-"
                               "33f4c354e56d\",\"objects\":[{\"type\":"
                               "\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--"
                               "8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f\","
                               "\"pattern\":\"[domain-name:value = "
                               "'stix.example.org']\",\"pattern_type\":\"stix\",\"valid_from\":"
                               "\"2020-01-01T00:00:00Z\"}]}";
    const char *url = "/api/threat/intelligence?source=unit";
    assert_int_equal(bed_send(&bed, "POST", url, "text/plain", str_z(plain), NULL), 200);
    assert_int_equal(real("imported"), 2);
    assert_int_equal(bed_send(&bed, "POST", url, "text/csv", str_z(csv), NULL), 200);
    assert_int_equal(bed_send(&bed, "POST", url, "application/json", str_z(stix), NULL), 200);
    assert_int_equal(real("imported"), 1);
    assert_true(listed("203.0.113.77") && listed("bad-one.example.org") && listed("198.51.100.9") &&
                listed("stix.example.org"));
    struct intel_set *set = intel_set_new(&(struct intel_options){0});
    BED_MUST(api_imported_indicators(bed.store, STR("default"), set, 0, &err_));
    intel_set_freeze(set);
    struct indicator found;
    assert_true(intel_find(set, STR("stix.example.org"), &found, NULL));
    intel_set_free(set);
}

/* Another tenant sees nothing of it. */
static void keeps_tenants_apart(void **state)
{
    bed_expect(&bed, 200, "POST", "/api/threat/intelligence",
               "{\"indicators\":[{\"value\":\"only.example.com\"}]}");
    struct intel_set *set = intel_set_new(&(struct intel_options){0});
    BED_MUST(api_imported_indicators(bed.store, STR("other"), set, 0, &err_));
    assert_int_equal(intel_set_stats(set).indicators, 0);
    intel_set_free(set);
    assert_true(listed("only.example.com"));
}

/* ---- scan ---- */

static void scans_files_and_texts(void **state)
{
    static const char eicar[] = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-"
                                "ANTIVIRUS-TEST-FILE!$H+H*";
    const char *path = "/api/threat/scan";
    assert_int_equal(bed_send(&bed, "POST", path, "application/octet-stream", str_z(eicar), NULL),
                     200);
    assert_int_equal(json_count(bed_member(&bed, "matches")), 1);
    assert_string_equal(bed_text(&bed, "md5"), "44d88612fea8a8f36de82e1278abb02f");
    assert_string_equal(bed_text(&bed, "verdict"), "suspicious");
    assert_int_equal(real("rules"), 7);

    assert_int_equal(bed_send(&bed, "POST", path, "application/octet-stream", STR("abc"), NULL),
                     200);
    assert_string_equal(bed_text(&bed, "verdict"), "benign");
    bed_expect(&bed, 200, "POST", "/api/threat/intelligence",
               "{\"indicators\":[{\"value\":\"a9993e364706816aba3e25717850c26c9cd0d89d\","
               "\"confidence\":1}]}");
    assert_int_equal(bed_send(&bed, "POST", path, "application/octet-stream", STR("abc"), NULL),
                     200);
    assert_string_equal(bed_text(&bed, "verdict"), "malicious");
    assert_int_equal(json_count(bed_member(&bed, "indicators")), 1);

    bed_expect(&bed, 200, "POST", path, "{\"text\":\"{\\\"what\\\":\\\"hit\\\"}\\n\"}");
    assert_int_equal(json_count(bed_member(&bed, "findings")), 1);
    assert_string_equal(bed_text(&bed, "verdict"), "malicious");
    bed_expect(&bed, 200, "POST", path, "{\"text\":\"nothing at all\"}");
    assert_int_equal(json_count(bed_member(&bed, "findings")), 0);
    bed_expect(&bed, 400, "POST", path, "{\"texts\":1}");
}

static void says_how_it_is(void **state)
{
    bed_expect(&bed, 200, "GET", "/api/threat/health", NULL);
    assert_int_equal(json_int(json_get(bed_member(&bed, "scan"), STR("rules")), 0), 7);
    assert_true(json_int(json_get(bed_member(&bed, "intelligence"), STR("imported")), 0) > 0);
    assert_true(json_int(json_get(bed_member(&bed, "behavior"), STR("entities")), 0) > 0);
    assert_true(json_int(json_get(bed_member(&bed, "network"), STR("flows")), 0) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_with_what_is_usual),
        cmocka_unit_test(refuses_questions_that_are_none),
        cmocka_unit_test(finds_a_scan_in_flows),
        cmocka_unit_test(imports_and_forgets_indicators),
        cmocka_unit_test(imports_feeds_of_other_formats),
        cmocka_unit_test(keeps_tenants_apart),
        cmocka_unit_test(scans_files_and_texts),
        cmocka_unit_test(says_how_it_is),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
