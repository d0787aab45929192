/* SPDX-License-Identifier: Apache-2.0 */
#include "ml/oip.h"

#include "base/reader.h"
#include "codec/json_doc.h"
#include "codec/json_out.h"

#include <math.h>

enum { TEXT_MAX = 64 * 1024 * 1024, WANTED_MAX = 16 };

static const struct {
    const char *name;
    size_t bytes;
} types[OIP_TYPE_COUNT] = {
#define X(NAME, bytes) {#NAME, bytes},
#include "ml/oip_type.def"
};

const char *oip_type_name(enum oip_type t)
{
    return types[t].name;
}

/* What a message is read with. */
struct reading {
    struct arena *arena;
    struct reader bytes; /* behind the JSON text */
    size_t elements;     /* of all tensors yet */
    const char *list;    /* "inputs", "outputs" */
    size_t at;           /* number of the tensor */
    struct error *err;
};

static status bad(const struct reading *r, const char *member, const char *what)
{
    return fail(r->err, ST_INVALID, "/%s/%zu/%s: %s", r->list, r->at, member, what);
}

static status out_of_room(const struct reading *r)
{
    return fail(r->err, ST_LIMIT, "/%s: a message holds at most %d elements in %d tensors", r->list,
                OIP_ELEMENTS_MAX, OIP_TENSORS_MAX);
}

/* ---- names, types, shapes ---- */

static status read_name(const struct reading *r, json_node n, const char *member, str *out)
{
    str name = json_str(n, (str){0});
    if (!name.n || name.n > OIP_NAME_MAX)
        return bad(r, member, "expected a string of 1 to 256 bytes");
    *out = arena_str(r->arena, name);
    return out->p ? ST_OK : out_of_room(r);
}

static status read_type(const struct reading *r, json_node n, enum oip_type *out)
{
    str name = json_str(n, (str){0});
    for (size_t i = 0; i < OIP_TYPE_COUNT; i++)
        if (str_eq(name, str_z(types[i].name))) {
            *out = (enum oip_type)i;
            return ST_OK;
        }
    return fail(r->err, ST_UNSUPPORTED,
                "/%s/%zu/datatype: '" STR_FMT "' is none of BOOL, UINT8 to UINT64, INT8 to INT64, "
                "FP16, FP32, FP64, BYTES",
                r->list, r->at, STR_ARG(str_head(name, 20)));
}

static status read_shape(struct reading *r, json_node n, struct oip_tensor *t)
{
    size_t count = 1;
    if (json_kind(n) != JSON_IS_ARRAY || json_count(n) > OIP_DIMS_MAX)
        return bad(r, "shape", "expected an array of at most 8 numbers");
    for (struct json_each it = json_each(n); json_each_next(&it);) {
        int64_t dim = json_int(it.value, -1);
        if (dim < 0)
            return bad(r, "shape", "expected whole numbers from 0 on");
        if (dim > OIP_ELEMENTS_MAX || count * (size_t)dim > OIP_ELEMENTS_MAX)
            return out_of_room(r);
        t->shape[t->dims++] = (uint64_t)dim;
        count *= (size_t)dim;
    }
    if (count > OIP_ELEMENTS_MAX - r->elements)
        return out_of_room(r);
    r->elements += count;
    t->count = count;
    if (t->type == OIP_BYTES)
        t->text = arena_array(r->arena, str, count + 1);
    else
        t->number = arena_array(r->arena, float, count + 1);
    return t->text || t->number ? ST_OK : out_of_room(r);
}

/* ---- data as JSON: flat, or nested as the shape says ---- */

static bool read_number(json_node n, enum oip_type type, float *out)
{
    enum json_kind kind = json_kind(n);
    if (kind == JSON_IS_BOOL)
        *out = json_bool(n, false) ? 1 : 0;
    else if (kind == JSON_IS_NUMBER)
        *out = (float)json_real(n, 0);
    else
        *out = NAN;
    return kind == JSON_IS_NUMBER || (kind == JSON_IS_BOOL && type == OIP_BOOL) ||
           (kind == JSON_IS_NULL && (type == OIP_FP32 || type == OIP_FP64 || type == OIP_FP16));
}

