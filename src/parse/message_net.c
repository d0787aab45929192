/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's packet filter, and Cisco IOS. */
#include "parse/line.h"
#include "parse/message.h"

static const struct {
    const char *name;
    field_id id;
    bool number;
} packet[] = {
    {"SRC", FIELD_SOURCE_IP, false},           {"DST", FIELD_DESTINATION_IP, false},
    {"SPT", FIELD_SOURCE_PORT, true},          {"DPT", FIELD_DESTINATION_PORT, true},
    {"PROTO", FIELD_NETWORK_TRANSPORT, false},
};

static void add_packet_pair(struct parse *p, str name, str value)
{
    for (size_t i = 0; i < COUNT(packet); i++)
        if (str_eq(name, str_z(packet[i].name))) {
            if (packet[i].number)
                line_add_number(p, packet[i].id, value);
            else
                line_add(p, packet[i].id, value);
            return;
        }
    parse_add_name(p, FAMILY_LINUX, name, value);
}

/* "[ 203.842973] IPTABLES-DROP: IN=lo OUT= MAC=… SRC=127.0.0.1 DST=… PROTO=UDP SPT=49007 DPT=53" */
bool message_kernel(struct parse *p, str message)
{
    if (message.n && message.p[0] == '[' && str_find(message, ']') < 24)
        message = str_trim(str_from(message, str_find(message, ']') + 1));
    const char *in = message.n ? memmem(message.p, message.n, "IN=", 3) : NULL;
    if (!in || !str_contains(message, STR(" SRC=")) || !str_contains(message, STR(" DST=")))
        return false;
    str prefix = str_trim(str_head(message, (size_t)(in - message.p)));
    str rest = str_from(message, (size_t)(in - message.p));
    message_says(p, "packet", NULL, NULL);
    line_add(p, FIELD_RULE_NAME, prefix);
    while (rest.n) {
        str pair = str_cut(&rest, ' ');
        str name = str_cut(&pair, '=');
        if (name.n && pair.n)
            add_packet_pair(p, name, pair);
    }
    return true;
}

bool message_cisco(struct parse *p, str message)
{
    static const struct message_pattern cisco[] = {
        {"User:%u  logged command:%c", "command", NULL, NULL},
        {"User:%u logged command:%c", "command", NULL, NULL},
        {"Configured from %_ by %u on %y (%a)", "configuration_changed", NULL, NULL},
        {"Configured from %_ by %u on %y", "configuration_changed", NULL, NULL},
        {"Login Success [user: %u] [Source: %a] %_", "login", "success", NULL},
        {"Login failed [user: %u] [Source: %a] [localport: %_] [Reason: %r]", "login", "failure",
         NULL},
        {"Login failed [user: %u] [Source: %a]", "login", "failure", NULL},
        {"No MD5 digest from %E to ", "bad_authentication", "failure", "no MD5 digest"},
        {"Invalid MD5 digest from %E to ", "bad_authentication", "failure", "invalid MD5 digest"},
    };
    return message_match(p, cisco, COUNT(cisco), message);
}
