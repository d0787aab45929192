/* SPDX-License-Identifier: Apache-2.0 */
/* group.h - for files in rule/ only: groups by key, in bounded memory.
 *
 * Each correlation keeps its groups in a list, oldest first: by last event where windows slide,
 * by opening where they close; so what expires next is always at the front. */
#ifndef RULE_GROUP_H
#define RULE_GROUP_H

#include "rule/window.h"

struct sample;

struct group {
    struct group *chain;         /* next in the same bucket */
    struct group *older, *newer; /* in the correlation's list */
    uint64_t hash;
    uint32_t owner; /* number of the correlation */
    uint32_t key_n;
    size_t bytes; /* all it takes */
    struct window window;
    struct sample *last; /* owned; newest sample, kept where windows close */
    size_t last_bytes;
    char key[]; /* values, each as 4 bytes of length and its text */
};

struct group_list {
    struct group *oldest, *newest;
};

struct groups {
    struct group **bucket; /* owned */
    size_t room, count;
    size_t bytes;            /* of buckets and groups */
    struct group_list *list; /* owned, one a correlation */
    uint32_t lists;
    uint64_t seed; /* of the hash: keys come from outside */
};

void groups_init(struct groups *g, uint32_t correlations);
void groups_done(struct groups *g); /* safe when zeroed */

/* The group of `key`, made when `make`; NULL when absent.  A new one is the newest. */
struct group *groups_find(struct groups *g, uint32_t owner, str key, bool make);
void groups_touch(struct groups *g, struct group *one); /* it is the newest now */
void groups_remove(struct groups *g, struct group *one);
/* Count again what `one` takes, after its window or sample changed. */
void groups_weigh(struct groups *g, struct group *one);

/* The group, of all correlations, that was touched longest ago in event time; NULL without any. */
struct group *groups_stalest(const struct groups *g);

#endif
