/* SPDX-License-Identifier: Apache-2.0 */
/* Loops, listeners, datagrams, and the count of peers. */
#include "net/listen.h"
#include "net/peers.h"
#include "net/udp.h"
#include "tests/net_bed.h"

#include <signal.h>

/* ---- loop ---- */

static void append(void *arg)
{
    struct sbuf *b = arg;
    sbuf_addc(b, (char)('a' + b->n % 26));
}

struct poster {
    struct loop *loop;
    struct sbuf *to;
    struct thread thread;
};

static void post_many(void *arg)
{
    struct poster *p = arg;
    for (int i = 0; i < 500; i++)
        loop_post(p->loop, append, p->to);
}

static void runs_what_other_threads_post(void **state)
{
    (void)state;
    struct bed b = {0};
    struct error err = {0};
    struct sbuf text;
    struct poster posters[4];
    sbuf_init(&text, 1 << 20);
    bed_start(&b);
    for (size_t i = 0; i < COUNT(posters); i++) {
        posters[i] = (struct poster){.loop = b.loop, .to = &text};
        assert_int_equal(thread_start(&posters[i].thread, "poster", post_many, &posters[i], &err),
                         ST_OK);
    }
    for (size_t i = 0; i < COUNT(posters); i++)
        thread_join(&posters[i].thread);
    bed_do(&b, append, &text); /* after all that was posted before */
    assert_int_equal(text.n, 2001);
    assert_false(loop_is_current(b.loop));
    bed_stop(&b);
    loop_post(b.loop, append, &text);
    loop_free(b.loop); /* what was posted is not lost */
    assert_int_equal(text.n, 2002);
    sbuf_done(&text);
}

struct ticks {
    struct loop *loop;
    struct loop_timer *timer;
    unsigned n;
    int signal;
};

static void count_tick(void *arg)
{
    struct ticks *t = arg;
    if (++t->n == 3) {
        loop_timer_free(t->timer);
        raise(SIGUSR1);
    }
}

static void note_signal(void *arg, int number)
{
    struct ticks *t = arg;
    t->signal = number;
    loop_stop(t->loop);
}

static void tells_time_and_signals(void **state)
{
    (void)state;
    struct error err = {0};
    struct ticks t = {0};
    assert_int_equal(loop_new(&t.loop, &err), ST_OK);
    assert_int_equal(loop_on_signal(t.loop, SIGUSR1, note_signal, &t, &err), ST_OK);
    t.timer = loop_timer_new(t.loop, 1, count_tick, &t);
    uint64_t begun = loop_now_ms(t.loop);
    loop_run(t.loop);
    assert_true(loop_now_ms(t.loop) - begun >= 2);
    assert_int_equal(t.n, 3);
    assert_int_equal(t.signal, SIGUSR1);
    loop_stop(t.loop); /* before it runs: then it does not */
    loop_run(t.loop);
    loop_free(t.loop);
}

/* ---- listener ---- */

struct lines {
    struct bed bed;
    struct listener *listener;
    struct stream *stream;
    uint16_t port;
    struct sbuf got;
    _Atomic size_t bytes;
    _Atomic int ended, why;
    _Atomic bool closed, drained, full;
    bool pause;
};

static void on_bytes(void *user, str bytes)
{
    struct lines *l = user;
    sbuf_add(&l->got, bytes);
    atomic_fetch_add(&l->bytes, bytes.n);
    if (l->pause)
        stream_pause(l->stream);
}

static void on_drained(void *user)
{
    struct lines *l = user;
    atomic_store(&l->drained, true);
}

static void on_closed(void *user, enum stream_why why)
{
    struct lines *l = user;
    atomic_store(&l->why, (int)why);
    atomic_fetch_add(&l->ended, 1);
}

static bool on_accept(void *arg, struct stream *s)
{
    static const struct stream_handler handler = {
        .bytes = on_bytes, .drained = on_drained, .closed = on_closed};
    struct lines *l = arg;
    l->stream = s;
    assert_true(str_eq(stream_address(s), STR("127.0.0.1")));
    stream_set_handler(s, &handler, l);
    return true;
}

