/* SPDX-License-Identifier: Apache-2.0 */
/* What every driver of the store must do; run on all of them. */
#include "base/sbuf.h"
#include "os/thread.h"
#include "tests/store_bed.h"

/* ---- accounts ---- */

static void keeps_tenants(void **state)
{
    struct tenant_record *list, got;
    size_t n;
    bed_tenant("acme");
    bed_tenant("beta");
    IS(ST_CONFLICT, store_tenant_add(bed, &(struct tenant_record){.id = STR("acme")}, &bed_err));
    OK(store_tenant_disable(bed, STR("beta"), true, &bed_err));
    IS(ST_NOT_FOUND, store_tenant_disable(bed, STR("nobody"), true, &bed_err));
    OK(store_tenant_get(bed, &bed_arena, STR("beta"), &got, &bed_err));
    assert_true(got.disabled && got.created_ms == 1);
    assert_str(got.title, "T");
    IS(ST_NOT_FOUND, store_tenant_get(bed, &bed_arena, STR("gamma"), &got, &bed_err));
    OK(store_tenant_list(bed, &bed_arena, &list, &n, &bed_err));
    assert_int_equal(n, 2);
    assert_str(list[0].id, "acme");
}

static struct user_record a_user(const char *tenant, const char *id, const char *name)
{
    return (struct user_record){.id = str_z(id),
                                .tenant = str_z(tenant),
                                .name = str_z(name),
                                .role = STR("analyst"),
                                .password_hash = STR("$argon2id$x"),
                                .created_ms = 5};
}

static void keeps_users_by_tenant_with_one_name_in_all(void **state)
{
    bed_tenant("acme");
    bed_tenant("beta");
    struct user_record ann = a_user("acme", "U1", "ann"), bob = a_user("beta", "U2", "bob"), got;
    OK(store_user_add(bed, &ann, &bed_err));
    OK(store_user_add(bed, &bob, &bed_err));
    struct user_record twin = a_user("beta", "U3", "ann");
    IS(ST_CONFLICT, store_user_add(bed, &twin, &bed_err));
    struct user_record lost = a_user("nowhere", "U4", "zoe");
    IS(ST_INVALID, store_user_add(bed, &lost, &bed_err));
    OK(store_user_by_name(bed, &bed_arena, STR("ann"), &got, &bed_err));
    assert_str(got.password_hash, "$argon2id$x");
    OK(store_user_get(bed, &bed_arena, STR(""), STR("U1"), &got, &bed_err));
    IS(ST_NOT_FOUND, store_user_get(bed, &bed_arena, STR("beta"), STR("U1"), &got, &bed_err));
    struct user_record *list;
    size_t n;
    OK(store_user_list(bed, &bed_arena, STR("beta"), &list, &n, &bed_err));
    assert_int_equal(n, 1);
    assert_str(list[0].name, "bob");
    uint64_t count = 0;
    OK(store_user_count(bed, &count, &bed_err));
    assert_int_equal(count, 2);
}

static void changes_a_user_but_not_another_tenants(void **state)
{
    bed_tenant("acme");
    struct user_record u = a_user("acme", "U1", "ann"), got;
    OK(store_user_add(bed, &u, &bed_err));
    u.role = STR("admin");
    u.disabled = true;
    u.valid_from_ms = 77;
    u.name = STR("not changed");
    OK(store_user_update(bed, &u, &bed_err));
    OK(store_user_get(bed, &bed_arena, STR("acme"), STR("U1"), &got, &bed_err));
    assert_str(got.role, "admin");
    assert_str(got.name, "ann");
    assert_true(got.disabled && got.valid_from_ms == 77);
    u.tenant = STR("beta");
    IS(ST_NOT_FOUND, store_user_update(bed, &u, &bed_err));
    IS(ST_NOT_FOUND, store_user_remove(bed, STR("beta"), STR("U1"), &bed_err));
    OK(store_user_remove(bed, STR("acme"), STR("U1"), &bed_err));
    IS(ST_NOT_FOUND, store_user_by_name(bed, &bed_arena, STR("ann"), &got, &bed_err));
}

static void counts_failed_logins_until_one_succeeds(void **state)
{
    bed_tenant("acme");
    struct user_record u = a_user("acme", "U1", "ann"), got;
    OK(store_user_add(bed, &u, &bed_err));
    int64_t failed = 0;
    OK(store_user_login(bed, STR("U1"), false, 100, 0, &failed, &bed_err));
    OK(store_user_login(bed, STR("U1"), false, 200, 900, &failed, &bed_err));
    assert_int_equal(failed, 2);
    OK(store_user_get(bed, &bed_arena, STR("acme"), STR("U1"), &got, &bed_err));
    assert_true(got.locked_until_ms == 900 && got.last_login_ms == 0);
    OK(store_user_login(bed, STR("U1"), true, 300, 0, NULL, &bed_err));
    OK(store_user_get(bed, &bed_arena, STR("acme"), STR("U1"), &got, &bed_err));
    assert_true(got.failed == 0 && got.locked_until_ms == 0 && got.last_login_ms == 300);
    IS(ST_NOT_FOUND, store_user_login(bed, STR("U9"), true, 300, 0, NULL, &bed_err));
}

static void a_session(const char *id, int64_t expires_ms)
{
    struct session_record r = {.id = str_z(id),
                               .tenant = STR("acme"),
                               .user = STR("U1"),
                               .refresh_hash = STR("h0"),
                               .expires_ms = expires_ms};
    OK(store_session_add(bed, &r, &bed_err));
}

