/* Messages of the Open Inference Protocol: what other programs write is read, and what we write is what the
 * protocol says. */
#include "ml/oip.h"

#include "tests/test.h"

#include <math.h>

static struct arena arena;
static struct oip_message message;
static struct error err;

static int set_up(void **state)
{
    arena_init(&arena, 64 << 20);
    return 0;
}

static int tear_down(void **state)
{
    arena_done(&arena);
    return 0;
}

static status read_z(const char *text)
{
    return oip_read_request(str_z(text), (str){0}, &arena, &message, &err);
}

static void reads_a_tensor_flat_or_nested(void **state)
{
    static const char *const text[] = {
        "{\"id\":\"42\",\"inputs\":[{\"name\":\"x\",\"shape\":[2,3],\"datatype\":\"FP32\","
        "\"data\":[1,2.5,-3,4,null,6]}]}",
        "{\"id\":\"42\",\"inputs\":[{\"name\":\"x\",\"shape\":[2,3],\"datatype\":\"FP32\","
        "\"data\":[[1,2.5,-3],[4,null,6]]}],\"outputs\":[{\"name\":\"score\"}]}",
    };
    for (size_t i = 0; i < COUNT(text); i++) {
        assert_int_equal(read_z(text[i]), ST_OK);
        assert_true(str_eq(message.id, STR("42")));
        assert_int_equal(message.tensors, 1);
        const struct oip_tensor *t = message.tensor;
        assert_int_equal(t->dims, 2);
        assert_int_equal(t->count, 6);
        assert_true(t->number[1] == 2.5f && t->number[2] == -3.0f && t->number[5] == 6.0f);
        assert_true(isnan(t->number[4]));
        assert_int_equal(message.wanteds, i);
    }
}

static void reads_every_datatype_as_json(void **state)
{
    static const char *const names[] = {"UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16",
                                        "INT32", "INT64",  "FP16",   "FP32",   "FP64"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char text[160];
        (void)snprintf(
            text, sizeof text,
            "{\"inputs\":[{\"name\":\"a\",\"shape\":[1],\"datatype\":\"%s\",\"data\":[7]}]}",
            names[i]);
        assert_int_equal(read_z(text), ST_OK);
        assert_true(message.tensor->number[0] == 7.0f);
        assert_string_equal(oip_type_name(message.tensor->type), names[i]);
    }
    assert_int_equal(read_z("{\"inputs\":[{\"name\":\"a\",\"shape\":[2],\"datatype\":\"BOOL\","
                            "\"data\":[true,false]},{\"name\":\"b\",\"shape\":[2],"
                            "\"datatype\":\"BYTES\",\"data\":[\"tcp\",\"\"]}]}"),
                     ST_OK);
    assert_true(message.tensor[0].number[0] == 1.0f && message.tensor[0].number[1] == 0.0f);
    assert_true(str_eq(message.tensor[1].text[0], STR("tcp")));
    assert_int_equal(message.tensor[1].text[1].n, 0);
}

static void reads_tensors_that_stand_behind_the_text(void **state)
{
    static const unsigned char bytes[] = {
        0,    0,    0x80, 0x3f, 0,    0,    0xc0, 0xbf, /* FP32 1, -1.5 */
        0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* INT64 -2 */
        0,    0x3c, 0,    0xc4, 0,    0x7e,             /* FP16 1, -4, NaN */
        3,    0,    0,    0,    't',  'c',  'p',        /* BYTES */
    };
    const char *text = "{\"inputs\":["
                       "{\"name\":\"a\",\"shape\":[2],\"datatype\":\"FP32\",\"parameters\":{"
                       "\"binary_data_size\":8}},"
                       "{\"name\":\"b\",\"shape\":[1],\"datatype\":\"INT64\",\"parameters\":{"
                       "\"binary_data_size\":8}},"
                       "{\"name\":\"c\",\"shape\":[3],\"datatype\":\"FP16\",\"parameters\":{"
                       "\"binary_data_size\":6}},"
                       "{\"name\":\"d\",\"shape\":[1],\"datatype\":\"BYTES\",\"parameters\":{"
                       "\"binary_data_size\":7}}],"
                       "\"parameters\":{\"binary_data_output\":true}}";
    str behind = {(const char *)bytes, sizeof bytes};
    assert_int_equal(oip_read_request(str_z(text), behind, &arena, &message, &err), ST_OK);
    assert_true(message.tensor[0].number[0] == 1.0f && message.tensor[0].number[1] == -1.5f);
    assert_true(message.tensor[1].number[0] == -2.0f);
    assert_true(message.tensor[2].number[0] == 1.0f && message.tensor[2].number[1] == -4.0f);
    assert_true(isnan(message.tensor[2].number[2]));
    assert_true(str_eq(message.tensor[3].text[0], STR("tcp")));
    assert_true(message.binary);
    for (size_t n = 0; n < sizeof bytes; n++) /* whatever is cut off is missed */
        assert_int_not_equal(
            oip_read_request(str_z(text), str_head(behind, n), &arena, &message, &err), ST_OK);
}

