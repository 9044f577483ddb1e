// What this process's control groups let it have (Linux's cgroups, version 1 or 2): what a
// container or a service manager has set for its group, or for one above it.
#ifndef IDN_BASE_CGROUP_H
#define IDN_BASE_CGROUP_H

#include <stdint.h>

// Where the kernel tells: the groups of this process, and their settings.
#define IDN_CGROUP_GROUPS "/proc/self/cgroup"
#define IDN_CGROUP_MOUNT  "/sys/fs/cgroup"

struct idn_cgroup_limits {
    uint32_t cores;  // seconds of processor time a second, rounded up; UINT32_MAX: no limit
    uint64_t memory; // bytes; UINT64_MAX: no limit
};

// The least of all groups, of the settings cpu.max, memory.max and memory.high (version 2), or
// cpu.cfs_quota_us, cpu.cfs_period_us and memory.limit_in_bytes (version 1): see the kernel's
// documentation, admin-guide/cgroup-v2 and scheduler/sched-bwc. What cannot be read is no limit.
// Which processors may be used (cpuset) is not looked at: sched_getaffinity tells that.
void idn_cgroup_read(const char *groups, const char *mount, struct idn_cgroup_limits *ret);

#endif
