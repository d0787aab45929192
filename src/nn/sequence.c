/* SPDX-License-Identifier: Apache-2.0 */
/* A model of sequences: what a learner knows, and what its score means for normal sessions it has not seen.
 *
 * File: "BGSEQ1\n\0", then 64-bit numbers, least byte first: kind, vocabulary, a bit for each event that training had,
 * the judge (sequence_judge.c), the kind's own and, where that is a network, what was counted too. */
#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"
#include "nn/sequence_int.h"
#include "os/team.h"

#include <math.h>

enum { VOCABULARY_MAX = 1 << 16, FOLDS = 5, HELD_PART = 5 /* a fifth */, SESSIONS_MAX = 1 << 24 };

static const struct learner *const learners[SEQUENCE_KIND_COUNT] = {
    [SEQUENCE_MARKOV] = &learner_markov,
    [SEQUENCE_LSTM] = &learner_lstm,
    [SEQUENCE_TRANSFORMER] = &learner_transformer,
};

struct sequence_model {
    enum sequence_kind kind;
    const struct learner *learner;
    void *net;    /* owned */
    void *counts; /* owned; markov's beside a network, NULL: none */
    uint32_t vocabulary;
    uint64_t *seen; /* owned; (vocabulary) bits: events that training had */
    struct judge judge;
};

uint32_t sequence_rank(const float *log_p, size_t n, uint32_t symbol)
{
    uint32_t rank = 0;
    for (size_t i = 0; i < n; i++)
        rank += log_p[i] > log_p[symbol] || (i < symbol && log_p[i] == log_p[symbol]);
    return rank;
}

_Static_assert(SEQUENCE_VIEWS == VIEW_COUNT + 1, "the views, and what they come to");

static size_t seen_words(uint32_t vocabulary)
{
    return ((size_t)vocabulary + 63) / 64;
}

static bool is_seen(const struct sequence_model *m, uint32_t event)
{
    return event < m->vocabulary && m->seen[event / 64] >> event % 64 & 1;
}

/* ---- some of the sessions ---- */

struct part {
    struct sequences s; /* borrows from the two below */
    uint32_t *event;
    uint64_t *start;
};

static void part_done(struct part *p)
{
    mem_free(p->event);
    mem_free(p->start);
}

static void part_take(struct part *p, const struct sequences *data, const uint32_t *which, size_t n)
{
    size_t events = 0;
    for (size_t i = 0; i < n; i++)
        events += data->start[which[i] + 1] - data->start[which[i]];
    p->event = mem_array(uint32_t, events + 1);
    p->start = mem_array(uint64_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        uint64_t from = data->start[which[i]], length = data->start[which[i] + 1] - from;
        if (length)
            memcpy(p->event + p->start[i], data->event + from, length * sizeof *p->event);
        p->start[i + 1] = p->start[i] + length;
    }
    p->s = (struct sequences){p->event, p->start, n, data->vocabulary};
}

/* Sessions in an order of their own, of which the first `held` are put aside. */
static uint32_t *shuffled(size_t n, uint64_t seed)
{
    uint32_t *order = mem_array(uint32_t, n);
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    struct random r;
    random_init(&r, seed, 1);
    random_shuffle(&r, order, (uint32_t)n);
    return order;
}

/* ---- training ---- */

static void mark_seen(struct sequence_model *m, const struct sequences *data)
{
    mem_free(m->seen);
    m->seen = mem_array(uint64_t, seen_words(data->vocabulary));
    for (uint64_t i = data->start[0]; i < data->start[data->count]; i++)
        m->seen[data->event[i] / 64] |= (uint64_t)1 << data->event[i] % 64;
}

/* Half by the network, half by counting (as Mikolov et al., "Empirical evaluation and combination of advanced language
 * modeling techniques", Interspeech 2011): one knows what goes together from afar, the other what was seen only once. */
static void mix(float *log_p, const float *other, size_t n, float sign)
{
    for (size_t i = 0; i < n; i++) {
        float a = sign * log_p[i], b = sign * other[i], most = fmaxf(a, b);
        log_p[i] = sign * (most + logf(0.5f + 0.5f * expf(fminf(a, b) - most)));
    }
}

