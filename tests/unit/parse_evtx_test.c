/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/parse_golden.h"

#include "tests/public_data.h"

#include "parse/binxml.h"
#include "parse/evtx.h"
#include "parse/xml.h"

/* ---- a log made by hand: one chunk, whose records put values into one template ---- */

enum { HEADER = 4096, CHUNK = 65536, LOG = HEADER + CHUNK };

struct log {
    char bytes[LOG];
    size_t at; /* in the chunk */
};

static void put(struct log *l, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        l->bytes[HEADER + l->at++] = (char)(v >> (8 * i));
}

static void put_at(struct log *l, size_t at, uint64_t v, size_t n)
{
    size_t back = l->at;
    l->at = at;
    put(l, v, n);
    l->at = back;
}

static void put_utf16(struct log *l, const char *text)
{
    for (; *text; text++)
        put(l, (unsigned char)*text, 2);
}

/* A name where it is used for the first time. */
static void put_name(struct log *l, const char *name)
{
    put(l, l->at + 4, 4);
    put(l, 0, 4);
    put(l, 0, 2);
    put(l, strlen(name), 2);
    put_utf16(l, name);
    put(l, 0, 2);
}

/* <name, to be closed by put_close; answers where its size is to be written. */
static size_t put_open(struct log *l, const char *name, uint16_t dependency, bool attributes)
{
    put(l, attributes ? 0x41 : 0x01, 1);
    put(l, dependency, 2);
    size_t size = l->at;
    put(l, 0, 4);
    put_name(l, name);
    if (attributes)
        put(l, 0, 4);
    return size;
}

static void put_close(struct log *l, size_t size)
{
    put(l, 0x04, 1);
    put_at(l, size, l->at - size - 4, 4);
}

static void put_substitution(struct log *l, bool optional, unsigned id, unsigned type)
{
    put(l, optional ? 0x0e : 0x0d, 1);
    put(l, id, 2);
    put(l, type, 1);
}

static void put_element(struct log *l, const char *name, unsigned id, unsigned type)
{
    size_t size = put_open(l, name, 0xffff, false);
    put(l, 0x02, 1);
    put_substitution(l, true, id, type);
    put_close(l, size);
}

static void put_data(struct log *l, const char *name, unsigned id, unsigned type)
{
    size_t size = put_open(l, "Data", 0xffff, true);
    put(l, 0x06, 1);
    put_name(l, "Name");
    put(l, 0x05, 1);
    put(l, 1, 1);
    put(l, strlen(name), 2);
    put_utf16(l, name);
    put(l, 0x02, 1);
    put_substitution(l, true, id, type);
    put_close(l, size);
}

static void put_template(struct log *l)
{
    size_t event = put_open(l, "Event", 0xffff, false);
    put(l, 0x02, 1);
    size_t system = put_open(l, "System", 0xffff, false);
    put(l, 0x02, 1);
    put_element(l, "EventID", 0, 0x06);
    put_element(l, "Channel", 1, 0x01);
    put_element(l, "EventRecordID", 2, 0x0a);
    size_t security = put_open(l, "Security", 0xffff, true);
    put(l, 0x06, 1);
    put_name(l, "UserID");
    put_substitution(l, true, 3, 0x13);
    put(l, 0x03, 1);
    put_at(l, security, l->at - security - 4, 4);
    put_close(l, system);
    size_t data = put_open(l, "EventData", 0xffff, false);
    put(l, 0x02, 1);
    put_data(l, "Mask", 4, 0x14);
    put_data(l, "Signed", 5, 0x07);
    put_data(l, "Guid", 6, 0x0f);
    put_data(l, "When", 7, 0x11);
    put_data(l, "Text", 8, 0x01);
    size_t absent = put_open(l, "Absent", 9, false);
    put(l, 0x02, 1);
    put_close(l, absent);
    size_t many = put_open(l, "Data", 0xffff, false);
    put(l, 0x02, 1);
    put_substitution(l, false, 10, 0x81);
    put_close(l, many);
    put_close(l, data);
    put_close(l, event);
    put(l, 0x00, 1);
}

enum { VALUES = 11 };

