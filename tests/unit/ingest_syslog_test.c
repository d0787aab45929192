/* SPDX-License-Identifier: Apache-2.0 */
/* Syslog over UDP, TCP and TLS: framing, limits, no room; against logger(1) and openssl s_client. */
#include "base/mem.h"
#include "ingest/syslog.h"
#include "ingest/syslog_frame.h"
#include "net/tls.h"
#include "os/clock.h"
#include "os/lock.h"
#include "tests/folder.h"
#include "tests/net_bed.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

/* ---- framing ---- */

static struct sbuf frame(str in, size_t piece, size_t most)
{
    struct sbuf out;
    sbuf_init(&out, SIZE_MAX);
    struct syslog_framer f;
    syslog_framer_init(&f, most);
    str message;
    bool cut;
    for (size_t at = 0; at < in.n; at += piece) {
        str some = str_head(str_from(in, at), piece);
        while (syslog_framer_next(&f, &some, &message, &cut))
            sbuf_addf(&out, "[" STR_FMT "]%s", STR_ARG(message), cut ? "!" : "");
    }
    if (syslog_framer_end(&f, &message, &cut))
        sbuf_addf(&out, "[" STR_FMT "]%s", STR_ARG(message), cut ? "!" : "");
    syslog_framer_done(&f);
    return out;
}

static void finds_messages_in_a_stream_however_it_is_cut(void **state)
{
    static const struct {
        const char *in, *want;
    } row[] = {
        {"<1>a\n<2>b\n", "[<1>a][<2>b]"},
        {"<1>a\r\n\n<2>b", "[<1>a\r][<2>b]"},
        {"4 <1>a5 <2>bc", "[<1>a][<2>bc]"},
        {"4 <1>a\n6 <2>\nbc<3>d\n", "[<1>a][<2>\nbc][<3>d]"},
        {"12ab\n3 abc", "[12ab][abc]"}, /* no count after all */
        {"0 x\n", "[0 x]"},
        {"9 <1>a", "[<1>a]!"}, /* the connection broke */
        {"<1>0123456789abcdef\n<2>b\n", "[<1>0123456789abc]![<2>b]"},
        {"20 <1>0123456789abcdefg<2>b\n", "[<1>0123456789abc]![<2>b]"},
        {"\n\n  ", ""},
        {"100000000000000000000 x\n", "[1000000000000000]!"},
    };
    for (size_t i = 0; i < COUNT(row); i++)
        for (size_t piece = 1; piece <= strlen(row[i].in); piece++) {
            struct sbuf got = frame(str_z(row[i].in), piece, 16);
            assert_string_equal(got.p ? got.p : "", row[i].want);
            sbuf_done(&got);
        }
}

/* ---- listeners ---- */

struct world {
    struct bed bed;
    struct syslog_options options;
    struct syslog *syslog;
    struct batch batch;
    _Atomic bool full, closed;
    _Atomic int asked; /* while it was full */
    struct lock lock;
    struct sbuf text; /* under the lock: "path|format|bytes" a batch */
};

static struct batch *take(void *arg)
{
    struct world *w = arg;
    if (atomic_load(&w->full)) {
        atomic_fetch_add(&w->asked, 1);
        return NULL;
    }
    batch_clear(&w->batch);
    return &w->batch;
}

static void give_back(void *arg, struct batch *b)
{
}

static void submit(void *arg, struct batch *b, const struct ingest_label *label)
{
    struct world *w = arg;
    assert_string_equal(label->tenant, "t");
    assert_int_equal(label->metric, METRIC_EVENTS_SYSLOG);
    lock_take(&w->lock);
    sbuf_addf(&w->text, "%s|%s|", label->path, parse_format_name(label->stream.format));
    sbuf_add(&w->text, (str){b->bytes, b->n});
    lock_drop(&w->lock);
}

static void open_it(void *arg)
{
    struct world *w = arg;
    struct error err;
    struct ingest_sink sink = {take, submit, give_back, w};
    if (syslog_open(w->bed.loop, &w->options, &sink, &w->syslog, &err) != ST_OK)
        fail_msg("%s", err.text);
}

static void start(struct world *w, const struct syslog_options *options)
{
    *w = (struct world){.options = *options};
    w->options.host = "127.0.0.1";
    w->options.tenant = "t";
    lock_init(&w->lock, LOCK_ENGINE_QUEUE);
    sbuf_init(&w->text, SIZE_MAX);
    batch_init(&w->batch, 1 << 20);
    bed_start(&w->bed);
    bed_do(&w->bed, open_it, w);
}

static void on_close(void *arg)
{
    atomic_store(&((struct world *)arg)->closed, true);
}

static void close_it(void *arg)
{
    struct world *w = arg;
    syslog_close(w->syslog, on_close, w);
}

static void stop(struct world *w)
{
    bed_do(&w->bed, close_it, w);
    bed_wait(&w->closed);
    bed_stop(&w->bed);
    loop_free(w->bed.loop);
    batch_done(&w->batch);
    sbuf_done(&w->text);
    lock_done(&w->lock);
}

