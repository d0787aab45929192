/* SPDX-License-Identifier: Apache-2.0 */
#include "base/compiler.h"
#include "base/mem.h"
#include "base/sbuf.h"
#include "codec/codec_int.h"
#include "codec/json_doc.h"
#include "codec/json_frame.h"
#include "codec/json_out.h"
#include "codec/json_scan.h"
#include "tests/test.h"

#include <math.h>

/* The tokens as text: { } [ ] key: "string" number t f n; the error in <>.
 * `~` marks text with escapes. */
static void show_tokens(struct json_scan *s, struct sbuf *out)
{
    struct json_text t;
    struct error err;
    enum json_token k;
    while ((k = json_next(s, &t)) > JSON_ERROR) {
        static const char plain[] = "..{}[]...tfn";
        const char *mark = (k == JSON_KEY || k == JSON_STRING) && t.escaped ? "~" : "";
        if (k == JSON_KEY)
            sbuf_addf(out, "%s" STR_FMT ":", mark, STR_ARG(t.raw));
        else if (k == JSON_STRING)
            sbuf_addf(out, "%s\"" STR_FMT "\"", mark, STR_ARG(t.raw));
        else if (k == JSON_NUMBER)
            sbuf_addf(out, "(" STR_FMT ")", STR_ARG(t.raw));
        else
            sbuf_addc(out, plain[k]);
    }
    if (k == JSON_ERROR) {
        assert_int_not_equal(json_scan_fail(s, &err), ST_OK);
        sbuf_addf(out, "<%s>", err.text);
        assert_int_equal(json_next(s, &t), JSON_ERROR);
    }
}

struct row {
    const char *text, *want;
};

static void check_tokens(const struct row *row, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct sbuf got;
        sbuf_init(&got, 1 << 16);
        struct json_scan s = json_scan_of(str_z(row[i].text));
        show_tokens(&s, &got);
        assert_string_equal(got.p, row[i].want);
        sbuf_done(&got);
    }
}

static void tells_the_tokens_of_a_value(void **state)
{
    static const struct row row[] = {
        {"{}", "{}"},
        {" [ ] ", "[]"},
        {"\"x\"", "\"x\""},
        {"-12.5e+3", "(-12.5e+3)"},
        {"0", "(0)"},
        {"true", "t"},
        {"{\"a\":1,\"b\" : [true,false,null,\"s\"] , \"c\":{\"d\":{}}}",
         "{a:(1)b:[tfn\"s\"]c:{d:{}}}"},
        {"[[],[[]],{}]", "[[][[]]{}]"},
        {"{\"a\\\"\":\"C:\\\\Windows\\\\System32\\\\cmd.exe /c \\u00e9\"}",
         "{~a\\\":~\"C:\\\\Windows\\\\System32\\\\cmd.exe /c \\u00e9\"}"},
        {"[\"\xff\x80\",\"\x7f\"]", "[\"\xff\x80\"\"\x7f\"]"},
    };
    check_tokens(row, COUNT(row));
}

static void refuses_what_the_grammar_does_not_have(void **state)
{
    static const struct row row[] = {
        {"", "<byte 1: ends in the middle of a value>"},
        {"  ", "<byte 3: ends in the middle of a value>"},
        {"{", "{<byte 2: ends in the middle of a value>"},
        {"[1", "[(1)<byte 3: ends in the middle of a value>"},
        {"[1,", "[(1)<byte 4: ends where a value is expected>"},
        {"[1,]", "[(1)<byte 4: expected a value>"},
        {"[,1]", "[<byte 2: expected a value>"},
        {"[1 2]", "[(1)<byte 4: expected ',' or ']'>"},
        {"{\"a\"}", "{<byte 5: expected ':'>"},
        {"{\"a\":}", "{a:<byte 6: expected a value>"},
        {"{\"a\":1,}", "{a:(1)<byte 8: expected a key in quotes>"},
        {"{\"a\":1 \"b\":2}", "{a:(1)<byte 8: expected ',' or '}'>"},
        {"{1:2}", "{<byte 2: expected a key in quotes>"},
        {"{]", "{<byte 2: expected a key in quotes>"},
        {"[}", "[<byte 2: expected a value>"},
        {"[1}", "[(1)<byte 3: expected ',' or ']'>"},
        {"1 2", "(1)<byte 3: something follows the value>"},
        {"{}x", "{}<byte 3: something follows the value>"},
        {"01", "<byte 1: a number may not begin with 0>"},
        {"-", "<byte 2: expected a digit>"},
        {"1.", "<byte 3: expected a digit after '.'>"},
        {"1e+", "<byte 4: expected a digit in the exponent>"},
        {"+1", "<byte 1: expected a value>"},
        {".5", "<byte 1: expected a value>"},
        {"tru", "<byte 1: expected a value>"},
        {"nulL", "<byte 1: expected a value>"},
        {"NaN", "<byte 1: expected a value>"},
        {"'a'", "<byte 1: expected a value>"},
        {"\"abc", "<byte 5: the string is not closed>"},
        {"\"a\nb\"", "<byte 3: control character in a string>"},
        {"\xef\xbb\xbf{}", "<byte 1: expected a value>"},
        {"[1] //", "[(1)]<byte 5: something follows the value>"},
        {"\"\\x\"", "<byte 2: the escape is not one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX>"},
        {"\"\\u12g4\"",
         "<byte 2: the escape is not one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX>"},
        {"\"\\", "<byte 2: the escape is not one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX>"},
    };
    check_tokens(row, COUNT(row));
}

