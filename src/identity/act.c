/* SPDX-License-Identifier: Apache-2.0 */
/* Who did what: every attempt of an administrator goes to the audit log, refused ones too. */
#include "codec/json_out.h"
#include "identity/identity_int.h"
#include "os/log.h"
#include "store/ledger.h"

enum { TARGET_MAX = 128, DETAIL_MAX = 2048 };

status act_permitted(const struct actor *by, enum permission what, struct error *err)
{
    if (!by->who || principal_may(by->who, what))
        return ST_OK;
    return fail(err, ST_FORBIDDEN, "it takes the permission '%s'", permission_name(what));
}

static str actor_name(const struct actor *by, char room[static 80])
{
    if (!by || !by->who)
        return STR("system");
    const struct principal *p = by->who;
    int n = snprintf(room, 80, "%s%s", p->kind == PRINCIPAL_USER ? "" : "key:", p->name);
    return (str){room, (size_t)n};
}

static status written(struct identity *i, const struct audit_record *r, struct error *err)
{
    status st = store_audit_add(i->store, r, err);
    if (st == ST_OK)
        return ST_OK;
    log_say(LOG_SECURITY, LOG_ERROR, "not in the audit log", LOG_STR("action", r->action),
            LOG_STR("actor", r->actor), LOG_STR("target", r->target), LOG_INT("ok", r->ok));
    return fail_prefix(err, st, "done, but it could not be written to the audit log");
}

status act_done(const struct act *a, status st, const struct error *why, struct error *err)
{
    char room[80];
    struct sbuf detail;
    sbuf_init(&detail, DETAIL_MAX);
    const struct principal *who = a->by ? a->by->who : NULL;
    struct audit_record r = {.time_ms = a->by ? a->by->now_ms : 0, .action = str_z(a->action)};
    r.tenant = who ? str_z(who->tenant) : STR("default");
    r.actor = actor_name(a->by, room);
    r.target = str_head(a->target, TARGET_MAX);
    r.address = a->by ? str_head(a->by->address, TARGET_MAX) : STR("");
    r.ok = st == ST_OK;
    if (st != ST_OK) {
        struct json_out o = json_out_on(&detail);
        json_out_object(&o);
        json_out_kv_str(&o, "why", str_z(why->text));
        json_out_object_end(&o);
        r.detail = sbuf_str(&detail);
    }
    log_say(LOG_SECURITY, st == ST_OK ? LOG_INFO : LOG_WARN, a->action, LOG_STR("tenant", r.tenant),
            LOG_STR("actor", r.actor), LOG_STR("target", r.target), LOG_STR("address", r.address),
            LOG_Z("result", st == ST_OK ? "ok" : why->text));
    status kept = written(a->i, &r, st == ST_OK ? err : NULL);
    sbuf_done(&detail);
    if (st != ST_OK && err)
        *err = *why;
    return st != ST_OK ? st : kept;
}

status act_login(struct identity *i, const struct login_act *l, struct error *err)
{
    struct audit_record r = {.time_ms = l->now_ms, .action = str_z(l->action), .ok = l->ok};
    r.tenant = l->tenant.n ? l->tenant : STR("default");
    r.actor = r.target = str_head(l->name, TARGET_MAX);
    r.detail = str_z(l->detail);
    r.address = str_head(l->address, TARGET_MAX);
    return written(i, &r, err);
}
