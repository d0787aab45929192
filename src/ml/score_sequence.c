/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions through a model: names of events become its numbers, its network judges. */
#include "base/mem.h"
#include "ml/model_int.h"
#include "nn/sequence.h"

enum { SEQUENCE_EVENTS_MAX = 1 << 20 }; /* of a longer session the latest */

size_t model_sequence_numbers(const struct model *m, struct model_scratch *s, const str *event,
                              size_t n, const uint32_t **out)
{
    if (n > SEQUENCE_EVENTS_MAX) {
        event += n - SEQUENCE_EVENTS_MAX;
        n = SEQUENCE_EVENTS_MAX;
    }
    if (s->event_room < n + 1) {
        s->event = mem_resize(s->event, size_mul(n + 1, sizeof *s->event));
        s->event_room = n + 1;
    }
    for (size_t i = 0; i < n; i++)
        s->event[i] = model_event(m, event[i]);
    *out = s->event;
    return n;
}

/* A session in which nothing happened is not strange. */
static struct model_answer answer_of(const struct model *m, size_t events, float raw)
{
    if (events == 0)
        return (struct model_answer){0, 0, 1, 0};
    return model_answer_of(m, (struct answered){1, 0}, raw);
}

void model_score_sequence(const struct model *m, struct model_scratch *s, const str *event,
                          size_t n, struct model_answer *out)
{
    const uint32_t *number;
    float raw = 0;
    n = model_sequence_numbers(m, s, event, n, &number);
    const struct sequences one = {number, (const uint64_t[]){0, n}, 1, model_vocabulary(m)};
    if (n)
        m->ops->score_sessions(m, &one, NULL, &raw);
    *out = answer_of(m, n, raw);
}

void model_score_sessions(const struct model *m, const struct dataset *d, struct rows rows,
                          struct team *team, struct model_answer *out)
{
    uint32_t *number = mem_array(uint32_t, d->event_names + 1);
    for (uint32_t i = 0; i < d->event_names; i++)
        number[i] = model_event(m, d->event_name[i]);
    struct sessions s = sessions_of(d, rows, number);
    float *raw = mem_array(float, rows.n + 1);
    const struct sequences data = {s.event, s.start, rows.n, model_vocabulary(m)};
    m->ops->score_sessions(m, &data, team, raw);
    for (size_t i = 0; i < rows.n; i++)
        out[i] = answer_of(m, (size_t)(s.start[i + 1] - s.start[i]), raw[i]);
    sessions_done(&s);
    mem_free(number);
    mem_free(raw);
}
