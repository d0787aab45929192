/* SPDX-License-Identifier: Apache-2.0 */
/* models.h - for files in api/ only: what the routes of models share. */
#ifndef API_MODELS_H
#define API_MODELS_H

#include "api/api_int.h"
#include "api/jobs.h"
#include "api/threat.h"
#include "ml/shelf.h"

/* NULL: there is none, and 503 was answered. */
struct shelf *models_shelf(struct api_call *c);
/* By name and version ("" or "live": the live one); a reference for the caller.  False: it was answered.  May block. */
bool models_find(struct api_call *c, str name, str version, struct loaded_model **out);
/* What is in use by the registry now is what the engine scores with.  May block. */
CHECKED status models_apply(struct api *a, struct error *err);
/* How each model in use does, for /metrics. */
void models_metrics(struct api *a, struct sbuf *out);

/* ---- res_jobs.c ---- */

/* What a model may be and what it may learn from, for schemas; each ends with NULL. */
extern const char *const training_kinds[], *const training_formats[];
/* NULL: there are none, and 503 was answered. */
struct jobs *models_jobs(struct api_call *c);
void job_answer(struct api_call *c, const struct job_record *r, int http);
/* For the audit log: JSON. */
str job_detail(struct api_call *c, const struct job_record *r);
/* Would the training ask another server? */
bool job_asks_a_server(const struct job_request *r);
/* A request's `data` as a path below the folder `training`.  ST_INVALID: it leads elsewhere. */
CHECKED status training_path(struct api_call *c, str data, str *out, struct error *err);

/* ---- models_json.c: scores in the answers of other routes ---- */

extern const struct schema schema_model_score;
/* One object: name, version, score, threshold, alarm, reasons.  `event` UINT32_MAX: not said. */
void model_score_write(struct json_out *o, const struct model_score *s, uint32_t event);

/* What the models in use make of the connections of a request; nobody's windows are touched. */
struct request_scores {
    struct model_set *set;      /* owned reference */
    struct model_scores scored; /* in c->arena */
};
void request_scores_run(struct request_scores *s, struct api_call *c, struct events *e);
void request_scores_done(struct request_scores *s); /* safe when zeroed */
/* "models": […] of at most `most`: all, or the alarms when all are more; `event` is the number of the connection. */
void request_scores_write(const struct request_scores *s, struct json_out *o, size_t most);

#endif
