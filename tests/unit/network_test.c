/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "behavior/network.h"
#include "parse/parse.h"
#include "tests/public_data.h"

enum { FLOWS_MAX = 60000, SECOND = 1000, HOUR = 3600 * 1000 };
static const int64_t start_ms = 1735689600000; /* 2025-01-01 */

struct bed {
    struct network *n;
    struct arena arena;
    struct flow *flow;
    size_t flows;
    struct network_verdict v;
    uint32_t random;
};

static void bed_init(struct bed *b)
{
    *b = (struct bed){.n = network_new(&(struct network_options){.seed = 7}), .random = 1};
    arena_init(&b->arena, 256 << 20);
    b->flow = mem_array(struct flow, FLOWS_MAX);
}

static void bed_done(struct bed *b)
{
    network_free(b->n);
    arena_done(&b->arena);
    mem_free(b->flow);
}

static uint32_t chance(struct bed *b, uint32_t below)
{
    b->random = b->random * 1664525 + 1013904223;
    return (b->random >> 8) % below;
}

static struct ip ip(const char *text)
{
    struct ip i;
    assert_true(ip_parse(str_z(text), &i));
    return i;
}

/* An answered flow of TCP; more is set by the caller. */
static struct flow *add(struct bed *b, int64_t ms, const char *source, const char *target,
                        uint16_t port)
{
    assert_true(b->flows < FLOWS_MAX);
    struct flow *f = &b->flow[b->flows++];
    *f = (struct flow){.time_ms = start_ms + ms,
                       .source = ip(source),
                       .target = ip(target),
                       .port = port,
                       .transport = 6,
                       .bytes_out = 500,
                       .bytes_in = 4000,
                       .packets_out = 5,
                       .packets_in = 6,
                       .end = FLOW_ANSWERED};
    return f;
}

static struct flow *failing(struct flow *f)
{
    f->bytes_out = f->bytes_in = f->packets_in = 0;
    f->packets_out = 1;
    f->end = FLOW_FAILED;
    return f;
}

static const char *host(char out[static 24], const char *net, unsigned i)
{
    snprintf(out, 24, "%s.%u.%u", net, i / 250, i % 250 + 1);
    return out;
}

static void judge_as(struct bed *b, const char *tenant)
{
    assert_int_equal(
        network_judge(b->n, str_z(tenant), b->flow, b->flows, start_ms, &b->arena, &b->v, NULL),
        ST_OK);
    b->flows = 0;
}

static void judge(struct bed *b)
{
    judge_as(b, "default");
}

static const struct detection *found(const struct bed *b, enum network_kind k)
{
    for (size_t i = 0; i < b->v.detections; i++)
        if (b->v.detection[i].kind == k)
            return &b->v.detection[i];
    return NULL;
}

/* ---- kinds ---- */

static void finds_a_port_tried_on_many_hosts(void **state)
{
    struct bed b;
    char name[24];
    bed_init(&b);
    for (unsigned i = 0; i < 60; i++)
        failing(add(&b, i * SECOND, "10.0.0.5", host(name, "10.1", i), 445));
    (void)add(&b, 3, "10.0.0.6", "10.1.0.1", 445);
    judge(&b);
    const struct detection *d = found(&b, NETWORK_SCAN_HOSTS);
    assert_non_null(d);
    assert_int_equal(b.v.detections, 1);
    assert_int_equal(d->port, 445);
    assert_int_equal(d->flows, 60); /* those before it was noticed too */
    assert_int_equal(b.v.of_flow[0], 1);
    assert_int_equal(b.v.of_flow[60], 0);
    assert_true(d->score_01 > 0.8 && str_contains(d->reason, STR("port 445")));
    struct finding *f = network_finding(d, &b.arena);
    assert_int_equal(f->kind, FINDING_NETWORK);
    assert_true(str_eq(f->id, STR("horizontal_scan")) && str_eq(f->technique[0], STR("T1046")));
    assert_true(str_eq(f->entity[0].value, STR("10.0.0.5")));
    bed_done(&b);
}

