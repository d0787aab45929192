/* SPDX-License-Identifier: Apache-2.0 */
/* message.h - for files in parse/ only: what well-known Unix programs say in their log messages.
 *
 * Shared by syslog and journald.  One row a program in message.def; most programs are a table of
 * patterns:
 *
 *     "Failed %m for invalid user %u from %a port %p"
 *
 * The pattern is matched from the start of the message; what follows its end does not matter.
 *
 *     %u user.name              up to the last place where the text behind it stands, because
 *     %t user.target.name       names are the attacker's to choose ("x from 1.2.3.4")
 *     %e user.effective.name
 *     %a address or host name   one word
 *     %E address:port           one word
 *     %p port                   digits
 *     %i user.target.id         digits
 *     %m auth.method            one word
 *     %h source.domain          one word
 *     %g group.name             like %u
 *     %s service.name           like %u
 *     %y tty                    one word
 *     %n session                one word
 *     %c process.command_line   like %u
 *     %r event.reason           like %u
 *     %_ nothing                up to the first place where the text behind it stands
 */
#ifndef PARSE_MESSAGE_H
#define PARSE_MESSAGE_H

#include "parse/parse_int.h"

struct message_pattern {
    const char *pattern;
    const char *action;  /* event.action */
    const char *outcome; /* event.outcome, or NULL */
    const char *reason;  /* event.reason when the pattern does not take one, or NULL */
};

/* The log of the linux family that `program` writes to: "sshd", "auth", … "syslog". */
str message_channel(str program);

/* "sshd" of "/usr/sbin/sshd", "sshd(pam_unix)" and "sshd-session". */
str message_program(str program);

/* Add the fields of what `program` says in `message`, the message itself not included.
 * False when nothing in it is known. */
bool parse_message(struct parse *p, str program, str message);

/* Add the fields of the first pattern that matches. */
bool message_match(struct parse *p, const struct message_pattern *table, size_t count, str message);

/* Add event.action, event.outcome and event.reason; NULL adds nothing. */
void message_says(struct parse *p, const char *action, const char *outcome, const char *reason);

/* One a row in message.def. */
bool message_sshd(struct parse *p, str message);
bool message_dropbear(struct parse *p, str message);
bool message_sudo(struct parse *p, str message);
bool message_su(struct parse *p, str message);
bool message_login(struct parse *p, str message);
bool message_cron(struct parse *p, str message);
bool message_account(struct parse *p, str message);
bool message_logind(struct parse *p, str message);
bool message_kernel(struct parse *p, str message);
bool message_pam(struct parse *p, str message);
bool message_cisco(struct parse *p, str message);

#endif