static void put_values(struct log *l, uint64_t record, bool null_sid)
{
    static const unsigned size[VALUES] = {2, 6, 8, 12, 4, 4, 16, 8, 10, 0, 10};
    static const unsigned type[VALUES] = {6, 1, 10, 0x13, 0x14, 7, 0x0f, 0x11, 1, 0, 0x81};
    put(l, VALUES, 4);
    for (size_t i = 0; i < VALUES; i++) {
        put(l, size[i], 2);
        put(l, i == 3 && null_sid ? 0 : type[i], 1);
        put(l, 0, 1);
    }
    put(l, 4104, 2);
    put_utf16(l, "Log");
    put(l, record, 8);
    put(l, 0x0101, 2); /* S-1-5-18 */
    put(l, 0x050000000000, 6);
    put(l, 18, 4);
    put(l, 0x1410, 4);
    put(l, (uint64_t)-5, 4);
    put(l, 0x7766554433221100, 8);
    put(l, 0xffeeddccbbaa9988, 8);
    put(l, 132452199141234567, 8); /* 2020-09-22T03:45:14.1234567Z as FILETIME ticks */
    put_utf16(l, "a<&\"");
    put(l, 0, 2);
    put_utf16(l, "x");
    put(l, 0, 2);
    put_utf16(l, "yz");
    put(l, 0, 2);
}

/* The first record brings the template, the others refer to it. */
static void put_record(struct log *l, uint64_t record, size_t *template, bool null_sid)
{
    size_t start = l->at;
    put(l, 0x2a2a, 4);
    put(l, 0, 4);
    put(l, record, 8);
    put(l, 0, 8);
    put(l, 0x0001010f, 4); /* fragment header */
    put(l, 0x010c, 2);     /* template instance */
    put(l, 7, 4);
    if (*template) {
        put(l, *template, 4);
    } else {
        *template = l->at + 4;
        put(l, *template, 4);
        l->at += 20; /* the next template's offset and a GUID */
        size_t size = l->at;
        put(l, 0, 4);
        put_template(l);
        put_at(l, size, l->at - size - 4, 4);
    }
    put_values(l, record, null_sid);
    put(l, 0, 1);
    put(l, l->at + 4 - start, 4);
    put_at(l, start + 4, l->at - start, 4);
}

static struct log *log_of(size_t records)
{
    struct log *l = calloc(1, sizeof *l);
    memcpy(l->bytes, "ElfFile", 8);
    l->bytes[38] = 3;
    memcpy(l->bytes + HEADER, "ElfChnk", 8);
    l->at = 512;
    size_t template = 0;
    for (size_t i = 0; i < records; i++)
        put_record(l, 100 + i, &template, i % 2);
    put_at(l, 48, l->at, 4);
    return l;
}

static struct evtx *opened(const struct log *l)
{
    struct evtx *e = NULL;
    struct error err;
    assert_int_equal(evtx_open_bytes((str){l->bytes, LOG}, &e, &err), ST_OK);
    return e;
}

static void writes_a_record_as_windows_does(void **state)
{
    (void)state;
    static const char want[] =
        "<Event><System><EventID>4104</EventID><Channel>Log</Channel>"
        "<EventRecordID>100</EventRecordID><Security UserID=\"S-1-5-18\"/></System><EventData>"
        "<Data Name=\"Mask\">0x1410</Data><Data Name=\"Signed\">-5</Data>"
        "<Data Name=\"Guid\">{33221100-5544-7766-8899-AABBCCDDEEFF}</Data>"
        "<Data Name=\"When\">2020-09-22T03:45:14.1234567Z</Data>"
        "<Data Name=\"Text\">a&lt;&amp;\"</Data>"
        "<Data>x</Data><Data>yz</Data></EventData></Event>\n";
    struct log *l = log_of(3);
    struct evtx *e = opened(l);
    struct sbuf xml;
    struct error err = {0};
    uint64_t number;
    sbuf_init(&xml, 1 << 20);
    assert_int_equal(evtx_next(e, &xml, &number, &err), EVTX_RECORD);
    assert_int_equal(number, 100);
    assert_string_equal(xml.p, want);
    sbuf_clear(&xml);
    assert_int_equal(evtx_next(e, &xml, &number, &err), EVTX_RECORD);
    assert_int_equal(number, 101);
    assert_non_null(strstr(xml.p, "<Security/>")); /* an attribute that is absent */
    assert_int_equal(evtx_next(e, &xml, &number, &err), EVTX_RECORD);
    assert_int_equal(evtx_next(e, &xml, &number, &err), EVTX_END);
    assert_int_equal(evtx_done(e), LOG);
    sbuf_done(&xml);
    evtx_close(e);
    free(l);
}

