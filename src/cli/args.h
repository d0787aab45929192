/* SPDX-License-Identifier: Apache-2.0 */
/* args.h - the command line, read through command.def and option.def.
 *
 * Values are borrowed from argv.  Asking for an option the command does not
 * have is our own mistake and asserts. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "base/status.h"
#include "base/str.h"

enum command {
#define X(NAME, words, operands, doc, more) COMMAND_##NAME,
#include "cli/command.def"
    COMMAND_COUNT,
    COMMAND_all = COMMAND_COUNT, /* options every command has */
    COMMAND_remote               /* options of those that ask a service */
};

enum option_kind {
    OPTION_FLAG,
    OPTION_PATH,
    OPTION_PATHS,
    OPTION_TEXT,
    OPTION_TEXTS,
    OPTION_MANY, /* paths: all words up to the next option are its values */
    OPTION_NUMBER,
    OPTION_REAL,
    OPTION_LEVEL,
    OPTION_FORMAT,
    OPTION_CHOICE
};

struct command_info {
    const char *name, *words, *operands, *doc;
    const char *more; /* sentences for --help and the manual; may be empty */
    bool remote;      /* asks a running service */
};
extern const struct command_info command_table[COMMAND_COUNT];

struct option_info {
    int command; /* enum command, COMMAND_all and COMMAND_remote included */
    const char *name;
    char letter; /* 0: none */
    enum option_kind kind;
    const char *value, *otherwise, *doc;
};
extern const struct option_info option_table[];
extern const size_t option_count;

enum { ARGS_VALUES_MAX = 256 }; /* those of OPTION_MANY not counted */

struct args_given {
    const struct option_info *option;
    const char *value;
};
struct cli_service;
struct args {
    const char *program; /* as it was called */
    enum command command;
    struct args_given *given;      /* owned */
    size_t given_count, given_few; /* few: those that ARGS_VALUES_MAX is for */
    const char **operand;          /* owned */
    size_t operand_count;
    const struct cli_service *service; /* borrowed */
    bool help; /* asked for; without a command, `command` is COMMAND_COUNT */
};

/* Read argv[1..].  ST_INVALID names the word that is wrong and the nearest right one. */
CHECKED status args_parse(int argc, char **argv, struct args *out, struct error *err);
void args_done(struct args *a);

bool args_flag(const struct args *a, const char *option);
/* Value given last, else the table's default; never NULL. */
const char *args_text(const struct args *a, const char *option);
/* All values of a repeatable option, in order; returns how many (at most `max`). */
size_t args_list(const struct args *a, const char *option, const char **out, size_t max);
/* All words of an OPTION_MANY, in order; *n of them, borrowed; NULL: none.  The caller frees the array with mem_free. */
const char **args_many(const struct args *a, const char *option, size_t *n);
/* Does the command have this option at all? */
bool args_has(const struct args *a, const char *option);
/* args_parse has checked that it is a whole number from 0 to 2^31-1. */
uint64_t args_number(const struct args *a, const char *option);
/* args_parse has checked that it is a finite number; NaN: not given, and no default. */
double args_real(const struct args *a, const char *option);

/* Does `o` belong to `c`? */
static inline bool option_is_for(const struct option_info *o, enum command c)
{
    return o->command == COMMAND_all || o->command == (int)c ||
           (o->command == COMMAND_remote && command_table[c].remote);
}

#endif
