/* SPDX-License-Identifier: Apache-2.0 */
#include "net/client.h"
#include "os/thread.h"
#include "tests/folder.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a server: one thread, one request a connection, answers by path ---- */

struct server {
    struct thread thread;
    int fd, stop[2];
    uint16_t port;
    char url[64];
};
static struct server server;

static int listen_on_loopback(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&at, n) == 0 && listen(fd, 16) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static void put(int fd, str s)
{
    while (s.n) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        s = str_from(s, (size_t)n);
    }
}

/* Read until `mark` was seen, or the end. */
static void get_until(int fd, struct sbuf *in, str mark)
{
    ssize_t n = 1;
    while (n > 0 && !str_contains(sbuf_str(in), mark)) {
        char *p = sbuf_space(in, 4096);
        n = p ? recv(fd, p, 4096, 0) : 0;
        sbuf_grew(in, n > 0 ? (size_t)n : 0);
    }
}

static void answer(int fd, const char *head, str body)
{
    struct sbuf out;
    sbuf_init(&out, 1 << 24);
    sbuf_addf(&out, "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", head,
              body.n);
    sbuf_add(&out, body);
    put(fd, sbuf_str(&out));
    sbuf_done(&out);
}

static void answer_by_path(int fd, struct sbuf *in)
{
    static const char large[100000] = "x";
    str path = sbuf_str(in);
    (void)str_cut(&path, ' ');
    path = str_cut(&path, ' ');
    if (str_starts(path, STR("/missing")))
        answer(fd, "404 Not Found\r\nContent-Type: application/problem+json",
               STR("{\"status\":404}"));
    else if (str_starts(path, STR("/large")))
        answer(fd, "200 OK", (str){large, sizeof large});
    else if (str_starts(path, STR("/away")))
        answer(fd, "302 Found\r\nLocation: http://127.0.0.1:1/", (str){"", 0});
    else if (str_starts(path, STR("/refuse")))
        answer(fd, "413 Content Too Large", STR("too much"));
    else if (str_starts(path, STR("/never")))
        get_until(fd, in, STR("there is no such thing"));
    else if (!str_starts(path, STR("/silent")))
        answer(fd, "200 OK\r\nContent-Type: text/plain\r\nX-Request-Id: id-7", sbuf_str(in));
}

static void serve(void *arg)
{
    struct server *s = arg;
    for (;;) {
        struct pollfd p[2] = {{.fd = s->fd, .events = POLLIN},
                              {.fd = s->stop[0], .events = POLLIN}};
        if (poll(p, 2, -1) < 0 || p[1].revents)
            return;
        int fd = accept(s->fd, NULL, NULL);
        struct sbuf in;
        sbuf_init(&in, 1 << 24);
        get_until(fd, &in, STR("\r\n\r\n"));
        if (str_icontains(sbuf_str(&in), STR("transfer-encoding: chunked")) &&
            !str_contains(sbuf_str(&in), STR("/refuse")))
            get_until(fd, &in, STR("\r\n0\r\n\r\n"));
        else if (str_contains(sbuf_str(&in), STR("Content-Length: ")))
            get_until(fd, &in, STR("THE END"));
        answer_by_path(fd, &in);
        shutdown(fd, SHUT_WR);
        get_until(fd, &in, STR("there is no such thing"));
        close(fd);
        sbuf_done(&in);
    }
}

static int start(void **state)
{
    server.fd = listen_on_loopback(&server.port);
    (void)snprintf(server.url, sizeof server.url, "http://127.0.0.1:%u", server.port);
    if (pipe2(server.stop, O_CLOEXEC) != 0)
        return -1;
    return thread_start(&server.thread, "server", serve, &server, NULL) == ST_OK
               ? folder_make(state)
               : -1;
}

static int stop(void **state)
{
    close(server.stop[1]);
    thread_join(&server.thread);
    close(server.stop[0]);
    close(server.fd);
    return folder_remove(state);
}

/* ---- asking it ---- */

static struct client *client_for(struct client_options options)
{
    struct client *c = NULL;
    struct error err = {0};
    if (!options.base_url)
        options.base_url = server.url;
    if (client_new(&options, &c, &err) != ST_OK)
        fail_msg("%s", err.text);
    return c;
}

