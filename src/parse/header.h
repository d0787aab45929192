/* SPDX-License-Identifier: Apache-2.0 */
/* header.h - for parse.c: see parse_header_follow. */
#ifndef PARSE_HEADER_H
#define PARSE_HEADER_H

#include "base/sbuf.h"

bool header_follow(str before, str bytes, struct sbuf *out);

#endif
