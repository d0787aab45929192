/* SPDX-License-Identifier: Apache-2.0 */
/* identity_bed.h - accounts on a database of their own, for tests. */
#ifndef TESTS_IDENTITY_BED_H
#define TESTS_IDENTITY_BED_H

#include "identity/identity.h"
#include "os/clock.h"
#include "store/ledger.h"
#include "tests/folder.h"
#include "tests/test.h"

#define ADMIN_PASSWORD "a first password"
#define PASSWORD       "correct battery staple"

struct bed {
    struct store *store;
    struct identity *i;
    struct arena a;
    struct sbuf shown;
    int64_t now_ms;
    char dir[256], url[300];
};

static inline struct store *bed_store(const struct bed *b)
{
    struct store *s = NULL;
    struct store_options o = {.url = str_z(b->url), .readers = 2, .relaxed = true};
    o.patience_ms = 20000;
    struct error err = {0};
    if (store_open(&o, &s, &err) != ST_OK)
        fail_msg("%s", err.text);
    return s;
}

static inline struct identity_options bed_options(const struct bed *b, const char *algorithm)
{
    return (struct identity_options){.store = b->store,
                                     .data_dir = b->dir,
                                     .algorithm = algorithm,
                                     .jwt_secret = "0123456789abcdef0123456789abcdef"};
}

/* An empty folder and an open store in it. */
static inline void bed_empty(struct bed *b)
{
    static int number;
    char name[32];
    (void)snprintf(name, sizeof name, "bed%d", number++);
    *b = (struct bed){.now_ms = clock_wall_ms()};
    (void)snprintf(b->dir, sizeof b->dir, "%s", folder_path(name));
    (void)snprintf(b->url, sizeof b->url, "sqlite:%s/test.db", b->dir);
    assert_int_equal(mkdir(b->dir, 0700), 0);
    arena_init(&b->a, 64 << 20);
    sbuf_init(&b->shown, 1024);
    b->store = bed_store(b);
}

static inline void bed_start(struct bed *b, const char *algorithm, const char *password)
{
    struct identity_options o = bed_options(b, algorithm);
    struct error err = {0};
    if (identity_new(&o, password, &b->i, &b->shown, &err) != ST_OK)
        fail_msg("%s", err.text);
}

static inline void bed_stop(struct bed *b)
{
    identity_free(b->i);
    b->i = NULL;
}

static inline void bed_make(struct bed *b)
{
    bed_empty(b);
    bed_start(b, "ed25519", ADMIN_PASSWORD);
}

static inline void bed_done(struct bed *b)
{
    bed_stop(b);
    store_close(b->store);
    sbuf_done(&b->shown);
    arena_done(&b->a);
}

static inline status bed_try(struct bed *b, str name, str password, struct tokens *out,
                             uint32_t *retry_s, struct error *err)
{
    return identity_login(b->i, &b->a, name, password, STR("192.0.2.7"), STR("test"), b->now_ms,
                          out, retry_s, err);
}

static inline struct tokens bed_login(struct bed *b, str name, str password)
{
    struct tokens t = {0};
    uint32_t retry_s = 0;
    struct error err = {0};
    if (bed_try(b, name, password, &t, &retry_s, &err) != ST_OK)
        fail_msg("%s", err.text);
    return t;
}

static inline status bed_ask(struct bed *b, str credential, struct principal *out)
{
    char header[17000];
    int n = snprintf(header, sizeof header, "Bearer " STR_FMT, STR_ARG(credential));
    return identity_authenticate(b->i, (str){header, (size_t)n}, b->now_ms, true, out, NULL);
}

static inline struct principal bed_who(struct bed *b, str credential)
{
    struct principal p = {0};
    assert_int_equal(bed_ask(b, credential, &p), ST_OK);
    return p;
}

static inline struct principal bed_admin(struct bed *b)
{
    return bed_who(b, bed_login(b, STR("admin"), STR(ADMIN_PASSWORD)).access);
}

static inline struct actor bed_actor(struct bed *b, const struct principal *who)
{
    return (struct actor){.who = who, .address = STR("192.0.2.7"), .now_ms = b->now_ms};
}

static inline struct user_record bed_user(struct bed *b, const struct principal *by, str name,
                                          str role, str tenant)
{
    struct actor actor = bed_actor(b, by);
    struct new_user in = {.name = name, .password = STR(PASSWORD), .role = role, .tenant = tenant};
    struct user_record u = {0};
    struct error err = {0};
    if (identity_user_add(b->i, &b->a, &actor, &in, &u, &err) != ST_OK)
        fail_msg("%s", err.text);
    return u;
}

static inline str bed_key(struct bed *b, const struct principal *by, const struct new_key *in,
                          struct key_record *out)
{
    struct actor actor = bed_actor(b, by);
    str secret = {0};
    struct error err = {0};
    if (identity_key_add(b->i, &b->a, &actor, in, out, &secret, &err) != ST_OK)
        fail_msg("%s", err.text);
    return secret;
}

/* The latest deed called `action` in the audit log of `tenant`. */
static inline bool bed_deed(struct bed *b, str tenant, str action, struct audit_record *out)
{
    struct audit_record *r = NULL;
    size_t n = 0;
    assert_int_equal(store_audit_list(b->store, &b->a, tenant, 0, 500, &r, &n, NULL), ST_OK);
    for (size_t k = 0; k < n; k++) {
        if (str_eq(r[k].action, action)) {
            *out = r[k];
            return true;
        }
    }
    return false;
}

#endif
