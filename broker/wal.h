// SQLite's write-ahead log as a file (sqlite.org/fileformat2.html, section 4): SQLite ends it
// without a word at the first frame whose checksum is wrong, whether a crash tore that frame or
// something damaged it. Reading it ourselves, before SQLite does, tells at which frame.
#ifndef IDN_BROKER_WAL_H
#define IDN_BROKER_WAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idn_wal_scan {
    uint64_t bytes;    // of the file; 0: empty or absent
    bool header_valid; // its first 32 bytes are what their checksum says
    uint32_t salt[2];
    uint32_t frames; // that follow each other with correct salts and checksums from the start
};

// Reads the log `name` of a directory. Returns 0 (also when there is none) or -errno.
int idn_wal_scan(int directory_fd, const char *name, struct idn_wal_scan *ret);

// The salts of an open log. Returns 0, -errno, or -EBADMSG when it is shorter than its header.
int idn_wal_salt(int fd, uint32_t ret[static 2]);

#endif
