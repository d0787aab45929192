/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - the settings of the service, from config.def.
 *
 * defaults < bguard.yaml < environment < flags.  An unknown key, a value of the wrong kind or out of
 * range is an error that names it.  Immutable once loaded. */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include "base/arena.h"
#include "base/sbuf.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct config_list {
    const char **at;
    size_t n;
};

typedef const char *config_TEXT;
typedef const char *config_SECRET;
typedef int64_t config_NUMBER;
typedef bool config_FLAG;
typedef struct config_list config_LIST;

struct config {
#define X(NAME, key, TYPE, env, otherwise, least, most, doc) config_##TYPE NAME;
#include "app/config.def"
    struct arena arena; /* owns all text */
};

/* A flag: `value` for the setting `key`; lists gather. */
struct config_flag {
    const char *key, *value;
};

/* `file` NULL: bguard.yaml in the working folder or /etc/bguard/, if there is one.  `environment` is
 * getenv or a stand-in.  ST_INVALID, ST_NOT_FOUND (of the file), ST_IO.  config_done in any case. */
CHECKED status config_load(struct config *c, const char *file, char *(*environment)(const char *),
                           const struct config_flag *flag, size_t flags, struct error *err);
void config_done(struct config *c); /* safe when zeroed */

/* behavior.watch_01 as a number; false: it is none from 0.5 to 1. */
bool config_watch(const struct config *c, double *out_01);

/* "127.0.0.1:80", "[::1]:80", ":80" (all addresses) taken apart; `host` gets the address. */
enum { ADDRESS_MAX = 64 };
CHECKED status config_address(const char *text, char *host, size_t room, uint16_t *port,
                              struct error *err);

/* The settings in force, one JSON object; secrets as "set" or "". */
void config_write_json(const struct config *c, struct sbuf *out);
/* The same for people: a key a line. */
void config_write_text(const struct config *c, struct sbuf *out);
/* The table: an array of {key, type, environment, default, min, max, doc}. */
void config_describe(struct sbuf *out);

#endif
