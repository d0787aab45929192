/* SPDX-License-Identifier: Apache-2.0 */
#include "base/version.h"
#include "cli/help.h"
#include "report/report.h"

/* Text for roff: nothing in it is a request or an escape. */
static void roff(FILE *to, const char *text)
{
    bool starts = true;
    for (; *text; text++) {
        if (starts && (*text == '.' || *text == '\''))
            fputs("\\&", to);
        if (*text == '\\')
            fputs("\\e", to);
        else if (*text == '-')
            fputs("\\-", to);
        else
            fputc(*text, to);
        starts = *text == '\n';
    }
}

static void man_option(FILE *to, const struct option_info *o)
{
    fputs(".TP\n.BR ", to);
    if (o->letter)
        fprintf(to, "\\-%c \", \" ", o->letter);
    fputs("\\-\\-", to);
    roff(to, o->name);
    if (*o->value) {
        fputs(" \" \\fI", to);
        roff(to, o->value);
        fputs("\\fR\"", to);
    }
    fputc('\n', to);
    roff(to, o->doc);
    if (help_has_default(o)) {
        fputs(" (default: ", to);
        roff(to, o->otherwise);
        fputc(')', to);
    }
    fputs(".\n", to);
}

static void man_options(FILE *to, int command)
{
    for (size_t i = 0; i < option_count; i++)
        if (option_table[i].command == command)
            man_option(to, &option_table[i]);
}

static void man_commands(FILE *to)
{
    fputs(".SH COMMANDS\n", to);
    for (size_t c = 0; c < COMMAND_COUNT; c++) {
        fputs(".SS ", to);
        roff(to, command_table[c].words);
        fprintf(to, " \\fI");
        roff(to, command_table[c].operands);
        fputs("\\fR\n", to);
        roff(to, command_table[c].doc);
        fputs(".\n", to);
        if (*command_table[c].more) {
            fputs(".PP\n.nf\n", to);
            roff(to, command_table[c].more);
            fputs("\n.fi\n", to);
        }
        man_options(to, (int)c);
    }
}

static void man_outputs(FILE *to)
{
    fputs(".SH OUTPUT\n", to);
#define X(name, doc)                                                                               \
    fputs(".TP\n.B " #name "\n", to);                                                              \
    roff(to, doc);                                                                                 \
    fputs(".\n", to);
#include "report/report.def"
    fputs(
        ".PP\nEach line of\n.B ndjson\nis an object with the keys\n"
        ".IR time , \" kind\" \" (rule, correlation or indicator),\" id , \" title\" , \" level\" "
        ",\n"
        ".IR score \" (0 to 1),\" \" entity\" , \" techniques\" , \" evidence\" , \" "
        "reason\"\nand\n"
        ".IR event ,\nwhich holds\n.IR file , \" line\"\n(or\n.I record\nof a binary log) and\n"
        ".IR id .\n",
        to);
}

static const struct {
    const char *text;
    int exit;
} failures[] = {
#define X(name, text, http, exit) {text, exit},
#include "base/status.def"
};

static void man_exit_status(FILE *to)
{
    fputs(".SH EXIT STATUS\n.TP\n.B 0\nAll went well.\n.TP\n.B 1\n"
          "\\-\\-fail\\-on was met, a rule did not compile (rules check), or a test case failed "
          "(rules test).\n",
          to);
    for (size_t i = 1; i < COUNT(failures); i++)
        fprintf(to, ".TP\n.B %d\n%c%s.\n", failures[i].exit, failures[i].text[0] - ('a' - 'A'),
                &failures[i].text[1]);
    fputs(".TP\n.B 130\nInterrupted; what was found until then has been printed.\n"
          ".PP\nWhere several are true of one run of\n.B detect\nthe first of these is given: "
          "130, 1, 6, 2, 0.\n",
          to);
}

void help_man(FILE *to)
{
    fputs(".TH BGUARD 1 \"\" \"bguard " BGUARD_VERSION "\" \"User Commands\"\n.SH NAME\n"
          "bguard \\- find attacks in logs, network flows and logins\n"
          ".SH SYNOPSIS\n.B bguard\n.I COMMAND\n[\\fIOPTION\\fR]... [\\fIOPERAND\\fR]...\n"
          ".SH DESCRIPTION\n"
          "Logs go in, findings come out. Every record becomes one event with the names of the\n"
          "Elastic Common Schema; every event is checked against Sigma rules and correlations\n"
          "and against indicators. Formats are recognised; gzip, xz and zstd are read directly,\n"
          "folders recursively, and \\- is standard input.\n"
          ".PP\nFindings are data on standard output; notes, progress and errors are on standard\n"
          "error. The kinds of output made for people (table, summary, html) also end with\n"
          "their totals on standard output; ndjson is findings and nothing else.\n",
          to);
    man_commands(to);
    fputs(".SH COMMON OPTIONS\n", to);
    man_options(to, COMMAND_all);
    fputs(".SH OPTIONS OF COMMANDS THAT ASK A SERVICE\n", to);
    man_options(to, COMMAND_remote);
    man_outputs(to);
    man_exit_status(to);
    fputs(
        ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nSet and not empty: no colours.\n"
        ".TP\n.B XDG_CACHE_HOME\nCompiled rules are kept in its folder bguard;\n"
        "without it in ~/.cache/bguard.\n"
        ".SH EXAMPLES\n.nf\nbguard detect \\-\\-rules rules/ /var/log/\n"
        "journalctl \\-o json \\-f | bguard detect \\-r rules/ \\-\\-lateness 60 \\-o ndjson \\-\n"
        "bguard detect \\-r rules/ \\-o html logs/ >report.html\n"
        "bguard parse access.log | jq \\-r '.\"source.ip\"' | sort | uniq \\-c\n.fi\n",
        to);
}
