/* SPDX-License-Identifier: Apache-2.0 */
#include "ml/shelf.h"

#include "base/mem.h"
#include "base/vec.h"
#include "codec/time.h"
#include "os/file.h"
#include "os/lock.h"

#include <dirent.h>
#include <unistd.h>

enum {
    SHIPPED_MAX = 32,
    LOADED_MAX = 4 * SHELF_USE_MAX, /* some are held by who has not adopted others yet */
    IDLE_MAX = 4,
    PATH_ROOM = 4096
};

struct shelf {
    struct lock lock;
    /* under the lock: */
    struct registry *registry;                 /* owned; NULL: none */
    struct loaded_model *loaded[LOADED_MAX];   /* owned references, the one used last first */
    struct loaded_model *shipped[SHIPPED_MAX]; /* owned references */
    size_t shipped_count;

    struct shelf_options options;
    char *shipped_path; /* owned; may be NULL */
};

/* ---- loaded models ---- */

struct loaded_model *loaded_ref(struct loaded_model *l)
{
    atomic_fetch_add_explicit(&l->references, 1, memory_order_relaxed);
    return l;
}

void loaded_unref(struct loaded_model *l)
{
    if (!l || atomic_fetch_sub_explicit(&l->references, 1, memory_order_acq_rel) != 1)
        return;
    model_binding_free(l->flows);
    model_free(l->model);
    watch_unref(l->watch);
    mem_free(l);
}

/* Rows of flows: a column a feature, in the table's order. */
static struct model_binding *bind_to_flows(const struct model *m)
{
    struct dataset_column column[FEATURE_COUNT];
    size_t n, known = 0;
    const struct dataset_column *own = model_columns(m, &n);
    for (size_t i = 0; i < n; i++)
        known += own[i].feature < FEATURE_COUNT;
    if (n == 0 || 2 * known < n)
        return NULL;
    for (size_t i = 0; i < FEATURE_COUNT; i++)
        column[i] = (struct dataset_column){.name = str_z(feature_info[i].name),
                                            .feature = (enum feature)i,
                                            .kind = feature_info[i].kind,
                                            .missing = feature_info[i].missing,
                                            .unit = feature_info[i].unit};
    return model_bind(m, column, FEATURE_COUNT);
}

bool model_scores_flows(const struct model *m)
{
    struct model_binding *b =
        model_kind_shape(model_card(m)->kind) == DATASET_TABLE ? bind_to_flows(m) : NULL;
    model_binding_free(b);
    return b != NULL;
}

struct loaded_model *loaded_new(const char *name, struct model *m,
                                const struct watch_limits *limits)
{
    struct loaded_model *l = mem_new(struct loaded_model);
    const struct model_card *card = model_card(m);
    atomic_init(&l->references, 1);
    l->model = m;
    l->watch = watch_new(name, m, limits);
    if (model_kind_shape(card->kind) == DATASET_TABLE)
        l->flows = bind_to_flows(m);
    (void)snprintf(l->name, sizeof l->name, "%.63s", name);
    (void)snprintf(l->version, sizeof l->version, STR_FMT, STR_ARG(str_head(card->version, 15)));
    return l;
}

/* ---- sets ---- */

struct model_set *model_set_new(struct model_use *at, size_t n)
{
    struct model_set *s = mem_new(struct model_set);
    atomic_init(&s->references, 1);
    s->at = at;
    s->n = n;
    return s;
}

struct model_set *model_set_ref(struct model_set *s)
{
    atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
    return s;
}

void model_set_unref(struct model_set *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < s->n; i++)
        loaded_unref(s->at[i].model);
    mem_free(s->at);
    mem_free(s);
}

/* ---- those that came with the program ---- */

/* "flows.bgm" → "flows". */
static bool model_file(const char *file, char name[static 64])
{
    str s = str_z(file), suffix = STR(".bgm");
    if (!str_ends(s, suffix) || s.n <= suffix.n || s.n - suffix.n >= 64 || s.p[0] == '.')
        return false;
    memcpy(name, s.p, s.n - suffix.n);
    name[s.n - suffix.n] = '\0';
    return true;
}

