/* SPDX-License-Identifier: Apache-2.0 */
/* condition.h - for files in rule/ only: condition text → nodes, for detections, filters and
 * extended correlations alike. */
#ifndef RULE_CONDITION_H
#define RULE_CONDITION_H

#include "rule/rule_int.h"

/* What a condition's names mean. */
struct condition_names {
    /* The node of `name`; or read_refuse and false.  Required. */
    bool (*name)(void *arg, str name, uint32_t *node);
    /* The nodes of all names that `pattern` covers ("them", "selection_*"), in order, through
     * `add`; or read_refuse and false.  NULL: `1 of …` and `all of …` are refused. */
    bool (*pattern)(void *arg, str pattern, void (*add)(void *to, uint32_t node), void *to);
    void *arg;
};

/* Parse `text`, which stands at node `at`; false with r->why when it is not well formed. */
bool condition_parse(struct rule_read *r, const struct yaml_node *at, str text,
                     const struct condition_names *names, uint32_t *root);

#endif
