/* SPDX-License-Identifier: Apache-2.0 */
/* Where batches are cut, and that nothing is lost there. */
#include "base/sbuf.h"
#include "base/vec.h"
#include "codec/json_frame.h"
#include "ingest/ingest_int.h"
#include "tests/folder.h"
#include "tests/test.h"

enum { RECORD_MAX = 100 };

static const struct ingest_options plain = {
    .limits = {.record_bytes = 1 << 20, .depth = 64, .fields = 4096},
    .forced = true,
    .format = PARSE_text,
};

/* What a run over one file came to. */
struct taken {
    struct sbuf bytes; /* of all batches */
    size_t batches, longest;
    uint64_t rejected;
    uint64_t line[16]; /* of the first rejects */
};

static uint64_t lines_in(str s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '\n';
    return n;
}

/* `line_step`: the file's lines that are no longer in the bytes by now (0 when none are lost). */
static void take_batch(struct taken *t, const struct batch *b, bool lines_kept)
{
    assert_int_equal(b->sequence, t->batches++);
    if (lines_kept)
        assert_int_equal(b->first_line, lines_in(sbuf_str(&t->bytes)) + 1);
    assert_true(b->n > 0 || b->rejected > 0);
    assert_true(b->read == b->rejected);
    for (uint64_t i = 0; i < b->rejected && i < BATCH_REJECTS_KEPT; i++)
        if (t->rejected + i < COUNT(t->line))
            t->line[t->rejected + i] = b->reject[i].origin.line;
    t->rejected += b->rejected;
    if (b->n > t->longest)
        t->longest = b->n;
    sbuf_add(&t->bytes, (str){b->bytes, b->n});
}

static struct taken take(str text, const struct ingest_options *options, bool lines_kept)
{
    folder_write("input", text);
    const char *path = folder_path("input");
    struct taken t = {0};
    sbuf_init(&t.bytes, SIZE_MAX);
    struct ingest *in;
    assert_int_equal(ingest_open(&path, 1, options, &in, NULL), ST_OK);
    struct batch b;
    batch_init(&b, 1 << 20);
    const struct parse_stream *stream;
    while (ingest_next(in, &b, &stream)) {
        assert_int_equal(stream->format, options->format);
        take_batch(&t, &b, lines_kept);
        if (t.batches > 1) /* what the buffer held before must not matter */
            batch_reserve(&b, 4096);
    }
    assert_int_equal(ingest_problem_count(in), 0);
    assert_int_equal(ingest_progress(in).text_bytes, text.n);
    batch_done(&b);
    ingest_close(in);
    return t;
}

static void counts_lines_as_the_plain_loop_does(void **state)
{
    static char text[70000];
    uint64_t seed = 1;
    for (size_t i = 0; i < sizeof text; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        text[i] = i < 20000 || seed >> 62 ? '\n' : 'x';
    }
    for (size_t n = 0; n < sizeof text; n += 1 + n / 3) {
        for (size_t at = 0; at < 40; at++) {
            str s = str_from((str){text, n}, at);
            assert_int_equal(count_lines(s), count_lines_plain(s));
        }
    }
}

static void keeps_every_byte_of_lines_whatever_the_batch_size(void **state)
{
    static const char *const texts[] = {
        "",
        "a",
        "\n",
        "a\n",
        "a\nb",
        "one\r\ntwo\r\n\r\nthree",
        "\n\n\n",
        "nul\0byte\nnext\n",
        "caf\xc3\xa9 \xff\xfe\n\x80\n",
        /* one that does not fit a small batch, and one without an end, as in files being written */
        "a rather long line that is several times what the batch would hold\nb\nc\nd\nanother one",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        str text = i == 7 ? STR("nul\0byte\nnext\n") : str_z(texts[i]);
        for (size_t size = 8; size < 140; size++) {
            struct ingest_options options = plain;
            options.batch_bytes = size;
            struct taken t = take(text, &options, true);
            assert_true(str_eq(sbuf_str(&t.bytes), text));
            sbuf_done(&t.bytes);
        }
    }
}

