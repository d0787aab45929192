/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/parse_golden.h"

enum { WANTED = 8 };

struct said {
    const char *line; /* behind "Sep 22 03:45:14 h " */
    const char *channel;
    const char *field[WANTED];
};

static void check(const struct said *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char line[512];
        snprintf(line, sizeof line, "Sep 22 03:45:14 h %s", s[i].line);
        struct parsed t = {.stream = {.format = PARSE_syslog}};
        parsed_run(&t, str_z(line), NULL);
        assert_int_equal(t.batch.event_count, 1);
        golden_text(s[i].line, t.batch.event[0].channel, s[i].channel);
        for (size_t k = 0; k < WANTED && s[i].field[k]; k++)
            golden_field(&t, &t.batch.event[0], s[i].field[k]);
        parsed_done(&t);
    }
}

static void reads_logins_over_ssh(void **state)
{
    (void)state;
    static const struct said said[] = {
        {"sshd[1]: Accepted publickey for bob from 192.0.2.1 port 51234 ssh2: RSA SHA256:x",
         "sshd",
         {"event.action=ssh_login", "event.outcome=success", "user.name=bob", "source.ip=192.0.2.1",
          "source.port=51234", "auth.method=publickey"}},
        {"sshd[1]: Failed password for invalid user admin from 192.0.2.1 port 4 ssh2",
         "sshd",
         {"event.action=ssh_login", "event.outcome=failure", "event.reason=invalid user",
          "user.name=admin"}},
        {"sshd[1]: Failed password for root from 2001:db8::1 port 4 ssh2",
         "sshd",
         {"event.outcome=failure", "user.name=root", "source.ip=2001:db8::1"}},
        {"sshd[1]: Failed none for invalid user  from 192.0.2.1 port 4 ssh2",
         "sshd",
         {"event.outcome=failure", "!user.name", "source.ip=192.0.2.1"}},
        {"sshd-session[1]: Invalid user a b from 192.0.2.1 port 4",
         "sshd",
         {"process.name=sshd", "user.name=a b", "source.ip=192.0.2.1"}},
        {"sshd[1]: Failed password for invalid user x from 198.51.100.9 port 1 from 192.0.2.1 port "
         "4 ssh2",
         "sshd",
         {"user.name=x from 198.51.100.9 port 1", "source.ip=192.0.2.1"}},
        {"sshd[1]: Disconnected from authenticating user root 192.0.2.1 port 4 [preauth]",
         "sshd",
         {"event.action=ssh_disconnect", "user.name=root", "source.ip=192.0.2.1", "source.port=4"}},
        {"sshd[1]: Connection closed by 192.0.2.1 [preauth]",
         "sshd",
         {"event.action=ssh_closed", "source.ip=192.0.2.1", "!source.port"}},
        {"sshd[1]: error: maximum authentication attempts exceeded for invalid user x from "
         "192.0.2.1 port 4 ssh2 [preauth]",
         "sshd",
         {"event.action=ssh_max_attempts", "user.name=x"}},
        {"sshd[1]: fatal: Unable to negotiate with 192.0.2.1 port 4: no matching key exchange "
         "method found.",
         "sshd",
         {"event.action=ssh_no_match", "event.reason=no matching key exchange method found."}},
        {"sshd[1]: reverse mapping checking getaddrinfo for bad.example [192.0.2.1] failed - "
         "POSSIBLE BREAK-IN ATTEMPT!",
         "sshd",
         {"event.action=ssh_reverse_mapping", "source.domain=bad.example", "source.ip=192.0.2.1"}},
        {"sshd[1]: Bad protocol version identification 'GET / HTTP/1.1' from 192.0.2.1 port 4",
         "sshd",
         {"event.action=ssh_bad_protocol", "event.reason='GET / HTTP/1.1'", "source.ip=192.0.2.1"}},
        {"sshd[1]: error: PAM: Authentication failure for illegal user x from host.example",
         "sshd",
         {"event.action=ssh_pam", "user.name=x", "source.domain=host.example"}},
        {"sshd[1]: message repeated 5 times: [ Failed password for root from 192.0.2.1 port 4 "
         "ssh2]",
         "sshd",
         {"event.action=ssh_login", "user.name=root"}},
        {"dropbear[1]: bad password attempt for 'root' from 192.0.2.1:5543",
         "sshd",
         {"event.action=ssh_login", "event.outcome=failure", "user.name=root",
          "source.ip=192.0.2.1", "source.port=5543"}},
        {"sshd[1]: Server listening on 0.0.0.0 port 22.", "sshd", {"event.action=ssh_listening"}},
        {"sshd[1]: something new", "sshd", {"!event.action", "message=something new"}},
    };
    check(said, COUNT(said));
}

