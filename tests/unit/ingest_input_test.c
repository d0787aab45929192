/* SPDX-License-Identifier: Apache-2.0 */
/* Which inputs are read, how they are stored, and what is said of those that are not. */
#include "base/sbuf.h"
#include "base/vec.h"
#include "ingest/ingest.h"
#include "os/stop.h"
#include "os/thread.h"
#include "tests/folder.h"
#include "tests/test.h"

#include <fcntl.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

static const struct ingest_options forced = {
    .limits = {.record_bytes = 1 << 20, .depth = 64, .fields = 4096},
    .forced = true,
    .format = PARSE_text,
};

static struct ingest *open_one(const char *path, const struct ingest_options *options)
{
    struct ingest *in;
    struct error err;
    if (ingest_open(&path, 1, options, &in, &err) != ST_OK) {
        print_error("%s\n", err.text);
        return NULL;
    }
    return in;
}

/* All text of `path`, each input's behind its name; what was wrong at the end. */
static struct sbuf read_all(const char *path, const struct ingest_options *options)
{
    struct sbuf out;
    sbuf_init(&out, SIZE_MAX);
    struct ingest *in = open_one(path, options);
    assert_non_null(in);
    struct batch b;
    batch_init(&b, 1 << 20);
    const struct parse_stream *stream;
    uint32_t file = UINT32_MAX;
    while (ingest_next(in, &b, &stream)) {
        if (b.file != file)
            sbuf_addf(&out, "%s:", ingest_path(in, b.file) + strlen(folder_name) + 1);
        file = b.file;
        sbuf_add(&out, (str){b.bytes, b.n});
    }
    for (size_t i = 0; i < ingest_problem_count(in); i++) {
        const struct ingest_problem *p = ingest_problem(in, i);
        sbuf_addf(&out, "!%s: %s\n", p->path + strlen(folder_name) + 1, p->reason);
    }
    batch_done(&b);
    ingest_close(in);
    return out;
}

static void expect(const char *path, const char *text)
{
    struct sbuf got = read_all(path, &forced);
    assert_string_equal(got.p ? got.p : "", text);
    sbuf_done(&got);
}

static void make_folder(const char *name)
{
    assert_int_equal(mkdir(folder_path(name), 0700), 0);
}

static void reads_a_folder_in_name_order_without_hidden_files(void **state)
{
    make_folder("tree");
    make_folder("tree/b");
    make_folder("tree/.git");
    folder_write("tree/c", STR("third\n"));
    folder_write("tree/a", STR("first\n"));
    folder_write("tree/b/x", STR("second\n"));
    folder_write("tree/empty", STR(""));
    folder_write("tree/.hidden", STR("no\n"));
    folder_write("tree/.git/x", STR("no\n"));
    expect(folder_path("tree"), "tree/a:first\ntree/b/x:second\ntree/c:third\n");
    expect(folder_path("tree/"), "tree/a:first\ntree/b/x:second\ntree/c:third\n");
    expect(folder_path("tree/.hidden"), "tree/.hidden:no\n");
}

static void survives_folders_that_contain_themselves(void **state)
{
    make_folder("loop");
    make_folder("loop/in");
    folder_write("loop/in/a", STR("a\n"));
    assert_int_equal(symlink("..", folder_path("loop/in/up")), 0);
    assert_int_equal(symlink(".", folder_path("loop/self")), 0);
    assert_int_equal(symlink("in/a", folder_path("loop/z")), 0);
    assert_int_equal(symlink("round", folder_path("loop/round")), 0);
    struct sbuf got = read_all(folder_path("loop"), &forced);
    assert_non_null(strstr(got.p, "loop/in/a:a\nloop/z:a\n!"));
    assert_non_null(strstr(got.p, "!loop/in/up: contains itself; not entered again\n"));
    assert_non_null(strstr(got.p, "!loop/self: contains itself; not entered again\n"));
    assert_non_null(strstr(got.p, "!loop/round: '"));
    sbuf_done(&got);
}

static void says_what_it_did_not_read_in_a_folder(void **state)
{
    make_folder("odd");
    folder_write("odd/good", STR("good\n"));
    assert_int_equal(symlink("nowhere", folder_path("odd/dangling")), 0);
    assert_int_equal(mkfifo(folder_path("odd/pipe"), 0600), 0);
    struct sbuf got = read_all(folder_path("odd"), &forced);
    assert_non_null(strstr(got.p, "odd/good:good\n"));
    assert_non_null(strstr(got.p, "!odd/dangling: '"));
    assert_non_null(strstr(got.p, "No such file"));
    assert_non_null(strstr(got.p, "!odd/pipe: is not a regular file"));
    sbuf_done(&got);
}

