/* SPDX-License-Identifier: Apache-2.0 */
#include "ml/registry.h"

#include "base/mem.h"
#include "base/nearest.h"
#include "event/event.h"
#include "ml/registry_int.h"
#include "os/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_MODE = 0750, FILE_MODE = 0640, FILE_BYTES_MAX = 1 << 30 };

struct registry {
    char *folder;               /* owned */
    struct registry_slot *slot; /* (REGISTRY_SLOTS_MAX), owned; each owns its versions */
    size_t slots;
};

/* "folder/name", or "folder/name/file". */
static void path_of(const struct registry *r, str name, const char *file, struct sbuf *out)
{
    sbuf_init(out, 8192);
    sbuf_addf(out, "%s/" STR_FMT "%s%s", r->folder, STR_ARG(name), *file ? "/" : "", file);
}

static status fail_errno(struct error *err, const char *path)
{
    char text[128];
    return fail(err, ST_IO, "'%.100s': %s", path, strerror_r(errno, text, sizeof text));
}

/* ---- reading ---- */

static void forget(struct registry *r)
{
    for (size_t i = 0; i < r->slots; i++) {
        struct registry_version *own = (struct registry_version *)(uintptr_t)r->slot[i].version;
        mem_free(own);
    }
    r->slots = 0;
}

/* The slot `name`, if there is a state in its folder. */
static void read_slot(struct registry *r, str name)
{
    struct sbuf path;
    struct slot_state s;
    struct error err = {0};
    slot_state_init(&s);
    path_of(r, name, "state.json", &path);
    status st = slot_state_read(&s, path.p, &err);
    if (st == ST_NOT_FOUND) {
        slot_state_done(&s);
    } else {
        struct registry_slot *slot = &r->slot[r->slots++];
        *slot = (struct registry_slot){.version = s.version, .versions = s.versions};
        memcpy(slot->name, name.p, name.n);
        if (st != ST_OK) {
            slot->versions = 0;
            (void)snprintf(slot->problem, sizeof slot->problem, "%.*s",
                           (int)sizeof slot->problem - 1, err.text);
        }
    }
    sbuf_done(&path);
}

static int by_name(const void *a, const void *b)
{
    const struct registry_slot *x = a, *y = b;
    return strcmp(x->name, y->name);
}

status registry_reload(struct registry *r, struct error *err)
{
    DIR *dir = opendir(r->folder);
    if (!dir && errno != ENOENT)
        return fail_errno(err, r->folder);
    forget(r);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (!is_slot_name(str_z(e->d_name)))
            continue;
        if (r->slots == REGISTRY_SLOTS_MAX) {
            closedir(dir);
            return fail(err, ST_LIMIT, "'%.100s' has more than %d models", r->folder,
                        REGISTRY_SLOTS_MAX);
        }
        read_slot(r, str_z(e->d_name));
    }
    if (dir)
        closedir(dir);
    qsort(r->slot, r->slots, sizeof *r->slot, by_name);
    return ST_OK;
}

status registry_open(const char *folder, struct registry **out, struct error *err)
{
    struct registry *r = mem_new(struct registry);
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/')
        n--;
    r->folder = mem_zero(n + 1);
    memcpy(r->folder, folder, n);
    r->slot = mem_array(struct registry_slot, REGISTRY_SLOTS_MAX);
    status st = registry_reload(r, err);
    if (st == ST_OK)
        *out = r;
    else
        registry_close(r);
    return st;
}

void registry_close(struct registry *r)
{
    if (!r)
        return;
    forget(r);
    mem_free(r->slot);
    mem_free(r->folder);
    mem_free(r);
}

size_t registry_slots(const struct registry *r)
{
    return r->slots;
}

const struct registry_slot *registry_slot(const struct registry *r, size_t i)
{
    return &r->slot[i];
}

const struct registry_slot *registry_find(const struct registry *r, str name)
{
    for (size_t i = 0; i < r->slots; i++)
        if (str_eq(str_z(r->slot[i].name), name))
            return &r->slot[i];
    return NULL;
}

/* ---- changing ---- */

static void unlock(const int *fd)
{
    if (*fd >= 0)
        close(*fd); /* the lock goes with it, also when the process does */
}

static status make_folder(const char *path, struct error *err)
{
    return mkdir(path, FOLDER_MODE) == 0 || errno == EEXIST ? ST_OK : fail_errno(err, path);
}

