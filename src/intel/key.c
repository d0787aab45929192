/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/intel_int.h"

#define X(NAME, name, doc) extern const struct intel_kind_ops intel_ops_##NAME;
#include "intel/kind.def"

const struct intel_kind_ops *const intel_kinds[INTEL_KIND_COUNT] = {
#define X(NAME, name, doc) [INTEL_##NAME] = &intel_ops_##NAME,
#include "intel/kind.def"
};

/* What a text consists of decides which kinds it is tried as. */
enum seen {
    SEEN_HEX = 1 << 0,
    SEEN_DOT = 1 << 1,
    SEEN_COLON = 1 << 2,
    SEEN_SLASH = 1 << 3,
    SEEN_AT = 1 << 4,
    SEEN_BRACKET = 1 << 5, /* may be disarmed */
};

static const uint8_t class[256] = {
    ['0'] = SEEN_HEX,     ['1'] = SEEN_HEX,     ['2'] = SEEN_HEX,     ['3'] = SEEN_HEX,
    ['4'] = SEEN_HEX,     ['5'] = SEEN_HEX,     ['6'] = SEEN_HEX,     ['7'] = SEEN_HEX,
    ['8'] = SEEN_HEX,     ['9'] = SEEN_HEX,     ['a'] = SEEN_HEX,     ['b'] = SEEN_HEX,
    ['c'] = SEEN_HEX,     ['d'] = SEEN_HEX,     ['e'] = SEEN_HEX,     ['f'] = SEEN_HEX,
    ['A'] = SEEN_HEX,     ['B'] = SEEN_HEX,     ['C'] = SEEN_HEX,     ['D'] = SEEN_HEX,
    ['E'] = SEEN_HEX,     ['F'] = SEEN_HEX,     ['.'] = SEEN_DOT,     [':'] = SEEN_COLON,
    ['/'] = SEEN_SLASH,   ['@'] = SEEN_AT,      ['['] = SEEN_BRACKET, ['('] = SEEN_BRACKET,
    ['{'] = SEEN_BRACKET, ['*'] = SEEN_BRACKET,
};

static unsigned look_at(str s, bool *all_hex)
{
    unsigned any = 0, all = SEEN_HEX;
    for (size_t i = 0; i < s.n; i++) {
        unsigned c = class[(unsigned char)s.p[i]];
        any |= c;
        all &= c;
    }
    *all_hex = s.n > 0 && all == SEEN_HEX;
    return any;
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

static bool detect(str s, unsigned seen, bool all_hex, struct intel_key *key)
{
    if (all_hex)
        return detect_hash(s, key);
    if (seen & SEEN_AT && !(seen & SEEN_SLASH))
        return try(s, INTEL_EMAIL, key);
    if (seen & SEEN_SLASH)
        return (!(seen & SEEN_AT) && (try(s, INTEL_RANGE, key) || try(s, INTEL_IP, key))) ||
               try(s, INTEL_URL, key);
    if (seen & (SEEN_COLON | SEEN_DOT))
        return try(s, INTEL_IP, key) || try(s, INTEL_DOMAIN, key);
    return false;
}

static bool parse_plain(str s, enum intel_kind kind, struct intel_key *key)
{
    if (kind != INTEL_KIND_COUNT)
        return try(s, kind, key);
    bool all_hex;
    unsigned seen = look_at(s, &all_hex);
    return detect(s, seen, all_hex, key);
}

/* Out of line, so that the common path does not pay for the buffer. */
static __attribute__((noinline)) bool parse_disarmed(str s, enum intel_kind kind,
                                                     struct intel_key *key)
{
    char clean[INTEL_VALUE_MAX];
    str text = intel_unquote((str){clean, intel_refang(s, clean)});
    return parse_plain(text, kind, key);
}

bool intel_key_parse(str text, enum intel_kind kind, struct intel_key *key)
{
    str s = intel_unquote(text);
    if (s.n == 0 || s.n > INTEL_VALUE_MAX)
        return false;
    bool all_hex;
    unsigned seen = look_at(s, &all_hex);
    char first = ascii_lower(s.p[0]);
    if (seen & SEEN_BRACKET ||
        (seen & SEEN_COLON && (first == 'h' || first == 'm' || first == 'f')))
        return parse_disarmed(s, kind, key);
    if (kind != INTEL_KIND_COUNT)
        return try(s, kind, key);
    return detect(s, seen, all_hex, key);
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