static void fails_for_a_path_that_does_not_exist(void **state)
{
    const char *path[] = {folder_path("there"), folder_path("absent")};
    folder_write("there", STR("x\n"));
    struct ingest *in = NULL;
    struct error err;
    assert_int_equal(ingest_open(path, 2, &forced, &in, &err), ST_NOT_FOUND);
    assert_non_null(strstr(err.text, "absent'"));
    assert_null(in);
}

static void goes_on_when_a_file_vanishes_meanwhile(void **state)
{
    make_folder("gone");
    folder_write("gone/a", STR("a\n"));
    folder_write("gone/b", STR("b\n"));
    folder_write("gone/c", STR("c\n"));
    struct ingest *in = open_one(folder_path("gone"), &forced);
    assert_int_equal(unlink(folder_path("gone/b")), 0);
    struct batch b;
    batch_init(&b, 1 << 20);
    const struct parse_stream *stream;
    unsigned batches = 0;
    while (ingest_next(in, &b, &stream))
        assert_memory_equal(b.bytes, batches++ ? "c\n" : "a\n", 2);
    assert_int_equal(batches, 2);
    assert_int_equal(ingest_problem_count(in), 1);
    assert_non_null(strstr(ingest_problem(in, 0)->path, "gone/b"));
    struct ingest_progress p = ingest_progress(in);
    assert_int_equal(p.files_done, 3);
    assert_int_equal(p.files_total, 3);
    assert_int_equal(p.bytes_done, 4);
    assert_int_equal(p.bytes_total, 6);
    batch_done(&b);
    ingest_close(in);
}

static void keeps_no_more_problems_than_can_be_read(void **state)
{
    make_folder("bad");
    for (unsigned i = 0; i < 1500; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "bad/%04u", i);
        assert_int_equal(symlink("nowhere", folder_path(name)), 0);
    }
    struct ingest *in = open_one(folder_path("bad"), &forced);
    size_t n = ingest_problem_count(in);
    assert_true(n > 100 && n < 1500);
    assert_non_null(strstr(ingest_problem(in, n - 1)->reason, "problems more"));
    ingest_close(in);
}

static void refuses_archives_with_advice(void **state)
{
    char tar[512] = "name";
    memcpy(tar + 257, "ustar", 6);
    make_folder("packed");
    folder_write("packed/a.tar", (str){tar, sizeof tar});
    folder_write("packed/b.zip", STR("PK\3\4rest"));
    folder_write("packed/c.bz2", STR("BZh91AY"));
    expect(folder_path("packed"), "!packed/a.tar: is a tar archive; unpack it first\n"
                                  "!packed/b.zip: is a zip archive; unpack it first\n"
                                  "!packed/c.bz2: is compressed with bzip2; decompress it first\n");
}

static void says_why_a_broken_event_log_is_not_read(void **state)
{
    static const char log[100] = "ElfFile"; /* its header is 4,096 bytes */
    make_folder("logs");
    folder_write("logs/a.evtx", (str){log, sizeof log});
    folder_write("logs/b", STR("text\n"));
    struct sbuf got = read_all(folder_path("logs"), &forced);
    assert_non_null(strstr(got.p, "logs/b:text\n"));
    assert_non_null(strstr(got.p, "!logs/a.evtx: "));
    sbuf_done(&got);
}

/* ---- encodings ---- */

/* <x/>, where an event belongs. */
static void rejects_a_record_that_is_no_event(void **state)
{
    static const char fragment[] = "\x01\xff\xff\0\0\0\0\x23\2\0\0\0\0\0\0\0\0\1\0x\0\0\0\3";
    enum { CHUNK_AT = 4096, RECORD_AT = 512, RECORD = 24 + sizeof fragment + 4 };
    static char log[CHUNK_AT + 1024] = "ElfFile";
    char *chunk = log + CHUNK_AT, *record = chunk + RECORD_AT;
    log[38] = 3;
    memcpy(chunk, "ElfChnk", 8);
    chunk[48] = RECORD;
    chunk[49] = RECORD_AT >> 8;
    record[0] = record[1] = '*';
    record[4] = RECORD;
    memcpy(record + 24, fragment, sizeof fragment);
    folder_write("file", (str){log, sizeof log});
    struct ingest *in = open_one(folder_path("file"), &forced);
    const struct parse_stream *stream;
    struct batch b;
    batch_init(&b, 1 << 20);
    assert_true(ingest_next(in, &b, &stream));
    assert_int_equal(b.n, 0);
    assert_int_equal(b.read, 1);
    assert_string_equal(b.reject[0].text, "a record that is no event");
    batch_done(&b);
    ingest_close(in);
}