/* surprise (n + 1) as the judge sees it. */
static void look(const struct sequence_model *m, const uint32_t *event, size_t n, float *surprise,
                 uint32_t *rank)
{
    m->learner->surprise(m->net, event, n, surprise, rank);
    if (m->counts) {
        float few[256], *other = n < 256 ? few : mem_array(float, n + 1);
        learner_markov.surprise(m->counts, event, n, other, NULL);
        mix(surprise, other, n + 1, -1);
        if (other != few)
            mem_free(other);
    }
    for (size_t i = 0; i <= n; i++) {
        if (i < n && !is_seen(m, event[i]))
            surprise[i] = SEQUENCE_SURPRISE_MAX;
        surprise[i] = surprise[i] < 0 ? 0 : fminf(surprise[i], SEQUENCE_SURPRISE_MAX);
    }
}

struct views {
    const struct sequence_model *model;
    const struct sequences *data;
    float *view;           /* (count, VIEW_COUNT) or NULL */
    float *score;          /* (count) or NULL */
    const uint32_t *which; /* (tasks): sessions to look at */
};

static void view_one(void *arg, size_t task, unsigned worker)
{
    (void)worker;
    const struct views *v = arg;
    size_t i = v->which ? v->which[task] : task;
    const uint32_t *event = v->data->event + v->data->start[i];
    size_t n = v->data->start[i + 1] - v->data->start[i];
    if (v->view) {
        float *surprise = mem_array(float, n + 1);
        look(v->model, event, n, surprise, NULL);
        judge_look(&v->model->judge, event, n, surprise, v->view + i * VIEW_COUNT);
        mem_free(surprise);
    } else {
        v->score[i] = sequence_score(v->model, event, n);
    }
}

/* Learn from `data` and look at `held`, into view. */
static status learn(struct sequence_model *m, const struct sequence_shape *s,
                    const struct nn_training *t, const struct sequences *data,
                    const struct sequences *held, float *view, struct error *err)
{
    mark_seen(m, data);
    judge_done(&m->judge);
    m->judge = (struct judge){.vocabulary = data->vocabulary};
    judge_learn_sets(&m->judge, data);
    status st = m->learner->train(s, t, data, held, &m->net, err);
    if (st == ST_OK && m->learner != &learner_markov) {
        struct nn_training quick = {.seed = t->seed};
        struct sequence_shape own = {.kind = SEQUENCE_MARKOV};
        st = learner_markov.train(&own, &quick, data, held, &m->counts, err);
    }
    if (st != ST_OK)
        return st;
    struct views v = {.model = m, .data = held, .view = view};
    team_run(t->team, held->count, view_one, &v);
    return ST_OK;
}

/* One turn: sessions order[from … to) are held back. */
static status learn_turn(struct sequence_model *m, const struct sequence_shape *s,
                         const struct nn_training *t, const struct sequences *data,
                         const uint32_t *order, const size_t cut[2], float *view, struct error *err)
{
    size_t held_n = cut[1] - cut[0], rest_n = data->count - held_n;
    uint32_t *rest_of = mem_array(uint32_t, rest_n + 1);
    memcpy(rest_of, order, cut[0] * sizeof *order);
    memcpy(rest_of + cut[0], order + cut[1], (data->count - cut[1]) * sizeof *order);
    struct part rest = {0}, held = {0};
    part_take(&rest, data, rest_of, rest_n);
    part_take(&held, data, order + cut[0], held_n);
    status st = learn(m, s, t, &rest.s, &held.s, view + cut[0] * VIEW_COUNT, err);
    part_done(&rest);
    part_done(&held);
    mem_free(rest_of);
    return st;
}

