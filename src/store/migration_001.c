/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

static const char *const sql[] = {
    "CREATE TABLE tenant (id {text} PRIMARY KEY, title {text} NOT NULL, created_ms BIGINT NOT NULL,"
    " disabled BIGINT NOT NULL)",

    "CREATE TABLE account (id {text} PRIMARY KEY, tenant {text} NOT NULL REFERENCES tenant (id),"
    " name {text} NOT NULL UNIQUE, role {text} NOT NULL, password_hash {text} NOT NULL,"
    " created_ms BIGINT NOT NULL, changed_ms BIGINT NOT NULL, last_login_ms BIGINT NOT NULL,"
    " failed BIGINT NOT NULL, locked_until_ms BIGINT NOT NULL, disabled BIGINT NOT NULL,"
    " valid_from_ms BIGINT NOT NULL)",
    "CREATE INDEX account_by_tenant ON account (tenant, name)",

    "CREATE TABLE session (id {text} PRIMARY KEY, tenant {text} NOT NULL,"
    " user_id {text} NOT NULL REFERENCES account (id) ON DELETE CASCADE,"
    " refresh_hash {text} NOT NULL, spent_hash {text} NOT NULL, address {text} NOT NULL,"
    " agent {text} NOT NULL, created_ms BIGINT NOT NULL, used_ms BIGINT NOT NULL,"
    " expires_ms BIGINT NOT NULL, revoked BIGINT NOT NULL)",
    "CREATE INDEX session_by_user ON session (user_id, id)",
    "CREATE INDEX session_by_expiry ON session (expires_ms)",

    "CREATE TABLE api_key (id {text} PRIMARY KEY, tenant {text} NOT NULL REFERENCES tenant (id),"
    " name {text} NOT NULL, owner {text} NOT NULL, hash {text} NOT NULL, role {text} NOT NULL,"
    " scopes {text} NOT NULL, service BIGINT NOT NULL, created_ms BIGINT NOT NULL,"
    " expires_ms BIGINT NOT NULL, used_ms BIGINT NOT NULL, revoked BIGINT NOT NULL)",
    "CREATE INDEX api_key_by_tenant ON api_key (tenant, id)",
    "CREATE INDEX api_key_by_owner ON api_key (owner)",

    "CREATE TABLE signer (kid {text} PRIMARY KEY, kind {text} NOT NULL, sealed {blob} NOT NULL,"
    " created_ms BIGINT NOT NULL, retired_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL)",
    NULL,
};

const struct migration migration_001 = {.title = "accounts", .sql = sql};
