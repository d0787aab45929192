/* SPDX-License-Identifier: Apache-2.0 */
/* A row that was read and is written again, all cells in quotes, reads the
 * same; and reading ends. */
#include "base/sbuf.h"
#include "codec/csv.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COLUMNS = 50 };

static void write_row(const struct csv_row *row, struct sbuf *to)
{
    for (size_t i = 0; i < row->count; i++) {
        sbuf_addz(to, i ? ",\"" : "\"");
        for (size_t j = 0; j < row->cell[i].n; j++)
            sbuf_add(to, row->cell[i].p[j] == '"' ? STR("\"\"")
                                                  : str_head(str_from(row->cell[i], j), 1));
        sbuf_addc(to, '"');
    }
}

static void reads_the_same(const struct csv_row *row)
{
    struct arena arena;
    struct csv c;
    struct csv_row again;
    struct sbuf text;
    arena_init(&arena, 1 << 20);
    sbuf_init(&text, 1 << 20);
    write_row(row, &text);
    csv_init(&c, sbuf_str(&text), ',', COLUMNS, &arena);
    status st = csv_next(&c, &again, NULL);
    assert(st == ST_OK && again.count == row->count);
    for (size_t i = 0; i < row->count; i++)
        assert(str_eq(row->cell[i], again.cell[i]));
    sbuf_done(&text);
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct csv c;
    struct csv_row row;
    size_t rows = 0;
    status st;
    arena_init(&arena, 1 << 20);
    csv_init(&c, (str){(const char *)data, size}, size % 2 ? ',' : ';', COLUMNS, &arena);
    while ((st = csv_next(&c, &row, NULL)) != ST_NOT_FOUND) {
        assert(++rows <= size);
        if (st == ST_OK)
            reads_the_same(&row);
    }
    arena_done(&arena);
    return 0;
}
