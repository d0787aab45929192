/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/parse_golden.h"

#define WEB "web", "access", "", "2020-09-22T03:45:14.000Z"

static const struct golden lines[] = {
    {"access",
     "192.0.2.1 - bob [22/Sep/2020:03:45:14 +0000] \"GET /a/b.php?id=1&x=2 HTTP/1.1\" 200 1234",
     WEB,
     {"source.ip=192.0.2.1", "user.name=bob", "http.request.method=GET", "http.version=1.1",
      "url.original=/a/b.php?id=1&x=2", "url.path=/a/b.php", "url.query=id=1&x=2",
      "url.extension=php", "http.response.status_code=200", "http.response.body.bytes=1234",
      "!user_agent.original", "!url.domain"}},
    {"access",
     "2001:db8::7 - - [22/Sep/2020:05:45:14 +0200] \"POST /x HTTP/2.0\" 301 - "
     "\"https://ref.example/\" \"curl/7.1\"",
     WEB,
     {"source.ip=2001:db8::7", "!user.name", "!http.response.body.bytes",
      "http.request.referrer=https://ref.example/", "user_agent.original=curl/7.1",
      "url.query=/x"}},
    {"access",
     "www.example.org:443 host.example.net - - [22/Sep/2020:03:45:14 +0000] \"GET / HTTP/1.0\" 404 "
     "0 \"-\" \"-\"",
     WEB,
     {"url.domain=www.example.org", "source.domain=host.example.net", "!source.ip", "!extra",
      "!http.request.referrer", "!user_agent.original", "url.path=/", "!url.extension"}},
    {"access",
     "192.0.2.1 - J. R. Doe [22/Sep/2020:03:45:14 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"ua\" "
     "\"203.0.113.9, 10.0.0.1\" 0.005",
     WEB,
     {"user.name=J. R. Doe", "network.forwarded_ip=203.0.113.9", "network.forwarded_ip=10.0.0.1",
      "extra=\"203.0.113.9, 10.0.0.1\" 0.005"}},
    {"access",
     "192.0.2.1 - - [22/Sep/2020:03:45:14 +0000] \"GET /?q=\\\"a\\x22\\\\b HTTP/1.1\" 200 5 \"-\" "
     "\"say \\\"hi\\\" \\x16\"",
     WEB,
     {"url.original=/?q=\"a\"\\b", "user_agent.original=say \"hi\" \\x16"}},
    {"access",
     "192.0.2.1 - - [22/Sep/2020:03:45:14 +0000] \"\\x16\\x03\\x01\" 400 226 \"-\" \"-\"",
     WEB,
     {"url.original=\\x16\\x03\\x01", "!http.request.method", "http.response.status_code=400"}},
    {"access",
     "192.0.2.1 - - [22/Sep/2020:03:45:14 +0000] \"GET /a b \"c\" HTTP/1.1\" 400 226 \"-\" \"-\"",
     WEB,
     {"url.original=/a b \"c\"", "http.request.method=GET", "http.version=1.1"}},
    {"access",
     "192.0.2.1 - - [22/Sep/2020:03:45:14 +0000] \"-\" 408 - \"-\" \"-\"",
     WEB,
     {"!url.original", "!http.request.method", "http.response.status_code=408"}},
    {"access",
     "192.0.2.1 - - [22/Sep/2020:03:45:14 +0000] \"\" 400 0",
     WEB,
     {"!url.original", "http.response.body.bytes=0"}},
    {"access",
     "\"192.0.2.1 - - [22/Sep/2020:03:45:14 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"ua\"\"",
     WEB,
     {"source.ip=192.0.2.1", "user_agent.original=ua"}},
    {"access",
     "[2001:db8::7]:4711 - - [22/Sep/2020:03:45:14 +0000] \"CONNECT h.example:443 HTTP/1.1\" 200 1",
     WEB,
     {"source.ip=2001:db8::7", "source.port=4711", "url.original=h.example:443"}},
    {"access",
     "192.0.2.1 - - [22/Sep/2020:03:45:14 +0000] \"GET http://h.example/a.gif?b HTTP/1.1\" 200 1",
     WEB,
     {"url.domain=h.example", "url.path=/a.gif", "url.query=b", "url.extension=gif"}},
};

static void reads_access_lines_however_they_are_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++)
        golden_check(&lines[i]);
}

