/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSH (any release since 3) and Dropbear. */
#include "parse/line.h"
#include "parse/message.h"

/* Only attempts that were decided are "ssh_login", so counting those counts attempts. */
static const struct message_pattern sshd[] = {
    {"Accepted %m for %u from %a port %p", "ssh_login", "success", NULL},
    {"Accepted %m for %u from %a", "ssh_login", "success", NULL},
    {"Failed %m for invalid user %u from %a port %p", "ssh_login", "failure", "invalid user"},
    {"Failed %m for invalid user %u from %a", "ssh_login", "failure", "invalid user"},
    {"Failed %m for illegal user %u from %a port %p", "ssh_login", "failure", "invalid user"},
    {"Failed %m for illegal user %u from %a", "ssh_login", "failure", "invalid user"},
    {"Failed %m for %u from %a port %p", "ssh_login", "failure", "wrong credential"},
    {"Failed %m for %u from %a", "ssh_login", "failure", "wrong credential"},
    {"Postponed %m for invalid user %u from %a port %p", "ssh_postponed", NULL, "invalid user"},
    {"Postponed %m for %u from %a port %p", "ssh_postponed", NULL, NULL},
    {"Partial %m for %u from %a port %p", "ssh_postponed", NULL, NULL},
    {"Invalid user %u from %a port %p", "ssh_invalid_user", "failure", "invalid user"},
    {"Invalid user %u from %a", "ssh_invalid_user", "failure", "invalid user"},
    {"Illegal user %u from %a", "ssh_invalid_user", "failure", "invalid user"},
    {"input_userauth_request: invalid user %u [preauth]", "ssh_invalid_user", "failure",
     "invalid user"},
    {"input_userauth_request: invalid user %u", "ssh_invalid_user", "failure", "invalid user"},
    {"User %u from %a not allowed because %r", "ssh_denied", "failure", NULL},
    {"User %u not allowed because %r", "ssh_denied", "failure", NULL},
    {"ROOT LOGIN REFUSED FROM %a port %p", "ssh_denied", "failure", "root login refused"},
    {"ROOT LOGIN REFUSED FROM %a", "ssh_denied", "failure", "root login refused"},
    {"Login restricted for %u from %a", "ssh_denied", "failure", "login restricted"},
    {"refused connect from %_ (%a)", "ssh_refused", "failure", "refused"},
    {"refused connect from %a", "ssh_refused", "failure", "refused"},
    {"drop connection %_ from [%a]:%p", "ssh_refused", "failure", "too many connections"},
    {"maximum authentication attempts exceeded for invalid user %u from %a port %p",
     "ssh_max_attempts", "failure", "too many authentication failures"},
    {"maximum authentication attempts exceeded for %u from %a port %p", "ssh_max_attempts",
     "failure", "too many authentication failures"},
    {"Too many authentication failures for %u [preauth]", "ssh_max_attempts", "failure",
     "too many authentication failures"},
    {"Too many authentication failures for %u from %a port %p", "ssh_max_attempts", "failure",
     "too many authentication failures"},
    {"Too many authentication failures for %u", "ssh_max_attempts", "failure",
     "too many authentication failures"},
    {"PAM: %r for illegal user %u from %a", "ssh_pam", "failure", NULL},
    {"PAM: %r for %u from %a", "ssh_pam", "failure", NULL},
    {"PAM: %r", "ssh_pam", "failure", NULL},
    {"Could not get shadow information for %u", "ssh_pam", "failure", "no shadow entry"},
    {"Received disconnect from %a port %p:%r", "ssh_disconnect", NULL, NULL},
    {"Received disconnect from %a: %r", "ssh_disconnect", NULL, NULL},
    {"Disconnected from invalid user %u %a port %p", "ssh_disconnect", NULL, "invalid user"},
    {"Disconnected from authenticating user %u %a port %p", "ssh_disconnect", NULL,
     "authentication not completed"},
    {"Disconnected from user %u %a port %p", "ssh_disconnect", NULL, NULL},
    {"Disconnected from %a port %p", "ssh_disconnect", NULL, NULL},
    {"Disconnected from %a", "ssh_disconnect", NULL, NULL},
    {"Disconnecting invalid user %u %a port %p: %r", "ssh_disconnect", "failure", NULL},
    {"Disconnecting authenticating user %u %a port %p: %r", "ssh_disconnect", "failure", NULL},
    {"Disconnecting user %u %a port %p: %r", "ssh_disconnect", NULL, NULL},
    {"Disconnecting: %r", "ssh_disconnect", NULL, NULL},
    {"Connection closed by invalid user %u %a port %p", "ssh_closed", NULL, "invalid user"},
    {"Connection closed by authenticating user %u %a port %p", "ssh_closed", NULL,
     "authentication not completed"},
    {"Connection closed by user %u %a port %p", "ssh_closed", NULL, NULL},
    {"Connection closed by %a port %p", "ssh_closed", NULL, NULL},
    {"Connection closed by %a", "ssh_closed", NULL, NULL},
    {"Connection reset by invalid user %u %a port %p", "ssh_reset", NULL, "invalid user"},
    {"Connection reset by authenticating user %u %a port %p", "ssh_reset", NULL,
     "authentication not completed"},
    {"Connection reset by %a port %p", "ssh_reset", NULL, NULL},
    {"Connection reset by %a", "ssh_reset", NULL, NULL},
    {"Connection from %a port %p", "ssh_connection", NULL, NULL},
    {"Connection from UNKNOWN port %p", "ssh_connection", NULL, NULL},
    {"Did not receive identification string from %a port %p", "ssh_no_identification", "failure",
     "no identification string"},
    {"Did not receive identification string from %a", "ssh_no_identification", "failure",
     "no identification string"},
    {"Bad protocol version identification %r from %a port %p", "ssh_bad_protocol", "failure", NULL},
    {"Bad protocol version identification %r from %a", "ssh_bad_protocol", "failure", NULL},
    {"banner exchange: Connection from %a port %p: %r", "ssh_bad_protocol", "failure", NULL},
    {"kex_exchange_identification: %r", "ssh_bad_protocol", "failure", NULL},
    {"ssh_dispatch_run_fatal: Connection from %a port %p: %r", "ssh_bad_protocol", "failure", NULL},
    {"Unable to negotiate with %a port %p: %r", "ssh_no_match", "failure", NULL},
    {"Unable to negotiate with %a: %r", "ssh_no_match", "failure", NULL},
    {"no matching %r", "ssh_no_match", "failure", NULL},
    {"Protocol major versions differ for %a port %p: %r", "ssh_bad_protocol", "failure", NULL},
    {"reverse mapping checking getaddrinfo for %h [%a] %r", "ssh_reverse_mapping", "failure", NULL},
    {"reverse mapping checking getaddrinfo for %h %r", "ssh_reverse_mapping", "failure", NULL},
    {"Address %a maps to %h, but %r", "ssh_reverse_mapping", "failure", NULL},
    {"Nasty PTR record \"%_\" is set up for %a, %r", "ssh_reverse_mapping", "failure", NULL},
    {"Timeout before authentication for connection from %a to ", "ssh_timeout", "failure",
     "no authentication in time"},
    {"Timeout before authentication for %a port %p", "ssh_timeout", "failure",
     "no authentication in time"},
    {"Timeout before authentication for %a", "ssh_timeout", "failure", "no authentication in time"},
    {"Unable to negotiate %r", "ssh_no_match", "failure", NULL},
    {"Read from socket failed: %r", "ssh_reset", NULL, NULL},
    {"Write failed: %r", "ssh_reset", NULL, NULL},
    {"Starting session: %r for %u from %a port %p", "ssh_session", "success", NULL},
    {"Close session: user %u from %a port %p", "ssh_session_closed", NULL, NULL},
    {"Server listening on %_ port ", "ssh_listening", NULL, NULL},
    {"Received signal %r", "ssh_stopping", NULL, NULL},
};

