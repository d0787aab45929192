/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL between a stream and its socket.  It reads from the bytes that just came, where they are, and
 * writes to s->wire: nothing of its own is kept between records, so that an idle
 * connection holds no buffer. */
#include "net/tls_int.h"

#include "net/stream_int.h"

#include "base/mem.h"
#include "base/metric.h"

#include <assert.h>
#include <string.h>

enum { SEAL_MAX = 64 * 1024 };

struct tls_stream {
    SSL *ssl;                    /* owned */
    struct tls_context *context; /* a reference */
    str in;                      /* borrowed for the length of a feed */
    struct sbuf rest;            /* records not looked at, as the stream was paused */
    bool begun, ready, failed, pending;
};

/* ---- the BIO ---- */

static int bio_read(BIO *bio, char *out, size_t room, size_t *n)
{
    struct stream *s = BIO_get_data(bio);
    str *in = &s->tls->in;
    BIO_clear_retry_flags(bio);
    if (in->n == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    *n = in->n < room ? in->n : room;
    memcpy(out, in->p, *n);
    *in = str_from(*in, *n);
    return 1;
}

static int bio_write(BIO *bio, const char *p, size_t size, size_t *n)
{
    struct stream *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (!s->wire.p)
        s->wire = loop_take_buffer(s->loop);
    sbuf_add(&s->wire, (str){p, size});
    *n = size;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *p)
{
    (void)bio;
    (void)number;
    (void)p;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
    assert(method);
    BIO_meth_set_read_ex(method, bio_read);
    BIO_meth_set_write_ex(method, bio_write);
    BIO_meth_set_ctrl(method, bio_control);
}

/* ---- life ---- */

struct tls_stream *tls_stream_new(struct tls_context *c, struct stream *s)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_method);
    struct tls_stream *t = mem_new(struct tls_stream);
    t->context = tls_context_ref(c);
    t->ssl = SSL_new(tls_context_ssl(c));
    BIO *bio = BIO_new(method);
    assert(t->ssl && bio);
    BIO_set_data(bio, s);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_accept_state(t->ssl);
    sbuf_init(&t->rest, SIZE_MAX / 2);
    return t;
}

void tls_stream_free(struct tls_stream *t)
{
    if (!t)
        return;
    SSL_free(t->ssl);
    tls_context_unref(t->context);
    sbuf_done(&t->rest);
    mem_free(t);
}

bool tls_stream_is_ready(const struct tls_stream *t)
{
    return t->ready && !t->failed;
}

bool tls_stream_has_begun(const struct tls_stream *t)
{
    return t->begun;
}

bool tls_stream_has_rest(const struct tls_stream *t)
{
    return t->rest.n || t->pending;
}

/* ---- in ---- */

static void shake_hands(struct stream *s)
{
    struct tls_stream *t = s->tls;
    int rc = SSL_do_handshake(t->ssl);
    if (rc == 1) {
        t->ready = true;
        s->deadline_ms = 0;
        metric_inc(METRIC_TLS_HANDSHAKES);
        const char *group = SSL_get0_group_name(t->ssl);
        if (group && strcmp(group, "X25519MLKEM768") == 0)
            metric_inc(METRIC_TLS_HYBRID);
    } else if (SSL_get_error(t->ssl, rc) != SSL_ERROR_WANT_READ) {
        t->failed = true;
        metric_inc(METRIC_TLS_FAILED);
    }
}

static void read_records(struct stream *s)
{
    struct tls_stream *t = s->tls;
    while (stream_wants_bytes(s)) {
        char *plain = loop_plain_buffer(s->loop);
        size_t n = 0;
        int rc = SSL_read_ex(t->ssl, plain, LOOP_PLAIN_SIZE, &n);
        if (rc == 1) {
            stream_deliver(s, (str){plain, n});
            continue;
        }
        int why = SSL_get_error(t->ssl, rc);
        if (why == SSL_ERROR_ZERO_RETURN)
            stream_deliver_end(s);
        else if (why != SSL_ERROR_WANT_READ)
            t->failed = true;
        break;
    }
}

/* Keep what a paused stream left over. */
static void keep_rest(struct stream *s, struct sbuf *before)
{
    struct tls_stream *t = s->tls;
    t->pending = s->state == STREAM_OPEN && s->paused && SSL_has_pending(t->ssl);
    if (s->state == STREAM_OPEN && t->in.n)
        sbuf_add(&t->rest, t->in);
    t->in = (str){0};
    sbuf_done(before);
}

void tls_stream_feed(struct stream *s, str bytes)
{
    struct tls_stream *t = s->tls;
    struct sbuf before = t->rest;
    sbuf_init(&t->rest, SIZE_MAX / 2);
    if (before.n) {
        sbuf_add(&before, bytes);
        bytes = sbuf_str(&before);
    }
    t->in = bytes;
    t->begun = true;
    ERR_clear_error();
    if (!t->ready && !t->failed)
        shake_hands(s);
    if (t->ready && !t->failed)
        read_records(s);
    keep_rest(s, &before);
    ERR_clear_error();
    if (t->failed && s->state == STREAM_OPEN) {
        /* The alert, if there is one, is sent on the way out. */
        stream_close(s);
        s->why = t->ready ? STREAM_GONE : STREAM_HANDSHAKE;
    } else if (s->wire.n) {
        loop_soon(s->loop, &s->task);
    }
}

/* ---- out ---- */

size_t tls_stream_seal(struct stream *s, str plain)
{
    size_t n = 0;
    ERR_clear_error();
    int rc = SSL_write_ex(s->tls->ssl, plain.p, plain.n < SEAL_MAX ? plain.n : SEAL_MAX, &n);
    if (rc == 1)
        return n;
    /* Only a broken session does not take bytes: its BIO always does. */
    s->tls->failed = true;
    ERR_clear_error();
    stream_finish(s, STREAM_GONE);
    return plain.n;
}

void tls_stream_goodbye(struct stream *s)
{
    ERR_clear_error();
    SSL_shutdown(s->tls->ssl);
    ERR_clear_error();
}
