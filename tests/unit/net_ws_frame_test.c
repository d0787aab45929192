/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a WebSocket that need no socket: the handshake's values, frames out, frames in. */
#include "base/mem.h"
#include "base/sbuf.h"
#include "codec/flate.h"
#include "net/ws_int.h"
#include "tests/test.h"

/* ---- the handshake ---- */

static void proves_the_handshake_as_rfc_6455_does(void **state)
{
    char out[WS_ACCEPT_SIZE];
    ws_accept(STR("dGhlIHNhbXBsZSBub25jZQ=="), out); /* section 1.3 */
    assert_true(str_eq((str){out, sizeof out}, STR("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
}

static void takes_16_bytes_of_base64_for_a_key(void **state)
{
    assert_true(ws_key_ok(STR("dGhlIHNhbXBsZSBub25jZQ==")));
    assert_false(ws_key_ok(STR("")));
    assert_false(ws_key_ok(STR("dGhlIHNhbXBsZSBub25jZQ")));
    assert_false(ws_key_ok(STR("dGhlIHNhbXBsZSBub25jZQAA")));
    assert_false(ws_key_ok(STR("dGhlIHNhbXBsZSBub25j!Q==")));
}

static void finds_a_token_in_a_list_whatever_its_case(void **state)
{
    assert_true(ws_list_has(STR("keep-alive, Upgrade"), STR("upgrade")));
    assert_true(ws_list_has(STR("upgrade"), STR("upgrade")));
    assert_false(ws_list_has(STR("upgrades, x-upgrade"), STR("upgrade")));
    assert_false(ws_list_has((str){NULL, 0}, STR("upgrade")));
}

static void agrees_to_compression_it_can_do(void **state)
{
    static const struct {
        const char *offer;
        bool agreed;
    } some[] = {
        {"permessage-deflate", true},
        {"permessage-deflate; client_max_window_bits", true},
        {"Permessage-Deflate;client_max_window_bits=9;server_no_context_takeover", true},
        {"permessage-deflate; server_max_window_bits=\"15\"", true},
        {"x-webkit-deflate-frame, permessage-deflate", true},
        {"permessage-deflate; server_max_window_bits=10, permessage-deflate", true},
        {"permessage-deflate; server_max_window_bits=10", false},
        {"permessage-deflate; server_max_window_bits", false},
        {"permessage-deflate; client_max_window_bits=7", false},
        {"permessage-deflate; client_max_window_bits=010", false},
        {"permessage-deflate; client_no_context_takeover=1", false},
        {"permessage-deflate; client_max_window_bits; client_max_window_bits=9", false},
        {"permessage-deflate; unheard_of", false},
        {"permessage-deflate-not", false},
        {"", false},
    };
    for (size_t i = 0; i < COUNT(some); i++)
        if (ws_offers_deflate(str_z(some[i].offer)) != some[i].agreed)
            fail_msg("%s", some[i].offer);
}

/* ---- frames out ---- */

static void writes_a_length_in_as_few_bytes_as_it_takes(void **state)
{
    static const struct {
        size_t n, head;
        const char *bytes;
    } some[] = {
        {0, 2, "\x81\x00"},
        {125, 2, "\x81\x7d"},
        {126, 4, "\x81\x7e\x00\x7e"},
        {65535, 4, "\x81\x7e\xff\xff"},
        {65536, 10, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"},
    };
    static char text[65536];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < COUNT(some); i++) {
        struct ws_frame *f = ws_frame_new((str){text, some[i].n});
        str wire = ws_frame_wire(f, false);
        assert_int_equal(wire.n, some[i].head + some[i].n);
        assert_memory_equal(wire.p, some[i].bytes, some[i].head);
        assert_int_equal(ws_frame_text(f).n, some[i].n);
        ws_frame_unref(f);
    }
}

static void compresses_a_frame_once_and_only_when_it_helps(void **state)
{
    static char text[1000];
    memset(text, 'a', sizeof text);
    struct ws_frame *f = ws_frame_new((str){text, sizeof text});
    str wire = ws_frame_wire(f, true);
    assert_true(wire.n < 100 && (unsigned char)wire.p[0] == 0xc1); /* FIN, RSV1, text */
    assert_ptr_equal(ws_frame_wire(ws_frame_ref(f), true).p, wire.p);
    struct sbuf out;
    sbuf_init(&out, sizeof text);
    assert_int_equal(unflate_message(str_from(wire, 2), &out, NULL), ST_OK);
    assert_true(str_eq(sbuf_str(&out), ws_frame_text(f)));
    sbuf_done(&out);
    ws_frame_unref(f);
    ws_frame_unref(f);

    uint32_t x = 1;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
    f = ws_frame_new((str){text, sizeof text});
    assert_ptr_equal(ws_frame_wire(f, true).p, ws_frame_wire(f, false).p);
    ws_frame_unref(f);
    f = ws_frame_new(STR("short")); /* not worth it */
    assert_ptr_equal(ws_frame_wire(f, true).p, ws_frame_wire(f, false).p);
    ws_frame_unref(f);
}

static void cuts_a_reason_between_characters(void **state)
{
    struct sbuf reason;
    sbuf_init(&reason, 200);
    while (reason.n < 200)
        sbuf_addz(&reason, "\xc3\xa4"); /* ä */
    struct ws_frame *f = ws_frame_close(WS_TRY_LATER, sbuf_str(&reason));
    sbuf_done(&reason);
    str wire = ws_frame_wire(f, true);
    assert_int_equal(wire.n, 2 + 2 + 122);
    assert_memory_equal(wire.p, "\x88\x7c\x03\xf5\xc3\xa4", 6);
    ws_frame_unref(f);
    f = ws_frame_close(WS_NO_STATUS, STR("unheard"));
    assert_true(str_eq(ws_frame_wire(f, false), ((str){"\x88\x00", 2})));
    ws_frame_unref(f);
}

/* ---- frames in ---- */

struct client {
    struct sbuf sent;
    struct sbuf got; /* what was made of it, in words */
};

/* A masked frame: `first` is its first byte. */
static void add_frame(struct client *c, unsigned first, str payload)
{
    static const char mask[4] = {1, 2, 3, 4};
    sbuf_addc(&c->sent, (char)first);
    if (payload.n < 126) {
        sbuf_addc(&c->sent, (char)(0x80 | payload.n));
    } else {
        sbuf_addc(&c->sent, (char)0xfe);
        sbuf_addc(&c->sent, (char)(payload.n >> 8));
        sbuf_addc(&c->sent, (char)payload.n);
    }
    sbuf_add(&c->sent, (str){mask, 4});
    for (size_t i = 0; i < payload.n; i++)
        sbuf_addc(&c->sent, (char)(payload.p[i] ^ mask[i % 4]));
}

static void got_message(void *arg, str text)
{
    struct client *c = arg;
    sbuf_addf(&c->got, "message %zu '%.*s'; ", text.n, text.n > 20 ? 20 : (int)text.n, text.p);
}

static void got_ping(void *arg, str payload)
{
    struct client *c = arg;
    sbuf_addf(&c->got, "ping '" STR_FMT "'; ", STR_ARG(payload));
}

static void got_pong(void *arg, str payload)
{
    struct client *c = arg;
    sbuf_addf(&c->got, "pong '" STR_FMT "'; ", STR_ARG(payload));
}

static void got_close(void *arg, int code, str reason)
{
    struct client *c = arg;
    sbuf_addf(&c->got, "close %d '" STR_FMT "'; ", code, STR_ARG(reason));
}

enum { LONGEST = 1000 };

/* What a server makes of the client's frames, given `piece` bytes at a time. */
static void expect(struct client *c, bool deflate, const char *what)
{
    static const size_t piece[] = {SIZE_MAX, 1, 7};
    const struct ws_receive to = {got_message, got_ping, got_pong, got_close, c};
    for (size_t i = 0; i < COUNT(piece); i++) {
        struct ws_receiver *r = ws_receiver_new(LONGEST, deflate, &to);
        int code = 0;
        for (str in = sbuf_str(&c->sent); in.n && !code; in = str_from(in, piece[i]))
            code = ws_receiver_feed(r, str_head(in, piece[i]));
        if (code)
            sbuf_addf(&c->got, "error %d; ", code);
        if (!str_eq(sbuf_str(&c->got), str_z(what)))
            fail_msg("%s instead of %s", c->got.p, what);
        sbuf_clear(&c->got);
        ws_receiver_free(r);
    }
    sbuf_clear(&c->sent);
}

static int client_new_(void **state)
{
    struct client *c = mem_new(struct client);
    sbuf_init(&c->sent, 1 << 20);
    sbuf_init(&c->got, 1 << 20);
    sbuf_addz(&c->got, ""); /* never NULL */
    *state = c;
    return 0;
}

static int client_free_(void **state)
{
    struct client *c = *state;
    sbuf_done(&c->sent);
    sbuf_done(&c->got);
    mem_free(c);
    return 0;
}

static void puts_a_message_together_from_its_fragments(void **state)
{
    struct client *c = *state;
    add_frame(c, 0x01, STR("\xe2\x82"));
    add_frame(c, 0x89, STR("hi")); /* between them */
    add_frame(c, 0x00, STR(""));
    add_frame(c, 0x80, STR("\xac"));
    add_frame(c, 0x81, STR(""));
    add_frame(c, 0x8a, STR("yo"));
    expect(c, false, "ping 'hi'; message 3 '\xe2\x82\xac'; message 0 ''; pong 'yo'; ");
}

static void holds_messages_to_their_limit(void **state)
{
    struct client *c = *state;
    char text[LONGEST + 1];
    memset(text, 'a', sizeof text);
    add_frame(c, 0x81, (str){text, LONGEST});
    expect(c, false, "message 1000 'aaaaaaaaaaaaaaaaaaaa'; ");
    add_frame(c, 0x81, (str){text, LONGEST + 1});
    expect(c, false, "error 1009; ");
    add_frame(c, 0x01, (str){text, LONGEST});
    add_frame(c, 0x80, STR("a"));
    expect(c, false, "error 1009; ");
    sbuf_add(&c->sent, STR("\x81\xff\x00\x00\x01\x00\x00\x00\x00\x00zzzz.")); /* promises 1 TiB */
    expect(c, false, "error 1009; ");
}

static void refuses_what_is_not_text_in_utf8(void **state)
{
    static const char *const bad[] = {"\xff", "\xed\xa0\x80", "\xc0\xaf", "\xf5\x80\x80\x80",
                                      "a\xe2\x82"};
    struct client *c = *state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        add_frame(c, 0x81, str_z(bad[i]));
        expect(c, false, "error 1007; ");
    }
    add_frame(c, 0x82, STR("binary"));
    expect(c, false, "error 1003; ");
}

static void refuses_frames_that_break_the_rules(void **state)
{
    static const struct {
        unsigned first;
        const char *payload;
    } bad[] = {{0x80, "nothing to continue"},
               {0x83, "reserved"},
               {0x8b, "reserved"},
               {0xc1, "RSV1"},
               {0xa1, "RSV2"},
               {0x91, "RSV3"},
               {0x09, "part of a ping"}};
    struct client *c = *state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        add_frame(c, bad[i].first, str_z(bad[i].payload));
        expect(c, false, "error 1002; ");
    }
    add_frame(c, 0x01, STR("a"));
    add_frame(c, 0x81, STR("a message in a message"));
    expect(c, false, "error 1002; ");
    char text[126] = {0};
    add_frame(c, 0x89, (str){text, sizeof text});
    expect(c, false, "error 1002; ");
    sbuf_add(&c->sent, STR("\x81\x02not masked"));
    expect(c, false, "error 1002; ");
    sbuf_add(&c->sent, STR("\x81\xfe\x00\x05zzzz12345")); /* length in too many bytes */
    expect(c, false, "error 1002; ");
}

static void hears_a_goodbye_and_nothing_after_it(void **state)
{
    struct client *c = *state;
    add_frame(c, 0x88,
              STR("\x03\xe8"
                  "bye"));
    add_frame(c, 0x81, STR("after"));
    expect(c, false, "close 1000 'bye'; ");
    add_frame(c, 0x88, STR(""));
    expect(c, false, "close 1005 ''; ");
    add_frame(c, 0x88, STR("\x0f\xa0"));
    expect(c, false, "close 4000 ''; ");
    static const char *const bad[] = {"\x03",     "\x03\xed", "\x03\xee",
                                      "\x03\xf7", "\x07\xd0", "\x13\x88"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        add_frame(c, 0x88, str_z(bad[i]));
        expect(c, false, "error 1002; ");
    }
    add_frame(c, 0x88, STR("\x03\xe8\xff"));
    expect(c, false, "error 1007; ");
}

static void undoes_the_compression_that_was_agreed_on(void **state)
{
    struct client *c = *state;
    struct sbuf packed;
    char text[LONGEST + 1];
    memset(text, 'a', sizeof text);
    sbuf_init(&packed, 4096);
    flate_message((str){text, LONGEST}, &packed);
    add_frame(c, 0xc1, sbuf_str(&packed));
    add_frame(c, 0x41, str_head(sbuf_str(&packed), 3));
    add_frame(c, 0x80, str_from(sbuf_str(&packed), 3));
    add_frame(c, 0x81, STR("plain"));
    expect(c, true,
           "message 1000 'aaaaaaaaaaaaaaaaaaaa'; message 1000 'aaaaaaaaaaaaaaaaaaaa'; "
           "message 5 'plain'; ");
    sbuf_clear(&packed);
    flate_message((str){text, LONGEST + 1}, &packed);
    add_frame(c, 0xc1, sbuf_str(&packed));
    expect(c, true, "error 1009; ");
    sbuf_clear(&packed);
    flate_message(STR("\xff"), &packed);
    add_frame(c, 0xc1, sbuf_str(&packed));
    expect(c, true, "error 1007; ");
    add_frame(c, 0xc1, STR("\xff\xff\xff"));
    expect(c, true, "error 1007; ");
    add_frame(c, 0xc9, STR("ping"));
    expect(c, true, "error 1002; ");
    add_frame(c, 0x01, STR("a"));
    add_frame(c, 0xc0, STR("b"));
    expect(c, true, "error 1002; ");
    sbuf_done(&packed);
}

#define WITH_CLIENT(test) cmocka_unit_test_setup_teardown(test, client_new_, client_free_)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proves_the_handshake_as_rfc_6455_does),
        cmocka_unit_test(takes_16_bytes_of_base64_for_a_key),
        cmocka_unit_test(finds_a_token_in_a_list_whatever_its_case),
        cmocka_unit_test(agrees_to_compression_it_can_do),
        cmocka_unit_test(writes_a_length_in_as_few_bytes_as_it_takes),
        cmocka_unit_test(compresses_a_frame_once_and_only_when_it_helps),
        cmocka_unit_test(cuts_a_reason_between_characters),
        WITH_CLIENT(puts_a_message_together_from_its_fragments),
        WITH_CLIENT(holds_messages_to_their_limit),
        WITH_CLIENT(refuses_what_is_not_text_in_utf8),
        WITH_CLIENT(refuses_frames_that_break_the_rules),
        WITH_CLIENT(hears_a_goodbye_and_nothing_after_it),
        WITH_CLIENT(undoes_the_compression_that_was_agreed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
