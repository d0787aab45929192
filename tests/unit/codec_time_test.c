/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/time.h"
#include "tests/test.h"

#include <stdio.h>

/* 2020-09-22T03:45:14Z */
static const int64_t T = 1600746314000;

typedef bool parser(str s, int64_t *ms);

struct row {
    parser *parse;
    const char *text;
    int64_t ms; /* -1: refused */
};

static void check(const struct row *row, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int64_t ms = -1;
        bool ok = row[i].parse(str_z(row[i].text), &ms);
        if (ok != (row[i].ms != -1) || ms != row[i].ms)
            fail_msg("'%s' gave %lld", row[i].text, (long long)ms);
    }
}

static void reads_iso_8601_in_its_variants(void **state)
{
    static const struct row row[] = {
        {time_parse_iso, "2020-09-22T03:45:14Z", T},
        {time_parse_iso, "2020-09-22T03:45:14.123Z", T + 123},
        {time_parse_iso, "2020-09-22t03:45:14,123z", T + 123},
        {time_parse_iso, "2020-09-22 03:45:14.123", T + 123},
        {time_parse_iso, "2020-09-22 03:45:14.123 UTC", T + 123},
        {time_parse_iso, "2020-09-22T03:45:14.1Z", T + 100},
        {time_parse_iso, "2020-09-22T03:45:14.123456789Z", T + 123},
        {time_parse_iso, "2020-09-22T05:45:14+02:00", T},
        {time_parse_iso, "2020-09-22T05:45:14+0200", T},
        {time_parse_iso, "2020-09-22T05:45:14+02", T},
        {time_parse_iso, "2020-09-21T22:15:14-05:30", T},
        {time_parse_iso, "2020-09-22 05:45:14 +0200", T},
        {time_parse_iso, "2020-09-22T03:45", T - 14000},
        {time_parse_iso, "2020-09-22", 1600732800000},
        {time_parse_iso, "1970-01-01T00:00:00Z", 0},
        {time_parse_iso, "2016-12-31T23:59:60Z", 1483228800000},
        {time_parse_iso, "2020-02-29", 1582934400000},
        {time_parse_iso, "2000-02-29", 951782400000},
        {time_parse_iso, "0001-01-01T00:00:00Z", -62135596800000},
        {time_parse_iso, "9999-12-31T23:59:59.999Z", 253402300799999},
        {time_parse_iso, "", -1},
        {time_parse_iso, "2019-02-29", -1},
        {time_parse_iso, "1900-02-29", -1},
        {time_parse_iso, "0000-01-01", -1},
        {time_parse_iso, "2020-13-01", -1},
        {time_parse_iso, "2020-00-01", -1},
        {time_parse_iso, "2020-01-00", -1},
        {time_parse_iso, "2020-04-31", -1},
        {time_parse_iso, "2020-09-22T24:00:00Z", -1},
        {time_parse_iso, "2020-09-22T03:60:14Z", -1},
        {time_parse_iso, "2020-09-22T03:45:61Z", -1},
        {time_parse_iso, "2020-09-22T03:45:14.Z", -1},
        {time_parse_iso, "2020-09-22T03:45:14.1234567890Z", -1},
        {time_parse_iso, "2020-09-22T03:45:14Zx", -1},
        {time_parse_iso, "2020-09-22T03:45:14+24:00", -1},
        {time_parse_iso, "2020-09-22T03:45:14 ", -1},
        {time_parse_iso, "2020-09-22X03:45:14", -1},
        {time_parse_iso, "2020-9-22T03:45:14", -1},
        {time_parse_iso, "2020-09-22T03:4", -1},
    };
    check(row, sizeof row / sizeof *row);
    int64_t ms;
    assert_true(time_parse_iso(STR("1969-12-31T23:59:59.999Z"), &ms)); /* -1 is a time, too */
}

