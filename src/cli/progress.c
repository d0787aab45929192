/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"
#include "os/terminal.h"

enum { STDERR_FD = 2, BAR_COLUMNS = 24 };

void progress_init(struct progress_bar *p, bool quiet)
{
    *p = (struct progress_bar){.wanted = !quiet && terminal_is(STDERR_FD),
                               .width = terminal_width(STDERR_FD)};
}

static int print_bar(char *out, size_t room, double done)
{
    char bar[BAR_COLUMNS + 1];
    done = done > 1 ? 1 : done > 0 ? done : 0;
    for (size_t i = 0; i < BAR_COLUMNS; i++)
        bar[i] = (double)i < done * BAR_COLUMNS ? '#' : '.';
    bar[BAR_COLUMNS] = '\0';
    return snprintf(out, room, "[%s] %3.0f %%  ", bar, done * 100);
}

static void show(struct progress_bar *p, const char *text)
{
    fputs("\r\033[K", stderr);
    print_text(stderr, str_z(text), p->width - 1);
    fflush(stderr);
    p->shown = true;
}

void progress_part(struct progress_bar *p, const char *what, double part_01, const char *more)
{
    char text[256];
    if (!p->wanted)
        return;
    int n = print_bar(text, sizeof text, part_01);
    (void)snprintf(text + n, sizeof text - (size_t)n, "%s%s%s", more, *more ? ", " : "", what);
    show(p, text);
}

void progress_show(struct progress_bar *p, const struct ingest_progress *in,
                   const struct detect_stats *s)
{
    char text[256], events[GROUPED_SIZE], findings[GROUPED_SIZE];
    if (!p->wanted)
        return;
    format_grouped(s->events, events);
    format_grouped(s->findings, findings);
    int n = 0; /* no bar where it is not known how much there is */
    if (in->bytes_total)
        n = print_bar(text, sizeof text, (double)in->bytes_done / (double)in->bytes_total);
    n += snprintf(text + n, sizeof text - (size_t)n, "%s events, %s findings", events, findings);
    if (in->files_total > 1)
        snprintf(text + n, sizeof text - (size_t)n, ", file %zu of %zu",
                 in->files_done < in->files_total ? in->files_done + 1 : in->files_total,
                 in->files_total);
    show(p, text);
}

void progress_clear(struct progress_bar *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
    p->shown = false;
}