static void finds_many_ports_tried_on_a_host(void **state)
{
    struct bed b;
    bed_init(&b);
    for (unsigned i = 0; i < 200; i++)
        failing(add(&b, i * 20, "10.0.0.5", "10.1.0.9", (uint16_t)(1 + i)));
    judge(&b);
    const struct detection *d = found(&b, NETWORK_SCAN_PORTS);
    assert_non_null(d);
    struct ip target = ip("10.1.0.9");
    assert_true(ip_eq(&d->target, &target));
    assert_int_equal(d->flows, 200);
    assert_null(found(&b, NETWORK_SCAN_HOSTS));
    bed_done(&b);
}

static void goes_on_over_requests_but_not_over_tenants(void **state)
{
    struct bed b;
    char name[24];
    bed_init(&b);
    for (unsigned part = 0; part < 4; part++) {
        for (unsigned i = 0; i < 9; i++)
            failing(
                add(&b, (part * 9 + i) * SECOND, "10.0.0.5", host(name, "10.1", part * 9 + i), 22));
        judge_as(&b, part % 2 ? "one" : "two");
    }
    assert_int_equal(b.v.detections,
                     1); /* the second half of `one`: 18 in all, and none succeeded */
    for (unsigned i = 0; i < 9; i++)
        failing(add(&b, (36 + i) * SECOND, "10.0.0.5", host(name, "10.2", i), 22));
    judge_as(&b, "three");
    assert_int_equal(b.v.detections, 0);
    assert_int_equal(network_stats(b.n).flows, 45);
    bed_done(&b);
}

static void finds_a_flood(void **state)
{
    struct bed b;
    bed_init(&b);
    for (unsigned i = 0; i < 500; i++)
        failing(add(&b, i * 10, "10.0.0.5", "45.83.64.1", 80));
    judge(&b);
    const struct detection *d = found(&b, NETWORK_FLOOD);
    assert_non_null(d);
    assert_int_equal(d->flows, 500);
    bed_done(&b);
}

static void finds_a_beacon(void **state)
{
    struct bed b;
    bed_init(&b);
    for (unsigned i = 0; i < 40; i++) { /* every minute, give or take two seconds */
        struct flow *f =
            add(&b, i * 60 * SECOND + chance(&b, 2000), "10.0.0.5", "45.83.64.66", 443);
        f->bytes_out = 310 + chance(&b, 10);
    }
    judge(&b);
    const struct detection *d = found(&b, NETWORK_BEACON);
    assert_non_null(d);
    assert_true(d->score_01 > 0.85);
    assert_true(str_contains(d->reason, STR("every 60")) ||
                str_contains(d->reason, STR("every 59")));
    assert_int_equal(d->flows, 40);
    bed_done(&b);
}

/* Pages somebody reads, a name server, a clock, a host inside. */
static void takes_people_and_clocks_for_no_beacon(void **state)
{
    struct bed b;
    bed_init(&b);
    int64_t now = 0;
    for (unsigned i = 0; i < 300; i++) {
        now += 1000 + chance(&b, chance(&b, 4) ? 20 * SECOND : 600 * SECOND);
        add(&b, now, "10.0.0.5", "45.83.64.80", 443)->bytes_out = 200 + chance(&b, 9000);
        (void)add(&b, i * 64 * SECOND, "10.0.0.5", "45.83.64.123", 123);
        (void)add(&b, i * 60 * SECOND, "10.0.0.5", "10.0.0.1", 9100);
    }
    judge(&b);
    assert_int_equal(b.v.detections, 0);
    bed_done(&b);
}

