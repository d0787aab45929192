/* SPDX-License-Identifier: Apache-2.0 */
/* Logs of the public data sets: told apart without being told, and read to the last line.  The
 * figures are what is in the files: lines that are blank, or headers, are no records. */
#include "tests/parse_golden.h"
#include "tests/public_data.h"

struct expected {
    const char *file; /* how the path in the archive ends */
    const char *format;
    uint64_t read, rejected, without_time;
};

/* One stream in batches of about 256 KiB, as the reader makes them. */
static void check_stream(const struct expected *want, str bytes)
{
    struct parsed t = {.stream = {.format = parse_sniff(bytes), .now_ms = 1735603200000}};
    golden_text(want->file, str_z(parse_format_name(t.stream.format)), want->format);
    t.stream.header = parse_header(t.stream.format, bytes);
    t.dict = dict_new();
    t.parser = parser_new(t.dict, &parse_limits_default);
    batch_init(&t.batch, 64 << 20);
    uint64_t read = 0, rejected = 0, events = 0, without_time = 0;
    while (bytes.n) {
        size_t n = bytes.n < 256 * 1024 ? bytes.n : 256 * 1024;
        while (n < bytes.n && bytes.p[n - 1] != '\n')
            n++;
        batch_clear(&t.batch);
        batch_reserve(&t.batch, n);
        memcpy(t.batch.bytes, bytes.p, n);
        t.batch.n = n;
        t.batch.first_line = 1;
        parser_run(t.parser, &t.stream, &t.batch);
        bytes = str_from(bytes, n);
        read += t.batch.read;
        rejected += t.batch.rejected;
        events += t.batch.event_count;
        for (size_t i = 0; i < t.batch.event_count; i++)
            without_time += t.batch.event[i].time_ms == TIME_NONE;
    }
    if (read != want->read || rejected != want->rejected || events != read - rejected ||
        without_time != want->without_time)
        GOLDEN_FAIL("%s: read %d, rejected %d, events %d, without time %d: %s", want->file,
                    (int)read, (int)rejected, (int)events, (int)without_time,
                    rejected ? t.batch.reject[0].text : "");
    parsed_done(&t);
}

static void check_archive(const char *name, const struct expected *want, size_t n)
{
    struct sbuf tar;
    str rest = unpacked(test_data_dir(), name, &tar);
    struct tar_file file;
    size_t met = 0;
    while (next_file(&rest, &file))
        for (size_t i = 0; i < n; i++)
            if (str_ends(file.name, str_z(want[i].file))) {
                check_stream(&want[i], file.bytes);
                met++;
            }
    assert_int_equal(met, n);
    sbuf_done(&tar);
}

static void reads_the_logs_of_loghub(void **state)
{
    (void)state;
    static const struct expected logs[] = {
        {"OpenSSH_2k.log", "syslog", 2000, 0, 0},   {"Linux_2k.log", "syslog", 2000, 0, 0},
        {"Apache_2k.log", "web-error", 2000, 0, 0}, {"Windows_2k.log", "text", 2000, 0, 0},
        {"HDFS_2k.log", "text", 2000, 0, 2000},     {"Proxifier_2k.log", "text", 2000, 0, 2000},
    };
    if (!test_data_dir())
        SKIP_BECAUSE("no public data (BGUARD_DATA)");
    check_archive("loghub/loghub.tar.xz", logs, COUNT(logs));
}

static void reads_access_logs_ordinary_and_of_attacks(void **state)
{
    (void)state;
    static const struct expected ordinary = {"access log", "access", 5000, 0, 0};
    static const struct expected attack = {"acunetix.txt", "access", 6539, 0, 0};
    if (!test_data_dir())
        SKIP_BECAUSE("no public data (BGUARD_DATA)");
    struct sbuf out;
    check_stream(&ordinary, unpacked(test_data_dir(), "access-logs/apache_first_5000.gz", &out));
    sbuf_done(&out);
    check_archive("apache-attacks/acunetix.txt.tar.xz", &attack, 1);
}

static void reads_zeek_logs_labelled_or_not(void **state)
{
    (void)state;
    static const struct expected iot = {"iot23", "zeek", 23145, 0, 0};
    static const struct expected logs[] = {
        {"data/conn.log", "zeek", 360, 0, 0},     {"data/dns.log", "zeek", 54, 0, 0},
        {"data/tor_ssl.log", "zeek", 733, 0, 0},  {"data/files.log", "zeek", 113, 0, 0},
        {"data/http_empty.log", "zeek", 0, 0, 0},
    };
    if (!test_data_dir())
        SKIP_BECAUSE("no public data (BGUARD_DATA)");
    struct sbuf out;
    check_stream(&iot, unpacked(test_data_dir(), "iot23/conn.log.labeled.gz", &out));
    sbuf_done(&out);
    check_archive("network/zat.tar.xz", logs, COUNT(logs));
}

/* These have a comment before each line, which is no log line and is rejected as such. */
static void reads_the_service_logs_of_fail2ban(void **state)
{
    (void)state;
    static const struct expected logs[] = {
        {"syslog-plain.txt", "syslog", 3, 0, 0},     {"syslog-v.txt", "syslog", 10, 0, 0},
        {"syslog-vv.txt", "syslog", 5, 0, 0},        {"nginx-bad-request", "access", 16, 8, 0},
        {"apache-shellshock", "web-error", 4, 2, 0}, {"pam-generic", "syslog", 19, 10, 0},
    };
    if (!test_data_dir())
        SKIP_BECAUSE("no public data (BGUARD_DATA)");
    check_archive("fail2ban/logs.tar.xz", logs, COUNT(logs));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_logs_of_loghub),
        cmocka_unit_test(reads_access_logs_ordinary_and_of_attacks),
        cmocka_unit_test(reads_zeek_logs_labelled_or_not),
        cmocka_unit_test(reads_the_service_logs_of_fail2ban),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
