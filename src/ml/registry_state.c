/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "codec/json_doc.h"
#include "codec/json_out.h"
#include "codec/time.h"
#include "event/event.h"
#include "ml/registry_int.h"
#include "os/file.h"

enum { STATE_BYTES_MAX = 1 << 20, READ_SPARE = 64 << 10 };

void slot_state_init(struct slot_state *s)
{
    *s = (struct slot_state){.version = mem_array(struct registry_version, VERSIONS_ROOM)};
}

void slot_state_done(struct slot_state *s)
{
    mem_free(s->version);
    *s = (struct slot_state){0};
}

bool is_slot_name(str name)
{
    if (name.n == 0 || name.n > 63)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!letter && (i == 0 || (c != '-' && c != '_')))
            return false;
    }
    return true;
}

/* ---- reading ---- */

static bool is_version(str v)
{
    for (size_t i = 0; i < v.n; i++)
        if (!((v.p[i] >= '0' && v.p[i] <= '9') || (v.p[i] >= 'a' && v.p[i] <= 'f')))
            return false;
    return v.n == VERSION_DIGITS;
}

static int64_t time_of(json_node n)
{
    int64_t ms = TIME_NONE;
    (void)time_parse_iso(json_str(n, STR("")), &ms); /* else never */
    return ms;
}

static bool read_version(json_node n, struct registry_version *out)
{
    str version = json_str(json_get(n, STR("version")), STR("")),
        by = json_str(json_get(n, STR("by")), STR(""));
    if (!is_version(version) || by.n >= sizeof out->by)
        return false;
    *out = (struct registry_version){.added_ms = time_of(json_get(n, STR("added"))),
                                     .promoted_ms = time_of(json_get(n, STR("promoted")))};
    memcpy(out->version, version.p, version.n);
    if (by.n)
        memcpy(out->by, by.p, by.n);
    return true;
}

static struct registry_version *exactly(const struct slot_state *s, str version)
{
    for (size_t i = 0; i < s->versions; i++)
        if (str_eq(str_z(s->version[i].version), version))
            return &s->version[i];
    return NULL;
}

/* A role's version must be one of those there are; "" or absent: nobody has it. */
static bool read_role(const struct slot_state *s, json_node root, str role,
                      struct registry_version **out)
{
    json_node n = json_get(root, role);
    str version = json_str(n, STR(""));
    enum json_kind kind = json_kind(n);
    *out = version.n ? exactly(s, version) : NULL;
    return version.n ? *out != NULL : kind != JSON_IS_NUMBER && kind != JSON_IS_OBJECT;
}

static bool read_state(struct slot_state *s, json_node root)
{
    struct registry_version *live, *shadow, *before;
    json_node versions = json_get(root, STR("versions"));
    if (json_kind(versions) != JSON_IS_ARRAY || json_count(versions) > REGISTRY_VERSIONS_MAX)
        return false;
    for (struct json_each it = json_each(versions); json_each_next(&it); s->versions++)
        if (!read_version(it.value, &s->version[s->versions]))
            return false;
    if (!read_role(s, root, STR("live"), &live) || !read_role(s, root, STR("shadow"), &shadow) ||
        !read_role(s, root, STR("before"), &before))
        return false;
    if (live)
        live->live = true;
    if (shadow)
        shadow->shadow = true;
    if (before)
        before->before = true;
    return true;
}

status slot_state_read(struct slot_state *s, const char *path, struct error *err)
{
    struct sbuf text;
    struct json_doc *doc = NULL;
    sbuf_init(&text, STATE_BYTES_MAX + READ_SPARE);
    status st = file_read_all(path, &text, err);
    if (st == ST_OK)
        st = json_doc_parse(sbuf_str(&text), STATE_BYTES_MAX, &doc, NULL);
    if (st == ST_OK && !read_state(s, json_doc_root(doc)))
        st = ST_INVALID;
    json_doc_free(doc);
    sbuf_done(&text);
    if (st == ST_INVALID || st == ST_LIMIT)
        return fail(err, ST_INVALID,
                    "'%.100s' is damaged; put it back from a backup, or remove it and "
                    "import the models beside it anew",
                    path);
    return st;
}

/* ---- writing ---- */

static void put_time(struct json_out *j, const char *key, int64_t ms)
{
    if (ms != TIME_NONE)
        json_out_kv_time(j, key, ms);
}

status slot_state_write(const struct slot_state *s, const char *path, struct error *err)
{
    const struct registry_version *role[3] = {0};
    static const char *const name[3] = {"live", "shadow", "before"};
    struct sbuf text;
    sbuf_init(&text, STATE_BYTES_MAX);
    struct json_out j = json_out_on(&text);
    json_out_object(&j);
    json_out_key(&j, STR("versions"));
    json_out_array(&j);
    for (size_t i = 0; i < s->versions; i++) {
        const struct registry_version *v = &s->version[i];
        json_out_object(&j);
        json_out_kv_str(&j, "version", str_z(v->version));
        json_out_kv_str(&j, "by", str_z(v->by));
        put_time(&j, "added", v->added_ms);
        put_time(&j, "promoted", v->promoted_ms);
        json_out_object_end(&j);
        role[0] = v->live ? v : role[0];
        role[1] = v->shadow ? v : role[1];
        role[2] = v->before ? v : role[2];
    }
    json_out_array_end(&j);
    for (size_t i = 0; i < COUNT(role); i++)
        json_out_kv_str(&j, name[i], role[i] ? str_z(role[i]->version) : STR(""));
    json_out_object_end(&j);
    sbuf_addc(&text, '\n');
    status st = text.full ? fail(err, ST_LIMIT, "'%.100s' would be too large", path)
                          : file_replace(path, 0640, sbuf_str(&text), err);
    sbuf_done(&text);
    return st;
}

/* ---- finding ---- */

status slot_state_find(const struct slot_state *s, str name, str version,
                       struct registry_version **out, struct error *err)
{
    struct registry_version *found = NULL;
    size_t n = 0;
    for (size_t i = 0; i < s->versions; i++) {
        if (!str_starts(str_z(s->version[i].version), version))
            continue;
        found = found ? found : &s->version[i];
        n++;
    }
    if (n == 0)
        return fail(err, ST_NOT_FOUND,
                    "'" STR_FMT "' has no version '" STR_FMT "'; its latest is '%s'", STR_ARG(name),
                    STR_ARG(str_head(version, 40)), s->versions ? s->version[0].version : "none");
    if (n > 1 && version.n)
        return fail(err, ST_INVALID,
                    "%zu versions of '" STR_FMT "' begin with '" STR_FMT "'; say more digits", n,
                    STR_ARG(name), STR_ARG(version));
    *out = found;
    return ST_OK;
}
