/* Models on a server of the Open Inference Protocol: what it says is taken when it comes in time and can be, and
 * whoever asks never waits longer than was agreed. */
#include "base/mem.h"
#include "ml/oip.h"
#include "ml/remote.h"
#include "os/clock.h"
#include "os/thread.h"
#include "tests/folder.h"
#include "tests/model_bed.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <math.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- a server: one thread, one request a connection; answers the sum of each row ---- */

enum mode { SUMS, PAIRS, REFUSES, BABBLES, SHORT, INFINITE, SILENT };
static const char reply_head[] = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ";

struct server {
    struct thread thread;
    int fd, stop[2];
    char url[64];
    _Atomic int mode;
    _Atomic int asked, most_rows;
    char seen[4096]; /* head of the last request */
};
static struct server server;

static void put(int fd, str s)
{
    while (s.n) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        s = str_from(s, (size_t)n);
    }
}

static str body_of(const struct sbuf *in, size_t *missing)
{
    str all = sbuf_str(in);
    const char *end = in->n ? strstr(in->p, "\r\n\r\n") : NULL;
    const char *length = in->n ? strcasestr(in->p, "content-length:") : NULL;
    *missing = 1;
    if (!end || !length)
        return (str){0};
    size_t want = strtoul(length + 15, NULL, 10), at = (size_t)(end + 4 - in->p);
    *missing = all.n - at < want ? want - (all.n - at) : 0;
    return str_from(all, at);
}

static str read_request(int fd, struct sbuf *in)
{
    size_t missing = 1;
    str body = {0};
    ssize_t n = 1;
    while (missing && n > 0) {
        char *p = sbuf_space(in, 65536);
        n = p ? recv(fd, p, 65536, 0) : 0;
        sbuf_grew(in, n > 0 ? (size_t)n : 0);
        body = body_of(in, &missing);
    }
    return body;
}

static void write_sums(const struct oip_message *m, int mode, struct sbuf *out)
{
    const struct oip_tensor *x = m->tensor;
    size_t n = (size_t)x->shape[0], d = (size_t)x->shape[1], each = mode == PAIRS ? 2 : 1;
    float *sum = mem_array(float, n * 2 + 1);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < d; k++)
            sum[i * each + each - 1] += x->number[i * d + k];
    if (mode == INFINITE)
        sum[0] = NAN;
    struct oip_tensor t = {.name = STR("score"),
                           .type = OIP_FP32,
                           .shape = {n, 2},
                           .dims = each,
                           .count = n * each,
                           .number = sum};
    if (mode == SHORT)
        t.shape[0] = --t.count;
    struct oip_message answer = {.model = STR("m"), .tensor = &t, .tensors = 1};
    oip_write_answer(&answer, out, NULL);
    if (atomic_load(&server.most_rows) < (int)n)
        atomic_store(&server.most_rows, (int)n);
    mem_free(sum);
}

static void answer(int fd, str body)
{
    struct sbuf out, head;
    struct arena arena;
    struct oip_message m;
    int mode = atomic_load(&server.mode);
    arena_init(&arena, 64 << 20);
    sbuf_init(&out, 1 << 20);
    sbuf_init(&head, 1 << 20);
    assert_int_equal(oip_read_request(body, (str){0}, &arena, &m, NULL), ST_OK);
    if (mode == BABBLES)
        sbuf_addz(&out, "{\"outputs\":[{\"name\":\"score\",\"shape\":[1]");
    else if (mode != REFUSES)
        write_sums(&m, mode, &out);
    if (mode == REFUSES)
        sbuf_addz(&head, "HTTP/1.1 500 No\r\nConnection: close\r\nContent-Length: "
                         "19\r\n\r\n{\"error\":\"no such\"}");
    else
        sbuf_addf(&head, "%s%zu\r\n\r\n", reply_head, out.n);
    put(fd, sbuf_str(&head));
    put(fd, sbuf_str(&out));
    sbuf_done(&out);
    sbuf_done(&head);
    arena_done(&arena);
}

static void serve_one(int fd)
{
    struct sbuf in;
    sbuf_init(&in, 8 << 20);
    str body = read_request(fd, &in);
    (void)snprintf(server.seen, sizeof server.seen, "%.*s", (int)(in.n - body.n), in.p);
    atomic_fetch_add(&server.asked, 1);
    if (atomic_load(&server.mode) != SILENT)
        answer(fd, body);
    else { /* until the other side goes, or the test ends */
        char c;
        struct pollfd p[] = {{.fd = fd, .events = POLLIN},
                             {.fd = server.stop[0], .events = POLLIN}};
        if (poll(p, 2, -1) > 0 && p[0].revents)
            (void)!recv(fd, &c, 1, 0);
    }
    sbuf_done(&in);
    close(fd);
}

