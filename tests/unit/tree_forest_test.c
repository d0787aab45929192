/* SPDX-License-Identifier: Apache-2.0 */
/* Forests of any shape score alike on every way; and models written by hand, whole and damaged. */
#include "tests/test.h"
#include "tree/boost_int.h"
#include "tree/forest_int.h"

#include "base/mem.h"
#include "base/random.h"
#include "base/vec.h"

#include <math.h>

struct shape {
    unsigned depth, values, columns,
        sets; /* values: different ones of thresholds; sets: one split in so many */
};

static const uint32_t bits[2] = {0x00ff00aa, 0x80000001};

static float draw(struct random *r, unsigned values)
{
    switch (random_below(r, 12)) {
    case 0:
        return NAN;
    case 1:
        return INFINITY;
    case 2:
        return -INFINITY;
    default:
        return ((float)random_below(r, values) - (float)values / 2) / 4;
    }
}

/* Nodes level by level; each but the root is a leaf with some luck. */
static void random_tree(struct forest_builder *f, struct random *r, const struct shape *s,
                        uint32_t group)
{
    uint8_t *depth = mem_zero(1 << 12);
    forest_builder_tree(f, group);
    for (uint32_t i = 0, made = 1; i < made; i++) {
        float at = draw(r, s->values);
        bool left = random_below(r, 2);
        if (depth[i] == s->depth || made > 2000 || random_below(r, 8) == 0 ||
            (s->depth > 8 && i > 4 && random_below(r, 3) == 0)) {
            forest_builder_leaf(f, (float)random_normal(r));
            continue;
        }
        if (s->sets && random_below(r, s->sets) == 0)
            forest_builder_set(f, made, random_below(r, s->columns), bits, 2, left);
        else
            forest_builder_split(f, made, random_below(r, s->columns), isnan(at) ? 0 : at, left);
        depth[made] = depth[made + 1] = (uint8_t)(depth[i] + 1);
        made += 2;
    }
    mem_free(depth);
}

static void check_shape(const struct shape *s, uint64_t seed)
{
    struct random r;
    random_init(&r, seed, 0);
    uint32_t groups = 1 + random_below(&r, 3), trees = random_below(&r, 40);
    size_t n = 1 + random_below(&r, 700), stride = s->columns + random_below(&r, 3);
    struct forest_builder *b = forest_builder_new(s->columns, groups);
    for (uint32_t i = 0; i < trees; i++)
        random_tree(b, &r, s, i % groups);
    struct forest *f = forest_build(b);
    float *x = mem_array(float, n *stride);
    for (size_t i = 0; i < n * stride; i++)
        x[i] = draw(&r, s->values);
    float *plain = mem_array(float, n *groups), *out = mem_array(float, n *groups);
    (void)forest_add_way(FOREST_PLAIN, f, x, n, stride, plain);
    for (enum forest_way way = FOREST_ROWS; way <= FOREST_AVX512; way++) {
        memset(out, 0, n * groups * sizeof *out);
        if (forest_add_way(way, f, x, n, stride, out))
            assert_memory_equal(out, plain, n * groups * sizeof *out);
    }
    memset(out, 0, n * groups * sizeof *out);
    void *room = mem_aligned(64, forest_room(f, n));
    forest_add(f, x, n, stride, room, out);
    mem_free(room);
    assert_memory_equal(out, plain, n * groups * sizeof *out);
    mem_free(x);
    mem_free(plain);
    mem_free(out);
    forest_free(f);
}

static void scores_forests_of_any_shape_alike_on_every_way(void **state)
{
    for (uint64_t seed = 0; seed < 120; seed++) {
        struct shape s = {.depth = (unsigned)(seed % 12),
                          .values = seed % 3 ? 20 : 4000,
                          .columns = seed % 5 ? 1 + (unsigned)seed % 41 : 1,
                          .sets = seed % 4 ? 0 : 9};
        check_shape(&s, seed);
    }
}

/* Many thresholds of one column: as bytes, and too many for it. */
static void takes_columns_of_many_thresholds(void **state)
{
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct shape s = {.depth = 6, .values = 200 + 40 * (unsigned)seed, .columns = 3};
        check_shape(&s, seed);
    }
}

/* ---- models by hand ---- */

