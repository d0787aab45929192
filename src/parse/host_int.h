/* SPDX-License-Identifier: Apache-2.0 */
/* host_int.h - for files in parse/ only: host activities told by schemas that name no log.
 *
 * Rules ask for a log ("process_creation" is Sysmon event 1 or Security event 4688).  An event
 * that says "process started" in other words is routed like the Sysmon event of that meaning. */
#ifndef PARSE_HOST_INT_H
#define PARSE_HOST_INT_H

#include "event/event.h"

enum host_activity {
    HOST_NOTHING,
    HOST_PROCESS_START,
    HOST_PROCESS_END,
    HOST_PROCESS_ACCESS,
    HOST_REMOTE_THREAD,
    HOST_IMAGE_LOAD,
    HOST_FILE_EVENT,
    HOST_FILE_DELETE,
    HOST_REGISTRY,
    HOST_NETWORK,
    HOST_DNS,
};

/* By the name or type of an operating system. */
enum family host_family(str os);

/* Set the channel and code of `e`, whose family is set, where it has none yet. */
void host_route(struct event *e, enum host_activity what);

#endif
