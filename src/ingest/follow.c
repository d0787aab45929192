/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/follow.h"

#include "ingest/follow_int.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/log.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { BUFFER = 64 * 1024, FILES = 1024, POLL_MS = 1000, QUIET_MS = 10 * 1000, GATHER_MS = 20 };

static const uint32_t NOTICES = IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;

/* ---- life ---- */

static char *copy_text(str s)
{
    char *p = mem_zero(s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    return p;
}

static void keep_positions(struct follow *f, const struct follow_options *o)
{
    for (size_t i = 0; i < o->position_count; i++) {
        struct follow_place place[FOLLOW_PLACES_MAX];
        size_t n = follow_places_read(o->position[i].text, place);
        for (size_t k = 0; k < n; k++)
            *vec_push(&f->kept) =
                (struct kept_place){copy_text(o->position[i].source), place[k], false};
    }
}

status follow_new(const struct follow_options *options, const struct ingest_sink *sink,
                  struct follow **out, struct error *err)
{
    int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake < 0)
        return fail(err, ST_LIMIT, "no descriptor to follow files: %s", strerrorname_np(errno));
    struct follow *f = mem_new(struct follow);
    f->options = *options;
    f->options.position = NULL;
    if (f->options.files == 0)
        f->options.files = FILES;
    if (f->options.poll_ms == 0)
        f->options.poll_ms = POLL_MS;
    if (f->options.quiet_ms == 0)
        f->options.quiet_ms = QUIET_MS;
    f->sink = *sink;
    lock_init(&f->lock, LOCK_FOLLOW);
    f->wake = wake;
    f->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK); /* without it: looking will do */
    f->buffer = mem_zero(BUFFER);
    keep_positions(f, options);
    *out = f;
    return ST_OK;
}

void follow_free(struct follow *f)
{
    if (!f)
        return;
    for (struct followed *file = f->first, *next; file; file = next) {
        next = file->next;
        followed_free(file);
    }
    for (size_t i = 0; i < f->kept.n; i++)
        mem_free(f->kept.at[i].source);
    vec_done(&f->kept);
    for (size_t i = 0; i < f->told.n; i++)
        mem_free(f->told.at[i]);
    vec_done(&f->told);
    lock_done(&f->lock);
    file_close(f->inotify);
    file_close(f->wake);
    mem_free(f->buffer);
    mem_free(f);
}

static void wake(const struct follow *f)
{
    uint64_t one = 1;
    ssize_t n = write(f->wake, &one, sizeof one);
    (void)n; /* full: it will wake all the same */
}

void follow_stop(struct follow *f)
{
    __atomic_store_n(&f->stop, 1, __ATOMIC_RELEASE);
    wake(f);
}

void follow_room(struct follow *f)
{
    wake(f);
}

static bool stopped(const struct follow *f)
{
    return __atomic_load_n(&f->stop, __ATOMIC_ACQUIRE);
}

/* ---- finding files ---- */

static struct followed *find_inode(const struct follow *f, const struct file_info *info)
{
    struct followed *file = f->first;
    while (file && (file->inode != info->inode || file->device != info->device))
        file = file->next;
    return file;
}

static bool is_of(const struct kept_place *k, const struct file_info *info)
{
    return k->place.inode == info->inode && k->place.device == info->device;
}

static bool is_kept(const struct follow *f, const struct file_info *info)
{
    for (size_t i = 0; i < f->kept.n; i++)
        if (is_of(&f->kept.at[i], info))
            return true;
    return false;
}

/* The place where an earlier run left the file, whatever it was called.  A file that was renamed may have a place under each
 * of its names, of which the furthest is the newest; and one that is gone left its number to another. */
static struct kept_place *find_kept(struct follow *f, const char *path,
                                    const struct file_info *info)
{
    struct kept_place *best = NULL;
    int fd;
    if (!is_kept(f, info) || file_open(path, FILE_ONLY_REGULAR, &fd, NULL) != ST_OK)
        return NULL;
    for (size_t i = 0; i < f->kept.n; i++) {
        struct kept_place *k = &f->kept.at[i];
        if (!k->used && is_of(k, info) && (!best || k->place.offset > best->place.offset) &&
            followed_is(fd, &k->place))
            best = k;
    }
    file_close(fd);
    return best;
}

