/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, read as any JSON format: every record is parsed or rejected, once; what an event
 * points to is in the batch; and what the reader was told about the layout holds. */
#include "parse/parse.h"

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool inside(const struct batch *b, const char *p, size_t n)
{
    return n == 0 || (p >= b->bytes && p + n <= b->bytes + b->n);
}

/* Text of ours is in the arena; ASan answers for it when it is read. */
static void check_event(struct dict *dict, struct batch *b, struct event *e)
{
    require(inside(b, e->raw.p, e->raw.n) && e->raw.n > 0 && e->raw.p[0] == '{');
    require(e->family < FAMILY_COUNT);
    char id[EVENT_ID_LEN + 1];
    event_id(e, id);
    size_t sum = 0;
    for (uint32_t i = 0; i < e->field_count; i++) {
        struct field *f = &e->field[i];
        require(f->kind <= VALUE_STRING);
        if (!(f->flags & FIELD_DERIVED) && f->kind != VALUE_STRING)
            require(inside(b, f->p, f->n));
        sum += dict_name(dict, f->id).n;
        str text = event_text(e, f);
        for (size_t k = 0; k < text.n; k++)
            sum += (unsigned char)text.p[k];
    }
    for (size_t k = 0; k < e->channel.n; k++)
        sum += (unsigned char)e->channel.p[k];
    for (size_t k = 0; k < e->code.n; k++)
        sum += (unsigned char)e->code.p[k];
    require(sum != SIZE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { FORMATS = PARSE_json - PARSE_winjson + 1 };
    if (size == 0)
        return 0;
    const struct parse_limits limits = {.record_bytes = 4096, .depth = 16, .fields = 64};
    struct parse_stream stream = {.format = PARSE_winjson + data[0] % FORMATS};
    str text = {(const char *)data + 1, size - 1};
    require(parse_json_layout(text).skip <= text.n);
    require(parse_sniff(text) < PARSE_FORMAT_COUNT);
    static struct dict *dict; /* kept: making one costs more than the rest */
    if (!dict)
        dict = dict_new();
    struct parser *p = parser_new(dict, &limits);
    struct batch b;
    batch_init(&b, 1 << 20);
    batch_reserve(&b, size);
    if (text.n)
        memcpy(b.bytes, text.p, text.n);
    b.n = text.n;
    b.first_line = 1;
    parser_run(p, &stream, &b);
    require(b.read == b.event_count + b.rejected);
    for (size_t i = 0; i < b.event_count; i++)
        check_event(dict, &b, &b.event[i]);
    parser_free(p);
    batch_done(&b);
    return 0;
}
