/* SPDX-License-Identifier: Apache-2.0 */
/* Ensembles and keystrokes; on public data where it is at hand. */
#include "tests/unit/ml_bed.h"

#include "crypto/crypto.h"
#include "ml/ensemble_int.h"
#include "ml/model_int.h"

static const struct model_training small = {
    .kind = MODEL_ENSEMBLE,
    .seed = 5,
    .epochs = 4,
    .threads = 1,
    .now_ms = INT64_C(1700000000000),
    .option = "xgboost=trees=20;depth=3,iforest=trees=50",
};

static void weighs_members_so_that_weights_add_up(void **state)
{
    struct dataset d = {0};
    bed_flows(&d, 1200, 9);
    struct model *m = bed_train(&small, &d);
    double sum = 0, weight;
    assert_int_equal(model_members(m), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_non_null(model_member(m, i, &weight));
        assert_true(weight >= 0 && weight <= 1);
        sum += weight;
    }
    assert_true(fabs(sum - 1) < 1e-9);
    assert_true(model_card(m)->figures.roc_auc.value > 0.9);
    assert_true(str_contains(model_card(m)->json, STR("\"members\":[{\"kind\":\"xgboost\"")));
    double *part = mem_array(double, 8);
    size_t n;
    (void)model_columns(m, &n);
    sum = 0;
    assert_true(model_importance(m, part));
    for (size_t j = 0; j < n; j++)
        sum += part[j];
    assert_true(fabs(sum - 1) < 1e-9);
    mem_free(part);
    model_free(m);
    dataset_done(&d);
}

/* The best of single members is found, and what is better than any of them too. */
static void finds_the_weights_that_order_rows_best(void **state)
{
    enum { N = 2000 };
    struct weighing w = {.sets = 1, .members = 3};
    struct weighing_set *set = &w.set[0];
    *set = (struct weighing_set){.n = N, .label = mem_array(uint8_t, N)};
    struct random r;
    random_init(&r, 1, 1);
    for (enum mix x = 0; x < MIXES; x++)
        for (size_t i = 0; i < 3; i++)
            set->term[x][i] = mem_array(float, N);
    for (size_t k = 0; k < N; k++) {
        set->label[k] = k % 2;
        double half = random_normal(&r), other = random_normal(&r);
        double shift = k % 2 ? 1 : 0;
        for (enum mix x = 0; x < MIXES; x++) {
            set->term[x][0][k] = (float)(shift + half);
            set->term[x][1][k] = (float)(shift + other);
            set->term[x][2][k] = (float)random_01(&r); /* knows nothing */
        }
    }
    double weight[3] = {0};
    enum mix mix = MIXES;
    weigh_members(&w, weight, &mix);
    assert_true(mix < MIXES);
    assert_true(weight[0] > 0.3 && weight[1] > 0.3);
    weighing_set_done(set);
}

static struct answered nobody(const struct model *model, void *own, const float *x, size_t n,
                              float *raw)
{
    (void)model, (void)own, (void)x, (void)n, (void)raw;
    return (struct answered){0, 1};
}

/* A member that does not answer: its kind says so, as one on a server does that is not there. */
static void answers_without_a_member_and_says_so(void **state)
{
    struct dataset d = {0};
    struct error err = {0};
    struct model_training t = small;
    t.option = "members=iforest+autoencoder";
    bed_flows(&d, 900, 9);
    struct model *m = bed_train(&t, &d);
    struct ensemble *e = m->part;
    struct model_answer *a = mem_array(struct model_answer, d.rows);
    assert_int_equal(model_score_set(m, &d, 1, a, &err), ST_OK);
    assert_int_equal(a[0].members, 2);
    assert_int_equal(a[0].missing, 0);
    double weights = e->member[0].weight;
    e->member[0].weight = 0.5;
    e->member[1].weight = 0.5;
    struct model_ops mute = *e->member[0].model->ops;
    mute.score = nobody;
    const struct model_ops *kept = e->member[0].model->ops;
    e->member[0].model->ops = &mute;
    assert_int_equal(model_score_set(m, &d, 1, a, &err), ST_OK);
    for (size_t i = 0; i < d.rows; i++) {
        assert_int_equal(a[i].members, 1);
        assert_int_equal(a[i].missing, 1);
        assert_true(a[i].score_01 >= 0 && a[i].score_01 <= 1);
    }
    struct model_judgement j;
    assert_int_equal(model_judge(m, &d, 1, NAN, &j, &err), ST_OK);
    assert_int_equal(j.missing, 1);
    e->member[0].weight = 1; /* all depends on it: then the others are asked after all */
    e->member[1].weight = 0;
    assert_int_equal(model_score_set(m, &d, 1, a, &err), ST_OK);
    assert_int_equal(a[0].missing, 1);
    assert_true(a[0].score_01 >= 0);
    model_judgement_done(&j);
    e->member[0].model->ops = kept;
    e->member[0].weight = weights;
    mem_free(a);
    model_free(m);
    dataset_done(&d);
}

