/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/hex.h"
#include "codec/ip.h"
#include "parse/audit.h"
#include "parse/line.h"

enum { ENRICHED = 0x1d }; /* stands before what the daemon added: names for numbers */

/* ---- values ---- */

static bool is_argument(str type, str name)
{
    return name.n > 1 && name.p[0] == 'a' && name.p[1] >= '0' && name.p[1] <= '9' &&
           str_eq(type, STR("EXECVE"));
}

/* Fields that hold text the kernel does not trust. */
static bool may_be_hex(str type, str name)
{
    static const char *const names[] = {
        "proctitle", "comm", "exe", "cwd",   "name",  "data", "acct", "cmd",
        "key",       "path", "dir", "ocomm", "watch", "vm",   "grp",  "invalid_context"};
    if (is_argument(type, name))
        return true;
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_eq(name, str_z(names[i])))
            return true;
    return false;
}

/* Decoded, NULs between arguments made spaces; `s` itself when it is no hex. */
static str unhex(struct parse *p, str s)
{
    if (s.n < 2 || s.n % 2 || hex_digit(s.p[0]) < 0)
        return s;
    char *out = arena_bytes(&p->batch->arena, s.n / 2);
    if (!out || !hex_decode(s, out))
        return s;
    for (size_t i = 0; i < s.n / 2; i++)
        if (out[i] == '\0')
            out[i] = ' ';
    return (str){out, s.n / 2};
}

static bool says_nothing(str s)
{
    return s.n == 0 || str_eq(s, STR("?")) || str_eq(s, STR("(null)"));
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '[' || c == ']';
}

/* How many bytes at the start of `s` are `name=`'s name; 0 when it does not start so. */
static size_t name_length(str s)
{
    size_t n = 0;
    while (n < s.n && is_word_char(s.p[n]))
        n++;
    return n < s.n && s.p[n] == '=' ? n : 0;
}

struct pair {
    str name, value;
    bool quoted;
};

/* The text behind `name=` at the start of *s, taken off. */
static str take_value(str *s, bool interpreted, bool *quoted)
{
    char q = s->n ? s->p[0] : ' ';
    *quoted = q == '"' || q == '\'';
    if (*quoted) {
        *s = str_from(*s, 1);
        return str_cut(s, q);
    }
    if (q == '{') {
        size_t close = str_find(*s, '}') + 1;
        str value = str_head(*s, close);
        *s = str_from(*s, close);
        return value;
    }
    size_t end = str_find(*s, ' ');
    while (interpreted && end < s->n && name_length(str_from(*s, end + 1)) == 0)
        end += 1 + str_find(str_from(*s, end + 1), ' ');
    str value = str_head(*s, end);
    *s = str_from(*s, end);
    return value;
}

/* The next pair of *s; words that are none are passed over. */
static bool next_pair(str *s, bool interpreted, struct pair *out)
{
    while (s->n) {
        size_t n = name_length(*s);
        if (n == 0) {
            (void)str_cut(s, ' ');
            continue;
        }
        out->name = str_head(*s, n);
        *s = str_from(*s, n + 1);
        out->value = take_value(s, interpreted, &out->quoted);
        while (s->n && (s->p[0] == ' ' || s->p[0] == ENRICHED || s->p[0] == ','))
            *s = str_from(*s, 1);
        return true;
    }
    return false;
}

/* ---- fields ---- */

static void add(struct parse *p, struct audit *a, str name, str value, unsigned flags)
{
    field_id id = names_find(&a->names, p->dict, FAMILY_LINUX, name);
    parse_add_kind(p, id, value, VALUE_STRING, flags);
}

static str after(str s, str mark)
{
    const char *at = s.n ? memmem(s.p, s.n, mark.p, mark.n) : NULL;
    return at ? str_from(s, (size_t)(at - s.p) + mark.n) : (str){NULL, 0};
}

/* Room is doubled, so that thousands of pieces do not each copy those before them. */
static void append(struct parse *p, struct audit_argument *a, str piece)
{
    size_t n = a->value.n + piece.n;
    if (n > a->room) {
        char *to = arena_bytes(&p->batch->arena, 2 * n);
        if (!to)
            return;
        if (a->value.n)
            memcpy(to, a->value.p, a->value.n);
        a->joined = to;
        a->room = 2 * n;
    }
    if (piece.n)
        memcpy(a->joined + a->value.n, piece.p, piece.n);
    a->value = (str){a->joined, n};
}

