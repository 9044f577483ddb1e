// A worker introduces itself: who it is, what it holds, which leases it has, which reports are not
// acknowledged. The answer is WELCOME or REFUSED; leases that do not fit are trimmed to nothing.
#include "broker/core/hello.h"

#include "broker/core/actions.h"
#include "broker/core/leases.h"
#include "broker/core/shares.h"
#include "broker/core/silence.h"
#include "broker/core/workers.h"
#include "proto/version.h"

#include <string.h>

static void refuse(
    struct idn_core *core, idn_peer peer, uint64_t nonce, uint32_t code, const char *text)
{
    struct idn_order *order = idn_order_to(core, peer, nonce, IDN_ORDER_REFUSED);

    order->u.refused.code = code;
    idn_copy_text(order->u.refused.text, IDN_TEXT_SIZE, text);
}

// The worker of this boot; NULL when it was refused.
static struct idn_worker *find_or_add(
    struct idn_core *core, idn_peer peer, const struct idn_worker_message *message)
{
    const char *name = message->u.hello.name;
    struct idn_worker *worker = idn_workers_find(core, message->nonce), *other;
    char text[IDN_TEXT_SIZE];

    if (worker != NULL)
        return worker;
    other = idn_workers_find_name(core, name);
    if (other != NULL &&
        (other->presence == IDN_PRESENCE_ALIVE || other->presence == IDN_PRESENCE_SUSPECTED)) {
        idn_format(text, sizeof(text),
            "the worker name %s is in use by one that still beats; start this one with another "
            "--instance or --name",
            name);
        refuse(core, peer, message->nonce, IDN_REFUSED_NAME_IN_USE, text);
        return NULL;
    }
    if (other != NULL)
        idn_workers_remove(core, other);
    worker = idn_workers_add(core, message->nonce, name);
    if (worker == NULL) {
        idn_format(text, sizeof(text), "%u workers are here already, which is the limit",
            core->workers_max);
        refuse(core, peer, message->nonce, IDN_REFUSED_MANY_WORKERS, text);
    }
    return worker;
}

static const struct idn_holding *find_holding(
    const struct idn_holding *holding, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(holding[i].name, name) == 0)
            return &holding[i];
    return NULL;
}

static const char *lack_text(const struct idn_holding *holding)
{
    static const char *const texts[] = {[IDN_LACK_CFG] = "has no cfg file there",
        [IDN_LACK_WEIGHTS] = "has no weights file there",
        [IDN_LACK_LIST] = "has no list file there",
        [IDN_LACK_OTHER] = "cannot be used there (the worker's log says why)"};

    if (holding == NULL)
        return "is not in the worker's configuration";
    return holding->lack != IDN_LACK_NONE && holding->lack < sizeof(texts) / sizeof(*texts)
               ? texts[holding->lack]
               : "cannot be used there";
}

// Whether the worker holds what the broker's registry declares. The difference goes to its note;
// not so when the broker cannot use its own, which is no fault of the worker's.
static bool compare(struct idn_worker *worker, const char *kind, const char *name,
    const struct idn_sha256 *digest, const char *problem, const struct idn_holding *holding)
{
    static const struct idn_sha256 nothing;
    bool usable = holding != NULL && !idn_sha256_equal(&holding->digest, &nothing);

    if (usable && idn_sha256_equal(&holding->digest, digest))
        return true;
    if (*problem == '\0')
        idn_format_append(worker->note, sizeof(worker->note), "%s%s %s %s",
            worker->note[0] == '\0' ? "" : "; ", kind, name,
            usable ? "differs from the broker's" : lack_text(holding));
    return false;
}

static void take_holdings(const struct idn_core *core, struct idn_worker *worker,
    const struct idn_worker_message *message)
{
    worker->models = 0;
    memset(worker->datasets, 0, sizeof(worker->datasets));
    worker->note[0] = '\0';
    for (uint32_t i = 0; i < core->models; i++) {
        const struct idn_core_model *model = &core->model[i];
        const struct idn_holding *holding =
            find_holding(message->u.hello.model, message->u.hello.models, model->name);
        if (compare(worker, "model", model->name, &model->digest, model->problem, holding))
            worker->models |= UINT64_C(1) << i;
    }
    for (uint32_t i = 0; i < core->datasets; i++) {
        const struct idn_core_dataset *dataset = &core->dataset[i];
        const struct idn_holding *holding =
            find_holding(message->u.hello.dataset, message->u.hello.datasets, dataset->name);
        if (compare(worker, "data set", dataset->name, &dataset->digest, dataset->problem, holding))
            worker->datasets[i / 64] |= UINT64_C(1) << i % 64;
    }
}

