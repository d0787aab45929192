/* SPDX-License-Identifier: Apache-2.0 */
/* intel_int.h - for files in intel/ and their tests only.
 *
 * Text becomes a key (kind, canonical bytes); a set maps keys to entries.  How
 * entries are laid out is in docs/decisions/003-indicators-in-memory.md. */
#ifndef INTEL_INTEL_INT_H
#define INTEL_INTEL_INT_H

#include "base/map.h"
#include "base/vec.h"
#include "intel/intel.h"

__extension__ typedef unsigned __int128 u128;

enum {
    INTEL_VALUE_MAX = 2048, /* longest canonical value; longer URLs are refused */
    INTEL_LABELS_MAX = 128  /* of a domain name: 253 bytes hold no more */
};

/* ---- keys: key.c and kind_*.c ---- */

/* Addresses and hashes are binary (4, 16, 20, 32 bytes), a range is its length and its base
 * address, the rest is text. */
struct intel_key {
    enum intel_kind kind;
    size_t n;
    char byte[INTEL_VALUE_MAX];
};

struct intel_kind_ops {
    const char *name, *noun;
    /* Canonical bytes of `in`, refanged and without quotes; 0 when it is not of this kind. */
    size_t (*encode)(str in, char out[static INTEL_VALUE_MAX]);
    /* Text of canonical bytes.  Optional: the bytes are the text. */
    size_t (*format)(str bytes, char out[static INTEL_TEXT_MAX]);
    /* Why a well-formed value makes no sense in a set, or NULL.  Optional. */
    const char *(*objection)(str bytes, bool allow);
};
extern const struct intel_kind_ops *const intel_kinds[INTEL_KIND_COUNT];

/* The key of `text`, of `kind` or (INTEL_KIND_COUNT) of the kind it shows.  False: of no kind. */
CHECKED bool intel_key_parse(str text, enum intel_kind kind, struct intel_key *key);
/* Its canonical text: in `out`, or the key's own bytes. */
str intel_key_text(enum intel_kind kind, str bytes, char out[static INTEL_TEXT_MAX]);
/* What two spellings of one indicator share: a URL without http:// or https://. */
str intel_key_identity(enum intel_kind kind, str bytes);

/* Take the disarming out of `in`: hxxp, [.], (dot), [at]...  Returns the length, at most in.n. */
size_t intel_refang(str in, char *out);
/* Without white space and paired quotes or <> around it. */
str intel_unquote(str s);

/* Lower-case `name` without its final dots; 0 when it is no host name with `labels` or more.
 * Up to 15 bytes more than the name are written; `out` has room for 256. */
size_t intel_domain_lower(str name, size_t labels, char *out);
/* The host of a canonical URL, port, user and brackets taken off. */
str intel_url_host(str url);
/* Address bytes of `s`, 4 or 16; 0 when it is none. */
size_t intel_ip_bytes(str s, char out[static 16]);

/* ---- storage: pool.c, shelf.c, range.c, meta.c ---- */

/* What is kept of one indicator; `n` bytes of key follow, and zeros up to a multiple of 4. */
struct intel_entry {
    uint32_t meta; /* index into intel_metas */
    uint16_t n;    /* never 0 */
    uint8_t what;  /* kind, and flags above it */
    uint8_t tag;   /* of its hash, so that the others of a bucket are passed over */
};
enum intel_flag {
    INTEL_ALLOW = 1 << 0, /* known good */
    INTEL_EXACT = 1 << 1, /* a name without its subdomains */
    INTEL_FLAG_SHIFT = 4
};
static inline enum intel_kind intel_entry_kind(const struct intel_entry *e)
{
    return (enum intel_kind)(e->what & 15);
}
static inline unsigned intel_entry_flags(const struct intel_entry *e)
{
    return e->what >> INTEL_FLAG_SHIFT;
}
static inline str intel_entry_bytes(const struct intel_entry *e)
{
    return (str){(const char *)(e + 1), e->n};
}
static inline size_t intel_entry_size(size_t n)
{
    return (sizeof(struct intel_entry) + n + 3) & ~(size_t)3;
}

/* Where an entry is; 0: nowhere. */
typedef uint32_t intel_ref;

struct intel_budget {
    size_t used, max;
};
/* Account for `n` more bytes; false past the maximum. */
CHECKED bool intel_budget_take(struct intel_budget *b, size_t n);

