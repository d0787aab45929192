/* SPDX-License-Identifier: Apache-2.0 */
/* API keys, and the keys that sign tokens. */
#include "store/account.h"
#include "store/store_int.h"

static const struct column api_key_columns[] = {
    COLUMN(key_record, TEXT, id),        COLUMN(key_record, TEXT, tenant),
    COLUMN(key_record, TEXT, name),      COLUMN(key_record, TEXT, owner),
    COLUMN(key_record, TEXT, hash),      COLUMN(key_record, TEXT, role),
    COLUMN(key_record, TEXT, scopes),    COLUMN(key_record, BOOL, service),
    COLUMN(key_record, I64, created_ms), COLUMN(key_record, I64, expires_ms),
    COLUMN(key_record, I64, used_ms),    COLUMN(key_record, BOOL, revoked),
};
RECORD(api_key, key_record);

static const struct column signer_columns[] = {
    COLUMN(signer_record, TEXT, kid),       COLUMN(signer_record, TEXT, kind),
    COLUMN(signer_record, BLOB, sealed),    COLUMN(signer_record, I64, created_ms),
    COLUMN(signer_record, I64, retired_ms), COLUMN(signer_record, I64, expires_ms),
};
RECORD(signer, signer_record);

status store_key_add(struct store *s, const struct key_record *k, struct error *err)
{
    return store_run(s,
                     ASK("INSERT INTO api_key ({api_key}) VALUES ({?api_key})",
                         .record = &record_api_key, .from = k),
                     NULL, err);
}

status store_key_get(struct store *s, struct arena *a, str id, struct key_record *out,
                     struct error *err)
{
    return store_one(s, a,
                     ASK("SELECT {api_key} FROM api_key WHERE id = ?1", .record = &record_api_key,
                         VALUES(TEXT(id))),
                     out, err);
}

status store_key_list(struct store *s, struct arena *a, str tenant, struct key_record **out,
                      size_t *n, struct error *err)
{
    return store_list(s, a,
                      ASK("SELECT {api_key} FROM api_key WHERE tenant = ?1 ORDER BY id",
                          .record = &record_api_key, VALUES(TEXT(tenant))),
                      out, n, err);
}

status store_key_revoke(struct store *s, str tenant, str id, struct error *err)
{
    return store_change(s,
                        ASK("UPDATE api_key SET revoked = 1 WHERE tenant = ?1 AND id = ?2",
                            VALUES(TEXT(tenant), TEXT(id))),
                        "key", id, err);
}

struct uses {
    const struct key_use *use;
    size_t n;
};

static status note_uses(struct conn *c, void *arg, struct error *err)
{
    const struct uses *x = arg;
    status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < x->n; i++)
        st = ask_send(c,
                      ASK("UPDATE api_key SET used_ms = {greatest}(used_ms, ?2) WHERE id = ?1",
                          VALUES(TEXT(x->use[i].id), INT(x->use[i].used_ms))),
                      err);
    return st;
}

status store_key_used(struct store *s, const struct key_use *use, size_t n, struct error *err)
{
    return n ? store_write(s, note_uses, &(struct uses){use, n}, err) : ST_OK;
}

status store_signer_add(struct store *s, const struct signer_record *r, struct error *err)
{
    return store_run(s,
                     ASK("INSERT INTO signer ({signer}) VALUES ({?signer})",
                         .record = &record_signer, .from = r),
                     NULL, err);
}

status store_signer_list(struct store *s, struct arena *a, struct signer_record **out, size_t *n,
                         struct error *err)
{
    return store_list(
        s, a, ASK("SELECT {signer} FROM signer ORDER BY created_ms, kid", .record = &record_signer),
        out, n, err);
}

status store_signer_retire(struct store *s, str kid, int64_t retired_ms, int64_t expires_ms,
                           struct error *err)
{
    return store_change(s,
                        ASK("UPDATE signer SET retired_ms = ?2, expires_ms = ?3 WHERE kid = ?1",
                            VALUES(TEXT(kid), INT(retired_ms), INT(expires_ms))),
                        "signing key", kid, err);
}

status store_signer_remove(struct store *s, str kid, struct error *err)
{
    return store_change(s, ASK("DELETE FROM signer WHERE kid = ?1", VALUES(TEXT(kid))),
                        "signing key", kid, err);
}
