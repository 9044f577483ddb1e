#include "broker/highwater.h"

#include "base/crc32c.h"
#include "base/error.h"
#include "broker/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char file_name[] = "highwater", temporary_name[] = "highwater.new";
static const char magic[8] = {'I', 'D', 'N', 'H', 'I', 'G', 'H', '1'};

enum { SLOT = IDN_HIGHWATER_SLOT_BYTES, CRC_AT = SLOT - 4 };
enum { FILE_BYTES = IDN_HIGHWATER_SLOTS * IDN_HIGHWATER_SLOT_BYTES };

static void seal(uint8_t slot[static SLOT])
{
    idn_put_u32(slot + CRC_AT, idn_crc32c(0, slot, CRC_AT));
}

static bool is_sealed(const uint8_t slot[static SLOT])
{
    return idn_get_u32(slot + CRC_AT) == idn_crc32c(0, slot, CRC_AT);
}

static void pack_head(const struct idn_highwater_verified *verified, uint8_t slot[static SLOT])
{
    memset(slot, 0, SLOT);
    memcpy(slot, magic, sizeof(magic));
    idn_put_u64(slot + 8, verified->position);
    idn_put_u32(slot + 16, verified->chain);
    seal(slot);
}

static void pack_mark(const struct idn_highwater_mark *mark, uint8_t slot[static SLOT])
{
    memset(slot, 0, SLOT);
    idn_put_u64(slot, mark->incarnation);
    idn_put_u64(slot + 8, mark->sequence);
    idn_put_u64(slot + 16, mark->position);
    idn_put_u32(slot + 24, mark->chain);
    idn_put_u32(slot + 28, mark->wal_frames);
    idn_put_u32(slot + 32, mark->wal_salt[0]);
    idn_put_u32(slot + 36, mark->wal_salt[1]);
    seal(slot);
}

static void unpack_mark(const uint8_t *slot, struct idn_highwater_mark *ret)
{
    *ret = (struct idn_highwater_mark){.incarnation = idn_get_u64(slot),
        .sequence = idn_get_u64(slot + 8),
        .position = idn_get_u64(slot + 16),
        .chain = idn_get_u32(slot + 24),
        .wal_frames = idn_get_u32(slot + 28),
        .wal_salt = {idn_get_u32(slot + 32), idn_get_u32(slot + 36)}};
}

// Up to `size` bytes from the start; the number read, or -errno.
static ssize_t read_file(int fd, uint8_t *bytes, size_t size)
{
    size_t have = 0;

    while (have < size) {
        ssize_t got = pread(fd, bytes + have, size - have, (off_t)have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

static int write_file(int fd, const uint8_t *bytes, size_t size, off_t at)
{
    while (size > 0) {
        ssize_t put = pwrite(fd, bytes, size, at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -errno;
        bytes += put, size -= (size_t)put, at += put;
    }
    return 0;
}

int idn_highwater_read(int directory_fd, struct idn_highwater_found *ret)
{
    uint8_t bytes[FILE_BYTES];
    struct idn_highwater_found found = {.present = true};
    IDN_CLEANUP(idn_closep)
    int fd = openat(directory_fd, file_name, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) {
        *ret = (struct idn_highwater_found){.present = false};
        return 0;
    }
    if (fd < 0)
        return -errno;
    ssize_t size = read_file(fd, bytes, sizeof(bytes));
    if (size < 0)
        return (int)size;
    bool head = size >= SLOT && memcmp(bytes, magic, sizeof(magic)) == 0 && is_sealed(bytes);
    bool mark = false;
    if (head)
        found.verified = (struct idn_highwater_verified){
            .position = idn_get_u64(bytes + 8), .chain = idn_get_u32(bytes + 16)};
    for (ssize_t at = SLOT; at + SLOT <= size; at += SLOT)
        if (is_sealed(bytes + at))
            unpack_mark(bytes + at, &found.mark), mark = true;
    found.damaged = !head || !mark;
    *ret = found;
    return 0;
}

void idn_highwater_init(struct idn_highwater *file, int directory_fd)
{
    *file = (struct idn_highwater){.directory_fd = directory_fd, .fd = -1};
}

void idn_highwater_fini(struct idn_highwater *file)
{
    idn_closep(&file->fd);
    file->fd = -1;
}

static int write_new(const struct idn_highwater *file, const uint8_t *bytes, int *ret_fd)
{
    int fd = openat(file->directory_fd, temporary_name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
        S_IRUSR | S_IWUSR);

    if (fd < 0)
        return -errno;
    int error = write_file(fd, bytes, FILE_BYTES, 0);
    if (error == 0 && fsync(fd) < 0)
        error = -errno;
    if (error == 0 && renameat(file->directory_fd, temporary_name, file->directory_fd, file_name))
        error = -errno;
    if (error == 0 && fsync(file->directory_fd) < 0)
        error = -errno;
    if (error < 0)
        (void)close(fd);
    else
        *ret_fd = fd;
    return error;
}

int idn_highwater_rewrite(struct idn_highwater *file, const struct idn_highwater_verified *verified,
    const struct idn_highwater_mark *mark)
{
    uint8_t bytes[FILE_BYTES] = {0};
    int fd = -1;

    pack_head(verified, bytes);
    pack_mark(mark, bytes + SLOT);
    int error = write_new(file, bytes, &fd);
    if (error < 0)
        return error;
    idn_closep(&file->fd);
    file->fd = fd;
    file->used = 2;
    file->verified = *verified;
    return 0;
}

int idn_highwater_append(struct idn_highwater *file, const struct idn_highwater_mark *mark)
{
    uint8_t slot[SLOT];

    if (file->used == IDN_HIGHWATER_SLOTS) {
        struct idn_highwater_verified verified = file->verified;
        return idn_highwater_rewrite(file, &verified, mark);
    }
    pack_mark(mark, slot);
    int error = write_file(file->fd, slot, SLOT, (off_t)file->used * SLOT);
    if (error < 0)
        return error;
    file->used++;
    return fdatasync(file->fd) < 0 ? -errno : 0;
}
