/* SPDX-License-Identifier: Apache-2.0 */
/* Learners of sequences: on a small grammar whose violations are known. */
#include "base/mem.h"
#include "base/random.h"
#include "nn/lstm_int.h"
#include "nn/sequence.h"
#include "nn/transformer_int.h"
#include "os/file.h"
#include "os/team.h"
#include "tests/test.h"

#include <math.h>
#include <sys/resource.h>
#include <unistd.h>

/* open (read | write)* close, read and write in pairs of 2, 3 or 4; then sync, now and then.  6 is never used, 7 is for what was
 * not seen. */
enum { OPEN, READ, WRITE, CLOSE, SYNC, STAT, UNUSED, UNSEEN, VOCABULARY };
enum { SESSIONS = 300, LONGEST = 64 };

static const enum sequence_kind kinds[] = {SEQUENCE_MARKOV, SEQUENCE_LSTM, SEQUENCE_TRANSFORMER};
static const char *const kind_name[] = {"markov", "lstm", "transformer"};

struct toy {
    uint32_t event[SESSIONS * LONGEST];
    uint64_t start[SESSIONS + 1];
};

static size_t one_session(struct random *r, uint32_t *out)
{
    size_t n = 0;
    out[n++] = OPEN;
    for (uint32_t i = 1 + random_below(r, 4); i > 0; i--) {
        uint32_t what = random_below(r, 2) ? READ : WRITE;
        for (uint32_t k = 2 + random_below(r, 3); k > 0; k--)
            out[n++] = what;
        out[n++] = STAT;
    }
    if (random_below(r, 4) == 0)
        out[n++] = SYNC;
    out[n++] = CLOSE;
    return n;
}

static struct sequences toy_make(struct toy *t, uint64_t seed)
{
    struct random r;
    random_init(&r, seed, 0);
    for (size_t i = 0; i < SESSIONS; i++)
        t->start[i + 1] = t->start[i] + one_session(&r, t->event + t->start[i]);
    return (struct sequences){t->event, t->start, SESSIONS, VOCABULARY};
}

static struct sequence_model *train(enum sequence_kind kind, const struct nn_training *how)
{
    struct toy *t = mem_new(struct toy);
    struct sequences data = toy_make(t, 1);
    struct sequence_shape shape = {.kind = kind, .width = 16, .heads = 2};
    struct sequence_model *m = NULL;
    struct error err = {0};
    if (sequence_train(&shape, how, &data, &m, &err) != ST_OK)
        fail_msg("%s: %s", kind_name[kind], err.text);
    mem_free(t);
    return m;
}

static const struct nn_training usual = {.seed = 5, .epochs = 60, .rate = 0.02f};

static void scores_what_breaks_the_grammar_above_all_that_keeps_it(void **state)
{
    static const struct {
        const char *what;
        uint32_t event[16];
        size_t n;
    } bad[] = {
        {"never seen", {OPEN, READ, READ, UNSEEN, STAT, CLOSE}, 6},
        {"outside the vocabulary", {OPEN, READ, READ, 4000000000u, STAT, CLOSE}, 6},
        {"known but not used", {OPEN, READ, READ, UNUSED, CLOSE}, 5},
        {"cut short", {OPEN, READ, READ}, 3},
        {"out of order", {CLOSE, STAT, READ, READ, OPEN}, 5},
        {"too many",
         {OPEN, READ, READ, READ, READ, READ, READ, READ, READ, READ, READ, READ, CLOSE},
         13},
    };
    for (size_t k = 0; k < COUNT(kinds); k++) {
        struct sequence_model *m = train(kinds[k], &usual);
        struct toy *t = mem_new(struct toy);
        struct sequences fresh = toy_make(t, 2);
        float *score = mem_array(float, SESSIONS);
        sequence_score_many(m, &fresh, NULL, score);
        float limit = sequence_threshold(m, 0.01);
        size_t above = 0;
        for (size_t i = 0; i < SESSIONS; i++)
            above += score[i] >= limit;
        assert_true(above <= SESSIONS / 30);
        for (size_t i = 0; i < COUNT(bad); i++) {
            float s = sequence_score(m, bad[i].event, bad[i].n);
            if (!(s > limit && isfinite(s)))
                fail_msg("%s: %s scores %g, normal ones up to %g", kind_name[kinds[k]], bad[i].what,
                         (double)s, (double)limit);
        }
        mem_free(score);
        mem_free(t);
        sequence_free(m);
    }
}

