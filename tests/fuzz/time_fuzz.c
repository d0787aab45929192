/* SPDX-License-Identifier: Apache-2.0 */
/* A time that was understood and lies in the years that can be written reads
 * back the same from RFC 3339 text, whatever form it had; and the calendar
 * fields of any time at all are in range. */
#include "codec/time.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int64_t ms)
{
    char text[32];
    int64_t back;
    size_t n = time_format_rfc3339(ms, text);
    struct civil c = time_civil(ms);
    assert(n == 24 && text[n] == '\0');
    if (c.year >= 1 && c.year <= 9999)
        assert(time_parse_any((str){text, n}, &back) && back == ms);
    assert(c.month >= 1 && c.month <= 12 && c.day >= 1 && c.day <= 31 && c.hour <= 23);
    assert(c.weekday >= 1 && c.weekday <= 7 && c.week >= 1 && c.week <= 53);
    assert(time_days(c.year, 1, 1) + c.day_of_year - 1 == time_days(c.year, c.month, c.day));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool (*const parse[])(str s, int64_t * ms) = {
        time_parse_any,   time_parse_iso,   time_parse_epoch,   time_parse_clf,
        time_parse_nginx, time_parse_ctime, time_parse_rfc1123, time_parse_dotnet,
    };
    str s = {(const char *)data, size};
    int64_t ms;
    for (size_t i = 0; i < sizeof parse / sizeof *parse; i++)
        if (parse[i](s, &ms))
            check(ms);
    if (time_parse_rfc3164(s, 1600746314000, &ms))
        check(ms);
    if (size >= sizeof ms) {
        memcpy(&ms, data, sizeof ms);
        check(ms);
        check(time_from_epoch(ms));
        check(time_from_filetime((uint64_t)ms));
    }
    return 0;
}