static struct client_answer ask(struct client *c, const char *method, const char *path, str body)
{
    struct client_answer a = {0};
    struct error err = {0};
    if (client_ask(c, method, path, "text/plain", body, NULL, &a, &err) != ST_OK)
        fail_msg("%s", err.text);
    return a;
}

static void tells_status_type_id_and_body(void **state)
{
    struct client *c = client_for((struct client_options){0});
    struct client_answer a = ask(c, "GET", "/x?y=1", (str){NULL, 0});
    assert_int_equal(a.status, 200);
    assert_true(str_eq(a.content_type, STR("text/plain")));
    assert_true(str_eq(a.request_id, STR("id-7")));
    assert_true(str_starts(a.body, STR("GET /x?y=1 HTTP/1.1\r\n")));
    a = ask(c, "HEAD", "/x", (str){NULL, 0});
    assert_true(a.status == 200 && a.body.n == 0);
    a = ask(c, "DELETE", "/x", (str){NULL, 0});
    assert_true(str_starts(a.body, STR("DELETE /x HTTP/1.1\r\n")));
    client_free(c);
}

static void sends_method_body_type_token_and_headers(void **state)
{
    const char *const headers[] = {"X-Small: thing", NULL};
    struct client_answer a;
    struct client *c = client_for((struct client_options){.bearer = "t0ken"});
    assert_int_equal(
        client_ask(c, "PUT", "/x", "application/json", STR("{} THE END"), headers, &a, NULL),
        ST_OK);
    assert_true(str_starts(a.body, STR("PUT /x ")) && str_ends(a.body, STR("\r\n\r\n{} THE END")));
    assert_true(str_contains(a.body, STR("\r\nAuthorization: Bearer t0ken\r\n")));
    assert_true(str_contains(a.body, STR("\r\nContent-Type: application/json\r\n")));
    assert_true(str_contains(a.body, STR("\r\nX-Small: thing\r\n")));

    assert_int_equal(client_set_bearer(c, "other", NULL), ST_OK);
    a = ask(c, "GET", "/x", (str){NULL, 0});
    assert_true(str_contains(a.body, STR("Bearer other\r\n")));
    assert_int_equal(client_set_bearer(c, NULL, NULL), ST_OK);
    a = ask(c, "GET", "/x", (str){NULL, 0});
    assert_false(str_contains(a.body, STR("Authorization")));
    client_free(c);
}

static void takes_a_refusal_for_an_answer(void **state)
{
    struct client *c = client_for((struct client_options){0});
    struct client_answer a = ask(c, "GET", "/missing", (str){NULL, 0});
    assert_true(a.status == 404 && str_eq(a.body, STR("{\"status\":404}")));
    client_free(c);
}

static void follows_no_redirect(void **state)
{
    struct client *c = client_for((struct client_options){.bearer = "t0ken"});
    assert_int_equal(ask(c, "GET", "/away", (str){NULL, 0}).status, 302);
    client_free(c);
}

static void keeps_no_more_of_an_answer_than_it_was_told(void **state)
{
    struct client_answer a;
    struct error err = {0};
    struct client *c = client_for((struct client_options){.answer_bytes = 99999});
    assert_int_equal(client_ask(c, "GET", "/large", NULL, (str){NULL, 0}, NULL, &a, &err),
                     ST_LIMIT);
    assert_true(str_contains(str_z(err.text), STR("99999")));
    assert_int_equal(ask(c, "GET", "/missing", (str){NULL, 0}).status, 404); /* and goes on */
    client_free(c);
    c = client_for((struct client_options){.answer_bytes = 100000});
    assert_int_equal(ask(c, "GET", "/large", (str){NULL, 0}).body.n, 100000);
    client_free(c);
}

