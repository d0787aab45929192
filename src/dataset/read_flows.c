/* SPDX-License-Identifier: Apache-2.0 */
/* Logs of flows, read by the parsers, flow reader, windows and features that score them when they are live: in the order of the
 * files, which is that of the log.  IoT-23 and the like have columns with what each flow was. */
#include "dataset/dataset_int.h"
#include "flow/window.h"
#include "ingest/feed.h"

#include <math.h>
#include <stdio.h>

enum { ARENA_MAX = 1 << 28, PIECE = 1 << 20, LABELS = 4 };

struct flow_stream { /* of one call: windows go on from file to file */
    struct dict *dict;
    struct parser *parser;
    struct feed *feed;
    struct batch batch;
    struct flow_reader reader;
    struct window *window;
    field_id label[LABELS], detail[LABELS];
    enum feature column[FEATURE_COUNT];
    size_t columns;
    uint64_t others;
};

static struct flow_stream *stream_new(void)
{
    static const struct {
        enum family family;
        const char *label, *detail;
    } names[LABELS] = {{FAMILY_ZEEK, "label", "detailed-label"},
                       {FAMILY_ZEEK, "label", "detailedlabel"},
                       {FAMILY_UNKNOWN, "label", "detailed-label"},
                       {FAMILY_UNKNOWN, "Label", "Attack"}};
    struct flow_stream *s = mem_new(struct flow_stream);
    s->dict = dict_new();
    s->parser = parser_new(s->dict, &parse_limits_default);
    s->feed = feed_new();
    s->window = window_new(NULL);
    batch_init(&s->batch, ARENA_MAX);
    flow_reader_init(&s->reader, s->dict);
    for (size_t i = 0; i < LABELS; i++) {
        s->label[i] = dict_resolve(s->dict, names[i].family, str_z(names[i].label));
        s->detail[i] = dict_resolve(s->dict, names[i].family, str_z(names[i].detail));
    }
    return s;
}

void flow_stream_free(struct flow_stream *s)
{
    if (!s)
        return;
    window_free(s->window);
    feed_free(s->feed);
    parser_free(s->parser);
    dict_free(s->dict);
    batch_done(&s->batch);
    mem_free(s);
}

/* Features that the tools of a format never tell would be columns without a value. */
static bool is_told(enum dataset_format format, enum feature f)
{
    if (format == DATASET_ZEEK)
        return f != FEATURE_TTL_OUT && f != FEATURE_WINDOW_OUT && f != FEATURE_WINDOW_IN;
    return f != FEATURE_MISSED_BYTES && f != FEATURE_SEEN_RESENT && f != FEATURE_SEEN_GAP;
}

static void set_columns(struct reading *r, struct flow_stream *s)
{
    struct dataset *d = r->d;
    enum feature all[FEATURE_COUNT];
    size_t n = flow_live(all);
    s->columns = 0;
    for (size_t i = 0; i < n; i++)
        if (is_told(r->o->format, all[i]))
            s->column[s->columns++] = all[i];
    if (d->columns)
        return;
    struct dataset_column *c = columns_new(d, s->columns);
    for (size_t i = 0; i < s->columns; i++)
        c[i] = column_of_feature(s->column[i]);
}

static str first_of(struct event *e, const field_id *id)
{
    for (size_t i = 0; i < LABELS; i++) {
        str s = str_trim(event_get(e, id[i]));
        if (s.n && !str_eq(s, STR("-")) && !str_eq(s, STR("(empty)")))
            return s;
    }
    return (str){0};
}

static struct row_truth truth_of(struct flow_stream *s, struct event *e)
{
    struct row_truth t = {.label = LABEL_NONE, .time_ms = e->time_ms};
    str label = first_of(e, s->label), detail = first_of(e, s->detail);
    if (label.n)
        t.label = (uint8_t)cell_label(label);
    if (t.label == LABEL_ATTACK)
        t.klass = detail.n ? detail : label;
    return t;
}

static str pair_of(const struct flow *f, char out[static DATASET_GROUP_MAX])
{
    char source[IP_TEXT_MAX], target[IP_TEXT_MAX];
    (void)ip_format(&f->source, source);
    (void)ip_format(&f->target, target);
    int n = snprintf(out, DATASET_GROUP_MAX, "%s %s", source, target);
    return (str){out, (size_t)n};
}

static status add_event(struct reading *r, struct flow_stream *s, struct event *e)
{
    struct flow f;
    struct aggregates a;
    float all[FEATURE_COUNT], x[FEATURE_COUNT];
    char pair[DATASET_GROUP_MAX];
    if (!flow_is_record(&s->reader, e) || !flow_read(&s->reader, e, &f)) {
        s->others++;
        return ST_OK;
    }
    window_add(s->window, 0, &f, &a);
    flow_features(&f, &a, all);
    for (size_t i = 0; i < s->columns; i++)
        x[i] = all[s->column[i]];
    struct row_truth truth = truth_of(s, e);
    truth.group = pair_of(&f, pair);
    return row_add(r, x, &truth);
}

static status add_batch(struct reading *r, struct flow_stream *s, const struct parse_stream *stream)
{
    status st = ST_OK;
    parser_run(s->parser, stream, &s->batch);
    for (size_t i = 0; i < s->batch.event_count && st == ST_OK; i++)
        st = add_event(r, s, &s->batch.event[i]);
    for (uint64_t i = 0; i < s->batch.rejected; i++)
        row_reject(r, s->batch.reject[0].origin.line, s->batch.reject[0].text);
    return st;
}

static status add_text(struct reading *r, struct flow_stream *s)
{
    struct feed_options o = {.limits = parse_limits_default, .plain = true};
    struct parse_stream stream;
    str rest = r->text;
    status st = ST_OK;
    feed_begin(s->feed, &o);
    for (bool last = false; st == ST_OK && !last;) {
        size_t n = feed_push(s->feed, str_head(rest, PIECE));
        rest = str_from(rest, n);
        last = rest.n == 0;
        while (st == ST_OK && feed_next(s->feed, last ? FEED_END : FEED_MORE, &s->batch, &stream))
            st = add_batch(r, s, &stream);
        if (r->o->progress && r->text.n)
            r->o->progress(r->o->arg,
                           r->done + (uint64_t)((double)r->stored * (double)(r->text.n - rest.n) /
                                                (double)r->text.n),
                           r->total);
        if (feed_failed(s->feed, NULL) != ST_OK)
            break;
    }
    if (st == ST_OK)
        st = feed_failed(s->feed, r->err);
    return st;
}

status read_flows(struct reading *r)
{
    if (!r->flows)
        r->flows = stream_new();
    struct flow_stream *s = r->flows;
    set_columns(r, s);
    uint64_t before = s->others;
    status st = add_text(r, s);
    if (st == ST_OK && s->others > before)
        dataset_note(r->d, "records that are no flows left out");
    return st;
}
