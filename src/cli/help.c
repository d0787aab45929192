/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

void help_overview(FILE *to)
{
    fputs("bguard finds attacks in logs, network flows and logins.\n\n"
          "usage: bguard COMMAND [OPTION]... [OPERAND]...\n\n",
          to);
    for (size_t c = 0; c < COMMAND_COUNT; c++)
        fprintf(to, "  %-15s %s\n", command_table[c].words, command_table[c].doc);
    fputs("\n'bguard COMMAND --help' tells more of each, 'bguard man | man -l -' everything.\n"
          "A first use:\n\n"
          "  bguard detect --rules rules/ /var/log/\n",
          to);
}

enum { LEFT_COLUMNS = 26, RIGHT_COLUMNS = 66, TEXT_MAX = 256 };

/* `text` in lines of RIGHT_COLUMNS, beginning after LEFT_COLUMNS. */
static void wrapped(FILE *to, const char *text)
{
    size_t column = 0;
    str rest = str_z(text);
    while (rest.p) {
        str word = str_cut(&rest, ' ');
        if (column && column + 1 + word.n > RIGHT_COLUMNS) {
            fprintf(to, "\n%*s", LEFT_COLUMNS, "");
            column = 0;
        }
        fprintf(to, "%s" STR_FMT, column ? " " : "", STR_ARG(word));
        column += word.n + (column != 0);
    }
    fputc('\n', to);
}

static void help_option(FILE *to, const struct option_info *o)
{
    char left[TEXT_MAX], right[TEXT_MAX], letter[8] = "    ";
    bool choice = o->kind == OPTION_CHOICE;
    if (o->letter)
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    snprintf(left, sizeof left, "  %s--%s %s", letter, o->name, choice ? "KIND" : o->value);
    snprintf(right, sizeof right, "%s%s%s%s%s%s", o->doc, choice ? ": " : "",
             choice ? o->value : "", help_has_default(o) ? " [" : "", o->otherwise,
             help_has_default(o) ? "]" : "");
    fprintf(to, "%-*s", LEFT_COLUMNS, left);
    if (strlen(left) >= LEFT_COLUMNS)
        fprintf(to, "\n%*s", LEFT_COLUMNS, "");
    wrapped(to, right);
}

static void help_options(FILE *to, int command)
{
    for (size_t i = 0; i < option_count; i++)
        if (option_table[i].command == command)
            help_option(to, &option_table[i]);
}

void help_command(FILE *to, enum command c)
{
    const struct command_info *info = &command_table[c];
    fprintf(to, "bguard %s - %s\n\nusage: bguard %s [OPTION]...%s%s\n\n", info->words, info->doc,
            info->words, *info->operands ? " " : "", info->operands);
    help_options(to, (int)c);
    if (info->remote)
        help_options(to, COMMAND_remote);
    help_options(to, COMMAND_all);
    if (*info->more)
        fprintf(to, "\n%s\n", info->more);
}