/* Entries while a set is built, in blocks that do not move. */
struct intel_pool {
    char **block; /* owned, and so is each */
    size_t count, room, used;
};
void intel_pool_done(struct intel_pool *p);
size_t intel_pool_bytes(const struct intel_pool *p); /* as taken from the budget */
/* A copy of the key as an entry; 0 past the budget. */
intel_ref intel_pool_add(struct intel_pool *p, const struct intel_entry *e, const char *bytes,
                         struct intel_budget *budget);
/* The entry after `*at` (begin with 0), or NULL. */
const struct intel_entry *intel_pool_next(const struct intel_pool *p, intel_ref *at);

enum { INTEL_BLOCK_BITS = 16 };
static inline struct intel_entry *intel_pool_at(const struct intel_pool *p, intel_ref ref)
{
    char *block = p->block[ref >> INTEL_BLOCK_BITS];
    return (struct intel_entry *)(void *)(block + (ref & ((1u << INTEL_BLOCK_BITS) - 1)));
}

/* Which of them are there already: open addressing; a slot is 32 bits of hash and a ref. */
struct intel_table {
    uint64_t *slot; /* owned */
    size_t count, room;
};
uint64_t intel_hash(enum intel_kind kind, str identity, uint64_t seed);
uint64_t intel_entry_hash(const struct intel_entry *e, uint64_t seed);
CHECKED bool intel_table_reserve(struct intel_table *t, const struct intel_pool *p, uint64_t seed,
                                 struct intel_budget *budget);
void intel_table_add(struct intel_table *t, uint64_t hash, intel_ref ref);
intel_ref intel_table_find(const struct intel_table *t, const struct intel_pool *p, uint64_t hash,
                           enum intel_kind kind, str identity);

/* Entries once a set is frozen: those of one bucket stand next to each other. */
struct intel_bucket {
    uint32_t begin; /* a ref; the next bucket's is the end */
    uint32_t marks; /* two bits for each entry: most of what is not in it is told here */
};
struct intel_shelf {
    struct intel_bucket *bucket; /* owned; one more than there are */
    uint32_t *word;              /* owned; entries; refs are indices into it, from 1 on */
    size_t buckets, words;
    unsigned shift; /* of a hash, to its bucket */
};
/* Those of the pool's entries whose INTEL_ALLOW is `allow`. */
void intel_shelf_build(struct intel_shelf *s, const struct intel_pool *p, bool allow, size_t count,
                       uint64_t seed);
void intel_shelf_done(struct intel_shelf *s);
size_t intel_shelf_bytes(const struct intel_shelf *s);
static inline const struct intel_entry *intel_shelf_at(const struct intel_shelf *s, intel_ref ref)
{
    return (const struct intel_entry *)(const void *)(s->word + ref);
}
static inline const struct intel_bucket *intel_shelf_bucket(const struct intel_shelf *s,
                                                            uint64_t hash)
{
    return &s->bucket[hash >> s->shift];
}
/* The shelf must hold something. */
intel_ref intel_shelf_find(const struct intel_shelf *s, uint64_t hash, enum intel_kind kind,
                           str identity);

/* Disjoint intervals made of nested ranges: start[i] up to start[i + 1] belongs to owner[i]. */
struct intel_ranges {
    u128 *start;      /* owned; of IPv6, with */
    intel_ref *owner; /* owned; 0: to nobody */
    uint64_t *v4;     /* owned; start in the upper half, owner in the lower */
    uint32_t
        *from; /* owned; where the intervals of addresses >> shift begin, one more at the end */
    unsigned shift;
    size_t count;
};
struct intel_range {
    u128 first, last;
    intel_ref ref;
};
/* Of `n` different prefixes, all IPv4 (`v4`) or none; they are sorted in place. */
void intel_ranges_build(struct intel_ranges *r, struct intel_range *range, size_t n, bool v4);
enum { INTEL_RANGE_COST = 2 * (sizeof(u128) + sizeof(intel_ref)) }; /* bytes for each */
void intel_ranges_done(struct intel_ranges *r);
/* The narrowest range an address of 4 or 16 bytes is in, or 0.  O(log n). */
intel_ref intel_ranges_find(const struct intel_ranges *r, str address);
u128 intel_address(str bytes); /* 4 or 16 network-order bytes */