static void open_listener(void *arg)
{
    struct lines *l = arg;
    struct error err = {0};
    struct listen_options o = {
        .host = "127.0.0.1", .fd = -1, .write_buffer = 64 * 1024, .accept = on_accept, .arg = l};
    assert_int_equal(listen_open(l->bed.loop, &o, &l->listener, &err), ST_OK);
    l->port = listen_port(l->listener);
}

static void note_closed(void *arg)
{
    struct lines *l = arg;
    atomic_store(&l->closed, true);
}

static void close_listener(void *arg)
{
    struct lines *l = arg;
    listen_close(l->listener, 0, note_closed, l);
}

static void lines_start(struct lines *l)
{
    *l = (struct lines){0};
    sbuf_init(&l->got, 16 << 20);
    bed_start(&l->bed);
    bed_do(&l->bed, open_listener, l);
}

static void lines_stop(struct lines *l)
{
    bed_do(&l->bed, close_listener, l);
    bed_wait(&l->closed);
    bed_stop(&l->bed);
    loop_free(l->bed.loop);
    sbuf_done(&l->got);
}

static void wait_bytes(struct lines *l, size_t n)
{
    while (atomic_load(&l->bytes) < n)
        poll(NULL, 0, 1);
}

static void pause_next(void *arg)
{
    struct lines *l = arg;
    l->pause = true;
}

static void resume(void *arg)
{
    struct lines *l = arg;
    l->pause = false;
    stream_resume(l->stream);
}

static void nothing(void *arg)
{
    (void)arg;
}

static void delivers_bytes_unless_paused(void **state)
{
    (void)state;
    struct lines l;
    lines_start(&l);
    int fd = bed_connect(l.port);
    bed_send(fd, STR("one "));
    wait_bytes(&l, 4);
    bed_do(&l.bed, pause_next, &l);
    bed_send(fd, STR("two "));
    wait_bytes(&l, 8);
    bed_send(fd, STR("three"));
    for (int i = 0; i < 20; i++)
        bed_do(&l.bed, nothing, NULL);
    assert_int_equal(atomic_load(&l.bytes), 8);
    bed_do(&l.bed, resume, &l);
    wait_bytes(&l, 13);
    close(fd);
    while (!atomic_load(&l.ended))
        poll(NULL, 0, 1);
    assert_int_equal(atomic_load(&l.why), STREAM_CLOSED); /* without `end`, the stream is closed */
    assert_string_equal(l.got.p, "one two three");
    lines_stop(&l);
}

static void write_until_full(void *arg)
{
    struct lines *l = arg;
    char block[16 * 1024] = {0};
    for (int i = 0; i < 1000; i++) {
        status st = stream_write(l->stream, (str){block, sizeof block});
        if (st == ST_LIMIT)
            atomic_store(&l->full, true);
        if (st != ST_OK)
            return;
        assert_true(stream_queued(l->stream) <= 64 * 1024);
    }
}

static void says_when_a_full_queue_has_room_again(void **state)
{
    (void)state;
    struct lines l;
    lines_start(&l);
    int fd = bed_connect(l.port);
    bed_send(fd, STR("x"));
    wait_bytes(&l, 1);
    /* Each time the kernel takes all, until it does not. */
    struct sbuf got;
    sbuf_init(&got, 64 << 20);
    bed_do(&l.bed, write_until_full, &l);
    assert_true(atomic_load(&l.full));
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (!atomic_load(&l.drained)) /* it may be said after the last byte was read */
        if (poll(&p, 1, 1) > 0)
            bed_read(fd, &got);
    close(fd);
    sbuf_done(&got);
    lines_stop(&l);
}

/* ---- datagrams ---- */

struct box {
    struct bed bed;
    struct udp *udp;
    uint16_t port;
    struct sbuf got;
    _Atomic int count;
};

static void on_datagram(void *arg, str address, str bytes, bool cut)
{
    struct box *b = arg;
    assert_true(str_eq(address, STR("127.0.0.1")));
    assert_false(cut);
    sbuf_add(&b->got, bytes);
    sbuf_addc(&b->got, '|');
    atomic_fetch_add(&b->count, 1);
}

