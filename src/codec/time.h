/* SPDX-License-Identifier: Apache-2.0 */
/* time.h - the ways logs write time, and Unix milliseconds.
 *
 * Every parser takes the whole string, returns whether it is of its form, and
 * leaves *ms alone when not.  Years 1 to 9999; no zone means UTC; a leap
 * second counts as the second after :59.  Parts below a millisecond are cut.
 * Pure functions: any thread. */
#ifndef CODEC_TIME_H
#define CODEC_TIME_H

#include "base/str.h"

/* 2020-09-22T03:45:14.123456Z, with 'T', 't' or a space; fraction of 1-9
 * digits after '.' or ','; Z, z, +hh, +hhmm, +hh:mm or nothing; a space before
 * the zone is allowed, as is "UTC"; seconds and time may be missing.  The hot
 * one: some nanoseconds. */
bool time_parse_iso(str s, int64_t *ms);

/* Digits with an optional fraction of 1-9 digits: seconds, ms, us or ns since
 * 1970, told apart by magnitude (seconds up to the year 5138, then each thousand
 * times finer), or FILETIME ticks where ns would mean 1973 to 1975.
 * "1364481363.243" of auditd; a minus is accepted. */
bool time_parse_epoch(str s, int64_t *ms);

/* The same for a number already read. */
int64_t time_from_epoch(int64_t v);

/* "Sep  2 03:45:14" (fraction allowed), which has no year: it gets the one
 * that puts it closest before `reference_ms` (when the line was received, or
 * the file last written), where up to one day after it still counts as before,
 * for clocks that differ and zones that were not said. */
bool time_parse_rfc3164(str s, int64_t reference_ms, int64_t *ms);

/* 22/Sep/2020:03:45:14 +0000 (access logs), brackets taken off or not. */
bool time_parse_clf(str s, int64_t *ms);

/* 2020/09/22 03:45:14 (nginx error log). */
bool time_parse_nginx(str s, int64_t *ms);

/* Tue Sep 22 03:45:14.123456 2020 (Apache error log, ctime), the fraction
 * optional, brackets taken off or not. */
bool time_parse_ctime(str s, int64_t *ms);

/* Tue, 22 Sep 2020 03:45:14 GMT or +0200 (HTTP, mail); the weekday optional. */
bool time_parse_rfc1123(str s, int64_t *ms);

/* /Date(1600746314123)/ or /Date(1600746314123+0200)/ (.NET). */
bool time_parse_dotnet(str s, int64_t *ms);

/* 100 ns ticks since 1601 (Windows FILETIME). */
int64_t time_from_filetime(uint64_t ticks);

/* Any of the above but RFC 3164, which needs a reference.  Decides by looking
 * at a few characters. */
bool time_parse_any(str s, int64_t *ms);

/* "2020-09-22T03:45:14.123Z" and a NUL; returns 24.  Times outside the years
 * 0 to 9999 are clamped. */
size_t time_format_rfc3339(int64_t ms, char out[static 32]);

/* UTC calendar fields. */
struct civil {
    int32_t year;
    uint8_t month, day;           /* 1..12, 1..31 */
    uint8_t hour, minute, second; /* 0..23, 0..59, 0..59 */
    uint8_t weekday;              /* ISO: 1 Monday .. 7 Sunday */
    uint8_t week;                 /* ISO 8601: 1..53 */
    uint16_t ms;                  /* 0..999 */
    uint16_t day_of_year;         /* 1..366 */
};
struct civil time_civil(int64_t ms);

/* Days since 1970-01-01 of a proleptic Gregorian date, and back. */
int64_t time_days(int64_t year, unsigned month, unsigned day);
void time_date(int64_t days, int64_t *year, unsigned *month, unsigned *day);

#endif
