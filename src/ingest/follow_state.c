/* SPDX-License-Identifier: Apache-2.0 */
/* What a follower says of itself: to the log once, to who asks at any time. */
#include "ingest/follow_int.h"
#include "os/log.h"

enum { TOLD_MAX = 64, LIST_MAX = 1024 };

/* False: it was said before, or enough was said. */
static bool is_news(struct follow *f, const char *path)
{
    for (size_t i = 0; i < f->told.n; i++)
        if (strcmp(f->told.at[i], path) == 0)
            return false;
    if (f->told.n == TOLD_MAX)
        return false;
    size_t size = strlen(path) + 1;
    char *copy = mem_zero(size);
    memcpy(copy, path, size);
    *vec_push(&f->told) = copy;
    return true;
}

void follow_trouble(struct follow *f, const char *path, const char *why)
{
    if (f->seen.unreadable++ == 0)
        (void)snprintf(f->seen.trouble, sizeof f->seen.trouble, "%s", why);
    if (!is_news(f, path))
        return;
    log_say(LOG_DATA, LOG_WARN, "file cannot be followed", LOG_Z("path", path),
            LOG_Z("reason", why));
    if (f->told.n == TOLD_MAX)
        log_say(LOG_DATA, LOG_WARN, "more files that cannot be followed are only counted",
                LOG_INT("said", TOLD_MAX));
}

static bool is_read(const struct followed *file)
{
    return file->current && !file->unreadable;
}

static void tell_start(const struct follow *f)
{
    struct sbuf list;
    sbuf_init(&list, LIST_MAX);
    for (const struct followed *file = f->first; file; file = file->next)
        if (is_read(file) && list.n + strlen(file->path) + 8 < LIST_MAX) {
            sbuf_addz(&list, list.n ? ", " : "");
            sbuf_addz(&list, file->path);
        }
    log_say(LOG_DATA, LOG_INFO, "files are followed", LOG_INT("files", f->seen.files),
            LOG_STR("paths", sbuf_str(&list)));
    sbuf_done(&list);
}

void follow_sum_up(struct follow *f, bool first)
{
    f->seen.files = 0;
    for (const struct followed *file = f->first; file; file = file->next)
        f->seen.files += is_read(file);
    lock_take(&f->lock);
    f->state = f->seen;
    lock_drop(&f->lock);
    if (first)
        tell_start(f);
}

struct follow_state follow_state(struct follow *f)
{
    lock_take(&f->lock);
    struct follow_state state = f->state;
    lock_drop(&f->lock);
    return state;
}