static void load_shipped_one(struct shelf *s, const char *file,
                             void (*problem)(void *arg, const char *name, const char *why),
                             void *arg)
{
    char name[64], path[PATH_ROOM];
    struct model *m = NULL;
    struct error err;
    if (s->shipped_count == SHIPPED_MAX || !model_file(file, name))
        return;
    (void)snprintf(path, sizeof path, "%s/%s", s->shipped_path, file);
    if (model_load(path, s->options.host, &m, &err) == ST_OK)
        s->shipped[s->shipped_count++] = loaded_new(name, m, &s->options.limits);
    else if (problem)
        problem(arg, name, err.text);
}

/* Once: the program's own do not change under it. */
static void load_shipped_locked(struct shelf *s,
                                void (*problem)(void *arg, const char *name, const char *why),
                                void *arg)
{
    DIR *folder = s->shipped_path && s->shipped_count == 0 ? opendir(s->shipped_path) : NULL;
    for (struct dirent *e; folder && (e = readdir(folder));)
        load_shipped_one(s, e->d_name, problem, arg);
    if (folder)
        closedir(folder);
}

bool shelf_shipped(struct sbuf *out)
{
    static const char *const place[] = {"/models", "/../models", "/../../models",
                                        "/../share/bguard/models"};
    char self[PATH_ROOM];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self);
    str folder = {self, n > 0 ? (size_t)n : 0};
    while (folder.n && folder.p[folder.n - 1] != '/')
        folder.n--;
    for (size_t i = 0; folder.n && i < COUNT(place); i++) {
        struct file_info info;
        sbuf_clear(out);
        sbuf_add(out, str_head(folder, folder.n - 1));
        sbuf_addz(out, place[i]);
        if (!out->full && file_stat(out->p, &info, NULL) == ST_OK && info.kind == FILE_FOLDER)
            return true;
    }
    return false;
}

/* ---- life ---- */

static char *copied(const char *z)
{
    size_t n = strlen(z) + 1;
    return memcpy(mem_zero(n), z, n);
}

status shelf_open(const struct shelf_options *o, struct shelf **out, struct error *err)
{
    struct shelf *s = mem_new(struct shelf);
    lock_init(&s->lock, LOCK_SHELF);
    s->options = *o;
    s->shipped_path = o->shipped ? copied(o->shipped) : NULL;
    status st = o->folder ? registry_open(o->folder, &s->registry, err) : ST_OK;
    if (st != ST_OK) {
        shelf_close(s);
        return st;
    }
    *out = s;
    return ST_OK;
}

void shelf_close(struct shelf *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < LOADED_MAX; i++)
        loaded_unref(s->loaded[i]);
    for (size_t i = 0; i < s->shipped_count; i++)
        loaded_unref(s->shipped[i]);
    registry_close(s->registry);
    mem_free(s->shipped_path);
    lock_done(&s->lock);
    mem_free(s);
}

/* ---- finding one ---- */

static const struct registry_version *live_of(const struct registry_slot *slot)
{
    for (size_t i = 0; i < slot->versions; i++)
        if (slot->version[i].live)
            return &slot->version[i];
    return NULL;
}

static struct loaded_model *shipped_locked(struct shelf *s, str name, str version)
{
    for (size_t i = 0; i < s->shipped_count; i++)
        if (str_eq(name, str_z(s->shipped[i]->name)) &&
            (version.n == 0 || str_eq(version, str_z(s->shipped[i]->version))))
            return s->shipped[i];
    return NULL;
}

/* Those kept, moved to the front when it is one of them. */
static struct loaded_model *kept_locked(struct shelf *s, str name, str version)
{
    for (size_t i = 0; i < LOADED_MAX && s->loaded[i]; i++) {
        struct loaded_model *l = s->loaded[i];
        if (!str_eq(name, str_z(l->name)) || !str_eq(version, str_z(l->version)))
            continue;
        memmove(s->loaded + 1, s->loaded, i * sizeof l);
        return s->loaded[0] = l;
    }
    return NULL;
}

