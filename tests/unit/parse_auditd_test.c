/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/parse_golden.h"

static void fields(struct parsed *t, size_t event, const char *const *want, size_t n)
{
    assert_true(event < t->batch.event_count);
    for (size_t i = 0; i < n; i++)
        golden_field(t, &t->batch.event[event], want[i]);
}
#define FIELDS(t, event, ...)                                                                      \
    do {                                                                                           \
        static const char *const want[] = {__VA_ARGS__};                                           \
        fields(t, event, want, COUNT(want));                                                       \
    } while (0)

static void joins_the_lines_of_an_event(void **state)
{
    (void)state;
    static const char text[] =
        "type=SYSCALL msg=audit(1364481363.243:24287): arch=c000003e syscall=59 success=no "
        "exit=-13 "
        "a0=55d a1=7f ppid=7 pid=8 auid=1000 uid=0 tty=(none) comm=\"cat\" exe=\"/bin/cat\" "
        "key=6F6E650174776F\n"
        "type=EXECVE msg=audit(1364481363.243:24287): argc=3 a0=\"cat\" a1=2F6574632F61206220\n"
        "type=EXECVE msg=audit(1364481363.243:24287): a2_len=6 a2[0]=6C6F6E a2[1]=676572\n"
        "type=CWD msg=audit(1364481363.243:24287):  cwd=\"/home/bob\"\n"
        "type=PATH msg=audit(1364481363.243:24287): item=0 name=\"/bin/cat\" nametype=NORMAL\n"
        "type=PATH msg=audit(1364481363.243:24287): item=1 name=(null) nametype=CREATE\n"
        "type=PROCTITLE msg=audit(1364481363.243:24287): proctitle=636174002F657463\n"
        "type=EOE msg=audit(1364481363.243:24287): \n"
        "type=LOGIN msg=audit(1364481364.001:24288): pid=9 uid=0\n";
    assert_int_equal(parse_sniff(str_z(text)), PARSE_auditd);
    struct parsed t = {.stream = {.format = PARSE_auditd}};
    parsed_run(&t, str_z(text), NULL);
    assert_int_equal(t.batch.read, 9);
    assert_int_equal(t.batch.rejected, 0);
    assert_int_equal(t.batch.event_count, 2);
    const struct event *e = &t.batch.event[0];
    assert_int_equal(e->time_ms, 1364481363243);
    assert_true(str_eq(e->channel, STR("auditd")));
    assert_int_equal(e->family, FAMILY_LINUX);
    assert_int_equal(e->origin.line, 1);
    assert_true(str_ends(e->raw, STR("type=EOE msg=audit(1364481363.243:24287): ")));
    FIELDS(&t, 0, "type=SYSCALL", "type=EXECVE", "type=PATH", "type=EOE", "SYSCALL=execve",
           "syscall=59", "event.action=execve", "event.outcome=failure", "event.id=24287", "a0=55d",
           "a0=cat", "a1=/etc/a b ", "a2=longer", "key=one");
    FIELDS(&t, 0, "key=two", "process.command_line=cat /etc/a b  longer",
           "process.executable=/bin/cat", "process.name=cat", "process.pid=8",
           "process.parent.pid=7", "user.id=0", "process.working_directory=/home/bob",
           "name=/bin/cat", "nametype=CREATE", "proctitle=cat /etc", "tty=(none)");
    assert_int_equal(t.batch.event[1].origin.line, 9);
    FIELDS(&t, 1, "type=LOGIN", "!SYSCALL", "!process.command_line", "!a0");
    parsed_done(&t);
}

static void reads_what_user_programs_report(void **state)
{
    (void)state;
    static const char text[] =
        "node=web1 type=USER_LOGIN msg=audit(1373330717.000:4068): user pid=12 uid=0 "
        "msg='op=login acct=28756E6B6E6F776E207573657229 exe=\"/usr/sbin/sshd\" hostname=? "
        "addr=192.0.2.9 terminal=ssh res=failed'\x1dUID=\"root\" AUID=\"unset\"\n";
    struct parsed t = {.stream = {.format = PARSE_auditd}};
    parsed_run(&t, str_z(text), NULL);
    FIELDS(&t, 0, "host.name=web1", "type=USER_LOGIN", "op=login", "user.name=(unknown user)",
           "process.executable=/usr/sbin/sshd", "!hostname", "source.ip=192.0.2.9",
           "event.outcome=failure", "user.name=root", "AUID=unset");
    parsed_done(&t);
}

static void reads_what_ausearch_interprets(void **state)
{
    (void)state;
    static const char text[] =
        "----\n"
        "type=PROCTITLE msg=audit(09/22/2020 03:45:14.123:12) : proctitle=cat /etc/shadow \n"
        "type=SYSCALL msg=audit(09/22/2020 03:45:14.123:12) : arch=x86_64 syscall=openat "
        "success=yes comm=cat exe=/usr/bin/my cat key=etc\n"
        "----\n"
        "type=CWD msg=audit(09/22/2020 03:45:15.000:13) : cwd=/\n";
    assert_int_equal(parse_sniff(str_z(text)), PARSE_auditd);
    struct parsed t = {.stream = {.format = PARSE_auditd}};
    parsed_run(&t, str_z(text), NULL);
    assert_int_equal(t.batch.read, 3);
    assert_int_equal(t.batch.event_count, 2);
    assert_int_equal(t.batch.event[0].time_ms, 1600746314123);
    assert_int_equal(t.batch.event[0].origin.line, 2);
    FIELDS(&t, 0, "proctitle=cat /etc/shadow", "process.command_line=cat /etc/shadow",
           "syscall=openat", "process.executable=/usr/bin/my cat", "key=etc",
           "event.outcome=success");
    parsed_done(&t);
}

