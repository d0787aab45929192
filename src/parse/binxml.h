/* SPDX-License-Identifier: Apache-2.0 */
/* binxml.h - for files in parse/ only: the binary XML of Windows event logs, written out as text.
 *
 * The format is [MS-EVEN6] 2.2.12 (BinXml) as .evtx files store it, where names and templates are
 * kept once in each chunk of 64 KiB and referred to by their offset in it. */
#ifndef PARSE_BINXML_H
#define PARSE_BINXML_H

#include "base/sbuf.h"

enum { BINXML_VALUES_MAX = 4096 };

struct binxml_value { /* what a template instance puts into its template */
    uint32_t at;      /* offset in the chunk */
    uint16_t size;
    uint8_t type; /* enum binxml_type, BINXML_ARRAY added */
};

struct binxml { /* scratch, reused from record to record; all-zero to start with */
    str chunk;
    struct sbuf *out;
    const char *problem;
    uint32_t depth, nesting, steps; /* of elements; of templates; tokens read */
    size_t value_count;             /* of the instances being rendered, innermost last */
    struct binxml_value value[BINXML_VALUES_MAX];
};

/* Append the XML of the fragment of `n` bytes at `at` in the chunk to `out`.  False with b->problem
 * set, and `out` as it was, when it is malformed or does not fit. */
bool binxml_write(struct binxml *b, str chunk, size_t at, size_t n, struct sbuf *out);

enum binxml_type {
    BINXML_NULL,
    BINXML_STRING,
    BINXML_ANSI,
    BINXML_I8,
    BINXML_U8,
    BINXML_I16,
    BINXML_U16,
    BINXML_I32,
    BINXML_U32,
    BINXML_I64,
    BINXML_U64,
    BINXML_F32,
    BINXML_F64,
    BINXML_BOOL,
    BINXML_BINARY,
    BINXML_GUID,
    BINXML_SIZE,
    BINXML_FILETIME,
    BINXML_SYSTEMTIME,
    BINXML_SID,
    BINXML_HEX32,
    BINXML_HEX64,
    BINXML_FRAGMENT = 0x21,
    BINXML_ARRAY = 0x80 /* added to a type: several of it */
};

/* ---- values (binxml_value.c) ---- */

/* UTF-16LE as UTF-8 with what XML does not allow as text escaped; `quoted`: quotes as well. */
void binxml_text(struct sbuf *out, str utf16, bool quoted);

/* One value of a type other than NULL and FRAGMENT; what is too short for its type writes nothing. */
void binxml_scalar(struct sbuf *out, uint8_t type, str bytes, bool quoted);

/* Cut the next item of an array of `type` off *bytes; false when nothing is left. */
bool binxml_item(uint8_t type, str *bytes, str *item);

#endif
