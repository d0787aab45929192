/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - what the service says about itself: one JSON object a line.
 *
 *     log_say(LOG_SECURITY, LOG_WARN, "login refused", LOG_STR("user", name), LOG_STR("address", a));
 *
 * Written whole, with one write(2), by the calling thread.  The process has one log, opened by
 * app; before that, and in tests, lines go to standard error.  A line that cannot be written is
 * counted (METRIC_LOG_LOST), and what a full disk cut short gets its line end before the next.
 * A text is cut at 1,024 bytes.  Never put a secret into one.  Thread-safe. */
#ifndef OS_LOG_H
#define OS_LOG_H

#include "base/status.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum log_category {
#define X(NAME, name) LOG_##NAME,
#include "os/log.def"
    LOG_CATEGORY_COUNT
};

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
/* "debug", "info", "warn", "error"; false when `name` is none. */
bool log_level_find(str name, enum log_level *out);

struct log_field {
    const char *name;
    str text; /* p NULL: `number` it is */
    int64_t number;
};
static inline struct log_field log_text(const char *name, str text)
{
    return (struct log_field){.name = name, .text = text.p ? text : STR("")};
}
#define LOG_STR(n, s) log_text((n), (s))
#define LOG_Z(n, z)   log_text((n), str_z(z))
#define LOG_INT(n, v) ((struct log_field){.name = (n), .number = (int64_t)(v)})

struct log_options {
    const char *path; /* NULL: standard error */
    enum log_level level;
    uint64_t rotate_bytes; /* rename to PATH.1 … past this size; 0: never */
    unsigned keep;         /* how many of those */
};

/* ST_IO: the file cannot be opened for appending (it is made 0640). */
CHECKED status log_open(const struct log_options *options, struct error *err);
/* Open the path again, after logrotate moved the file.  On failure the old file stays in use. */
CHECKED status log_reopen(struct error *err);
void log_close(void);
bool log_wants(enum log_level l);

/* At most 16 fields. */
void log_write(enum log_category c, enum log_level l, const char *message,
               const struct log_field *field, size_t count);
#define log_say(c, l, message, ...)                                                                \
    (log_wants(l)                                                                                  \
         ? log_write((c), (l), (message), (const struct log_field[]){__VA_ARGS__},                 \
                     sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))   \
         : (void)0)

#endif
