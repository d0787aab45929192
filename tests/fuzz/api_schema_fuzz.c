/* SPDX-License-Identifier: Apache-2.0 */
/* What schema_check accepts has only the members of its table, each of its type; a body that is refused names a place;
 * and any query is taken apart inside its bounds. */
#include "api/schema.h"
#include "codec/utf.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const colours[] = {"red", "green", NULL};
static const struct schema_field inner_fields[] = {
    {"user", SCHEMA_STRING, .required = true, .min = 1, .max = 8, .format = FORMAT_NAME},
    {"n", SCHEMA_INTEGER, .min = 1, .max = 9},
};
static const struct schema inner = SCHEMA_OF("Inner", "", inner_fields);
static const struct schema_field fields[] = {
    {"title", SCHEMA_STRING, .max = 10, .format = FORMAT_LINE},
    {"colour", SCHEMA_STRING, .values = colours},
    {"ratio", SCHEMA_NUMBER, .max = 1},
    {"on", SCHEMA_BOOLEAN, .nullable = true},
    {"events", SCHEMA_ARRAY, .item = SCHEMA_OBJECT, .child = &inner, .min = 1, .max = 4},
    {"tags", SCHEMA_ARRAY, .item = SCHEMA_STRING, .max = 2},
    {"when", SCHEMA_STRING, .format = FORMAT_TIME},
    {"tenant", SCHEMA_STRING, .format = FORMAT_TENANT},
};
static const struct schema schema = SCHEMA_OF("Outer", "", fields);

static void check_accepted(json_node root)
{
    assert(json_kind(root) == JSON_IS_OBJECT && json_count(root) <= COUNT(fields));
    str title = json_str(json_get(root, STR("title")), STR(""));
    assert(title.n <= 10 && utf8_valid(title));
    double ratio = json_real(json_get(root, STR("ratio")), 0);
    assert(ratio >= 0 && ratio <= 1);
    json_node events = json_get(root, STR("events"));
    assert(!events.p || (json_count(events) >= 1 && json_count(events) <= 4));
    for (struct json_each it = json_each(events); json_each_next(&it);)
        assert(json_str(json_get(it.value, STR("user")), STR("")).n > 0);
}

static void check_body(str body)
{
    struct json_doc *doc;
    struct error err = {.text = ""};
    if (json_doc_parse(body, 1 << 16, &doc, NULL) != ST_OK)
        return;
    if (schema_check(&schema, json_doc_root(doc), &err) == ST_OK)
        check_accepted(json_doc_root(doc));
    else
        assert(err.code == ST_INVALID && err.text[0] == '/' && strchr(err.text, ':'));
    json_doc_free(doc);
}

static void check_query(str query)
{
    struct arena a;
    str value[COUNT(fields)];
    struct error err = {.text = ""};
    arena_init(&a, 1 << 20);
    if (schema_query(&schema, query, &a, value, &err) == ST_OK)
        for (size_t i = 0; i < COUNT(fields); i++)
            assert(value[i].n <= query.n);
    else
        assert(err.code == ST_INVALID && err.text[0] == '?');
    arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str text = {(const char *)data, size};
    if (size > 1 << 16)
        return 0;
    check_body(text);
    check_query(text);
    return 0;
}