/* audit(time:serial) names the event a line is of; events of one line to eight. */
static void keeps_the_lines_of_an_audit_event_together(void **state)
{
    struct sbuf text;
    sbuf_init(&text, SIZE_MAX);
    for (unsigned i = 0; i < 300; i++)
        for (unsigned k = 0; k <= i * 5 % 8; k++)
            sbuf_addf(&text, "type=PATH msg=audit(1714557600.%03u:%u): item=%u name=\"/%.*s\"\n",
                      i % 1000, i, k, (int)(i * 3 % 20), "xxxxxxxxxxxxxxxxxxxx");
    folder_write("input", sbuf_str(&text));
    const char *path = folder_path("input");
    for (size_t size = 700; size < 1500; size += 61) {
        struct ingest_options options = plain;
        options.format = PARSE_auditd;
        options.batch_bytes = size;
        struct ingest *in;
        assert_int_equal(ingest_open(&path, 1, &options, &in, NULL), ST_OK);
        struct batch b;
        batch_init(&b, 1 << 20);
        const struct parse_stream *stream;
        size_t bytes = 0;
        for (; ingest_next(in, &b, &stream); bytes += b.n)
            assert_non_null(memmem(b.bytes, str_find((str){b.bytes, b.n}, '\n'), "item=0 ", 7));
        assert_int_equal(bytes, text.n);
        batch_done(&b);
        ingest_close(in);
    }
    sbuf_done(&text);
}

static void cuts_only_between_lines(void **state)
{
    struct sbuf text;
    sbuf_init(&text, SIZE_MAX);
    for (unsigned i = 0; i < 3000; i++)
        sbuf_addf(&text, "line %u%.*s\n", i, (int)(i * 7 % 60),
                  "............................................................");
    folder_write("input", sbuf_str(&text));
    const char *path = folder_path("input");
    struct ingest_options options = plain;
    options.batch_bytes = 1000;
    struct ingest *in;
    assert_int_equal(ingest_open(&path, 1, &options, &in, NULL), ST_OK);
    struct batch b;
    batch_init(&b, 1 << 20);
    const struct parse_stream *stream;
    size_t batches = 0;
    for (; ingest_next(in, &b, &stream); batches++) {
        assert_true(b.n <= 1100);
        assert_int_equal(b.bytes[b.n - 1], '\n');
        assert_memory_equal(b.bytes, "line ", 5);
    }
    assert_true(batches > 100);
    batch_done(&b);
    ingest_close(in);
    sbuf_done(&text);
}

/* ---- JSON ---- */

static const struct {
    const char *text;
    const char *records; /* one a line, as they stand in the text */
    unsigned rejected;
} json[] = {
    {"{\"a\":1}\n{\"a\":2}\n", "{\"a\":1}\n{\"a\":2}\n", 0},
    {"{\"a\":1}\n{\"a\":2}", "{\"a\":1}\n{\"a\":2}\n", 0},
    {"{\"a\":1}{\"a\":2} {\"a\":3}", "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n", 0},
    {"{\n \"a\": \"}\\\"{\"\n}\n{\n \"a\": 2\n}\n", "{ \"a\": \"}\\\"{\"}\n{ \"a\": 2}\n", 0},
    {"[{\"a\":1},{\"a\":2}]", "{\"a\":1}\n{\"a\":2}\n", 0},
    {" [\n {\"a\":[1,2]},\n {\"a\":{}}\n]\n", "{\"a\":[1,2]}\n{\"a\":{}}\n", 0},
    {"[{\"a\":1}]\n[{\"a\":2}]", "{\"a\":1}\n{\"a\":2}\n", 0},
    {"{\"a\":1},\n{\"a\":2},\n", "{\"a\":1}\n{\"a\":2}\n", 0},
    {"{\"Records\":[{\"a\":1},{\"a\":2}]}", "{\"a\":1}\n{\"a\":2}\n", 0},
    {"{\"nextPageToken\":\"x]\",\n\"Records\":[\n{\"a\":1},{\"a\":2}],\"more\":{\"b\":[\"]}\"]}}\n",
     "{\"a\":1}\n{\"a\":2}\n", 0},
    {"{\"Records\":[{\"a\":1}]}{\"Records\":[{\"a\":2}]}\n{\"b\":3}",
     "{\"a\":1}\n{\"a\":2}\n{\"b\":3}\n", 0},
    {"{\"value\":[{\"a\":1}],\"@odata.nextLink\":\"u\"}\n", "{\"a\":1}\n", 0},
    {"\x1e{\"a\":1}\n\x1e{\"a\":2}\n", "{\"a\":1}\n{\"a\":2}\n", 0},
    /* a value without an end */
    {"{\n\"a\":1,\n\"b\"\n{\n\"a\":2\n}\n{\n\"a\":3\n}", "{\"a\":2}\n{\"a\":3}\n", 1},
};

