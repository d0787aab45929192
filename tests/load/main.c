/* SPDX-License-Identifier: Apache-2.0 */
/* bgload - load for one's own server on this machine, and what came of it.
 *
 *   bgload http URL --connections N --seconds S [--rate R] [--post FILE --type T]
 *   bgload ws   URL --clients N --seconds S --token-file F --subscribe alerts [--stuck K]
 *   bgload idle URL --connections N --seconds S [--ask]
 *   bgload slow URL --kind head|body|read --connections N --seconds S
 *
 * For all: --header-file F (lines "Name: value", such as one with a token; arguments can be read by
 * everybody), --token-file F (sent as "Authorization: Bearer …"), --spread N (connect from 127.0.0.1
 * to 127.0.0.N in turn, IPv4 only), --json.
 *
 * What is measured: from the moment a request is due (http), or a message was published by the
 * server's "sent_us" (ws), until its last byte was read here; see http_load.c and ws_load.c.  One thread: on
 * a machine that the server shares, it takes its share of the processors.  It only talks to loopback
 * addresses, so that it cannot be turned on anybody else; plain, without TLS. */
#include "base/mem.h"
#include "codec/ip.h"
#include "codec/url.h"
#include "os/file.h"
#include "tests/load/load.h"

#include <signal.h>
#include <sys/resource.h>

enum { POST_MAX = 1 << 28, HEADERS_MAX = 1 << 20 };

static const struct {
    const char *name;
    status (*run)(struct load *l, struct error *err);
} kind_table[] = {{"http", http_load}, {"ws", ws_load}, {"idle", idle_load}, {"slow", slow_load}};

static status read_number(const char *name, const char *text, uint64_t *out, struct error *err)
{
    if (text && str_to_u64(str_z(text), out) && *out <= 10000000)
        return ST_OK;
    return fail(err, ST_INVALID, "%s wants a number, not '%s'", name, text ? text : "");
}

static status read_option(struct options *o, const char *name, const char *value, struct error *err)
{
    const struct {
        const char *name;
        uint64_t *to;
    } numbers[] = {{"--connections", &o->connections},
                   {"--clients", &o->connections},
                   {"--seconds", &o->seconds},
                   {"--rate", &o->rate},
                   {"--stuck", &o->stuck},
                   {"--spread", &o->spread}};
    const struct {
        const char *name;
        const char **to;
    } texts[] = {{"--post", &o->post},
                 {"--type", &o->type},
                 {"--header-file", &o->header_file},
                 {"--token-file", &o->token_file},
                 {"--subscribe", &o->subscribe},
                 {"--kind", &o->kind}};
    for (size_t i = 0; i < COUNT(numbers); i++)
        if (strcmp(numbers[i].name, name) == 0)
            return read_number(name, value, numbers[i].to, err);
    for (size_t i = 0; i < COUNT(texts); i++)
        if (strcmp(texts[i].name, name) == 0) {
            *texts[i].to = value;
            return value ? ST_OK : fail(err, ST_INVALID, "%s wants a value", name);
        }
    return fail(err, ST_INVALID, "there is no option '%s'", name);
}

static status read_options(int argc, char **argv, struct options *o, struct error *err)
{
    status st = ST_OK;
    *o = (struct options){.connections = 10, .seconds = 10, .spread = 1};
    for (int i = 2; i < argc && st == ST_OK; i++) {
        if (strcmp(argv[i], "--json") == 0)
            o->json = true;
        else if (strcmp(argv[i], "--ask") == 0)
            o->ask = true;
        else if (str_starts(str_z(argv[i]), STR("--"))) {
            st = read_option(o, argv[i], i + 1 < argc ? argv[i + 1] : NULL, err);
            i++;
        } else if (!o->url)
            o->url = argv[i];
        else
            st = fail(err, ST_INVALID, "one URL, not also '%s'", argv[i]);
    }
    if (st == ST_OK && (!o->url || !o->connections || !o->seconds || !o->spread || o->spread > 250))
        st = fail(err, ST_INVALID,
                  "a URL, and at least one connection and second, and at most 250 "
                  "addresses to spread over");
    return st;
}

