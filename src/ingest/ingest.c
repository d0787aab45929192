/* SPDX-License-Identifier: Apache-2.0 */
/* One input after the other.  The bytes behind a batch's last whole record are kept in `tail` and
 * become the beginning of the next batch, so every byte is read once, into the batch it ends up
 * in. */
#include "ingest/ingest_int.h"
#include "os/stop.h"

enum {
    BATCH_BYTES = 256 * 1024,
    BATCH_BYTES_MIN = 8, /* more than the bytes of an end tag that may be half there */
    HEAD_MAX = 64 * 1024,
    STREAMS_MAX_BYTES = 256 * 1024 * 1024,
    LINE_END_MAX = 2,        /* "\r\n" is not part of a record's length */
    PATIENCE_HEAD_MS = 1000, /* how long a pipe may think before what it gave is taken for all */
    PATIENCE_MS = 200
};

/* The input being read. */
struct feed {
    const struct input *input; /* NULL: none */
    struct source source;
    struct records records; /* open: no text, but a binary log */
    struct cutter cutter;
    const struct parse_stream *stream; /* NULL: the beginning was not looked at yet */
    char *tail;                        /* owned; kept from input to input */
    size_t tail_n, tail_room;
    uint64_t line; /* of the first byte of the tail */
    char *ahead;   /* owned; read to look at the beginning, but more than a batch wants */
    size_t ahead_at, ahead_n;
    bool idle;     /* the last read had to wait in vain */
    bool ended;    /* all was given out, or is in the tail */
    bool skipping; /* inside a record that is too long */
};

struct ingest {
    struct ingest_options options;
    struct input_list inputs;
    struct problems problems;
    struct arena streams;
    const struct parse_stream *stream; /* the latest made; lives in streams */
    struct feed feed;
    size_t next; /* input to open next */
    uint64_t sequence;
    uint64_t bytes_in, bytes_out; /* of the inputs done with */
    uint64_t bytes_total;
    bool total_known;
};

status ingest_open(const char *const *path, size_t count, const struct ingest_options *options,
                   struct ingest **out, struct error *err)
{
    struct ingest *in = mem_new(struct ingest);
    in->options = *options;
    if (in->options.batch_bytes == 0)
        in->options.batch_bytes = BATCH_BYTES;
    input_list_init(&in->inputs);
    arena_init(&in->streams, STREAMS_MAX_BYTES);
    in->feed.source.fd = -1;
    for (size_t i = 0; i < count; i++) {
        status st = input_list_add(&in->inputs, path[i], &in->problems, err);
        if (st != ST_OK) {
            ingest_close(in);
            return st;
        }
    }
    in->total_known = true;
    for (size_t i = 0; i < in->inputs.file.n; i++) {
        in->bytes_total += in->inputs.file.at[i].size;
        in->total_known &= in->inputs.file.at[i].regular;
    }
    *out = in;
    return ST_OK;
}

void ingest_close(struct ingest *in)
{
    if (!in)
        return;
    records_close(&in->feed.records);
    source_close(&in->feed.source);
    source_done(&in->feed.source);
    mem_free(in->feed.tail);
    mem_free(in->feed.ahead);
    input_list_done(&in->inputs);
    vec_done(&in->problems.kept);
    arena_done(&in->streams);
    mem_free(in);
}

/* ---- the input being read ---- */

static bool begin_input(struct ingest *in)
{
    struct feed *f = &in->feed;
    while (in->next < in->inputs.file.n && !stop_requested()) {
        const struct input *input = &in->inputs.file.at[in->next++];
        struct error err;
        if (source_open(&f->source, input, &err) != ST_OK) {
            problem_add(&in->problems, input->path, "%s", err.text);
            continue;
        }
        f->input = input;
        f->stream = NULL;
        f->tail_n = f->ahead_at = f->ahead_n = 0;
        f->line = 1;
        f->idle = f->ended = f->skipping = false;
        return true;
    }
    return false;
}

/* Bytes of the input so far: as stored, and decompressed. */
static void count_bytes(const struct feed *f, uint64_t *stored, uint64_t *text)
{
    *stored = f->records.log ? records_bytes_done(&f->records) : f->source.bytes_in;
    *text = f->records.log ? *stored : f->source.bytes_out;
}

