/* SPDX-License-Identifier: Apache-2.0 */
#include "store/account.h"
#include "store/store_int.h"

static const struct column session_columns[] = {
    COLUMN(session_record, TEXT, id),
    COLUMN(session_record, TEXT, tenant),
    COLUMN_AS(session_record, TEXT, user, "user_id"), /* `user` is a word of PostgreSQL's */
    COLUMN(session_record, TEXT, refresh_hash),
    COLUMN(session_record, TEXT, spent_hash),
    COLUMN(session_record, TEXT, address),
    COLUMN(session_record, TEXT, agent),
    COLUMN(session_record, I64, created_ms),
    COLUMN(session_record, I64, used_ms),
    COLUMN(session_record, I64, expires_ms),
    COLUMN(session_record, BOOL, revoked),
};
RECORD(session, session_record);

status store_session_add(struct store *s, const struct session_record *r, struct error *err)
{
    return store_run(s,
                     ASK("INSERT INTO session ({session}) VALUES ({?session})",
                         .record = &record_session, .from = r),
                     NULL, err);
}

status store_session_get(struct store *s, struct arena *a, str id, struct session_record *out,
                         struct error *err)
{
    return store_one(s, a,
                     ASK("SELECT {session} FROM session WHERE id = ?1", .record = &record_session,
                         VALUES(TEXT(id))),
                     out, err);
}

status store_session_list(struct store *s, struct arena *a, str tenant, str user,
                          struct session_record **out, size_t *n, struct error *err)
{
    return store_list(
        s, a,
        ASK("SELECT {session} FROM session WHERE user_id = ?1 AND tenant = ?2 ORDER BY id",
            .record = &record_session, VALUES(TEXT(user), TEXT(tenant))),
        out, n, err);
}

status store_session_rotate(struct store *s, str id, str old_hash, str new_hash, int64_t now_ms,
                            struct error *err)
{
    uint64_t changed = 0;
    status st = store_run(s,
                          ASK("UPDATE session SET spent_hash = refresh_hash, refresh_hash = ?3,"
                              " used_ms = ?4 WHERE id = ?1 AND refresh_hash = ?2 AND revoked = 0",
                              VALUES(TEXT(id), TEXT(old_hash), TEXT(new_hash), INT(now_ms))),
                          &changed, err);
    if (st == ST_OK && !changed)
        return fail(err, ST_CONFLICT, "the refresh token is not the one that is good");
    return st;
}

status store_session_revoke(struct store *s, str id, struct error *err)
{
    return store_change(s, ASK("UPDATE session SET revoked = 1 WHERE id = ?1", VALUES(TEXT(id))),
                        "session", id, err);
}

status store_session_revoke_all(struct store *s, str user, uint64_t *n, struct error *err)
{
    return store_run(s,
                     ASK("UPDATE session SET revoked = 1 WHERE user_id = ?1 AND revoked = 0",
                         VALUES(TEXT(user))),
                     n, err);
}

status store_session_revoked(struct store *s, struct arena *a, int64_t now_ms, str **out, size_t *n,
                             struct error *err)
{
    static const struct column id = {"id", COLUMN_TEXT, 0};
    static const struct record ids = {&id, 1, sizeof(str)};
    return store_list(
        s, a,
        ASK("SELECT id FROM session WHERE revoked = 1 AND expires_ms > ?1 ORDER BY id",
            .record = &ids, VALUES(INT(now_ms))),
        out, n, err);
}