static void tells_which_event_is_surprising_and_what_was_expected(void **state)
{
    const uint32_t event[] = {OPEN, READ, READ, CLOSE, UNSEEN};
    for (size_t k = 0; k < COUNT(kinds); k++) {
        struct sequence_model *m = train(kinds[k], &usual);
        float surprise[5];
        uint32_t rank[5];
        sequence_surprise(m, event, 5, surprise, rank);
        assert_true(surprise[0] < 0.2f && surprise[2] < 0.5f);
        assert_true(surprise[3] > 2);
        assert_true(surprise[4] > surprise[3] && isfinite(surprise[4]));
        assert_int_equal(rank[0], 0);
        assert_true(rank[3] >= 2);
        assert_int_equal(rank[4], VOCABULARY);

        uint32_t next[VOCABULARY];
        float p[VOCABULARY];
        assert_int_equal(sequence_expected(m, event, 0, 1, next, p), 1);
        assert_int_equal(next[0], OPEN);
        assert_true(p[0] > 0.8f);
        size_t n = sequence_expected(m, event, 3, VOCABULARY, next, p);
        assert_true(n <= VOCABULARY - 2); /* never what training had not */
        assert_true((next[0] == STAT && next[1] == READ) || (next[0] == READ && next[1] == STAT));
        for (size_t i = 1; i < n; i++)
            assert_true(p[i] <= p[i - 1]);
        sequence_surprise(m, event, 0, NULL, NULL);
        sequence_free(m);
    }
}

static struct sbuf written(const struct sequence_model *m)
{
    struct sbuf out;
    sbuf_init(&out, 64 << 20);
    sequence_write(m, &out);
    assert_false(out.full);
    return out;
}

static void is_the_same_on_any_number_of_threads(void **state)
{
    for (size_t k = 0; k < COUNT(kinds); k++) {
        struct nn_training how = {.seed = 9, .epochs = 3};
        struct sequence_model *m = train(kinds[k], &how);
        struct sbuf alone = written(m);
        sequence_free(m);
        for (unsigned threads = 1; threads <= 4; threads *= 2) {
            how.team = team_new(threads);
            m = train(kinds[k], &how);
            struct sbuf out = written(m);
            assert_true(str_eq(sbuf_str(&out), sbuf_str(&alone)));
            sbuf_done(&out);
            sequence_free(m);
            team_free(how.team);
        }
        sbuf_done(&alone);
    }
}

static void scores_the_same_after_it_was_written_and_read(void **state)
{
    for (size_t k = 0; k < COUNT(kinds); k++) {
        struct sequence_model *m = train(kinds[k], &(struct nn_training){.seed = 2, .epochs = 2});
        struct sbuf out = written(m);
        struct sequence_model *back = NULL;
        assert_int_equal(sequence_read(sbuf_str(&out), &back, NULL), ST_OK);
        assert_int_equal(sequence_kind(back), kinds[k]);
        assert_int_equal(sequence_vocabulary(back), VOCABULARY);
        struct toy *t = mem_new(struct toy);
        struct sequences fresh = toy_make(t, 3);
        float a[SESSIONS], b[SESSIONS];
        struct team *team = team_new(3);
        sequence_score_many(m, &fresh, NULL, a);
        sequence_score_many(back, &fresh, team, b);
        assert_memory_equal(a, b, sizeof a);
        assert_true(sequence_score(back, t->event, t->start[1]) == a[0]);
        team_free(team);
        mem_free(t);
        sbuf_done(&out);
        sequence_free(m);
        sequence_free(back);
    }
}

/* Each byte cut off or changed is refused or makes a model that still gives finite scores. */
static void refuses_what_is_cut_short(void **state)
{
    for (size_t k = 0; k < COUNT(kinds); k++) {
        struct sequence_model *m = train(kinds[k], &(struct nn_training){.seed = 2, .epochs = 1});
        struct sbuf out = written(m);
        sequence_free(m);
        for (size_t n = 0; n < out.n; n += 1 + out.n / 400) {
            struct error err;
            assert_true(sequence_read((str){out.p, n}, &m, &err) != ST_OK);
            assert_true(err.text[0]);
        }
        const uint32_t event[] = {OPEN, READ, READ, CLOSE};
        for (size_t i = 0; i < out.n; i += 1 + out.n / 400) {
            out.p[i] ^= 0x41;
            if (sequence_read(sbuf_str(&out), &m, NULL) == ST_OK) {
                assert_true(isfinite(sequence_score(m, event, 4)));
                sequence_free(m);
            }
            out.p[i] ^= 0x41;
        }
        sbuf_done(&out);
    }
}

