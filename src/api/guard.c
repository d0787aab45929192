/* SPDX-License-Identifier: Apache-2.0 */
#include "api/guard.h"

#include "base/hash.h"
#include "base/mem.h"
#include "codec/ip.h"
#include "codec/url.h"
#include "os/lock.h"

#include <stdatomic.h>

enum { SHARDS = 16, WAYS = 8, DAY_MS = 86400000, LOOKED_AT = 2048 };

struct suspect {
    uint64_t key;              /* 0: free */
    int64_t seen_ms, until_ms; /* last offence; end of the last block, 0: never blocked */
    uint32_t points, blocks;   /* as of seen_ms; how often it was blocked */
};

struct shard {
    struct lock lock;
    struct suspect *suspect; /* owned; sets * WAYS */
};

struct guard {
    struct shard shard[SHARDS];
    size_t sets;               /* a shard's; a power of two */
    int64_t block_ms;          /* the first one */
    _Atomic int64_t latest_ms; /* when the last block there is ends; 0: there never was one */
};

static const struct {
    const char *name;
    uint32_t points;
} offence[] = {
#define X(NAME, name, points) {name, points},
#include "api/offence.def"
};

const char *guard_offence_name(enum guard_offence o)
{
    return offence[o].name;
}

str address_key(str address, char out[static ADDRESS_KEY_MAX])
{
    struct ip ip;
    if (!ip_parse(address, &ip) || !ip.v6)
        return address;
    memset(ip.byte + 8, 0, 8);
    return (str){out, ip_format(&ip, out)};
}

struct guard *guard_new(size_t addresses, int64_t block_ms)
{
    struct guard *g = mem_new(struct guard);
    g->sets = 1;
    g->block_ms = block_ms ? block_ms : GUARD_BLOCK_MS;
    while (g->sets * WAYS * SHARDS < addresses)
        g->sets *= 2;
    for (size_t i = 0; i < SHARDS; i++) {
        lock_init(&g->shard[i].lock, LOCK_API_RATE);
        g->shard[i].suspect = mem_array(struct suspect, g->sets * WAYS);
    }
    return g;
}

void guard_free(struct guard *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        lock_done(&g->shard[i].lock);
        mem_free(g->shard[i].suspect);
    }
    mem_free(g);
}

static uint32_t points_at(const struct suspect *s, int64_t now_ms)
{
    int64_t faded = now_ms > s->seen_ms ? (now_ms - s->seen_ms) / GUARD_FADE_MS : 0;
    return faded >= s->points ? 0 : s->points - (uint32_t)faded;
}

/* How much is lost by forgetting it. */
static int64_t weight(const struct suspect *s, int64_t now_ms)
{
    if (s->key == 0)
        return -1;
    int64_t blocked = s->until_ms > now_ms ? s->until_ms - now_ms : 0;
    return (int64_t)points_at(s, now_ms) + 1000 * (blocked + s->blocks);
}

static struct suspect *set_of(struct guard *g, struct shard *s, uint64_t h)
{
    return &s->suspect[(h & (g->sets - 1)) * WAYS];
}

static struct suspect *find_locked(struct suspect *set, uint64_t key)
{
    for (size_t i = 0; i < WAYS; i++)
        if (set[i].key == key)
            return &set[i];
    return NULL;
}

static struct suspect *add_locked(struct suspect *set, uint64_t key, int64_t now_ms)
{
    struct suspect *s = find_locked(set, key), *least = set;
    if (s)
        return s;
    for (size_t i = 1; i < WAYS; i++)
        if (weight(&set[i], now_ms) < weight(least, now_ms))
            least = &set[i];
    *least = (struct suspect){.key = key, .seen_ms = now_ms};
    return least;
}

static uint64_t hash_of(str address)
{
    char text[ADDRESS_KEY_MAX];
    uint64_t h = hash_bytes(address_key(address, text), hash_seed());
    return h ? h : 1;
}