static void use_kept(struct follow *f, const struct file_info *info)
{
    for (size_t i = 0; i < f->kept.n; i++)
        f->kept.at[i].used = f->kept.at[i].used || is_of(&f->kept.at[i], info);
}

static bool is_packed(const char *path)
{
    static const char *const ending[] = {".gz", ".xz", ".zst", ".bz2", ".lz4", ".zip", ".Z"};
    for (size_t i = 0; i < COUNT(ending); i++)
        if (str_ends(str_z(path), str_z(ending[i])))
            return true;
    return false;
}

static bool has_room(struct follow *f, const char *path)
{
    if (f->files < f->options.files)
        return true;
    if (!f->too_many_told)
        log_say(LOG_DATA, LOG_WARN, "too many files to follow", LOG_Z("first_left_out", path),
                LOG_INT("limit", f->options.files));
    f->too_many_told = true;
    return false;
}

static void add_file(struct follow *f, struct followed *file)
{
    struct followed **end = &f->first;
    while (*end)
        end = &(*end)->next;
    *end = file;
    f->files++;
}

static struct followed *open_file(struct follow *f, const struct follow_input *input,
                                  const char *path, const struct file_info *info)
{
    const struct kept_place *kept = find_kept(f, path, info);
    if (!has_room(f, path))
        return NULL;
    bool at_end = input->from_end && !f->started && !is_kept(f, info);
    struct error err;
    struct followed *file = followed_open(f, input, path, kept ? &kept->place : NULL, at_end, &err);
    if (!file) {
        follow_trouble(f, path, err.text);
        return NULL;
    }
    use_kept(f, info);
    add_file(f, file);
    return file;
}

/* A file renamed to what a glob matches goes on under its new name. */
static void rename_file(struct follow *f, struct followed *file, const char *path)
{
    mem_free(file->path);
    file->path = copy_text(str_z(path));
    (void)followed_tell(f, file); /* no room: the next batch says it */
}

/* What went since it was found is no trouble; nor is a folder that a glob matches besides files. */
static bool is_file(struct follow *f, const struct follow_input *input, const char *path,
                    struct file_info *info)
{
    struct error err;
    status s = file_stat(path, info, &err);
    if (s == ST_OK && info->kind != FILE_REGULAR && strcmp(path, input->pattern) == 0)
        s = fail(&err, ST_UNSUPPORTED, "'%s': it is no regular file", path);
    if (s != ST_OK && s != ST_NOT_FOUND)
        follow_trouble(f, path, err.text);
    return s == ST_OK && info->kind == FILE_REGULAR;
}

static void see_path(struct follow *f, const struct follow_input *input, const char *path)
{
    struct file_info info;
    if (is_packed(path) || !is_file(f, input, path, &info))
        return;
    struct followed *file = find_inode(f, &info);
    if (!file)
        file = open_file(f, input, path, &info);
    if (!file || file->seen)
        return;
    if (strcmp(file->path, path) != 0) {
        struct file_info there;
        bool moved = file_stat(file->path, &there, NULL) != ST_OK || there.inode != file->inode ||
                     there.device != file->device;
        if (!moved)
            return; /* a second name */
        rename_file(f, file, path);
    }
    file->seen = true;
}

static void watch_folder_of(const struct follow *f, const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (f->inotify < 0 || n >= sizeof folder)
        return;
    memcpy(folder, slash ? path : ".", slash ? n : 1);
    folder[slash ? n : 1] = '\0';
    /* The same folder again is the same watch. */
    (void)inotify_add_watch(f->inotify, *folder ? folder : "/", NOTICES);
}

