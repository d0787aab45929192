/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/ip.h"
#include "tests/test.h"

static void reads_and_writes_addresses(void **state)
{
    static const struct {
        const char *text, *want; /* NULL: refused */
    } row[] = {
        {"1.2.3.4", "1.2.3.4"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"[1.2.3.4]", "1.2.3.4"},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"[::1]", "::1"},
        {"fe80::1%eth0", "fe80::1"},
        {"[fe80::1%25eth0]", "fe80::1"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1"},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"2001:db8::1:0:0:1", "2001:db8::1:0:0:1"},
        {"1:0:2:0:3:0:4:0", "1:0:2:0:3:0:4:0"},
        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"::ffff:1.2.3.4", "1.2.3.4"},
        {"::ffff:102:304", "1.2.3.4"},
        {"0:0:0:0:0:FFFF:1.2.3.4", "1.2.3.4"},
        {"64:ff9b::1.2.3.4", "64:ff9b::102:304"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
        {"abcd:ef01:2345:6789:abcd:ef01:2345:6789", "abcd:ef01:2345:6789:abcd:ef01:2345:6789"},
        {"", NULL},
        {"1.2.3", NULL},
        {"1.2.3.4.5", NULL},
        {"1.2.3.4.", NULL},
        {"1.2.3.256", NULL},
        {"1.2.3.0004", NULL},
        {"1.2.3.04", NULL},
        {"01.2.3.4", NULL},
        {"1..2.3", NULL},
        {" 1.2.3.4", NULL},
        {"1.2.3.4 ", NULL},
        {"1.2.3.4%eth0", NULL},
        {"1.2.3.4:80", NULL},
        {"a.b.c.d", NULL},
        {":", NULL},
        {":::", NULL},
        {"1:", NULL},
        {":1", NULL},
        {"1::2::3", NULL},
        {"::12345", NULL},
        {"::g", NULL},
        {"1:2:3:4:5:6:7", NULL},
        {"1:2:3:4:5:6:7:8:9", NULL},
        {"1:2:3:4::5:6:7:8", NULL},
        {"::1.2.3", NULL},
        {"1.2.3.4::", NULL},
        {"::1.2.3.4:5", NULL},
        {"1:2:3:4:5:6:7:1.2.3.4", NULL},
        {"fe80::1%", NULL},
        {"[::1", NULL},
        {"[]", NULL},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct ip ip, back;
        char out[IP_TEXT_MAX] = "";
        bool ok = ip_parse(str_z(row[i].text), &ip);
        if (ok != (row[i].want != NULL))
            fail_msg("'%s'", row[i].text);
        if (!ok)
            continue;
        assert_int_equal(ip_format(&ip, out), strlen(row[i].want));
        assert_string_equal(out, row[i].want);
        assert_true(ip_parse(str_z(out), &back) && ip_eq(&ip, &back) && ip.v6 == back.v6);
    }
}

static void knows_which_range_holds_which_address(void **state)
{
    static const struct {
        const char *range, *ip;
        int want; /* -1: no range */
    } row[] = {
        {"10.0.0.0/8", "10.255.255.255", 1},
        {"10.0.0.0/8", "11.0.0.0", 0},
        {"10.1.2.3/8", "10.9.9.9", 1},
        {"192.168.1.128/25", "192.168.1.200", 1},
        {"192.168.1.128/25", "192.168.1.127", 0},
        {"0.0.0.0/0", "8.8.8.8", 1},
        {"0.0.0.0/0", "::1", 0},
        {"::/0", "8.8.8.8", 0},
        {"::/0", "2001:db8::1", 1},
        {"8.8.8.8", "8.8.8.8", 1},
        {"8.8.8.8", "8.8.8.9", 0},
        {"8.8.8.8/32", "::ffff:8.8.8.8", 1},
        {"::ffff:8.8.8.0/120", "8.8.8.8", 1},
        {"::ffff:0:0/96", "8.8.8.8", 1},
        {"::ffff:0:0/95", "8.8.8.8", 0},
        {"fe80::/10", "fe80::1%eth0", 1},
        {"fe80::/10", "febf::1", 1},
        {"fe80::/10", "fec0::1", 0},
        {"2001:db8::/127", "2001:db8::1", 1},
        {"2001:db8::/127", "2001:db8::2", 0},
        {"10.0.0.0/33", "10.0.0.0", -1},
        {"10.0.0.0/", "10.0.0.0", -1},
        {"10.0.0.0/08", "10.0.0.0", -1},
        {"10.0.0.0/0x8", "10.0.0.0", -1},
        {"10.0.0.0/-1", "10.0.0.0", -1},
        {"::/129", "::", -1},
        {"10.0.0/8", "10.0.0.0", -1},
        {"", "10.0.0.0", -1},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct cidr range;
        struct ip ip;
        assert_true(ip_parse(str_z(row[i].ip), &ip));
        int got = cidr_parse(str_z(row[i].range), &range) ? cidr_contains(&range, &ip) : -1;
        if (got != row[i].want)
            fail_msg("%s in %s: %d", row[i].ip, row[i].range, got);
    }
}

static void tells_the_internet_from_the_rest(void **state)
{
    static const struct {
        const char *ip;
        bool special;
    } row[] = {
        {"8.8.8.8", false},
        {"10.1.2.3", true},
        {"172.15.0.1", false},
        {"172.31.255.255", true},
        {"172.32.0.0", false},
        {"192.168.0.1", true},
        {"127.0.0.1", true},
        {"169.254.169.254", true},
        {"100.64.0.1", true},
        {"100.128.0.1", false},
        {"198.19.255.255", true},
        {"198.20.0.0", false},
        {"224.0.0.1", true},
        {"255.255.255.255", true},
        {"223.255.255.255", false},
        {"::", true},
        {"::1", true},
        {"2606:4700::1111", false},
        {"fc00::1", true},
        {"fdff::1", true},
        {"fe80::1", true},
        {"ff02::1", true},
        {"2001:db8::1", true},
        {"2001:db9::1", false},
        {"64:ff9b::1.2.3.4", false},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct ip ip;
        assert_true(ip_parse(str_z(row[i].ip), &ip));
        if (ip_is_special(&ip) != row[i].special)
            fail_msg("%s", row[i].ip);
    }
}

static void keeps_ipv4_as_a_number_and_as_bytes(void **state)
{
    struct ip a = ip_from_v4(0x01020304), b;
    assert_true(ip_parse(STR("1.2.3.4"), &b) && ip_eq(&a, &b) && !a.v6);
    assert_int_equal(ip_v4(&b), 0x01020304);
    assert_memory_equal(a.byte, "\0\0\0\0\0\0\0\0\0\0\xff\xff\1\2\3\4", 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_addresses),
        cmocka_unit_test(knows_which_range_holds_which_address),
        cmocka_unit_test(tells_the_internet_from_the_rest),
        cmocka_unit_test(keeps_ipv4_as_a_number_and_as_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