static status read_element(const struct reading *r, json_node n, struct oip_tensor *t, size_t i)
{
    if (i >= t->count)
        return bad(r, "data", "there are more elements than the shape says");
    if (t->type != OIP_BYTES)
        return read_number(n, t->type, &t->number[i])
                   ? ST_OK
                   : bad(r, "data", "an element is not of the datatype");
    if (json_kind(n) != JSON_IS_STRING)
        return bad(r, "data", "an element is not of the datatype");
    t->text[i] = arena_str(r->arena, json_str(n, (str){0}));
    return t->text[i].p ? ST_OK : out_of_room(r);
}

/* At most as deep as there are dimensions. */
static status read_data(const struct reading *r, json_node n, struct oip_tensor *t, size_t depth,
                        size_t *i)
{
    status st = ST_OK;
    if (json_kind(n) != JSON_IS_ARRAY)
        return bad(r, "data", "expected an array");
    for (struct json_each it = json_each(n); st == ST_OK && json_each_next(&it);)
        if (json_kind(it.value) != JSON_IS_ARRAY)
            st = read_element(r, it.value, t, (*i)++);
        else if (depth + 1 < t->dims)
            st = read_data(r, it.value, t, depth + 1, i);
        else
            st = bad(r, "data", "arrays are nested deeper than the shape says");
    return st;
}

/* ---- data as bytes: little-endian, of BYTES a 32-bit length before each ---- */

/* IEEE 754 binary16. */
static float half(uint16_t h)
{
    unsigned exponent = h >> 10 & 31, fraction = h & 1023;
    float v = exponent == 31 ? (fraction ? NAN : INFINITY)
              : exponent     ? ldexpf((float)(1024 + fraction), (int)exponent - 25)
                             : ldexpf((float)fraction, -24);
    return h & 0x8000 ? -v : v;
}

static float number_of(enum oip_type type, const unsigned char *p)
{
    uint64_t u = 0;
    double d;
    float f;
    for (size_t i = types[type].bytes; i-- > 0;)
        u = u << 8 | p[i];
    uint32_t low = (uint32_t)u;
    switch (type) {
    case OIP_FP16:
        return half((uint16_t)u);
    case OIP_FP32:
        memcpy(&f, &low, sizeof f);
        return f;
    case OIP_FP64:
        memcpy(&d, &u, sizeof d);
        return (float)d;
    case OIP_INT8:
        return (float)(int8_t)(uint8_t)u;
    case OIP_INT16:
        return (float)(int16_t)(uint16_t)u;
    case OIP_INT32:
        return (float)(int32_t)low;
    case OIP_INT64:
        return (float)(int64_t)u;
    default:
        return (float)u;
    }
}

static size_t length_of(struct reader *in)
{
    str s = rd_take(in, 4);
    size_t n = 0;
    for (size_t i = s.n; i-- > 0;)
        n = n << 8 | (unsigned char)s.p[i];
    return n;
}

static status read_bytes(struct reading *r, int64_t size, struct oip_tensor *t)
{
    if (size < 0 || (uint64_t)size > rd_left(&r->bytes))
        return bad(r, "parameters/binary_data_size", "there are not so many bytes");
    struct reader in = reader_of(rd_take(&r->bytes, (size_t)size));
    for (size_t i = 0; i < t->count && in.ok; i++) {
        size_t n = t->type == OIP_BYTES ? length_of(&in) : types[t->type].bytes;
        str element = rd_take(&in, n);
        if (!in.ok)
            break;
        if (t->type != OIP_BYTES)
            t->number[i] = number_of(t->type, (const unsigned char *)element.p);
        else if (!(t->text[i] = arena_str(r->arena, element)).p)
            return out_of_room(r);
    }
    if (!in.ok || rd_left(&in))
        return bad(r, "parameters/binary_data_size", "it is not what the shape says");
    return ST_OK;
}

/* ---- messages ---- */

