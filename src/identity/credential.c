/* SPDX-License-Identifier: Apache-2.0 */
/* API keys "bg_ID_SECRET" and refresh tokens "bgr_ID_SECRET", ID a ULID, SECRET unpadded base64url.
 *
 * A refresh token's secret ends in a MAC over the rest.  The store keeps only the hashes of the token
 * now good and of the one before; with the MAC an older one still proves that it was ours once, so
 * that showing it ends the session, while a text anybody could make up ends nothing. */
#include "codec/base64.h"
#include "codec/hex.h"
#include "identity/identity_int.h"

enum { RANDOM_SIZE = 32, MAC_SIZE = 16, SECRET_BYTES_MAX = RANDOM_SIZE + MAC_SIZE };

static const str key_prefix = {"bg_", 3}, refresh_prefix = {"bgr_", 4};

static void hash_secret(const unsigned char *secret, size_t n,
                        char out[static CREDENTIAL_HASH_SIZE])
{
    unsigned char digest[SHA256_SIZE];
    crypto_sha256((str){(const char *)secret, n}, digest);
    size_t hex = hex_encode((str){(const char *)digest, sizeof digest}, out);
    out[hex] = 0;
}

static void mac_of(str mac_key, str id, const unsigned char *random, unsigned char out[MAC_SIZE])
{
    char data[UID_LEN + RANDOM_SIZE];
    memcpy(data, id.p, UID_LEN);
    memcpy(data + UID_LEN, random, RANDOM_SIZE);
    unsigned char mac[SHA256_SIZE];
    crypto_hmac_sha256(mac_key, (str){data, sizeof data}, mac);
    memcpy(out, mac, MAC_SIZE);
    crypto_wipe(data, sizeof data);
}

static void write_text(str prefix, str id, const unsigned char *secret, size_t n,
                       struct credential *out)
{
    char *p = out->text;
    memcpy(p, prefix.p, prefix.n);
    p += prefix.n;
    memcpy(p, id.p, id.n);
    p += id.n;
    *p++ = '_';
    p += base64url_encode((str){(const char *)secret, n}, p);
    *p = 0;
    hash_secret(secret, n, out->hash);
}

void credential_key(str id, struct credential *out)
{
    unsigned char secret[RANDOM_SIZE];
    crypto_random(secret, sizeof secret);
    write_text(key_prefix, id, secret, sizeof secret, out);
    crypto_wipe(secret, sizeof secret);
}

void credential_refresh(str mac_key, str id, struct credential *out)
{
    unsigned char secret[SECRET_BYTES_MAX];
    crypto_random(secret, RANDOM_SIZE);
    mac_of(mac_key, id, secret, secret + RANDOM_SIZE);
    write_text(refresh_prefix, id, secret, sizeof secret, out);
    crypto_wipe(secret, sizeof secret);
}

bool credential_is_key(str text)
{
    return str_starts(text, key_prefix);
}

/* PREFIX, a ULID, '_' and `n` bytes, to the letter. */
static bool read_text(str prefix, str text, str *id, unsigned char *secret, size_t n)
{
    if (!str_starts(text, prefix) || text.n < prefix.n + UID_LEN + 1)
        return false;
    str name = str_head(str_from(text, prefix.n), UID_LEN);
    str rest = str_from(text, prefix.n + UID_LEN);
    if (!uid_valid(name) || rest.p[0] != '_' || rest.n - 1 != (n * 8 + 5) / 6)
        return false;
    char bytes[SECRET_BYTES_MAX + 3];
    size_t got = 0;
    bool good = base64_decode(str_from(rest, 1), bytes, &got) && got == n;
    for (size_t i = 1; i < rest.n; i++)
        good = good && rest.p[i] != '+' && rest.p[i] != '/' && rest.p[i] != '=';
    if (good) {
        memcpy(secret, bytes, n);
        *id = name;
    }
    crypto_wipe(bytes, sizeof bytes);
    return good;
}

bool credential_read_key(str text, str *id, char hash[static CREDENTIAL_HASH_SIZE])
{
    unsigned char secret[RANDOM_SIZE];
    if (!read_text(key_prefix, text, id, secret, sizeof secret))
        return false;
    hash_secret(secret, sizeof secret, hash);
    crypto_wipe(secret, sizeof secret);
    return true;
}

bool credential_read_refresh(str mac_key, str text, str *id, char hash[static CREDENTIAL_HASH_SIZE])
{
    unsigned char secret[SECRET_BYTES_MAX], mac[MAC_SIZE];
    if (!read_text(refresh_prefix, text, id, secret, sizeof secret))
        return false;
    mac_of(mac_key, *id, secret, mac);
    bool genuine = crypto_equal((str){(const char *)mac, MAC_SIZE},
                                (str){(const char *)secret + RANDOM_SIZE, MAC_SIZE});
    hash_secret(secret, sizeof secret, hash);
    crypto_wipe(secret, sizeof secret);
    return genuine;
}
