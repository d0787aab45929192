/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts.  An alert's id begins with the time it was made, so on PostgreSQL a month of them is a range of ids: the
 * tables are partitioned by it, an id is unique because it is in the key, and a look-up by id goes to one partition.
 *
 * alert_open says which alert takes the repeats of a group; it has a row for a group that is open, and one
 * row can be locked by whoever adds to it.  The order of the columns in an index is that of
 * the filters of store_alert_list: what is equal first, then the order of the list.  Every index that holds last_ms
 * is written at each repeat, so the rarer filters have a smaller one. */
#include "store/store_int.h"

static const char *const sql[] = {
    "CREATE TABLE counter (name {text} PRIMARY KEY, value BIGINT NOT NULL)",
    "INSERT INTO counter (name, value) VALUES ('seq', 0)",

    "CREATE TABLE alert (id {text} PRIMARY KEY, tenant {text} NOT NULL, grp {text} NOT NULL,"
    " kind BIGINT NOT NULL, level BIGINT NOT NULL, score_01 DOUBLE PRECISION NOT NULL,"
    " rule {text} NOT NULL, title {text} NOT NULL, reason {text} NOT NULL, entity {text} NOT NULL,"
    " technique {text} NOT NULL, evidence {text} NOT NULL, source {text} NOT NULL,"
    " first_ms BIGINT NOT NULL, last_ms BIGINT NOT NULL, created_ms BIGINT NOT NULL,"
    " changed_ms BIGINT NOT NULL, count BIGINT NOT NULL, status BIGINT NOT NULL,"
    " owner {text} NOT NULL, note {text} NOT NULL, decided_ms BIGINT NOT NULL,"
    " seq BIGINT NOT NULL) {by_id}",
    "CREATE INDEX alert_by_time ON alert (last_ms, id, status)",
    "CREATE INDEX alert_by_tenant ON alert (tenant, last_ms, id)",
    "CREATE INDEX alert_by_status ON alert (tenant, status, last_ms, id, level)",
    "CREATE INDEX alert_critical ON alert (tenant, last_ms, id) WHERE level = 4",
    "CREATE INDEX alert_by_rule ON alert (tenant, rule, last_ms, id)",
    "CREATE INDEX alert_by_title ON alert (tenant, title)",
    "CREATE INDEX alert_by_seq ON alert (seq)",

    "CREATE TABLE alert_open (tenant {text} NOT NULL, grp {text} NOT NULL, alert {text} NOT NULL,"
    " PRIMARY KEY (tenant, grp)) {clustered}",

    "CREATE TABLE alert_entity (value {text} NOT NULL, tenant {text} NOT NULL,"
    " alert {text} NOT NULL, PRIMARY KEY (value, tenant, alert)) {clustered_by_alert}",

    "CREATE TABLE alert_event (alert {text} NOT NULL, number BIGINT NOT NULL,"
    " tenant {text} NOT NULL, id {text} NOT NULL, time_ms BIGINT NOT NULL, raw {blob} NOT NULL,"
    " format {text} NOT NULL, PRIMARY KEY (alert, number)) {by_alert}",

    "CREATE TABLE source_position (source {text} PRIMARY KEY, value {text} NOT NULL,"
    " changed_ms BIGINT NOT NULL)",

    "CREATE TABLE recent (number {serial}, tenant {text} NOT NULL, format {text} NOT NULL,"
    " raw {blob} NOT NULL, time_ms BIGINT NOT NULL)",
    "CREATE INDEX recent_by_time ON recent (time_ms)",
    NULL,
};

const struct migration migration_002 = {.title = "alerts", .sql = sql};
