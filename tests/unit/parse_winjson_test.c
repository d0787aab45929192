/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/parse_golden.h"

static const struct golden shapes[] = {
    {"winjson",
     "{\"Event\":{\"#attributes\":{\"xmlns\":\"http://"
     "x\"},\"System\":{\"Provider\":{\"#attributes\":"
     "{\"Name\":\"Microsoft-Windows-Sysmon\",\"Guid\":\"5770\"}},\"EventID\":1,\"TimeCreated\":{"
     "\"#attributes\":{\"SystemTime\":\"2024-05-01T10:00:00.123456Z\"}},\"Execution\":{"
     "\"#attributes\":{\"ProcessID\":3544,\"ThreadID\":4272}},\"Correlation\":null,\"Channel\":"
     "\"Microsoft-Windows-Sysmon/Operational\",\"Computer\":\"pc1\",\"Security\":{\"#attributes\":{"
     "\"UserID\":\"S-1-5-18\"}}},\"EventData\":{\"Image\":\"C:\\\\Windows\\\\cmd.exe\",\"Hashes\":"
     "\"SHA1=da39a3ee5e6b4b0d3255bfef95601890afd80709,MD5=d41d8cd98f00b204e9800998ecf8427e,IMPHASH="
     "00000000000000000000000000000000\",\"UtcTime\":\"2024-05-01 09:00:00.000\"}}}",
     "windows",
     "Microsoft-Windows-Sysmon/Operational",
     "1",
     "2024-05-01T10:00:00.123Z",
     {"event.code=1", "winlog.provider_name=Microsoft-Windows-Sysmon", "winlog.provider_guid=5770",
      "process.executable=C:\\Windows\\cmd.exe", "host.name=pc1", "Execution_ProcessID=3544",
      "Security_UserID=S-1-5-18", "file.hash.md5=d41d8cd98f00b204e9800998ecf8427e",
      "file.hash.sha1=da39a3ee5e6b4b0d3255bfef95601890afd80709", "!xmlns", "Correlation="}},
    {"winjson",
     "{\"Event\":{\"System\":{\"Provider_attributes\":{\"Name\":\"EventLog\"},\"EventID\":{"
     "\"#attributes\":{\"Qualifiers\":\"32768\"},\"#text\":6005},\"Channel\":\"System\","
     "\"TimeCreated_attributes\":{\"SystemTime\":\"2024-05-01T10:00:00Z\"}},\"EventData\":{"
     "\"Data\":["
     "\"one\",\"two\"]}},\"Event_attributes\":{\"xmlns\":\"x\"}}",
     "windows",
     "System",
     "6005",
     "2024-05-01T10:00:00.000Z",
     {"event.code=6005", "EventID_Qualifiers=32768", "winlog.provider_name=EventLog", "Data=one",
      "Data=two"}},
    {"winjson",
     "{\"Event\":{\"System\":{\"EventID\":4104,\"Channel\":\"Security\"},\"EventData\":{\"Data\":[{"
     "\"@Name\":\"Image\",\"#text\":\"a.exe\"},{\"#text\":\"b\",\"@Name\":\"Other\"},{"
     "\"#attributes\":{\"Name\":\"User\"},\"#text\":[\"x\",\"y\"]},{\"#text\":\"bare\"}]}}}",
     "windows",
     "Security",
     "4104",
     NULL,
     {"process.executable=a.exe", "Other=b", "user.name=x", "user.name=y", "Data=bare"}},
    {"winjson",
     "{\"Event\":{\"System\":{\"EventID\":5858,\"Channel\":\"Microsoft-Windows-WMI-Activity\\/"
     "Operational\"},\"UserData\":{\"Operation_ClientFailure\":{\"#attributes\":{\"xmlns\":\"y\"},"
     "\"ClientMachine\":\"m\",\"User\":\"u\"}}}}",
     "windows",
     "Microsoft-Windows-WMI-Activity/Operational",
     "5858",
     NULL,
     {"ClientMachine=m", "user.name=u"}},
    {"winjson",
     "{\"@timestamp\":\"2024-05-01T10:00:02Z\",\"winlog\":{\"channel\":\"Security\",\"event_id\":"
     "\"4688\",\"provider_name\":\"Microsoft-Windows-Security-Auditing\",\"computer_name\":\"dc1\","
     "\"event_data\":{\"NewProcessName\":\"C:\\\\a.exe\",\"SubjectUserName\":\"bob\"}},\"event\":{"
     "\"code\":\"4688\",\"kind\":\"event\"},\"host\":{\"name\":\"dc1\"},\"message\":\"m\"}",
     "windows",
     "Security",
     "4688",
     "2024-05-01T10:00:02.000Z",
     {"process.executable=C:\\a.exe", "user.name=bob", "host.name=dc1", "event.code=4688",
      "winlog.channel=Security", "event.kind=event", "message=m"}},
    {"winjson",
     "{\"@timestamp\":\"2024-05-01T10:00:02Z\",\"winlog.channel\":\"Security\",\"winlog.event_id\":"
     "4624,\"winlog.event_data.LogonType\":\"3\",\"event.code\":4624,\"host.name\":\"dc1\"}",
     "windows",
     "Security",
     "4624",
     "2024-05-01T10:00:02.000Z",
     {"winlog.logon.type=3", "host.name=dc1", "event.code=4624"}},
    {"winjson",
     "{\"EventID\":3,\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",\"SourceName\":"
     "\"Microsoft-Windows-Sysmon\",\"Hostname\":\"w1\",\"DestinationIp\":\"10.0.0.1\","
     "\"EventTime\":"
     "\"2024-05-01 06:00:00\",\"@timestamp\":\"2024-05-01T10:00:05Z\",\"UtcTime\":"
     "\"2024-05-01 10:00:01.500\",\"tags\":[\"a\",\"b\"]}",
     "windows",
     "Microsoft-Windows-Sysmon/Operational",
     "3",
     "2024-05-01T10:00:01.500Z",
     {"destination.ip=10.0.0.1", "host.name=w1", "tags=a", "tags=b",
      "winlog.provider_name=Microsoft-Windows-Sysmon"}},
    {"winjson",
     "{\"EventID\":1,\"SourceName\":\"Microsoft-Windows-Sysmon\",\"Image\":\"a\",\"ProcessGuid\":"
     "\"{1}\",\"TimeCreated\":\"2024-05-01T10:00:00Z\"}",
     "windows",
     "Microsoft-Windows-Sysmon/Operational",
     "1",
     "2024-05-01T10:00:00.000Z",
     {"winlog.channel=Microsoft-Windows-Sysmon/Operational"}},
    {"winjson",
     "{\"System\":{\"Provider\":{\"Name\":\"P\",\"Guid\":\"{g}\"},\"EventID\":{\"Value\":4688},"
     "\"TimeCreated\":{\"SystemTime\":1714557600.5},\"Channel\":\"Security\",\"Computer\":\"h\"},"
     "\"EventData\":{\"CommandLine\":\"whoami\"},\"Message\":\"created\"}",
     "windows",
     "Security",
     "4688",
     "2024-05-01T10:00:00.500Z",
     {"event.code=4688", "process.command_line=whoami", "winlog.provider_name=P",
      "message=created"}},
    {"winjson",
     "{\"Message\":\"x\",\"Id\":7045,\"ProviderName\":\"Service Control Manager\",\"LogName\":"
     "\"System\",\"MachineName\":\"h\",\"RecordId\":5,\"TimeCreated\":\"\\/Date(1714557600000)\\/"
     "\"}",
     "windows",
     "System",
     "7045",
     "2024-05-01T10:00:00.000Z",
     {"event.code=7045", "host.name=h", "winlog.provider_name=Service Control Manager"}},
    {"winjson",
     "{\"Event\":{\"System\":{\"Provider\":{\"#attributes\":{\"Name\":\"Linux-Sysmon\"}},"
     "\"EventID\":"
     "1,\"Channel\":\"Linux-Sysmon/Operational\",\"Computer\":\"l1\"},\"EventData\":{\"Image\":"
     "\"/bin/ls\",\"User\":\"root\"}}}",
     "linux",
     "Linux-Sysmon/Operational",
     "1",
     NULL,
     {"process.executable=/bin/ls", "user.name=root"}},
    {"winjson",
     "{\"EventID\":400,\"Channel\":\"Windows "
     "PowerShell\",\"SourceName\":\"PowerShell\",\"Message\":"
     "\"Engine state is changed\\r\\n\\tHostApplication=powershell -enc x\"}",
     "windows",
     "Windows PowerShell",
     "400",
     NULL,
     {"Data=Engine state is changed\r\n\tHostApplication=powershell -enc x"}},
};

static void every_shape_of_a_windows_event_is_read(void **state)
{
    for (size_t i = 0; i < COUNT(shapes); i++)
        golden_check(&shapes[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_of_a_windows_event_is_read),
    };
    return cmocka_run_group_tests_name("parse_winjson", tests, NULL, NULL);
}
