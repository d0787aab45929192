/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/library_int.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static struct library library;
static char problem[160]; /* empty: it is there */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
    static const char *const names[] = {"libxgboost.so.0", "libxgboost.so"};
    /* Its threads wait for each other by spinning, which on a machine that has other things to do makes training ten
     * times slower.  OpenMP reads this once, when it is loaded. */
    (void)setenv("OMP_WAIT_POLICY", "passive", 0);
    void *handle = NULL;
    for (size_t i = 0; i < COUNT(names) && !handle; i++)
        handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        (void)snprintf(problem, sizeof problem, "%s", dlerror());
        return;
    }
#define X(name)                                                                                    \
    *(void **)&library.name = dlsym(handle, #name);                                                \
    if (!library.name)                                                                             \
        (void)snprintf(problem, sizeof problem, "it has no %s", #name);
    XGBOOST_CALLS(X)
#undef X
}

status library_get(const struct library **out, struct error *err)
{
    (void)pthread_once(&once, load); /* fails only for a control that is none */
    if (problem[0])
        return fail(err, ST_UNAVAILABLE,
                    "training needs XGBoost's library; install the package libxgboost0 (%s)",
                    problem);
    *out = &library;
    return ST_OK;
}