static void tells_seconds_from_finer_units_by_magnitude(void **state)
{
    static const struct row row[] = {
        {time_parse_epoch, "0", 0},
        {time_parse_epoch, "1600746314", T},
        {time_parse_epoch, "1600746314.123", T + 123},
        {time_parse_epoch, "1600746314.123456", T + 123},
        {time_parse_epoch, "1364481363.243", 1364481363243},
        {time_parse_epoch, "1600746314123", T + 123},
        {time_parse_epoch, "1600746314123456", T + 123},
        {time_parse_epoch, "1600746314123456789", T + 123},
        {time_parse_epoch, "132452199141230000", T + 123}, /* FILETIME */
        {time_parse_epoch, "-1.5", -1500},
        {time_parse_epoch, "9223372036854775807", 9223372036854},
        {time_parse_epoch, "9223372036854775808", -1},
        {time_parse_epoch, "99999999999999999999", -1},
        {time_parse_epoch, "", -1},
        {time_parse_epoch, "-", -1},
        {time_parse_epoch, ".5", -1},
        {time_parse_epoch, "1.", -1},
        {time_parse_epoch, "1600746314 ", -1},
        {time_parse_epoch, "1e9", -1},
    };
    check(row, sizeof row / sizeof *row);
    assert_int_equal(time_from_filetime(132452199141230000), T + 123);
    assert_int_equal(time_from_filetime(0), -11644473600000);
}

static void reads_what_servers_write(void **state)
{
    static const struct row row[] = {
        {time_parse_clf, "22/Sep/2020:03:45:14 +0000", T},
        {time_parse_clf, "[22/Sep/2020:05:45:14 +0200]", T},
        {time_parse_clf, "22/sep/2020:03:45:14", T},
        {time_parse_clf, "22/Xxx/2020:03:45:14 +0000", -1},
        {time_parse_clf, "22/Sep/2020:03:45:14 +0000 x", -1},
        {time_parse_nginx, "2020/09/22 03:45:14", T},
        {time_parse_nginx, "2020/09/22 03:45:14 x", -1},
        {time_parse_ctime, "Tue Sep 22 03:45:14.123456 2020", T + 123},
        {time_parse_ctime, "[Tue Sep 22 03:45:14 2020]", T},
        {time_parse_ctime, "Wed Sep  2 03:45:14 2020", 1599018314000},
        {time_parse_ctime, "Tue Sep 22 03:45:14", -1},
        {time_parse_rfc1123, "Tue, 22 Sep 2020 03:45:14 GMT", T},
        {time_parse_rfc1123, "22 Sep 2020 05:45:14 +0200", T},
        {time_parse_rfc1123, "Wed, 2 Sep 2020 03:45:14 UTC", 1599018314000},
        {time_parse_dotnet, "/Date(1600746314123)/", T + 123},
        {time_parse_dotnet, "/Date(1600746314123+0200)/", T + 123},
        {time_parse_dotnet, "/Date(-1500)/", -1500},
        {time_parse_dotnet, "/Date()/", -1},
        {time_parse_dotnet, "/Date(1x)/", -1},
    };
    check(row, sizeof row / sizeof *row);
}

static void guesses_the_form(void **state)
{
    static const struct row row[] = {
        {time_parse_any, "2020-09-22T03:45:14.123Z", T + 123},
        {time_parse_any, "2020-09-22 03:45:14.123", T + 123},
        {time_parse_any, "1600746314.123", T + 123},
        {time_parse_any, "22/Sep/2020:03:45:14 +0000", T},
        {time_parse_any, "[22/Sep/2020:03:45:14 +0000]", T},
        {time_parse_any, "2020/09/22 03:45:14", T},
        {time_parse_any, "Tue Sep 22 03:45:14.123456 2020", T + 123},
        {time_parse_any, "Tue, 22 Sep 2020 03:45:14 GMT", T},
        {time_parse_any, "22 Sep 2020 03:45:14 GMT", T},
        {time_parse_any, "2 Sep 2020 03:45:14 GMT", 1599018314000},
        {time_parse_any, "/Date(1600746314123)/", T + 123},
        {time_parse_any, "", -1},
        {time_parse_any, "Sep 22 03:45:14", -1},
        {time_parse_any, "hello", -1},
        {time_parse_any, "10.0.0.1", -1},
        {time_parse_any, "a", -1},
    };
    check(row, sizeof row / sizeof *row);
}

