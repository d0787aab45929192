/* SPDX-License-Identifier: Apache-2.0 */
/* session_int.h - between login.c and session.c. */
#ifndef IDENTITY_SESSION_INT_H
#define IDENTITY_SESSION_INT_H

#include "identity/identity_int.h"
#include "os/clock.h"

struct login {
    str name, password, address, agent;
    int64_t now_ms;
};

/* A session of its own and the first tokens of it. */
CHECKED status session_begin(struct identity *i, struct arena *a, const struct user_record *u,
                             const struct login *l, struct tokens *out, struct error *err);

#endif
