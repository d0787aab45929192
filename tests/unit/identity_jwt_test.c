/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens, and the known ways to get past those who check them (RFC 8725; PortSwigger's and Wycheproof's
 * collections): each is tried here against every mode it could concern. */
#include "identity/jwt_int.h"

#include "base/metric.h"
#include "codec/base64.h"
#include "os/thread.h"
#include "tests/test.h"

static const int64_t now_ms = 1800000000000;
static const str secret = {"a secret of more than thirty-two bytes", 38};
static const char good[] =
    "{\"iss\":\"bguard\",\"aud\":\"bguard\",\"sub\":\"u1\",\"jti\":\"t1\",\"sid\":\"s1\","
    "\"iat\":1800000000,\"nbf\":1800000000,\"exp\":1800000900}";

static str good_claims(void)
{
    return str_z(good);
}

static const struct token_expect expect = {
    .issuer = {"bguard", 6}, .audience = {"bguard", 6}, .type = {"at+jwt", 6}, .now_ms = now_ms};

/* A ring with two keys of each kind, grown from seeds of one repeated byte; the second signs. */
static struct token_keys *ring_of(enum token_mode mode, char first)
{
    struct token_keys *k = token_keys_new(mode);
    char seed[SIGN_SEED_SIZE];
    for (int i = 0; i < 4; i++) {
        memset(seed, first + i, sizeof seed);
        struct token_key_row row = {.kind = i % 2 ? SIGN_ML_DSA_65 : SIGN_ED25519,
                                    .seed = {seed, sizeof seed},
                                    .created_ms = now_ms - 1000 + i,
                                    .retired_ms = i < 2 ? now_ms - 500 : 0,
                                    .expires_ms = i < 2 ? now_ms + 500 : 0};
        assert_int_equal(token_keys_add(k, &row, NULL), ST_OK);
    }
    if (mode == TOKEN_HS256)
        assert_int_equal(token_keys_add_secret(k, secret, NULL), ST_OK);
    assert_int_equal(token_keys_freeze(k, NULL), ST_OK);
    return k;
}

static struct token_keys *ring(enum token_mode mode)
{
    return ring_of(mode, 'a');
}

static str signed_by(const struct token_keys *k, str claims, struct sbuf *out)
{
    struct error err = {0};
    sbuf_init(out, 4 * TOKEN_MAX);
    if (token_sign(k, expect.type, claims, out, &err) != ST_OK)
        fail_msg("%s", err.text);
    return sbuf_str(out);
}

static status verified(const struct token_keys *k, str token, struct error *err)
{
    struct token_claims c = {0};
    status st = token_verify(k, token, &expect, &c, err);
    token_claims_done(&c);
    return st;
}

/* Refused, and for this reason. */
static void assert_refused(const struct token_keys *k, str token, const char *why)
{
    struct error err = {0};
    status st = verified(k, token, &err);
    if (st != ST_UNAUTHORIZED || !str_contains(str_z(err.text), str_z(why)))
        fail_msg("%s: status %d, '%s' instead of '%s'", token_mode_name(k->mode), (int)st, err.text,
                 why);
}

static void add_text(struct sbuf *to, str bytes)
{
    char *p = sbuf_space(to, base64_encoded_max(bytes.n));
    sbuf_grew(to, base64url_encode(bytes, p));
}

/* A token of one part whose header is ours to write, and which is properly signed by `alg`'s key. */
static str forged(const struct token_keys *k, enum token_alg alg, str header, str claims,
                  struct sbuf *out)
{
    unsigned char sig[SIGNATURE_MAX];
    size_t n = SHA256_SIZE;
    const struct token_key *key = token_keys_current(k, alg);
    sbuf_init(out, 4 * TOKEN_MAX);
    add_text(out, header);
    sbuf_addc(out, '.');
    add_text(out, claims);
    if (alg == ALG_HS256) {
        crypto_hmac_sha256(sbuf_str(&key->secret), sbuf_str(out), sig);
    } else {
        n = signature_size(signing_key_kind(key->key));
        assert_int_equal(signing_key_sign(key->key, sbuf_str(out), sig, NULL), ST_OK);
    }
    sbuf_addc(out, '.');
    add_text(out, (str){(const char *)sig, n});
    return sbuf_str(out);
}

/* `%` in the pattern becomes the id of the Ed25519 key that signs. */
static str header_with(const struct token_keys *k, const char *pattern, struct sbuf *out)
{
    str kid = token_keys_current(k, ALG_ED25519)->kid, rest = str_z(pattern);
    sbuf_init(out, TOKEN_MAX);
    while (rest.n) {
        sbuf_add(out, str_cut(&rest, '%'));
        if (rest.p)
            sbuf_add(out, kid);
    }
    return sbuf_str(out);
}

/* ---- what is right ---- */

static void signs_and_verifies_in_every_mode(void **state)
{
    for (enum token_mode m = 0; m < TOKEN_MODE_COUNT; m++) {
        struct token_keys *k = ring(m);
        struct token_claims c = {0};
        struct error err = {0};
        struct sbuf out;
        str token = signed_by(k, good_claims(), &out);
        int64_t before = metric_value(METRIC_TOKENS_VERIFIED);
        if (token_verify(k, token, &expect, &c, &err) != ST_OK)
            fail_msg("%s: %s", token_mode_name(m), err.text);
        assert_int_equal(metric_value(METRIC_TOKENS_VERIFIED), before + 1);
        assert_true(str_eq(c.subject, STR("u1")) && str_eq(c.id, STR("t1")));
        assert_true(str_eq(c.session, STR("s1")));
        assert_int_equal(c.issued_ms, 1800000000000);
        assert_int_equal(c.expires_ms, 1800000900000);
        assert_int_equal(json_count(c.root), 8);
        assert_int_equal(str_find(token, '~') < token.n, m == TOKEN_HYBRID);
        token_claims_done(&c);
        sbuf_done(&out);
        token_keys_unref(k);
    }
}