static status read_tensor(struct reading *r, json_node n, struct oip_tensor *t)
{
    json_node parameters = json_get(n, STR("parameters")), data = json_get(n, STR("data"));
    json_node size = json_get(parameters, STR("binary_data_size"));
    size_t got = 0;
    if (json_kind(json_get(parameters, STR("shared_memory_region"))) != JSON_IS_ABSENT)
        return fail(r->err, ST_UNSUPPORTED, "/%s/%zu/parameters: shared memory is not read",
                    r->list, r->at);
    status st = read_name(r, json_get(n, STR("name")), "name", &t->name);
    if (st == ST_OK)
        st = read_type(r, json_get(n, STR("datatype")), &t->type);
    if (st == ST_OK)
        st = read_shape(r, json_get(n, STR("shape")), t);
    if (st == ST_OK && json_kind(size) != JSON_IS_ABSENT)
        return read_bytes(r, json_int(size, -1), t);
    if (st == ST_OK)
        st = read_data(r, data, t, 0, &got);
    if (st == ST_OK && got != t->count)
        st = bad(r, "data", "there are fewer elements than the shape says");
    return st;
}

static status read_tensors(struct reading *r, json_node list, struct oip_message *out)
{
    size_t n = json_count(list);
    status st = ST_OK;
    if (json_kind(list) != JSON_IS_ARRAY || n == 0)
        return fail(r->err, ST_INVALID, "/%s: expected an array of tensors", r->list);
    if (n > OIP_TENSORS_MAX || !(out->tensor = arena_array(r->arena, struct oip_tensor, n)))
        return out_of_room(r);
    out->tensors = n;
    for (struct json_each it = json_each(list); st == ST_OK && json_each_next(&it); r->at++)
        st = read_tensor(r, it.value, &out->tensor[r->at]);
    if (st == ST_OK && rd_left(&r->bytes))
        st = fail(r->err, ST_INVALID, "there are %zu bytes more than the tensors say",
                  rd_left(&r->bytes));
    return st;
}

static status read_text(struct reading *r, json_node root, const char *name, str *out)
{
    str text = json_str(json_get(root, str_z(name)), (str){0});
    if (text.n > OIP_NAME_MAX)
        return fail(r->err, ST_LIMIT, "/%s: more than %d bytes", name, OIP_NAME_MAX);
    *out = arena_str(r->arena, text);
    return out->p ? ST_OK : out_of_room(r);
}

/* Outputs asked for by name; wanting one as bytes is wanting all. */
static status read_wanted(struct reading *r, json_node root, struct oip_message *out)
{
    status st = ST_OK;
    json_node all = json_get(root, STR("parameters"));
    out->binary = json_bool(json_get(all, STR("binary_data_output")), false);
    r->list = "outputs";
    r->at = 0;
    for (struct json_each it = json_each(json_get(root, STR("outputs")));
         st == ST_OK && json_each_next(&it); r->at++) {
        json_node own = json_get(it.value, STR("parameters"));
        if (r->at >= WANTED_MAX)
            return fail(r->err, ST_LIMIT, "/outputs: more than %d", WANTED_MAX);
        out->binary = out->binary || json_bool(json_get(own, STR("binary_data")), false);
        st = read_name(r, json_get(it.value, STR("name")), "name", &out->wanted[out->wanteds++]);
    }
    return st;
}

static status read_message(struct reading *r, str text, struct oip_message *out)
{
    struct json_doc *doc = NULL;
    bool request = strcmp(r->list, "inputs") == 0;
    *out = (struct oip_message){0};
    status st = json_doc_parse(text, TEXT_MAX, &doc, r->err);
    json_node root = st == ST_OK ? json_doc_root(doc) : (json_node){0};
    if (st == ST_OK && json_kind(root) != JSON_IS_OBJECT)
        st = fail(r->err, ST_INVALID, "expected a JSON object");
    if (st == ST_OK)
        st = read_text(r, root, "id", &out->id);
    if (st == ST_OK)
        st = read_text(r, root, "model_name", &out->model);
    if (st == ST_OK)
        st = read_text(r, root, "model_version", &out->version);
    if (st == ST_OK)
        st = read_tensors(r, json_get(root, str_z(r->list)), out);
    if (st == ST_OK && request)
        st = read_wanted(r, root, out);
    json_doc_free(doc);
    return st;
}

status oip_read_request(str text, str bytes, struct arena *arena, struct oip_message *out,
                        struct error *err)
{
    struct reading r = {.arena = arena,
                        .bytes = reader_of(bytes.p ? bytes : STR("")),
                        .list = "inputs",
                        .err = err};
    return read_message(&r, text, out);
}

status oip_read_answer(str text, str bytes, struct arena *arena, struct oip_message *out,
                       struct error *err)
{
    struct reading r = {.arena = arena,
                        .bytes = reader_of(bytes.p ? bytes : STR("")),
                        .list = "outputs",
                        .err = err};
    return read_message(&r, text, out);
}

