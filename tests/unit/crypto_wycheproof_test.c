/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures as the vectors of project Wycheproof judge them. */
#include "crypto/crypto.h"
#include "tests/wycheproof.h"

static int64_t id_of(json_node test)
{
    return json_int(json_get(test, STR("tcId")), -1);
}

/* Does what the vector says; the number of it is printed when not. */
static void verify_one(const struct signing_key *key, json_node test, bool valid)
{
    struct sbuf msg, sig;
    str m = hex_member(test, STR("msg"), &msg), s = hex_member(test, STR("sig"), &sig);
    if (signing_key_verify(key, m, s) != valid)
        fail_msg("vector %d should be %s", (int)id_of(test), valid ? "valid" : "invalid");
    sbuf_done(&msg);
    sbuf_done(&sig);
}

/* A key of the right size is always taken; one of another size never. */
static struct signing_key *public_key(enum signature_kind k, str bytes)
{
    struct signing_key *key = NULL;
    status st = signing_key_from_public(k, bytes, &key, NULL);
    assert_int_equal(st, bytes.n == signature_public_size(k) ? ST_OK : ST_INVALID);
    return key;
}

static void judges_ed25519_signatures(void **state)
{
    struct wycheproof w;
    wycheproof_open(&w, "ed25519_test.json");
    size_t n = 0;
    for (struct json_each g = json_each(w.groups); json_each_next(&g);) {
        struct sbuf pk;
        str bytes = hex_member(json_get(g.value, STR("publicKey")), STR("pk"), &pk);
        struct signing_key *key = public_key(SIGN_ED25519, bytes);
        struct json_each t = json_each(json_get(g.value, STR("tests")));
        for (; json_each_next(&t); n++)
            verify_one(key, t.value, is_valid(t.value));
        signing_key_free(key);
        sbuf_done(&pk);
    }
    assert_int_equal(n, 151);
    wycheproof_close(&w);
}

/* Ours is the empty context, under which a signature of another is not valid. */
static bool of_another_context(json_node test)
{
    return json_str(json_get(test, STR("ctx")), STR("")).n > 0;
}

static void judges_ml_dsa_65_signatures(void **state)
{
    struct wycheproof w;
    wycheproof_open(&w, "mldsa_65_verify_test.json");
    size_t n = 0;
    for (struct json_each g = json_each(w.groups); json_each_next(&g);) {
        struct sbuf pk;
        str bytes = hex_member(g.value, STR("publicKey"), &pk);
        struct signing_key *key = public_key(SIGN_ML_DSA_65, bytes);
        struct json_each t = json_each(json_get(g.value, STR("tests")));
        for (; json_each_next(&t); n++)
            if (key)
                verify_one(key, t.value, is_valid(t.value) && !of_another_context(t.value));
            else
                assert_false(is_valid(t.value));
        signing_key_free(key);
        sbuf_done(&pk);
    }
    assert_int_equal(n, 210);
    wycheproof_close(&w);
}

/* Wycheproof signs without the hedge, and we with it: the keys must be the same, its signatures valid
 * and ours too. */
static void signs_like(const struct signing_key *key, json_node test)
{
    unsigned char sig[SIGNATURE_MAX];
    struct sbuf msg;
    str m = hex_member(test, STR("msg"), &msg);
    bool plain = json_str(json_get(test, STR("msg")), (str){0}).p != NULL;
    if (plain && is_valid(test)) {
        verify_one(key, test, !of_another_context(test));
        assert_int_equal(signing_key_sign(key, m, sig, NULL), ST_OK);
        assert_true(signing_key_verify(key, m, (str){(const char *)sig, ML_DSA_65_SIGNATURE_SIZE}));
    }
    sbuf_done(&msg);
}

static void grows_ml_dsa_65_keys_from_seeds(void **state)
{
    struct wycheproof w;
    wycheproof_open(&w, "mldsa_65_sign_seed_test.json");
    size_t keys = 0;
    for (struct json_each g = json_each(w.groups); json_each_next(&g);) {
        struct sbuf seed, pk;
        unsigned char public[SIGN_PUBLIC_MAX];
        struct signing_key *key = NULL;
        str s = hex_member(g.value, STR("privateSeed"), &seed);
        str want = hex_member(g.value, STR("publicKey"), &pk);
        status st = signing_key_from_seed(SIGN_ML_DSA_65, s, &key, NULL);
        assert_int_equal(st, s.n == SIGN_SEED_SIZE ? ST_OK : ST_INVALID);
        if (key && want.n) {
            keys++;
            signing_key_public(key, public);
            assert_true(str_eq((str){(const char *)public, ML_DSA_65_PUBLIC_SIZE}, want));
        }
        struct json_each t = json_each(json_get(g.value, STR("tests")));
        while (key && json_each_next(&t))
            signs_like(key, t.value);
        signing_key_free(key);
        sbuf_done(&seed);
        sbuf_done(&pk);
    }
    assert_true(keys > 20);
    wycheproof_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_ed25519_signatures),
        cmocka_unit_test(judges_ml_dsa_65_signatures),
        cmocka_unit_test(grows_ml_dsa_65_keys_from_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
