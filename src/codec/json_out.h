/* SPDX-License-Identifier: Apache-2.0 */
/* json_out.h - write JSON onto an sbuf.
 *
 *     struct json_out o = json_out_on(&buf);
 *     json_out_object(&o);
 *     json_out_kv_str(&o, "title", title);
 *     json_out_key(&o, STR("tags"));
 *     json_out_array(&o);
 *     ...
 *     json_out_array_end(&o);
 *     json_out_object_end(&o);
 *
 * Commas come by themselves.  What is written is always valid JSON and valid
 * UTF-8: bytes that are not UTF-8 become U+FFFD.  Room is the sbuf's affair:
 * test its `full` at the end.  One thread at a time. */
#ifndef CODEC_JSON_OUT_H
#define CODEC_JSON_OUT_H

#include "base/sbuf.h"

struct json_out {
    struct sbuf *to; /* borrowed */
    uint32_t depth;
    bool comma; /* a comma goes before the next key or value */
};

static inline struct json_out json_out_on(struct sbuf *to)
{
    return (struct json_out){.to = to};
}

void json_out_object(struct json_out *o);
void json_out_object_end(struct json_out *o);
void json_out_array(struct json_out *o);
void json_out_array_end(struct json_out *o);

void json_out_key(struct json_out *o, str key);
void json_out_str(struct json_out *o, str s);
void json_out_i64(struct json_out *o, int64_t v);
void json_out_u64(struct json_out *o, uint64_t v);
void json_out_f64(struct json_out *o, double v); /* reads back the same; NaN, infinity: null */
void json_out_bool(struct json_out *o, bool v);
void json_out_null(struct json_out *o);

/* `json` is one whole valid value; written as it is. */
void json_out_raw(struct json_out *o, str json);

/* Unix milliseconds as an RFC 3339 string. */
void json_out_time(struct json_out *o, int64_t ms);

/* The text between the quotes only, for a caller that writes its own. */
void json_escape(struct sbuf *to, str s);

/* A key and its value. */
void json_out_kv_str(struct json_out *o, const char *key, str v);
void json_out_kv_i64(struct json_out *o, const char *key, int64_t v);
void json_out_kv_u64(struct json_out *o, const char *key, uint64_t v);
void json_out_kv_f64(struct json_out *o, const char *key, double v);
void json_out_kv_bool(struct json_out *o, const char *key, bool v);
void json_out_kv_time(struct json_out *o, const char *key, int64_t ms);

#endif
