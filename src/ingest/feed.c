/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes behind a batch's last whole record become the beginning of the next, so every byte is
 * read once, into the buffer that is handed out.  What is looked at is always the first so many of
 * the bytes that are there: where batches end does not depend on how the bytes came. */
#include "ingest/ingest_int.h"

enum {
    BATCH_BYTES = 256 * 1024,
    BATCH_BYTES_MIN = 8, /* more than the bytes of an end tag that may be half there */
    BUFFER_MIN = 4096,
    COPY_MAX =
        16 * 1024, /* less is copied, not exchanged, lest small feeds end up with large buffers */
    HEAD_MAX = 64 * 1024,
    LINE_END_MAX = 2,        /* "\r\n" is not part of a record's length */
    PATIENCE_HEAD_MS = 1000, /* how long a pipe may think before what it gave is taken for all */
    PATIENCE_MS = 200
};

struct feed *feed_new(void)
{
    return mem_new(struct feed);
}

void feed_done(struct feed *f)
{
    records_close(&f->records);
    if (f->input)
        source_close(&f->source);
    decompress_close(f->source.decompress);
    source_done(&f->source);
    sbuf_done(&f->header);
    sbuf_done(&f->new_header);
    batch_done(&f->text);
}

void feed_free(struct feed *f)
{
    if (!f)
        return;
    feed_done(f);
    mem_free(f);
}

/* ---- beginnings ---- */

/* The most bytes a record and its line end take. */
static size_t longest(const struct feed *f)
{
    return size_add(f->options.limits.record_bytes, LINE_END_MAX);
}

static size_t first_want(const struct feed *f)
{
    size_t want = f->options.batch_bytes, most = longest(f);
    want = want < most ? want : most;
    return want < BATCH_BYTES_MIN ? BATCH_BYTES_MIN : want;
}

static void reset(struct feed *f, const struct feed_options *options)
{
    records_close(&f->records);
    f->options = *options;
    if (f->options.batch_bytes == 0)
        f->options.batch_bytes = BATCH_BYTES;
    f->want = first_want(f);
    f->total = 0;
    batch_clear(&f->text);
    f->text.first_line = 1;
    f->begun = f->idle = f->ended = f->skipping = false;
    f->why.code = ST_OK;
    f->header.cap = f->new_header.cap = HEAD_MAX;
    sbuf_clear(&f->header);
    sbuf_clear(&f->new_header);
}

void feed_begin(struct feed *f, const struct feed_options *options)
{
    reset(f, options);
    f->input = NULL;
    source_open_memory(&f->source);
    if (options->plain)
        source_set_plain(&f->source);
}

status feed_begin_file(struct feed *f, const struct feed_options *options,
                       const struct input *input, struct error *err)
{
    reset(f, options);
    f->input = NULL;
    status st = source_open(&f->source, input, err);
    if (st == ST_OK)
        f->input = input;
    return st;
}

void feed_end_file(struct feed *f)
{
    records_close(&f->records);
    source_close(&f->source);
    f->source.bytes_in = f->source.bytes_out = 0;
    f->input = NULL;
}

static void set_stream(struct feed *f, enum parse_format format, str header)
{
    sbuf_clear(&f->header);
    sbuf_add(&f->header, header);
    f->stream = (struct parse_stream){
        .format = format,
        .now_ms = f->options.now_ms,
        .header = sbuf_str(&f->header),
        .family = f->options.family,
        .channel = f->options.channel,
    };
    f->begun = true;
}

static void set_format(struct feed *f, str head)
{
    struct parse_layout layout = {0};
    enum parse_format format = f->options.format;
    if (!f->options.forced)
        format = parse_sniff_layout(head, &layout);
    else if (parse_framing_of(format) == FRAME_JSON)
        layout = parse_json_layout(head);
    set_stream(f, format, parse_header(format, head));
    cutter_init(&f->cutter, format, f->options.limits.record_bytes, head, &layout);
}

void feed_resume(struct feed *f, str head, uint64_t line)
{
    set_format(f, str_head(head, HEAD_MAX));
    f->text.first_line = line;
    source_set_plain(&f->source);
}

/* ---- reading ---- */

static void stop_reading(struct feed *f, const struct error *why)
{
    f->why = *why;
    f->ended = true;
}

