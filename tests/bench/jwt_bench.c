/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens a second: signed, verified, and found among those verified, on one thread and on all. */
#include "base/mem.h"
#include "identity/jcache.h"
#include "identity/jwt.h"
#include "os/clock.h"
#include "os/thread.h"

static const double seconds = 0.7;
static const int64_t now_ms = 1800000000000;
enum { TOKENS = 1000, THREADS_MAX = 64 };

static const struct token_expect expect = {
    .issuer = {"bguard", 6}, .audience = {"bguard", 6}, .type = {"at+jwt", 6}, .now_ms = now_ms};

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "jwt_bench: %s failed\n", what);
    exit(1);
}

static struct token_keys *ring(enum token_mode mode)
{
    struct token_keys *k = token_keys_new(mode);
    for (enum signature_kind kind = 0; kind < SIGN_KIND_COUNT; kind++) {
        unsigned char seed[SIGN_SEED_SIZE];
        crypto_random(seed, sizeof seed);
        struct token_key_row row = {.kind = kind, .seed = {(const char *)seed, sizeof seed}};
        must(token_keys_add(k, &row, NULL) == ST_OK, "add");
    }
    if (mode == TOKEN_HS256)
        must(token_keys_add_secret(k, STR("0123456789abcdef0123456789abcdef"), NULL) == ST_OK,
             "add");
    must(token_keys_freeze(k, NULL) == ST_OK, "freeze");
    return k;
}

static void sign(const struct token_keys *k, unsigned number, struct sbuf *out)
{
    char claims[512];
    int n =
        snprintf(claims, sizeof claims,
                 "{\"iss\":\"bguard\",\"aud\":\"bguard\",\"sub\":\"01JD0000000000000000000000\","
                 "\"jti\":\"01JD00000000000000%08u\",\"sid\":\"01JD0000000000000000000001\","
                 "\"tenant\":\"default\",\"role\":\"analyst\",\"iat\":1800000000,"
                 "\"exp\":1800000900}",
                 number);
    sbuf_clear(out);
    must(token_sign(k, expect.type, (str){claims, (size_t)n}, out, NULL) == ST_OK, "sign");
}

static double sign_rate(const struct token_keys *k, struct sbuf *out)
{
    unsigned n = 0;
    uint64_t start = clock_ns();
    while (clock_since(start) < seconds)
        sign(k, n++, out);
    return n / clock_since(start);
}

static double verify_rate(const struct token_keys *k, str token)
{
    unsigned n = 0;
    struct token_claims c = {0};
    uint64_t start = clock_ns();
    for (; clock_since(start) < seconds; n++) {
        must(token_verify(k, token, &expect, &c, NULL) == ST_OK, "verify");
        token_claims_done(&c);
    }
    return n / clock_since(start);
}

struct finder {
    struct token_cache *cache;
    const struct sbuf *token;
    double rate;
};

static void find_all(void *arg)
{
    struct finder *f = arg;
    uint64_t start = clock_ns();
    unsigned n = 0;
    struct principal who;
    while (clock_since(start) < seconds)
        for (unsigned i = 0; i < TOKENS; i++, n++)
            must(token_cache_find(f->cache, sbuf_str(&f->token[i]), now_ms, &who), "find");
    f->rate = n / clock_since(start);
}

static double find_rate(struct token_cache *cache, const struct sbuf *token, unsigned threads)
{
    struct thread t[THREADS_MAX];
    struct finder f[THREADS_MAX];
    double rate = 0;
    for (unsigned i = 0; i < threads; i++) {
        f[i] = (struct finder){cache, token, 0};
        must(thread_start(&t[i], "find", find_all, &f[i], NULL) == ST_OK, "thread");
    }
    for (unsigned i = 0; i < threads; i++) {
        thread_join(&t[i]);
        rate += f[i].rate;
    }
    return rate;
}

static void run(enum token_mode mode, unsigned threads)
{
    struct token_keys *k = ring(mode);
    struct token_cache *cache = token_cache_new(TOKEN_CACHE_DEFAULT);
    struct sbuf *token = mem_array(struct sbuf, TOKENS);
    struct principal who = {0};
    for (unsigned i = 0; i < TOKENS; i++) {
        sbuf_init(&token[i], TOKEN_MAX);
        sign(k, i, &token[i]);
        struct token_cache_entry e = {.token = sbuf_str(&token[i]),
                                      .issued_ms = now_ms,
                                      .expires_ms = now_ms + 1000,
                                      .who = &who};
        must(token_cache_add(cache, &e, now_ms), "add");
    }
    double found = find_rate(cache, token, 1), on_all = find_rate(cache, token, threads);
    double verified = verify_rate(k, sbuf_str(&token[0])), made = sign_rate(k, &token[0]);
    printf(
        "%-10s %5zu bytes  sign %8.0f/s  verify %8.0f/s  cached %8.0f/s, on %u threads %8.0f/s\n",
        token_mode_name(mode), token[1].n, made, verified, found, threads, on_all);
    for (unsigned i = 0; i < TOKENS; i++)
        sbuf_done(&token[i]);
    mem_free(token);
    token_cache_free(cache);
    token_keys_unref(k);
}

int main(void)
{
    unsigned threads = thread_processors();
    for (enum token_mode m = 0; m < TOKEN_MODE_COUNT; m++)
        run(m, threads < THREADS_MAX ? threads : THREADS_MAX);
    return 0;
}
