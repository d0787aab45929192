/* SPDX-License-Identifier: Apache-2.0 */
#include <llhttp.h>

#include "net/llhttp_head.h"

struct reading {
    void (*field)(void *arg, str name);
    void (*value)(void *arg, str value);
    void *arg;
};

static int on_field(llhttp_t *parser, const char *at, size_t n)
{
    const struct reading *r = parser->data;
    r->field(r->arg, (str){at, n});
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t n)
{
    const struct reading *r = parser->data;
    r->value(r->arg, (str){at, n});
    return 0;
}

static int on_headers(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED; /* the body is not its business */
}

static const llhttp_settings_t settings = {
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_headers,
};

enum llhttp_verdict llhttp_read_head(str head, void (*field)(void *arg, str name),
                                     void (*value)(void *arg, str value), void *arg)
{
    struct reading r = {field, value, arg};
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &r;
    switch (llhttp_execute(&parser, head.p, head.n)) {
    case HPE_PAUSED:
        return LLHTTP_FINE;
    case HPE_INVALID_TRANSFER_ENCODING:
        return LLHTTP_CODING;
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_UNEXPECTED_CONTENT_LENGTH:
        return LLHTTP_LENGTH;
    default:
        return LLHTTP_MALFORMED;
    }
}