#define MODEL(BOOSTER, PARAM, OBJECTIVE, TREE)                                                     \
    "{\"learner\":{\"gradient_booster\":{\"model\":{\"trees\":[" TREE                              \
    "],\"tree_info\":[0]},\"name\":\"" BOOSTER "\"},\"learner_model_param\":{" PARAM               \
    "},\"objective\":{\"name\":\"" OBJECTIVE "\"}},\"version\":[1,7,4]}"
#define TREE(LEFT, RIGHT, SPLIT, CONDITION)                                                        \
    "{\"left_children\":" LEFT ",\"right_children\":" RIGHT ",\"split_indices\":" SPLIT            \
    ",\"split_conditions\":" CONDITION ",\"default_left\":[true,false,false]}"
#define PARAM "\"base_score\":\"5E-1\",\"num_feature\":\"2\""
#define STUMP TREE("[1,-1,-1]", "[2,-1,-1]", "[1,0,0]", "[0.5,-1,2]")

static status read_text(const char *text, struct boost **out, struct error *err)
{
    return boost_read(str_z(text), out, err);
}

static void reads_a_model_written_by_hand(void **state)
{
    static const char text[] = MODEL("gbtree", PARAM, "binary:logitraw", STUMP);
    const float x[] = {9, 0.49F, 9, 0.5F, 9, NAN, NAN, INFINITY};
    float out[4];
    struct boost *b;
    struct error err;
    if (read_text(text, &b, &err))
        fail_msg("%s", err.text);
    boost_score(b, x, 4, 2, out);
    assert_true(out[0] == -0.5F && out[1] == 2.5F && out[2] == -0.5F && out[3] == 2.5F);
    double phi[3];
    boost_explain(b, x, 0, phi);
    assert_true(phi[0] == 0 && fabs(phi[1] + 1.5) < 1e-9 && fabs(phi[2] - 1) < 1e-9);
    boost_free(b);
}

static void takes_base_scores_of_all_versions(void **state)
{
    static const char *const bases[] = {"\"2.5E-1\"", "0.25", "\"[2.5E-1]\"", "[0.25]"};
    for (size_t i = 0; i < COUNT(bases); i++) {
        char text[1024];
        struct boost *b;
        float x[2] = {0, 1}, out;
        (void)snprintf(
            text, sizeof text,
            MODEL("gbtree", "\"num_feature\":\"2\",\"base_score\":%s", "reg:squarederror", STUMP),
            bases[i]);
        assert_int_equal(read_text(text, &b, NULL), ST_OK);
        boost_score(b, x, 1, 2, &out);
        assert_true(out == 2.25F);
        boost_free(b);
    }
}

