/* SPDX-License-Identifier: Apache-2.0 */
#include "app/config.h"
#include "tests/folder.h"
#include "tests/test.h"

static char *nothing(const char *name)
{
    (void)name;
    return NULL;
}

static char *some(const char *name)
{
    static char port[] = "4000", origins[] = "https://a.example, https://b.example";
    static char secret[] = "not to be shown";
    return strcmp(name, "PORT") == 0          ? port
           : strcmp(name, "CORS_ORIGIN") == 0 ? origins
           : strcmp(name, "JWT_SECRET") == 0  ? secret
                                              : NULL;
}

static status load_text(struct config *c, const char *text, struct error *err)
{
    folder_write("bguard.yaml", str_z(text));
    return config_load(c, folder_path("bguard.yaml"), nothing, NULL, 0, err);
}

static void has_sensible_defaults(void **state)
{
    struct config c;
    struct error err;
    assert_int_equal(load_text(&c, "", &err), ST_OK);
    assert_int_equal(c.port, 3002);
    assert_string_equal(c.host, "127.0.0.1");
    assert_string_equal(c.auth_algorithm, "hybrid");
    assert_int_equal(c.guard_exempt.n, 2);
    assert_true(c.guard);
    config_done(&c);
}

static void reads_levels_lists_and_flags_from_the_file(void **state)
{
    struct config c;
    struct error err;
    assert_int_equal(load_text(&c,
                               "port: 80\nrules: [one, two]\ntls:\n  self_signed: true\n"
                               "limits.idle_seconds: 5\n",
                               &err),
                     ST_OK);
    assert_int_equal(c.port, 80);
    assert_int_equal(c.rules.n, 2);
    assert_string_equal(c.rules.at[1], "two");
    assert_true(c.tls_self_signed);
    assert_int_equal(c.idle_seconds, 5);
    config_done(&c);
}

static void lets_flags_win_over_the_environment(void **state)
{
    struct config c;
    struct error err;
    const struct config_flag flag[] = {{"port", "5000"}, {"rules", "a,b"}, {"rules", "c"}};
    assert_int_equal(config_load(&c, "/dev/null", some, flag, COUNT(flag), &err), ST_UNSUPPORTED);
    config_done(&c);
    assert_int_equal(config_load(&c, NULL, some, flag, COUNT(flag), &err), ST_OK);
    assert_int_equal(c.port, 5000);
    assert_int_equal(c.cors_origins.n, 2);
    assert_string_equal(c.cors_origins.at[1], "https://b.example");
    assert_int_equal(c.rules.n, 2); /* a path may have a comma in it */
    assert_string_equal(c.rules.at[0], "a,b");
    config_done(&c);
}

static void names_what_is_wrong(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"prot: 1\n", "line 1: there is no setting 'prot'; did you mean 'port'?"},
        {"tls:\n  keys: x\n", "line 2: there is no setting 'tls.keys'; did you mean 'tls.key'?"},
        {"\nport: many\n", "line 2: 'port' wants a whole number, not 'many'"},
        {"port: 70000\n", "'port' is 70000; it may be from 0 to 65535"},
        {"metrics:\n  public: perhaps\n", "'metrics.public' wants true or false, not 'perhaps'"},
        {"host: [a]\n", "'host' wants one value"},
        {"- port\n", "settings are 'key: value' lines"},
        {"pipeline: {min_level: huge}\n", "'pipeline.min_level' is no level: 'huge'"},
        {"tls: {key: k.pem}\n", "'tls.certificate' and 'tls.key' want each other"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct config c;
        struct error err = {0};
        assert_int_equal(load_text(&c, cases[i].text, &err), ST_INVALID);
        if (!strstr(err.text, cases[i].says))
            fail_msg("'%s' says '%s'", cases[i].text, err.text);
        config_done(&c);
    }
}

static void never_shows_a_secret(void **state)
{
    struct config c;
    struct error err;
    struct sbuf out = {.cap = 1 << 20};
    assert_int_equal(config_load(&c, NULL, some, NULL, 0, &err), ST_OK);
    config_write_json(&c, &out);
    assert_non_null(strstr(out.p, "\"auth.jwt_secret\":\"set\""));
    assert_null(strstr(out.p, "not to be shown"));
    sbuf_done(&out);
    config_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_sensible_defaults),
        cmocka_unit_test(reads_levels_lists_and_flags_from_the_file),
        cmocka_unit_test(lets_flags_win_over_the_environment),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(never_shows_a_secret),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