static void refuses_what_does_not_fit_together(void **state)
{
    static const struct {
        const char *text;
        status st;
        const char *why;
    } bad[] = {
        {"[]", ST_INVALID, "object"},
        {"{", ST_INVALID, "line 1"},
        {"{}", ST_INVALID, "/inputs"},
        {"{\"inputs\":[]}", ST_INVALID, "/inputs"},
        {"{\"inputs\":[1]}", ST_INVALID, "/inputs/0/name"},
        {"{\"inputs\":[{\"name\":\"a\",\"shape\":[1],\"datatype\":\"FP8\",\"data\":[1]}]}",
         ST_UNSUPPORTED, "FP8"},
        {"{\"inputs\":[{\"name\":\"a\",\"shape\":[2],\"datatype\":\"FP32\",\"data\":[1]}]}",
         ST_INVALID, "fewer"},
        {"{\"inputs\":[{\"name\":\"a\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[1,2]}]}",
         ST_INVALID, "more"},
        {"{\"inputs\":[{\"name\":\"a\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[\"1\"]}]}",
         ST_INVALID, "datatype"},
        {"{\"inputs\":[{\"name\":\"a\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[[[1]]]}]}",
         ST_INVALID, "deeper"},
        {"{\"inputs\":[{\"name\":\"a\",\"shape\":[-1],\"datatype\":\"FP32\",\"data\":[1]}]}",
         ST_INVALID, "whole numbers"},
        {"{\"inputs\":[{\"name\":\"a\",\"shape\":[4000000,4000000],\"datatype\":\"FP32\",\"data\":["
         "]}]}",
         ST_LIMIT, "at most"},
        {"{\"inputs\":[{\"name\":\"a\",\"shape\":[9223372036854775807],\"datatype\":\"FP32\","
         "\"data\":[]}]}",
         ST_LIMIT, "at most"},
        {"{\"inputs\":[{\"name\":\"a\",\"shape\":[1],\"datatype\":\"FP32\",\"parameters\":"
         "{\"binary_data_size\":4}}]}",
         ST_INVALID, "not so many bytes"},
        {"{\"inputs\":[{\"name\":\"a\",\"shape\":[1],\"datatype\":\"FP32\",\"parameters\":"
         "{\"shared_memory_region\":\"r\"}}]}",
         ST_UNSUPPORTED, "shared memory"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(read_z(bad[i].text), bad[i].st);
        if (!strstr(err.text, bad[i].why))
            fail_msg("'%s' does not say '%s'", err.text, bad[i].why);
    }
}

static void reads_what_it_writes(void **state)
{
    struct sbuf out, bytes;
    float score[] = {0.25f, 0.1f, 1.0f};
    str reason[] = {STR("a \"b\""), STR(""), STR("c")};
    struct oip_tensor tensor[] = {
        {.name = STR("score"),
         .type = OIP_FP32,
         .shape = {3},
         .dims = 1,
         .count = 3,
         .number = score},
        {.name = STR("reason"),
         .type = OIP_BYTES,
         .shape = {3},
         .dims = 1,
         .count = 3,
         .text = reason},
    };
    struct oip_message m = {.id = STR("1"),
                            .model = STR("flows"),
                            .version = STR("abc"),
                            .tensor = tensor,
                            .tensors = 2};
    for (int apart = 0; apart < 2; apart++) {
        sbuf_init(&out, 1 << 20);
        sbuf_init(&bytes, 1 << 20);
        oip_write_answer(&m, &out, apart ? &bytes : NULL);
        assert_int_equal(oip_read_answer(sbuf_str(&out), sbuf_str(&bytes), &arena, &message, &err),
                         ST_OK);
        assert_true(str_eq(message.model, STR("flows")) && str_eq(message.version, STR("abc")));
        assert_memory_equal(message.tensor[0].number, score, sizeof score);
        for (size_t i = 0; i < 3; i++)
            assert_true(str_eq(message.tensor[1].text[i], reason[i]));
        sbuf_done(&out);
        sbuf_done(&bytes);
    }
}

static void holds_no_more_than_its_arena(void **state)
{
    const char *text = "{\"inputs\":[{\"name\":\"a\",\"shape\":[4,1],\"datatype\":\"BYTES\","
                       "\"data\":[\"aaaaaaaaaaaaaaaaaaaa\",\"b\",\"c\",\"d\"]}]}";
    status st = ST_LIMIT;
    for (size_t cap = 0; st != ST_OK; cap = cap ? cap * 2 : 1) {
        struct arena small;
        arena_init(&small, cap);
        st = oip_read_request(str_z(text), (str){0}, &small, &message, &err);
        assert_true(st == ST_OK || st == ST_LIMIT);
        arena_done(&small);
    }
}

static void tells_what_a_server_complains_about(void **state)
{
    assert_true(
        str_eq(oip_read_error(STR("{\"error\":\"no such model\"}"), &arena), STR("no such model")));
    assert_int_equal(oip_read_error(STR("<html>"), &arena).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_tensor_flat_or_nested),
        cmocka_unit_test(reads_every_datatype_as_json),
        cmocka_unit_test(reads_tensors_that_stand_behind_the_text),
        cmocka_unit_test(refuses_what_does_not_fit_together),
        cmocka_unit_test(reads_what_it_writes),
        cmocka_unit_test(holds_no_more_than_its_arena),
        cmocka_unit_test(tells_what_a_server_complains_about),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
