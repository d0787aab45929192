/* SPDX-License-Identifier: Apache-2.0 */
/* A TLS server, and OpenSSL's own client with what it offers chosen by the test. */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/http.h"
#include "tests/folder.h"
#include "tests/net_bed.h"

#include "base/mem.h"
#include "base/metric.h"

#include <stdio.h>
#include <sys/stat.h>

struct world {
    struct bed bed;
    struct http_server *server;
    struct tls_context *tls;
    uint16_t port;
    _Atomic bool closed;
    _Atomic int refused;
};

static void answer(struct http_request *r, str body)
{
    http_respond(r, 200, "application/octet-stream", body);
}

static void begin(void *arg, struct http_request *r)
{
    (void)arg;
    assert_true(http_is_tls(r));
    if (http_method(r) == HTTP_POST)
        http_take_body(r, 8 << 20, answer);
    else
        http_respond(r, 200, "text/plain", STR("sealed"));
}

static void refused(void *arg, str address, int code, const char *why, const char *id)
{
    (void)address;
    (void)why;
    struct world *w = arg;
    assert_int_equal(code, 0);
    atomic_fetch_add(&w->refused, 1);
}

static void make_context(const char *name, struct tls_context **out)
{
    char certificate[64], key[64];
    struct error err = {0};
    snprintf(certificate, sizeof certificate, "%s.pem", name);
    snprintf(key, sizeof key, "%s.key", name);
    if (tls_self_signed(folder_path(certificate), folder_path(key), name, &err) != ST_OK)
        fail_msg("%s", err.text);
    struct tls_options o = {.certificate = folder_path(certificate), .key = folder_path(key)};
    if (tls_context_new(&o, out, &err) != ST_OK)
        fail_msg("%s", err.text);
}

static void open_server(void *arg)
{
    struct world *w = arg;
    struct error err = {0};
    struct http_server_options o = {
        .host = "127.0.0.1",
        .fd = -1,
        .tls = w->tls,
        .limits = http_limits_default,
        .handler = {.begin = begin, .refused = refused, .arg = w},
    };
    o.limits.head_ms = 100; /* of the handshake too */
    if (http_server_open(w->bed.loop, &o, &w->server, &err) != ST_OK)
        fail_msg("%s", err.text);
    w->port = http_server_port(w->server);
}

static void start(struct world *w)
{
    *w = (struct world){0};
    make_context("first.example", &w->tls);
    bed_start(&w->bed);
    bed_do(&w->bed, open_server, w);
}

static void note_closed(void *arg)
{
    struct world *w = arg;
    atomic_store(&w->closed, true);
}

static void close_server(void *arg)
{
    struct world *w = arg;
    http_server_close(w->server, 0, note_closed, w);
}

static void stop(struct world *w)
{
    bed_do(&w->bed, close_server, w);
    bed_wait(&w->closed);
    bed_stop(&w->bed);
    loop_free(w->bed.loop);
    tls_context_unref(w->tls);
}

/* ---- the client ---- */

struct offer {
    int version; /* 0: any */
    const char *groups, *ciphers, *alpn;
};

struct client {
    SSL_CTX *context;
    SSL *ssl;
    int fd;
};

static bool shake_hands(const struct world *w, const struct offer *offer, struct client *c)
{
    c->context = SSL_CTX_new(TLS_client_method());
    c->fd = bed_connect(w->port);
    if (offer->version) {
        SSL_CTX_set_min_proto_version(c->context, offer->version);
        SSL_CTX_set_max_proto_version(c->context, offer->version);
    }
    SSL_CTX_set_security_level(c->context, 0); /* so that the weak can be offered at all */
    if (offer->groups)
        assert_int_equal(SSL_CTX_set1_groups_list(c->context, (uintptr_t)offer->groups), 1);
    if (offer->ciphers)
        assert_int_equal(SSL_CTX_set_cipher_list(c->context, offer->ciphers), 1);
    c->ssl = SSL_new(c->context);
    if (offer->alpn)
        SSL_set_alpn_protos(c->ssl, (const unsigned char *)offer->alpn,
                            (unsigned)strlen(offer->alpn));
    SSL_set_fd(c->ssl, c->fd);
    return SSL_connect(c->ssl) == 1;
}

