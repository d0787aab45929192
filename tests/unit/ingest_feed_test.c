/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes pushed in pieces: the same batches as from a file, nothing lost, nothing copied twice. */
#include "base/sbuf.h"
#include "ingest/feed.h"
#include "os/file.h"
#include "tests/test.h"

#include <zlib.h>

static const struct feed_options sniffed = {
    .limits = {.record_bytes = 1 << 20, .depth = 64, .fields = 4096},
};

struct taken {
    struct sbuf bytes;
    size_t batches;
    uint64_t rejected, first_reject_line;
    enum parse_format format;
    struct sbuf header;
    status failed;
    struct error why;
};

static bool take_one(struct feed *f, enum feed_more more, struct taken *t)
{
    struct batch b;
    struct parse_stream stream;
    batch_init(&b, 1 << 20);
    bool some = feed_next(f, more, &b, &stream);
    if (some) {
        t->batches++;
        t->format = stream.format;
        sbuf_clear(&t->header);
        sbuf_add(&t->header, stream.header);
        sbuf_add(&t->bytes, (str){b.bytes, b.n});
        if (b.rejected && t->rejected == 0)
            t->first_reject_line = b.reject[0].origin.line;
        t->rejected += b.rejected;
    }
    batch_done(&b);
    return some;
}

static void taken_init(struct taken *t)
{
    *t = (struct taken){0};
    sbuf_init(&t->bytes, SIZE_MAX);
    sbuf_init(&t->header, SIZE_MAX);
}

static void taken_done(struct taken *t)
{
    sbuf_done(&t->bytes);
    sbuf_done(&t->header);
}

static void push(struct feed *f, str bytes, struct taken *t)
{
    while (bytes.n) {
        bytes = str_from(bytes, feed_push(f, bytes));
        while (take_one(f, FEED_MORE, t))
            ;
    }
}

static struct taken run(struct feed *f, const struct feed_options *options, str in, size_t piece)
{
    struct taken t;
    taken_init(&t);
    feed_begin(f, options);
    for (size_t at = 0; at < in.n; at += piece)
        push(f, str_head(str_from(in, at), piece), &t);
    while (take_one(f, FEED_END, &t))
        ;
    t.failed = feed_failed(f, &t.why);
    return t;
}

static void expect_whatever_the_pieces(str in, const char *want, enum parse_format format)
{
    static const size_t piece[] = {1, 2, 3, 5, 6, 7, 100, 4096, SIZE_MAX};
    struct feed *f = feed_new();
    for (size_t i = 0; i < COUNT(piece); i++) {
        struct taken t = run(f, &sniffed, in, piece[i] < in.n ? piece[i] : in.n);
        assert_int_equal(t.failed, ST_OK);
        assert_true(str_eq(sbuf_str(&t.bytes), str_z(want)));
        assert_int_equal(t.format, format);
        assert_int_equal(feed_held(f), 0);
        taken_done(&t);
    }
    feed_free(f);
}

static void gives_the_same_records_whatever_the_pieces(void **state)
{
    expect_whatever_the_pieces(STR("{\"a\":1}\n{\"a\":2}\n"), "{\"a\":1}\n{\"a\":2}\n", PARSE_json);
    expect_whatever_the_pieces(STR("{\"a\":1}"), "{\"a\":1}", PARSE_json);
    expect_whatever_the_pieces(STR("[{\"a\":1},{\"a\":2}]"), " {\"a\":1} {\"a\":2} ", PARSE_json);
    expect_whatever_the_pieces(STR("\xef\xbb\xbf{\"a\":1}\n"), "{\"a\":1}\n", PARSE_json);
    expect_whatever_the_pieces((str){"\xff\xfe{\0}\0\n\0", 8}, "{}\n", PARSE_json);
    expect_whatever_the_pieces(STR("x"), "x", PARSE_text);
}