/* a0="ls"; a2_len=, a2[0]=, a2[1]= for those too long for one record. */
static void add_argument(struct parse *p, struct audit *a, str name, str value)
{
    str base = str_head(name, str_find(name, '['));
    bool piece = base.n < name.n;
    if (str_ends(base, STR("_len")))
        return;
    if (!piece)
        add(p, a, name, value, 0);
    struct audit_argument *last = a->argument_count ? &a->argument[a->argument_count - 1] : NULL;
    if (piece && last && str_eq(base, last->name)) {
        append(p, last, value);
    } else if (a->argument_count < AUDIT_ARGUMENTS_MAX) {
        a->argument[a->argument_count++] = (struct audit_argument){base, value, piece, NULL, 0};
    } else {
        p->batch->dropped++;
    }
}

/* "0200" family, "01BB" port, address: what connect(2) was given. */
static void add_address(struct parse *p, str value)
{
    char raw[28], text[IP_TEXT_MAX];
    value = str_head(value, 2 * sizeof raw);
    if (value.n < 16 || value.n % 2 || !hex_decode(value, raw))
        return;
    const unsigned char *b = (const unsigned char *)raw;
    bool v6 = b[0] == 10 && value.n >= 48;
    if (b[1] != 0 || (b[0] != 2 && !v6))
        return;
    struct ip ip = v6 ? ip_from_v6(b + 8)
                      : ip_from_v4((uint32_t)b[4] << 24 | (uint32_t)b[5] << 16 |
                                   (uint32_t)b[6] << 8 | (uint32_t)b[7]);
    str copy = parse_copy(p, (str){text, ip_format(&ip, text)});
    str port = arena_fmt(&p->batch->arena, "%d", b[2] << 8 | b[3]);
    if (!copy.p || !port.p)
        return;
    parse_add_kind(p, FIELD_DESTINATION_IP, copy, VALUE_STRING, FIELD_DERIVED);
    parse_add_kind(p, FIELD_DESTINATION_PORT, port, VALUE_NUMBER, FIELD_DERIVED);
}

/* Several keys of one rule are held apart by a byte 1. */
static void add_keys(struct parse *p, struct audit *a, str value)
{
    while (value.n) {
        str key = str_cut(&value, '\1');
        if (key.n)
            add(p, a, STR("key"), key, 0);
    }
}

static void add_outcome(struct parse *p, struct audit *a, str value)
{
    static const char *const good[] = {"yes", "success", "1"};
    static const char *const bad[] = {"no", "failed", "0"};
    for (size_t i = 0; i < COUNT(good) && !a->outcome_said; i++)
        if (str_eq(value, str_z(good[i])) || str_eq(value, str_z(bad[i]))) {
            parse_add_kind(p, FIELD_EVENT_OUTCOME,
                           str_eq(value, str_z(good[i])) ? STR("success") : STR("failure"),
                           VALUE_STRING, FIELD_DERIVED);
            a->outcome_said = true;
        }
}

/* What a field means besides being one. */
static void note(struct parse *p, struct audit *a, str type, str name, str value)
{
    if (str_eq(name, STR("success")) || str_eq(name, STR("res")))
        add_outcome(p, a, value);
    else if (str_eq(name, STR("proctitle")))
        a->title = value;
    else if (str_eq(name, STR("saddr")))
        add_address(p, value);
    else if (str_eq(type, STR("SYSCALL")) && str_eq(name, STR("arch")))
        a->arch = value;
    else if (str_eq(type, STR("SYSCALL")) && str_eq(name, STR("syscall")))
        a->call = value;
    else if (str_eq(name, STR("SYSCALL")))
        a->call_named = true;
}

static void add_pairs(struct parse *p, struct audit *a, const struct audit_line *l, str body,
                      bool nested)
{
    struct pair pair;
    while (next_pair(&body, l->interpreted, &pair)) {
        if (!nested && pair.quoted && str_eq(pair.name, STR("msg"))) {
            add_pairs(p, a, l, pair.value, true);
            continue;
        }
        str value = pair.value;
        if (!pair.quoted && says_nothing(value))
            continue;
        if (!pair.quoted && !l->interpreted && may_be_hex(l->type, pair.name))
            value = unhex(p, value);
        note(p, a, l->type, pair.name, value);
        if (is_argument(l->type, pair.name))
            add_argument(p, a, pair.name, value);
        else if (str_eq(pair.name, STR("key")))
            add_keys(p, a, value);
        else
            add(p, a, pair.name, value, 0);
    }
}