static void says_who_did_not_answer_and_why(void **state)
{
    struct client_answer a;
    struct error err = {0};
    uint16_t port;
    char url[64];
    close(listen_on_loopback(&port)); /* now nobody listens there */
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
    struct client *c = client_for((struct client_options){.base_url = url});
    assert_int_equal(client_ask(c, "GET", "/", NULL, (str){NULL, 0}, NULL, &a, &err),
                     ST_UNAVAILABLE);
    assert_true(str_contains(str_z(err.text), str_z(url)));
    assert_true(str_contains(str_z(err.text), STR("is it running?")));
    client_free(c);

    c = client_for((struct client_options){0});
    assert_int_equal(client_ask(c, "GET", "/silent", NULL, (str){NULL, 0}, NULL, &a, &err),
                     ST_UNAVAILABLE);
    assert_true(str_contains(str_z(err.text), STR("https://")));
    client_free(c);
}

static void waits_no_longer_than_it_was_told(void **state)
{
    struct client_answer a;
    struct error err = {0};
    struct client *c = client_for((struct client_options){.timeout_ms = 100});
    assert_int_equal(client_ask(c, "GET", "/never", NULL, (str){NULL, 0}, NULL, &a, &err),
                     ST_UNAVAILABLE);
    assert_true(str_icontains(str_z(err.text), STR("timed out")));
    client_free(c);
}

/* A proxy that is not there would be asked, and a .netrc would give a password away. */
static void heeds_no_proxy_for_loopback_and_no_netrc(void **state)
{
    folder_write(".netrc", STR("machine 127.0.0.1 login me password secret\n"));
    const char *had = getenv("HOME");
    char *home = had ? strdup(had) : NULL;
    setenv("HOME", folder_path(""), 1);
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    struct client *c = client_for((struct client_options){0});
    struct client_answer a = ask(c, "GET", "/x", (str){NULL, 0});
    assert_int_equal(a.status, 200);
    assert_false(str_contains(a.body, STR("Authorization")));
    client_free(c);
    unsetenv("http_proxy");
    if (home)
        setenv("HOME", home, 1);
    free(home);
}

static void refuses_what_is_no_url_path_token_or_header(void **state)
{
    static const char *const url[] = {
        "",           "127.0.0.1 ",         "ftp://x",      "file:///etc/passwd",
        "http://a?b", "http://me:secret@a", "http://a\r\nb"};
    struct client *c;
    struct client_answer a;
    struct error err;
    for (size_t i = 0; i < COUNT(url); i++) {
        struct client_options o = {.base_url = url[i]};
        assert_int_equal(client_new(&o, &c, &err), ST_INVALID);
        assert_false(str_contains(str_z(err.text), STR("secret")));
    }
    struct client_options o = {.base_url = server.url, .bearer = "a\r\nX: y"};
    assert_int_equal(client_new(&o, &c, NULL), ST_INVALID);

    static const char *const headers[] = {"X: y\r\nZ: w", NULL}, *const without[] = {"X", NULL};
    c = client_for((struct client_options){0});
    str none = {NULL, 0};
    assert_int_equal(client_ask(c, "GET", "/", NULL, none, headers, &a, NULL), ST_INVALID);
    assert_int_equal(client_ask(c, "GET", "/", NULL, none, without, &a, NULL), ST_INVALID);
    assert_int_equal(client_ask(c, "GET", "x", NULL, none, NULL, &a, NULL), ST_INVALID);
    assert_int_equal(client_ask(c, "GET", "/x y", NULL, none, NULL, &a, NULL), ST_INVALID);
    assert_int_equal(client_set_bearer(c, "", NULL), ST_INVALID);
    client_free(c);
}

/* ---- bodies of unknown length ---- */

struct source {
    size_t left;
    bool breaks;
};

static size_t read_source(void *arg, char *out, size_t room)
{
    struct source *s = arg;
    size_t n = s->left < room ? s->left : room;
    memset(out, 'a', n);
    s->left -= n;
    return n || !s->breaks ? n : SIZE_MAX;
}

static void uploads_what_is_read(void **state)
{
    struct source s = {.left = 1000000};
    struct client_answer a;
    struct client *c = client_for((struct client_options){0});
    assert_int_equal(
        client_upload(c, "/x", "application/x-ndjson", NULL, read_source, &s, &a, NULL), ST_OK);
    assert_true(a.status == 200 && s.left == 0);
    assert_true(a.body.n > 1000000 && str_starts(a.body, STR("POST /x ")));
    client_free(c);
}

