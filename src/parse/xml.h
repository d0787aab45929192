/* SPDX-License-Identifier: Apache-2.0 */
/* xml.h - for files in parse/ only: a pull reader for the XML that Windows events are.
 *
 *     struct xml x = xml_of(text);
 *     enum xml_token t;
 *     while ((t = xml_next(&x)) > XML_ERROR)
 *         …
 *
 * Nothing is copied: names, texts and attribute values are slices, entities still in them
 * (xml_unescape).  Elements must nest and match, attributes must be quoted; comments and processing
 * instructions are passed over, a document type is refused, so no entity can be defined.  Prefixes of names are
 * dropped.  Never reads past the text. */
#ifndef PARSE_XML_H
#define PARSE_XML_H

#include "base/str.h"

enum { XML_DEPTH_MAX = 64 };

enum xml_token {
    XML_END,   /* the outermost element was closed */
    XML_ERROR, /* x->problem says what; sticks */
    XML_OPEN,  /* x->name, x->attributes; an empty element is opened and closed */
    XML_CLOSE, /* x->name */
    XML_TEXT   /* x->text; white space between elements included.  Comments and CDATA split it */
};

struct xml {
    const char *p, *end;
    str name, attributes, text;
    bool verbatim; /* XML_TEXT came from CDATA: `&` means itself */
    bool empty;    /* the element just opened is to be closed */
    bool started;  /* the outermost element was met */
    const char *problem;
    uint32_t depth;
    str open[XML_DEPTH_MAX]; /* full names of the open elements */
};

struct xml xml_of(str text);
enum xml_token xml_next(struct xml *x);

/* Cut the next attribute off *attributes; false at the end.  The syntax was checked. */
bool xml_attribute(str *attributes, str *name, str *value);

/* Replace the five named entities and numeric ones (as UTF-8); others stay as they are.  Writes
 * at most in.n bytes to `out` and returns how many. */
size_t xml_unescape(str in, char *out);

#endif