// Reports before the oldest one that it still keeps were acknowledged, here or elsewhere.
static void take_report_number(struct idn_worker *worker, uint64_t reports_from)
{
    uint64_t before = reports_from == 0 ? 0 : reports_from - 1;

    if (worker->folded < before)
        worker->folded = before;
    if (worker->acknowledged < before)
        worker->acknowledged = before;
}

// What it could not have lately stays its note.
static void take_hello(
    struct idn_core *core, struct idn_worker *worker, const struct idn_worker_message *message)
{
    char why[IDN_TEXT_SIZE];

    worker->class_hash = message->u.hello.class_hash;
    worker->threads = message->u.hello.threads;
    idn_copy_text(worker->class_name, sizeof(worker->class_name), message->u.hello.class_name);
    idn_worker_forgive(core, worker);
    idn_copy_text(why, sizeof(why), worker->note);
    take_holdings(core, worker, message);
    if (worker->refused_count > 0)
        idn_copy_text(worker->note, sizeof(worker->note), why);
    idn_worker_set_ability(worker);
    take_report_number(worker, message->u.hello.reports_from);
}

static bool states(const struct idn_worker_message *message, struct idn_lease_id id)
{
    for (uint32_t i = 0; i < message->u.hello.leases; i++)
        if (idn_lease_equal(message->u.hello.lease[i].id, id))
            return true;
    return false;
}

// Its word counts: a lease that it had and no longer states is gone; one whose order it may not
// have got yet is sent again (broker/core/leases.h).
static void reconcile_leases(
    struct idn_core *core, struct idn_worker *worker, const struct idn_worker_message *message)
{
    for (uint32_t i = worker->leases; i-- > 0;)
        if (worker->lease[i]->confirmed && !states(message, worker->lease[i]->id))
            idn_lease_close(core, worker->lease[i]);
    for (uint32_t i = 0; i < message->u.hello.leases; i++) {
        const struct idn_held_lease *held = &message->u.hello.lease[i];
        struct idn_lease *lease = idn_lease_find(worker, held->id);
        if (lease != NULL)
            idn_lease_confirm(lease);
        else if (!idn_lease_adopt(core, worker, held))
            idn_lease_disown(core, worker, held->id);
    }
}

static void welcome(struct idn_core *core, const struct idn_worker *worker, uint32_t version)
{
    struct idn_order *order = idn_order_add(core, worker, IDN_ORDER_WELCOME);

    order->u.welcome.version = version;
    order->u.welcome.beat_ms = idn_workers_beat_ms(core);
    order->u.welcome.acknowledged = worker->acknowledged;
}

void idn_worker_hello(
    struct idn_core *core, idn_peer peer, const struct idn_worker_message *message)
{
    uint32_t lowest = message->u.hello.lowest, highest = message->u.hello.highest, version;

    if (idn_negotiate(lowest, highest, &version) != 0) {
        char text[IDN_TEXT_SIZE];
        idn_format(text, sizeof(text),
            "this broker speaks protocol versions %u to %u, the worker %u to %u",
            (unsigned)IDN_PROTOCOL_LOWEST, (unsigned)IDN_PROTOCOL_HIGHEST, lowest, highest);
        refuse(core, peer, message->nonce, IDN_REFUSED_UNSUPPORTED, text);
        return;
    }
    struct idn_worker *worker = find_or_add(core, peer, message);
    if (worker == NULL)
        return;
    if (worker->peer == 0 || worker->presence == IDN_PRESENCE_DEAD)
        idn_tell(core, "worker %s joined: %s, %u thread%s, %u lease%s held", worker->name,
            message->u.hello.class_name, message->u.hello.threads,
            idn_plural(message->u.hello.threads), message->u.hello.leases,
            idn_plural(message->u.hello.leases));
    idn_worker_set_peer(core, worker, peer);
    worker->bereft = false;
    idn_silence_broken(core);
    take_hello(core, worker, message);
    idn_worker_set_presence(core, worker, IDN_PRESENCE_ALIVE);
    idn_worker_progressed(core, worker);
    welcome(core, worker, version);
    reconcile_leases(core, worker, message);
    idn_shares_changed(core);
    if (worker->drained)
        idn_worker_trim(core, worker);
    core->look = core->newcomers = true;
}
