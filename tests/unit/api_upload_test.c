/* SPDX-License-Identifier: Apache-2.0 */
#include "api/records.h"
#include "api/upload.h"
#include "base/mem.h"
#include "tests/test.h"

static void unwraps(const char *body, bool wrapped, size_t count, const char *text)
{
    struct sbuf out;
    struct error err = {.text = ""};
    bool was;
    size_t n;
    sbuf_init(&out, 1 << 20);
    if (records_unwrap(str_z(body), &out, &was, &n, &err) != ST_OK)
        fail_msg("%s: %s", body, err.text);
    assert_int_equal(was, wrapped);
    assert_int_equal(n, count);
    assert_true(str_eq(sbuf_str(&out), str_z(text)));
    sbuf_done(&out);
}

static void takes_events_out_of_their_wrapping(void **state)
{
    unwraps("{\"event\":{\"a\":1}}", true, 1, "{\"a\":1}\n");
    unwraps(" { \"event\" : \"<34>Oct 11 su: \\\"x\\\" \" } ", true, 1, "<34>Oct 11 su: \"x\" \n");
    unwraps("{\"event\":\"a\\nb\"}", true, 1, "a b\n");
    unwraps("{\"events\":[{\"a\":[1,{}]},\"line\"]}", true, 2, "{\"a\":[1,{}]}\nline\n");
    unwraps("{\"events\":[]}", true, 0, "");
}

static void leaves_other_bodies_alone(void **state)
{
    unwraps("", false, 0, "");
    unwraps("{}", false, 0, "");
    unwraps("[{\"event\":1}]", false, 0, "");
    unwraps("<34>Oct 11 su: x", false, 0, "");
    unwraps("{\"@timestamp\":\"x\",\"event\":{}}", false, 0, "");
    unwraps("{\"event\":{\"kind\":\"event\"},\"host\":{}}", false, 0, "");
}

static void refuses(const char *body, status why, const char *words)
{
    struct sbuf out;
    struct error err = {.text = ""};
    bool was;
    size_t n;
    sbuf_init(&out, 1 << 20);
    assert_int_equal(records_unwrap(str_z(body), &out, &was, &n, &err), why);
    if (!strstr(err.text, words))
        fail_msg("%s: '%s' does not say '%s'", body, err.text, words);
    sbuf_done(&out);
}

static void says_where_the_wrapping_is_wrong(void **state)
{
    refuses("{\"event\":1}", ST_INVALID, "/event: expected an object or a string");
    refuses("{\"event\":", ST_INVALID, "byte 10");
    refuses("{\"event\":{\"a\":}}", ST_INVALID, "byte 15");
    refuses("{\"events\":{}}", ST_INVALID, "/events: expected an array");
    refuses("{\"events\":[{},7]}", ST_INVALID, "/events/1: expected an object or a string");
    refuses("{\"events\":[{}],\"more\":1}", ST_INVALID, "/more: no such member");
    refuses("{\"event\":{}} x", ST_INVALID, "byte 14");
    refuses("{\"events\":[{}", ST_INVALID, "byte 14");
}

static void takes_no_more_than_a_thousand(void **state)
{
    struct sbuf b;
    sbuf_init(&b, 1 << 20);
    sbuf_addz(&b, "{\"events\":[\"0\"");
    for (int i = 1; i < RECORDS_MAX; i++)
        sbuf_addz(&b, ",{}");
    size_t whole = b.n;
    sbuf_addz(&b, "]}");
    struct sbuf out;
    bool was;
    size_t n;
    sbuf_init(&out, 1 << 20);
    assert_int_equal(records_unwrap(sbuf_str(&b), &out, &was, &n, NULL), ST_OK);
    assert_int_equal(n, RECORDS_MAX);
    b.n = whole;
    sbuf_addz(&b, ",{}]}");
    refuses(b.p, ST_LIMIT, "at most 1000");
    sbuf_done(&out);
    sbuf_done(&b);
}

/* ---- marks ---- */

static struct body_digest digest_of(str body, size_t step)
{
    struct body_digest d = {.blocks = 0};
    while (body.n) {
        str piece = str_head(body, step);
        body = str_from(body, piece.n);
        while (piece.n)
            piece = str_from(piece, body_digest_add(&d, piece));
    }
    body_digest_end(&d);
    return d;
}

static void digests_a_body_however_it_comes(void **state)
{
    size_t n = 3 * UPLOAD_BLOCK + 17;
    char *bytes = mem_zero(n);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(i * 31 + i / 251);
    struct body_digest a = digest_of((str){bytes, n}, n), b = digest_of((str){bytes, n}, 1009);
    assert_int_equal(a.blocks, 4);
    assert_int_equal(b.blocks, 4);
    assert_memory_equal(a.chain, b.chain, SHA256_SIZE);
    bytes[UPLOAD_BLOCK + 1] ^= 1;
    struct body_digest c = digest_of((str){bytes, n}, 1009);
    assert_memory_not_equal(a.chain, c.chain, SHA256_SIZE);
    body_digest_done(&a);
    body_digest_done(&b);
    body_digest_done(&c);
    mem_free(bytes);
}

static void digests_of_prefixes_differ(void **state)
{
    struct body_digest a = digest_of(STR(""), 1), b = digest_of(STR("x"), 1);
    assert_int_equal(a.blocks, 1);
    assert_memory_not_equal(a.chain, b.chain, SHA256_SIZE);
    body_digest_done(&a);
    body_digest_done(&b);
}

static void reads_the_mark_it_wrote(void **state)
{
    struct upload_mark m = {true, 1, 2, 3, UINT64_MAX, 5, 6, 7, 8, 9, {0xab, 1, 2, 0xff}}, r;
    struct sbuf b = {.cap = 1000};
    upload_mark_write(&m, &b);
    assert_true(upload_mark_read(sbuf_str(&b), &r));
    assert_memory_equal(m.chain, r.chain, SHA256_SIZE);
    assert_true(r.finished && r.batches == 1 && r.accepted == 2 && r.rejected == 3 &&
                r.bytes == UINT64_MAX && r.findings == 5 && r.alerts == 6 && r.repeats == 7 &&
                r.blocks == 8 && r.late == 9);
    for (size_t n = 0; n < b.n; n++)
        assert_false(upload_mark_read((str){b.p, n}, &r));
    assert_false(upload_mark_read(STR("other 1 2"), &r));
    sbuf_done(&b);
}

static void reads_a_mark_from_before_late_was_counted(void **state)
{
    struct upload_mark r = {.late = 7};
    assert_true(
        upload_mark_read(STR("done 1 2 3 4 5 6 7 8 "
                             "ab0102ff00000000000000000000000000000000000000000000000000000000"),
                         &r));
    assert_true(r.finished && r.blocks == 8 && r.late == 0 && r.chain[0] == 0xab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_events_out_of_their_wrapping),
        cmocka_unit_test(leaves_other_bodies_alone),
        cmocka_unit_test(says_where_the_wrapping_is_wrong),
        cmocka_unit_test(takes_no_more_than_a_thousand),
        cmocka_unit_test(digests_a_body_however_it_comes),
        cmocka_unit_test(digests_of_prefixes_differ),
        cmocka_unit_test(reads_the_mark_it_wrote),
        cmocka_unit_test(reads_a_mark_from_before_late_was_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
