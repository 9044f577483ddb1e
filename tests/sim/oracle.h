// What stored facts mean, made independently of the core and of any order: the rules of
// docs/ARCHITECTURE.md, "Durable state is a set of facts that only grows", word by word. It answers
// the core's own questions (REFOLD, PAGE), and the checks hold the cores against it.
#ifndef IDN_TESTS_SIM_ORACLE_H
#define IDN_TESTS_SIM_ORACLE_H

#include "tests/sim/sim.h"

enum sim_rank { SIM_RANK_NONE, SIM_RANK_QUARANTINED, SIM_RANK_ERROR, SIM_RANK_OK };

struct sim_image {
    enum sim_rank rank;
    bool conflict;
    uint32_t quarantined; // highest generation
    struct idn_epoch epoch;
    struct idn_origin origin;
    uint8_t row[IDN_ROW_BYTES];
};

struct sim_folded {
    bool accepted, cancelled, forgotten, disputed;
    struct idn_job_spec spec; // the winning one
    struct idn_epoch epoch;   // of its acceptance
    struct idn_origin origin;
    uint32_t lifted, classes;
    uint64_t class_hash, compute_us; // class_hash: of the first results
    struct idn_epoch class_epoch;
    struct idn_origin class_origin;
    uint32_t ok, failed, quarantined, conflicts, total;
    struct idn_digest digest;
    struct sim_image image[SIM_IMAGES];
};

// The job as the first `count` facts of the broker's store have it. spec: as the asker knows it,
// or NULL: the one that wins.
void sim_fold(const struct sim *sim, uint32_t broker, size_t count, int job,
    const struct idn_job_spec *spec, struct sim_folded *ret);

uint32_t sim_folded_state(const struct sim_folded *folded); // enum idn_job_state

// What an inference child answers for an image, whoever asks.
void sim_compute(const struct sim *sim, const char *model, uint32_t class_number, uint32_t image,
    struct idn_result *ret);

#endif
