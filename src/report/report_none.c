/* SPDX-License-Identifier: Apache-2.0 */
#include "report/report_int.h"

const struct report_ops report_none = {.name = "none"};
