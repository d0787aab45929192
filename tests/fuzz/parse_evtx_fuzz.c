/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an event log: refused, or each of its records is XML that our own reader takes to
 * its end, or is reported as bad with the place and the reason, and has then added nothing. */
#include "parse/evtx.h"
#include "parse/xml.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Names in a record are as hostile as the rest, so its XML need not be well formed. */
static bool is_xml(str text)
{
    struct xml x = xml_of(text);
    while (xml_next(&x) > XML_ERROR)
        ;
    return text.n && text.p[text.n - 1] == '\n';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct evtx *e;
    struct error err = {0};
    if (evtx_open_bytes((str){(const char *)data, size}, &e, &err) != ST_OK) {
        if (!err.text[0])
            abort();
        return 0;
    }
    struct sbuf xml;
    sbuf_init(&xml, 1 << 20);
    uint64_t number;
    enum evtx_result got;
    while ((got = evtx_next(e, &xml, &number, &err)) != EVTX_END) {
        if (got == EVTX_BAD ? xml.n != 0 || !strstr(err.text, "at byte") : !is_xml(sbuf_str(&xml)))
            abort();
        sbuf_clear(&xml);
    }
    sbuf_done(&xml);
    evtx_close(e);
    return 0;
}
