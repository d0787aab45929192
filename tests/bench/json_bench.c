/* SPDX-License-Identifier: Apache-2.0 */
/* Walking every token of real events, against yyjson building its tree of the
 * same bytes, line by line.
 *
 *     json_bench [FILE.json...]      NDJSON; default: the OTRF captures */
#include <yyjson.h>

#include "base/sbuf.h"
#include "base/vec.h"
#include "codec/json_frame.h"
#include "codec/json_out.h"
#include "codec/json_scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 7 };

static size_t sink; /* keeps the work from being optimised away */

static void slurp(int fd, struct sbuf *to)
{
    char *p;
    ssize_t n;
    while ((p = sbuf_space(to, 1 << 16)) && (n = read(fd, p, 1 << 16)) > 0)
        sbuf_grew(to, (size_t)n);
}

static void add_file(const char *path, struct sbuf *to)
{
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        perror(path);
    slurp(fd, to);
    close(fd);
}

/* The captures are zip archives; unzip prints what is in them. */
static void add_zip(const char *dir, const char *name, struct sbuf *to)
{
    int pipe_fd[2];
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (pipe(pipe_fd) != 0)
        return;
    pid_t child = fork();
    if (child == 0) {
        dup2(pipe_fd[1], 1);
        execlp("unzip", "unzip", "-p", path, "[!_]*", (char *)NULL);
        _exit(127);
    }
    close(pipe_fd[1]);
    slurp(pipe_fd[0], to);
    close(pipe_fd[0]);
    waitpid(child, NULL, 0);
}

static void add_captures(struct sbuf *to)
{
    const char *data = getenv("BGUARD_DATA");
    char dir[256];
    snprintf(dir, sizeof dir, "%s/otrf", data ? data : "../shared/data");
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));)
        if (str_ends(str_z(e->d_name), STR(".zip")))
            add_zip(dir, e->d_name, to);
    if (d)
        closedir(d);
}

static void run_yyjson(str line)
{
    yyjson_doc *doc = yyjson_read(line.p, line.n, 0);
    sink += yyjson_doc_get_val_count(doc);
    yyjson_doc_free(doc);
}

static void run_scan(str line)
{
    struct json_scan s = json_scan_of(line);
    struct json_text t;
    while (json_next(&s, &t) > JSON_ERROR)
        sink++;
}

static void run_unescape(str line)
{
    static char out[1 << 20];
    struct json_scan s = json_scan_of(line);
    struct json_text t;
    for (enum json_token k; (k = json_next(&s, &t)) > JSON_ERROR;)
        if (k == JSON_STRING && t.escaped)
            sink += json_unescape(t.raw, out);
}

static void run_frame(str line)
{
    struct json_frame frame = {0};
    str value;
    size_t used;
    sink += json_frame_next(&frame, line, true, &value, &used);
}

static void run_escape(str line)
{
    static struct sbuf out;
    out.cap = 16 << 20;
    sbuf_clear(&out);
    json_escape(&out, line);
    sink += out.n;
}

static const struct {
    const char *name;
    void (*run)(str line);
} task[] = {
    {"yyjson_read", run_yyjson},
    {"json_next", run_scan},
    {"  + json_unescape", run_unescape},
    {"json_frame", run_frame},
    {"json_escape of the lines", run_escape},
};

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct lines {
    VEC(str) all;
};

static void split(str text, struct lines *lines)
{
    while (text.n) {
        str line = str_cut(&text, '\n');
        if (line.n)
            *vec_push(&lines->all) = line;
    }
}

static double time_lines(const struct lines *lines, void (*run)(str))
{
    double start = cpu_seconds();
    for (size_t i = 0; i < lines->all.n; i++)
        run(lines->all.at[i]);
    return cpu_seconds() - start;
}

int main(int argc, char **argv)
{
    struct sbuf text;
    sbuf_init(&text, (size_t)1 << 30);
    for (int i = 1; i < argc; i++)
        add_file(argv[i], &text);
    if (argc == 1)
        add_captures(&text);
    if (text.n == 0) {
        printf("SKIPPED: no events to read (BGUARD_DATA unset, or no unzip)\n");
        return 0;
    }

    struct lines lines = {0};
    split(sbuf_str(&text), &lines);
    double best[COUNT(task)];
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < COUNT(task); i++) {
            double t = time_lines(&lines, task[i].run);
            best[i] = round == 0 || t < best[i] ? t : best[i];
        }
    printf("%zu events, %.1f MB, best of %d, CPU time\n", lines.all.n, (double)text.n / 1e6,
           ROUNDS);
    for (size_t i = 0; i < COUNT(task); i++)
        printf("%-26s %8.0f MB/s  %5.2f x yyjson\n", task[i].name, (double)text.n / 1e6 / best[i],
               best[0] / best[i]);
    vec_done(&lines.all);
    sbuf_done(&text);
    return sink == 0;
}
