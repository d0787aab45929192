/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/parse_golden.h"

#include "base/mem.h"
#include "codec/decompress.h"

#include <dirent.h>

/* Into *t, which must stay put: events point to its arena. */
static void parse(struct parsed *t, const char *input, const struct parse_limits *limits)
{
    *t = (struct parsed){.stream = {.format = PARSE_json}};
    parsed_run(t, str_z(input), limits);
}

static void values_are_found_however_they_are_laid_out(void **state)
{
    static const struct {
        const char *input;
        unsigned read, rejected;
        unsigned line[4]; /* of the events */
    } table[] = {
        {"", 0, 0, {0}},
        {" \r\n\t", 0, 0, {0}},
        {"{\"a\":1}", 1, 0, {1}},
        {"{\"a\":1}\n{\"a\":2}\n\n{\"a\":3}\n", 3, 0, {1, 2, 4}},
        {"\xef\xbb\xbf{\"a\":1}\r\n{\"a\":2}", 2, 0, {1, 2}},
        {"{\"a\":1}{\"a\":2} {\"a\":3}", 3, 0, {1, 1, 1}},
        {"{\n  \"a\": 1\n}\n{\n  \"a\": [\n 2\n]\n}\n", 2, 0, {1, 4}},
        {"[{\"a\":1},{\"a\":2},\n {\"a\":3}]\n", 3, 0, {1, 1, 2}},
        {",{\"a\":1},\n{\"a\":2}]}\n", 2, 0, {1, 2}},
        {"[\n  {\n    \"a\": 1\n  },\n  {\n    \"a\": 2\n  }\n]\n", 2, 0, {2, 5}},
        {"\x1e{\"a\":1}\n\x1e{\"a\":2}\n", 2, 0, {1, 2}},
        /* Bad ones. */
        {"{\"a\":1\n{\"a\":2}\n", 2, 1, {2}},
        {"{\"a\":\n{\"a\":2}\n", 2, 1, {2}},
        {"{\"a\":1}\n{bad}\n{\"a\":3}\n", 3, 1, {1, 3}},
        {"{\"a\":1}\nsome text\nmore {text}\n{\"a\":4}\n", 4, 2, {1, 4}},
        {"{\"a\":tru}\n{\"a\":\"\x01\"}\n{\"a\":3}", 3, 2, {3}},
        {"{\n  \"a\": 1,\n  bad\n  \"b\": {\n  }\n}\n{\n  \"a\": 2\n}\n", 2, 1, {7}},
        {"[\n  {\n    \"a\": x,\n    \"b\": {\n    }\n  },\n  {\n    \"a\": 2\n  }\n]", 2, 1, {7}},
        {"{ \"a\": bad,\n  \"b\": 1\n}\n{\"a\":2}\n", 2, 1, {4}},
        {"1\n\"x\"\ntrue\n{\"a\":4}\n", 4, 3, {4}},
        {"}\n{\"a\":2}\n", 2, 1, {2}},
        {"{\"a\":1", 1, 1, {0}},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct parsed t;
        parse(&t, table[i].input, NULL);
        if (t.batch.read != table[i].read || t.batch.rejected != table[i].rejected)
            GOLDEN_FAIL("row %zu: read %u, rejected %u: %s", i, (unsigned)t.batch.read,
                        (unsigned)t.batch.rejected, t.batch.reject[0].text);
        assert_int_equal(t.batch.event_count, table[i].read - table[i].rejected);
        for (size_t k = 0; k < t.batch.event_count && k < 4; k++)
            assert_int_equal(t.batch.event[k].origin.line, table[i].line[k]);
        parsed_done(&t);
    }
}