/* The values in `text`, one a line, without the line feeds inside them. */
static struct sbuf values_of(str text)
{
    struct sbuf out;
    sbuf_init(&out, SIZE_MAX);
    struct json_frame frame = {.unwrap = true}; /* passes over commas, as the parser does */
    str value;
    size_t used;
    for (; json_frame_next(&frame, text, true, &value, &used); text = str_from(text, used)) {
        for (size_t i = 0; i < value.n; i++)
            if (value.p[i] != '\n')
                sbuf_addc(&out, value.p[i]);
        sbuf_addc(&out, '\n');
    }
    assert_false(frame.open);
    return out;
}

static void takes_json_values_out_of_whatever_holds_them(void **state)
{
    for (size_t i = 0; i < COUNT(json); i++)
        for (size_t size = 8; size < 130; size++) {
            struct ingest_options options = plain;
            options.format = PARSE_json;
            options.batch_bytes = size;
            struct taken t = take(str_z(json[i].text), &options, true);
            struct sbuf values = values_of(sbuf_str(&t.bytes));
            if (!str_eq(sbuf_str(&values), str_z(json[i].records)))
                print_error("%s\n", json[i].text);
            assert_true(str_eq(sbuf_str(&values), str_z(json[i].records)));
            assert_int_equal(t.rejected, json[i].rejected);
            sbuf_done(&values);
            sbuf_done(&t.bytes);
        }
}

static void streams_one_huge_array_in_small_pieces(void **state)
{
    struct sbuf text;
    sbuf_init(&text, SIZE_MAX);
    sbuf_addz(&text, "{\"Records\":[");
    for (unsigned i = 0; i < 20000; i++)
        sbuf_addf(&text, "%s{\"n\":%u,\"s\":\"a string with ] and } in it\"}", i ? "," : "", i);
    sbuf_addz(&text, "]}");
    struct ingest_options options = plain;
    options.format = PARSE_json;
    options.batch_bytes = 10000;
    options.limits.record_bytes = 10000;
    struct taken t = take(sbuf_str(&text), &options, true);
    assert_true(t.longest < 10100 && t.batches > 50);
    assert_int_equal(t.rejected, 0);
    struct sbuf values = values_of(sbuf_str(&t.bytes));
    assert_int_equal(lines_in(sbuf_str(&values)), 20000);
    sbuf_done(&values);
    sbuf_done(&t.bytes);
    sbuf_done(&text);
}

static void gives_up_quickly_on_many_values_without_an_end(void **state)
{
    struct sbuf text;
    sbuf_init(&text, SIZE_MAX);
    for (unsigned i = 0; i < 100000; i++)
        sbuf_addz(&text, "{\n");
    struct ingest_options options = plain;
    options.format = PARSE_json;
    struct taken t = take(sbuf_str(&text), &options, true);
    assert_true(t.rejected > 0 && t.rejected < 100);
    sbuf_done(&t.bytes);
    sbuf_done(&text);
}

/* ---- XML ---- */

static void cuts_xml_behind_an_event(void **state)
{
    static const char text[] = "<?xml version='1.0'?>\n<Events>\n<Event a='1'><x/></Event>\n"
                               "<Event>\n<y>&lt;/Event&gt;</y>\n</Event><Event/>\n</Events>\n";
    for (size_t size = 8; size < 140; size++) {
        struct ingest_options options = plain;
        options.format = PARSE_winxml;
        options.batch_bytes = size;
        struct taken t = take(str_z(text), &options, true);
        assert_true(str_eq(sbuf_str(&t.bytes), str_z(text)));
        sbuf_done(&t.bytes);
    }
}

/* ---- limits ---- */

static const struct {
    enum parse_format format;
    const char *before, *filler, *end; /* the record is before, filler again and again, end */
    const char *first, *next;          /* the records around it */
    uint64_t line;                     /* it is on */
} too_long[] = {
    {PARSE_text, "", "x", "\n", "first\n", "next\n", 2},
    {PARSE_text, "", "x", "\r\n", "", "next\n", 1},
    {PARSE_json, "{\"a\":\"", "x", "\"}\n", "{\"b\":1}\n", "{\"b\":2}\n", 2},
    {PARSE_json, "{\"a\":[", "[\"]\\\"\"],", "1]},", "[{\"b\":1},", "{\"b\":2}]", 1},
    {PARSE_json, "\"", "\\\"", "\"", "[1,", ",{\"b\":2}]", 1},
    {PARSE_json, "", "7", "", "[1,", ",{\"b\":2}]", 1},
    {PARSE_winxml, "<Event>", "<x></x>\n", "</Event>", "<Events>\n<Event></Event>\n",
     "<Event></Event></Events>", 3},
};

