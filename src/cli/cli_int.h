/* SPDX-License-Identifier: Apache-2.0 */
/* cli_int.h - for files in cli/ only. */
#ifndef CLI_CLI_INT_H
#define CLI_CLI_INT_H

#include "cli/args.h"
#include "cli/cli.h"
#include "codec/json_out.h"
#include "detect/detect.h"
#include "report/text.h"

enum { CLI_PATHS_MAX = ARGS_VALUES_MAX, CLI_UNMET = 1, CLI_INTERRUPTED = 130 };

/* A command: does its work, prints data on stdout and notes on stderr, returns the exit code.
 * A failure it reports itself by returning cli_fail(err). */
#define X(NAME, words, operands, doc, more) int cmd_##NAME(const struct args *a);
#include "cli/command.def"

/* Standard output as print_level and the reports want it. */
struct style cli_style(void);

enum { CLI_JSON_MAX = 256 << 20 };

/* ---- run.c: what most commands start with ---- */

struct run {
    struct dict *dict;
    struct rule_set *rules;
    struct intel_set *intel;
    struct model_set *models; /* owned reference; may be NULL */
    struct ingest *in;
    struct snapshot snapshot;
};
void run_done(struct run *r); /* safe when zeroed or half built */

/* --rules (with the cache), --intel, --allow into r.  Rules and feeds that were refused are
 * named on stderr unless --quiet; ST_INVALID when --rules loads none at all. */
CHECKED status run_load(struct run *r, const struct args *a, struct error *err);
/* The operands, with --format and --logsource, into r->in. */
CHECKED status run_open(struct run *r, const struct args *a, struct error *err);
/* Other paths in their place; `count` may be large.  ST_NOT_FOUND when there is no file below any. */
CHECKED status run_open_paths(struct run *r, const struct args *a, const char *const *path,
                              size_t count, struct error *err);

/* ---- verdict.c: what becomes of the exit code when the run is over ---- */

/* 130 when interrupted; 6 when an input could not be read; 2 when the input had records or bytes
 * and not one event came of them, which is also told on stderr, --quiet or not; else 0. */
int run_verdict(const struct run *r, const struct args *a, const struct detect_stats *s);
/* How many records were refused, when there are more than the `noted` that were named one by one,
 * and what to do when they are the most. */
void note_rejects(const struct detect_stats *s, uint64_t noted);

struct parse_limits cli_limits(const struct args *a);

/* Rules below `path`, with --cache, --no-cache and --expand. */
CHECKED status load_rules(const struct args *a, const char *const *path, size_t count,
                          struct dict *dict, struct rule_set **out, struct error *err);
void note_rule_problems(const struct rule_set *set, size_t most);

/* --intel or the operands, and --allow, into a frozen set. */
CHECKED status load_intel(const struct args *a, const char *const *feed, size_t feeds,
                          struct intel_set **out, struct error *err);

/* ---- progress.c ---- */

/* A bar on stderr while work goes on; shows itself only on a terminal. */
struct progress_bar {
    bool wanted, shown;
    unsigned width;
};
void progress_init(struct progress_bar *p, bool quiet);
void progress_show(struct progress_bar *p, const struct ingest_progress *in,
                   const struct detect_stats *s);
/* "[####....]  45 %  more, what", for work whose parts are known. */
void progress_part(struct progress_bar *p, const char *what, double part_01, const char *more);
void progress_clear(struct progress_bar *p);

/* ---- stats.c ---- */

/* --stats: one JSON object on stderr.  `rules` and `in` may be NULL. */
void print_stats(const struct detect_stats *s, const struct rule_set *rules,
                 const struct ingest *in);

#endif
