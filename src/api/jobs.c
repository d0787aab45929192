/* SPDX-License-Identifier: Apache-2.0 */
#include "api/jobs.h"

#include "base/mem.h"
#include "codec/json_doc.h"
#include "codec/json_out.h"
#include "os/child.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/lock.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    JOBS_MAX = 256,
    KEPT = 50,
    PATH_ROOM = 4096,
    ARGS_MAX = 32,
    FILE_ROOM = 1 << 20,
    MODEL_ROOM = 256 << 20,
    WHY_BYTES = 190,
    TAIL_BYTES = 4096
};

struct job {
    struct job_record record;
    struct child child;
    bool cancelled;
    bool shadow; /* what it makes goes there */
};
struct jobs {
    struct lock lock;
    /* under the lock: */
    struct job *job[JOBS_MAX]; /* owned, the latest first */
    size_t count;

    struct jobs_options options;
    char *folder;            /* owned */
    char program[PATH_ROOM]; /* owned */
};

static const char *const state_names[JOB_STATES] = {"running", "done", "failed", "cancelled",
                                                    "interrupted"};

const char *job_state_name(enum job_state s)
{
    return state_names[s];
}

static int64_t now(const struct jobs *j)
{
    return j->options.now_ms ? j->options.now_ms() : clock_wall_ms();
}

/* jobs/ID/NAME */
static const char *path_of(const struct jobs *j, const struct job *one, const char *name,
                           char out[static PATH_ROOM])
{
    (void)snprintf(out, PATH_ROOM, "%s/%s%s%s", j->folder, one->record.id, *name ? "/" : "", name);
    return out;
}

static void keep(char *out, size_t size, str s)
{
    (void)snprintf(out, size, STR_FMT, STR_ARG(str_head(s, size - 1)));
}

/* ---- what is on the disk ---- */

void job_write_terms(struct json_out *o, const struct job_record *r)
{
    json_out_kv_str(o, "id", str_z(r->id));
    json_out_kv_str(o, "kind", str_z(r->kind));
    json_out_kv_str(o, "name", str_z(r->name));
    json_out_kv_str(o, "data", str_z(r->data));
    json_out_kv_str(o, "format", str_z(r->format));
    json_out_kv_str(o, "by", str_z(r->by));
    json_out_kv_str(o, "state", str_z(state_names[r->state]));
}

static void write_record(struct json_out *o, const struct job_record *r)
{
    json_out_object(o);
    job_write_terms(o, r);
    json_out_kv_str(o, "version", str_z(r->version));
    json_out_kv_str(o, "why", str_z(r->why));
    json_out_kv_i64(o, "started_ms", r->started_ms);
    json_out_kv_i64(o, "ended_ms", r->ended_ms);
    json_out_object_end(o);
}

static status save(const struct jobs *j, const struct job *one, struct error *err)
{
    char path[PATH_ROOM];
    struct sbuf text;
    sbuf_init(&text, FILE_ROOM);
    struct json_out o = json_out_on(&text);
    write_record(&o, &one->record);
    status st = file_replace(path_of(j, one, "job.json", path), 0600, sbuf_str(&text), err);
    sbuf_done(&text);
    return st;
}

static bool read_record(const struct jobs *j, struct job *one)
{
    char path[PATH_ROOM];
    struct sbuf text;
    struct json_doc *doc = NULL;
    struct job_record *r = &one->record;
    sbuf_init(&text, FILE_ROOM);
    bool there = file_read_all(path_of(j, one, "job.json", path), &text, NULL) == ST_OK &&
                 json_doc_parse(sbuf_str(&text), FILE_ROOM, &doc, NULL) == ST_OK;
    json_node n = there ? json_doc_root(doc) : (json_node){0};
    keep(r->kind, sizeof r->kind, json_str(json_get(n, STR("kind")), STR("")));
    keep(r->name, sizeof r->name, json_str(json_get(n, STR("name")), STR("")));
    keep(r->data, sizeof r->data, json_str(json_get(n, STR("data")), STR("")));
    keep(r->format, sizeof r->format, json_str(json_get(n, STR("format")), STR("")));
    keep(r->by, sizeof r->by, json_str(json_get(n, STR("by")), STR("")));
    keep(r->version, sizeof r->version, json_str(json_get(n, STR("version")), STR("")));
    keep(r->why, sizeof r->why, json_str(json_get(n, STR("why")), STR("")));
    r->started_ms = json_int(json_get(n, STR("started_ms")), 0);
    r->ended_ms = json_int(json_get(n, STR("ended_ms")), 0);
    r->state = JOB_INTERRUPTED; /* unless it is said how it ended */
    for (size_t i = JOB_DONE; i < JOB_STATES; i++)
        if (str_eq(json_str(json_get(n, STR("state")), STR("")), str_z(state_names[i])))
            r->state = (enum job_state)i;
    json_doc_free(doc);
    sbuf_done(&text);
    return there;
}