/* ---- keystrokes ---- */

static void bed_typing(struct dataset *d, unsigned persons, unsigned rows)
{
    struct sbuf text;
    struct random r, own;
    sbuf_init(&text, 1 << 20);
    random_init(&r, 3, 3);
    sbuf_addz(&text, "Subject,Hold a,Hold b,DD a.b,UD a.b,Hold c\n");
    for (unsigned p = 1; p <= persons; p++)
        for (unsigned i = 0; i < rows; i++) {
            random_init(&own, p, 4);
            sbuf_addf(&text, "%u", p);
            for (unsigned c = 0; c < 5; c++)
                sbuf_addf(&text, ",%.1f", 100 + 40 * random_normal(&own) + 6 * random_normal(&r));
            sbuf_addc(&text, '\n');
        }
    *d = (struct dataset){0};
    bed_read(d, "typing.csv", DATASET_KEYSTROKE, sbuf_str(&text));
    sbuf_done(&text);
}

static void knows_people_by_their_typing(void **state)
{
    struct dataset d = {0};
    struct error err = {0};
    struct model_training t = small;
    t.kind = MODEL_KEYSTROKE;
    t.option = NULL;
    bed_typing(&d, 8, 30);
    struct model *m = bed_train(&t, &d), *again = NULL;
    assert_int_equal(model_persons(m), 8);
    assert_true(str_eq(model_person(m, 0), STR("1")));
    assert_true(model_card(m)->equal_error_rate < 0.05);
    struct model_binding *b = model_bind(m, d.column, d.columns);
    struct model_scratch *s = model_scratch_new(m);
    struct model_answer own, other, any;
    model_score_person(m, b, s, d.x, 0, &own);
    model_score_person(m, b, s, d.x, 3, &other);
    model_score(m, b, s, d.x, 1, d.columns, &any);
    assert_true(own.score_01 < model_card(m)->threshold);
    assert_true(other.score_01 >= model_card(m)->threshold);
    assert_true(any.score_01 == own.score_01);
    assert_int_equal(model_save(m, folder_path("typing.bgm"), &err), ST_OK);
    assert_int_equal(model_load(folder_path("typing.bgm"), NULL, &again, &err), ST_OK);
    struct model_judgement j, k;
    assert_int_equal(model_judge(m, &d, 1, NAN, &j, &err), ST_OK);
    assert_int_equal(model_judge(again, &d, 2, NAN, &k, &err), ST_OK);
    assert_int_equal(j.n, 8 * 240);
    assert_int_equal(j.persons, 8);
    assert_memory_equal(j.score, k.score, j.n * sizeof *j.score);
    model_judgement_done(&j);
    model_judgement_done(&k);
    model_scratch_free(s);
    model_binding_free(b);
    model_free(again);
    model_free(m);
    dataset_done(&d);
}

static bool read_public(struct dataset *d, enum dataset_format format, const char *name)
{
    char path[512];
    struct error err = {0};
    const char *paths[] = {path};
    const struct dataset_options o = {.format = format, .label = -1};
    if (!test_data_dir())
        return false;
    (void)snprintf(path, sizeof path, "%s/%s", test_data_dir(), name);
    *d = (struct dataset){0};
    if (dataset_read(d, paths, 1, &o, &err) != ST_OK)
        fail_msg("%s", err.text);
    return true;
}

static void knows_28_people_of_meu_mobile(void **state)
{
    struct dataset d = {0};
    struct model_training t = small;
    t.kind = MODEL_KEYSTROKE;
    t.option = NULL;
    if (!read_public(&d, DATASET_KEYSTROKE, "keystroke/meu_mobile_users_01_28.csv.gz"))
        SKIP_BECAUSE("no public data");
    struct model *m = bed_train(&t, &d);
    print_message("equal error rate %.4f\n", model_card(m)->equal_error_rate);
    assert_true(model_card(m)->equal_error_rate <= 0.05);
    model_free(m);
    dataset_done(&d);
}

