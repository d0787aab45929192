/* SPDX-License-Identifier: Apache-2.0 */
/* The autoencoder: its gradient, its training on any number of threads and after a break, its scores and its bytes. */
#include "base/mem.h"
#include "base/random.h"
#include "dataset/dataset.h"
#include "eval/eval.h"
#include "nn/autoencoder_int.h"
#include "os/file.h"
#include "os/team.h"
#include "tests/folder.h"
#include "tests/public_data.h"

enum { N = 1500, D = 11 };

/* Rows of D numbers that only three make. */
static float *made_up(size_t n, uint64_t seed)
{
    struct random r, mix;
    random_init(&r, seed, 0);
    random_init(&mix, 5, 0);
    float *x = mem_array(float, n *D), by[3][D];
    for (size_t i = 0; i < 3 * (size_t)D; i++)
        by[i / D][i % D] = (float)random_normal(&mix);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < 3; k++)
            nn_axpy(x + i * D, (float)random_normal(&r), by[k], D);
    return x;
}

static struct autoencoder *trained(const struct nn_training *t, const float *x, size_t n)
{
    struct autoencoder *a = NULL;
    struct error err = {0};
    if (autoencoder_train(&(struct autoencoder_shape){D, 13, 4}, t, x, n, D, &a, &err))
        fail_msg("%s", err.text);
    return a;
}

static void assert_same(const struct autoencoder *a, const struct autoencoder *b)
{
    assert_int_equal(a->net.parameters, b->net.parameters);
    assert_memory_equal(a->parameter, b->parameter, a->net.parameters * sizeof(float));
}

/* ---- learning ---- */

static double loss_of(const struct ae_net *n, const float *parameter, struct ae_pass *p, size_t m)
{
    float *y = NULL;
    double sum = 0;
    ae_forward(n, parameter, p->x, D, m, p->inner, &y);
    for (size_t i = 0; i < m * D; i++)
        sum += ((double)y[i] - (double)p->x[i]) * ((double)y[i] - (double)p->x[i]);
    return sum;
}

/* Half of the error's slope by parameter i. */
static double slope_of(const struct ae_net *n, float *parameter, struct ae_pass *p, size_t m,
                       size_t i, float step)
{
    float was = parameter[i];
    parameter[i] = was + step;
    double high = loss_of(n, parameter, p, m);
    parameter[i] = was - step;
    double low = loss_of(n, parameter, p, m);
    parameter[i] = was;
    return (high - low) / (4 * (double)step);
}

static void has_the_gradient_of_its_error(void **state)
{
    enum { M = 7 };
    struct ae_net n;
    assert_int_equal(ae_net_init(&n, &(struct autoencoder_shape){D, 13, 4}, NULL), ST_OK);
    float *p = mem_array(float, n.parameters), *gradient = mem_array(float, n.parameters);
    float *inner = mem_array(float, M *n.inner),
          *d[2] = {mem_array(float, M * 13), mem_array(float, M * 13)};
    struct ae_pass pass = {made_up(M, 1), inner, {d[0], d[1]}};
    struct random r;
    random_init(&r, 3, 0);
    for (size_t i = 0; i < n.parameters; i++)
        p[i] = (float)random_normal(&r) / 3;
    double loss = ae_gradient(&n, p, &pass, M, gradient), most = 0;
    assert_true(fabs(loss - loss_of(&n, p, &pass, M)) < 1e-4 * loss);
    size_t turns = 0; /* where a relu turns within the step, a difference is no slope */
    for (size_t i = 0; i < n.parameters; i++) {
        double slope = slope_of(&n, p, &pass, M, i, 1.0f / 128);
        if (fabs(slope - slope_of(&n, p, &pass, M, i, 1.0f / 512)) > 5e-3 * (1 + fabs(slope))) {
            turns++;
            continue;
        }
        most = fmax(most, fabs(slope));
        assert_true(fabs(slope - (double)gradient[i]) < 1e-2 * (1 + fabs(slope)));
    }
    assert_true(turns < n.parameters / 20);
    assert_true(most > 1);
    mem_free(p), mem_free(gradient), mem_free(inner), mem_free(d[0]), mem_free(d[1]);
    mem_free(pass.x);
}