static void gives_a_time_without_year_the_last_year_it_fits(void **state)
{
    static const struct {
        const char *text, *reference, *want;
    } row[] = {
        {"Sep  2 03:45:14", "2020-09-22T00:00:00Z", "2020-09-02T03:45:14.000Z"},
        {"Sep 22 03:45:14.5", "2020-09-22T05:00:00Z", "2020-09-22T03:45:14.500Z"},
        {"Dec 31 23:59:59", "2021-01-01T00:00:05Z", "2020-12-31T23:59:59.000Z"},
        {"Jan  1 00:00:05", "2020-12-31T23:59:59Z", "2021-01-01T00:00:05.000Z"},
        {"Sep 23 12:00:00", "2020-09-22T13:00:00Z", "2020-09-23T12:00:00.000Z"},
        {"Sep 23 14:00:00", "2020-09-22T13:00:00Z", "2019-09-23T14:00:00.000Z"},
        {"Feb 29 00:00:00", "2023-06-01T00:00:00Z", "2020-02-29T00:00:00.000Z"},
        {"Feb 29 00:00:00", "1903-06-01T00:00:00Z", "1896-02-29T00:00:00.000Z"},
        {"Feb 30 00:00:00", "2023-06-01T00:00:00Z", NULL},
        {"Sep 2 03:45", "2020-09-22T00:00:00Z", NULL},
        {"Sep  2 03:45:14 host", "2020-09-22T00:00:00Z", NULL},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        int64_t reference, ms;
        char out[32] = "";
        assert_true(time_parse_iso(str_z(row[i].reference), &reference));
        bool ok = time_parse_rfc3164(str_z(row[i].text), reference, &ms);
        if (ok)
            time_format_rfc3339(ms, out);
        assert_string_equal(out, row[i].want ? row[i].want : "");
    }
}

static void formats_what_it_reads_back(void **state)
{
    static const int64_t ms[] = {0, -1, 1, T + 123, 951782400000, -62135596800000, 253402300799999};
    for (size_t i = 0; i < sizeof ms / sizeof *ms; i++) {
        char out[32];
        int64_t back;
        assert_int_equal(time_format_rfc3339(ms[i], out), 24);
        assert_int_equal(strlen(out), 24);
        assert_true(time_parse_iso(str_z(out), &back));
        assert_int_equal(back, ms[i]);
    }
    char out[32];
    time_format_rfc3339(INT64_MAX, out);
    assert_string_equal(out, "9999-12-31T23:59:59.999Z");
    time_format_rfc3339(INT64_MIN, out);
    assert_string_equal(out, "0000-01-01T00:00:00.000Z");
}

/* Against the C library, over four centuries and a bit. */
static void agrees_with_the_c_library_about_the_calendar(void **state)
{
    for (int64_t day = -60000; day < 150000; day += 13) {
        time_t seconds = (time_t)(day * 86400 + 3723);
        struct tm tm;
        char week[8];
        gmtime_r(&seconds, &tm);
        strftime(week, sizeof week, "%V", &tm);
        struct civil c = time_civil((int64_t)seconds * 1000 + 45);
        assert_int_equal(c.year, tm.tm_year + 1900);
        assert_int_equal(c.month, tm.tm_mon + 1);
        assert_int_equal(c.day, tm.tm_mday);
        assert_int_equal(c.day_of_year, tm.tm_yday + 1);
        assert_int_equal(c.weekday % 7, tm.tm_wday);
        assert_int_equal(c.week, strtol(week, NULL, 10));
        assert_int_equal(c.hour * 10000 + c.minute * 100 + c.second, 10203);
        assert_int_equal(c.ms, 45);
        assert_int_equal(time_days(c.year, c.month, c.day), day);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_iso_8601_in_its_variants),
        cmocka_unit_test(tells_seconds_from_finer_units_by_magnitude),
        cmocka_unit_test(reads_what_servers_write),
        cmocka_unit_test(guesses_the_form),
        cmocka_unit_test(gives_a_time_without_year_the_last_year_it_fits),
        cmocka_unit_test(formats_what_it_reads_back),
        cmocka_unit_test(agrees_with_the_c_library_about_the_calendar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
