// Asks each broker a hundred times a second how it is and what its workers do, and prints what
// changed, with the time: how tests/chaos measures recoveries from outside.
//
// usage: chaos-probe ADDRESS [ADDRESS]    lines: MS BROKER status ROLE EPOCH IN_FLIGHT
//                                                MS BROKER worker NAME STATE JOB FIRST COUNT DONE
// MS: CLOCK_MONOTONIC. BROKER: 0 or 1, as given. Ends when its standard input does.
#include "base/assert.h"
#include "base/format.h"
#include "proto/codec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { EVERY_MS = 10, AGAIN_MS = 100, REOPEN_MS = 1000, LINE = 256, LINES = 1 + 16 };

struct asked {
    const char *address;
    void *socket;
    uint64_t id, sent_ms, heard_ms;
    bool waits;       // for the reply of id
    bool for_workers; // asked last
    char said[LINES][LINE];
};

static struct idn_codec *codec;

static uint64_t clock_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void open_socket(void *context, struct asked *asked)
{
    static const int zero = 0, one = 1, soon = 50;

    if (asked->socket != NULL)
        (void)zmq_close(asked->socket);
    asked->socket = zmq_socket(context, ZMQ_DEALER);
    IDN_ASSERT(asked->socket != NULL);
    (void)zmq_setsockopt(asked->socket, ZMQ_LINGER, &zero, sizeof(zero));
    (void)zmq_setsockopt(asked->socket, ZMQ_IMMEDIATE, &one, sizeof(one));
    (void)zmq_setsockopt(asked->socket, ZMQ_RECONNECT_IVL, &soon, sizeof(soon));
    if (zmq_connect(asked->socket, asked->address) != 0) {
        (void)fprintf(stderr, "chaos-probe: %s: %s\n", asked->address, zmq_strerror(zmq_errno()));
        exit(2);
    }
    asked->heard_ms = clock_ms();
}

static void say(struct asked *asked, int which, int place, const char *line)
{
    if (strcmp(asked->said[place], line) == 0)
        return;
    (void)snprintf(asked->said[place], LINE, "%s", line);
    (void)printf("%" PRIu64 " %d %s\n", clock_ms(), which, line);
}

static void say_status(struct asked *asked, int which, const struct idn_status_info *status)
{
    char line[LINE];

    (void)snprintf(line, sizeof(line), "status %s %" PRIu64 "%c %" PRIu64,
        idn_role_name(status->role), status->epoch.counter,
        status->epoch.broker == 0 ? '-' : (char)status->epoch.broker, status->images_in_flight);
    say(asked, which, 0, line);
}

static void say_workers(struct asked *asked, int which, const struct idn_reply *reply)
{
    char line[LINE], job[IDN_KEY_TEXT_SIZE];

    for (uint32_t i = 0; i < reply->u.workers.count && i + 1 < LINES; i++) {
        const struct idn_worker_info *worker = &reply->u.workers.item[i];
        idn_key_to_text(worker->job.bytes, job);
        (void)snprintf(line, sizeof(line), "worker %s %s %s %" PRIu32 " %" PRIu32 " %" PRIu32,
            worker->name, idn_worker_state_name(worker->state), worker->leases == 0 ? "-" : job,
            worker->lease_first, worker->lease_count, worker->lease_done);
        say(asked, which, 1 + (int)i, line);
    }
}

static void take(struct asked *asked, int which, const struct idn_reply *reply)
{
    asked->heard_ms = clock_ms();
    if (!asked->waits || reply->id != asked->id)
        return;
    asked->waits = false;
    if (reply->type == IDN_REPLY_STATUS)
        say_status(asked, which, &reply->u.status);
    else if (reply->type == IDN_REPLY_WORKERS)
        say_workers(asked, which, reply);
}

static void listen_to(struct asked *asked, int which)
{
    static uint8_t bytes[IDN_CLIENT_MESSAGE_BYTES_MAX];
    int size;

    while ((size = zmq_recv(asked->socket, bytes, sizeof(bytes), ZMQ_DONTWAIT)) >= 0) {
        struct idn_reply reply;
        if ((size_t)size <= sizeof(bytes) &&
            idn_decode_reply(codec, bytes, (size_t)size, &reply, NULL) == 0)
            take(asked, which, &reply);
    }
}

static void ask(struct asked *asked, uint64_t now_ms)
{
    struct idn_request request = {.id = ++asked->id};

    asked->for_workers = !asked->for_workers;
    request.type = asked->for_workers ? IDN_REQUEST_WORKERS : IDN_REQUEST_STATUS;
    struct idn_bytes bytes = idn_encode_request(codec, &request);
    (void)zmq_send(asked->socket, bytes.data, bytes.size, ZMQ_DONTWAIT);
    asked->sent_ms = now_ms;
    asked->waits = true;
}

int main(int argc, char **argv)
{
    static struct asked asked[IDN_BROKERS_MAX];
    void *context = zmq_ctx_new();
    int brokers = argc - 1;

    if (brokers < 1 || brokers > IDN_BROKERS_MAX || idn_codec_new(&codec) != 0)
        return 2;
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 0; i < brokers; i++) {
        asked[i].address = argv[1 + i];
        open_socket(context, &asked[i]);
    }
    for (;;) {
        zmq_pollitem_t items[1 + IDN_BROKERS_MAX] = {{.fd = STDIN_FILENO, .events = ZMQ_POLLIN}};
        for (int i = 0; i < brokers; i++)
            items[1 + i] = (zmq_pollitem_t){.socket = asked[i].socket, .events = ZMQ_POLLIN};
        (void)zmq_poll(items, 1 + brokers, EVERY_MS / 2);
        if (items[0].revents != 0)
            return 0;
        uint64_t now_ms = clock_ms();
        for (int i = 0; i < brokers; i++) {
            listen_to(&asked[i], i);
            if (now_ms >= asked[i].heard_ms + REOPEN_MS)
                open_socket(context, &asked[i]);
            if (now_ms >= asked[i].sent_ms + (uint64_t)(asked[i].waits ? AGAIN_MS : EVERY_MS))
                ask(&asked[i], now_ms);
        }
    }
}
