/* SPDX-License-Identifier: Apache-2.0 */
#include "os/process.h"

#include "base/str.h"
#include "os/file.h"

#include <sys/resource.h>
#include <unistd.h>

/* The second word of /proc/self/statm is resident pages (proc(5)). */
uint64_t process_rss_bytes(void)
{
    int fd;
    if (file_open("/proc/self/statm", FILE_ANY, &fd, NULL) != ST_OK)
        return 0;
    char text[128];
    size_t n = 0;
    status st = file_read(fd, text, sizeof text, &n, NULL);
    file_close(fd);
    str rest = {text, st == ST_OK ? n : 0};
    (void)str_cut(&rest, ' ');
    uint64_t pages = 0;
    if (!str_to_u64(str_cut(&rest, ' '), &pages))
        return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t process_rss_peak_bytes(void)
{
    struct rusage use;
    if (getrusage(RUSAGE_SELF, &use) != 0)
        return 0;
    return (uint64_t)use.ru_maxrss * 1024;
}

uint64_t process_raise_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : before;
}