static void stops_at_the_depth_limit(void **state)
{
    char text[2 * JSON_DEPTH_MAX];
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    struct error err;
    for (uint32_t depth = 1; depth <= JSON_DEPTH_MAX; depth = depth * 3 + 1) {
        str fits = {text + JSON_DEPTH_MAX - depth, 2 * (size_t)depth};
        assert_int_equal(json_check(fits, depth, NULL), ST_OK);
        if (depth == 1)
            continue;
        assert_int_equal(json_check(fits, depth - 1, &err), ST_LIMIT);
        assert_non_null(strstr(err.text, "nested too deep"));
    }
}

static void remembers_what_each_level_is_in(void **state)
{
    struct sbuf text;
    sbuf_init(&text, 1 << 16);
    for (int i = 0; i < 200; i++)
        sbuf_addz(&text, i % 3 ? "[1," : "{\"a\":");
    sbuf_addz(&text, "0");
    for (int i = 199; i >= 0; i--)
        sbuf_addz(&text, i % 3 ? ",2]" : ",\"b\":3}");
    assert_int_equal(json_check(sbuf_str(&text), 200, NULL), ST_OK);
    sbuf_done(&text);
}

static void skips_a_container_whole(void **state)
{
    struct json_scan s = json_scan_of(STR("{\"a\": {\"b\":[1,{\"c\":2}]} , \"d\":[[],3]}"));
    struct json_text t;
    str raw;
    assert_int_equal(json_next(&s, &t), JSON_OBJECT);
    assert_int_equal(json_next(&s, &t), JSON_KEY);
    assert_int_equal(json_next(&s, &t), JSON_OBJECT);
    assert_int_equal(json_skip(&s, &raw), JSON_OBJECT_END);
    assert_true(str_eq(raw, STR("{\"b\":[1,{\"c\":2}]}")));
    assert_int_equal(json_next(&s, &t), JSON_KEY);
    assert_int_equal(json_next(&s, &t), JSON_ARRAY);
    assert_int_equal(json_skip(&s, NULL), JSON_ARRAY_END);
    assert_int_equal(json_next(&s, &t), JSON_OBJECT_END);
    assert_true(json_scan_complete(&s));
    assert_int_equal(json_next(&s, &t), JSON_END);

    s = json_scan_of(STR("[{\"b\":[1,}]"));
    assert_int_equal(json_next(&s, &t), JSON_ARRAY);
    assert_int_equal(json_skip(&s, &raw), JSON_ERROR);
}

/* Every kind of byte at every place around the block sizes, by all the ways
 * there are to look for the end. */