static void a_user_with_sessions(void)
{
    bed_tenant("acme");
    struct user_record u = a_user("acme", "U1", "ann");
    OK(store_user_add(bed, &u, &bed_err));
    a_session("S1", bed_now + 10);
    a_session("S2", bed_now + 20);
}

static void lets_a_refresh_token_be_used_once(void **state)
{
    a_user_with_sessions();
    struct session_record got;
    OK(store_session_rotate(bed, STR("S1"), STR("h0"), STR("h1"), 50, &bed_err));
    IS(ST_CONFLICT, store_session_rotate(bed, STR("S1"), STR("h0"), STR("h2"), 60, &bed_err));
    OK(store_session_get(bed, &bed_arena, STR("S1"), &got, &bed_err));
    assert_str(got.refresh_hash, "h1");
    assert_str(got.spent_hash, "h0");
    assert_int_equal(got.used_ms, 50);
    OK(store_session_revoke(bed, STR("S1"), &bed_err));
    IS(ST_CONFLICT, store_session_rotate(bed, STR("S1"), STR("h1"), STR("h2"), 70, &bed_err));
    IS(ST_NOT_FOUND, store_session_revoke(bed, STR("S9"), &bed_err));
}

static void revokes_all_sessions_and_remembers_which(void **state)
{
    a_user_with_sessions();
    struct session_record *list;
    uint64_t revoked = 0;
    size_t n;
    str *id;
    OK(store_session_list(bed, &bed_arena, STR("acme"), STR("U1"), &list, &n, &bed_err));
    assert_int_equal(n, 2);
    OK(store_session_list(bed, &bed_arena, STR("beta"), STR("U1"), &list, &n, &bed_err));
    assert_int_equal(n, 0);
    OK(store_session_revoke_all(bed, STR("U1"), &revoked, &bed_err));
    assert_int_equal(revoked, 2);
    OK(store_session_revoked(bed, &bed_arena, bed_now + 15, &id, &n, &bed_err));
    assert_int_equal(n, 1);
    assert_str(id[0], "S2");
    OK(store_user_remove(bed, STR("acme"), STR("U1"), &bed_err));
    OK(store_session_revoked(bed, &bed_arena, bed_now, &id, &n, &bed_err));
    assert_int_equal(n, 0);
}

static void keeps_api_keys(void **state)
{
    bed_tenant("acme");
    struct user_record u = a_user("acme", "U1", "ann");
    OK(store_user_add(bed, &u, &bed_err));
    struct key_record k = {.id = STR("K1"),
                           .tenant = STR("acme"),
                           .name = STR("ci"),
                           .owner = STR("U1"),
                           .hash = STR("ab"),
                           .scopes = STR("a b")};
    struct key_record service = k, *list, got;
    service.id = STR("K2");
    service.service = true;
    OK(store_key_add(bed, &k, &bed_err));
    OK(store_key_add(bed, &service, &bed_err));
    const struct key_use use[] = {{STR("K1"), 500}, {STR("K1"), 400}, {STR("K9"), 1}};
    OK(store_key_used(bed, use, COUNT(use), &bed_err));
    OK(store_key_get(bed, &bed_arena, STR("K1"), &got, &bed_err));
    assert_int_equal(got.used_ms, 500);
    assert_str(got.scopes, "a b");
    IS(ST_NOT_FOUND, store_key_revoke(bed, STR("beta"), STR("K1"), &bed_err));
    OK(store_user_remove(bed, STR("acme"), STR("U1"), &bed_err));
    size_t n;
    OK(store_key_list(bed, &bed_arena, STR("acme"), &list, &n, &bed_err));
    assert_int_equal(n, 2);
    assert_true(list[0].revoked && !list[1].revoked && list[1].service);
    OK(store_key_revoke(bed, STR("acme"), STR("K2"), &bed_err));
}

static void keeps_signing_keys(void **state)
{
    struct signer_record r = {STR("k1"), STR("ed25519"), {"\0\xff seed", 7}, 10, 0, 0}, *list;
    size_t n;
    OK(store_signer_add(bed, &r, &bed_err));
    r.kid = STR("k0");
    r.created_ms = 20;
    OK(store_signer_add(bed, &r, &bed_err));
    OK(store_signer_retire(bed, STR("k1"), 30, 40, &bed_err));
    OK(store_signer_list(bed, &bed_arena, &list, &n, &bed_err));
    assert_int_equal(n, 2);
    assert_str(list[0].kid, "k1");
    assert_true(list[0].retired_ms == 30 && list[0].expires_ms == 40);
    assert_true(str_eq(list[0].sealed, r.sealed));
    OK(store_signer_remove(bed, STR("k1"), &bed_err));
    IS(ST_NOT_FOUND, store_signer_remove(bed, STR("k1"), &bed_err));
    IS(ST_NOT_FOUND, store_signer_retire(bed, STR("k1"), 1, 2, &bed_err));
}

/* ---- alerts ---- */

