#include "broker/loop.h"

#include "base/assert.h"
#include "base/log.h"
#include "broker/incomplete.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum {
    TURN_MESSAGES = 64,     // taken from one socket in a turn, so that none starves another
    TURN_FRAMES = 16,       // of the mirror link, each up to IDN_MIRROR_FRAME_BYTES and more
    PEERS_MAX = 16 * 1024,  // of one socket
    OUTBOXES_MIB = 64,      // all outboxes of one socket together
    CLIENT_IDLE_MS = 60000, // twice the longest WATCH
    LOOK_MS = 500,          // at the disk
    RETRY_MS = 5,           // of outboxes that a socket did not take
    WAIT_MS_MAX = 200,      // a longer turn is a stall, not a long wait
};
static_assert((int)CLIENT_IDLE_MS >= 2 * (int)IDN_WATCH_MS_MAX, "a client that waits is not idle");
static_assert((int)WAIT_MS_MAX < (int)IDN_STALL_MS, "a wait is no stall");

static uint64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void read_clocks(struct idn_loop *loop)
{
    loop->now_ms = clock_ms(CLOCK_MONOTONIC);
    loop->wall_ms = clock_ms(CLOCK_REALTIME);
}

static int send_client(void *context, uint32_t route, const void *data, size_t size)
{
    return idn_ports_send(context, IDN_PORT_CLIENTS, route, data, size);
}

static int send_worker(void *context, uint32_t route, const void *data, size_t size)
{
    return idn_ports_send(context, IDN_PORT_WORKERS, route, data, size);
}

int idn_loop_new(const struct idn_loop_config *config, struct idn_loop **ret)
{
    struct idn_peers_config peers = {
        .peers_max = PEERS_MAX,
        .idle_ms_max = CLIENT_IDLE_MS,
        .outbox_bytes_max = IDN_OUTBOX_BYTES_MAX,
        .total_bytes_max = (size_t)OUTBOXES_MIB << 20,
        .send = send_client,
        .context = config->ports,
    };
    struct idn_loop *loop = calloc(1, sizeof(*loop));
    IDN_ASSERT(loop != NULL);

    loop->config = *config;
    int error = idn_codec_new(&loop->codec);
    if (error == 0)
        error = idn_peers_new(&peers, &loop->clients);
    // A worker without work may rightly say nothing here for days: it beats on another socket.
    peers.idle_ms_max = 0;
    peers.send = send_worker;
    if (error == 0)
        error = idn_peers_new(&peers, &loop->workers);
    if (error < 0) {
        idn_loop_destroy(&loop);
        return error;
    }
    read_clocks(loop);
    loop->started_ms = loop->now_ms;
    loop->facts = config->facts;
    *ret = loop;
    return 0;
}

void idn_loop_destroy(struct idn_loop **loop)
{
    if (*loop == NULL)
        return;
    idn_peers_destroy(&(*loop)->clients);
    idn_peers_destroy(&(*loop)->workers);
    idn_codec_destroy(&(*loop)->codec);
    idn_batch_fini(&(*loop)->batch);
    free(*loop);
    *loop = NULL;
}

void idn_loop_step(void *context, const struct idn_event *event)
{
    struct idn_loop *loop = context;
    struct idn_event timed = *event;

    timed.now_ms = loop->now_ms;
    timed.wall_ms = loop->wall_ms;
    idn_core_step(loop->config.core, &timed);
    idn_loop_carry(loop, &timed);
}

// Dropped peers, once the actions that dropped them have been carried out.
static void step_gone(struct idn_loop *loop)
{
    struct idn_event event = {.type = IDN_EVENT_CLIENT_GONE};

    while (idn_peers_next_gone(loop->clients, &event.u.gone.peer))
        idn_loop_step(loop, &event);
    event.type = IDN_EVENT_WORKER_GONE;
    while (idn_peers_next_gone(loop->workers, &event.u.gone.peer))
        idn_loop_step(loop, &event);
}

static bool is_core_request(uint32_t type)
{
    return type == IDN_REQUEST_SUBMIT || type == IDN_REQUEST_UPLOAD || type == IDN_REQUEST_WATCH ||
           type == IDN_REQUEST_CANCEL || type == IDN_REQUEST_FORGET ||
           type == IDN_REQUEST_RESULTS || type == IDN_REQUEST_SWITCH ||
           type == IDN_REQUEST_BOOTSTRAP || type == IDN_REQUEST_RETRY || type == IDN_REQUEST_SET;
}

