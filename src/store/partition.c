/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of one month of alerts, where the database is partitioned (PostgreSQL).
 *
 * Names end with the month (alert_202611); bounds are the ids of its first millisecond and the next month's.  They are
 * made before the first alert of their month, and the ones of the month after with them, so
 * that the short lock it takes is taken ahead of time. */
#include "store/store_int.h"

#include <assert.h>

status partition_ensure(struct store *s, const char *id, struct error *err)
{
    (void)id, (void)err;
    assert(!s->ops->partitioned); /* no driver in driver.def is */
    return ST_OK;
}

status partition_drop(struct store *s, const struct store_retention *r, bool *dropped,
                      struct error *err)
{
    (void)r, (void)err;
    assert(!s->ops->partitioned);
    *dropped = false;
    return ST_OK;
}
