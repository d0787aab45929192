/* SPDX-License-Identifier: Apache-2.0 */
#include "app/check.h"

#include "net/tls.h"
#include "os/file.h"

struct check {
    void (*tell)(const char *text);
    size_t wrong;
};

static void keep(struct check *k, const char *key, status s, struct error *err)
{
    if (s == ST_OK)
        return;
    (void)fail_prefix(err, s, "'%s'", key);
    k->tell(err->text);
    k->wrong++;
}

static void check_paths(struct check *k, const char *key, const struct config_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        struct file_info info;
        struct error err;
        keep(k, key, file_stat(l->at[i], &info, &err), &err);
    }
}

/* As the service does, which refuses a key that others can read. */
static void check_tls(struct check *k, const struct config *c)
{
    struct tls_context *tls = NULL;
    struct error err;
    struct tls_options o = {.certificate = c->tls_certificate,
                            .key = c->tls_key,
                            .client_ca = *c->tls_client_ca ? c->tls_client_ca : NULL};
    if (!*c->tls_certificate)
        return;
    keep(k, "tls", tls_context_new(&o, &tls, &err), &err);
    tls_context_unref(tls);
}

static void check_address(struct check *k, const char *key, const char *text)
{
    char host[ADDRESS_MAX];
    uint16_t port;
    struct error err;
    if (*text)
        keep(k, key, config_address(text, host, sizeof host, &port, &err), &err);
}

status config_check_files(const struct config *c, void (*tell)(const char *text), struct error *err)
{
    struct check k = {.tell = tell};
    check_paths(&k, "rules", &c->rules);
    check_paths(&k, "intel", &c->intel);
    check_paths(&k, "allow", &c->allow);
    check_paths(&k, "yara", &c->yara);
    check_tls(&k, c);
    check_address(&k, "syslog.udp", c->syslog_udp);
    check_address(&k, "syslog.tcp", c->syslog_tcp);
    check_address(&k, "syslog.tls", c->syslog_tls);
    if (k.wrong)
        return fail(err, ST_INVALID, "%zu %s", k.wrong,
                    k.wrong == 1 ? "setting does not hold" : "settings do not hold");
    return ST_OK;
}
