/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "codec/url.h"
#include "crypto/crypto.h"
#include "ml/oip.h"
#include "ml/remote_int.h"
#include "os/file.h"

#include <math.h>

enum { TIMEOUT_MS = 1000, ROWS = 256, ANSWER_MAX = 16 << 20, FILE_ROOM = 128 * 1024 };

/* ---- options ---- */

static status keep_name(str given, const char *otherwise, const char *what,
                        char out[static REMOTE_NAME_MAX], struct error *err)
{
    str name = given.n ? given : str_z(otherwise);
    if (name.n >= REMOTE_NAME_MAX)
        return fail(err, ST_INVALID, "remote: %s is longer than %d bytes", what,
                    REMOTE_NAME_MAX - 1);
    memcpy(out, name.p, name.n);
    out[name.n] = '\0';
    return ST_OK;
}

/* /v2/models/NAME[/versions/VERSION]/infer */
static status make_path(struct exchange *x, const struct remote_model_options *o, struct error *err)
{
    struct sbuf path;
    sbuf_init(&path, REMOTE_PATH_MAX - 1);
    sbuf_addz(&path, "/v2/models/");
    url_encode(&path, o->model);
    if (o->version.n) {
        sbuf_addz(&path, "/versions/");
        url_encode(&path, o->version);
    }
    sbuf_addz(&path, "/infer");
    bool fits = o->model.n && !path.full;
    if (fits)
        memcpy(x->path, path.p, path.n + 1);
    sbuf_done(&path);
    return fits ? ST_OK
                : fail(err, ST_INVALID,
                       "remote: expected a model's name of 1 to 128 bytes, not '" STR_FMT "'",
                       STR_ARG(str_head(o->model, 40)));
}

/* A file's name and nothing else: not a way out of the folder. */
static bool is_file_name(str s)
{
    return s.n && s.n < REMOTE_NAME_MAX && s.p[0] != '.' && str_find(s, '/') == s.n &&
           !memchr(s.p, 0, s.n);
}

static status read_key(const char *keys, str name, struct sbuf *out, struct error *err)
{
    struct sbuf path;
    if (!is_file_name(name))
        return fail(err, ST_INVALID,
                    "remote: a key is named by a file's name, not by '" STR_FMT "'",
                    STR_ARG(str_head(name, 40)));
    if (!keys)
        return fail(err, ST_FORBIDDEN, "remote: there is no folder of keys here");
    sbuf_init(&path, 4096);
    sbuf_addf(&path, "%s/" STR_FMT, keys, STR_ARG(name));
    status st = path.full ? fail(err, ST_LIMIT, "remote: the path of a key is too long")
                          : file_read_all(path.p, out, err);
    sbuf_done(&path);
    if (st == ST_OK && (str_trim(sbuf_str(out)).n == 0 || out->n > REMOTE_KEY_MAX))
        st = fail(err, ST_INVALID, "remote: the key '" STR_FMT "' holds 1 to %d bytes",
                  STR_ARG(name), REMOTE_KEY_MAX);
    return st;
}

static status use_key(struct exchange *x, const char *keys, const struct remote_model_options *o,
                      struct error *err)
{
    struct sbuf key, line;
    sbuf_init(&key, FILE_ROOM);
    sbuf_init(&line, REMOTE_KEY_MAX + REMOTE_NAME_MAX);
    status st = read_key(keys, o->key, &key, err);
    str value = st == ST_OK ? str_trim(sbuf_str(&key)) : (str){0};
    if (st == ST_OK && o->key_header.n)
        sbuf_addf(&line, STR_FMT ": ", STR_ARG(str_head(o->key_header, REMOTE_NAME_MAX - 2)));
    sbuf_add(&line, value);
    if (st == ST_OK && o->key_header.n) {
        x->header = mem_zero(line.n + 1);
        memcpy(x->header, line.p, line.n);
    } else if (st == ST_OK) {
        st = client_set_bearer(x->client, line.p, err);
    }
    if (key.p)
        crypto_wipe(key.p, key.n);
    if (line.p)
        crypto_wipe(line.p, line.n);
    sbuf_done(&key);
    sbuf_done(&line);
    return st;
}