static void take_request(struct idn_loop *loop, idn_peer peer, const struct idn_incoming *incoming)
{
    struct idn_request request;
    struct idn_reason reason = {0};
    uint64_t id = 0;
    int error =
        idn_decode_request(loop->codec, incoming->data, incoming->size, &request, &id, &reason);

    if (error != 0) {
        loop->refused.clients++;
        idn_loop_refuse_client(loop, peer, id,
            error == IDN_DECODE_UNSUPPORTED ? IDN_REFUSED_UNSUPPORTED : IDN_REFUSED_MALFORMED,
            reason.text);
    } else if (is_core_request(request.type)) {
        struct idn_event event = {.type = IDN_EVENT_REQUEST};
        event.u.request.peer = peer;
        event.u.request.message = &request;
        idn_loop_step(loop, &event);
    } else {
        struct idn_event event = {.type = IDN_EVENT_ASKED};
        event.u.asked.unheard_ms = request.unheard_ms;
        if (request.unheard_ms > 0)
            idn_loop_step(loop, &event);
        idn_loop_answer(loop, peer, &request);
    }
}

static void take_worker(struct idn_loop *loop, idn_peer peer, const struct idn_incoming *incoming)
{
    struct idn_worker_message message;
    struct idn_reason reason = {0};
    uint64_t nonce = 0;
    int error =
        idn_decode_worker(loop->codec, incoming->data, incoming->size, &message, &nonce, &reason);

    if (error == 0) {
        struct idn_event event = {.type = IDN_EVENT_WORKER};
        event.u.worker.peer = peer;
        event.u.worker.message = &message;
        idn_loop_step(loop, &event);
        return;
    }
    loop->refused.workers++;
    if (nonce != 0) // otherwise nobody would take the answer for his
        idn_loop_refuse_worker(loop, peer, nonce,
            error == IDN_DECODE_UNSUPPORTED ? IDN_REFUSED_UNSUPPORTED : IDN_REFUSED_MALFORMED,
            reason.text);
}

static void take_beat(struct idn_loop *loop, const struct idn_incoming *incoming)
{
    struct idn_worker_beat beat;
    struct idn_event event = {.type = IDN_EVENT_BEAT, .u.beat = &beat};

    if (idn_decode_worker_beat(loop->codec, incoming->data, incoming->size, &beat, NULL) == 0)
        idn_loop_step(loop, &event);
    else
        loop->refused.beats++;
}

static void take_client_frames(struct idn_loop *loop, const struct idn_incoming *incoming)
{
    idn_peer peer = idn_peers_heard(loop->clients, incoming->route, loop->now_ms);

    loop->refused.clients++;
    idn_loop_refuse_client(loop, peer, 0, IDN_REFUSED_MALFORMED, "a message is exactly one frame");
}

static void drain_clients(struct idn_loop *loop)
{
    for (int i = 0; i < TURN_MESSAGES; i++) {
        struct idn_incoming incoming = {0};
        int result = idn_ports_receive(loop->config.ports, IDN_PORT_CLIENTS, &incoming);
        if (result == IDN_RECEIVE_NONE)
            return;
        if (result == 0)
            take_request(
                loop, idn_peers_heard(loop->clients, incoming.route, loop->now_ms), &incoming);
        else if (result == IDN_RECEIVE_FRAMES)
            take_client_frames(loop, &incoming);
        else
            loop->refused.clients++;
        idn_incoming_release(&incoming);
        step_gone(loop);
    }
}

static void drain_workers(struct idn_loop *loop)
{
    for (int i = 0; i < TURN_MESSAGES; i++) {
        struct idn_incoming incoming = {0};
        int result = idn_ports_receive(loop->config.ports, IDN_PORT_WORKERS, &incoming);
        if (result == IDN_RECEIVE_NONE)
            return;
        if (result == 0)
            take_worker(
                loop, idn_peers_heard(loop->workers, incoming.route, loop->now_ms), &incoming);
        else
            loop->refused.workers++;
        idn_incoming_release(&incoming);
        step_gone(loop);
    }
}

