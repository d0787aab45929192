/* SPDX-License-Identifier: Apache-2.0 */
/* Completion scripts from the tables.  A command of two words is completed word by word. */
#include "cli/help.h"
#include "event/finding.h"
#include "parse/parse.h"

static const char *second_word(enum command c)
{
    const char *space = strchr(command_table[c].words, ' ');
    return space ? space + 1 : NULL;
}

static str first_word(enum command c)
{
    str words = str_z(command_table[c].words);
    return str_cut(&words, ' ');
}

/* Is `c` the first command with its first word? */
static bool leads_group(enum command c)
{
    return c == 0 || !str_eq(first_word(c), first_word(c - 1));
}

/* The words an option's value can be; none when it can be anything. */
static void values_of(FILE *to, const struct option_info *o)
{
    if (o->kind == OPTION_LEVEL)
        for (size_t l = 0; l < LEVEL_COUNT; l++)
            fprintf(to, "%s%s", l ? " " : "", level_name((enum level)l));
    if (o->kind == OPTION_FORMAT) {
        fputs("auto", to);
        for (size_t f = 0; f < PARSE_FORMAT_COUNT; f++)
            fprintf(to, " %s", parse_format_name((enum parse_format)f));
    }
    if (o->kind == OPTION_CHOICE)
        for (const char *p = o->value; *p; p++)
            fputc(*p == '|' ? ' ' : *p, to);
}

static bool is_listed(const struct option_info *o)
{
    return o->kind == OPTION_LEVEL || o->kind == OPTION_FORMAT || o->kind == OPTION_CHOICE;
}

static bool is_path(const struct option_info *o)
{
    return o->kind == OPTION_PATH || o->kind == OPTION_PATHS || o->kind == OPTION_MANY;
}

static bool takes_paths(enum command c)
{
    return strstr(command_table[c].operands, "PATH") || strstr(command_table[c].operands, "FILE") ||
           strstr(command_table[c].operands, "DIR");
}

/* ---- bash ---- */

static void bash_command(FILE *to, enum command c)
{
    fprintf(to, "    \"%s \"*) options=\"", command_table[c].words);
    for (size_t i = 0; i < option_count; i++)
        if (option_is_for(&option_table[i], c))
            fprintf(to, "--%s ", option_table[i].name);
    fputs("\"\n      case $before in\n", to);
    for (size_t i = 0; i < option_count; i++) {
        const struct option_info *o = &option_table[i];
        if (!option_is_for(o, c) || !is_listed(o))
            continue;
        fprintf(to, "        --%s", o->name);
        if (o->letter)
            fprintf(to, "|-%c", o->letter);
        fputs(") values=\"", to);
        values_of(to, o);
        fputs("\" ;;\n", to);
    }
    if (c == COMMAND_completion)
        fputs("        completion) values=\"bash zsh fish\" ;;\n", to);
    fputs("      esac ;;\n", to);
}

static void bash_second_words(FILE *to, enum command group)
{
    fprintf(to,
            "  if [ \"$COMP_CWORD\" = 2 ] && [ \"${COMP_WORDS[1]}\" = " STR_FMT
            " ]; then values=\"",
            STR_ARG(first_word(group)));
    for (enum command c = group; c < COMMAND_COUNT && str_eq(first_word(c), first_word(group)); c++)
        fprintf(to, "%s ", second_word(c));
    fputs("\"; fi\n", to);
}

static void bash(FILE *to)
{
    fputs("_bguard() {\n"
          "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
          "  local values= options=\n  COMPREPLY=()\n"
          "  case \"${COMP_WORDS[*]:1} \" in\n",
          to);
    for (size_t c = 0; c < COMMAND_COUNT; c++)
        bash_command(to, (enum command)c);
    fputs("  esac\n  if [ \"$COMP_CWORD\" = 1 ]; then values=\"", to);
    for (size_t c = 0; c < COMMAND_COUNT; c++)
        if (leads_group((enum command)c))
            fprintf(to, STR_FMT " ", STR_ARG(first_word((enum command)c)));
    fputs("\"; fi\n", to);
    for (size_t c = 0; c < COMMAND_COUNT; c++)
        if (second_word((enum command)c) && leads_group((enum command)c))
            bash_second_words(to, (enum command)c);
    fputs("  if [ -n \"$values\" ]; then COMPREPLY=($(compgen -W \"$values\" -- \"$word\"))\n"
          "  elif [[ $word == -* ]]; then COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
          "  fi\n}\ncomplete -o default -F _bguard bguard\n",
          to);
}

/* ---- zsh ---- */

/* Inside '…' and a specification of _describe or _arguments. */
static void zsh_text(FILE *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\'", to);
        else if (strchr("[]:\\", *text))
            fputc('\\', to);
        fputc(*text, to);
    }
}

static void zsh_option(FILE *to, const struct option_info *o)
{
    bool flag = o->kind == OPTION_FLAG;
    bool repeats = o->kind == OPTION_PATHS || o->kind == OPTION_TEXTS || o->kind == OPTION_MANY;
    fprintf(to, " \\\n        %s", repeats ? "'*'" : "");
    if (o->letter)
        fprintf(to, "{-%c%s,--%s%s}'[", o->letter, flag ? "" : "+", o->name, flag ? "" : "=");
    else
        fprintf(to, "'--%s%s[", o->name, flag ? "" : "=");
    zsh_text(to, o->doc);
    fputc(']', to);
    if (!flag) {
        fprintf(to, ":%s:", o->name);
        if (is_listed(o)) {
            fputc('(', to);
            values_of(to, o);
            fputc(')', to);
        } else {
            fputs(is_path(o) ? "_files" : " ", to);
        }
    }
    fputc('\'', to);
}

