/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "codec/flate.h"
#include "codec/hex.h"
#include "tests/test.h"

static status unflate_hex(const char *hex, struct sbuf *out)
{
    char bytes[64];
    assert_true(hex_decode(str_z(hex), bytes));
    sbuf_clear(out);
    return unflate_message((str){bytes, strlen(hex) / 2}, out, NULL);
}

static void reads_the_examples_of_rfc_7692(void **state)
{
    static const char *const hello[] = {
        "f248cdc9c90700",             /* 7.2.3.1, one block */
        "000500faff48656c6c6f00",     /* 7.2.3.3, no compression */
        "f348cdc9c9070000",           /* 7.2.3.4, BFINAL */
        "f24805000000ffffcac9c90700", /* 7.2.3.5, two blocks */
    };
    struct sbuf out;
    sbuf_init(&out, 100);
    for (size_t i = 0; i < COUNT(hello); i++) {
        assert_int_equal(unflate_hex(hello[i], &out), ST_OK);
        assert_true(str_eq(sbuf_str(&out), STR("Hello")));
    }
    assert_int_equal(unflate_hex("00", &out), ST_OK); /* 7.2.3.6 */
    assert_int_equal(out.n, 0);
    sbuf_done(&out);
}

static void refuses_what_is_cut_short_or_corrupt(void **state)
{
    static const char *const bad[] = {"",         "f248cdc9",       "f248cdc9c907",
                                      "ffffffff", "000500faff4865", "f348cdc9c90700ff"};
    struct sbuf out;
    sbuf_init(&out, 100);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(unflate_hex(bad[i], &out), ST_INVALID);
    sbuf_done(&out);
}

/* A length either side of every window's size, easy and hard to compress. */
static void gives_back_what_was_compressed(void **state)
{
    struct sbuf in, packed, out;
    sbuf_init(&in, 1 << 20);
    sbuf_init(&packed, 1 << 20);
    uint32_t x = 1;
    for (size_t n = 1; n < 200000; n += n / 3 + 1) {
        sbuf_clear(&in);
        sbuf_clear(&packed);
        for (size_t i = 0; i < n; i++) {
            x = x * 1664525 + 1013904223;
            sbuf_addc(&in, i / 100 % 2 ? "{\"a\":1}"[i % 7] : (char)(x >> 24));
        }
        flate_message(sbuf_str(&in), &packed);
        assert_false(packed.full);
        sbuf_init(&out, n);
        assert_int_equal(unflate_message(sbuf_str(&packed), &out, NULL), ST_OK);
        assert_true(str_eq(sbuf_str(&in), sbuf_str(&out)));
        sbuf_done(&out);
        sbuf_init(&out, n - 1); /* a byte too small */
        assert_int_equal(unflate_message(sbuf_str(&packed), &out, NULL), ST_LIMIT);
        assert_true(out.n <= n - 1);
        sbuf_done(&out);
    }
    sbuf_done(&in);
    sbuf_done(&packed);
}

static void bounds_what_a_little_can_become(void **state)
{
    struct sbuf in, packed, out;
    sbuf_init(&in, 1 << 25);
    sbuf_init(&packed, 1 << 25);
    size_t n = (size_t)1 << 24;
    memset(sbuf_space(&in, n), 'a', n);
    sbuf_grew(&in, n);
    flate_message(sbuf_str(&in), &packed);
    assert_true(packed.n < n / 500);
    sbuf_init(&out, 65536);
    assert_int_equal(unflate_message(sbuf_str(&packed), &out, NULL), ST_LIMIT);
    assert_true(out.n <= 65536);
    sbuf_done(&in);
    sbuf_done(&packed);
    sbuf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_examples_of_rfc_7692),
        cmocka_unit_test(refuses_what_is_cut_short_or_corrupt),
        cmocka_unit_test(gives_back_what_was_compressed),
        cmocka_unit_test(bounds_what_a_little_can_become),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
