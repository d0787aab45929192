/* SPDX-License-Identifier: Apache-2.0 */
/* Parsers read through a cursor whose failure sticks: fields straight through,
 * one test at the end. */
#include "codec/time.h"

static const int64_t DAY_MS = 86400000;
static const int64_t FILETIME_OF_1970 = 116444736000000000;

struct cursor {
    const char *p, *end;
    bool ok;
};

struct fields {
    unsigned year, month, day, hour, minute, second, ms;
    int offset_minutes;
};

static inline struct cursor cursor_of(str s)
{
    const char *p = s.n ? s.p : ""; /* not NULL, to which not even 0 may be added */
    return (struct cursor){p, p + s.n, s.n > 0};
}

static inline bool at_end(const struct cursor *c)
{
    return c->p == c->end;
}

static inline bool next_is(const struct cursor *c, char want)
{
    return c->p < c->end && *c->p == want;
}

static inline bool skip(struct cursor *c, char want)
{
    bool is = next_is(c, want);
    c->p += is;
    return is;
}

static inline void expect(struct cursor *c, char want)
{
    c->ok &= skip(c, want);
}

static inline unsigned digit(struct cursor *c)
{
    unsigned d = c->p < c->end ? (unsigned)(unsigned char)*c->p - '0' : 10;
    c->ok &= d <= 9;
    c->p += c->p < c->end;
    return d;
}

static inline unsigned two(struct cursor *c)
{
    unsigned high = digit(c);
    return high * 10 + digit(c);
}

static inline unsigned four(struct cursor *c)
{
    unsigned high = two(c);
    return high * 100 + two(c);
}

static inline bool at_digit(const struct cursor *c)
{
    return c->p < c->end && *c->p >= '0' && *c->p <= '9';
}

/* "22", "02", " 2" or "2". */
static unsigned day_number(struct cursor *c)
{
    skip(c, ' ');
    unsigned d = digit(c);
    return at_digit(c) ? d * 10 + digit(c) : d;
}

/* Digits of a fraction of a second, as ms; nine at most. */
static inline unsigned fraction(struct cursor *c)
{
    static const uint8_t worth[9] = {100, 10, 1};
    unsigned ms = 0, n = 0;
    for (; n < 9 && at_digit(c); c->p++, n++)
        ms += (unsigned)(*c->p - '0') * worth[n];
    c->ok &= n > 0 && !at_digit(c);
    return ms;
}

/* Three letters as one number, in lower case. */
static inline uint32_t letters(const char *p)
{
    return ((uint32_t)(unsigned char)p[0] << 16 | (uint32_t)(unsigned char)p[1] << 8 |
            (unsigned char)p[2]) |
           0x202020;
}

/* Which of the three-letter `names` is next, from 1 on; 0 and failure if none. */
static unsigned name(struct cursor *c, const char *names)
{
    if (c->end - c->p >= 3) {
        uint32_t word = letters(c->p);
        for (unsigned i = 0; names[i]; i += 3)
            if (letters(names + i) == word) {
                c->p += 3;
                return i / 3 + 1;
            }
    }
    c->ok = false;
    return 0;
}

static unsigned month_name(struct cursor *c)
{
    return name(c, "janfebmaraprmayjunjulaugsepoctnovdec");
}

static unsigned weekday_name(struct cursor *c)
{
    return name(c, "montuewedthufrisatsun");
}

/* hh:mm:ss with an optional fraction. */
static inline void time_of_day(struct cursor *c, struct fields *f)
{
    f->hour = two(c);
    expect(c, ':');
    f->minute = two(c);
    expect(c, ':');
    f->second = two(c);
    if (skip(c, '.') || skip(c, ','))
        f->ms = fraction(c);
}

/* +hh, +hhmm or +hh:mm. */
static int offset(struct cursor *c)
{
    int sign = skip(c, '-') ? -1 : 1;
    if (sign > 0)
        expect(c, '+');
    unsigned hours = two(c), minutes = 0;
    if (skip(c, ':') || at_digit(c))
        minutes = two(c);
    c->ok &= hours <= 23 && minutes <= 59;
    return sign * (int)(hours * 60 + minutes);
}

/* Nothing, Z, UTC, GMT or an offset, then the end: minutes east of Greenwich. */
static int zone(struct cursor *c)
{
    int minutes = 0;
    if (at_end(c))
        return 0;
    skip(c, ' ');
    if (next_is(c, 'U') || next_is(c, 'G'))
        name(c, "utcgmt");
    else if (!skip(c, 'Z') && !skip(c, 'z'))
        minutes = offset(c);
    c->ok &= at_end(c);
    return minutes;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (unsigned)(month == 2 && leap);
}

