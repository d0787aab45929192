/* SPDX-License-Identifier: Apache-2.0 */
#include "parse/evtx.h"

#include "base/mem.h"

#include <libbfio.h>
#include <libevtx.h>

struct evtx {
    libevtx_file_t *file;    /* owned */
    libbfio_handle_t *bytes; /* owned; NULL when it was opened by path */
    int count, next;
};

/* The last line of what libevtx has to say, which is the cause, put into err. */
static status failed(struct error *err, status code, const char *what, libevtx_error_t **error)
{
    char text[160] = "";
    if (*error && libevtx_error_sprint(*error, text, sizeof text) < 0)
        text[0] = '\0';
    libevtx_error_free(error);
    return fail(err, code, "%s%s%s", what, text[0] ? ": " : "", text);
}

/* After `file` was opened, or not. */
static status opened(struct evtx *e, bool ok, libevtx_error_t **error, struct evtx **out,
                     struct error *err)
{
    if (ok && libevtx_file_get_number_of_records(e->file, &e->count, error) == 1) {
        *out = e;
        return ST_OK;
    }
    evtx_close(e);
    return failed(err, ST_INVALID, "not a readable event log", error);
}

status evtx_open(const char *path, struct evtx **out, struct error *err)
{
    libevtx_error_t *error = NULL;
    struct evtx *e = mem_new(struct evtx);
    bool ok = libevtx_file_initialize(&e->file, &error) == 1 &&
              libevtx_file_open(e->file, path, LIBEVTX_OPEN_READ, &error) == 1;
    return opened(e, ok, &error, out, err);
}

status evtx_open_bytes(str bytes, struct evtx **out, struct error *err)
{
    libevtx_error_t *error = NULL;
    struct evtx *e = mem_new(struct evtx);
    /* libbfio only reads from a handle that is opened for reading. */
    uint8_t *data = (uint8_t *)(uintptr_t)bytes.p;
    bool ok = libevtx_file_initialize(&e->file, &error) == 1 &&
              libbfio_memory_range_initialize(&e->bytes, &error) == 1 &&
              libbfio_memory_range_set(e->bytes, data, bytes.n, &error) == 1 &&
              libevtx_file_open_file_io_handle(e->file, e->bytes, LIBEVTX_OPEN_READ, &error) == 1;
    return opened(e, ok, &error, out, err);
}

void evtx_close(struct evtx *e)
{
    if (!e)
        return;
    libevtx_file_free(&e->file, NULL); /* closes it; nothing can be done if that fails */
    if (e->bytes)
        libbfio_handle_free(&e->bytes, NULL);
    mem_free(e);
}

size_t evtx_count(const struct evtx *e)
{
    return (size_t)e->count;
}

/* The XML of `record` behind what `out` has, with a line end for the NUL libevtx writes. */
static bool add_xml(libevtx_record_t *record, struct sbuf *out, libevtx_error_t **error)
{
    size_t size = 0;
    if (libevtx_record_get_utf8_xml_string_size(record, &size, error) != 1 || size == 0)
        return false;
    char *to = sbuf_space(out, size);
    if (!to || libevtx_record_get_utf8_xml_string(record, (uint8_t *)to, size, error) != 1)
        return false;
    to[size - 1] = '\n';
    sbuf_grew(out, size);
    return true;
}

enum evtx_result evtx_next(struct evtx *e, struct sbuf *out, uint64_t *number, struct error *err)
{
    if (e->next == e->count)
        return EVTX_END;
    libevtx_error_t *error = NULL;
    libevtx_record_t *record = NULL;
    int index = e->next++;
    *number = (uint64_t)e->next;
    bool ok = libevtx_file_get_record_by_index(e->file, index, &record, &error) == 1;
    uint64_t id;
    if (ok && libevtx_record_get_identifier(record, &id, &error) == 1)
        *number = id;
    ok = ok && add_xml(record, out, &error);
    if (record)
        libevtx_record_free(&record, NULL); /* only memory */
    if (ok)
        return EVTX_RECORD;
    (void)failed(err, ST_INVALID, "record cannot be read", &error); /* the result says so */
    return EVTX_BAD;
}