static void finds_exfiltration_against_a_hosts_own_hours(void **state)
{
    struct bed b;
    bed_init(&b);
    for (unsigned hour = 0; hour < 48; hour++)
        add(&b, (int64_t)hour * HOUR, "10.0.0.5", "45.83.64.7", 443)->bytes_out =
            900000 + chance(&b, 300000);
    judge(&b);
    assert_null(found(&b, NETWORK_EXFILTRATION));
    add(&b, (int64_t)49 * HOUR, "10.0.0.5", "77.88.99.9", 443)->bytes_out = 800 * 1000 * 1000;
    judge(&b);
    const struct detection *d = found(&b, NETWORK_EXFILTRATION);
    assert_non_null(d);
    assert_true(str_contains(d->reason, STR("800 MB went out")));
    bed_done(&b);
}

static void finds_exfiltration_against_peers(void **state)
{
    struct bed b;
    char name[24];
    bed_init(&b);
    for (unsigned i = 0; i < 20; i++)
        add(&b, i, host(name, "10.0", i), "45.83.64.7", 443)->bytes_out =
            100000 + chance(&b, 400000);
    add(&b, 100, "10.0.9.9", "77.88.99.9", 443)->bytes_out = 900 * 1000 * 1000;
    judge(&b);
    assert_non_null(found(&b, NETWORK_EXFILTRATION));
    bed_done(&b);
}

/* A backup that always sends as much, and a download. */
static void takes_backups_and_downloads_for_no_exfiltration(void **state)
{
    struct bed b;
    char name[24];
    bed_init(&b);
    for (unsigned hour = 0; hour < 48; hour++)
        add(&b, (int64_t)hour * HOUR, "10.0.0.5", "45.83.64.7", 443)->bytes_out =
            700000000 + chance(&b, 90000000);
    for (unsigned i = 0; i < 20; i++)
        (void)add(&b, 47 * (int64_t)HOUR + i, host(name, "10.3", i), "45.83.64.7", 443);
    struct flow *f = add(&b, 47 * (int64_t)HOUR + 50, "10.0.7.7", "45.83.64.8", 443);
    f->bytes_out = 60000000;
    f->bytes_in = 3000000000;
    judge(&b);
    assert_null(found(&b, NETWORK_EXFILTRATION));
    bed_done(&b);
}

static void finds_lateral_movement(void **state)
{
    struct bed b;
    char name[24];
    bed_init(&b);
    for (unsigned day = 0; day < 9; day++) /* an administrator's usual three */
        for (unsigned i = 0; i < 3; i++)
            (void)add(&b, (int64_t)day * 24 * HOUR + i, "10.0.0.5", host(name, "10.1", i), 3389);
    judge(&b);
    assert_int_equal(b.v.detections, 0);
    for (unsigned i = 0; i < 7; i++)
        (void)add(&b, (int64_t)9 * 24 * HOUR + i * SECOND, "10.0.0.5", host(name, "10.2", i), 445);
    judge(&b);
    const struct detection *d = found(&b, NETWORK_LATERAL);
    assert_non_null(d);
    assert_int_equal(d->flows, 7);
    bed_done(&b);
}

static void finds_nothing_in_an_ordinary_office(void **state)
{
    struct bed b;
    char from[24], to[24];
    bed_init(&b);
    for (unsigned i = 0; i < 20000; i++) {
        struct flow *f =
            add(&b, (int64_t)i * 500 + chance(&b, 500), host(from, "10.0", chance(&b, 40)),
                host(to, "45.83", chance(&b, 400)), chance(&b, 3) ? 443 : 80);
        f->bytes_out = 300 + chance(&b, 5000);
        f->bytes_in = chance(&b, 200000);
        if (chance(&b, 20) == 0)
            failing(f);
    }
    judge(&b);
    assert_int_equal(b.v.detections, 0);
    bed_done(&b);
}

