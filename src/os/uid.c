/* SPDX-License-Identifier: Apache-2.0 */
/* Within one millisecond, and while the clock stands or goes back, the next id is the last one plus one,
 * as the ULID specification says of monotonic ids. */
#include "os/uid.h"

#include "os/lock.h"

#include <assert.h>
#include <sys/random.h>

enum { RANDOM_BYTES = 10 };

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static struct {
    struct lock lock;
    int64_t ms;
    unsigned char random[RANDOM_BYTES]; /* big-endian */
} last = {.lock = {PTHREAD_MUTEX_INITIALIZER, LOCK_UID}, .ms = -1};

static void draw_locked(void)
{
    ssize_t got;
    do
        got = getrandom(last.random, sizeof last.random, 0);
    while (got < 0);
    assert(got == RANDOM_BYTES); /* so few are never cut short */
    last.random[0] &= 0x7f;      /* room to count up in */
}

/* False when all bits were ones. */
static bool count_up_locked(void)
{
    for (unsigned i = RANDOM_BYTES; i-- > 0;)
        if (++last.random[i])
            return true;
    return false;
}

static void advance_locked(int64_t now_ms)
{
    if (now_ms > last.ms) {
        last.ms = now_ms;
        draw_locked();
    } else if (!count_up_locked()) {
        last.ms++;
        draw_locked();
    }
}

/* 48 bits of time are 10 digits, of which the first has 3; 80 random ones are 16. */
static void write_time(uint64_t ms, char *out)
{
    for (unsigned i = 10; i-- > 0; ms >>= 5)
        out[i] = digits[ms & 31];
}

static void write_random(const unsigned char *random, char *out)
{
    uint32_t bits = 0;
    unsigned have = 0;
    for (unsigned i = 0; i < RANDOM_BYTES; i++) {
        bits = bits << 8 | random[i];
        for (have += 8; have >= 5; have -= 5)
            *out++ = digits[bits >> (have - 5) & 31];
    }
}

void uid_new(int64_t now_ms, char out[static UID_SIZE])
{
    lock_take(&last.lock);
    advance_locked(now_ms < 0 ? 0 : now_ms);
    write_time((uint64_t)last.ms & 0xffffffffffffu, out);
    write_random(last.random, out + 10);
    lock_drop(&last.lock);
    out[UID_LEN] = '\0';
}

bool uid_valid(str s)
{
    if (s.n != UID_LEN || s.p[0] > '7')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!s.p[i] || !strchr(digits, s.p[i]))
            return false;
    return true;
}

int64_t uid_ms(const char *id)
{
    int64_t ms = 0;
    for (unsigned i = 0; i < 10; i++) {
        const char *at = strchr(digits, id[i]);
        assert(at && *at);
        ms = ms << 5 | (at - digits);
    }
    return ms;
}

void uid_least(int64_t ms, char out[static UID_SIZE])
{
    write_time((uint64_t)ms & 0xffffffffffffu, out);
    memset(out + 10, '0', UID_LEN - 10);
    out[UID_LEN] = '\0';
}
