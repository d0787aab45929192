/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json_scan.h"
#include "store/store_int.h"

typedef status each_fn(struct conn *c, str value, str tenant, str alert, struct error *err);

/* Strings only: entities are names and addresses.  JSON that is none has no values. */
static status each_value(struct conn *c, str json, str tenant, str alert, each_fn *fn,
                         struct error *err)
{
    struct json_scan scan = json_scan_of(json);
    struct json_text text;
    enum json_token k;
    unsigned count = 0;
    char plain[ENTITY_LEN_MAX + 1];
    while ((k = json_next(&scan, &text)) > JSON_ERROR && count < ENTITIES_MAX) {
        if (k != JSON_STRING || !text.raw.n || text.raw.n > ENTITY_LEN_MAX)
            continue;
        str value = text.escaped ? (str){plain, json_unescape(text.raw, plain)} : text.raw;
        status st = fn(c, value, tenant, alert, err);
        if (st != ST_OK)
            return st;
        count++;
    }
    return ST_OK;
}

static status add(struct conn *c, str value, str tenant, str alert, struct error *err)
{
    return ask_send(c,
                    ASK("INSERT INTO alert_entity (value, tenant, alert) VALUES (?1, ?2, ?3)"
                        " ON CONFLICT (value, tenant, alert) DO NOTHING",
                        VALUES(TEXT(value), TEXT(tenant), TEXT(alert))),
                    err);
}

static status drop(struct conn *c, str value, str tenant, str alert, struct error *err)
{
    return ask_send(c,
                    ASK("DELETE FROM alert_entity WHERE value = ?1 AND tenant = ?2 AND alert = ?3",
                        VALUES(TEXT(value), TEXT(tenant), TEXT(alert))),
                    err);
}

status entity_add(struct conn *c, str entity_json, str tenant, str alert, struct error *err)
{
    return each_value(c, entity_json, tenant, alert, add, err);
}

status entity_remove(struct conn *c, str entity_json, str tenant, str alert, struct error *err)
{
    return each_value(c, entity_json, tenant, alert, drop, err);
}