/* Of those that nobody uses a few are kept, for who asks by version; the others go, with the places and threads that
 * their remote members hold. */
static void drop_idle_locked(struct shelf *s)
{
    size_t kept = 0, idle = 0;
    for (size_t i = 0; i < LOADED_MAX && s->loaded[i]; i++) {
        struct loaded_model *l = s->loaded[i];
        bool used = atomic_load_explicit(&l->references, memory_order_acquire) > 1;
        s->loaded[i] = NULL;
        if (used || idle++ < IDLE_MAX)
            s->loaded[kept++] = l;
        else
            loaded_unref(l);
    }
}

static void keep_locked(struct shelf *s, struct loaded_model *l)
{
    drop_idle_locked(s);
    loaded_unref(s->loaded[LOADED_MAX - 1]);
    memmove(s->loaded + 1, s->loaded, (LOADED_MAX - 1) * sizeof l);
    s->loaded[0] = l;
}

/* A version of the registry; borrowed. */
static status read_locked(struct shelf *s, str name, str version, struct loaded_model **out,
                          struct error *err)
{
    struct sbuf path;
    struct model *m = NULL;
    char text[64];
    if ((*out = kept_locked(s, name, version)))
        return ST_OK;
    sbuf_init(&path, PATH_ROOM);
    status st = registry_path(s->registry, name, version, &path, err);
    if (st == ST_OK)
        st = model_load(path.p, s->options.host, &m, err);
    sbuf_done(&path);
    if (st != ST_OK)
        return st;
    (void)snprintf(text, sizeof text, STR_FMT, STR_ARG(name));
    *out = loaded_new(text, m, &s->options.limits);
    keep_locked(s, *out);
    return ST_OK;
}

static status find_locked(struct shelf *s, str name, str version, struct loaded_model **out,
                          struct error *err)
{
    const struct registry_slot *slot = s->registry ? registry_find(s->registry, name) : NULL;
    const struct registry_version *live = slot ? live_of(slot) : NULL;
    for (size_t i = 0; slot && version.n && i < slot->versions; i++)
        if (str_eq(version, str_z(slot->version[i].version)))
            return read_locked(s, name, version, out, err);
    if (live && version.n == 0)
        return read_locked(s, name, str_z(live->version), out, err);
    *out = shipped_locked(s, name, version);
    if (*out)
        return ST_OK;
    if (slot && slot->versions && version.n == 0)
        return fail(err, ST_NOT_FOUND, "no version of '" STR_FMT "' is live; promote one",
                    STR_ARG(name));
    return fail(err, ST_NOT_FOUND, "there is no model '" STR_FMT "'%s" STR_FMT,
                STR_ARG(str_head(name, 64)), version.n ? " of version " : "",
                STR_ARG(str_head(version, 16)));
}

status shelf_get(struct shelf *s, str name, str version, struct loaded_model **out,
                 struct error *err)
{
    struct loaded_model *l = NULL;
    lock_take(&s->lock);
    load_shipped_locked(s, NULL, NULL);
    status st = find_locked(s, name, version, &l, err);
    if (st == ST_OK)
        *out = loaded_ref(l);
    lock_drop(&s->lock);
    return st;
}

/* ---- what is in use ---- */

struct gathering {
    VEC(struct model_use) use;
    void (*problem)(void *arg, const char *name, const char *why);
    void *arg;
};

static bool has_place(const struct gathering *g, const char *name)
{
    bool has = g->use.n < SHELF_USE_MAX;
    if (!has && g->problem)
        g->problem(g->arg, name, "there are as many models in use as may be");
    return has;
}