/* Room for what is wanted: all of it from a file, as much as is offered from memory. */
static void make_room(struct feed *f, size_t want)
{
    size_t need = want;
    if (f->source.memory && !f->source.decompress) {
        size_t here = size_add(f->total, f->source.offered.n);
        need = here < BUFFER_MIN ? BUFFER_MIN : here;
        need = need < 2 * f->text.room && need > f->text.room ? 2 * f->text.room : need;
        need = need < want ? need : want;
    }
    f->text.n = f->total; /* what is kept */
    batch_reserve(&f->text, size_add(need, SOURCE_ROOM_MIN));
}

/* Read until `want` bytes are there, the input ends, or it pauses. */
static void top_up(struct feed *f, size_t want)
{
    int patience_ms = f->begun ? PATIENCE_MS : PATIENCE_HEAD_MS;
    f->idle = false;
    while (f->total < want && !f->idle && !f->ended) {
        make_room(f, want);
        size_t n;
        struct error err;
        enum source_state state = source_read(&f->source, f->text.bytes + f->total,
                                              f->text.room - f->total, patience_ms, &n, &err);
        f->total += n;
        f->idle = state == SOURCE_IDLE;
        f->ended = state == SOURCE_END || state == SOURCE_BAD;
        if (state == SOURCE_BAD)
            f->why = err;
    }
}

/* The beginning that could be in one piece is: a line, or a JSON value. */
static bool looks_whole(str head)
{
    str seen = str_trim(head);
    bool json = seen.n > 1 && (seen.p[0] == '{' || seen.p[0] == '[');
    char last = seen.n ? seen.p[seen.n - 1] : '\0';
    return str_find(head, '\n') < head.n || (json && (last == '}' || last == ']'));
}

/* Look at the beginning, as much of it whatever a batch holds.  False: there is not enough of it
 * yet, or it is not to be read. */
static bool begin(struct feed *f, enum feed_more more)
{
    top_up(f, f->want > HEAD_MAX ? f->want : HEAD_MAX);
    str head = str_head((str){f->text.bytes, f->total}, HEAD_MAX);
    if (head.n == 0 || (f->idle && (more == FEED_MORE || !looks_whole(head))))
        return false;
    if (records_known(head)) {
        struct error err;
        head.n = f->total;
        f->total = 0;
        set_stream(f, PARSE_evtx, STR(""));
        if (records_open(&f->records, f->input, f->source.decompress, head, &err) == ST_OK)
            return true;
        stop_reading(f, &err);
        return false;
    }
    const char *refusal = source_refusal(head);
    if (refusal) {
        struct error err;
        (void)fail(&err, ST_UNSUPPORTED, "%s", refusal);
        f->total = 0;
        stop_reading(f, &err);
        return false;
    }
    set_format(f, head);
    return true;
}

/* ---- cutting ---- */

/* Drop what belongs to the record that is too long; first_line follows. */
static void skip(struct feed *f)
{
    struct batch *t = &f->text;
    bool found;
    size_t n = cutter_skip(&f->cutter, (str){t->bytes, t->n}, &found);
    t->first_line = line_at(t, n);
    t->n -= n;
    f->total -= n;
    if (f->total && n)
        memmove(t->bytes, t->bytes + n, f->total);
    f->skipping = !found;
}

/* The log's next records; false: none, or it is not all there yet. */
static bool find_binary(struct feed *f, size_t *whole)
{
    struct error err;
    struct batch *t = &f->text;
    enum source_state state = SOURCE_END;
    if (f->records.collecting)
        state = records_collect(&f->records, &f->source, &err);
    if (state == SOURCE_BAD) {
        stop_reading(f, &err);
        records_close(&f->records);
    }
    if (state != SOURCE_END)
        return false;
    t->first_line = t->n = 0;
    f->ended = !records_fill(&f->records, t, f->want, f->options.limits.record_bytes);
    *whole = f->total = t->n;
    return !f->ended;
}

/* One look at the bytes that are wanted.  True: *whole of them are whole records, or all there is
 * was looked at. */
static bool look(struct feed *f, bool all, size_t *whole)
{
    struct batch *t = &f->text;
    t->n = f->total < f->want ? f->total : f->want;
    *whole = 0;
    if (f->skipping && t->n)
        skip(f);
    bool last = all && f->total == t->n;
    if (last && f->skipping)
        f->total = t->n = 0; /* half of an end that never came */
    if (!f->skipping && t->n)
        *whole = cutter_whole(&f->cutter, t, last, f->idle);
    if (*whole || last)
        return true;
    size_t most = longest(f);
    if (!f->skipping && t->n > most)
        f->skipping = !cutter_give_up(&f->cutter, t);
    else if (!f->skipping && t->n >= f->want)
        f->want = f->want < most / 2 ? f->want * 2 : most + 1;
    return false;
}