static status learn_in_turns(struct sequence_model *m, const struct sequence_shape *s,
                             const struct nn_training *t, const struct sequences *data,
                             struct error *err)
{
    uint32_t *order = shuffled(data->count, t->seed);
    float *view = mem_array(float, data->count *VIEW_COUNT);
    size_t turns = !m->learner->folds ? 1 : data->count < FOLDS ? data->count : FOLDS;
    size_t viewed = turns > 1 ? data->count : (data->count + HELD_PART - 1) / HELD_PART;
    status st = ST_OK;
    for (size_t i = 0; i < turns && st == ST_OK; i++) {
        size_t cut[2] = {i * viewed / turns, (i + 1) * viewed / turns};
        m->learner->free(m->net);
        m->net = NULL;
        st = learn_turn(m, s, t, data, order, cut, view, err);
    }
    if (st == ST_OK && turns > 1) {
        m->learner->free(m->net);
        m->net = NULL;
        const struct sequences none = {data->event, data->start, 0, data->vocabulary};
        st = learn(m, s, t, data, &none, NULL, err);
    }
    if (st == ST_OK) {
        judge_learn_novelty(&m->judge, data);
        judge_fit(&m->judge, view, viewed);
    }
    mem_free(order);
    mem_free(view);
    return st;
}

static status check_data(const struct sequence_shape *s, const struct sequences *data,
                         struct error *err)
{
    if (s->kind >= SEQUENCE_KIND_COUNT || !learners[s->kind])
        return fail(err, ST_UNSUPPORTED, "sequence learner '%u' is not known", (unsigned)s->kind);
    if (s->width > SEQUENCE_WIDTH_MAX || s->layers > SEQUENCE_LAYERS_MAX ||
        s->context > SEQUENCE_CONTEXT_MAX)
        return fail(err, ST_INVALID,
                    "a network of width '%zu', '%zu' layers, context '%zu': too large", s->width,
                    s->layers, s->context);
    if (data->vocabulary == 0 || data->vocabulary > VOCABULARY_MAX)
        return fail(err, ST_INVALID, "'%u' different events; 1 to %d can be learnt",
                    data->vocabulary, VOCABULARY_MAX);
    if (data->count < 2 || data->count > SESSIONS_MAX)
        return fail(err, ST_INVALID, "'%zu' sessions; 2 to %d can be learnt from", data->count,
                    SESSIONS_MAX);
    for (size_t i = 0; i < data->count; i++) {
        if (data->start[i + 1] < data->start[i] || data->start[i + 1] - data->start[i] > UINT32_MAX)
            return fail(err, ST_INVALID, "session '%zu' ends before it starts", i);
    }
    for (uint64_t i = data->start[0]; i < data->start[data->count]; i++) {
        if (data->event[i] >= data->vocabulary)
            return fail(err, ST_INVALID, "event '%u' is outside the vocabulary of %u",
                        data->event[i], data->vocabulary);
    }
    return ST_OK;
}

status sequence_train(const struct sequence_shape *s, const struct nn_training *t,
                      const struct sequences *data, struct sequence_model **out, struct error *err)
{
    status st = check_data(s, data, err);
    if (st != ST_OK)
        return st;
    struct sequence_model *m = mem_new(struct sequence_model);
    m->kind = s->kind;
    m->learner = learners[s->kind];
    m->vocabulary = data->vocabulary;
    st = learn_in_turns(m, s, t, data, err);
    if (st != ST_OK) {
        sequence_free(m);
        return st;
    }
    *out = m;
    return ST_OK;
}

void sequence_free(struct sequence_model *m)
{
    if (!m)
        return;
    if (m->learner)
        m->learner->free(m->net);
    learner_markov.free(m->counts);
    judge_done(&m->judge);
    mem_free(m->seen);
    mem_free(m);
}

enum sequence_kind sequence_kind(const struct sequence_model *m)
{
    return m->kind;
}

uint32_t sequence_vocabulary(const struct sequence_model *m)
{
    return m->vocabulary;
}

/* ---- scoring ---- */

/* Events that are none become the last of the vocabulary; NULL when all are good. */
static uint32_t *repaired(const struct sequence_model *m, const uint32_t *event, size_t n)
{
    size_t i = 0;
    while (i < n && event[i] < m->vocabulary)
        i++;
    if (i == n)
        return NULL;
    uint32_t *good = mem_array(uint32_t, n);
    for (i = 0; i < n; i++)
        good[i] = event[i] < m->vocabulary ? event[i] : m->vocabulary - 1;
    return good;
}

