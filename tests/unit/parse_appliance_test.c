/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/parse_golden.h"

static const struct golden lines[] = {
    {"cef",
     "CEF:0|Acme|Wall \\| Gate|1.0|100|worm \\\\ stopped|10|src=192.0.2.1 spt=1232 "
     "dst=2001:db8::1 act=blocked msg=Detected a \\= b\\nnext line cs1Label=Rule Name cs1=No 7 "
     "cn1=5 request=http://h.example/a?b=c suser=bob rt=1600746314123",
     "appliance",
     "Wall | Gate",
     "100",
     "2020-09-22T03:45:14.123Z",
     {"observer.vendor=Acme", "observer.product=Wall | Gate", "rule.name=worm \\ stopped",
      "event.severity=10", "source.ip=192.0.2.1", "source.port=1232", "destination.ip=2001:db8::1",
      "event.action=blocked", "message=Detected a = b\nnext line", "Rule Name=No 7", "cn1=5",
      "url.domain=h.example", "url.query=b=c", "user.name=bob", "!cs1", "!cs1Label"}},
    {"cef",
     "<134>Sep 22 03:45:14 gw1 CEF:0|Fortinet|FortiGate-100|v7|0100032002|event:system|7|"
     "FTNTFGTcfgpath=system.admin act=Add src=192.0.2.1 "
     "fileHash=d41d8cd98f00b204e9800998ecf8427e",
     "fortigate",
     "FortiGate-100",
     "0100032002",
     "1969-09-22T03:45:14.000Z",
     {"host.name=gw1", "cfgpath=system.admin", "event.action=Add",
      "file.hash.md5=d41d8cd98f00b204e9800998ecf8427e"}},
    {"cef",
     "CEF:1|Palo Alto Networks|PAN-OS|10|x|y|3|start=Sep 22 2020 03:45:14 filePath=C:\\\\a "
     "b\\\\c.exe",
     "paloalto",
     "PAN-OS",
     "x",
     "2020-09-22T03:45:14.000Z",
     {"file.path=C:\\a b\\c.exe"}},
    {"cef",
     "2020-09-22T03:45:14Z gw1 CEF:0|V|P|1|id|name|low",
     "appliance",
     "P",
     "id",
     "2020-09-22T03:45:14.000Z",
     {"event.severity=low", "host.name=gw1"}},
    {"leef",
     "LEEF:1.0|Acme|Gate|4.0|login\x7c"
     "src=192.0.2.1\tdst=192.0.2.2\tusrName=bob smith\tsrcPort=80\tdevTime=1600746314123\tx=a=b",
     "appliance",
     "Gate",
     "login",
     "2020-09-22T03:45:14.123Z",
     {"source.ip=192.0.2.1", "destination.ip=192.0.2.2", "user.name=bob smith", "source.port=80",
      "x=a=b", "event.code=login"}},
    {"leef",
     "LEEF:2.0|Cisco|ISE|1|7|^|src=192.0.2.1^url=/a.php?b",
     "cisco",
     "ISE",
     "7",
     NULL,
     {"source.ip=192.0.2.1", "url.path=/a.php", "url.query=b"}},
    {"leef",
     "Sep 22 03:45:14 h LEEF:2.0|Acme|Gate|1|7|x7C|src=192.0.2.1|cat=c",
     "appliance",
     "Gate",
     "7",
     "1969-09-22T03:45:14.000Z",
     {"source.ip=192.0.2.1", "event.category=c", "host.name=h"}},
    {"leef",
     "LEEF:2.0|Acme|Gate|1|7|src=192.0.2.1\tcat=c",
     "appliance",
     "Gate",
     "7",
     NULL,
     {"source.ip=192.0.2.1", "event.category=c"}},
};

static void reads_cef_and_leef(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++)
        golden_check(&lines[i]);
}

static void refuses_headers_that_are_cut_short(void **state)
{
    (void)state;
    static const struct {
        enum parse_format format;
        const char *line;
    } bad[] = {
        {PARSE_cef, "CEF:0|V|P|1|id|name"},     {PARSE_cef, "CEF:x|V|P|1|id|name|5|"},
        {PARSE_cef, "0|V|P|1|id|name|5|src=1"}, {PARSE_cef, "xCEF:0|V|P|1|id|name|5|"},
        {PARSE_leef, "LEEF:1.0|V|P|1|id"},      {PARSE_leef, "LEEF:3.0|V|P|1|id|a=b"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct parsed t = {.stream = {.format = bad[i].format}};
        parsed_run(&t, str_z(bad[i].line), NULL);
        assert_int_equal(t.batch.read, 1);
        assert_int_equal(t.batch.rejected, 1);
        parsed_done(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_cef_and_leef),
        cmocka_unit_test(refuses_headers_that_are_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
