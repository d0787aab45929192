/* SPDX-License-Identifier: Apache-2.0 */
/* llhttp_head.h - llhttp's view of a head.  Apart, as its header and net/http.h share names. */
#ifndef NET_LLHTTP_HEAD_H
#define NET_LLHTTP_HEAD_H

#include "base/str.h"

enum llhttp_verdict { LLHTTP_FINE, LLHTTP_CODING, LLHTTP_LENGTH, LLHTTP_MALFORMED };

/* A whole head, to the empty line: `field` and then `value` (none for an empty one) of each header field. */
enum llhttp_verdict llhttp_read_head(str head, void (*field)(void *arg, str name),
                                     void (*value)(void *arg, str value), void *arg);

#endif
