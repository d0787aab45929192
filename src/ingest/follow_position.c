/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/follow_int.h"

void follow_place_add(struct sbuf *out, const struct follow_place *p)
{
    sbuf_addf(out, "%s%llu:%llu:%llu:%llu:%llu", out->n ? ";" : "", (unsigned long long)p->inode,
              (unsigned long long)p->device, (unsigned long long)p->offset,
              (unsigned long long)p->head_hash, (unsigned long long)p->line);
}

static bool read_place(str text, struct follow_place *out)
{
    uint64_t *const part[] = {&out->inode, &out->device, &out->offset, &out->head_hash, &out->line};
    for (size_t i = 0; i < COUNT(part); i++)
        if (!str_to_u64(str_cut(&text, ':'), part[i]))
            return false;
    return text.n == 0 && out->offset <= INT64_MAX;
}

size_t follow_places_read(str text, struct follow_place out[static FOLLOW_PLACES_MAX])
{
    size_t n = 0;
    while (text.n && n < FOLLOW_PLACES_MAX)
        n += read_place(str_cut(&text, ';'), &out[n]);
    return n;
}
