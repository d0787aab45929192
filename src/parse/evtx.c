/* SPDX-License-Identifier: Apache-2.0 */
/* The file format as Joachim Metz describes it ("Windows XML Event Log (EVTX) format").  Why this
 * is not libevtx: docs/decisions/006-own-evtx-reader.md. */
#include "parse/evtx.h"

#include "base/mem.h"
#include "parse/binxml.h"

#include <errno.h>

enum {
    FILE_HEADER = 4096,
    CHUNK = 65536,
    CHUNK_FREE = 48, /* where the chunk's header says how far its records go */
    RECORDS = 512,   /* where they start */
    RECORD_HEAD = 24,
    RECORD_TAIL = 4,
    RECORD_MAGIC = 0x2a2a
};

struct evtx {
    FILE *file; /* owned; NULL when in memory */
    str bytes;  /* then */
    uint64_t done;
    size_t chunk_n; /* bytes in `chunk`; 0: none is being read */
    size_t at, end; /* the next record, and where they end */
    struct binxml binxml;
    char chunk[CHUNK];
};

static uint64_t le(const char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = n; i > 0; i--)
        v = v << 8 | (unsigned char)p[i - 1];
    return v;
}

/* As many of the next `n` bytes as there are. */
static size_t read_some(struct evtx *e, char *to, size_t n)
{
    if (e->file) {
        n = fread(to, 1, n, e->file);
    } else {
        str part = str_head(str_from(e->bytes, (size_t)e->done), n);
        n = part.n;
        if (n)
            memcpy(to, part.p, n);
    }
    e->done += n;
    return n;
}

static status check_header(struct evtx *e, struct error *err)
{
    size_t n = read_some(e, e->chunk, FILE_HEADER);
    if (e->file && ferror(e->file))
        return fail(err, ST_IO, "cannot be read: %s", strerror(errno));
    if (n < FILE_HEADER || memcmp(e->chunk, "ElfFile", 8) != 0)
        return fail(err, ST_INVALID, "not a Windows event log: no header");
    unsigned major = (unsigned)le(e->chunk + 38, 2);
    if (major != 3)
        return fail(err, ST_INVALID, "an event log of version %u, not 3", major);
    return ST_OK;
}

static status opened(struct evtx *e, struct evtx **out, struct error *err)
{
    status s = check_header(e, err);
    if (s == ST_OK)
        *out = e;
    else
        evtx_close(e);
    return s;
}

status evtx_open(const char *path, struct evtx **out, struct error *err)
{
    FILE *file = fopen(path, "rbe");
    if (!file)
        return fail(err, errno == ENOENT ? ST_NOT_FOUND : ST_IO, "cannot be opened: %s",
                    strerror(errno));
    struct evtx *e = mem_new(struct evtx);
    e->file = file;
    return opened(e, out, err);
}

status evtx_open_bytes(str bytes, struct evtx **out, struct error *err)
{
    struct evtx *e = mem_new(struct evtx);
    e->bytes = bytes;
    return opened(e, out, err);
}

void evtx_close(struct evtx *e)
{
    if (!e)
        return;
    if (e->file)
        (void)fclose(e->file); /* only read */
    mem_free(e);
}

uint64_t evtx_done(const struct evtx *e)
{
    return e->done;
}

/* The problem, with its place in the file: `at` in the chunk being read. */
static enum evtx_result bad(const struct evtx *e, size_t at, const char *why, struct error *err)
{
    uint64_t place = e->done - e->chunk_n + at;
    (void)fail(err, ST_INVALID, "%s, at byte %llu of the file", why, (unsigned long long)place);
    return EVTX_BAD;
}

static bool is_blank(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

/* Make the next chunk that holds records the one being read; EVTX_RECORD when there is one. */
static enum evtx_result next_chunk(struct evtx *e, struct error *err)
{
    for (;;) {
        e->chunk_n = 0;
        e->chunk_n = read_some(e, e->chunk, CHUNK);
        if (e->chunk_n == 0)
            return EVTX_END;
        e->at = e->end = 0;
        if (is_blank(e->chunk, e->chunk_n < RECORDS ? e->chunk_n : RECORDS))
            continue; /* room the log has not used yet */
        if (e->chunk_n < RECORDS)
            return bad(e, 0, "a chunk that is cut short", err);
        if (memcmp(e->chunk, "ElfChnk", 8) != 0)
            return bad(e, 0, "a chunk without its mark", err);
        size_t end = (size_t)le(e->chunk + CHUNK_FREE, 4);
        e->at = RECORDS;
        e->end = end < e->chunk_n ? end : e->chunk_n;
        return EVTX_RECORD;
    }
}

/* The record at e->at, whose size is known to fit. */
static enum evtx_result write_record(struct evtx *e, size_t size, struct sbuf *out,
                                     uint64_t *number, struct error *err)
{
    size_t at = e->at;
    *number = le(e->chunk + at + 8, 8);
    e->at += size;
    str chunk = {e->chunk, e->chunk_n};
    if (!binxml_write(&e->binxml, chunk, at + RECORD_HEAD, size - RECORD_HEAD - RECORD_TAIL, out))
        return bad(e, at, e->binxml.problem, err);
    sbuf_addc(out, '\n');
    return EVTX_RECORD;
}

enum evtx_result evtx_next(struct evtx *e, struct sbuf *out, uint64_t *number, struct error *err)
{
    *number = 0;
    while (e->at >= e->end) {
        enum evtx_result got = next_chunk(e, err);
        if (got != EVTX_RECORD)
            return got;
    }
    size_t left = e->end - e->at, at = e->at;
    size_t size = left >= RECORD_HEAD ? (size_t)le(e->chunk + at + 4, 4) : 0;
    bool sound = left >= RECORD_HEAD && le(e->chunk + at, 4) == RECORD_MAGIC &&
                 size > RECORD_HEAD + RECORD_TAIL && size <= left;
    if (sound)
        return write_record(e, size, out, number, err);
    e->at = e->end; /* where the next record would start is not known */
    return bad(e, at, "a record that is cut short or has lost its mark", err);
}
