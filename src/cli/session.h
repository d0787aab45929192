/* SPDX-License-Identifier: Apache-2.0 */
/* session.h - for files in cli/ only: which service one is logged in to, between two commands.
 *
 * A JSON file in the user's configuration folder, 0600; $BGUARD_SERVER and $BGUARD_TOKEN win over it. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "base/arena.h"
#include "base/status.h"

struct session {
    str server, ca, access, refresh; /* in the arena; may be empty */
    bool from_environment;           /* the token is $BGUARD_TOKEN: nothing to refresh or forget */
};

/* What is remembered; all empty when nothing is.  ST_FORBIDDEN: others can read the file. */
CHECKED status session_read(struct session *s, struct arena *a, struct error *err);
/* Written beside and moved there. */
CHECKED status session_write(const struct session *s, struct error *err);
/* Held while a token is renewed, so that of several commands whose token is over one does it and the others read
 * what it got: a refresh token shown twice ends the session.  -1: there is no place for it, and nothing is held. */
int session_lock(void);
void session_unlock(int lock);
CHECKED status session_forget(struct error *err);

#endif
