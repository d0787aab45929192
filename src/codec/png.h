/* SPDX-License-Identifier: Apache-2.0 */
/* png.h - pixels as a PNG file (W3C PNG, third edition: eight bits a channel, no alpha).  Pure function: any thread. */
#ifndef CODEC_PNG_H
#define CODEC_PNG_H

#include "base/sbuf.h"

#include <stdbool.h>

/* Append an image of rgb (height, width, 3), 1 to 16,384 pixels each way, to `out`, which is full afterwards when it did not
 * fit. */
void png_write(const uint8_t *rgb, unsigned width, unsigned height, struct sbuf *out);

#endif
