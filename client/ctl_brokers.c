// idunno-ctl switch, bootstrap: what an operator tells a broker by hand.
#include "client/ctl_brokers.h"

#include "base/format.h"

#include <inttypes.h>
#include <stdio.h>

// One of two brokers may well be away: then the other one's answer should not have to wait long.
enum { ALONE_MS = 10000, OF_TWO_MS = 2000 };

// ---- asking each

static enum idunno_code refresh(struct idn_ctl_broker *broker)
{
    struct idn_request request = {.type = IDN_REQUEST_STATUS};
    const struct idn_reply *reply;

    broker->code = idn_call(broker->idunno, &request, &reply);
    if (broker->code == IDUNNO_OK)
        broker->status = reply->u.status;
    return broker->code;
}

static void ask(struct idn_ctl *ctl, struct idn_ctl_broker *broker, uint32_t timeout_ms)
{
    struct idunno_options options = {.brokers = {broker->address},
        .timeout_ms = ctl->timeout_ms != 0 ? ctl->timeout_ms : timeout_ms,
        .stop_fd = ctl->signal_fd};

    broker->code = idunno_connect(&options, &broker->idunno);
    if (broker->code == IDUNNO_OK)
        (void)refresh(broker);
}

static int fail(struct idn_ctl *ctl, const struct idn_ctl_broker *broker)
{
    int signal = broker->code == IDUNNO_STOPPED ? idn_signals_take(ctl->signal_fd) : 0;

    return signal != 0 ? IDN_EXIT_SIGNAL + signal
                       : idn_program_fail_call(IDN_CTL, broker->idunno, broker->code);
}

static int fail_both(struct idn_ctl *ctl, const struct idn_ctl_brokers *brokers)
{
    const struct idn_ctl_broker *a = &brokers->item[0], *b = &brokers->item[1];

    if (brokers->count == 1 || a->code != IDUNNO_UNREACHABLE)
        return fail(ctl, a);
    if (b->code != IDUNNO_UNREACHABLE)
        return fail(ctl, b);
    return idn_program_fail(
        IDN_CTL, "%.300s; %.300s", idunno_error(a->idunno), idunno_error(b->idunno));
}

// IDN_EXIT_OK when one of them answers; otherwise says why none does.
static int ask_all(struct idn_ctl *ctl, struct idn_ctl_brokers *ret)
{
    bool answered = false, stopped = false;

    *ret = (struct idn_ctl_brokers){.count = ctl->cluster.brokers};
    for (uint32_t i = 0; i < ret->count && !stopped; i++) {
        ret->item[i].address = ctl->cluster.address[i];
        ask(ctl, &ret->item[i], ret->count == 1 ? ALONE_MS : OF_TWO_MS);
        answered |= ret->item[i].code == IDUNNO_OK;
        stopped = ret->item[i].code == IDUNNO_STOPPED;
        if (stopped)
            return fail(ctl, &ret->item[i]);
    }
    return answered ? IDN_EXIT_OK : fail_both(ctl, ret);
}

int idn_ctl_with_brokers(struct idn_ctl *ctl, idn_ctl_brokers_act *act)
{
    struct idn_ctl_brokers brokers;
    int status = ask_all(ctl, &brokers);

    if (status == IDN_EXIT_OK)
        status = act(ctl, &brokers);
    for (uint32_t i = 0; i < brokers.count; i++)
        idunno_close(&brokers.item[i].idunno);
    return status;
}

bool idn_ctl_reigns(const struct idn_ctl_broker *broker)
{
    return broker->code == IDUNNO_OK &&
           (broker->status.role == IDN_ROLE_ACTIVE || broker->status.role == IDN_ROLE_ALONE);
}

struct idn_ctl_broker *idn_ctl_active(struct idn_ctl_brokers *brokers)
{
    struct idn_ctl_broker *active = NULL;

    for (uint32_t i = 0; i < brokers->count; i++) {
        struct idn_ctl_broker *broker = &brokers->item[i];
        if (idn_ctl_reigns(broker) &&
            (active == NULL || idn_epoch_compare(broker->status.epoch, active->status.epoch) > 0))
            active = broker;
    }
    return active;
}

struct idn_ctl_text idn_ctl_epoch(struct idn_epoch epoch)
{
    struct idn_ctl_text text;

    (void)snprintf(text.text, sizeof(text.text), "%" PRIu64 "%c", epoch.counter,
        epoch.broker == 0 ? '-' : (char)epoch.broker);
    return text;
}

// ---- switch

