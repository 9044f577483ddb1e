// Deep copies of all that is under way: the one place where messages are duplicated, and freed.
#ifndef IDN_TESTS_SIM_COPY_H
#define IDN_TESTS_SIM_COPY_H

#include "tests/sim/sim.h"

struct idn_request *sim_copy_request(const struct idn_request *request);
struct idn_worker_message *sim_copy_message(const struct idn_worker_message *message);
struct idn_order *sim_copy_order(const struct idn_order *order);
struct idn_mirror_frame *sim_copy_frame(const struct idn_mirror_frame *frame);
// With bytes: rows, in the same block.
struct idn_reply *sim_copy_reply(const struct idn_reply *reply);
void *sim_copy_plain(const void *bytes, size_t size);

// Another copy of what the event carries.
void *sim_copy_payload(const struct agenda_event *event);

// A fact's body as bytes, and back: what a codec does for the product.
struct sim_blob *sim_blob_of(const struct idn_fact *fact);
struct sim_blob *sim_blob_from(const uint8_t *bytes, uint32_t size);
void sim_blob_use(struct sim_blob *blob);
void sim_blob_drop(struct sim_blob *blob); // NULL-safe
// The body of a fact whose head is known; its pointers go into the bytes. False: not a body.
bool sim_blob_decode(const uint8_t *bytes, uint32_t size, struct idn_fact *fact);

#endif