static void makes_one_alert_of_repeats(void **state)
{
    struct alert_record f[4] = {an_alert("acme", "g1", bed_now), an_alert("acme", "g2", bed_now),
                                an_alert("acme", "g1", bed_now + 5),
                                an_alert("beta", "g1", bed_now)};
    f[2].level = LEVEL_HIGH;
    f[2].reason = STR("odder still");
    struct commit_result r[4], again;
    uint64_t seq = bed_seq;
    OK(bed_commit(f, 4, r));
    assert_true(r[0].is_new && r[1].is_new && !r[2].is_new && r[3].is_new);
    assert_string_equal(r[0].id, r[2].id);
    assert_string_not_equal(r[0].id, r[3].id);
    assert_true(r[0].count == 1 && r[2].count == 2);
    assert_true(r[2].level == LEVEL_HIGH && r[2].last_ms == bed_now + 5);

    struct alert_record third = an_alert("acme", "g1", bed_now - 9), got;
    OK(bed_commit(&third, 1, &again));
    assert_true(!again.is_new && again.count == 3 && again.level == LEVEL_HIGH);
    assert_true(again.first_ms == bed_now - 9 && again.last_ms == bed_now + 5);
    OK(store_alert_get(bed, &bed_arena, STR("acme"), str_z(r[0].id), &got, &bed_err));
    assert_true(got.count == 3 && got.seq == seq + 4 && got.status == ALERT_OPEN);
    assert_true(got.created_ms == bed_now && got.kind == FINDING_RULE);
    assert_true(got.score_01 > 0.49f && got.score_01 < 0.51f);
    assert_str(got.reason, "it is odd");
    assert_str(got.technique, "[\"T1059\"]");
    uint64_t highest = 0;
    OK(store_seq(bed, &highest, &bed_err));
    assert_int_equal(highest, seq + 4);
}

static struct alert_record of_model(float score_01, const char *reason, const char *evidence)
{
    struct alert_record f = an_alert("acme", "model", bed_now);
    f.kind = FINDING_MODEL;
    f.score_01 = score_01;
    f.reason = str_z(reason);
    f.evidence = str_z(evidence);
    return f;
}

static void check_says(const char *id, float score_01, const char *reason, const char *evidence)
{
    struct alert_record got;
    OK(store_alert_get(bed, &bed_arena, STR("acme"), str_z(id), &got, &bed_err));
    assert_true(got.score_01 >= score_01 && got.score_01 <= score_01);
    assert_true(str_eq(got.reason, str_z(reason)));
    assert_true(str_eq(got.evidence, str_z(evidence)));
}

/* Score, reason and evidence are of one and the same finding, in a commit and from one to the next. */
static void keeps_what_a_model_said_of_its_highest_score(void **state)
{
    struct alert_record f[3] = {of_model(0.6f, "0.6", "{\"s\":\"6\"}"),
                                of_model(0.8f, "0.8", "{\"s\":\"8\",\"port\":\"23\"}"),
                                of_model(0.8f, "0.8 of 443", "{\"s\":\"8\"}")};
    struct alert_record lower = of_model(0.7f, "0.7", "{\"s\":\"7\",\"port\":\"25\"}"),
                        same = of_model(0.8f, "0.8 again", "{\"s\":\"8\"}"),
                        higher = of_model(0.9f, "0.9", "{\"s\":\"9\"}");
    struct commit_result r[3], again;
    OK(bed_commit(f, 3, r));
    check_says(r[0].id, 0.8f, "0.8", "{\"s\":\"8\",\"port\":\"23\"}");
    OK(bed_commit(&lower, 1, &again));
    OK(bed_commit(&same, 1, &again));
    assert_true(!again.is_new && again.count == 5);
    check_says(r[0].id, 0.8f, "0.8", "{\"s\":\"8\",\"port\":\"23\"}");
    OK(bed_commit(&higher, 1, &again));
    check_says(r[0].id, 0.9f, "0.9", "{\"s\":\"9\"}");
}

static void joins_no_alert_too_far_away_in_time(void **state)
{
    struct alert_record f[3] = {an_alert("acme", "g", bed_now - 100 * BED_HOUR),
                                an_alert("acme", "g", bed_now - 50 * BED_HOUR),
                                an_alert("acme", "g", bed_now - 49 * BED_HOUR)};
    struct commit_result r[3], later;
    OK(bed_commit(f, 3, r));
    assert_true(r[0].is_new && r[1].is_new && !r[2].is_new);
    assert_string_not_equal(r[0].id, r[1].id);
    struct alert_record now = an_alert("acme", "g", bed_now);
    OK(bed_commit(&now, 1, &later));
    assert_true(later.is_new);
    OK(bed_commit(&now, 1, &later));
    assert_true(!later.is_new && later.count == 2);
}

static void keeps_the_first_events_of_an_alert(void **state)
{
    struct alert_record f[15];
    struct commit_result r[15];
    for (size_t i = 0; i < COUNT(f); i++)
        f[i] = an_alert("acme", "g", bed_now + (int64_t)i);
    OK(bed_commit(f, 15, r));
    OK(bed_commit(f, 15, r));
    struct alert_event *e;
    size_t n;
    OK(store_alert_events(bed, &bed_arena, STR("acme"), str_z(r[0].id), &e, &n, &bed_err));
    assert_int_equal(n, ALERT_EVENTS_MAX);
    assert_int_equal(e[14].time_ms, bed_now + 14);
    assert_int_equal(e[15].time_ms, bed_now);
    assert_true(str_eq(e[3].raw, (str){"raw \0 \xff", 7}));
    OK(store_alert_events(bed, &bed_arena, STR("beta"), str_z(r[0].id), &e, &n, &bed_err));
    assert_int_equal(n, 0);
}

static void stores_text_that_is_not_text(void **state)
{
    struct alert_record f = an_alert("acme", "g", bed_now), got;
    f.reason = (str){"a\0b\xff"
                     "c\xc3\xa9",
                     7};
    char title[4000];
    memset(title, 'x', sizeof title);
    f.title = (str){title, sizeof title};
    struct commit_result r;
    OK(bed_commit(&f, 1, &r));
    OK(store_alert_get(bed, &bed_arena, STR("acme"), str_z(r.id), &got, &bed_err));
    assert_str(got.reason, "a\xef\xbf\xbd"
                           "b\xef\xbf\xbd"
                           "c\xc3\xa9");
    assert_int_equal(got.title.n, 1000);
}

