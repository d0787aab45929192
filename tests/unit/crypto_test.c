/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>

#include "crypto/crypto_int.h"

#include "codec/hex.h"
#include "tests/test.h"

/* Bytes of a hexadecimal literal; a few at a time live in `room`. */
static str hex(const char *text)
{
    static char room[8][512];
    static unsigned turn;
    str s = str_z(text);
    char *out = room[turn++ % 8];
    assert_true(s.n <= 1024 && hex_decode(s, out));
    return (str){out, s.n / 2};
}

static str bytes(const unsigned char *p, size_t n)
{
    return (str){(const char *)p, n};
}

static void finds_all_it_needs(void **state)
{
    struct error err = {0};
    if (crypto_check(&err) != ST_OK)
        fail_msg("%s", err.text);
    assert_int_equal(ERR_peek_error(), 0);
}

static void digests_and_authenticates_as_published(void **state)
{
    unsigned char out[SHA256_SIZE];
    crypto_sha256(STR("abc"), out); /* FIPS 180-2, B.1 */
    assert_true(str_eq(bytes(out, sizeof out),
                       hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")));
    crypto_sha256((str){0}, out);
    assert_true(str_eq(bytes(out, sizeof out),
                       hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")));
    /* RFC 4231, 4.3 */
    crypto_hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?"), out);
    assert_true(str_eq(bytes(out, sizeof out),
                       hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")));
    crypto_hmac_sha256((str){0}, (str){0}, out);
    assert_true(str_eq(bytes(out, sizeof out),
                       hex("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")));
}

static void digests_a_stream_three_ways(void **state)
{
    char out[DIGEST_HEX_MAX];
    struct digester *d = digester_new();
    digester_add(d, STR("a"));
    digester_add(d, (str){0});
    digester_add(d, STR("bc"));
    digester_end(d, DIGEST_MD5, out);
    assert_string_equal(out, "900150983cd24fb0d6963f7d28e17f72");
    digester_end(d, DIGEST_SHA1, out);
    assert_string_equal(out, "a9993e364706816aba3e25717850c26c9cd0d89d");
    digester_end(d, DIGEST_SHA256, out);
    assert_string_equal(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digester_free(d);
    digester_free(digester_new());
    digester_free(NULL);
}

static void fingerprints_tell_texts_apart(void **state)
{
    unsigned char a[FINGERPRINT_SIZE], b[FINGERPRINT_SIZE];
    struct fingerprinter *f = fingerprinter_new(), *g = fingerprinter_new();
    fingerprint_of(f, STR("text"), a);
    fingerprint_of(f, STR("text"), b);
    assert_memory_equal(a, b, sizeof a);
    static const char *const others[] = {"texu", "tex", "textt", "", "text\1"};
    for (size_t i = 0; i < COUNT(others); i++) {
        fingerprint_of(f, str_z(others[i]), b);
        assert_memory_not_equal(a, b, sizeof a);
    }
    fingerprint_of(f, (str){"text", 5}, b); /* with its NUL */
    assert_memory_not_equal(a, b, sizeof a);
    fingerprint_of(g, STR("text"), b); /* under another key */
    assert_memory_not_equal(a, b, sizeof a);
    fingerprint_of(f, (str){0}, b);
    fingerprinter_free(f);
    fingerprinter_free(g);
    fingerprinter_free(NULL);
}

static void random_bytes_do_not_repeat(void **state)
{
    struct sbuf a, b;
    sbuf_init(&a, 1000);
    sbuf_init(&b, 1000);
    crypto_random_text(&a, 32);
    crypto_random_text(&b, 32);
    assert_int_equal(a.n, 43);
    assert_false(str_eq(sbuf_str(&a), sbuf_str(&b)));
    sbuf_done(&a);
    sbuf_init(&a, 10);
    crypto_random_text(&a, 32);
    assert_true(a.full && a.n == 0);
    sbuf_done(&a);
    sbuf_done(&b);
}

static void compares_and_wipes(void **state)
{
    char secret[] = "secret";
    assert_true(crypto_equal(STR("abc"), STR("abc")) && crypto_equal(STR(""), (str){0}));
    assert_false(crypto_equal(STR("abc"), STR("abd")) || crypto_equal(STR("abc"), STR("ab")));
    crypto_wipe(secret, sizeof secret);
    assert_memory_equal(secret, "\0\0\0\0\0\0", sizeof secret);
    crypto_wipe(NULL, 0);
}

static void derives_argon2id_as_rfc_9106_says(void **state)
{
    unsigned char out[32];
    struct argon2id_input in = {
        /* section 5.3 */
        .password = hex("0101010101010101010101010101010101010101010101010101010101010101"),
        .salt = hex("02020202020202020202020202020202"),
        .secret = hex("0303030303030303"),
        .associated = hex("040404040404040404040404"),
        .cost = {.memory_kib = 32, .passes = 3, .lanes = 4},
    };
    assert_int_equal(crypto_argon2id(&in, out, sizeof out, NULL), ST_OK);
    assert_true(str_eq(bytes(out, sizeof out),
                       hex("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659")));
}

static const struct password_cost cheap = {.memory_kib = 64, .passes = 1, .lanes = 1};

static void knows_a_password_by_its_hash(void **state)
{
    char hash[PASSWORD_HASH_MAX], again[PASSWORD_HASH_MAX];
    bool stale = true;
    assert_int_equal(password_hash(STR("correct horse"), &cheap, hash, NULL), ST_OK);
    assert_int_equal(password_hash(STR("correct horse"), &cheap, again, NULL), ST_OK);
    assert_string_not_equal(hash, again); /* salted */
    assert_true(str_starts(str_z(hash), STR("$argon2id$v=19$m=64,t=1,p=1$")));
    assert_true(password_matches(STR("correct horse"), str_z(hash), &cheap, &stale));
    assert_false(stale);
    assert_false(password_matches(STR("correct hors"), str_z(hash), &cheap, NULL));
    assert_false(password_matches(STR(""), str_z(hash), &cheap, NULL));
    assert_true(
        password_matches(STR("correct horse"), str_z(hash), &password_cost_default, &stale));
    assert_true(stale);
    password_nobodys(&cheap, hash);
    stale = true;
    assert_false(password_matches(STR("correct horse"), str_z(hash), &cheap, &stale));
    assert_int_equal(strlen(hash), strlen(again)); /* a hash of that cost like any other */
    assert_int_equal(password_hash((str){0}, &cheap, hash, NULL), ST_OK);
    assert_true(password_matches(STR(""), str_z(hash), &cheap, NULL));
}

/* From the reference implementation's own tests (github.com/P-H-C/phc-winner-argon2, src/test.c). */
static void reads_hashes_made_by_others(void **state)
{
    bool stale = true;
    str hash = STR("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"
                   "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc");
    assert_true(password_matches(STR("password"), hash, &cheap, &stale));
    assert_true(stale); /* its salt has 8 bytes */
}

static void refuses_hashes_it_cannot_read(void **state)
{
    static const char *const bad[] = {
        "",
        "$",
        "password",
        "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=16$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GR",
        "$argon2id$v=19$m=64,t=4000000000,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2",
        "$argon2id$v=19$m=64,t=1,p=0$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=8,t=1,p=2$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=64,t=1,p=1$c2$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFh",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc=",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ",
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        if (password_matches(STR("password"), str_z(bad[i]), &cheap, NULL))
            fail_msg("'%s' matches", bad[i]);
    char hash[PASSWORD_HASH_MAX];
    struct error err = {0};
    struct password_cost none = {0};
    assert_int_equal(password_hash(STR("x"), &none, hash, &err), ST_INVALID);
    assert_string_equal(err.text, "password cost 'm=0,t=0,p=0' is out of range");
}

static void signs_ed25519_as_rfc_8032_says(void **state)
{
    struct signing_key *key = NULL; /* section 7.1, tests 1 and 2 */
    unsigned char public[SIGN_PUBLIC_MAX], sig[SIGNATURE_MAX];
    str seed = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    assert_int_equal(signing_key_from_seed(SIGN_ED25519, seed, &key, NULL), ST_OK);
    signing_key_public(key, public);
    assert_true(str_eq(bytes(public, ED25519_PUBLIC_SIZE),
                       hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")));
    assert_int_equal(signing_key_sign(key, (str){0}, sig, NULL), ST_OK);
    assert_true(str_eq(bytes(sig, ED25519_SIGNATURE_SIZE),
                       hex("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                           "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")));
    assert_true(signing_key_verify(key, (str){0}, bytes(sig, ED25519_SIGNATURE_SIZE)));
    signing_key_free(key);
    seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    assert_int_equal(signing_key_from_seed(SIGN_ED25519, seed, &key, NULL), ST_OK);
    assert_int_equal(signing_key_sign(key, STR("r"), sig, NULL), ST_OK);
    assert_true(str_eq(bytes(sig, ED25519_SIGNATURE_SIZE),
                       hex("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                           "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")));
    signing_key_free(key);
}

static void a_new_key_of_either_kind_signs(void **state)
{
    for (enum signature_kind k = 0; k < SIGN_KIND_COUNT; k++) {
        struct signing_key *key = NULL, *public = NULL, *other = NULL, *same = NULL;
        unsigned char pk[SIGN_PUBLIC_MAX], sig[SIGNATURE_MAX], seed[SIGN_SEED_SIZE];
        str s = bytes(sig, signature_size(k));
        assert_int_equal(signing_key_generate(k, &key, NULL), ST_OK);
        assert_int_equal(signing_key_generate(k, &other, NULL), ST_OK);
        signing_key_public(key, pk);
        assert_int_equal(
            signing_key_from_public(k, bytes(pk, signature_public_size(k)), &public, NULL), ST_OK);
        assert_int_equal(signing_key_sign(key, STR("data"), sig, NULL), ST_OK);
        assert_true(signing_key_verify(key, STR("data"), s));
        assert_true(signing_key_verify(public, STR("data"), s));
        assert_false(signing_key_verify(other, STR("data"), s));
        assert_false(signing_key_verify(key, STR("date"), s));
        assert_false(signing_key_verify(key, STR("data"), str_head(s, s.n - 1)));
        assert_false(signing_key_verify(key, STR("data"), (str){0}));
        sig[7] ^= 1;
        assert_false(signing_key_verify(key, STR("data"), s));
        assert_int_equal(ERR_peek_error(), 0); /* nothing left for TLS to trip over */
        assert_int_equal(signing_key_sign(public, STR("data"), sig, NULL), ST_INVALID);
        assert_int_equal(signing_key_seed(public, seed, NULL), ST_INVALID);
        assert_int_equal(signing_key_seed(key, seed, NULL), ST_OK);
        assert_int_equal(signing_key_from_seed(k, bytes(seed, sizeof seed), &same, NULL), ST_OK);
        sig[7] ^= 1;
        assert_true(signing_key_verify(same, STR("data"), s));
        assert_int_equal(signing_key_kind(same), k);
        signing_key_free(same);
        signing_key_free(public);
        signing_key_free(other);
        signing_key_free(key);
    }
    signing_key_free(NULL);
}

static void refuses_keys_of_the_wrong_size(void **state)
{
    struct signing_key *key = NULL;
    struct error err = {0};
    for (enum signature_kind k = 0; k < SIGN_KIND_COUNT; k++) {
        assert_int_equal(signing_key_from_seed(k, STR("short"), &key, &err), ST_INVALID);
        assert_int_equal(signing_key_from_public(k, STR("short"), &key, &err), ST_INVALID);
    }
    assert_null(key);
}

static void opens_a_sealed_secret_as_published(void **state)
{
    struct sbuf sealed, out; /* McGrew and Viega, the Galois/Counter mode, test case 16 */
    str key = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    sbuf_init(&sealed, 1000);
    sbuf_init(&out, 1000);
    sbuf_add(&sealed, hex("cafebabefacedbaddecaf888"));
    sbuf_add(&sealed, hex("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                          "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"));
    sbuf_add(&sealed, hex("76fc6ece0f4e1768cddf8853bb2d551b"));
    assert_int_equal(crypto_open(key, hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
                                 sbuf_str(&sealed), &out, NULL),
                     ST_OK);
    assert_true(str_eq(sbuf_str(&out),
                       hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                           "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39")));
    sbuf_done(&sealed);
    sbuf_done(&out);
}

static const str key_a = {"0123456789abcdef0123456789abcdef", SEAL_KEY_SIZE};
static const str key_b = {"0123456789abcdef0123456789abcdeg", SEAL_KEY_SIZE};

static void a_sealed_secret_opens_only_unchanged(void **state)
{
    struct sbuf sealed, out;
    sbuf_init(&sealed, 1000);
    sbuf_init(&out, 1000);
    assert_int_equal(crypto_seal(key_a, STR("key:1"), STR("secret"), &sealed, NULL), ST_OK);
    assert_int_equal(sealed.n, 6 + SEAL_OVERHEAD);
    str s = sbuf_str(&sealed);
    assert_int_equal(crypto_open(key_b, STR("key:1"), s, &out, NULL), ST_INVALID);
    assert_int_equal(crypto_open(key_a, STR("key:2"), s, &out, NULL), ST_INVALID);
    for (size_t i = 0; i < s.n; i++) {
        assert_int_equal(crypto_open(key_a, STR("key:1"), str_head(s, i), &out, NULL), ST_INVALID);
        sealed.p[i] ^= 0x20;
        assert_int_equal(crypto_open(key_a, STR("key:1"), s, &out, NULL), ST_INVALID);
        sealed.p[i] ^= 0x20;
    }
    assert_int_equal(out.n, 0);
    assert_int_equal(ERR_peek_error(), 0);
    assert_int_equal(crypto_open(key_a, STR("key:1"), s, &out, NULL), ST_OK);
    assert_true(str_eq(sbuf_str(&out), STR("secret")));
    sbuf_done(&sealed);
    sbuf_done(&out);
}

static void seals_nothing_and_says_what_does_not_fit(void **state)
{
    struct sbuf sealed, out, small;
    sbuf_init(&sealed, 1000);
    sbuf_init(&out, 1000);
    sbuf_init(&small, 4);
    assert_int_equal(crypto_seal(key_a, (str){0}, (str){0}, &sealed, NULL), ST_OK);
    assert_int_equal(crypto_open(key_a, (str){0}, sbuf_str(&sealed), &out, NULL), ST_OK);
    assert_int_equal(out.n, 0);
    assert_int_equal(crypto_seal(STR("short"), STR(""), STR("x"), &out, NULL), ST_INVALID);
    assert_int_equal(crypto_seal(key_a, STR(""), STR("x"), &small, NULL), ST_LIMIT);
    sbuf_done(&sealed);
    sbuf_done(&out);
    sbuf_done(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_all_it_needs),
        cmocka_unit_test(digests_and_authenticates_as_published),
        cmocka_unit_test(digests_a_stream_three_ways),
        cmocka_unit_test(fingerprints_tell_texts_apart),
        cmocka_unit_test(random_bytes_do_not_repeat),
        cmocka_unit_test(compares_and_wipes),
        cmocka_unit_test(derives_argon2id_as_rfc_9106_says),
        cmocka_unit_test(knows_a_password_by_its_hash),
        cmocka_unit_test(reads_hashes_made_by_others),
        cmocka_unit_test(refuses_hashes_it_cannot_read),
        cmocka_unit_test(signs_ed25519_as_rfc_8032_says),
        cmocka_unit_test(a_new_key_of_either_kind_signs),
        cmocka_unit_test(refuses_keys_of_the_wrong_size),
        cmocka_unit_test(opens_a_sealed_secret_as_published),
        cmocka_unit_test(a_sealed_secret_opens_only_unchanged),
        cmocka_unit_test(seals_nothing_and_says_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
