/* SPDX-License-Identifier: Apache-2.0 */
/* sudo, su, login, cron, the shadow tools, logind and PAM. */
#include "parse/line.h"
#include "parse/message.h"

/* ---- sudo ----
 *     bob : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/bin/ls
 * What stands between the user and TTY= is why it was not done; COMMAND= takes the rest. */

static void add_sudo_part(struct parse *p, str part)
{
    static const struct {
        const char *name;
        field_id id;
    } parts[] = {
        {"PWD=", FIELD_PROCESS_CWD},
        {"USER=", FIELD_USER_EFFECTIVE_NAME},
        {"GROUP=", FIELD_GROUP_NAME},
        {"COMMAND=", FIELD_PROCESS_COMMAND_LINE},
    };
    for (size_t i = 0; i < COUNT(parts); i++)
        if (str_starts(part, str_z(parts[i].name)))
            line_add(p, parts[i].id, str_from(part, strlen(parts[i].name)));
    if (str_starts(part, STR("TTY=")))
        parse_add_name(p, FAMILY_LINUX, STR("tty"), str_from(part, 4));
}

static bool is_assignment(str s)
{
    size_t i = 0;
    while (i < s.n && s.p[i] >= 'A' && s.p[i] <= 'Z')
        i++;
    return i > 1 && i < s.n && s.p[i] == '=';
}

/* Cut *s at the next " ; ". */
static str cut_part(str *s)
{
    const char *at = s->n ? memmem(s->p, s->n, " ; ", 3) : NULL;
    str part = at ? str_head(*s, (size_t)(at - s->p)) : *s;
    *s = str_from(*s, at ? part.n + 3 : s->n);
    return str_trim(part);
}

bool message_sudo(struct parse *p, str message)
{
    str rest = str_trim(message);
    const char *colon = rest.n ? memmem(rest.p, rest.n, " : ", 3) : NULL;
    str user = str_head(rest, colon ? (size_t)(colon - rest.p) : 0);
    if (user.n == 0 || !str_contains(rest, STR("COMMAND=")))
        return false;
    rest = str_from(rest, user.n + 3);
    line_add(p, FIELD_USER_NAME, user);
    str reason = {rest.p, 0};
    while (rest.n) {
        str part = str_starts(rest, STR("COMMAND=")) ? rest : cut_part(&rest);
        if (is_assignment(part))
            add_sudo_part(p, part);
        else if (reason.n == 0)
            reason = part;
        if (str_starts(part, STR("COMMAND=")))
            break;
    }
    bool continued = str_starts(reason, STR("(command continued)"));
    message_says(p, "sudo", reason.n && !continued ? "failure" : "success", NULL);
    line_add(p, FIELD_EVENT_REASON, reason);
    return true;
}

/* ---- su, login, cron ---- */

bool message_su(struct parse *p, str message)
{
    static const struct message_pattern su[] = {
        {"Successful su for %e by %u", "su", "success", NULL},
        {"FAILED su for %e by %u", "su", "failure", NULL},
        {"FAILED SU (to %e) %u on %y", "su", "failure", NULL},
        {"BAD SU %u to %e on %y", "su", "failure", NULL},
        {"(to %e) %u on %y", "su", "success", NULL},
        {"+ %y %u:%e", "su", "success", NULL},
        {"- %y %u:%e", "su", "failure", NULL},
    };
    return message_match(p, su, COUNT(su), message);
}