static void learns_the_same_on_any_number_of_threads(void **state)
{
    float *x = made_up(N, 2);
    struct autoencoder *one = trained(&(struct nn_training){.epochs = 4, .seed = 9}, x, N);
    for (unsigned threads = 1; threads <= 5; threads += 2) {
        struct team *team = team_new(threads);
        struct autoencoder *many =
            trained(&(struct nn_training){.epochs = 4, .seed = 9, .team = team}, x, N);
        assert_same(one, many);
        autoencoder_free(many);
        team_free(team);
    }
    struct autoencoder *other = trained(&(struct nn_training){.epochs = 4, .seed = 8}, x, N);
    assert_memory_not_equal(one->parameter, other->parameter, sizeof(float) * 8);
    autoencoder_free(one);
    autoencoder_free(other);
    mem_free(x);
}

static double mean(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i];
    return sum / (double)n;
}

static void finds_rows_unlike_those_it_has_learnt(void **state)
{
    float *x = made_up(N, 2), *y = made_up(N, 3), usual[N], odd[N];
    struct autoencoder *a = trained(&(struct nn_training){.epochs = 60, .rate = 0.005f}, x, N);
    autoencoder_score(a, y, N, D, usual, NULL);
    struct random r;
    random_init(&r, 4, 0);
    for (size_t i = 0; i < N * (size_t)D; i++)
        y[i] = (float)random_normal(&r) * 1.7f;
    autoencoder_score(a, y, N, D, odd, NULL);
    assert_true(mean(odd, N) > 8 * mean(usual, N));
    autoencoder_free(a);
    mem_free(x), mem_free(y);
}

static void scores_by_column_as_by_row(void **state)
{
    enum { STRIDE = D + 3 };
    float *x = made_up(N, 2), *wide = mem_array(float, (size_t)N *STRIDE), each[53 * D], out[53];
    for (size_t i = 0; i < N; i++)
        memcpy(wide + i * STRIDE, x + i * D, D * sizeof *x);
    struct autoencoder *a = trained(&(struct nn_training){.epochs = 2}, x, N);
    assert_int_equal(autoencoder_columns(a), D);
    struct autoencoder *b = NULL;
    struct autoencoder_shape shape = {D, 13, 4};
    struct nn_training t = {.epochs = 2};
    assert_int_equal(autoencoder_train(&shape, &t, wide, N, STRIDE, &b, NULL), ST_OK);
    assert_same(a, b);
    autoencoder_free(b);
    autoencoder_score(a, wide, 53, STRIDE, out, each);
    for (size_t i = 0; i < 53; i++) {
        float alone;
        assert_true(fabs(mean(each + i * D, D) - (double)out[i]) < 1e-5 * (double)out[i]);
        autoencoder_score(a, x + i * D, 1, D, &alone, NULL);
        assert_memory_equal(&alone, &out[i], sizeof alone);
    }
    autoencoder_score(a, x, 0, D, out, NULL);
    autoencoder_free(a);
    mem_free(x), mem_free(wide);
}

static void scores_alike_with_any_kernels(void **state)
{
    const struct kernels *best = kernels_used();
    float *x = made_up(N, 2), plain[N], fast[N];
    struct autoencoder *a = trained(&(struct nn_training){.epochs = 3}, x, N);
    kernels_use(&kernels_plain);
    autoencoder_score(a, x, N, D, plain, NULL);
    kernels_use(best);
    autoencoder_score(a, x, N, D, fast, NULL);
    for (size_t i = 0; i < N; i++)
        assert_true(fabs((double)plain[i] - (double)fast[i]) < 1e-5 * (1 + (double)plain[i]));
    autoencoder_free(a);
    mem_free(x);
}