static status lock(const struct registry *r, int *fd, struct error *err)
{
    struct sbuf path;
    path_of(r, STR(".lock"), "", &path);
    status st = make_folder(r->folder, err);
    int got = -1;
    if (st == ST_OK) {
        *fd = open(path.p, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
        while (*fd >= 0 && (got = flock(*fd, LOCK_EX)) != 0 && errno == EINTR)
            continue;
        if (got != 0)
            st = fail_errno(err, path.p);
    }
    sbuf_done(&path);
    return st;
}

static status no_such_slot(const struct registry *r, str name, struct error *err)
{
    struct nearest near = nearest_to(name);
    for (size_t i = 0; i < r->slots; i++)
        nearest_try(&near, str_z(r->slot[i].name));
    return fail(err, ST_NOT_FOUND, "there is no model '" STR_FMT "' in '%.80s'%s" STR_FMT "%s",
                STR_ARG(str_head(name, 63)), r->folder, near.found ? "; did you mean '" : "",
                STR_ARG(near.best), near.found ? "'?" : "");
}

/* A change: the state as it is now, and after `change` as it shall be.  Empty before, where `fresh` and there is none. */
struct change {
    str name;
    str version;
    bool shadow, fresh;
    const char *by;
    int64_t now_ms;
    struct registry_version removed; /* what the file of is to go */
};

static status change_state(struct registry *r, struct change *c,
                           status (*change)(struct slot_state *, struct change *, struct error *),
                           struct error *err)
{
    CLEANUP(unlock) int fd = -1;
    struct sbuf path;
    struct slot_state s;
    status st = c->fresh || registry_find(r, c->name) ? ST_OK : registry_reload(r, err);
    if (st == ST_OK && !c->fresh && !registry_find(r, c->name))
        st = no_such_slot(r, c->name, err);
    if (st == ST_OK)
        st = lock(r, &fd, err);
    if (st != ST_OK)
        return st;
    path_of(r, c->name, "state.json", &path);
    slot_state_init(&s);
    st = slot_state_read(&s, path.p, err);
    if (st == ST_NOT_FOUND && c->fresh)
        st = ST_OK;
    if (st == ST_OK)
        st = change(&s, c, err);
    if (st == ST_OK)
        st = slot_state_write(&s, path.p, err);
    slot_state_done(&s);
    sbuf_done(&path);
    return st == ST_OK ? registry_reload(r, err) : st;
}

static void set_by(struct registry_version *v, const char *by)
{
    (void)snprintf(v->by, sizeof v->by, "%.*s", (int)sizeof v->by - 1, by ? by : "");
}

/* ---- add ---- */

static status too_many_versions(str name, struct error *err)
{
    return fail(err, ST_LIMIT, "'" STR_FMT "' has %d versions; remove some", STR_ARG(name),
                REGISTRY_VERSIONS_MAX);
}

static status add_version(struct slot_state *s, struct change *c, struct error *err)
{
    for (size_t i = 0; i < s->versions; i++)
        if (str_eq(str_z(s->version[i].version), c->version))
            return ST_OK;
    if (s->versions == REGISTRY_VERSIONS_MAX)
        return too_many_versions(c->name, err);
    memmove(s->version + 1, s->version, s->versions * sizeof *s->version);
    s->versions++;
    s->version[0] = (struct registry_version){.added_ms = c->now_ms, .promoted_ms = TIME_NONE};
    memcpy(s->version[0].version, c->version.p, c->version.n);
    set_by(&s->version[0], c->by);
    return ST_OK;
}

/* Other characters than those of a name are a hyphen, one for many. */
void registry_name(const struct model *m, char out[static 64])
{
    str from = model_card(m)->name;
    size_t n = 0;
    for (size_t i = 0; i < from.n && n < 63; i++) {
        char c = ascii_lower(from.p[i]);
        bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        if (good && (n || c != '_'))
            out[n++] = c;
        else if (n && out[n - 1] != '-')
            out[n++] = '-';
    }
    while (n && out[n - 1] == '-')
        n--;
    out[n] = '\0';
}

static status write_file(const struct registry *r, str name, const struct model *m,
                         struct error *err)
{
    struct sbuf folder, path, bytes;
    char file[32];
    (void)snprintf(file, sizeof file, STR_FMT ".bgm", STR_ARG(model_card(m)->version));
    path_of(r, name, "", &folder);
    path_of(r, name, file, &path);
    sbuf_init(&bytes, FILE_BYTES_MAX);
    status st = make_folder(r->folder, err);
    if (st == ST_OK)
        st = make_folder(folder.p, err);
    if (st == ST_OK) {
        model_write(m, &bytes);
        st = bytes.full ? fail(err, ST_LIMIT, "the model takes more than 1 GiB")
                        : file_replace(path.p, FILE_MODE, sbuf_str(&bytes), err);
    }
    sbuf_done(&bytes);
    sbuf_done(&path);
    sbuf_done(&folder);
    return st;
}

/* Asked before its file is written: who is refused leaves nothing behind, and a slot too many could not be read again. */
static status has_room(struct registry *r, str name, str version, struct error *err)
{
    status st = registry_reload(r, err);
    const struct registry_slot *slot = st == ST_OK ? registry_find(r, name) : NULL;
    if (st == ST_OK && !slot && r->slots == REGISTRY_SLOTS_MAX)
        st = fail(err, ST_LIMIT, "'%.100s' has %d models; remove some", r->folder,
                  REGISTRY_SLOTS_MAX);
    if (!slot)
        return st;
    if (*slot->problem)
        return fail(err, ST_INVALID, "%s", slot->problem);
    bool there = false;
    for (size_t i = 0; i < slot->versions; i++)
        there = there || str_eq(str_z(slot->version[i].version), version);
    return there || slot->versions < REGISTRY_VERSIONS_MAX ? ST_OK : too_many_versions(name, err);
}

status registry_add(struct registry *r, const struct model *m, const char *name, const char *by,
                    int64_t now_ms, struct error *err)
{
    char fitted[64];
    const struct model_card *card = model_card(m);
    registry_name(m, fitted);
    str slot = str_z(name ? name : fitted);
    if (!is_slot_name(slot))
        return fail(err, ST_INVALID,
                    "'" STR_FMT "' is no name for a model: a-z, 0-9, '-' and '_', 63 at most",
                    STR_ARG(str_head(slot, 80)));
    struct change c = {
        .name = slot, .version = card->version, .fresh = true, .by = by, .now_ms = now_ms};
    status st = has_room(r, slot, card->version, err);
    if (st == ST_OK)
        st = write_file(r, slot, m, err);
    return st == ST_OK ? change_state(r, &c, add_version, err) : st;
}

/* ---- promote, roll back ---- */

static void make_live(struct slot_state *s, struct registry_version *v)
{
    for (size_t i = 0; i < s->versions; i++) {
        s->version[i].before = s->version[i].live;
        s->version[i].live = false;
    }
    v->live = true;
    v->shadow = v->before = false;
}

static status promote(struct slot_state *s, struct change *c, struct error *err)
{
    struct registry_version *v;
    status st = slot_state_find(s, c->name, c->version, &v, err);
    if (st != ST_OK)
        return st;
    if (c->shadow && v->live)
        return fail(err, ST_CONFLICT, "version '%s' of '" STR_FMT "' is live already", v->version,
                    STR_ARG(c->name));
    for (size_t i = 0; i < s->versions && c->shadow; i++)
        s->version[i].shadow = false;
    if (c->shadow)
        v->shadow = true;
    else if (!v->live)
        make_live(s, v);
    v->promoted_ms = c->now_ms;
    set_by(v, c->by);
    return ST_OK;
}

static status roll_back(struct slot_state *s, struct change *c, struct error *err)
{
    struct registry_version *before = NULL;
    for (size_t i = 0; i < s->versions; i++)
        before = s->version[i].before ? &s->version[i] : before;
    if (!before)
        return fail(err, ST_CONFLICT, "no version of '" STR_FMT "' was live before the one that is",
                    STR_ARG(c->name));
    make_live(s, before);
    for (size_t i = 0; i < s->versions; i++)
        s->version[i].before = false;
    before->promoted_ms = c->now_ms;
    set_by(before, c->by);
    return ST_OK;
}

status registry_promote(struct registry *r, str name, str version, bool shadow, const char *by,
                        int64_t now_ms, struct error *err)
{
    struct change c = {
        .name = name, .version = version, .shadow = shadow, .by = by, .now_ms = now_ms};
    return change_state(r, &c, promote, err);
}

status registry_rollback(struct registry *r, str name, const char *by, int64_t now_ms,
                         struct error *err)
{
    struct change c = {.name = name, .by = by, .now_ms = now_ms};
    return change_state(r, &c, roll_back, err);
}

/* ---- remove ---- */

static status take_out(struct slot_state *s, struct change *c, struct error *err)
{
    struct registry_version *v;
    status st = slot_state_find(s, c->name, c->version, &v, err);
    if (st != ST_OK)
        return st;
    if (v->live)
        return fail(err, ST_CONFLICT,
                    "version '%s' of '" STR_FMT "' is live; promote another first", v->version,
                    STR_ARG(c->name));
    c->removed = *v;
    size_t at = (size_t)(v - s->version);
    memmove(v, v + 1, (s->versions - at - 1) * sizeof *v);
    s->versions--;
    return ST_OK;
}

status registry_remove(struct registry *r, str name, str version, struct error *err)
{
    struct change c = {.name = name, .version = version};
    struct sbuf path;
    char file[32];
    status st = change_state(r, &c, take_out, err);
    if (st != ST_OK)
        return st;
    (void)snprintf(file, sizeof file, "%s.bgm", c.removed.version);
    path_of(r, name, file, &path);
    if (unlink(path.p) != 0 && errno != ENOENT)
        st = fail_errno(err, path.p);
    sbuf_done(&path);
    return st;
}

/* ---- where ---- */

status registry_path(const struct registry *r, str name, str version, struct sbuf *out,
                     struct error *err)
{
    const struct registry_slot *slot = registry_find(r, name);
    struct registry_version *found = NULL;
    if (!slot)
        return no_such_slot(r, name, err);
    if (*slot->problem)
        return fail(err, ST_INVALID, "%s", slot->problem);
    struct slot_state s = {(struct registry_version *)(uintptr_t)slot->version, slot->versions};
    for (size_t i = 0; i < s.versions && version.n == 0; i++)
        found = s.version[i].live ? &s.version[i] : found;
    if (version.n == 0 && !found)
        return fail(err, ST_NOT_FOUND, "no version of '" STR_FMT "' is live; promote one",
                    STR_ARG(name));
    status st = found ? ST_OK : slot_state_find(&s, name, version, &found, err);
    if (st == ST_OK)
        sbuf_addf(out, "%s/%s/%s.bgm", r->folder, slot->name, found->version);
    return st;
}