static struct sbuf packed(str text)
{
    struct sbuf out;
    sbuf_init(&out, SIZE_MAX);
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&z, text.n);
    char *p = sbuf_space(&out, room);
    z.next_in = (Bytef *)(uintptr_t)text.p;
    z.avail_in = (uInt)text.n;
    z.next_out = (Bytef *)p;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    sbuf_grew(&out, room - z.avail_out);
    (void)deflateEnd(&z);
    return out;
}

static struct sbuf lines(unsigned n)
{
    struct sbuf b;
    sbuf_init(&b, SIZE_MAX);
    for (unsigned i = 0; i < n; i++)
        sbuf_addf(&b, "{\"number\":%u,\"text\":\"some text to make it longer\"}\n", i);
    return b;
}

static void decompresses_what_is_pushed(void **state)
{
    struct sbuf text = lines(20000), gz = packed(sbuf_str(&text));
    struct feed *f = feed_new();
    static const size_t piece[] = {1, 1000, SIZE_MAX};
    for (size_t i = 0; i < COUNT(piece); i++) {
        struct taken t = run(f, &sniffed, sbuf_str(&gz), piece[i] < gz.n ? piece[i] : gz.n);
        assert_int_equal(t.failed, ST_OK);
        assert_true(str_eq(sbuf_str(&t.bytes), sbuf_str(&text)));
        assert_true(t.batches > 2);
        assert_int_equal(feed_text_bytes(f), text.n);
        taken_done(&t);
    }
    struct taken cut = run(f, &sniffed, str_head(sbuf_str(&gz), gz.n / 2), 999);
    assert_int_equal(cut.failed, ST_INVALID);
    assert_true(cut.bytes.n > 0 && cut.bytes.n < text.n);
    assert_memory_equal(cut.bytes.p, text.p, cut.bytes.n);
    taken_done(&cut);
    feed_free(f);
    sbuf_done(&gz);
    sbuf_done(&text);
}

static void rejects_what_is_too_long_and_goes_on(void **state)
{
    struct feed_options options = sniffed;
    options.limits.record_bytes = 20;
    options.forced = true;
    options.format = PARSE_text;
    struct feed *f = feed_new();
    str in = STR("one\na line that is longer than all that is allowed\nthree\n");
    for (size_t piece = 1; piece <= in.n; piece++) {
        struct taken t = run(f, &options, in, piece);
        assert_string_equal(t.bytes.p, "one\nthree\n");
        assert_int_equal(t.rejected, 1);
        assert_int_equal(t.first_reject_line, 2);
        taken_done(&t);
    }
    feed_free(f);
}

static void refuses_archives(void **state)
{
    struct feed *f = feed_new();
    struct taken t = run(f, &sniffed, STR("PK\3\4 and the rest of it"), 7);
    assert_int_equal(t.failed, ST_UNSUPPORTED);
    assert_non_null(strstr(t.why.text, "zip"));
    assert_int_equal(t.batches, 0);
    assert_int_equal(feed_push(f, STR("more")), 4); /* and wants no more */
    taken_done(&t);
    feed_free(f);
}

static void gives_whole_lines_when_nothing_comes(void **state)
{
    struct feed *f = feed_new();
    struct taken t;
    taken_init(&t);
    feed_begin(f, &sniffed);
    assert_int_equal(feed_push(f, STR("{\"a\":1,")), 7);
    assert_false(take_one(f, FEED_IDLE, &t)); /* what it is cannot be said yet */
    assert_int_equal(feed_push(f, STR("\"b\":2}\n{\"a\"")), 11);
    assert_false(take_one(f, FEED_MORE, &t));
    assert_true(take_one(f, FEED_IDLE, &t));
    assert_string_equal(t.bytes.p, "{\"a\":1,\"b\":2}\n");
    assert_false(take_one(f, FEED_IDLE, &t));
    assert_int_equal(feed_held(f), 4);
    assert_int_equal(feed_line(f), 2);
    assert_int_equal(feed_push(f, STR(":3}\n")), 4);
    assert_true(take_one(f, FEED_IDLE, &t));
    assert_string_equal(t.bytes.p, "{\"a\":1,\"b\":2}\n{\"a\":3}\n");
    taken_done(&t);
    feed_free(f);
}

