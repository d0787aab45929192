/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that sign access tokens: made here, kept in the store with their seeds sealed, and read
 * into a ring.  Another process may make new ones at any time; a token of an unknown key makes us
 * look, every ten seconds at most. */
#include "base/mem.h"
#include "codec/base64.h"
#include "identity/identity_int.h"
#include "os/log.h"

enum { SEALED_SIZE = SIGN_SEED_SIZE + SEAL_OVERHEAD, CONTEXT_SIZE = 64 };
static const int64_t rotate_after_ms = (int64_t)90 * 24 * 3600 * 1000;

static const char *kind_name(enum signature_kind k)
{
    return token_mode_name(k == SIGN_ED25519 ? TOKEN_ED25519 : TOKEN_ML_DSA_65);
}

static bool kind_find(str name, enum signature_kind *out)
{
    for (unsigned k = 0; k < SIGN_KIND_COUNT; k++) {
        if (str_eq(name, str_z(kind_name((enum signature_kind)k)))) {
            *out = (enum signature_kind)k;
            return true;
        }
    }
    return false;
}

static bool kind_used(const struct identity *i, enum signature_kind k)
{
    return i->mode == TOKEN_HYBRID || (i->mode == TOKEN_ED25519 && k == SIGN_ED25519) ||
           (i->mode == TOKEN_ML_DSA_65 && k == SIGN_ML_DSA_65);
}

static str installation(const struct identity *i)
{
    return (str){(const char *)i->installation, sizeof i->installation};
}

/* A sealed seed moved to another row does not open. */
static str context_of(str kid, char room[static CONTEXT_SIZE + 16])
{
    int n =
        snprintf(room, CONTEXT_SIZE + 16, "signer " STR_FMT, STR_ARG(str_head(kid, CONTEXT_SIZE)));
    return (str){room, (size_t)n};
}

static status list(struct identity *i, struct arena *a, struct signer_record **out, size_t *n,
                   struct error *err)
{
    arena_init(a, ARENA_SMALL);
    status st = store_signer_list(i->store, a, out, n, err);
    if (st != ST_OK)
        arena_done(a);
    return st;
}

status signers_sealed(struct identity *i, bool *out, struct error *err)
{
    struct arena a;
    struct signer_record *r = NULL;
    size_t n = 0;
    status st = list(i, &a, &r, &n, err);
    if (st != ST_OK)
        return st;
    *out = n > 0;
    arena_done(&a);
    return ST_OK;
}

/* ---- one key: made, sealed, opened ---- */

static status seal(struct identity *i, const struct signing_key *key, str kid, struct sbuf *out,
                   struct error *err)
{
    unsigned char seed[SIGN_SEED_SIZE];
    status st = signing_key_seed(key, seed, err);
    char room[CONTEXT_SIZE + 16];
    if (st == ST_OK)
        st = crypto_seal(installation(i), context_of(kid, room), (str){(char *)seed, sizeof seed},
                         out, err);
    crypto_wipe(seed, sizeof seed);
    return st;
}

static status make_one(struct identity *i, enum signature_kind kind, int64_t now_ms,
                       struct error *err)
{
    struct signing_key *key = NULL;
    status st = signing_key_generate(kind, &key, err);
    if (st != ST_OK)
        return st;
    char kid[TOKEN_KID_SIZE], text[2 * SEALED_SIZE];
    token_kid(key, kid);
    struct sbuf sealed;
    sbuf_init(&sealed, 1024);
    st = seal(i, key, str_z(kid), &sealed, err);
    if (st == ST_OK) {
        size_t n = base64url_encode(sbuf_str(&sealed), text);
        struct signer_record r = {.kid = str_z(kid), .sealed = {text, n}, .created_ms = now_ms};
        r.kind = str_z(kind_name(kind));
        st = store_signer_add(i->store, &r, err);
    }
    sbuf_done(&sealed);
    signing_key_free(key);
    return st;
}

/* A row that is not of our making says so rather than being left out: its tokens would fail. */
static status open_one(struct identity *i, const struct signer_record *r, struct token_keys *ring,
                       struct error *err)
{
    enum signature_kind kind;
    char bytes[2 * SEALED_SIZE], room[CONTEXT_SIZE + 16];
    size_t n = 0;
    if (!kind_find(r->kind, &kind) || base64_decoded_max(r->sealed.n) > sizeof bytes ||
        !base64_decode(r->sealed, bytes, &n))
        return fail(err, ST_INVALID, "the signing key '" STR_FMT "' in the database is damaged",
                    STR_ARG(r->kid));
    struct sbuf seed;
    sbuf_init(&seed, 1024);
    status st = crypto_open(installation(i), context_of(r->kid, room), (str){bytes, n}, &seed, err);
    if (st != ST_OK)
        st = fail(err, ST_INVALID,
                  "'" STR_FMT "/installation.key' does not open the signing keys in the database; "
                  "restore the file that belongs to it from a backup",
                  STR_ARG(i->data_dir));
    struct token_key_row row = {.kid = r->kid, .kind = kind, .seed = sbuf_str(&seed)};
    row.created_ms = r->created_ms, row.retired_ms = r->retired_ms, row.expires_ms = r->expires_ms;
    if (st == ST_OK)
        st = token_keys_add(ring, &row, err);
    if (seed.p)
        crypto_wipe(seed.p, seed.n);
    sbuf_done(&seed);
    return st;
}

