/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "dataset/dataset.h"
#include "flow/window.h"
#include "parse/parse.h"
#include "tests/public_data.h"

#include <math.h>

static uint32_t bits(float x)
{
    uint32_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static void every_feature_is_found_by_its_name_and_told_from_others(void **state)
{
    for (size_t i = 0; i < FEATURE_COUNT; i++) {
        assert_int_equal(feature_find(str_z(feature_info[i].name)), i);
        assert_true(feature_info[i].doc[0] != '\0');
    }
    assert_int_equal(feature_find(STR("nothing")), FEATURE_COUNT);
}

static void columns_are_found_whatever_their_case_and_white_space(void **state)
{
    const struct feature_column *c =
        feature_column_find(FEATURE_SET_CICFLOW, STR(" flow duration"));
    assert_non_null(c);
    assert_int_equal(c->feature, FEATURE_DURATION);
    assert_float_equal(c->scale, 1e-6, 0);
    assert_null(feature_column_find(FEATURE_SET_NSL_KDD, STR("Flow Duration")));
    size_t n;
    assert_int_equal(feature_columns(FEATURE_SET_NSL_KDD, &n)[0].feature, FEATURE_DURATION);
    assert_int_equal(n, 41);
}

static void words_have_codes_that_floats_hold_exactly(void **state)
{
    assert_true(isnan(category_code(STR(""))) && isnan(category_code(STR("-"))));
    assert_float_equal(category_code(STR("HTTP")), category_code(STR("http")), 0);
    assert_true(category_code(STR("http")) < 16777216);
    assert_float_equal(feature_category(FEATURE_STATE, STR("FIN")), category_code(STR("SF")), 0);
    assert_float_equal(feature_category(FEATURE_PROTO, STR("6")), category_code(STR("tcp")), 0);
    assert_string_equal(feature_word(category_code(STR("http"))), "http");
    assert_null(feature_word(category_code(STR("no such word"))));
    /* It is in files: it must never change. */
    assert_float_equal(category_code(STR("tcp")), 16177668, 0);
}

static void what_follows_is_computed_where_it_is_missing(void **state)
{
    float x[FEATURE_COUNT];
    for (size_t i = 0; i < FEATURE_COUNT; i++)
        x[i] = NAN;
    x[FEATURE_BYTES_OUT] = 300;
    x[FEATURE_BYTES_IN] = 100;
    x[FEATURE_PACKETS_OUT] = 0;
    x[FEATURE_PACKETS_IN] = 4;
    x[FEATURE_DURATION] = 2;
    x[FEATURE_BYTE_RATE] = 7;
    x[FEATURE_PORT] = 22;
    feature_derive(x);
    assert_float_equal(x[FEATURE_BYTES], 400, 0);
    assert_float_equal(x[FEATURE_BYTES_OUT_SHARE], 0.75, 0);
    assert_float_equal(x[FEATURE_BYTE_RATE], 7, 0); /* it was said */
    assert_float_equal(x[FEATURE_PACKET_RATE], 2, 0);
    assert_true(isnan(x[FEATURE_SIZE_OUT_MEAN]));
    assert_float_equal(x[FEATURE_SIZE_IN_MEAN], 25, 0);
    assert_true(isnan(x[FEATURE_IP_BYTES]));
    assert_float_equal(x[FEATURE_PORT_CLASS], category_code(STR("shell")), 0);
}

static void what_a_record_does_not_say_is_missing(void **state)
{
    struct flow f = {.source = ip_from_v4(1), .target = ip_from_v4(2)};
    float x[FEATURE_COUNT];
    flow_features(&f, NULL, x);
    for (size_t i = 0; i < FEATURE_COUNT; i++)
        assert_true(isnan(x[i]) || i == FEATURE_LAND);
}

static void live_features_are_in_order_and_hold_the_aggregates(void **state)
{
    enum feature live[FEATURE_COUNT];
    bool pair = false;
    size_t n = flow_live(live);
    assert_true(n > 80 && n < FEATURE_COUNT);
    for (size_t i = 1; i < n; i++) {
        assert_true(live[i] > live[i - 1]);
        pair |= live[i] == FEATURE_PAIR_60S;
    }
    assert_true(pair);
}

static void a_row_reads_back_bit_for_bit_and_fits_an_alert(void **state)
{
    enum feature live[FEATURE_COUNT];
    float x[FEATURE_COUNT], back[FEATURE_COUNT];
    struct sbuf text;
    size_t n = flow_live(live);
    sbuf_init(&text, 1 << 16);
    for (size_t i = 0; i < FEATURE_COUNT; i++)
        x[i] = back[i] = NAN;
    for (size_t i = 0; i < n; i++) /* as long as numbers get */
        x[live[i]] = -1.17549435e-38f * (float)(i + 1);
    flow_row_write(x, &text);
    assert_true(text.n > 2000 && text.n < 4096);
    assert_int_equal(flow_row_read(sbuf_str(&text), back), n);
    for (size_t i = 0; i < FEATURE_COUNT; i++)
        assert_true(isnan(x[i]) ? isnan(back[i]) : bits(x[i]) == bits(back[i]));
    assert_int_equal(flow_row_read(STR("duration=nan port=1e99 x=1 =3  bytes bytes_in=5…"), back),
                     0);
    sbuf_done(&text);
}

/* ---- training and scoring see the same ---- */

struct live {
    float *x; /* (rows, FEATURE_COUNT) */
    size_t rows;
};

/* As a service has it: parsed, read, counted and turned into features, in batches of its own size. */
static void run_live(str text, size_t batch_bytes, struct live *out)
{
    struct dict *dict = dict_new();
    struct parser *parser = parser_new(dict, &parse_limits_default);
    enum parse_format format = parse_sniff(text);
    struct parse_stream stream = {.format = format, .header = parse_header(format, text)};
    struct window *w = window_new(NULL);
    struct flow_reader reader;
    struct batch b;
    size_t room = 0;
    *out = (struct live){0};
    flow_reader_init(&reader, dict);
    batch_init(&b, 256 << 20);
    while (text.n) {
        size_t n = text.n < batch_bytes ? text.n : batch_bytes;
        n += str_find(str_from(text, n), '\n') + (n < text.n);
        n = n < text.n ? n : text.n;
        batch_clear(&b);
        batch_reserve(&b, n);
        memcpy(b.bytes, text.p, n);
        b.n = n;
        text = str_from(text, n);
        parser_run(parser, &stream, &b);
        for (size_t i = 0; i < b.event_count; i++) {
            struct flow f;
            struct aggregates a;
            if (!flow_is_record(&reader, &b.event[i]) || !flow_read(&reader, &b.event[i], &f))
                continue;
            window_add(w, 77, &f, &a); /* whatever the tenant */
            if (out->rows == room) {
                room = room ? room * 2 : 256;
                out->x = mem_resize(out->x, room * FEATURE_COUNT * sizeof *out->x);
            }
            flow_features(&f, &a, out->x + out->rows * FEATURE_COUNT);
            out->rows++;
        }
    }
    batch_done(&b);
    window_free(w);
    parser_free(parser);
    dict_free(dict);
}

static void see_the_same(str text, enum dataset_format format)
{
    struct dataset d = {0};
    struct dataset_options o = {.format = format, .label = -1};
    struct error err;
    struct live live;
    if (dataset_read_memory(&d, text, "conn.log", &o, &err) != ST_OK)
        fail_msg("%s", err.text);
    run_live(text, 5000, &live);
    if (!d.x || !live.x) {
        fail_msg("%s has no rows", "conn.log");
        return;
    }
    assert_int_equal(d.rows, live.rows);
    assert_true(d.columns > 80);
    for (size_t i = 0; i < d.rows * d.columns; i++) {
        const struct dataset_column *c = &d.column[i % d.columns];
        float now = live.x[i / d.columns * FEATURE_COUNT + c->feature];
        if (isnan(d.x[i]) && isnan(now))
            continue;
        if (bits(d.x[i]) != bits(now))
            fail_msg("row %zu: " STR_FMT " is %g read and %g live", i / d.columns, STR_ARG(c->name),
                     (double)d.x[i], (double)now);
    }
    mem_free(live.x);
    dataset_done(&d);
}

static void training_and_scoring_see_the_same_of_a_log(void **state)
{
    struct sbuf text;
    sbuf_init(&text, 1 << 20);
    for (unsigned i = 0; i < 1000; i++)
        sbuf_addf(
            &text,
            "{\"ts\":%u.%03u,\"uid\":\"C%u\",\"id.orig_h\":\"10.0.0.%u\",\"id.orig_p\":%u,"
            "\"id.resp_h\":\"192.0.2.%u\",\"id.resp_p\":%u,\"proto\":\"tcp\",\"duration\":0.%u,"
            "\"orig_bytes\":%u,\"resp_bytes\":%u,\"conn_state\":\"%s\",\"history\":\"ShADad\","
            "\"orig_pkts\":3,\"orig_ip_bytes\":200,\"resp_pkts\":%u,\"resp_ip_bytes\":300}\n",
            1700000000 + i / 7, i % 1000, i, i % 5, 40000 + i % 3, i % 11, i % 2 ? 80 : 443, i,
            i * 3, i * 5, i % 4 ? "SF" : "S0", i % 9);
    see_the_same(sbuf_str(&text), DATASET_ZEEK);
    sbuf_done(&text);
}

static void training_and_scoring_see_the_same_of_real_logs(void **state)
{
    struct sbuf text;
    if (!test_data_dir())
        SKIP_BECAUSE("BGUARD_DATA is not set");
    see_the_same(unpacked(test_data_dir(), "iot23/conn.log.labeled.gz", &text), DATASET_ZEEK);
    sbuf_done(&text);
}

/* One record in a format: is it an error to the windows? */
static void see_error(const char *text, enum dataset_format format, float unanswered, float refused)
{
    struct dataset d = {0};
    struct dataset_options o = {.format = format, .label = -1};
    struct error err;
    if (dataset_read_memory(&d, str_z(text), "one.log", &o, &err) != ST_OK)
        fail_msg("%s", err.text);
    size_t s = dataset_column_find(&d, STR("target_2s_serror")),
           r = dataset_column_find(&d, STR("target_2s_rerror"));
    assert_int_equal(d.rows, 1);
    if (d.x[s] != unanswered || d.x[r] != refused)
        fail_msg("%g unanswered, %g refused: %s", (double)d.x[s], (double)d.x[r], text);
    dataset_done(&d);
}

#define ZEEK_OF(proto, state)                                                                      \
    "{\"ts\":1700000000,\"uid\":\"C1\",\"id.orig_h\":\"10.0.0.1\",\"id.orig_p\":40000,"            \
    "\"id.resp_h\":\"192.0.2.1\",\"id.resp_p\":80,\"proto\":\"" proto "\",\"conn_state\":\"" state \
    "\"}\n"
#define EVE_OF(state, back)                                                                        \
    "{\"timestamp\":\"2023-11-14T22:13:20.000000+0000\",\"event_type\":\"flow\",\"src_ip\":\"10."  \
    "0.0.1\","                                                                                     \
    "\"src_port\":40000,\"dest_ip\":\"192.0.2.1\",\"dest_port\":80,\"proto\":\"TCP\",\"flow\":{"   \
    "\"pkts_toserver\":1,\"pkts_toclient\":" back ",\"bytes_toserver\":60,\"bytes_toclient\":60,"  \
    "\"state\":\"" state "\"},\"tcp\":{\"tcp_flags_ts\":\"02\",\"tcp_flags_tc\":\""

static void what_was_not_answered_or_refused_is_so_whatever_the_tool(void **state)
{
    see_error(ZEEK_OF("tcp", "S0"), DATASET_ZEEK, 1, 0);
    see_error(ZEEK_OF("udp", "S0"), DATASET_ZEEK, 0, 0);
    see_error(ZEEK_OF("tcp", "S1"), DATASET_ZEEK, 0, 0);
    see_error(ZEEK_OF("tcp", "REJ"), DATASET_ZEEK, 0, 1);
    see_error(ZEEK_OF("tcp", "SF"), DATASET_ZEEK, 0, 0);
    see_error(EVE_OF("new", "0") "00\"}}\n", DATASET_EVE, 1, 0);
    see_error(EVE_OF("closed", "1") "14\"}}\n", DATASET_EVE, 0, 1);
    see_error(EVE_OF("closed", "9") "16\"}}\n", DATASET_EVE, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_feature_is_found_by_its_name_and_told_from_others),
        cmocka_unit_test(columns_are_found_whatever_their_case_and_white_space),
        cmocka_unit_test(words_have_codes_that_floats_hold_exactly),
        cmocka_unit_test(what_follows_is_computed_where_it_is_missing),
        cmocka_unit_test(what_a_record_does_not_say_is_missing),
        cmocka_unit_test(live_features_are_in_order_and_hold_the_aggregates),
        cmocka_unit_test(a_row_reads_back_bit_for_bit_and_fits_an_alert),
        cmocka_unit_test(training_and_scoring_see_the_same_of_a_log),
        cmocka_unit_test(training_and_scoring_see_the_same_of_real_logs),
        cmocka_unit_test(what_was_not_answered_or_refused_is_so_whatever_the_tool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
