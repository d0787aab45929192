/* SPDX-License-Identifier: Apache-2.0 */
/* explain_int.h - words for reasons. */
#ifndef ML_EXPLAIN_INT_H
#define ML_EXPLAIN_INT_H

#include "ml/model_int.h"

enum { REASON_WORDS = 256 };
/* "content sent: 4.1 MB, usually 12 kB" */
void value_words(const struct encoder_column *c, float value, char out[static REASON_WORDS]);
/* ST_LIMIT: not everything fitted into its arena. */
CHECKED status explained(const struct model_explanation *e, struct error *err);

#endif