static void stays_inside_its_limits(void **state)
{
    struct bed b;
    char from[24];
    bed_init(&b);
    network_free(b.n);
    b.n = network_new(&(struct network_options){.sources = 50, .pairs = 80, .seed = 7});
    for (unsigned i = 0; i < 5000; i++)
        (void)add(&b, i, host(from, "10.0", i), "45.83.64.7", (uint16_t)(i % 1000 + 1));
    b.flow[7].time_ms = INT64_MIN; /* and times that are none */
    b.flow[8].time_ms = INT64_MAX;
    judge(&b);
    struct network_stats st = network_stats(b.n);
    assert_true(st.sources == 50 && st.pairs == 80 && st.evicted_sources == 4950 &&
                st.evicted_pairs == 4920);
    for (size_t cap = 1; cap < 1 << 20; cap *= 8) {
        struct arena small;
        arena_init(&small, cap);
        struct flow f = b.flow[0];
        status s = network_judge(b.n, STR("x"), &f, 1, start_ms, &small, &b.v, NULL);
        assert_true(s == ST_OK || s == ST_LIMIT);
        arena_done(&small);
    }
    bed_done(&b);
}

/* ---- what flows are read from ---- */

static size_t read_flows(str bytes, enum parse_format format, struct flow *out, size_t room,
                         str (*label)(struct event *e, struct dict *d), const char **labels)
{
    struct dict *dict = dict_new();
    struct parser *parser = parser_new(dict, &parse_limits_default);
    struct parse_stream stream = {.format = format, .header = parse_header(format, bytes)};
    struct batch batch;
    struct flow_reader reader;
    size_t n = 0;
    batch_init(&batch, 512 << 20);
    batch_reserve(&batch, bytes.n);
    memcpy(batch.bytes, bytes.p, bytes.n);
    batch.n = bytes.n;
    parser_run(parser, &stream, &batch);
    flow_reader_init(&reader, dict);
    for (size_t i = 0; i < batch.event_count && n < room; i++) {
        if (!flow_read(&reader, &batch.event[i], &out[n]))
            continue;
        if (label) {
            static const char *const known[] = {"DDoS", "C&C", "PartOfAHorizontalPortScan"};
            str l = label(&batch.event[i], dict);
            labels[n] = "";
            for (size_t k = 0; k < COUNT(known); k++)
                if (str_contains(l, str_z(known[k])))
                    labels[n] = known[k];
        }
        n++;
    }
    batch_done(&batch);
    parser_free(parser);
    dict_free(dict);
    return n;
}

static void reads_flows_of_all_kinds(void **state)
{
    static const struct {
        const char *format, *text;
        uint8_t transport, end;
        uint16_t port;
        uint64_t out, in;
    } cases[] = {
        {"zeek-json",
         "{\"ts\":1700828218.1,\"uid\":\"C\",\"id.orig_h\":\"192.0.2.1\",\"id.orig_p\":5,\"id.resp_"
         "h\":"
         "\"45.83.64.2\",\"id.resp_p\":80,\"proto\":\"tcp\",\"orig_bytes\":7,\"resp_bytes\":9,"
         "\"conn_state\":\"REJ\"}",
         6, FLOW_FAILED, 80, 7, 9},
        {"eve",
         "{\"timestamp\":\"2025-01-01T00:00:00.0+0000\",\"event_type\":\"flow\",\"src_ip\":\"192.0."
         "2.1\","
         "\"src_port\":1,\"dest_ip\":\"45.83.64.2\",\"dest_port\":53,\"proto\":\"UDP\",\"flow\":{"
         "\"pkts_toserver\":1,\"pkts_toclient\":1,\"bytes_toserver\":70,\"bytes_toclient\":90,"
         "\"state\":"
         "\"established\"}}",
         17, FLOW_ANSWERED, 53, 70, 90},
        {"json",
         "{\"time\":\"2025-01-01T00:00:00Z\",\"source_ip\":\"192.0.2.1\",\"destination_ip\":"
         "\"45.83.64.2\",\"port\":443,\"proto\":\"tcp\",\"bytes_in\":9,\"bytes_out\":7,"
         "\"duration\":1.5}",
         6, FLOW_ANSWERED, 443, 7, 9},
        {"json",
         "{\"timestamp\":1735689600,\"IPV4_SRC_ADDR\":\"192.0.2.1\",\"IPV4_DST_ADDR\":\"45.83.64."
         "2\","
         "\"L4_DST_PORT\":25,\"PROTOCOL\":6,\"IN_BYTES\":9,\"OUT_BYTES\":7}",
         6, FLOW_ANSWERED, 25, 7, 9},
        {"json", "{\"src_ip\":\"192.0.2.1\",\"dst_ip\":\"45.83.64.2\"}", 0, FLOW_UNKNOWN, 0, 0, 0},
    };
    struct ip source = ip("192.0.2.1"), target = ip("45.83.64.2");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct flow f;
        enum parse_format format;
        assert_true(parse_format_find(str_z(cases[i].format), &format));
        assert_int_equal(read_flows(str_z(cases[i].text), format, &f, 1, NULL, NULL), 1);
        if (f.port != cases[i].port || f.end != cases[i].end || f.bytes_out != cases[i].out ||
            f.bytes_in != cases[i].in || f.transport != cases[i].transport)
            fail_msg("case %zu: port %u end %u out %d in %d transport %u", i, f.port, f.end,
                     (int)f.bytes_out, (int)f.bytes_in, f.transport);
        assert_true(ip_eq(&f.source, &source) && ip_eq(&f.target, &target));
    }
    struct flow f;
    assert_int_equal(read_flows(STR("{\"user\":\"alice\"}"), PARSE_json, &f, 1, NULL, NULL), 0);
}