static struct alert_record decision(const char *tenant, const char *id, enum alert_status to)
{
    return (struct alert_record){.id = str_z(id),
                                 .tenant = str_z(tenant),
                                 .status = to,
                                 .owner = STR("ann"),
                                 .note = STR("why"),
                                 .decided_ms = 900};
}

static void lets_people_decide_once(void **state)
{
    struct alert_record f = an_alert("acme", "g", bed_now), got;
    struct commit_result r, next;
    OK(bed_commit(&f, 1, &r));
    struct alert_record d = decision("acme", r.id, ALERT_ACKNOWLEDGED);
    OK(store_alert_decide(bed, &bed_arena, &d, &got, &bed_err));
    assert_true(got.status == ALERT_ACKNOWLEDGED && got.decided_ms == 900);
    uint64_t seq = got.seq;
    OK(bed_commit(&f, 1, &next));
    assert_true(!next.is_new && next.status == ALERT_ACKNOWLEDGED);
    d = decision("acme", r.id, ALERT_FALSE_POSITIVE);
    d.seq = seq + 100;
    OK(store_alert_decide(bed, &bed_arena, &d, &got, &bed_err));
    assert_str(got.owner, "ann");
    assert_str(got.note, "why");
    assert_true(got.seq == seq + 100 && got.changed_ms == 900 && got.count == 2);
    d = decision("acme", r.id, ALERT_TRUE_POSITIVE);
    IS(ST_CONFLICT, store_alert_decide(bed, &bed_arena, &d, &got, &bed_err));
    assert_non_null(strstr(bed_err.text, "'ann'"));
    d = decision("beta", r.id, ALERT_OPEN);
    IS(ST_NOT_FOUND, store_alert_decide(bed, &bed_arena, &d, &got, &bed_err));
}

static void adds_no_repeats_to_a_closed_alert_until_it_is_opened_again(void **state)
{
    struct alert_record f = an_alert("acme", "g", bed_now), got;
    struct commit_result first, r;
    OK(bed_commit(&f, 1, &first));
    struct alert_record d = decision("acme", first.id, ALERT_TRUE_POSITIVE);
    OK(store_alert_decide(bed, &bed_arena, &d, &got, &bed_err));
    d = decision("acme", first.id, ALERT_OPEN);
    OK(store_alert_decide(bed, &bed_arena, &d, &got, &bed_err));
    OK(bed_commit(&f, 1, &r));
    assert_string_equal(r.id, first.id);
    d = decision("acme", first.id, ALERT_TRUE_POSITIVE);
    OK(store_alert_decide(bed, &bed_arena, &d, &got, &bed_err));
    OK(bed_commit(&f, 1, &r));
    assert_true(r.is_new);
    assert_string_not_equal(r.id, first.id);
}

static void counts_alerts_by_status_and_level(void **state)
{
    struct alert_record f[4] = {an_alert("acme", "a", bed_now), an_alert("acme", "b", bed_now),
                                an_alert("acme", "c", bed_now), an_alert("beta", "a", bed_now)};
    f[1].level = LEVEL_CRITICAL;
    struct commit_result r[4];
    OK(bed_commit(f, 4, r));
    struct alert_record d = decision("acme", r[2].id, ALERT_FALSE_POSITIVE), got;
    OK(store_alert_decide(bed, &bed_arena, &d, &got, &bed_err));
    struct alert_counts counts;
    OK(store_alert_counts(bed, STR("acme"), &counts, &bed_err));
    assert_int_equal(counts.by_status[ALERT_OPEN], 2);
    assert_int_equal(counts.by_status[ALERT_FALSE_POSITIVE], 1);
    assert_int_equal(counts.open_by_level[LEVEL_MEDIUM], 1);
    assert_int_equal(counts.open_by_level[LEVEL_CRITICAL], 1);
}

static void lists_nothing_of_another_tenant(void **state)
{
    struct alert_record f = an_alert("acme", "a", bed_now), *list, got;
    struct commit_result r;
    OK(bed_commit(&f, 1, &r));
    struct alert_filter beta = {.tenant = STR("beta"), .limit = 10}, all = {.limit = 10};
    size_t n;
    str next;
    OK(store_alert_list(bed, &bed_arena, &beta, &list, &n, &next, &bed_err));
    assert_int_equal(n, 0);
    beta.entity = STR("ann");
    OK(store_alert_list(bed, &bed_arena, &beta, &list, &n, &next, &bed_err));
    assert_int_equal(n, 0);
    IS(ST_NOT_FOUND, store_alert_get(bed, &bed_arena, STR("beta"), str_z(r.id), &got, &bed_err));
    OK(store_alert_list(bed, &bed_arena, &all, &list, &n, &next, &bed_err));
    assert_int_equal(n, 1);
    struct alert_counts counts;
    OK(store_alert_counts(bed, STR("beta"), &counts, &bed_err));
    assert_int_equal(counts.by_status[ALERT_OPEN], 0);
}

