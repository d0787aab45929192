/* SPDX-License-Identifier: Apache-2.0 */
#include "api/schema.h"
#include "codec/json_scan.h"

#include "tests/test.h"

static const char *const colours[] = {"red", "green", NULL};

static const struct schema_field inner_fields[] = {
    {"user", SCHEMA_STRING, .required = true, .min = 1, .max = 8, .format = FORMAT_NAME},
    {"n", SCHEMA_INTEGER, .min = 1, .max = 9},
};
static const struct schema inner = SCHEMA_OF("Inner", "an element", inner_fields);

static const struct schema_field outer_fields[] = {
    {"title", SCHEMA_STRING, .required = true, .max = 10, .format = FORMAT_LINE},
    {"colour", SCHEMA_STRING, .values = colours},
    {"ratio", SCHEMA_NUMBER, .max = 1},
    {"on", SCHEMA_BOOLEAN, .nullable = true},
    {"events", SCHEMA_ARRAY, .item = SCHEMA_OBJECT, .child = &inner, .min = 1, .max = 4},
    {"tags", SCHEMA_ARRAY, .item = SCHEMA_STRING, .max = 2},
    {"one", SCHEMA_OBJECT, .child = &inner},
    {"when", SCHEMA_STRING, .format = FORMAT_TIME},
    {"id", SCHEMA_STRING, .format = FORMAT_ID},
    {"tenant", SCHEMA_STRING, .format = FORMAT_TENANT},
    {.name = "free", .type = SCHEMA_OBJECT},
    {.name = "anything", .type = SCHEMA_ANY},
};
static const struct schema outer = SCHEMA_OF("Outer", "all kinds", outer_fields);

static status check(const char *text, struct error *err)
{
    struct json_doc *doc;
    status st = json_doc_parse(str_z(text), 1 << 16, &doc, err);
    if (st != ST_OK)
        return st;
    st = schema_check(&outer, json_doc_root(doc), err);
    json_doc_free(doc);
    return st;
}

static void accepts_what_the_table_says(void **state)
{
    static const char *const good[] = {
        "{\"title\":\"\"}",
        "{\"title\":\"x\",\"colour\":\"red\",\"ratio\":0.5,\"on\":null}",
        "{\"title\":\"x\",\"on\":true,\"events\":[{\"user\":\"a\"},{\"user\":\"b.c\",\"n\":9}]}",
        "{\"title\":\"x\",\"tags\":[],\"one\":{\"user\":\"u\"}}",
        "{\"title\":\"x\",\"when\":\"2026-01-31T12:00:00Z\",\"tenant\":\"a-1\"}",
        "{\"title\":\"x\",\"id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\"}",
        "{\"title\":\"x\",\"free\":{\"a\":[1]},\"anything\":[{}]}",
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        struct error err;
        if (check(good[i], &err) != ST_OK)
            fail_msg("%s: %s", good[i], err.text);
    }
}

static void names_the_place_of_what_is_wrong(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"[]", "/: expected an object"},
        {"{}", "/: the member 'title' is missing"},
        {"{\"title\":1}", "/title: expected a string"},
        {"{\"title\":null}", "/title: expected a string"},
        {"{\"title\":\"01234567890\"}", "/title: expected 0 to 10 bytes"},
        {"{\"title\":\"a\\nb\"}", "/title: expected text without control characters"},
        {"{\"title\":\"x\",\"titel\":1}", "/titel: no such member"},
        {"{\"title\":\"x\",\"a/b~c\":1}", "/a~1b~0c: no such member"},
        {"{\"title\":\"x\",\"title\":\"y\"}", "/title: given twice"},
        {"{\"title\":\"x\",\"colour\":\"blue\"}", "/colour: expected one of red, green"},
        {"{\"title\":\"x\",\"ratio\":1.5}", "/ratio: expected 0 to 1"},
        {"{\"title\":\"x\",\"ratio\":\"1\"}", "/ratio: expected a number"},
        {"{\"title\":\"x\",\"on\":1}", "/on: expected true or false"},
        {"{\"title\":\"x\",\"events\":[]}", "/events: expected 1 to 4 elements"},
        {"{\"title\":\"x\",\"events\":[{\"user\":\"a\"},{\"user\":3}]}",
         "/events/1/user: expected a string"},
        {"{\"title\":\"x\",\"events\":[{\"user\":\"a\",\"n\":1.5}]}",
         "/events/0/n: expected an integer"},
        {"{\"title\":\"x\",\"events\":[{\"user\":\"a\",\"n\":10}]}",
         "/events/0/n: expected 1 to 9"},
        {"{\"title\":\"x\",\"events\":[{}]}", "/events/0: the member 'user' is missing"},
        {"{\"title\":\"x\",\"events\":[7]}", "/events/0: expected an object"},
        {"{\"title\":\"x\",\"tags\":[\"a\",1]}", "/tags/1: expected a string"},
        {"{\"title\":\"x\",\"one\":{\"user\":\"a b\"}}",
         "/one/user: expected 1 to 63 of a-z, 0-9 and . _ @ -"},
        {"{\"title\":\"x\",\"when\":\"soon\"}",
         "/when: expected a time such as 2026-01-31T12:00:00Z"},
        {"{\"title\":\"x\",\"id\":\"1\"}", "/id: expected an id (ULID)"},
        {"{\"title\":\"x\",\"tenant\":\"A\"}",
         "/tenant: expected 1 to 63 lower-case letters, digits and '-'"},
        {"{\"title\":\"x\",\"free\":[]}", "/free: expected an object"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct error err = {.text = ""};
        assert_int_equal(check(bad[i].text, &err), ST_INVALID);
        assert_string_equal(err.text, bad[i].why);
    }
}