/* Whole records from the front, after reading on until there are some. */
static bool find_records(struct feed *f, enum feed_more more, size_t *whole)
{
    f->source.offered_all = more == FEED_END;
    if (!f->begun && !begin(f, more))
        return false;
    if (f->records.log || f->records.collecting)
        return find_binary(f, whole);
    for (;;) {
        top_up(f, f->want);
        if (f->idle && more == FEED_MORE)
            return false;
        bool found = look(f, f->ended, whole);
        if (found)
            return *whole || f->text.read;
        if (f->idle && f->total < f->want)
            return false;
    }
}

/* ---- handing out ---- */

static void take_counts(struct feed *f, struct batch *b)
{
    struct batch *t = &f->text;
    b->first_line = t->first_line;
    b->read = t->read;
    b->rejected = t->rejected;
    if (t->rejected)
        memcpy(b->reject, t->reject, sizeof b->reject);
    t->read = t->rejected = 0;
}

/* The first `whole` bytes to `b`; what follows stays. */
static void hand_out(struct feed *f, struct batch *b, size_t whole)
{
    struct batch *t = &f->text;
    size_t rest = f->total - whole;
    take_counts(f, b);
    t->first_line = line_at(t, whole);
    if (whole <= COPY_MAX && b->room > t->room) {
        memcpy(b->bytes, t->bytes, whole);
        if (rest)
            memmove(t->bytes, t->bytes + whole, rest);
    } else {
        batch_reserve(b, rest);
        if (rest)
            memcpy(b->bytes, t->bytes + whole, rest);
        char *bytes = t->bytes;
        size_t room = t->room;
        t->bytes = b->bytes;
        t->room = b->room;
        b->bytes = bytes;
        b->room = room;
    }
    b->n = whole;
    f->total = rest;
    f->want = first_want(f);
}

/* Header lines in the batch are for those after it, too. */
static void follow_header(struct feed *f, const struct batch *b)
{
    if (!parse_header_follow(f->stream.format, f->stream.header, (str){b->bytes, b->n},
                             &f->new_header))
        sbuf_clear(&f->new_header);
}

bool feed_next(struct feed *f, enum feed_more more, struct batch *b, struct parse_stream *stream)
{
    batch_clear(b);
    if (f->new_header.n)
        set_stream(f, f->stream.format, sbuf_str(&f->new_header));
    sbuf_clear(&f->new_header);
    size_t whole;
    if (!find_records(f, more, &whole))
        return false;
    hand_out(f, b, whole);
    *stream = f->stream;
    follow_header(f, b);
    return true;
}

size_t feed_push(struct feed *f, str bytes)
{
    f->source.offered = bytes;
    size_t want = f->begun || f->want > HEAD_MAX ? f->want : HEAD_MAX;
    if (f->records.collecting) {
        struct error err;
        if (records_collect(&f->records, &f->source, &err) == SOURCE_BAD) {
            records_close(&f->records);
            stop_reading(f, &err);
        }
    } else {
        top_up(f, want);
    }
    size_t left = f->ended ? 0 : f->source.offered.n; /* after a failure nobody wants it */
    f->source.offered = (str){0};
    return bytes.n - left;
}

/* ---- questions ---- */

status feed_failed(const struct feed *f, struct error *err)
{
    if (f->why.code != ST_OK && err)
        *err = f->why;
    return f->why.code;
}

bool feed_may_have(const struct feed *f)
{
    const struct source *s = &f->source;
    bool plain_bytes = !s->decompress && s->stored_at == s->stored_n && s->wide_n == 0;
    return !f->begun || f->ended || f->records.log || f->records.collecting || !plain_bytes ||
           f->total >= f->want;
}

size_t feed_held(const struct feed *f)
{
    return f->total + (f->source.stored_n - f->source.stored_at) + f->source.wide_n;
}

bool feed_is_plain(const struct feed *f)
{
    return !f->source.decompress && !f->records.log && !f->records.collecting &&
           f->source.encoding != ENCODING_UTF16LE && f->source.encoding != ENCODING_UTF16BE;
}

uint64_t feed_line(const struct feed *f)
{
    return f->text.first_line;
}

uint64_t feed_text_bytes(const struct feed *f)
{
    return f->source.bytes_out;
}
