/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/parse_golden.h"

#define NS "xmlns=\"http://schemas.microsoft.com/win/2004/08/events/event\""

static const struct golden events[] = {
    {"winxml",
     "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Event " NS ">\n  <System>\n"
     "    <Provider Name=\"Microsoft-Windows-Sysmon\" Guid='{5770}'/>\n"
     "    <EventID>1</EventID><Version>5</Version><Level>4</Level>\n"
     "    <TimeCreated SystemTime=\"2020-09-22T03:45:14.1234567Z\"/>\n"
     "    <EventRecordID>42</EventRecordID><Correlation/>\n"
     "    <Execution ProcessID=\"4\" ThreadID=\"5\"/>\n"
     "    <Channel>Microsoft-Windows-Sysmon/Operational</Channel><Computer>pc1</Computer>\n"
     "    <Security UserID=\"S-1-5-18\"/>\n  </System>\n  <EventData>\n"
     "    <Data Name=\"Image\">C:\\a.exe</Data>\n"
     "    <Data Name=\"CommandLine\">a &lt;&amp;&gt; &#34;b&#x22;</Data>\n"
     "    <Data Name=\"Hashes\">MD5=d41d8cd98f00b204e9800998ecf8427e</Data>\n"
     "    <Data Name=\"Empty\"></Data>\n  </EventData>\n</Event>\n",
     "windows",
     "Microsoft-Windows-Sysmon/Operational",
     "1",
     "2020-09-22T03:45:14.123Z",
     {"event.code=1", "winlog.provider_name=Microsoft-Windows-Sysmon",
      "winlog.provider_guid={5770}", "event.sequence=42", "Execution_ProcessID=4", "host.name=pc1",
      "Security_UserID=S-1-5-18", "process.executable=C:\\a.exe",
      "process.command_line=a <&> \"b\"", "file.hash.md5=d41d8cd98f00b204e9800998ecf8427e",
      "Empty=", "!Correlation", "!xmlns"}},
    {"winxml",
     "<Event " NS "><System><Provider Name='P'/><EventID Qualifiers='16384'>7036</EventID>"
     "<Channel>System</Channel></System><EventData><Data>one</Data><Data>two</Data>"
     "<Binary>0A</Binary></EventData></Event>",
     "windows",
     "System",
     "7036",
     NULL,
     {"Data=one", "Data=two", "Binary=0A", "EventID_Qualifiers=16384"}},
    {"winxml",
     "<Event " NS "><System><Provider Name='P'/><EventID>5</EventID><Channel>C</Channel></System>"
     "<UserData><Op xmlns='x'><Id>9</Id><User>bob</User><Note><![CDATA[a <b>]]> c<!-- no --> d"
     "</Note></Op></UserData></Event>",
     "windows",
     "C",
     "5",
     NULL,
     {"Id=9", "user.name=bob", "Note=a <b> c d", "!Op"}},
    {"winxml",
     "<Event " NS "><System><Provider Name='P'/><EventID>5</EventID><Level>2</Level>"
     "<Channel>C</Channel></System><RenderingInfo Culture='en-US'><Message>It was so</Message>"
     "<Level>Error</Level><Keywords><Keyword>Audit Failure</Keyword></Keywords></RenderingInfo>"
     "</Event>",
     "windows",
     "C",
     "5",
     NULL,
     {"message=It was so", "Level=2", "LevelDisplayName=Error",
      "KeywordsDisplayNames=Audit Failure"}},
    {"winxml",
     "<Event " NS "><System><Provider Name=\"Linux-Sysmon\"/><EventID>1</EventID>"
     "<Channel>Linux-Sysmon/Operational</Channel></System><EventData>"
     "<Data Name=\"Image\">/bin/ls</Data></EventData></Event>",
     "linux",
     "Linux-Sysmon/Operational",
     "1",
     NULL,
     {"process.executable=/bin/ls"}},
};

static void reads_events_however_they_are_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(events); i++)
        golden_check(&events[i]);
}

static void refuses_xml_that_is_no_event_and_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *xml, *why;
    } bad[] = {
        {"<Event><System></Event>", "does not match"},
        {"<Event><System>", "not closed"},
        {"<Event a=b></Event>", "without quotes"},
        {"<Event a=\"b></Event>", "without quotes"},
        {"<Event><!DOCTYPE x></Event>", "document type"},
        {"<Event><!-- </Event>", "without an end"},
        {"<Event><System/></Event>", "without an EventID"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct parsed t = {.stream = {.format = PARSE_winxml}};
        parsed_run(&t, str_z(bad[i].xml), NULL);
        assert_int_equal(t.batch.read, 1);
        assert_int_equal(t.batch.rejected, 1);
        if (!strstr(t.batch.reject[0].text, bad[i].why))
            GOLDEN_FAIL("%s: %s", bad[i].xml, t.batch.reject[0].text);
        parsed_done(&t);
    }
}

static void refuses_elements_nested_too_deep(void **state)
{
    (void)state;
    char text[4096] = "<Event>";
    size_t n = 7;
    for (int i = 0; i < 100; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "<a>");
    struct parsed t = {.stream = {.format = PARSE_winxml}};
    parsed_run(&t, (str){text, n}, NULL);
    assert_int_equal(t.batch.rejected, 1);
    assert_non_null(strstr(t.batch.reject[0].text, "nested too deep"));
    parsed_done(&t);
}

static void says_the_line_each_event_starts_on(void **state)
{
    (void)state;
    static const char text[] = "<Events>\n"
                               "<Event><System><EventID>1</EventID></System></Event>\n"
                               "<Event>\n<System><EventID>2</EventID></System></Event>\n"
                               "<Event><System><EventID>3</EventID></System></Event></Events>";
    struct parsed t = {.stream = {.format = PARSE_winxml}};
    parsed_run(&t, str_z(text), NULL);
    assert_int_equal(t.batch.read, 3);
    assert_int_equal(t.batch.event_count, 3);
    static const uint64_t lines[] = {2, 3, 5};
    for (size_t i = 0; i < COUNT(lines); i++) {
        assert_int_equal(t.batch.event[i].origin.line, lines[i]);
        assert_int_equal(t.batch.event[i].origin.record, 0);
    }
    parsed_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_events_however_they_are_written),
        cmocka_unit_test(refuses_xml_that_is_no_event_and_says_why),
        cmocka_unit_test(refuses_elements_nested_too_deep),
        cmocka_unit_test(says_the_line_each_event_starts_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
