#include "broker/wal.h"

#include "base/assert.h"
#include "base/error.h"
#include "broker/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER = 32, FRAME_HEADER = 24, PAGE_MIN = 512, PAGE_MAX = 65536 };

// Both have all but the last bit in common; it tells the byte order of the checksummed words.
static const uint32_t magic = 0x377f0682;

struct sum {
    uint32_t a, b;
    bool big_endian;
};

static void sum_add(struct sum *sum, const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size; at += 8) {
        uint32_t x = sum->big_endian ? idn_get_u32_big(bytes + at) : idn_get_u32(bytes + at);
        uint32_t y =
            sum->big_endian ? idn_get_u32_big(bytes + at + 4) : idn_get_u32(bytes + at + 4);
        sum->a += x + sum->b;
        sum->b += y + sum->a;
    }
}

static bool sum_is(const struct sum *sum, const uint8_t *stored)
{
    return sum->a == idn_get_u32_big(stored) && sum->b == idn_get_u32_big(stored + 4);
}

static uint32_t read_header(const uint8_t *header, struct sum *sum, struct idn_wal_scan *scan)
{
    uint32_t word = idn_get_u32_big(header), page = idn_get_u32_big(header + 8);

    if ((word & ~1u) != magic || page < PAGE_MIN || page > PAGE_MAX || (page & (page - 1)) != 0)
        return 0;
    *sum = (struct sum){.big_endian = word & 1};
    sum_add(sum, header, 24);
    if (!sum_is(sum, header + 24))
        return 0;
    scan->header_valid = true;
    scan->salt[0] = idn_get_u32_big(header + 16);
    scan->salt[1] = idn_get_u32_big(header + 20);
    return page;
}

static bool frame_is_valid(
    const uint8_t *frame, uint32_t page, const struct idn_wal_scan *scan, struct sum *sum)
{
    if (idn_get_u32_big(frame + 8) != scan->salt[0] || idn_get_u32_big(frame + 12) != scan->salt[1])
        return false;
    sum_add(sum, frame, 8);
    sum_add(sum, frame + FRAME_HEADER, page);
    return sum_is(sum, frame + 16);
}

static void scan_frames(FILE *file, struct idn_wal_scan *scan)
{
    uint8_t header[HEADER];
    struct sum sum;

    if (fread(header, sizeof(header), 1, file) != 1)
        return;
    uint32_t page = read_header(header, &sum, scan);
    if (page == 0)
        return;
    IDN_CLEANUP(idn_freep) uint8_t *frame = malloc(FRAME_HEADER + page);
    IDN_ASSERT(frame != NULL);
    while (
        fread(frame, FRAME_HEADER + page, 1, file) == 1 && frame_is_valid(frame, page, scan, &sum))
        scan->frames++;
}

int idn_wal_scan(int directory_fd, const char *name, struct idn_wal_scan *ret)
{
    struct idn_wal_scan scan = {0};
    struct stat status;
    int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) {
        *ret = scan;
        return 0;
    }
    if (fd < 0 || fstat(fd, &status) < 0) {
        int error = -errno;
        idn_closep(&fd);
        return error;
    }
    FILE *file = fdopen(fd, "rb");
    IDN_ASSERT(file != NULL);
    scan.bytes = (uint64_t)status.st_size;
    scan_frames(file, &scan);
    int error = ferror(file) ? -EIO : 0;
    (void)fclose(file);
    if (error == 0)
        *ret = scan;
    return error;
}

int idn_wal_salt(int fd, uint32_t ret[static 2])
{
    uint8_t header[HEADER];
    ssize_t got = pread(fd, header, sizeof(header), 0);

    if (got < 0)
        return -errno;
    if (got != HEADER)
        return -EBADMSG;
    ret[0] = idn_get_u32_big(header + 16);
    ret[1] = idn_get_u32_big(header + 20);
    return 0;
}