/* ---- the ring ---- */

static status fill(struct identity *i, struct token_keys *ring, struct error *err)
{
    if (i->mode == TOKEN_HS256)
        return token_keys_add_secret(ring, sbuf_str(&i->secret), err);
    struct arena a;
    struct signer_record *r = NULL;
    size_t n = 0;
    status st = list(i, &a, &r, &n, err);
    if (st != ST_OK)
        return st;
    for (size_t k = 0; k < n && st == ST_OK; k++)
        st = open_one(i, &r[k], ring, err);
    arena_done(&a);
    return st;
}

status signers_load(struct identity *i, struct error *err)
{
    struct token_keys *ring = token_keys_new(i->mode);
    status st = fill(i, ring, err);
    if (st == ST_OK)
        st = token_keys_freeze(ring, err);
    if (st == ST_OK) {
        lock_take(&i->keys_lock);
        struct token_keys *old = i->keys;
        i->keys = ring;
        ring = old;
        lock_drop(&i->keys_lock);
    }
    token_keys_unref(ring);
    return st;
}

struct token_keys *signers_ref(struct identity *i)
{
    lock_take(&i->keys_lock);
    struct token_keys *keys = token_keys_ref(i->keys);
    lock_drop(&i->keys_lock);
    return keys;
}

/* When the newest key of `kind` that signs was made; -1: there is none. */
static int64_t newest(const struct signer_record *r, size_t n, enum signature_kind kind)
{
    int64_t made = -1;
    for (size_t k = 0; k < n; k++) {
        if (!r[k].retired_ms && str_eq(r[k].kind, str_z(kind_name(kind))) && r[k].created_ms > made)
            made = r[k].created_ms;
    }
    return made;
}

status signers_start(struct identity *i, int64_t now_ms, struct error *err)
{
    struct arena a;
    struct signer_record *r = NULL;
    size_t n = 0;
    status st = list(i, &a, &r, &n, err);
    if (st != ST_OK)
        return st;
    for (unsigned k = 0; k < SIGN_KIND_COUNT && st == ST_OK; k++) {
        if (kind_used(i, (enum signature_kind)k) && newest(r, n, (enum signature_kind)k) < 0)
            st = make_one(i, (enum signature_kind)k, now_ms, err);
    }
    arena_done(&a);
    return st == ST_OK ? signers_load(i, err) : st;
}

/* ---- rotation ---- */

/* Those the new ones replace go on verifying until the last token they signed is over. */
static status retire(struct identity *i, const struct signer_record *r, size_t n, int64_t now_ms,
                     struct error *err)
{
    int64_t over_ms = now_ms + ((int64_t)i->access_s + LEEWAY_S) * 1000;
    status st = ST_OK;
    for (size_t k = 0; k < n && st == ST_OK; k++) {
        enum signature_kind kind;
        if (!r[k].retired_ms && kind_find(r[k].kind, &kind) && kind_used(i, kind))
            st = store_signer_retire(i->store, r[k].kid, now_ms, over_ms, err);
    }
    return st;
}

/* New keys first, and into the ring: at no moment is there nothing to sign or verify with. */
status signers_rotate(struct identity *i, int64_t now_ms, struct error *err)
{
    if (i->mode == TOKEN_HS256)
        return fail(err, ST_CONFLICT,
                    "tokens are signed with the configured secret; change that to rotate it");
    struct arena a;
    struct signer_record *r = NULL;
    size_t n = 0;
    status st = list(i, &a, &r, &n, err);
    if (st != ST_OK)
        return st;
    if (n + SIGN_KIND_COUNT > TOKEN_KEYS_MAX)
        st = fail(err, ST_CONFLICT, "%zu signing keys still verify; wait until some are over", n);
    for (unsigned k = 0; k < SIGN_KIND_COUNT && st == ST_OK; k++) {
        if (kind_used(i, (enum signature_kind)k))
            st = make_one(i, (enum signature_kind)k, now_ms, err);
    }
    if (st == ST_OK)
        st = retire(i, r, n, now_ms, err);
    arena_done(&a);
    return st == ST_OK ? signers_load(i, err) : st;
}

static status remove_over(struct identity *i, const struct signer_record *r, size_t n,
                          int64_t now_ms, struct error *err)
{
    status st = ST_OK;
    for (size_t k = 0; k < n && st == ST_OK; k++) {
        if (r[k].expires_ms && r[k].expires_ms < now_ms)
            st = store_signer_remove(i->store, r[k].kid, err);
    }
    return st == ST_NOT_FOUND ? ST_OK : st; /* another process did */
}

status signers_tick(struct identity *i, int64_t now_ms, struct error *err)
{
    if (i->mode == TOKEN_HS256)
        return ST_OK;
    struct arena a;
    struct signer_record *r = NULL;
    size_t n = 0;
    status st = list(i, &a, &r, &n, err);
    if (st != ST_OK)
        return st;
    bool due = false;
    for (unsigned k = 0; k < SIGN_KIND_COUNT; k++)
        due |= kind_used(i, (enum signature_kind)k) &&
               newest(r, n, (enum signature_kind)k) + rotate_after_ms <= now_ms;
    st = remove_over(i, r, n, now_ms, err);
    arena_done(&a);
    if (st == ST_OK && due)
        return identity_rotate(i, &(struct actor){.now_ms = now_ms}, err);
    return st == ST_OK ? signers_load(i, err) : st;
}
