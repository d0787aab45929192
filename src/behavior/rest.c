/* SPDX-License-Identifier: Apache-2.0 */
/* Entities that rest in a file: a log with an index in memory.
 *
 *     "BGREST01" | u64 seed                          once
 *     u32 length | u32 kind | u64 checksum | bytes   each: RECORD an entity (encode.c), GONE the key of one that is forgotten
 *
 * Records are only appended, so a crash can tear the last one, which is cut off when the file is opened; of two of a key
 * the later counts.  One that is taken back stays in the file as dead bytes: should the process end before what is in memory
 * is saved, it is there again, as it was.  When more than half of the file is dead, or it is full, what lives is written
 * into a file beside it that is moved there, if it is whole; past three quarters of the limit those written first are
 * forgotten then.
 *
 * Nothing is synced: it is a habit that may be learned again, not a record. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/metric.h"
#include "behavior/behavior_int.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HEAD_BYTES = 16,
    RECORD_HEAD = 16,
    RECORD_MAX = 64 * 1024,
    COMPACT_FROM = 1 << 20,
    PATIENCE = 1000
};
enum { RECORD = 0x52424745, GONE = 0x474f4e45, PATH_BYTES = 4096 };
static const char magic[] = "BGREST01";

struct place { /* of a record; hash 0: free */
    uint64_t hash, at;
    uint32_t n; /* of its bytes */
};
struct rest {
    int fd;
    uint64_t seed, max_bytes, end, dead;
    struct place *place; /* owned; open addressing */
    size_t room, count;  /* room: a power of two */
    unsigned patience;   /* records to come before the file is written anew; a time without luck */
    struct sbuf buffer;
    struct rest_stats stats;
    char path[PATH_BYTES];
};

/* The entity is lost. */
static void failed(struct rest *r)
{
    r->stats.failures++;
    metric_inc(METRIC_BEHAVIOR_FORGOTTEN_REFUSED);
}

/* ---- the index ---- */

static uint64_t key_hash(uint64_t hash)
{
    return hash ? hash : 1;
}

static struct place *find(const struct rest *r, uint64_t hash)
{
    for (size_t i = hash & (r->room - 1);; i = (i + 1) & (r->room - 1))
        if (r->place[i].hash == hash || r->place[i].hash == 0)
            return &r->place[i];
}

static void grow(struct rest *r)
{
    struct place *old = r->place;
    size_t room = r->room;
    r->room = room ? room * 2 : 64;
    r->place = mem_array(struct place, r->room);
    for (size_t i = 0; i < room; i++)
        if (old[i].hash)
            *find(r, old[i].hash) = old[i];
    mem_free(old);
}

/* Those behind it move up (Knuth, TAOCP 3, 6.4, algorithm R). */
static void unplace(struct rest *r, struct place *p)
{
    size_t hole = (size_t)(p - r->place), mask = r->room - 1;
    r->dead += RECORD_HEAD + p->n;
    r->count--;
    for (size_t i = (hole + 1) & mask; r->place[i].hash; i = (i + 1) & mask) {
        size_t home = r->place[i].hash & mask;
        if (((i - home) & mask) < ((i - hole) & mask))
            continue;
        r->place[hole] = r->place[i];
        hole = i;
    }
    r->place[hole] = (struct place){0};
}

static void put_place(struct rest *r, uint64_t hash, uint64_t at, uint32_t n)
{
    if ((r->count + 1) * 4 > r->room * 3)
        grow(r);
    struct place *p = find(r, hash);
    if (p->hash)
        r->dead += RECORD_HEAD + p->n;
    else
        r->count++;
    *p = (struct place){hash, at, n};
}

/* ---- bytes ---- */

