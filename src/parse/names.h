/* SPDX-License-Identifier: Apache-2.0 */
/* names.h - for files in parse/ only: ids of the field names met lately.
 *
 * dict_resolve takes a lock for names of the source's own; records of one source use the same few
 * names again and again.  A table of fixed size where a newer name replaces an older one. */
#ifndef PARSE_NAMES_H
#define PARSE_NAMES_H

#include "parse/parse_int.h"

enum { NAMES_SLOTS = 512, NAMES_TEXT_MAX = 40 };

struct names { /* all-zero is empty; for one family and dictionary */
    struct names_slot {
        uint8_t n;
        char text[NAMES_TEXT_MAX];
        field_id id;
    } slot[NAMES_SLOTS];
};

/* The id `family` gives `name`. */
field_id names_find(struct names *names, struct dict *dict, enum family family, str name);

#endif
