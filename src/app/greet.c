/* SPDX-License-Identifier: Apache-2.0 */
#include "app/service_int.h"

#include "cli/cli.h"
#include "os/log.h"
#include "os/terminal.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { STDERR_FD = 2 };

static void write_password(const struct service *s, str password)
{
    struct arena a;
    arena_init(&a, 1 << 16);
    const char *path = data_path(&s->data, &a, "first-password");
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    bool whole = fd >= 0 && write(fd, password.p, password.n) == (ssize_t)password.n &&
                 write(fd, "\n", 1) == 1 && fsync(fd) == 0;
    if (fd >= 0)
        (void)close(fd); /* synced: there is nothing left to fail */
    if (whole)
        cli_note("the password of the user admin is in %s; log in, change it and remove the file",
                 path);
    else
        cli_note("the password of the user admin could not be written to %s; remove the data "
                 "folder and start again, or set BGUARD_ADMIN_PASSWORD",
                 path ? path : s->data.path);
    arena_done(&a);
}

void greet_password(const struct service *s, str password)
{
    if (password.n == 0)
        return;
    if (!terminal_is(STDERR_FD)) {
        write_password(s, password);
        return;
    }
    fprintf(stderr,
            "\n  user      admin\n  password  " STR_FMT "\n\n  It is shown this once.  Next: "
            "bguard login\n\n",
            STR_ARG(password));
}

void greet_listening(const struct service *s)
{
    const struct config *c = s->config;
    bool v6 = strchr(c->host, ':') != NULL;
    cli_note("listening on %s://%s%s%s:%u, data in %s, %zu rules, %llu indicators",
             s->tls ? "https" : "http", v6 ? "[" : "", c->host, v6 ? "]" : "",
             (unsigned)servers_port(s), s->data.path, s->loaded.rules,
             (unsigned long long)s->loaded.indicators);
}