static void end_input(struct ingest *in)
{
    struct feed *f = &in->feed;
    uint64_t stored, text;
    count_bytes(f, &stored, &text);
    in->bytes_in += stored;
    in->bytes_out += text;
    records_close(&f->records);
    source_close(&f->source);
    f->source.bytes_in = f->source.bytes_out = 0;
    f->input = NULL;
}

static void set_tail(struct feed *f, str bytes)
{
    if (bytes.n > f->tail_room) {
        f->tail_room = bytes.n;
        f->tail = mem_resize(f->tail, f->tail_room);
    }
    if (bytes.n)
        memcpy(f->tail, bytes.p, bytes.n);
    f->tail_n = bytes.n;
}

/* Up to `want` bytes in all of those that were held back; true when there were any. */
static bool take_ahead(struct feed *f, struct batch *b, size_t want)
{
    size_t n = f->ahead_n - f->ahead_at;
    if (n == 0 || b->n >= want)
        return false;
    if (n > want - b->n)
        n = want - b->n;
    memcpy(b->bytes + b->n, f->ahead + f->ahead_at, n);
    f->ahead_at += n;
    b->n += n;
    return true;
}

/* Read until `want` bytes are there, the input ends, or it pauses. */
static void top_up(struct ingest *in, struct batch *b, size_t want, int patience_ms)
{
    struct feed *f = &in->feed;
    batch_reserve(b, want + SOURCE_ROOM_MIN);
    f->idle = false;
    while (b->n < want && !f->idle && !f->ended) {
        if (take_ahead(f, b, want))
            continue;
        size_t n;
        struct error err;
        enum source_state state = source_read(&f->source, b->bytes + b->n,
                                              want + SOURCE_ROOM_MIN - b->n, patience_ms, &n, &err);
        b->n += n;
        f->idle = state == SOURCE_IDLE;
        f->ended = state == SOURCE_END || state == SOURCE_BAD;
        if (state == SOURCE_BAD)
            problem_add(&in->problems, f->input->path, "%s", err.text);
    }
}

/* Put back what is more than a batch wants. */
static void hold_back(struct feed *f, struct batch *b, size_t want)
{
    if (b->n <= want)
        return;
    f->ahead_at = 0;
    f->ahead_n = b->n - want;
    f->ahead = mem_resize(f->ahead, f->ahead_n);
    memcpy(f->ahead, b->bytes + want, f->ahead_n);
    b->n = want;
    f->ended = false; /* source_read will say it again */
}

/* ---- what the input is ---- */

static bool set_stream(struct ingest *in, enum parse_format format, str header)
{
    const struct parse_stream *before = in->stream;
    if (before && before->format == format && str_eq(before->header, header)) {
        in->feed.stream = before;
        return true;
    }
    struct parse_stream *s = arena_new(&in->streams, struct parse_stream);
    str copy = arena_str(&in->streams, header);
    if (!s || !copy.p) {
        problem_add(&in->problems, in->feed.input->path, "not read: too many different headers");
        return false;
    }
    *s = (struct parse_stream){
        .format = format,
        .now_ms = in->options.now_ms,
        .header = copy,
        .family = in->options.family,
        .channel = in->options.channel,
    };
    in->stream = in->feed.stream = s;
    return true;
}

/* The input is a binary log; what was read of it is in `b`. */
static bool begin_records(struct ingest *in, struct batch *b)
{
    struct feed *f = &in->feed;
    struct error err;
    str head = {b->bytes, b->n};
    b->n = 0;
    if (records_open(&f->records, f->input, &f->source, head, &err) == ST_OK)
        return set_stream(in, PARSE_evtx, STR(""));
    problem_add(&in->problems, f->input->path, "%s", err.text);
    return false;
}

/* Look at the beginning, as much of it whatever a batch holds.  False: there is nothing, or it is
 * not to be read. */
static bool begin_stream(struct ingest *in, struct batch *b, size_t want)
{
    struct feed *f = &in->feed;
    top_up(in, b, want > HEAD_MAX ? want : HEAD_MAX, PATIENCE_HEAD_MS);
    while (b->n == 0 && !f->ended)
        top_up(in, b, HEAD_MAX, PATIENCE_HEAD_MS);
    if (b->n == 0)
        return false;
    str head = str_head((str){b->bytes, b->n}, HEAD_MAX);
    if (records_known(head))
        return begin_records(in, b);
    const char *refusal = source_refusal(head);
    if (refusal) {
        problem_add(&in->problems, f->input->path, "%s", refusal);
        return false;
    }
    enum parse_format format = in->options.forced ? in->options.format : parse_sniff(head);
    if (!set_stream(in, format, parse_header(format, head)))
        return false;
    cutter_init(&f->cutter, format, in->options.limits.record_bytes, head);
    hold_back(f, b, want);
    return true;
}