static void makes_events_with_the_number_of_their_record(void **state)
{
    (void)state;
    struct log *l = log_of(1);
    assert_int_equal(parse_sniff((str){l->bytes, LOG}), PARSE_evtx);
    struct evtx *e = opened(l);
    struct sbuf xml;
    struct error err = {0};
    uint64_t number;
    sbuf_init(&xml, 1 << 20);
    assert_int_equal(evtx_next(e, &xml, &number, &err), EVTX_RECORD);
    struct parsed t = {.stream = {.format = PARSE_evtx}};
    parsed_run(&t, STR(""), NULL);
    batch_reserve(&t.batch, xml.n);
    memcpy(t.batch.bytes, xml.p, xml.n);
    t.batch.n = xml.n;
    t.batch.first_line = 0;
    parser_run(t.parser, &t.stream, &t.batch);
    assert_int_equal(t.batch.event_count, 1);
    struct event *event = &t.batch.event[0];
    assert_int_equal(event->origin.record, 100);
    assert_int_equal(event->origin.line, 0);
    assert_int_equal(event->raw.n, 0);
    static const char *const fields[] = {"event.code=4104", "winlog.channel=Log",
                                         "Mask=0x1410",     "Security_UserID=S-1-5-18",
                                         "Text=a<&\"",      "Data=x",
                                         "Data=yz",         "event.sequence=100"};
    for (size_t i = 0; i < COUNT(fields); i++)
        golden_field(&t, event, fields[i]);
    parsed_done(&t);
    sbuf_done(&xml);
    evtx_close(e);
    free(l);
}

static void passes_over_damage_and_says_where_it_is(void **state)
{
    (void)state;
    struct log *l = log_of(3);
    l->bytes[HEADER + 512 + 24 + 4] = 0x33; /* the first record's template token */
    struct evtx *e = opened(l);
    struct sbuf xml;
    struct error err = {0};
    uint64_t number;
    sbuf_init(&xml, 1 << 20);
    assert_int_equal(evtx_next(e, &xml, &number, &err), EVTX_BAD);
    assert_int_equal(number, 100);
    assert_int_equal(xml.n, 0);
    assert_string_equal(err.text, "an unknown token, at byte 4608 of the file");
    assert_int_equal(evtx_next(e, &xml, &number, &err), EVTX_RECORD);
    assert_int_equal(number, 101);
    sbuf_done(&xml);
    evtx_close(e);
    free(l);
}

/* Every limit from nothing up to enough: bad, with nothing added, then a record. */
static void refuses_a_record_longer_than_the_limit(void **state)
{
    (void)state;
    struct log *l = log_of(1);
    enum evtx_result got = EVTX_BAD;
    for (size_t cap = 1; got != EVTX_RECORD; cap *= 2) {
        struct evtx *e = opened(l);
        struct sbuf xml;
        struct error err = {0};
        uint64_t number;
        sbuf_init(&xml, cap);
        got = evtx_next(e, &xml, &number, &err);
        assert_true(got == EVTX_RECORD || xml.n == 0);
        assert_true(cap < 1 << 20);
        sbuf_done(&xml);
        evtx_close(e);
    }
    free(l);
}

/* One long name of NULs, which write nothing, used over and over: the time goes into reading it. */
static void refuses_what_takes_long_and_writes_little(void **state)
{
    (void)state;
    enum { NAME = 30000, UNITS = 12000, TIMES = 1000 };
    static struct log l;
    static struct binxml b;
    struct sbuf out;
    sbuf_init(&out, SIZE_MAX);
    put_at(&l, NAME + 6, UNITS, 2);
    put(&l, 0x01, 1);
    put(&l, 0xffff, 2);
    put(&l, 0, 4);
    put_name(&l, "Event");
    put(&l, 0x02, 1);
    for (int i = 0; i < TIMES; i++) {
        put(&l, 0x09, 1);
        put(&l, NAME, 4);
    }
    put(&l, 0x04, 1);
    assert_false(binxml_write(&b, (str){l.bytes + HEADER, CHUNK}, 0, l.at, &out));
    assert_string_equal(b.problem, "too many tokens");
    put_at(&l, NAME + 6, 2, 2);
    assert_true(binxml_write(&b, (str){l.bytes + HEADER, CHUNK}, 0, l.at, &out));
    sbuf_done(&out);
}

static void refuses_what_is_no_log(void **state)
{
    (void)state;
    struct evtx *e;
    struct error err;
    assert_int_equal(evtx_open_bytes(STR("ElfFile\0"), &e, &err), ST_INVALID);
    assert_int_equal(evtx_open("/nowhere/at/all.evtx", &e, &err), ST_NOT_FOUND);
    assert_non_null(strstr(err.text, "cannot be opened"));
}

/* ---- public data: every case as .evtx and as .json says the same ---- */

static void read_log(str bytes, struct sbuf *xml)
{
    struct evtx *e;
    struct error err = {0};
    uint64_t number;
    enum evtx_result got;
    assert_int_equal(evtx_open_bytes(bytes, &e, &err), ST_OK);
    while ((got = evtx_next(e, xml, &number, &err)) != EVTX_END)
        if (got == EVTX_BAD)
            GOLDEN_FAIL("%s", err.text);
    evtx_close(e);
}

/* evtx_dump leaves the braces of GUIDs out, and who made these files cut spaces at the end and
 * changed the case of a name. */
static str bare(str s)
{
    s = str_trim(s);
    return s.n > 2 && s.p[0] == '{' ? str_head(str_from(s, 1), s.n - 2) : s;
}