static size_t read_slowly(void *arg, char *out, size_t room)
{
    (void)poll(NULL, 0, 60);
    return read_source(arg, out, room < 10 ? room : 10);
}

static void gives_an_upload_its_time(void **state)
{
    struct source s = {.left = 50};
    struct client_answer a;
    struct error err = {0};
    struct client *c = client_for((struct client_options){.timeout_ms = 100});
    if (client_upload(c, "/x", "text/plain", NULL, read_slowly, &s, &a, &err) != ST_OK)
        fail_msg("%s", err.text);
    assert_int_equal(a.status, 200);
    client_free(c);
}

static void tells_an_early_refusal_of_an_upload(void **state)
{
    struct source s = {.left = (size_t)1 << 40};
    struct client_answer a;
    struct client *c = client_for((struct client_options){0});
    assert_int_equal(client_upload(c, "/refuse", "text/plain", NULL, read_source, &s, &a, NULL),
                     ST_OK);
    assert_true(a.status == 413 && str_eq(a.body, STR("too much")));
    client_free(c);
}

static void gives_an_upload_up_when_reading_fails(void **state)
{
    struct source s = {.left = 10000, .breaks = true};
    struct client_answer a;
    struct error err = {0};
    struct client *c = client_for((struct client_options){0});
    assert_int_equal(client_upload(c, "/x", "text/plain", NULL, read_source, &s, &a, &err), ST_IO);
    client_free(c);
}

struct sink {
    size_t bytes, most;
    int status_at_first;
    int *status;
};

static bool take_piece(void *arg, str bytes)
{
    struct sink *s = arg;
    if (!s->bytes)
        s->status_at_first = *s->status;
    s->bytes += bytes.n;
    return s->bytes < s->most;
}

static void streams_until_the_end_or_until_told_to_stop(void **state)
{
    int http_status = 0;
    struct sink all = {.most = SIZE_MAX, .status = &http_status},
                some = {.most = 1, .status = &http_status};
    struct client *c = client_for((struct client_options){0});
    assert_int_equal(client_stream(c, "/large", NULL, take_piece, &all, &http_status, NULL), ST_OK);
    assert_true(all.bytes == 100000 && http_status == 200 && all.status_at_first == 200);
    assert_int_equal(client_stream(c, "/large", NULL, take_piece, &some, &http_status, NULL),
                     ST_OK);
    assert_true(some.bytes > 0 && some.bytes < 100000);
    client_free(c);
}

/* ---- TLS, by openssl s_server ---- */

struct secure {
    pid_t pid;
    char url[64];
};

