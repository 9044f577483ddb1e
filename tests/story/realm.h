// Two broker cores with their link and stores (tests/lib/pair.h), and workers that are real agent
// cores with a made-up inference child, each of which sees one broker, both, or none. A message
// takes a millisecond; the earliest event always happens next.
#ifndef IDN_TESTS_STORY_REALM_H
#define IDN_TESTS_STORY_REALM_H

#include "tests/lib/pair.h"
#include "worker/agent/agent.h"

enum { A, B };
enum { REALM_WORKERS_MAX = 5, REALM_REIGNS_MAX = 256 };

struct realm_worker {
    struct idn_agent *agent; // NULL: not running
    uint32_t boots;          // nonce = 1000 * (worker + 1) + boots
    uint64_t image_ms, busy_ms;
    bool sees[2];
    struct idn_epoch obeyed; // in its last beat
};

// A reign, as its first beat told of it.
struct realm_reign {
    uint64_t at;
    int which;
    struct idn_epoch epoch;
};

struct realm_event;

struct realm {
    struct pair *pair;
    struct realm_worker worker[REALM_WORKERS_MAX];
    struct realm_reign reign[REALM_REIGNS_MAX];
    uint32_t reigns;
    uint64_t frozen_ms[2];   // since when
    uint64_t leased_ms[2];   // last LEASE of each broker; 0: none
    uint64_t promised_ms[2]; // last ACCEPTED or ACK, likewise
    bool refolds[2];         // REFOLD is to be answered with
    struct idn_summary refolded[2];
    struct realm_event *event; // to come, in no order
    size_t events, room;
    uint64_t order;
};

// Both brokers have the same facts, and neither they nor any worker runs.
struct realm *realm_new(void);
void realm_destroy(struct realm *realm);

void broker_boots(struct realm *realm, int which);
void broker_dies(struct realm *realm, int which); // kill -9
void broker_freezes(struct realm *realm, int which);
void broker_thaws(struct realm *realm, int which); // what was sent to it meanwhile comes now
void link_is(struct realm *realm, bool up);
void worker_boots(struct realm *realm, int worker, uint64_t image_ms);
void worker_dies(struct realm *realm, int worker);
void worker_sees(struct realm *realm, int worker, bool a, bool b);

void time_goes(struct realm *realm, uint64_t ms);
// Until it reigns; at most so many ms, or the story fails.
void until_reigns(struct realm *realm, int which, uint64_t most_ms);

// SUBMIT of images to one broker; its answer is reply_of.
void submit_to(struct realm *realm, int which, unsigned job, uint32_t first, uint32_t last);
const struct idn_reply *reply_of(const struct realm *realm, int which);
bool job_of(const struct realm *realm, int which, unsigned job, struct idn_job_info *ret);

bool reigns(const struct realm *realm, int which);
uint64_t now_of(const struct realm *realm);
// One reigns with a standby in sync, and every worker that runs obeys it.
bool is_whole(const struct realm *realm);

#endif
