/* SPDX-License-Identifier: Apache-2.0 */
/* udp.h - receiving datagrams.
 *
 * One thread at a time: the loop's. */
#ifndef NET_UDP_H
#define NET_UDP_H

#include "base/str.h"
#include "net/loop.h"

struct udp; /* opaque */

struct udp_options {
    const char *host;       /* numeric address */
    uint16_t port;          /* 0: the system's choice, see udp_port */
    uint32_t receive_bytes; /* the kernel's buffer, as far as it allows; 0: 4 MiB */
    /* A datagram from `address` (numeric, without port); both live for the call.  `cut`: it was longer
     * than the 64 KiB kept.  Required. */
    void (*datagram)(void *arg, str address, str bytes, bool cut);
    void *arg;
};

/* ST_INVALID: no numeric address.  ST_UNAVAILABLE: the address is taken or not ours.  Several, one a
 * loop, may share an address. */
CHECKED status udp_open(struct loop *loop, const struct udp_options *options, struct udp **out,
                        struct error *err);
uint16_t udp_port(const struct udp *u);
/* No datagram is taken between them: the kernel's buffer fills, and drops what comes then. */
void udp_pause(struct udp *u);
void udp_resume(struct udp *u);
/* Datagrams the kernel dropped because its buffer was full, as far as it tells (SO_MEMINFO); only grows. */
uint64_t udp_dropped(const struct udp *u);
void udp_close(struct udp *u); /* NULL is fine; no datagram comes after it */

#endif
