/* SPDX-License-Identifier: Apache-2.0 */
/* Rows a second of one core, from a table's columns to calibrated scores, for each kind of model of a table and the ensemble
 * of them, all of whose members are asked; trained on a tenth of NSL-KDD.  And, in the same run, what XGBoost takes for the same
 * trees and rows.  Processor time of the thread, for others may be at work here; rounds take turns, the least of each counts.
 * Wanted: 300,000 flows a second of the whole ensemble. */
#include "ml/ensemble_int.h"
#include "tests/tree_bed.h"

#include <time.h>

enum { ROUNDS = 7, ROWS = 20000, SUBJECTS = MEMBERS_MAX + 1 };

struct subject {
    const struct model *m;
    struct model_binding *binding;
    struct model_scratch *scratch;
    double best_us; /* for a row */
};

static double now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void measure(struct subject *s, const struct dataset *d, size_t n, size_t each,
                    struct model_answer *a)
{
    double began = now_us();
    for (size_t i = 0; i < n; i += each)
        model_score(s->m, s->binding, s->scratch, d->x + i * d->columns,
                    n - i < each ? n - i : each, d->columns, a + i);
    double took = (now_us() - began) / (double)n;
    s->best_us = s->best_us == 0 || took < s->best_us ? took : s->best_us;
}

/* Many rows to a call, or one. */
static void measure_all(struct subject *s, size_t n, const struct dataset *d, size_t each)
{
    struct model_answer *a = mem_array(struct model_answer, d->rows);
    size_t rows = each > 1 ? d->rows : d->rows / 20;
    for (size_t i = 0; i < n; i++)
        s[i].best_us = 0;
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < n; i++)
            measure(&s[i], d, rows, each, a);
    for (size_t i = 0; i < n; i++)
        printf("%-12s %10.0f rows/s of a core %9.3f us   %s\n",
               model_kind_name(model_card(s[i].m)->kind), 1e6 / s[i].best_us, s[i].best_us,
               each > 1 ? "many at once" : "one at a time");
    mem_free(a);
}

/* Microseconds that XGBoost takes for a row; 0: it is not here. */
static double theirs(const struct model *m, const struct dataset *d)
{
    char columns[32];
    const char *const more[] = {columns, NULL};
    struct sbuf bytes;
    size_t n = d->rows < ROWS ? d->rows : ROWS;
    double us = 0;
    uint32_t *index = rows_all(n);
    float *x = encoder_rows(&m->encoder, d, index, n);
    sbuf_init(&bytes, MODEL_BYTES_MAX);
    (void)snprintf(columns, sizeof columns, "%zu", m->encoder.width);
    bed_needs(model_export_xgboost(m, &bytes, NULL) == ST_OK, "trees are not written");
    folder_write("trees.ubj", sbuf_str(&bytes));
    folder_write("rows.x", (str){(const char *)x, n * m->encoder.width * sizeof *x});
    sbuf_done(&bytes);
    mem_free(x);
    mem_free(index);
    if (run_reference("ml_bench.py", more)) {
        bytes = file_bytes("trees.us");
        bed_needs(sscanf(bytes.p, "%lf", &us) == 1, bytes.p);
        sbuf_done(&bytes);
    }
    return us;
}

static void compare(const struct subject *s, size_t n, const struct dataset *d)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i].m->kind != MODEL_XGBOOST)
            continue;
        double us = theirs(s[i].m, d);
        if (us > 0)
            printf("XGBoost, the same trees and rows, these encoded already: %.3f us, %.1f times "
                   "our member, %.1f times the ensemble\n",
                   us, us / s[i].best_us, us / s[n - 1].best_us);
    }
}

static void bench(const struct model *m, const struct dataset *d)
{
    struct subject s[SUBJECTS] = {0};
    size_t n = model_members(m);
    struct ensemble *e = m->part;
    for (size_t i = 0; i < n; i++) {
        e->member[i].weight = 1.0 / (double)n; /* that all are asked */
        s[i].m = e->member[i].model;
    }
    s[n++].m = m;
    for (size_t i = 0; i < n; i++) {
        s[i].binding = model_bind(s[i].m, d->column, d->columns);
        s[i].scratch = model_scratch_new(s[i].m);
    }
    measure_all(s, n, d, 1);
    measure_all(s, n, d, d->rows);
    compare(s, n, d);
    for (size_t i = 0; i < n; i++) {
        model_binding_free(s[i].binding);
        model_scratch_free(s[i].scratch);
    }
}

static int run(const char *folder)
{
    char path[512];
    const char *paths[] = {path};
    struct error err = {0};
    struct dataset d = {0}, part;
    const struct dataset_options o = {.format = DATASET_NSL_KDD, .label = -1};
    (void)snprintf(path, sizeof path, "%s/nsl-kdd/KDDTrain+.txt.gz", folder); /* long enough */
    if (dataset_read(&d, paths, 1, &o, &err) != ST_OK) {
        printf("skip: %s\n", err.text);
        return 0;
    }
    uint32_t *index = mem_array(uint32_t, d.rows);
    size_t n = 0;
    for (uint32_t i = 0; i < d.rows; i += 10)
        index[n++] = i;
    dataset_take(&d, index, n, &part);
    const struct model_training t = {
        .kind = MODEL_ENSEMBLE,
        .seed = 1,
        .threads = 1,
        .option = "novelty=0,xgboost=trees=300;depth=6;rate=0.1;columns=1;patience=0;refit=0"};
    struct model *m = NULL;
    if (model_train(&t, &part, &m, &err) != ST_OK) {
        printf("failed: %s\n", err.text);
        return 1;
    }
    printf("seed 1, " STR_FMT "\n", STR_ARG(model_card(m)->parameters));
    bench(m, &d);
    model_free(m);
    mem_free(index);
    dataset_done(&part);
    dataset_done(&d);
    return 0;
}

int main(void)
{
    const char *folder = getenv("BGUARD_DATA");
    if (!folder) {
        printf("skip: no public data ($BGUARD_DATA)\n");
        return 0;
    }
    if (folder_make(NULL))
        return 1;
    int how = run(folder);
    return folder_remove(NULL) || how;
}
