/* SPDX-License-Identifier: Apache-2.0 */
#include "identity/jcache.h"

#include "base/metric.h"
#include "os/thread.h"
#include "tests/test.h"

#include <stdatomic.h>

static const int64_t now_ms = 1800000000000;

/* Token `number` of session `session`, good for a minute. */
struct made {
    char token[32], id[32];
    struct principal who;
    struct token_cache_entry entry;
};

static void make(struct made *m, unsigned number, const char *session)
{
    *m = (struct made){.who.kind = PRINCIPAL_USER};
    snprintf(m->token, sizeof m->token, "token.%u", number);
    snprintf(m->id, sizeof m->id, "id-%u", number);
    snprintf(m->who.user, sizeof m->who.user, "user-%u", number);
    m->entry = (struct token_cache_entry){.token = str_z(m->token),
                                          .id = str_z(m->id),
                                          .session = str_z(session),
                                          .issued_ms = now_ms - 1000,
                                          .expires_ms = now_ms + 60000,
                                          .who = &m->who};
}

static bool add(struct token_cache *c, unsigned number, const char *session)
{
    struct made m;
    make(&m, number, session);
    return token_cache_add(c, &m.entry, now_ms);
}

static bool find_at(struct token_cache *c, unsigned number, int64_t at_ms)
{
    struct made m;
    struct principal who = {0};
    make(&m, number, "");
    bool found = token_cache_find(c, m.entry.token, at_ms, &who);
    if (found)
        assert_string_equal(who.user, m.who.user);
    return found;
}

static bool find(struct token_cache *c, unsigned number)
{
    return find_at(c, number, now_ms);
}

static void knows_a_token_until_it_expires(void **state)
{
    struct token_cache *c = token_cache_new(1000);
    int64_t before = metric_value(METRIC_TOKENS_CACHED);
    assert_false(find(c, 1));
    assert_true(add(c, 1, "s"));
    assert_true(find(c, 1));
    assert_true(find_at(c, 1, now_ms + 59999));
    assert_false(find_at(c, 1, now_ms + 60000));
    assert_false(find(c, 11) || find(c, 2));
    assert_int_equal(metric_value(METRIC_TOKENS_CACHED), before + 2);
    token_cache_clear(c);
    assert_false(find(c, 1));
    assert_true(add(c, 1, "s"));
    token_cache_free(c);
    token_cache_free(NULL);
}

static void does_not_keep_what_has_expired(void **state)
{
    struct token_cache *c = token_cache_new(1000);
    struct made m;
    make(&m, 1, "s");
    m.entry.expires_ms = now_ms;
    assert_true(token_cache_add(c, &m.entry, now_ms)); /* not revoked, that is */
    assert_false(find_at(c, 1, now_ms - 1));
    token_cache_free(c);
}

static void a_revoked_token_is_good_no_more(void **state)
{
    struct token_cache *c = token_cache_new(1000);
    assert_true(add(c, 1, "a") && add(c, 2, "a") && add(c, 3, "b"));
    token_cache_forget(c, STR("id-1"), now_ms, now_ms + 60000);
    assert_true(!find(c, 1) && find(c, 2) && find(c, 3));
    token_cache_forget(c, STR("a"), now_ms, now_ms + 60000);
    assert_true(!find(c, 1) && !find(c, 2) && find(c, 3));
    /* not even when verified anew, or for the first time */
    assert_false(add(c, 1, "z") || add(c, 2, "a") || add(c, 4, "a"));
    assert_true(add(c, 5, "b"));
    token_cache_clear(c);
    assert_false(add(c, 2, "a"));
    token_cache_forget(c, STR(""), now_ms, now_ms + 60000); /* nobody's */
    assert_true(add(c, 6, ""));
    token_cache_free(c);
}

static void a_revocation_is_kept_as_long_as_it_must(void **state)
{
    struct token_cache *c = token_cache_new(1000);
    struct made m;
    make(&m, 1, "a");
    m.entry.expires_ms = now_ms + 600000;
    token_cache_forget(c, STR("a"), now_ms, now_ms + 1000);
    token_cache_forget(c, STR("a"), now_ms, now_ms + 2000);
    token_cache_forget(c, STR("a"), now_ms, now_ms + 500);
    assert_false(token_cache_add(c, &m.entry, now_ms + 1999));
    assert_true(token_cache_add(c, &m.entry, now_ms + 2000));
    token_cache_free(c);
}

