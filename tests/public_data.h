/* SPDX-License-Identifier: Apache-2.0 */
/* public_data.h - for tests that read the archives of public data. */
#ifndef TESTS_PUBLIC_DATA_H
#define TESTS_PUBLIC_DATA_H

#include "tests/test.h"

#include "codec/decompress.h"

struct tar_file {
    str name, bytes; /* the name cut to 100 bytes, as old tar had it */
};

static inline uint64_t octal(str s)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.n && s.p[i] >= '0' && s.p[i] <= '7'; i++)
        v = v * 8 + (uint64_t)(s.p[i] - '0');
    return v;
}

/* The next regular file of a tar archive. */
static inline bool next_file(str *tar, struct tar_file *m)
{
    while (tar->n >= 512 && tar->p[0]) {
        str head = str_head(*tar, 512);
        size_t size = (size_t)octal(str_head(str_from(head, 124), 12));
        m->name = str_head(head, strnlen(head.p, 100));
        m->bytes = str_head(str_from(*tar, 512), size);
        bool file = head.p[156] == '0' || head.p[156] == '\0';
        *tar = str_from(*tar, 512 + (size + 511) / 512 * 512);
        if (file)
            return true;
    }
    return false;
}

static inline str whole_file(const char *folder, const char *name, struct sbuf *out)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    sbuf_init(out, 64 << 20);
    for (size_t n = 1; f && n > 0; sbuf_grew(out, n))
        n = fread(sbuf_space(out, 65536), 1, 65536, f);
    if (f)
        fclose(f);
    return sbuf_str(out);
}

/* The archive or compressed file `name` below the folder of public data, unpacked. */
static inline str unpacked(const char *folder, const char *name, struct sbuf *out)
{
    struct sbuf packed;
    struct error err;
    str bytes = whole_file(folder, name, &packed);
    sbuf_init(out, 256 << 20);
    if (decompress_all(bytes, out, &err) != ST_OK)
        print_error("%s: %s\n", name, err.text);
    sbuf_done(&packed);
    return sbuf_str(out);
}

#endif