/* ---- being stopped, and going on ---- */

struct told {
    unsigned stop_at, calls;
    double loss, part;
};
static bool told(void *arg, unsigned epoch, unsigned epochs, double part_01, double loss)
{
    struct told *t = arg;
    t->calls++;
    t->loss = loss;
    assert_true(part_01 > t->part && part_01 <= 1 && epoch <= epochs);
    t->part = part_01;
    return !t->stop_at || epoch < t->stop_at;
}

static void stops_when_it_becomes_no_better(void **state)
{
    struct told t = {0};
    float *x = made_up(N, 2);
    for (size_t i = 0; i < (size_t)N * D; i++)
        x[i] = i / D % 2 ? 1 : -1; /* learnt at once */
    autoencoder_free(trained(
        &(struct nn_training){
            .epochs = 5000, .rate = 0.01f, .patience = 3, .progress = told, .arg = &t},
        x, N));
    assert_true(t.calls < 5000 && t.loss < 1e-3);
    mem_free(x);
}

static status stopped_at(unsigned epoch, const char *checkpoint, const float *x)
{
    struct told t = {.stop_at = epoch};
    struct autoencoder *a = NULL;
    struct nn_training n = {
        .epochs = 6, .seed = 9, .progress = told, .arg = &t, .checkpoint = checkpoint};
    struct error err;
    status st = autoencoder_train(&(struct autoencoder_shape){D, 13, 4}, &n, x, N, D, &a, &err);
    assert_null(a);
    return st;
}

/* How many epochs it does from this checkpoint, and that it comes to the same end. */
static unsigned goes_on(const char *path, const float *x, const struct autoencoder *want)
{
    struct told t = {0};
    struct autoencoder *a = trained(
        &(struct nn_training){
            .epochs = 6, .seed = 9, .progress = told, .arg = &t, .checkpoint = path},
        x, N);
    assert_same(a, want);
    assert_int_equal(access(path, F_OK), -1); /* done with */
    autoencoder_free(a);
    return t.calls;
}

static void goes_on_from_a_checkpoint_to_the_same_end(void **state)
{
    const char *path = folder_path("checkpoint");
    float *x = made_up(N, 2);
    struct autoencoder *whole = trained(&(struct nn_training){.epochs = 6, .seed = 9}, x, N);
    assert_int_equal(stopped_at(2, path, x), ST_UNAVAILABLE);
    assert_int_equal(goes_on(path, x, whole), 4);
    assert_int_equal(goes_on(path, x, whole), 6); /* there was none */

    assert_int_equal(stopped_at(4, path, x), ST_UNAVAILABLE);
    x[17] += 1; /* other rows: not this checkpoint's */
    struct autoencoder *other = trained(&(struct nn_training){.epochs = 6, .seed = 9}, x, N);
    assert_int_equal(goes_on(path, x, other), 6);
    autoencoder_free(whole);
    autoencoder_free(other);
    mem_free(x);
}

static void passes_over_a_damaged_checkpoint(void **state)
{
    const char *path = folder_path("damaged");
    float *x = made_up(N, 2);
    struct autoencoder *whole = trained(&(struct nn_training){.epochs = 6, .seed = 9}, x, N);
    assert_int_equal(stopped_at(2, path, x), ST_UNAVAILABLE);
    struct sbuf good;
    sbuf_init(&good, 1 << 20);
    assert_int_equal(file_read_all(path, &good, NULL), ST_OK);
    static const size_t cuts[] = {0, 7, 8, 30, 200};
    for (size_t i = 0; i < COUNT(cuts); i++) {
        folder_write("damaged", (str){good.p, cuts[i]});
        assert_int_equal(goes_on(path, x, whole), 6);
    }
    for (size_t at = 3; at < good.n; at += good.n / 7) {
        good.p[at] ^= 4;
        folder_write("damaged", sbuf_str(&good));
        assert_int_equal(goes_on(path, x, whole), 6);
        good.p[at] ^= 4;
    }
    folder_write("damaged", sbuf_str(&good));
    assert_int_equal(goes_on(path, x, whole), 4);
    sbuf_done(&good);
    autoencoder_free(whole);
    mem_free(x);
}