static void remove_files(const struct jobs *j, const struct job *one, bool all)
{
    static const char *const files[] = {"rows", "model.bgm", "output", "progress", "job.json"};
    char path[PATH_ROOM];
    for (size_t i = 0; i < COUNT(files); i++)
        if (all || i < 3)
            (void)unlink(path_of(j, one, files[i], path)); /* it may not be there */
    if (all)
        (void)rmdir(path_of(j, one, "", path));
}

/* ---- life ---- */

static int by_id(const void *a, const void *b)
{
    const struct job *const *x = a, *const *y = b;
    return strcmp((*y)->record.id, (*x)->record.id); /* ULIDs: the latest first */
}

static void find_jobs(struct jobs *j)
{
    DIR *folder = opendir(j->folder);
    for (struct dirent *e; folder && j->count < JOBS_MAX && (e = readdir(folder));) {
        if (!uid_valid(str_z(e->d_name)))
            continue;
        struct job *one = mem_new(struct job);
        keep(one->record.id, sizeof one->record.id, str_z(e->d_name));
        if (!read_record(j, one)) {
            mem_free(one);
            continue;
        }
        if (one->record.state == JOB_INTERRUPTED)
            remove_files(j, one, false);
        j->job[j->count++] = one;
    }
    if (folder)
        (void)closedir(folder); /* only read */
    qsort(j->job, j->count, sizeof j->job[0], by_id);
}

status jobs_open(const struct jobs_options *o, struct jobs **out, struct error *err)
{
    struct file_info info;
    if (mkdir(o->folder, 0700) != 0 && errno != EEXIST)
        return fail(err, ST_IO, "the folder of jobs '%s' cannot be made", o->folder);
    status st = file_stat(o->folder, &info, err);
    if (st != ST_OK)
        return st;
    struct jobs *j = mem_new(struct jobs);
    lock_init(&j->lock, LOCK_API_JOBS);
    j->options = *o;
    j->options.running = o->running ? o->running : 1;
    j->options.kept = o->kept ? o->kept : KEPT;
    j->folder = memcpy(mem_zero(strlen(o->folder) + 1), o->folder, strlen(o->folder));
    ssize_t n = readlink("/proc/self/exe", j->program, sizeof j->program - 1);
    if (o->program || n < 0)
        (void)snprintf(j->program, sizeof j->program, "%s", o->program ? o->program : "bguard");
    find_jobs(j);
    *out = j;
    return ST_OK;
}

void jobs_close(struct jobs *j)
{
    if (!j)
        return;
    for (size_t i = 0; i < j->count; i++) {
        child_stop(&j->job[i]->child, true);
        child_join(&j->job[i]->child);
        mem_free(j->job[i]);
    }
    mem_free(j->folder);
    lock_done(&j->lock);
    mem_free(j);
}

/* ---- one that ended ---- */

static status shelve(struct jobs *j, struct job *one, struct error *err)
{
    char path[PATH_ROOM];
    struct sbuf bytes;
    struct shelf_entry e;
    sbuf_init(&bytes, MODEL_ROOM);
    status st = file_read_all(path_of(j, one, "model.bgm", path), &bytes, err);
    if (st == ST_OK)
        st = shelf_add(j->options.shelf, sbuf_str(&bytes), one->record.name, one->record.by, now(j),
                       &e, err);
    if (st == ST_OK)
        memcpy(one->record.version, e.version, sizeof one->record.version);
    if (st == ST_OK && one->shadow)
        st = shelf_promote(j->options.shelf, str_z(e.name), str_z(e.version), true, one->record.by,
                           now(j), err);
    sbuf_done(&bytes);
    return st;
}

/* The end of a file, however much there is before it; 0: nothing, or not to be read. */
static size_t read_tail(const char *path, char out[static TAIL_BYTES])
{
    struct file_info info;
    size_t n = 0;
    int fd = -1;
    if (file_open(path, FILE_ONLY_REGULAR, &fd, NULL) != ST_OK)
        return 0;
    bool there = file_fstat(fd, &info, NULL) == ST_OK;
    off_t from = there && info.size > TAIL_BYTES ? (off_t)info.size - TAIL_BYTES : 0;
    if (lseek(fd, from, SEEK_SET) != from || file_read(fd, out, TAIL_BYTES, &n, NULL) != ST_OK)
        n = 0;
    file_close(fd);
    return n;
}