static void refuses_what_is_no_access_line_and_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *line, *why;
    } bad[] = {
        {"192.0.2.1 - - \"GET / HTTP/1.1\" 200 1", "no time"},
        {"192.0.2.1 - - [22/Sep/2020:03:45:14 +0000", "no end of the time"},
        {" [22/Sep/2020:03:45:14 +0000] \"GET / HTTP/1.1\" 200 1", "no client"},
        {"192.0.2.1 - - [22/Sep/2020:03:45:14 +0000] GET / HTTP/1.1 200 1", "no request"},
        {"192.0.2.1 - - [22/Sep/2020:03:45:14 +0000] \"GET / HTTP/1.1", "no status"},
        {"192.0.2.1 - - [22/Sep/2020:03:45:14 +0000] \"GET / HTTP/1.1\" twohundred", "no status"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct parsed t = {.stream = {.format = PARSE_access}};
        parsed_run(&t, str_z(bad[i].line), NULL);
        assert_int_equal(t.batch.read, 1);
        assert_int_equal(t.batch.rejected, 1);
        assert_non_null(strstr(t.batch.reject[0].text, bad[i].why));
        parsed_done(&t);
    }
}

/* The time of the line before is remembered, and must not be taken for another. */
static void reads_times_that_differ_in_every_part(void **state)
{
    (void)state;
    static const struct {
        const char *stamp, *time;
    } times[] = {
        {"22/Sep/2020:03:45:14 +0000", "2020-09-22T03:45:14.000Z"},
        {"22/Sep/2020:03:45:15 +0000", "2020-09-22T03:45:15.000Z"},
        {"22/Sep/2020:23:59:59 +0000", "2020-09-22T23:59:59.000Z"},
        {"22/Sep/2020:03:45:14 +0200", "2020-09-22T01:45:14.000Z"},
        {"23/Sep/2020:03:45:14 +0200", "2020-09-23T01:45:14.000Z"},
        {"22/Sep/2020:24:45:14 +0000", ""},
        {"22/Xxx/2020:03:45:14 +0000", ""},
        {"22/Sep/2020:03:45:14 +0000", "2020-09-22T03:45:14.000Z"},
        {"22/Sep/2020:03:61:14 +0000", ""},
    };
    char text[4096];
    size_t n = 0;
    for (size_t i = 0; i < COUNT(times); i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "h - - [%s] \"GET / HTTP/1.1\" 200 1\n",
                              times[i].stamp);
    struct parsed t = {.stream = {.format = PARSE_access}};
    parsed_run(&t, (str){text, n}, NULL);
    assert_int_equal(t.batch.event_count, COUNT(times));
    for (size_t i = 0; i < COUNT(times); i++) {
        char got[32] = "";
        if (t.batch.event[i].time_ms != TIME_NONE)
            time_format_rfc3339(t.batch.event[i].time_ms, got);
        assert_string_equal(got, times[i].time);
    }
    parsed_done(&t);
}

static void says_the_line_of_every_event_and_passes_over_blank_ones(void **state)
{
    (void)state;
    static const char text[] = "h - - [22/Sep/2020:03:45:14 +0000] \"GET / HTTP/1.1\" 200 1\n"
                               "\n"
                               "junk\r\n"
                               "h - - [22/Sep/2020:03:45:14 +0000] \"GET / HTTP/1.1\" 200 1\r\n";
    struct parsed t = {.stream = {.format = PARSE_access}};
    parsed_run(&t, str_z(text), NULL);
    assert_int_equal(t.batch.read, 3);
    assert_int_equal(t.batch.rejected, 1);
    assert_int_equal(t.batch.reject[0].origin.line, 3);
    assert_int_equal(t.batch.event_count, 2);
    assert_int_equal(t.batch.event[1].origin.line, 4);
    parsed_done(&t);
}

static void keeps_the_log_source_the_user_gave(void **state)
{
    (void)state;
    struct parsed t = {
        .stream = {.format = PARSE_access, .family = FAMILY_FIREWALL, .channel = STR("proxy")}};
    parsed_run(&t, STR("h - - [22/Sep/2020:03:45:14 +0000] \"GET / HTTP/1.1\" 200 1"), NULL);
    assert_int_equal(t.batch.event[0].family, FAMILY_FIREWALL);
    assert_true(str_eq(t.batch.event[0].channel, STR("proxy")));
    parsed_done(&t);
}

