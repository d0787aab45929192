/* SPDX-License-Identifier: Apache-2.0 */
/* Who may go on, of many who want to, when few at a time are enough.
 *
 * Argon2id takes 19 MiB each time on purpose, so a flood of logins must not run side by side.  No
 * lock is held while somebody has a turn: they may call the store and take their time. */
#include "identity/identity_int.h"

#include <assert.h>

void turn_init(struct turn *t, unsigned most, unsigned most_waiting)
{
    *t = (struct turn){.most = most, .most_waiting = most_waiting};
    lock_init(&t->lock, LOCK_IDENTITY_TURN);
    condition_init(&t->changed);
}

void turn_done(struct turn *t)
{
    assert(t->busy == 0 && t->waiting == 0);
    condition_done(&t->changed);
    lock_done(&t->lock);
}

status turn_take(struct turn *t, struct error *err)
{
    lock_take(&t->lock);
    bool full = t->busy >= t->most && t->waiting >= t->most_waiting;
    if (!full) {
        t->waiting++;
        while (t->busy >= t->most)
            condition_wait(&t->changed, &t->lock);
        t->waiting--;
        t->busy++;
    }
    lock_drop(&t->lock);
    return full ? fail(err, ST_BUSY, "too many at once; try again in a second") : ST_OK;
}

void turn_drop(struct turn *t)
{
    lock_take(&t->lock);
    assert(t->busy > 0);
    t->busy--;
    condition_wake_all(&t->changed);
    lock_drop(&t->lock);
}
