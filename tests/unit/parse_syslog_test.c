/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/parse_golden.h"

/* Lines without a year, received at the start of 1970, are of the year before. */
#define AT(time) "1969-" time ".000Z"

static const struct golden fronts[] = {
    {"syslog",
     "<34>Sep 22 03:45:14 web1 app[123]: it works",
     "linux",
     "syslog",
     "",
     AT("09-22T03:45:14"),
     {"host.name=web1", "process.name=app", "process.pid=123", "log.syslog.facility.code=4",
      "log.syslog.severity.code=2", "message=it works"}},
    {"syslog",
     "2020-09-22T03:45:14.123456+02:00 web1 kernel: oops",
     "linux",
     "syslog",
     "",
     "2020-09-22T01:45:14.123Z",
     {"host.name=web1", "process.name=kernel", "message=oops", "!process.pid"}},
    {"syslog",
     "<165>1 2020-09-22T03:45:14.003Z web1 app 77 ID47 "
     "[ex@1 key=\"a \\\"b\\\" \\]\" k2=\"\"][o x=\"1\"] \xef\xbb\xbfhello",
     "linux",
     "syslog",
     "",
     "2020-09-22T03:45:14.003Z",
     {"host.name=web1", "process.name=app", "process.pid=77", "event.code=ID47",
      "sd.ex@1.key=a \"b\" ]", "sd.ex@1.k2=", "sd.o.x=1", "message=hello"}},
    {"syslog",
     "<13>1 - - - - - - only a message",
     "linux",
     "syslog",
     "",
     NULL,
     {"message=only a message", "!host.name", "!process.name", "!event.code"}},
    {"syslog",
     "Sep  2 03:45:14 pancake <auth.info> bad",
     "linux",
     "syslog",
     "",
     AT("09-02T03:45:14"),
     {"host.name=pancake", "message=<auth.info> bad"}},
    {"syslog",
     "Sep  2 03:45:14 <4.6> pancake sshd[1]: x",
     "linux",
     "sshd",
     "",
     AT("09-02T03:45:14"),
     {"host.name=pancake", "log.level=4.6", "process.name=sshd", "message=x"}},
    {"syslog",
     "Sep 22 2020 03:45:14 fw : no tag here",
     "linux",
     "syslog",
     "",
     "2020-09-22T03:45:14.000Z",
     {"host.name=fw"}},
    {"syslog",
     "Sep 22 03:45:14 fe80::1 sshd(pam_unix)[9]: check pass; user unknown",
     "linux",
     "sshd",
     "",
     AT("09-22T03:45:14"),
     {"host.name=fe80::1", "process.name=sshd", "event.action=authentication",
      "event.reason=user unknown"}},
};

static void reads_every_front_syslog_has(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(fronts); i++)
        golden_check(&fronts[i]);
}

static const struct golden cisco[] = {
    {"syslog",
     "192.0.2.10 6705: Feb 17 13:40:03.673: %PARSER-5-CFGLOG_LOGGEDCMD: User:admin  logged "
     "command:no dot1x system-auth-control",
     "cisco",
     "aaa",
     "PARSER-5-CFGLOG_LOGGEDCMD",
     "1969-02-17T13:40:03.673Z",
     {"host.name=192.0.2.10", "event.sequence=6705", "log.syslog.severity.code=5",
      "event.provider=PARSER", "user.name=admin",
      "process.command_line=no dot1x system-auth-control"}},
    {"syslog",
     "<189>Feb 17 13:40:04 router1 77: *Feb 17 13:40:03.673 CET: %TCP-6-BADAUTH: No MD5 digest "
     "from 192.0.2.1:1719 to 192.0.2.2:179",
     "cisco",
     "bgp",
     "TCP-6-BADAUTH",
     "1969-02-17T13:40:04.000Z",
     {"host.name=router1", "source.ip=192.0.2.1", "source.port=1719"}},
    {"syslog",
     "Feb 17 13:40:04 sw1 : %SEC_LOGIN-4-LOGIN_FAILED: Login failed [user: root] [Source: "
     "192.0.2.1] [localport: 22] [Reason: Login Authentication Failed]",
     "cisco",
     "aaa",
     "SEC_LOGIN-4-LOGIN_FAILED",
     AT("02-17T13:40:04"),
     {"user.name=root", "source.ip=192.0.2.1", "event.outcome=failure"}},
};

