/* SPDX-License-Identifier: Apache-2.0 */
/* oip.h - messages of the Open Inference Protocol, version 2 (KServe, Triton, MLServer…), over HTTP.
 *
 *   request  {"id", "inputs":  [{"name", "shape", "datatype", "data"}], "outputs": [{"name"}]}
 *   answer   {"model_name", "model_version", "id", "outputs": [tensor…]}
 *   error    {"error": "…"}
 *
 * Source: open-inference-protocol, specification/protocol/open_inference_rest.yaml; and for tensors as bytes behind
 * the JSON text (header Inference-Header-Content-Length) Triton's "binary tensor data extension".  Pure functions. */
#ifndef ML_OIP_H
#define ML_OIP_H

#include "base/arena.h"
#include "base/sbuf.h"
#include "base/status.h"

enum oip_type {
#define X(NAME, bytes) OIP_##NAME,
#include "ml/oip_type.def"
    OIP_TYPE_COUNT
};
const char *oip_type_name(enum oip_type t);

enum {
    OIP_DIMS_MAX = 8,
    OIP_TENSORS_MAX = 1024,
    OIP_ELEMENTS_MAX = 4 * 1024 * 1024, /* of all tensors of a message */
    OIP_NAME_MAX = 256
};

struct oip_tensor {
    str name;
    enum oip_type type;
    uint64_t shape[OIP_DIMS_MAX];
    size_t dims, count; /* count: the product of shape */
    float *number;      /* (count) of every type but BYTES; NaN: null, or NaN itself */
    str *text;          /* (count) of BYTES */
};
struct oip_message {
    str id, model, version; /* model and version: of answers; empty when they are not said */
    struct oip_tensor *tensor;
    size_t tensors;
    str wanted[16]; /* names of outputs that a request asks for; none: all */
    size_t wanteds;
    bool binary; /* a request wants its answer as bytes */
};
/* `text` is the JSON; `bytes` what stands behind it, empty when nothing does.  Everything in *out lives in `arena`.
 * ST_INVALID: "/inputs/0/data: …"; ST_LIMIT: larger than this takes; ST_UNSUPPORTED: shared memory, or an unknown datatype. */
CHECKED status oip_read_request(str text, str bytes, struct arena *arena, struct oip_message *out,
                                struct error *err);
CHECKED status oip_read_answer(str text, str bytes, struct arena *arena, struct oip_message *out,
                               struct error *err);
/* The text of {"error": "…"}, into `arena`; empty: it is none. */
str oip_read_error(str text, struct arena *arena);

void oip_write_request(const struct oip_message *m, struct sbuf *out);
/* `bytes` NULL: all is JSON; else the tensors' data go there. */
void oip_write_answer(const struct oip_message *m, struct sbuf *out, struct sbuf *bytes);

#endif
