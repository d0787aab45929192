/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/parse_golden.h"

static const struct golden clouds[] = {
    {"cloudtrail",
     "{\"eventVersion\":\"1.08\",\"userIdentity\":{\"type\":\"IAMUser\",\"userName\":\"eve\","
     "\"arn\":"
     "\"arn:aws:iam::1:user/eve\",\"accountId\":\"1\"},\"eventTime\":\"2024-05-01T10:00:00Z\","
     "\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"PutBucketPolicy\",\"awsRegion\":"
     "\"eu-west-1\",\"sourceIPAddress\":\"198.51.100.7\",\"userAgent\":\"aws-cli\","
     "\"requestParameters\":{\"bucketName\":\"b\",\"policy\":{\"Path\":\"C:\\\\x\"}},\"resources\":"
     "[{"
     "\"ARN\":\"r1\"},{\"ARN\":\"r2\"}],\"eventID\":\"id1\"}",
     "aws",
     "cloudtrail",
     "",
     "2024-05-01T10:00:00.000Z",
     {"event.action=PutBucketPolicy", "cloud.service.name=s3.amazonaws.com", "user.name=eve",
      "source.ip=198.51.100.7", "userIdentity.type=IAMUser", "user.id=arn:aws:iam::1:user/eve",
      "requestParameters.bucketName=b", "resources.ARN=r1", "resources.ARN=r2",
      "requestParameters={\"bucketName\":\"b\",\"policy\":{\"Path\":\"C:\\x\"}}",
      "resources=[{\"ARN\":\"r1\"},{\"ARN\":\"r2\"}]", "event.id=id1", "cloud.region=eu-west-1",
      "cloud.account.id=1", "user_agent.original=aws-cli"}},
    {"entra",
     "{\"time\":\"2024-05-01T10:00:01Z\",\"resourceId\":\"/tenants/t\",\"operationName\":"
     "\"Sign-in "
     "activity\",\"category\":\"SignInLogs\",\"resultType\":\"50126\",\"callerIpAddress\":"
     "\"198.51.100.9\",\"properties\":{\"createdDateTime\":\"2024-05-01T10:00:00Z\","
     "\"userPrincipalName\":\"a@x.example\",\"appDisplayName\":\"Portal\",\"status\":{"
     "\"errorCode\":"
     "50126},\"deviceDetail\":{\"trustType\":\"\",\"isCompliant\":false},\"riskState\":\"none\"}}",
     "azure",
     "signinlogs",
     "",
     "2024-05-01T10:00:00.000Z",
     {"error.code=50126", "user.name=a@x.example", "source.ip=198.51.100.9",
      "event.outcome=failure", "AppDisplayName=Portal", "appDisplayName=Portal",
      "DeviceDetail.isCompliant=false", "DeviceDetail.trusttype=", "RiskState=none"}},
    {"entra",
     "{\"id\":\"1\",\"createdDateTime\":\"2024-05-01T10:00:00Z\",\"userPrincipalName\":"
     "\"a@x.example\",\"appDisplayName\":\"Portal\",\"ipAddress\":\"198.51.100.9\","
     "\"conditionalAccessStatus\":\"success\",\"status\":{\"errorCode\":0}}",
     "azure",
     "signinlogs",
     "",
     "2024-05-01T10:00:00.000Z",
     {"source.ip=198.51.100.9", "event.outcome=success", "user.name=a@x.example",
      "conditionalAccessStatus=success", "error.code=0"}},
    {"entra",
     "{\"time\":\"2024-05-01T10:00:00Z\",\"operationName\":\"Add member to role\",\"category\":"
     "\"AuditLogs\",\"properties\":{\"category\":\"RoleManagement\",\"activityDisplayName\":"
     "\"Add member to role\",\"result\":\"success\",\"loggedByService\":\"Core Directory\","
     "\"initiatedBy\":{\"user\":{\"userPrincipalName\":\"adm@x.example\"}},\"targetResources\":[{"
     "\"type\":\"User\",\"userPrincipalName\":\"t@x.example\",\"modifiedProperties\":[{"
     "\"displayName\":\"Role\",\"newValue\":\"Admin\"}]}]}}",
     "azure",
     "auditlogs",
     "",
     "2024-05-01T10:00:00.000Z",
     {"event.action=Add member to role", "event.category=RoleManagement", "event.outcome=success",
      "user.name=adm@x.example", "user.target.name=t@x.example", "LoggedByService=Core Directory",
      "TargetResources.ModifiedProperties.NewValue=Admin",
      "TargetResources.modifiedProperties.newValue=Admin", "targetResources.type=User"}},
    {"entra",
     "{\"time\":\"2024-05-01T10:00:00Z\",\"operationName\":\"MICROSOFT.COMPUTE/VIRTUALMACHINES/"
     "DELETE\",\"category\":\"Administrative\",\"resourceId\":\"/SUBSCRIPTIONS/S\",\"resultType\":"
     "\"Success\",\"callerIpAddress\":\"198.51.100.9\",\"caller\":\"a@x.example\"}",
     "azure",
     "activitylogs",
     "",
     "2024-05-01T10:00:00.000Z",
     {"event.action=MICROSOFT.COMPUTE/VIRTUALMACHINES/DELETE", "user.name=a@x.example",
      "event.category=Administrative", "ResourceId=/SUBSCRIPTIONS/S"}},
    {"entra",
     "{\"id\":\"1\",\"activityDateTime\":\"2024-05-01T10:00:00Z\",\"riskEventType\":"
     "\"unfamiliarFeatures\",\"riskState\":\"atRisk\",\"userPrincipalName\":\"a@x.example\"}",
     "azure",
     "riskdetection",
     "",
     "2024-05-01T10:00:00.000Z",
     {"riskEventType=unfamiliarFeatures", "user.name=a@x.example"}},
    {"entra",
     "{\"riskEventType\":\"rolesAssignedOutsidePrivilegedIdentityManagementAlertIncident\","
     "\"activityDateTime\":\"2024-05-01T10:00:00Z\"}",
     "azure",
     "pim",
     "",
     "2024-05-01T10:00:00.000Z",
     {"!user.name"}},
    {"m365",
     "{\"CreationTime\":\"2024-05-01T10:00:00\",\"Operation\":\"New-InboxRule\",\"RecordType\":1,"
     "\"ResultStatus\":\"True\",\"UserId\":\"a@x.example\",\"Workload\":\"Exchange\",\"ClientIP\":"
     "\"198.51.100.9:443\",\"Parameters\":[{\"Name\":\"DeleteMessage\",\"Value\":\"True\"}]}",
     "m365",
     "exchange",
     "",
     "2024-05-01T10:00:00.000Z",
     {"event.action=New-InboxRule", "cloud.service.name=Exchange", "user.name=a@x.example",
      "Parameters=[{\"Name\":\"DeleteMessage\",\"Value\":\"True\"}]", "event.outcome=True"}},
    {"m365",
     "{\"CreationTime\":\"2024-05-01T10:00:00\",\"Operation\":\"AlertTriggered\",\"RecordType\":40,"
     "\"Workload\":\"SecurityComplianceCenter\",\"Name\":\"Suspicious inbox forwarding\","
     "\"Status\":\"Active\"}",
     "m365",
     "threat_management",
     "",
     "2024-05-01T10:00:00.000Z",
     {"event.action=Suspicious inbox forwarding", "event.outcome=success",
      "cloud.service.name=SecurityComplianceCenter"}},
    {"okta",
     "{\"eventType\":\"user.session.start\",\"published\":\"2024-05-01T10:00:00.000Z\",\"actor\":{"
     "\"alternateId\":\"a@x.example\",\"id\":\"u1\"},\"client\":{\"ipAddress\":\"198.51.100.9\","
     "\"userAgent\":{\"rawUserAgent\":\"curl\"}},\"outcome\":{\"result\":\"FAILURE\",\"reason\":"
     "\"INVALID_CREDENTIALS\"},\"displayMessage\":\"login\",\"target\":[{\"displayName\":\"T\","
     "\"alternateId\":\"t@x.example\"}],\"debugContext\":{\"debugData\":{\"behaviors\":{\"New IP\":"
     "\"POSITIVE\"}}}}",
     "okta",
     "okta",
     "",
     "2024-05-01T10:00:00.000Z",
     {"event.action=user.session.start", "user.name=a@x.example", "source.ip=198.51.100.9",
      "event.outcome=FAILURE", "event.reason=INVALID_CREDENTIALS", "message=login",
      "target.displayName=T", "user.target.name=t@x.example",
      "debugContext.debugData.behaviors={\"New IP\":\"POSITIVE\"}"}},
    {"k8s-audit",
     "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/"
     "v1\",\"level\":\"Request\",\"auditID\":\"a1\","
     "\"stage\":\"ResponseComplete\",\"requestURI\":\"/api/v1/namespaces/kube-system/secrets?"
     "limit=500\",\"verb\":\"list\",\"user\":{\"username\":\"system:anonymous\",\"groups\":[\"g1\","
     "\"g2\"]},\"sourceIPs\":[\"198.51.100.9\"],\"userAgent\":\"kubectl\",\"objectRef\":{"
     "\"resource\":"
     "\"secrets\",\"namespace\":\"kube-system\",\"apiGroup\":\"v1\"},\"responseStatus\":{\"code\":"
     "200},"
     "\"requestReceivedTimestamp\":\"2024-05-01T10:00:00.1Z\",\"annotations\":{"
     "\"authorization.k8s.io/decision\":\"allow\"}}",
     "kubernetes",
     "audit",
     "",
     "2024-05-01T10:00:00.100Z",
     {"event.action=list", "orchestrator.resource.type=secrets", "user.name=system:anonymous",
      "source.ip=198.51.100.9", "url.path=/api/v1/namespaces/kube-system/secrets",
      "url.query=limit=500", "http.response.status_code=200", "apiGroup=v1", "event.outcome=allow",
      "group.name=g1", "group.name=g2", "orchestrator.namespace=kube-system"}},
    {"json",
     "{\"protoPayload\":{\"@type\":\"type.googleapis.com/google.cloud.audit.AuditLog\","
     "\"serviceName\":\"iam.googleapis.com\",\"methodName\":\"google.iam.admin.v1.DeleteRole\","
     "\"authenticationInfo\":{\"principalEmail\":\"a@x.example\"},\"requestMetadata\":{"
     "\"callerIp\":"
     "\"198.51.100.9\"},\"authorizationInfo\":[{\"permission\":\"iam.roles.delete\",\"granted\":"
     "true"
     "}]},\"logName\":\"projects/p/logs/x\",\"timestamp\":\"2024-05-01T10:00:00Z\"}",
     "gcp",
     "gcp.audit",
     "",
     "2024-05-01T10:00:00.000Z",
     {"event.action=google.iam.admin.v1.DeleteRole", "cloud.service.name=iam.googleapis.com",
      "user.name=a@x.example", "source.ip=198.51.100.9",
      "data.protoPayload.authorizationInfo.granted=true",
      "data.protoPayload.authorizationInfo.permission=iam.roles.delete"}},
    {"json",
     "{\"kind\":\"admin#reports#activity\",\"id\":{\"time\":\"2024-05-01T10:00:00.000Z\","
     "\"applicationName\":\"admin\"},\"actor\":{\"email\":\"a@x.example\"},\"ipAddress\":"
     "\"198.51.100.9\",\"events\":[{\"type\":\"APPLICATION_SETTINGS\",\"name\":"
     "\"CHANGE_APPLICATION_SETTING\",\"parameters\":[{\"name\":\"SETTING_NAME\",\"value\":"
     "\"ContextAwareAccess\"},{\"value\":\"false\",\"name\":\"NEW_VALUE\"}]}]}",
     "gcp",
     "google_workspace.admin",
     "",
     "2024-05-01T10:00:00.000Z",
     {"event.action=CHANGE_APPLICATION_SETTING", "cloud.service.name=admin.googleapis.com",
      "setting_name=ContextAwareAccess", "new_value=false", "user.name=a@x.example"}},
    {"json",
     "{\"@timestamp\":1714557600000,\"_document_id\":\"d1\",\"action\":\"org.add_member\","
     "\"actor\":"
     "\"eve\",\"actor_location\":{\"country_code\":\"DE\"},\"org\":\"o\"}",
     "github",
     "audit",
     "",
     "2024-05-01T10:00:00.000Z",
     {"event.action=org.add_member", "user.name=eve", "org=o", "source.geo.country_iso_code=DE"}},
    {"json",
     "{\"timestamp\":\"2024-05-01T10:00:00Z\",\"auditType\":{\"category\":\"Security\",\"action\":"
     "\"SSH settings changed\"},\"author\":{\"name\":\"eve\"}}",
     "bitbucket",
     "audit",
     "",
     "2024-05-01T10:00:00.000Z",
     {"auditType.category=Security", "auditType.action=SSH settings changed", "user.name=eve"}},
    {"json",
     "{\"event_type_id\":551,\"account_id\":1,\"ipaddr\":\"198.51.100.9\"}",
     "onelogin",
     "onelogin.events",
     "",
     NULL,
     {"event_type_id=551", "source.ip=198.51.100.9"}},
    {"json",
     "{\"dst_host\":\"10.0.0.1\",\"dst_port\":22,\"logtype\":4000,\"node_id\":\"n\",\"src_host\":"
     "\"10.0.0.2\",\"utc_time\":\"2024-05-01 10:00:00.000001\"}",
     "application",
     "opencanary",
     "4000",
     "2024-05-01T10:00:00.000Z",
     {"logtype=4000", "source.ip=10.0.0.2"}},
};

