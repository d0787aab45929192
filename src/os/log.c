/* SPDX-License-Identifier: Apache-2.0 */
#include "os/log.h"

#include "base/metric.h"
#include "codec/json_out.h"
#include "os/clock.h"
#include "os/lock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TEXT_MAX = 1024, /* bytes of one field or message; what is longer is cut */
    FIELDS_MAX = 16,
    LINE_MAX_BYTES = 128 * 1024, /* of which each may take six in JSON */
    PATH_BYTES = 4096,
    KEEP_MAX = 1000
};

static const char *const categories[] = {
#define X(NAME, name) name,
#include "os/log.def"
};
static const char *const levels[] = {"debug", "info", "warn", "error"};

static atomic_int least = LOG_INFO;

bool log_level_find(str name, enum log_level *out)
{
    for (size_t i = 0; i < COUNT(levels); i++)
        if (str_eq(name, str_z(levels[i]))) {
            *out = (enum log_level)i;
            return true;
        }
    return false;
}

static struct {
    struct lock lock;
    char path[PATH_BYTES]; /* empty: standard error */
    int fd;
    bool torn; /* the last line was cut short by the disk: end it before the next */
    uint64_t size, rotate_bytes;
    unsigned keep;
} file = {.lock = {PTHREAD_MUTEX_INITIALIZER, LOCK_LOG}, .fd = STDERR_FILENO};

/* Not to be waited for, whatever it is: a pipe nobody reads loses lines. */
static int open_for_adding(const char *path)
{
    int fd;
    do
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    while (fd < 0 && errno == EINTR);
    return fd;
}

static void adopt_locked(int fd)
{
    assert(lock_held(&file.lock));
    if (file.fd != STDERR_FILENO)
        (void)close(file.fd); /* each line was written whole: nothing is left to fail */
    file.fd = fd;
    file.torn = false;
    struct stat st;
    file.size = fd != STDERR_FILENO && fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static status fail_open(struct error *err, const char *path, int number)
{
    char text[128];
    return fail(err, ST_IO, "log '%s': %s", path, strerror_r(number, text, sizeof text));
}

status log_open(const struct log_options *options, struct error *err)
{
    const char *path = options->path ? options->path : "";
    if (strlen(path) >= sizeof file.path - 8) /* ".1000" goes behind */
        return fail(err, ST_IO, "log: the path is longer than %d bytes", PATH_BYTES - 8);
    int fd = *path ? open_for_adding(path) : STDERR_FILENO;
    if (fd < 0)
        return fail_open(err, path, errno);
    lock_take(&file.lock);
    adopt_locked(fd);
    memcpy(file.path, path, strlen(path) + 1);
    file.rotate_bytes = *path ? options->rotate_bytes : 0;
    file.keep = options->keep < KEEP_MAX ? options->keep : KEEP_MAX;
    lock_drop(&file.lock);
    atomic_store_explicit(&least, (int)options->level, memory_order_relaxed);
    return ST_OK;
}

status log_reopen(struct error *err)
{
    status st = ST_OK;
    lock_take(&file.lock);
    if (*file.path) {
        int fd = open_for_adding(file.path);
        if (fd >= 0)
            adopt_locked(fd);
        else
            st = fail_open(err, file.path, errno);
    }
    lock_drop(&file.lock);
    return st;
}

void log_close(void)
{
    lock_take(&file.lock);
    adopt_locked(STDERR_FILENO);
    *file.path = 0;
    file.rotate_bytes = 0;
    lock_drop(&file.lock);
    atomic_store_explicit(&least, LOG_INFO, memory_order_relaxed);
}

bool log_wants(enum log_level l)
{
    return (int)l >= atomic_load_explicit(&least, memory_order_relaxed);
}

/* PATH.1 becomes PATH.2 and so on, PATH becomes PATH.1; the oldest goes.  When that fails the file
 * in use grows by as much again before the next attempt: a log too long beats one that is lost. */
static void rotate_locked(void)
{
    assert(lock_held(&file.lock));
    char from[PATH_BYTES + 16], to[PATH_BYTES + 16];
    for (unsigned i = file.keep; i > 1; i--) {
        (void)snprintf(from, sizeof from, "%s.%u", file.path, i - 1);
        (void)snprintf(to, sizeof to, "%s.%u", file.path, i);
        (void)rename(from, to); /* not there yet, mostly */
    }
    (void)snprintf(to, sizeof to, "%s.1", file.path);
    int moved = file.keep ? rename(file.path, to) : unlink(file.path);
    int fd = moved == 0 ? open_for_adding(file.path) : -1;
    if (fd >= 0)
        adopt_locked(fd);
    else
        file.size = 0;
}

/* One write(2), so that processes that share the file do not mix their lines. */
static bool put_locked(str line)
{
    assert(lock_held(&file.lock));
    ssize_t n;
    do
        n = write(file.fd, line.p, line.n);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        file.size += (uint64_t)n;
    if (n > 0)
        file.torn = (size_t)n < line.n;
    return n >= 0 && (size_t)n == line.n;
}

static void format(struct sbuf *to, enum log_category c, enum log_level l, const char *message,
                   const struct log_field *field, size_t count)
{
    struct json_out o = json_out_on(to);
    json_out_object(&o);
    json_out_kv_time(&o, "time", clock_wall_ms());
    json_out_kv_str(&o, "level", str_z(levels[l]));
    json_out_kv_str(&o, "category", str_z(categories[c]));
    json_out_kv_str(&o, "message", str_head(str_z(message), TEXT_MAX));
    for (size_t i = 0; i < count; i++) {
        if (field[i].text.p)
            json_out_kv_str(&o, field[i].name, str_head(field[i].text, TEXT_MAX));
        else
            json_out_kv_i64(&o, field[i].name, field[i].number);
    }
    json_out_object_end(&o);
    sbuf_addc(to, '\n');
}

void log_write(enum log_category c, enum log_level l, const char *message,
               const struct log_field *field, size_t count)
{
    assert(count <= FIELDS_MAX);
    if (!log_wants(l))
        return;
    struct sbuf line;
    sbuf_init(&line, LINE_MAX_BYTES);
    sbuf_addc(&line, '\n'); /* only written behind a torn line */
    format(&line, c, l, message, field, count);
    assert(!line.full);

    lock_take(&file.lock);
    if (file.rotate_bytes && file.size >= file.rotate_bytes)
        rotate_locked();
    bool written = put_locked(str_from(sbuf_str(&line), file.torn ? 0 : 1));
    lock_drop(&file.lock);
    if (!written)
        metric_inc(METRIC_LOG_LOST);
    sbuf_done(&line);
}
