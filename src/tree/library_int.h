/* SPDX-License-Identifier: Apache-2.0 */
/* library_int.h - XGBoost's C library, loaded when somebody trains and not before
 * (docs/decisions/011-xgboost-when-training.md).  For files in tree/ only. */
#ifndef TREE_LIBRARY_INT_H
#define TREE_LIBRARY_INT_H

#include "base/status.h"

#include <xgboost/c_api.h>

#define XGBOOST_CALLS(X)                                                                           \
    X(XGBGetLastError)                                                                             \
    X(XGDMatrixCreateFromMat)                                                                      \
    X(XGDMatrixSetFloatInfo)                                                                       \
    X(XGDMatrixFree)                                                                               \
    X(XGBoosterCreate)                                                                             \
    X(XGBoosterFree)                                                                               \
    X(XGBoosterSetParam)                                                                           \
    X(XGBoosterUpdateOneIter)                                                                      \
    X(XGBoosterEvalOneIter)                                                                        \
    X(XGBoosterLoadModelFromBuffer)                                                                \
    X(XGBoosterSaveModelToBuffer)

struct library {
#define X(name) __typeof__(name) *name;
    XGBOOST_CALLS(X)
#undef X
};

/* Loaded once for the process, and kept.  Any thread.  ST_UNAVAILABLE: which package to install. */
CHECKED status library_get(const struct library **out, struct error *err);

#endif
