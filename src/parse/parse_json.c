/* SPDX-License-Identifier: Apache-2.0 */
/* Any other JSON. */
#include "parse/json_int.h"

static const struct json_row rows[] = {
    {"@timestamp", .slot = JSON_TIME},
    {"timestamp", .slot = JSON_TIME_2, .also = "@timestamp"},
    {"time", .slot = JSON_TIME_3, .also = "@timestamp"},
};

static const struct json_format format = {
    .family = FAMILY_UNKNOWN,
    .row = rows,
    .rows = COUNT(rows),
    .flags = JSON_WHOLE,
};

static int sniff(str head)
{
    return head.n ? 10 : 0;
}

static void run(struct parse *p)
{
    json_run(p, &format);
}

const struct parse_ops parse_json = {.name = "json", .sniff = sniff, .run = run};
