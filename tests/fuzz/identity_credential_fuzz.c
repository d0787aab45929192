/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, read as a key and as a refresh token, are refused or of the one form there is: then the
 * same text gives the same id and hash again, and no other spelling of it is taken.  What
 * we make ourselves is always read. */
#include "identity/identity_int.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const str mac_key = {"0123456789abcdef0123456789abcdef", 32};

static void must(bool c)
{
    if (!c)
        abort();
}

static void ours_are_read(str id)
{
    struct credential c = {0};
    str got = {0};
    char hash[CREDENTIAL_HASH_SIZE];
    credential_key(id, &c);
    must(credential_is_key(str_z(c.text)) && credential_read_key(str_z(c.text), &got, hash));
    must(str_eq(got, id) && str_eq(str_z(hash), str_z(c.hash)));
    credential_refresh(mac_key, id, &c);
    must(!credential_is_key(str_z(c.text)));
    must(credential_read_refresh(mac_key, str_z(c.text), &got, hash));
    must(str_eq(got, id) && str_eq(str_z(hash), str_z(c.hash)));
    c.text[40] = c.text[40] == 'A' ? 'B' : 'A';
    must(!credential_read_refresh(mac_key, str_z(c.text), &got, hash));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str text = {(const char *)data, size}, id = {0};
    char hash[CREDENTIAL_HASH_SIZE];
    must(!credential_read_refresh(mac_key, text, &id, hash)); /* it would have to be signed */
    if (!credential_read_key(text, &id, hash))
        return 0;
    must(text.n == 3 + UID_LEN + 1 + 43 && id.p == text.p + 3 && uid_valid(id));
    must(strlen(hash) == CREDENTIAL_HASH_SIZE - 1);
    ours_are_read(id);
    return 0;
}
