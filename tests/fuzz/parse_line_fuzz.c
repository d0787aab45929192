/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte picks a line format.  Whatever follows it: every record that is read becomes (part
 * of) an event or is rejected, all text that comes out can be read, and cutting the stream in two
 * where the format allows it gives the same events. */
#include "parse/parse.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
    uint64_t read, rejected, events, text, ids;
};

static void add_event(struct sum *s, struct event *e)
{
    char id[EVENT_ID_LEN + 1];
    event_id(e, id);
    s->events++;
    for (int i = 0; i < EVENT_ID_LEN; i++)
        s->ids = s->ids * 31 + (unsigned char)id[i];
    for (uint32_t i = 0; i < e->field_count; i++) {
        str v = event_text(e, &e->field[i]);
        for (size_t k = 0; k < v.n; k++)
            s->text += (unsigned char)v.p[k];
    }
}

static struct sum run(struct parser *p, const struct parse_stream *stream, str bytes, struct sum s)
{
    struct batch b;
    batch_init(&b, 16 << 20);
    batch_reserve(&b, bytes.n + 1);
    if (bytes.n)
        memcpy(b.bytes, bytes.p, bytes.n);
    b.n = bytes.n;
    b.first_line = 1;
    parser_run(p, stream, &b);
    s.read += b.read;
    s.rejected += b.rejected;
    for (size_t i = 0; i < b.event_count; i++)
        add_event(&s, &b.event[i]);
    batch_done(&b);
    return s;
}

/* Where the text may be cut near its middle, or its end. */
static size_t cut_place(enum parse_format f, str text)
{
    size_t at = text.n / 2;
    while (at < text.n && (at == 0 || text.p[at - 1] != '\n'))
        at++;
    if (at == 0 || at >= text.n)
        return text.n;
    size_t start = at - 1;
    while (start > 0 && text.p[start - 1] != '\n')
        start--;
    str line = {text.p + start, at - 1 - start}, next = {text.p + at, text.n - at};
    return parse_joins(f, line, str_head(next, str_find(next, '\n'))) ? text.n : at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum parse_format formats[] = {
        PARSE_access, PARSE_weberror, PARSE_syslog, PARSE_auditd,  PARSE_cef,
        PARSE_leef,   PARSE_text,     PARSE_w3c,    PARSE_zeektsv,
    };
    if (size == 0)
        return 0;
    str text = {(const char *)data + 1, size - 1};
    struct parse_stream stream = {.format = formats[data[0] % COUNT(formats)],
                                  .now_ms = 1600746314000};
    (void)parse_sniff(text); /* any answer is one */
    stream.header = parse_header(stream.format, text);
    if (stream.header.n > text.n)
        abort();
    static struct dict *dict; /* kept: making one costs more than the rest */
    if (!dict)
        dict = dict_new();
    struct parser *p = parser_new(dict, &parse_limits_default);
    struct sum whole = run(p, &stream, text, (struct sum){0});
    bool joins = stream.format == PARSE_auditd;
    if (joins ? whole.events > whole.read - whole.rejected
              : whole.events != whole.read - whole.rejected)
        abort();
    size_t at = cut_place(stream.format, text);
    struct sum parts = run(p, &stream, str_head(text, at), (struct sum){0});
    parts = run(p, &stream, str_from(text, at), parts);
    bool headed = stream.format == PARSE_zeektsv || stream.format == PARSE_w3c;
    if (!headed && memcmp(&whole, &parts, sizeof whole) != 0)
        abort();
    parser_free(p);
    return 0;
}
