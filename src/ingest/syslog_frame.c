/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/syslog_frame.h"

#include "base/mem.h"

enum { COUNT_MAX = 100 * 1000 * 1000 };

void syslog_framer_init(struct syslog_framer *f, size_t message_max)
{
    *f = (struct syslog_framer){.message_max = message_max};
    sbuf_init(&f->partial, size_add(message_max, 1));
}

void syslog_framer_done(struct syslog_framer *f)
{
    sbuf_done(&f->partial);
}

static void begin(struct syslog_framer *f, enum syslog_place place)
{
    f->place = place;
    f->cut = false;
}

/* Add to the message under way, as much as it may hold. */
static void gather(struct syslog_framer *f, str bytes)
{
    size_t room = f->message_max - f->partial.n;
    f->cut = f->cut || bytes.n > room;
    sbuf_add(&f->partial, str_head(bytes, room));
}

/* `rest` ends the message: all of it without a copy when nothing came before. */
static bool complete(struct syslog_framer *f, str rest, str *message, bool *cut)
{
    f->place = SYSLOG_BETWEEN;
    if (f->partial.n == 0) {
        f->cut = f->cut || rest.n > f->message_max;
        *message = str_head(rest, f->message_max);
    } else {
        gather(f, rest);
        f->handed = true;
        *message = sbuf_str(&f->partial);
    }
    *cut = f->cut;
    return message->n != 0;
}

/* The digits before a counted message.  What does not go on as a count was a line. */
static void take_count(struct syslog_framer *f, str *in)
{
    char c = in->p[0];
    if (c >= '0' && c <= '9' && f->left < COUNT_MAX) {
        f->left = f->left * 10 + (size_t)(c - '0');
        gather(f, str_head(*in, 1));
        *in = str_from(*in, 1);
    } else if (c == ' ') {
        sbuf_clear(&f->partial);
        begin(f, SYSLOG_COUNTED);
        *in = str_from(*in, 1);
    } else {
        f->place = SYSLOG_LINE;
    }
}

static bool take_counted(struct syslog_framer *f, str *in, str *message, bool *cut)
{
    str some = str_head(*in, f->left);
    *in = str_from(*in, some.n);
    f->left -= some.n;
    if (f->left == 0)
        return complete(f, some, message, cut);
    gather(f, some);
    return false;
}

static size_t line_end(str s)
{
    size_t feed = str_find(s, '\n'), nul = str_find(str_head(s, feed), '\0');
    return nul < feed ? nul : feed;
}

static bool take_line(struct syslog_framer *f, str *in, str *message, bool *cut)
{
    size_t end = line_end(*in);
    str some = str_head(*in, end);
    if (end == in->n) {
        gather(f, some);
        *in = str_from(*in, end);
        return false;
    }
    *in = str_from(*in, end + 1);
    return complete(f, some, message, cut);
}

/* Line ends, blanks and NULs between messages are nothing. */
static void pass_between(struct syslog_framer *f, str *in)
{
    char c = in->p[0];
    if (c == '\n' || c == '\r' || c == '\0' || c == ' ') {
        *in = str_from(*in, 1);
        return;
    }
    f->left = 0;
    begin(f, c >= '1' && c <= '9' ? SYSLOG_COUNT : SYSLOG_LINE);
}

bool syslog_framer_next(struct syslog_framer *f, str *in, str *message, bool *cut)
{
    if (f->handed)
        sbuf_clear(&f->partial);
    f->handed = false;
    bool found = false;
    while (in->n && !found) {
        if (f->place == SYSLOG_BETWEEN)
            pass_between(f, in);
        else if (f->place == SYSLOG_COUNT)
            take_count(f, in);
        else if (f->place == SYSLOG_COUNTED)
            found = take_counted(f, in, message, cut);
        else
            found = take_line(f, in, message, cut);
    }
    return found;
}

bool syslog_framer_end(struct syslog_framer *f, str *message, bool *cut)
{
    bool some = !f->handed && f->partial.n;
    *message = some ? sbuf_str(&f->partial) : (str){0};
    *cut = f->cut || (some && f->place == SYSLOG_COUNTED);
    f->handed = true;
    f->place = SYSLOG_BETWEEN;
    return some;
}