static void passes_over_a_record_that_is_too_long(void **state)
{
    for (size_t i = 0; i < COUNT(too_long); i++)
        for (size_t size = 8; size < 300; size += size < 60 ? 1 : 31) {
            struct sbuf text;
            sbuf_init(&text, SIZE_MAX);
            sbuf_addz(&text, too_long[i].first);
            sbuf_addz(&text, too_long[i].before);
            for (size_t k = 0; k < 1000; k++)
                sbuf_addz(&text, too_long[i].filler);
            sbuf_addz(&text, too_long[i].end);
            sbuf_addz(&text, too_long[i].next);

            struct ingest_options options = plain;
            options.format = too_long[i].format;
            options.batch_bytes = size;
            options.limits.record_bytes = RECORD_MAX;
            struct taken t = take(sbuf_str(&text), &options, false);
            if (t.rejected != 1)
                print_error("case %zu, batches of %zu\n", i, size);
            assert_int_equal(t.rejected, 1);
            assert_int_equal(t.line[0], too_long[i].line);
            assert_true(t.longest <= RECORD_MAX + 100);
            assert_true(str_contains(sbuf_str(&t.bytes), STR("next")) ||
                        str_contains(sbuf_str(&t.bytes), STR("{\"b\":2}")) ||
                        str_contains(sbuf_str(&t.bytes), STR("<Event></Event></Events>")));
            assert_false(str_contains(sbuf_str(&t.bytes), STR("xxx")));
            sbuf_done(&t.bytes);
            sbuf_done(&text);
        }
}

static void takes_a_record_of_just_the_longest_length(void **state)
{
    struct sbuf text;
    sbuf_init(&text, SIZE_MAX);
    for (size_t i = 0; i < 50; i++)
        sbuf_addf(&text, "%0*zu\r\n", RECORD_MAX, i);
    for (size_t size = 8; size < 300; size += 3) {
        struct ingest_options options = plain;
        options.batch_bytes = size;
        options.limits.record_bytes = RECORD_MAX;
        struct taken t = take(sbuf_str(&text), &options, true);
        assert_int_equal(t.rejected, 0);
        assert_true(str_eq(sbuf_str(&t.bytes), sbuf_str(&text)));
        sbuf_done(&t.bytes);
    }
    sbuf_done(&text);
}

static void knows_the_line_after_records_that_were_too_long(void **state)
{
    struct sbuf text;
    sbuf_init(&text, SIZE_MAX);
    for (unsigned i = 0; i < 40; i++)
        sbuf_addf(&text, "%0*u\n", i % 3 ? 5 : 1000, i + 1);
    struct ingest_options options = plain;
    options.limits.record_bytes = RECORD_MAX;
    options.batch_bytes = 50;
    folder_write("input", sbuf_str(&text));
    const char *path = folder_path("input");
    struct ingest *in;
    assert_int_equal(ingest_open(&path, 1, &options, &in, NULL), ST_OK);
    struct batch b;
    batch_init(&b, 1 << 20);
    const struct parse_stream *stream;
    uint64_t rejected = 0;
    while (ingest_next(in, &b, &stream)) {
        str rest = {b.bytes, b.n};
        for (uint64_t line = b.first_line; rest.n; line++) {
            uint64_t n = 0;
            assert_true(str_to_u64(str_cut(&rest, '\n'), &n));
            assert_int_equal(n, line);
        }
        for (uint64_t i = 0; i < b.rejected; i++)
            assert_int_equal(b.reject[i].origin.line, 3 * rejected++ + 1);
    }
    assert_int_equal(rejected, 14);
    batch_done(&b);
    ingest_close(in);
    sbuf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_lines_as_the_plain_loop_does),
        cmocka_unit_test(keeps_every_byte_of_lines_whatever_the_batch_size),
        cmocka_unit_test(cuts_only_between_lines),
        cmocka_unit_test(keeps_the_lines_of_an_audit_event_together),
        cmocka_unit_test(takes_json_values_out_of_whatever_holds_them),
        cmocka_unit_test(streams_one_huge_array_in_small_pieces),
        cmocka_unit_test(gives_up_quickly_on_many_values_without_an_end),
        cmocka_unit_test(cuts_xml_behind_an_event),
        cmocka_unit_test(passes_over_a_record_that_is_too_long),
        cmocka_unit_test(takes_a_record_of_just_the_longest_length),
        cmocka_unit_test(knows_the_line_after_records_that_were_too_long),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
