/* SPDX-License-Identifier: Apache-2.0 */
/* The installation's key: 256 random bits in a file that only the service can read, 64 hexadecimal
 * digits and a line end.  It seals the seeds of the signing keys, so that a copy of the database
 * signs nothing. */
#include "codec/hex.h"
#include "identity/identity_int.h"
#include "os/file.h"

enum { KEY_TEXT = 2 * SEAL_KEY_SIZE, FILE_ROOM = 128 * 1024 };

static status make(const char *path, struct error *err)
{
    char key[SEAL_KEY_SIZE], text[KEY_TEXT + 1];
    crypto_random(key, sizeof key);
    size_t n = hex_encode((str){key, sizeof key}, text);
    text[n++] = '\n';
    status st = file_create(path, 0600, (str){text, n}, err);
    crypto_wipe(key, sizeof key);
    crypto_wipe(text, sizeof text);
    return st == ST_CONFLICT ? ST_OK : st; /* another process was as quick: its key it is */
}

static status check_mode(const char *path, struct error *err)
{
    struct file_info info = {0};
    status st = file_stat(path, &info, err);
    if (st == ST_OK && (info.mode & 077))
        st = fail(err, ST_FORBIDDEN, "'%s' can be read by others (mode %o); run: chmod 600 '%s'",
                  path, info.mode, path);
    return st;
}

static status read_key(struct identity *i, const char *path, struct error *err)
{
    struct sbuf text;
    sbuf_init(&text, FILE_ROOM);
    status st = file_read_all(path, &text, err);
    str hex = str_trim(sbuf_str(&text));
    if (st == ST_OK && (hex.n != KEY_TEXT || !hex_decode(hex, (char *)i->installation)))
        st = fail(err, ST_INVALID, "'%s' is not %d hexadecimal digits; restore it from a backup",
                  path, KEY_TEXT);
    if (text.p)
        crypto_wipe(text.p, text.n);
    sbuf_done(&text);
    return st;
}

status install_key(struct identity *i, bool sealed, struct error *err)
{
    const char *path = arena_fmt(&i->texts, "%s/installation.key", i->data_dir.p).p;
    if (!path)
        return fail(err, ST_LIMIT, "the data folder's path is too long");
    struct file_info info;
    status st = file_stat(path, &info, err);
    if (st == ST_NOT_FOUND && sealed)
        return fail(
            err, ST_NOT_FOUND,
            "'%s' is missing, and the signing keys in the database are sealed with it; restore "
            "it from a backup or copy it from the machine that was set up first",
            path);
    if (st == ST_NOT_FOUND)
        st = make(path, err);
    if (st == ST_OK)
        st = check_mode(path, err);
    if (st == ST_OK)
        st = read_key(i, path, err);
    if (st == ST_OK) /* RFC 5869's way of making one key of another: a MAC over what it is for */
        crypto_hmac_sha256((str){(const char *)i->installation, sizeof i->installation},
                           STR("bguard refresh tokens 1"), i->refresh_mac);
    return st;
}
