/* SPDX-License-Identifier: Apache-2.0 */
/* base64, hex, url, utf. */
#include "base/compiler.h"
#include "codec/base64.h"
#include "codec/hex.h"
#include "codec/url.h"
#include "codec/utf.h"
#include "tests/test.h"

static void assert_text(const char *p, size_t n, str want)
{
    assert_int_equal(n, want.n);
    assert_memory_equal(p, want.p, n);
}

static void encodes_base64_and_back(void **state)
{
    static const struct {
        str bytes, std, url;
    } row[] = {
        {{"", 0}, {"", 0}, {"", 0}},
        {{"f", 1}, {"Zg==", 4}, {"Zg", 2}},
        {{"fo", 2}, {"Zm8=", 4}, {"Zm8", 3}},
        {{"foo", 3}, {"Zm9v", 4}, {"Zm9v", 4}},
        {{"foob", 4}, {"Zm9vYg==", 8}, {"Zm9vYg", 6}},
        {{"\xff\xef\xbe", 3}, {"/+++", 4}, {"_---", 4}},
    };
    for (size_t i = 0; i < COUNT(row); i++) {
        char out[16], back[16];
        size_t n = base64_encode(row[i].bytes, out), m = 99;
        assert_text(out, n, row[i].std);
        assert_true(n <= base64_encoded_max(row[i].bytes.n));
        assert_true(base64_decode((str){out, n}, back, &m));
        assert_text(back, m, row[i].bytes);
        n = base64url_encode(row[i].bytes, out);
        assert_text(out, n, row[i].url);
        assert_true(base64_decode((str){out, n}, out, &m)); /* in place */
        assert_text(out, m, row[i].bytes);
    }
}

static void refuses_what_is_not_base64(void **state)
{
    static const char *const bad[] = {"Z",    "Zg=",   "Zg===",  "Z===", "====", "Zm9v=",   "Zm 9v",
                                      "Zh==", "Zm9=v", "Zm9v\n", "Zm9!", "=",    "Zm9v===="};
    for (size_t i = 0; i < COUNT(bad); i++) {
        char out[16];
        size_t n;
        if (base64_decode(str_z(bad[i]), out, &n))
            fail_msg("'%s'", bad[i]);
    }
}

static void reads_an_encoded_powershell_command(void **state)
{
    char out[128];
    size_t n;
    assert_true(base64_decode_utf16le(STR("dwBoAG8AYQBtAGkAIAA5ASwg"), out, &n));
    assert_text(out, n, STR("whoami \xc4\xb9\xe2\x80\xac"));
    assert_true(base64_decode_utf16le(STR("d2hvYW1p"), out, &n));
    assert_text(out, n, STR("whoami"));
    assert_true(base64_decode_utf16le(STR("SQBFAFgA"), out, &n));
    assert_text(out, n, STR("IEX"));
    assert_false(base64_decode_utf16le(STR("?"), out, &n));
}

static void encodes_hex_and_back(void **state)
{
    char out[16], back[16];
    size_t n = hex_encode(STR("\x00\x7f\xff"), out);
    assert_text(out, n, STR("007fff"));
    assert_true(hex_decode((str){out, n}, back));
    assert_memory_equal(back, "\x00\x7f\xff", 3);
    assert_true(hex_decode(STR("aBcD"), back));
    assert_memory_equal(back, "\xab\xcd", 2);
    assert_false(hex_decode(STR("abc"), back));
    assert_false(hex_decode(STR("0g"), back));
    assert_false(hex_decode(STR("0 "), back));
}

static void decodes_percent_escapes(void **state)
{
    static const struct {
        const char *in;
        bool plus;
        const char *want;
    } row[] = {
        {"a%20b", false, "a b"},  {"a+b", true, "a b"},   {"a+b", false, "a+b"},
        {"%3Cx%3e", true, "<x>"}, {"100%", true, "100%"}, {"%4", true, "%4"},
        {"%zz%41", true, "%zzA"}, {"%2541", true, "%41"}, {"", true, ""},
    };
    for (size_t i = 0; i < COUNT(row); i++) {
        char out[16];
        size_t n = url_decode(str_z(row[i].in), row[i].plus, out);
        assert_text(out, n, str_z(row[i].want));
    }
    struct sbuf b;
    sbuf_init(&b, 100);
    url_encode(&b, STR("a b/\xc3\xa9~"));
    assert_string_equal(b.p, "a%20b%2F%C3%A9~");
    sbuf_done(&b);
}

static void tells_valid_utf8(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        const char *want; /* mended */
    } row[] = {
        {"plain text, longer than eight bytes", true, NULL},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", true, NULL},
        {"\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80", true, NULL},
        {"\x80", false, "\xef\xbf\xbd"},
        {"a\xff z", false, "a\xef\xbf\xbd z"},
        {"\xc0\xaf", false, "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe0\x80\x80", false, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", false, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf4\x90\x80\x80", false, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe2\x82", false, "\xef\xbf\xbd"},
        {"\xf0\x9f\x98z", false, "\xef\xbf\xbdz"},
        {"12345678\xe2\x82", false, "12345678\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < COUNT(row); i++) {
        char utf16[128], out[256];
        str text = str_z(row[i].text);
        assert_int_equal(utf8_valid(text), row[i].ok);
        size_t n = utf8_to_utf16le(text, utf16);
        assert_true(n <= 2 * text.n);
        n = utf16le_to_utf8((str){utf16, n}, out);
        assert_text(out, n, row[i].want ? str_z(row[i].want) : text);
        n = utf8_to_utf16be(text, utf16);
        n = utf16be_to_utf8((str){utf16, n}, out);
        assert_text(out, n, row[i].want ? str_z(row[i].want) : text);
    }
}

static void mends_utf16(void **state)
{
    char out[32];
    size_t n = utf16le_to_utf8(STR("a\0\x00\xd8z\0\x00\xdc!"), out);
    assert_text(out, n, STR("a\xef\xbf\xbdz\xef\xbf\xbd"));
    n = utf8_to_utf16le(STR("\xf0\x9f\x98\x80"), out);
    assert_text(out, n, STR("\x3d\xd8\x00\xde"));
    n = utf8_to_utf16be(STR("\xf0\x9f\x98\x80"), out);
    assert_text(out, n, STR("\xd8\x3d\xde\x00"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_base64_and_back),
        cmocka_unit_test(refuses_what_is_not_base64),
        cmocka_unit_test(reads_an_encoded_powershell_command),
        cmocka_unit_test(encodes_hex_and_back),
        cmocka_unit_test(decodes_percent_escapes),
        cmocka_unit_test(tells_valid_utf8),
        cmocka_unit_test(mends_utf16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
