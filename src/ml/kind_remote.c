/* SPDX-License-Identifier: Apache-2.0 */
/* A model on a server of the Open Inference Protocol.  Nothing is learned here but the calibration and the threshold: a
 * server's scores of the training rows are turned to probabilities like any other model's.
 *
 * The file holds where and how to ask, and the name of a key, never the key.  Whoever loads it decides which servers may
 * be asked (struct model_host); of another one its score is missing, as it is when the server does not answer in time. */
#include "base/mem.h"
#include "ml/bytes.h"
#include "ml/model_int.h"
#include "ml/remote.h"

#include <math.h>

enum { TEXT_MAX = 1024, TRAIN_WAIT_MS = 120000 };
enum {
    OPTION_URL,
    OPTION_MODEL,
    OPTION_VERSION,
    OPTION_KEY,
    OPTION_KEY_HEADER,
    OPTION_INPUT,
    OPTION_OUTPUT,
    OPTION_TIMEOUT,
    OPTION_ROWS,
    OPTION_MISSING,
    OPTIONS,
    TEXTS = OPTION_OUTPUT + 1
};
static const struct model_option options[OPTIONS] = {
    [OPTION_URL] = {"url", "of the server, http://127.0.0.1:8080", 0, 0, 0, false},
    [OPTION_MODEL] = {"model", "its name there", 0, 0, 0, false},
    [OPTION_VERSION] = {"version", "of it; none: the server's choice", 0, 0, 0, false},
    [OPTION_KEY] = {"key", "file's path in training; its name in the folder models.keys later", 0,
                    0, 0, false},
    [OPTION_KEY_HEADER] = {"key_header", "header of the key; none: Authorization: Bearer", 0, 0, 0,
                           false},
    [OPTION_INPUT] = {"input", "name of the tensor that is sent; x", 0, 0, 0, false},
    [OPTION_OUTPUT] = {"output", "name of the tensor that counts; the first", 0, 0, 0, false},
    [OPTION_TIMEOUT] = {"timeout_ms", "of one exchange", 1, 600000, 1000, true},
    [OPTION_ROWS] = {"rows", "of one exchange", 1, REMOTE_ROWS_MAX, 256, true},
    [OPTION_MISSING] = {"missing", "sent for a missing value; not given: null", -1e30, 1e30, NAN,
                        false},
};

struct part {
    struct remote_model *remote; /* owned; NULL: nobody may or can be asked */
    struct model_host *own;      /* owned; in training */
    char *text[TEXTS];           /* owned */
    uint32_t timeout_ms, rows;
    float missing;
};

static void part_free(void *arg)
{
    struct part *p = arg;
    if (!p)
        return;
    remote_model_close(p->remote);
    model_host_free(p->own);
    for (size_t i = 0; i < TEXTS; i++)
        mem_free(p->text[i]);
    mem_free(p);
}

static char *copied(str s)
{
    char *z = mem_zero(s.n + 1);
    if (s.n)
        memcpy(z, s.p, s.n);
    return z;
}

/* The file's own name, whatever folder it was in. */
static str last_of(str path)
{
    for (size_t i = path.n; i-- > 0;)
        if (path.p[i] == '/')
            return str_from(path, i + 1);
    return path;
}

static struct remote_model_options terms_of(const struct part *p)
{
    return (struct remote_model_options){.url = str_z(p->text[OPTION_URL]),
                                         .model = str_z(p->text[OPTION_MODEL]),
                                         .version = str_z(p->text[OPTION_VERSION]),
                                         .key = last_of(str_z(p->text[OPTION_KEY])),
                                         .key_header = str_z(p->text[OPTION_KEY_HEADER]),
                                         .input = str_z(p->text[OPTION_INPUT]),
                                         .output = str_z(p->text[OPTION_OUTPUT]),
                                         .timeout_ms = p->timeout_ms,
                                         .rows = p->rows,
                                         .missing = p->missing};
}