/* A twentieth of NSL-KDD, for the time it takes; the whole is for a bench. */
static void finds_attacks_of_nsl_kdd_that_nobody_labelled(void **state)
{
    struct dataset d = {0}, seen;
    struct error err = {0};
    struct model_training t = small;
    t.kind = MODEL_AUTOENCODER;
    t.option = NULL;
    t.epochs = 8;
    if (!read_public(&d, DATASET_NSL_KDD, "nsl-kdd/KDDTrain+.txt.gz"))
        SKIP_BECAUSE("no public data");
    uint32_t *index = mem_array(uint32_t, d.rows);
    size_t n = 0;
    for (uint32_t i = 0; i < d.rows; i += 20)
        index[n++] = i;
    dataset_take(&d, index, n, &seen);
    struct model *m = bed_train(&t, &seen);
    struct model_judgement j;
    assert_int_equal(model_judge(m, &seen, 1, NAN, &j, &err), ST_OK);
    print_message("ROC AUC %.4f\n", j.figures.roc_auc.value);
    assert_true(j.figures.roc_auc.value > 0.95);
    model_judgement_done(&j);
    model_free(m);
    mem_free(index);
    dataset_done(&seen);
    dataset_done(&d);
}

/* ---- labelled sessions ---- */

/* Attacks have all the events of normal sessions, in another order: "write read close close" somewhere in them. */
static void labelled_sessions(struct dataset *d, size_t rows, uint64_t seed)
{
    struct sbuf text;
    struct random r;
    random_init(&r, seed, 3);
    *d = (struct dataset){0};
    sbuf_init(&text, 1 << 20);
    for (int label = 0; label < 2; label++) {
        text.n = 0;
        for (size_t i = 0; i < rows / 2; i++) {
            sbuf_addz(&text, "open ");
            for (unsigned n = 2 + random_below(&r, 8); n > 0; n--)
                sbuf_addz(&text, random_below(&r, 2) ? "read write " : "write seek read ");
            sbuf_addz(&text, label ? "write read close close\n" : "close\n");
        }
        struct dataset_options o = {.format = DATASET_SEQUENCE, .label = label};
        assert_int_equal(dataset_read_memory(d, sbuf_str(&text), "s.txt", &o, NULL), ST_OK);
    }
    sbuf_done(&text);
}

static const struct model_training runs = {
    .kind = MODEL_NGRAM,
    .seed = 5,
    .threads = 1,
    .now_ms = INT64_C(1700000000000),
    .option = "trees=20,depth=3,runs=60",
};

static void same_bytes(const struct model *a, const struct model *b)
{
    assert_true(str_eq(model_card(a)->version, model_card(b)->version));
}

static void learns_which_runs_of_events_attacks_have(void **state)
{
    struct dataset d = {0};
    labelled_sessions(&d, 600, 1);
    struct model *m = bed_train(&runs, &d);
    assert_true(model_card(m)->figures.roc_auc.value > 0.99);
    assert_true(str_contains(model_card(m)->parameters, STR("trees=20")));
    struct model_training more = runs;
    more.threads = 3;
    struct model *again = bed_train(&more, &d);
    same_bytes(m, again);
    model_free(again);
    more = runs;
    more.fpr = 0.05;
    again = bed_train(&more, &d);
    assert_true(str_contains(model_card(again)->basis, STR("normal validation rows")));
    model_free(again);
    model_free(m);
    dataset_done(&d);
}

static void names_the_runs_that_spoke_most(void **state)
{
    struct dataset d = {0};
    struct arena arena;
    struct error err = {0};
    struct model_explanation e;
    labelled_sessions(&d, 600, 1);
    struct model *m = bed_train(&runs, &d);
    struct model_scratch *s = model_scratch_new(m);
    const str odd[] = {STR("open"), STR("read"),  STR("write"), STR("write"),
                       STR("read"), STR("close"), STR("close")};
    arena_init(&arena, 1 << 16);
    assert_int_equal(model_explain_sequence(m, s, odd, COUNT(odd), &arena, &e, &err), ST_OK);
    assert_true(str_starts(e.words, STR("suspicious")));
    bool named = false;
    for (size_t i = 0; i < e.count; i++)
        named |= str_contains(e.reason[i].what, STR("close close")) &&
                 str_contains(e.reason[i].words, STR("100 % of attacks"));
    assert_true(named);
    arena_done(&arena);
    arena_init(&arena, 64);
    assert_int_equal(model_explain_sequence(m, s, odd, COUNT(odd), &arena, &e, &err), ST_LIMIT);
    arena_done(&arena);
    model_scratch_free(s);
    model_free(m);
    dataset_done(&d);
}