static void zsh_describe(FILE *to, enum command group, bool second)
{
    fprintf(to, "words_of=(");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        enum command c = (enum command)i;
        if (second ? !str_eq(first_word(c), first_word(group)) : !leads_group(c))
            continue;
        fputs("'", to);
        fprintf(to, STR_FMT ":", STR_ARG(second ? str_z(second_word(c)) : first_word(c)));
        zsh_text(to, second || !second_word(c) ? command_table[c].doc : "several commands");
        fputs("' ", to);
    }
    fputs("); _describe command words_of; return", to);
}

static void zsh(FILE *to)
{
    fputs("#compdef bguard\n_bguard() {\n  local -a words_of\n  local command=$words[2]\n"
          "  if (( CURRENT == 2 )); then ",
          to);
    zsh_describe(to, 0, false);
    fputs("; fi\n", to);
    for (size_t c = 0; c < COMMAND_COUNT; c++)
        if (second_word((enum command)c) && leads_group((enum command)c)) {
            fprintf(to,
                    "  if [[ $command == " STR_FMT " ]]; then\n    if (( CURRENT == 3 )); then ",
                    STR_ARG(first_word((enum command)c)));
            zsh_describe(to, (enum command)c, true);
            fputs("; fi\n    command+=\" $words[3]\"; shift words; (( CURRENT-- ))\n  fi\n", to);
        }
    fputs("  shift words; (( CURRENT-- ))\n  case $command in\n", to);
    for (size_t c = 0; c < COMMAND_COUNT; c++) {
        fprintf(to, "    '%s') _arguments -s -S", command_table[c].words);
        for (size_t i = 0; i < option_count; i++)
            if (option_is_for(&option_table[i], (enum command)c))
                zsh_option(to, &option_table[i]);
        if (takes_paths((enum command)c))
            fputs(" \\\n        '*:path:_files'", to);
        if (c == COMMAND_completion)
            fputs(" \\\n        '1:shell:(bash zsh fish)'", to);
        fputs(" ;;\n", to);
    }
    fputs(
        "  esac\n}\n"
        "if [[ $funcstack[1] == _bguard ]]; then _bguard \"$@\"; else compdef _bguard bguard; fi\n",
        to);
}

/* ---- fish ---- */

static void fish_text(FILE *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            fputc('\\', to);
        fputc(*text, to);
    }
}

/* The condition under which what follows is offered: the command's words were typed. */
static void fish_when(FILE *to, enum command c)
{
    fprintf(to, "complete -c bguard -n '__fish_seen_subcommand_from " STR_FMT,
            STR_ARG(first_word(c)));
    if (second_word(c))
        fprintf(to, "; and __fish_seen_subcommand_from %s", second_word(c));
    fputs("' ", to);
}

static void fish_option(FILE *to, enum command c, const struct option_info *o)
{
    fish_when(to, c);
    fprintf(to, "-l %s", o->name);
    if (o->letter)
        fprintf(to, " -s %c", o->letter);
    if (is_listed(o)) {
        fputs(" -xa '", to);
        values_of(to, o);
        fputs("'", to);
    } else if (o->kind != OPTION_FLAG) {
        fputs(is_path(o) ? " -rF" : " -x", to);
    }
    fputs(" -d '", to);
    fish_text(to, o->doc);
    fputs("'\n", to);
}

static void fish_word(FILE *to, enum command c)
{
    if (leads_group(c)) {
        fprintf(to, "complete -c bguard -f -n __fish_use_subcommand -a " STR_FMT " -d '",
                STR_ARG(first_word(c)));
        fish_text(to, second_word(c) ? "several commands" : command_table[c].doc);
        fputs("'\n", to);
    }
    if (!second_word(c))
        return;
    fprintf(to,
            "complete -c bguard -f -n '__fish_seen_subcommand_from " STR_FMT
            "; and test (count (commandline -opc)) -eq 2' -a %s -d '",
            STR_ARG(first_word(c)), second_word(c));
    fish_text(to, command_table[c].doc);
    fputs("'\n", to);
}

static void fish(FILE *to)
{
    for (size_t c = 0; c < COMMAND_COUNT; c++) {
        fish_word(to, (enum command)c);
        for (size_t i = 0; i < option_count; i++)
            if (option_is_for(&option_table[i], (enum command)c))
                fish_option(to, (enum command)c, &option_table[i]);
    }
    fputs("complete -c bguard -f -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n",
          to);
}

status help_completion(FILE *to, const char *shell, struct error *err)
{
    static const struct {
        const char *name;
        void (*print)(FILE *to);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    for (size_t i = 0; i < COUNT(shells); i++)
        if (strcmp(shell, shells[i].name) == 0) {
            shells[i].print(to);
            return ST_OK;
        }
    return fail(err, ST_NOT_FOUND, "no completion for '%.40s'; bash, zsh and fish are known",
                shell);
}
