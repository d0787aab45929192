/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/event_json.h"

#include "codec/json_out.h"

void event_json_done(struct event_json *j)
{
    mem_free(j->first);
    vec_done(&j->next);
    vec_done(&j->last);
    j->first = NULL;
}

static bool is_shown(const struct field *f)
{
    return !(f->flags & FIELD_COPY) && f->id != FIELD_TIMESTAMP;
}

/* Chain the fields of each id in the order they stand. */
static void chain(struct event_json *j, const struct event *e)
{
    if (!j->first)
        j->first = mem_array(uint32_t, FIELD_OVERFLOW + 1);
    j->next.n = j->last.n = 0;
    for (uint32_t i = 0; i < e->field_count; i++) {
        *vec_push(&j->next) = 0;
        *vec_push(&j->last) = i;
        if (!is_shown(&e->field[i]))
            continue;
        uint32_t *first = &j->first[e->field[i].id];
        if (*first == 0) {
            *first = i + 1;
            continue;
        }
        j->next.at[j->last.at[*first - 1]] = i + 1;
        j->last.at[*first - 1] = i;
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* -?(0|[1-9]digits)(.digits)?([eE][+-]?digits)? : RFC 8259, section 6.  Numbers of text formats
 * may be written otherwise. */
static bool is_json_number(str s)
{
    size_t i = 0, start;
#define DIGITS()                                                                                   \
    for (start = i; i < s.n && is_digit(s.p[i]);)                                                  \
        i++;                                                                                       \
    if (i == start)                                                                                \
    return false
    i += i < s.n && s.p[i] == '-';
    size_t whole = i;
    DIGITS();
    if (s.p[whole] == '0' && i > whole + 1)
        return false;
    if (i < s.n && s.p[i] == '.') {
        i++;
        DIGITS();
    }
    if (i < s.n && (s.p[i] | 0x20) == 'e') {
        i++;
        i += i < s.n && (s.p[i] == '+' || s.p[i] == '-');
        DIGITS();
    }
#undef DIGITS
    return i == s.n;
}

static void put_value(struct json_out *o, struct event *e, struct field *f)
{
    str text = event_text(e, f);
    if (f->kind == VALUE_NULL)
        json_out_null(o);
    else if (f->kind == VALUE_BOOL && (str_eq(text, STR("true")) || str_eq(text, STR("false"))))
        json_out_bool(o, text.n == 4);
    else if (f->kind == VALUE_NUMBER && is_json_number(text))
        json_out_raw(o, text);
    else
        json_out_str(o, text);
}

static void put_values(struct json_out *o, struct event_json *j, struct event *e, uint32_t i)
{
    if (j->next.at[i] == 0) {
        put_value(o, e, &e->field[i]);
        return;
    }
    json_out_array(o);
    for (uint32_t at = i + 1; at; at = j->next.at[at - 1])
        put_value(o, e, &e->field[at - 1]);
    json_out_array_end(o);
}

static void put_unless_said(struct json_out *o, const struct event_json *j, enum field_known id,
                            const char *key, str value)
{
    if (value.n && !j->first[id])
        json_out_kv_str(o, key, value);
}

static void put_head(struct json_out *o, const struct event_json *j, struct event *e)
{
    char id[EVENT_ID_LEN + 1];
    event_id(e, id);
    if (e->time_ms != TIME_NONE)
        json_out_kv_time(o, "@timestamp", e->time_ms);
    put_unless_said(o, j, FIELD_EVENT_MODULE, "event.module", str_z(family_name(e->family)));
    put_unless_said(o, j, FIELD_EVENT_DATASET, "event.dataset", e->channel);
    put_unless_said(o, j, FIELD_EVENT_CODE, "event.code", e->code);
    json_out_kv_str(o, j->first[FIELD_EVENT_ID] ? "event.hash" : "event.id", str_z(id));
}

void event_json_print(struct event_json *j, const struct dict *dict, struct event *e,
                      const char *path, struct sbuf *out)
{
    struct json_out o = json_out_on(out);
    chain(j, e);
    json_out_object(&o);
    put_head(&o, j, e);
    for (uint32_t i = 0; i < e->field_count; i++) {
        field_id id = e->field[i].id;
        if (!is_shown(&e->field[i]) || j->first[id] != i + 1)
            continue;
        json_out_key(&o, dict_name(dict, id));
        put_values(&o, j, e, i);
    }
    json_out_kv_str(&o, "log.file.path", str_z(path));
    if (e->origin.line)
        json_out_kv_u64(&o, "log.file.line", e->origin.line);
    else
        json_out_kv_u64(&o, "log.file.record", e->origin.record);
    json_out_object_end(&o);
    sbuf_addc(out, '\n');
    for (uint32_t i = 0; i < e->field_count; i++)
        j->first[e->field[i].id] = 0;
}