static void turns_utf16_with_a_mark_into_utf8(void **state)
{
    struct sbuf little, big, want;
    sbuf_init(&little, SIZE_MAX);
    sbuf_init(&big, SIZE_MAX);
    sbuf_init(&want, SIZE_MAX);
    sbuf_add(&little, STR("\xff\xfe"));
    sbuf_add(&big, STR("\xfe\xff"));
    sbuf_addz(&want, "file:");
    for (unsigned i = 0; i < 50000; i++) { /* U+1F600 is two units, U+20AC three bytes */
        sbuf_add(&little, STR("a\0\x3d\xd8\x00\xde\xac\x20\n\0"));
        sbuf_add(&big, STR("\0a\xd8\x3d\xde\x00\x20\xac\0\n"));
        sbuf_add(&want, STR("a\xf0\x9f\x98\x80\xe2\x82\xac\n"));
    }
    const struct sbuf *both[] = {&little, &big};
    for (size_t i = 0; i < 2; i++) {
        folder_write("file", sbuf_str(both[i]));
        struct sbuf got = read_all(folder_path("file"), &forced);
        assert_true(str_eq(sbuf_str(&got), sbuf_str(&want)));
        sbuf_done(&got);
    }
    sbuf_done(&little);
    sbuf_done(&big);
    sbuf_done(&want);
}

static void passes_over_marks_and_takes_stumps_as_they_are(void **state)
{
    const struct {
        str bytes;
        const char *text;
    } cases[] = {
        {STR("\xef\xbb\xbfhello\n"), "file:hello\n"},
        {STR("\xef\xbb\xbf"), ""},
        {STR("\xef\xbb"), "file:\xef\xbb"},
        {STR("\xff\xfe"), ""},
        {STR("\xff\xfe\x41"), ""},
        {STR("\xff\xfe\x41\0"), "file:A"},
        {STR("\xff\xfe\x3d\xd8"), "file:\xef\xbf\xbd"},
        {STR("\xff"), "file:\xff"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        folder_write("file", cases[i].bytes);
        expect(folder_path("file"), cases[i].text);
    }
}

/* ---- compressed ---- */

static void add_gzip(struct sbuf *out, str text)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t most = deflateBound(&z, text.n) + 64;
    char *to = sbuf_space(out, most);
    z.next_in = (z_const Bytef *)(uintptr_t)text.p;
    z.avail_in = (uInt)text.n;
    z.next_out = (Bytef *)to;
    z.avail_out = (uInt)most;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    sbuf_grew(out, z.total_out);
    assert_int_equal(deflateEnd(&z), Z_OK);
}

static void add_xz(struct sbuf *out, str text)
{
    size_t most = lzma_stream_buffer_bound(text.n), n = 0;
    uint8_t *to = (uint8_t *)sbuf_space(out, most);
    assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, (const uint8_t *)text.p,
                                             text.n, to, &n, most),
                     LZMA_OK);
    sbuf_grew(out, n);
}

static void add_zstd(struct sbuf *out, str text)
{
    size_t most = ZSTD_compressBound(text.n);
    size_t n = ZSTD_compress(sbuf_space(out, most), most, text.p, text.n, 1);
    assert_false(ZSTD_isError(n));
    sbuf_grew(out, n);
}

static void (*const packers[])(struct sbuf *, str) = {add_gzip, add_xz, add_zstd};

static struct sbuf numbered_lines(unsigned from, unsigned to)
{
    struct sbuf text;
    sbuf_init(&text, SIZE_MAX);
    for (unsigned i = from; i < to; i++)
        sbuf_addf(&text, "this is line %u of some, %x\n", i, i * 2654435761u);
    return text;
}

static void reads_compressed_files_made_of_several_members(void **state)
{
    struct sbuf one = numbered_lines(0, 20000), two = numbered_lines(20000, 40000),
                both = numbered_lines(0, 40000);
    for (size_t i = 0; i < COUNT(packers); i++) {
        struct sbuf packed;
        sbuf_init(&packed, SIZE_MAX);
        packers[i](&packed, sbuf_str(&one));
        packers[i](&packed, sbuf_str(&two));
        folder_write("file", sbuf_str(&packed));
        struct sbuf got = read_all(folder_path("file"), &forced);
        assert_true(str_eq(str_from(sbuf_str(&got), 5), sbuf_str(&both)));
        sbuf_done(&got);
        sbuf_done(&packed);
    }
    sbuf_done(&one);
    sbuf_done(&two);
    sbuf_done(&both);
}