/* Runs whose keys differ in their upper bits only: in a table that goes by the lower ones it would take hours. */
static void counts_made_to_collide_take_no_longer(void **state)
{
    enum { RUNS = 1000 * 1000, DISCOUNTS = 17 };
    struct sbuf out;
    sbuf_init(&out, 64 << 20);
    const uint64_t head[] = {2, RUNS, RUNS, 1}; /* order, runs, what followed nothing, its kinds */
    for (size_t i = 0; i < COUNT(head); i++)
        put_u64(&out, head[i]);
    for (size_t i = 0; i < DISCOUNTS; i++)
        put_float(&out, 0.5f);
    for (uint64_t i = 1; i <= RUNS; i++) {
        put_u64(&out, i << 32 | 1);
        put_u64(&out, 1);
        put_u64(&out, 0);
    }
    struct reader r = reader_of(sbuf_str(&out));
    void *net = NULL;
    assert_int_equal(learner_markov.read(&r, VOCABULARY, &net, NULL), ST_OK);
    assert_int_equal(rd_left(&r), 0);
    learner_markov.free(net);
    sbuf_done(&out);
}

static void refuses_data_that_can_not_be(void **state)
{
    const uint32_t event[] = {0, 1, 2};
    const uint64_t start[] = {0, 1, 3}, back[] = {0, 3, 1};
    const struct {
        struct sequences data;
        struct sequence_shape shape;
    } bad[] = {
        {{event, start, 2, 2}, {0}},
        {{event, start, 1, 3}, {0}},
        {{event, start, 2, 0}, {0}},
        {{event, start, 2, 1 << 20}, {0}},
        {{event, back, 2, 3}, {0}},
        {{event, start, 2, 3}, {.context = 1000000}},
        {{event, start, 2, 3}, {.kind = SEQUENCE_KIND_COUNT}},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct sequence_model *m = NULL;
        struct error err = {0};
        assert_true(sequence_train(&bad[i].shape, &(struct nn_training){.epochs = 1}, &bad[i].data,
                                   &m, &err) != ST_OK);
        assert_null(m);
        assert_true(err.text[0]);
    }
}

static void refuses_networks_that_take_too_much_memory(void **state)
{
    static const uint32_t event[] = {0, 65535};
    static const uint64_t start[] = {0, 1, 2};
    struct sequences data = {event, start, 2, 65536};
    struct nn_training how = {.epochs = 1};
    for (size_t k = 1; k < COUNT(kinds); k++) {
        struct sequence_model *m = NULL;
        struct sequence_shape shape = {.kind = kinds[k], .width = 1024};
        assert_int_equal(sequence_train(&shape, &how, &data, &m, NULL), ST_LIMIT);
    }
    struct sequence_shape shape = {.kind = SEQUENCE_TRANSFORMER, .context = 1024};
    struct sequence_model *m = NULL;
    assert_int_equal(sequence_train(&shape, &how, &data, &m, NULL), ST_LIMIT);
}

static void learns_from_as_few_as_two_sessions(void **state)
{
    const uint32_t event[] = {0, 1, 2};
    const uint64_t start[] = {0, 0, 3}; /* one of them empty */
    for (size_t k = 0; k < COUNT(kinds); k++) {
        struct sequence_shape shape = {.kind = kinds[k], .width = 8, .heads = 2};
        struct sequence_model *m = NULL;
        struct sequences data = {event, start, 2, 4};
        assert_int_equal(
            sequence_train(&shape, &(struct nn_training){.epochs = 2}, &data, &m, NULL), ST_OK);
        assert_true(isfinite(sequence_score(m, event, 3)));
        assert_true(isfinite(sequence_score(m, event, 0)));
        sequence_free(m);
    }
}

static bool stop_at_once(void *arg, unsigned epoch, unsigned epochs, double part_01, double loss)
{
    return false;
}

