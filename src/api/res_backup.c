/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of the records while everything goes on. */
#include "api/api_int.h"
#include "os/file.h"

#include <errno.h>
#include <sys/stat.h>

static const struct schema_field backup_fields[] = {
    {"path", SCHEMA_STRING, .required = true, .doc = "the copy, on the service's machine"},
    {"bytes", SCHEMA_INTEGER, .required = true, .doc = "its size"},
};
const struct schema schema_backup = SCHEMA_OF("Backup", "A copy of the records", backup_fields);

/* "DATA/backups/ULID.db"; the folder is made. */
static status place(struct api_call *c, str *path, struct error *err)
{
    char id[UID_SIZE];
    const char *data = c->api->options.data_dir;
    if (!data)
        return fail(err, ST_UNSUPPORTED, "this service has no data folder");
    str folder = arena_fmt(c->arena, "%s/backups", data);
    if (folder.p && mkdir(folder.p, 0700) != 0 && errno != EEXIST)
        return fail(err, ST_IO, "'" STR_FMT "' cannot be made: %s", STR_ARG(folder),
                    strerror(errno));
    uid_new(c->now_ms, id);
    *path = arena_fmt(c->arena, "%s/backups/%s.db", data, id);
    return path->p ? ST_OK : fail(err, ST_LIMIT, "the data folder's name is too long");
}

void serve_backup_add(struct api_call *c)
{
    str path = STR("");
    struct file_info info = {0};
    struct error err;
    status st = place(c, &path, &err);
    if (st == ST_OK)
        st = store_backup(c->api->options.store, path.p, &err);
    if (st == ST_OK)
        st = file_stat(path.p, &info, &err);
    if (st == ST_UNSUPPORTED) /* it is not the request that has to change */
        st = fail_prefix(&err, ST_CONFLICT, "no copy can be made here");
    call_audit(c, "backup.add", path, STR(""), st == ST_OK);
    if (!call_ok(c, st, &err))
        return;
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_kv_str(&o, "path", path);
    json_out_kv_u64(&o, "bytes", info.size);
    json_out_object_end(&o);
    call_send(c, 201);
}