/* ---- real captures ---- */

static str iot_label(struct event *e, struct dict *d)
{
    return event_get(e, dict_resolve(d, FAMILY_ZEEK, STR("detailed-label")));
}

/* IoT-23, 34-1 (Mirai): one infected camera.  Thresholds are those of talker.c and beacon.c. */
static void finds_what_is_labelled_in_iot23(void **state)
{
    static const struct {
        const char *label;
        unsigned kinds; /* that mean it */
        double recall;
    } wanted[] = {
        {"DDoS", 1u << NETWORK_FLOOD | 1u << NETWORK_SCAN_PORTS, 0.95},
        {"C&C", 1u << NETWORK_BEACON, 0.7},
        {"PartOfAHorizontalPortScan", 1u << NETWORK_FLOOD | 1u << NETWORK_SCAN_HOSTS, 0.0}};
    if (!test_data_dir())
        SKIP_BECAUSE("no public data (BGUARD_DATA)");
    struct bed b;
    struct sbuf text;
    const char **label = mem_array(const char *, FLOWS_MAX);
    bed_init(&b);
    str bytes = unpacked(test_data_dir(), "iot23/conn.log.labeled.gz", &text);
    b.flows = read_flows(bytes, PARSE_zeektsv, b.flow, FLOWS_MAX, iot_label, label);
    size_t flows = b.flows;
    judge(&b);
    for (size_t k = 0; k < COUNT(wanted); k++) {
        size_t positive = 0, hit = 0, right = 0, all = 0;
        for (size_t i = 0; i < flows; i++) {
            uint32_t d = b.v.of_flow[i];
            bool is = strcmp(label[i], wanted[k].label) == 0;
            bool said = d && (wanted[k].kinds >> b.v.detection[d - 1].kind & 1);
            positive += is;
            hit += is && said;
            all += said;
            right += said && *label[i];
        }
        print_message(
            "iot23 %s: recall %.3f (%zu of %zu), precision (malicious at all) %.3f of %zu\n",
            wanted[k].label, (double)hit / (double)positive, hit, positive,
            all ? (double)right / (double)all : 1, all);
        assert_true((double)hit >= wanted[k].recall * (double)positive);
        assert_true((double)right >= 0.9 * (double)all);
    }
    size_t benign = 0, alarms = 0;
    for (size_t i = 0; i < flows; i++) {
        benign += !*label[i];
        alarms += !*label[i] && b.v.of_flow[i];
    }
    assert_true(alarms * 20 < benign); /* some are part of the floods, by what they look like */
    print_message("iot23 benign: %zu of %zu flows flagged; %zu detections\n", alarms, benign,
                  b.v.detections);
    for (size_t i = 0; i < b.v.detections && i < 12; i++)
        print_message("  %s: " STR_FMT "\n", network_kind_name(b.v.detection[i].kind),
                      STR_ARG(b.v.detection[i].reason));
    sbuf_done(&text);
    mem_free(label);
    bed_done(&b);
}

