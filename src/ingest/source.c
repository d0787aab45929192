/* SPDX-License-Identifier: Apache-2.0 */
/* bytes of the file ─▶ decompressed, or as they are ─▶ UTF-16 turned, or as they are ─▶ text
 *
 * A plain file of bytes is read straight into the caller's buffer; only its first piece, which
 * had to be looked at, passes through ours. */
#include "codec/utf.h"
#include "ingest/ingest_int.h"
#include "os/file.h"
#include "os/stop.h"

#include <unistd.h>

static const struct {
    const char *magic;
    size_t size, at;
    const char *what;
} refusals[] = {
    {"PK\3\4", 4, 0, "is a zip archive; unpack it first"},
    {"ustar", 5, 257, "is a tar archive; unpack it first"},
    {"7z\xbc\xaf\x27\x1c", 6, 0, "is a 7-Zip archive; unpack it first"},
    {"Rar!\x1a\x07", 6, 0, "is a RAR archive; unpack it first"},
    {"BZh", 3, 0, "is compressed with bzip2; decompress it first"},
    {"\x04\x22\x4d\x18", 4, 0, "is compressed with lz4; decompress it first"},
    {"LPKSHHRH", 8, 0, "is a binary journal; read it with journalctl -o json"},
    {"\xd4\xc3\xb2\xa1", 4, 0, "is a packet capture; read it with Zeek or Suricata first"},
    {"\xa1\xb2\xc3\xd4", 4, 0, "is a packet capture; read it with Zeek or Suricata first"},
    {"\x0a\x0d\x0d\x0a", 4, 0, "is a packet capture; read it with Zeek or Suricata first"},
};

const char *source_refusal(str head)
{
    for (size_t i = 0; i < COUNT(refusals); i++)
        if (str_starts(str_from(head, refusals[i].at), (str){refusals[i].magic, refusals[i].size}))
            return refusals[i].what;
    return NULL;
}

static enum source_state read_offered(struct source *s, char *out, size_t room, size_t *n)
{
    *n = s->offered.n < room ? s->offered.n : room;
    if (*n == 0) {
        s->stored_end = s->offered_all;
        return s->stored_end ? SOURCE_END : SOURCE_IDLE;
    }
    memcpy(out, s->offered.p, *n);
    s->offered = str_from(s->offered, *n);
    s->bytes_in += *n;
    return SOURCE_DATA;
}

/* More of the file's own bytes to `out`. */
static enum source_state read_stored(struct source *s, char *out, size_t room, int patience_ms,
                                     size_t *n, struct error *err)
{
    *n = 0;
    if (s->stored_end)
        return SOURCE_END;
    if (s->memory)
        return read_offered(s, out, room, n);
    if (s->waits && !file_wait(s->fd, patience_ms)) {
        s->stored_end = stop_requested();
        return s->stored_end ? SOURCE_END : SOURCE_IDLE;
    }
    if (file_read(s->fd, out, room, n, err) != ST_OK) {
        s->stored_end = true;
        return SOURCE_BAD;
    }
    s->bytes_in += *n;
    s->stored_end = *n == 0;
    return s->stored_end ? SOURCE_END : SOURCE_DATA;
}

static void set_kind(struct source *s, str head)
{
    enum decompress_kind kind = decompress_kind_of(head);
    if (kind != DECOMPRESS_NONE)
        s->decompress = decompress_open(kind);
    s->looked = true;
}

/* Enough of the beginning to tell how it is stored; SOURCE_IDLE when memory did not have as much. */
static enum source_state look_at_start(struct source *s, struct error *err)
{
    enum { PATIENCE_MS = 100 };
    if (s->stored_n == 0 && s->offered.n >= DECOMPRESS_MAGIC_SIZE) { /* no need to copy it */
        set_kind(s, s->offered);
        return SOURCE_DATA;
    }
    enum source_state state = SOURCE_DATA;
    while (s->stored_n < DECOMPRESS_MAGIC_SIZE && state != SOURCE_END && state != SOURCE_BAD) {
        size_t n;
        state = read_stored(s, s->stored + s->stored_n, SOURCE_BUFFER - s->stored_n, PATIENCE_MS,
                            &n, err);
        s->stored_n += n;
        if (state == SOURCE_IDLE && s->memory)
            return state;
    }
    if (state != SOURCE_BAD)
        set_kind(s, (str){s->stored, s->stored_n});
    return state;
}

