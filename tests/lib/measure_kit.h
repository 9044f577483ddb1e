// Workers that serve one model each and work as told, for tests of what the broker measures: worker
// 1 has alexnet (tasks of 10 images), 2 has resnet18 (tasks of 8), the others have both.
#ifndef IDN_TESTS_LIB_MEASURE_KIT_H
#define IDN_TESTS_LIB_MEASURE_KIT_H

#include "broker/core/measure.h"
#include "broker/core/workers.h"
#include "tests/lib/core_rig.h"

#include <math.h>

enum { KIT_WORKERS = 8, KIT_BEAT_MS = 500 };

struct kit {
    struct rig *rig;
    bool here[KIT_WORKERS + 1];
    uint64_t reports[KIT_WORKERS + 1], beats;
};

static inline void kit_hello(struct kit *kit, unsigned n)
{
    struct idn_worker_message *message = rig_hello_message(kit->rig, n);

    if (n == 2)
        message->u.hello.model[0] = message->u.hello.model[1];
    if (n < 3)
        message->u.hello.models = 1;
    kit->here[n] = true;
    message->u.hello.reports_from = kit->reports[n] + 1;
    rig_say(kit->rig, n, message);
}

static inline void kit_goodbye(struct kit *kit, unsigned n)
{
    kit->here[n] = false;
    rig_say(kit->rig, n, rig_message(kit->rig, n, IDN_WORKER_GOODBYE));
}

// It gets on, as far as it says.
static inline void kit_beat(struct kit *kit, unsigned n)
{
    uint64_t number = ++kit->beats;
    struct idn_worker_beat beat = {.nonce = 100 + n, .sequence = number, .images_done = number};

    rig_step(kit->rig, (struct idn_event){.type = IDN_EVENT_BEAT, .u.beat = &beat});
}

// They beat all the while.
static inline void kit_pass(struct kit *kit, uint64_t ms)
{
    for (; ms > 0; ms -= ms < KIT_BEAT_MS ? ms : KIT_BEAT_MS) {
        rig_pass(kit->rig, ms < KIT_BEAT_MS ? ms : KIT_BEAT_MS);
        for (unsigned n = 1; n <= KIT_WORKERS; n++)
            if (kit->here[n])
                kit_beat(kit, n);
    }
}

// Workers 1 and 2 are there.
static inline void kit_begin(struct kit *kit)
{
    *kit = (struct kit){.rig = rig_new()};
    kit_hello(kit, 1);
    kit_hello(kit, 2);
    kit_pass(kit, 1000);
    rig_clear(kit->rig);
}

static inline bool kit_near(double a, double b)
{
    return fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b));
}

static inline struct idn_lease *kit_lease(const struct kit *kit, unsigned n)
{
    struct idn_worker *worker = idn_workers_find(kit->rig->core, 100 + n);

    CHECK(worker != NULL && worker->leases > 0);
    return worker->lease[0];
}

// Reports the next images of its lease, which must have so many.
static inline void kit_work(struct kit *kit, unsigned n, uint32_t images, uint64_t compute_us)
{
    const struct idn_lease *lease = kit_lease(kit, n);
    struct idn_order order = {
        .u.lease = {.id = lease->id, .job = lease->job->key, .spec_hash = lease->job->spec_hash}};
    uint32_t first = lease->job->spec.first + lease->first + lease->count - lease->left;

    CHECK(images <= lease->left);
    struct idn_worker_message *message = rig_report(kit->rig, n, ++kit->reports[n], &order, first,
        images, images == lease->left ? IDN_END_DONE : IDN_END_NONE);
    message->u.report.compute_us = compute_us;
    rig_say(kit->rig, n, message);
    rig_clear(kit->rig);
}

// So many seconds with so many tasks of the first two workers, each of its model, a second.
static inline void kit_run(struct kit *kit, unsigned seconds, unsigned alexnet, unsigned resnet)
{
    for (unsigned i = 0; i < seconds; i++) {
        for (unsigned k = 0; k < alexnet; k++)
            kit_work(kit, 1, 10, 10000);
        for (unsigned k = 0; k < resnet; k++)
            kit_work(kit, 2, 8, 8000);
        kit_pass(kit, 1000);
    }
}

// Of the data set of millions.
static inline void kit_submit(struct kit *kit, unsigned key, const char *model, uint32_t images)
{
    struct idn_request request = rig_submission(key, model, 0, images - 1);

    snprintf(request.u.submit.dataset, IDN_NAME_SIZE, "many");
    rig_request(kit->rig, 1, request);
    rig_clear(kit->rig);
}

static inline void kit_set(struct kit *kit, unsigned job, const char *key, const char *value)
{
    struct idn_request request = {.type = IDN_REQUEST_SET};

    if (job > 0)
        request.job = (struct idn_job_name){.key = rig_key(job), .bits = 128};
    snprintf(request.u.set.key, IDN_SETTING_SIZE, "%s", key);
    snprintf(request.u.set.value, IDN_NAME_SIZE, "%s", value);
    rig_request(kit->rig, 9, request);
    rig_clear(kit->rig);
}

static inline struct idn_job *kit_job(const struct kit *kit, unsigned key)
{
    struct idn_key wanted = rig_key(key);

    IDN_EACH(link, &kit->rig->core->known)
    {
        struct idn_job *job = IDN_ENTRY(link, struct idn_job, in_known);
        if (idn_key_equal(&job->key, &wanted))
            return job;
    }
    CHECK(false); // it is not known
    return NULL;
}

static inline double kit_rate(const struct kit *kit, unsigned key, enum idn_window window)
{
    return idn_measure_images_per_s(kit->rig->core, kit_job(kit, key), window, kit->rig->now);
}

#endif
