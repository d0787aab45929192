/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset/dataset_int.h"

status read_flows(struct reading *r)
{
    return fail(r->err, ST_UNSUPPORTED, "'%s': flow records cannot be read yet", r->path);
}
