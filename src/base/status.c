/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *text;
    int http, exit;
} table[] = {
#define X(name, text, http, exit) [name] = {text, http, exit},
#include "base/status.def"
};

const char *status_text(status s)
{
    return table[s].text;
}

int status_http(status s)
{
    return table[s].http;
}

int status_exit(status s)
{
    return table[s].exit;
}

status fail(struct error *err, status code, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        err->code = code;
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
    }
    return code;
}

status fail_prefix(struct error *err, status code, const char *fmt, ...)
{
    if (!err)
        return code;
    struct error old = *err;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    size_t at = n < 0 ? 0 : (size_t)n;
    if (at + 2 < sizeof err->text) {
        size_t left = sizeof err->text - at - 3, len = strlen(old.text);
        memcpy(err->text + at, ": ", 2);
        memcpy(err->text + at + 2, old.text, len < left ? len : left);
        err->text[at + 2 + (len < left ? len : left)] = '\0';
    }
    return code;
}
