/* SPDX-License-Identifier: Apache-2.0 */
/* The bus is one ring of slots, a slot an id:
 *
 *     first            due                 first + count
 *       │ kept, delivered │ settled or awaited │ not given out yet
 *
 * A slot is settled when its message was published or its id released.  Whoever settles the
 * slot that is due delivers it and all settled ones behind it. */
#include "bus/bus.h"

#include "base/mem.h"
#include "os/clock.h"
#include "os/lock.h"

#include <assert.h>
#include <stdatomic.h>

enum { KEPT_DEFAULT = 65536, KEPT_BYTES_DEFAULT = 64 << 20, ROOM_FIRST = 64 };

struct held {
    struct bus_message m; /* first: what others see is this */
    atomic_uint refs;
    size_t bytes;
    char text[];
};

struct slot {
    struct held *held; /* owned reference; NULL: nothing was published under this id */
    bool settled;
};

struct bus_subscriber {
    struct bus_subscriber *next;
    bus_fn *fn;
    void *arg;
};

struct bus {
    struct lock lock;
    struct bus_subscriber *subscriber; /* owned */
    struct slot *slot; /* owned; `room` of them, a power of two; id i is at i % room */
    size_t room, count;
    uint64_t first, due;
    size_t bytes; /* of messages delivered and kept */
    size_t kept, kept_bytes;
};

static const char *const topics[] = {
#define X(NAME, name, doc) name,
#include "bus/topic.def"
};

const char *bus_topic_name(enum bus_topic t)
{
    return topics[t];
}

bool bus_topic_find(str name, enum bus_topic *out)
{
    for (size_t i = 0; i < TOPIC_COUNT; i++)
        if (str_eq(name, str_z(topics[i]))) {
            *out = (enum bus_topic)i;
            return true;
        }
    return false;
}

/* ---- messages ---- */

static struct held *held_of(struct bus_message *m)
{
    return (struct held *)(void *)m; /* its first member */
}

