/* SPDX-License-Identifier: Apache-2.0 */
/* The events of a session that surprised most, and what would have been usual in their place. */
#include "base/mem.h"
#include "ml/explain_int.h"
#include "nn/sequence.h"

#include <math.h>

enum { EXPECTED = 3, NAME_SHOWN = 60 };

struct surprise {
    uint32_t at;
    float value;
};

static int by_value(const void *a, const void *b)
{
    const struct surprise *x = a, *y = b;
    return x->value != y->value ? (x->value < y->value) - (x->value > y->value)
                                : (x->at > y->at) - (x->at < y->at);
}

static void expected_words(const struct model *m, const uint32_t *event, size_t at, struct sbuf *to)
{
    uint32_t likely[EXPECTED];
    float part[EXPECTED];
    size_t n = sequence_expected(model_sequence(m), event, at, EXPECTED, likely, part);
    for (size_t i = 0; i < n; i++)
        sbuf_addf(to, "%s'" STR_FMT "' (%.0f %%)", i ? ", " : "",
                  STR_ARG(str_head(model_event_name(m, likely[i]), NAME_SHOWN)), part[i] * 100.0);
}

static void say(const struct model *m, const uint32_t *event, size_t first, struct surprise s,
                const str *name, struct arena *arena, struct model_reason *out)
{
    struct sbuf text;
    sbuf_init(&text, 1024);
    sbuf_addf(&text, "event %zu, '" STR_FMT "'", first + s.at + 1,
              STR_ARG(str_head(name[first + s.at], NAME_SHOWN)));
    if (event[s.at] + 1 == model_vocabulary(m))
        sbuf_addz(&text, ", was never seen in training");
    else
        sbuf_addf(&text, ", had a chance of 1 in %.3g", exp((double)s.value));
    sbuf_addz(&text, "; usual: ");
    expected_words(m, event, s.at, &text);
    out->what = arena_str(arena, str_head(name[first + s.at], NAME_SHOWN));
    out->value = s.value;
    out->usual = NAN;
    out->words = arena_str(arena, sbuf_str(&text));
    sbuf_done(&text);
}

static void reasons(const struct model *m, const uint32_t *event, size_t n, size_t first,
                    const str *name, struct arena *arena, struct model_explanation *e)
{
    float *surprise = mem_array(float, n);
    struct surprise *s = mem_array(struct surprise, n);
    double total = 0;
    sequence_surprise(model_sequence(m), event, n, surprise, NULL);
    for (size_t i = 0; i < n; i++) {
        s[i] = (struct surprise){(uint32_t)i, surprise[i]};
        total += (double)surprise[i];
    }
    qsort(s, n, sizeof *s, by_value);
    for (size_t i = 0; i < n && e->count < MODEL_REASONS_MAX; i++) {
        struct model_reason *r = &e->reason[e->count];
        r->part = total > 0 ? (double)s[i].value / total : 0;
        if (s[i].value < 1) /* it was as likely as not */
            break;
        say(m, event, first, s[i], name, arena, r);
        e->count++;
    }
    mem_free(surprise);
    mem_free(s);
}

status model_explain_sequence(const struct model *m, struct model_scratch *s, const str *event,
                              size_t n, struct arena *arena, struct model_explanation *out,
                              struct error *err)
{
    struct model_answer answer;
    struct model_explanation e = {.threshold = m->card.threshold};
    const uint32_t *number;
    if (model_kind_shape(m->kind) != DATASET_SEQUENCES)
        return fail(err, ST_INVALID, "%s models are asked about rows", model_kind_name(m->kind));
    model_score_sequence(m, s, event, n, &answer);
    e.score_01 = (double)answer.score_01;
    size_t latest = model_sequence_numbers(m, s, event, n, &number);
    if (latest && m->ops->explain_session)
        m->ops->explain_session(m, number, latest, arena, &e);
    else if (latest)
        reasons(m, number, latest, n - latest, event, arena, &e);
    bool alarm = e.score_01 >= e.threshold;
    e.words = arena_fmt(arena, "%s: %.3f where %.3f is the threshold%s" STR_FMT,
                        alarm ? "suspicious" : "not suspicious", e.score_01, e.threshold,
                        e.count ? ", most of all because of " : "",
                        STR_ARG(e.count ? e.reason[0].words : STR("")));
    status st = explained(&e, err);
    if (st == ST_OK)
        *out = e;
    return st;
}