static void drain_beats(struct idn_loop *loop)
{
    for (int i = 0; i < TURN_MESSAGES * 4; i++) { // small, and the liveness of everyone
        struct idn_incoming incoming = {0};
        int result = idn_ports_receive(loop->config.ports, IDN_PORT_BEATS_IN, &incoming);
        if (result == IDN_RECEIVE_NONE)
            return;
        if (result == 0)
            take_beat(loop, &incoming);
        else
            loop->refused.beats++;
        idn_incoming_release(&incoming);
    }
}

static void take_frame(struct idn_loop *loop, const struct idn_incoming *incoming)
{
    struct idn_mirror_frame frame;
    struct idn_event event = {.type = IDN_EVENT_MIRROR, .u.mirror = &frame};

    // One that is left out is missed by its number, which ends the session.
    if (idn_decode_mirror(loop->codec, incoming->data, incoming->size, &frame, NULL) == 0)
        idn_loop_step(loop, &event);
    else
        loop->refused.frames++;
}

static void drain_mirror(struct idn_loop *loop)
{
    for (int i = 0; i < TURN_FRAMES && loop->config.mirror != NULL; i++) {
        struct idn_incoming incoming = {0};
        int result = idn_mirror_port_receive(loop->config.mirror, &incoming);
        if (result == IDN_RECEIVE_NONE)
            return;
        if (result == 0)
            take_frame(loop, &incoming);
        else
            loop->refused.frames++;
        idn_incoming_release(&incoming);
        step_gone(loop);
    }
}

static void drain_store(struct idn_loop *loop)
{
    struct idn_completion completion = {0};

    for (int i = 0; i < TURN_MESSAGES && !loop->stop; i++) {
        if (!idn_store_next(loop->config.store, &completion))
            return;
        idn_loop_completed(loop, &completion);
        step_gone(loop);
    }
}

static void take_signal(struct idn_loop *loop)
{
    struct signalfd_siginfo info;

    if (read(loop->config.signal_fd, &info, sizeof(info)) != sizeof(info))
        return;
    idn_info("stopping on signal %" PRIu32, info.ssi_signo);
    loop->stop = true;
    loop->status = 0;
}

static void look_at_disk(struct idn_loop *loop)
{
    struct idn_event event = {.type = IDN_EVENT_DISK};
    struct idn_reason reason;

    if (idn_store_check(loop->config.store, &reason) < 0) {
        idn_loop_exit(loop, reason.text);
        return;
    }
    if (idn_store_space(loop->config.store, &event.u.disk.free_bytes, &loop->store_bytes) == 0)
        idn_loop_step(loop, &event);
    idn_journal_look(&loop->journal, loop->config.core, loop->now_ms);
    if (loop->config.incomplete && loop->journal.role != IDN_ROLE_LEARNER) {
        loop->config.incomplete = false;
        idn_incomplete_end(loop->config.state);
    }
    idn_journal_refused(&loop->journal, loop->now_ms, &loop->refused);
}

static void run_timers(struct idn_loop *loop)
{
    struct idn_event tick = {.type = IDN_EVENT_TICK};

    if (loop->now_ms >= loop->look_ms) {
        loop->look_ms = loop->now_ms + LOOK_MS;
        look_at_disk(loop);
        idn_peers_expire(loop->clients, loop->now_ms);
    }
    if (loop->config.mirror != NULL &&
        idn_mirror_port_retry(loop->config.mirror, loop->now_ms) == IDN_MIRROR_PORT_HELD)
        idn_warning("another program holds port %" PRIu32 " of the link between the brokers; "
                    "trying on until it is free",
            loop->config.mirror->number);
    if (!loop->stop && loop->now_ms >= idn_core_deadline(loop->config.core))
        idn_loop_step(loop, &tick);
    if (loop->now_ms >= loop->retry_ms) {
        loop->retry_ms = loop->now_ms + RETRY_MS;
        idn_peers_flush(loop->clients);
        idn_peers_flush(loop->workers);
    }
    step_gone(loop);
}

