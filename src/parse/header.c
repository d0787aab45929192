/* SPDX-License-Identifier: Apache-2.0 */
/* Header lines in the middle of a stream: logs put one behind the other, a server that was started
 * again.  They start with #, and those that say all stand together; the name of the columns is the
 * one thing they must have. */
#include "parse/header.h"

static bool is_header_line(str line)
{
    line = str_trim(line);
    return line.n && line.p[0] == '#';
}

/* The last header lines of `bytes` that stand together; empty when there are none. */
static str last_lines(str bytes)
{
    size_t from = bytes.n, to = 0;
    for (size_t end = bytes.n, start; end; end = start) {
        const char *feed = memrchr(bytes.p, '\n', end - 1);
        start = feed ? (size_t)(feed - bytes.p) + 1 : 0;
        str line = {bytes.p + start, end - start};
        if (is_header_line(line)) {
            from = start;
            to = to ? to : end;
        } else if (to && str_trim(line).n) {
            break;
        }
    }
    return to ? (str){bytes.p + from, to - from} : (str){bytes.p, 0};
}

static bool names_columns(str lines)
{
    while (lines.n) {
        str line = str_trim(str_cut(&lines, '\n'));
        if (str_istarts(line, STR("#fields")))
            return true;
    }
    return false;
}

bool header_follow(str before, str bytes, struct sbuf *out)
{
    str lines = last_lines(bytes);
    if (lines.n == 0 || str_eq(lines, before))
        return false;
    /* Lines at the start may go on where the bytes before them ended. */
    bool whole = lines.p > bytes.p && names_columns(lines);
    if (!whole) {
        sbuf_add(out, before);
        if (before.n && before.p[before.n - 1] != '\n')
            sbuf_addc(out, '\n');
    }
    sbuf_add(out, lines);
    return !out->full;
}
