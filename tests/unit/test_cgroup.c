// The limits of control groups, from trees of files as the kernel shows them.
#include "base/cgroup.h"
#include "tests/lib/check.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/idunno-cgroup-XXXXXX";
static struct idn_cgroup_limits limits;

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind;
    return walk->level == 0 ? 0 : remove(path);
}

static void begin(void)
{
    CHECK_INT(nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

// Also the folders on its way.
static void put(const char *name, const char *text)
{
    char path[512];
    size_t top = strlen(directory) + 1;

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    for (char *at = strchr(path + top, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)mkdir(path, 0700);
        *at = '/';
    }
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    CHECK(fputs(text, file) >= 0);
    CHECK_INT(fclose(file), 0);
}

static void read_limits(void)
{
    char groups[512];

    (void)snprintf(groups, sizeof(groups), "%s/groups", directory);
    idn_cgroup_read(groups, directory, &limits);
}

static void test_no_limit(void)
{
    begin();
    read_limits(); // no such file
    CHECK_INT(limits.cores, UINT32_MAX);
    CHECK(limits.memory == UINT64_MAX);
    put("groups", "0::/user.slice\n");
    put("user.slice/cpu.max", "max 100000\n");
    put("user.slice/memory.max", "max\n");
    read_limits();
    CHECK_INT(limits.cores, UINT32_MAX);
    CHECK(limits.memory == UINT64_MAX);
}

// A group can have no more than those above it.
static void test_the_least_of_all_groups(void)
{
    begin();
    put("groups", "0::/machine.slice/worker.service\n");
    put("machine.slice/worker.service/cpu.max", "250000 100000\n");
    put("machine.slice/worker.service/memory.max", "4000000000\n");
    read_limits();
    CHECK_INT(limits.cores, 3); // two and a half
    CHECK_INT(limits.memory, 4000000000);
    put("machine.slice/cpu.max", "50000 100000\n");
    put("machine.slice/memory.high", "3000000000\n");
    read_limits();
    CHECK_INT(limits.cores, 1);
    CHECK_INT(limits.memory, 3000000000);
}

static void test_version_one(void)
{
    begin();
    put("groups", "9:name=systemd:/\n4:memory:/a/b\n3:cpuset:/\n2:cpu,cpuacct:/a\n0::/\n");
    put("cpu/a/cpu.cfs_quota_us", "400000\n");
    put("cpu/a/cpu.cfs_period_us", "100000\n");
    put("memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
    put("memory/memory.limit_in_bytes", "2147483648\n");
    read_limits();
    CHECK_INT(limits.cores, 4);
    CHECK_INT(limits.memory, 2147483648);
    put("cpu/a/cpu.cfs_quota_us", "-1\n");
    read_limits();
    CHECK_INT(limits.cores, UINT32_MAX);
}

// The path is the host's, the mount shows only the container's own group.
static void test_in_a_container(void)
{
    begin();
    put("groups", "4:memory:/docker/0123\n2:cpuacct,cpu:/docker/0123\n0::/docker/0123\n");
    put("cpu/cpu.cfs_quota_us", "100000\n");
    put("cpu/cpu.cfs_period_us", "100000\n");
    put("memory.max", "1000000\n");
    read_limits();
    CHECK_INT(limits.cores, 1);
    CHECK_INT(limits.memory, 1000000);
}

static void test_nonsense_is_no_limit(void)
{
    begin();
    put("groups", "\n:\n0:\n1:cpu\n0::relative\n2:cpux,xcpu:/\n3:cpu:/\n0::/\n");
    put("cpu.max", "many 100000\n");
    put("memory.max", "\n");
    put("memory.high",
        "12 potatoes of a line that is far longer than any that the kernel writes\n");
    put("cpu/cpu.cfs_quota_us", "100000\n");
    put("cpu/cpu.cfs_period_us", "0\n");
    put("cpux/cpu.cfs_quota_us", "100000\n");
    read_limits();
    CHECK_INT(limits.cores, UINT32_MAX);
    CHECK_INT(limits.memory, 12);
}

static void test_of_this_process(void)
{
    idn_cgroup_read(IDN_CGROUP_GROUPS, IDN_CGROUP_MOUNT, &limits);
    CHECK(limits.cores > 0 && limits.memory > 0);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_no_limit),
        CHECK_TEST(test_the_least_of_all_groups),
        CHECK_TEST(test_version_one),
        CHECK_TEST(test_in_a_container),
        CHECK_TEST(test_nonsense_is_no_limit),
        CHECK_TEST(test_of_this_process),
    };

    if (mkdtemp(directory) == NULL)
        return 1;
    int failed = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
    (void)nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    (void)rmdir(directory);
    return failed;
}
