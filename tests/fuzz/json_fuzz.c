/* SPDX-License-Identifier: Apache-2.0 */
/* json_scan takes what yyjson takes; the fast string search agrees
 * with the plain loop; a value is framed whole however it is cut; and what is
 * escaped and unescaped is itself again. */
#include <yyjson.h>

#include "base/mem.h"
#include "base/sbuf.h"
#include "codec/codec_int.h"
#include "codec/json_frame.h"
#include "codec/json_out.h"
#include "codec/json_scan.h"
#include "codec/utf.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void strings_agree(str s)
{
    bool x = false, y = false;
    struct json_fault f = {0}, g = {0};
    const char *a = json_string_end(s.p, s.p + s.n, &x, &f);
    const char *b = json_string_end_plain(s.p, s.p + s.n, &y, &g);
    assert(a == b && f.at == g.at && f.problem == g.problem && (!a || x == y));
}

static void frames_whole(str s)
{
    struct json_frame frame = {0};
    str value = {0}, text = str_trim(s);
    size_t used, begin = (size_t)(text.p - s.p), half = s.n / 2;
    bool found = json_frame_next(&frame, str_head(s, half), false, &value, &used);
    if (!found)
        found = json_frame_next(&frame, str_from(s, used), true, &value, &used);
    assert(found && begin <= s.n && value.p == text.p && value.n == text.n);
}

static void escapes_and_back(str s)
{
    struct sbuf out;
    sbuf_init(&out, 6 * s.n);
    json_escape(&out, s);
    char *back = mem_zero(out.n);
    assert(!out.full && utf8_valid(sbuf_str(&out)));
    if (utf8_valid(s))
        assert(str_eq((str){back, json_unescape(sbuf_str(&out), back)}, s));
    mem_free(back);
    sbuf_done(&out);
}

/* Apart from depth, from surrogate escapes without their other half, which the
 * grammar has and yyjson refuses, and from bytes that may not be UTF-8, which
 * yyjson is therefore not shown. */
static status checked_like_yyjson(str s)
{
    char *copy = mem_zero(s.n);
    for (size_t i = 0; i < s.n; i++)
        copy[i] = (char)((uint8_t)s.p[i] < 0x80 ? s.p[i] : '~');
    yyjson_read_err err = {0};
    yyjson_doc *doc = yyjson_read_opts(copy, s.n, YYJSON_READ_NUMBER_AS_RAW, NULL, &err);
    status st = json_check(s, JSON_DEPTH_DEFAULT, NULL);
    bool surrogate = err.msg && strstr(err.msg, "surrogate");
    assert(st == ST_LIMIT || surrogate || (st == ST_OK) == (doc != NULL));
    yyjson_doc_free(doc);
    mem_free(copy);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str s = {(const char *)data, size};
    strings_agree(s);
    escapes_and_back(s);
    if (checked_like_yyjson(s) == ST_OK)
        frames_whole(s);
    return 0;
}