/* As it was, but for the buffers. */
static void start(struct source *s)
{
    *s = (struct source){.fd = -1, .stored = s->stored, .wide = s->wide, .state = SOURCE_DATA};
    if (!s->stored)
        s->stored = mem_zero(SOURCE_BUFFER);
}

void source_open_memory(struct source *s)
{
    decompress_close(s->decompress);
    start(s);
    s->memory = true;
}

void source_set_plain(struct source *s)
{
    s->looked = true;
    s->encoding = ENCODING_BYTES;
}

status source_open(struct source *s, const struct input *input, struct error *err)
{
    start(s);
    s->fd = STDIN_FILENO;
    if (strcmp(input->path, "-") != 0) {
        s->fd = -1;
        status st =
            file_open(input->path, input->given ? FILE_ANY : FILE_ONLY_REGULAR, &s->fd, err);
        if (st != ST_OK)
            return st;
    }
    struct file_info info;
    status st = file_fstat(s->fd, &info, err);
    if (st == ST_OK) {
        s->waits = info.kind != FILE_REGULAR;
        if (look_at_start(s, err) == SOURCE_BAD)
            st = ST_IO;
    }
    if (st != ST_OK)
        source_close(s);
    return st;
}

void source_close(struct source *s)
{
    decompress_close(s->decompress);
    s->decompress = NULL;
    if (s->fd != STDIN_FILENO)
        file_close(s->fd);
    s->fd = -1;
}

void source_done(struct source *s)
{
    mem_free(s->stored);
    mem_free(s->wide);
    *s = (struct source){.fd = -1};
}

static enum source_state read_plain(struct source *s, char *out, size_t room, int patience_ms,
                                    size_t *n, struct error *err)
{
    size_t left = s->stored_n - s->stored_at;
    if (left == 0)
        return read_stored(s, out, room, patience_ms, n, err);
    *n = left < room ? left : room;
    memcpy(out, s->stored + s->stored_at, *n);
    s->stored_at += *n;
    return SOURCE_DATA;
}

static enum source_state read_packed(struct source *s, char *out, size_t room, int patience_ms,
                                     size_t *n, struct error *err)
{
    *n = 0;
    for (;;) {
        if (s->stored_at == s->stored_n && !s->stored_end) {
            s->stored_at = s->stored_n = 0;
            enum source_state state =
                read_stored(s, s->stored, SOURCE_BUFFER, patience_ms, &s->stored_n, err);
            if (state == SOURCE_IDLE || state == SOURCE_BAD)
                return state;
        }
        str in = {s->stored + s->stored_at, s->stored_n - s->stored_at};
        status st = decompress_run(s->decompress, &in, s->stored_end, out, room, n, err);
        s->stored_at = s->stored_n - in.n;
        if (st != ST_OK)
            return SOURCE_BAD;
        if (*n)
            return SOURCE_DATA;
        if (s->stored_end && in.n == 0)
            return SOURCE_END;
    }
}

static enum source_state read_bytes(struct source *s, char *out, size_t room, int patience_ms,
                                    size_t *n, struct error *err)
{
    enum source_state state = s->decompress ? read_packed(s, out, room, patience_ms, n, err)
                                            : read_plain(s, out, room, patience_ms, n, err);
    s->bytes_out += *n;
    return state;
}

/* Turn as much of what is in `wide` as makes whole characters. */
static size_t turn_wide(struct source *s, char *out, bool last)
{
    bool little = s->encoding == ENCODING_UTF16LE;
    size_t whole = s->wide_n & ~(size_t)1;
    /* A high surrogate waits for the low one. */
    if (!last && whole && (s->wide[whole - (little ? 1 : 2)] & 0xfc) == 0xd8)
        whole -= 2;
    str in = {s->wide, whole};
    size_t n = little ? utf16le_to_utf8(in, out) : utf16be_to_utf8(in, out);
    s->wide_n -= whole;
    if (s->wide_n)
        memmove(s->wide, s->wide + whole, s->wide_n);
    return n;
}