static const struct golden sensors[] = {
    {"eve",
     "{\"timestamp\":\"2024-05-01T12:00:00.000001+0200\",\"flow_id\":1,\"event_type\":\"http\","
     "\"src_ip\":\"10.0.0.1\",\"src_port\":1,\"dest_ip\":\"10.0.0.2\",\"dest_port\":80,\"proto\":"
     "\"TCP\",\"http\":{\"hostname\":\"h.example\",\"url\":\"\\/a\\/"
     "b.php?q=1\",\"http_user_agent\":"
     "\"curl\",\"http_method\":\"GET\",\"status\":200}}",
     "suricata",
     "http",
     "",
     "2024-05-01T10:00:00.000Z",
     {"source.ip=10.0.0.1", "destination.port=80", "url.domain=h.example", "url.path=/a/b.php",
      "url.query=q=1", "url.query=/a/b.php?q=1", "url.extension=php", "url.original=/a/b.php?q=1",
      "http.request.method=GET", "http.url=/a/b.php?q=1", "network.transport=TCP"}},
    {"eve",
     "{\"timestamp\":\"2024-05-01T10:00:00Z\",\"flow_id\":1,\"event_type\":\"alert\",\"src_ip\":"
     "\"10.0.0.1\",\"dest_ip\":\"10.0.0.2\",\"alert\":{\"signature\":\"ET X\",\"signature_id\":5,"
     "\"severity\":1,\"category\":\"c\"}}",
     "suricata",
     "alert",
     "",
     "2024-05-01T10:00:00.000Z",
     {"rule.name=ET X", "rule.id=5", "event.severity=1"}},
    {"zeek-json",
     "{\"ts\":1714557600.25,\"uid\":\"C1\",\"id.orig_h\":\"10.0.0.1\",\"id.orig_p\":5353,"
     "\"id.resp_h\":\"10.0.0.2\",\"id.resp_p\":53,\"proto\":\"udp\",\"query\":\"x.example\","
     "\"qtype_name\":\"A\",\"rcode_name\":\"NOERROR\",\"answers\":[\"1.2.3.4\",\"5.6.7.8\"]}",
     "zeek",
     "dns",
     "",
     "2024-05-01T10:00:00.250Z",
     {"dns.question.name=x.example", "dns.answers.data=1.2.3.4", "dns.answers.data=5.6.7.8",
      "source.ip=10.0.0.1", "destination.port=53", "network.transport=udp"}},
    {"zeek-json",
     "{\"_path\":\"http\",\"ts\":\"2024-05-01T10:00:00Z\",\"uid\":\"C1\",\"id\":{\"orig_h\":"
     "\"10.0.0.1\",\"resp_h\":\"10.0.0.2\"},\"method\":\"POST\",\"host\":\"h.example\",\"uri\":"
     "\"/x?y\",\"user_agent\":\"curl\",\"status_code\":404}",
     "zeek",
     "http",
     "",
     "2024-05-01T10:00:00.000Z",
     {"source.ip=10.0.0.1", "url.original=/x?y", "url.query=y", "http.response.status_code=404",
      "url.domain=h.example"}},
    {"zeek-json",
     "{\"ts\":1.5,\"uid\":\"C\",\"id.orig_h\":\"::1\",\"id.resp_h\":\"::2\",\"action\":"
     "\"SMB::FILE_OPEN\",\"name\":\"a.exe\",\"path\":\"\\\\\\\\h\\\\c$\"}",
     "zeek",
     "smb_files",
     "",
     "1970-01-01T00:00:01.500Z",
     {"name=a.exe", "path=\\\\h\\c$"}},
    {"falco",
     "{\"hostname\":\"n1\",\"output\":\"A shell\",\"priority\":\"Notice\",\"rule\":\"Terminal "
     "shell\","
     "\"source\":\"syscall\",\"time\":\"2024-05-01T10:00:00.123456789Z\",\"output_fields\":{"
     "\"container.id\":\"c1\",\"proc.cmdline\":\"bash -i\",\"proc.name\":\"bash\",\"user.name\":"
     "\"root\",\"evt.time\":1714557600123456789,\"proc.pname\":null}}",
     "falco",
     "syscall",
     "",
     "2024-05-01T10:00:00.123Z",
     {"rule.name=Terminal shell", "process.command_line=bash -i", "proc.cmdline=bash -i",
      "process.name=bash", "user.name=root", "container.id=c1", "host.name=n1"}},
    {"ocsf",
     "{\"class_uid\":1007,\"activity_id\":1,\"time\":1714557600000,\"metadata\":{\"version\":\"1."
     "1\","
     "\"product\":{\"name\":\"Sensor\",\"vendor_name\":\"V\"}},\"device\":{\"hostname\":\"h\","
     "\"os\":{"
     "\"name\":\"Windows "
     "11\",\"type\":\"Windows\"}},\"process\":{\"cmd_line\":\"whoami\",\"file\":{"
     "\"path\":\"C:\\\\w.exe\"},\"parent_process\":{\"file\":{\"path\":\"C:\\\\p.exe\"}}},"
     "\"actor\":{"
     "\"user\":{\"name\":\"bob\"}}}",
     "windows",
     "Microsoft-Windows-Sysmon/Operational",
     "1",
     "2024-05-01T10:00:00.000Z",
     {"process.command_line=whoami", "process.executable=C:\\w.exe",
      "process.parent.executable=C:\\p.exe", "user.name=bob", "host.name=h"}},
    {"ocsf",
     "{\"class_uid\":3002,\"activity_id\":1,\"severity_id\":1,\"category_uid\":3,\"time\":"
     "1714557600000,"
     "\"metadata\":{\"version\":\"1.1\",\"product\":{\"name\":\"IdP\"},\"log_provider\":\"auth\"},"
     "\"user\":{\"name\":\"bob\"},\"src_endpoint\":{\"ip\":\"198.51.100.9\"},\"status\":"
     "\"Failure\"}",
     "",
     "auth",
     "",
     "2024-05-01T10:00:00.000Z",
     {"user.name=bob", "source.ip=198.51.100.9", "event.outcome=Failure"}},
    {"ecs",
     "{\"@timestamp\":\"2024-05-01T10:00:00Z\",\"ecs\":{\"version\":\"8.0\"},\"event\":{"
     "\"category\":["
     "\"process\"],\"type\":[\"start\"],\"module\":\"endpoint\"},\"host\":{\"name\":\"h\",\"os\":{"
     "\"type\":\"linux\"}},\"process\":{\"executable\":\"/bin/sh\",\"command_line\":\"sh -c id\"}}",
     "linux",
     "Linux-Sysmon/Operational",
     "1",
     "2024-05-01T10:00:00.000Z",
     {"process.executable=/bin/sh", "process.command_line=sh -c id"}},
    {"ecs",
     "{\"@timestamp\":\"2024-05-01T10:00:00Z\",\"ecs.version\":\"8.0\",\"event.module\":\"nginx\","
     "\"event.dataset\":\"nginx.access\",\"url.original\":\"/a?b\",\"source.ip\":\"198.51.100.9\"}",
     "web",
     "access",
     "",
     "2024-05-01T10:00:00.000Z",
     {"url.original=/a?b", "url.path=/a", "source.ip=198.51.100.9"}},
    {"journald",
     "{\"__REALTIME_TIMESTAMP\":\"1714557600000000\",\"_HOSTNAME\":\"h\",\"_PID\":\"7\",\"_COMM\":"
     "\"sshd\",\"SYSLOG_IDENTIFIER\":\"sshd\",\"MESSAGE\":[72,105,32,255],\"PRIORITY\":\"6\"}",
     "linux",
     "sshd",
     "",
     "2024-05-01T10:00:00.000Z",
     {"message=Hi \xff", "host.name=h", "process.pid=7", "process.name=sshd"}},
    {"journald",
     "{\"__REALTIME_TIMESTAMP\":\"1714557600000000\",\"_HOSTNAME\":\"h\",\"SYSLOG_IDENTIFIER\":"
     "\"sshd\",\"MESSAGE\":\"Failed password for invalid user bob from 198.51.100.9 port 22 "
     "ssh2\"}",
     "linux",
     "sshd",
     "",
     "2024-05-01T10:00:00.000Z",
     {"user.name=bob", "source.ip=198.51.100.9", "source.port=22", "event.outcome=failure"}},
    {"web-json",
     "{\"time_iso8601\":\"2024-05-01T10:00:00+00:00\",\"remote_addr\":\"198.51.100.9\",\"request\":"
     "\"GET /a.php?x=1 "
     "HTTP/1.1\",\"status\":200,\"body_bytes_sent\":5,\"http_user_agent\":\"curl\"}",
     "web",
     "access",
     "",
     "2024-05-01T10:00:00.000Z",
     {"source.ip=198.51.100.9", "http.request.method=GET", "url.path=/a.php", "url.query=x=1",
      "http.response.status_code=200", "http.version=1.1", "user_agent.original=curl",
      "url.original=/a.php?x=1"}},
    {"web-json",
     "{\"level\":\"info\",\"ts\":1714557600.5,\"logger\":\"http.log.access\",\"msg\":"
     "\"handled request\",\"request\":{\"remote_ip\":\"198.51.100.9\",\"method\":\"GET\",\"host\":"
     "\"h.example\",\"uri\":\"/x?q\",\"headers\":{\"User-Agent\":[\"curl\"]}},\"status\":404}",
     "web",
     "access",
     "",
     "2024-05-01T10:00:00.500Z",
     {"source.ip=198.51.100.9", "http.request.method=GET", "url.domain=h.example", "url.query=q",
      "user_agent.original=curl"}},
    {"web-json",
     "{\"ClientHost\":\"198.51.100.9\",\"DownstreamStatus\":200,\"RequestHost\":\"h.example\","
     "\"RequestMethod\":\"GET\",\"RequestPath\":\"/x\",\"StartUTC\":\"2024-05-01T10:00:00Z\"}",
     "web",
     "access",
     "",
     "2024-05-01T10:00:00.000Z",
     {"source.ip=198.51.100.9", "url.path=/x", "http.response.status_code=200"}},
    {"zeek-json",
     "{\"ts\":81.35792000000001,\"uids\":[\"C1\"],\"client_addr\":\"10.0.0.9\",\"mac\":"
     "\"00:11:22:33:44:55\",\"msg_types\":[\"REQUEST\"]}",
     "zeek",
     "dhcp",
     "",
     "1970-01-01T00:01:21.357Z",
     {"source.ip=10.0.0.9"}},
    {"json",
     "{\"ID\":\"1714557600.815:33152\",\"NODE\":\"h\",\"SYSCALL\":{\"syscall\":59,\"exe\":"
     "\"/usr/bin/base64\",\"comm\":\"base64\",\"UID\":\"bob\",\"PPID\":{\"exe\":\"/bin/sh\"}},"
     "\"EXECVE\":{\"ARGV\":[\"base64\",\"-d\"]},\"PATH\":[{\"name\":\"/usr/bin/base64\"}]}",
     "linux",
     "auditd",
     "",
     "2024-05-01T10:00:00.815Z",
     {"process.command_line=base64 -d", "a0=base64", "a1=-d", "type=EXECVE", "type=SYSCALL",
      "process.executable=/usr/bin/base64", "name=/usr/bin/base64", "host.name=h",
      "process.parent.executable=/bin/sh", "user.name=bob"}},
    {"json",
     "{\"t\":{\"$date\":\"2024-05-01T12:00:00.000+02:00\"},\"s\":\"I\",\"c\":\"ACCESS\",\"msg\":"
     "\"Authentication failed\",\"attr\":{\"principalName\":\"root\"}}",
     "database",
     "mongodb",
     "",
     "2024-05-01T10:00:00.000Z",
     {"user.name=root", "message=Authentication failed"}},
    {"json",
     "{\"CommandLine\":\"x\",\"n\":{\"a\":[1,2]},\"t\":true,\"z\":null,\"src_ip\":\"1.1.1.1\"}",
     "",
     "",
     "",
     NULL,
     {"CommandLine=x", "process.command_line=x", "n.a=1", "n.a=2", "n={\"a\":[1,2]}", "t=true",
      "z=", "source.ip=1.1.1.1"}},
};

static void records_of_clouds_and_services_are_read(void **state)
{
    for (size_t i = 0; i < COUNT(clouds); i++)
        golden_check(&clouds[i]);
}

static void records_of_sensors_and_schemas_are_read(void **state)
{
    for (size_t i = 0; i < COUNT(sensors); i++)
        golden_check(&sensors[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_of_clouds_and_services_are_read),
        cmocka_unit_test(records_of_sensors_and_schemas_are_read),
    };
    return cmocka_run_group_tests_name("parse_cloud", tests, NULL, NULL);
}