/* "avc:  denied  { read } for  pid=…" */
static void add_avc(struct parse *p, struct audit *a, str body)
{
    str rest = after(str_head(body, 120), STR("avc:"));
    if (!rest.p)
        return;
    rest = str_trim(rest);
    str verdict = str_cut(&rest, ' ');
    parse_add(p, FIELD_EVENT_ACTION, verdict);
    parse_add(p, FIELD_EVENT_OUTCOME,
              str_eq(verdict, STR("denied")) ? STR("failure") : STR("success"));
    a->outcome_said = true;
    str asked = after(rest, STR("{"));
    if (asked.p)
        add(p, a, STR("seperms"), str_trim(str_head(asked, str_find(asked, '}'))), 0);
}

static void add_type(struct parse *p, struct audit *a, str type)
{
    field_id id = names_find(&a->names, p->dict, FAMILY_LINUX, STR("type"));
    for (size_t i = 0; i < p->batch->field_count; i++) {
        const struct field *f = &p->batch->field[i];
        if (f->id == id && str_eq((str){f->p, f->n}, type))
            return;
    }
    parse_add(p, id, type);
}

/* ---- events ---- */

void audit_begin(struct parse *p, struct audit *a, str line, const struct audit_line *l)
{
    struct event *e = parse_begin(p, line);
    e->time_ms = l->time_ms;
    line_source(p, FAMILY_LINUX, STR("auditd"));
    a->stamp = l->stamp;
    a->node = l->node;
    a->argument_count = 0;
    a->title = a->arch = a->call = (str){NULL, 0};
    a->call_named = a->outcome_said = false;
    line_add(p, FIELD_HOST_NAME, l->node);
    const char *colon = memrchr(l->stamp.p, ':', l->stamp.n);
    line_add(p, FIELD_EVENT_ID, str_from(l->stamp, colon ? (size_t)(colon + 1 - l->stamp.p) : 0));
}

void audit_add(struct parse *p, struct audit *a, str line, const struct audit_line *l)
{
    p->event->raw.n = (size_t)(line.p + line.n - p->event->raw.p);
    add_type(p, a, l->type);
    if (str_ends(l->type, STR("AVC")))
        add_avc(p, a, l->body);
    add_pairs(p, a, l, l->body, false);
}

static const char *call_name(str arch, str number)
{
    static const struct {
        const char *name;
        int64_t x86_64, aarch64;
    } calls[] = {
#define X(name, x86_64, aarch64) {name, x86_64, aarch64},
#include "parse/syscall.def"
    };
    bool x86 = str_eq(arch, STR("c000003e"));
    int64_t wanted;
    if (!(x86 || str_eq(arch, STR("c00000b7"))) || !str_to_i64(number, &wanted) || wanted < 0)
        return NULL;
    for (size_t i = 0; i < COUNT(calls); i++)
        if ((x86 ? calls[i].x86_64 : calls[i].aarch64) == wanted)
            return calls[i].name;
    return NULL;
}

static str joined_arguments(struct parse *p, const struct audit *a)
{
    size_t n = 0;
    for (size_t i = 0; i < a->argument_count; i++)
        n += a->argument[i].value.n + 1;
    char *out = arena_bytes(&p->batch->arena, n), *to = out;
    if (!out)
        return (str){NULL, 0};
    for (size_t i = 0; i < a->argument_count; i++) {
        if (i)
            *to++ = ' ';
        if (a->argument[i].value.n)
            memcpy(to, a->argument[i].value.p, a->argument[i].value.n);
        to += a->argument[i].value.n;
    }
    return (str){out, (size_t)(to - out)};
}

void audit_end(struct parse *p, struct audit *a)
{
    for (size_t i = 0; i < a->argument_count; i++)
        if (a->argument[i].pieced)
            add(p, a, a->argument[i].name, a->argument[i].value, 0);
    str command = a->argument_count ? joined_arguments(p, a) : a->title;
    if (command.n)
        parse_add_kind(p, FIELD_PROCESS_COMMAND_LINE, command, VALUE_STRING, FIELD_DERIVED);
    str call = str_z(call_name(a->arch, a->call));
    if (call.n && !a->call_named)
        add(p, a, STR("SYSCALL"), call, FIELD_DERIVED);
    if (call.n)
        parse_add_kind(p, FIELD_EVENT_ACTION, call, VALUE_STRING, FIELD_DERIVED);
}
