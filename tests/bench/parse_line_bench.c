/* SPDX-License-Identifier: Apache-2.0 */
/* What a line of each text format costs to parse, in nanoseconds of processor time.
 *
 *     parse_line_bench [FILE…]   logs of any format; by default lines made up here */
#include "base/mem.h"
#include "base/sbuf.h"
#include "parse/parse.h"

enum { PIECE = 256 * 1024, LINES = 100000, ROUNDS = 7 };

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void make_access(struct sbuf *to, unsigned i)
{
    sbuf_addf(
        to,
        "192.0.2.%u - %s [22/Sep/2020:03:%02u:%02u +0000] \"GET /shop/item%u.php?id=%u&ref=list "
        "HTTP/1.1\" 200 %u \"https://shop.example/list?page=%u\" \"Mozilla/5.0 (X11; Linux "
        "x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/85.0.4183.%u Safari/537.36\"\n",
        i % 250, i % 9 ? "-" : "bob", i / 600 % 60, i / 10 % 60, i % 97, i, i % 30000, i % 50,
        i % 100);
}

static void make_syslog(struct sbuf *to, unsigned i)
{
    sbuf_addf(to,
              "Sep 22 03:%02u:%02u web%u sshd[%u]: Failed password for invalid user u%u from "
              "192.0.2.%u port %u ssh2\n",
              i / 60 % 60, i % 60, i % 9, i % 30000, i % 300, i % 250, 1024 + i % 60000);
}

static void make_audit(struct sbuf *to, unsigned i)
{
    static const char call[] = "arch=c000003e syscall=59 success=yes exit=0 a0=55d a1=7f items=2 "
                               "ppid=7 pid=8 auid=1000 uid=0 gid=0 tty=pts0 ses=3 comm=\"ls\" "
                               "exe=\"/bin/ls\" key=\"exec\"";
    static const char path[] = "item=0 name=\"/bin/ls\" inode=1 dev=08:01 mode=0100755 ouid=0 "
                               "ogid=0 rdev=00:00 nametype=NORMAL";
    static const struct {
        const char *type, *text;
    } line[] = {
        {"SYSCALL", call},
        {"EXECVE", "argc=3 a0=\"ls\" a1=\"-l\" a2=2F746D70"},
        {"CWD", "cwd=\"/home/bob\""},
        {"PATH", path},
    };
    sbuf_addf(to, "type=%s msg=audit(1600746314.123:%u): %s\n", line[i % 4].type, i / 4,
              line[i % 4].text);
}

static void make_zeek(struct sbuf *to, unsigned i)
{
    if (i == 0)
        sbuf_addz(to, "#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\t"
                      "id.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\t"
                      "conn_state\n");
    sbuf_addf(to,
              "1600746314.%06u\tC%xabc\t192.0.2.%u\t%u\t198.51.100.%u\t443\ttcp\tssl\t0.5\t%u\t%u\t"
              "SF\n",
              i, i, i % 250, 1024 + i % 60000, i % 99, i % 5000, i % 90000);
}

/* The best of some rounds over all of `text`. */
static void measure(const char *name, str text)
{
    struct parse_stream stream = {.format = parse_sniff(text), .now_ms = 1600746314000};
    stream.header = parse_header(stream.format, text);
    struct dict *dict = dict_new();
    struct parser *p = parser_new(dict, &parse_limits_default);
    struct batch b;
    batch_init(&b, 64 << 20);
    double best = 1e9;
    uint64_t read = 0, rejected = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double spent = 0;
        read = rejected = 0;
        for (str rest = text; rest.n;) {
            size_t n = rest.n < PIECE ? rest.n : PIECE;
            while (n < rest.n && rest.p[n - 1] != '\n')
                n++;
            batch_clear(&b);
            batch_reserve(&b, n);
            memcpy(b.bytes, rest.p, n);
            b.n = n;
            b.first_line = 1;
            double started = cpu();
            parser_run(p, &stream, &b);
            spent += cpu() - started;
            read += b.read;
            rejected += b.rejected;
            rest = str_from(rest, n);
        }
        best = spent < best ? spent : best;
    }
    printf("%-10s %-9s %8.0f ns a line  %6.2f M lines/s  (%llu lines, %llu rejected)\n", name,
           parse_format_name(stream.format), best * 1e9 / (double)read, (double)read / best / 1e6,
           (unsigned long long)read, (unsigned long long)rejected);
    batch_done(&b);
    parser_free(p);
    dict_free(dict);
}

static void measure_file(const char *path)
{
    struct sbuf text;
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(1);
    }
    sbuf_init(&text, (size_t)1 << 32);
    for (size_t n = 1; n; sbuf_grew(&text, n))
        n = fread(sbuf_space(&text, 1 << 16), 1, 1 << 16, f);
    (void)fclose(f); /* only read */
    const char *slash = strrchr(path, '/');
    measure(slash ? slash + 1 : path, sbuf_str(&text));
    sbuf_done(&text);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*make)(struct sbuf *to, unsigned i);
    } made[] = {
        {"access", make_access}, {"sshd", make_syslog}, {"audit", make_audit}, {"zeek", make_zeek}};
    for (int i = 1; i < argc; i++)
        measure_file(argv[i]);
    for (size_t k = 0; argc == 1 && k < COUNT(made); k++) {
        struct sbuf text;
        sbuf_init(&text, (size_t)1 << 30);
        for (unsigned i = 0; i < LINES; i++)
            made[k].make(&text, i);
        measure(made[k].name, sbuf_str(&text));
        sbuf_done(&text);
    }
    return 0;
}