static void use_locked(struct shelf *s, struct gathering *g, const struct registry_slot *slot,
                       const struct registry_version *v)
{
    struct loaded_model *l = NULL;
    struct error err;
    if (!has_place(g, slot->name))
        return;
    if (read_locked(s, str_z(slot->name), str_z(v->version), &l, &err) == ST_OK)
        *vec_push(&g->use) = (struct model_use){loaded_ref(l), !v->live};
    else if (g->problem)
        g->problem(g->arg, slot->name, err.text);
}

/* Beside itself there is nothing to compare, and its numbers would be told twice. */
static bool is_shipped_live(struct shelf *s, const struct registry_slot *slot,
                            const struct registry_version *v)
{
    return !live_of(slot) && shipped_locked(s, str_z(slot->name), str_z(v->version));
}

static void gather_locked(struct shelf *s, struct gathering *g)
{
    for (size_t i = 0; s->registry && i < registry_slots(s->registry); i++) {
        const struct registry_slot *slot = registry_slot(s->registry, i);
        for (size_t k = 0; k < slot->versions; k++)
            if (slot->version[k].live ||
                (slot->version[k].shadow && !is_shipped_live(s, slot, &slot->version[k])))
                use_locked(s, g, slot, &slot->version[k]);
    }
    for (size_t i = 0; i < s->shipped_count; i++) {
        struct loaded_model *l = s->shipped[i];
        const struct registry_slot *slot =
            s->registry ? registry_find(s->registry, str_z(l->name)) : NULL;
        if ((!slot || !live_of(slot)) && has_place(g, l->name))
            *vec_push(&g->use) = (struct model_use){loaded_ref(l), false};
    }
}

status shelf_use(struct shelf *s, void (*problem)(void *arg, const char *name, const char *why),
                 void *arg, struct model_set **out, struct error *err)
{
    struct gathering g = {.problem = problem, .arg = arg};
    lock_take(&s->lock);
    status st = s->registry ? registry_reload(s->registry, err) : ST_OK;
    if (st == ST_OK) {
        load_shipped_locked(s, problem, arg);
        gather_locked(s, &g);
        *out = model_set_new(g.use.at, g.use.n);
    }
    lock_drop(&s->lock);
    return st;
}

/* ---- lists ---- */

static struct shelf_entry entry_of(const struct registry_slot *slot,
                                   const struct registry_version *v)
{
    struct shelf_entry e = {.added_ms = v->added_ms,
                            .promoted_ms = v->promoted_ms,
                            .live = v->live,
                            .shadow = v->shadow,
                            .before = v->before};
    (void)snprintf(e.name, sizeof e.name, "%s", slot->name);
    (void)snprintf(e.version, sizeof e.version, "%s", v->version);
    (void)snprintf(e.by, sizeof e.by, "%s", v->by);
    return e;
}

static size_t list_shipped_locked(struct shelf *s, struct shelf_entry *out)
{
    for (size_t i = 0; i < s->shipped_count; i++) {
        const struct loaded_model *l = s->shipped[i];
        const struct registry_slot *slot =
            s->registry ? registry_find(s->registry, str_z(l->name)) : NULL;
        out[i] = (struct shelf_entry){.added_ms = TIME_NONE,
                                      .promoted_ms = TIME_NONE,
                                      .live = !slot || !live_of(slot),
                                      .shipped = true};
        memcpy(out[i].name, l->name, sizeof out[i].name);
        memcpy(out[i].version, l->version, sizeof out[i].version);
    }
    return s->shipped_count;
}

static status list_locked(struct shelf *s, struct arena *arena, struct shelf_entry **out, size_t *n,
                          struct error *err)
{
    size_t slots = s->registry ? registry_slots(s->registry) : 0, all = s->shipped_count;
    for (size_t i = 0; i < slots; i++)
        all += registry_slot(s->registry, i)->versions;
    *n = 0;
    *out = arena_array(arena, struct shelf_entry, all + 1);
    if (!*out)
        return fail(err, ST_LIMIT, "there are too many models to list");
    for (size_t i = 0; i < slots; i++) {
        const struct registry_slot *slot = registry_slot(s->registry, i);
        for (size_t k = 0; k < slot->versions; k++)
            (*out)[(*n)++] = entry_of(slot, &slot->version[k]);
    }
    *n += list_shipped_locked(s, *out + *n);
    return ST_OK;
}