static void too_many_revocations_void_every_token_so_far(void **state)
{
    struct token_cache *c = token_cache_new(1000);
    struct made m;
    char id[32];
    assert_true(add(c, 1, "a"));
    for (unsigned i = 0; i < TOKEN_REVOKED_MAX; i++) {
        snprintf(id, sizeof id, "session-%u", i);
        token_cache_forget(c, str_z(id), now_ms, now_ms + 60000);
    }
    assert_true(find(c, 1));
    int64_t before = metric_value(METRIC_TOKENS_REFUSED);
    assert_false(add(c, 2, "session-0"));
    assert_int_equal(metric_value(METRIC_TOKENS_REFUSED), before + 1);
    token_cache_forget(c, STR("one more"), now_ms, now_ms + 60000);
    assert_false(find(c, 1) || add(c, 1, "a") || add(c, 2, "session-0") || add(c, 3, "one more"));
    make(&m, 4, "a");
    m.entry.issued_ms = now_ms + 1;
    assert_true(token_cache_add(c, &m.entry, now_ms));
    assert_true(find(c, 4));
    token_cache_free(c);
}

/* Revocations that have expired make room again. */
static void revocations_that_are_over_make_room(void **state)
{
    struct token_cache *c = token_cache_new(1000);
    char id[32];
    for (unsigned i = 0; i < 2 * TOKEN_REVOKED_MAX; i++) {
        int64_t at = now_ms - (i < TOKEN_REVOKED_MAX ? 60000 : 0);
        snprintf(id, sizeof id, "session-%u", i);
        token_cache_forget(c, str_z(id), at, at + 60000);
    }
    assert_true(add(c, 1, "a"));
    assert_false(add(c, 2, "session-8000"));
    token_cache_free(c);
}

static void stays_within_its_bound(void **state)
{
    struct token_cache *c = token_cache_new(512);
    struct made m;
    unsigned known = 0;
    for (unsigned i = 0; i < 5000; i++) {
        make(&m, i, "s");
        m.entry.expires_ms += i; /* so the one pushed out is the oldest */
        assert_true(token_cache_add(c, &m.entry, now_ms));
        assert_true(find(c, i));
    }
    for (unsigned i = 0; i < 5000; i++)
        known += find(c, i);
    assert_true(known > 400 && known <= 512);
    token_cache_free(c);
}

struct race {
    struct token_cache *c;
    atomic_bool revoked, stop;
    atomic_uint wrong, turns;
};

/* Goes on verifying the tokens of a session that another thread revokes. */
static void use(void *arg)
{
    struct race *r = arg;
    for (unsigned i = 0; !atomic_load(&r->stop); i++) {
        bool was_revoked = atomic_load(&r->revoked);
        bool good = find(r->c, i % 64) || add(r->c, i % 64, "s");
        if (was_revoked && good)
            atomic_fetch_add(&r->wrong, 1);
        atomic_fetch_add(&r->turns, 1);
    }
}

static void wait_for_turns(struct race *r, unsigned n)
{
    unsigned from = atomic_load(&r->turns);
    while (atomic_load(&r->turns) - from < n)
        ;
}

static void revoking_wins_over_threads_that_verify(void **state)
{
    struct race r = {.c = token_cache_new(1000)};
    struct thread t[3];
    for (size_t i = 0; i < COUNT(t); i++)
        assert_int_equal(thread_start(&t[i], "use", use, &r, NULL), ST_OK);
    wait_for_turns(&r, 1000);
    assert_true(find(r.c, 1));
    token_cache_forget(r.c, STR("s"), now_ms, now_ms + 60000);
    atomic_store(&r.revoked, true);
    wait_for_turns(&r, 5000);
    atomic_store(&r.stop, true);
    for (size_t i = 0; i < COUNT(t); i++)
        thread_join(&t[i]);
    assert_int_equal(atomic_load(&r.wrong), 0);
    token_cache_free(r.c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_a_token_until_it_expires),
        cmocka_unit_test(does_not_keep_what_has_expired),
        cmocka_unit_test(a_revoked_token_is_good_no_more),
        cmocka_unit_test(a_revocation_is_kept_as_long_as_it_must),
        cmocka_unit_test(too_many_revocations_void_every_token_so_far),
        cmocka_unit_test(revocations_that_are_over_make_room),
        cmocka_unit_test(stays_within_its_bound),
        cmocka_unit_test(revoking_wins_over_threads_that_verify),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
