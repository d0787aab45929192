/* SPDX-License-Identifier: Apache-2.0 */
/* Binary event logs: no text to cut, but records that are asked for one by one.  A log that is a
 * plain file is read where it is; one that is compressed or comes through a pipe is taken into
 * memory first, because its records stand all over it. */
#include "ingest/ingest_int.h"
#include "parse/evtx.h"

enum { LOG_IN_MEMORY_MAX = 256 * 1024 * 1024, PATIENCE_MS = 1000 };

bool records_known(str head)
{
    return str_starts(head, STR("ElfFile\0"));
}

status records_open(struct records *r, const struct input *input, bool packed, str head,
                    struct error *err)
{
    *r = (struct records){.size = input ? input->size : 0};
    if (input && input->regular && !packed)
        return evtx_open(input->path, &r->log, err);
    sbuf_init(&r->bytes, LOG_IN_MEMORY_MAX);
    sbuf_add(&r->bytes, head);
    r->collecting = true;
    return ST_OK;
}

enum source_state records_collect(struct records *r, struct source *source, struct error *err)
{
    for (;;) {
        char *p = sbuf_space(&r->bytes, SOURCE_BUFFER);
        if (!p) {
            (void)fail(err, ST_LIMIT, "is longer than %d MiB; decompress it first",
                       LOG_IN_MEMORY_MAX / (1024 * 1024));
            return SOURCE_BAD;
        }
        size_t n;
        enum source_state state = source_read(source, p, SOURCE_BUFFER, PATIENCE_MS, &n, err);
        sbuf_grew(&r->bytes, n);
        if (state == SOURCE_IDLE || state == SOURCE_BAD)
            return state;
        if (state != SOURCE_END)
            continue;
        r->collecting = false;
        r->size = source->bytes_in;
        return evtx_open_bytes(sbuf_str(&r->bytes), &r->log, err) == ST_OK ? SOURCE_END
                                                                           : SOURCE_BAD;
    }
}

void records_close(struct records *r)
{
    evtx_close(r->log);
    sbuf_done(&r->bytes);
    *r = (struct records){0};
}

/* One element, or the parser would find no record in it, or not all of it. */
static bool is_event(str xml)
{
    bool opened = str_starts(xml, STR("<Event ")) || str_starts(xml, STR("<Event>"));
    return opened && str_ends(str_trim(xml), STR("</Event>"));
}

static void add_record(struct batch *b, str xml)
{
    if (b->n + xml.n > b->room)
        batch_reserve(b, b->n + xml.n > 2 * b->room ? b->n + xml.n : 2 * b->room);
    memcpy(b->bytes + b->n, xml.p, xml.n);
    b->n += xml.n;
}

bool records_fill(struct records *r, struct batch *b, size_t want, size_t record_max)
{
    struct sbuf xml;
    sbuf_init(&xml, record_max);
    uint64_t number = 0;
    struct error err;
    enum evtx_result got = EVTX_RECORD;
    while (b->n < want && b->read < want && (got = evtx_next(r->log, &xml, &number, &err))) {
        struct origin origin = {.file = b->file, .record = (uint32_t)number};
        bool foreign = got == EVTX_RECORD && !xml.full && !is_event(sbuf_str(&xml));
        r->done++;
        b->read += got == EVTX_BAD || xml.full || foreign;
        if (xml.full)
            batch_reject(b, origin, "longer than %zu bytes", record_max);
        else if (got == EVTX_BAD)
            batch_reject(b, origin, "%s", err.text);
        else if (foreign)
            batch_reject(b, origin, "a record that is no event");
        else
            add_record(b, sbuf_str(&xml));
        sbuf_clear(&xml);
    }
    sbuf_done(&xml);
    return b->n || b->read;
}

uint64_t records_bytes_done(const struct records *r)
{
    uint64_t all = r->bytes.n ? r->bytes.n : r->size, done = evtx_done(r->log);
    return done < all ? (uint64_t)((double)r->size * ((double)done / (double)all)) : r->size;
}