/* Whoever trains says himself which server that is, and where the key lies. */
static status open_for_training(struct part *p, struct error *err)
{
    const char *allowed[] = {p->text[OPTION_URL]};
    str key = str_z(p->text[OPTION_KEY]), name = last_of(key);
    char *folder = copied(name.n < key.n ? str_head(key, key.n - name.n) : STR("."));
    p->own = model_host_new(&(struct model_host_options){.allowed = allowed,
                                                         .allowed_count = 1,
                                                         .keys = folder,
                                                         .wait_ms = TRAIN_WAIT_MS,
                                                         .failures = 1});
    struct remote_model_options o = terms_of(p);
    status st = remote_model_open(p->own, &o, &p->remote, err);
    mem_free(folder);
    return st;
}

/* One row, so that a server that does not answer is told at once and in its words. */
static status try_it(struct part *p, const struct model *m, const float *x, struct error *err)
{
    float score;
    size_t d = m->encoder.width;
    if (remote_model_score(p->remote, x, 1, d, d, &score) == REMOTE_ANSWERED)
        return ST_OK;
    struct remote_model_stats s = remote_model_stats(p->remote);
    return fail(err, ST_UNAVAILABLE, "remote: %s", s.why);
}

static status train(struct model *m, const struct fit *f, struct error *err)
{
    struct part *p = mem_new(struct part);
    const struct options *o = &f->options;
    m->part = p;
    for (size_t i = 0; i < TEXTS; i++)
        p->text[i] = copied(o->text[i]);
    p->timeout_ms = (uint32_t)o->number[OPTION_TIMEOUT];
    p->rows = (uint32_t)o->number[OPTION_ROWS];
    p->missing = o->given[OPTION_MISSING] ? (float)o->number[OPTION_MISSING] : NAN;
    status st = open_for_training(p, err);
    struct rows first = {f->train.index, 1};
    float *x = st == ST_OK && f->train.n ? encoder_rows(&m->encoder, f->d, first.index, 1) : NULL;
    if (x)
        st = try_it(p, m, x, err);
    mem_free(x);
    sbuf_addf(f->parameters, "url=%s model=%s", p->text[OPTION_URL], p->text[OPTION_MODEL]);
    return st;
}

static struct answered score(const struct model *m, void *own, const float *x, size_t n, float *raw)
{
    const struct part *p = m->part;
    size_t d = m->encoder.width;
    (void)own;
    bool answered = p->remote && remote_model_score(p->remote, x, n, d, d, raw) == REMOTE_ANSWERED;
    return answered ? (struct answered){1, 0} : (struct answered){0, 1};
}

static void write(const struct model *m, struct sbuf *out)
{
    const struct part *p = m->part;
    for (size_t i = 0; i < TEXTS; i++)
        put_text(out, i == OPTION_KEY ? last_of(str_z(p->text[i])) : str_z(p->text[i]));
    put_u32(out, p->timeout_ms);
    put_u32(out, p->rows);
    put_f32(out, p->missing);
}

static bool has_no_nul(str s)
{
    return !s.n || !memchr(s.p, 0, s.n);
}

static status read(struct model *m, str bytes, struct model_host *host, struct error *err)
{
    struct reader r = reader_of(bytes);
    struct part *p = mem_new(struct part);
    bool clean = true;
    m->part = p;
    for (size_t i = 0; i < TEXTS; i++) {
        str text = rd_text(&r, TEXT_MAX);
        clean = clean && has_no_nul(text);
        p->text[i] = copied(text);
    }
    p->timeout_ms = rd_count(&r, 600000);
    p->rows = rd_count(&r, REMOTE_ROWS_MAX);
    p->missing = rd_f32(&r);
    if (!r.ok || rd_left(&r) || !clean || isinf(p->missing))
        return fail(err, ST_INVALID, "where to ask the remote model cannot be read");
    struct remote_model_options o = terms_of(p);
    /* A server that may not be asked, or a key that is not here: the model is there, its score is missing. */
    if (host && remote_model_open(host, &o, &p->remote, NULL) != ST_OK)
        p->remote = NULL;
    return ST_OK;
}

const struct model_ops model_REMOTE = {
    .style = ENCODE_RAW,
    .calibration = CALIBRATION_ISOTONIC,
    .option = options,
    .options = OPTIONS,
    .train = train,
    .score = score,
    .write = write,
    .read = read,
    .free = part_free,
};