static inline bool in_range(const struct fields *f)
{
    return f->year >= 1 && f->year <= 9999 && f->month >= 1 && f->month <= 12 && f->day >= 1 &&
           (f->day <= 28 || f->day <= days_in_month(f->year, f->month)) && f->hour <= 23 &&
           f->minute <= 59 && f->second <= 60;
}

/* time_days, inline and for the years we parse. */
static inline int64_t days_since_1970(unsigned year, unsigned month, unsigned day)
{
    unsigned y = year - (month <= 2), from_march = month > 2 ? month - 3 : month + 9;
    return (int64_t)(y * 365 + y / 4 - y / 100 + y / 400 + (153 * from_march + 2) / 5 + day) -
           719469;
}

static inline bool finish(const struct cursor *c, const struct fields *f, int64_t *ms)
{
    if (!c->ok || !in_range(f))
        return false;
    int64_t minutes = (int64_t)f->hour * 60 + f->minute - f->offset_minutes;
    *ms = days_since_1970(f->year, f->month, f->day) * DAY_MS +
          (minutes * 60 + (int64_t)f->second) * 1000 + f->ms;
    return true;
}

static bool finish_at_end(struct cursor *c, const struct fields *f, int64_t *ms)
{
    c->ok &= at_end(c);
    return finish(c, f, ms);
}

static str without_brackets(str s)
{
    bool both = s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']';
    return both ? (str){s.p + 1, s.n - 2} : s;
}

/* The number of the two digits at `p`; *bad goes past 15 when they are none. */
static inline unsigned two_at(const char *p, unsigned *bad)
{
    unsigned a = (unsigned)(unsigned char)p[0] - '0', b = (unsigned)(unsigned char)p[1] - '0';
    *bad |= (9 - a) | (9 - b);
    return a * 10 + b;
}

static inline bool iso_date(struct cursor *c, struct fields *f)
{
    const char *p = c->p;
    unsigned bad = 0;
    if (c->end - p < 10 || p[4] != '-' || p[7] != '-')
        return false;
    f->year = two_at(p, &bad) * 100 + two_at(p + 2, &bad);
    f->month = two_at(p + 5, &bad);
    f->day = two_at(p + 8, &bad);
    c->p += 10;
    return bad < 16;
}

/* hh:mm or hh:mm:ss. */
static inline bool iso_time(struct cursor *c, struct fields *f)
{
    const char *p = c->p;
    unsigned bad = 0;
    if (c->end - p < 5 || p[2] != ':')
        return false;
    f->hour = two_at(p, &bad);
    f->minute = two_at(p + 3, &bad);
    c->p += 5;
    if (c->end - p < 8 || p[5] != ':')
        return bad < 16;
    f->second = two_at(p + 6, &bad);
    c->p += 3;
    if (skip(c, '.') || skip(c, ','))
        f->ms = fraction(c);
    return bad < 16;
}

/* Fixed places instead of the cursor: this one runs for every event. */
bool time_parse_iso(str s, int64_t *ms)
{
    struct cursor c = cursor_of(s);
    struct fields f = {0};
    if (!iso_date(&c, &f))
        return false;
    if (at_end(&c))
        return finish(&c, &f, ms);
    char t = *c.p++;
    if ((t != 'T' && t != ' ' && t != 't') || !iso_time(&c, &f))
        return false;
    if (!at_end(&c) && (*c.p != 'Z' || c.end - c.p > 1)) {
        struct cursor rest = c; /* a copy, for c to stay in registers */
        f.offset_minutes = zone(&rest);
        c.ok &= rest.ok;
    }
    return finish(&c, &f, ms);
}

int64_t time_from_filetime(uint64_t ticks)
{
    return ((int64_t)(ticks / 10000)) - FILETIME_OF_1970 / 10000;
}

int64_t time_from_epoch(int64_t v)
{
    uint64_t size = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    if (size < 100000000000) /* 1e11 seconds */
        return v * 1000;
    if (size < 100000000000000) /* 1e14 ms */
        return v;
    if (size < 100000000000000000) /* 1e17 us */
        return v / 1000;
    if (v >= FILETIME_OF_1970 && v < 160000000000000000) /* as ns it would be 1973..1975 */
        return time_from_filetime((uint64_t)v);
    return v / 1000000;
}

bool time_parse_epoch(str s, int64_t *ms)
{
    struct cursor c = cursor_of(s);
    bool minus = skip(&c, '-');
    int64_t whole = 0;
    unsigned part = 0;
    c.ok &= at_digit(&c);
    while (at_digit(&c)) {
        unsigned d = digit(&c);
        bool over = __builtin_mul_overflow(whole, 10, &whole);
        c.ok &= !over && !__builtin_add_overflow(whole, d, &whole);
    }
    if (skip(&c, '.'))
        part = fraction(&c);
    if (!c.ok || !at_end(&c))
        return false;
    int64_t t = time_from_epoch(whole) + (whole < 100000000000 ? part : 0);
    *ms = minus ? -t : t;
    return true;
}

