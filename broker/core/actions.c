#include "broker/core/actions.h"

#include <stdarg.h>
#include <string.h>

struct idn_action *idn_action_add(struct idn_core *core, enum idn_action_type type, idn_peer peer)
{
    IDN_ASSERT(core->actions < IDN_ACTIONS_MAX);
    struct idn_action *action = &core->action[core->actions++];

    memset(action, 0, sizeof(*action));
    action->type = type;
    action->peer = peer;
    return action;
}

bool idn_actions_room(struct idn_core *core)
{
    if (core->actions < IDN_ACTIONS_BULK)
        return true;
    core->more = true;
    return false;
}

struct idn_reply *idn_reply_add(
    struct idn_core *core, idn_peer peer, uint64_t request, uint32_t type)
{
    struct idn_reply *reply = &idn_action_add(core, IDN_ACTION_REPLY, peer)->u.reply;

    reply->type = type;
    reply->id = request;
    return reply;
}

char *idn_refuse(struct idn_core *core, idn_peer peer, uint64_t request, uint32_t code)
{
    struct idn_reply *reply = idn_reply_add(core, peer, request, IDN_REPLY_REFUSED);

    reply->u.refused.code = code;
    return reply->u.refused.text;
}

struct idn_order *idn_order_to(struct idn_core *core, idn_peer peer, uint64_t nonce, uint32_t type)
{
    struct idn_order *order = &idn_action_add(core, IDN_ACTION_ORDER, peer)->u.order;

    order->type = type;
    order->epoch = core->epoch;
    order->nonce = nonce;
    return order;
}

struct idn_order *idn_order_add(
    struct idn_core *core, const struct idn_worker *worker, uint32_t type)
{
    return idn_order_to(core, worker->peer, worker->nonce, type);
}

static void note_commit_time(struct idn_core *core)
{
    uint32_t last = core->commit_first + core->commit_count - 1;

    // Commits of one millisecond share an entry; when the ring is full they share the last one.
    if (core->commit_count == IDN_COMMIT_TIMES_MAX ||
        (core->commit_count > 0 && core->commit_time[last % IDN_COMMIT_TIMES_MAX].ms == core->now))
        return;
    core->commit_time[(last + 1) % IDN_COMMIT_TIMES_MAX] =
        (struct idn_commit_time){.position = core->position, .ms = core->now};
    core->commit_count++;
}

struct idn_fact *idn_commit(struct idn_core *core, uint32_t kind, const struct idn_key *job)
{
    struct idn_fact *fact = &idn_action_add(core, IDN_ACTION_COMMIT, 0)->u.fact;

    core->position++;
    core->facts++;
    fact->origin = (struct idn_origin){core->incarnation, ++core->sequence};
    fact->epoch = core->epoch;
    fact->wall_ms = core->wall;
    fact->kind = kind;
    fact->job = *job;
    if (core->mirror.own != NULL)
        core->mirror.own->here = core->sequence;
    note_commit_time(core);
    return fact;
}

void idn_commit_copy(struct idn_core *core, const struct idn_stored_fact *fact)
{
    idn_action_add(core, IDN_ACTION_COPY, 0)->u.copy = fact;
    core->position++;
    note_commit_time(core);
}

void idn_commits_stored(struct idn_core *core, uint64_t position)
{
    if (position > core->position || position <= core->stored)
        return;
    core->stored = position;
    // An entry stands for the commits from its position to before the next entry's.
    while (core->commit_count > 0) {
        uint32_t next = (core->commit_first + 1) % IDN_COMMIT_TIMES_MAX;
        uint64_t end =
            core->commit_count > 1 ? core->commit_time[next].position - 1 : core->position;
        if (end > position)
            return;
        core->commit_first = next;
        core->commit_count--;
    }
}

uint64_t idn_commits_oldest_ms(const struct idn_core *core)
{
    return core->commit_count == 0 ? UINT64_MAX : core->commit_time[core->commit_first].ms;
}

void idn_tell(const struct idn_core *core, const char *format, ...)
{
    char line[2 * IDN_TEXT_SIZE];
    va_list arguments;

    if (core->tell == NULL)
        return;
    va_start(arguments, format);
    idn_format_list(line, sizeof(line), format, &arguments);
    va_end(arguments);
    core->tell(core->tell_context, line);
}

void idn_core_exit(struct idn_core *core, const char *text)
{
    idn_copy_text(idn_action_add(core, IDN_ACTION_EXIT, 0)->u.text, IDN_TEXT_SIZE, text);
    core->over = true;
}
