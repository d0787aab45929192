/* SPDX-License-Identifier: Apache-2.0 */
/* A frozen set's entries, ordered by hash.
 *
 *     hash ─▶ bucket {begin, marks} ─▶ entry entry entry (next bucket's) entry ...
 *
 * With millions of indicators a look-up is as fast as its cache misses are few.  There is a
 * bucket for every two to four entries, 8 bytes each, so that all of them fit into a large
 * cache; its 32 marks say of nineteen values in twenty that are not there that they are not.
 * What is there costs one miss, because a bucket's entries, keys included, stand together.
 * Open addressing over entries elsewhere took two, and one for most of what is not there. */
#include "base/hash.h"
#include "base/mem.h"
#include "intel/intel_int.h"

#include <sys/mman.h>

enum { ENTRIES_A_BUCKET = 4, HUGE_PAGE = 2 << 20, LINE = 64 };

static uint32_t marks_of(uint64_t hash)
{
    return 1u << (hash & 31) | 1u << (hash >> 5 & 31);
}

static uint8_t tag_of(uint64_t hash)
{
    return (uint8_t)(hash >> 10);
}

static bool belongs(const struct intel_entry *e, bool allow)
{
    return (intel_entry_flags(e) & INTEL_ALLOW) == (allow ? INTEL_ALLOW : 0);
}

static size_t words_of(const struct intel_entry *e)
{
    return intel_entry_size(e->n) / sizeof(uint32_t);
}

/* Counts each bucket's words and adds them up: `begin` is then where its entries begin. */
static void lay_out(struct intel_shelf *s, const struct intel_pool *p, bool allow, uint64_t seed)
{
    const struct intel_entry *e;
    for (intel_ref at = 0; (e = intel_pool_next(p, &at));)
        if (belongs(e, allow))
            s->bucket[intel_entry_hash(e, seed) >> s->shift].begin += (uint32_t)words_of(e);
    s->words = 1; /* 0 is nowhere */
    for (size_t i = 0; i <= s->buckets; i++) {
        size_t words = s->bucket[i].begin;
        s->bucket[i].begin = (uint32_t)s->words;
        s->words += words;
    }
}

static void fill(struct intel_shelf *s, const struct intel_pool *p, bool allow, uint64_t seed)
{
    const struct intel_entry *e;
    for (intel_ref at = 0; (e = intel_pool_next(p, &at));) {
        if (!belongs(e, allow))
            continue;
        uint64_t hash = intel_entry_hash(e, seed);
        struct intel_bucket *b = &s->bucket[hash >> s->shift];
        memcpy(s->word + b->begin, e, intel_entry_size(e->n));
        struct intel_entry *copy = (struct intel_entry *)(void *)(s->word + b->begin);
        copy->tag = tag_of(hash);
        b->begin += (uint32_t)words_of(e);
        b->marks |= marks_of(hash);
    }
    for (size_t i = s->buckets; i > 0; i--) /* each stands at its end, the next one's begin */
        s->bucket[i].begin = s->bucket[i - 1].begin;
    s->bucket[0].begin = 1;
}

/* Zeroed, and in huge pages when it is large: they take a quarter off what a miss costs. */
static void *array_of(size_t n, size_t size)
{
    size_t bytes = size_mul(n, size);
    if (bytes < HUGE_PAGE)
        return mem_zero(bytes);
    void *p = mem_aligned(HUGE_PAGE, bytes);
    (void)madvise(p, bytes, MADV_HUGEPAGE); /* without, all works as well */
    memset(p, 0, bytes);
    return p;
}

void intel_shelf_build(struct intel_shelf *s, const struct intel_pool *p, bool allow, size_t count,
                       uint64_t seed)
{
    *s = (struct intel_shelf){.buckets = 2, .shift = 63};
    if (count == 0)
        return;
    for (; s->buckets * ENTRIES_A_BUCKET < count; s->buckets *= 2)
        s->shift--;
    s->bucket = array_of(s->buckets + 1, sizeof *s->bucket);
    lay_out(s, p, allow, seed);
    s->word = array_of(s->words, sizeof *s->word);
    fill(s, p, allow, seed);
}

void intel_shelf_done(struct intel_shelf *s)
{
    mem_free(s->bucket);
    mem_free(s->word);
    *s = (struct intel_shelf){.bucket = NULL};
}

size_t intel_shelf_bytes(const struct intel_shelf *s)
{
    return s->bucket ? (s->buckets + 1) * sizeof *s->bucket + s->words * sizeof *s->word : 0;
}

static bool is_entry(const struct intel_entry *e, enum intel_kind kind, str identity)
{
    return intel_entry_kind(e) == kind &&
           str_eq(intel_key_identity(kind, intel_entry_bytes(e)), identity);
}

intel_ref intel_shelf_find(const struct intel_shelf *s, uint64_t hash, enum intel_kind kind,
                           str identity)
{
    const struct intel_bucket *b = intel_shelf_bucket(s, hash);
    uint32_t marks = marks_of(hash);
    if ((b->marks & marks) != marks)
        return 0;
    uint8_t tag = tag_of(hash);
    uint32_t end = b[1].begin;
    __builtin_prefetch(s->word + b->begin + LINE / sizeof *s->word);
    for (uint32_t at = b->begin; at < end;) {
        const struct intel_entry *e = intel_shelf_at(s, at);
        if (e->tag == tag && is_entry(e, kind, identity))
            return at;
        at += (uint32_t)words_of(e);
    }
    return 0;
}