/* The last line that the child wrote and ended. */
static void read_last(const struct jobs *j, const struct job *one, const char *file, char *out,
                      size_t size)
{
    char path[PATH_ROOM], tail[TAIL_BYTES];
    size_t n = read_tail(path_of(j, one, file, path), tail);
    while (n && tail[n - 1] != '\n')
        n--;
    str left = str_trim((str){tail, n}), line = left;
    while (left.n)
        line = str_cut(&left, '\n');
    keep(out, size, line);
}

static void finish_locked(struct jobs *j, struct job *one, int code)
{
    struct error err;
    struct job_record *r = &one->record;
    r->ended_ms = now(j);
    r->state = code == 0 ? JOB_DONE : one->cancelled ? JOB_CANCELLED : JOB_FAILED;
    if (r->state == JOB_DONE && shelve(j, one, &err) != ST_OK) {
        r->state = JOB_FAILED;
        keep(r->why, WHY_BYTES, str_z(err.text));
    } else if (r->state == JOB_FAILED) {
        read_last(j, one, "output", r->why, WHY_BYTES);
        if (!r->why[0])
            keep(r->why, WHY_BYTES, STR("it was ended, maybe for want of memory"));
    }
    (void)save(j, one,
               NULL); /* what cannot be written is told wrongly after the next start alone */
    remove_files(j, one, false);
}

static void look_locked(struct jobs *j)
{
    for (size_t i = 0; i < j->count; i++) {
        struct job *one = j->job[i];
        int code;
        if (one->record.state == JOB_RUNNING && child_ended(&one->child, &code))
            finish_locked(j, one, code);
    }
}

void jobs_tick(struct jobs *j)
{
    lock_take(&j->lock);
    look_locked(j);
    lock_drop(&j->lock);
}

/* ---- starting ---- */

static void forget_old_locked(struct jobs *j)
{
    for (size_t i = j->count; i-- > 0 && j->count >= j->options.kept;) {
        struct job *one = j->job[i];
        if (one->record.state == JOB_RUNNING)
            continue;
        remove_files(j, one, true);
        mem_free(one);
        memmove(&j->job[i], &j->job[i + 1], (--j->count - i) * sizeof j->job[0]);
    }
}

static status may_start_locked(struct jobs *j, struct error *err)
{
    unsigned running = 0;
    look_locked(j);
    for (size_t i = 0; i < j->count; i++)
        running += j->job[i]->record.state == JOB_RUNNING;
    if (running >= j->options.running)
        return fail(err, ST_BUSY, "%u are trained just now, and no more may be", running);
    forget_old_locked(j);
    return j->count < JOBS_MAX ? ST_OK : fail(err, ST_LIMIT, "there are too many jobs");
}

struct command { /* `bguard model train …` */
    const char *argv[ARGS_MAX];
    size_t n;
    struct arena arena;
};

static void say(struct command *c, const char *word)
{
    assert(c->n + 1 < ARGS_MAX);
    c->argv[c->n++] = word;
}

/* --option and its value, unless that is empty. */
static void say_text(struct command *c, const char *option, str value)
{
    str copy = value.n ? arena_str(&c->arena, value) : (str){0};
    if (!copy.p)
        return;
    say(c, option);
    say(c, copy.p);
}

static void say_data(struct command *c, const struct job_request *r, str rows)
{
    if (r->weight) {
        say_text(c, "--verdicts", rows);
        say_text(c, "--weight", arena_fmt(&c->arena, "%u", r->weight));
    }
    say_text(c, "--data", r->data.n || r->weight ? r->data : rows);
    if (r->base.n)
        say(c, arena_str(&c->arena, r->base).p);
}

static status start_child(const struct jobs *j, struct job *one, const struct job_request *r,
                          struct error *err)
{
    char path[PATH_ROOM], output[PATH_ROOM];
    struct command c = {.n = 0};
    arena_init(&c.arena, 1 << 16); /* twice what all of it can be */
    say(&c, j->program);
    say(&c, "model");
    say(&c, "train");
    say(&c, one->record.kind);
    say(&c, "--quiet");
    say_text(&c, "--format", str_z(one->record.format));
    say_text(&c, "--name", str_z(one->record.name));
    say_text(&c, "--out", str_z(path_of(j, one, "model.bgm", path)));
    say_text(&c, "--progress", str_z(path_of(j, one, "progress", path)));
    say_text(&c, "--seed", arena_fmt(&c.arena, "%lld", (long long)r->seed));
    say_text(&c, "--option", r->option);
    say_text(&c, "--note", r->note);
    say_text(&c, "--fpr", r->fpr > 0 ? arena_fmt(&c.arena, "%.9g", r->fpr) : (str){0});
    say_data(&c, r, str_z(path_of(j, one, "rows", path)));
    struct child_options o = {.argv = c.argv,
                              .err = path_of(j, one, "output", output),
                              .memory_bytes = j->options.memory_bytes};
    status st = child_start(&o, &one->child, err);
    arena_done(&c.arena);
    return st;
}

