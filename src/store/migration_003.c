/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger.  Nobody changes or removes what is in `audit`, also not with a client of the
 * database: triggers refuse it.  Only rows older than the one time in `permit` may go, and store_expire
 * puts that there and takes it away within one transaction. */
#include "store/store_int.h"

static const char *const sql[] = {
    "INSERT INTO counter (name, value) VALUES ('audit', 0)",
    "CREATE TABLE audit (number BIGINT PRIMARY KEY, time_ms BIGINT NOT NULL, tenant {text} NOT "
    "NULL,"
    " actor {text} NOT NULL, action {text} NOT NULL, target {text} NOT NULL,"
    " detail {text} NOT NULL, address {text} NOT NULL, ok BIGINT NOT NULL)",
    "CREATE INDEX audit_by_tenant ON audit (tenant, number)",
    "CREATE INDEX audit_by_time ON audit (time_ms)",
    "CREATE TABLE permit (name {text} PRIMARY KEY, before_ms BIGINT NOT NULL)",

    "CREATE TABLE usage_day (day BIGINT NOT NULL, tenant {text} NOT NULL, key {text} NOT NULL,"
    " route {text} NOT NULL, requests BIGINT NOT NULL, errors BIGINT NOT NULL,"
    " bytes_in BIGINT NOT NULL, bytes_out BIGINT NOT NULL,"
    " PRIMARY KEY (tenant, day, key, route)) {clustered}",
    "CREATE INDEX usage_by_day ON usage_day (day)",

    "CREATE TABLE indicator (tenant {text} NOT NULL, value {text} NOT NULL, kind {text} NOT NULL,"
    " source {text} NOT NULL, description {text} NOT NULL,"
    " confidence_01 DOUBLE PRECISION NOT NULL, technique {text} NOT NULL,"
    " added_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, allow BIGINT NOT NULL,"
    " PRIMARY KEY (tenant, value))",
    "CREATE INDEX indicator_by_expiry ON indicator (expires_ms)",
    NULL,
};

static const char *const sqlite[] = {
    "CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit log is never changed'); END",
    "CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit"
    " WHEN NOT EXISTS (SELECT 1 FROM permit WHERE name = 'audit' AND before_ms > OLD.time_ms)"
    " BEGIN SELECT RAISE(ABORT, 'the audit log is never cut'); END",
    "CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit"
    " WHEN EXISTS (SELECT 1 FROM audit WHERE number = NEW.number)"
    " BEGIN SELECT RAISE(ABORT, 'the audit log is never changed'); END",
    NULL,
};

static const char *const postgresql[] = {
    "CREATE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " IF TG_OP = 'DELETE' THEN"
    "  IF EXISTS (SELECT 1 FROM permit WHERE name = 'audit' AND before_ms > OLD.time_ms) THEN"
    "   RETURN OLD; END IF;"
    "  RAISE EXCEPTION 'the audit log is never cut'; END IF;"
    " RAISE EXCEPTION 'the audit log is never changed'; END $$",
    "CREATE TRIGGER audit_is_kept BEFORE UPDATE OR DELETE ON audit"
    " FOR EACH ROW EXECUTE FUNCTION audit_refuses()",
    "CREATE TRIGGER audit_is_not_truncated BEFORE TRUNCATE ON audit"
    " FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses()",
    NULL,
};

const struct migration migration_003 = {
    .title = "ledger", .sql = sql, .sqlite = sqlite, .postgresql = postgresql};