static void finds_the_end_of_a_string_like_the_plain_loop(void **state)
{
    static const char *const piece[] = {"\"",     "\\\"",     "\\\\",  "\\\\\"", "\\u12aF",
                                        "\\u12g", "\x1f",     "\x7f",  "\xff",   "\\q",
                                        "\\",     "\\\\\\\"", "\\n\"x"};
    char text[200];
    for (size_t n = 0; n <= 150; n++)
        for (size_t at = 0; at <= n; at++)
            for (size_t i = 0; i < COUNT(piece); i++) {
                size_t m = strlen(piece[i]);
                memset(text, 'a', sizeof text);
                memcpy(text + at, piece[i], m);
                text[n + m] = '"';
                char *copy = mem_zero(n + m + 1); /* of its size, for ASan to see past it */
                memcpy(copy, text, n + m + 1);
                bool a = false, b = false, c = false;
                struct json_fault x = {0}, y = {0}, z = {0};
                const char *end = copy + n + m + (n % 3 != 0);
                const char *plain = json_string_end_plain(copy, end, &a, &x);
                const char *fast = json_string_end(copy, end, &b, &y);
                assert_ptr_equal(plain, fast);
                assert_ptr_equal(x.at, y.at);
                assert_ptr_equal(x.problem, y.problem);
                assert_true(!plain || a == b);
#ifdef __SSE2__
                assert_ptr_equal(plain, json_string_end_sse2(copy, end, &c, &z));
                assert_ptr_equal(x.at, z.at);
#endif
                mem_free(copy);
            }
}

static void undoes_escapes(void **state)
{
    static const struct row row[] = {
        {"", ""},
        {"plain", "plain"},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
        {"\\u0041\\u00e9\\u20ac", "A\xc3\xa9\xe2\x82\xac"},
        {"\\ud83d\\ude00", "\xf0\x9f\x98\x80"},
        {"\\uD83D\\uDE00!", "\xf0\x9f\x98\x80!"},
        {"\\ud83d", "\xef\xbf\xbd"},
        {"\\ude00x", "\xef\xbf\xbdx"},
        {"\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
        {"\\ud83d\\u0041", "\xef\xbf\xbd"
                           "A"},
        {"C:\\\\Windows\\\\System32\\\\WindowsPowerShell\\\\v1.0\\\\powershell.exe",
         "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe"},
        {"a\\qb\\", "a\\qb\\"},
        {"\\u12", "\\u12"},
    };
    for (size_t i = 0; i < COUNT(row); i++) {
        str raw = str_z(row[i].text);
        char *out = mem_zero(raw.n);
        size_t n = json_unescape(raw, out);
        assert_int_equal(n, strlen(row[i].want));
        assert_memory_equal(out, row[i].want, n);
        mem_free(out);
    }
}

static void reads_integers(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t want;
    } row[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"4624", true, 4624},
        {"-12", true, -12},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"12345678901234567890", false, 0},
        {"1.5", false, 0},
        {"1e3", false, 0},
        {"", false, 0},
        {"-", false, 0},
    };
    for (size_t i = 0; i < COUNT(row); i++) {
        int64_t v = 0;
        assert_int_equal(json_to_i64(str_z(row[i].text), &v), row[i].ok);
        assert_true(v == row[i].want);
    }
}

/* The values in "[]", fed byte by byte or all together; what is open at the
 * end in "<>". */
static void check_frames(const char *text, bool unwrap, size_t piece, const char *want)
{
    struct json_frame f = {.unwrap = unwrap};
    struct sbuf got;
    sbuf_init(&got, 4096);
    sbuf_addz(&got, "");
    size_t begin = 0, given = 0, size = strlen(text), used;
    for (;;) {
        given = size - given < piece ? size : given + piece;
        /* A copy of its size and at a new place, as buffers move. */
        char *copy = mem_zero(given - begin);
        memcpy(copy, text + begin, given - begin);
        str buffer = {copy, given - begin}, value;
        bool found = json_frame_next(&f, buffer, given == size, &value, &used);
        assert_true(used <= buffer.n);
        if (found)
            sbuf_addf(&got, "[" STR_FMT "]", STR_ARG(value));
        begin += used;
        mem_free(copy);
        if (found)
            given -= given - begin < piece ? given - begin : piece; /* look again, no more bytes */
        else if (given == size)
            break;
    }
    if (f.open)
        sbuf_addf(&got, "<%s>", text + begin);
    assert_string_equal(got.p, want);
    sbuf_done(&got);
}