/* Laid out in 64 streams as long as the longest, a session of a million events would be half a gigabyte. */
static void lays_out_one_long_session_in_few_streams(void **state)
{
    enum { LONG = 1000 * 1000, KIB_MAX = 200 * 1024 };
    struct nn_training how = {.epochs = 1, .progress = stop_at_once};
    uint32_t *event = mem_array(uint32_t, 2 * LONG);
    const uint64_t start[] = {0, LONG, 2 * LONG}; /* one is kept back */
    struct sequences data = {event, start, 2, 4};
    struct sequence_shape shape = {.kind = SEQUENCE_LSTM, .width = 1};
    struct sequence_model *m = NULL;
    struct rusage before, after;
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    assert_int_equal(sequence_train(&shape, &how, &data, &m, NULL), ST_UNAVAILABLE);
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
    assert_true(after.ru_maxrss - before.ru_maxrss < KIB_MAX);
    mem_free(event);
}

static void stops_when_it_is_told(void **state)
{
    for (size_t k = 0; k < COUNT(kinds); k++) {
        struct toy *t = mem_new(struct toy);
        struct sequences data = toy_make(t, 1);
        struct sequence_shape shape = {.kind = kinds[k], .width = 8, .heads = 2};
        struct sequence_model *m = NULL;
        struct nn_training how = {.epochs = 2, .progress = stop_at_once};
        assert_int_equal(sequence_train(&shape, &how, &data, &m, NULL), ST_UNAVAILABLE);
        assert_null(m);
        mem_free(t);
    }
}

/* ---- networks ---- */

static const uint32_t few_events[] = {0, 1, 2, 2, 3, 0, 1, 1, 2, 3, 3, 3, 0, 4, 1, 0, 2};
static const uint64_t few_starts[] = {0, 5, 5, 12, 17};
static const struct sequences few = {few_events, few_starts, 4, 6};

typedef double (*loss_of)(const void *net, float *gradient);

static double lstm_loss(const void *net, float *gradient)
{
    return lstm_gradient(net, &few, gradient);
}

static double transformer_loss(const void *net, float *gradient)
{
    return transformer_gradient(net, &few, gradient);
}

/* Every parameter against what the loss does when it is moved a little to both sides. */
static void check_gradient(const void *net, float *param, size_t n, loss_of loss)
{
    struct random r;
    random_init(&r, 3, 0);
    for (size_t i = 0; i < n; i++)
        param[i] += (float)(0.3 * random_normal(&r));
    float *gradient = mem_array(float, n), *unused = mem_array(float, n);
    assert_true(loss(net, gradient) > 0);
    double wrong = 0, length = 0;
    for (size_t i = 0; i < n; i++) {
        const float step = 4e-3f;
        float was = param[i];
        param[i] = was + step;
        double up = loss(net, unused);
        param[i] = was - step;
        double down = loss(net, unused);
        param[i] = was;
        double slope = (up - down) / (2 * (double)step);
        wrong += (slope - gradient[i]) * (slope - gradient[i]);
        length += slope * slope;
        if (fabs(slope - gradient[i]) > 0.02 + 0.02 * fabs(slope))
            fail_msg("parameter %zu of %zu: %g, but the loss says %g", i, n, (double)gradient[i],
                     slope);
    }
    assert_true(length > 1 && wrong < 1e-5 * length);
    mem_free(gradient);
    mem_free(unused);
}

static void computes_the_gradient_of_an_lstm(void **state)
{
    struct lstm l = {.vocabulary = 6, .width = 4, .layers = 2};
    l.param = mem_array(float, lstm_params(&l));
    check_gradient(&l, l.param, lstm_params(&l), lstm_loss);
    mem_free(l.param);
}

static void computes_the_gradient_of_a_transformer(void **state)
{
    struct transformer t = {.vocabulary = 6, .width = 4, .layers = 2, .heads = 2, .context = 5};
    t.param = mem_array(float, transformer_params(&t));
    check_gradient(&t, t.param, transformer_params(&t), transformer_loss);
    mem_free(t.param);
}

/* Stops in the epoch that `arg` points to. */
static bool stop_later(void *arg, unsigned epoch, unsigned epochs, double part_01, double loss)
{
    return epoch < *(unsigned *)arg;
}