static void block_locked(struct guard *g, struct suspect *s, int64_t now_ms)
{
    int64_t length_ms = g->block_ms;
    for (uint32_t i = 0; i < s->blocks && length_ms < GUARD_BLOCK_MAX_MS; i++)
        length_ms *= 2;
    length_ms = length_ms < GUARD_BLOCK_MAX_MS ? length_ms : GUARD_BLOCK_MAX_MS;
    s->blocks++;
    s->points = 0;
    s->until_ms = now_ms + length_ms;
    int64_t latest = atomic_load(&g->latest_ms);
    while (latest < s->until_ms &&
           !atomic_compare_exchange_weak(&g->latest_ms, &latest, s->until_ms))
        ;
}

bool guard_offend(struct guard *g, str address, enum guard_offence o, int64_t now_ms,
                  int64_t *until_ms)
{
    uint64_t h = hash_of(address);
    struct shard *shard = &g->shard[h >> 60];
    lock_take(&shard->lock);
    struct suspect *s = add_locked(set_of(g, shard, h), h, now_ms);
    bool already = s->until_ms > now_ms, blocked = false;
    if (s->blocks && now_ms - s->until_ms > DAY_MS)
        s->blocks = 0;
    s->points = points_at(s, now_ms) + offence[o].points;
    s->seen_ms = now_ms;
    if (!already && s->points >= GUARD_LIMIT) {
        block_locked(g, s, now_ms);
        blocked = true;
        *until_ms = s->until_ms;
    }
    lock_drop(&shard->lock);
    return blocked;
}

bool guard_blocked(struct guard *g, str address, int64_t now_ms, int64_t *until_ms)
{
    if (LIKELY(atomic_load_explicit(&g->latest_ms, memory_order_relaxed) <= now_ms))
        return false;
    uint64_t h = hash_of(address);
    struct shard *shard = &g->shard[h >> 60];
    lock_take(&shard->lock);
    const struct suspect *s = find_locked(set_of(g, shard, h), h);
    bool blocked = s && s->until_ms > now_ms;
    if (blocked && until_ms)
        *until_ms = s->until_ms;
    lock_drop(&shard->lock);
    return blocked;
}

/* ---- shapes ---- */

/* In lower case, looked for in the decoded text: what scanners ask any server for, and what has no place in a
 * path or a parameter of ours that was refused. */
static const char *const shape[] = {"../",
                                    "..\\",
                                    "/etc/passwd",
                                    "/proc/self",
                                    "win.ini",
                                    "/.env",
                                    "/.git",
                                    "/.aws",
                                    "/.ssh",
                                    "/wp-",
                                    "/xmlrpc.php",
                                    "/phpmyadmin",
                                    "/cgi-bin/",
                                    "/vendor/phpunit",
                                    "/actuator",
                                    "/boaform",
                                    "/hnap1",
                                    "/manager/html",
                                    "/solr/",
                                    "/_ignition",
                                    ".php",
                                    ".asp",
                                    ".jsp",
                                    "union select",
                                    "union all select",
                                    "' or '",
                                    "' or 1=1",
                                    "\" or \"",
                                    "sleep(",
                                    "benchmark(",
                                    "information_schema",
                                    "xp_cmdshell",
                                    "waitfor delay",
                                    "<script",
                                    "javascript:",
                                    "onerror=",
                                    "${jndi:",
                                    "${env:",
                                    "{{7*7}}",
                                    "$(",
                                    ";wget ",
                                    "|wget ",
                                    "; cat ",
                                    "| cat ",
                                    "/bin/sh",
                                    "powershell",
                                    "php://",
                                    "file://",
                                    "gopher://",
                                    "169.254.169.254"};

static bool has_shape(str text)
{
    char decoded[LOOKED_AT];
    str s = str_head(text, LOOKED_AT);
    size_t n = s.n ? url_decode(s, true, decoded) : 0;
    n = n ? url_decode((str){decoded, n}, false, decoded) : 0; /* doubly escaped ones too */
    s = (str){decoded, n};
    if (n && memchr(decoded, 0, n))
        return true;
    for (size_t i = 0; i < COUNT(shape); i++)
        if (str_icontains(s, str_z(shape[i])))
            return true;
    return false;
}

bool guard_suspicious(str path, str query)
{
    return has_shape(path) || has_shape(query);
}