static enum source_state read_wide(struct source *s, char *out, size_t room, int patience_ms,
                                   size_t *n, struct error *err)
{
    size_t most = room / 3 * 2 < SOURCE_BUFFER ? room / 3 * 2 : SOURCE_BUFFER;
    for (;;) {
        size_t got = 0;
        enum source_state state =
            s->wide_n < most
                ? read_bytes(s, s->wide + s->wide_n, most - s->wide_n, patience_ms, &got, err)
                : SOURCE_DATA;
        s->wide_n += got;
        bool last = state == SOURCE_END || state == SOURCE_BAD;
        *n = turn_wide(s, out, last);
        if (*n || state != SOURCE_DATA)
            return *n && state == SOURCE_IDLE ? SOURCE_DATA : state;
    }
}

/* Can it be seen, before anything is copied, that this is neither compressed nor UTF-16? */
static bool begins_plain(const struct source *s)
{
    if (s->decompress || s->stored_n || s->wide_n || s->offered.n < 3)
        return false;
    unsigned char first = (unsigned char)s->offered.p[0];
    return first != 0xff && first != 0xfe && first != 0xef;
}

/* The first bytes tell the encoding; a byte order mark is taken away. */
static enum source_state read_first(struct source *s, char *out, size_t room, int patience_ms,
                                    size_t *n, struct error *err)
{
    enum source_state state = SOURCE_DATA;
    if (begins_plain(s)) {
        s->encoding = ENCODING_BYTES;
        return read_bytes(s, out, room, patience_ms, n, err);
    }
    if (!s->wide)
        s->wide = mem_zero(SOURCE_BUFFER);
    size_t most = room / 3 * 2 < SOURCE_BUFFER ? room / 3 * 2 : SOURCE_BUFFER;
    *n = 0;
    while (s->wide_n < 3 && state == SOURCE_DATA) {
        size_t got = 0;
        state = read_bytes(s, s->wide + s->wide_n, most - s->wide_n, patience_ms, &got, err);
        s->wide_n += got;
    }
    if (state == SOURCE_IDLE)
        return state;
    str head = {s->wide, s->wide_n};
    size_t mark = 2;
    if (str_starts(head, STR("\xff\xfe"))) {
        s->encoding = ENCODING_UTF16LE;
    } else if (str_starts(head, STR("\xfe\xff"))) {
        s->encoding = ENCODING_UTF16BE;
    } else {
        s->encoding = ENCODING_BYTES;
        mark = str_starts(head, STR("\xef\xbb\xbf")) ? 3 : 0;
    }
    head = str_from(head, mark);
    memmove(s->wide, head.p, head.n);
    s->wide_n = head.n;
    if (s->encoding == ENCODING_BYTES) {
        memcpy(out, s->wide, head.n);
        *n = head.n;
        s->wide_n = 0;
        return state;
    }
    *n = turn_wide(s, out, state != SOURCE_DATA);
    return state;
}

enum source_state source_read(struct source *s, char *out, size_t room, int patience_ms, size_t *n,
                              struct error *err)
{
    *n = 0;
    enum source_state state = s->state;
    if (state == SOURCE_BAD) {
        *err = s->why;
        s->state = SOURCE_END;
    }
    if (state != SOURCE_DATA)
        return state;
    if (!s->looked) {
        state = look_at_start(s, err);
        if (state == SOURCE_IDLE)
            return state;
    }
    if (s->encoding == ENCODING_UNKNOWN)
        state = read_first(s, out, room, patience_ms, n, err);
    else if (s->encoding == ENCODING_BYTES)
        state = read_bytes(s, out, room, patience_ms, n, err);
    else
        state = read_wide(s, out, room, patience_ms, n, err);
    if (state == SOURCE_IDLE || state == SOURCE_DATA)
        return state;
    s->state = SOURCE_END;
    if (*n == 0)
        return state;
    s->state = state; /* told with the next call */
    if (state == SOURCE_BAD)
        s->why = *err;
    return SOURCE_DATA;
}