static void refuses_what_cannot_be_learnt(void **state)
{
    float *x = made_up(N, 2);
    struct autoencoder *a = NULL;
    struct error err;
    struct nn_training t = {.epochs = 2};
    struct autoencoder_shape good = {D, 13, 4}, none = {0}, wide = {D, 1 << 20, 4};
    assert_int_equal(autoencoder_train(&good, &t, x, 0, D, &a, &err), ST_INVALID);
    assert_int_equal(autoencoder_train(&none, &t, x, N, D, &a, &err), ST_INVALID);
    assert_int_equal(autoencoder_train(&wide, &t, x, N, D, &a, &err), ST_INVALID);
    t.rate = NAN;
    assert_int_equal(autoencoder_train(&good, &t, x, N, D, &a, &err), ST_INVALID);
    t.rate = 0;
    t.checkpoint = "/nowhere/checkpoint";
    assert_int_equal(autoencoder_train(&good, &t, x, N, D, &a, &err), ST_NOT_FOUND);
    t.checkpoint = NULL;
    x[5] = 3e38f;
    assert_int_equal(autoencoder_train(&good, &t, x, N, D, &a, &err), ST_INVALID);
    assert_non_null(strstr(err.text, "too large"));
    assert_null(a);
    mem_free(x);
}

static void learns_from_very_few_rows(void **state)
{
    float *x = made_up(N, 2), score[3];
    for (size_t n = 1; n <= 30; n += n < 3 ? 1 : 9) {
        struct autoencoder *a = trained(&(struct nn_training){.epochs = 3}, x, n);
        autoencoder_score(a, x, 1, D, score, NULL);
        assert_true(isfinite(score[0]));
        autoencoder_free(a);
    }
    mem_free(x);
}

/* ---- bytes ---- */

static void is_the_same_after_being_written(void **state)
{
    float *x = made_up(N, 2);
    struct autoencoder *a = trained(&(struct nn_training){.epochs = 1}, x, N), *b = NULL;
    struct sbuf bytes;
    struct error err;
    sbuf_init(&bytes, 1 << 20);
    autoencoder_write(a, &bytes);
    assert_int_equal(autoencoder_read(sbuf_str(&bytes), &b, &err), ST_OK);
    assert_same(a, b);
    autoencoder_free(b);
    b = NULL;

    for (size_t n = 0; n < bytes.n; n++)
        assert_int_equal(autoencoder_read((str){bytes.p, n}, &b, &err), ST_INVALID);
    for (size_t at = 0; at < 32; at++) { /* name and shape: any other is of another size */
        bytes.p[at] ^= 1;
        assert_int_equal(autoencoder_read(sbuf_str(&bytes), &b, &err), ST_INVALID);
        bytes.p[at] ^= 1;
    }
    memcpy(bytes.p + bytes.n - 4, (char[]){0, 0, (char)0x80, 0x7f}, 4); /* infinite */
    assert_int_equal(autoencoder_read(sbuf_str(&bytes), &b, &err), ST_INVALID);
    assert_null(b);
    sbuf_done(&bytes);
    autoencoder_free(a);
    mem_free(x);
}

/* ---- real rows ---- */

enum { EACH = 8, WORDS_MAX = 200 };

