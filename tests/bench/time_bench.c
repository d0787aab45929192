/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs to read a time. */
#include "base/compiler.h"
#include "codec/time.h"

enum { TIMES = 20 * 1000 * 1000 };

static const struct {
    const char *name;
    bool (*parse)(str s, int64_t *ms);
    const char *text;
} task[] = {
    {"iso", time_parse_iso, "2020-09-22T03:45:14.123Z"},
    {"iso, zone", time_parse_iso, "2020-09-22T03:45:14.123456+02:00"},
    {"clf", time_parse_clf, "22/Sep/2020:03:45:14 +0000"},
    {"epoch", time_parse_epoch, "1600746314.123"},
    {"any, iso", time_parse_any, "2020-09-22T03:45:14.123Z"},
    {"any, ctime", time_parse_any, "Tue Sep 22 03:45:14.123456 2020"},
};

int main(void)
{
    for (size_t i = 0; i < COUNT(task); i++) {
        struct timespec a, b;
        int64_t sum = 0, ms = 0;
        str text = str_z(task[i].text);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
        for (int n = 0; n < TIMES; n++) {
            __asm__ volatile("" : "+m"(text)); /* not the same to the compiler each time */
            sum += task[i].parse(text, &ms) ? ms : 0;
        }
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
        double ns = (double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec);
        printf("%-12s %5.1f ns%s\n", task[i].name, ns / TIMES, sum ? "" : " (refused)");
    }
    return 0;
}
