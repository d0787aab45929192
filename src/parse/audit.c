/* SPDX-License-Identifier: Apache-2.0 */
#include "parse/audit.h"

#include "codec/time.h"
#include "parse/line.h"
#include "parse/syslog.h"

enum { FRONT_MAX = 300, STAMP_MAX = 48 };

static const struct {
    const char *number, *name;
} types[] = {
    {"1100", "USER_AUTH"},     {"1101", "USER_ACCT"},      {"1103", "CRED_ACQ"},
    {"1104", "CRED_DISP"},     {"1105", "USER_START"},     {"1106", "USER_END"},
    {"1107", "USER_AVC"},      {"1108", "USER_CHAUTHTOK"}, {"1110", "CRED_REFR"},
    {"1112", "USER_LOGIN"},    {"1114", "ADD_USER"},       {"1115", "DEL_USER"},
    {"1116", "ADD_GROUP"},     {"1117", "DEL_GROUP"},      {"1123", "USER_CMD"},
    {"1130", "SERVICE_START"}, {"1131", "SERVICE_STOP"},   {"1300", "SYSCALL"},
    {"1302", "PATH"},          {"1305", "CONFIG_CHANGE"},  {"1306", "SOCKADDR"},
    {"1307", "CWD"},           {"1309", "EXECVE"},         {"1319", "TTY"},
    {"1320", "EOE"},           {"1321", "BPRM_FCAPS"},     {"1325", "NETFILTER_CFG"},
    {"1326", "SECCOMP"},       {"1327", "PROCTITLE"},      {"1334", "BPF"},
    {"1400", "AVC"},           {"1701", "ANOM_ABEND"},
};

static str type_name(str type)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (str_eq(type, str_z(types[i].number)))
            return str_z(types[i].name);
    return type;
}

/* "09/22/2020 03:45:14.123:12", the way of the C locale, or "1364481363.243:24287". */
static bool stamp_time(str stamp, struct audit_line *out)
{
    const char *colon = memrchr(stamp.p, ':', stamp.n);
    if (!colon || !line_is_number(str_from(stamp, (size_t)(colon + 1 - stamp.p))))
        return false;
    str time = str_head(stamp, (size_t)(colon - stamp.p));
    if (time_parse_epoch(time, &out->time_ms))
        return true;
    char iso[STAMP_MAX];
    if (time.n < 19 || time.n > sizeof iso || time.p[2] != '/' || time.p[5] != '/')
        return false;
    memcpy(iso, time.p + 6, 4);
    iso[4] = iso[7] = '-';
    memcpy(iso + 5, time.p, 2);
    memcpy(iso + 8, time.p + 3, 2);
    memcpy(iso + 10, time.p + 10, time.n - 10);
    out->interpreted = true;
    return time_parse_iso((str){iso, time.n}, &out->time_ms);
}

static str after(str s, str mark)
{
    const char *at = s.n ? memmem(s.p, s.n, mark.p, mark.n) : NULL;
    return at ? str_from(s, (size_t)(at - s.p) + mark.n) : (str){NULL, 0};
}

/* Host: node= wins over the syslog host in front. */
static str front_node(str front, int64_t now_ms)
{
    str node = after(front, STR("node="));
    if (node.p)
        return str_head(node, str_find(node, ' '));
    struct syslog s;
    return front.n && syslog_cut(front, now_ms, &s) ? s.host : (str){front.p, 0};
}

bool audit_cut(str line, int64_t now_ms, struct audit_line *out)
{
    str head = str_head(line, FRONT_MAX);
    str rest = after(head, STR("audit("));
    if (!rest.p)
        return false;
    str front = {line.p, (size_t)(rest.p - line.p)};
    str type = str_starts(front, STR("type=")) ? str_from(front, 5) : after(front, STR(" type="));
    if (!type.p)
        return false;
    size_t close = str_find(rest, ')');
    *out = (struct audit_line){.stamp = str_head(rest, close)};
    if (close == rest.n || close > STAMP_MAX || !stamp_time(out->stamp, out))
        return false;
    out->type = type_name(str_head(type, str_find(type, ' ')));
    out->body = str_trim(str_from(line, front.n + close + 1));
    if (out->body.n && out->body.p[0] == ':')
        out->body = str_trim(str_from(out->body, 1));
    if (front.p[0] != 't')
        out->node = front_node((str){front.p, (size_t)(type.p - 5 - front.p)}, now_ms);
    return true;
}