/* Why a pattern matches nothing: its folder may be closed to us. */
static status look_into(const char *pattern, struct error *err)
{
    char folder[4096];
    struct file_info info;
    int fd = -1;
    const char *slash = strrchr(pattern, '/');
    size_t n = slash ? (size_t)(slash - pattern) + 1 : 0;
    if (!strpbrk(pattern, "*?["))
        return file_stat(pattern, &info, err);
    if (n + 2 > sizeof folder)
        return ST_OK;
    (void)snprintf(folder, sizeof folder, "%.*s.", (int)n, pattern);
    status s = strpbrk(folder, "*?[") ? ST_OK : file_open(folder, FILE_ANY, &fd, err);
    file_close(fd);
    return s;
}

static void see_nothing(struct follow *f, const char *pattern)
{
    struct error err;
    if (look_into(pattern, &err) == ST_IO)
        follow_trouble(f, pattern, err.text);
    else if (!f->started)
        log_say(LOG_DATA, LOG_WARN, "nothing to follow is there yet", LOG_Z("pattern", pattern));
}

static void see_pattern(struct follow *f, const struct follow_input *input)
{
    glob_t found = {0};
    watch_folder_of(f, input->pattern);
    if (glob(input->pattern, GLOB_NOSORT, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++) {
            watch_folder_of(f, found.gl_pathv[i]);
            see_path(f, input, found.gl_pathv[i]);
        }
    else
        see_nothing(f, input->pattern);
    globfree(&found);
}

/* ---- files renamed while nobody looked ---- */

static const struct follow_input *input_of(const struct follow *f, const char *source)
{
    for (size_t i = 0; i < f->options.input_count; i++) {
        const char *pattern = f->options.input[i].pattern;
        if (strcmp(pattern, source) == 0 ||
            fnmatch(pattern, source, FNM_PATHNAME | FNM_PERIOD) == 0)
            return &f->options.input[i];
    }
    return NULL;
}

/* Open `path` in the source's folder, if it is the file that was left, and was not left later under another name. */
static bool try_left(struct follow *f, const struct follow_input *input, struct kept_place *k,
                     const char *path)
{
    struct file_info info;
    if (file_stat(path, &info, NULL) != ST_OK || !is_of(k, &info) || find_inode(f, &info) ||
        find_kept(f, path, &info) != k || !has_room(f, path))
        return false;
    struct followed *file = followed_open(f, input, path, &k->place, false, NULL);
    if (!file)
        return false;
    if (file->offset != k->place.offset) { /* another file with the same number */
        followed_free(file);
        return false;
    }
    mem_free(file->path);
    file->path = copy_text(str_z(k->source)); /* its last words are that source's */
    use_kept(f, &info);
    add_file(f, file);
    return true;
}

static void find_left(struct follow *f, struct kept_place *k)
{
    char path[4096];
    const struct follow_input *input = input_of(f, k->source);
    const char *slash = strrchr(k->source, '/');
    size_t n = slash ? (size_t)(slash - k->source) + 1 : 0;
    if (!input || n >= sizeof path)
        return;
    memcpy(path, k->source, n);
    (void)snprintf(path + n, sizeof path - n, ".");
    DIR *folder = opendir(path);
    const struct dirent *entry;
    bool found = k->used;
    while (folder && !found && (entry = readdir(folder)))
        if (strlen(entry->d_name) < sizeof path - n) {
            (void)snprintf(path + n, sizeof path - n, "%s", entry->d_name);
            found = try_left(f, input, k, path);
        }
    if (folder)
        (void)closedir(folder); /* only read */
}

/* Before anything else is opened: what was left comes before what took its name. */
static void find_all_left(struct follow *f)
{
    for (size_t i = 0; i < f->kept.n; i++) {
        struct kept_place *k = &f->kept.at[i];
        struct file_info info;
        bool there = file_stat(k->source, &info, NULL) == ST_OK && info.inode == k->place.inode &&
                     info.device == k->place.device;
        if (!there)
            find_left(f, k);
    }
}

static void tell_lost(const struct follow *f)
{
    for (size_t i = 0; i < f->kept.n; i++)
        if (!f->kept.at[i].used && input_of(f, f->kept.at[i].source))
            log_say(LOG_DATA, LOG_WARN, "file left behind is gone: its rest was not read",
                    LOG_Z("path", f->kept.at[i].source),
                    LOG_INT("read_bytes", f->kept.at[i].place.offset));
}

static void scan(struct follow *f)
{
    for (struct followed *file = f->first; file; file = file->next)
        file->seen = false;
    f->seen = (struct follow_state){0};
    if (!f->started)
        find_all_left(f);
    for (size_t i = 0; i < f->options.input_count; i++)
        see_pattern(f, &f->options.input[i]);
    for (struct followed *file = f->first; file; file = file->next)
        file->current = file->seen;
    if (!f->started)
        tell_lost(f);
    follow_sum_up(f, !f->started);
    f->started = true;
}

/* ---- reading ---- */

/* Those that stand under their name no more come first, and are closed when they are quiet. */
static bool is_over(const struct follow *f, const struct followed *file)
{
    return !file->current &&
           clock_ns() - file->changed_ns >= (uint64_t)f->options.quiet_ms * 1000000;
}

static void drop_file(struct follow *f, struct followed **at)
{
    struct followed *file = *at;
    *at = file->next;
    followed_free(file);
    f->files--;
    f->too_many_told = false;
}

/* One turn for each that is `current` or not; false: the sink has no room. */
static bool read_some(struct follow *f, bool current, bool *more)
{
    for (struct followed **at = &f->first, *file; (file = *at) && !stopped(f);) {
        enum followed_state state = FOLLOWED_MORE;
        if (file->current == current) {
            state = followed_read(f, file);
            if (state == FOLLOWED_FULL)
                return false;
            *more = *more || state == FOLLOWED_MORE;
        }
        bool over = state == FOLLOWED_END && is_over(f, file);
        if (over && !followed_finish(f, file))
            return false;
        if (over)
            drop_file(f, at);
        else
            at = &file->next;
    }
    return true;
}

/* ---- waiting ---- */

static void drain_wake(const struct follow *f)
{
    uint64_t count;
    ssize_t n = read(f->wake, &count, sizeof count);
    (void)n; /* nobody woke us: fine */
}

/* True: files came, went or were renamed. */
static bool drain_notices(const struct follow *f)
{
    _Alignas(struct inotify_event) char buffer[4096];
    bool look = false;
    for (;;) {
        ssize_t n = f->inotify < 0 ? -1 : read(f->inotify, buffer, sizeof buffer);
        if (n <= 0)
            return look;
        for (size_t at = 0; at < (size_t)n;) {
            const struct inotify_event *e =
                (const struct inotify_event *)(const void *)(buffer + at);
            look = look || (e->mask & ~(uint32_t)IN_MODIFY);
            at += sizeof *e + e->len;
        }
    }
}

/* Until there is something to do; what is being written is given a moment, so that not every line
 * is a batch.  True: it is time to look for files. */
static bool wait(const struct follow *f, bool full)
{
    struct pollfd fd[] = {{.fd = f->wake, .events = POLLIN},
                          {.fd = full ? -1 : f->inotify, .events = POLLIN}};
    (void)poll(fd, COUNT(fd), (int)f->options.poll_ms); /* too early does no harm */
    if (fd[1].revents && !fd[0].revents)
        (void)poll(fd, 1, GATHER_MS);
    drain_wake(f);
    return fd[1].revents && drain_notices(f);
}

void follow_run(struct follow *f)
{
    bool look = true;
    uint64_t looked_ns = 0;
    while (!stopped(f)) {
        uint64_t now_ns = clock_ns();
        if (look || now_ns - looked_ns >= (uint64_t)f->options.poll_ms * 1000000) {
            scan(f);
            looked_ns = now_ns;
            look = false;
        }
        bool more = false;
        bool room = read_some(f, false, &more) && (more || read_some(f, true, &more));
        if (room && more)
            continue;
        if (f->spare) {
            f->sink.give_back(f->sink.arg, f->spare);
            f->spare = NULL;
        }
        if (!stopped(f))
            look = wait(f, !room);
    }
    if (f->spare)
        f->sink.give_back(f->sink.arg, f->spare);
    f->spare = NULL;
}
