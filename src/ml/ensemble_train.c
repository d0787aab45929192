/* SPDX-License-Identifier: Apache-2.0 */
/* How an ensemble learns.
 *
 * Its members are trained on the same rows and calibrated each for itself.  What their voices weigh is the question: on
 * rows like those in training the trees are nearly always right and would get all the weight, yet an attack of a kind that
 * nobody has labelled is what the others are there for.  So classes of attack are left out in turn: a member that learns from
 * labels is trained without them and then asked about them.  Weights are those that do best on the mean over these sets
 * and on the worst of them, and hardly worse than the best member on the validation rows as they are.  (Leave-one-class-out, as for novelty detection: Scheirer et al.,
 * "Toward open set recognition", TPAMI 2013.) */
#include "base/mem.h"
#include "ml/ensemble_int.h"
#include "os/team.h"

#include <math.h>

enum {
    GROUPS = WEIGHING_SETS - 1,
    SET_ROWS = 5000 /* normal, and as many attacks */,
    FOLD_ROWS = 20000
};
enum { PATH_BYTES = 4096, WORDS_MAX = 4096 };

struct member_words {
    struct sbuf parameters, option;
};

/* ---- members ---- */

static status add_kind(struct ensemble *e, str name, struct error *err)
{
    enum model_kind kind = model_kind_find(name);
    if (kind == MODEL_KIND_COUNT || kind == MODEL_ENSEMBLE || kind == MODEL_KEYSTROKE ||
        model_kind_shape(kind) != DATASET_TABLE || !model_ops_of(kind)->train)
        return fail(err, ST_INVALID, "option members: '" STR_FMT "' cannot be one",
                    STR_ARG(str_head(name, 32)));
    if (e->members == MEMBERS_MAX)
        return fail(err, ST_LIMIT, "option members: more than %d", MEMBERS_MAX);
    e->member[e->members++].model = model_new(kind);
    return ST_OK;
}

static bool both_labels(const struct fit *f)
{
    size_t attacks = 0;
    for (size_t i = 0; i < f->train.n; i++)
        attacks += f->d->label[f->train.index[i]] == LABEL_ATTACK;
    return attacks > 0 && attacks < f->train.n;
}

static status choose_members(struct ensemble *e, const struct fit *f, struct error *err)
{
    str left = f->options.text[ENSEMBLE_MEMBERS];
    status st = ST_OK;
    if (left.n == 0)
        left = both_labels(f) ? STR("xgboost+iforest+autoencoder") : STR("iforest+autoencoder");
    while (left.n && st == ST_OK)
        st = add_kind(e, str_trim(str_cut(&left, '+')), err);
    if (st == ST_OK && e->members < 2)
        st = fail(err, ST_INVALID, "option members: an ensemble has at least two");
    return st;
}

/* The options of a member's kind, as model_training has them. */
static str member_options(const struct fit *f, enum model_kind kind)
{
    static const struct {
        enum model_kind kind;
        int option;
    } of[] = {{MODEL_XGBOOST, ENSEMBLE_XGBOOST},
              {MODEL_IFOREST, ENSEMBLE_IFOREST},
              {MODEL_AUTOENCODER, ENSEMBLE_AUTOENCODER},
              {MODEL_REMOTE, ENSEMBLE_REMOTE}};
    for (size_t i = 0; i < COUNT(of); i++)
        if (of[i].kind == kind)
            return f->options.text[of[i].option];
    return STR("");
}

/* What a member is trained with.  `words` is the caller's, and holds what `out` points to. */
static status member_fit(const struct fit *f, const struct model *member, const char *more,
                         struct member_words *words, struct fit *out, struct error *err)
{
    str option = member_options(f, member->kind);
    *out = *f;
    out->parameters = &words->parameters;
    out->checkpoint = NULL;
    sbuf_init(&words->parameters, WORDS_MAX);
    sbuf_init(&words->option, WORDS_MAX);
    sbuf_addf(&words->option, "%s," STR_FMT, more, STR_ARG(option));
    for (size_t i = 0; i < words->option.n; i++)
        if (words->option.p[i] == ';')
            words->option.p[i] = ',';
    status st = words->option.full
                    ? fail(err, ST_LIMIT, "the options of members are too long")
                    : options_parse(member->ops, words->option.p, &out->options, err);
    return st == ST_OK ? st : fail_prefix(err, st, "%s", model_kind_name(member->kind));
}

static void words_done(struct member_words *w)
{
    sbuf_done(&w->parameters);
    sbuf_done(&w->option);
}

static void describe(struct model *member, const struct fit *f, const struct sbuf *words)
{
    member->card.name = str_z(model_kind_name(member->kind));
    member->card.parameters = arena_str(&member->arena, sbuf_str(words));
    member->card.seed = f->terms->seed;
    member->card.data_digest = arena_str(&member->arena, str_z(f->d->digest));
    member->card.trained_ms = f->terms->now_ms;
    member->card.rows = f->train.n;
    member->card.basis = STR("a member's: none was sought");
}