/* What indicators of one feed share. */
struct intel_meta {
    uint32_t source, description, techniques; /* indices; 0: none */
    float confidence_01;
    int64_t expires_ms;
};
enum { INTEL_TECHNIQUES_MAX = 16 }; /* of one indicator */
struct intel_techniques {
    const str *at;
    uint32_t count;
};
struct intel_metas {
    VEC(struct intel_meta) meta;
    uint32_t *slot; /* owned; index + 1 */
    size_t room;
    VEC(str) text; /* [0] is empty */
    VEC(struct intel_techniques) techniques;
    struct map text_id, techniques_id;
    struct arena arena; /* texts; bounded by the budget */
    bool overflowed;    /* descriptions were left out */
};
void intel_metas_init(struct intel_metas *m);
void intel_metas_done(struct intel_metas *m);
/* Index of what `item` says besides its value; false past the budget. */
CHECKED bool intel_metas_add(struct intel_metas *m, const struct indicator *item,
                             struct intel_budget *budget, uint32_t *out);

/* ---- allow-lists that are not values: pattern.c ---- */

struct intel_patterns; /* opaque */
/* `kinds`: a bit for each kind of value it is held against.  Substrings are matched in
 * canonical text.  ST_INVALID: a regular expression this cannot do.  ST_LIMIT. */
CHECKED status intel_patterns_add_substring(struct intel_patterns **p, str text, uint32_t kinds,
                                            struct intel_budget *budget, struct error *err);
CHECKED status intel_patterns_add_regex(struct intel_patterns **p, str pattern, uint32_t kinds,
                                        struct intel_budget *budget, struct error *err);
void intel_patterns_freeze(struct intel_patterns *p); /* NULL is fine */
void intel_patterns_free(struct intel_patterns *p);   /* NULL is fine */
bool intel_patterns_match(const struct intel_patterns *p, enum intel_kind kind, str text);

/* ---- the set: set.c, find.c ---- */

struct intel_side {
    struct intel_table table; /* until frozen */
    struct intel_shelf shelf; /* once frozen, and so are the ranges */
    struct intel_ranges v4, v6;
    size_t kind[INTEL_KIND_COUNT]; /* how many of each */
};

struct intel_set {
    struct intel_options options;
    struct intel_budget budget;
    uint64_t seed;
    bool frozen, full;
    struct intel_pool pool; /* until frozen */
    struct intel_side bad, good;
    struct intel_metas metas;
    struct intel_patterns *patterns;
    struct intel_stats stats;
    VEC(struct intel_problem) problem;
    struct arena names;    /* of files, in problems */
    intel_taken_fn *taken; /* told of what a feed adds; NULL: nobody */
    void *taken_arg;
};

/* intel_set_add with enum intel_flag.  Expired and duplicate ones are counted and ST_OK. */
CHECKED status intel_add(struct intel_set *set, const struct indicator *item, unsigned flags,
                         struct error *err);
/* The ST_LIMIT of a full set. */
status intel_full(struct intel_set *set, struct error *err);

enum { INTEL_PROBLEMS_A_FILE = 20, INTEL_PROBLEMS_MAX = 1000 };

/* The entry for `key` itself or for what it lies in: range, parent domain, a URL's host, the
 * domain of an e-mail address (bad side only).  0: none. */
intel_ref intel_look(const struct intel_set *set, const struct intel_side *side,
                     const struct intel_key *key);
/* Is `key`, or what it hit (`ref`, 0: nothing), known good? */
bool intel_is_allowed(const struct intel_set *set, const struct intel_key *key, intel_ref ref);
/* intel_look on the bad side, minus what is allowed. */
intel_ref intel_judge(const struct intel_set *set, const struct intel_key *key);
/* Fill `out` from an entry; out->value may point to out->text. */
void intel_describe(const struct intel_set *set, intel_ref ref, struct indicator *out);

/* ---- the matcher: match.c, scan.c ---- */

enum intel_where {
    INTEL_WHERE_NONE,
    INTEL_WHERE_HOST, /* an address or a name */
    INTEL_WHERE_URL,
    INTEL_WHERE_PATH, /* a URL, or its part after the host */
    INTEL_WHERE_HASH,
    INTEL_WHERE_HASHES, /* SHA1=...,MD5=... */
    INTEL_WHERE_EMAIL,
    INTEL_WHERE_TEXT /* anything, somewhere in it */
};

/* Calls `found` for what looks like an address, a URL or a hash in the first INTEL_SCAN_MAX
 * bytes of `text`, at most INTEL_SCAN_FOUND_MAX times.  `escaped`: it is JSON text not decoded yet,
 * which nearly always does; false when it must be decoded and scanned again. */
enum { INTEL_SCAN_MAX = 8192, INTEL_SCAN_FOUND_MAX = 32 };
typedef void intel_found_fn(void *arg, str candidate);
bool intel_scan(str text, bool escaped, intel_found_fn *found, void *arg);

#endif
