/* SPDX-License-Identifier: Apache-2.0 */
#include "rule/scan.h"

#include "base/hash.h"
#include "base/mem.h"

#include <assert.h>
#include <hs/hs.h>

struct literal_db {
    hs_database_t *hs; /* owned */
};

uint64_t literal_db_key(const str *literal, size_t n, bool caseless)
{
    uint64_t h = hash_bytes(str_z(hs_version()), caseless);
    for (size_t i = 0; i < n; i++)
        h = hash_bytes(literal[i], h);
    return hash_mix(h, n);
}

static hs_database_t *compile(const str *literal, size_t n, bool caseless, struct error *err)
{
    const char **text = mem_array(const char *, n);
    size_t *bytes = mem_array(size_t, n);
    unsigned *id = mem_array(unsigned, n), *flags = mem_array(unsigned, n);
    for (size_t i = 0; i < n; i++) {
        assert(literal[i].n > 0 && literal[i].n <= LITERAL_BYTES_MAX);
        text[i] = literal[i].p;
        bytes[i] = literal[i].n;
        id[i] = (unsigned)i;
        flags[i] = caseless ? HS_FLAG_CASELESS : 0;
    }
    hs_database_t *db = NULL;
    hs_compile_error_t *why = NULL;
    if (hs_compile_lit_multi(text, flags, id, bytes, (unsigned)n, HS_MODE_BLOCK, NULL, &db, &why) !=
        HS_SUCCESS) {
        (void)fail(err, ST_LIMIT, "cannot compile %zu literals: %s", n,
                   why && why->message ? why->message : "out of memory");
        hs_free_compile_error(why);
        db = NULL;
    }
    mem_free(text);
    mem_free(bytes);
    mem_free(id);
    mem_free(flags);
    return db;
}

struct literal_db *literal_db_new(const str *literal, size_t n, bool caseless, str cached,
                                  struct error *err)
{
    hs_database_t *hs = NULL;
    if (!cached.n || hs_deserialize_database(cached.p, cached.n, &hs) != HS_SUCCESS)
        hs = compile(literal, n, caseless, err);
    if (!hs)
        return NULL;
    struct literal_db *db = mem_new(struct literal_db);
    db->hs = hs;
    return db;
}

void literal_db_free(struct literal_db *db)
{
    if (!db)
        return;
    (void)hs_free_database(db->hs); /* fails only on what is no database */
    mem_free(db);
}

void literal_db_write(const struct literal_db *db, struct sbuf *out)
{
    char *bytes = NULL;
    size_t n = 0;
    if (hs_serialize_database(db->hs, &bytes, &n) != HS_SUCCESS)
        return;
    sbuf_add(out, (str){bytes, n});
    mem_free(bytes); /* made by the library with malloc */
}

status literal_scratch_fit(struct literal_scratch *s, const struct literal_db *db)
{
    hs_scratch_t *scratch = s->data;
    if (hs_alloc_scratch(db->hs, &scratch) != HS_SUCCESS)
        return ST_LIMIT;
    s->data = scratch;
    return ST_OK;
}

void literal_scratch_done(struct literal_scratch *s)
{
    (void)hs_free_scratch(s->data); /* NULL is fine; busy cannot be */
    s->data = NULL;
}

void literal_scan(const struct literal_db *db, const struct literal_scratch *s, str text,
                  literal_fn *fn, void *arg)
{
    if (text.n == 0)
        return;
    hs_error_t e = hs_scan(db->hs, text.p, (unsigned)text.n, 0, s->data, fn, arg);
    assert(e == HS_SUCCESS || e == HS_SCAN_TERMINATED);
}
