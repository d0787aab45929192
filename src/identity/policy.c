/* SPDX-License-Identifier: Apache-2.0 */
#include "identity/identity_int.h"

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '@' ||
           c == '-';
}

bool policy_name_valid(str name)
{
    if (name.n < 1 || name.n > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        if (!name_char(name.p[i]))
            return false;
    }
    return true;
}

status policy_name(str name, struct error *err)
{
    if (policy_name_valid(name))
        return ST_OK;
    return fail(err, ST_INVALID,
                "a name is 1 to 63 of 'a'-'z', '0'-'9', '.', '_', '-' and '@', not '" STR_FMT "'",
                STR_ARG(str_head(name, NAME_MAX_BYTES + 1)));
}

status policy_tenant(str id, struct error *err)
{
    bool good = id.n >= 1 && id.n <= NAME_MAX_BYTES;
    for (size_t i = 0; good && i < id.n; i++)
        good = name_char(id.p[i]) && id.p[i] != '.' && id.p[i] != '_' && id.p[i] != '@';
    if (good)
        return ST_OK;
    return fail(err, ST_INVALID,
                "a tenant is 1 to 63 of 'a'-'z', '0'-'9' and '-', not '" STR_FMT "'",
                STR_ARG(str_head(id, NAME_MAX_BYTES + 1)));
}

status policy_title(str title, size_t most, struct error *err)
{
    bool good = title.n >= 1 && title.n <= most;
    for (size_t i = 0; good && i < title.n; i++)
        good = (unsigned char)title.p[i] >= ' ' && title.p[i] != 0x7f;
    if (good)
        return ST_OK;
    return fail(err, ST_INVALID, "a title is 1 to %zu bytes without control characters", most);
}

static bool common(str password)
{
    static const char *const list[] = {
#define X(text) text,
#include "identity/common.def"
    };
    for (size_t i = 0; i < COUNT(list); i++) {
        if (str_ieq(password, str_z(list[i])))
            return true;
    }
    return false;
}

/* Of UTF-8; of other bytes, about so many. */
static size_t characters(str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

status policy_password(str name, str password, struct error *err)
{
    if (characters(password) < PASSWORD_MIN_CHARACTERS)
        return fail(err, ST_INVALID, "a password has at least %d characters",
                    PASSWORD_MIN_CHARACTERS);
    if (password.n > PASSWORD_MAX_BYTES)
        return fail(err, ST_INVALID, "a password has at most %d bytes", PASSWORD_MAX_BYTES);
    if (str_ieq(password, name))
        return fail(err, ST_INVALID, "the password is the user's name");
    if (common(password))
        return fail(err, ST_INVALID, "the password is one of those that are tried first");
    return ST_OK;
}
