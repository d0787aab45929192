/* SPDX-License-Identifier: Apache-2.0 */
#include "report/report_int.h"

enum { LINE_BYTES_MAX = 16 << 20 };

static void begin(struct report *r)
{
    sbuf_init(r->state, LINE_BYTES_MAX);
}

static void finding(struct report *r, const struct finding *f, const char *path)
{
    struct sbuf *line = r->state;
    sbuf_clear(line);
    finding_json(line, f, path);
    if (line->full) { /* evidence of many MiB: the finding matters more */
        struct finding bare = *f;
        bare.evidence_count = 0;
        sbuf_clear(line);
        finding_json(line, &bare, path);
    }
    fwrite(line->p, 1, line->n, r->style.to);
}

static void done(struct report *r)
{
    sbuf_done(r->state);
}

const struct report_ops report_ndjson = {
    .name = "ndjson",
    .state_size = sizeof(struct sbuf),
    .begin = begin,
    .finding = finding,
    .done = done,
};