static void keeps_what_came_before_the_damage(void **state)
{
    struct sbuf text = numbered_lines(0, 100000);
    for (size_t i = 0; i < COUNT(packers); i++) {
        struct sbuf packed;
        sbuf_init(&packed, SIZE_MAX);
        packers[i](&packed, sbuf_str(&text));
        folder_write("file", str_head(sbuf_str(&packed), packed.n - packed.n / 8));
        struct sbuf got = read_all(folder_path("file"), &forced);
        char *problem = strstr(got.p, "!file: ");
        assert_non_null(problem);
        size_t n = (size_t)(problem - got.p) - 5;
        assert_true(n > text.n / 2 && n < text.n);
        assert_memory_equal(got.p + 5, text.p, n);
        sbuf_done(&got);
        sbuf_done(&packed);
    }
    sbuf_done(&text);
}

/* A look at the beginning may come past the damage: it is told once all the same. */
static void reads_what_stands_before_something_that_does_not_belong(void **state)
{
    const str text[] = {STR("one\ntwo\n"), STR("\xff\xfeo\0n\0e\0\n\0")};
    static const char *const want[] = {"one\ntwo\n", "one\n"};
    struct ingest_options small = forced;
    small.limits.record_bytes = 4;
    for (size_t i = 0; i < COUNT(packers); i++)
        for (size_t k = 0; k < 2 * COUNT(text); k++) {
            struct sbuf packed, start;
            sbuf_init(&packed, SIZE_MAX);
            sbuf_init(&start, SIZE_MAX);
            packers[i](&packed, text[k / 2]);
            sbuf_addz(&packed, "garbage");
            folder_write("file", sbuf_str(&packed));
            struct sbuf got = read_all(folder_path("file"), k % 2 ? &small : &forced);
            sbuf_addf(&start, "file:%s!file: the ", want[k / 2]);
            assert_true(str_starts(sbuf_str(&got), sbuf_str(&start)));
            assert_null(strstr(got.p + start.n, "!file"));
            sbuf_done(&got);
            sbuf_done(&start);
            sbuf_done(&packed);
        }
}

static void refuses_an_archive_inside_a_compressed_file(void **state)
{
    char tar[512] = "name";
    memcpy(tar + 257, "ustar", 6);
    struct sbuf packed;
    sbuf_init(&packed, SIZE_MAX);
    add_gzip(&packed, (str){tar, sizeof tar});
    folder_write("a.tgz", sbuf_str(&packed));
    expect(folder_path("a.tgz"), "!a.tgz: is a tar archive; unpack it first\n");
    sbuf_done(&packed);
}

/* ---- pipes ---- */

static void write_slowly(void *arg)
{
    int fd = *(int *)arg;
    for (unsigned i = 0; i < 200; i++) {
        char text[32];
        int n = snprintf(text, sizeof text, "{\"number\":%u}\n", i);
        assert_int_equal(write(fd, text, (size_t)n), n);
    }
    assert_int_equal(close(fd), 0);
}

static void reads_a_pipe_that_was_named(void **state)
{
    assert_int_equal(mkfifo(folder_path("fifo"), 0600), 0);
    int fd = open(folder_path("fifo"), O_RDWR | O_CLOEXEC); /* so that nobody waits to open it */
    assert_true(fd >= 0);
    int out = open(folder_path("fifo"), O_WRONLY | O_CLOEXEC);
    struct ingest_options options = forced;
    options.forced = false;
    struct ingest *in = open_one(folder_path("fifo"), &options);
    struct thread t;
    assert_int_equal(thread_start(&t, "writer", write_slowly, &out, NULL), ST_OK);
    struct batch b;
    batch_init(&b, 1 << 20);
    const struct parse_stream *stream;
    /* Nobody closes the reader's own end, so what is there is given out when no more comes. */
    assert_true(ingest_next(in, &b, &stream));
    assert_int_equal(stream->format, PARSE_json);
    assert_memory_equal(b.bytes, "{\"number\":0}\n{", 14);
    thread_join(&t);
    assert_int_equal(close(fd), 0);
    while (ingest_next(in, &b, &stream))
        ;
    assert_int_equal(ingest_progress(in).text_bytes, 10 * 13 + 90 * 14 + 100 * 15);
    assert_int_equal(ingest_progress(in).bytes_total, 0);
    batch_done(&b);
    ingest_close(in);
}

