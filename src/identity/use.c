/* SPDX-License-Identifier: Apache-2.0 */
/* When keys were last used.  Each is noted about once a minute and written once a minute, all in one
 * transaction.  When more than USES_MAX keys are in use, those beyond are noted a minute later. */
#include "base/hash.h"
#include "base/mem.h"
#include "identity/identity_int.h"
#include "os/log.h"

/* Asked for every request: a table of hashes says without a lock that this minute is noted. */
static bool seen(struct uses *u, str id, int64_t now_ms)
{
    uint64_t hash = hash_bytes(id, hash_seed());
    uint64_t word = hash_mix(hash, (uint64_t)(now_ms / USES_NOTE_MS));
    atomic_ullong *place = &u->seen[hash % USES_SEEN];
    if (atomic_load_explicit(place, memory_order_relaxed) == word)
        return true;
    atomic_store_explicit(place, word, memory_order_relaxed);
    return false;
}

void use_note(struct identity *i, str id, int64_t now_ms)
{
    struct uses *u = i->uses;
    if (seen(u, id, now_ms))
        return;
    lock_take(&u->lock);
    size_t at = 0;
    while (at < u->n && !str_eq(str_z(u->at[at].id), id))
        at++;
    if (at < USES_MAX) {
        principal_text(u->at[at].id, sizeof u->at[at].id, id);
        u->at[at].used_ms = now_ms;
        u->n += at == u->n;
    }
    lock_drop(&u->lock);
}

void use_flush(struct identity *i)
{
    struct uses *u = i->uses, *mine = mem_new(struct uses);
    lock_take(&u->lock);
    mine->n = u->n;
    memcpy(mine->at, u->at, sizeof u->at);
    u->n = 0;
    lock_drop(&u->lock);
    struct key_use *use = mem_array(struct key_use, mine->n + 1);
    for (size_t k = 0; k < mine->n; k++)
        use[k] = (struct key_use){.id = str_z(mine->at[k].id), .used_ms = mine->at[k].used_ms};
    struct error err = {0};
    if (mine->n && store_key_used(i->store, use, mine->n, &err) != ST_OK)
        log_say(LOG_DATA, LOG_WARN, "the last use of keys is not written", LOG_Z("why", err.text),
                LOG_INT("keys", mine->n));
    mem_free(use);
    mem_free(mine);
}
