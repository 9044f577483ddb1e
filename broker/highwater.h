// The high-water file: proof of how much was stored, kept apart from SQLite, which drops the tail
// of a damaged write-ahead log without a word. The store appends a mark after each transaction and
// calls its facts stored only when the mark is on the disk too.
//
// The file `highwater` is 1,024 slots of 64 bytes, little-endian, zeroed when it is made, so that
// an append neither grows the file nor needs space. A slot ends with the CRC-32C of its first 60
// bytes.
//   slot 0    0  "IDNHIGH1"
//             8  u64 verified position   20  zero
//            16  u32 its chain           60  u32 CRC
//   others    0  u64 incarnation         28  u32 frames of the log after the transaction
//             8  u64 sequence            32  u32 x2 salts of the log
//            16  u64 position            40  zero
//            24  u32 chain               60  u32 CRC
// The last slot with a correct CRC is the mark. A full file is rewritten: a temporary file, fsync,
// rename, fsync of the directory.
#ifndef IDN_BROKER_HIGHWATER_H
#define IDN_BROKER_HIGHWATER_H

#include <stdbool.h>
#include <stdint.h>

enum { IDN_HIGHWATER_SLOT_BYTES = 64, IDN_HIGHWATER_SLOTS = 1024 };

struct idn_highwater_mark {
    uint64_t incarnation, sequence; // of the last fact
    uint64_t position;              // of the last fact; 0: none was stored
    uint32_t chain;                 // running CRC up to it (broker/store_schema.h)
    uint32_t wal_frames;            // frames of the write-ahead log that hold it; 0: not told
    uint32_t wal_salt[2];
};

// Facts up to this position lie checkpointed in the database file itself.
struct idn_highwater_verified {
    uint64_t position;
    uint32_t chain;
};

struct idn_highwater_found {
    bool present; // the file is there
    bool damaged; // and neither its head nor a mark can be read
    struct idn_highwater_verified verified;
    struct idn_highwater_mark mark;
};

// Reads the file of a state directory. Returns 0 or -errno.
int idn_highwater_read(int directory_fd, struct idn_highwater_found *ret);

struct idn_highwater {
    int directory_fd; // borrowed
    int fd;
    uint32_t used; // slots
    struct idn_highwater_verified verified;
};

void idn_highwater_init(struct idn_highwater *file, int directory_fd);
void idn_highwater_fini(struct idn_highwater *file);

// Makes the file anew with one mark, durable on return, and leaves it open for appends. -errno.
int idn_highwater_rewrite(struct idn_highwater *file, const struct idn_highwater_verified *verified,
    const struct idn_highwater_mark *mark);

// Durable on return. Returns 0 or -errno, after which the file must not be used any more.
int idn_highwater_append(struct idn_highwater *file, const struct idn_highwater_mark *mark);

#endif
