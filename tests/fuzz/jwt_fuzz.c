/* SPDX-License-Identifier: Apache-2.0 */
/* No text verifies but one that was signed.  The input is tried as a token, as the header and the claims
 * of one whose MAC is right, and as changes to a good one: pairs of a place and a byte to put there. */
#include "base/mem.h"
#include "codec/base64.h"
#include "identity/jwt_int.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct token_expect expect = {.issuer = {"bguard", 6},
                                           .audience = {"bguard", 6},
                                           .type = {"at+jwt", 6},
                                           .now_ms = 1800000000000};
static const char claims[] =
    "{\"iss\":\"bguard\",\"aud\":\"bguard\",\"iat\":1800000000,\"exp\":1800000900}";

static struct token_keys *ring[TOKEN_MODE_COUNT];
static struct sbuf good[TOKEN_MODE_COUNT];

static void set_up(void)
{
    for (enum token_mode m = 0; m < TOKEN_MODE_COUNT; m++) {
        ring[m] = token_keys_new(m);
        for (enum signature_kind kind = 0; kind < SIGN_KIND_COUNT; kind++) {
            struct token_key_row row = {.kind = kind,
                                        .seed = STR("0123456789abcdef0123456789abcdef")};
            assert(token_keys_add(ring[m], &row, NULL) == ST_OK);
        }
        if (m == TOKEN_HS256)
            assert(token_keys_add_secret(ring[m], STR("0123456789abcdef0123456789abcdef"), NULL) ==
                   ST_OK);
        assert(token_keys_freeze(ring[m], NULL) == ST_OK);
        sbuf_init(&good[m], TOKEN_MAX);
        assert(token_sign(ring[m], expect.type, str_z(claims), &good[m], NULL) == ST_OK);
    }
}

static bool verifies(enum token_mode m, str token)
{
    struct token_claims c = {0};
    struct error err = {.text = ""};
    status st = token_verify(ring[m], token, &expect, &c, &err);
    assert(st == ST_OK || (st == ST_UNAUTHORIZED && err.text[0] && !c.doc));
    assert(st != ST_OK || (c.expires_ms > expect.now_ms && c.issued_ms <= expect.now_ms));
    token_claims_done(&c);
    return st == ST_OK;
}

static void as_a_token(str input)
{
    for (enum token_mode m = 0; m < TOKEN_MODE_COUNT; m++)
        if (verifies(m, input))
            assert(str_eq(input, sbuf_str(&good[m])));
}

/* So that changes reach what stands behind the signature.  Only the right header and claims pass. */
static void as_parts(str header, str payload)
{
    struct sbuf token;
    unsigned char mac[SHA256_SIZE];
    sbuf_init(&token, 4 * TOKEN_MAX + 2 * (header.n + payload.n));
    char *p = sbuf_space(&token, base64_encoded_max(header.n));
    sbuf_grew(&token, base64url_encode(header, p));
    sbuf_addc(&token, '.');
    p = sbuf_space(&token, base64_encoded_max(payload.n));
    sbuf_grew(&token, base64url_encode(payload, p));
    crypto_hmac_sha256(sbuf_str(&ring[TOKEN_HS256]->key[2].secret), sbuf_str(&token), mac);
    sbuf_addc(&token, '.');
    p = sbuf_space(&token, base64_encoded_max(sizeof mac));
    sbuf_grew(&token, base64url_encode((str){(const char *)mac, sizeof mac}, p));
    bool taken = verifies(TOKEN_HS256, sbuf_str(&token));
    assert(!taken || (str_contains(header, STR("HS256")) && payload.n > 50));
    for (enum token_mode m = 0; m < TOKEN_HS256; m++)
        assert(!verifies(m, sbuf_str(&token)));
    sbuf_done(&token);
}

static void as_changes(str input)
{
    for (enum token_mode m = 0; m < TOKEN_MODE_COUNT; m++) {
        str was = sbuf_str(&good[m]);
        char *token = mem_zero(was.n);
        memcpy(token, was.p, was.n);
        for (size_t i = 0; i + 3 <= input.n; i += 3) {
            size_t at = (size_t)(unsigned char)input.p[i] << 8 | (unsigned char)input.p[i + 1];
            token[at % was.n] = input.p[i + 2];
        }
        assert(verifies(m, (str){token, was.n}) == (memcmp(token, was.p, was.n) == 0));
        mem_free(token);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str input = {(const char *)data, size}, rest = input;
    if (!ring[0])
        set_up();
    str header = str_cut(&rest, '\n');
    as_a_token(input);
    as_parts(header, rest);
    as_changes(str_head(input, 30));
    return 0;
}
