/* SPDX-License-Identifier: Apache-2.0 */
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"
#include "codec/decompress.h"
#include "tests/test.h"

enum { SIZE = 200000 };

static const enum decompress_kind all_kinds[] = {DECOMPRESS_NONE, DECOMPRESS_GZIP, DECOMPRESS_XZ,
                                                 DECOMPRESS_ZSTD};

/* Compressible, but not all the same. */
static str sample(void)
{
    static char text[SIZE];
    uint32_t x = 1;
    for (size_t i = 0; i < SIZE; i++) {
        x = x * 1664525 + 1013904223;
        text[i] = i % 50 < 30 ? (char)('a' + i % 26) : (char)(x >> 24);
    }
    return (str){text, SIZE};
}

static void add_gzip(str in, struct sbuf *out)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)in.p;
    z.avail_in = (uInt)in.n;
    z.next_out = (Bytef *)sbuf_space(out, in.n + 1000);
    z.avail_out = (uInt)(in.n + 1000);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    sbuf_grew(out, in.n + 1000 - z.avail_out);
    deflateEnd(&z);
}

static void add_compressed(enum decompress_kind kind, str in, struct sbuf *out)
{
    size_t room = in.n + 1000, n = 0;
    if (kind == DECOMPRESS_NONE) {
        sbuf_add(out, in);
        return;
    }
    if (kind == DECOMPRESS_GZIP) {
        add_gzip(in, out);
        return;
    }
    char *p = sbuf_space(out, room);
    if (kind == DECOMPRESS_ZSTD) {
        ZSTD_CCtx *ctx = ZSTD_createCCtx();
        ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 1);
        n = ZSTD_compress2(ctx, p, room, in.p, in.n);
        ZSTD_freeCCtx(ctx);
    } else
        assert_int_equal(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC64, NULL, (const uint8_t *)in.p,
                                                 in.n, (uint8_t *)p, &n, room),
                         LZMA_OK);
    sbuf_grew(out, n);
}

/* Feed `in` by pieces of `piece`, take blocks of `block`. */
static status run(str in, size_t piece, size_t block, struct sbuf *out)
{
    struct decompress *d = decompress_open(decompress_kind_of(in));
    char *buf = mem_zero(block);
    status st = ST_OK;
    while (st == ST_OK) {
        str part = str_head(in, piece);
        size_t given = part.n, n = 0;
        bool last = given == in.n;
        st = decompress_run(d, &part, last, buf, block, &n, NULL);
        in = str_from(in, given - part.n);
        sbuf_add(out, (str){buf, n});
        if (st == ST_OK && last && in.n == 0 && n < block)
            break;
    }
    mem_free(buf);
    decompress_close(d);
    return st;
}

static void gives_back_the_text_in_pieces_of_any_size(void **state)
{
    static const size_t size[] = {1, 7, 4096, SIZE * 2};
    for (size_t k = 0; k < COUNT(all_kinds); k++) {
        struct sbuf packed, out;
        sbuf_init(&packed, SIZE * 4);
        sbuf_init(&out, SIZE * 4);
        add_compressed(all_kinds[k], sample(), &packed);
        assert_int_equal(decompress_kind_of(sbuf_str(&packed)), all_kinds[k]);
        for (size_t i = 0; i < COUNT(size); i++)
            for (size_t j = 0; j < COUNT(size); j++) {
                if (size[i] + size[j] < 8)
                    continue; /* slow, and no different */
                sbuf_clear(&out);
                assert_int_equal(run(sbuf_str(&packed), size[i], size[j], &out), ST_OK);
                assert_true(str_eq(sbuf_str(&out), sample()));
            }
        sbuf_done(&packed);
        sbuf_done(&out);
    }
}

static void reads_texts_one_after_the_other_as_one(void **state)
{
    for (size_t k = 1; k < COUNT(all_kinds); k++) {
        struct sbuf packed, out;
        sbuf_init(&packed, SIZE * 4);
        sbuf_init(&out, SIZE * 4);
        add_compressed(all_kinds[k], STR("first "), &packed);
        add_compressed(all_kinds[k], STR(""), &packed);
        add_compressed(all_kinds[k], STR("second"), &packed);
        assert_int_equal(decompress_all(sbuf_str(&packed), &out, NULL), ST_OK);
        assert_string_equal(out.p, "first second");
        sbuf_clear(&out);
        assert_int_equal(run(sbuf_str(&packed), 1, 100, &out), ST_OK);
        assert_string_equal(out.p, "first second");
        sbuf_done(&packed);
        sbuf_done(&out);
    }
}

static void passes_over_the_zeros_that_fill_up_a_tape(void **state)
{
    struct sbuf packed, out;
    sbuf_init(&packed, SIZE);
    sbuf_init(&out, SIZE);
    add_compressed(DECOMPRESS_GZIP, STR("text"), &packed);
    sbuf_add(&packed, STR("\0\0\0\0"));
    assert_int_equal(decompress_all(sbuf_str(&packed), &out, NULL), ST_OK);
    assert_string_equal(out.p, "text");
    sbuf_done(&packed);
    sbuf_done(&out);
}