static uint64_t earlier(uint64_t a_ms, uint64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

static long wait_ms(const struct idn_loop *loop)
{
    uint64_t until = idn_core_deadline(loop->config.core);

    until = earlier(until, loop->look_ms);
    if (loop->config.mirror != NULL)
        until = earlier(until, idn_mirror_port_deadline(loop->config.mirror));
    until = earlier(until, loop->now_ms + WAIT_MS_MAX);
    if (idn_peers_stuck(loop->clients) || idn_peers_stuck(loop->workers))
        until = earlier(until, loop->retry_ms);
    return until > loop->now_ms ? (long)(until - loop->now_ms) : 0;
}

// A loop that stood still (SIGSTOP, swap) heard nobody: nobody's silence counts, nor the disk's.
static void notice_stall(struct idn_loop *loop, uint64_t before_ms)
{
    struct idn_event event = {.type = IDN_EVENT_STALLED};

    event.u.stalled.ms = loop->now_ms - before_ms;
    if (event.u.stalled.ms <= IDN_STALL_MS)
        return;
    idn_warning("stood still for %" PRIu64 " ms; deadlines move by that", event.u.stalled.ms);
    idn_loop_step(loop, &event);
}

// What the loop waits for; returns how many. The mirror link's socket comes and goes.
enum { SIGNAL_ITEM, STORE_ITEM, CLIENTS_ITEM, WORKERS_ITEM, BEATS_ITEM, MIRROR_ITEM, ITEMS };

static int poll_items(const struct idn_loop *loop, zmq_pollitem_t items[static ITEMS])
{
    void *const *socket = loop->config.ports->socket;
    void *mirror = loop->config.mirror != NULL ? loop->config.mirror->socket : NULL;

    items[SIGNAL_ITEM] = (zmq_pollitem_t){.fd = loop->config.signal_fd};
    items[STORE_ITEM] = (zmq_pollitem_t){.fd = idn_store_fd(loop->config.store)};
    items[CLIENTS_ITEM] = (zmq_pollitem_t){.socket = socket[IDN_PORT_CLIENTS]};
    items[WORKERS_ITEM] = (zmq_pollitem_t){.socket = socket[IDN_PORT_WORKERS]};
    items[BEATS_ITEM] = (zmq_pollitem_t){.socket = socket[IDN_PORT_BEATS_IN]};
    items[MIRROR_ITEM] = (zmq_pollitem_t){.socket = mirror};
    for (int i = 0; i < ITEMS; i++)
        items[i].events = ZMQ_POLLIN;
    return mirror != NULL ? ITEMS : MIRROR_ITEM;
}

static void turn(struct idn_loop *loop)
{
    uint64_t before_ms = loop->now_ms;
    zmq_pollitem_t items[ITEMS];

    if (zmq_poll(items, poll_items(loop, items), wait_ms(loop)) < 0)
        IDN_ASSERT(zmq_errno() == EINTR);
    read_clocks(loop);
    notice_stall(loop, before_ms);
    drain_store(loop);
    drain_beats(loop);
    drain_mirror(loop);
    drain_workers(loop);
    drain_clients(loop);
    if (items[SIGNAL_ITEM].revents != 0)
        take_signal(loop);
    run_timers(loop);
    idn_loop_commit(loop);
}

// Until `done`, or until the loop is to stop.
static void run_until(struct idn_loop *loop, bool (*done)(const struct idn_loop *loop))
{
    while (!loop->stop && !done(loop))
        turn(loop);
}

static bool is_reigning(const struct idn_loop *loop)
{
    const struct idn_request request = {.type = IDN_REQUEST_STATUS};
    struct idn_reply reply = {0};

    idn_core_answer(loop->config.core, loop->now_ms, &request, NULL, &reply);
    return reply.u.status.role == IDN_ROLE_ACTIVE || reply.u.status.role == IDN_ROLE_ALONE;
}

// With another broker, whether this one reigns is decided later.
static bool has_begun(const struct idn_loop *loop)
{
    return loop->config.mirror != NULL || is_reigning(loop);
}

static bool never(const struct idn_loop *loop)
{
    (void)loop;
    return false;
}

void idn_loop_begin(struct idn_loop *loop, uint64_t incarnation)
{
    struct idn_event event = {.type = IDN_EVENT_START,
        .u.start = {.incarnation = incarnation,
            .position = loop->config.facts,
            .tail_lost = loop->config.incomplete}};

    read_clocks(loop);
    idn_loop_step(loop, &event);
    idn_loop_commit(loop);
    run_until(loop, has_begun);
}

int idn_loop_run(struct idn_loop *loop)
{
    run_until(loop, never);
    return loop->status;
}