static status train_member(struct model *member, const struct fit *f, struct error *err)
{
    char path[PATH_BYTES];
    struct member_words words;
    struct fit own;
    status st = member_fit(f, member, "", &words, &own, err);
    if (f->checkpoint && snprintf(path, sizeof path, "%s.%s", f->checkpoint,
                                  model_kind_name(member->kind)) < (int)sizeof path)
        own.checkpoint = path;
    if (st == ST_OK)
        st = model_fit(member, &own, err);
    if (st == ST_OK) {
        describe(member, f, &words.parameters);
        st = model_seal(member, err);
    }
    words_done(&words);
    return st == ST_OK ? st : fail_prefix(err, st, "%s", model_kind_name(member->kind));
}

status ensemble_refit(struct model *m, const struct fit *f, struct error *err)
{
    struct ensemble *e = m->part;
    status st = ST_OK;
    for (size_t i = 0; i < e->members && st == ST_OK; i++) {
        struct model *member = e->member[i].model;
        struct member_words words;
        struct fit own;
        st = member_fit(f, member, "", &words, &own, err);
        if (st == ST_OK)
            st = model_refit(member, &own, err);
        if (st == ST_OK)
            st = model_seal(member, err);
        words_done(&words);
    }
    ensemble_bind(m);
    return st;
}

/* ---- sets to weigh with ---- */

/* At most `most` of those rows that are wanted, evenly taken. */
static size_t thin(uint32_t *index, size_t n, size_t most)
{
    if (n <= most)
        return n;
    for (size_t i = 0; i < most; i++)
        index[i] = index[i * n / most];
    return most;
}

static size_t normal_rows(const struct dataset *d, struct rows r, uint32_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < r.n; i++)
        if (d->label[r.index[i]] != LABEL_ATTACK)
            out[n++] = r.index[i];
    return thin(out, n, SET_ROWS);
}

static size_t attack_rows(const struct dataset *d, struct rows r, const uint8_t *group, int wanted,
                          uint32_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < r.n; i++)
        if (d->label[r.index[i]] == LABEL_ATTACK &&
            (wanted < 0 || group[d->klass[r.index[i]]] == wanted))
            out[n++] = r.index[i];
    return n;
}

/* The member's numbers for the set's rows; its ranks are of the set's normal rows. */
static void add_terms(struct weighing_set *s, size_t i, const struct ensemble_member *member,
                      struct model *model, const struct fit *f, struct rows rows)
{
    struct ensemble_member as = {.model = model, .rank = member->rank};
    struct model_answer *a = mem_array(struct model_answer, rows.n + 1);
    float *raw = mem_array(float, rows.n + 1);
    size_t normal = 0;
    model_score_rows(model, f->d, rows, f->team, a);
    for (size_t k = 0; k < rows.n; k++)
        if (!s->label[k])
            raw[normal++] = a[k].raw;
    calibration_fit(&as.rank, CALIBRATION_RANK, raw, NULL, normal);
    for (enum mix x = 0; x < MIXES; x++) {
        s->term[x][i] = mem_array(float, rows.n + 1);
        for (size_t k = 0; k < rows.n; k++) {
            float term = ensemble_term(&as, x, &a[k]);
            s->term[x][i][k] = isnan(term) ? 0 : term;
        }
    }
    mem_free(raw);
    mem_free(a);
}

/* Train again without the classes of a group. */
static status train_without(struct model *model, const struct fit *f, const uint8_t *group,
                            int without, struct error *err)
{
    struct fit fold;
    struct member_words words;
    size_t n[2] = {0, 0};
    const struct rows *from[2] = {&f->train, &f->validation};
    uint32_t *index[2];
    for (size_t p = 0; p < 2; p++) {
        index[p] = mem_array(uint32_t, from[p]->n + 1);
        for (size_t i = 0; i < from[p]->n; i++) {
            uint32_t row = from[p]->index[i];
            if (f->d->label[row] != LABEL_ATTACK || group[f->d->klass[row]] != without)
                index[p][n[p]++] = row;
        }
        n[p] = thin(index[p], n[p], FOLD_ROWS);
    }
    status st =
        member_fit(f, model, model->kind == MODEL_XGBOOST ? "trees=100,rate=0.2,patience=10" : "",
                   &words, &fold, err);
    fold.train = (struct rows){index[0], n[0]};
    fold.validation = (struct rows){index[1], n[1]};
    fold.final = false;
    if (st == ST_OK)
        st = model_fit(model, &fold, err);
    words_done(&words);
    mem_free(index[0]);
    mem_free(index[1]);
    return st;
}

