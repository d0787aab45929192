/* SPDX-License-Identifier: Apache-2.0 */
#include "parse/host_int.h"

enum family host_family(str os)
{
    if (str_icontains(os, STR("windows")))
        return FAMILY_WINDOWS;
    if (str_icontains(os, STR("mac")) || str_icontains(os, STR("darwin")))
        return FAMILY_MACOS;
    static const char *const linuxes[] = {"linux",  "ubuntu", "debian", "centos", "red hat",
                                          "fedora", "suse",   "alpine", "amazon", "rocky"};
    for (size_t i = 0; i < COUNT(linuxes); i++)
        if (str_icontains(os, str_z(linuxes[i])))
            return FAMILY_LINUX;
    return FAMILY_UNKNOWN;
}

void host_route(struct event *e, enum host_activity what)
{
    static const char *const codes[] = {
        [HOST_NOTHING] = "",          [HOST_PROCESS_START] = "1", [HOST_PROCESS_END] = "5",
        [HOST_PROCESS_ACCESS] = "10", [HOST_REMOTE_THREAD] = "8", [HOST_IMAGE_LOAD] = "7",
        [HOST_FILE_EVENT] = "11",     [HOST_FILE_DELETE] = "23",  [HOST_REGISTRY] = "13",
        [HOST_NETWORK] = "3",         [HOST_DNS] = "22",
    };
    if (what == HOST_NOTHING || e->channel.n)
        return;
    if (e->family == FAMILY_WINDOWS)
        e->channel = STR("Microsoft-Windows-Sysmon/Operational");
    else if (e->family == FAMILY_LINUX)
        e->channel = STR("Linux-Sysmon/Operational");
    else
        return;
    e->code = str_z(codes[what]);
}