/* 40 alerts, the latest first, of which each filter wants some. */
static void forty_alerts(void)
{
    static const char *const reasons[] = {"plain", "100% sure", "under_score", "back\\slash"};
    struct alert_record f[40];
    struct commit_result r[40];
    char group[40][8], rule[40][16], entity[40][64];
    for (size_t i = 0; i < 40; i++) {
        (void)snprintf(group[i], sizeof group[i], "g%zu", i);
        (void)snprintf(rule[i], sizeof rule[i], "rule-%zu", i % 3);
        (void)snprintf(entity[i], sizeof entity[i], "{\"user\":\"u\\u002d%zu\",\"n\":7}", i % 5);
        f[i] = an_alert("acme", group[i], bed_now + (int64_t)i / 4 * 10);
        f[i].rule = str_z(rule[i]);
        f[i].entity = str_z(entity[i]);
        f[i].level = (enum level)(i % LEVEL_COUNT);
        f[i].reason = str_z(reasons[i % 4]);
    }
    f[7].title = STR("A title");
    OK(bed_commit(f, 40, r));
    for (size_t i = 0; i < 10; i++) {
        struct alert_record got, d = decision("acme", r[i * 4].id, (enum alert_status)(i % 3 + 1));
        OK(store_alert_decide(bed, &bed_arena, &d, &got, &bed_err));
    }
}

static size_t how_many(struct alert_filter f)
{
    struct alert_record *list;
    size_t n = 0;
    str next;
    f.tenant = STR("acme");
    f.limit = 1000;
    OK(store_alert_list(bed, &bed_arena, &f, &list, &n, &next, &bed_err));
    assert_int_equal(next.n, 0);
    return n;
}

static void finds_alerts_by_every_filter(void **state)
{
    uint64_t seq = bed_seq;
    forty_alerts();
    struct alert_filter f = {0};
    assert_int_equal(how_many(f), 40);
    assert_int_equal(how_many((struct alert_filter){.from_ms = bed_now + 50}), 20);
    assert_int_equal(how_many((struct alert_filter){.to_ms = bed_now + 50}), 20);
    assert_int_equal(how_many((struct alert_filter){.entity = STR("u-3")}), 8);
    assert_int_equal(how_many((struct alert_filter){.entity = STR("7")}), 0);
    assert_int_equal(how_many((struct alert_filter){.rule = STR("rule-2")}), 13);
    assert_int_equal(how_many((struct alert_filter){.rule = STR("A title")}), 1);
    assert_int_equal(how_many((struct alert_filter){.text = STR("0% S")}), 10);
    assert_int_equal(how_many((struct alert_filter){.text = STR("%")}), 10);
    assert_int_equal(how_many((struct alert_filter){.text = STR("r_s")}), 10);
    assert_int_equal(how_many((struct alert_filter){.text = STR("k\\s")}), 10);
    assert_int_equal(how_many((struct alert_filter){.text = STR("a TITLE")}), 1);
    assert_int_equal(how_many((struct alert_filter){.min_level = LEVEL_HIGH}), 16);
    assert_int_equal(how_many((struct alert_filter){.min_level = LEVEL_CRITICAL}), 8);
    assert_int_equal(how_many((struct alert_filter){.status_mask = 1}), 30);
    assert_int_equal(how_many((struct alert_filter){.status_mask = 1 | 4}), 33);
    assert_int_equal(how_many((struct alert_filter){.after_seq = seq + 9}), 33);
    assert_int_equal(how_many((struct alert_filter){.status_mask = 1,
                                                    .rule = STR("rule-0"),
                                                    .entity = STR("u-1"),
                                                    .text = STR("s"),
                                                    .from_ms = 5,
                                                    .min_level = LEVEL_LOW}),
                     2);
}

/* All pages of `f`, `limit` at a time: each alert once, in order. */
static size_t walk(struct alert_filter f, size_t limit)
{
    size_t total = 0, n = 0;
    struct alert_record last = {0}, *list;
    f.limit = limit;
    f.tenant = STR("acme");
    do {
        OK(store_alert_list(bed, &bed_arena, &f, &list, &n, &f.cursor, &bed_err));
        for (size_t i = 0; i < n; i++, total++) {
            if (f.after_seq)
                assert_true(list[i].seq > last.seq);
            else if (total)
                assert_true(list[i].last_ms < last.last_ms ||
                            (list[i].last_ms == last.last_ms && str_cmp(list[i].id, last.id) < 0));
            last = list[i];
        }
    } while (f.cursor.n);
    return total;
}

static void turns_pages_without_losing_or_repeating_any(void **state)
{
    forty_alerts();
    for (size_t limit = 1; limit <= 41; limit += 3) {
        assert_int_equal(walk((struct alert_filter){0}, limit), 40);
        assert_int_equal(walk((struct alert_filter){.after_seq = 1}, limit), 40);
        assert_int_equal(walk((struct alert_filter){.rule = STR("rule-1")}, limit), 13);
    }
}

static void refuses_what_is_no_page(void **state)
{
    struct alert_record *list;
    size_t n;
    str next;
    static const char *const bad[] = {"x", "!!", "MTIz", "MTIzIDAxQVJZWjZTNDE", "IA"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct alert_filter f = {.tenant = STR("acme"), .limit = 5, .cursor = str_z(bad[i])};
        IS(ST_INVALID, store_alert_list(bed, &bed_arena, &f, &list, &n, &next, &bed_err));
    }
    struct alert_filter none = {.tenant = STR("acme")}, many = {.limit = 1001};
    struct alert_filter odd = {.limit = 1, .status_mask = 16};
    IS(ST_INVALID, store_alert_list(bed, &bed_arena, &none, &list, &n, &next, &bed_err));
    IS(ST_INVALID, store_alert_list(bed, &bed_arena, &many, &list, &n, &next, &bed_err));
    IS(ST_INVALID, store_alert_list(bed, &bed_arena, &odd, &list, &n, &next, &bed_err));
    struct arena small;
    arena_init(&small, 64);
    struct alert_record f = an_alert("acme", "g", bed_now);
    struct commit_result r;
    OK(bed_commit(&f, 1, &r));
    struct alert_filter all = {.limit = 10};
    IS(ST_LIMIT, store_alert_list(bed, &small, &all, &list, &n, &next, &bed_err));
    arena_done(&small);
}

