/* SPDX-License-Identifier: Apache-2.0 */
/* winxml.h - for files in parse/ only: one Windows event as XML, from a text or out of .evtx. */
#ifndef PARSE_WINXML_H
#define PARSE_WINXML_H

#include "parse/names.h"
#include "parse/xml.h"

struct winxml { /* state of both formats; all-zero to start with */
    struct names windows, linux_sysmon;
    struct winxml_element {
        str name;
        str field; /* its Name attribute, or empty */
        str text;
        bool has_child;
    } open[XML_DEPTH_MAX];
    str provider; /* of the event being read */
};

/* See parse_ops.record; p->state is a struct winxml. */
bool winxml_record(struct parse *p, str record);

#endif
