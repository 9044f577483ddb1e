#include "worker/infer/serve.h"

#include "base/assert.h"
#include "worker/infer/slice.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct server {
    int socket;
    struct idn_engine *engine;                   // borrowed
    struct idn_slicer *slicer;                   // owned
    struct idn_network *network[IDN_MODELS_MAX]; // owned, by the agent's numbers; NULL: not loaded
    struct idn_child_message in, out;
    uint8_t packet[IDN_CHILD_PACKET_MAX];
    uint8_t answer[IDN_CHILD_PACKET_MAX];
};

enum { CLOSED = 1 }; // the agent is gone: no fault of anybody's

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

static int receive(struct server *server, struct idn_reason *reason)
{
    struct iovec part = {.iov_base = server->packet, .iov_len = sizeof(server->packet)};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t got;

    do
        got = recvmsg(server->socket, &head, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got == 0 || (got < 0 && errno == ECONNRESET))
        return CLOSED;
    if (got < 0)
        return idn_reason_set(reason, -errno, "cannot hear the agent: %s", strerror(errno));
    if ((head.msg_flags & MSG_TRUNC) != 0 ||
        idn_child_unpack(server->packet, (size_t)got, &server->in) != 0)
        return idn_reason_set(reason, -EBADMSG, "a packet of %zd bytes is not an agent's", got);
    return 0;
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
    uint32_t model = server->in.u.load.model;
    struct idn_reason why = {""};

    if (model >= IDN_MODELS_MAX)
        return idn_reason_set(reason, -EBADMSG, "model number %" PRIu32 " is none", model);
    idn_engine_unload(server->engine, &server->network[model]);
    int error = idn_engine_load(server->engine, server->in.u.load.cfg, server->in.u.load.weights,
        &server->network[model], &why);
    server->out.type = IDN_CHILD_LOADED;
    server->out.u.loaded.model = model;
    server->out.u.loaded.classes = error == 0 ? server->network[model]->classes : 0;
    server->out.u.loaded.text[0] = '\0';
    if (error != 0)
        (void)snprintf(server->out.u.loaded.text, IDN_TEXT_SIZE, "%.*s", IDN_TEXT_SIZE - 1,
            why.text[0] != '\0' ? why.text : strerror(-error));
    return send_answer(server, reason);
}

static int on_slice(struct server *server, struct idn_reason *reason)
{
    uint32_t model = server->in.u.slice.model;

    if (model >= IDN_MODELS_MAX || server->network[model] == NULL)
        return idn_reason_set(
            reason, -EBADMSG, "a slice asks for model number %" PRIu32 ", not loaded", model);
    server->out.type = IDN_CHILD_ROWS;
    server->out.u.rows.serial = server->in.u.slice.serial;
    server->out.u.rows.count = server->in.u.slice.count;
    idn_slicer_run(server->slicer, server->network[model], server->in.u.slice.image,
        server->in.u.slice.count, server->out.u.rows.row, &server->out.u.rows.compute_us);
    return send_answer(server, reason);
}

static int serve_one(struct server *server, struct idn_reason *reason)
{
    int error = receive(server, reason);

    if (error != 0)
        return error;
    if (server->in.type == IDN_CHILD_LOAD)
        return on_load(server, reason);
    if (server->in.type == IDN_CHILD_SLICE)
        return on_slice(server, reason);
    return idn_reason_set(
        reason, -EBADMSG, "message type %" PRIu32 " is not an agent's", server->in.type);
}

int idn_serve(int socket, struct idn_engine *engine, struct idn_reason *reason)
{
    struct server *server = calloc(1, sizeof(*server));

    IDN_ASSERT(server != NULL);
    server->socket = socket;
    server->engine = engine;
    idn_slicer_new(engine, &server->slicer);
    int error = say_ready(server, reason);
    while (error == 0)
        error = serve_one(server, reason);
    for (uint32_t i = 0; i < IDN_MODELS_MAX; i++)
        idn_engine_unload(engine, &server->network[i]);
    idn_slicer_destroy(&server->slicer);
    free(server);
    return error == CLOSED ? 0 : error;
}
