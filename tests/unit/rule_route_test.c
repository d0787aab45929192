/* SPDX-License-Identifier: Apache-2.0 */
#include "rule/route.h"
#include "tests/rule_text.h"

static struct dict *dict;

/* A set of one rule for each log source "product category service" (`-`: not given). */
static struct rule_set *set_for(const char *const *logsource, size_t n)
{
    static const char *const key[] = {"product", "category", "service"};
    struct sbuf yaml;
    sbuf_init(&yaml, 1 << 20);
    for (size_t i = 0; i < n; i++) {
        str rest = str_z(logsource[i]);
        sbuf_addz(&yaml, "---\ntitle: t\nlogsource:\n");
        for (size_t k = 0; k < COUNT(key); k++) {
            str word = str_cut(&rest, ' ');
            if (!str_eq(word, STR("-")))
                sbuf_addf(&yaml, "  %s: " STR_FMT "\n", key[k], STR_ARG(word));
        }
        sbuf_addz(&yaml, "detection: {s: {A: 1}, condition: s}\n");
    }
    struct rule_set *set = set_of_options(yaml.p, dict, NULL);
    assert_int_equal(rule_set_count(set), n);
    sbuf_done(&yaml);
    return set;
}

static struct event event_of(enum family family, const char *channel, const char *code)
{
    return (struct event){
        .family = (uint8_t)family, .channel = str_z(channel), .code = str_z(code)};
}

#define SYSMON "Microsoft-Windows-Sysmon/Operational"
#define LINMON "Linux-Sysmon/Operational"

