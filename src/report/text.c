/* SPDX-License-Identifier: Apache-2.0 */
#include "report/text.h"

#include "codec/time.h"
#include "codec/utf.h"

bool text_misleads(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || c == 0x180e ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
           (c >= 0xe0000 && c <= 0xe007f);
}

/* Length of the printable character at the front of `s`; 0: its first byte has to be escaped. */
static size_t printable(str s)
{
    size_t n;
    bool ok;
    uint32_t c = utf8_next(s, &n, &ok);
    return ok && !text_misleads(c) ? n : 0;
}

size_t print_text(FILE *to, str s, size_t max)
{
    size_t columns = 0;
    while (s.n) {
        size_t n = printable(s);
        size_t taken = n ? n : 1, wide = n ? 1 : 4;
        bool last = taken == s.n;
        if (max && columns + wide + !last > max) {
            fputs("…", to);
            return columns + 1;
        }
        if (n)
            fwrite(s.p, 1, n, to);
        else
            fprintf(to, "\\x%02x", (unsigned)(unsigned char)s.p[0]);
        columns += wide;
        s = str_from(s, taken);
    }
    return columns;
}

void print_column(FILE *to, str s, size_t columns)
{
    size_t used = print_text(to, s, columns);
    if (used < columns)
        fprintf(to, "%*s", (int)(columns - used), "");
}

void print_time(FILE *to, int64_t ms)
{
    char text[32] = "";
    if (ms != TIME_NONE) {
        time_format_rfc3339(ms, text);
        text[10] = ' ';
    }
    fprintf(to, "%-*.*s", TIME_COLUMNS, TIME_COLUMNS, text);
}

void print_level(const struct style *s, enum level l)
{
    static const char *const colour[LEVEL_COUNT] = {"2", "36", "33", "31", "1;97;41"};
    const char *name = l == LEVEL_INFORMATIONAL ? "info" : level_name(l);
    if (!s->colour)
        fprintf(s->to, "%-*s", LEVEL_COLUMNS, name);
    else
        fprintf(s->to, "\033[%sm%s\033[0m%*s", colour[l], name, LEVEL_COLUMNS - (int)strlen(name),
                "");
}

void print_dim(const struct style *s)
{
    if (s->colour)
        fputs("\033[2m", s->to);
}

void print_bold(const struct style *s)
{
    if (s->colour)
        fputs("\033[1m", s->to);
}

void print_plain(const struct style *s)
{
    if (s->colour)
        fputs("\033[0m", s->to);
}

void format_grouped(uint64_t n, char out[static GROUPED_SIZE])
{
    char digits[GROUPED_SIZE];
    int count = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        if (i && (count - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

void print_count(FILE *to, uint64_t n, const char *one, const char *many)
{
    char digits[GROUPED_SIZE];
    format_grouped(n, digits);
    fprintf(to, "%s %s", digits, n == 1 ? one : many);
}
