/* SPDX-License-Identifier: Apache-2.0 */
/* The baselines in a file.  Numbers are as this machine writes them; another's file is refused.
 *
 *     "BGBEHAV1" | u32 1, to tell byte orders | u32 version | u64 seed
 *     once a shard, and for the groups: u64 length | entities, the one that goes first first
 *     u64 checksum of all before it
 *
 * An entity: see encode.c.  The checksum guards against accident, like the hash it is; the file's mode
 * guards against people. */
#include "base/hash.h"
#include "behavior/behavior_int.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    VERSION = 2,
    SHARD_BYTES_MAX = 64 * 1024 * 1024,
    FILE_BYTES_MAX = 1024 * 1024 * 1024,
    PATH_BYTES_MAX = 4096
};
static const char magic[] = "BGBEHAV1";

/* ---- writing ---- */

static void put(struct sbuf *b, const void *p, size_t n)
{
    sbuf_add(b, (str){p, n});
}

struct out {
    int fd;
    uint64_t sum;
    bool ok;
};

static void out_write(struct out *o, str s)
{
    o->sum = hash_bytes(s, o->sum);
    while (o->ok && s.n) {
        ssize_t n = write(o->fd, s.p, s.n);
        if (n < 0 && errno == EINTR)
            continue;
        o->ok = n > 0;
        s = str_from(s, n > 0 ? (size_t)n : 0);
    }
}

static void put_shard(struct shard *s, struct sbuf *b)
{
    sbuf_clear(b);
    lock_take(&s->lock);
    for (size_t kept = 0; kept < 2; kept++)
        for (const struct entity *e = s->list[kept].oldest; e; e = e->newer)
            entity_put(b, e);
    lock_drop(&s->lock);
}

static bool write_file(struct behavior *b, int fd, struct sbuf *buffer)
{
    struct out o = {.fd = fd, .ok = true};
    uint32_t order = 1, version = VERSION;
    sbuf_add(buffer, str_z(magic));
    put(buffer, &order, sizeof order);
    put(buffer, &version, sizeof version);
    put(buffer, &b->seed, sizeof b->seed);
    out_write(&o, sbuf_str(buffer));
    for (size_t i = 0; i <= SHARDS && o.ok; i++) {
        put_shard(&b->shard[i], buffer);
        uint64_t n = buffer->n;
        out_write(&o, (str){(const char *)&n, sizeof n});
        out_write(&o, sbuf_str(buffer));
        o.ok = o.ok && !buffer->full;
    }
    uint64_t sum = o.sum;
    out_write(&o, (str){(const char *)&sum, sizeof sum});
    return o.ok && fsync(fd) == 0;
}

status behavior_save(struct behavior *b, const char *path, struct error *err)
{
    char beside[PATH_BYTES_MAX];
    struct sbuf buffer;
    if ((size_t)snprintf(beside, sizeof beside, "%s.new", path) >= sizeof beside)
        return fail(err, ST_INVALID, "the path '%.80s…' is too long", path);
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(err, ST_IO, "'%.120s': %s", beside, strerror(errno));
    sbuf_init(&buffer, SHARD_BYTES_MAX);
    bool ok = write_file(b, fd, &buffer);
    int why = errno;
    bool full = buffer.full;
    sbuf_done(&buffer);
    ok &= close(fd) == 0;
    if (ok && rename(beside, path) == 0)
        return ST_OK;
    why = ok ? errno : why;
    (void)unlink(beside); /* in nobody's way */
    return fail(err, ST_IO, "'%.120s': %s", path, full ? "too much to write" : strerror(why));
}

/* ---- reading ---- */

static void get(struct reader *r, void *out, size_t n)
{
    str s = rd_take(r, n);
    memset(out, 0, n);
    if (s.n)
        memcpy(out, s.p, s.n);
}

static bool get_entity(struct behavior *b, struct reader *r)
{
    struct entity *e = entity_get(r, b->seed);
    if (!e)
        return false;
    struct shard *s = behavior_shard(b, e->type, e->hash);
    lock_take(&s->lock);
    bool ok = !shard_find_locked(s, e->hash, (str){e->key, e->key_n});
    if (ok)
        shard_put_locked(s, e);
    lock_drop(&s->lock);
    if (!ok)
        entity_free(e);
    return ok;
}

static bool get_shards(struct behavior *b, struct reader *r)
{
    for (size_t i = 0; i <= SHARDS; i++) {
        uint64_t n;
        get(r, &n, sizeof n);
        str bytes = rd_take(r, n);
        struct reader one = reader_of(bytes);
        if (!r->ok)
            return false;
        while (rd_left(&one))
            if (!get_entity(b, &one))
                return false;
    }
    return rd_left(r) == 0;
}

/* Of the pieces as they were written. */
static uint64_t checksum(str body)
{
    struct reader r = reader_of(body);
    uint64_t sum = hash_bytes(rd_take(&r, sizeof magic - 1 + 16), 0);
    while (r.ok && rd_left(&r)) {
        str length = rd_take(&r, 8);
        uint64_t n = r.ok ? hash_load64(length.p) : 0;
        sum = hash_bytes(length, sum);
        sum = hash_bytes(rd_take(&r, n), sum);
    }
    return r.ok ? sum : 0;
}

status behavior_read(struct behavior *b, str bytes, struct error *err)
{
    struct reader r = reader_of(bytes);
    uint32_t order, version;
    uint64_t sum;
    rd_expect(&r, str_z(magic));
    get(&r, &order, sizeof order);
    get(&r, &version, sizeof version);
    if (!r.ok || order != 1 || version != VERSION)
        return fail(err, ST_INVALID, "not baselines of version %d and this machine's byte order",
                    VERSION);
    if (bytes.n < sizeof magic - 1 + 16 + 8)
        return fail(err, ST_INVALID, "baselines are cut short");
    memcpy(&sum, bytes.p + bytes.n - 8, 8);
    str body = str_head(bytes, bytes.n - 8);
    if (checksum(body) != sum)
        return fail(err, ST_INVALID, "baselines are damaged: the checksum differs");
    uint64_t seed = b->seed;
    get(&r, &b->seed, sizeof b->seed);
    r.end -= 8;
    if (get_shards(b, &r))
        return ST_OK;
    behavior_clear(b);
    b->seed = seed;
    return fail(err, ST_INVALID, "baselines are damaged at byte %zu", (size_t)(r.p - bytes.p));
}

status behavior_load(struct behavior *b, const char *path, struct error *err)
{
    struct sbuf bytes;
    sbuf_init(&bytes, FILE_BYTES_MAX);
    status st = file_read_all(path, &bytes, err);
    if (st == ST_OK)
        st = behavior_read(b, sbuf_str(&bytes), err);
    sbuf_done(&bytes);
    return st == ST_OK ? st : fail_prefix(err, st, "'%.80s'", path);
}