status shelf_list(struct shelf *s, struct arena *arena, struct shelf_entry **out, size_t *n,
                  struct error *err)
{
    lock_take(&s->lock);
    status st = s->registry ? registry_reload(s->registry, err) : ST_OK;
    load_shipped_locked(s, NULL, NULL);
    if (st == ST_OK)
        st = list_locked(s, arena, out, n, err);
    lock_drop(&s->lock);
    return st;
}

/* ---- changes ---- */

static status has_registry(const struct shelf *s, struct error *err)
{
    return s->registry ? ST_OK : fail(err, ST_UNAVAILABLE, "there is no folder of models here");
}

status shelf_add(struct shelf *s, str bytes, const char *name, const char *by, int64_t now_ms,
                 struct shelf_entry *out, struct error *err)
{
    struct model *m = NULL;
    char fitted[64];
    status st = has_registry(s, err);
    if (st == ST_OK) /* a remote member is not opened for this */
        st = model_read(bytes, NULL, &m, err);
    if (st != ST_OK)
        return st;
    registry_name(m, fitted);
    name = name ? name : fitted;
    lock_take(&s->lock);
    st = registry_add(s->registry, m, name, by, now_ms, err);
    lock_drop(&s->lock);
    if (st == ST_OK) {
        *out = (struct shelf_entry){.added_ms = now_ms, .promoted_ms = TIME_NONE};
        (void)snprintf(out->name, sizeof out->name, "%s", name);
        (void)snprintf(out->version, sizeof out->version, STR_FMT,
                       STR_ARG(str_head(model_card(m)->version, 15)));
        (void)snprintf(out->by, sizeof out->by, "%.63s", by);
    }
    model_free(m);
    return st;
}

/* A file that cannot be read never becomes the one in use.  The latest version, or the one that was live before. */
static status try_locked(struct shelf *s, str name, bool before, struct error *err)
{
    struct loaded_model *l = NULL;
    char version[16] = "";
    status st = registry_reload(s->registry, err);
    const struct registry_slot *slot = st == ST_OK ? registry_find(s->registry, name) : NULL;
    for (size_t i = 0; slot && i < slot->versions && !version[0]; i++)
        if (!before || slot->version[i].before)
            memcpy(version, slot->version[i].version, sizeof slot->version[i].version);
    /* Without one the registry says why not. */
    return st == ST_OK && version[0] ? read_locked(s, name, str_z(version), &l, err) : st;
}

status shelf_promote(struct shelf *s, str name, str version, bool shadow, const char *by,
                     int64_t now_ms, struct error *err)
{
    status st = has_registry(s, err);
    struct loaded_model *l = NULL;
    if (st != ST_OK)
        return st;
    lock_take(&s->lock);
    st = version.n ? read_locked(s, name, version, &l, err) : try_locked(s, name, false, err);
    if (st == ST_OK)
        st = registry_promote(s->registry, name, version, shadow, by, now_ms, err);
    lock_drop(&s->lock);
    return st;
}

status shelf_rollback(struct shelf *s, str name, const char *by, int64_t now_ms, struct error *err)
{
    status st = has_registry(s, err);
    if (st != ST_OK)
        return st;
    lock_take(&s->lock);
    st = try_locked(s, name, true, err);
    if (st == ST_OK)
        st = registry_rollback(s->registry, name, by, now_ms, err);
    lock_drop(&s->lock);
    return st;
}

status shelf_remove(struct shelf *s, str name, str version, struct error *err)
{
    status st = has_registry(s, err);
    if (st != ST_OK)
        return st;
    lock_take(&s->lock);
    st = registry_remove(s->registry, name, version, err);
    lock_drop(&s->lock);
    return st;
}