static void reads_what_cisco_devices_write(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cisco); i++)
        golden_check(&cisco[i]);
}

static void gives_a_line_without_a_year_the_last_one_that_fits(void **state)
{
    (void)state;
    static const struct {
        const char *now, *line, *time;
    } years[] = {
        {"2024-03-01T00:00:00Z", "Feb 28 12:00:00 h p: x", "2024-02-28T12:00:00.000Z"},
        {"2024-03-01T00:00:00Z", "Dec 31 23:59:59 h p: x", "2023-12-31T23:59:59.000Z"},
        {"2024-12-31T20:00:00Z", "Jan  1 01:00:00 h p: x", "2025-01-01T01:00:00.000Z"},
        {"2025-03-01T00:00:00Z", "Feb 29 12:00:00 h p: x", "2024-02-29T12:00:00.000Z"},
    };
    for (size_t i = 0; i < COUNT(years); i++) {
        struct parsed t = {.stream = {.format = PARSE_syslog}};
        assert_true(time_parse_iso(str_z(years[i].now), &t.stream.now_ms));
        parsed_run(&t, str_z(years[i].line), NULL);
        assert_int_equal(t.batch.event_count, 1);
        char got[32];
        time_format_rfc3339(t.batch.event[0].time_ms, got);
        assert_string_equal(got, years[i].time);
        parsed_done(&t);
    }
}

static void reads_audit_records_inside_syslog(void **state)
{
    (void)state;
    static const char text[] =
        "Sep 22 03:45:14 web1 app: a line that makes the stream syslog\n"
        "Sep 22 03:45:14 web1 app: another\n"
        "Sep 22 03:45:14 web1 kernel: audit: type=1400 audit(1364481363.243:24287): "
        "avc:  denied  { read } for  pid=7 comm=\"cat\" name=\"shadow\"\n";
    assert_int_equal(parse_sniff(str_z(text)), PARSE_syslog);
    struct parsed t = {.stream = {.format = PARSE_syslog}};
    parsed_run(&t, str_z(text), NULL);
    assert_int_equal(t.batch.event_count, 3);
    struct event *e = &t.batch.event[2];
    assert_true(str_eq(e->channel, STR("auditd")));
    assert_int_equal(e->time_ms, 1364481363243);
    static const char *const fields[] = {"type=AVC",    "event.action=denied", "process.name=cat",
                                         "name=shadow", "host.name=web1",      "seperms=read"};
    for (size_t i = 0; i < COUNT(fields); i++)
        golden_field(&t, e, fields[i]);
    parsed_done(&t);
}

static const struct golden plain[] = {
    {"text", "nothing we know of", "", "", "", NULL, {"message=nothing we know of"}},
    {"text",
     "2016-09-28 04:30:30, Info                  CBS    Loaded",
     "",
     "",
     "",
     "2016-09-28T04:30:30.000Z",
     {"!host.name"}},
    {"text", "[2016-09-28T04:30:30Z] x", "", "", "", "2016-09-28T04:30:30.000Z", {NULL}},
};

static void keeps_any_other_line_as_a_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(plain); i++)
        golden_check(&plain[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_front_syslog_has),
        cmocka_unit_test(reads_what_cisco_devices_write),
        cmocka_unit_test(gives_a_line_without_a_year_the_last_one_that_fits),
        cmocka_unit_test(reads_audit_records_inside_syslog),
        cmocka_unit_test(keeps_any_other_line_as_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