static void reads_users_who_become_others(void **state)
{
    (void)state;
    static const struct said said[] = {
        {"sudo:      bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/bin/sh -c a ; b",
         "sudo",
         {"event.action=sudo", "event.outcome=success", "user.name=bob", "user.effective.name=root",
          "process.working_directory=/home/bob", "process.command_line=/bin/sh -c a ; b",
          "tty=pts/0"}},
        {"sudo: bob : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls",
         "sudo",
         {"event.outcome=failure", "event.reason=user NOT in sudoers",
          "process.command_line=/bin/ls"}},
        {"sudo: pam_unix(sudo:session): session opened for user root(uid=0) by bob(uid=1000)",
         "sudo",
         {"event.action=session_opened", "user.name=root", "service.name=sudo"}},
        {"su[1]: FAILED SU (to root) bob on pts/1",
         "auth",
         {"event.action=su", "event.outcome=failure", "user.name=bob", "user.effective.name=root"}},
        {"su: + /dev/pts/1 bob:root",
         "auth",
         {"event.outcome=success", "user.name=bob", "user.effective.name=root"}},
        {"pkexec[1]: pam_unix(polkit-1:session): session opened for user root by (uid=1000)",
         "auth",
         {"service.name=polkit-1", "event.provider=pam_unix"}},
    };
    check(said, COUNT(said));
}

static void reads_what_pam_says_whoever_it_serves(void **state)
{
    (void)state;
    static const struct said said[] = {
        {"sshd[1]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh "
         "ruser= rhost=192.0.2.1  user=root",
         "sshd",
         {"event.action=authentication", "event.outcome=failure", "source.ip=192.0.2.1",
          "user.name=root", "user.id=0", "service.name=sshd", "!ruser"}},
        {"sshd[1]: PAM 2 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= "
         "rhost=host.example  user=root",
         "sshd",
         {"event.outcome=failure", "source.domain=host.example"}},
        {"pure-ftpd: (pam_unix) authentication failure; logname= uid=0 euid=0 tty=pure-ftpd "
         "ruser=bob rhost=192.0.2.1 ",
         "syslog",
         {"event.outcome=failure", "source.ip=192.0.2.1", "ruser=bob"}},
        {"vsftpd[1]: pam_unix(vsftpd:auth): check pass; user unknown",
         "vsftpd",
         {"event.reason=user unknown"}},
        {"passwd[1]: pam_unix(passwd:chauthtok): password changed for bob",
         "auth",
         {"event.action=password_changed", "user.target.name=bob"}},
        {"login[1]: pam_faillock(login:auth): Consecutive login failures for user bob account "
         "temporarily locked",
         "auth",
         {"event.action=account_locked", "user.name=bob"}},
    };
    check(said, COUNT(said));
}

static void reads_accounts_jobs_and_sessions(void **state)
{
    (void)state;
    static const struct said said[] = {
        {"useradd[1]: new user: name=eve, UID=0, GID=0, home=/home/eve, shell=/bin/bash",
         "auth",
         {"event.action=user_added", "user.target.name=eve", "user.target.id=0"}},
        {"usermod[1]: add 'eve' to group 'sudo'",
         "auth",
         {"event.action=group_member_added", "user.target.name=eve", "group.name=sudo"}},
        {"gpasswd[1]: user eve added by root to group wheel",
         "auth",
         {"user.name=root", "user.target.name=eve", "group.name=wheel"}},
        {"groupadd[1]: new group: name=hax, GID=1001", "auth", {"group.name=hax"}},
        {"userdel[1]: delete user 'eve'", "auth", {"event.action=user_deleted"}},
        {"CRON[1]: (root) CMD (  cd / && run-parts (x) )",
         "cron",
         {"event.action=cron_command", "user.name=root",
          "process.command_line=cd / && run-parts (x)"}},
        {"crontab[1]: (bob) REPLACE (bob)", "cron", {"event.action=crontab_replace"}},
        {"systemd-logind[1]: New session 5 of user bob.",
         "auth",
         {"event.action=session_opened", "user.name=bob", "session=5"}},
        {"kernel: [  203.842973] IPTABLES-DROP: IN=lo OUT= MAC= SRC=192.0.2.1 DST=192.0.2.2 LEN=76 "
         "DF PROTO=UDP SPT=49007 DPT=53",
         "syslog",
         {"source.ip=192.0.2.1", "destination.ip=192.0.2.2", "source.port=49007",
          "destination.port=53", "network.transport=UDP", "rule.name=IPTABLES-DROP:"}},
    };
    check(said, COUNT(said));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_logins_over_ssh),
        cmocka_unit_test(reads_users_who_become_others),
        cmocka_unit_test(reads_what_pam_says_whoever_it_serves),
        cmocka_unit_test(reads_accounts_jobs_and_sessions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
