/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "cli/cli_int.h"
#include "cli/help.h"
#include "os/terminal.h"

#include <stdarg.h>

enum { STDOUT_FD = 1 };

int cli_fail(const struct error *err)
{
    cli_note("%s", err->text);
    return status_exit(err->code);
}

void cli_note(const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    fputs("bguard: ", stderr);
    print_text(stderr, str_z(text), 0);
    fputc('\n', stderr);
}

struct style cli_style(void)
{
    bool terminal = terminal_is(STDOUT_FD);
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    bool dumb = term && strcmp(term, "dumb") == 0;
    return (struct style){.to = stdout,
                          .colour = terminal && !dumb && !(no_color && *no_color),
                          .width = terminal ? terminal_width(STDOUT_FD) : 0};
}

void cli_print_json(struct sbuf *text)
{
    sbuf_addc(text, '\n');
    fwrite(text->p, 1, text->n, stdout);
    sbuf_done(text);
}

int cmd_serve(const struct args *a)
{
    return a->service->serve(a);
}

int cmd_config(const struct args *a)
{
    return a->service->config(a);
}

int cmd_openapi(const struct args *a)
{
    return a->service->openapi(a);
}

static int run_command(const struct args *a)
{
    static int (*const run[COMMAND_COUNT])(const struct args *) = {
#define X(NAME, words, operands, doc, more) [COMMAND_##NAME] = cmd_##NAME,
#include "cli/command.def"
    };
    const struct command_info *c = &command_table[a->command];
    bool wants_operands = *c->operands != '\0';
    struct error err;
    if (wants_operands && a->operand_count == 0) {
        (void)fail(&err, ST_INVALID, "'%s' wants %s; see 'bguard %s --help'", c->words, c->operands,
                   c->words);
        return cli_fail(&err);
    }
    if (!wants_operands && a->operand_count) {
        (void)fail(&err, ST_INVALID, "'%s' wants nothing more, not '%.60s'", c->words,
                   a->operand[0]);
        return cli_fail(&err);
    }
    return run[a->command](a);
}

/* Output that could not be written (a full disk) must not look like success. */
static int flushed(int code)
{
    struct error err;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    (void)fail(&err, ST_IO, "standard output could not be written");
    int failed = cli_fail(&err);
    return code ? code : failed;
}

int cli_main(int argc, char **argv, const struct cli_service *service)
{
    struct args a;
    struct error err;
    if (args_parse(argc, argv, &a, &err) != ST_OK) {
        args_done(&a);
        return cli_fail(&err);
    }
    a.service = service;
    int code = 0;
    if (!a.help)
        code = run_command(&a);
    else if (a.command < COMMAND_COUNT)
        help_command(stdout, a.command);
    else
        help_overview(stdout);
    args_done(&a);
    return flushed(code);
}