static struct sbuf trained(enum sequence_kind kind, const struct nn_training *how,
                           const struct sequences *data)
{
    struct sequence_shape shape = {.kind = kind, .width = 8, .heads = 2};
    struct sequence_model *m;
    assert_int_equal(sequence_train(&shape, how, data, &m, NULL), ST_OK);
    struct sbuf out = written(m);
    sequence_free(m);
    return out;
}

/* As if nothing had been: what was stopped goes on, what is damaged begins anew, and in the end no file is left. */
static void check_checkpoint(enum sequence_kind kind, const struct sequences *data,
                             const char *path)
{
    unsigned stop = 3;
    struct sequence_shape shape = {.kind = kind, .width = 8, .heads = 2};
    struct nn_training how = {.seed = 4, .epochs = 5};
    struct sequence_model *m;
    struct sbuf whole = trained(kind, &how, data);
    how.checkpoint = path;
    for (int damaged = 0; damaged < 2; damaged++) {
        how.arg = &stop;
        how.progress = stop_later;
        assert_int_equal(sequence_train(&shape, &how, data, &m, NULL), ST_UNAVAILABLE);
        how.progress = NULL;
        how.seed = 5; /* another training */
        assert_int_equal(sequence_train(&shape, &how, data, &m, NULL), ST_CONFLICT);
        how.seed = 4;
        if (damaged)
            assert_int_equal(truncate(path, 1000), 0);
        struct sbuf parts = trained(kind, &how, data);
        assert_true(str_eq(sbuf_str(&parts), sbuf_str(&whole)));
        sbuf_done(&parts);
        assert_int_not_equal(access(path, F_OK), 0);
    }
    sbuf_done(&whole);
}

static void goes_on_from_a_checkpoint_as_if_never_stopped(void **state)
{
    struct toy *t = mem_new(struct toy);
    struct sequences data = toy_make(t, 1);
    for (size_t k = 1; k < COUNT(kinds); k++) {
        char path[] = "/tmp/sequence_test.XXXXXX";
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        file_close(fd);
        unlink(path);
        check_checkpoint(kinds[k], &data, path);
    }
    mem_free(t);
}

static void agrees_with_itself_on_what_comes_after_a_long_session(void **state)
{
    for (size_t k = 0; k < COUNT(kinds); k++) {
        struct toy *t = mem_new(struct toy);
        struct sequences data = toy_make(t, 1);
        struct sequence_shape shape = {.kind = kinds[k], .width = 8, .heads = 2};
        shape.context = kinds[k] == SEQUENCE_TRANSFORMER ? 7 : 0; /* not even */
        struct sequence_model *m;
        struct nn_training how = {.epochs = 1};
        assert_int_equal(sequence_train(&shape, &how, &data, &m, NULL), ST_OK);
        float surprise[60], p[VOCABULARY];
        uint32_t next[VOCABULARY];
        sequence_surprise(m, t->event, 60, surprise, NULL);
        for (size_t at = 0; at < 60; at++) {
            size_t n = sequence_expected(m, t->event, at, VOCABULARY, next, p), i = 0;
            while (i < n && next[i] != t->event[at])
                i++;
            assert_true(i < n);
            assert_true(fabsf(-logf(p[i]) - surprise[at]) < 1e-3f * (1 + surprise[at]));
        }
        sequence_free(m);
        mem_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_what_breaks_the_grammar_above_all_that_keeps_it),
        cmocka_unit_test(tells_which_event_is_surprising_and_what_was_expected),
        cmocka_unit_test(is_the_same_on_any_number_of_threads),
        cmocka_unit_test(scores_the_same_after_it_was_written_and_read),
        cmocka_unit_test(refuses_what_is_cut_short),
        cmocka_unit_test(counts_made_to_collide_take_no_longer),
        cmocka_unit_test(refuses_data_that_can_not_be),
        cmocka_unit_test(refuses_networks_that_take_too_much_memory),
        cmocka_unit_test(lays_out_one_long_session_in_few_streams),
        cmocka_unit_test(learns_from_as_few_as_two_sessions),
        cmocka_unit_test(stops_when_it_is_told),
        cmocka_unit_test(computes_the_gradient_of_an_lstm),
        cmocka_unit_test(computes_the_gradient_of_a_transformer),
        cmocka_unit_test(goes_on_from_a_checkpoint_as_if_never_stopped),
        cmocka_unit_test(agrees_with_itself_on_what_comes_after_a_long_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