void sequence_surprise(const struct sequence_model *m, const uint32_t *event, size_t n,
                       float *surprise, uint32_t *rank)
{
    uint32_t *good = repaired(m, event, n);
    float *s = mem_array(float, n + 1);
    uint32_t *r = rank ? mem_array(uint32_t, n + 1) : NULL;
    look(m, good ? good : event, n, s, r);
    if (surprise && n)
        memcpy(surprise, s, n * sizeof *s);
    for (size_t i = 0; rank && i < n; i++)
        rank[i] = is_seen(m, event[i]) ? r[i] : m->vocabulary;
    mem_free(good);
    mem_free(s);
    mem_free(r);
}

void sequence_views(const struct sequence_model *m, const uint32_t *event, size_t n,
                    float view[static SEQUENCE_VIEWS])
{
    float few[256], *surprise = n < 256 ? few : mem_array(float, n + 1);
    uint32_t *good = repaired(m, event, n);
    if (good)
        event = good;
    look(m, event, n, surprise, NULL);
    judge_look(&m->judge, event, n, surprise, view);
    if (surprise != few)
        mem_free(surprise);
    mem_free(good);
    view[VIEW_COUNT] = judge_score(&m->judge, view);
}

const char *sequence_view_name(size_t view)
{
    static const char *const names[SEQUENCE_VIEWS] = {
        [VIEW_MEAN] = "mean surprise of its events",
        [VIEW_CALM] = "mean surprise of its most usual stretch",
        [VIEW_KINDS] = "unlikeness of its set of events to those of normal sessions",
        [VIEW_LACK] = "events that it lacks of the most alike normal session",
        [VIEW_WORST] = "largest surprise of an event",
        [VIEW_NEW] = "events that no normal session had",
        [VIEW_COUNT] = "how rare so strange a session is among normal ones",
    };
    return names[view];
}

float sequence_score(const struct sequence_model *m, const uint32_t *event, size_t n)
{
    float view[SEQUENCE_VIEWS];
    sequence_views(m, event, n, view);
    return view[VIEW_COUNT];
}

float sequence_threshold(const struct sequence_model *m, double fpr)
{
    double part = fpr > 1 ? 1 : fpr < 1e-9 ? 1e-9 : fpr;
    return judge_threshold(&m->judge, (float)-log(part));
}

/* ---- many sessions ---- */

static bool same_session(const struct sequences *d, size_t a, size_t b)
{
    uint64_t n = d->start[a + 1] - d->start[a];
    return n == d->start[b + 1] - d->start[b] &&
           (n == 0 ||
            memcmp(d->event + d->start[a], d->event + d->start[b], n * sizeof *d->event) == 0);
}

/* For each session the first that is the same, into first (count). */
static void find_same(const struct sequences *d, uint32_t *first)
{
    size_t slots = 64;
    while (slots < d->count * 2)
        slots *= 2;
    uint32_t *slot = mem_array(uint32_t, slots); /* session + 1 */
    uint64_t seed = hash_seed();
    for (size_t i = 0; i < d->count; i++) {
        str bytes = {(const char *)(d->event + d->start[i]),
                     (d->start[i + 1] - d->start[i]) * sizeof *d->event};
        size_t at = (size_t)hash_bytes(bytes, seed) & (slots - 1);
        while (slot[at] && !same_session(d, slot[at] - 1, i))
            at = (at + 1) & (slots - 1);
        if (!slot[at])
            slot[at] = (uint32_t)i + 1;
        first[i] = slot[at] - 1;
    }
    mem_free(slot);
}