static void refuses_what_is_cut_short(void **state)
{
    for (size_t k = 1; k < COUNT(all_kinds); k++) {
        struct sbuf packed, out;
        struct error err;
        char want[64];
        sbuf_init(&packed, SIZE);
        sbuf_init(&out, SIZE);
        add_compressed(all_kinds[k], STR("some text, some text, some text"), &packed);
        snprintf(want, sizeof want, "the %s data is cut short", decompress_kind_name(all_kinds[k]));
        for (size_t n = DECOMPRESS_MAGIC_SIZE; n < packed.n; n++) {
            assert_int_equal(decompress_all(str_head(sbuf_str(&packed), n), &out, &err),
                             ST_INVALID);
            assert_string_equal(err.text, want);
        }
        sbuf_done(&packed);
        sbuf_done(&out);
    }
}

static void gives_what_came_before_the_damage(void **state)
{
    for (size_t k = 1; k < COUNT(all_kinds); k++) {
        struct sbuf packed, out;
        sbuf_init(&packed, SIZE);
        sbuf_init(&out, SIZE);
        add_compressed(all_kinds[k], STR("some text"), &packed);
        sbuf_add(&packed, STR("something else"));
        assert_int_equal(run(sbuf_str(&packed), packed.n, 100, &out), ST_INVALID);
        assert_string_equal(out.p, "some text");
        sbuf_done(&packed);
        sbuf_done(&out);
    }
}

static void refuses_what_is_corrupt_or_followed_by_something(void **state)
{
    for (size_t k = 1; k < COUNT(all_kinds); k++) {
        struct sbuf packed, out;
        struct error err;
        sbuf_init(&packed, SIZE * 4);
        sbuf_init(&out, SIZE * 4);
        add_compressed(all_kinds[k], sample(), &packed);
        memset(packed.p + packed.n / 2, 0xff, 200);
        assert_int_equal(decompress_all(sbuf_str(&packed), &out, &err), ST_INVALID);
        assert_non_null(strstr(err.text, "corrupt"));
        sbuf_clear(&packed);
        sbuf_clear(&out);
        add_compressed(all_kinds[k], STR("text"), &packed);
        sbuf_add(&packed, STR("something else"));
        assert_int_equal(decompress_all(sbuf_str(&packed), &out, &err), ST_INVALID);
        assert_non_null(strstr(err.text, "corrupt"));
        sbuf_done(&packed);
        sbuf_done(&out);
    }
}

static void refuses_to_fill_more_than_the_room_there_is(void **state)
{
    for (size_t k = 0; k < COUNT(all_kinds); k++) {
        struct sbuf packed, out;
        struct error err;
        sbuf_init(&packed, SIZE * 4);
        add_compressed(all_kinds[k], sample(), &packed);
        sbuf_init(&out, SIZE);
        assert_int_equal(decompress_all(sbuf_str(&packed), &out, NULL), ST_OK);
        assert_int_equal(out.n, SIZE);
        sbuf_done(&out);
        sbuf_init(&out, SIZE - 1);
        assert_int_equal(decompress_all(sbuf_str(&packed), &out, &err), ST_LIMIT);
        assert_string_equal(err.text, "more than 199999 bytes when decompressed");
        sbuf_done(&out);
        sbuf_done(&packed);
    }
}

static void refuses_a_window_that_is_too_large(void **state)
{
    struct sbuf out, xz;
    struct error err;
    sbuf_init(&out, SIZE);
    sbuf_init(&xz, SIZE);
    /* A frame that asks for 256 MiB, with one empty block. */
    str zstd = STR("\x28\xb5\x2f\xfd\x00\x90\x01\x00\x00");
    assert_int_equal(decompress_all(zstd, &out, &err), ST_LIMIT);
    assert_string_equal(err.text, "the zstd data needs more than 128 MiB of memory");

    /* A block header (12 bytes after 12 of stream header) that asks for 2 GiB. */
    add_compressed(DECOMPRESS_XZ, STR("text"), &xz);
    uint8_t *header = (uint8_t *)xz.p + 12;
    size_t crc_at = (size_t)header[0] * 4;
    uint8_t *filter = memmem(header, crc_at, "\x21\x01", 2); /* LZMA2, one byte of properties */
    assert_non_null(filter);
    filter[2] = 38;
    uint32_t crc = lzma_crc32(header, crc_at, 0);
    memcpy(header + crc_at, &crc, 4);
    assert_int_equal(decompress_all(sbuf_str(&xz), &out, &err), ST_LIMIT);
    assert_string_equal(err.text, "the xz data needs more than 128 MiB of memory");
    sbuf_done(&xz);
    sbuf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_the_text_in_pieces_of_any_size),
        cmocka_unit_test(reads_texts_one_after_the_other_as_one),
        cmocka_unit_test(passes_over_the_zeros_that_fill_up_a_tape),
        cmocka_unit_test(refuses_what_is_cut_short),
        cmocka_unit_test(gives_what_came_before_the_damage),
        cmocka_unit_test(refuses_what_is_corrupt_or_followed_by_something),
        cmocka_unit_test(refuses_to_fill_more_than_the_room_there_is),
        cmocka_unit_test(refuses_a_window_that_is_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