static void finds_the_values_in_a_stream(void **state)
{
    static const struct {
        const char *text, *want;
        bool unwrap;
    } row[] = {
        {"", "", false},
        {" \n", "", false},
        {"{\"a\":1}\n{\"b\":2}\n", "[{\"a\":1}][{\"b\":2}]", false},
        {"{\"a\":1}{\"b\":[2]}", "[{\"a\":1}][{\"b\":[2]}]", false},
        {"{\n  \"a\": \"}\\\"{\",\n  \"b\": [\n]\n}\n1",
         "[{\n  \"a\": \"}\\\"{\",\n  \"b\": [\n]\n}][1]", false},
        {"\"a b\" true 12", "[\"a b\"][true][12]", false},
        {"[1,{\"a\":[2]}, \"]\"]", "[[1,{\"a\":[2]}, \"]\"]]", false},
        {"[1,{\"a\":[2]}, \"]\"]\n[]3", "[1][{\"a\":[2]}][\"]\"][3]", true},
        {"{\"a\":\"C:\\\\Windows\\\\System32\\\\long enough for a block\\\\\"} {}",
         "[{\"a\":\"C:\\\\Windows\\\\System32\\\\long enough for a block\\\\\"}][{}]", false},
        {"not json {\"a\":1}} x", "[not][json][{\"a\":1}][}][x]", false},
        {"{\"a\":1", "<{\"a\":1>", false},
        {"{}\"abc", "[{}]<\"abc>", false},
        {"{\"a|b\":\"|\"}", "[{\"a|b\":\"|\"}]", false},
    };
    for (size_t i = 0; i < COUNT(row); i++)
        for (size_t piece = 1; piece < 100; piece = piece * 2 + 1)
            check_frames(row[i].text, row[i].unwrap, piece, row[i].want);
}

static void writes_json(void **state)
{
    struct sbuf b;
    sbuf_init(&b, 4096);
    struct json_out o = json_out_on(&b);
    json_out_object(&o);
    json_out_kv_str(&o, "s", STR("q\"b\\ \n\x01\x7f\xc3\xa9 \xff|\xe2\x82|"));
    json_out_kv_i64(&o, "min", INT64_MIN);
    json_out_kv_u64(&o, "max", UINT64_MAX);
    json_out_kv_bool(&o, "yes", true);
    json_out_kv_time(&o, "t", 1600746314123);
    json_out_key(&o, STR("list"));
    json_out_array(&o);
    json_out_null(&o);
    json_out_raw(&o, STR("{\"x\":[]}"));
    json_out_array(&o);
    json_out_array_end(&o);
    json_out_object(&o);
    json_out_object_end(&o);
    json_out_array_end(&o);
    json_out_object_end(&o);
    json_out_i64(&o, 7); /* the next value stands alone */
    assert_string_equal(
        b.p, "{\"s\":\"q\\\"b\\\\ \\n\\u0001\\u007f\xc3\xa9 \xef\xbf\xbd|\xef\xbf\xbd|\","
             "\"min\":-9223372036854775808,\"max\":18446744073709551615,"
             "\"yes\":true,\"t\":\"2020-09-22T03:45:14.123Z\","
             "\"list\":[null,{\"x\":[]},[],{}]}7");
    sbuf_done(&b);
}

static void control_characters_never_leave_as_they_are(void **state)
{
    struct sbuf b;
    sbuf_init(&b, 1000);
    /* C0, DEL and C1, at places the wide scan and the last bytes both meet. */
    json_escape(&b, STR("\x1b[31m 16 plain bytes \xc2\x9b[2J\x7f \xc2\xa0 end\xc2\x85"));
    assert_string_equal(b.p, "\\u001b[31m 16 plain bytes \\u009b[2J\\u007f \xc2\xa0 end\\u0085");
    sbuf_done(&b);
}