static void ends_a_wait_for_input_when_asked_to_stop(void **state)
{
    int end[2];
    assert_int_equal(pipe(end), 0);
    char path[64];
    (void)snprintf(path, sizeof path, "/dev/fd/%d", end[0]);
    assert_int_equal(write(end[1], "begun", 5), 5);
    struct ingest *in = open_one(path, &forced);
    struct batch b;
    batch_init(&b, 1 << 20);
    const struct parse_stream *stream;
    stop_request();
    assert_false(ingest_next(in, &b, &stream));
    stop_clear();
    batch_done(&b);
    ingest_close(in);
    assert_int_equal(close(end[0]), 0);
    assert_int_equal(close(end[1]), 0);
}

/* ---- streams ---- */

static void tells_the_parser_what_a_stream_depends_on(void **state)
{
    folder_write("file", STR("x\n"));
    struct ingest_options options = forced;
    options.family = FAMILY_WINDOWS;
    options.channel = STR("Security");
    options.now_ms = 42;
    struct ingest *in = open_one(folder_path("file"), &options);
    struct batch b;
    batch_init(&b, 1 << 20);
    const struct parse_stream *stream;
    assert_true(ingest_next(in, &b, &stream));
    assert_int_equal(stream->format, PARSE_text);
    assert_int_equal(stream->family, FAMILY_WINDOWS);
    assert_int_equal(stream->now_ms, 42);
    assert_true(str_eq(stream->channel, STR("Security")));
    batch_done(&b);
    ingest_close(in);
}

/* The batch's header says last of all what its first row, `a` or `b`, is under. */
static void check_header(const struct batch *b, str header)
{
    static const char mark[] = "#Fields: ";
    const char *last = NULL;
    if (b->bytes[0] == '#')
        return;
    for (size_t i = 0; i + sizeof mark <= header.n; i++)
        if (memcmp(header.p + i, mark, sizeof mark - 1) == 0)
            last = header.p + i + sizeof mark - 1;
    assert_true(last && *last == b->bytes[0]);
}

static void follows_headers_in_the_middle_of_a_stream(void **state)
{
    struct sbuf text;
    sbuf_init(&text, SIZE_MAX);
    for (int i = 0; i < 40; i++) {
        sbuf_addf(&text, "#Version: 1\n#Fields: %c\n#Date: now\n", i % 2 ? 'b' : 'a');
        for (int k = 0; k < i; k++)
            sbuf_addz(&text, i % 2 ? "b\n" : "a\n");
        sbuf_addz(&text, i % 3 ? "" : "#Remark: end\n");
    }
    folder_write("file", sbuf_str(&text));
    struct ingest_options options = forced;
    options.format = PARSE_w3c;
    for (options.batch_bytes = 8; options.batch_bytes < 400; options.batch_bytes++) {
        struct ingest *in = open_one(folder_path("file"), &options);
        const struct parse_stream *stream;
        struct batch b;
        batch_init(&b, 1 << 20);
        while (ingest_next(in, &b, &stream))
            check_header(&b, stream->header);
        assert_int_equal(ingest_problem_count(in), 0);
        batch_done(&b);
        ingest_close(in);
    }
    sbuf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_folder_in_name_order_without_hidden_files),
        cmocka_unit_test(survives_folders_that_contain_themselves),
        cmocka_unit_test(says_what_it_did_not_read_in_a_folder),
        cmocka_unit_test(fails_for_a_path_that_does_not_exist),
        cmocka_unit_test(goes_on_when_a_file_vanishes_meanwhile),
        cmocka_unit_test(keeps_no_more_problems_than_can_be_read),
        cmocka_unit_test(refuses_archives_with_advice),
        cmocka_unit_test(says_why_a_broken_event_log_is_not_read),
        cmocka_unit_test(rejects_a_record_that_is_no_event),
        cmocka_unit_test(turns_utf16_with_a_mark_into_utf8),
        cmocka_unit_test(passes_over_marks_and_takes_stumps_as_they_are),
        cmocka_unit_test(reads_compressed_files_made_of_several_members),
        cmocka_unit_test(keeps_what_came_before_the_damage),
        cmocka_unit_test(reads_what_stands_before_something_that_does_not_belong),
        cmocka_unit_test(refuses_an_archive_inside_a_compressed_file),
        cmocka_unit_test(reads_a_pipe_that_was_named),
        cmocka_unit_test(ends_a_wait_for_input_when_asked_to_stop),
        cmocka_unit_test(tells_the_parser_what_a_stream_depends_on),
        cmocka_unit_test(follows_headers_in_the_middle_of_a_stream),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
