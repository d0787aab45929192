/* SPDX-License-Identifier: Apache-2.0 */
/* tls.h - what a TLS listener presents: certificate, key and rules.
 *
 * TLS 1.3 with X25519MLKEM768 first (RFC 8446, RFC 10024), TLS 1.2 with forward-secret AEAD suites for
 * old clients.  The context is reference counted: connections keep the one they began with, so
 * certificates are replaced without a restart.  Thread-safe. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/status.h"

struct tls_options {
    const char *certificate; /* PEM chain, leaf first */
    const char *key;         /* PEM; refused when group or others can read it */
    const char *client_ca;   /* PEM; NULL: clients show no certificate */
};

struct tls_context; /* opaque */
CHECKED status tls_context_new(const struct tls_options *options, struct tls_context **out,
                               struct error *err);
struct tls_context *tls_context_ref(struct tls_context *c);
void tls_context_unref(struct tls_context *c); /* NULL is fine */

/* A self-signed certificate (ECDSA P-256, one year, localhost, 127.0.0.1, ::1 and `host`) and its key,
 * written as PEM; the key 0600.  For a first start and for tests. */
CHECKED status tls_self_signed(const char *certificate_path, const char *key_path, const char *host,
                               struct error *err);

#endif