static const struct {
    const char *logsource;
    enum family family;
    const char *channel, *code;
    bool want;
} events[] = {
    {"windows process_creation -", FAMILY_WINDOWS, SYSMON, "1", true},
    {"windows process_creation -", FAMILY_WINDOWS, "Security", "4688", true},
    {"windows process_creation -", FAMILY_WINDOWS, "security", "4688", true},
    {"windows process_creation -", FAMILY_WINDOWS, "Security", "4624", false},
    {"windows process_creation -", FAMILY_WINDOWS, SYSMON, "3", false},
    {"windows process_creation -", FAMILY_WINDOWS, "System", "1", false},
    {"windows process_creation -", FAMILY_LINUX, LINMON, "1", false},
    {"windows process_creation sysmon", FAMILY_WINDOWS, SYSMON, "1", true},
    {"windows process_creation sysmon", FAMILY_WINDOWS, "Security", "4688", false},
    {"- process_creation -", FAMILY_WINDOWS, SYSMON, "1", true},
    {"- process_creation -", FAMILY_LINUX, LINMON, "1", true},
    {"- process_creation -", FAMILY_MACOS, "", "", true},
    {"linux process_creation -", FAMILY_LINUX, LINMON, "1", true},
    {"linux process_creation -", FAMILY_LINUX, "auditd", "", true},
    {"linux process_creation -", FAMILY_LINUX, "sshd", "", false},
    {"Windows Process_Creation -", FAMILY_WINDOWS, SYSMON, "1", true},
    {"windows registry_event -", FAMILY_WINDOWS, SYSMON, "14", true},
    {"windows registry_set -", FAMILY_WINDOWS, SYSMON, "14", false},
    {"windows ps_script -", FAMILY_WINDOWS, "PowerShellCore/Operational", "4104", true},
    {"windows ps_script -", FAMILY_WINDOWS, "PowerShellCore/Operational", "4103", false},
    {"windows - security", FAMILY_WINDOWS, "Security", "4625", true},
    {"windows - security", FAMILY_WINDOWS, "System", "7045", false},
    {"windows - applocker", FAMILY_WINDOWS, "Microsoft-Windows-AppLocker/EXE and DLL", "8004",
     true},
    {"windows - windefend", FAMILY_WINDOWS, "Microsoft-Windows-Windows Defender/Operational",
     "1116", true},
    {"windows - -", FAMILY_WINDOWS, "Anything", "1", true},
    {"windows - -", FAMILY_LINUX, "syslog", "", false},
    /* what an event does not say excludes nothing */
    {"windows process_creation -", FAMILY_WINDOWS, "", "1", true},
    {"windows process_creation -", FAMILY_WINDOWS, "", "5", false},
    {"windows process_creation -", FAMILY_WINDOWS, SYSMON, "", true},
    {"zeek - dns", FAMILY_ZEEK, "", "", true},
    /* sensors of the network are of several categories */
    {"- webserver -", FAMILY_WEB, "access", "", true},
    {"- webserver -", FAMILY_ZEEK, "http", "", true},
    {"- webserver -", FAMILY_SURICATA, "http", "", true},
    {"- webserver -", FAMILY_SURICATA, "dns", "", false},
    {"- proxy -", FAMILY_WEB, "proxy", "", true},
    {"- proxy -", FAMILY_WEB, "access", "", false},
    {"- proxy -", FAMILY_ZEEK, "http", "", true},
    {"- dns -", FAMILY_DNS, "", "", true},
    {"- dns -", FAMILY_ZEEK, "dns", "", true},
    {"- dns -", FAMILY_WINDOWS, SYSMON, "22", true},
    {"- dns -", FAMILY_WINDOWS, SYSMON, "1", false},
    {"- firewall -", FAMILY_FORTIGATE, "traffic", "", true},
    {"- - apache", FAMILY_WEB, "error", "", true},
    {"- - nginx", FAMILY_WEB, "apache", "", false},
    /* Zeek and Suricata need no rows for their logs */
    {"zeek - smb_files", FAMILY_ZEEK, "smb_files", "", true},
    {"zeek - smb_files", FAMILY_ZEEK, "SMB_Files", "", true},
    {"zeek - smb_files", FAMILY_ZEEK, "http", "", false},
    {"zeek - smb_files", FAMILY_SURICATA, "smb_files", "", false},
    {"suricata - alert", FAMILY_SURICATA, "alert", "", true},
    /* clouds and applications */
    {"aws - cloudtrail", FAMILY_AWS, "cloudtrail", "", true},
    {"azure - signinlogs", FAMILY_AZURE, "SignInLogs", "", true},
    {"azure - signinlogs", FAMILY_AZURE, "auditlogs", "", false},
    {"kubernetes application audit", FAMILY_KUBERNETES, "audit", "", true},
    {"kubernetes application audit", FAMILY_APPLICATION, "audit", "", false},
    {"jvm application -", FAMILY_APPLICATION, "java", "", true},
    {"jvm application -", FAMILY_APPLICATION, "python", "", false},
    {"django application -", FAMILY_APPLICATION, "django", "", true},
    {"rpc_firewall application -", FAMILY_WINDOWS, "RPCFW", "3", true},
    {"paloalto file_event globalprotect", FAMILY_PALOALTO, "", "", true},
    {"linux - sshd", FAMILY_LINUX, "sshd", "", true},
    {"linux - sshd", FAMILY_LINUX, "cron", "", false},
    {"linux - sudo", FAMILY_LINUX, "sudo", "", true},
    /* log sources without a row go by their names */
    {"juniper - bgp", FAMILY_APPLIANCE, "bgp", "", true},
    {"juniper - bgp", FAMILY_APPLIANCE, "Juniper", "", true},
    {"juniper - bgp", FAMILY_APPLIANCE, "other", "", false},
    {"qualys - -", FAMILY_APPLIANCE, "Qualys", "", true},
    {"qualys - -", FAMILY_APPLIANCE, "", "", false},
    {"appliance - -", FAMILY_APPLIANCE, "", "", true},
    /* events of no known family are shown to every rule */
    {"windows process_creation -", FAMILY_UNKNOWN, "", "", true},
    {"juniper - bgp", FAMILY_UNKNOWN, "x", "y", true},
};

static void sends_events_to_the_sources_they_are_of(void **state)
{
    for (size_t i = 0; i < COUNT(events); i++) {
        struct rule_set *set = set_for(&events[i].logsource, 1);
        struct sources *s = sources_new(&set->image);
        struct router *r = router_new(s);
        struct event e = event_of(events[i].family, events[i].channel, events[i].code);
        const struct route *route = route_event(r, &e);
        if (route_has(route, 0) != events[i].want || route->count != events[i].want)
            fail_msg("%s: %s %s", events[i].logsource, events[i].channel, events[i].code);
        if (events[i].want)
            assert_true(source_families(s, 0) >> events[i].family & 1);
        router_free(r);
        sources_free(s);
        rule_set_free(set);
    }
}

