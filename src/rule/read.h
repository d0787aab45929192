/* SPDX-License-Identifier: Apache-2.0 */
/* read.h - for files in rule/ only: texts of rules → the image of a set. */
#ifndef RULE_READ_H
#define RULE_READ_H

#include "rule/rule_int.h"

/* A Sigma filter that waits until all rules are read. */
struct filter {
    uint32_t root; /* node of its condition */
    str file, product, category, service;
    uint32_t line;
    bool any; /* of every rule of its log source */
    const str *rule;
    size_t rule_count; /* ids and names */
};

/* A set being read; texts of filters live in `keep`, all else a document needs in the others. */
struct reading {
    struct rule_set *set;               /* borrowed */
    const struct rule_options *options; /* borrowed; may be NULL */
    struct arena yaml, scratch, keep;
    VEC(struct filter) filter;
};

void reading_init(struct reading *g, struct rule_set *set, const struct rule_options *options);
void reading_done(struct reading *g);

/* Read every document of `text` into the set; what does not compile becomes a problem. */
void read_text(struct reading *g, str file, str text);

/* A document with a `filter:` mapping → g->filter; false with r->why. */
bool read_filter(struct reading *g, struct rule_read *r, const struct yaml_node *document);
/* When all texts are read: filters into the rules they name. */
void filters_apply(struct reading *g);

/* Legacy collections: documents with `action: global`, `reset` or `repeat`. */
struct collection {
    const struct yaml_node *global, *previous; /* NULL: none */
};
/* What `doc` is with the collection's other documents folded in, in `arena`; *out is NULL when
 * it is not a rule itself.  False with r->why. */
bool collection_next(struct collection *c, struct rule_read *r, const struct yaml_node *doc,
                     struct arena *arena, const struct yaml_node **out);

/* `product`, `category` and `service` of a document; false with r->why when they are not names. */
struct logsource {
    str product, category, service;
};
bool read_logsource(struct rule_read *r, const struct yaml_node *document, struct logsource *out);

#endif