static bool contains(struct world *w, const char *want)
{
    lock_take(&w->lock);
    bool yes = str_contains(sbuf_str(&w->text), str_z(want));
    lock_drop(&w->lock);
    return yes;
}

static void expect(struct world *w, const char *want)
{
    uint64_t start_ns = clock_ns();
    while (!contains(w, want)) {
        if (clock_since(start_ns) > 20)
            fail_msg("have: %s\nwant: %s", w->text.p ? w->text.p : "", want);
        poll(NULL, 0, 1);
    }
}

static void give_room(void *arg)
{
    struct world *w = arg;
    atomic_store(&w->full, false);
    syslog_room(w->syslog);
}

static int udp_socket(struct world *w)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(syslog_port(w->syslog))};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void takes_datagrams(void **state)
{
    struct world w;
    start(&w, &(struct syslog_options){.transport = SYSLOG_UDP, .message_bytes = 480});
    int fd = udp_socket(&w);
    assert_true(bed_send(fd, STR("<34>1 - host app - - - one\n")));
    expect(&w, "udp:127.0.0.1|syslog|<34>1 - host app - - - one\n");
    assert_true(bed_send(fd, STR("<34>1 - two\n<35>1 - of one sender\n")));
    expect(&w, "<34>1 - two <35>1 - of one sender\n");
    assert_true(bed_send(fd, STR("<34>CEF:0|a|b|c|d|e|f|")));
    expect(&w, "|cef|<34>CEF:0|a|b|c|d|e|f|\n");
    assert_true(bed_send(fd, STR("{\"a\":1}")));
    expect(&w, "|json|{\"a\":1}\n");
    int64_t before = metric_value(METRIC_SYSLOG_TRUNCATED);
    char large[600];
    memset(large, 'x', sizeof large);
    assert_true(bed_send(fd, (str){large, sizeof large}));
    memset(large, 'y', sizeof large);
    assert_true(bed_send(fd, (str){large, 480}));
    expect(&w, "yyy\n");
    assert_int_equal(metric_value(METRIC_SYSLOG_TRUNCATED) - before, 1);
    close(fd);
    stop(&w);
}

static void waits_with_datagrams_for_room_and_counts_those_that_are_lost(void **state)
{
    enum { SENT = 60000 };
    struct world w;
    start(&w, &(struct syslog_options){.transport = SYSLOG_UDP});
    int64_t lost = metric_value(METRIC_SYSLOG_DATAGRAMS_LOST);
    int fd = udp_socket(&w);
    atomic_store(&w.full, true);
    assert_true(bed_send(fd, STR("<34>first")));
    while (atomic_load(&w.asked) == 0)
        poll(NULL, 0, 1);
    for (unsigned i = 0; i < SENT; i++) {
        char text[32];
        int n = snprintf(text, sizeof text, "<34>%05u", i);
        assert_true(bed_send(fd, (str){text, (size_t)n}));
    }
    bed_do(&w.bed, give_room, &w);
    assert_true(bed_send(fd, STR("<34>last")));
    uint64_t start_ns = clock_ns();
    uint64_t got = 0, gone = 0;
    while (got + gone < SENT + 2 && clock_since(start_ns) < 20) {
        lock_take(&w.lock);
        got = 0;
        for (size_t i = 0; i < w.text.n; i++)
            got += w.text.p[i] == '\n';
        lock_drop(&w.lock);
        gone = (uint64_t)(metric_value(METRIC_SYSLOG_DATAGRAMS_LOST) - lost);
        poll(NULL, 0, 1);
    }
    assert_true(got > 100);
    assert_int_equal(got + gone, SENT + 2);
    close(fd);
    stop(&w);
}

static void takes_both_framings_over_tcp(void **state)
{
    struct world w;
    start(&w, &(struct syslog_options){.transport = SYSLOG_TCP});
    int fd = bed_connect(syslog_port(w.syslog)), other = bed_connect(syslog_port(w.syslog));
    assert_true(bed_send(fd, STR("<34>one\n<34>two\n9 <34>t")));
    expect(&w, "<34>one\n<34>two\n");
    assert_true(bed_send(fd, STR("hree")));
    expect(&w, "tcp:127.0.0.1|syslog|<34>three\n");
    assert_true(bed_send(other, STR("<34>without an end")));
    close(other);
    expect(&w, "<34>without an end\n");
    close(fd);
    stop(&w);
}