static const struct message_pattern dropbear[] = {
    {"Password auth succeeded for '%u' from %E", "ssh_login", "success", NULL},
    {"Pubkey auth succeeded for '%u' with %_ from %E", "ssh_login", "success", NULL},
    {"Bad password attempt for '%u' from %E", "ssh_login", "failure", "wrong credential"},
    {"Bad PAM password attempt for '%u' from %E", "ssh_login", "failure", "wrong credential"},
    {"Login attempt for nonexistent user '%u' from %E", "ssh_login", "failure", "invalid user"},
    {"Login attempt for nonexistent user from %E", "ssh_login", "failure", "invalid user"},
    {"Max auth tries reached - user '%u' from %E", "ssh_max_attempts", "failure",
     "too many authentication failures"},
    {"Exit before auth from <%E>: (user '%u', %r", "ssh_disconnect", "failure", NULL},
    {"Exit before auth from <%E>: %r", "ssh_disconnect", "failure", NULL},
    {"Child connection from %E", "ssh_connection", NULL, NULL},
    {"Exit (%u): %r", "ssh_disconnect", NULL, NULL},
};

static str without_level(str message)
{
    if (str_starts(message, STR("[ID ")) && str_find(message, ']') < 40) /* Solaris */
        message = str_trim(str_from(message, str_find(message, ']') + 1));
    static const char *const levels[] = {"error: ", "fatal: ", "warning: ", "info: "};
    for (size_t i = 0; i < COUNT(levels); i++)
        if (str_starts(message, str_z(levels[i])))
            return str_from(message, strlen(levels[i]));
    if (!str_starts(message, STR("message repeated ")))
        return message;
    size_t open = str_find(message, '['); /* rsyslog: "message repeated 5 times: [ Failed … ]" */
    str inner = str_trim(str_from(message, open + 1));
    return str_ends(inner, STR("]")) ? str_trim(str_head(inner, inner.n - 1)) : inner;
}

bool message_sshd(struct parse *p, str message)
{
    return message_match(p, sshd, COUNT(sshd), without_level(message));
}

/* Releases differ in the case of the first letter; the patterns are written with a capital. */
bool message_dropbear(struct parse *p, str message)
{
    if (message.n && message.p[0] >= 'a' && message.p[0] <= 'z') {
        char *text = arena_bytes(&p->batch->arena, message.n);
        if (!text)
            return false;
        memcpy(text, message.p, message.n);
        text[0] = (char)(text[0] & ~0x20);
        message = (str){text, message.n};
    }
    return message_match(p, dropbear, COUNT(dropbear), message);
}
