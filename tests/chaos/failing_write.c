// Preloaded into a broker: while the file named by IDUNNO_TEST_FAIL exists, writes and syncs of
// files whose path contains "/state" fail with EIO, as those of a dying disk do.
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(int fd)
{
    const char *flag = getenv("IDUNNO_TEST_FAIL");
    char link[64], path[4096];

    if (flag == NULL || access(flag, F_OK) != 0)
        return 0;
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof(path) - 1);
    if (size < 0)
        return 0;
    path[size] = '\0';
    return strstr(path, "/state") != NULL;
}

// The next definition of a function, as a pointer of its type.
#define NEXT(name) (*(__typeof__(name) **)(void *)&(void *){dlsym(RTLD_NEXT, #name)})

#define FAIL_IF_TOLD(fd) \
    do {                 \
        if (fails(fd)) { \
            errno = EIO; \
            return -1;   \
        }                \
    } while (0)

ssize_t write(int fd, const void *data, size_t size)
{
    FAIL_IF_TOLD(fd);
    return NEXT(write)(fd, data, size);
}

// With 64-bit offsets, as every build of ours has them, this is pwrite64.
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    FAIL_IF_TOLD(fd);
    return NEXT(pwrite)(fd, data, size, offset);
}

int fsync(int fd)
{
    FAIL_IF_TOLD(fd);
    return NEXT(fsync)(fd);
}

int fdatasync(int fd)
{
    FAIL_IF_TOLD(fd);
    return NEXT(fdatasync)(fd);
}
