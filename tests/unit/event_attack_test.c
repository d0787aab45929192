/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "event/attack.h"

static const char *const ids[] = {
#define X(id, name, tactics) id,
#include "event/attack.def"
};

static void is_sorted_so_that_every_id_is_found(void **state)
{
    for (size_t i = 0; i < COUNT(ids); i++) {
        const struct technique *t = technique_find(str_z(ids[i]));
        assert_non_null(t);
        assert_string_equal(t->id, ids[i]);
        assert_true(t->tactics != 0 && t->tactics < 1u << TACTIC_COUNT);
    }
}

static void every_sub_technique_has_its_parent(void **state)
{
    for (size_t i = 0; i < COUNT(ids); i++)
        if (str_find(str_z(ids[i]), '.') < strlen(ids[i]))
            assert_non_null(technique_parent(str_z(ids[i])));
}

static void tells_names_and_tactics(void **state)
{
    const struct technique *t = technique_find(STR("T1003.001"));
    assert_string_equal(t->name, "LSASS Memory");
    assert_int_equal(t->tactics, TACTIC_CREDENTIAL_ACCESS);
    assert_string_equal(technique_parent(STR("T1003.001"))->name, "OS Credential Dumping");
    assert_string_equal(tactic_name(TACTIC_AT_CREDENTIAL_ACCESS), "Credential Access");
    assert_string_equal(tactic_id(TACTIC_AT_CREDENTIAL_ACCESS), "TA0006");
}

static void knows_no_other_ids(void **state)
{
    static const char *const strange[] = {"", "T", "T9999", "t1003", "T1003.", "T1003.999"};
    for (size_t i = 0; i < COUNT(strange); i++)
        assert_null(technique_find(str_z(strange[i])));
    assert_null(technique_parent(STR("T1003")));
    assert_null(technique_parent(STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_sorted_so_that_every_id_is_found),
        cmocka_unit_test(every_sub_technique_has_its_parent),
        cmocka_unit_test(tells_names_and_tactics),
        cmocka_unit_test(knows_no_other_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
