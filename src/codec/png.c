/* SPDX-License-Identifier: Apache-2.0 */
#include <zlib.h>

#include "base/mem.h"
#include "codec/png.h"

#include <assert.h>

enum { SIDE_MAX = 16384, CHANNELS = 3, FILTER_UP = 2, IHDR_SIZE = 13 };

static void put_u32(uint8_t *to, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* Length, name, bytes, and the checksum of name and bytes (section 5.3). */
static void put_chunk(struct sbuf *out, const char *name, const uint8_t *bytes, size_t n)
{
    uint8_t number[4];
    uLong sum = crc32(0, (const Bytef *)name, 4);
    put_u32(number, (uint32_t)n);
    sbuf_add(out, (str){(const char *)number, 4});
    sbuf_add(out, (str){name, 4});
    if (n) {
        sum = crc32(sum, bytes, (uInt)n);
        sbuf_add(out, (str){(const char *)bytes, n});
    }
    put_u32(number, (uint32_t)sum);
    sbuf_add(out, (str){(const char *)number, 4});
}

/* Each line as its difference to the one above: charts are mostly the same downwards. */
static uint8_t *filtered(const uint8_t *rgb, size_t row, size_t height)
{
    uint8_t *lines = mem_zero(size_mul(row + 1, height));
    for (size_t y = 0; y < height; y++) {
        uint8_t *to = lines + y * (row + 1);
        *to++ = FILTER_UP;
        for (size_t x = 0; x < row; x++)
            to[x] = (uint8_t)(rgb[y * row + x] - (y ? rgb[(y - 1) * row + x] : 0));
    }
    return lines;
}

void png_write(const uint8_t *rgb, unsigned width, unsigned height, struct sbuf *out)
{
    assert(width && height && width <= SIDE_MAX && height <= SIDE_MAX);
    size_t row = (size_t)width * CHANNELS, raw = (row + 1) * height;
    uint8_t *lines = filtered(rgb, row, height), head[IHDR_SIZE] = {[8] = 8, [9] = 2};
    uLongf packed_size = compressBound(raw);
    uint8_t *packed = mem_zero(packed_size);
    int rc = compress2(packed, &packed_size, lines, raw, 6);
    assert(rc == Z_OK);
    put_u32(head, width);
    put_u32(head + 4, height);
    sbuf_add(out, STR("\x89PNG\r\n\x1a\n"));
    put_chunk(out, "IHDR", head, sizeof head);
    put_chunk(out, "IDAT", packed, packed_size);
    put_chunk(out, "IEND", NULL, 0);
    mem_free(packed);
    mem_free(lines);
}