void sequence_score_many(const struct sequence_model *m, const struct sequences *data,
                         struct team *team, float *score)
{
    uint32_t *first = mem_array(uint32_t, data->count + 1);
    uint32_t *once = mem_array(uint32_t, data->count + 1);
    size_t tasks = 0;
    find_same(data, first);
    for (uint32_t i = 0; i < data->count; i++) {
        if (first[i] == i)
            once[tasks++] = i;
    }
    struct views v = {.model = m, .data = data, .score = score, .which = once};
    team_run(team, tasks, view_one, &v);
    for (size_t i = 0; i < data->count; i++)
        score[i] = score[first[i]];
    mem_free(first);
    mem_free(once);
}

size_t sequence_expected(const struct sequence_model *m, const uint32_t *event, size_t at,
                         size_t most, uint32_t *out, float *probability)
{
    float *log_p = mem_array(float, m->vocabulary + 1u);
    uint32_t *good = repaired(m, event, at);
    m->learner->predict(m->net, good ? good : event, at, log_p);
    if (m->counts) {
        float *other = mem_array(float, m->vocabulary + 1u);
        learner_markov.predict(m->counts, good ? good : event, at, other);
        mix(log_p, other, m->vocabulary + 1u, 1);
        mem_free(other);
    }
    size_t n = 0;
    while (n < most) {
        uint32_t best = SEQUENCE_NONE;
        for (uint32_t e = 0; e < m->vocabulary; e++) {
            if (is_seen(m, e) && log_p[e] > -1e30f &&
                (best == SEQUENCE_NONE || log_p[e] > log_p[best]))
                best = e;
        }
        if (best == SEQUENCE_NONE)
            break;
        out[n] = best;
        if (probability)
            probability[n] = expf(log_p[best]);
        log_p[best] = -INFINITY;
        n++;
    }
    mem_free(good);
    mem_free(log_p);
    return n;
}

/* ---- files ---- */

static const str magic = {"BGSEQ1\n", 8};

void sequence_write(const struct sequence_model *m, struct sbuf *out)
{
    sbuf_add(out, magic);
    put_u64(out, m->kind);
    put_u64(out, m->vocabulary);
    for (size_t i = 0; i < seen_words(m->vocabulary); i++)
        put_u64(out, m->seen[i]);
    judge_write(&m->judge, out);
    m->learner->write(m->net, out);
    if (m->counts)
        learner_markov.write(m->counts, out);
}

static status read_body(struct sequence_model *m, struct reader *r, struct error *err)
{
    m->seen = mem_array(uint64_t, seen_words(m->vocabulary));
    for (size_t i = 0; i < seen_words(m->vocabulary); i++)
        m->seen[i] = take_u64(r);
    m->judge.vocabulary = m->vocabulary;
    status st = judge_read(&m->judge, r, err);
    if (st == ST_OK)
        st = m->learner->read(r, m->vocabulary, &m->net, err);
    if (st == ST_OK && m->learner != &learner_markov)
        st = learner_markov.read(r, m->vocabulary, &m->counts, err);
    if (st == ST_OK && rd_left(r))
        st = fail(err, ST_INVALID, "'%zu' bytes after the end of the sequence model", rd_left(r));
    return st;
}

status sequence_read(str bytes, struct sequence_model **out, struct error *err)
{
    struct reader r = reader_of(bytes);
    rd_expect(&r, magic);
    uint64_t kind = take_u64(&r), vocabulary = take_u64(&r);
    if (!r.ok)
        return fail(err, ST_INVALID, "not a sequence model");
    if (kind >= SEQUENCE_KIND_COUNT || !learners[kind])
        return fail(err, ST_UNSUPPORTED, "sequence learner '%llu' is not known",
                    (unsigned long long)kind);
    if (vocabulary == 0 || vocabulary > VOCABULARY_MAX)
        return fail(err, ST_INVALID, "a vocabulary of '%llu' events can not be",
                    (unsigned long long)vocabulary);
    struct sequence_model *m = mem_new(struct sequence_model);
    m->kind = (enum sequence_kind)kind;
    m->learner = learners[kind];
    m->vocabulary = (uint32_t)vocabulary;
    status st = read_body(m, &r, err);
    if (st != ST_OK) {
        sequence_free(m);
        return st;
    }
    *out = m;
    return ST_OK;
}
