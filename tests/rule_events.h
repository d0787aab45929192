/* SPDX-License-Identifier: Apache-2.0 */
/* rule_events.h - events written by hand for the tests of rule/. */
#ifndef TESTS_RULE_EVENTS_H
#define TESTS_RULE_EVENTS_H

#include "event/batch.h"
#include "event/dict.h"

struct made_field {
    const char *name;
    const char *text; /* NULL: null */
    enum value_kind kind;
    unsigned flags;
};

/* "name" = "text", a string. */
#define S(name, text)                                                                              \
    {                                                                                              \
        name, text, VALUE_STRING, 0                                                                \
    }

/* Behind the last. */
#define END                                                                                        \
    {                                                                                              \
        NULL, NULL, VALUE_NULL, 0                                                                  \
    }

/* An event of these fields, which stay borrowed, until END. */
static inline struct event *make_event(struct batch *b, struct dict *d, enum family family,
                                       const struct made_field *field)
{
    struct event *e = batch_begin(b, (str){0}, (struct origin){.line = b->event_count + 1});
    e->family = (uint8_t)family;
    for (; field->name; field++) {
        struct field *f = batch_field(b, 1000);
        *f = (struct field){.p = field->text,
                            .n = field->text ? (uint32_t)strlen(field->text) : 0,
                            .id = dict_resolve(d, family, str_z(field->name)),
                            .kind = (uint8_t)(field->text ? field->kind : VALUE_NULL),
                            .flags = (uint8_t)field->flags};
    }
    batch_commit(b, e);
    return e;
}

#endif