static void ids_of_keys_are_their_thumbprints(void **state)
{
    /* RFC 8037, A.3 */
    static const char seed[] = "\x9d\x61\xb1\x9d\xef\xfd\x5a\x60\xba\x84\x4a\xf4\x92\xec\x2c\xc4"
                               "\x44\x49\xc5\x69\x7b\x32\x69\x19\x70\x3b\xac\x03\x1c\xae\x7f\x60";
    static const char zeros[SIGN_SEED_SIZE];
    struct signing_key *key = NULL;
    char kid[TOKEN_KID_SIZE];
    assert_int_equal(signing_key_from_seed(SIGN_ED25519, (str){seed, 32}, &key, NULL), ST_OK);
    token_kid(key, kid);
    assert_string_equal(kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    signing_key_free(key);
    /* the example key of RFC 9964, whose seed is zeros */
    assert_int_equal(signing_key_from_seed(SIGN_ML_DSA_65, (str){zeros, 32}, &key, NULL), ST_OK);
    token_kid(key, kid);
    assert_string_equal(kid, "Suiu29qbfuaBaR4Ats-c6XQBePB_OpAxAwcTR_0KXVM");
    signing_key_free(key);
}

static void a_retired_key_verifies_until_it_expires(void **state)
{
    struct sbuf out, jwks;
    struct error err = {0};
    struct token_claims c = {0};
    char seed[SIGN_SEED_SIZE];
    struct token_keys *old = token_keys_new(TOKEN_ED25519), *k = ring(TOKEN_ED25519);
    memset(seed, 'a', sizeof seed); /* the first of ring's */
    struct token_key_row row = {.kind = SIGN_ED25519, .seed = {seed, sizeof seed}};
    assert_int_equal(token_keys_add(old, &row, NULL), ST_OK);
    assert_int_equal(token_keys_freeze(old, NULL), ST_OK);
    str token = signed_by(old, good_claims(), &out);
    struct token_expect e = expect;
    e.now_ms = now_ms + 499;
    assert_int_equal(token_verify(k, token, &e, &c, NULL), ST_OK);
    token_claims_done(&c);
    e.now_ms = now_ms + 500;
    assert_int_equal(token_verify(k, token, &e, &c, &err), ST_UNAUTHORIZED);
    assert_true(str_contains(str_z(err.text), STR("no key of ours")));
    sbuf_init(&jwks, 65536);
    token_keys_jwks(k, now_ms, &jwks);
    size_t all = jwks.n;
    sbuf_clear(&jwks);
    token_keys_jwks(k, now_ms + 500, &jwks);
    assert_true(jwks.n < all);
    sbuf_done(&jwks);
    sbuf_done(&out);
    token_keys_unref(old);
    token_keys_unref(k);
}

static void publishes_keys_but_no_secret(void **state)
{
    struct token_keys *k = ring(TOKEN_HYBRID);
    struct json_doc *doc = NULL;
    struct sbuf out;
    sbuf_init(&out, 65536);
    token_keys_jwks(k, now_ms, &out);
    assert_int_equal(json_doc_parse(sbuf_str(&out), 65536, &doc, NULL), ST_OK);
    json_node keys = json_get(json_doc_root(doc), STR("keys"));
    assert_int_equal(json_count(keys), 4);
    for (struct json_each it = json_each(keys); json_each_next(&it);) {
        bool akp = str_eq(json_str(json_get(it.value, STR("kty")), STR("")), STR("AKP"));
        str public = json_str(json_get(it.value, akp ? STR("pub") : STR("x")), STR(""));
        assert_int_equal(public.n, akp ? 2603 : 43);
        assert_int_equal(json_count(it.value), akp ? 5 : 6);
        assert_true(json_kind(json_get(it.value, STR("d"))) == JSON_IS_ABSENT);
        assert_true(json_kind(json_get(it.value, STR("priv"))) == JSON_IS_ABSENT);
        assert_true(json_kind(json_get(it.value, STR("k"))) == JSON_IS_ABSENT);
    }
    json_doc_free(doc);
    token_keys_unref(k);
    sbuf_clear(&out);
    k = ring(TOKEN_HS256);
    token_keys_jwks(k, now_ms, &out);
    assert_string_equal(out.p, "{\"keys\":[]}");
    sbuf_done(&out);
    token_keys_unref(k);
}

static void a_ring_is_built_of_what_fits(void **state)
{
    char seed[SIGN_SEED_SIZE] = "x";
    struct error err = {0};
    struct token_keys *k = token_keys_new(TOKEN_HYBRID);
    struct token_key_row row = {.kind = SIGN_ED25519, .seed = {seed, sizeof seed}};
    assert_int_equal(token_keys_add(k, &row, NULL), ST_OK);
    assert_int_equal(token_keys_add(k, &row, &err), ST_CONFLICT);
    row.kid = STR("another");
    assert_int_equal(token_keys_add(k, &row, &err), ST_INVALID);
    assert_int_equal(token_keys_freeze(k, &err), ST_INVALID);
    assert_string_equal(err.text, "tokens of mode 'hybrid' lack a key to sign with");
    assert_int_equal(token_keys_add_secret(k, STR("short"), &err), ST_INVALID);
    row.kid = (str){0};
    for (int i = 1; i < TOKEN_KEYS_MAX; i++) {
        seed[1] = (char)i;
        assert_int_equal(token_keys_add(k, &row, NULL), ST_OK);
    }
    seed[1] = TOKEN_KEYS_MAX;
    assert_int_equal(token_keys_add(k, &row, &err), ST_LIMIT);
    token_keys_unref(token_keys_ref(k));
    token_keys_unref(k);
    token_keys_unref(NULL);
}

static void signs_only_objects_that_fit(void **state)
{
    struct token_keys *k = ring(TOKEN_HYBRID);
    struct sbuf out, big;
    sbuf_init(&out, 4 * TOKEN_MAX);
    sbuf_add(&out, STR("before"));
    assert_int_equal(token_sign(k, expect.type, STR("[]"), &out, NULL), ST_INVALID);
    assert_int_equal(token_sign(k, expect.type, STR("{"), &out, NULL), ST_INVALID);
    sbuf_init(&big, TOKEN_MAX);
    sbuf_addf(&big, "{\"a\":\"%*d\"}", 12000, 1);
    assert_int_equal(token_sign(k, expect.type, sbuf_str(&big), &out, NULL), ST_LIMIT);
    assert_string_equal(out.p, "before");
    sbuf_done(&big);
    sbuf_done(&out);
    token_keys_unref(k);
}

static void knows_its_modes_by_name(void **state)
{
    enum token_mode m;
    assert_true(token_mode_find(STR("hybrid"), &m) && m == TOKEN_HYBRID);
    assert_string_equal(token_mode_name(TOKEN_ML_DSA_65), "ml-dsa-65");
    assert_false(token_mode_find(STR("none"), &m) || token_mode_find(STR(""), &m));
}

/* ---- what is wrong: the form ---- */

static void refuses_what_is_no_token(void **state)
{
    static const char *const bad[] = {"",      ".",     "..",      "...",      "a",
                                      "a.b",   "a.b.c", "a.b.c.d", "~",        "~~",
                                      "..~..", "null",  "{}",      "{}.{}.{}", "a.b.c~a..c~a..c"};
    for (enum token_mode m = 0; m < TOKEN_MODE_COUNT; m++) {
        struct token_keys *k = ring(m);
        for (size_t i = 0; i < COUNT(bad); i++)
            assert_refused(k, str_z(bad[i]), "the token");
        token_keys_unref(k);
    }
}

static void refuses_a_token_changed_anywhere(void **state)
{
    for (enum token_mode m = 0; m < TOKEN_MODE_COUNT; m++) {
        struct token_keys *k = ring(m);
        struct sbuf out;
        str token = signed_by(k, good_claims(), &out);
        size_t step = token.n > 1000 ? 61 : 1; /* ML-DSA under the sanitizers takes its time */
        for (size_t i = 0; i < token.n; i += step) {
            char was = out.p[i];
            out.p[i] = was == 'A' ? 'B' : 'A';
            assert_refused(k, token, "");
            out.p[i] = '=';
            assert_refused(k, token, "");
            out.p[i] = '\0';
            assert_refused(k, token, "");
            out.p[i] = was;
            assert_refused(k, str_head(token, i), "");
        }
        assert_int_equal(verified(k, token, NULL), ST_OK);
        sbuf_done(&out);
        token_keys_unref(k);
    }
}

static void refuses_padding_and_additions(void **state)
{
    static const char *const end[] = {"=", "==", "A", "AAAA", ".", ".a", "~", "\n", " ", "%3D"};
    for (enum token_mode m = 0; m < TOKEN_MODE_COUNT; m++) {
        struct token_keys *k = ring(m);
        for (size_t i = 0; i < COUNT(end); i++) {
            struct sbuf out;
            signed_by(k, good_claims(), &out);
            sbuf_addz(&out, end[i]);
            assert_refused(k, sbuf_str(&out), "the token");
            sbuf_done(&out);
        }
        token_keys_unref(k);
    }
}

static void refuses_a_token_that_is_too_long(void **state)
{
    struct token_keys *k = ring(TOKEN_ED25519);
    struct sbuf header, out;
    sbuf_init(&header, TOKEN_MAX);
    sbuf_addf(&header, "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"%*d\"}", 15000, 1);
    forged(k, ALG_ED25519, sbuf_str(&header), good_claims(), &out);
    assert_refused(k, sbuf_str(&out), "bytes");
    sbuf_done(&header);
    sbuf_done(&out);
    token_keys_unref(k);
}

/* ---- the header ---- */

static void refuses_the_algorithm_none(void **state)
{
    static const char *const none[] = {"none", "None", "NONE",  "nOnE",
                                       "",     "null", "none ", "\\u006eone"};
    for (enum token_mode m = 0; m < TOKEN_MODE_COUNT; m++) {
        struct token_keys *k = ring(m);
        for (size_t i = 0; i < COUNT(none); i++) {
            struct sbuf header, token;
            sbuf_init(&header, 1000);
            sbuf_init(&token, 4000);
            sbuf_addf(&header, "{\"alg\":\"%s\",\"kid\":\"" STR_FMT "\",\"typ\":\"at+jwt\"}",
                      none[i], STR_ARG(token_keys_current(k, ALG_ED25519)->kid));
            add_text(&token, sbuf_str(&header));
            sbuf_addc(&token, '.');
            add_text(&token, good_claims());
            sbuf_addc(&token, '.');
            assert_refused(k, sbuf_str(&token), "the token");
            sbuf_addz(&token, "AAAA");
            assert_refused(k, sbuf_str(&token), "the token");
            sbuf_done(&header);
            sbuf_done(&token);
        }
        token_keys_unref(k);
    }
}

/* The classic: HMAC with the public key, which everybody has, as its secret. */
static void refuses_a_public_key_as_secret(void **state)
{
    static const char *const alg[] = {"HS256", "HS512", "EdDSA", "ML-DSA-65"};
    unsigned char public[SIGN_PUBLIC_MAX], mac[SHA256_SIZE];
    for (size_t i = 0; i < COUNT(alg); i++) {
        for (enum token_mode m = TOKEN_ED25519; m <= TOKEN_ML_DSA_65; m++) {
            struct token_keys *k = ring(m);
            const struct token_key *key = token_keys_current(k, token_modes[m].alg[0]);
            struct sbuf header, token;
            sbuf_init(&header, 1000);
            sbuf_init(&token, 4000);
            sbuf_addf(&header, "{\"alg\":\"%s\",\"kid\":\"" STR_FMT "\",\"typ\":\"at+jwt\"}",
                      alg[i], STR_ARG(key->kid));
            add_text(&token, sbuf_str(&header));
            sbuf_addc(&token, '.');
            add_text(&token, good_claims());
            signing_key_public(key->key, public);
            str as_secret = {(const char *)public,
                             signature_public_size(signing_key_kind(key->key))};
            crypto_hmac_sha256(as_secret, sbuf_str(&token), mac);
            sbuf_addc(&token, '.');
            add_text(&token, (str){(const char *)mac, sizeof mac});
            assert_refused(k, sbuf_str(&token), "the token");
            sbuf_done(&header);
            sbuf_done(&token);
            token_keys_unref(k);
        }
    }
}

/* Every mode against tokens of every other, all keys being in both rings. */
static void refuses_tokens_of_another_mode(void **state)
{
    for (enum token_mode m = 0; m < TOKEN_MODE_COUNT; m++) {
        for (enum token_mode by = 0; by < TOKEN_MODE_COUNT; by++) {
            struct token_keys *k = ring(m), *other = ring(by);
            struct sbuf out;
            str token = signed_by(other, good_claims(), &out);
            if (m == by)
                assert_int_equal(verified(k, token, NULL), ST_OK);
            else
                assert_refused(k, token, "the token");
            sbuf_done(&out);
            token_keys_unref(other);
            token_keys_unref(k);
        }
    }
}

static void refuses_keys_that_are_not_in_the_ring(void **state)
{
    for (enum token_mode m = 0; m < TOKEN_HS256; m++) {
        struct token_keys *k = ring(m), *other = ring_of(m, 'q');
        struct sbuf out;
        assert_refused(k, signed_by(other, good_claims(), &out), "no key of ours");
        sbuf_done(&out);
        token_keys_unref(other);
        token_keys_unref(k);
    }
}

/* Each is well signed by our own key, so only the header can be what is refused. */
static void refuses_headers_with_anything_odd(void **state)
{
    static const struct {
        const char *header, *why;
    } row[] = {
        {"", "not JSON"},
        {"[]", "no object"},
        {"null", "no object"},
        {"\"EdDSA\"", "no object"},
        {"{}", "algorithm ''"},
        {"{\"alg\":\"EdDSA\"}", "lacks a member"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"%\"}", "lacks a member"},
        {"{\"kid\":\"%\",\"typ\":\"at+jwt\"}", "algorithm ''"},
        {"{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\"}", "lacks a member"},
        {"{\"alg\":\"eddsa\",\"kid\":\"%\",\"typ\":\"at+jwt\"}", "algorithm 'eddsa'"},
        {"{\"alg\":\"EdDSA \",\"kid\":\"%\",\"typ\":\"at+jwt\"}", "algorithm 'EdDSA '"},
        {"{\"alg\":\"EdDSA\\u0000\",\"kid\":\"%\",\"typ\":\"at+jwt\"}", "algorithm"},
        {"{\"alg\":\"ML-DSA-65\",\"kid\":\"%\",\"typ\":\"at+jwt\"}", "algorithm 'ML-DSA-65'"},
        {"{\"alg\":\"HS256\",\"kid\":\"%\",\"typ\":\"at+jwt\"}", "algorithm 'HS256'"},
        {"{\"alg\":\"ES256\",\"kid\":\"%\",\"typ\":\"at+jwt\"}", "algorithm 'ES256'"},
        {"{\"alg\":[\"EdDSA\"],\"kid\":\"%\",\"typ\":\"at+jwt\"}", "no valid 'alg'"},
        {"{\"alg\":null,\"kid\":\"%\",\"typ\":\"at+jwt\"}", "no valid 'alg'"},
        {"{\"alg\":true,\"kid\":\"%\",\"typ\":\"at+jwt\"}", "no valid 'alg'"},
        /* kid */
        {"{\"alg\":\"EdDSA\",\"kid\":\"\",\"typ\":\"at+jwt\"}", "no key of ours"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"../../../../dev/null\",\"typ\":\"at+jwt\"}",
         "no key of ours"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"/etc/passwd\",\"typ\":\"at+jwt\"}", "no key of ours"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"file:///proc/self/environ\",\"typ\":\"at+jwt\"}",
         "no key of ours"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"%' OR '1'='1\",\"typ\":\"at+jwt\"}", "no key of ours"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"x' UNION SELECT 'k' --\",\"typ\":\"at+jwt\"}",
         "no key of ours"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"| sleep 9\",\"typ\":\"at+jwt\"}", "no key of ours"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"%%\",\"typ\":\"at+jwt\"}", "no key of ours"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"%\\u0000\",\"typ\":\"at+jwt\"}", "no key of ours"},
        {"{\"alg\":\"EdDSA\",\"kid\":\" %\",\"typ\":\"at+jwt\"}", "no key of ours"},
        {"{\"alg\":\"EdDSA\",\"kid\":0,\"typ\":\"at+jwt\"}", "no valid 'kid'"},
        {"{\"alg\":\"EdDSA\",\"kid\":-1,\"typ\":\"at+jwt\"}", "no valid 'kid'"},
        {"{\"alg\":\"EdDSA\",\"kid\":null,\"typ\":\"at+jwt\"}", "no valid 'kid'"},
        {"{\"alg\":\"EdDSA\",\"kid\":[\"%\"],\"typ\":\"at+jwt\"}", "no valid 'kid'"},
        {"{\"alg\":\"EdDSA\",\"kid\":{\"%\":1},\"typ\":\"at+jwt\"}", "no valid 'kid'"},
        /* typ */
        {"{\"alg\":\"EdDSA\",\"kid\":\"%\",\"typ\":\"JWT\"}", "type 'JWT'"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"%\",\"typ\":\"AT+JWT\"}", "type 'AT+JWT'"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"%\",\"typ\":\"\"}", "type ''"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"%\",\"typ\":1}", "no valid 'typ'"},
        /* twice */
        {"{\"alg\":\"EdDSA\",\"alg\":\"EdDSA\",\"kid\":\"%\",\"typ\":\"at+jwt\"}", "twice"},
        {"{\"alg\":\"none\",\"\\u0061lg\":\"EdDSA\",\"kid\":\"%\",\"typ\":\"at+jwt\"}", "twice"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"x\",\"kid\":\"%\",\"typ\":\"at+jwt\"}", "twice"},
        /* keys brought along */
        {"{\"alg\":\"EdDSA\",\"kid\":\"%\",\"typ\":\"at+jwt\",\"jwk\":{\"kty\":\"OKP\"}}",
         "member 'jwk'"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"%\",\"typ\":\"at+jwt\",\"jku\":\"http://127.0.0.1/k\"}",
         "member 'jku'"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"%\",\"typ\":\"at+jwt\",\"x5u\":\"http://127.0.0.1/c\"}",
         "member 'x5u'"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"%\",\"typ\":\"at+jwt\",\"x5c\":[\"MII\"]}", "member 'x5c'"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"%\",\"typ\":\"at+jwt\",\"x5t#S256\":\"x\"}",
         "member 'x5t#S256'"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"%\",\"typ\":\"at+jwt\",\"b64\":false,\"crit\":[\"b64\"]}",
         "member 'b64'"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"%\",\"typ\":\"at+jwt\",\"zip\":\"DEF\"}", "member 'zip'"},
        {"{\"alg\":\"EdDSA\",\"enc\":\"A128GCM\",\"kid\":\"%\",\"typ\":\"at+jwt\"}",
         "member 'enc'"},
        /* crit */
        {"{\"alg\":\"EdDSA\",\"kid\":\"%\",\"typ\":\"at+jwt\",\"crit\":[]}", "no valid 'crit'"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"%\",\"typ\":\"at+jwt\",\"crit\":[\"exp\"]}",
         "no valid 'crit'"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"%\",\"typ\":\"at+jwt\",\"crit\":\"hyb\"}",
         "no valid 'crit'"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"%\",\"typ\":\"at+jwt\",\"crit\":[\"hyb\",\"hyb\"]}",
         "no valid 'crit'"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"%\",\"typ\":\"at+jwt\",\"crit\":[\"hyb\"]}", "one too many"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"%\",\"typ\":\"at+jwt\",\"hyb\":[\"%\",\"%\"]}",
         "one too many"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"%\",\"typ\":\"at+jwt\",\"crit\":[\"hyb\"],\"hyb\":[\"%\",\"%"
         "\"]}",
         "one too many"},
    };
    struct token_keys *k = ring(TOKEN_ED25519);
    for (size_t i = 0; i < COUNT(row); i++) {
        struct sbuf header, out;
        str text = header_with(k, row[i].header, &header);
        assert_refused(k, forged(k, ALG_ED25519, text, good_claims(), &out), row[i].why);
        sbuf_done(&header);
        sbuf_done(&out);
    }
    token_keys_unref(k);
}

static void takes_both_names_of_ed25519(void **state)
{
    struct token_keys *k = ring(TOKEN_ED25519);
    struct sbuf header, out;
    str text = header_with(k, " {\"typ\":\"at+jwt\",\"kid\":\"%\",\"alg\":\"Ed25519\"} ", &header);
    assert_int_equal(verified(k, forged(k, ALG_ED25519, text, good_claims(), &out), NULL), ST_OK);
    sbuf_done(&header);
    sbuf_done(&out);
    token_keys_unref(k);
}

/* ---- the claims: all well signed ---- */

static void refuses_claims_that_are_not_right(void **state)
{
#define WHO  "\"iss\":\"bguard\",\"aud\":\"bguard\","
#define WHEN "\"iat\":1800000000,\"exp\":1800000900"
    static const struct {
        const char *claims, *why;
    } row[] = {
        {"[]", "no object"},
        {"", "not JSON"},
        {"{", "not JSON"},
        {"{}{}", "not JSON"},
        {"{" WHO WHEN "}\xff", "not JSON"},
        {"{\"iss\":\"\xff\",\"aud\":\"bguard\"," WHEN "}", "not JSON"},
        {"{\"aud\":\"bguard\"," WHEN "}", "from ''"},
        {"{\"iss\":\"evil\",\"aud\":\"bguard\"," WHEN "}", "from 'evil'"},
        {"{\"iss\":\"bguard \",\"aud\":\"bguard\"," WHEN "}", "from 'bguard '"},
        {"{\"iss\":\"Bguard\",\"aud\":\"bguard\"," WHEN "}", "from 'Bguard'"},
        {"{\"iss\":[\"bguard\"],\"aud\":\"bguard\"," WHEN "}", "from ''"},
        {"{\"iss\":\"bguard\"," WHEN "}", "not for us"},
        {"{\"iss\":\"bguard\",\"aud\":\"other\"," WHEN "}", "not for us"},
        {"{\"iss\":\"bguard\",\"aud\":\"bguard.evil\"," WHEN "}", "not for us"},
        {"{\"iss\":\"bguard\",\"aud\":[]," WHEN "}", "not for us"},
        {"{\"iss\":\"bguard\",\"aud\":[\"other\"]," WHEN "}", "not for us"},
        {"{\"iss\":\"bguard\",\"aud\":[\"bguard\",1]," WHEN "}", "not for us"},
        {"{\"iss\":\"bguard\",\"aud\":{\"bguard\":1}," WHEN "}", "not for us"},
        {"{" WHO "\"sub\":1," WHEN "}", "no text"},
        {"{" WHO "\"jti\":null," WHEN "}", "no text"},
        {"{" WHO "\"sid\":[]," WHEN "}", "no text"},
        {"{" WHO "\"iat\":1800000000}", "lacks a date"},
        {"{" WHO "\"exp\":1800000900}", "lacks a date"},
        {"{" WHO "\"iat\":1800000000,\"exp\":\"1800000900\"}", "lacks a date"},
        {"{" WHO "\"iat\":1800000000,\"exp\":1.8e9}", "lacks a date"},
        {"{" WHO "\"iat\":1800000000,\"exp\":1e300}", "lacks a date"},
        {"{" WHO "\"iat\":1800000000,\"exp\":-1}", "lacks a date"},
        {"{" WHO "\"iat\":1800000000,\"exp\":99999999999999999}", "lacks a date"},
        {"{" WHO "\"iat\":1800000000,\"exp\":99999999999999999999999}", "lacks a date"},
        {"{" WHO "\"iat\":1800000000,\"exp\":null}", "lacks a date"},
        {"{" WHO "\"iat\":true,\"exp\":1800000900}", "lacks a date"},
        {"{" WHO WHEN ",\"nbf\":\"x\"}", "lacks a date"},
        {"{" WHO "\"iat\":1700000000,\"exp\":1799999999}", "expired 1 s ago"},
        {"{" WHO "\"iat\":1700000000,\"exp\":1800000000}", "expired 0 s ago"},
        {"{" WHO "\"iat\":0,\"exp\":0}", "expired"},
        {"{" WHO "\"iat\":1800000001,\"exp\":1800000900}", "future"},
        {"{" WHO WHEN ",\"nbf\":1800000001}", "not valid yet"},
        {"{" WHO WHEN ",\"exp\":1900000000}", "twice"},
        {"{" WHO WHEN ",\"\\u0065xp\":1900000000}", "twice"},
        {"{" WHO WHEN ",\"more\":{\"a\":1,\"a\":2}}", "twice"},
        {"{" WHO WHEN ",\"more\":[{\"a\":1,\"a\":2}]}", "twice"},
    };
    struct token_keys *k = ring(TOKEN_ED25519);
    struct sbuf header, out;
    str text = header_with(k, "{\"alg\":\"EdDSA\",\"kid\":\"%\",\"typ\":\"at+jwt\"}", &header);
    for (size_t i = 0; i < COUNT(row); i++) {
        assert_refused(k, forged(k, ALG_ED25519, text, str_z(row[i].claims), &out), row[i].why);
        sbuf_done(&out);
    }
    str many = STR("{" WHO WHEN ",\"aud\":\"x\"}");
    assert_refused(k, forged(k, ALG_ED25519, text, many, &out), "twice");
    sbuf_done(&out);
    str list = STR("{\"iss\":\"bguard\",\"aud\":[\"other\",\"bguard\"]," WHEN "}");
    assert_int_equal(verified(k, forged(k, ALG_ED25519, text, list, &out), NULL), ST_OK);
    sbuf_done(&out);
    sbuf_done(&header);
    token_keys_unref(k);
}

static void allows_clocks_to_differ_by_the_leeway(void **state)
{
    struct token_keys *k = ring(TOKEN_ED25519);
    struct token_claims c = {0};
    struct sbuf out;
    str token = signed_by(k, good_claims(), &out);
    static const struct {
        int64_t after_ms;
        status want;
    } row[] = {
        {-60001, ST_UNAUTHORIZED}, {-60000, ST_OK}, {959999, ST_OK}, {960000, ST_UNAUTHORIZED}};
    for (size_t i = 0; i < COUNT(row); i++) {
        struct token_expect e = expect;
        e.leeway_s = 60;
        e.now_ms = now_ms + row[i].after_ms;
        assert_int_equal(token_verify(k, token, &e, &c, NULL), row[i].want);
        token_claims_done(&c);
    }
    sbuf_done(&out);
    token_keys_unref(k);
}

/* ---- the signature ---- */

static void replace_signature(struct sbuf *token, size_t at, str sig)
{
    token->n = at;
    add_text(token, sig);
}

/* S + L is the same scalar; a verifier that takes it takes two tokens for one (RFC 8032, 8.4). */
static void refuses_a_malleable_ed25519_signature(void **state)
{
    static const unsigned char order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a,       0x63,
                                            0x12, 0x58, 0xd6, 0x9c, 0xf7,       0xa2,
                                            0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    struct token_keys *k = ring(TOKEN_ED25519);
    struct sbuf out;
    str token = signed_by(k, good_claims(), &out);
    size_t at = token.n - 86, n;
    char sig[96];
    assert_true(base64_decode(str_from(token, at), sig, &n) && n == ED25519_SIGNATURE_SIZE);
    unsigned carry = 0;
    for (int i = 0; i < 32; i++) {
        carry += (unsigned char)sig[32 + i] + order[i];
        sig[32 + i] = (char)carry;
        carry >>= 8;
    }
    replace_signature(&out, at, (str){sig, n});
    assert_refused(k, sbuf_str(&out), "signature is wrong");
    memset(sig, 0, sizeof sig); /* R and S zero: valid for a key of small order */
    sig[0] = 1;
    replace_signature(&out, at, (str){sig, n});
    assert_refused(k, sbuf_str(&out), "signature is wrong");
    sbuf_done(&out);
    token_keys_unref(k);
}

static void refuses_signatures_of_another_length(void **state)
{
    for (enum token_mode m = 0; m < TOKEN_MODE_COUNT; m++) {
        struct token_keys *k = ring(m);
        struct sbuf out;
        str token = signed_by(k, good_claims(), &out);
        size_t at = token.n;
        while (token.p[at - 1] != '.')
            at--;
        char sig[SIGNATURE_MAX + 16] = {0};
        size_t n;
        assert_true(base64_decode(str_from(token, at), sig, &n));
        size_t lengths[] = {0, 1, n / 2, n - 1, n + 1, n + 3};
        for (size_t i = 0; i < COUNT(lengths); i++) {
            replace_signature(&out, at, (str){sig, lengths[i]});
            assert_refused(k, sbuf_str(&out), "signature is wrong");
        }
        sbuf_done(&out);
        token_keys_unref(k);
    }
}

/* ---- two signatures ---- */

struct hybrid {
    struct sbuf text;
    str first, second;
};

static void hybrid_of(const struct token_keys *k, str claims, struct hybrid *h)
{
    str token = signed_by(k, claims, &h->text);
    size_t tilde = str_find(token, '~');
    h->first = str_head(token, tilde);
    h->second = str_from(token, tilde + 1);
}

static void try_pair(const struct token_keys *k, str a, str b, const char *why)
{
    struct sbuf out;
    sbuf_init(&out, 4 * TOKEN_MAX);
    sbuf_add(&out, a);
    sbuf_addc(&out, '~');
    sbuf_add(&out, b);
    assert_refused(k, sbuf_str(&out), why);
    sbuf_done(&out);
}

/* The second half as a whole JWS, its payload put back. */
static str whole_second(const struct hybrid *h, struct sbuf *out)
{
    str rest = h->first, second = h->second;
    str_cut(&rest, '.');
    sbuf_init(out, TOKEN_MAX);
    sbuf_add(out, str_cut(&second, '.'));
    sbuf_addc(out, '.');
    sbuf_add(out, str_cut(&rest, '.'));
    sbuf_add(out, second);
    return sbuf_str(out);
}

static void a_hybrid_token_stands_or_falls_as_a_whole(void **state)
{
    struct token_keys *k = ring(TOKEN_HYBRID);
    struct token_keys *ed = ring(TOKEN_ED25519), *ml = ring(TOKEN_ML_DSA_65);
    struct hybrid one, two;
    struct sbuf whole;
    hybrid_of(k, good_claims(), &one);
    hybrid_of(k, STR("{" WHO WHEN ",\"sub\":\"admin\"}"), &two);
    str second = whole_second(&one, &whole);
    /* one missing: here, and where one would do */
    assert_refused(k, one.first, "one signature");
    assert_refused(k, one.second, "one signature");
    assert_refused(k, second, "one signature");
    assert_refused(ed, one.first, "one too many");
    assert_refused(ml, second, "one too many");
    try_pair(k, one.first, STR(""), "three parts");
    try_pair(k, STR(""), one.second, "three parts");
    try_pair(k, one.first, STR(".."), "header is not JSON");
    /* exchanged, doubled, with a payload of its own, three of them */
    try_pair(k, one.second, one.first, "payload of its own");
    try_pair(k, second, one.second, "algorithm");
    try_pair(k, one.first, one.first, "payload of its own");
    try_pair(k, one.first, second, "payload of its own");
    try_pair(k, sbuf_str(&one.text), one.second, "three parts");
    /* of another token */
    try_pair(k, one.first, two.second, "signature is wrong");
    try_pair(k, two.first, one.second, "signature is wrong");
    sbuf_done(&whole);
    sbuf_done(&one.text);
    sbuf_done(&two.text);
    token_keys_unref(k);
    token_keys_unref(ed);
    token_keys_unref(ml);
}

/* Two rings that share the keys of one kind only: each half is signed by a key the verifier has, but the
 * halves were not made for each other. */
static void halves_made_for_other_partners_do_not_fit(void **state)
{
    struct token_keys *k = ring(TOKEN_HYBRID), *mixed = token_keys_new(TOKEN_HYBRID);
    char seed[SIGN_SEED_SIZE];
    struct hybrid one, other;
    for (int i = 1; i <= 2;
         i++) { /* the current Ed25519 key, and the retired ML-DSA key as current */
        memset(seed, 'a' + i, sizeof seed);
        struct token_key_row row = {.kind = i == 1 ? SIGN_ML_DSA_65 : SIGN_ED25519,
                                    .seed = {seed, sizeof seed}};
        assert_int_equal(token_keys_add(mixed, &row, NULL), ST_OK);
    }
    assert_int_equal(token_keys_freeze(mixed, NULL), ST_OK);
    hybrid_of(k, good_claims(), &one);
    hybrid_of(mixed, good_claims(), &other);
    assert_int_equal(verified(k, sbuf_str(&one.text), NULL), ST_OK);
    assert_int_equal(verified(k, sbuf_str(&other.text), NULL), ST_OK);
    try_pair(k, one.first, other.second, "different keys");
    try_pair(k, other.first, one.second, "different keys");
    sbuf_done(&one.text);
    sbuf_done(&other.text);
    token_keys_unref(mixed);
    token_keys_unref(k);
}

/* Halves signed by the right keys with headers of single tokens. */
static void two_single_tokens_are_no_hybrid_token(void **state)
{
    struct token_keys *k = ring(TOKEN_HYBRID);
    struct token_keys *ed = ring(TOKEN_ED25519), *ml = ring(TOKEN_ML_DSA_65);
    struct sbuf a, b, detached;
    str first = signed_by(ed, good_claims(), &a), second = signed_by(ml, good_claims(), &b);
    sbuf_init(&detached, TOKEN_MAX);
    sbuf_add(&detached, str_cut(&second, '.'));
    sbuf_addz(&detached, "..");
    str_cut(&second, '.');
    sbuf_add(&detached, second);
    try_pair(k, first, sbuf_str(&detached), "lacks a member");
    sbuf_done(&detached);
    sbuf_done(&a);
    sbuf_done(&b);
    token_keys_unref(k);
    token_keys_unref(ed);
    token_keys_unref(ml);
}

/* ---- threads ---- */

static void sign_and_verify(void *arg)
{
    struct token_keys *k = arg;
    for (int i = 0; i < 5; i++) {
        struct sbuf out;
        assert_int_equal(verified(k, signed_by(k, good_claims(), &out), NULL), ST_OK);
        sbuf_done(&out);
    }
    token_keys_unref(k);
}

static void threads_share_a_ring_and_the_last_frees_it(void **state)
{
    struct token_keys *k = ring(TOKEN_HYBRID);
    struct thread t[4];
    for (size_t i = 0; i < COUNT(t); i++)
        assert_int_equal(thread_start(&t[i], "sign", sign_and_verify, token_keys_ref(k), NULL),
                         ST_OK);
    token_keys_unref(k);
    for (size_t i = 0; i < COUNT(t); i++)
        thread_join(&t[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_and_verifies_in_every_mode),
        cmocka_unit_test(ids_of_keys_are_their_thumbprints),
        cmocka_unit_test(a_retired_key_verifies_until_it_expires),
        cmocka_unit_test(publishes_keys_but_no_secret),
        cmocka_unit_test(a_ring_is_built_of_what_fits),
        cmocka_unit_test(signs_only_objects_that_fit),
        cmocka_unit_test(knows_its_modes_by_name),
        cmocka_unit_test(refuses_what_is_no_token),
        cmocka_unit_test(refuses_a_token_changed_anywhere),
        cmocka_unit_test(refuses_padding_and_additions),
        cmocka_unit_test(refuses_a_token_that_is_too_long),
        cmocka_unit_test(refuses_the_algorithm_none),
        cmocka_unit_test(refuses_a_public_key_as_secret),
        cmocka_unit_test(refuses_tokens_of_another_mode),
        cmocka_unit_test(refuses_keys_that_are_not_in_the_ring),
        cmocka_unit_test(refuses_headers_with_anything_odd),
        cmocka_unit_test(takes_both_names_of_ed25519),
        cmocka_unit_test(refuses_claims_that_are_not_right),
        cmocka_unit_test(allows_clocks_to_differ_by_the_leeway),
        cmocka_unit_test(refuses_a_malleable_ed25519_signature),
        cmocka_unit_test(refuses_signatures_of_another_length),
        cmocka_unit_test(a_hybrid_token_stands_or_falls_as_a_whole),
        cmocka_unit_test(halves_made_for_other_partners_do_not_fit),
        cmocka_unit_test(two_single_tokens_are_no_hybrid_token),
        cmocka_unit_test(threads_share_a_ring_and_the_last_frees_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
