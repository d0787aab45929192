/* SPDX-License-Identifier: Apache-2.0 */
#include "api/finding.h"

const char *const verdict_names[] = {"benign", "suspicious", "malicious", NULL};

static const struct schema_field finding_fields[] = {
    {"id", SCHEMA_STRING, .required = true, .doc = "of the rule, or kind of the indicator"},
    {"kind", SCHEMA_STRING, .required = true, .doc = "rule, correlation or indicator"},
    {"title", SCHEMA_STRING, .required = true, .doc = "what was found"},
    {"level", SCHEMA_STRING, .required = true,
     .doc = "informational, low, medium, high or critical"},
    {"score", SCHEMA_NUMBER, .required = true, .min = 0, .max = 1, .doc = "how bad"},
    {"reason", SCHEMA_STRING, .required = true, .doc = "why, in words"},
    {"techniques", SCHEMA_ARRAY, .required = true, .item = SCHEMA_STRING,
     .doc = "MITRE ATT&CK ids"},
    {"entity", SCHEMA_OBJECT, .required = true, .doc = "whom it concerns"},
    {"evidence", SCHEMA_OBJECT, .required = true, .doc = "fields and values that made it fire"},
};
const struct schema schema_finding =
    SCHEMA_OF("Finding", "A detector's claim about an event", finding_fields);

const char *verdict_of(enum level worst, bool any)
{
    if (!any || worst < LEVEL_LOW)
        return verdict_names[0];
    return verdict_names[worst >= LEVEL_HIGH ? 2 : 1];
}

static bool named_before(const struct pair *p, uint32_t i)
{
    for (uint32_t k = 0; k < i; k++)
        if (str_eq(p[k].name, p[i].name))
            return true;
    return false;
}

/* The value of p[i]'s name, or an array of its values. */
static void write_values(struct json_out *o, const struct pair *p, uint32_t n, uint32_t i)
{
    uint32_t same = 0;
    for (uint32_t k = i; k < n; k++)
        same += str_eq(p[k].name, p[i].name);
    if (same == 1) {
        json_out_str(o, p[i].value);
        return;
    }
    json_out_array(o);
    for (uint32_t k = i; k < n; k++)
        if (str_eq(p[k].name, p[i].name))
            json_out_str(o, p[k].value);
    json_out_array_end(o);
}

static void write_pairs(struct json_out *o, const char *name, const struct pair *p, uint32_t n)
{
    json_out_key(o, str_z(name));
    json_out_object(o);
    for (uint32_t i = 0; i < n; i++) {
        if (named_before(p, i))
            continue;
        json_out_key(o, p[i].name);
        write_values(o, p, n, i);
    }
    json_out_object_end(o);
}

void finding_write_json(struct json_out *o, const struct finding *f)
{
    json_out_object(o);
    json_out_kv_str(o, "id", f->id);
    json_out_kv_str(o, "kind", str_z(finding_kind_name(f->kind)));
    json_out_kv_str(o, "title", f->title);
    json_out_kv_str(o, "level", str_z(level_name(f->level)));
    json_out_kv_f64(o, "score", (double)(int)(f->score_01 * 1000 + 0.5f) / 1000);
    json_out_kv_str(o, "reason", f->reason);
    json_out_key(o, STR("techniques"));
    json_out_array(o);
    for (uint32_t i = 0; i < f->technique_count; i++)
        json_out_str(o, f->technique[i]);
    json_out_array_end(o);
    write_pairs(o, "entity", f->entity, f->entity_count);
    write_pairs(o, "evidence", f->evidence, f->evidence_count);
    json_out_object_end(o);
}

/* ---- records that could not be read ---- */

static const struct schema_field reject_fields[] = {
    {"line", SCHEMA_INTEGER, .required = true, .doc = "where the record begins, from 1"},
    {"reason", SCHEMA_STRING, .required = true, .doc = "why it could not be read"},
};
const struct schema schema_reject =
    SCHEMA_OF("Reject", "A record that could not be read", reject_fields);

void reject_write_one(struct json_out *o, uint64_t line, str reason)
{
    json_out_object(o);
    json_out_kv_u64(o, "line", line);
    json_out_kv_str(o, "reason", reason);
    json_out_object_end(o);
}

void reject_write_json(struct json_out *o, const struct batch *b)
{
    size_t n = b->rejected < BATCH_REJECTS_KEPT ? (size_t)b->rejected : BATCH_REJECTS_KEPT;
    json_out_key(o, STR("errors"));
    json_out_array(o);
    for (size_t i = 0; i < n; i++)
        reject_write_one(o, b->reject[i].origin.line, str_z(b->reject[i].text));
    json_out_array_end(o);
}