static bool write_at(int fd, str s, uint64_t at)
{
    while (s.n) {
        ssize_t n = pwrite(fd, s.p, s.n, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        s = str_from(s, (size_t)n);
        at += (uint64_t)n;
    }
    return true;
}

static bool read_at(int fd, char *out, size_t n, uint64_t at)
{
    while (n) {
        ssize_t got = pread(fd, out, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        out += got;
        n -= (size_t)got;
        at += (uint64_t)got;
    }
    return true;
}

/* A record of what `r->buffer` holds behind its head. */
static bool append(struct rest *r, uint32_t kind)
{
    uint32_t n = (uint32_t)(r->buffer.n - RECORD_HEAD);
    uint64_t sum = hash_bytes(str_from(sbuf_str(&r->buffer), RECORD_HEAD), kind);
    memcpy(r->buffer.p, &n, 4);
    memcpy(r->buffer.p + 4, &kind, 4);
    memcpy(r->buffer.p + 8, &sum, 8);
    if (!write_at(r->fd, sbuf_str(&r->buffer), r->end))
        return false;
    r->end += r->buffer.n;
    return true;
}

static void begin(struct rest *r)
{
    static const char head[RECORD_HEAD];
    sbuf_clear(&r->buffer);
    sbuf_add(&r->buffer, (str){head, sizeof head});
}

/* The record at `at`, n bytes of it, into the buffer; false: it is not what it was. */
static bool read_record(struct rest *r, uint64_t at, uint32_t n, uint32_t *kind)
{
    uint32_t length;
    uint64_t sum;
    sbuf_clear(&r->buffer);
    char *p = sbuf_space(&r->buffer, RECORD_HEAD + n);
    if (!p || !read_at(r->fd, p, RECORD_HEAD + n, at))
        return false;
    sbuf_grew(&r->buffer, RECORD_HEAD + n);
    memcpy(&length, p, 4);
    memcpy(kind, p + 4, 4);
    memcpy(&sum, p + 8, 8);
    return length == n && sum == hash_bytes((str){p + RECORD_HEAD, n}, *kind);
}

static str record_key(const struct rest *r, uint32_t kind)
{
    struct reader in = reader_of(str_from(sbuf_str(&r->buffer), RECORD_HEAD));
    str n = kind == RECORD ? rd_take(&in, 2) : (str){0};
    uint16_t length = 0;
    if (n.n)
        memcpy(&length, n.p, sizeof length);
    return kind == RECORD ? rd_take(&in, length) : rd_rest(&in);
}

/* ---- opening ---- */

/* What the file holds, up to where it is torn. */
static void scan(struct rest *r, uint64_t size)
{
    uint32_t n, kind;
    while (r->end + RECORD_HEAD <= size) {
        if (!read_at(r->fd, (char *)&n, sizeof n, r->end) || n > RECORD_MAX ||
            r->end + RECORD_HEAD + n > size || !read_record(r, r->end, n, &kind) ||
            (kind != RECORD && kind != GONE))
            break;
        uint64_t hash = key_hash(hash_bytes(record_key(r, kind), r->seed));
        struct place *p = find(r, hash);
        if (kind == RECORD) {
            put_place(r, hash, r->end, n);
        } else {
            r->dead += RECORD_HEAD + n;
            if (p->hash)
                unplace(r, p);
        }
        r->end += RECORD_HEAD + n;
    }
}

static status take_over(struct rest *r, struct error *err)
{
    char head[HEAD_BYTES];
    struct stat s;
    if (fstat(r->fd, &s) != 0)
        return fail(err, ST_IO, "'%.120s': %s", r->path, strerror(errno));
    memcpy(head, magic, 8);
    memcpy(head + 8, &r->seed, 8);
    if (s.st_size == 0) {
        if (!write_at(r->fd, (str){head, sizeof head}, 0))
            return fail(err, ST_IO, "'%.120s': %s", r->path, strerror(errno));
    } else {
        char found[HEAD_BYTES] = {0};
        if (!read_at(r->fd, found, sizeof found, 0) || memcmp(found, head, sizeof head) != 0)
            return fail(err, ST_INVALID, "'%.120s' is of another version, or of other baselines",
                        r->path);
    }
    r->end = HEAD_BYTES;
    scan(r, (uint64_t)s.st_size);
    if (ftruncate(r->fd, (off_t)r->end) != 0)
        return fail(err, ST_IO, "'%.120s': %s", r->path, strerror(errno));
    return ST_OK;
}

status rest_open(const char *path, uint64_t seed, uint64_t max_bytes, struct rest **out,
                 struct error *err)
{
    struct rest *r = mem_new(struct rest);
    r->seed = seed;
    r->max_bytes = max_bytes;
    sbuf_init(&r->buffer, 2 * RECORD_MAX);
    grow(r);
    if ((size_t)snprintf(r->path, sizeof r->path, "%s", path) >= sizeof r->path - 8)
        r->path[sizeof r->path - 8] = '\0'; /* which is then not found */
    r->fd = open(r->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    status st =
        r->fd < 0 ? fail(err, ST_IO, "'%.120s': %s", r->path, strerror(errno)) : take_over(r, err);
    if (st == ST_OK)
        *out = r;
    else
        rest_close(r);
    return st;
}

void rest_close(struct rest *r)
{
    if (!r)
        return;
    if (r->fd >= 0)
        (void)close(r->fd); /* nothing is asked of what was written */
    sbuf_done(&r->buffer);
    mem_free(r->place);
    mem_free(r);
}

/* ---- compaction ---- */

static int by_age(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

/* Those that live, the oldest first; *n of them. */
static struct place *living(const struct rest *r, size_t *n)
{
    struct place *p = mem_array(struct place, r->count + 1);
    *n = 0;
    for (size_t i = 0; i < r->room; i++)
        if (r->place[i].hash)
            p[(*n)++] = r->place[i];
    qsort(p, *n, sizeof *p, by_age);
    return p;
}

/* Copy them; the first `without` bytes of them are forgotten.  False: there is no room on the disk. */
static bool copy_living(struct rest *r, struct rest *into, uint64_t without)
{
    size_t n;
    bool written = true;
    uint32_t kind;
    struct place *p = living(r, &n);
    for (size_t i = 0; i < n && written; i++) {
        uint64_t size = RECORD_HEAD + p[i].n;
        if (without) {
            without -= without < size ? without : size;
            into->stats.forgotten++;
        } else if (!read_record(r, p[i].at, p[i].n, &kind)) {
            failed(r);
        } else if ((written = write_at(into->fd, sbuf_str(&r->buffer), into->end))) {
            put_place(into, p[i].hash, into->end, p[i].n);
            into->end += size;
        }
    }
    mem_free(p);
    return written;
}

/* All stays as it was, and is not tried again at once: it costs as much as the file is long. */
static void give_up(struct rest *r)
{
    r->stats.failures++;
    r->patience = PATIENCE;
}

static void compact(struct rest *r)
{
    char path[PATH_BYTES];
    struct rest *into = NULL;
    uint64_t live = r->end - r->dead, most = r->max_bytes / 4 * 3;
    int n = snprintf(path, sizeof path, "%s.new", r->path);
    if (n < 0 || (size_t)n >= sizeof path)
        return;
    (void)unlink(path); /* of a crash */
    if (rest_open(path, r->seed, r->max_bytes, &into, NULL) != ST_OK) {
        give_up(r);
        return;
    }
    if (!copy_living(r, into, live > most ? live - most : 0) || rename(path, r->path) != 0) {
        give_up(r);
        (void)unlink(path);
        rest_close(into);
        return;
    }
    (void)close(r->fd);
    mem_free(r->place);
    r->fd = into->fd;
    r->place = into->place;
    r->room = into->room;
    r->count = into->count;
    r->end = into->end;
    r->dead = 0;
    r->stats.forgotten += into->stats.forgotten;
    metric_add(METRIC_BEHAVIOR_FORGOTTEN_ROOM, into->stats.forgotten);
    into->fd = -1;
    into->place = NULL;
    rest_close(into);
}

/* Half of it is dead, or what is to come has no place. */
static void make_room(struct rest *r, size_t more)
{
    if (r->patience && r->patience--)
        return;
    if ((r->end > COMPACT_FROM && r->dead > r->end / 2) || r->end + more > r->max_bytes)
        compact(r);
}

/* ---- what rests ---- */

void rest_put(struct rest *r, const struct entity *e)
{
    make_room(r, RECORD_HEAD + entity_bytes(e));
    begin(r);
    entity_put(&r->buffer, e);
    uint64_t at = r->end, size = r->buffer.n;
    if (r->buffer.full || size > RECORD_MAX || at + size > r->max_bytes || !append(r, RECORD)) {
        failed(r);
        return;
    }
    put_place(r, key_hash(e->hash), at, (uint32_t)(size - RECORD_HEAD));
    r->stats.put++;
    metric_inc(METRIC_BEHAVIOR_SPILLED);
}

struct entity *rest_take(struct rest *r, uint64_t hash, str key)
{
    uint32_t kind;
    struct place *p = find(r, key_hash(hash));
    if (!p->hash)
        return NULL;
    struct entity *e = NULL;
    if (read_record(r, p->at, p->n, &kind) && kind == RECORD) {
        struct reader in = reader_of(str_from(sbuf_str(&r->buffer), RECORD_HEAD));
        e = entity_get(&in, r->seed);
    }
    if (e && !str_eq((str){e->key, e->key_n}, key)) { /* another of the same hash: an accident */
        entity_free(e);
        return NULL;
    }
    unplace(r, p);
    if (!e) {
        failed(r);
        return NULL;
    }
    r->stats.taken++;
    metric_inc(METRIC_BEHAVIOR_LOADED);
    return e;
}

/* Said in the file too: what is dead there would come back after a crash. */
static void forget(struct rest *r, uint64_t hash, str key)
{
    struct place *p = find(r, hash);
    if (p->hash)
        unplace(r, p);
    make_room(r, RECORD_HEAD + key.n);
    begin(r);
    sbuf_add(&r->buffer, key);
    if (append(r, GONE))
        r->dead += r->buffer.n;
    else
        r->stats.failures++;
}

/* A tenant's: which are found by reading all of them. */
static size_t forget_tenant(struct rest *r, str tenant)
{
    size_t n, forgot = 0;
    uint32_t kind;
    struct place *p = living(r, &n);
    for (size_t i = 0; i < n; i++) {
        struct place *now = find(r, p[i].hash); /* it may have moved on the way */
        if (!now->hash || !read_record(r, now->at, now->n, &kind))
            continue;
        char room[KEY_MAX_BYTES];
        str key = str_head(record_key(r, RECORD), sizeof room), rest = str_from(key, 1);
        if (!str_eq(str_cut(&rest, '\0'), tenant))
            continue;
        memcpy(room, key.p, key.n);
        forget(r, p[i].hash, (str){room, key.n});
        forgot++;
    }
    mem_free(p);
    return forgot;
}

size_t rest_forget(struct rest *r, uint64_t hash, const str *key, str tenant)
{
    if (!key)
        return forget_tenant(r, tenant);
    size_t n = find(r, key_hash(hash))->hash != 0;
    forget(r, key_hash(hash), *key);
    return n;
}

void rest_drop(struct rest *r, uint64_t hash)
{
    struct place *p = find(r, key_hash(hash));
    if (p->hash)
        unplace(r, p);
}

struct rest_stats rest_stats(const struct rest *r)
{
    struct rest_stats s = r->stats;
    s.entities = r->count;
    s.bytes = r->end;
    return s;
}