/* Captures of the Slips project and of zat: which kinds, and which not. */
static void tells_scans_from_ordinary_captures(void **state)
{
    static const struct {
        const char *archive, *file;
        unsigned must, may;
    } captures[] = {
        {"network/slips-dataset.tar.xz", "port-scans/vertical/conn.log", 1u << NETWORK_SCAN_PORTS,
         0},
        {"network/slips-dataset.tar.xz", "port-scans/horizontal/conn.log", 0,
         1u << NETWORK_SCAN_HOSTS},
        {"network/slips-dataset.tar.xz", "test10-mixed-zeek-dir/conn.log", 0, 0},
        /* UDP 16464 to 193 hosts: ZeroAccess looking for its peers. */
        {"network/zat.tar.xz", "data/conn.log", 1u << NETWORK_SCAN_HOSTS, 0},
        {"network/zat.tar.xz", "data/json/conn.log", 0, 0},
    };
    if (!test_data_dir())
        SKIP_BECAUSE("no public data (BGUARD_DATA)");
    for (size_t i = 0; i < COUNT(captures); i++) {
        struct bed b;
        struct sbuf tar;
        struct tar_file file;
        unsigned kinds = 0;
        bed_init(&b);
        str rest = unpacked(test_data_dir(), captures[i].archive, &tar);
        while (next_file(&rest, &file))
            if (str_ends(file.name, str_z(captures[i].file)))
                b.flows =
                    read_flows(file.bytes, parse_sniff(file.bytes), b.flow, FLOWS_MAX, NULL, NULL);
        size_t flows = b.flows;
        assert_true(flows > 0);
        judge(&b);
        for (size_t k = 0; k < b.v.detections; k++) {
            kinds |= 1u << b.v.detection[k].kind;
            print_message("  %s: " STR_FMT "\n", network_kind_name(b.v.detection[k].kind),
                          STR_ARG(b.v.detection[k].reason));
        }
        print_message("%s: %zu flows, %zu detections\n", captures[i].file, flows, b.v.detections);
        assert_int_equal(kinds & captures[i].must, captures[i].must);
        assert_int_equal(kinds & ~(captures[i].must | captures[i].may), 0);
        sbuf_done(&tar);
        bed_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_a_port_tried_on_many_hosts),
        cmocka_unit_test(finds_many_ports_tried_on_a_host),
        cmocka_unit_test(goes_on_over_requests_but_not_over_tenants),
        cmocka_unit_test(finds_a_flood),
        cmocka_unit_test(finds_a_beacon),
        cmocka_unit_test(takes_people_and_clocks_for_no_beacon),
        cmocka_unit_test(finds_exfiltration_against_a_hosts_own_hours),
        cmocka_unit_test(finds_exfiltration_against_peers),
        cmocka_unit_test(takes_backups_and_downloads_for_no_exfiltration),
        cmocka_unit_test(finds_lateral_movement),
        cmocka_unit_test(finds_nothing_in_an_ordinary_office),
        cmocka_unit_test(stays_inside_its_limits),
        cmocka_unit_test(reads_flows_of_all_kinds),
        cmocka_unit_test(finds_what_is_labelled_in_iot23),
        cmocka_unit_test(tells_scans_from_ordinary_captures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
