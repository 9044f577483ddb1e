// A broker's clients' port in a thread, whose answers a test decides: for tests of libidunno.
#ifndef IDN_TESTS_LIB_FAKE_BROKER_H
#define IDN_TESTS_LIB_FAKE_BROKER_H

#include "proto/messages.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct fake_broker;

// Fills *ret, whose id is set already; false: say nothing. Runs in the broker's thread.
typedef bool fake_answer(
    struct fake_broker *broker, const struct idn_request *request, struct idn_reply *ret);

struct fake_broker {
    char address[64];              // after start: tcp://127.0.0.1:PORT
    _Atomic(fake_answer *) answer; // may be changed at any time
    atomic_uint requests;          // that came in, of any type
    atomic_bool garbage;           // send bytes that are no message before every reply
    atomic_bool two_frames;        // replies are messages of two frames, which is wrong
    pthread_t thread;
    int stop_fd;
    void *context, *socket;
};

// On a free port, or again on that of *address when it is not "".
void fake_broker_start(struct fake_broker *broker, fake_answer *answer);
void fake_broker_stop(struct fake_broker *broker);

// Answers that all need; both return true.
bool fake_welcome(struct idn_reply *ret, uint32_t role);
bool fake_refuse(struct idn_reply *ret, uint32_t code, const char *text);

#endif
