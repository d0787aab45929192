/* SPDX-License-Identifier: Apache-2.0 */
/* appliance.h - for files in parse/ only: what CEF and LEEF share. */
#ifndef PARSE_APPLIANCE_H
#define PARSE_APPLIANCE_H

#include "parse/names.h"
#include "parse/syslog.h"

struct appliance {            /* state of both formats; all-zero to start with */
    struct names common, own; /* as APPLIANCE and as the vendor's family name fields */
    uint8_t own_family;       /* whose names `own` holds */
};

/* Vendor, product and version of an event: sets its family and channel and adds the fields. */
struct appliance_device {
    str vendor, product, version, code;
};
void appliance_begin(struct parse *p, str line, const struct appliance_device *d);

/* Append a pair under the ECS name that APPLIANCE has for `key`, else under its own name. */
void appliance_add(struct parse *p, struct appliance *a, str key, str value);

/* The time in the forms devices write, or TIME_NONE. */
int64_t appliance_time(struct parse *p, str value);

/* Cut `mark` and what stands before it off: the front of *line, read when it is syslog's.  False when
 * `mark` is not near the start. */
bool appliance_cut_front(str line, str mark, int64_t now_ms, struct syslog *front, str *rest);

#endif