bool time_parse_rfc3164(str s, int64_t reference_ms, int64_t *ms)
{
    struct cursor c = cursor_of(s);
    struct fields f = {0};
    f.month = month_name(&c);
    expect(&c, ' ');
    f.day = day_number(&c);
    expect(&c, ' ');
    time_of_day(&c, &f);
    int64_t latest = reference_ms + DAY_MS;
    f.year = (unsigned)time_civil(latest).year;
    for (int i = 0; i <= 8; i++, f.year--) { /* 8: from one leap day to the next, at most */
        int64_t t;
        if (finish_at_end(&c, &f, &t) && t <= latest) {
            *ms = t;
            return true;
        }
    }
    return false;
}

bool time_parse_clf(str s, int64_t *ms)
{
    struct cursor c = cursor_of(without_brackets(s));
    struct fields f = {0};
    f.day = two(&c);
    expect(&c, '/');
    f.month = month_name(&c);
    expect(&c, '/');
    f.year = four(&c);
    expect(&c, ':');
    time_of_day(&c, &f);
    f.offset_minutes = zone(&c);
    return finish(&c, &f, ms);
}

bool time_parse_nginx(str s, int64_t *ms)
{
    struct cursor c = cursor_of(s);
    struct fields f = {0};
    f.year = four(&c);
    expect(&c, '/');
    f.month = two(&c);
    expect(&c, '/');
    f.day = two(&c);
    expect(&c, ' ');
    time_of_day(&c, &f);
    return finish_at_end(&c, &f, ms);
}

bool time_parse_ctime(str s, int64_t *ms)
{
    struct cursor c = cursor_of(without_brackets(s));
    struct fields f = {0};
    weekday_name(&c);
    expect(&c, ' ');
    f.month = month_name(&c);
    expect(&c, ' ');
    f.day = day_number(&c);
    expect(&c, ' ');
    time_of_day(&c, &f);
    expect(&c, ' ');
    f.year = four(&c);
    return finish_at_end(&c, &f, ms);
}

bool time_parse_rfc1123(str s, int64_t *ms)
{
    struct cursor c = cursor_of(s);
    struct fields f = {0};
    if (!at_digit(&c)) {
        weekday_name(&c);
        expect(&c, ',');
        expect(&c, ' ');
    }
    f.day = day_number(&c);
    expect(&c, ' ');
    f.month = month_name(&c);
    expect(&c, ' ');
    f.year = four(&c);
    expect(&c, ' ');
    time_of_day(&c, &f);
    f.offset_minutes = zone(&c);
    return finish(&c, &f, ms);
}

bool time_parse_dotnet(str s, int64_t *ms)
{
    const str head = STR("/Date("), tail = STR(")/");
    if (!str_starts(s, head) || !str_ends(s, tail) || s.n <= head.n + tail.n)
        return false;
    str number = {s.p + head.n, s.n - head.n - tail.n};
    for (size_t i = 1; i < number.n; i++)
        if (number.p[i] == '+' || number.p[i] == '-') {
            struct cursor c = cursor_of(str_from(number, i));
            offset(&c); /* for show: the number is UTC already */
            if (!c.ok || !at_end(&c))
                return false;
            number = str_head(number, i);
        }
    int64_t t;
    if (!str_to_i64(number, &t) || t > INT64_MAX / 1000 || t < INT64_MIN / 1000)
        return false;
    *ms = t;
    return true;
}

static bool parse_numeric(str s, int64_t *ms)
{
    if (s.n >= 10 && s.p[4] == '-' && s.p[7] == '-')
        return time_parse_iso(s, ms);
    if (s.n >= 10 && s.p[4] == '/')
        return time_parse_nginx(s, ms);
    if (s.n >= 10 && s.p[2] == '/')
        return time_parse_clf(s, ms);
    if (s.n >= 10 && (s.p[1] == ' ' || s.p[2] == ' '))
        return time_parse_rfc1123(s, ms);
    return time_parse_epoch(s, ms);
}

bool time_parse_any(str s, int64_t *ms)
{
    s = without_brackets(s);
    if (s.n == 0)
        return false;
    if (s.p[0] == '/')
        return time_parse_dotnet(s, ms);
    if (s.p[0] == '-' || (s.p[0] >= '0' && s.p[0] <= '9'))
        return parse_numeric(s, ms);
    return s.n > 3 && s.p[3] == ',' ? time_parse_rfc1123(s, ms) : time_parse_ctime(s, ms);
}
