/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "codec/json_out.h"
#include "report/report_int.h"

#include <assert.h>

static const struct report_ops *find(const char *kind)
{
    static const struct report_ops *const all[] = {
#define X(name, doc) &report_##name,
#include "report/report.def"
        NULL};
    const struct report_ops *const *at = all;
    while (*at && strcmp((*at)->name, kind) != 0)
        at++;
    return *at;
}

bool report_exists(const char *kind)
{
    return find(kind) != NULL;
}

struct report *report_new(const char *kind, const struct style *style)
{
    struct report *r = mem_new(struct report);
    r->ops = find(kind);
    assert(r->ops && "a kind of report.def");
    r->style = *style;
    if (r->ops->state_size)
        r->state = mem_zero(r->ops->state_size);
    if (r->ops->wants_tally)
        r->tally = tally_new();
    if (r->ops->begin)
        r->ops->begin(r);
    return r;
}

void report_free(struct report *r)
{
    if (!r)
        return;
    if (r->ops->done)
        r->ops->done(r);
    tally_free(r->tally);
    mem_free(r->state);
    mem_free(r);
}

void report_finding(struct report *r, const struct finding *f, const char *path)
{
    if (r->tally)
        tally_add(r->tally, f, path);
    if (r->ops->finding)
        r->ops->finding(r, f, path);
}

static void note(struct notes *n, const char *path, uint64_t place, const char *why)
{
    n->count++;
    if (n->kept == NOTES_KEPT)
        return;
    size_t i = n->kept++;
    size_t tail = strlen(path) > 200 ? strlen(path) - 200 : 0; /* the end says more */
    char *where = n->at[i].where;
    int used = snprintf(where, sizeof n->at[i].where, "%s", path + tail);
    if (place)
        snprintf(where + used, sizeof n->at[i].where - (size_t)used, ":%llu",
                 (unsigned long long)place);
    snprintf(n->at[i].why, sizeof n->at[i].why, "%s", why);
}

void report_reject(struct report *r, const struct reject *reject, const char *path)
{
    const struct origin *o = &reject->origin;
    note(&r->rejects, path, o->line ? o->line : o->record, reject->text);
}

void report_unread(struct report *r, const char *path, const char *why)
{
    note(&r->unread, path, 0, why);
}

void report_flush(struct report *r)
{
    if (r->ops->flush)
        r->ops->flush(r);
    fflush(r->style.to);
}

void report_end(struct report *r, const struct report_run *run)
{
    if (r->ops->end)
        r->ops->end(r, run);
}

/* ---- JSON ---- */

static void json_pairs(struct json_out *j, const char *key, const struct pair *pair, uint32_t n)
{
    json_out_key(j, str_z(key));
    json_out_object(j);
    for (uint32_t i = 0; i < n; i++) {
        json_out_key(j, pair[i].name);
        json_out_str(j, pair[i].value);
    }
    json_out_object_end(j);
}

static void json_origin(struct json_out *j, const struct finding *f, const char *path)
{
    json_out_key(j, STR("event"));
    json_out_object(j);
    json_out_kv_str(j, "file", str_z(path));
    if (f->origin.line)
        json_out_kv_u64(j, "line", f->origin.line);
    else
        json_out_kv_u64(j, "record", f->origin.record);
    json_out_kv_str(j, "id", str_z(f->event_id));
    json_out_object_end(j);
}

void finding_json(struct sbuf *to, const struct finding *f, const char *path)
{
    struct json_out j = json_out_on(to);
    json_out_object(&j);
    if (f->time_ms == TIME_NONE) {
        json_out_key(&j, STR("time"));
        json_out_null(&j);
    } else {
        json_out_kv_time(&j, "time", f->time_ms);
    }
    json_out_kv_str(&j, "kind", str_z(finding_kind_name(f->kind)));
    json_out_kv_str(&j, "id", f->id);
    json_out_kv_str(&j, "title", f->title);
    json_out_kv_str(&j, "level", str_z(level_name(f->level)));
    json_out_kv_f64(&j, "score", (double)(int)(f->score_01 * 1000 + 0.5f) / 1000);
    json_pairs(&j, "entity", f->entity, f->entity_count);
    json_out_key(&j, STR("techniques"));
    json_out_array(&j);
    for (uint32_t i = 0; i < f->technique_count; i++)
        json_out_str(&j, f->technique[i]);
    json_out_array_end(&j);
    json_pairs(&j, "evidence", f->evidence, f->evidence_count);
    json_out_kv_str(&j, "reason", f->reason);
    json_origin(&j, f, path);
    json_out_object_end(&j);
    sbuf_addc(to, '\n');
}
