/* SPDX-License-Identifier: Apache-2.0 */
/* The baselines in a file.  Numbers are as this machine writes them; another's file is refused.
 *
 *     "BGBEHAV1" | u32 1, to tell byte orders | u32 version | u64 seed
 *     once a shard: u64 length | entities, the one that goes first first
 *     u64 checksum of all before it
 *
 * An entity: see put_entity.  The checksum guards against accident, like the hash it is; the file's mode
 * guards against people. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/reader.h"
#include "behavior/behavior_int.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    VERSION = 1,
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

static void put_sketch(struct sbuf *b, const struct sketch *s)
{
    uint8_t used = 0;
    for (unsigned i = 0; i < SKETCH_SLOTS; i++)
        used = (uint8_t)(used + (s->hash[i] != 0));
    put(b, &s->total, sizeof s->total);
    put(b, &s->fresh, sizeof s->fresh);
    put(b, &used, 1);
    for (unsigned i = 0; i < SKETCH_SLOTS; i++) {
        if (!s->hash[i])
            continue;
        uint8_t n = (uint8_t)strlen(s->text[i]);
        put(b, &s->hash[i], sizeof s->hash[i]);
        put(b, &s->count[i], sizeof s->count[i]);
        put(b, &s->error[i], sizeof s->error[i]);
        put(b, &n, 1);
        put(b, s->text[i], n);
    }
}

static void put_week(struct sbuf *b, const struct week *w)
{
    uint8_t used = 0;
    for (unsigned i = 0; w && i < WEEK_HOURS; i++)
        used = (uint8_t)(used + (w->n[i] != 0));
    put(b, &used, 1);
    for (unsigned i = 0; w && i < WEEK_HOURS; i++) {
        uint8_t at = (uint8_t)i;
        if (!w->n[i])
            continue;
        put(b, &at, 1);
        put(b, &w->n[i], 1);
        put(b, &w->mean[i], sizeof w->mean[i]);
        put(b, &w->var[i], sizeof w->var[i]);
    }
}

static void put_entity(struct sbuf *b, const struct entity *e)
{
    uint8_t kept = e->kept;
    uint16_t mask = 0;
    put(b, &e->key_n, sizeof e->key_n);
    put(b, e->key, e->key_n); /* its first byte is the type */
    put(b, &kept, 1);
    put(b, &e->first_hour, sizeof e->first_hour);
    put(b, &e->hour, sizeof e->hour);
    put(b, &e->landmark, sizeof e->landmark);
    put(b, &e->hour_count, sizeof e->hour_count);
    put(b, &e->weight, sizeof e->weight);
    put(b, &e->total, sizeof e->total);
    put(b, &e->events, sizeof e->events);
    put_week(b, e->week);
    for (unsigned i = 0; i < ASPECT_COUNT; i++)
        mask = (uint16_t)(mask | (unsigned)(e->aspect[i] != NULL) << i);
    put(b, &mask, sizeof mask);
    for (unsigned i = 0; i < ASPECT_COUNT; i++)
        if (e->aspect[i])
            put_sketch(b, e->aspect[i]);
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
            put_entity(b, e);
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
    for (size_t i = 0; i < SHARDS && o.ok; i++) {
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

static bool get_sketch(struct reader *r, struct sketch *s)
{
    uint8_t used, n;
    get(r, &s->total, sizeof s->total);
    get(r, &s->fresh, sizeof s->fresh);
    get(r, &used, 1);
    if (used > SKETCH_SLOTS)
        return false;
    for (unsigned i = 0; i < used; i++) {
        get(r, &s->hash[i], sizeof s->hash[i]);
        get(r, &s->count[i], sizeof s->count[i]);
        get(r, &s->error[i], sizeof s->error[i]);
        get(r, &n, 1);
        str text = rd_take(r, n);
        if (!r->ok || text.n >= SKETCH_TEXT || s->hash[i] == 0)
            return false;
        if (text.n)
            memcpy(s->text[i], text.p, text.n);
    }
    return r->ok && sketch_sane(s);
}

static bool get_week(struct reader *r, struct entity *e)
{
    uint8_t used, at;
    get(r, &used, 1);
    if (used)
        e->week = mem_new(struct week);
    for (unsigned i = 0; i < used; i++) {
        get(r, &at, 1);
        if (!r->ok || at >= WEEK_HOURS)
            return false;
        get(r, &e->week->n[at], 1);
        get(r, &e->week->mean[at], sizeof e->week->mean[at]);
        get(r, &e->week->var[at], sizeof e->week->var[at]);
    }
    return r->ok;
}

static bool hours_sane(const struct entity *e)
{
    if (e->hour == INT64_MIN)
        return e->first_hour == INT64_MIN && e->landmark == 0 && !e->week;
    return e->hour >= -HOUR_ABS_MAX && e->hour <= HOUR_ABS_MAX && e->first_hour >= -HOUR_ABS_MAX &&
           e->first_hour <= e->hour && e->landmark >= -HOUR_ABS_MAX && e->landmark <= e->hour;
}

static bool get_state(struct reader *r, struct entity *e)
{
    uint8_t kept;
    uint16_t mask;
    get(r, &kept, 1);
    get(r, &e->first_hour, sizeof e->first_hour);
    get(r, &e->hour, sizeof e->hour);
    get(r, &e->landmark, sizeof e->landmark);
    get(r, &e->hour_count, sizeof e->hour_count);
    get(r, &e->weight, sizeof e->weight);
    get(r, &e->total, sizeof e->total);
    get(r, &e->events, sizeof e->events);
    if (!r->ok || kept > 1 || !hours_sane(e) || !isfinite(e->weight) || e->weight < 1 ||
        !isfinite(e->total) || e->total < 0 || !get_week(r, e))
        return false;
    e->kept = kept;
    get(r, &mask, sizeof mask);
    if (mask >> ASPECT_COUNT)
        return false;
    for (unsigned i = 0; i < ASPECT_COUNT && r->ok; i++) {
        if (!(mask >> i & 1))
            continue;
        e->aspect[i] = mem_new(struct sketch);
        if (!get_sketch(r, e->aspect[i]))
            return false;
    }
    return r->ok;
}

static bool get_entity(struct behavior *b, struct reader *r)
{
    uint16_t n;
    get(r, &n, sizeof n);
    str key = rd_take(r, n);
    if (!r->ok || key.n < 2 || key.n > KEY_MAX_BYTES ||
        (unsigned char)key.p[0] >= BEHAVIOR_TYPE_COUNT)
        return false;
    uint64_t hash = hash_bytes(key, b->seed);
    struct shard *s = behavior_shard(b, hash);
    struct entity *e = entity_new(key, hash, (enum behavior_type)key.p[0]);
    bool ok = get_state(r, e);
    lock_take(&s->lock);
    ok = ok && !shard_find_locked(s, hash, key);
    if (ok)
        shard_put_locked(s, e);
    lock_drop(&s->lock);
    if (!ok)
        entity_free(e);
    return ok;
}

static bool get_shards(struct behavior *b, struct reader *r)
{
    for (size_t i = 0; i < SHARDS; i++) {
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