/* Loopback only, and as a number: a name could lead anywhere. */
static status read_url(struct load *l, const char *url, struct error *err)
{
    str rest = str_z(url), host, port = STR("80");
    struct ip ip;
    uint64_t number = 0;
    if (!str_starts(rest, STR("http://")) && !str_starts(rest, STR("ws://")))
        return fail(err, ST_INVALID, "'%s' does not begin with http:// or ws://", url);
    rest = str_from(rest, str_find(rest, '/') + 2);
    str authority = str_head(rest, str_find(rest, '/'));
    str path = str_from(rest, authority.n);
    sbuf_add(&l->host, authority);
    size_t colon = authority.n;
    while (colon && authority.p[colon - 1] != ':' && authority.p[colon - 1] != ']')
        colon--;
    bool has_port = colon && authority.p[colon - 1] == ':';
    host = has_port ? str_head(authority, colon - 1) : authority;
    if (has_port)
        port = str_from(authority, colon);
    if (str_eq(host, STR("localhost")))
        host = STR("127.0.0.1");
    sbuf_add(&l->path, path.n ? path : STR("/"));

    static const struct ip six = {.byte = {[15] = 1}, .v6 = true};
    if (!ip_parse(host, &ip) || !(ip.v6 ? ip_eq(&ip, &six) : ip_v4(&ip) >> 24 == 127))
        return fail(err, ST_FORBIDDEN, "'" STR_FMT "' is no loopback address", STR_ARG(host));
    if (!str_to_u64(port, &number) || number == 0 || number > 65535)
        return fail(err, ST_INVALID, "'" STR_FMT "' is no port", STR_ARG(port));
    char text[IP_TEXT_MAX];
    (void)ip_format(&ip, text);
    int rc = ip.v6 ? uv_ip6_addr(text, (int)number, (struct sockaddr_in6 *)&l->address)
                   : uv_ip4_addr(text, (int)number, (struct sockaddr_in *)&l->address);
    return rc == 0 ? ST_OK : fail(err, ST_INVALID, "'%s': %s", text, uv_strerror(rc));
}

/* Lines of a file as header lines. */
static status read_headers(struct load *l, const struct options *o, struct error *err)
{
    struct sbuf file;
    status st = ST_OK;
    sbuf_init(&file, HEADERS_MAX);
    if (o->header_file)
        st = file_read_all(o->header_file, &file, err);
    for (str rest = sbuf_str(&file); st == ST_OK && rest.p && rest.n;) {
        str line = str_trim(str_cut(&rest, '\n'));
        if (line.n) {
            sbuf_add(&l->headers, line);
            sbuf_addz(&l->headers, "\r\n");
        }
    }
    sbuf_clear(&file);
    if (st == ST_OK && o->token_file) {
        st = file_read_all(o->token_file, &file, err);
        sbuf_addz(&l->headers, "Authorization: Bearer ");
        sbuf_add(&l->headers, str_trim(sbuf_str(&file)));
        sbuf_addz(&l->headers, "\r\n");
    }
    sbuf_done(&file);
    return st;
}

static status prepare(struct load *l, const struct options *o, struct error *err)
{
    sbuf_init(&l->host, 1024);
    sbuf_init(&l->path, 1 << 16);
    sbuf_init(&l->headers, HEADERS_MAX);
    sbuf_init(&l->body, POST_MAX);
    l->options = o;
    status st = read_url(l, o->url, err);
    if (st == ST_OK)
        st = read_headers(l, o, err);
    if (st == ST_OK && o->post)
        st = file_read_all(o->post, &l->body, err);
    return st;
}

static void allow_many_files(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &r); /* or fewer connections will open, which is told */
    }
}

int main(int argc, char **argv)
{
    struct options o;
    struct load l = {0};
    struct error err = {0};
    status st = ST_INVALID;
    size_t kind = 0;
    while (kind < COUNT(kind_table) && (argc < 2 || strcmp(argv[1], kind_table[kind].name) != 0))
        kind++;
    if (kind == COUNT(kind_table)) {
        (void)fputs(
            "usage: bgload http|ws|idle|slow URL [options]; see the head of tests/load/main.c\n",
            stderr);
        return status_exit(st);
    }
    (void)signal(SIGPIPE, SIG_IGN);
    allow_many_files();
    st = read_options(argc, argv, &o, &err);
    if (st == ST_OK)
        st = prepare(&l, &o, &err);
    if (st == ST_OK)
        st = kind_table[kind].run(&l, &err);
    if (st != ST_OK)
        (void)fprintf(stderr, "bgload: %s\n", err.text);
    sbuf_done(&l.host);
    sbuf_done(&l.path);
    sbuf_done(&l.headers);
    sbuf_done(&l.body);
    mem_free(l.conn);
    return status_exit(st);
}
