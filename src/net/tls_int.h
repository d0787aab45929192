/* SPDX-License-Identifier: Apache-2.0 */
/* tls_int.h - a TLS context from inside, for net/ only. */
#ifndef NET_TLS_INT_H
#define NET_TLS_INT_H

/* Before ours: they use names that base/banned.h poisons. */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/tls.h"

SSL_CTX *tls_context_ssl(const struct tls_context *c);

#endif