str oip_read_error(str text, struct arena *arena)
{
    struct json_doc *doc = NULL;
    if (json_doc_parse(text, TEXT_MAX, &doc, NULL) != ST_OK)
        return (str){0};
    str said = arena_str(arena, json_str(json_get(json_doc_root(doc), STR("error")), (str){0}));
    json_doc_free(doc);
    return said;
}

/* ---- writing ---- */

static void write_number(struct json_out *o, enum oip_type type, float v)
{
    if (type == OIP_BOOL)
        json_out_bool(o, v != 0);
    else if (type == OIP_FP16 || type == OIP_FP32 || type == OIP_FP64 || !(fabsf(v) < 9e18f))
        json_out_f64(o, (double)v);
    else
        json_out_i64(o, (int64_t)v);
}

static void write_data(struct json_out *o, const struct oip_tensor *t)
{
    json_out_key(o, STR("data"));
    json_out_array(o);
    for (size_t i = 0; i < t->count; i++)
        if (t->type == OIP_BYTES)
            json_out_str(o, t->text[i]);
        else
            write_number(o, t->type, t->number[i]);
    json_out_array_end(o);
}

static void add_le(struct sbuf *out, uint64_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        sbuf_addc(out, (char)(unsigned char)(v >> 8 * i));
}

/* FP32 and BYTES: what we answer with. */
static void write_bytes(struct sbuf *out, const struct oip_tensor *t)
{
    for (size_t i = 0; i < t->count; i++) {
        uint32_t u = 0;
        if (t->type == OIP_BYTES) {
            add_le(out, t->text[i].n, 4);
            sbuf_add(out, t->text[i]);
        } else {
            memcpy(&u, &t->number[i], sizeof u);
            add_le(out, u, 4);
        }
    }
}

static void write_tensor(struct json_out *o, const struct oip_tensor *t, struct sbuf *bytes)
{
    bool apart = bytes && (t->type == OIP_FP32 || t->type == OIP_BYTES);
    json_out_object(o);
    json_out_kv_str(o, "name", t->name);
    json_out_kv_str(o, "datatype", str_z(types[t->type].name));
    json_out_key(o, STR("shape"));
    json_out_array(o);
    for (size_t i = 0; i < t->dims; i++)
        json_out_u64(o, t->shape[i]);
    json_out_array_end(o);
    if (apart) {
        size_t before = bytes->n;
        write_bytes(bytes, t);
        json_out_key(o, STR("parameters"));
        json_out_object(o);
        json_out_kv_u64(o, "binary_data_size", bytes->n - before);
        json_out_object_end(o);
    } else {
        write_data(o, t);
    }
    json_out_object_end(o);
}

static void write_tensors(struct json_out *o, const char *list, const struct oip_message *m,
                          struct sbuf *bytes)
{
    json_out_key(o, str_z(list));
    json_out_array(o);
    for (size_t i = 0; i < m->tensors; i++)
        write_tensor(o, &m->tensor[i], bytes);
    json_out_array_end(o);
}

void oip_write_request(const struct oip_message *m, struct sbuf *out)
{
    struct json_out o = json_out_on(out);
    json_out_object(&o);
    if (m->id.n)
        json_out_kv_str(&o, "id", m->id);
    write_tensors(&o, "inputs", m, NULL);
    if (m->wanteds) {
        json_out_key(&o, STR("outputs"));
        json_out_array(&o);
        for (size_t i = 0; i < m->wanteds; i++) {
            json_out_object(&o);
            json_out_kv_str(&o, "name", m->wanted[i]);
            json_out_object_end(&o);
        }
        json_out_array_end(&o);
    }
    json_out_object_end(&o);
}

void oip_write_answer(const struct oip_message *m, struct sbuf *out, struct sbuf *bytes)
{
    struct json_out o = json_out_on(out);
    json_out_object(&o);
    json_out_kv_str(&o, "model_name", m->model);
    if (m->version.n)
        json_out_kv_str(&o, "model_version", m->version);
    if (m->id.n)
        json_out_kv_str(&o, "id", m->id);
    write_tensors(&o, "outputs", m, bytes);
    json_out_object_end(&o);
}