status exchange_init(struct exchange *x, const char *keys, const struct remote_model_options *o,
                     struct error *err)
{
    struct sbuf url;
    *x = (struct exchange){.rows = o->rows ? o->rows : ROWS, .missing = o->missing};
    if (x->rows > REMOTE_ROWS_MAX)
        x->rows = REMOTE_ROWS_MAX;
    sbuf_init(&url, 1024);
    sbuf_add(&url, o->url);
    struct client_options c = {.base_url = url.n && !url.full ? url.p : "",
                               .timeout_ms = o->timeout_ms ? o->timeout_ms : TIMEOUT_MS,
                               .answer_bytes = ANSWER_MAX};
    status st = make_path(x, o, err);
    if (st == ST_OK)
        st = keep_name(o->input, "x", "the name of the input", x->input, err);
    if (st == ST_OK)
        st = keep_name(o->output, "", "the name of the output", x->output, err);
    if (st == ST_OK)
        st = client_new(&c, &x->client, err);
    sbuf_done(&url);
    return st == ST_OK && o->key.n ? use_key(x, keys, o, err) : st;
}

void exchange_done(struct exchange *x)
{
    client_free(x->client);
    if (x->header)
        crypto_wipe(x->header, strlen(x->header));
    mem_free(x->header);
    *x = (struct exchange){0};
}

/* ---- one exchange ---- */

static void write_rows(const struct exchange *x, const float *row, size_t n, size_t d,
                       float *scratch, struct sbuf *out)
{
    for (size_t i = 0; i < n * d; i++)
        scratch[i] = isnan(row[i]) ? x->missing : row[i];
    struct oip_tensor in = {.name = str_z(x->input),
                            .type = OIP_FP32,
                            .shape = {n, d},
                            .dims = 2,
                            .count = n * d,
                            .number = scratch};
    struct oip_message m = {.tensor = &in, .tensors = 1};
    if (x->output[0])
        m.wanted[m.wanteds++] = str_z(x->output);
    oip_write_request(&m, out);
}

/* The tensor that we asked for, of a value, or of some values of which the last counts, for each row. */
static status take_scores(const struct exchange *x, const struct oip_message *m, size_t n,
                          float *out, struct error *err)
{
    const struct oip_tensor *t = NULL;
    for (size_t i = 0; i < m->tensors && !t; i++)
        if (!x->output[0] || str_eq(m->tensor[i].name, str_z(x->output)))
            t = &m->tensor[i];
    if (!t)
        return fail(err, ST_INVALID, "the answer has no tensor '%s'", x->output);
    if (!t->number || t->dims < 1 || t->shape[0] != n || t->count < n || t->count % n)
        return fail(err, ST_INVALID, "the answer's tensor does not hold numbers for %zu rows", n);
    size_t each = t->count / n;
    for (size_t i = 0; i < n; i++) {
        float score = t->number[i * each + each - 1];
        if (!isfinite(score))
            return fail(err, ST_INVALID, "the answer holds what is no finite number");
        out[i] = score;
    }
    return ST_OK;
}

static status read_scores(const struct exchange *x, const struct client_answer *a, size_t n,
                          float *out, struct error *err)
{
    struct arena arena;
    struct oip_message m;
    arena_init(&arena, 4 * (size_t)ANSWER_MAX);
    status st;
    if (a->status != 200) {
        str why = oip_read_error(a->body, &arena);
        st = fail(err, ST_UNAVAILABLE, "the server answers %d: " STR_FMT, a->status,
                  STR_ARG(str_head(why, 100)));
    } else {
        st = oip_read_answer(a->body, (str){0}, &arena, &m, err);
        if (st == ST_OK)
            st = take_scores(x, &m, n, out, err);
    }
    arena_done(&arena);
    return st;
}

static status ask(struct exchange *x, str body, size_t n, float *out, struct error *err)
{
    const char *const headers[] = {x->header, NULL};
    struct client_answer a;
    status st = client_ask(x->client, "POST", x->path, "application/json", body, headers, &a, err);
    return st == ST_OK ? read_scores(x, &a, n, out, err) : st;
}

status exchange_rows(struct exchange *x, const float *row, size_t n, size_t d, float *out,
                     struct error *err)
{
    struct sbuf body;
    status st = ST_OK;
    size_t most = n < x->rows ? n : x->rows;
    float *scratch = mem_array(float, most *d + 1);
    sbuf_init(&body, (size_t)64 << 20);
    for (size_t i = 0; i < n && st == ST_OK; i += most) {
        size_t some = n - i < most ? n - i : most;
        sbuf_clear(&body);
        write_rows(x, row + i * d, some, d, scratch, &body);
        st = body.full ? fail(err, ST_LIMIT, "the rows are too long to be asked for at once")
                       : ask(x, sbuf_str(&body), some, out + i, err);
    }
    sbuf_done(&body);
    mem_free(scratch);
    return st;
}
