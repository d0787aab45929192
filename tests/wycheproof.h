/* SPDX-License-Identifier: Apache-2.0 */
/* wycheproof.h - for tests that run the vectors of project Wycheproof (C2SP). */
#ifndef TESTS_WYCHEPROOF_H
#define TESTS_WYCHEPROOF_H

#include "tests/public_data.h"

#include "codec/hex.h"
#include "codec/json_doc.h"

struct wycheproof {
    struct sbuf tar;
    struct json_doc *doc;
    json_node groups;
};

/* Skips the running test where there is no public data. */
static inline void wycheproof_open(struct wycheproof *w, const char *name)
{
    char folder[400];
    struct tar_file f;
    struct error err;
    *w = (struct wycheproof){0};
    if (!test_data_dir())
        SKIP_BECAUSE("no folder of public data, so no Wycheproof vectors");
    snprintf(folder, sizeof folder, "%s/wycheproof", test_data_dir());
    str tar = unpacked(folder, "vectors.tar.xz", &w->tar);
    while (!w->doc && next_file(&tar, &f))
        if (str_ends(f.name, str_z(name)) &&
            json_doc_parse(f.bytes, 16 << 20, &w->doc, &err) != ST_OK)
            fail_msg("%s: %s", name, err.text);
    if (!w->doc)
        fail_msg("the archive has no %s", name);
    w->groups = json_get(json_doc_root(w->doc), STR("testGroups"));
}

static inline void wycheproof_close(struct wycheproof *w)
{
    json_doc_free(w->doc);
    sbuf_done(&w->tar);
}

/* The bytes of a hexadecimal member, in memory that lives as long as `keep`. */
static inline str hex_member(json_node n, str key, struct sbuf *keep)
{
    str text = json_str(json_get(n, key), STR(""));
    sbuf_init(keep, 1 << 20);
    char *p = sbuf_space(keep, text.n / 2 + 1);
    if (!hex_decode(text, p))
        fail_msg("'" STR_FMT "' is not hexadecimal", STR_ARG(text));
    sbuf_grew(keep, text.n / 2);
    return sbuf_str(keep);
}

static inline bool is_valid(json_node test)
{
    return str_eq(json_str(json_get(test, STR("result")), STR("")), STR("valid"));
}

#endif