static void a_limit_is_answered_with_the_reason_and_the_next_record_is_read(void **state)
{
    struct parse_limits small = {.record_bytes = 60, .depth = 3, .fields = 4};
    static const struct {
        const char *input, *why;
    } table[] = {
        {"{\"a\":[[[1]]]}\n{\"b\":1}", "nesting deeper than 3"},
        {"{\"a\":[1,2,3,4,5]}\n{\"b\":1}", "more than 4 fields"},
        {"{\"a\":[{},[],{},[],{}]}\n{\"b\":1}", "more than 4 fields"},
        {"{\"a\":[1,2,3,4,5]} {\"b\":1}", "more than 4 fields"},
        {"{\"a\":\"0123456789012345678901234567890123456789012345678901234567890\"}\n{\"b\":1}",
         "longer than 60 bytes"},
        {"12\n{\"b\":1}", "not a JSON object"},
        {"{\"a\":1,}\n{\"b\":1}", "byte 8: expected a key in quotes"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct parsed t;
        parse(&t, table[i].input, &small);
        assert_int_equal(t.batch.read, 2);
        assert_int_equal(t.batch.rejected, 1);
        assert_string_equal(t.batch.reject[0].text, table[i].why);
        assert_int_equal(t.batch.reject[0].origin.line, 1);
        assert_true(golden_has(&t, &t.batch.event[0], STR("b"), "1"));
        parsed_done(&t);
    }
}

static void values_keep_their_kind_and_escapes_wait(void **state)
{
    struct parsed t;
    parse(&t,
          "{\"s\":\"a\\tb\",\"n\":-1.5e3,\"t\":true,\"f\":false,\"z\":null,"
          "\"k\\u0065y\":1,\"d\":1,\"d\":2,\"e\":{},\"l\":[]}",
          NULL);
    struct event *e = &t.batch.event[0];
    static const struct {
        const char *name, *raw;
        uint8_t kind, flags;
    } want[] = {
        {"s", "a\\tb", VALUE_STRING, FIELD_ESCAPED},
        {"n", "-1.5e3", VALUE_NUMBER, 0},
        {"t", "true", VALUE_BOOL, 0},
        {"f", "false", VALUE_BOOL, 0},
        {"z", "", VALUE_NULL, 0},
        {"key", "1", VALUE_NUMBER, 0},
        {"d", "1", VALUE_NUMBER, 0},
        {"d", "2", VALUE_NUMBER, 0},
        {"e", "{}", VALUE_STRING, FIELD_COPY},
        {"l", "[]", VALUE_STRING, FIELD_COPY},
    };
    assert_int_equal(e->field_count, COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++) {
        assert_true(str_eq(dict_name(t.dict, e->field[i].id), str_z(want[i].name)));
        assert_true(str_eq((str){e->field[i].p, e->field[i].n}, str_z(want[i].raw)));
        assert_int_equal(e->field[i].kind, want[i].kind);
        assert_int_equal(e->field[i].flags, want[i].flags);
    }
    assert_true(golden_has(&t, e, STR("s"), "a\tb"));
    parsed_done(&t);
}

/* More names than the table of nodes holds: they are worked out each time. */
static void names_beyond_the_table_are_still_filed(void **state)
{
    enum { NAMES = 70000 };
    char *text = mem_zero((size_t)NAMES * 32);
    size_t n = 0;
    for (int i = 0; i < NAMES; i++)
        n += (size_t)snprintf(text + n, 32, "{\"o%d\":{\"Image\":%d}}\n", i, i);
    struct parsed t = {.stream = {.format = PARSE_json, .family = FAMILY_WINDOWS}};
    parsed_run(&t, (str){text, n}, NULL);
    assert_int_equal(t.batch.event_count, NAMES);
    struct event *last = &t.batch.event[NAMES - 1];
    assert_int_equal(last->family, FAMILY_WINDOWS);
    assert_int_equal(last->field[0].id, FIELD_OVERFLOW); /* the dictionary is full too */
    assert_true(str_eq((str){last->field[0].p, last->field[0].n}, STR("69999")));
    parsed_done(&t);
    mem_free(text);
}

static void a_log_source_the_user_gave_wins(void **state)
{
    struct parsed t = {
        .stream = {.format = PARSE_winjson, .family = FAMILY_LINUX, .channel = STR("mine")}};
    parsed_run(&t, STR("{\"EventID\":1,\"Channel\":\"Security\",\"Image\":\"/bin/x\"}"), NULL);
    struct event *e = &t.batch.event[0];
    assert_int_equal(e->family, FAMILY_LINUX);
    assert_true(str_eq(e->channel, STR("mine")));
    assert_true(golden_has(&t, e, STR("process.executable"), "/bin/x"));
    parsed_done(&t);
}

static void the_layout_tells_a_reader_how_to_cut(void **state)
{
    static const struct {
        const char *head;
        size_t skip;
        bool in_array, lines;
    } table[] = {
        {"{\"a\":1}\n{\"a\":2}\n", 0, false, true},
        {"{\"a\":1}", 0, false, true},
        {"\xef\xbb\xbf\n{\"a\":1}\n", 4, false, true},
        {"{\n\"a\":1}\n", 0, false, false},
        {"{\"a\":1}{\"a\":2}\n", 0, false, false},
        {"[{\"a\":1},{\"a\":2}]", 1, true, false},
        {"[\n{\"a\":1},\n{\"a\":2}]", 2, true, true},
        {"{\"Records\":[{\"a\":1}]}", 12, true, false},
        {"{\"@odata.context\":\"x\",\"value\":[{\"a\":1}]}", 31, true, false},
        {"{\"kind\":\"List\",\"metadata\":{\"x\":[1]},\"items\":[\n{}", 46, true, true},
        {"{\"records\":[]}", 12, true, true},
        {"{\"id\":1,\"events\":[{\"a\":1}]}\n", 0, false, true},
        {"{\"value\":[1,2]}\n", 0, false, true},
        {"{\"a\":bad}\n{\"a\":1}", 0, false, true},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct parse_layout l = parse_json_layout(str_z(table[i].head));
        if (l.skip != table[i].skip || l.in_array != table[i].in_array || l.lines != table[i].lines)
            GOLDEN_FAIL("row %zu: skip %zu, in_array %d, lines %d", i, l.skip, l.in_array, l.lines);
    }
}

static void a_stream_is_json_even_when_its_first_line_is_cut(void **state)
{
    static const struct {
        const char *head, *format;
    } table[] = {
        {"b\":2}\n{\"a\":1}\n{\"a\":2}\n", "json"},
        {"{\"Records\":[{\"eventVersion\":\"1\",\"awsRegion\":\"x\",\"eventSource\":\"s\"}",
         "cloudtrail"},
        {"[\n {\n \"EventID\": 1,\n \"Channel\": \"Security\"", "winjson"},
        {"{\"a\":", "json"},
        {"plain text\nand more\n", "text"},
        {"", "text"},
    };
    for (size_t i = 0; i < COUNT(table); i++)
        golden_text("format", str_z(parse_format_name(parse_sniff(str_z(table[i].head)))),
                    table[i].format);
}

/* ---- public data ---- */

struct totals {
    size_t files, events, rejected, unrouted, untimed;
};

static void add_text(struct totals *sum, str text, enum parse_format format)
{
    struct parsed t = {.stream = {.format = format}};
    parsed_run(&t, text, NULL);
    sum->files++;
    sum->events += t.batch.event_count;
    sum->rejected += t.batch.rejected;
    for (size_t i = 0; i < t.batch.event_count; i++) {
        struct event *e = &t.batch.event[i];
        sum->unrouted += e->channel.n == 0 || e->code.n == 0;
        sum->untimed += e->time_ms == TIME_NONE;
    }
    parsed_done(&t);
}

static void read_all(const char *path, struct sbuf *out)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char piece[65536];
    for (size_t n; (n = fread(piece, 1, sizeof piece, f));)
        sbuf_add(out, (str){piece, n});
    (void)fclose(f); /* only read */
}

