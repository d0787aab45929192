/* SPDX-License-Identifier: Apache-2.0 */
/* entity.h - the characters that XML and HTML keep for themselves. */
#ifndef CODEC_ENTITY_H
#define CODEC_ENTITY_H

#include <stdint.h>

/* What stands for code point `c` in text and in values quoted either way; NULL: `c` itself.  Pure: any thread. */
const char *entity_of(uint32_t c);

#endif