bool message_login(struct parse *p, str message)
{
    static const struct message_pattern login[] = {
        {"FAILED LOGIN %_ FROM %a FOR %u, %r", "login", "failure", NULL},
        {"FAILED LOGIN %_ on '%y' FOR '%u', %r", "login", "failure", NULL},
        {"FAILED LOGIN %_ on '%y' from '%a' FOR '%u', %r", "login", "failure", NULL},
        {"TOO MANY LOGIN TRIES %_ FROM %a FOR %u, %r", "login", "failure", NULL},
        {"ROOT LOGIN ON %y FROM %a", "login", "success", "root"},
        {"ROOT LOGIN ON %y", "login", "success", "root"},
        {"ROOT LOGIN  on '%y' from '%a'", "login", "success", "root"},
        {"ROOT LOGIN  on '%y'", "login", "success", "root"},
        {"LOGIN ON %y BY %u FROM %a", "login", "success", NULL},
        {"LOGIN ON %y BY %u", "login", "success", NULL},
        {"connection from %a (%h) at ", "connection", NULL, NULL},
        {"connection from %a ", "connection", NULL, NULL},
    };
    return message_match(p, login, COUNT(login), message);
}

bool message_cron(struct parse *p, str message)
{
    static const struct message_pattern cron[] = {
        {"(%u) CMD (%c)", "cron_command", NULL, NULL},
        {"(%u) CMDEND (%c)", "cron_command_end", NULL, NULL},
        {"(%u) RELOAD (%r)", "crontab_reload", NULL, NULL},
        {"(%u) REPLACE (%t)", "crontab_replace", NULL, NULL},
        {"(%u) DELETE (%t)", "crontab_delete", NULL, NULL},
        {"(%u) BEGIN EDIT (%t)", "crontab_edit", NULL, NULL},
        {"(%u) END EDIT (%t)", "crontab_edit_end", NULL, NULL},
        {"(%u) LIST (%t)", "crontab_list", NULL, NULL},
        {"(%u) AUTH (%r)", "crontab_denied", "failure", NULL},
        {"(%u) ORPHAN (%r)", "crontab_orphan", NULL, NULL},
        {"(%u) WRONG FILE OWNER (%r)", "crontab_refused", "failure", NULL},
        {"(%u) INFO (%r)", NULL, NULL, NULL},
    };
    return message_match(p, cron, COUNT(cron), message);
}

/* ---- accounts ---- */

bool message_account(struct parse *p, str message)
{
    static const struct message_pattern account[] = {
        {"new user: name=%t, UID=%i", "user_added", "success", NULL},
        {"new group: name=%g, GID=", "group_added", "success", NULL},
        {"group added to %_: name=%g, GID=", "group_added", "success", NULL},
        {"failed adding user '%t', %r", "user_added", "failure", NULL},
        {"failed adding user `%t', %r", "user_added", "failure", NULL},
        {"add '%t' to group '%g'", "group_member_added", "success", NULL},
        {"add `%t' to group `%g'", "group_member_added", "success", NULL},
        {"add '%t' to shadow group '%g'", "group_member_added", "success", NULL},
        {"delete '%t' from group '%g'", "group_member_removed", "success", NULL},
        {"delete '%t' from shadow group '%g'", "group_member_removed", "success", NULL},
        {"user %t added by %u to group %g", "group_member_added", "success", NULL},
        {"user %t removed by %u from group %g", "group_member_removed", "success", NULL},
        {"delete user '%t'", "user_deleted", "success", NULL},
        {"delete user `%t'", "user_deleted", "success", NULL},
        {"removed group '%g' owned by '%t'", "group_deleted", "success", NULL},
        {"removed shadow group '%g' owned by '%t'", "group_deleted", "success", NULL},
        {"group '%g' removed from ", "group_deleted", "success", NULL},
        {"change user '%t' password", "password_changed", "success", NULL},
        {"password for '%t' changed by '%u'", "password_changed", "success", NULL},
        {"lock user '%t' password", "user_locked", "success", NULL},
        {"unlock user '%t' password", "user_unlocked", "success", NULL},
        {"change user '%t' %r", "user_changed", "success", NULL},
        {"changed user '%t' %r", "user_changed", "success", NULL},
        {"changed user `%t' %r", "user_changed", "success", NULL},
        {"changed password expiry for %t", "user_changed", "success", NULL},
        {"changed shell of %t", "user_changed", "success", NULL},
    };
    return message_match(p, account, COUNT(account), message);
}