/* One by one, all at once, on several threads and after a file: the same scores. */
static void scores_sessions_the_same_every_way(void **state)
{
    struct dataset d = {0};
    labelled_sessions(&d, 300, 1);
    struct model *m = bed_train(&runs, &d), *read = NULL;
    struct sbuf bytes;
    sbuf_init(&bytes, 16 << 20);
    model_write(m, &bytes);
    assert_int_equal(model_read(sbuf_str(&bytes), NULL, &read, NULL), ST_OK);
    same_bytes(m, read);
    struct model_answer *one = mem_array(struct model_answer, d.rows),
                        *three = mem_array(struct model_answer, d.rows), alone;
    assert_int_equal(model_score_set(m, &d, 1, one, NULL), ST_OK);
    assert_int_equal(model_score_set(read, &d, 3, three, NULL), ST_OK);
    struct model_scratch *s = model_scratch_new(read);
    for (size_t i = 0; i < d.rows; i++) {
        str name[64];
        size_t n = d.start[i + 1] - d.start[i];
        for (size_t k = 0; k < n; k++)
            name[k] = d.event_name[d.event[d.start[i] + k]];
        model_score_sequence(read, s, name, n, &alone);
        assert_true(one[i].raw == three[i].raw && one[i].raw == alone.raw);
    }
    model_scratch_free(s);
    mem_free(one);
    mem_free(three);
    sbuf_done(&bytes);
    model_free(m);
    model_free(read);
    dataset_done(&d);
}

/* Changed, and given the right checksum again: it is refused, or computes something without harm. */
static void does_no_harm_when_its_file_is_hostile(void **state)
{
    struct dataset d = {0};
    struct error err;
    struct sbuf b;
    size_t refused = 0, taken = 0;
    labelled_sessions(&d, 100, 1);
    struct model *m = bed_train(&runs, &d);
    sbuf_init(&b, 16 << 20);
    model_write(m, &b);
    struct model_answer *a = mem_array(struct model_answer, d.rows);
    for (size_t i = 8; i < b.n - SHA256_SIZE; i += i < 400 ? 7 : 29) {
        struct model *out = NULL;
        char kept = b.p[i];
        b.p[i] = (char)(i % 3 ? kept ^ (1 << i % 8) : 0xff);
        crypto_sha256(str_head(sbuf_str(&b), b.n - SHA256_SIZE),
                      (unsigned char *)b.p + b.n - SHA256_SIZE);
        if (model_read(sbuf_str(&b), NULL, &out, &err) != ST_OK)
            refused++;
        else if (model_score_set(out, &d, 1, a, &err) == ST_OK)
            for (size_t k = 0; k < d.rows; k++, taken++)
                assert_true(isnan(a[k].score_01) || (a[k].score_01 >= 0 && a[k].score_01 <= 1));
        model_free(out);
        b.p[i] = kept;
    }
    assert_true(refused > 0 && taken > 0);
    mem_free(a);
    sbuf_done(&b);
    model_free(m);
    dataset_done(&d);
}

static void wants_normal_sessions_and_attacks(void **state)
{
    struct dataset d = {0};
    struct model *m = NULL;
    struct error err = {0};
    labelled_sessions(&d, 100, 1);
    memset(d.label, LABEL_NORMAL, d.rows);
    assert_int_equal(model_train(&runs, &d, &m, &err), ST_INVALID);
    assert_non_null(strstr(err.text, "both labels"));
    memset(d.label, LABEL_ATTACK, d.rows - 4);
    assert_int_equal(model_train(&runs, &d, &m, &err), ST_INVALID);
    dataset_done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_which_runs_of_events_attacks_have),
        cmocka_unit_test(names_the_runs_that_spoke_most),
        cmocka_unit_test(scores_sessions_the_same_every_way),
        cmocka_unit_test(does_no_harm_when_its_file_is_hostile),
        cmocka_unit_test(wants_normal_sessions_and_attacks),
        cmocka_unit_test(weighs_members_so_that_weights_add_up),
        cmocka_unit_test(finds_the_weights_that_order_rows_best),
        cmocka_unit_test(answers_without_a_member_and_says_so),
        cmocka_unit_test(knows_people_by_their_typing),
        cmocka_unit_test(knows_28_people_of_meu_mobile),
        cmocka_unit_test(finds_attacks_of_nsl_kdd_that_nobody_labelled),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