static void run(void *arg)
{
    struct pollfd p[] = {{.fd = server.fd, .events = POLLIN},
                         {.fd = server.stop[0], .events = POLLIN}};
    while (poll(p, 2, -1) > 0 && !p[1].revents)
        if (p[0].revents)
            serve_one(accept(server.fd, NULL, NULL));
}

static int set_up(void **state)
{
    if (folder_make(state) != 0)
        return -1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(server.fd >= 0 && bind(server.fd, (struct sockaddr *)&at, n) == 0 &&
                listen(server.fd, 16) == 0);
    assert_int_equal(getsockname(server.fd, (struct sockaddr *)&at, &n), 0);
    assert_int_equal(pipe(server.stop), 0);
    (void)snprintf(server.url, sizeof server.url, "http://127.0.0.1:%u", ntohs(at.sin_port));
    return thread_start(&server.thread, "server", run, NULL, NULL) == ST_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)!write(server.stop[1], "x", 1);
    thread_join(&server.thread);
    close(server.fd);
    close(server.stop[0]);
    close(server.stop[1]);
    return folder_remove(state);
}

/* ---- ---- */

static struct model_host *host_with(uint32_t wait_ms, uint32_t rest_ms, const char *keys)
{
    static const char *allowed[1];
    allowed[0] = server.url;
    atomic_store(&server.mode, SUMS);
    atomic_store(&server.asked, 0);
    atomic_store(&server.most_rows, 0);
    return model_host_new(&(struct model_host_options){.allowed = allowed,
                                                       .allowed_count = 1,
                                                       .wait_ms = wait_ms,
                                                       .rest_ms = rest_ms,
                                                       .keys = keys});
}

static struct remote_model_options options(void)
{
    return (struct remote_model_options){
        .url = str_z(server.url), .model = STR("m"), .missing = NAN, .timeout_ms = 60000};
}

static struct remote_model *opened(struct model_host *h, struct remote_model_options o)
{
    struct remote_model *r = NULL;
    struct error err = {.text = ""};
    if (remote_model_open(h, &o, &r, &err) != ST_OK)
        fail_msg("%s", err.text);
    return r;
}

static void takes_what_the_server_says(void **state)
{
    struct model_host *h = host_with(60000, 0, NULL);
    struct remote_model_options o = options();
    o.rows = 3;
    o.version = STR("7 a");
    struct remote_model *r = opened(h, o);
    float x[8 * 3], out[8];
    for (size_t i = 0; i < COUNT(x); i++)
        x[i] = (float)i;
    for (int mode = SUMS; mode <= PAIRS; mode++) {
        atomic_store(&server.mode, mode);
        assert_int_equal(remote_model_score(r, x, 8, 2, 3, out),
                         REMOTE_ANSWERED); /* the third is none of its */
        for (size_t i = 0; i < 8; i++)
            assert_true(out[i] == (float)(6 * i + 1));
    }
    assert_int_equal(atomic_load(&server.asked), 6); /* 3 + 3 + 2 rows, twice */
    assert_int_equal(atomic_load(&server.most_rows), 3);
    assert_non_null(strstr(server.seen, "POST /v2/models/m/versions/7%20a/infer "));
    assert_int_equal(remote_model_stats(r).answered, 2);
    remote_model_close(r);
    model_host_free(h);
}

static void takes_nothing_that_cannot_be(void **state)
{
    static const struct {
        enum mode mode;
        const char *why;
    } bad[] = {{REFUSES, "no such"}, {BABBLES, "line 1"}, {SHORT, "rows"}, {INFINITE, "finite"}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct model_host *h = host_with(60000, 0, NULL);
        struct remote_model *r = opened(h, options());
        float x[] = {1, 2}, out[2];
        atomic_store(&server.mode, (int)bad[i].mode);
        assert_int_equal(remote_model_score(r, x, 2, 1, 1, out), REMOTE_FAILED);
        assert_true(isnan(out[0]) && isnan(out[1]));
        struct remote_model_stats s = remote_model_stats(r);
        if (!strstr(s.why, bad[i].why))
            fail_msg("'%s' does not say '%s'", s.why, bad[i].why);
        remote_model_close(r);
        model_host_free(h);
    }
}

static void leaves_a_server_alone_that_does_not_answer(void **state)
{
    struct model_host *h = host_with(1, 3600 * 1000, NULL);
    struct remote_model_options o = options();
    o.timeout_ms = 50;
    struct remote_model *r = opened(h, o);
    float x = 1, out;
    enum remote_model_outcome got = REMOTE_LATE;
    atomic_store(&server.mode, SILENT);
    for (int i = 0; i < 100 && got != REMOTE_RESTING; i++) {
        got = remote_model_score(r, &x, 1, 1, 1, &out);
        assert_true(isnan(out));
        assert_true(got != REMOTE_ANSWERED);
    }
    assert_int_equal(got, REMOTE_RESTING);
    struct remote_model_stats s = remote_model_stats(r);
    assert_true(s.open && s.late + s.failed >= 3);
    remote_model_close(r);
    model_host_free(h);
}

