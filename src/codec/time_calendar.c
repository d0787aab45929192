/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of Howard Hinnant's "chrono-compatible low-level date
 * algorithms": years begin in March, so that the leap day is the last, and 400
 * years are always 146,097 days. */
#include "codec/time.h"

static const int64_t DAY_MS = 86400000;

int64_t time_days(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned of_era = (unsigned)(year - era * 400);
    unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    return era * 146097 + (int64_t)days - 719468;
}

void time_date(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned doe = (unsigned)(days - era * 146097);
    unsigned of_era = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned of_year = doe - (365 * of_era + of_era / 4 - of_era / 100);
    unsigned from_march = (5 * of_year + 2) / 153;
    *day = of_year - (153 * from_march + 2) / 5 + 1;
    *month = from_march < 10 ? from_march + 3 : from_march - 9;
    *year = (int64_t)of_era + era * 400 + (*month <= 2);
}

/* Whole days before `ms`, and what is left of the day. */
static uint32_t split(int64_t ms, int64_t *days)
{
    int64_t left = ms % DAY_MS;
    *days = ms / DAY_MS - (left < 0);
    return (uint32_t)(left < 0 ? left + DAY_MS : left);
}

/* Of a date in year `y`; the first week is the one with the first Thursday. */
static unsigned iso_week(int64_t y, unsigned day_of_year, unsigned weekday)
{
    int week = ((int)day_of_year - (int)weekday + 10) / 7;
    if (week < 1) /* the last week of the year before */
        return iso_week(
            y - 1, day_of_year + (unsigned)(time_days(y, 1, 1) - time_days(y - 1, 1, 1)), weekday);
    int64_t length = time_days(y + 1, 1, 1) - time_days(y, 1, 1);
    bool thursday_is_next_year = (int64_t)day_of_year + 4 - (int64_t)weekday > length;
    return thursday_is_next_year ? 1 : (unsigned)week;
}

struct civil time_civil(int64_t ms)
{
    int64_t days, year;
    uint32_t left = split(ms, &days);
    unsigned month, day;
    time_date(days, &year, &month, &day);
    unsigned weekday = (unsigned)((days % 7 + 10) % 7) + 1; /* day 0 was a Thursday */
    unsigned day_of_year = (unsigned)(days - time_days(year, 1, 1)) + 1;
    return (struct civil){
        .year = (int32_t)year,
        .month = (uint8_t)month,
        .day = (uint8_t)day,
        .hour = (uint8_t)(left / 3600000),
        .minute = (uint8_t)(left / 60000 % 60),
        .second = (uint8_t)(left / 1000 % 60),
        .ms = (uint16_t)(left % 1000),
        .weekday = (uint8_t)weekday,
        .week = (uint8_t)iso_week(year, day_of_year, weekday),
        .day_of_year = (uint16_t)day_of_year,
    };
}

static char *put(char *p, unsigned v, int digits, char after)
{
    for (int i = digits - 1; i >= 0; i--, v /= 10)
        p[i] = (char)('0' + v % 10);
    p[digits] = after;
    return p + digits + 1;
}

size_t time_format_rfc3339(int64_t ms, char out[static 32])
{
    const int64_t first = -62167219200000, last = 253402300799999; /* years 0 and 9999 */
    ms = ms < first ? first : ms > last ? last : ms;
    int64_t days, year;
    uint32_t left = split(ms, &days);
    unsigned month, day;
    time_date(days, &year, &month, &day);
    char *p = put(out, (unsigned)year, 4, '-');
    p = put(p, month, 2, '-');
    p = put(p, day, 2, 'T');
    p = put(p, left / 3600000, 2, ':');
    p = put(p, left / 60000 % 60, 2, ':');
    p = put(p, left / 1000 % 60, 2, '.');
    p = put(p, left % 1000, 3, 'Z');
    *p = '\0';
    return (size_t)(p - out);
}