/* ---- batches ---- */

/* Drop what belongs to the record that is too long; first_line follows. */
static void skip(struct feed *f, struct batch *b)
{
    bool found;
    size_t n = cutter_skip(&f->cutter, (str){b->bytes, b->n}, &found);
    b->first_line = line_at(b, n);
    b->n -= n;
    if (b->n)
        memmove(b->bytes, b->bytes + n, b->n);
    f->skipping = !found;
}

/* Whole records from b's front, after reading on until there are some; false at the end.
 * Nothing depends on how large b's buffer is already, so batches are the same in every run. */
static bool find_records(struct ingest *in, struct batch *b, size_t *whole)
{
    struct feed *f = &in->feed;
    size_t most = in->options.limits.record_bytes + LINE_END_MAX;
    size_t want = in->options.batch_bytes < most ? in->options.batch_bytes : most;
    if (want < BATCH_BYTES_MIN)
        want = BATCH_BYTES_MIN;
    if (!f->stream && !begin_stream(in, b, want))
        return false;
    if (f->records.log) {
        b->first_line = 0;
        bool some = records_fill(&f->records, b, want, in->options.limits.record_bytes);
        *whole = b->n;
        return some;
    }
    for (;;) {
        top_up(in, b, want, PATIENCE_MS);
        *whole = 0;
        if (f->skipping)
            skip(f, b);
        if (!f->skipping && b->n)
            *whole = cutter_whole(&f->cutter, b, f->ended, f->idle);
        if (*whole || f->ended)
            return *whole || b->read;
        if (!f->skipping && b->n > most)
            f->skipping = !cutter_give_up(&f->cutter, b);
        else if (!f->skipping && b->n >= want)
            want = want < most / 2 ? want * 2 : most + 1;
    }
}

static bool fill(struct ingest *in, struct batch *b)
{
    struct feed *f = &in->feed;
    batch_reserve(b, f->tail_n);
    if (f->tail_n)
        memcpy(b->bytes, f->tail, f->tail_n);
    b->n = f->tail_n;
    b->file = (uint32_t)(f->input - in->inputs.file.at);
    b->first_line = f->line;
    size_t whole;
    if (!find_records(in, b, &whole))
        return false;
    set_tail(f, (str){b->bytes + whole, b->n - whole});
    b->n = whole;
    f->line = line_at(b, whole);
    return true;
}

/* Header lines in the batch are for those after it, too. */
static void follow_header(struct ingest *in, const struct batch *b)
{
    const struct parse_stream *s = in->feed.stream;
    struct sbuf header;
    sbuf_init(&header, HEAD_MAX);
    if (parse_header_follow(s->format, s->header, (str){b->bytes, b->n}, &header) &&
        !set_stream(in, s->format, sbuf_str(&header)))
        end_input(in);
    sbuf_done(&header);
}

bool ingest_next(struct ingest *in, struct batch *b, const struct parse_stream **stream)
{
    for (;;) {
        batch_clear(b);
        if (!in->feed.input && !begin_input(in))
            return false;
        if (fill(in, b)) {
            b->sequence = in->sequence++;
            *stream = in->feed.stream;
            follow_header(in, b);
            return true;
        }
        end_input(in);
    }
}

/* ---- questions ---- */

const char *ingest_path(const struct ingest *in, uint32_t file)
{
    return in->inputs.file.at[file].path;
}

struct ingest_progress ingest_progress(const struct ingest *in)
{
    const struct feed *f = &in->feed;
    uint64_t stored, text;
    count_bytes(f, &stored, &text);
    return (struct ingest_progress){
        .bytes_done = in->bytes_in + stored,
        .bytes_total = in->total_known ? in->bytes_total : 0,
        .files_done = in->next - (f->input ? 1 : 0),
        .files_total = in->inputs.file.n,
        .current = f->input ? f->input->path : NULL,
        .text_bytes = in->bytes_out + text,
    };
}

size_t ingest_problem_count(const struct ingest *in)
{
    return in->problems.kept.n;
}

const struct ingest_problem *ingest_problem(const struct ingest *in, size_t i)
{
    return &in->problems.kept.at[i];
}
