/* SPDX-License-Identifier: Apache-2.0 */
#include "store/account.h"
#include "store/store_int.h"

static const struct column account_columns[] = {
    COLUMN(user_record, TEXT, id),
    COLUMN(user_record, TEXT, tenant),
    COLUMN(user_record, TEXT, name),
    COLUMN(user_record, TEXT, role),
    COLUMN(user_record, TEXT, password_hash),
    COLUMN(user_record, I64, created_ms),
    COLUMN(user_record, I64, changed_ms),
    COLUMN(user_record, I64, last_login_ms),
    COLUMN(user_record, I64, failed),
    COLUMN(user_record, I64, locked_until_ms),
    COLUMN(user_record, BOOL, disabled),
    COLUMN(user_record, I64, valid_from_ms),
};
RECORD(account, user_record);

status store_user_add(struct store *s, const struct user_record *u, struct error *err)
{
    return store_run(s,
                     ASK("INSERT INTO account ({account}) VALUES ({?account})",
                         .record = &record_account, .from = u),
                     NULL, err);
}

status store_user_by_name(struct store *s, struct arena *a, str name, struct user_record *out,
                          struct error *err)
{
    return store_one(s, a,
                     ASK("SELECT {account} FROM account WHERE name = ?1", .record = &record_account,
                         VALUES(TEXT(name))),
                     out, err);
}

status store_user_get(struct store *s, struct arena *a, str tenant, str id, struct user_record *out,
                      struct error *err)
{
    return store_one(s, a,
                     ASK("SELECT {account} FROM account WHERE id = ?1 AND (tenant = ?2 OR ?2 = '')",
                         .record = &record_account, VALUES(TEXT(id), TEXT(tenant))),
                     out, err);
}

status store_user_list(struct store *s, struct arena *a, str tenant, struct user_record **out,
                       size_t *n, struct error *err)
{
    return store_list(
        s, a,
        ASK("SELECT {account} FROM account WHERE (tenant = ?1 OR ?1 = '') ORDER BY name",
            .record = &record_account, VALUES(TEXT(tenant))),
        out, n, err);
}

status store_user_update(struct store *s, const struct user_record *u, struct error *err)
{
    return store_change(
        s,
        ASK("UPDATE account SET role = ?3, password_hash = ?4, changed_ms = ?5, last_login_ms = ?6,"
            " failed = ?7, locked_until_ms = ?8, disabled = ?9, valid_from_ms = ?10"
            " WHERE id = ?1 AND tenant = ?2",
            VALUES(TEXT(u->id), TEXT(u->tenant), TEXT(u->role), TEXT(u->password_hash),
                   INT(u->changed_ms), INT(u->last_login_ms), INT(u->failed),
                   INT(u->locked_until_ms), INT(u->disabled), INT(u->valid_from_ms))),
        "user", u->id, err);
}

struct login {
    str id;
    bool ok;
    int64_t now_ms, locked_until_ms, failed;
};

static status login(struct conn *c, void *arg, struct error *err)
{
    struct login *l = arg;
    if (l->ok)
        return ask_numbers(c,
                           ASK("UPDATE account SET failed = 0, locked_until_ms = 0,"
                               " last_login_ms = ?2 WHERE id = ?1 RETURNING failed",
                               VALUES(TEXT(l->id), INT(l->now_ms))),
                           &l->failed, 1, NULL, err);
    return ask_numbers(c,
                       ASK("UPDATE account SET failed = failed + 1, locked_until_ms = ?2"
                           " WHERE id = ?1 RETURNING failed",
                           VALUES(TEXT(l->id), INT(l->locked_until_ms))),
                       &l->failed, 1, NULL, err);
}

status store_user_login(struct store *s, str id, bool ok, int64_t now_ms, int64_t locked_until_ms,
                        int64_t *failed, struct error *err)
{
    struct login l = {id, ok, now_ms, locked_until_ms, 0};
    status st = store_write(s, login, &l, err);
    if (st == ST_OK && failed)
        *failed = l.failed;
    return st;
}

struct named {
    str tenant, id;
};

/* Sessions go with their user (ON DELETE CASCADE).  Keys stay, revoked, so that what they did can still be told;
 * service tokens belong to the tenant. */
static status remove_user(struct conn *c, void *arg, struct error *err)
{
    const struct named *x = arg;
    uint64_t removed = 0;
    status st = ask_run(c,
                        ASK("UPDATE api_key SET revoked = 1"
                            " WHERE tenant = ?1 AND owner = ?2 AND service = 0",
                            VALUES(TEXT(x->tenant), TEXT(x->id))),
                        NULL, err);
    if (st == ST_OK)
        st = ask_run(c,
                     ASK("DELETE FROM account WHERE tenant = ?1 AND id = ?2",
                         VALUES(TEXT(x->tenant), TEXT(x->id))),
                     &removed, err);
    if (st == ST_OK && !removed)
        return fail(err, ST_NOT_FOUND, "no user '" STR_FMT "'", STR_ARG(str_head(x->id, 64)));
    return st;
}

status store_user_remove(struct store *s, str tenant, str id, struct error *err)
{
    return store_write(s, remove_user, &(struct named){tenant, id}, err);
}

status store_user_count(struct store *s, uint64_t *out, struct error *err)
{
    int64_t n = 0;
    status st = store_numbers(s, ASK("SELECT count(*) FROM account"), &n, 1, NULL, err);
    if (st == ST_OK)
        *out = (uint64_t)n;
    return st;
}
