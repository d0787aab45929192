/* SPDX-License-Identifier: Apache-2.0 */
/* How many requests a second one thread can tell the caller of, by token and by key, and what it
 * costs when they are not in the cache. */
#include "identity/identity.h"
#include "os/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CACHED = 1000000, COLD = 2000, COLD_MS = 61 * 1000, YEAR_S = 365 * 24 * 3600 };

static void must(status st, const struct error *err)
{
    if (st == ST_OK)
        return;
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

static void measure(struct identity *i, const char *what, str credential, int64_t now_ms)
{
    struct error err = {0};
    struct principal p;
    struct sbuf header;
    sbuf_init(&header, 32 * 1024);
    sbuf_addz(&header, "Bearer ");
    sbuf_add(&header, credential);
    uint64_t start = clock_ns();
    for (int k = 0; k < COLD; k++) /* each time a minute later than it is remembered */
        must(identity_authenticate(i, sbuf_str(&header), now_ms += COLD_MS, true, &p, &err), &err);
    double cold = clock_since(start);
    start = clock_ns();
    for (int k = 0; k < CACHED; k++)
        must(identity_authenticate(i, sbuf_str(&header), now_ms, false, &p, &err), &err);
    double cached = clock_since(start);
    printf("%-14s %5zu bytes: %8.0f/s cached, %6.0f/s not\n", what, credential.n, CACHED / cached,
           COLD / cold);
    sbuf_done(&header);
}

int main(void)
{
    static const char *const algorithm[] = {"hybrid", "ml-dsa-65", "ed25519", "hs256"};
    char dir[] = "/tmp/bguard-bench-XXXXXX", url[64], path[64];
    struct error err = {0};
    if (!mkdtemp(dir))
        return 1;
    (void)snprintf(url, sizeof url, "sqlite:%s/bench.db", dir);
    struct store *store = NULL;
    must(store_open(&(struct store_options){.url = str_z(url), .relaxed = true}, &store, &err),
         &err);
    struct sbuf shown;
    sbuf_init(&shown, 256);
    for (size_t k = 0; k < COUNT(algorithm); k++) {
        struct identity_options o = {.store = store, .data_dir = dir, .algorithm = algorithm[k]};
        o.access_s = o.refresh_s = YEAR_S;
        o.jwt_secret = "0123456789abcdef0123456789abcdef";
        struct identity *i = NULL;
        struct arena a;
        arena_init(&a, 1 << 20);
        must(identity_new(&o, "a password for it", &i, &shown, &err), &err);
        struct tokens t;
        uint32_t retry_s;
        int64_t now_ms = clock_wall_ms();
        must(identity_login(i, &a, STR("admin"), STR("a password for it"), STR("::1"), STR(""),
                            now_ms, &t, &retry_s, &err),
             &err);
        measure(i, algorithm[k], t.access, now_ms);
        identity_free(i);
        arena_done(&a);
    }
    store_close(store);
    sbuf_done(&shown);
    static const char *const files[] = {"bench.db", "bench.db-wal", "bench.db-shm",
                                        "installation.key"};
    for (size_t k = 0; k < COUNT(files); k++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, files[k]);
        (void)unlink(path);
    }
    return rmdir(dir) == 0 ? 0 : 1;
}