static void open_box(void *arg)
{
    struct box *b = arg;
    struct error err = {0};
    struct udp_options o = {.host = "127.0.0.1", .datagram = on_datagram, .arg = b};
    assert_int_equal(udp_open(b->bed.loop, &o, &b->udp, &err), ST_OK);
    b->port = udp_port(b->udp);
    o.host = "nowhere";
    struct udp *none;
    assert_int_equal(udp_open(b->bed.loop, &o, &none, &err), ST_INVALID);
}

static void close_box(void *arg)
{
    struct box *b = arg;
    assert_int_equal(udp_dropped(b->udp), 0);
    udp_close(b->udp);
}

static void pause_box(void *arg)
{
    struct box *b = arg;
    udp_pause(b->udp);
}

static void resume_box(void *arg)
{
    struct box *b = arg;
    udp_resume(b->udp);
}

static void send_datagram(int fd, uint16_t port, str s)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(sendto(fd, s.p, s.n, 0, (struct sockaddr *)&a, sizeof a), s.n);
}

static void receives_datagrams(void **state)
{
    (void)state;
    struct box b = {0};
    sbuf_init(&b.got, 1 << 20);
    bed_start(&b.bed);
    bed_do(&b.bed, open_box, &b);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    send_datagram(fd, b.port, STR("one"));
    send_datagram(fd, b.port, STR(""));
    while (atomic_load(&b.count) < 2)
        poll(NULL, 0, 1);
    bed_do(&b.bed, pause_box, &b);
    send_datagram(fd, b.port, STR("two"));
    for (int i = 0; i < 20; i++)
        bed_do(&b.bed, nothing, NULL);
    assert_int_equal(atomic_load(&b.count), 2);
    bed_do(&b.bed, resume_box, &b);
    while (atomic_load(&b.count) < 3)
        poll(NULL, 0, 1);
    assert_string_equal(b.got.p, "one||two|");
    bed_do(&b.bed, close_box, &b);
    bed_stop(&b.bed);
    loop_free(b.bed.loop);
    close(fd);
    sbuf_done(&b.got);
}

/* ---- peers ---- */

static void counts_peers_as_a_plain_list_does(void **state)
{
    (void)state;
    enum { ADDRESSES = 300, STEPS = 20000 };
    struct peers p = {0};
    uint32_t plain[ADDRESSES] = {0};
    uint32_t seed = 1;
    for (int i = 0; i < STEPS; i++) {
        seed = seed * 1664525 + 1013904223; /* Knuth's */
        uint32_t a = (seed >> 8) % ADDRESSES;
        struct ip ip = ip_from_v4(0x0a000000 + a);
        if (plain[a] && seed >> 31) {
            plain[a]--;
            peers_remove(&p, &ip);
        } else {
            plain[a]++;
            assert_int_equal(peers_add(&p, &ip), plain[a]);
        }
    }
    for (uint32_t a = 0; a < ADDRESSES; a++) {
        struct ip ip = ip_from_v4(0x0a000000 + a);
        assert_int_equal(peers_count(&p, &ip), plain[a]);
    }
    peers_done(&p);
}

static void counts_a_network_of_ipv6_as_one_peer(void **state)
{
    (void)state;
    struct peers p = {0};
    struct ip one, two, other;
    assert_true(ip_parse(STR("2001:db8::1"), &one) && ip_parse(STR("2001:db8::ffff:2"), &two) &&
                ip_parse(STR("2001:db8:0:1::1"), &other));
    peers_add(&p, &one);
    assert_int_equal(peers_add(&p, &two), 2);
    assert_int_equal(peers_add(&p, &other), 1);
    peers_remove(&p, &one);
    assert_int_equal(peers_count(&p, &two), 1);
    peers_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_what_other_threads_post),
        cmocka_unit_test(tells_time_and_signals),
        cmocka_unit_test(delivers_bytes_unless_paused),
        cmocka_unit_test(says_when_a_full_queue_has_room_again),
        cmocka_unit_test(receives_datagrams),
        cmocka_unit_test(counts_peers_as_a_plain_list_does),
        cmocka_unit_test(counts_a_network_of_ipv6_as_one_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
