// The lists of images that slices name: those of the registry, read from their files, and uploaded
// ones, fetched from the broker part by part and checked against their digest. A few are kept.
#ifndef IDN_WORKER_AGENT_LISTS_H
#define IDN_WORKER_AGENT_LISTS_H

#include "proto/messages.h"
#include "weights/list.h"
#include "weights/registry.h"

struct idn_lists; // opaque

struct idn_list_wish {
    const char *dataset; // "": the job's uploaded list; borrowed for the call
    struct idn_key job;
    struct idn_sha256 digest;
    uint64_t bytes; // of an uploaded list
};

void idn_lists_new(const struct idn_registry *registry, struct idn_lists **ret); // borrowed
void idn_lists_destroy(struct idn_lists **lists);

// 0: the list, borrowed until the next call. IDN_LISTS_WAIT: it is being fetched. -errno and a
// sentence: it cannot be had now (a later call begins again).
enum idn_lists_result { IDN_LISTS_WAIT = 1 };
int idn_lists_get(struct idn_lists *lists, const struct idn_list_wish *wish, uint64_t now_ms,
    const struct idn_list **ret, struct idn_reason *reason);

// True when a LIST_GET is to be sent now: for the next part, or again.
bool idn_lists_ask(
    struct idn_lists *lists, uint64_t now_ms, struct idn_key *ret_job, uint64_t *ret_offset);
// Nobody can be asked now (no broker): the time does not count against the fetch.
void idn_lists_defer(struct idn_lists *lists, uint64_t now_ms);
void idn_lists_part(struct idn_lists *lists, uint64_t now_ms, const struct idn_order *order);

// When to call get and ask again; UINT64_MAX: no fetch is under way.
uint64_t idn_lists_deadline(const struct idn_lists *lists);

#endif
