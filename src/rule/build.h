/* SPDX-License-Identifier: Apache-2.0 */
/* build.h - for compile.c and its parts only: a program while it is made.
 *
 *   predicate.c   tests → predicates; expressions compiled
 *   compile.c     wake lists; the whole
 *   step.c        trees → steps
 *   databases.c   lanes and keywords; their cache */
#ifndef RULE_BUILD_H
#define RULE_BUILD_H

#include "base/map.h"
#include "base/mem.h"
#include "rule/compile.h"

struct build {
    struct program *program;
    const struct image *image;
    struct error *err;
    struct db_cache cache;
    struct map seen; /* what a predicate says → its number; keys in the program's arena */
    struct sbuf key;
    struct {
        struct predicate *at;
        size_t n, room;
    } predicate;
    struct {
        uint32_t *at;
        size_t n, room;
    } order; /* predicates of all rules' tests, in the order build_visit meets them */
    uint32_t *of_node;
    struct wake_pair {
        uint32_t predicate, rule;
    } * pair;
    size_t pairs, pair_room;
    struct {
        struct step *at;
        size_t n, room;
    } step;
    struct {
        struct test_regex *at;
        size_t n, room;
    } regex;
};

struct rule_visit {
    uint32_t rule;
    enum family family;
    size_t next; /* in order */
};

/* Has a tree: no correlation. */
bool build_detects(const struct rule_row *row);

/* Call `each` on every NODE_TEST of the tree, in a fixed order. */
void build_visit(struct build *b, uint32_t node, void (*each)(struct build *, uint32_t, void *),
                 void *arg);
/* For build_visit with a struct rule_visit: fills b->of_node from b->order. */
void build_note_node(struct build *b, uint32_t node, void *arg);

/* The parts, in this order; the wake lists, and what is eager, between the first two. */
void build_predicates(struct build *b);
void build_steps(struct build *b);
CHECKED status build_regexes(struct build *b);
CHECKED status build_lanes(struct build *b);
CHECKED status build_keywords(struct build *b);

#endif
