/* SPDX-License-Identifier: Apache-2.0 */
/* Events a second that each learner of sequences trains with and scores, on one thread: sessions of 20 events, all
 * different, of a vocabulary of 150. */
#include "base/mem.h"
#include "base/random.h"
#include "nn/sequence.h"

#include <stdio.h>
#include <time.h>

enum { SESSIONS = 2000, EVENTS = 20, VOCABULARY = 150, EPOCHS = 3 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Each event is one of four that may follow the one before. */
static void make(uint32_t *event, uint64_t *start)
{
    struct random r;
    random_init(&r, 1, 0);
    for (uint32_t i = 0; i < SESSIONS; i++) {
        uint32_t now = random_below(&r, VOCABULARY);
        for (uint32_t k = 0; k < EVENTS; k++) {
            event[i * EVENTS + k] = now;
            now = (now * 7 + random_below(&r, 4)) % VOCABULARY;
        }
        start[i + 1] = (uint64_t)(i + 1) * EVENTS;
    }
}

static void measure(const char *name, enum sequence_kind kind, const struct sequences *data)
{
    struct sequence_shape shape = {.kind = kind};
    struct nn_training how = {.seed = 1, .epochs = EPOCHS};
    struct sequence_model *m;
    float *score = mem_array(float, data->count);
    double a = seconds();
    if (sequence_train(&shape, &how, data, &m, NULL) != ST_OK)
        return;
    double b = seconds();
    sequence_score_many(m, data, NULL, score);
    double c = seconds();
    double events = (double)data->count * EVENTS;
    double trained = events * (kind == SEQUENCE_MARKOV ? 1 : EPOCHS);
    printf("%-12s training %8.0f events/s   scoring %8.0f events/s, %6.1f µs a session\n", name,
           trained / (b - a), events / (c - b), (c - b) * 1e6 / (double)data->count);
    mem_free(score);
    sequence_free(m);
}

int main(void)
{
    uint32_t *event = mem_array(uint32_t, SESSIONS * EVENTS);
    uint64_t *start = mem_array(uint64_t, SESSIONS + 1);
    make(event, start);
    struct sequences data = {event, start, SESSIONS, VOCABULARY};
    printf("simd %s\n", nn_simd());
    measure("markov", SEQUENCE_MARKOV, &data);
    measure("lstm", SEQUENCE_LSTM, &data);
    measure("transformer", SEQUENCE_TRANSFORMER, &data);
    mem_free(event);
    mem_free(start);
    return 0;
}