static void cuts_the_place_of_a_very_long_name(void **state)
{
    struct sbuf b = {.cap = 1 << 16};
    sbuf_addz(&b, "{\"");
    for (int i = 0; i < 5000; i++)
        sbuf_addz(&b, "~/");
    sbuf_addz(&b, "\":1}");
    struct error err;
    assert_int_equal(check(b.p, &err), ST_INVALID);
    assert_non_null(strstr(err.text, ": no such member"));
    sbuf_done(&b);
}

static const struct schema_field query_fields[] = {
    {"limit", SCHEMA_INTEGER, .min = 1, .max = 1000, .doc = ""},
    {"text", SCHEMA_STRING, .max = 20, .doc = ""},
    {"all", SCHEMA_BOOLEAN, .doc = ""},
    {"must", SCHEMA_NUMBER, .required = true, .doc = ""},
};
static const struct schema query = SCHEMA_OF("Query", "", query_fields);

static void reads_a_query(void **state)
{
    struct arena a;
    str v[COUNT(query_fields)];
    arena_init(&a, 1 << 16);
    assert_int_equal(schema_query(&query, STR("text=a+b%26%3d&limit=5&&must=1e3"), &a, v, NULL),
                     ST_OK);
    assert_true(str_eq(v[0], STR("5")));
    assert_true(str_eq(v[1], STR("a b&=")));
    assert_null(v[2].p);
    assert_int_equal(schema_query(&query, STR("must=0&text="), &a, v, NULL), ST_OK);
    assert_non_null(v[1].p);
    assert_int_equal(v[1].n, 0);
    arena_done(&a);
}

static void refuses_a_query_by_name(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "?must: the parameter is missing"},
        {"must", "?must: expected a number"},
        {"must=inf", "?must: expected a number"},
        {"must=1&limit=0", "?limit: expected 1 to 1000"},
        {"must=1&limit=1.0", "?limit: expected an integer"},
        {"must=1&must=1", "?must: given twice"},
        {"must=1&all=yes", "?all: expected true or false"},
        {"must=1&other=1", "?other: no such parameter"},
        {"must=1&text=%ff", "?text: expected text"},
        {"must=1&text=012345678901234567890", "?text: expected 0 to 20 bytes"},
    };
    struct arena a;
    str v[COUNT(query_fields)];
    arena_init(&a, 1 << 16);
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct error err = {.text = ""};
        assert_int_equal(schema_query(&query, str_z(bad[i].text), &a, v, &err), ST_INVALID);
        assert_string_equal(err.text, bad[i].why);
    }
    arena_done(&a);
}

static void writes_itself_as_json_schema(void **state)
{
    struct sbuf b = {.cap = 1 << 16};
    struct json_out o = json_out_on(&b);
    schema_write(&inner, &o);
    assert_string_equal(b.p, "{\"type\":\"object\",\"description\":\"an element\",\"properties\":{"
                             "\"user\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":8,"
                             "\"pattern\":\"^[a-z0-9._@-]{1,63}$\"},"
                             "\"n\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":9}},"
                             "\"required\":[\"user\"],\"additionalProperties\":false}");
    sbuf_clear(&b);
    o = json_out_on(&b);
    schema_write(&outer, &o);
    assert_int_equal(json_check(sbuf_str(&b), 64, NULL), ST_OK);
    sbuf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_the_table_says),
        cmocka_unit_test(names_the_place_of_what_is_wrong),
        cmocka_unit_test(cuts_the_place_of_a_very_long_name),
        cmocka_unit_test(reads_a_query),
        cmocka_unit_test(refuses_a_query_by_name),
        cmocka_unit_test(writes_itself_as_json_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
