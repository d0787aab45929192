/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/model_int.h"
#include "os/file.h"

enum { PATH_ROOM = 8192, REMOTE_WAIT_MS = 2000 };

status model_folder_open(struct model_folder *f, const struct args *a, struct error *err)
{
    const char *given = args_text(a, "models"), *environment = getenv("BGUARD_MODELS");
    *f = (struct model_folder){0};
    f->path = *given ? given : environment && *environment ? environment : "models";
    return registry_open(f->path, &f->registry, err);
}

void model_folder_close(struct model_folder *f)
{
    registry_close(f->registry);
    *f = (struct model_folder){0};
}

struct model_host *model_host_of(const struct args *a)
{
    const char *url[REMOTES_MAX];
    size_t n = args_has(a, "remote") ? args_list(a, "remote", url, COUNT(url)) : 0;
    if (n == 0)
        return NULL;
    const char *keys = args_text(a, "remote-keys");
    return model_host_new(&(struct model_host_options){.allowed = url,
                                                       .allowed_count = n,
                                                       .keys = *keys ? keys : NULL,
                                                       .wait_ms = REMOTE_WAIT_MS});
}

const struct registry_version *slot_usual(const struct registry_slot *slot)
{
    for (size_t i = 0; i < slot->versions; i++)
        if (slot->version[i].live)
            return &slot->version[i];
    return slot->versions ? &slot->version[0] : NULL;
}

/* NAME or NAME@VERSION in the folder; *path is its file. */
static status path_in(const struct model_folder *f, const char *what, struct sbuf *path,
                      struct error *err)
{
    str version = str_z(what), name = str_cut(&version, '@');
    const struct registry_slot *slot = registry_find(f->registry, name);
    if (!slot) { /* one that came with the program */
        struct file_info info;
        sbuf_addf(path, "%s/" STR_FMT ".bgm", f->path, STR_ARG(name));
        if (file_stat(path->p, &info, NULL) == ST_OK)
            return ST_OK;
        sbuf_clear(path);
    } else if (!version.n && slot_usual(slot)) {
        version = str_z(slot_usual(slot)->version);
    }
    return registry_path(f->registry, name, version, path, err);
}

status model_open(const struct args *a, const char *what, struct model_host *host,
                  struct model **out, struct error *err)
{
    struct file_info info;
    struct model_folder f = {0};
    struct sbuf path;
    bool named = !strchr(what, '/') && !str_ends(str_z(what), STR(".bgm"));
    if (!named || (file_stat(what, &info, NULL) == ST_OK && info.kind == FILE_REGULAR))
        return model_load(what, host, out, err);
    sbuf_init(&path, PATH_ROOM);
    status st = model_folder_open(&f, a, err);
    if (st == ST_OK)
        st = path_in(&f, what, &path, err);
    if (st == ST_NOT_FOUND)
        st = fail_prefix(err, st, "no file, and");
    if (st == ST_OK)
        st = model_load(path.p, host, out, err);
    sbuf_done(&path);
    model_folder_close(&f);
    return st;
}