static bool has_value(struct event *e, field_id id, str value)
{
    for (uint32_t i = 0; i < e->field_count; i++)
        if (e->field[i].id == id && str_ieq(bare(event_text(e, &e->field[i])), value))
            return true;
    return value.n == 0;
}

/* Every field of the .json is in the .evtx; its time has less digits. */
static void same_event(struct parsed *json, struct event *a, struct parsed *xml, struct event *b)
{
    assert_int_equal(a->family, b->family);
    assert_true(str_eq(a->channel, b->channel));
    assert_true(str_eq(a->code, b->code));
    assert_int_equal(a->time_ms, b->time_ms);
    for (uint32_t i = 0; i < a->field_count; i++) {
        str name = dict_name(json->dict, a->field[i].id), value = bare(event_text(a, &a->field[i]));
        field_id id = dict_resolve(xml->dict, FAMILY_UNKNOWN, name);
        if (id != FIELD_TIMESTAMP && !has_value(b, id, value)) {
            golden_dump(xml, b);
            GOLDEN_FAIL(STR_FMT "=" STR_FMT, STR_ARG(name), STR_ARG(value));
        }
    }
}

static size_t same_case(const struct tar_file *log, const struct tar_file *text)
{
    struct sbuf xml;
    sbuf_init(&xml, 64 << 20);
    read_log(log->bytes, &xml);
    struct parsed a = {.stream = {.format = PARSE_winjson}}, b = {.stream = {.format = PARSE_evtx}};
    parsed_run(&a, text->bytes, NULL);
    parsed_run(&b, sbuf_str(&xml), NULL);
    assert_int_equal(b.batch.rejected, 0);
    assert_int_equal(a.batch.event_count, b.batch.event_count);
    size_t n = a.batch.event_count;
    for (size_t i = 0; i < n; i++)
        same_event(&a, &a.batch.event[i], &b, &b.batch.event[i]);
    parsed_done(&a);
    parsed_done(&b);
    sbuf_done(&xml);
    return n;
}

/* In the archive the two files of a case follow each other. */
static void reads_the_public_cases_as_their_json_says(void **state)
{
    (void)state;
    const char *data = test_data_dir();
    if (!data)
        SKIP_BECAUSE("no public data (BGUARD_DATA)");
    struct sbuf tar;
    str rest = unpacked(data, "sigma/regression.tar.xz", &tar);
    struct tar_file m, log = {0};
    size_t cases = 0, events = 0;
    while (next_file(&rest, &m)) {
        bool is_log = str_starts(m.bytes, STR("ElfFile\0"));
        bool is_json = m.bytes.n && m.bytes.p[0] == '{';
        if (is_json && log.bytes.n) {
            events += same_case(&log, &m);
            cases++;
            log = (struct tar_file){0};
        }
        if (is_log)
            log = m;
    }
    print_message("%zu cases, %zu events\n", cases, events);
    assert_int_equal(cases, 112);
    sbuf_done(&tar);
}

static void reads_all_records_of_the_public_logs(void **state)
{
    (void)state;
    const char *data = test_data_dir();
    if (!data)
        SKIP_BECAUSE("no public data (BGUARD_DATA)");
    struct sbuf tar, xml;
    str rest = unpacked(data, "evtx/hayabusa-sample-evtx/hayabusa-sample-evtx.tar.xz", &tar);
    sbuf_init(&xml, 64 << 20);
    struct tar_file m;
    size_t files = 0, records = 0;
    while (next_file(&rest, &m)) {
        if (!str_starts(m.bytes, STR("ElfFile\0")))
            continue;
        sbuf_clear(&xml);
        read_log(m.bytes, &xml);
        struct parsed t = {.stream = {.format = PARSE_evtx}};
        parsed_run(&t, sbuf_str(&xml), NULL);
        assert_int_equal(t.batch.rejected, 0);
        records += t.batch.event_count;
        files++;
        parsed_done(&t);
    }
    print_message("%zu logs, %zu records\n", files, records);
    assert_int_equal(files, 34);
    assert_int_equal(records, 6786); /* as libevtx counts them */
    sbuf_done(&tar);
    sbuf_done(&xml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_a_record_as_windows_does),
        cmocka_unit_test(makes_events_with_the_number_of_their_record),
        cmocka_unit_test(passes_over_damage_and_says_where_it_is),
        cmocka_unit_test(refuses_a_record_longer_than_the_limit),
        cmocka_unit_test(refuses_what_takes_long_and_writes_little),
        cmocka_unit_test(refuses_what_is_no_log),
        cmocka_unit_test(reads_the_public_cases_as_their_json_says),
        cmocka_unit_test(reads_all_records_of_the_public_logs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