/* One element of text, whatever the pieces, and a problem that is told when the log is no log. */
static void takes_binary_logs_apart_once_they_are_all_there(void **state)
{
    struct sbuf log;
    sbuf_init(&log, 1 << 20);
    assert_int_equal(file_read_all("tests/corpus/parse_evtx/sample", &log, NULL), ST_OK);
    struct feed *f = feed_new();
    struct taken whole = run(f, &sniffed, sbuf_str(&log), log.n);
    struct taken pieces = run(f, &sniffed, sbuf_str(&log), 100);
    assert_int_equal(whole.failed, ST_OK);
    assert_int_equal(whole.format, PARSE_evtx);
    assert_true(str_contains(sbuf_str(&whole.bytes), STR("<Event")));
    assert_true(str_eq(sbuf_str(&whole.bytes), sbuf_str(&pieces.bytes)));
    assert_int_equal(whole.rejected, pieces.rejected);
    struct taken broken = run(f, &sniffed, str_head(sbuf_str(&log), 2000), 100);
    assert_int_equal(broken.failed, ST_INVALID);
    taken_done(&whole);
    taken_done(&pieces);
    taken_done(&broken);
    feed_free(f);
    sbuf_done(&log);
}

static void goes_on_where_a_stream_was_left(void **state)
{
    str head =
        STR("#separator \\x09\n#path\tconn\n#fields\tts\tuid\n#types\ttime\tstring\n1.0\tC1\n");
    struct feed *f = feed_new();
    struct taken t;
    taken_init(&t);
    feed_begin(f, &sniffed);
    feed_resume(f, head, 6);
    assert_int_equal(feed_line(f), 6);
    push(f, STR("2.0\tC2\n"), &t);
    assert_true(take_one(f, FEED_END, &t));
    assert_int_equal(t.format, PARSE_zeektsv);
    assert_string_equal(t.bytes.p, "2.0\tC2\n");
    assert_non_null(strstr(t.header.p, "#fields"));
    taken_done(&t);
    feed_free(f);
}

/* ---- cost ---- */

/* NOLINTNEXTLINE(bugprone-reserved-identifier) */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t heap_bytes(void)
{
    return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes() : 0;
}

static void allocates_nothing_for_the_next_request(void **state)
{
    if (heap_bytes() == 0)
        SKIP_BECAUSE("memory is counted by the sanitizer");
    struct feed *f = feed_new();
    struct batch b;
    struct parse_stream stream;
    batch_init(&b, 1 << 20);
    str body = STR("{\"a\":1}\n{\"a\":2}\n");
    size_t warm = 0;
    for (unsigned i = 0; i < 100; i++) {
        feed_begin(f, &sniffed);
        assert_int_equal(feed_push(f, body), body.n);
        assert_true(feed_next(f, FEED_END, &b, &stream));
        assert_true(str_eq((str){b.bytes, b.n}, body));
        assert_false(feed_next(f, FEED_END, &b, &stream));
        if (i == 3)
            warm = heap_bytes();
    }
    assert_int_equal(heap_bytes(), warm);
    batch_done(&b);
    feed_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_same_records_whatever_the_pieces),
        cmocka_unit_test(decompresses_what_is_pushed),
        cmocka_unit_test(rejects_what_is_too_long_and_goes_on),
        cmocka_unit_test(refuses_archives),
        cmocka_unit_test(gives_whole_lines_when_nothing_comes),
        cmocka_unit_test(takes_binary_logs_apart_once_they_are_all_there),
        cmocka_unit_test(goes_on_where_a_stream_was_left),
        cmocka_unit_test(allocates_nothing_for_the_next_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