static const struct golden errors[] = {
    {"web-error",
     "[Thu Sep 25 09:27:18.813902 2014] [cgi:error] [pid 16860:tid 77] [client 192.0.2.7:59635] "
     "AH01215: no such file: /x, referer: http://r.example/",
     "web",
     "apache",
     "AH01215",
     "2014-09-25T09:27:18.813Z",
     {"log.level=error", "event.provider=cgi", "process.pid=16860", "process.thread.id=77",
      "source.ip=192.0.2.7", "source.port=59635", "event.code=AH01215",
      "http.request.referrer=http://r.example/",
      "message=AH01215: no such file: /x, referer: http://r.example/"}},
    {"web-error",
     "[Sun Dec 04 04:47:44 2005] [error] [client 192.0.2.7] [x] not a bracket of ours",
     "web",
     "apache",
     "",
     "2005-12-04T04:47:44.000Z",
     {"log.level=error", "source.ip=192.0.2.7", "message=[x] not a bracket of ours",
      "!event.provider"}},
    {"web-error",
     "[Thu Sep 30 13:27:06.009964 2021] [:error] [pid 2560] [client ::1:37752] [client ::1] "
     "ModSecurity: Warning. at ARGS:a. [file \"/r.conf\"] [id \"930110\"] [msg \"Path Traversal\"] "
     "[uri \"/a\"] [unique_id \"YVW\"]",
     "web",
     "apache",
     "",
     "2021-09-30T13:27:06.009Z",
     {"rule.id=930110", "rule.name=Path Traversal", "url.original=/a", "event.id=YVW"}},
    {"web-error",
     "2015/10/29 20:01:02 [error] 256554#7: *99927 limiting requests, by zone \"one\", client: "
     "192.0.2.7, server: s.example, request: \"POST /i.htm?a=1 HTTP/1.0\", upstream: "
     "\"http://10.0.0.1/i\", host: \"h.example:8080\", referrer: \"https://r.example\"",
     "web",
     "nginx",
     "",
     "2015-10-29T20:01:02.000Z",
     {"log.level=error", "process.pid=256554", "source.ip=192.0.2.7", "http.request.method=POST",
      "url.path=/i.htm", "url.query=a=1", "url.domain=h.example", "destination.domain=s.example",
      "url.full=http://10.0.0.1/i", "http.request.referrer=https://r.example"}},
    {"web-error",
     "Feb 16 22:32:48 srv httpd[22034]: [error] [client 192.0.2.7] user x not found: /basic/file",
     "web",
     "apache",
     "",
     "1969-02-16T22:32:48.000Z",
     {"log.level=error", "source.ip=192.0.2.7", "message=user x not found: /basic/file"}},
};

static void reads_error_logs_of_apache_and_nginx(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(errors); i++)
        golden_check(&errors[i]);
}

static void reads_w3c_logs_by_their_fields_line(void **state)
{
    (void)state;
    static const char head[] = "#Software: Microsoft Internet Information Services 10.0\r\n"
                               "#Version: 1.0\r\n"
                               "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port "
                               "cs-username c-ip cs(User-Agent) cs(Referer) sc-status\r\n";
    static const char rows[] =
        "2020-09-22 03:45:14 10.0.0.1 GET /a.aspx id=1 443 - 192.0.2.9 Mozilla/5.0+(X) - 500\r\n"
        "#Fields: date time c-ip cs-uri-stem\r\n"
        "2020-09-22 03:45:15 192.0.2.8 /b\r\n"
        "2020-09-22 03:45:15 192.0.2.8\r\n";
    assert_int_equal(parse_sniff(str_z(head)), PARSE_w3c);
    struct parsed t = {.stream = {.format = PARSE_w3c}};
    t.stream.header = parse_header(PARSE_w3c, str_z(head));
    assert_int_equal(t.stream.header.n, sizeof head - 1);
    parsed_run(&t, str_z(rows), NULL);
    assert_int_equal(t.batch.read, 3);
    assert_int_equal(t.batch.rejected, 1);
    assert_int_equal(t.batch.event_count, 2);
    static const char *const first[] = {"destination.ip=10.0.0.1",
                                        "destination.port=443",
                                        "http.request.method=GET",
                                        "url.original=/a.aspx?id=1",
                                        "url.path=/a.aspx",
                                        "url.query=id=1",
                                        "source.ip=192.0.2.9",
                                        "user_agent.original=Mozilla/5.0 (X)",
                                        "http.response.status_code=500",
                                        "!user.name",
                                        "!http.request.referrer"};
    for (size_t i = 0; i < COUNT(first); i++)
        golden_field(&t, &t.batch.event[0], first[i]);
    golden_field(&t, &t.batch.event[1], "source.ip=192.0.2.8");
    golden_field(&t, &t.batch.event[1], "url.path=/b");
    assert_int_equal(t.batch.event[1].time_ms - t.batch.event[0].time_ms, 1000);
    parsed_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_access_lines_however_they_are_written),
        cmocka_unit_test(refuses_what_is_no_access_line_and_says_why),
        cmocka_unit_test(reads_times_that_differ_in_every_part),
        cmocka_unit_test(says_the_line_of_every_event_and_passes_over_blank_ones),
        cmocka_unit_test(keeps_the_log_source_the_user_gave),
        cmocka_unit_test(reads_error_logs_of_apache_and_nginx),
        cmocka_unit_test(reads_w3c_logs_by_their_fields_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
