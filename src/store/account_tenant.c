/* SPDX-License-Identifier: Apache-2.0 */
#include "store/account.h"
#include "store/store_int.h"

static const struct column tenant_columns[] = {
    COLUMN(tenant_record, TEXT, id),
    COLUMN(tenant_record, TEXT, title),
    COLUMN(tenant_record, I64, created_ms),
    COLUMN(tenant_record, BOOL, disabled),
};
RECORD(tenant, tenant_record);

status store_tenant_add(struct store *s, const struct tenant_record *t, struct error *err)
{
    return store_run(s,
                     ASK("INSERT INTO tenant ({tenant}) VALUES ({?tenant})",
                         .record = &record_tenant, .from = t),
                     NULL, err);
}

status store_tenant_get(struct store *s, struct arena *a, str id, struct tenant_record *out,
                        struct error *err)
{
    return store_one(s, a,
                     ASK("SELECT {tenant} FROM tenant WHERE id = ?1", .record = &record_tenant,
                         VALUES(TEXT(id))),
                     out, err);
}

status store_tenant_list(struct store *s, struct arena *a, struct tenant_record **out, size_t *n,
                         struct error *err)
{
    return store_list(s, a,
                      ASK("SELECT {tenant} FROM tenant ORDER BY id", .record = &record_tenant), out,
                      n, err);
}

status store_tenant_disable(struct store *s, str id, bool disabled, struct error *err)
{
    return store_change(
        s, ASK("UPDATE tenant SET disabled = ?1 WHERE id = ?2", VALUES(INT(disabled), TEXT(id))),
        "tenant", id, err);
}