static void asks_one_that_rested_again(void **state)
{
    struct model_host *h = host_with(60000, 1, NULL);
    struct remote_model *r = opened(h, options());
    float x = 4, out;
    atomic_store(&server.mode, REFUSES);
    while (!remote_model_stats(r).open)
        (void)remote_model_score(r, &x, 1, 1, 1, &out);
    atomic_store(&server.mode, SUMS);
    while (remote_model_score(r, &x, 1, 1, 1, &out) == REMOTE_RESTING)
        ;
    assert_true(out == 4);
    assert_false(remote_model_stats(r).open);
    remote_model_close(r);
    model_host_free(h);
}

static void asks_only_servers_that_are_allowed(void **state)
{
    struct model_host *h = host_with(0, 0, NULL);
    char longer[80], user[80];
    struct error err;
    struct remote_model *r = NULL;
    (void)snprintf(longer, sizeof longer, "%s1", server.url);
    (void)snprintf(user, sizeof user, "%s@other.example", server.url);
    const char *const url[] = {"http://other.example", longer, user, "", "file:///etc/passwd"};
    for (size_t i = 0; i < COUNT(url); i++) {
        struct remote_model_options o = options();
        o.url = str_z(url[i]);
        assert_int_equal(remote_model_open(h, &o, &r, &err), ST_FORBIDDEN);
    }
    model_host_free(h);
}

static void sends_a_key_of_the_folder_and_of_no_other(void **state)
{
    folder_write("good", STR("secret-1\n"));
    struct model_host *h = host_with(60000, 0, folder_name);
    struct remote_model_options o = options();
    struct remote_model *r;
    struct error err;
    float x = 1, out;
    o.key = STR("good");
    r = opened(h, o);
    assert_int_equal(remote_model_score(r, &x, 1, 1, 1, &out), REMOTE_ANSWERED);
    assert_non_null(strstr(server.seen, "Authorization: Bearer secret-1\r\n"));
    remote_model_close(r);
    o.key_header = STR("X-Key");
    r = opened(h, o);
    assert_int_equal(remote_model_score(r, &x, 1, 1, 1, &out), REMOTE_ANSWERED);
    assert_non_null(strstr(server.seen, "X-Key: secret-1\r\n"));
    remote_model_close(r);
    o.key = STR("../good");
    assert_int_equal(remote_model_open(h, &o, &r, &err), ST_INVALID);
    o.key = STR("none");
    assert_int_equal(remote_model_open(h, &o, &r, &err), ST_NOT_FOUND);
    assert_null(strstr(err.text, "secret"));
    model_host_free(h);
}

/* Each question is one that whoever scores waits for: reasons cost two, however many columns there are. */
static void gives_reasons_for_two_questions(void **state)
{
    (void)state;
    struct dataset d;
    struct model *m = NULL;
    struct error err = {.text = ""};
    struct model_explanation why;
    struct arena arena;
    char option[128];
    model_host_free(host_with(0, 0, NULL)); /* the server sums */
    (void)snprintf(option, sizeof option, "url=%s,model=m", server.url);
    struct model_training t = {.kind = MODEL_REMOTE, .threads = 1, .option = option};
    bed_data(&d, 1);
    if (model_train(&t, &d, &m, &err) != ST_OK)
        fail_msg("%s", err.text);
    struct model_binding *b = model_bind(m, d.column, d.columns);
    struct model_scratch *s = model_scratch_new(m);
    float x[BED_COLUMNS] = {1, 9e5F, 500, 80};
    arena_init(&arena, 1 << 20);
    atomic_store(&server.asked, 0);
    assert_int_equal(model_explain(m, b, s, x, &arena, &why, &err), ST_OK);
    assert_int_equal(atomic_load(&server.asked), 2);
    assert_true(why.count && str_eq(why.reason[0].what, d.column[1].name) &&
                why.reason[0].part > 0.9);
    arena_done(&arena);
    model_scratch_free(s);
    model_binding_free(b);
    model_free(m);
    dataset_done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_the_server_says),
        cmocka_unit_test(takes_nothing_that_cannot_be),
        cmocka_unit_test(leaves_a_server_alone_that_does_not_answer),
        cmocka_unit_test(asks_one_that_rested_again),
        cmocka_unit_test(asks_only_servers_that_are_allowed),
        cmocka_unit_test(sends_a_key_of_the_folder_and_of_no_other),
        cmocka_unit_test(gives_reasons_for_two_questions),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