static void leave(struct client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->context);
    close(c->fd);
    ERR_clear_error();
}

static void read_to_end(struct client *c, struct sbuf *to)
{
    sbuf_init(to, 64 << 20);
    for (;;) {
        size_t n;
        char *p = sbuf_space(to, 1 << 16);
        if (SSL_read_ex(c->ssl, p, 1 << 16, &n) != 1)
            break;
        sbuf_grew(to, n);
    }
}

static void send_text(struct client *c, str s)
{
    size_t n;
    assert_int_equal(SSL_write_ex(c->ssl, s.p, s.n, &n), 1);
    assert_int_equal(n, s.n);
}

#define GET "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

/* ---- tests ---- */

static void agrees_on_what_is_strong(void **state)
{
    (void)state;
    static const struct {
        struct offer offer;
        const char *group, *cipher; /* agreed on */
    } offers[] = {
        {{0}, "X25519MLKEM768", NULL},
        {{TLS1_3_VERSION, "X25519MLKEM768", NULL, NULL}, "X25519MLKEM768", NULL},
        {{TLS1_3_VERSION, "X25519:X25519MLKEM768", NULL, NULL}, NULL, NULL},
        {{TLS1_3_VERSION, "X25519", NULL, "\x08http/1.1"}, "x25519", NULL},
        {{TLS1_3_VERSION, "P-256", NULL, "\x02h2\x08http/1.1"}, "secp256r1", NULL},
        {{TLS1_3_VERSION, "P-384", NULL, NULL}, "secp384r1", NULL},
        {{TLS1_2_VERSION, "P-256:X25519", NULL, NULL}, "x25519", "ECDHE-ECDSA-AES256-GCM-SHA384"},
        {{TLS1_2_VERSION, NULL, "ECDHE-ECDSA-CHACHA20-POLY1305", NULL},
         NULL,
         "ECDHE-ECDSA-CHACHA20-POLY1305"},
    };
    struct world w;
    start(&w);
    for (size_t i = 0; i < COUNT(offers); i++) {
        struct client c;
        struct sbuf answer;
        int64_t done = metric_value(METRIC_TLS_HANDSHAKES),
                hybrid = metric_value(METRIC_TLS_HYBRID);
        if (!shake_hands(&w, &offers[i].offer, &c))
            fail_msg("offer %zu was refused", i);
        send_text(&c, STR(GET));
        read_to_end(&c, &answer);
        assert_true(str_ends(sbuf_str(&answer), STR("\r\n\r\nsealed")));
        assert_int_equal(SSL_get_shutdown(c.ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
        if (offers[i].group)
            assert_string_equal(SSL_get0_group_name(c.ssl), offers[i].group);
        if (offers[i].cipher)
            assert_string_equal(SSL_get_cipher_name(c.ssl), offers[i].cipher);
        assert_int_equal(metric_value(METRIC_TLS_HANDSHAKES), done + 1);
        assert_int_equal(metric_value(METRIC_TLS_HYBRID) - hybrid,
                         strcmp(SSL_get0_group_name(c.ssl), "X25519MLKEM768") == 0);
        sbuf_done(&answer);
        leave(&c);
    }
    stop(&w);
}

static void refuses_what_is_weak(void **state)
{
    (void)state;
    static const struct offer offers[] = {
        {TLS1_VERSION, NULL, NULL, NULL},
        {TLS1_1_VERSION, NULL, NULL, NULL},
        {TLS1_2_VERSION, NULL, "ECDHE-ECDSA-AES256-SHA384", NULL},
        {TLS1_2_VERSION, NULL, "AES128-GCM-SHA256", NULL},
        {TLS1_2_VERSION, NULL, "DHE-RSA-AES256-GCM-SHA384", NULL},
        {TLS1_3_VERSION, "P-521", NULL, NULL},
        {TLS1_3_VERSION, NULL, NULL, "\x02h2"},
    };
    struct world w;
    start(&w);
    for (size_t i = 0; i < COUNT(offers); i++) {
        struct client c;
        int64_t failed = metric_value(METRIC_TLS_FAILED);
        if (shake_hands(&w, &offers[i], &c))
            fail_msg("offer %zu was taken", i);
        leave(&c);
        while (metric_value(METRIC_TLS_FAILED) == failed)
            poll(NULL, 0, 1);
    }
    stop(&w);
    assert_int_equal(atomic_load(&w.refused), COUNT(offers));
}

static void carries_large_bodies_both_ways(void **state)
{
    (void)state;
    enum { SIZE = 5 << 20 };
    struct world w;
    start(&w);
    struct client c;
    assert_true(shake_hands(&w, &(struct offer){0}, &c));
    char head[128];
    int n = snprintf(
        head, sizeof head,
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", SIZE);
    send_text(&c, (str){head, (size_t)n});
    char *body = mem_zero(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        body[i] = (char)(i * 31 >> 3);
    send_text(&c, (str){body, SIZE});
    struct sbuf answer;
    read_to_end(&c, &answer);
    assert_true(answer.n > SIZE);
    assert_memory_equal(answer.p + answer.n - SIZE, body, SIZE);
    sbuf_done(&answer);
    mem_free(body);
    leave(&c);
    stop(&w);
}

static void drops_a_handshake_that_takes_too_long(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    int fd = bed_connect(w.port);
    bed_send(fd, STR("\x16\x03\x01\x02"));
    struct sbuf answer;
    sbuf_init(&answer, 1 << 20);
    bed_read_all(fd, &answer);
    assert_int_equal(answer.n, 0);
    close(fd);
    /* And one that is none is refused with an alert. */
    fd = bed_connect(w.port);
    bed_send(fd, STR(GET));
    bed_read_all(fd, &answer);
    close(fd);
    sbuf_done(&answer);
    stop(&w);
    assert_int_equal(atomic_load(&w.refused), 2);
}

static void set_tls(void *arg)
{
    struct world *w = arg;
    http_server_set_tls(w->server, w->tls);
}

static void expect_name(const struct world *w, const char *name)
{
    struct client c;
    char got[64] = "";
    assert_true(shake_hands(w, &(struct offer){0}, &c));
    X509 *x = SSL_get1_peer_certificate(c.ssl);
    X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, got, sizeof got);
    X509_free(x);
    assert_string_equal(got, name);
    leave(&c);
}

static void presents_a_new_certificate_without_a_restart(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    expect_name(&w, "first.example");
    struct client old;
    assert_true(shake_hands(&w, &(struct offer){0}, &old));
    tls_context_unref(w.tls);
    make_context("second.example", &w.tls);
    bed_do(&w.bed, set_tls, &w);
    expect_name(&w, "second.example");
    struct sbuf answer;
    send_text(&old, STR(GET)); /* a connection keeps the one it began with */
    read_to_end(&old, &answer);
    assert_true(str_ends(sbuf_str(&answer), STR("sealed")));
    sbuf_done(&answer);
    leave(&old);
    stop(&w);
}

static void refuses_a_key_others_can_read(void **state)
{
    (void)state;
    struct error err = {0};
    struct tls_context *c;
    assert_int_equal(tls_self_signed(folder_path("a.pem"), folder_path("a.key"), "x", &err), ST_OK);
    struct tls_options o = {.certificate = folder_path("a.pem"), .key = folder_path("a.key")};
    chmod(o.key, 0640);
    assert_int_equal(tls_context_new(&o, &c, &err), ST_FORBIDDEN);
    assert_true(str_contains(str_z(err.text), STR("a.key")));
    chmod(o.key, 0600);
    o.certificate = folder_path("none.pem");
    assert_int_equal(tls_context_new(&o, &c, &err), ST_INVALID);
    o.certificate = folder_path("b.pem");
    assert_int_equal(tls_self_signed(o.certificate, folder_path("b.key"), NULL, &err), ST_OK);
    assert_int_equal(tls_context_new(&o, &c, &err), ST_INVALID); /* another's key */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_on_what_is_strong),
        cmocka_unit_test(refuses_what_is_weak),
        cmocka_unit_test(carries_large_bodies_both_ways),
        cmocka_unit_test(drops_a_handshake_that_takes_too_long),
        cmocka_unit_test(presents_a_new_certificate_without_a_restart),
        cmocka_unit_test(refuses_a_key_others_can_read),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
