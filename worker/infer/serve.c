#include "worker/infer/serve.h"

#include "base/assert.h"
#include "worker/infer/slice.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

// What was received.
struct inbox {
    bool full;
    int result; // 0: message; CLOSED or -errno, then `reason` says why
    struct idn_child_message message;
    struct idn_reason reason;
    uint8_t packet[IDN_CHILD_PACKET_MAX]; // the message borrows from it
};

struct server {
    int socket;
    struct idn_engine *engine;                   // borrowed
    struct idn_slicer *slicer;                   // owned
    struct idn_network *network[IDN_MODELS_MAX]; // owned, by the agent's numbers; NULL: not loaded
    struct inbox inbox[2];
    struct inbox *in, *after; // being answered; received meanwhile, if full
    struct idn_child_message out;
    uint8_t answer[IDN_CHILD_PACKET_MAX];
};

enum {
    CLOSED = 1, // the agent is gone: no fault of anybody's
    NOTHING = 2,
};

static int send_answer(struct server *server, struct idn_reason *reason)
{
    size_t size = idn_child_pack(&server->out, server->answer);
    ssize_t sent;

    IDN_ASSERT(size > 0);
    do
        sent = send(server->socket, server->answer, size, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
        return CLOSED;
    if (sent < 0)
        return idn_reason_set(reason, -errno, "cannot answer the agent: %s", strerror(errno));
    return 0;
}

static int receive_packet(struct server *server, struct inbox *inbox, int flags)
{
    struct iovec part = {.iov_base = inbox->packet, .iov_len = sizeof(inbox->packet)};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t got;

    do
        got = recvmsg(server->socket, &head, MSG_CMSG_CLOEXEC | flags);
    while (got < 0 && errno == EINTR);
    if (got == 0 || (got < 0 && errno == ECONNRESET))
        return CLOSED;
    if (got < 0 && errno == EAGAIN && flags == MSG_DONTWAIT)
        return NOTHING;
    if (got < 0)
        return idn_reason_set(&inbox->reason, -errno, "cannot hear the agent: %s", strerror(errno));
    if ((head.msg_flags & MSG_TRUNC) != 0 ||
        idn_child_unpack(inbox->packet, (size_t)got, &inbox->message) != 0)
        return idn_reason_set(
            &inbox->reason, -EBADMSG, "a packet of %zd bytes is not an agent's", got);
    return 0;
}

static void receive(struct server *server, struct inbox *inbox, int flags)
{
    inbox->result = receive_packet(server, inbox, flags);
    inbox->full = inbox->result != NOTHING;
}

static bool slice_of(
    const struct server *server, const struct idn_child_message *message, struct idn_slice *ret)
{
    uint32_t model = message->u.slice.model;

    if (model >= IDN_MODELS_MAX || server->network[model] == NULL)
        return false;
    *ret = (struct idn_slice){.network = server->network[model],
        .images = message->u.slice.image,
        .count = message->u.slice.count};
    return true;
}

// For the slicer, while a slice is run. What is not a slice waits until that is answered.
static bool next_slice(void *context, struct idn_slice *ret)
{
    struct server *server = context;
    struct inbox *inbox = server->after;

    if (inbox->full)
        return false;
    receive(server, inbox, MSG_DONTWAIT);
    return inbox->full && inbox->result == 0 && inbox->message.type == IDN_CHILD_SLICE &&
           slice_of(server, &inbox->message, ret);
}

static int say_ready(struct server *server, struct idn_reason *reason)
{
    server->out.type = IDN_CHILD_READY;
    (void)snprintf(
        server->out.u.ready.class_name, IDN_CLASS_SIZE, "%s", server->engine->class_name);
    server->out.u.ready.threads = idn_pool_threads(server->engine->pool);
    return send_answer(server, reason);
}

// A number that is loaded already gets the new model.
static int on_load(struct server *server, struct idn_reason *reason)
{
    uint32_t model = server->in->message.u.load.model;
    struct idn_reason why = {""};

    if (model >= IDN_MODELS_MAX)
        return idn_reason_set(reason, -EBADMSG, "model number %" PRIu32 " is none", model);
    idn_engine_unload(server->engine, &server->network[model]);
    int error = idn_engine_load(server->engine, server->in->message.u.load.cfg,
        server->in->message.u.load.weights, &server->network[model], &why);
    server->out.type = IDN_CHILD_LOADED;
    server->out.u.loaded.model = model;
    server->out.u.loaded.classes = error == 0 ? server->network[model]->classes : 0;
    server->out.u.loaded.text[0] = '\0';
    if (error != 0)
        (void)snprintf(server->out.u.loaded.text, IDN_TEXT_SIZE, "%.*s", IDN_TEXT_SIZE - 1,
            why.text[0] != '\0' ? why.text : strerror(-error));
    return send_answer(server, reason);
}

static int on_unload(struct server *server, struct idn_reason *reason)
{
    uint32_t model = server->in->message.u.unload.model;

    if (model >= IDN_MODELS_MAX)
        return idn_reason_set(reason, -EBADMSG, "model number %" PRIu32 " is none", model);
    idn_engine_unload(server->engine, &server->network[model]);
    return 0;
}

static int on_slice(struct server *server, struct idn_reason *reason)
{
    const struct idn_child_message *in = &server->in->message;
    struct idn_slice slice;

    if (!slice_of(server, in, &slice))
        return idn_reason_set(reason, -EBADMSG,
            "a slice asks for model number %" PRIu32 ", not loaded", in->u.slice.model);
    server->out.type = IDN_CHILD_ROWS;
    server->out.u.rows.serial = in->u.slice.serial;
    server->out.u.rows.count = in->u.slice.count;
    idn_slicer_run(server->slicer, &slice, server->out.u.rows.row, &server->out.u.rows.compute_us);
    return send_answer(server, reason);
}

static void take_next(struct server *server)
{
    struct inbox *inbox = server->after;

    server->after = server->in;
    server->in = inbox;
    if (!inbox->full)
        receive(server, inbox, 0);
    inbox->full = false;
}

static int serve_one(struct server *server, struct idn_reason *reason)
{
    take_next(server);
    uint32_t type = server->in->message.type;

    if (server->in->result != 0) {
        *reason = server->in->reason;
        return server->in->result;
    }
    if (type == IDN_CHILD_LOAD)
        return on_load(server, reason);
    if (type == IDN_CHILD_UNLOAD)
        return on_unload(server, reason);
    if (type == IDN_CHILD_SLICE)
        return on_slice(server, reason);
    return idn_reason_set(reason, -EBADMSG, "message type %" PRIu32 " is not an agent's", type);
}

int idn_serve(int socket, struct idn_engine *engine, struct idn_reason *reason)
{
    struct server *server = calloc(1, sizeof(*server));

    IDN_ASSERT(server != NULL);
    server->socket = socket;
    server->engine = engine;
    server->in = &server->inbox[0];
    server->after = &server->inbox[1];
    idn_slicer_new(engine, next_slice, server, &server->slicer);
    int error = say_ready(server, reason);
    while (error == 0)
        error = serve_one(server, reason);
    idn_slicer_destroy(&server->slicer); // first: it may be preparing a slice
    for (uint32_t i = 0; i < IDN_MODELS_MAX; i++)
        idn_engine_unload(engine, &server->network[i]);
    free(server);
    return error == CLOSED ? 0 : error;
}