/* group -1: of all classes, by the members as they are. */
static status make_set(struct weighing_set *s, const struct ensemble *e, const struct fit *f,
                       const uint8_t *group, int unseen, struct error *err)
{
    uint32_t *index = mem_array(uint32_t, f->train.n + f->validation.n + 1);
    size_t normal = normal_rows(f->d, f->validation, index);
    uint32_t *attack = index + normal;
    size_t attacks = attack_rows(f->d, f->validation, group, unseen, attack);
    if (unseen >= 0)
        attacks += attack_rows(f->d, f->train, group, unseen, attack + attacks);
    attacks = thin(attack, attacks, SET_ROWS);
    struct rows rows = {index, normal + attacks};
    s->n = rows.n;
    s->label = mem_array(uint8_t, rows.n + 1);
    memset(s->label + normal, 1, attacks);
    status st = ST_OK;
    for (size_t i = 0; i < e->members && st == ST_OK; i++) {
        struct model *model = e->member[i].model, *fold = NULL;
        if (unseen >= 0 && model->ops->labelled) {
            fold = model_new(model->kind);
            st = train_without(fold, f, group, unseen, err);
        }
        if (st == ST_OK)
            add_terms(s, i, &e->member[i], fold ? fold : model, f, rows);
        model_free(fold);
    }
    mem_free(index);
    return st;
}

/* Classes of attack dealt out to groups, the most frequent first, by where there are fewest rows; returns how many groups have
 * rows. */
static int group_classes(const struct fit *f, uint8_t *group)
{
    const struct dataset *d = f->d;
    size_t *count = mem_array(size_t, d->class_names + 1), rows[GROUPS] = {0};
    int used = 0;
    for (size_t i = 0; i < f->train.n; i++)
        if (d->label[f->train.index[i]] == LABEL_ATTACK)
            count[d->klass[f->train.index[i]]]++;
    for (;;) {
        uint32_t most = 0;
        for (uint32_t k = 1; k < d->class_names; k++)
            most = count[k] > count[most] ? k : most;
        if (d->class_names == 0 || count[most] == 0)
            break;
        int least = 0;
        for (int g = 1; g < GROUPS; g++)
            least = rows[g] < rows[least] ? g : least;
        used = rows[least] ? used : used + 1;
        group[most] = (uint8_t)least;
        rows[least] += count[most];
        count[most] = 0;
    }
    mem_free(count);
    return used;
}

/* ---- weights ---- */

static void rank_members(struct ensemble *e, const struct fit *f)
{
    uint32_t *index = mem_array(uint32_t, f->validation.n + 1);
    struct rows rows = {index, normal_rows(f->d, f->validation, index)};
    struct model_answer *a = mem_array(struct model_answer, rows.n + 1);
    float *raw = mem_array(float, rows.n + 1);
    for (size_t i = 0; i < e->members; i++) {
        model_score_rows(e->member[i].model, f->d, rows, f->team, a);
        for (size_t k = 0; k < rows.n; k++)
            raw[k] = a[k].raw;
        calibration_fit(&e->member[i].rank, CALIBRATION_RANK, raw, NULL, rows.n);
    }
    mem_free(raw);
    mem_free(a);
    mem_free(index);
}

static status weigh(struct ensemble *e, const struct fit *f, struct error *err)
{
    struct weighing w = {.sets = 1, .members = e->members};
    uint8_t *group = mem_array(uint8_t, f->d->class_names + 1);
    double weight[MEMBERS_MAX];
    int groups = f->options.number[ENSEMBLE_NOVELTY] > 0 ? group_classes(f, group) : 0;
    status st = make_set(&w.set[0], e, f, group, -1, err);
    for (int g = 0; groups > 1 && g < groups && st == ST_OK; g++) {
        if (fit_progress(f, STAGE_TRAIN, "leaving out classes of attack", (double)g / groups, 0))
            st = make_set(&w.set[w.sets++], e, f, group, g, err);
        else
            st = fail(err, ST_UNAVAILABLE, "stopped");
    }
    if (st == ST_OK) {
        for (size_t i = 0; i < e->members; i++)
            w.labelled[i] = e->member[i].model->ops->labelled;
        weigh_members(&w, weight, &e->mix);
        for (size_t i = 0; i < e->members; i++)
            e->member[i].weight = weight[i];
    }
    for (size_t i = 0; i < w.sets; i++)
        weighing_set_done(&w.set[i]);
    mem_free(group);
    return st;
}

static void name_weights(const struct ensemble *e, struct sbuf *out)
{
    static const char *const mixes[] = {"probability", "rank", "tail"};
    for (size_t i = 0; i < e->members; i++)
        sbuf_addf(out, "%s=%.2f ", model_kind_name(e->member[i].model->kind), e->member[i].weight);
    sbuf_addf(out, "mix=%s", mixes[e->mix]);
}

status ensemble_train(struct model *m, const struct fit *f, struct error *err)
{
    struct ensemble *e = mem_new(struct ensemble);
    m->part = e;
    status st = choose_members(e, f, err);
    for (size_t i = 0; i < e->members && st == ST_OK; i++)
        st = train_member(e->member[i].model, f, err);
    if (st != ST_OK)
        return st;
    rank_members(e, f);
    bool judged = false;
    for (size_t i = 0; i < f->validation.n; i++)
        judged |= f->d->label[f->validation.index[i]] == LABEL_ATTACK;
    if (judged && both_labels(f))
        st = weigh(e, f, err);
    else
        for (size_t i = 0; i < e->members; i++) /* nothing says which is better */
            e->member[i].weight = 1 / (double)e->members;
    if (!judged)
        e->mix = MIX_TAIL;
    ensemble_bind(m);
    name_weights(e, f->parameters);
    return st;
}