/* ---- positions and recent records ---- */

static size_t recent_since(int64_t ms, struct recent_record **list)
{
    uint64_t after = 0;
    size_t n;
    OK(store_recent_list(bed, &bed_arena, ms, &after, 1000, list, &n, &bed_err));
    return n;
}

static void commits_positions_and_recent_records_with_findings(void **state)
{
    const struct position_record p[] = {{STR("file:a"), STR("17"), 1},
                                        {STR("once:k"), STR("x"), 2}};
    const struct recent_record q[] = {{STR("acme"), STR("json"), {"\0\x01", 2}, 100},
                                      {STR("beta"), STR("cef"), STR("two"), 90}};
    struct store_commit c = {
        .now_ms = bed_now, .position = p, .position_count = 2, .recent = q, .recent_count = 2};
    struct position_record got;
    IS(ST_NOT_FOUND, store_position(bed, &bed_arena, STR("file:a"), &got, &bed_err));
    OK(store_commit(bed, &c, NULL, &bed_err));
    OK(store_commit(bed, &c, NULL, &bed_err));
    OK(store_position(bed, &bed_arena, STR("file:a"), &got, &bed_err));
    assert_str(got.value, "17");
    struct recent_record *list;
    bool more = true;
    assert_int_equal(recent_since(95, &list), 2);
    assert_int_equal(recent_since(0, &list), 4);
    assert_true(str_eq(list[0].raw, q[0].raw) && str_eq(list[1].format, q[1].format));
    OK(store_recent_expire(bed, 0, 3, &more, &bed_err));
    assert_false(more);
    assert_int_equal(recent_since(0, &list), 3);
    assert_str(list[0].tenant, "beta");
    OK(store_recent_expire(bed, 95, 100, &more, &bed_err));
    assert_int_equal(recent_since(0, &list), 1);
}

static void reads_recent_records_by_the_page(void **state)
{
    enum { RECORDS = 10 };
    struct recent_record q[RECORDS], *list;
    char text[RECORDS][2];
    for (size_t i = 0; i < RECORDS; i++) {
        text[i][0] = (char)('a' + i);
        q[i] = (struct recent_record){
            STR("acme"), STR("json"), {text[i], 1}, i == 4 ? 1 : 100}; /* one is too old */
    }
    struct store_commit c = {.now_ms = bed_now, .recent = q, .recent_count = RECORDS};
    OK(store_commit(bed, &c, NULL, &bed_err));
    struct sbuf all = {.cap = 64};
    uint64_t after = 0;
    size_t n = 1;
    while (n) {
        OK(store_recent_list(bed, &bed_arena, 50, &after, 4, &list, &n, &bed_err));
        assert_true(n <= 4);
        for (size_t i = 0; i < n; i++)
            sbuf_add(&all, list[i].raw);
    }
    assert_str(sbuf_str(&all), "abcdfghij");
    sbuf_done(&all);
}

/* A source too long fails after the check of nothing else: the findings before it must not stay. */
static void commits_all_or_nothing(void **state)
{
    struct alert_record f = an_alert("acme", "g", bed_now), *list;
    struct alert_event e = {.id = STR("e")};
    char source[3000];
    memset(source, 's', sizeof source);
    struct position_record p = {{source, sizeof source}, STR("1"), 1};
    struct store_commit c = {.now_ms = bed_now,
                             .alert = &f,
                             .event = &e,
                             .alert_count = 1,
                             .position = &p,
                             .position_count = 1,
                             .first_seq = 1};
    struct commit_result r;
    IS(ST_LIMIT, store_commit(bed, &c, &r, &bed_err));
    struct alert_filter all = {.limit = 10};
    size_t n;
    str next;
    OK(store_alert_list(bed, &bed_arena, &all, &list, &n, &next, &bed_err));
    assert_int_equal(n, 0);
}

/* ---- the ledger ---- */

static void an_audit(const char *tenant, int64_t time_ms)
{
    struct audit_record r = {.time_ms = time_ms,
                             .tenant = str_z(tenant),
                             .actor = STR("ann"),
                             .action = STR("user.add"),
                             .ok = true};
    OK(store_audit_add(bed, &r, &bed_err));
}

static void numbers_audit_records_without_gaps(void **state)
{
    for (int64_t i = 0; i < 5; i++)
        an_audit(i == 2 ? "beta" : "acme", 100 + i);
    struct audit_record *list;
    size_t n;
    OK(store_audit_list(bed, &bed_arena, STR("acme"), 0, 3, &list, &n, &bed_err));
    assert_int_equal(n, 3);
    assert_true(list[0].number == 5 && list[1].number == 4 && list[2].number == 2);
    assert_true(list[0].ok && list[0].time_ms == 104);
    OK(store_audit_list(bed, &bed_arena, STR("acme"), list[2].number, 3, &list, &n, &bed_err));
    assert_int_equal(n, 1);
    assert_int_equal(list[0].number, 1);
    IS(ST_INVALID, store_audit_list(bed, &bed_arena, STR("acme"), 0, 0, &list, &n, &bed_err));
}