static void names_system_calls_and_addresses(void **state)
{
    (void)state;
    static const char text[] =
        "type=SYSCALL msg=audit(1.0:1): arch=c00000b7 syscall=221 success=yes\n"
        "type=SYSCALL msg=audit(1.0:2): arch=c000003e syscall=42 success=yes\n"
        "type=SOCKADDR msg=audit(1.0:2): saddr=020001BBC00002010000000000000000\n"
        "type=SYSCALL msg=audit(1.0:3): arch=c000003e syscall=9999\n"
        "type=SYSCALL msg=audit(1.0:4): arch=c000003e syscall=59 \x1dSYSCALL=execve\n"
        "type=SOCKADDR msg=audit(1.0:5): "
        "saddr=0A0001BB0000000020010DB800000000000000000000000700000000\n";
    struct parsed t = {.stream = {.format = PARSE_auditd}};
    parsed_run(&t, str_z(text), NULL);
    assert_int_equal(t.batch.event_count, 5);
    FIELDS(&t, 0, "SYSCALL=execve");
    FIELDS(&t, 1, "SYSCALL=connect", "destination.ip=192.0.2.1", "destination.port=443");
    FIELDS(&t, 2, "!SYSCALL", "syscall=9999");
    FIELDS(&t, 3, "SYSCALL=execve");
    FIELDS(&t, 4, "destination.ip=2001:db8::7", "destination.port=443");
    parsed_done(&t);
}

/* A reader may cut between two lines exactly where parse_joins says they do not belong together. */
static void says_which_lines_belong_together(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool joined;
    } pairs[] = {
        {"type=A msg=audit(1.0:1): x=1", "type=B msg=audit(1.0:1): y=2", true},
        {"type=A msg=audit(1.0:1): x=1", "type=B msg=audit(1.0:2): y=2", false},
        {"node=a type=A msg=audit(1.0:1): x=1", "node=b type=B msg=audit(1.0:1): y=2", false},
        {"Sep 22 03:45:14 h audispd: type=A msg=audit(1.0:1): x=1",
         "Sep 22 03:45:14 h audispd: type=B msg=audit(1.0:1): x=1", true},
        {"type=A msg=audit(1.0:1): x=1", "junk", false},
        {"----", "type=A msg=audit(1.0:1): x=1", false},
    };
    for (size_t i = 0; i < COUNT(pairs); i++) {
        char text[256];
        snprintf(text, sizeof text, "%s\n%s\n", pairs[i].a, pairs[i].b);
        assert_int_equal(parse_joins(PARSE_auditd, str_z(pairs[i].a), str_z(pairs[i].b)),
                         pairs[i].joined);
        struct parsed t = {.stream = {.format = PARSE_auditd}};
        parsed_run(&t, str_z(text), NULL);
        bool one = t.batch.event_count == 1 && t.batch.rejected == 0 && t.batch.read == 2;
        assert_int_equal(one, pairs[i].joined);
        parsed_done(&t);
    }
}

static void counts_junk_between_records_and_goes_on(void **state)
{
    (void)state;
    static const char text[] = "type=A msg=audit(1.0:1): x=1\n"
                               "junk\n"
                               "type=A msg=audit(1.0:x): x=1\n"
                               "type=B msg=audit(1.0:1): y=1\n";
    struct parsed t = {.stream = {.format = PARSE_auditd}};
    parsed_run(&t, str_z(text), NULL);
    assert_int_equal(t.batch.read, 4);
    assert_int_equal(t.batch.rejected, 2);
    assert_int_equal(t.batch.reject[0].origin.line, 2);
    assert_int_equal(t.batch.event_count, 2);
    parsed_done(&t);
}

static void keeps_an_event_of_many_lines_inside_the_limit(void **state)
{
    (void)state;
    char text[4096];
    size_t n = 0;
    for (int i = 0; i < 40; i++)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "type=EXECVE msg=audit(1.0:1): a%d=\"x\"\n", i);
    const struct parse_limits limits = {.record_bytes = 1 << 20, .depth = 64, .fields = 16};
    struct parsed t = {.stream = {.format = PARSE_auditd}};
    parsed_run(&t, (str){text, n}, &limits);
    assert_int_equal(t.batch.event_count, 1);
    assert_int_equal(t.batch.event[0].field_count, 16);
    assert_true(t.batch.dropped > 0);
    parsed_done(&t);
}

/* Put together one by one they would take half the square of that. */
static void joins_many_pieces_in_little_memory(void **state)
{
    (void)state;
    enum { PIECES = 50000 };
    struct sbuf text;
    sbuf_init(&text, SIZE_MAX);
    sbuf_addz(&text, "type=EXECVE msg=audit(1.0:1): a0=\"x\"");
    for (int i = 0; i < PIECES; i++)
        sbuf_addf(&text, " a1[%d]=41", i);
    sbuf_addz(&text, "\n");
    struct parsed t = {.stream = {.format = PARSE_auditd}};
    parsed_run(&t, sbuf_str(&text), NULL);
    assert_int_equal(t.batch.event_count, 1);
    assert_int_equal(event_get(&t.batch.event[0], FIELD_PROCESS_COMMAND_LINE).n, 2 + PIECES);
    assert_true(t.batch.arena.used < 1 << 20);
    parsed_done(&t);
    sbuf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_the_lines_of_an_event),
        cmocka_unit_test(reads_what_user_programs_report),
        cmocka_unit_test(reads_what_ausearch_interprets),
        cmocka_unit_test(names_system_calls_and_addresses),
        cmocka_unit_test(says_which_lines_belong_together),
        cmocka_unit_test(counts_junk_between_records_and_goes_on),
        cmocka_unit_test(keeps_an_event_of_many_lines_inside_the_limit),
        cmocka_unit_test(joins_many_pieces_in_little_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
