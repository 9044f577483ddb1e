#include "broker/core/promises.h"

#include "broker/core/actions.h"
#include "broker/core/mirror.h"
#include "broker/core/roles.h"

static void reply(struct idn_core *core, const struct idn_promise *promise, uint32_t brokers)
{
    if (promise->type == IDN_PROMISE_UPLOADED) {
        idn_reply_add(core, promise->peer, promise->request, IDN_REPLY_UPLOADED)
            ->u.uploaded.offset = promise->offset;
        return;
    }
    struct idn_reply *accepted =
        idn_reply_add(core, promise->peer, promise->request, IDN_REPLY_ACCEPTED);
    accepted->u.accepted.job = promise->job;
    accepted->u.accepted.durable = brokers;
}

void idn_promise(struct idn_core *core, idn_peer peer, uint64_t request, enum idn_promise_type type,
    const struct idn_key *job, uint64_t position, uint64_t offset)
{
    struct idn_promise promise = {.position = position,
        .type = type,
        .peer = peer,
        .request = request,
        .job = *job,
        .offset = offset};
    uint32_t brokers;

    if (position <= idn_mirror_durable(core, &brokers) && idn_roles_may_promise(core)) {
        reply(core, &promise, brokers);
        return;
    }
    if (core->promises == IDN_PROMISES_MAX) {
        idn_format(idn_refuse(core, peer, request, IDN_REFUSED_SLOW_DOWN), IDN_TEXT_SIZE,
            "%u replies wait for the disk; ask again in a second", (unsigned)IDN_PROMISES_MAX);
        return;
    }
    core->promise[(core->promise_first + core->promises++) % IDN_PROMISES_MAX] = promise;
}

static void send_ack(struct idn_core *core, const struct idn_worker *worker)
{
    if (worker->peer != 0)
        idn_order_add(core, worker, IDN_ORDER_ACK)->u.ack.number = worker->acknowledged;
}

void idn_ack_again(struct idn_core *core, const struct idn_worker *worker)
{
    send_ack(core, worker);
}

// Two entries are enough for any number of reports: the older one is what the worker hears of next,
// the newer one collects everything since.
void idn_ack_when_stored(struct idn_core *core, struct idn_worker *worker, uint64_t number)
{
    struct idn_ack ack = {.number = number, .position = core->position};
    uint32_t brokers;

    if (ack.position <= idn_mirror_durable(core, &brokers) && idn_roles_may_promise(core)) {
        worker->acknowledged = number;
        send_ack(core, worker);
        return;
    }
    worker->ack[worker->ack[0].number == 0 ? 0 : 1] = ack;
    if (!idn_link_in(&worker->in_ack))
        idn_link_append(&core->acks, &worker->in_ack);
}

static void keep_acks(struct idn_core *core, uint64_t durable)
{
    IDN_EACH_SAFE(link, after, &core->acks)
    {
        struct idn_worker *worker = IDN_ENTRY(link, struct idn_worker, in_ack);
        if (worker->ack[0].position > durable)
            continue;
        if (!idn_actions_room(core))
            return;
        while (worker->ack[0].number != 0 && worker->ack[0].position <= durable) {
            worker->acknowledged = worker->ack[0].number;
            worker->ack[0] = worker->ack[1];
            worker->ack[1] = (struct idn_ack){0};
        }
        if (worker->ack[0].number == 0)
            idn_link_remove(&worker->in_ack);
        send_ack(core, worker);
    }
}

void idn_promises_drop(struct idn_core *core)
{
    while (core->promises > 0 && idn_actions_room(core)) {
        const struct idn_promise *promise = &core->promise[core->promise_first];
        idn_roles_why(core,
            idn_refuse(core, promise->peer, promise->request, IDN_REFUSED_NOT_ACTIVE),
            IDN_TEXT_SIZE);
        core->promise_first = (core->promise_first + 1) % IDN_PROMISES_MAX;
        core->promises--;
    }
}

void idn_promises_keep(struct idn_core *core)
{
    uint32_t brokers;
    uint64_t durable = idn_mirror_durable(core, &brokers);

    while (core->promises > 0 && core->promise[core->promise_first].position <= durable &&
           idn_actions_room(core)) {
        reply(core, &core->promise[core->promise_first], brokers);
        core->promise_first = (core->promise_first + 1) % IDN_PROMISES_MAX;
        core->promises--;
    }
    keep_acks(core, durable);
}
