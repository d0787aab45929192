/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.h - who did what (audit), who used how much (usage), and imported indicators.
 *
 * See store.h for statuses and threads. */
#ifndef STORE_LEDGER_H
#define STORE_LEDGER_H

#include "store/store.h"

struct audit_record {
    uint64_t number; /* given by the store, without gaps within it */
    int64_t time_ms;
    str tenant, actor;  /* user's name, "key:NAME" or "system" */
    str action;         /* "user.add", "alert.close", … */
    str target, detail; /* detail: JSON or empty; never a secret */
    str address;
    bool ok;
};
/* The table refuses to change or lose a row other than by store_expire. */
CHECKED status store_audit_add(struct store *s, const struct audit_record *r, struct error *err);
/* Latest first, `before` 0: from the end. */
CHECKED status store_audit_list(struct store *s, struct arena *a, str tenant, uint64_t before,
                                size_t limit, struct audit_record **out, size_t *n,
                                struct error *err);

struct usage_record {
    int64_t day;     /* days since 1970-01-01, UTC */
    str tenant, key; /* key: API key's id, or "user:ID" */
    str route;
    uint64_t requests, errors, bytes_in, bytes_out;
};
/* Added to what is there. */
CHECKED status store_usage_add(struct store *s, const struct usage_record *u, size_t n,
                               struct error *err);
CHECKED status store_usage_list(struct store *s, struct arena *a, str tenant, int64_t from_day,
                                int64_t to_day, struct usage_record **out, size_t *n,
                                struct error *err);

/* Indicators that came through the API. */
struct indicator_record {
    str tenant, value, kind, source, description;
    double confidence_01;
    str technique;                /* JSON array */
    int64_t added_ms, expires_ms; /* 0: never */
    bool allow;
};
CHECKED status store_indicator_put(struct store *s, const struct indicator_record *r, size_t n,
                                   struct error *err);
CHECKED status store_indicator_list(struct store *s, struct arena *a, str tenant, str after,
                                    size_t limit, struct indicator_record **out, size_t *n,
                                    struct error *err);
CHECKED status store_indicator_remove(struct store *s, str tenant, str value, struct error *err);
CHECKED status store_indicator_expire(struct store *s, int64_t now_ms, uint64_t *removed,
                                      struct error *err);

#endif