static bool run(const char *const *argv)
{
    int how = -1;
    pid_t pid = fork();
    if (pid == 0) {
        int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(nowhere, 0), dup2(nowhere, 1), dup2(nowhere, 2);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    while (waitpid(pid, &how, 0) < 0 && errno == EINTR)
        ;
    return how == 0;
}

static bool make_certificate(void)
{
    const char *const argv[] = {"openssl",
                                "req",
                                "-x509",
                                "-newkey",
                                "ec",
                                "-pkeyopt",
                                "ec_paramgen_curve:P-256",
                                "-nodes",
                                "-days",
                                "2",
                                "-subj",
                                "/CN=localhost",
                                "-addext",
                                "subjectAltName=IP:127.0.0.1",
                                "-keyout",
                                folder_path("key.pem"),
                                "-out",
                                folder_path("cert.pem"),
                                NULL};
    return run(argv);
}

/* s_server with `more` arguments; its port is in what it says first. */
static struct secure serve_tls(const char *more1, const char *more2, const char *more3)
{
    struct secure s = {0};
    int says[2];
    assert_int_equal(pipe2(says, O_CLOEXEC), 0);
    char certificate[256], key[256];
    (void)snprintf(certificate, sizeof certificate, "%s", folder_path("cert.pem"));
    (void)snprintf(key, sizeof key, "%s", folder_path("key.pem"));
    const char *const argv[] = {"openssl",   "s_server", "-accept", "127.0.0.1:0", "-cert",
                                certificate, "-key",     key,       "-www",        more1,
                                more2,       more3,      NULL};
    s.pid = fork();
    if (s.pid == 0) {
        dup2(open("/dev/null", O_RDWR | O_CLOEXEC), 0);
        dup2(says[1], 1);
        dup2(open("/dev/null", O_RDWR | O_CLOEXEC), 2);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(says[1]);
    struct sbuf said;
    sbuf_init(&said, 4096);
    for (char c;
         read(says[0], &c, 1) == 1 && !(c == '\n' && str_contains(sbuf_str(&said), STR("ACCEPT")));)
        sbuf_addc(&said, c);
    close(says[0]); /* it says nothing more with -www */
    const char *colon = said.p ? strrchr(said.p, ':') : NULL;
    assert_non_null(colon);
    (void)snprintf(s.url, sizeof s.url, "https://127.0.0.1:%s", colon + 1);
    sbuf_done(&said);
    return s;
}

static void end(const struct secure *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
}

static void trusts_only_who_it_was_told_to(void **state)
{
    struct client_answer a;
    struct error err = {0};
    str none = {NULL, 0};
    if (!make_certificate())
        SKIP_BECAUSE("no openssl program to make a certificate with");
    struct secure s = serve_tls(NULL, NULL, NULL);
    struct client *c = client_for((struct client_options){.base_url = s.url});
    assert_int_equal(client_ask(c, "GET", "/", NULL, none, NULL, &a, &err), ST_UNAVAILABLE);
    assert_true(str_contains(str_z(err.text), STR("--ca FILE")));
    client_free(c);

    char certificate[256];
    (void)snprintf(certificate, sizeof certificate, "%s", folder_path("cert.pem"));
    c = client_for((struct client_options){.base_url = s.url, .ca_file = certificate});
    a = ask(c, "GET", "/", none);
    assert_true(a.status == 200 && str_contains(a.body, STR("TLSv1.3")));
    client_free(c);

    c = client_for((struct client_options){.base_url = s.url, .ca_file = folder_path("key.pem")});
    assert_int_equal(client_ask(c, "GET", "/", NULL, none, NULL, &a, &err), ST_UNAVAILABLE);
    assert_true(str_contains(str_z(err.text), STR("--ca wants")));
    client_free(c);
    end(&s);
}

static void refuses_tls_older_than_1_2(void **state)
{
    struct client_answer a;
    struct error err = {0};
    if (!make_certificate())
        SKIP_BECAUSE("no openssl program to make a certificate with");
    struct secure s = serve_tls("-tls1_1", "-cipher", "ALL:@SECLEVEL=0");
    struct client *c =
        client_for((struct client_options){.base_url = s.url, .ca_file = folder_path("cert.pem")});
    assert_int_equal(client_ask(c, "GET", "/", NULL, (str){NULL, 0}, NULL, &a, &err),
                     ST_UNAVAILABLE);
    assert_true(str_icontains(str_z(err.text), STR("protocol version")));
    client_free(c);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_status_type_id_and_body),
        cmocka_unit_test(sends_method_body_type_token_and_headers),
        cmocka_unit_test(takes_a_refusal_for_an_answer),
        cmocka_unit_test(follows_no_redirect),
        cmocka_unit_test(keeps_no_more_of_an_answer_than_it_was_told),
        cmocka_unit_test(says_who_did_not_answer_and_why),
        cmocka_unit_test(waits_no_longer_than_it_was_told),
        cmocka_unit_test(heeds_no_proxy_for_loopback_and_no_netrc),
        cmocka_unit_test(refuses_what_is_no_url_path_token_or_header),
        cmocka_unit_test(uploads_what_is_read),
        cmocka_unit_test(gives_an_upload_its_time),
        cmocka_unit_test(tells_an_early_refusal_of_an_upload),
        cmocka_unit_test(gives_an_upload_up_when_reading_fails),
        cmocka_unit_test(streams_until_the_end_or_until_told_to_stop),
        cmocka_unit_test(trusts_only_who_it_was_told_to),
        cmocka_unit_test(refuses_tls_older_than_1_2),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
