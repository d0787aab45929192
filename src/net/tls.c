/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_int.h"

#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

/* Forward secrecy and an AEAD, and nothing else (RFC 9325, 4.2). */
static const char ciphers_12[] = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                 "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
                                 "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";
static char groups[] = /* not const: the macro it is given to casts that away */
    "X25519MLKEM768:X25519:P-256:P-384";

struct tls_context {
    SSL_CTX *ssl; /* owned */
    _Atomic unsigned refs;
};

SSL_CTX *tls_context_ssl(const struct tls_context *c)
{
    return c->ssl;
}

/* Why the library failed, in its own words. */
static const char *library_reason(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *text = code ? ERR_reason_error_string(code) : NULL;
    return text ? text : "reason unknown";
}

/* A key that others can read is no secret. */
static status check_key_file(const char *path, struct error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return fail(err, ST_NOT_FOUND, "key '%s': %s", path, strerror(errno));
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return fail(err, ST_FORBIDDEN, "key '%s' can be used by others than its owner: chmod 600",
                    path);
    return ST_OK;
}

static status load_files(SSL_CTX *ssl, const struct tls_options *o, struct error *err)
{
    status st = check_key_file(o->key, err);
    if (st != ST_OK)
        return st;
    if (SSL_CTX_use_certificate_chain_file(ssl, o->certificate) != 1)
        return fail(err, ST_INVALID, "certificate '%s': %s", o->certificate, library_reason());
    if (SSL_CTX_use_PrivateKey_file(ssl, o->key, SSL_FILETYPE_PEM) != 1)
        return fail(err, ST_INVALID, "key '%s': %s", o->key, library_reason());
    if (SSL_CTX_check_private_key(ssl) != 1)
        return fail(err, ST_INVALID, "key '%s' does not belong to certificate '%s'", o->key,
                    o->certificate);
    if (!o->client_ca)
        return ST_OK;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(o->client_ca);
    if (!names || SSL_CTX_load_verify_file(ssl, o->client_ca) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return fail(err, ST_INVALID, "client CA '%s': %s", o->client_ca, library_reason());
    }
    SSL_CTX_set_client_CA_list(ssl, names);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return ST_OK;
}

/* HTTP/1.1 is all we speak; a client that offers protocols without it is told so (RFC 7301, 3.2). */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                           const unsigned char *in, unsigned in_size, void *arg)
{
    (void)ssl;
    (void)arg;
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_size, ours, sizeof ours - 1, in, in_size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static status set_rules(SSL_CTX *ssl, struct error *err)
{
    static const unsigned char session_name[] = "bguard";
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_alpn_select_cb(ssl, choose_protocol, NULL);
    if (SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(ssl, ciphers_12) != 1 ||
        SSL_CTX_set_session_id_context(ssl, session_name, sizeof session_name - 1) != 1)
        return fail(err, ST_UNAVAILABLE, "TLS cannot be set up: %s", library_reason());
    if (SSL_CTX_set1_groups_list(ssl, groups) != 1)
        return fail(err, ST_UNAVAILABLE, "the TLS library lacks one of the groups '%s'", groups);
    return ST_OK;
}

status tls_context_new(const struct tls_options *options, struct tls_context **out,
                       struct error *err)
{
    ERR_clear_error();
    SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
    if (!ssl)
        return fail(err, ST_UNAVAILABLE, "TLS cannot be set up: %s", library_reason());
    status st = set_rules(ssl, err);
    if (st == ST_OK)
        st = load_files(ssl, options, err);
    ERR_clear_error();
    if (st != ST_OK) {
        SSL_CTX_free(ssl);
        return st;
    }
    struct tls_context *c = mem_new(struct tls_context);
    c->ssl = ssl;
    atomic_store(&c->refs, 1);
    *out = c;
    return ST_OK;
}

struct tls_context *tls_context_ref(struct tls_context *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void tls_context_unref(struct tls_context *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    SSL_CTX_free(c->ssl);
    mem_free(c);
}
