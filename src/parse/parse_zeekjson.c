/* SPDX-License-Identifier: Apache-2.0 */
/* Zeek logs as JSON.  The log is named by `_path` where a collector added it; else it is known by
 * a field that only it has. */
#include "parse/json_int.h"

enum { LOG = JSON_OWN };

/* Logs that a field gives away; where several do, the first here. */
enum {
    CONN = 1,
    DNS,
    HTTP,
    SSH,
    SSL,
    X509,
    FILES,
    DCE_RPC,
    SMB_MAPPING,
    SMB_FILES,
    KERBEROS,
    RDP,
    SMTP,
    NOTICE,
    FTP,
    SOFTWARE,
    NTLM,
    DHCP,
    TUNNEL,
    ARP,
    NTP,
    PE,
    STATS,
    WEIRD,
};

static const char *const log_name[] = {
    [CONN] = "conn",
    [DNS] = "dns",
    [HTTP] = "http",
    [SSH] = "ssh",
    [SSL] = "ssl",
    [X509] = "x509",
    [FILES] = "files",
    [DCE_RPC] = "dce_rpc",
    [SMB_MAPPING] = "smb_mapping",
    [SMB_FILES] = "smb_files",
    [KERBEROS] = "kerberos",
    [RDP] = "rdp",
    [SMTP] = "smtp",
    [NOTICE] = "notice",
    [FTP] = "ftp",
    [SOFTWARE] = "software",
    [NTLM] = "ntlm",
    [DHCP] = "dhcp",
    [TUNNEL] = "tunnel",
    [ARP] = "arp",
    [NTP] = "ntp",
    [PE] = "pe",
    [STATS] = "stats",
    [WEIRD] = "weird",
};

static const struct json_row rows[] = {
    {"ts", .slot = JSON_TIME},
    {"_path", .slot = LOG, .also = "event.dataset"},
    {"_log", .slot = LOG, .also = "event.dataset"},
    {"log", .slot = LOG},
    {"uri", .slot = JSON_URL, .mark = HTTP},
    {"_system_name", .also = "observer.name"},
    {"conn_state", .mark = CONN},
    {"qtype_name", .mark = DNS},
    {"rcode_name", .mark = DNS},
    {"qclass", .mark = DNS},
    {"query", .mark = DNS},
    {"trans_depth", .mark = HTTP},
    {"cipher_alg", .mark = SSH},
    {"auth_success", .mark = SSH},
    {"auth_attempts", .mark = SSH},
    {"resumed", .mark = SSL},
    {"server_name", .mark = SSL},
    {"established", .mark = SSL},
    {"certificate.serial", .mark = X509},
    {"certificate.subject", .mark = X509},
    {"fuid", .mark = FILES},
    {"tx_hosts", .mark = FILES},
    {"named_pipe", .mark = DCE_RPC},
    {"endpoint", .mark = DCE_RPC},
    {"share_type", .mark = SMB_MAPPING},
    {"native_file_system", .mark = SMB_MAPPING},
    {"action", .mark = SMB_FILES},
    {"times.modified", .mark = SMB_FILES},
    {"request_type", .mark = KERBEROS},
    {"till", .mark = KERBEROS},
    {"security_protocol", .mark = RDP},
    {"keyboard_layout", .mark = RDP},
    {"mailfrom", .mark = SMTP},
    {"note", .mark = NOTICE},
    {"reply_code", .mark = FTP},
    {"software_type", .mark = SOFTWARE},
    {"error_msg", .mark = KERBEROS},
    {"cookie", .mark = RDP},
    {"helo", .mark = SMTP},
    {"domainname", .mark = NTLM},
    {"requested_addr", .mark = DHCP},
    {"msg_types", .mark = DHCP},
    {"orig_hw", .mark = ARP},
    {"stratum", .mark = NTP},
    {"compile_ts", .mark = PE},
    {"events_proc", .mark = STATS},
    {"client_addr", .also = "source.ip"},
    {"mac", .also = "source.mac"},
    {"orig_h", .also = "source.ip"},
    {"resp_h", .also = "destination.ip"},
    {"src", .also = "source.ip"},
    {"dst", .also = "destination.ip"},
    {"assigned_addr", .mark = DHCP},
    {"tunnel_type", .mark = TUNNEL},
    {"name", .mark = WEIRD},
};

static bool finish(struct json_walk *w)
{
    str log = json_slot(w, LOG);
    json_channel(w, log);
    if (w->mark < COUNT(log_name))
        json_channel(w, str_z(log_name[w->mark]));
    return true;
}

static const struct json_clue clues[] = {
    {"_path", 50},        {"ts", 25},
    {"uid", 20},          {"uids", 20},
    {"id.orig_h", 50},    {"id.resp_h", 20},
    {"fuid", 30},         {"_write_ts", 30},
    {"_system_name", 20}, {"certificate.serial", 50},
    {"tx_hosts", 20},     {"note", 20},
    {"suppress_for", 20}, {"software_type", 30},
    {"orig_hw", 20},      {"msg_types", 20},
    {"events_proc", 30},  {"percent_lost", 20},
    {"compile_ts", 20},
};

static const struct json_format format = {
    .family = FAMILY_ZEEK,
    .row = rows,
    .rows = COUNT(rows),
    .finish = finish,
    .clue = clues,
    .clues = COUNT(clues),
};

const struct parse_ops parse_zeekjson = {.name = "zeek-json", .json = &format};
