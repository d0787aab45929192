/* SPDX-License-Identifier: Apache-2.0 */
/* syslog.h - messages from the network: UDP (RFC 5426), TCP (RFC 6587), TLS (RFC 5425).
 *
 * Messages of all senders to one listener are gathered, a line each, and handed to the sink after
 * 50 ms or 256 KiB.  When the sink has no room, connections are not read (their senders wait), and
 * datagrams stay with the kernel as long as its buffer lasts; those it drops are counted
 * (METRIC_SYSLOG_DATAGRAMS_LOST).  A message that is too long is cut and counted
 * (METRIC_SYSLOG_TRUNCATED).
 *
 * One thread at a time: the loop's. */
#ifndef INGEST_SYSLOG_H
#define INGEST_SYSLOG_H

#include "base/status.h"
#include "ingest/sink.h"

struct loop;
struct tls_context;
struct syslog; /* opaque: one listener */

enum syslog_transport { SYSLOG_UDP, SYSLOG_TCP, SYSLOG_TLS };

struct syslog_options {
    enum syslog_transport transport;
    const char *host;             /* numeric address; borrowed for the call, as `tenant` */
    uint16_t port;                /* 0: the system's choice */
    struct tls_context *tls;      /* of SYSLOG_TLS; the listener takes its own reference */
    const char *tenant;           /* whose messages these are */
    size_t message_bytes;         /* longest; 0: 64 KiB, at least 480 */
    uint32_t connections;         /* at once; 0: 1,000 */
    uint32_t connections_address; /* of one address; 0: 100 */
    /* What is in the messages; not forced: CEF, LEEF and JSON are told from plain syslog by each
     * message. */
    bool forced;
    enum parse_format format;
    enum family family;
};

/* `sink` is copied; its functions are called on the loop.  Fails as listen_open and udp_open do. */
CHECKED status syslog_open(struct loop *loop, const struct syslog_options *options,
                           const struct ingest_sink *sink, struct syslog **out, struct error *err);
uint16_t syslog_port(const struct syslog *s);
/* The sink has room again.  On the loop. */
void syslog_room(struct syslog *s);
/* New connections get this context from now on. */
void syslog_set_tls(struct syslog *s, struct tls_context *tls);
/* Take no more, hand what was gathered to the sink, then `done(arg)`; the listener is gone then.
 * What the sink has no room for now is lost, and counted. */
void syslog_close(struct syslog *s, void (*done)(void *arg), void *arg);

#endif
