/* SPDX-License-Identifier: Apache-2.0 */
#include "os/terminal.h"

#include "base/str.h"

#include <sys/ioctl.h>
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
