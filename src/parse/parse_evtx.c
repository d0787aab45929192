/* SPDX-License-Identifier: Apache-2.0 */
/* Binary Windows event logs: the reader hands on the XML that evtx.h makes of the records. */
#include "parse/winxml.h"

static int evtx_sniff(str head)
{
    return str_starts(head, (str){"ElfFile", 8}) ? 100 : 0; /* with its NUL */
}

const struct parse_ops parse_evtx = {
    .name = "evtx",
    .sniff = evtx_sniff,
    .record = winxml_record,
    .state_size = sizeof(struct winxml),
};
