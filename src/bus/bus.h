/* SPDX-License-Identifier: Apache-2.0 */
/* bus.h - what just happened, to whoever listens: publish and subscribe within the process.
 *
 * Messages have ids that only grow and are delivered in that order, so "everything after id N" means something; the
 * last ones are kept so that a client that was away can go on where it was.  Ids can be reserved for what
 * is being committed; what is published meanwhile waits until they are published or released, so hold them shortly.
 *
 * Thread-safe.  A subscriber's callback runs on some publisher's thread, with the bus locked (that is what
 * keeps the order): it must neither block nor call the bus, but hands over to its own loop. */
#ifndef BUS_BUS_H
#define BUS_BUS_H

#include "base/status.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bus_topic {
#define X(NAME, name, doc) TOPIC_##NAME,
#include "bus/topic.def"
    TOPIC_COUNT
};
const char *bus_topic_name(enum bus_topic t);
bool bus_topic_find(str name, enum bus_topic *out);

/* Immutable, reference counted. */
struct bus_message {
    uint64_t id;
    enum bus_topic topic;
    int64_t time_ms;
    int64_t sent_us;  /* Unix microseconds: when it was published; set by the bus */
    const char *type; /* "alert.new", "alert.changed", "status", …; static */
    str tenant;       /* empty: for every tenant */
    str data;         /* a JSON object */
    /* For filters. */
    int level;       /* enum level, or -1 */
    str rule, title; /* the detector's */
    str entity;      /* values of its entities, a NUL after each */
};
struct bus_message *bus_message_ref(struct bus_message *m);
void bus_message_unref(struct bus_message *m); /* NULL is fine */

struct bus; /* opaque */
struct bus_options {
    /* Id of the first message: above every id given out before, also those that were never stored (a status, say).  The
     * larger of store_seq + 1 and the time in microseconds will do. */
    uint64_t first_id;
    size_t kept, kept_bytes; /* messages for those who resume; 0: 65,536 and 64 MiB */
};
struct bus *bus_new(const struct bus_options *options);
void bus_free(struct bus *b); /* nobody subscribed; NULL is fine */

/* Take `n` ids in a row, for messages that will be published once they are committed; the first is returned. */
uint64_t bus_reserve(struct bus *b, size_t n);
/* `n` ids reserved, from `first`, come to nothing; ids without a message are nothing to those who listen. */
void bus_release(struct bus *b, uint64_t first, size_t n);
/* Publish; what `m` points to is copied.  id 0: the next free one, else one that was reserved. */
void bus_publish(struct bus *b, const struct bus_message *m);

struct bus_subscriber;                                 /* opaque */
typedef void bus_fn(void *arg, struct bus_message *m); /* borrowed: ref to keep */
struct bus_subscriber *bus_subscribe(struct bus *b, bus_fn *fn, void *arg);
/* When it returns the callback neither runs nor will. */
void bus_unsubscribe(struct bus *b, struct bus_subscriber *s);

/* The first messages with ids above `after` that are kept, oldest first, at most `most`; the caller unrefs them.  Returns how many;
 * 0: that is all up to *last, the latest id delivered, and what comes later goes to who is subscribed.
 * *complete: false when some that came after `after` are no longer kept, or `after` was never given out. */
size_t bus_read(struct bus *b, uint64_t after, struct bus_message **out, size_t most,
                bool *complete, uint64_t *last);

#endif
