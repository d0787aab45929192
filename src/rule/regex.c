/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "rule/regex.h"

#include "base/mem.h"

#include <assert.h>
#include <pcre2.h>

/* A match that is going to succeed takes far fewer steps than this; one that backtracks
 * without end is given up after some ten milliseconds. */
enum {
    MATCH_STEPS_MAX = 1000 * 1000,
    MATCH_DEPTH_MAX = 10 * 1000,
    MATCH_HEAP_KIB = 4096,
    JIT_STACK_MIN = 32 * 1024,
    JIT_STACK_MAX = 512 * 1024
};

struct regex {
    pcre2_code *code; /* owned */
};

static uint32_t options_of(unsigned flags)
{
    /* This means UTF mode too; a pattern that is no UTF-8 is refused, a subject is not. */
    uint32_t options = PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
    if (flags & REGEX_NOCASE)
        options |= PCRE2_CASELESS;
    if (flags & REGEX_MULTILINE)
        options |= PCRE2_MULTILINE;
    if (flags & REGEX_DOTALL)
        options |= PCRE2_DOTALL;
    return options;
}

struct regex *regex_new(str pattern, unsigned flags, struct error *err)
{
    int code;
    size_t at;
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)(pattern.n ? pattern.p : ""), pattern.n,
                                         options_of(flags), &code, &at, NULL);
    if (!compiled) {
        char text[120];
        if (pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text) < 0)
            text[0] = '\0';
        (void)fail(err, ST_INVALID, "regular expression: %s at character %zu", text, at + 1);
        return NULL;
    }
    /* Without JIT (not built in, or no memory may be made executable) matching is slower. */
    if (!(flags & REGEX_CHECK))
        (void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
    struct regex *r = mem_new(struct regex);
    r->code = compiled;
    return r;
}

void regex_free(struct regex *r)
{
    if (!r)
        return;
    pcre2_code_free(r->code);
    mem_free(r);
}

void regex_scratch_init(struct regex_scratch *s)
{
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    pcre2_jit_stack *stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    assert(limits && data); /* out of memory */
    pcre2_set_match_limit(limits, MATCH_STEPS_MAX);
    pcre2_set_depth_limit(limits, MATCH_DEPTH_MAX);
    pcre2_set_heap_limit(limits, MATCH_HEAP_KIB);
    if (stack)
        pcre2_jit_stack_assign(limits, NULL, stack);
    *s = (struct regex_scratch){.data = data, .limits = limits, .stack = stack};
}

void regex_scratch_done(struct regex_scratch *s)
{
    pcre2_match_data_free(s->data);
    pcre2_match_context_free(s->limits);
    pcre2_jit_stack_free(s->stack);
    *s = (struct regex_scratch){0};
}

bool regex_match(const struct regex *r, struct regex_scratch *s, str subject)
{
    int n = pcre2_match(r->code, (PCRE2_SPTR)(subject.n ? subject.p : ""), subject.n, 0, 0, s->data,
                        s->limits);
    if (n < 0 && n != PCRE2_ERROR_NOMATCH)
        s->given_up++;
    return n >= 0;
}
