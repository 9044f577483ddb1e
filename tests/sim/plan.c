#include "tests/sim/plan.h"

#include <stddef.h>

static uint32_t from_to(struct idn_random *random, uint32_t least, uint32_t most)
{
    return least + idn_random_below(random, (uint64_t)most - least + 1);
}

static bool one_in(struct idn_random *random, uint32_t many)
{
    return idn_random_below(random, many) == 0;
}

static void draw_shape(struct sim_plan *plan, struct idn_random *random, uint32_t brokers_most)
{
    plan->brokers = one_in(random, 8) ? 1 : brokers_most;
    plan->workers = from_to(random, one_in(random, 4) ? 1 : 3, SIM_WORKERS);
    plan->clients = from_to(random, 1, SIM_CLIENTS);
    plan->tasks = from_to(random, 3, 16);
    plan->policy = one_in(random, 6) ? from_to(random, 1, 2) : 0;
    plan->mirror_required = one_in(random, 12);
    plan->classes = one_in(random, 6) ? 2 : 1;
    for (int i = 0; i < SIM_WORKERS; i++)
        plan->image_us[i] = 1000 * from_to(random, 5, one_in(random, 3) ? 200 : 60);
    for (int i = 0; i < SIM_MODELS; i++) {
        plan->batch[i] = from_to(random, 5, 60);
        plan->percent[i] = from_to(random, 50, 200);
    }
}

// Small enough to be met, large enough that everything ends.
static void draw_limits(struct sim_plan *plan, struct idn_random *random)
{
    bool tight = one_in(random, 3);

    plan->workers_max = tight && one_in(random, 2) ? plan->workers : plan->workers + 4;
    plan->jobs_max = tight ? from_to(random, 8, 14) : 48;
    plan->open_jobs_max = tight ? from_to(random, 4, 6) : 24;
    plan->forgotten_max = !tight && one_in(random, 4) ? from_to(random, 2, 8) : 100;
    plan->open_images_max = tight ? from_to(random, 500, 900) : 20000;
}

static void draw_work(struct sim_plan *plan, struct idn_random *random)
{
    plan->poison = one_in(random, 2) ? from_to(random, 1, 3) : 0;
    plan->flaky = one_in(random, 3) ? from_to(random, 1, 8) : 0;
    plan->broken = from_to(random, 0, 20);
    plan->rivals = plan->clients == 2 && one_in(random, 2) ? from_to(random, 1, 4) : 0;
    plan->uploads = one_in(random, 3) ? from_to(random, 1, 2) : 0;
    plan->cancels = one_in(random, 2) ? from_to(random, 5, 40) : 0; // of 100
    plan->forgets = one_in(random, 2) ? from_to(random, 10, 60) : 0;
    plan->settings = one_in(random, 2) ? from_to(random, 1, 20) : 0;
}

static void draw_network(struct sim_plan *plan, struct idn_random *random)
{
    plan->delay_ms = one_in(random, 4) ? from_to(random, 20, 120) : from_to(random, 0, 5);
    plan->loss = one_in(random, 3) ? from_to(random, 1, 500) : 0;
    plan->repeat = one_in(random, 3) ? from_to(random, 1, 500) : 0;
    plan->reorder = one_in(random, 4);
    plan->unreliable = one_in(random, 5);
}

static void draw_disks(struct sim_plan *plan, struct idn_random *random)
{
    plan->commit_ms = one_in(random, 4) ? from_to(random, 20, 200) : from_to(random, 0, 8);
    plan->read_ms = from_to(random, 0, one_in(random, 4) ? 200 : 10);
    plan->read_facts = one_in(random, 3) ? from_to(random, 1, 6) : from_to(random, 7, 80);
}

// Few kinds at a time, so that some runs meet one kind often and others many together.
static void draw_faults(struct sim_plan *plan, struct idn_random *random)
{
    uint32_t in = from_to(random, 1, 6);

    for (int i = 0; i < SIM_FAULTS; i++)
        plan->weight[i] = one_in(random, in) ? from_to(random, 1, 10) : 0;
    // What loses facts for good, or waits long for its end, comes less often.
    plan->weight[SIM_FAULT_STATE_LOST] = (plan->weight[SIM_FAULT_STATE_LOST] + 2) / 3;
    plan->weight[SIM_FAULT_CHILD_HANG] = (plan->weight[SIM_FAULT_CHILD_HANG] + 2) / 3;
    plan->weight[SIM_FAULT_MODEL_GONE] = (plan->weight[SIM_FAULT_MODEL_GONE] + 2) / 3;
    plan->gap_ms = one_in(random, 3) ? from_to(random, 100, 600) : from_to(random, 600, 8000);
    plan->cut_ms = 9000;
    plan->safety_ms = 1000ull * from_to(random, 10, one_in(random, 4) ? 150 : 45);
}