// Asks the one that reigns, and it alone: the one that reigns then would hand the reign back. Its
// answer may be lost for good: whether the other one reigns is asked too. True: it does.
static bool hand_over(struct idn_ctl_broker *from, struct idn_ctl_broker *to)
{
    struct idn_request request = {.type = IDN_REQUEST_SWITCH};
    struct idn_epoch before = from->status.epoch;

    idunno_set_timeout(from->idunno, IDN_HANDOVER_MS + OF_TWO_MS);
    from->code = idn_call(from->idunno, &request, NULL);
    return from->code != IDUNNO_STOPPED && refresh(to) == IDUNNO_OK && idn_ctl_reigns(to) &&
           idn_epoch_compare(to->status.epoch, before) > 0;
}

static int fail_switch(
    struct idn_ctl *ctl, const struct idn_ctl_broker *from, const struct idn_ctl_broker *to)
{
    if (from->code == IDUNNO_OK && to->code == IDUNNO_OK)
        return idn_program_fail(IDN_CTL,
            "broker %s has handed over, but broker %s does not say that it reigns: see idunno-ctl "
            "status",
            from->status.broker, to->status.broker);
    return fail(ctl, from->code != IDUNNO_OK ? from : to);
}

static int switch_over(struct idn_ctl *ctl, struct idn_ctl_brokers *brokers)
{
    struct idn_ctl_broker *active = idn_ctl_active(brokers), *other;

    if (brokers->count == 1)
        return idn_program_fail(IDN_CTL,
            "only the broker at %s is known here, and both are needed for a switch: name them in "
            "the configuration or with --broker twice",
            brokers->item[0].address);
    if (active == NULL)
        return idn_program_fail(
            IDN_CTL, "no broker is active: there is nothing to hand over (see idunno-ctl status)");
    other = active == &brokers->item[0] ? &brokers->item[1] : &brokers->item[0];
    if (other->code != IDUNNO_OK)
        return idn_program_fail(IDN_CTL, "broker %s goes on, the other one does not answer: %s",
            active->status.broker, idunno_error(other->idunno));
    if (other->status.damaged_row != 0)
        return idn_program_fail(IDN_CTL,
            "broker %s goes on: row %" PRIu64 " of the store of broker %s cannot be read; stop "
            "that one, move its state directory away, start it, and switch when idunno-ctl status "
            "says in sync",
            active->status.broker, other->status.damaged_row, other->status.broker);
    if (!hand_over(active, other))
        return fail_switch(ctl, active, other);
    (void)printf("broker %s reigns now, epoch %s; broker %s is its standby\n", other->status.broker,
        idn_ctl_epoch(other->status.epoch).text, active->status.broker);
    return IDN_EXIT_OK;
}

int idn_ctl_switch(struct idn_ctl *ctl)
{
    return idn_ctl_with_brokers(ctl, switch_over);
}

// ---- bootstrap

static int begin_reign(struct idn_ctl *ctl, struct idn_ctl_broker *learner)
{
    struct idn_request request = {.type = IDN_REQUEST_BOOTSTRAP};

    learner->code = idn_call(learner->idunno, &request, NULL);
    if (learner->code != IDUNNO_OK || refresh(learner) != IDUNNO_OK)
        return fail(ctl, learner);
    (void)printf("broker %s begins with what it has: %" PRIu64 " fact%s, %u job%s; it is %s\n",
        learner->status.broker, learner->status.facts, idn_plural(learner->status.facts),
        learner->status.jobs_known, idn_plural(learner->status.jobs_known),
        idn_role_name(learner->status.role));
    return IDN_EXIT_OK;
}

static int bootstrap(struct idn_ctl *ctl, struct idn_ctl_brokers *brokers)
{
    struct idn_ctl_broker *active = idn_ctl_active(brokers), *learner = NULL;
    unsigned learners = 0;

    for (uint32_t i = 0; i < brokers->count; i++)
        if (brokers->item[i].code == IDUNNO_OK &&
            brokers->item[i].status.role == IDN_ROLE_LEARNER) {
            learner = &brokers->item[i];
            learners++;
        }
    if (learners == 0)
        return idn_program_fail(IDN_CTL,
            "no broker that answers is a learner: there is nothing to begin (see idunno-ctl "
            "status)");
    if (active != NULL)
        return idn_program_fail(IDN_CTL,
            "broker %s is active: broker %s gets from it what it lacks, and must not begin without",
            active->status.broker, learner->status.broker);
    if (learners > 1)
        return idn_program_fail(IDN_CTL,
            "both brokers are learners, and begin by themselves as soon as they hear each other on "
            "port_mirror; to begin without that, name one of them with --broker");
    return begin_reign(ctl, learner);
}

int idn_ctl_bootstrap(struct idn_ctl *ctl)
{
    return idn_ctl_with_brokers(ctl, bootstrap);
}