bool message_logind(struct parse *p, str message)
{
    static const struct message_pattern logind[] = {
        {"New session '%n' of user '%u' with class ", "session_opened", "success", NULL},
        {"New session %n of user %u.", "session_opened", "success", NULL},
        {"Session %n logged out.", "session_closed", NULL, NULL},
        {"Removed session %n.", "session_removed", NULL, NULL},
    };
    return message_match(p, logind, COUNT(logind), message);
}

/* ---- PAM ----
 *     pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=1.2.3.4  user=root
 * Old releases write "(pam_unix)" into the program's name or before the text. */

static const struct message_pattern pam[] = {
    {"session opened for user %u(uid=%i) by ", "session_opened", "success", NULL},
    {"session opened for user %u by ", "session_opened", "success", NULL},
    {"session opened for user %u", "session_opened", "success", NULL},
    {"session closed for user %u", "session_closed", NULL, NULL},
    {"check pass; user unknown", "authentication", NULL, "user unknown"},
    {"bad username [%u]", "authentication", "failure", "bad username"},
    {"password changed for %t", "password_changed", "success", NULL},
    {"Consecutive login failures for user %u account temporarily locked", "account_locked",
     "failure", "consecutive login failures"},
    {"user %u (%_) tally %r", "authentication", "failure", NULL},
    {"account %u has expired (%r)", "authentication", "failure", NULL},
    {"could not identify user %r", "authentication", "failure", NULL},
};

static void add_pam_pair(struct parse *p, str name, str value)
{
    if (value.n == 0)
        return;
    if (str_eq(name, STR("rhost")))
        line_add_host(p, FIELD_SOURCE_IP, FIELD_SOURCE_DOMAIN, value);
    else if (str_eq(name, STR("user")))
        line_add(p, FIELD_USER_NAME, value);
    else
        parse_add_name(p, FAMILY_LINUX, name, value);
}

/* `name=value` separated by spaces; a value may be empty. */
static void add_pam_pairs(struct parse *p, str s)
{
    while (s.n) {
        str pair = str_cut(&s, ' ');
        str name = str_cut(&pair, '=');
        if (name.n && pair.p)
            add_pam_pair(p, name, pair);
    }
}

/* Cut "pam_unix(sshd:auth): " or "(pam_unix) " off. */
static void cut_module(struct parse *p, str *s)
{
    str module, rest = *s;
    if (str_starts(rest, STR("(pam_")) && str_find(rest, ')') < 40) {
        rest = str_from(rest, 1);
        module = str_cut(&rest, ')');
    } else if (str_starts(rest, STR("pam_")) && str_find(rest, '(') < 40) {
        module = str_cut(&rest, '(');
        str service = str_cut(&rest, ':');
        line_add(p, FIELD_SERVICE_NAME, service);
        (void)str_cut(&rest, ')'); /* what PAM was asked for: auth, account, session, password */
    } else {
        return;
    }
    line_add(p, FIELD_EVENT_PROVIDER, module);
    while (rest.n && (rest.p[0] == ':' || rest.p[0] == ' '))
        rest = str_from(rest, 1);
    *s = rest;
}

bool message_pam(struct parse *p, str message)
{
    str before = message;
    cut_module(p, &message);
    str pairs = message, says = str_cut(&pairs, ';');
    bool failure = str_ends(says, STR("authentication failure")) ||
                   str_ends(says, STR("more authentication failures")) ||
                   str_ends(says, STR("more authentication failure"));
    bool success = str_ends(says, STR("authentication success"));
    if (failure || success) {
        message_says(p, "authentication", failure ? "failure" : "success", NULL);
        add_pam_pairs(p, pairs);
        return true;
    }
    bool by_pam = message.p != before.p || str_starts(says, STR("check pass")) ||
                  str_starts(says, STR("session "));
    return by_pam && message_match(p, pam, COUNT(pam), message);
}
