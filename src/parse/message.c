/* SPDX-License-Identifier: Apache-2.0 */
#include "parse/message.h"

#include "parse/line.h"

enum { CAPTURES_MAX = 8, TRIES_MAX = 16 };

static const struct {
    const char *program, *channel;
    bool (*read)(struct parse *p, str message);
} programs[] = {
#define X(program, channel, function) {program, channel, message_##function},
#include "parse/message.def"
};

str message_program(str program)
{
    size_t i = program.n;
    if (i && program.p[0] == '/')
        while (i > 0 && program.p[i - 1] != '/')
            i--;
    else
        i = 0;
    program = str_from(program, i);
    program = str_head(program, str_find(program, '('));
    return str_eq(program, STR("sshd-session")) || str_eq(program, STR("sshd-auth"))
               ? str_head(program, 4)
               : program;
}

static size_t find_program(str program)
{
    program = message_program(program);
    for (size_t i = 0; i < COUNT(programs); i++)
        if (str_eq(program, str_z(programs[i].program)))
            return i;
    return COUNT(programs);
}

str message_channel(str program)
{
    size_t i = find_program(program);
    return i < COUNT(programs) ? str_z(programs[i].channel) : STR("syslog");
}

bool parse_message(struct parse *p, str program, str message)
{
    size_t i = find_program(program);
    return (i < COUNT(programs) && programs[i].read(p, message)) || message_pam(p, message);
}

void message_says(struct parse *p, const char *action, const char *outcome, const char *reason)
{
    if (action)
        parse_add(p, FIELD_EVENT_ACTION, str_z(action));
    if (outcome)
        parse_add(p, FIELD_EVENT_OUTCOME, str_z(outcome));
    if (reason)
        parse_add(p, FIELD_EVENT_REASON, str_z(reason));
}

/* ---- patterns ---- */

struct capture {
    char kind;
    str value;
};

static const char *find(str s, str needle)
{
    return s.n && needle.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
}

/* The last place of `needle` in `s`, or NULL. */
static const char *find_last(str s, str needle)
{
    const char *at = s.p + s.n;
    while (needle.n && (at = memrchr(s.p, needle.p[0], (size_t)(at - s.p))))
        if (str_starts(str_from(s, (size_t)(at - s.p)), needle))
            return at;
    return NULL;
}

static bool is_word_kind(char kind)
{
    return strchr("aEmhyn", kind) != NULL;
}

/* The longest a capture can be when the literal `next` follows it; SIZE_MAX: no match. */
static size_t capture_length(char kind, str s, str next)
{
    if (kind == 'p' || kind == 'i') {
        size_t n = 0;
        while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
            n++;
        return n ? n : SIZE_MAX;
    }
    if (is_word_kind(kind))
        s = str_head(s, str_find(s, ' ') + next.n);
    if (next.n == 0)
        return is_word_kind(kind) ? str_find(s, ' ') : s.n;
    const char *at = kind == '_' || kind == 'm' ? find(s, next) : find_last(s, next);
    return at ? (size_t)(at - s.p) : SIZE_MAX;
}

static bool can_be_shorter(char kind)
{
    return strchr("uteghsrc", kind) != NULL;
}

/* How many captures there are in all, or -1.  `n` are there already.  A capture that may be
 * shorter is cut back to the next earlier place, a bounded number of times. */
static int match(const char *pattern, str s, struct capture out[static CAPTURES_MAX], int n)
{
    size_t front = strcspn(pattern, "%");
    if (!str_starts(s, (str){pattern, front}))
        return -1;
    s = str_from(s, front);
    pattern += front;
    if (!*pattern)
        return n;
    char kind = pattern[1];
    pattern += 2;
    str next = {pattern, strcspn(pattern, "%")};
    str room = s;
    for (int tries = 0; tries < TRIES_MAX && n < CAPTURES_MAX; tries++) {
        size_t took = capture_length(kind, room, next);
        if (took == SIZE_MAX)
            return -1;
        out[n] = (struct capture){kind, str_head(s, took)};
        int all = match(pattern, str_from(s, took), out, n + 1);
        if (all >= 0 || !can_be_shorter(kind) || next.n == 0)
            return all;
        room = str_head(room, took + next.n - 1);
    }
    return -1;
}

static void add_capture(struct parse *p, const struct capture *c)
{
    static const struct {
        char kind;
        field_id id;
    } fields[] = {
        {'u', FIELD_USER_NAME},           {'t', FIELD_USER_TARGET_NAME},
        {'e', FIELD_USER_EFFECTIVE_NAME}, {'p', FIELD_SOURCE_PORT},
        {'i', FIELD_USER_TARGET_ID},      {'h', FIELD_SOURCE_DOMAIN},
        {'g', FIELD_GROUP_NAME},          {'c', FIELD_PROCESS_COMMAND_LINE},
        {'r', FIELD_EVENT_REASON},        {'s', FIELD_SERVICE_NAME},
    };
    struct endpoint end;
    for (size_t i = 0; i < COUNT(fields); i++)
        if (fields[i].kind == c->kind && c->kind == 'p')
            line_add_number(p, fields[i].id, c->value);
        else if (fields[i].kind == c->kind)
            line_add(p, fields[i].id, str_trim(c->value));
    switch (c->kind) {
    case 'a':
        line_add_host(p, FIELD_SOURCE_IP, FIELD_SOURCE_DOMAIN, c->value);
        break;
    case 'E':
        end = line_endpoint(c->value);
        line_add_host(p, FIELD_SOURCE_IP, FIELD_SOURCE_DOMAIN, end.host);
        line_add_number(p, FIELD_SOURCE_PORT, end.port);
        break;
    case 'm':
        parse_add_name(p, FAMILY_LINUX, STR("auth.method"), c->value);
        break;
    case 'y':
        parse_add_name(p, FAMILY_LINUX, STR("tty"), c->value);
        break;
    case 'n':
        parse_add_name(p, FAMILY_LINUX, STR("session"), c->value);
        break;
    default:
        break;
    }
}

bool message_match(struct parse *p, const struct message_pattern *table, size_t count, str message)
{
    struct capture capture[CAPTURES_MAX];
    for (size_t i = 0; i < count; i++) {
        int n = match(table[i].pattern, message, capture, 0);
        if (n < 0)
            continue;
        message_says(p, table[i].action, table[i].outcome, table[i].reason);
        for (int k = 0; k < n; k++)
            add_capture(p, &capture[k]);
        return true;
    }
    return false;
}
