// The inference child as a process: found, started with one end of a SOCK_SEQPACKET pair, spoken
// to, killed, buried. Knows nothing of leases. Nothing that the child says is trusted.
#ifndef IDN_WORKER_AGENT_CHILD_H
#define IDN_WORKER_AGENT_CHILD_H

#include "base/error.h"
#include "worker/child_message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct idn_child_config {
    char program[IDN_PATH_SIZE];
    const char *engine, *algorithm, *decode; // borrowed
    uint32_t threads;                        // 0: the child's choice
    uint64_t replay_us;
};

struct idn_child {
    struct idn_child_config config;
    pid_t pid;               // 0: none
    int socket;              // -1: none, or closed by the child
    bool killed;             // by us
    char why[IDN_TEXT_SIZE]; // if killed; "": its end says it
    uint8_t packet[IDN_CHILD_PACKET_MAX];
};

// Where idunno-infer is: $IDUNNO_INFER, or beside this program, or where a build tree or an
// installation has it. -ENOENT names the folder searched.
int idn_child_find(char ret[static IDN_PATH_SIZE], struct idn_reason *reason);

int idn_child_start(struct idn_child *child, struct idn_reason *reason);
// Its death is learned from idn_child_bury, which will say `why`; "": how it ended. The first word
// counts.
void idn_child_kill(struct idn_child *child, const char *why);

// 0; IDN_CHILD_FULL: the socket takes no more now; -EPIPE it is gone, or was killed for it cannot
// be spoken to (bury will tell).
enum idn_child_send_result { IDN_CHILD_FULL = 1 };
int idn_child_send(struct idn_child *child, const struct idn_child_message *message);

// 0; IDN_CHILD_NOTHING; -EBADMSG what it said is no message of a child's. What ret holds is
// borrowed until the next call.
enum idn_child_receive_result { IDN_CHILD_NOTHING = 1 };
int idn_child_receive(struct idn_child *child, struct idn_child_message *ret);

// Whether it has ended. Then all that it ever said can be received; after that it is to be buried.
bool idn_child_is_dead(const struct idn_child *child);
// text says how it ended, as a sentence without a full stop.
void idn_child_bury(
    struct idn_child *child, enum idn_death *ret_death, char text[static IDN_TEXT_SIZE]);

// Kills it and waits for its end.
void idn_child_fini(struct idn_child *child);

#endif