// Two halves that both go on for long, with workers, clients and people on either side, so that the
// facts of one come late to the other.
static void draw_halves(struct sim_plan *plan, struct idn_random *random)
{
    plan->brokers = SIM_BROKERS;
    plan->workers_max += SIM_WORKERS - plan->workers;
    plan->workers = SIM_WORKERS;
    plan->clients = SIM_CLIENTS;
    plan->mirror_required = false;
    plan->poison = one_in(random, 2) ? from_to(random, 1, 3) : plan->poison;
    plan->flaky = from_to(random, 1, 12);
    plan->rivals = one_in(random, 2) ? from_to(random, 2, 8) : plan->rivals;
    plan->classes = one_in(random, 3) ? 2 : 1;
    for (int i = 0; i < SIM_FAULTS; i++)
        plan->weight[i] = one_in(random, 4) ? plan->weight[i] : 0;
    plan->weight[SIM_FAULT_ISLANDS] = 10;
    plan->weight[SIM_FAULT_BRIDGE] = from_to(random, 0, 10);
    plan->weight[SIM_FAULT_RETRY] = from_to(random, 0, 30);
    plan->weight[SIM_FAULT_CHILD_DEATH] = from_to(random, 0, 10);
    plan->gap_ms = from_to(random, 300, 4000);
    plan->cut_ms = from_to(random, 5000, 25000);
    plan->safety_ms = 1000ull * from_to(random, 30, 90);
}

void sim_plan_draw(struct sim_plan *plan, struct idn_random *random, uint32_t brokers_most)
{
    draw_shape(plan, random, brokers_most);
    draw_limits(plan, random);
    draw_work(plan, random);
    draw_network(plan, random);
    draw_disks(plan, random);
    draw_faults(plan, random);
    if (one_in(random, 5))
        draw_halves(plan, random);
}

const char *sim_fault_name(enum sim_fault fault)
{
    static const char *const names[SIM_FAULTS] = {
        [SIM_FAULT_BROKER_CRASH] = "broker crash",
        [SIM_FAULT_TORN_WRITE] = "torn write",
        [SIM_FAULT_BOTH_CRASH] = "both brokers crash",
        [SIM_FAULT_BROKER_FREEZE] = "broker freeze",
        [SIM_FAULT_BROKER_STALL] = "broker stall",
        [SIM_FAULT_STATE_LOST] = "state lost",
        [SIM_FAULT_TAIL_LOST] = "lost tail",
        [SIM_FAULT_DISK_SLOW] = "disk slow",
        [SIM_FAULT_DISK_HANG] = "disk hangs",
        [SIM_FAULT_DISK_FULL] = "disk full",
        [SIM_FAULT_DISK_FAIL] = "write fails",
        [SIM_FAULT_WORKER_CRASH] = "worker crash",
        [SIM_FAULT_WORKER_FREEZE] = "worker freeze",
        [SIM_FAULT_WORKER_DRAIN] = "worker drain",
        [SIM_FAULT_CHILD_DEATH] = "child dies",
        [SIM_FAULT_CHILD_HANG] = "child hangs",
        [SIM_FAULT_MODEL_GONE] = "model gone",
        [SIM_FAULT_CLIENT_CRASH] = "client crash",
        [SIM_FAULT_CLIENT_FREEZE] = "client freeze",
        [SIM_FAULT_CUT] = "cut off",
        [SIM_FAULT_CUT_ONE_WAY] = "cut one way",
        [SIM_FAULT_LINK_CUT] = "link cut",
        [SIM_FAULT_ISLANDS] = "islands",
        [SIM_FAULT_BRIDGE] = "bridged islands",
        [SIM_FAULT_CLOG] = "clogged",
        [SIM_FAULT_LOSS] = "loss",
        [SIM_FAULT_BREAK] = "connections break",
        [SIM_FAULT_CLOCK_JUMP] = "clock jumps",
        [SIM_FAULT_SWITCH] = "switch",
        [SIM_FAULT_BOOTSTRAP] = "bootstrap",
        [SIM_FAULT_RETRY] = "retry",
        [SIM_FAULT_SPAM] = "spam",
    };
    return names[fault];
}

const char *sim_role_name(enum sim_role role)
{
    static const char *const names[SIM_ROLES] = {
        [SIM_ROLE_ACTIVE] = "active",
        [SIM_ROLE_ALONE] = "alone",
        [SIM_ROLE_STANDBY] = "standby",
        [SIM_ROLE_LEARNER] = "learner",
        [SIM_ROLE_BUSY] = "busy",
        [SIM_ROLE_IDLE] = "idle",
        [SIM_ROLE_CLIENT] = "client",
        [SIM_ROLE_NONE] = "none",
    };
    return names[role];
}
