/* SPDX-License-Identifier: Apache-2.0 */
/* Before ours: it names a parameter what base/banned.h poisons. */
#include <openssl/evp.h>

#include "codec/base64.h"
#include "net/ws_int.h"

#include <assert.h>

bool ws_list_has(str list, str token)
{
    while (list.p) {
        if (str_ieq(str_trim(str_cut(&list, ',')), token))
            return true;
    }
    return false;
}

bool ws_key_ok(str key)
{
    char bytes[20];
    size_t n = 0;
    return key.n == 24 && str_ends(key, STR("==")) && base64_decode(key, bytes, &n) && n == 16;
}

/* RFC 6455, section 4.2.2: a proof that the request was understood, no secret. */
void ws_accept(str key, char out[static WS_ACCEPT_SIZE])
{
    static const str guid = {"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36};
    char text[24 + 36];
    unsigned char digest[EVP_MAX_MD_SIZE];
    size_t n = 0;
    assert(key.n == 24);
    memcpy(text, key.p, key.n);
    memcpy(text + key.n, guid.p, guid.n);
    int ok = EVP_Q_digest(NULL, "SHA1", NULL, text, sizeof text, digest, &n);
    assert(ok == 1 && n == 20);
    n = base64_encode((str){(const char *)digest, n}, out);
    assert(ok == 1 && n == WS_ACCEPT_SIZE);
}

/* A window of 8 to 15 bits, maybe in quotes; 0: none of them. */
static int window_bits(str value)
{
    uint64_t bits = 0;
    if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
        value = (str){value.p + 1, value.n - 2};
    if (value.n == 0 || value.p[0] == '0' || !str_to_u64(value, &bits) || bits < 8 || bits > 15)
        return 0;
    return (int)bits;
}

enum { SERVER_TAKEOVER = 1, CLIENT_TAKEOVER = 2, SERVER_BITS = 4, CLIENT_BITS = 8 };

/* Which parameter it is; 0: one we must decline the offer for. */
static unsigned parameter(str text)
{
    str rest = text;
    str name = str_trim(str_cut(&rest, '='));
    bool valued = rest.p != NULL;
    int bits = window_bits(str_trim(rest));
    if (str_ieq(name, STR("server_no_context_takeover")) && !valued)
        return SERVER_TAKEOVER;
    if (str_ieq(name, STR("client_no_context_takeover")) && !valued)
        return CLIENT_TAKEOVER;
    /* Frames are shared between clients, so a smaller window is not for us. */
    if (str_ieq(name, STR("server_max_window_bits")) && bits == 15)
        return SERVER_BITS;
    if (str_ieq(name, STR("client_max_window_bits")) && (!valued || bits))
        return CLIENT_BITS;
    return 0;
}

static bool offer_ok(str offer)
{
    unsigned seen = 0;
    if (!str_ieq(str_trim(str_cut(&offer, ';')), STR("permessage-deflate")))
        return false;
    while (offer.p) {
        unsigned one = parameter(str_trim(str_cut(&offer, ';')));
        if (!one || (seen & one))
            return false;
        seen |= one;
    }
    return true;
}

bool ws_offers_deflate(str extensions)
{
    while (extensions.p) {
        if (offer_ok(str_cut(&extensions, ',')))
            return true;
    }
    return false;
}
