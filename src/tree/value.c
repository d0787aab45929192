/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/value_int.h"

#include "base/vec.h"
#include "codec/json_scan.h"

#include <assert.h>
#include <math.h>

const struct value *value_get(const struct value *object, str key)
{
    static const struct value absent;
    for (uint32_t i = 0; object->kind == VALUE_OBJECT && i < object->n; i++)
        if (str_eq(object->member[i].key, key))
            return &object->member[i].value;
    return &absent;
}

str value_text(const struct value *v)
{
    return v->kind == VALUE_TEXT ? (str){v->text, v->n} : (str){"", 0};
}

static status too_large(struct error *err)
{
    return fail(err, ST_LIMIT, "the model takes more memory than allowed");
}

static bool only_numbers(const struct value_member *at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (at[i].value.kind != VALUE_NUMBER)
            return false;
    return true;
}

/* A value takes a byte of a file, but 32 here. */
status value_push(struct value_stack *s, const struct value_member *m, struct error *err)
{
    if (s->n == VALUES_OPEN_MAX)
        return fail(err, ST_LIMIT, "more than %d values in one list", VALUES_OPEN_MAX);
    *vec_push(s) = *m;
    return ST_OK;
}

status value_close(struct value_stack *s, size_t from, enum value_kind kind, struct arena *arena,
                   struct value *out, struct error *err)
{
    struct value_member *at = s->n ? s->at + from : NULL;
    size_t n = s->n - from;
    s->n = from;
    assert(at || !n);
    if (n > UINT32_MAX)
        return too_large(err);
    *out = (struct value){.kind = kind, .n = (uint32_t)n};
    if (kind == VALUE_OBJECT) {
        struct value_member *member = arena_array(arena, struct value_member, n);
        if (!member)
            return too_large(err);
        if (n)
            memcpy(member, at, n * sizeof *member);
        out->member = member;
    } else if (only_numbers(at, n)) {
        double *numbers = arena_array(arena, double, n);
        if (!numbers)
            return too_large(err);
        for (size_t i = 0; i < n; i++)
            numbers[i] = at[i].value.number;
        *out = (struct value){.kind = VALUE_NUMBERS, .n = (uint32_t)n, .numbers = numbers};
    } else {
        struct value *list = arena_array(arena, struct value, n);
        if (!list)
            return too_large(err);
        for (size_t i = 0; i < n; i++)
            list[i] = at[i].value;
        out->list = list;
    }
    return ST_OK;
}

/* ---- JSON ---- */

/* XGBoost writes the thresholds of categorical splits as NaN, which is not JSON.  Outside of strings it becomes this
 * string, as long as it was. */
static const char nan_mark[] = "\"\x7f\"";

static str without_nan(str text, struct arena *arena)
{
    char *copy = arena_bytes(arena, text.n);
    if (!copy)
        return (str){NULL, 0};
    memcpy(copy, text.p, text.n);
    bool quoted = false;
    for (size_t i = 0; i < text.n; i++)
        if (copy[i] == '"')
            quoted = !quoted;
        else if (quoted && copy[i] == '\\')
            i++;
        else if (!quoted && copy[i] == 'N' && text.n - i >= 3 && memcmp(copy + i, "NaN", 3) == 0) {
            memcpy(copy + i, nan_mark, 3);
            i += 2;
        }
    return (str){copy, text.n};
}

struct json {
    struct json_scan scan;
    struct arena *arena;
    struct value_stack *stack;
};

static status text_of(const struct json *j, const struct json_text *t, str *out, struct error *err)
{
    *out = t->raw;
    if (!t->escaped)
        return ST_OK;
    char *copy = arena_bytes(j->arena, t->raw.n + 1);
    if (!copy)
        return too_large(err);
    *out = (str){copy, json_unescape(t->raw, copy)};
    return ST_OK;
}

static status json_value(struct json *j, enum json_token k, const struct json_text *t,
                         struct value *out, struct error *err);

/* Behind '{' or '['. */
static status json_container(struct json *j, bool object, struct value *out, struct error *err)
{
    size_t from = j->stack->n;
    struct json_text t;
    enum json_token k;
    while ((k = json_next(&j->scan, &t)) != (object ? JSON_OBJECT_END : JSON_ARRAY_END)) {
        struct value_member m = {.key = {"", 0}};
        if (k == JSON_ERROR)
            return json_scan_fail(&j->scan, err);
        if (object) {
            status st = text_of(j, &t, &m.key, err);
            if (st)
                return st;
            k = json_next(&j->scan, &t);
        }
        status st = json_value(j, k, &t, &m.value, err);
        if (!st)
            st = value_push(j->stack, &m, err);
        if (st)
            return st;
    }
    return value_close(j->stack, from, object ? VALUE_OBJECT : VALUE_LIST, j->arena, out, err);
}

static status json_value(struct json *j, enum json_token k, const struct json_text *t,
                         struct value *out, struct error *err)
{
    str text;
    *out = (struct value){.kind = VALUE_NULL};
    switch (k) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        return json_container(j, k == JSON_OBJECT, out, err);
    case JSON_TRUE:
    case JSON_FALSE:
        *out = (struct value){.kind = VALUE_NUMBER, .number = k == JSON_TRUE};
        return ST_OK;
    case JSON_NULL:
        return ST_OK;
    case JSON_NUMBER:
        out->kind = VALUE_NUMBER;
        if (!str_to_f64(t->raw, &out->number))
            return fail(err, ST_INVALID, "the number '" STR_FMT "' is out of range",
                        STR_ARG(str_head(t->raw, 40)));
        return ST_OK;
    case JSON_STRING:
        if (t->raw.n == 1 && *t->raw.p == nan_mark[1]) {
            *out = (struct value){.kind = VALUE_NUMBER, .number = NAN};
            return ST_OK;
        }
        if (text_of(j, t, &text, err))
            return ST_LIMIT;
        *out = (struct value){.kind = VALUE_TEXT, .n = (uint32_t)text.n, .text = text.p};
        return ST_OK;
    default:
        return json_scan_fail(&j->scan, err);
    }
}

static status json_read(str text, struct value_stack *s, struct arena *arena, struct value *out,
                        struct error *err)
{
    text = without_nan(text, arena);
    if (!text.p)
        return too_large(err);
    struct json j = {.scan = json_scan_of(text), .arena = arena, .stack = s};
    struct json_text t;
    j.scan.depth_max = VALUE_DEPTH_MAX;
    enum json_token k = json_next(&j.scan, &t);
    status st = json_value(&j, k, &t, out, err);
    if (!st && json_next(&j.scan, &t) != JSON_END)
        st = json_scan_fail(&j.scan, err);
    return st;
}

/* Both begin with '{'; then JSON has white space, a quote or '}', and UBJSON the type of the first key's length. */
static bool looks_binary(str bytes)
{
    return bytes.n > 1 && bytes.p[0] == '{' && str_find(STR("iUIlL#$N"), bytes.p[1]) < 8;
}

status value_read(str bytes, struct arena *arena, struct value *out, struct error *err)
{
    struct value_stack stack = {0};
    status st = looks_binary(bytes) ? ubjson_read(bytes, &stack, arena, out, err)
                                    : json_read(bytes, &stack, arena, out, err);
    vec_done(&stack);
    return st;
}
