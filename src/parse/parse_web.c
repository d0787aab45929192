/* SPDX-License-Identifier: Apache-2.0 */
#include "parse/parse_web.h"

#include "codec/hex.h"
#include "codec/json_scan.h"

static void derive(struct parse *p, field_id id, str value)
{
    if (value.n)
        parse_add_kind(p, id, value, VALUE_STRING, FIELD_DERIVED);
}

static bool has_field(const struct parse *p, field_id id)
{
    for (size_t i = 0; i < p->batch->field_count; i++)
        if (p->batch->field[i].id == id)
            return true;
    return false;
}

static str decoded(struct parse *p, str raw)
{
    char *out = arena_bytes(&p->batch->arena, raw.n);
    return out ? (str){out, json_unescape(raw, out)} : raw;
}

/* Offset of what follows "scheme://", or 0.  Only letters, digits, + - . make a scheme, so
 * "/redirect?to=http://x" has none. */
static size_t after_scheme(str url)
{
    size_t i = 0;
    while (i < url.n && i < 16 &&
           (url.p[i] == '+' || url.p[i] == '-' || url.p[i] == '.' ||
            (ascii_lower(url.p[i]) >= 'a' && ascii_lower(url.p[i]) <= 'z')))
        i++;
    return i && str_starts(str_from(url, i), STR("://")) ? i + 3 : 0;
}

/* The host of "user@host:port", brackets of IPv6 kept. */
static str host_of(str authority)
{
    const char *at = memrchr(authority.p, '@', authority.n);
    if (at)
        authority = str_from(authority, (size_t)(at - authority.p) + 1);
    size_t start = authority.n && authority.p[0] == '[' ? str_find(authority, ']') : 0;
    str tail = str_from(authority, start);
    return str_head(authority, start + str_find(tail, ':'));
}

static str extension_of(str path)
{
    const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
    str name = slash ? str_from(path, (size_t)(slash - path.p) + 1) : path;
    const char *dot = name.n ? memrchr(name.p, '.', name.n) : NULL;
    return dot ? str_from(name, (size_t)(dot - name.p) + 1) : (str){path.p, 0};
}

void parse_add_url(struct parse *p, str url, unsigned flags)
{
    if (flags & FIELD_ESCAPED)
        url = decoded(p, url);
    url = str_head(url, str_find(url, '#'));
    size_t start = after_scheme(url);
    if (start) {
        url = str_from(url, start);
        size_t end = 0;
        while (end < url.n && url.p[end] != '/' && url.p[end] != '?')
            end++;
        if (!has_field(p, FIELD_URL_DOMAIN))
            derive(p, FIELD_URL_DOMAIN, host_of(str_head(url, end)));
        url = str_from(url, end);
    }
    size_t mark = str_find(url, '?');
    str path = str_head(url, mark);
    derive(p, FIELD_URL_PATH, path);
    derive(p, FIELD_URL_QUERY, str_from(url, mark + 1));
    derive(p, FIELD_URL_EXTENSION, extension_of(path));
}

static bool is_hex(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (hex_digit(s.p[i]) < 0)
            return false;
    return true;
}

static void add_digest(struct parse *p, str digest)
{
    field_id id = digest.n == 32   ? FIELD_FILE_HASH_MD5
                  : digest.n == 40 ? FIELD_FILE_HASH_SHA1
                  : digest.n == 64 ? FIELD_FILE_HASH_SHA256
                                   : FIELD_OVERFLOW;
    if (id != FIELD_OVERFLOW && is_hex(digest))
        derive(p, id, digest);
}

/* An import hash is as long as an MD5 but is none. */
void parse_add_hashes(struct parse *p, str hashes)
{
    while (hashes.n) {
        str digest = str_cut(&hashes, ',');
        size_t eq = str_find(digest, '=');
        if (eq == digest.n)
            add_digest(p, str_trim(digest));
        else if (!str_ieq(str_trim(str_head(digest, eq)), STR("IMPHASH")))
            add_digest(p, str_trim(str_from(digest, eq + 1)));
    }
}
