// Facts: the durable state of the system is the fold of a grow-only set of these; their order
// matters only where one follows from another (docs/PROTOCOL.md). Plain structs; proto/codec.h
// turns the body into bytes for the store.
#ifndef IDN_PROTO_FACT_H
#define IDN_PROTO_FACT_H

#include "proto/limits.h"
#include "proto/types.h"

#include <stddef.h>
#include <stdint.h>

// Values are stored: never renumber, only add. A kind that this version does not know is stored and
// mirrored as it came. 255 is what is left of a fact that was damaged (broker/store_schema.h).
enum idn_fact_kind {
    IDN_FACT_REIGN = 1,    // an epoch began: the highest one seen is never used again
    IDN_FACT_ACCEPTED = 2, // a job
    IDN_FACT_RESULTS = 3,  // the rows of one report
    IDN_FACT_QUARANTINED = 4,
    IDN_FACT_LIFTED = 5, // of a quarantine: voids generations up to this one
    IDN_FACT_CANCELLED = 6,
    IDN_FACT_SETTING = 7, // of those of one key (and job) the highest counts
    IDN_FACT_FORGOTTEN = 8,
    IDN_FACT_LIST_PART = 9, // a part of an uploaded list (proto/messages.h, UPLOAD)
};

// Who recorded a fact: (incarnation, sequence) names it for ever. An incarnation is a fresh random
// number at every start of a broker; its sequences are contiguous from 1.
struct idn_origin {
    uint64_t incarnation;
    uint64_t sequence;
};

// Where a fact stands among others about the same thing (idn_fact_order); all zero: before all.
struct idn_stamp {
    struct idn_epoch epoch;
    struct idn_origin origin;
};

// What a job computes; part of the accepted fact and never changed.
struct idn_job_spec {
    char model[IDN_NAME_SIZE];
    char dataset[IDN_NAME_SIZE];    // "" for an uploaded list
    struct idn_sha256 model_digest; // of cfg and weights
    struct idn_sha256 list_digest;  // of the list file's bytes
    uint32_t first, last;           // images, inclusive
    uint64_t list_bytes;            // of an uploaded list; 0 otherwise
    char client[IDN_NAME_SIZE];     // who asked, for quotas and display
    uint32_t weight;                // share, 1 .. 1000; 1 is usual
};

// FNV-1a (64 bit) over everything that makes results what they are: all fields but client and
// weight.
uint64_t idn_spec_hash(const struct idn_job_spec *spec);

// Which of two facts counts. Of two ACCEPTED of a key, of two equally good results of an image: the
// lower one; of two SETTING of a key: the higher one. As strcmp.
int idn_fact_order(struct idn_epoch epoch, struct idn_origin origin, struct idn_epoch other_epoch,
    struct idn_origin other);

struct idn_fact {
    struct idn_origin origin;
    struct idn_epoch epoch; // of the reign that recorded it
    uint64_t wall_ms;       // when, UTC milliseconds since 1970; for display only
    uint32_t kind;          // enum idn_fact_kind
    struct idn_key job;     // all zero for REIGN and cluster-wide settings
    union {
        struct idn_job_spec accepted;
        struct {
            uint32_t count;      // rows
            const uint8_t *rows; // count * IDN_ROW_BYTES; borrowed as long as the fact
            uint64_t class_hash; // numerics class that computed them; the first pins the job
            uint64_t compute_us; // time the child spent on them
            uint64_t spec_hash;  // idn_spec_hash of the job's: another's results are not its own
            char worker[IDN_NAME_SIZE];
        } results;
        struct {
            uint32_t image;
            uint32_t generation; // one more than the job's quarantines lifted last
            uint32_t reason;     // enum idn_death
            char worker[IDN_NAME_SIZE];
            uint64_t spec_hash;
        } quarantined;
        struct {
            uint32_t generation; // voids the job's quarantines up to this generation
        } lifted;
        struct {
            char key[IDN_SETTING_SIZE], value[IDN_NAME_SIZE];
        } setting;
        struct {
            uint64_t offset, total; // bytes of the list
            uint32_t size;
            const uint8_t *bytes; // borrowed as long as the fact
        } list_part;
    } u;
};

#endif