static void adds_usage_up(void **state)
{
    const struct usage_record u[] = {{20000, STR("acme"), STR("K1"), STR("GET /a"), 1, 0, 10, 20},
                                     {20000, STR("acme"), STR("K1"), STR("GET /a"), 2, 1, 5, 5},
                                     {20001, STR("acme"), STR("K1"), STR("GET /a"), 1, 0, 0, 0},
                                     {20000, STR("beta"), STR("K2"), STR("GET /a"), 1, 0, 0, 0}};
    OK(store_usage_add(bed, u, COUNT(u), &bed_err));
    OK(store_usage_add(bed, u, 1, &bed_err));
    struct usage_record *list;
    size_t n;
    OK(store_usage_list(bed, &bed_arena, STR("acme"), 20000, 20001, &list, &n, &bed_err));
    assert_int_equal(n, 1);
    assert_true(list[0].requests == 4 && list[0].errors == 1);
    assert_true(list[0].bytes_in == 25 && list[0].bytes_out == 45);
}

static void keeps_indicators(void **state)
{
    struct indicator_record r[3] = {
        {STR("acme"), STR("evil.example"), STR("domain"), STR("api"), STR("d"), 0.8, STR("[]"), 1,
         50, false},
        {STR("acme"), STR("10.9.9.9"), STR("ip"), STR("api"), STR("d"), 0.25, STR("[]"), 1, 0,
         true},
        {STR("beta"), STR("10.9.9.9"), STR("ip"), STR("api"), STR("d"), 1, STR("[]"), 1, 0, true}};
    OK(store_indicator_put(bed, r, 3, &bed_err));
    r[1].description = STR("changed");
    OK(store_indicator_put(bed, &r[1], 1, &bed_err));
    struct indicator_record *list;
    size_t n;
    OK(store_indicator_list(bed, &bed_arena, STR("acme"), STR(""), 1, &list, &n, &bed_err));
    assert_int_equal(n, 1);
    assert_str(list[0].description, "changed");
    assert_true(list[0].allow && list[0].confidence_01 == 0.25);
    OK(store_indicator_list(bed, &bed_arena, STR("acme"), list[0].value, 9, &list, &n, &bed_err));
    assert_int_equal(n, 1);
    assert_str(list[0].value, "evil.example");
    uint64_t removed = 0;
    OK(store_indicator_expire(bed, 50, &removed, &bed_err));
    assert_int_equal(removed, 1);
    OK(store_indicator_remove(bed, STR("acme"), STR("10.9.9.9"), &bed_err));
    IS(ST_NOT_FOUND, store_indicator_remove(bed, STR("acme"), STR("10.9.9.9"), &bed_err));
    OK(store_indicator_list(bed, &bed_arena, STR("beta"), STR(""), 9, &list, &n, &bed_err));
    assert_int_equal(n, 1);
    r[0].value = STR("");
    IS(ST_INVALID, store_indicator_put(bed, r, 1, &bed_err));
}

/* ---- forgetting ---- */

static uint64_t expire_all(struct store_retention r)
{
    uint64_t removed = 0, total = 0;
    bool more = true;
    while (more) {
        OK(store_expire(bed, &r, &removed, &more, &bed_err));
        total += removed;
    }
    return total;
}

static void forgets_what_is_old_and_nothing_else(void **state)
{
    struct alert_record f[3] = {an_alert("acme", "a", bed_now - 90 * BED_HOUR),
                                an_alert("acme", "b", bed_now - 90 * BED_HOUR),
                                an_alert("acme", "c", bed_now)},
                        got;
    struct commit_result r[3];
    OK(bed_commit(f, 3, r));
    struct alert_record d = decision("acme", r[0].id, ALERT_FALSE_POSITIVE);
    OK(store_alert_decide(bed, &bed_arena, &d, &got, &bed_err));
    const struct position_record p[] = {{STR("file:a"), STR("17"), 1},
                                        {STR("once:k"), STR("x"), 2},
                                        {STR("once:l"), STR("x"), bed_now}};
    struct store_commit c = {.now_ms = bed_now, .position = p, .position_count = 3};
    OK(store_commit(bed, &c, NULL, &bed_err));
    struct store_retention keep = {.now_ms = bed_now};
    assert_int_equal(expire_all(keep), 0);
    keep.closed_alerts_ms = BED_HOUR;
    keep.positions_ms = BED_HOUR;
    assert_int_equal(expire_all(keep), 2);
    IS(ST_NOT_FOUND, store_alert_get(bed, &bed_arena, STR("acme"), str_z(r[0].id), &got, &bed_err));
    OK(store_alert_get(bed, &bed_arena, STR("acme"), str_z(r[1].id), &got, &bed_err));
    keep.open_alerts_ms = BED_HOUR;
    assert_int_equal(expire_all(keep), 1);
    assert_int_equal(how_many((struct alert_filter){.entity = STR("ann")}), 1);
    struct position_record q;
    OK(store_position(bed, &bed_arena, STR("file:a"), &q, &bed_err));
    OK(store_position(bed, &bed_arena, STR("once:l"), &q, &bed_err));
    IS(ST_NOT_FOUND, store_position(bed, &bed_arena, STR("once:k"), &q, &bed_err));
}