/* One row of EACH, beginning with `from`, as numbers: amounts as logarithms, and one column for each word of a category. */
static float *encoded(const struct dataset *d, size_t from, bool attacks, size_t wide,
                      uint8_t *label, size_t *n)
{
    float *x = mem_array(float, (d->rows / EACH + 1) * wide);
    *n = 0;
    for (size_t i = from; i < d->rows; i += EACH) {
        if (d->label[i] == LABEL_ATTACK && !attacks)
            continue;
        float *to = x + *n * wide;
        for (size_t j = 0; j < d->columns; j++) {
            float cell = d->x[i * d->columns + j];
            if (d->column[j].kind != FEATURE_CATEGORY)
                to[j] = isnan(cell) ? 0 : log1pf(fabsf(cell));
            for (size_t w = 0; d->column[j].kind == FEATURE_CATEGORY && w < d->words; w++)
                to[d->columns + w] += (float)(d->word[w].code == cell);
        }
        label[(*n)++] = d->label[i];
    }
    return x;
}

/* Each column to mean 0 and deviation 1 in `by`, and at most 10 from there. */
static void standardise(float *x, size_t n, size_t wide, const float *by, size_t by_n)
{
    double sum[512] = {0}, squares[512] = {0};
    assert_true(wide <= 512);
    for (size_t i = 0; i < by_n * wide; i++) {
        sum[i % wide] += (double)by[i];
        squares[i % wide] += (double)by[i] * (double)by[i];
    }
    for (size_t i = 0; i < n * wide; i++) {
        double m = sum[i % wide] / (double)by_n, v = squares[i % wide] / (double)by_n - m * m;
        x[i] = (float)fmax(-10, fmin(10, ((double)x[i] - m) / (v > 1e-9 ? sqrt(v) : 1)));
    }
}

static void tells_attacks_by_learning_only_what_is_normal(void **state)
{
    if (!test_data_dir())
        SKIP_BECAUSE("BGUARD_DATA is not set");
    char path[512];
    (void)snprintf(path, sizeof path, "%s/nsl-kdd/KDDTrain+.txt.gz", test_data_dir());
    struct dataset d = {0};
    struct error err;
    struct dataset_options o = {.format = DATASET_NSL_KDD, .label = -1};
    if (dataset_read(&d, (const char *const[]){path}, 1, &o, &err))
        fail_msg("%s", err.text);
    size_t wide = d.columns + d.words, n, m;
    uint8_t *label = mem_array(uint8_t, d.rows);
    float *learn = encoded(&d, 0, false, wide, label, &n);
    float *judge = encoded(&d, 1, true, wide, label, &m);
    standardise(judge, m, wide, learn, n);
    float *was = mem_array(float, n *wide), *score = mem_array(float, m);
    memcpy(was, learn, n * wide * sizeof *was);
    standardise(learn, n, wide, was, n);

    struct nn_training t = {.seed = 1, .epochs = 20};
    struct autoencoder *a = NULL;
    struct autoencoder_shape shape = {.columns = wide};
    assert_int_equal(autoencoder_train(&shape, &t, learn, n, wide, &a, &err), ST_OK);
    autoencoder_score(a, judge, m, wide, score, NULL);
    struct figures f;
    eval_figures(score, label, m, 1, &f);
    print_message("%zu rows learnt, %zu judged: AUC %.4f\n", n, m, f.roc_auc.value);
    assert_true(f.roc_auc.value > 0.96);
    autoencoder_free(a);
    mem_free(learn), mem_free(judge), mem_free(was), mem_free(score), mem_free(label);
    dataset_done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_gradient_of_its_error),
        cmocka_unit_test(learns_the_same_on_any_number_of_threads),
        cmocka_unit_test(finds_rows_unlike_those_it_has_learnt),
        cmocka_unit_test(scores_by_column_as_by_row),
        cmocka_unit_test(scores_alike_with_any_kernels),
        cmocka_unit_test(stops_when_it_becomes_no_better),
        cmocka_unit_test(goes_on_from_a_checkpoint_to_the_same_end),
        cmocka_unit_test(passes_over_a_damaged_checkpoint),
        cmocka_unit_test(refuses_what_cannot_be_learnt),
        cmocka_unit_test(learns_from_very_few_rows),
        cmocka_unit_test(is_the_same_after_being_written),
        cmocka_unit_test(tells_attacks_by_learning_only_what_is_normal),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
