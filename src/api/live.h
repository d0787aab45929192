/* SPDX-License-Identifier: Apache-2.0 */
/* live.h - what happens, to those who watch: WebSocket and event-stream (SSE) clients of the bus.
 *
 *   bus ─callback (publisher's thread)─▶ queue of a loop ─loop_post─▶ each client of that loop
 *
 * A client is either live, sent each message as it comes, or behind, sent what is kept on the bus from where it was, as fast as it
 * takes it; when that is all, it is live.  Who was away so long that the bus forgot gets the latest state of each alert changed
 * since from the store.  `last` is the id up to which a client has been served, so nothing is missed and nothing doubled.
 *
 * A live client whose queue is full is dropped (1013) and disturbs nobody.  A client sees its own tenant's messages, of topics its
 * permissions cover, and only as long as its token is good (4401). */
#ifndef API_LIVE_H
#define API_LIVE_H

#include "api/api_int.h"

/* What all loops share: limits, and how healthy the service was last. */
struct live_hub; /* opaque; thread-safe */
struct live_hub *live_hub_new(struct api *a);
void live_hub_free(struct live_hub *h); /* after its loops; NULL is fine */

struct live; /* opaque; its loop's thread */
struct live *live_new(struct live_hub *h, struct loop *loop);
void live_free(struct live *l); /* the loop stands still; NULL is fine */

/* The subprotocol "bearer.TOKEN" of a WebSocket request, whole; empty: none. */
str live_bearer(const struct http_request *r);

/* Publish the service's health.  Every ten seconds; changes are told without it. */
void live_tell_status(struct live_hub *h);

#endif