static void forgets_the_ledger_only_when_told(void **state)
{
    for (int64_t i = 0; i < 1500; i++)
        an_audit("acme", i);
    const struct usage_record u[] = {{10, STR("acme"), STR("K"), STR("r"), 1, 0, 0, 0},
                                     {11, STR("acme"), STR("K"), STR("r"), 1, 0, 0, 0}};
    OK(store_usage_add(bed, u, 2, &bed_err));
    struct store_retention r = {.now_ms = 86400000LL * 21, .usage_ms = 86400000LL * 10};
    assert_int_equal(expire_all(r), 1);
    r = (struct store_retention){.now_ms = 2000, .audit_ms = 600};
    assert_int_equal(expire_all(r), 1400);
    struct audit_record *list;
    size_t n;
    OK(store_audit_list(bed, &bed_arena, STR("acme"), 0, 1000, &list, &n, &bed_err));
    assert_int_equal(n, 100);
    assert_int_equal(list[99].number, 1401);
}

/* ---- the store ---- */

static void says_what_it_is(void **state)
{
    OK(store_ping(bed, &bed_err));
    assert_true(store_schema_version(bed) >= 3);
    assert_true(store_size_bytes(bed) > 4096);
    assert_non_null(store_kind(bed));
}

static void finds_everything_again_when_opened_anew(void **state)
{
    struct alert_record f = an_alert("acme", "g", bed_now), got;
    struct commit_result r, again;
    OK(bed_commit(&f, 1, &r));
    store_close(bed);
    bed = NULL;
    struct store_options o = {.url = str_z(*state)};
    OK(store_open(&o, &bed, &bed_err));
    OK(store_alert_get(bed, &bed_arena, STR("acme"), str_z(r.id), &got, &bed_err));
    OK(bed_commit(&f, 1, &again));
    assert_string_equal(again.id, r.id);
}

enum { WRITERS = 2, READER_THREADS = 3, ROUNDS = 30 };

static void write_alerts(void *arg)
{
    uint64_t seq = *(uint64_t *)arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct alert_record f[2] = {an_alert("acme", "x", bed_now), an_alert("acme", "y", bed_now)};
        struct alert_event e[2] = {{.id = STR("e")}, {.id = STR("e")}};
        struct commit_result r[2];
        struct store_commit c = {.now_ms = bed_now,
                                 .group_ms = BED_HOUR,
                                 .alert = f,
                                 .event = e,
                                 .alert_count = 2,
                                 .first_seq = seq + 2 * (uint64_t)i};
        struct error err;
        status st = ST_UNAVAILABLE; /* two that write at once may be told to try again */
        for (unsigned k = 0; k < ROUNDS && st == ST_UNAVAILABLE; k++)
            st = store_commit(bed, &c, r, &err);
        if (st != ST_OK)
            *(uint64_t *)arg = 0;
    }
}

static void read_alerts(void *arg)
{
    bool *ok = arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct arena a;
        arena_init(&a, 1 << 20);
        struct alert_record *list;
        size_t n = 0;
        str next;
        struct alert_filter f = {.tenant = STR("acme"), .limit = 10};
        *ok &= store_alert_list(bed, &a, &f, &list, &n, &next, NULL) == ST_OK && n <= 2;
        arena_done(&a);
    }
}

static void serves_many_threads(void **state)
{
    struct thread t[WRITERS + READER_THREADS];
    uint64_t seq[WRITERS] = {1000, 5000};
    bool ok[READER_THREADS] = {true, true, true};
    for (unsigned i = 0; i < WRITERS; i++)
        OK(thread_start(&t[i], "writer", write_alerts, &seq[i], &bed_err));
    for (unsigned i = 0; i < READER_THREADS; i++)
        OK(thread_start(&t[WRITERS + i], "reader", read_alerts, &ok[i], &bed_err));
    for (unsigned i = 0; i < COUNT(t); i++)
        thread_join(&t[i]);
    assert_true(seq[0] && seq[1] && ok[0] && ok[1] && ok[2]);
    struct alert_record *list;
    size_t n = 0;
    str next;
    struct alert_filter f = {.tenant = STR("acme"), .limit = 10};
    OK(store_alert_list(bed, &bed_arena, &f, &list, &n, &next, &bed_err));
    assert_int_equal(n, 2);
    assert_int_equal(list[0].count, WRITERS * ROUNDS);
    assert_int_equal(list[1].count, WRITERS * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest both[] = {
        ON(keeps_tenants),
        ON(keeps_users_by_tenant_with_one_name_in_all),
        ON(changes_a_user_but_not_another_tenants),
        ON(counts_failed_logins_until_one_succeeds),
        ON(lets_a_refresh_token_be_used_once),
        ON(revokes_all_sessions_and_remembers_which),
        ON(keeps_api_keys),
        ON(keeps_signing_keys),
        ON(makes_one_alert_of_repeats),
        ON(keeps_what_a_model_said_of_its_highest_score),
        ON(joins_no_alert_too_far_away_in_time),
        ON(keeps_the_first_events_of_an_alert),
        ON(stores_text_that_is_not_text),
        ON(lets_people_decide_once),
        ON(adds_no_repeats_to_a_closed_alert_until_it_is_opened_again),
        ON(counts_alerts_by_status_and_level),
        ON(lists_nothing_of_another_tenant),
        ON(finds_alerts_by_every_filter),
        ON(turns_pages_without_losing_or_repeating_any),
        ON(refuses_what_is_no_page),
        ON(commits_positions_and_recent_records_with_findings),
        ON(reads_recent_records_by_the_page),
        ON(commits_all_or_nothing),
        ON(numbers_audit_records_without_gaps),
        ON(adds_usage_up),
        ON(keeps_indicators),
        ON(forgets_what_is_old_and_nothing_else),
        ON(forgets_the_ledger_only_when_told),
        ON(says_what_it_is),
        ON(finds_everything_again_when_opened_anew),
        ON(serves_many_threads),
    };
    return bed_run(both, COUNT(both));
}