static status prepare(const struct jobs *j, struct job *one, const struct job_request *r,
                      struct error *err)
{
    char path[PATH_ROOM];
    if (mkdir(path_of(j, one, "", path), 0700) != 0)
        return fail(err, ST_IO, "the folder of a job cannot be made");
    status st = r->rows.n ? file_create(path_of(j, one, "rows", path), 0600, r->rows, err) : ST_OK;
    return st == ST_OK ? save(j, one, err) : st;
}

static status start_locked(struct jobs *j, const struct job_request *r, struct job_record *out,
                           struct error *err)
{
    status st = may_start_locked(j, err);
    if (st != ST_OK)
        return st;
    struct job *one = mem_new(struct job);
    struct job_record *rec = &one->record;
    rec->started_ms = now(j);
    uid_new(rec->started_ms, rec->id);
    keep(rec->kind, sizeof rec->kind, r->kind);
    keep(rec->name, sizeof rec->name, r->name);
    one->shadow = r->shadow;
    keep(rec->data, sizeof rec->data, r->label.n ? r->label : STR("rows of the request"));
    keep(rec->format, sizeof rec->format, r->format.n ? r->format : STR("csv"));
    keep(rec->by, sizeof rec->by, r->by);
    st = prepare(j, one, r, err);
    if (st == ST_OK)
        st = start_child(j, one, r, err);
    if (st != ST_OK) {
        remove_files(j, one, true);
        mem_free(one);
        return st;
    }
    memmove(&j->job[1], &j->job[0], j->count++ * sizeof j->job[0]);
    j->job[0] = one;
    *out = *rec;
    return ST_OK;
}

status jobs_start(struct jobs *j, const struct job_request *r, struct job_record *out,
                  struct error *err)
{
    lock_take(&j->lock);
    status st = start_locked(j, r, out, err);
    lock_drop(&j->lock);
    return st;
}

/* ---- looking ---- */

static void show(const struct jobs *j, const struct job *one, struct job_record *out)
{
    *out = one->record;
    read_last(j, one, "progress", out->progress, sizeof out->progress);
}

status jobs_list(struct jobs *j, struct arena *arena, struct job_record **out, size_t *n,
                 struct error *err)
{
    lock_take(&j->lock);
    look_locked(j);
    *n = j->count;
    *out = arena_array(arena, struct job_record, j->count + 1);
    for (size_t i = 0; *out && i < j->count; i++)
        show(j, j->job[i], &(*out)[i]);
    lock_drop(&j->lock);
    return *out ? ST_OK : fail(err, ST_LIMIT, "there are too many jobs to list");
}

static struct job *find_locked(struct jobs *j, str id)
{
    for (size_t i = 0; i < j->count; i++)
        if (str_eq(id, str_z(j->job[i]->record.id)))
            return j->job[i];
    return NULL;
}

status jobs_get(struct jobs *j, str id, struct job_record *out, struct error *err)
{
    lock_take(&j->lock);
    look_locked(j);
    const struct job *one = find_locked(j, id);
    if (one)
        show(j, one, out);
    lock_drop(&j->lock);
    return one ? ST_OK : fail(err, ST_NOT_FOUND, "there is no job with this id");
}

status jobs_cancel(struct jobs *j, str id, struct job_record *out, struct error *err)
{
    lock_take(&j->lock);
    look_locked(j);
    struct job *one = find_locked(j, id);
    bool runs = one && one->record.state == JOB_RUNNING;
    if (runs) {
        one->cancelled = true;
        child_stop(&one->child, true); /* nothing of it is wanted */
        child_join(&one->child);
        finish_locked(j, one, -1);
    }
    if (one)
        show(j, one, out);
    lock_drop(&j->lock);
    if (!one)
        return fail(err, ST_NOT_FOUND, "there is no job with this id");
    return runs ? ST_OK : fail(err, ST_CONFLICT, "it runs no more: %s", job_state_name(out->state));
}
