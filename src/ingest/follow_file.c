/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "codec/decompress.h"
#include "ingest/follow_int.h"
#include "ingest/ingest_int.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/log.h"

#include <errno.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024, TURN_BYTES = 1024 * 1024, HEAD_MAX = 64 * 1024 };

/* Bytes at `at`; fewer at the end, 0 also when it cannot be read. */
static size_t read_at(int fd, char *out, size_t room, uint64_t at)
{
    size_t n = 0;
    while (n < room) {
        ssize_t got = pread(fd, out + n, room - n, (off_t)(at + n));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    return n;
}

static uint64_t head_hash(str head)
{
    return hash_bytes(head, 0); /* kept from run to run, so not the process's seed */
}

bool followed_is(int fd, const struct follow_place *p)
{
    char head[FOLLOW_HEAD];
    size_t want = p->offset < FOLLOW_HEAD ? (size_t)p->offset : FOLLOW_HEAD;
    struct file_info info;
    if (file_fstat(fd, &info, NULL) != ST_OK || info.size < p->offset)
        return false;
    size_t n = read_at(fd, head, want, 0);
    return n == want && head_hash((str){head, n}) == p->head_hash;
}

/* ---- life ---- */

static void begin(struct follow *f, struct followed *file)
{
    const struct follow_input *in = file->input;
    struct feed_options options = {
        .limits = f->options.limits,
        .plain = true,
        .forced = in->forced,
        .format = in->format,
        .family = in->family,
        .channel = str_z(in->channel),
        .now_ms = clock_wall_ms(),
    };
    feed_begin(file->feed, &options);
    file->offset = 0;
    file->head_n = 0;
    file->unreadable = false;
    file->place = (struct follow_place){
        .inode = file->inode, .device = file->device, .head_hash = head_hash((str){0}), .line = 1};
}

/* What came before `offset` is known already; the stream's format and header stand in it. */
static void resume(struct follow *f, struct followed *file, uint64_t offset, uint64_t line)
{
    char *head = mem_zero(HEAD_MAX);
    size_t n = read_at(file->fd, head, offset < HEAD_MAX ? (size_t)offset : HEAD_MAX, 0);
    begin(f, file);
    feed_resume(file->feed, (str){head, n}, line);
    file->head_n = n < FOLLOW_HEAD ? n : FOLLOW_HEAD;
    memcpy(file->head, head, file->head_n);
    file->offset = file->place.offset = offset;
    file->place.head_hash = head_hash((str){file->head, file->head_n});
    file->place.line = line;
    mem_free(head);
}

static bool is_text(int fd)
{
    char head[512];
    str s = {head, read_at(fd, head, sizeof head, 0)};
    return decompress_kind_of(s) == DECOMPRESS_NONE && !source_refusal(s) && !records_known(s) &&
           !str_starts(s, STR("\xff\xfe")) && !str_starts(s, STR("\xfe\xff"));
}

struct followed *followed_open(struct follow *f, const struct follow_input *input, const char *path,
                               const struct follow_place *from, bool at_end, struct error *err)
{
    struct file_info info;
    int fd;
    if (file_open(path, FILE_ONLY_REGULAR, &fd, err) != ST_OK)
        return NULL;
    if (file_fstat(fd, &info, err) != ST_OK) {
        file_close(fd);
        return NULL;
    }
    struct followed *file = mem_new(struct followed);
    size_t size = strlen(path) + 1;
    file->input = input;
    file->path = mem_zero(size);
    memcpy(file->path, path, size);
    file->fd = fd;
    file->inode = info.inode;
    file->device = info.device;
    file->changed_ns = clock_ns();
    file->feed = feed_new();
    if (from && followed_is(fd, from))
        resume(f, file, from->offset, from->line);
    else if (at_end)
        resume(f, file, info.size, 1);
    else
        begin(f, file);
    return file;
}

void followed_free(struct followed *file)
{
    if (!file)
        return;
    file_close(file->fd);
    feed_free(file->feed);
    mem_free(file->path);
    mem_free(file);
}

/* ---- handing on ---- */

/* All places of the files that go or went by this one's name. */
static void write_position(const struct follow *f, const struct followed *file, struct sbuf *out)
{
    for (const struct followed *one = f->first; one; one = one->next)
        if (strcmp(one->path, file->path) == 0)
            follow_place_add(out, &one->place);
}

static void submit(struct follow *f, struct followed *file, const struct parse_stream *stream)
{
    struct sbuf position;
    sbuf_init(&position, FOLLOW_POSITION_MAX);
    write_position(f, file, &position);
    struct ingest_label label = {
        .stream = *stream,
        .tenant = file->input->tenant,
        .path = file->path,
        .metric = METRIC_EVENTS_FILE,
        .position_source = str_z(file->path),
        .position = sbuf_str(&position),
    };
    f->sink.submit(f->sink.arg, f->spare, &label);
    f->spare = NULL;
    sbuf_done(&position);
}

static bool have_batch(struct follow *f)
{
    if (!f->spare)
        f->spare = f->sink.take(f->sink.arg);
    return f->spare != NULL;
}

bool followed_tell(struct follow *f, struct followed *file)
{
    if (!have_batch(f))
        return false;
    struct parse_stream stream = {.format = PARSE_text};
    submit(f, file, &stream);
    return true;
}

/* Where the next byte to be handed on stands. */
static void update_place(struct followed *file)
{
    struct follow_place *p = &file->place;
    p->offset = file->offset - feed_held(file->feed);
    p->line = feed_line(file->feed);
    size_t n = p->offset < file->head_n ? (size_t)p->offset : file->head_n;
    p->head_hash = head_hash((str){file->head, n});
}

/* Hand on what the feed has; false: no room. */
static bool hand_on(struct follow *f, struct followed *file, enum feed_more more)
{
    for (;;) {
        struct parse_stream stream;
        if (!have_batch(f))
            return false;
        if (!feed_next(file->feed, more, f->spare, &stream))
            return true;
        update_place(file);
        submit(f, file, &stream);
    }
}

/* ---- reading ---- */

static void keep_head(struct followed *file, str bytes)
{
    if (file->head_n == FOLLOW_HEAD || file->offset != file->head_n)
        return;
    str some = str_head(bytes, FOLLOW_HEAD - file->head_n);
    memcpy(file->head + file->head_n, some.p, some.n);
    file->head_n += some.n;
}

/* Has somebody cut the file, or cut it and written it anew? */
static bool was_cut(const struct followed *file)
{
    struct file_info info;
    if (file_fstat(file->fd, &info, NULL) != ST_OK)
        return false;
    if (info.size < file->offset)
        return true;
    if (info.size == file->offset || file->head_n == 0)
        return false; /* rewritten to the byte: seen when it grows */
    char head[FOLLOW_HEAD];
    size_t n = read_at(file->fd, head, file->head_n, 0);
    return n != file->head_n || memcmp(head, file->head, n) != 0;
}

/* A mark is no part of the first record. */
static void pass_mark(struct followed *file)
{
    char mark[3];
    if (read_at(file->fd, mark, sizeof mark, 0) == sizeof mark &&
        memcmp(mark, "\xef\xbb\xbf", sizeof mark) == 0) {
        memcpy(file->head, mark, sizeof mark);
        file->offset = file->head_n = sizeof mark;
    }
}

static void refuse(struct followed *file, const char *why)
{
    file->unreadable = true;
    log_say(LOG_DATA, LOG_WARN, "file not followed", LOG_Z("path", file->path), LOG_Z("why", why));
}

static bool push(struct follow *f, struct followed *file, str bytes)
{
    keep_head(file, bytes);
    while (bytes.n) {
        size_t n = feed_push(file->feed, bytes);
        file->offset += n;
        bytes = str_from(bytes, n);
        if (!hand_on(f, file, FEED_MORE))
            return false; /* what was not pushed is read again */
    }
    struct error err;
    if (feed_failed(file->feed, &err) != ST_OK)
        refuse(file, err.text);
    return true;
}

enum followed_state followed_read(struct follow *f, struct followed *file)
{
    if (was_cut(file)) {
        if (!hand_on(f, file, FEED_END))
            return FOLLOWED_FULL;
        begin(f, file);
    }
    if (file->unreadable)
        return FOLLOWED_END;
    if (file->offset == 0 && !is_text(file->fd)) {
        refuse(file, "compressed, binary or UTF-16");
        return FOLLOWED_END;
    }
    if (file->offset == 0)
        pass_mark(file);
    for (size_t turn = 0; turn < TURN_BYTES;) {
        if (!hand_on(f, file, FEED_MORE))
            return FOLLOWED_FULL;
        size_t n = read_at(file->fd, f->buffer, READ_BYTES, file->offset);
        if (n == 0)
            return hand_on(f, file, FEED_IDLE) ? FOLLOWED_END : FOLLOWED_FULL;
        file->changed_ns = clock_ns();
        turn += n;
        if (!push(f, file, (str){f->buffer, n}))
            return FOLLOWED_FULL;
    }
    return FOLLOWED_MORE;
}

bool followed_finish(struct follow *f, struct followed *file)
{
    return file->unreadable || hand_on(f, file, FEED_END);
}
