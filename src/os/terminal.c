/* SPDX-License-Identifier: Apache-2.0 */
#include "os/terminal.h"

#include "base/str.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { WIDTH_DEFAULT = 80, WIDTH_MIN = 20, WIDTH_MAX = 1000 };

bool terminal_is(int fd)
{
    return isatty(fd) == 1;
}

unsigned terminal_width(int fd)
{
    struct winsize size = {0};
    int64_t columns = 0;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col != 0)
        columns = size.ws_col;
    else if (!str_to_i64(str_z(getenv("COLUMNS")), &columns))
        columns = WIDTH_DEFAULT;
    if (columns < WIDTH_MIN)
        return WIDTH_MIN;
    return columns > WIDTH_MAX ? WIDTH_MAX : (unsigned)columns;
}

/* Byte by byte: what follows the line is somebody else's. */
static bool read_line(int fd, char *out, size_t room, size_t *n)
{
    size_t got = 0;
    char c;
    ssize_t r;
    while ((r = read(fd, &c, 1)) == 1 && c != '\n') {
        if (got < room)
            out[got] = c;
        got++;
    }
    if (r < 0 || (r == 0 && got == 0))
        return false;
    if (got && got <= room && out[got - 1] == '\r')
        got--;
    *n = got;
    return got <= room;
}

static volatile sig_atomic_t interrupted;

static void note_signal(int number)
{
    interrupted = number;
}

static bool read_hidden(int fd, const char *prompt, char *out, size_t room, size_t *n)
{
    struct termios shown, hidden;
    if (tcgetattr(fd, &shown) != 0)
        return false;
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    (void)dprintf(fd, "%s", prompt); /* a prompt that cannot be shown is no reason not to read */
    (void)tcsetattr(fd, TCSAFLUSH, &hidden);
    bool ok = read_line(fd, out, room, n);
    (void)tcsetattr(fd, TCSAFLUSH, &shown);
    (void)dprintf(fd, "\n");
    return ok;
}

/* Who is interrupted does as it was told, but first shows again what is typed. */
static bool read_terminal(int fd, const char *prompt, char *out, size_t room, size_t *n)
{
    static const int number[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction note = {.sa_handler = note_signal}, before[COUNT(number)];
    sigemptyset(&note.sa_mask);
    interrupted = 0;
    for (size_t i = 0; i < COUNT(number); i++)
        (void)sigaction(number[i], &note, &before[i]);
    bool ok = read_hidden(fd, prompt, out, room, n);
    for (size_t i = 0; i < COUNT(number); i++)
        (void)sigaction(number[i], &before[i], NULL);
    if (interrupted)
        (void)raise(interrupted);
    return ok;
}

bool terminal_secret(const char *prompt, char *out, size_t room, size_t *n)
{
    if (!terminal_is(STDIN_FILENO))
        return read_line(STDIN_FILENO, out, room, n);
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return false;
    bool ok = read_terminal(fd, prompt, out, room, n);
    (void)close(fd);
    return ok;
}
