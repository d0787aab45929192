/* SPDX-License-Identifier: Apache-2.0 */
/* What learning costs an event: logins of 1,000 users on 200 hosts from 5,000 addresses. */
#include "base/sbuf.h"
#include "behavior/behavior.h"
#include "os/clock.h"
#include "parse/parse.h"

enum { EVENTS = 20000, ROUNDS = 20 };

static void fill(struct batch *b, uint32_t *random)
{
    struct sbuf text;
    sbuf_init(&text, 64 << 20);
    for (int i = 0; i < EVENTS; i++) {
        *random = *random * 1664525 + 1013904223;
        unsigned r = *random >> 8;
        sbuf_addf(
            &text,
            "{\"@timestamp\":%lld,\"user.name\":\"user%u\",\"host.name\":\"host%u\",\"source.ip\":"
            "\"10.0.%u.%u\",\"event.outcome\":\"success\",\"event.action\":\"login\",\"process."
            "name\":\"sshd\"}\n",
            1735516800000 + (long long)i * 100, r % 1000, r % 200, r % 20, r % 250);
    }
    batch_reserve(b, text.n);
    memcpy(b->bytes, text.p, text.n);
    b->n = text.n;
    sbuf_done(&text);
}

int main(void)
{
    struct dict *dict = dict_new();
    struct parser *parser = parser_new(dict, &parse_limits_default);
    struct parse_stream stream = {.format = PARSE_json};
    struct batch batch;
    uint32_t random = 1;
    struct behavior *b = behavior_new(&(struct behavior_options){.seed = 1});
    batch_init(&batch, 256 << 20);
    fill(&batch, &random);
    parser_run(parser, &stream, &batch);
    uint64_t start = clock_ns();
    for (int i = 0; i < ROUNDS; i++)
        behavior_learn(b, STR("default"), &batch, 0);
    double ns = (double)(clock_ns() - start) / ROUNDS / (double)batch.event_count;
    struct behavior_stats st = behavior_stats(b);
    printf("learn %.0f ns an event (3 entities, 7 values); %llu entities in %llu bytes\n", ns,
           (unsigned long long)st.entities, (unsigned long long)st.bytes);
    behavior_free(b);
    batch_done(&batch);
    parser_free(parser);
    dict_free(dict);
    return 0;
}
