// A broker's store in memory: facts in commit order, of which a first part is durable. Commits
// gather while a write is in progress, as the product's do; reads see what is durable.
#ifndef IDN_TESTS_SIM_DISK_H
#define IDN_TESTS_SIM_DISK_H

#include "tests/sim/sim.h"

enum sim_loss {
    SIM_LOSS_UNSYNCED, // the write in progress may have reached the disk, or not
    SIM_LOSS_TORN,     // it did in part: thrown away, and the summaries with it
    SIM_LOSS_TAIL,     // and some of what was synced
    SIM_LOSS_ALL,
};

void sim_disk_commit(struct sim *sim, uint32_t broker, const struct idn_fact *fact);
void sim_disk_copy(struct sim *sim, uint32_t broker, const struct idn_stored_fact *fact);
void sim_disk_summarise(struct sim *sim, uint32_t broker, const struct idn_summary *summary);
void sim_disk_write(struct sim *sim, uint32_t broker); // begins one, if there is need
void sim_disk_written(struct sim *sim, uint32_t broker, uint64_t writing);

// The process that held it is gone.
void sim_disk_crash(struct sim *sim, uint32_t broker, enum sim_loss loss);
void sim_disk_fini(struct sim *sim, uint32_t broker);

bool sim_disk_is_emptied(const struct sim_disk *disk, const struct sim_fact *fact);

// Reads, answered by SIM_READ with what sim_disk_answer makes of it then.
struct sim_read {
    enum idn_action_type type; // READ_FACTS, REFOLD, PAGE, LIST
    idn_peer peer;
    size_t sees; // commits made before it
    union {
        struct {
            uint64_t after;
            uint32_t finds;
            struct idn_origin find[IDN_MIRROR_FINDS_MAX];
        } facts;
        struct {
            struct idn_key job;
            struct idn_job_spec spec;
            bool states;
        } refold;
        struct {
            uint64_t request;
            struct idn_key job;
            struct idn_job_spec spec;
            uint32_t from, most, filter;
        } page;
        struct {
            struct idn_epoch epoch;
            uint64_t nonce;
            struct idn_key job;
            uint64_t offset;
        } list;
    } u;
};
void sim_disk_read(struct sim *sim, uint32_t broker, const struct idn_action *action);
// Items for FACTS_READ: borrowed until the next call.
void sim_disk_facts(struct sim *sim, uint32_t broker, const struct sim_read *read,
    const struct idn_stored_fact **ret_item, uint32_t *ret_count, uint64_t *ret_next,
    bool *ret_end);
// The part of an uploaded list at this offset. NULL: not here.
const struct idn_fact *sim_disk_part(
    const struct sim *sim, uint32_t broker, int job, uint64_t offset);

#endif