static void refuses_what_is_no_ensemble(void **state)
{
    static const struct {
        status st;
        const char *text, *why;
    } bad[] = {
        {ST_INVALID, "{}", "this is no model of XGBoost"},
        {ST_INVALID, "[1,2", "byte 5: "},
        {ST_INVALID, "", "byte 1: "},
        {ST_UNSUPPORTED, MODEL("gblinear", PARAM, "binary:logistic", STUMP), "'gblinear'"},
        {ST_UNSUPPORTED, MODEL("gbtree", PARAM, "rank:pairwise", STUMP), "'rank:pairwise'"},
        {ST_INVALID, MODEL("gbtree", "\"num_feature\":\"0\"", "reg:linear", STUMP), "no columns"},
        {ST_INVALID, MODEL("gbtree", "\"num_feature\":\"x\"", "reg:linear", STUMP), "no columns"},
        {ST_LIMIT, MODEL("gbtree", "\"num_feature\":\"99999999\"", "reg:linear", STUMP), "65536"},
        {ST_INVALID, MODEL("gbtree", "\"num_feature\":\"1\"", "reg:linear", STUMP),
         "tree 0, node 0: splits on a column that is not there"},
        {ST_INVALID,
         MODEL("gbtree", "\"base_score\":\"0\",\"num_feature\":\"2\"", "binary:logistic", STUMP),
         "base score"},
        {ST_INVALID,
         MODEL("gbtree", PARAM, "reg:linear", TREE("[1,-1,-1]", "[3,-1,-1]", "[0,0,0]", "[0,0,0]")),
         "tree 0, node 0: its child is none of the tree's nodes"},
        {ST_INVALID,
         MODEL("gbtree", PARAM, "reg:linear", TREE("[1,-1,-1]", "[1,-1,-1]", "[0,0,0]", "[0,0,0]")),
         "tree 0, node 1: comes twice"},
        {ST_INVALID,
         MODEL("gbtree", PARAM, "reg:linear", TREE("[1,0,-1]", "[2,1,-1]", "[0,0,0]", "[0,0,0]")),
         "tree 0, node 0: comes twice"},
        {ST_INVALID,
         MODEL("gbtree", PARAM, "reg:linear",
               TREE("[1,-1,-1]", "[2,-1,-1]", "[0,0,0]", "[NaN,0,0]")),
         "tree 0, node 0: its threshold is no number"},
        {ST_INVALID,
         MODEL("gbtree", PARAM, "reg:linear",
               TREE("[1,-1,-1]", "[2,-1,-1]", "[0,0,0]", "[0,1e300,0]")),
         "tree 0, node 1: its value is no finite number"},
        {ST_INVALID,
         MODEL("gbtree", PARAM, "reg:linear", TREE("[1,-1,-1]", "[2,-1]", "[0,0,0]", "[0,0,0]")),
         "its arrays differ in length"},
        {ST_INVALID, MODEL("gbtree", PARAM, "reg:linear", STUMP "," STUMP), "differ in length"},
        {ST_INVALID,
         MODEL("gbtree", PARAM, "reg:linear",
               TREE("[1.5,-1,-1]", "[2,-1,-1]", "[0,0,0]", "[0,0,0]")),
         "its child is none"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct boost *b = NULL;
        struct error err = {0};
        assert_int_equal(read_text(bad[i].text, &b, &err), bad[i].st);
        if (!strstr(err.text, bad[i].why))
            fail_msg("%zu: '%s', not '%s'", i, err.text, bad[i].why);
    }
}

/* Each value takes a byte of the file, or two, and much more memory while its list is read. */
static void refuses_lists_larger_than_any_ensembles(void **state)
{
    enum { VALUES = (1 << 22) + 1 };
    for (int binary = 0; binary < 2; binary++) {
        struct sbuf bytes;
        struct boost *b = NULL;
        struct error err = {0};
        sbuf_init(&bytes, 64 << 20);
        sbuf_addz(&bytes, binary ? "{i\1a[" : "{\"a\":[");
        for (size_t i = 0; i < VALUES; i++)
            sbuf_addz(&bytes, binary ? "T" : "1,");
        sbuf_addz(&bytes, binary ? "]}" : "1]}");
        assert_int_equal(boost_read(sbuf_str(&bytes), &b, &err), ST_LIMIT);
        assert_non_null(strstr(err.text, "more than 4194304 values"));
        sbuf_done(&bytes);
    }
}

/* As UBJSON, cut anywhere and with any byte another. */
static void survives_damaged_bytes(void **state)
{
    static const char text[] = MODEL("gbtree", PARAM, "binary:logistic", STUMP);
    struct boost *b;
    struct sbuf bytes;
    struct random r;
    random_init(&r, 3, 0);
    assert_int_equal(read_text(text, &b, NULL), ST_OK);
    sbuf_init(&bytes, 1 << 20);
    boost_write(b, &bytes);
    boost_free(b);
    for (size_t n = 0; n < bytes.n; n++)
        assert_int_not_equal(boost_read((str){bytes.p, n}, &b, NULL), ST_OK);
    for (size_t i = 0; i < 12 * bytes.n; i++) {
        char was = bytes.p[i / 12];
        bytes.p[i / 12] = (char)random_below(&r, 256);
        if (boost_read(sbuf_str(&bytes), &b, NULL) == ST_OK) {
            float *x = mem_array(float, boost_columns(b)),
                  *out = mem_array(float, boost_outputs(b));
            boost_score(b, x, 1, boost_columns(b), out);
            mem_free(x);
            mem_free(out);
            boost_free(b);
        }
        bytes.p[i / 12] = was;
    }
    sbuf_done(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_model_written_by_hand),
        cmocka_unit_test(takes_base_scores_of_all_versions),
        cmocka_unit_test(refuses_what_is_no_ensemble),
        cmocka_unit_test(refuses_lists_larger_than_any_ensembles),
        cmocka_unit_test(survives_damaged_bytes),
        cmocka_unit_test(scores_forests_of_any_shape_alike_on_every_way),
        cmocka_unit_test(takes_columns_of_many_thresholds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
