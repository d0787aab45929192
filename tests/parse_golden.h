/* SPDX-License-Identifier: Apache-2.0 */
/* parse_golden.h - input and what must come out of it, for the tests of formats. */
#ifndef TESTS_PARSE_GOLDEN_H
#define TESTS_PARSE_GOLDEN_H

#include "tests/test.h"

#include "codec/time.h"
#include "parse/parse.h"

enum { GOLDEN_FIELDS = 16 };

/* cmocka's fail_msg wants a name that our status.h has too. */
#define GOLDEN_FAIL(...) (print_error(__VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))

struct golden {
    const char *format; /* that the input is recognised as */
    const char *input;
    const char *family, *channel, *code;
    const char *time;                 /* RFC 3339; NULL: none */
    const char *field[GOLDEN_FIELDS]; /* "name=value", any value of that name; "!name": none */
};

/* One stream parsed as a single batch. */
struct parsed {
    struct dict *dict;
    struct parser *parser;
    struct parse_stream stream;
    struct batch batch;
};

static inline void parsed_run(struct parsed *t, str input, const struct parse_limits *limits)
{
    t->dict = dict_new();
    t->parser = parser_new(t->dict, limits ? limits : &parse_limits_default);
    batch_init(&t->batch, 64 << 20);
    batch_reserve(&t->batch, input.n + 1);
    if (input.n)
        memcpy(t->batch.bytes, input.p, input.n);
    t->batch.n = input.n;
    t->batch.first_line = 1;
    parser_run(t->parser, &t->stream, &t->batch);
}

static inline void parsed_done(struct parsed *t)
{
    batch_done(&t->batch);
    parser_free(t->parser);
    dict_free(t->dict);
}

/* Whether some field `name` of `e` has the text `value` (NULL: any). */
static inline bool golden_has(struct parsed *t, struct event *e, str name, const char *value)
{
    for (uint32_t i = 0; i < e->field_count; i++)
        if (str_eq(dict_name(t->dict, e->field[i].id), name) &&
            (!value || str_eq(event_text(e, &e->field[i]), str_z(value))))
            return true;
    return false;
}

static inline void golden_dump(struct parsed *t, struct event *e)
{
    for (uint32_t i = 0; i < e->field_count; i++) {
        str name = dict_name(t->dict, e->field[i].id), v = event_text(e, &e->field[i]);
        print_message("  " STR_FMT "=" STR_FMT " (flags %d)\n", STR_ARG(name), STR_ARG(v),
                      e->field[i].flags);
    }
}

static inline void golden_field(struct parsed *t, struct event *e, const char *want)
{
    bool absent = *want == '!';
    str name = str_z(want + absent), rest = name;
    name = absent ? name : str_cut(&rest, '=');
    if (golden_has(t, e, name, absent ? NULL : rest.p) != absent)
        return;
    golden_dump(t, e);
    GOLDEN_FAIL("%s", want);
}

static inline void golden_text(const char *what, str got, const char *want)
{
    if (!str_eq(got, str_z(want)))
        GOLDEN_FAIL("%s is '" STR_FMT "', not '%s'", what, STR_ARG(got), want);
}

static inline void golden_check(const struct golden *g)
{
    struct parsed t = {.stream = {.format = parse_sniff(str_z(g->input))}};
    golden_text("format", str_z(parse_format_name(t.stream.format)), g->format);
    parsed_run(&t, str_z(g->input), NULL);
    if (t.batch.read != 1 || t.batch.rejected)
        GOLDEN_FAIL("%s: read %d, rejected %d: %s", g->format, (int)t.batch.read,
                    (int)t.batch.rejected, t.batch.reject[0].text);
    struct event *e = &t.batch.event[0];
    golden_text("family", str_z(family_name((enum family)e->family)), g->family);
    golden_text("channel", e->channel, g->channel);
    golden_text("code", e->code, g->code);
    char time[32] = "";
    if (e->time_ms != TIME_NONE)
        time_format_rfc3339(e->time_ms, time);
    golden_text("time", str_z(time), g->time ? g->time : "");
    for (size_t i = 0; i < GOLDEN_FIELDS && g->field[i]; i++)
        golden_field(&t, e, g->field[i]);
    parsed_done(&t);
}

#endif
