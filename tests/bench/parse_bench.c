/* SPDX-License-Identifier: Apache-2.0 */
/* JSON to events, measured against yyjson merely reading the same bytes.
 *
 *     parse_bench [FILE…]   NDJSON files; by default a stream made up here
 *
 * Both sides get the same 256 KiB pieces, as the pipeline does. */
#include "base/mem.h"
#include "parse/parse.h"

#include <yyjson.h>

enum { PIECE = 256 * 1024, BYTES = 400 << 20 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct text {
    char *p; /* owned */
    size_t n;
};

static void add_file(struct text *t, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(1);
    }
    for (size_t got = 1; got;) {
        t->p = mem_resize(t->p, t->n + (1 << 20));
        got = fread(t->p + t->n, 1, 1 << 20, f);
        t->n += got;
    }
    (void)fclose(f); /* only read */
}

static void add_sample(struct text *t)
{
    static const char line[] =
        "{\"EventID\":1,\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",\"Image\":"
        "\"C:\\\\Windows\\\\System32\\\\cmd.exe\",\"CommandLine\":\"cmd.exe /c dir "
        "\\\"C:\\\\Users\\\\%d\\\" /s\",\"ParentImage\":\"C:\\\\Windows\\\\explorer.exe\","
        "\"User\":\"CORP\\\\user%d\",\"ProcessId\":%d,\"UtcTime\":\"2024-05-01 10:00:00.123\","
        "\"Hostname\":\"host%d.corp.example\",\"Message\":\"Process Create:\\r\\nImage: "
        "C:\\\\Windows\\\\System32\\\\cmd.exe\\r\\nUser: CORP\\\\user%d\"}\n";
    t->p = mem_resize(NULL, 16 << 20);
    for (int i = 0; t->n < (15 << 20); i++)
        t->n += (size_t)snprintf(t->p + t->n, 1024, line, i, i % 97, i, i % 31, i % 97);
}

/* From *at, whole lines of about PIECE bytes. */
static str piece(const struct text *t, size_t *at)
{
    if (*at >= t->n)
        *at = 0;
    size_t end = *at + PIECE < t->n ? *at + PIECE : t->n;
    const char *cut = end < t->n ? memchr(t->p + end, '\n', t->n - end) : NULL;
    end = cut ? (size_t)(cut - t->p) + 1 : t->n;
    str s = {t->p + *at, end - *at};
    *at = end;
    return s;
}

static double bench_yyjson(const struct text *t, size_t *records)
{
    size_t pool_size = 64 << 20, at = 0, bytes = 0;
    void *pool = mem_zero(pool_size);
    double start = now();
    while (bytes < BYTES) {
        str rest = piece(t, &at);
        bytes += rest.n;
        while (rest.n) {
            str line = str_cut(&rest, '\n');
            union {
                const char *in;
                char *out;
            } text = {line.p}; /* not written without YYJSON_READ_INSITU */
            yyjson_alc alc;
            yyjson_alc_pool_init(&alc, pool, pool_size);
            yyjson_doc *doc = yyjson_read_opts(text.out, line.n, 0, &alc, NULL);
            *records += doc != NULL;
        }
    }
    double seconds = now() - start;
    mem_free(pool);
    return (double)bytes / seconds / 1e6;
}

static double bench_parse(const struct text *t, size_t *records, double *fields)
{
    struct dict *dict = dict_new();
    struct parser *p = parser_new(dict, &parse_limits_default);
    struct parse_stream stream = {.format = parse_sniff((str){t->p, t->n})};
    struct batch b;
    size_t at = 0, bytes = 0, count = 0;
    batch_init(&b, 64 << 20);
    double spent = 0;
    while (bytes < BYTES) {
        str s = piece(t, &at);
        batch_clear(&b);
        batch_reserve(&b, s.n);
        memcpy(b.bytes, s.p, s.n);
        b.n = s.n;
        b.first_line = 1;
        double start = now();
        parser_run(p, &stream, &b);
        spent += now() - start;
        bytes += s.n;
        *records += b.event_count;
        for (size_t i = 0; i < b.event_count; i++)
            count += b.event[i].field_count;
    }
    *fields = (double)count / (double)(*records ? *records : 1);
    batch_done(&b);
    parser_free(p);
    dict_free(dict);
    return (double)bytes / spent / 1e6;
}

int main(int argc, char **argv)
{
    struct text t = {0};
    for (int i = 1; i < argc; i++)
        add_file(&t, argv[i]);
    if (argc < 2)
        add_sample(&t);
    for (int round = 0; round < 4; round++) {
        size_t theirs = 0, ours = 0;
        double fields;
        double a = bench_yyjson(&t, &theirs);
        double b = bench_parse(&t, &ours, &fields);
        printf("yyjson %.0f MB/s (%zu records)  events %.0f MB/s (%zu records, %.1f fields)  "
               "ratio %.2f\n",
               a, theirs, b, ours, fields, b / a);
    }
    mem_free(t.p);
    return 0;
}
