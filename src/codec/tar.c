/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/tar.h"

enum {
    BLOCK = 512,
    SIZE_AT = 124,
    SUM_AT = 148,
    KIND_AT = 156,
    MAGIC_AT = 257,
    PREFIX_AT = 345,
    NAME_LEN = 100,
    PREFIX_LEN = 155
};

bool tar_is(str head)
{
    return str_starts(str_from(head, MAGIC_AT), STR("ustar"));
}

void tar_init(struct tar *t, str archive)
{
    t->rest = archive;
    t->name[0] = '\0';
}

/* Octal digits, or big-endian binary when the first bit is set (GNU).  False: neither, or past 2^62. */
static bool number(str s, uint64_t *out)
{
    uint64_t v = 0;
    size_t i = 0;
    if (s.n && (unsigned char)s.p[0] == 0x80) {
        for (i = 1; i < s.n; i++) {
            if (v >> 54)
                return false;
            v = v << 8 | (unsigned char)s.p[i];
        }
        *out = v;
        return true;
    }
    while (i < s.n && s.p[i] == ' ')
        i++;
    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '7'; i++)
        v = v << 3 | (uint64_t)(s.p[i] - '0');
    if (i < s.n && s.p[i] != ' ' && s.p[i] != '\0')
        return false;
    *out = v;
    return true;
}

static bool sum_is_right(str head)
{
    uint64_t said, sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= SUM_AT && i < SUM_AT + 8 ? ' ' : (unsigned char)head.p[i];
    return number(str_head(str_from(head, SUM_AT), 8), &said) && said == sum;
}

static str field(str head, size_t at, size_t n)
{
    str s = str_head(str_from(head, at), n);
    return str_head(s, str_find(s, '\0'));
}

static void add_name(struct tar *t, size_t *at, str s)
{
    s = str_head(s, TAR_NAME_MAX - 1 - *at);
    if (s.n)
        memcpy(t->name + *at, s.p, s.n);
    *at += s.n;
    t->name[*at] = '\0';
}

/* The header's own name, unless a long one came before it. */
static str name_of(struct tar *t, str head, bool named)
{
    size_t n = 0;
    if (named)
        return str_z(t->name);
    str prefix = str_starts(str_from(head, MAGIC_AT), STR("ustar\0"))
                     ? field(head, PREFIX_AT, PREFIX_LEN)
                     : (str){0};
    add_name(t, &n, prefix);
    if (n)
        add_name(t, &n, STR("/"));
    add_name(t, &n, field(head, 0, NAME_LEN));
    return (str){t->name, n};
}

/* "30 path=some/file\n" among the records of a pax header. */
static bool pax_name(struct tar *t, str records)
{
    while (records.n) {
        str line = str_cut(&records, '\n');
        (void)str_cut(&line, ' ');
        if (str_starts(line, STR("path="))) {
            size_t n = 0;
            add_name(t, &n, str_from(line, 5));
            return true;
        }
    }
    return false;
}

status tar_next(struct tar *t, struct tar_entry *out, struct error *err)
{
    bool named = false;
    while (t->rest.n >= BLOCK && t->rest.p[0]) {
        str head = str_head(t->rest, BLOCK);
        uint64_t size;
        if (!sum_is_right(head) || !number(str_head(str_from(head, SIZE_AT), 12), &size))
            return fail(err, ST_INVALID, "the archive has a header that is damaged");
        str content = str_from(t->rest, BLOCK);
        if (size > content.n)
            return fail(err, ST_INVALID, "the archive is cut short");
        uint64_t padded = (size + BLOCK - 1) / BLOCK * BLOCK;
        t->rest = str_from(content, padded < content.n ? (size_t)padded : content.n);
        content = str_head(content, (size_t)size);
        size_t n = 0;
        switch (head.p[KIND_AT]) {
        case 'L':
            add_name(t, &n, str_head(content, str_find(content, '\0')));
            named = true;
            break;
        case 'x':
            named = pax_name(t, content);
            break;
        case '0':
        case '\0':
            *out = (struct tar_entry){name_of(t, head, named), content};
            return ST_OK;
        default:
            named = false;
        }
    }
    if (t->rest.n && t->rest.p[0])
        return fail(err, ST_INVALID, "the archive is cut short");
    return ST_NOT_FOUND;
}
