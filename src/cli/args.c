/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"

#include "base/mem.h"
#include "base/nearest.h"
#include "event/finding.h"
#include "parse/parse.h"

#include <assert.h>
#include <math.h>

enum { WORDS_MAX = 80 };

const struct command_info command_table[COMMAND_COUNT] = {
#define X(NAME, words, operands, doc, more)                                                        \
    [COMMAND_##NAME] = {#NAME, words, operands, doc, more, false},
#define R(NAME, words, operands, doc, more)                                                        \
    [COMMAND_##NAME] = {#NAME, words, operands, doc, more, true},
#include "cli/command.def"
};

const struct option_info option_table[] = {
#define X(FOR, name, letter, KIND, value, otherwise, doc)                                          \
    {COMMAND_##FOR, name, letter, OPTION_##KIND, value, otherwise, doc},
#include "cli/option.def"
};
const size_t option_count = COUNT(option_table);

/* ---- what was meant ---- */

static status unknown_option(const char *word, enum command c, struct error *err)
{
    struct nearest near = nearest_to(str_z(word));
    for (size_t i = 0; i < option_count; i++)
        if (option_is_for(&option_table[i], c))
            nearest_try(&near, str_z(option_table[i].name));
    return fail(err, ST_INVALID, "'%s' has no option '--%s'%s" STR_FMT "%s", command_table[c].words,
                word, near.found ? "; did you mean '--" : "", STR_ARG(near.best),
                near.found ? "'?" : "");
}

/* The second word of `c` when `first` is its first; NULL when it is not, or there is none. */
static const char *word_after(enum command c, const char *first)
{
    size_t n = strlen(first);
    const char *words = command_table[c].words;
    return strncmp(words, first, n) == 0 && words[n] == ' ' ? words + n + 1 : NULL;
}

/* `first` begins commands of two words, but `second`, which may be NULL, makes none of them. */
static status unknown_second(const char *first, const char *second, struct error *err)
{
    struct nearest near = nearest_to(str_z(second));
    char all[96] = "";
    size_t n = 0;
    for (size_t c = 0; c < COMMAND_COUNT && n < sizeof all; c++) {
        const char *word = word_after((enum command)c, first);
        if (!word)
            continue;
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", n ? ", " : "", word);
        nearest_try(&near, str_z(word));
    }
    if (!second)
        return fail(err, ST_INVALID, "'%s' wants one of: %s", first, all);
    return fail(err, ST_INVALID, "'%s' has no '%.40s', only %s%s" STR_FMT "%s", first, second, all,
                near.found ? "; did you mean '" : "", STR_ARG(near.best), near.found ? "'?" : "");
}

static bool begins_a_command(const char *first)
{
    for (size_t c = 0; c < COMMAND_COUNT; c++)
        if (word_after((enum command)c, first))
            return true;
    return false;
}

static status unknown_command(const char *word, struct error *err)
{
    struct nearest near = nearest_to(str_z(word));
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        nearest_try(&near, str_z(command_table[i].words));
    return fail(err, ST_INVALID, "there is no command '%s'%s" STR_FMT "%s", word,
                near.found ? "; did you mean '" : "; see 'bguard --help'", STR_ARG(near.best),
                near.found ? "'?" : "");
}

/* ---- values ---- */

static bool is_choice(const struct option_info *o, const char *value)
{
    str rest = str_z(o->value);
    while (rest.p)
        if (str_eq(str_cut(&rest, '|'), str_z(value)))
            return true;
    return false;
}

static bool is_valid(const struct option_info *o, const char *value)
{
    uint64_t number;
    double real;
    enum level level;
    enum parse_format format;
    switch (o->kind) {
    case OPTION_NUMBER:
        return str_to_u64(str_z(value), &number) && number <= INT32_MAX;
    case OPTION_REAL:
        return str_to_f64(str_z(value), &real) && isfinite(real);
    case OPTION_LEVEL:
        return level_find(str_z(value), &level);
    case OPTION_FORMAT:
        return strcmp(value, "auto") == 0 || parse_format_find(str_z(value), &format);
    case OPTION_CHOICE:
        return is_choice(o, value);
    default:
        return *value != '\0';
    }
}

static const char *what_is_wanted(const struct option_info *o)
{
    switch (o->kind) {
    case OPTION_NUMBER:
        return "a whole number";
    case OPTION_REAL:
        return "a number";
    case OPTION_LEVEL:
        return "informational, low, medium, high or critical";
    case OPTION_FORMAT:
        return "a format; 'bguard formats' lists them";
    case OPTION_CHOICE:
        return o->value;
    default:
        return "a value";
    }
}

static status give(struct args *a, const struct option_info *o, const char *value,
                   struct error *err)
{
    if (o->kind != OPTION_MANY && a->given_few++ == ARGS_VALUES_MAX)
        return fail(err, ST_LIMIT, "more than %d options", ARGS_VALUES_MAX);
    if (o->kind != OPTION_FLAG && !is_valid(o, value))
        return fail(err, ST_INVALID, "'--%s' wants %s, not '%.60s'", o->name, what_is_wanted(o),
                    value);
    if (strcmp(o->name, "help") == 0)
        a->help = true;
    a->given[a->given_count++] = (struct args_given){o, value};
    return ST_OK;
}

/* ---- reading argv ---- */

struct cursor {
    char **at, **end;
};

static const struct option_info *find_option(enum command c, str name, char letter)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option_info *o = &option_table[i];
        if (option_is_for(o, c) && (letter ? o->letter == letter : str_eq(str_z(o->name), name)))
            return o;
    }
    return NULL;
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

/* No value but an option of its own: "--data --format csv" has forgotten the data. */
static bool is_next_option(const struct args *a, const struct option_info *o, const char *word)
{
    str rest = str_z(word), name = str_cut(&rest, '=');
    if (o->kind == OPTION_MANY)
        return is_option(word);
    return str_starts(name, STR("--")) && find_option(a->command, str_from(name, 2), 0);
}

static status take_value(struct args *a, const struct option_info *o, const char *inlined,
                         struct cursor *cur, struct error *err)
{
    if (o->kind == OPTION_FLAG)
        return inlined ? fail(err, ST_INVALID, "'--%s' takes no value", o->name)
                       : give(a, o, "", err);
    if (inlined)
        return give(a, o, inlined, err);
    if (cur->at == cur->end || is_next_option(a, o, *cur->at))
        return fail(err, ST_INVALID, "'--%s' wants %s", o->name, what_is_wanted(o));
    status s = give(a, o, *cur->at++, err);
    while (o->kind == OPTION_MANY && s == ST_OK && cur->at < cur->end && !is_option(*cur->at))
        s = give(a, o, *cur->at++, err);
    return s;
}

static status long_option(struct args *a, const char *word, struct cursor *cur, struct error *err)
{
    str rest = str_z(word), name = str_cut(&rest, '=');
    const struct option_info *o = find_option(a->command, name, 0);
    return o ? take_value(a, o, rest.p, cur, err) : unknown_option(word, a->command, err);
}

/* -abc, -tN and -t N. */
static status short_options(struct args *a, const char *word, struct cursor *cur, struct error *err)
{
    for (; *word; word++) {
        const struct option_info *o = find_option(a->command, (str){0}, *word);
        if (!o)
            return fail(err, ST_INVALID, "'%s' has no option '-%c'",
                        command_table[a->command].words, *word);
        if (o->kind != OPTION_FLAG)
            return take_value(a, o, word[1] ? word + 1 : NULL, cur, err);
        status s = give(a, o, "", err);
        if (s != ST_OK)
            return s;
    }
    return ST_OK;
}

/* The longest command that the next words spell; COMMAND_COUNT when none. */
static enum command take_command(struct cursor *cur)
{
    for (size_t words = 2; words >= 1; words--) {
        char text[WORDS_MAX];
        if ((size_t)(cur->end - cur->at) < words)
            continue;
        snprintf(text, sizeof text, words == 2 ? "%s %s" : "%s", cur->at[0],
                 words == 2 ? cur->at[1] : "");
        for (size_t c = 0; c < COMMAND_COUNT; c++)
            if (strcmp(text, command_table[c].words) == 0) {
                cur->at += words;
                return (enum command)c;
            }
    }
    return COMMAND_COUNT;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

static status read_words(struct args *a, struct cursor *cur, struct error *err)
{
    bool only_operands = false;
    while (cur->at < cur->end) {
        const char *word = *cur->at++;
        status s = ST_OK;
        if (only_operands || !is_option(word))
            a->operand[a->operand_count++] = word;
        else if (strcmp(word, "--") == 0)
            only_operands = true;
        else if (word[1] == '-')
            s = long_option(a, word + 2, cur, err);
        else
            s = short_options(a, word + 1, cur, err);
        if (s != ST_OK)
            return s;
    }
    return ST_OK;
}

/* "rules", then `second`, NULL when nothing follows. */
static status group_alone(struct args *a, const char *second, const char *first, struct error *err)
{
    if (second && is_help(second)) {
        a->help = true;
        return ST_OK;
    }
    return unknown_second(first, second, err);
}

static char version_word[] = "version";

status args_parse(int argc, char **argv, struct args *out, struct error *err)
{
    struct cursor cur = {argv + (argc > 0), argv + argc};
    *out = (struct args){.program = argc > 0 ? argv[0] : "bguard", .command = COMMAND_COUNT};
    if (cur.at == cur.end || is_help(*cur.at)) {
        out->help = true;
        cur.at += cur.at < cur.end;
        out->command = take_command(&cur);
        return ST_OK;
    }
    if (strcmp(*cur.at, "--version") == 0 || strcmp(*cur.at, "-V") == 0)
        *cur.at = version_word;
    const char *first = *cur.at;
    out->command = take_command(&cur);
    if (out->command == COMMAND_COUNT && begins_a_command(first))
        return group_alone(out, cur.at + 1 < cur.end ? cur.at[1] : NULL, first, err);
    if (out->command == COMMAND_COUNT)
        return unknown_command(first, err);
    out->operand = mem_array(const char *, (size_t)argc);
    out->given = mem_array(struct args_given, (size_t)argc + ARGS_VALUES_MAX);
    return read_words(out, &cur, err);
}

void args_done(struct args *a)
{
    mem_free(a->operand);
    mem_free(a->given);
    a->operand = NULL;
    a->given = NULL;
    a->given_count = 0;
}

/* ---- asking ---- */

static const struct option_info *must_have(const struct args *a, const char *option)
{
    const struct option_info *o = find_option(a->command, str_z(option), 0);
    assert(o && "the command has this option");
    return o;
}

bool args_flag(const struct args *a, const char *option)
{
    const struct option_info *o = must_have(a, option);
    for (size_t i = 0; i < a->given_count; i++)
        if (a->given[i].option == o)
            return true;
    return false;
}

bool args_has(const struct args *a, const char *option)
{
    return find_option(a->command, str_z(option), 0) != NULL;
}

const char *args_text(const struct args *a, const char *option)
{
    const struct option_info *o = must_have(a, option);
    for (size_t i = a->given_count; i-- > 0;)
        if (a->given[i].option == o)
            return a->given[i].value;
    return o->otherwise;
}

size_t args_list(const struct args *a, const char *option, const char **out, size_t max)
{
    const struct option_info *o = must_have(a, option);
    size_t n = 0;
    for (size_t i = 0; i < a->given_count && n < max; i++)
        if (a->given[i].option == o)
            out[n++] = a->given[i].value;
    return n;
}

uint64_t args_number(const struct args *a, const char *option)
{
    uint64_t n = 0;
    bool ok = str_to_u64(str_z(args_text(a, option)), &n);
    assert(ok);
    return n;
}

const char **args_many(const struct args *a, const char *option, size_t *n)
{
    const struct option_info *o = must_have(a, option);
    const char **out = mem_array(const char *, a->given_count + 1);
    *n = 0;
    for (size_t i = 0; i < a->given_count; i++)
        if (a->given[i].option == o)
            out[(*n)++] = a->given[i].value;
    if (*n)
        return out;
    mem_free(out);
    return NULL;
}

double args_real(const struct args *a, const char *option)
{
    double v = NAN;
    (void)str_to_f64(str_z(args_text(a, option)), &v); /* else not given */
    return v;
}