static void reads_no_more_than_there_is_room_for(void **state)
{
    struct world w;
    start(&w, &(struct syslog_options){.transport = SYSLOG_TCP});
    atomic_store(&w.full, true);
    int fd = bed_connect(syslog_port(w.syslog));
    char line[1024];
    memset(line, 'z', sizeof line);
    line[sizeof line - 1] = '\n';
    size_t sent = 0;
    for (unsigned quiet = 0; quiet < 20;) { /* until the other side stopped reading */
        ssize_t n = send(fd, line + sent % sizeof line, sizeof line - sent % sizeof line,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        sent += n > 0 ? (size_t)n : 0;
        quiet = n > 0 ? 0 : quiet + 1;
        if (n <= 0)
            poll(NULL, 0, 10);
    }
    assert_true(sent < (size_t)256 << 20);
    bed_do(&w.bed, give_room, &w);
    while (sent % sizeof line) { /* the rest of the line */
        assert_true(bed_send(fd, (str){line + sent % sizeof line, 1}));
        sent++;
    }
    assert_true(bed_send(fd, STR("<34>last\n")));
    expect(&w, "<34>last\n");
    size_t zs = 0;
    for (size_t i = 0; i < w.text.n; i++)
        zs += w.text.p[i] == 'z';
    assert_int_equal(zs, sent / sizeof line * (sizeof line - 1)); /* nothing lost */
    close(fd);
    stop(&w);
}

static void refuses_more_connections_than_it_may_have(void **state)
{
    struct world w;
    start(&w, &(struct syslog_options){.transport = SYSLOG_TCP, .connections_address = 2});
    int fd[3];
    for (size_t i = 0; i < 3; i++)
        fd[i] = bed_connect(syslog_port(w.syslog));
    struct sbuf none;
    sbuf_init(&none, 1 << 20);
    assert_false(bed_read(fd[2], &none)); /* closed at once */
    assert_true(bed_send(fd[1], STR("<34>still here\n")));
    expect(&w, "<34>still here\n");
    for (size_t i = 0; i < 3; i++)
        close(fd[i]);
    sbuf_done(&none);
    stop(&w);
}

/* ---- other people's clients ---- */

/* Run it with `input` on its standard input; its exit status. */
static int run(const char *const *argv, const char *input)
{
    int in[2];
    assert_int_equal(pipe(in), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_addclose(&actions, in[1]);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    pid_t pid;
    int rc = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    if (rc != 0) {
        close(in[1]);
        return -1;
    }
    ssize_t n = write(in[1], input, strlen(input));
    assert_int_equal(n, strlen(input));
    close(in[1]);
    int end = 0;
    assert_int_equal(waitpid(pid, &end, 0), pid);
    return WIFEXITED(end) ? WEXITSTATUS(end) : -1;
}

static void understands_logger(void **state)
{
    static const char *const way[][3] = {{"-d", "--rfc3164", NULL},
                                         {"-d", "--rfc5424", NULL},
                                         {"-T", "--rfc5424", NULL},
                                         {"-T", "--octet-count", "--rfc5424"}};
    for (size_t i = 0; i < COUNT(way); i++) {
        struct world w;
        start(&w, &(struct syslog_options){.transport = i < 2 ? SYSLOG_UDP : SYSLOG_TCP});
        char port[8];
        (void)snprintf(port, sizeof port, "%u", syslog_port(w.syslog));
        const char *argv[] = {"logger",
                              "-n",
                              "127.0.0.1",
                              "-P",
                              port,
                              "-t",
                              "tester",
                              way[i][0],
                              way[i][1],
                              way[i][2] ? way[i][2] : "--rfc5424",
                              "said by logger",
                              NULL};
        if (!way[i][2]) {
            argv[9] = argv[10];
            argv[10] = NULL;
        }
        if (run(argv, "") != 0) {
            stop(&w);
            SKIP_BECAUSE("logger is not installed");
        }
        expect(&w, "said by logger");
        stop(&w);
    }
}

static void takes_tls_from_openssl(void **state)
{
    struct error err;
    struct tls_context *tls = NULL;
    char certificate[256];
    (void)snprintf(certificate, sizeof certificate, "%s", folder_path("cert.pem"));
    if (tls_self_signed(certificate, folder_path("key.pem"), "localhost", &err) != ST_OK ||
        tls_context_new(&(struct tls_options){certificate, folder_path("key.pem"), NULL}, &tls,
                        &err) != ST_OK)
        fail_msg("%s", err.text);
    struct world w;
    start(&w, &(struct syslog_options){.transport = SYSLOG_TLS, .tls = tls});
    char to[32];
    (void)snprintf(to, sizeof to, "127.0.0.1:%u", syslog_port(w.syslog));
    const char *argv[] = {
        "openssl",     "s_client", "-connect", to, "-CAfile", certificate, "-verify_return_error",
        "-no_ign_eof", NULL};
    int rc = run(argv, "9 <34>first10 <34>second\n");
    if (rc == 0) {
        expect(&w, "<34>first\n");
        expect(&w, "<34>second\n");
        assert_true(contains(&w, "tls:127.0.0.1|syslog|"));
    }
    stop(&w);
    tls_context_unref(tls);
    if (rc < 0)
        SKIP_BECAUSE("openssl is not installed");
    assert_int_equal(rc, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_messages_in_a_stream_however_it_is_cut),
        cmocka_unit_test(takes_datagrams),
        cmocka_unit_test(waits_with_datagrams_for_room_and_counts_those_that_are_lost),
        cmocka_unit_test(takes_both_framings_over_tcp),
        cmocka_unit_test(reads_no_more_than_there_is_room_for),
        cmocka_unit_test(refuses_more_connections_than_it_may_have),
        cmocka_unit_test(understands_logger),
        cmocka_unit_test(takes_tls_from_openssl),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