static str put(char **at, str s)
{
    str copy = {*at, s.n};
    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

static struct held *held_new(const struct bus_message *m)
{
    size_t bytes = size_add(sizeof(struct held), m->tenant.n);
    bytes = size_add(bytes, m->data.n);
    bytes = size_add(bytes, m->rule.n);
    bytes = size_add(bytes, m->title.n);
    bytes = size_add(bytes, m->entity.n);
    struct held *h = mem_resize(NULL, bytes);
    char *at = h->text;
    h->m = *m;
    h->m.tenant = put(&at, m->tenant);
    h->m.data = put(&at, m->data);
    h->m.rule = put(&at, m->rule);
    h->m.title = put(&at, m->title);
    h->m.entity = put(&at, m->entity);
    h->bytes = bytes;
    atomic_init(&h->refs, 1);
    return h;
}

struct bus_message *bus_message_ref(struct bus_message *m)
{
    atomic_fetch_add_explicit(&held_of(m)->refs, 1, memory_order_relaxed);
    return m;
}

void bus_message_unref(struct bus_message *m)
{
    if (m && atomic_fetch_sub_explicit(&held_of(m)->refs, 1, memory_order_acq_rel) == 1)
        mem_free(held_of(m));
}

/* ---- the ring ---- */

struct bus *bus_new(const struct bus_options *options)
{
    struct bus *b = mem_new(struct bus);
    lock_init(&b->lock, LOCK_BUS);
    b->first = b->due = options->first_id ? options->first_id : 1;
    b->kept = options->kept ? options->kept : KEPT_DEFAULT;
    b->kept_bytes = options->kept_bytes ? options->kept_bytes : KEPT_BYTES_DEFAULT;
    b->room = ROOM_FIRST;
    b->slot = mem_array(struct slot, b->room);
    return b;
}

static struct slot *slot_locked(const struct bus *b, uint64_t id)
{
    return &b->slot[id & (b->room - 1)];
}

static void drop_first_locked(struct bus *b)
{
    struct slot *s = slot_locked(b, b->first);
    if (s->held) {
        b->bytes -= s->held->bytes;
        bus_message_unref(&s->held->m);
    }
    *s = (struct slot){0};
    b->first++;
    b->count--;
}

void bus_free(struct bus *b)
{
    if (!b)
        return;
    assert(!b->subscriber);
    for (uint64_t id = b->first; id < b->first + b->count; id++)
        if (slot_locked(b, id)->held)
            bus_message_unref(&slot_locked(b, id)->held->m);
    mem_free(b->slot);
    lock_done(&b->lock);
    mem_free(b);
}

static void grow_locked(struct bus *b, size_t n)
{
    if (b->count + n <= b->room)
        return;
    size_t room = b->room;
    while (room < b->count + n)
        room = size_mul(room, 2);
    struct slot *slot = mem_array(struct slot, room);
    for (uint64_t id = b->first; id < b->first + b->count; id++)
        slot[id & (room - 1)] = *slot_locked(b, id);
    mem_free(b->slot);
    b->slot = slot;
    b->room = room;
}

static uint64_t reserve_locked(struct bus *b, size_t n)
{
    grow_locked(b, n);
    uint64_t id = b->first + b->count;
    b->count += n;
    return id;
}

static void settle_locked(struct bus *b, uint64_t id, struct held *h)
{
    assert(id >= b->due && id - b->first < b->count);
    struct slot *s = slot_locked(b, id);
    assert(!s->settled);
    *s = (struct slot){.held = h, .settled = true};
}

static void deliver_locked(struct bus *b)
{
    for (; b->due - b->first < b->count && slot_locked(b, b->due)->settled; b->due++) {
        struct held *h = slot_locked(b, b->due)->held;
        if (!h)
            continue;
        b->bytes += h->bytes;
        for (struct bus_subscriber *s = b->subscriber; s; s = s->next)
            s->fn(s->arg, &h->m);
    }
    while (b->first < b->due && (b->due - b->first > b->kept || b->bytes > b->kept_bytes))
        drop_first_locked(b);
}

uint64_t bus_reserve(struct bus *b, size_t n)
{
    lock_take(&b->lock);
    uint64_t id = reserve_locked(b, n);
    lock_drop(&b->lock);
    return id;
}

void bus_release(struct bus *b, uint64_t first, size_t n)
{
    lock_take(&b->lock);
    for (size_t i = 0; i < n; i++)
        settle_locked(b, first + i, NULL);
    deliver_locked(b);
    lock_drop(&b->lock);
}

void bus_publish(struct bus *b, const struct bus_message *m)
{
    struct held *h = held_new(m);
    h->m.sent_us = clock_wall_us();
    lock_take(&b->lock);
    if (h->m.id == 0)
        h->m.id = reserve_locked(b, 1);
    settle_locked(b, h->m.id, h);
    deliver_locked(b);
    lock_drop(&b->lock);
}

/* ---- who listens ---- */

struct bus_subscriber *bus_subscribe(struct bus *b, bus_fn *fn, void *arg)
{
    struct bus_subscriber *s = mem_new(struct bus_subscriber);
    lock_take(&b->lock);
    *s = (struct bus_subscriber){.next = b->subscriber, .fn = fn, .arg = arg};
    b->subscriber = s;
    lock_drop(&b->lock);
    return s;
}

void bus_unsubscribe(struct bus *b, struct bus_subscriber *s)
{
    lock_take(&b->lock);
    struct bus_subscriber **at = &b->subscriber;
    while (*at && *at != s)
        at = &(*at)->next;
    assert(*at);
    *at = s->next;
    lock_drop(&b->lock);
    mem_free(s);
}

size_t bus_read(struct bus *b, uint64_t after, struct bus_message **out, size_t most,
                bool *complete, uint64_t *last)
{
    size_t n = 0;
    lock_take(&b->lock);
    *complete = after >= b->first - 1 && after < b->due;
    *last = b->due - 1;
    uint64_t id = after >= b->due ? b->due : after < b->first ? b->first : after + 1;
    for (; id < b->due && n < most; id++)
        if (slot_locked(b, id)->held)
            out[n++] = bus_message_ref(&slot_locked(b, id)->held->m);
    lock_drop(&b->lock);
    return n;
}
