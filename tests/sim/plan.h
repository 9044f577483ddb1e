// What a seed draws before anything happens: the cluster's shape, its sizes, the network's and the
// disks' quality, and the mix of faults.
#ifndef IDN_TESTS_SIM_PLAN_H
#define IDN_TESTS_SIM_PLAN_H

#include "base/random.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SIM_BROKERS = 2,
    SIM_WORKERS = 5,
    SIM_CLIENTS = 2,
    // Nodes by number: brokers, workers, clients, the operator.
    SIM_FIRST_WORKER = SIM_BROKERS,
    SIM_FIRST_CLIENT = SIM_FIRST_WORKER + SIM_WORKERS,
    SIM_OPERATOR = SIM_FIRST_CLIENT + SIM_CLIENTS,
    SIM_NODES,
    SIM_MODELS = 2,
};

enum sim_channel { SIM_CLIENTS_PORT, SIM_WORKERS_PORT, SIM_BEATS, SIM_MIRROR, SIM_CHANNELS };

enum sim_fault {
    SIM_FAULT_BROKER_CRASH, // kill -9; what was being written may be on the disk or not
    SIM_FAULT_TORN_WRITE,   // kill -9 in the middle of a write
    SIM_FAULT_BOTH_CRASH,
    SIM_FAULT_BROKER_FREEZE,
    SIM_FAULT_BROKER_STALL, // shorter than anybody's patience
    SIM_FAULT_STATE_LOST,   // the state directory is gone
    SIM_FAULT_TAIL_LOST,    // facts that were synced are gone
    SIM_FAULT_DISK_SLOW,
    SIM_FAULT_DISK_HANG,
    SIM_FAULT_DISK_FULL,
    SIM_FAULT_DISK_FAIL,
    SIM_FAULT_WORKER_CRASH, // the whole host
    SIM_FAULT_WORKER_FREEZE,
    SIM_FAULT_WORKER_DRAIN,
    SIM_FAULT_CHILD_DEATH,
    SIM_FAULT_CHILD_HANG,
    SIM_FAULT_MODEL_GONE, // from a worker's disk
    SIM_FAULT_CLIENT_CRASH,
    SIM_FAULT_CLIENT_FREEZE,
    SIM_FAULT_CUT,         // a node sees nobody
    SIM_FAULT_CUT_ONE_WAY, // and is heard, or the other way round
    SIM_FAULT_LINK_CUT,    // between the brokers only
    SIM_FAULT_ISLANDS,     // a broker each
    SIM_FAULT_BRIDGE,      // islands, and one node sees both
    SIM_FAULT_CLOG,        // all that a node is sent comes late and at once
    SIM_FAULT_LOSS,        // a burst of it everywhere
    SIM_FAULT_BREAK,       // connections of a node are opened anew
    SIM_FAULT_CLOCK_JUMP,
    SIM_FAULT_SWITCH, // an operator hands over
    SIM_FAULT_BOOTSTRAP,
    SIM_FAULT_RETRY, // lifts quarantines
    SIM_FAULT_SPAM,  // submissions that are too many
    SIM_FAULTS,
};

enum sim_role {
    SIM_ROLE_ACTIVE,
    SIM_ROLE_ALONE,
    SIM_ROLE_STANDBY,
    SIM_ROLE_LEARNER,
    SIM_ROLE_BUSY, // a worker with a lease
    SIM_ROLE_IDLE,
    SIM_ROLE_CLIENT,
    SIM_ROLE_NONE, // a process that is down, or the whole cluster
    SIM_ROLES,
};

struct sim_plan {
    uint32_t brokers, workers, clients, tasks; // tasks: of each client
    uint32_t policy;                           // enum idn_policy
    bool mirror_required;
    uint32_t workers_max, jobs_max, open_jobs_max, open_images_max, forgotten_max;
    uint32_t batch[SIM_MODELS];
    uint32_t image_us[SIM_WORKERS], percent[SIM_MODELS];
    uint32_t classes; // numerics classes among the workers
    uint32_t poison, flaky, broken, rivals, uploads, cancels, forgets;
    uint32_t settings; // of 100 requests
    // Network: chances in 10,000. Streams lose nothing by themselves unless they are unreliable.
    uint32_t delay_ms, loss, repeat;
    bool reorder, unreliable;
    // Disks.
    uint32_t commit_ms, read_ms, read_facts;
    // Faults: how likely each kind is, the mean time from one to the next, the longest cut.
    uint32_t weight[SIM_FAULTS], gap_ms, cut_ms;
    uint64_t safety_ms;
};

void sim_plan_draw(struct sim_plan *plan, struct idn_random *random, uint32_t brokers_most);

const char *sim_fault_name(enum sim_fault fault);
const char *sim_role_name(enum sim_role role);

#endif
