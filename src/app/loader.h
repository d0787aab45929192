/* SPDX-License-Identifier: Apache-2.0 */
/* loader.h - rules and indicators from files to a frozen snapshot. */
#ifndef APP_LOADER_H
#define APP_LOADER_H

#include "app/config.h"
#include "detect/engine.h"
#include "store/store.h"

/* What was loaded, for the log and for people. */
struct load_summary {
    size_t rules, rule_problems;
    uint64_t indicators, allowed;
    double seconds;
};

struct loader { /* borrowed */
    const struct config *config;
    struct store *store;   /* indicators imported for the tenant "default" count too */
    const char *cache_dir; /* where compiled rules are kept */
    struct dict *dict;
};

/* Rules that do not compile are logged (the first few) and left out.  ST_NOT_FOUND: a path does not
 * exist; ST_INVALID: rules were named and none loads. */
CHECKED status loader_run(const struct loader *from, struct snapshot_ref **out,
                          struct load_summary *summary, struct error *err);

#endif
