/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/parse_golden.h"

#define ACCESS "192.0.2.1 - - [22/Sep/2020:03:45:14 +0000] \"GET / HTTP/1.1\" 200 1\n"
#define SYSLOG "Sep 22 03:45:14 web1 app[1]: hello\n"
#define AUDIT  "type=CWD msg=audit(1364481363.243:24287): cwd=\"/\"\n"
#define CEF    "CEF:0|V|P|1|id|name|5|src=192.0.2.1\n"
#define ERROR  "[Sun Dec 04 04:47:44 2005] [error] mod_x in state 6\n"

static const struct {
    const char *head, *format;
} heads[] = {
    {"", "text"},
    {"\n\n\n", "text"},
    {ACCESS, "access"},
    {"\n" ACCESS ACCESS, "access"},
    {SYSLOG, "syslog"},
    {"# a comment\n" SYSLOG, "syslog"},
    {AUDIT, "auditd"},
    {"----\ntime->Sat Mar 28 2020\n" AUDIT, "auditd"},
    {"Sep 22 03:45:14 h audispd: " AUDIT, "auditd"},
    {CEF, "cef"},
    {"Sep 22 03:45:14 h " CEF, "cef"},
    {"LEEF:1.0|V|P|1|id|a=b\n", "leef"},
    {ERROR, "web-error"},
    {"2015/10/29 20:01:02 [error] 2#7: *9 text\n", "web-error"},
    {"2015/10/29 20:01:02 some other program\n", "text"},
    {"#separator \\x09\n#fields\tts\n", "zeek"},
    {"#Version: 1.0\n#Fields: date time\n", "w3c"},
    {"#!/bin/sh\necho hello\n", "text"},
    {"ElfFile but no log", "text"},
    {"<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>", "winxml"},
    {"\xef\xbb\xbf<Events><Event><System></System></Event></Events>", "winxml"},
    {"<html><body>no event</body></html>\n", "text"},
    {"2020-09-22 03:45:14,123 INFO a program's own log\n", "text"},
    {"2020-09-22 03:45:14 web1 app[1]: with a program\n", "syslog"},
    /* what most lines say, wins */
    {SYSLOG SYSLOG SYSLOG "junk\n", "syslog"},
    {SYSLOG SYSLOG "junk\njunk\n", "text"},
    {ACCESS ACCESS ACCESS ERROR, "access"},
    /* a last line that was cut does not count against it */
    {ACCESS ACCESS "192.0.2.1 - - [22/Sep/2020:03:4", "access"},
};

static void tells_formats_apart_by_the_first_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(heads); i++) {
        const char *got = parse_format_name(parse_sniff(str_z(heads[i].head)));
        if (strcmp(got, heads[i].format) != 0)
            GOLDEN_FAIL("%s, not %s: %s", got, heads[i].format, heads[i].head);
    }
}

static void knows_every_format_by_its_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < PARSE_FORMAT_COUNT; i++) {
        enum parse_format f;
        assert_true(parse_format_find(str_z(parse_format_name((enum parse_format)i)), &f));
        assert_int_equal(f, i);
        assert_true(strlen(parse_format_doc(f)) > 0);
    }
}

/* Past the limit a record is refused, whatever its format, and memory is not asked for. */
static void refuses_lines_longer_than_the_limit(void **state)
{
    (void)state;
    const struct parse_limits limits = {.record_bytes = 40, .depth = 4, .fields = 8};
    for (size_t i = 0; i < PARSE_FORMAT_COUNT; i++) {
        if (parse_framing_of((enum parse_format)i) != FRAME_LINE)
            continue;
        struct parsed t = {.stream = {.format = (enum parse_format)i}};
        parsed_run(&t, STR("0123456789012345678901234567890123456789 and more\n"), &limits);
        assert_int_equal(t.batch.read, 1);
        assert_int_equal(t.batch.rejected, 1);
        assert_non_null(strstr(t.batch.reject[0].text, "longer than 40 bytes"));
        parsed_done(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_formats_apart_by_the_first_lines),
        cmocka_unit_test(knows_every_format_by_its_name),
        cmocka_unit_test(refuses_lines_longer_than_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