static void gives_rules_of_one_log_source_one_source(void **state)
{
    static const char *const logsource[] = {"windows - security", "windows - system",
                                            "windows - security", "windows process_creation -"};
    struct rule_set *set = set_for(logsource, COUNT(logsource));
    struct sources *s = sources_new(&set->image);
    assert_int_equal(sources_count(s), 3);
    assert_int_equal(source_of(s, 0), 0);
    assert_int_equal(source_of(s, 1), 1);
    assert_int_equal(source_of(s, 2), 0);
    assert_int_equal(source_of(s, 3), 2);
    sources_free(s);
    rule_set_free(set);
}

static void gives_equal_sets_one_route(void **state)
{
    static const char *const logsource[] = {"windows - security", "windows - -",
                                            "windows process_creation -"};
    struct rule_set *set = set_for(logsource, COUNT(logsource));
    struct sources *s = sources_new(&set->image);
    struct router *r = router_new(s);
    struct event one = event_of(FAMILY_WINDOWS, "Security", "1"),
                 two = event_of(FAMILY_WINDOWS, "SECURITY", "2"),
                 start = event_of(FAMILY_WINDOWS, "Security", "4688"),
                 none = event_of(FAMILY_AWS, "x", "y");
    const struct route *a = route_event(r, &one);
    assert_int_equal(a->index, 0);
    assert_int_equal(a->count, 2);
    assert_int_equal(a->source[0], 0);
    assert_int_equal(a->source[1], 1);
    assert_ptr_equal(a, route_event(r, &two));
    assert_ptr_equal(a, route_event(r, &one));
    assert_int_equal(route_event(r, &start)->count, 3);
    assert_int_equal(route_event(r, &start)->index, 1);
    assert_int_equal(route_event(r, &none)->count, 0);
    router_free(r);
    sources_free(s);
    rule_set_free(set);
}

/* What is remembered, and what is asked for the first time, are the same. */
static void remembers_no_more_than_the_table_tells_apart(void **state)
{
    static const char *const logsource[] = {"windows - security", "windows process_creation -",
                                            "- dns -", "zeek - http"};
    struct rule_set *set = set_for(logsource, COUNT(logsource));
    struct sources *s = sources_new(&set->image);
    struct router *r = router_new(s);
    uint32_t routes = 0;
    for (unsigned i = 0; i < 20000; i++) {
        char channel[260], code[32];
        (void)snprintf(channel, sizeof channel, "%*u", (int)(i % 250), i);
        (void)snprintf(code, sizeof code, "%u", i % 5000);
        struct event e =
            event_of((enum family)(i % FAMILY_COUNT), i % 3 ? channel : "Security", code);
        struct router *fresh = i % 100 ? NULL : router_new(s);
        const struct route *route = route_event(r, &e);
        if (fresh)
            assert_memory_equal(route->bits, route_event(fresh, &e)->bits, sizeof *route->bits);
        routes = route->index > routes ? route->index : routes;
        router_free(fresh);
    }
    assert_true(routes < 10);
    router_free(r);
    sources_free(s);
    rule_set_free(set);
}

static void knows_whose_names_a_rule_uses(void **state)
{
    static const struct {
        const char *logsource;
        enum family want;
    } row[] = {
        {"windows process_creation -", FAMILY_WINDOWS},
        {"linux process_creation -", FAMILY_LINUX},
        {"- process_creation -", FAMILY_WINDOWS},
        {"- webserver -", FAMILY_WEB},
        {"- - apache", FAMILY_WEB},
        {"- dns -", FAMILY_DNS},
        {"zeek - http", FAMILY_ZEEK},
        {"kubernetes application audit", FAMILY_KUBERNETES},
        {"django application -", FAMILY_APPLICATION},
        {"rpc_firewall application -", FAMILY_WINDOWS},
        {"falco - -", FAMILY_FALCO},
        {"huawei - bgp", FAMILY_UNKNOWN},
        {"appliance - -", FAMILY_APPLIANCE},
    };
    for (size_t i = 0; i < COUNT(row); i++) {
        struct rule_set *set = set_for(&row[i].logsource, 1);
        if (rule_family(set, &set->image.rule.at[0]) != row[i].want)
            fail_msg("%s", row[i].logsource);
        rule_set_free(set);
    }
}

static int start(void **state)
{
    dict = dict_new();
    return 0;
}

static int stop(void **state)
{
    dict_free(dict);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_events_to_the_sources_they_are_of),
        cmocka_unit_test(gives_rules_of_one_log_source_one_source),
        cmocka_unit_test(gives_equal_sets_one_route),
        cmocka_unit_test(remembers_no_more_than_the_table_tells_apart),
        cmocka_unit_test(knows_whose_names_a_rule_uses),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