/* Members of a tar (ustar, with GNU or pax long names, which do not matter here). */
static void each_json_in_tar(str tar, struct totals *sum)
{
    while (tar.n >= 512 && tar.p[0]) {
        unsigned long size = strtoul(tar.p + 124, NULL, 8);
        str name = {tar.p, strnlen(tar.p, 100)};
        str body = str_head(str_from(tar, 512), size);
        if (tar.p[156] == '0' && (str_ends(name, STR(".json")) || body.p[0] == '{'))
            add_text(sum, body, parse_sniff(body));
        tar = str_from(tar, 512 + (size + 511) / 512 * 512);
    }
}

static void every_regression_case_is_read_whole(void **state)
{
    if (!test_data_dir())
        SKIP_BECAUSE("BGUARD_DATA is not set");
    char path[4096];
    snprintf(path, sizeof path, "%s/sigma/regression.tar.xz", test_data_dir());
    struct sbuf packed, tar;
    sbuf_init(&packed, 64 << 20);
    sbuf_init(&tar, 1 << 30);
    read_all(path, &packed);
    struct error err;
    assert_int_equal(decompress_all(sbuf_str(&packed), &tar, &err), ST_OK);
    struct totals sum = {0};
    each_json_in_tar(sbuf_str(&tar), &sum);
    print_message("%zu files, %zu events\n", sum.files, sum.events);
    assert_int_equal(sum.files, 112);
    assert_int_equal(sum.events, 120);
    assert_int_equal(sum.rejected, 0);
    assert_int_equal(sum.unrouted, 0);
    assert_int_equal(sum.untimed, 0);
    sbuf_done(&packed);
    sbuf_done(&tar);
}

