/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"
#include "os/stop.h"

/* A run that read bytes and understood none of them must not look like a quiet log. */
static status judge(const struct args *a, const struct detect_stats *s, struct error *err)
{
    const char *format = args_text(a, "format");
    bool forced = strcmp(format, "auto") != 0;
    if (s->events == 0 && s->rejected && forced)
        return fail(err, ST_INVALID, "none of the %llu records is of the format '%s'",
                    (unsigned long long)s->rejected, format);
    if (s->events == 0 && s->rejected)
        return fail(err, ST_INVALID,
                    "none of the %llu records could be parsed; if the format was mistaken, give "
                    "--format",
                    (unsigned long long)s->rejected);
    if (forced && s->read == 0 && s->bytes)
        return fail(err, ST_INVALID, "there is no record of the format '%s' in the input", format);
    return ST_OK;
}

int run_verdict(const struct run *r, const struct args *a, const struct detect_stats *s)
{
    struct error err;
    if (stop_requested())
        return CLI_INTERRUPTED;
    int code = judge(a, s, &err) == ST_OK ? 0 : cli_fail(&err);
    return ingest_problem_count(r->in) ? status_exit(ST_IO) : code;
}

void note_rejects(const struct detect_stats *s, uint64_t noted)
{
    if (s->rejected > noted)
        cli_note("%llu of %llu records could not be parsed", (unsigned long long)s->rejected,
                 (unsigned long long)s->read);
    if (s->events && s->rejected > s->events)
        cli_note("that is more than half: if the format was mistaken, give --format; if a file "
                 "holds several, split it");
}
