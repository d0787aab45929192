/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/intel_int.h"
#include "intel/wide.h"

#define X(NAME, name, doc) extern const struct intel_kind_ops intel_ops_##NAME;
#include "intel/kind.def"

const struct intel_kind_ops *const intel_kinds[INTEL_KIND_COUNT] = {
#define X(NAME, name, doc) [INTEL_##NAME] = &intel_ops_##NAME,
#include "intel/kind.def"
};

/* What a text has in it decides which kinds it is tried as. */
enum seen {
    SEEN_DOT = 1 << 0,
    SEEN_COLON = 1 << 1,
    SEEN_SLASH = 1 << 2,
    SEEN_AT = 1 << 3,
    SEEN_BRACKET = 1 << 4, /* may be disarmed */
    SEEN_OTHER = 1 << 5,   /* no hexadecimal digit */
    SEEN_BLANK = 1 << 6,   /* in no value of any kind */
};

static unsigned look_at(str s)
{
    wide seen = {0};
    for (size_t i = 0; i < s.n; i += WIDE) {
        wide v = wide_load(s.p + i, s.n - i);
        wide hex = wide_in(v, '0', '9') | wide_in(v | wide_of(0x20), 'a', 'f');
        wide bracket = wide_is(v, '[') | wide_is(v, '(') | wide_is(v, '{') | wide_is(v, '*');
        wide blank = wide_in(v, 0, ' ') | wide_is(v, 127);
        seen |= wide_is(v, '.') & wide_of(SEEN_DOT);
        seen |= wide_is(v, ':') & wide_of(SEEN_COLON);
        seen |= wide_is(v, '/') & wide_of(SEEN_SLASH);
        seen |= wide_is(v, '@') & wide_of(SEEN_AT);
        seen |= bracket & wide_of(SEEN_BRACKET);
        seen |=
            ((~hex & wide_of(SEEN_OTHER)) | (blank & wide_of(SEEN_BLANK))) & wide_first(s.n - i);
    }
    return wide_any(seen);
}

static bool try(str s, enum intel_kind kind, struct intel_key *key)
{
    key->kind = kind;
    key->n = intel_kinds[kind]->encode(s, key->byte);
    return key->n > 0;
}

static bool detect_hash(str s, struct intel_key *key)
{
    if (s.n == 32)
        return try(s, INTEL_MD5, key);
    if (s.n == 40)
        return try(s, INTEL_SHA1, key);
    return s.n == 64 && try(s, INTEL_SHA256, key);
}

/* A colon before a slash: a scheme, or a port and a path. */
static bool looks_like_url(str s, unsigned seen)
{
    return seen & SEEN_COLON && str_starts(str_from(s, str_find(s, ':')), STR("://"));
}

static bool detect_slash(str s, unsigned seen, struct intel_key *key)
{
    if (looks_like_url(s, seen) || seen & SEEN_AT)
        return try(s, INTEL_URL, key);
    return try(s, INTEL_RANGE, key) || try(s, INTEL_IP, key) || try(s, INTEL_URL, key);
}

static bool detect(str s, unsigned seen, struct intel_key *key)
{
    if (!(seen & SEEN_OTHER))
        return detect_hash(s, key);
    if (seen & SEEN_SLASH)
        return detect_slash(s, seen, key);
    if (seen & SEEN_AT)
        return try(s, INTEL_EMAIL, key);
    char last = s.p[s.n - 1];
    bool address = seen & SEEN_COLON || (last >= '0' && last <= '9');
    return (address && try(s, INTEL_IP, key)) || (seen & SEEN_DOT && try(s, INTEL_DOMAIN, key));
}

static bool parse_plain(str s, enum intel_kind kind, unsigned seen, struct intel_key *key)
{
    if (seen & SEEN_BLANK)
        return false;
    return kind == INTEL_KIND_COUNT ? detect(s, seen, key) : try(s, kind, key);
}

/* Out of line, so that the common path does not pay for the buffer. */
static __attribute__((noinline)) bool parse_disarmed(str s, enum intel_kind kind,
                                                     struct intel_key *key)
{
    char clean[INTEL_VALUE_MAX];
    str text = intel_unquote((str){clean, intel_refang(s, clean)});
    return text.n && parse_plain(text, kind, look_at(text), key);
}

static bool is_alnum(char c)
{
    return (unsigned)((c | 0x20) - 'a') < 26 || (unsigned)(c - '0') < 10;
}

/* Letters and digits at both ends: nothing to take off. */
static bool is_bare(str s)
{
    return s.n && is_alnum(s.p[0]) && is_alnum(s.p[s.n - 1]);
}

/* hxxp, htxp, fxp, meow, h**p: what fix_scheme of refang.c could change. */
static bool odd_scheme(str s)
{
    char a = ascii_lower(s.p[0]), b = s.n > 2 ? ascii_lower(s.p[1]) : 0;
    return a == 'm' || b == 'x' || (a == 'h' && b == 't' && ascii_lower(s.p[2]) == 'x');
}

bool intel_key_parse(str text, enum intel_kind kind, struct intel_key *key)
{
    str s = is_bare(text) ? text : intel_unquote(text);
    if (s.n == 0 || s.n > INTEL_VALUE_MAX)
        return false;
    unsigned seen = look_at(s);
    if (UNLIKELY(seen & SEEN_BRACKET || (seen & SEEN_COLON && odd_scheme(s))))
        return parse_disarmed(s, kind, key);
    return parse_plain(s, kind, seen, key);
}

str intel_key_text(enum intel_kind kind, str bytes, char out[static INTEL_TEXT_MAX])
{
    if (!intel_kinds[kind]->format)
        return bytes;
    return (str){out, intel_kinds[kind]->format(bytes, out)};
}

str intel_key_identity(enum intel_kind kind, str bytes)
{
    if (kind == INTEL_URL && str_starts(bytes, STR("http")))
        return str_from(bytes, bytes.p[4] == 's' ? sizeof "https://" - 1 : sizeof "http://" - 1);
    return bytes;
}