static void writes_numbers_as_short_as_they_read_back(void **state)
{
    static const struct {
        double v;
        const char *want;
    } row[] = {
        {0, "0"},
        {1, "1"},
        {-0.5, "-0.5"},
        {0.1, "0.1"},
        {0.85, "0.85"},
        {1e100, "1e+100"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {5e-324, "4.94066e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {123456789, "123456789"},
        {INFINITY, "null"},
        {NAN, "null"},
    };
    for (size_t i = 0; i < COUNT(row); i++) {
        struct sbuf b;
        sbuf_init(&b, 100);
        struct json_out o = json_out_on(&b);
        json_out_f64(&o, row[i].v);
        assert_string_equal(b.p, row[i].want);
        assert_int_equal(json_check(sbuf_str(&b), 1, NULL), ST_OK);
        sbuf_done(&b);
    }
}

static void wanders_through_a_document(void **state)
{
    struct json_doc *doc = NULL;
    assert_int_equal(json_doc_parse(STR("{\"a\":{\"b\":[1,-2.5,\"s\",true,null,[],{}]},"
                                        "\"big\":18446744073709551615,\"a\":0}"),
                                    1000, &doc, NULL),
                     ST_OK);
    json_node root = json_doc_root(doc), b = json_get(json_get(root, STR("a")), STR("b"));
    static const enum json_kind kinds[] = {JSON_IS_NUMBER, JSON_IS_NUMBER, JSON_IS_STRING,
                                           JSON_IS_BOOL,   JSON_IS_NULL,   JSON_IS_ARRAY,
                                           JSON_IS_OBJECT};
    json_node item[COUNT(kinds)] = {0};
    size_t n = 0;
    for (struct json_each it = json_each(b); json_each_next(&it);) {
        assert_int_equal(it.key.n, 0);
        assert_int_equal(json_kind(it.value), kinds[n]);
        item[n++] = it.value;
    }
    assert_int_equal(n, COUNT(kinds));
    assert_int_equal(json_count(b), n);
    assert_int_equal(json_int(item[0], 9), 1);
    assert_int_equal(json_int(item[1], 9), 9);
    assert_true(json_real(item[1], 0) == -2.5);
    assert_true(str_eq(json_str(item[2], STR("?")), STR("s")));
    assert_true(str_eq(json_str(item[0], STR("?")), STR("?")));
    assert_true(json_bool(item[3], false));
    assert_int_equal(json_int(json_get(root, STR("big")), -1), -1);
    assert_int_equal(json_kind(json_get(json_get(b, STR("x")), STR("y"))), JSON_IS_ABSENT);

    struct json_each it = json_each(root);
    assert_true(json_each_next(&it) && str_eq(it.key, STR("a")));
    assert_true(json_each_next(&it) && str_eq(it.key, STR("big")));
    assert_true(json_each_next(&it) && str_eq(it.key, STR("a")) && json_int(it.value, 1) == 0);
    assert_false(json_each_next(&it));
    it = json_each(item[0]);
    assert_false(json_each_next(&it));
    json_doc_free(doc);
    json_doc_free(NULL);
}

static void says_where_a_document_is_wrong(void **state)
{
    struct json_doc *doc;
    struct error err;
    assert_int_equal(json_doc_parse(STR("{\n \"a\": x}"), 1000, &doc, &err), ST_INVALID);
    assert_string_equal(err.text, "line 2, column 7: expected a value");
    assert_int_equal(json_doc_parse(STR("[\"\xff\"]"), 1000, &doc, &err), ST_INVALID);
    assert_non_null(strstr(err.text, "line 1, column"));
    assert_int_equal(json_doc_parse(STR("[1234567]"), 8, &doc, &err), ST_LIMIT);
    assert_string_equal(err.text, "more than 8 bytes");
    char deep[JSON_DEPTH_DEFAULT + 1];
    memset(deep, '[', sizeof deep);
    assert_int_equal(json_doc_parse((str){deep, sizeof deep}, 1000, &doc, &err), ST_LIMIT);
    assert_string_equal(err.text, "line 1, column 65: nested too deep");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_tokens_of_a_value),
        cmocka_unit_test(refuses_what_the_grammar_does_not_have),
        cmocka_unit_test(stops_at_the_depth_limit),
        cmocka_unit_test(remembers_what_each_level_is_in),
        cmocka_unit_test(skips_a_container_whole),
        cmocka_unit_test(finds_the_end_of_a_string_like_the_plain_loop),
        cmocka_unit_test(undoes_escapes),
        cmocka_unit_test(reads_integers),
        cmocka_unit_test(finds_the_values_in_a_stream),
        cmocka_unit_test(writes_json),
        cmocka_unit_test(control_characters_never_leave_as_they_are),
        cmocka_unit_test(writes_numbers_as_short_as_they_read_back),
        cmocka_unit_test(wanders_through_a_document),
        cmocka_unit_test(says_where_a_document_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
