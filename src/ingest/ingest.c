/* SPDX-License-Identifier: Apache-2.0 */
/* One input after the other, each through the same feed. */
#include "ingest/ingest_int.h"
#include "os/stop.h"

enum { STREAMS_MAX_BYTES = 256 * 1024 * 1024 };

struct ingest {
    struct feed_options options;
    struct input_list inputs;
    struct problems problems;
    struct arena streams;
    const struct parse_stream *stream; /* the latest made; lives in streams */
    struct feed feed;                  /* its input is NULL between inputs */
    size_t next;                       /* input to open next */
    uint64_t sequence;
    uint64_t bytes_in, bytes_out; /* of the inputs done with */
    uint64_t bytes_total;
    bool total_known;
};

status ingest_open(const char *const *path, size_t count, const struct ingest_options *options,
                   struct ingest **out, struct error *err)
{
    struct ingest *in = mem_new(struct ingest);
    in->options = (struct feed_options){
        .limits = options->limits,
        .batch_bytes = options->batch_bytes,
        .forced = options->forced,
        .format = options->format,
        .family = options->family,
        .channel = options->channel,
        .now_ms = options->now_ms,
    };
    input_list_init(&in->inputs);
    arena_init(&in->streams, STREAMS_MAX_BYTES);
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
    feed_done(&in->feed);
    input_list_done(&in->inputs);
    vec_done(&in->problems.kept);
    arena_done(&in->streams);
    mem_free(in);
}

/* ---- the input being read ---- */

static bool begin_input(struct ingest *in)
{
    while (in->next < in->inputs.file.n && !stop_requested()) {
        const struct input *input = &in->inputs.file.at[in->next];
        struct error err;
        in->feed.text.file = (uint32_t)in->next++;
        if (feed_begin_file(&in->feed, &in->options, input, &err) == ST_OK)
            return true;
        problem_add(&in->problems, input->path, "%s", err.text);
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
    struct error err;
    uint64_t stored, text;
    if (feed_failed(f, &err) != ST_OK)
        problem_add(&in->problems, f->input->path, "%s", err.text);
    count_bytes(f, &stored, &text);
    in->bytes_in += stored;
    in->bytes_out += text;
    feed_end_file(f);
}

/* Streams live as long as the run, for batches may be under way; most are like the one before. */
static bool keep_stream(struct ingest *in, const struct parse_stream *stream)
{
    const struct parse_stream *before = in->stream;
    if (before && before->format == stream->format && str_eq(before->header, stream->header))
        return true;
    struct parse_stream *s = arena_new(&in->streams, struct parse_stream);
    str copy = arena_str(&in->streams, stream->header);
    if (!s || !copy.p) {
        problem_add(&in->problems, in->feed.input->path, "not read: too many different headers");
        return false;
    }
    *s = *stream;
    s->header = copy;
    in->stream = s;
    return true;
}

bool ingest_next(struct ingest *in, struct batch *b, const struct parse_stream **stream)
{
    struct feed *f = &in->feed;
    for (;;) {
        struct parse_stream now;
        if (!f->input && !begin_input(in)) {
            batch_clear(b);
            return false;
        }
        if (!feed_next(f, FEED_IDLE, b, &now)) {
            if (f->ended)
                end_input(in);
            continue;
        }
        b->file = f->text.file;
        if (!keep_stream(in, &now)) {
            end_input(in);
            continue;
        }
        b->sequence = in->sequence++;
        *stream = in->stream;
        return true;
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
