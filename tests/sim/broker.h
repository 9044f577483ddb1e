// A broker's process around the real core: what broker/loop.c and broker/carry.c do, on the
// simulated store and network.
#ifndef IDN_TESTS_SIM_BROKER_H
#define IDN_TESTS_SIM_BROKER_H

#include "tests/sim/disk.h"
#include "tests/sim/sim.h"

void sim_broker_start(struct sim *sim, uint32_t broker); // on what the disk holds
void sim_broker_kill(struct sim *sim, uint32_t broker, enum sim_loss loss);
void sim_broker_step(struct sim *sim, uint32_t broker, struct idn_event event);
void sim_broker_take(struct sim *sim, uint32_t broker, const struct agenda_event *event);
void sim_broker_look(struct sim *sim, uint32_t broker); // refreshes its status
void sim_broker_fini(struct sim *sim, uint32_t broker);

// The configuration of both brokers.
void sim_broker_configure(const struct sim *sim, uint32_t broker, struct idn_core_config *ret);
// Feeds what the disk holds to a core, as a start does.
void sim_broker_restore(struct sim *sim, uint32_t broker,
    void (*step)(void *context, const struct idn_event *event), void *context);

extern const char *const sim_model_names[SIM_MODELS];
void sim_fill_digest(struct idn_sha256 *digest, uint8_t byte); // models 1.., data set 11

#endif
