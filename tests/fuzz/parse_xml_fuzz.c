/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as XML: the reader ends, what it hands out lies inside the input, elements close in the
 * order they were opened; and read as events, every record is one or is rejected. */
#include "parse/parse.h"
#include "parse/xml.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(str s, str text)
{
    if (s.n && (s.p < text.p || s.p + s.n > text.p + text.n))
        abort();
}

static void pull(str text)
{
    struct xml x = xml_of(text);
    enum xml_token t;
    uint32_t depth = 0;
    size_t tokens = 0;
    while ((t = xml_next(&x)) > XML_ERROR) {
        depth += t == XML_OPEN;
        depth -= t == XML_CLOSE;
        if (depth != x.depth || depth > XML_DEPTH_MAX || ++tokens > text.n)
            abort();
        inside(t == XML_TEXT ? x.text : x.name, text);
        str rest = t == XML_OPEN ? x.attributes : (str){text.p, 0}, name, value;
        while (xml_attribute(&rest, &name, &value)) {
            inside(name, text);
            inside(value, text);
        }
    }
    if (t == XML_END && depth != 0)
        abort();
    char *out = malloc(text.n + 1);
    if (xml_unescape(text, out) > text.n)
        abort();
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str text = {(const char *)data, size};
    pull(text);
    static struct dict *dict; /* kept: making one costs more than the rest */
    if (!dict)
        dict = dict_new();
    struct parser *p = parser_new(dict, &parse_limits_default);
    struct parse_stream stream = {.format = PARSE_winxml};
    struct batch b;
    batch_init(&b, 16 << 20);
    batch_reserve(&b, size + 1);
    if (size)
        memcpy(b.bytes, data, size);
    b.n = size;
    b.first_line = size % 2; /* with and without lines */
    parser_run(p, &stream, &b);
    if (b.event_count + b.rejected != b.read)
        abort();
    for (size_t i = 0; i < b.event_count; i++) {
        char id[EVENT_ID_LEN + 1];
        event_id(&b.event[i], id);
    }
    batch_done(&b);
    parser_free(p);
    return 0;
}