/* A zip's members are raw deflate; with gzip's header and trailer around it decompress reads them.
 * The directory has what the trailer needs: CRC, sizes, and where the member is. */
static uint32_t le(const char *p, int n)
{
    uint32_t v = 0;
    while (n--)
        v = v << 8 | (unsigned char)p[n];
    return v;
}

static void unzip_member(str zip, const char *entry, struct sbuf *out)
{
    static const char header[10] = {'\x1f', '\x8b', 8};
    str local = str_from(zip, le(entry + 42, 4));
    str data = str_from(local, 30 + le(local.p + 26, 2) + le(local.p + 28, 2));
    struct sbuf gz;
    sbuf_init(&gz, 64 << 20);
    sbuf_add(&gz, (str){header, sizeof header});
    sbuf_add(&gz, str_head(data, le(entry + 20, 4)));
    sbuf_add(&gz, (str){entry + 16, 4});
    sbuf_add(&gz, (str){entry + 24, 4});
    struct error err;
    if (decompress_all(sbuf_str(&gz), out, &err) != ST_OK)
        GOLDEN_FAIL("%s", err.text);
    sbuf_done(&gz);
}

static void each_json_in_zip(str zip, struct totals *sum)
{
    const char *end = memmem(zip.p, zip.n, "PK\5\6", 4);
    assert_non_null(end);
    const char *entry = zip.p + le(end + 16, 4);
    for (uint32_t left = le(end + 10, 2); left; left--) {
        str name = {entry + 46, le(entry + 28, 2)};
        if (str_ends(name, STR(".json")) && !str_contains(name, STR("__MACOSX"))) {
            struct sbuf text;
            sbuf_init(&text, 256 << 20);
            unzip_member(zip, entry, &text);
            add_text(sum, sbuf_str(&text), parse_sniff(sbuf_str(&text)));
            sbuf_done(&text);
        }
        entry += 46 + name.n + le(entry + 30, 2) + le(entry + 32, 2);
    }
}

static void every_event_of_the_staged_attacks_is_read(void **state)
{
    if (!test_data_dir())
        SKIP_BECAUSE("BGUARD_DATA is not set");
    char folder[4096], path[8192];
    snprintf(folder, sizeof folder, "%s/otrf", test_data_dir());
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    struct totals sum = {0};
    for (struct dirent *d; (d = readdir(dir));) {
        if (!str_ends(str_z(d->d_name), STR(".zip")))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, d->d_name);
        struct sbuf zip;
        sbuf_init(&zip, 64 << 20);
        read_all(path, &zip);
        each_json_in_zip(sbuf_str(&zip), &sum);
        sbuf_done(&zip);
    }
    closedir(dir);
    print_message("%zu files, %zu events\n", sum.files, sum.events);
    assert_int_equal(sum.events, 36196);
    assert_int_equal(sum.rejected, 0);
    assert_int_equal(sum.unrouted, 0);
    assert_int_equal(sum.untimed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_however_they_are_laid_out),
        cmocka_unit_test(a_limit_is_answered_with_the_reason_and_the_next_record_is_read),
        cmocka_unit_test(values_keep_their_kind_and_escapes_wait),
        cmocka_unit_test(names_beyond_the_table_are_still_filed),
        cmocka_unit_test(a_log_source_the_user_gave_wins),
        cmocka_unit_test(the_layout_tells_a_reader_how_to_cut),
        cmocka_unit_test(a_stream_is_json_even_when_its_first_line_is_cut),
        cmocka_unit_test(every_regression_case_is_read_whole),
        cmocka_unit_test(every_event_of_the_staged_attacks_is_read),
    };
    return cmocka_run_group_tests_name("parse_json", tests, NULL, NULL);
}
