// The agent core's state, shared by its files only. Which file owns what:
//   obey.c     which broker to obey, hello and welcome
//   leases.c   leases held and those lately ended
//   slices.c   what the child is given and answers
//   nursery.c  the child's life: start, death, back-off, hang
//   reports.c  rows gathered, reports retained and sent
//   beats.c    beats, drain
#ifndef IDN_WORKER_AGENT_INTERNAL_H
#define IDN_WORKER_AGENT_INTERNAL_H

#include "base/assert.h"
#include "worker/agent/agent.h"

#define IDN_NEVER UINT64_MAX

enum {
    IDN_AGENT_SLICES_MAX = 2,                          // one computing, one queued
    IDN_AGENT_SLICE_IMAGES = IDN_CHILD_IMAGES_MAX / 2, // so that both fit, and their paths a packet
    IDN_AGENT_ENDED_MAX = 2 * IDN_REPORT_WINDOW,
    IDN_AGENT_SENDS_MAX = 16,                         // reports sent in one step
    IDN_AGENT_MESSAGES_MAX = IDN_AGENT_SENDS_MAX + 8, // and hello, stale, trimmed, goodbye
    IDN_AGENT_ACTIONS_MAX = IDN_AGENT_MESSAGES_MAX + 8,

    IDN_AGENT_HELLO_MS = 500,         // a hello without an answer is repeated
    IDN_AGENT_QUIET_MS = 5000,        // no order for so long and nothing to do: hello again
    IDN_AGENT_REFUSED_MS = 5000,      // refused for so long: give up
    IDN_AGENT_RESEND_MS = 1000,       // no acknowledgement for so long: send all again
    IDN_AGENT_FLUSH_MS = 5000,        // a drain waits so long for acknowledgements
    IDN_AGENT_HEALTHY_MS = 60 * 1000, // a child that lived so long starts a new account of deaths
    IDN_AGENT_BACKOFF_MS = 1000,      // first pause before a restart; doubles
    IDN_AGENT_BACKOFF_MS_MAX = 30 * 1000,
    IDN_AGENT_START_MS = 60 * 1000, // a child that is not ready after so long hangs
};

static_assert(IDN_AGENT_SLICES_MAX * IDN_AGENT_SLICE_IMAGES <= IDN_CHILD_IMAGES_MAX,
    "the images in the child fit a beat and a report");

struct idn_agent_lease {
    bool used;
    struct idn_lease_id id;
    struct idn_key job;
    uint64_t spec_hash;
    char model[IDN_NAME_SIZE], dataset[IDN_NAME_SIZE];
    struct idn_sha256 list_digest;
    uint64_t list_bytes;
    uint32_t model_at; // in agent->model; only when end is NONE
    uint32_t first, count;
    // Images from first on: reported <= done <= begun <= count.
    uint32_t begun;    // in slices
    uint32_t done;     // with rows
    uint32_t reported; // in reports
    bool alone;
    uint32_t first_slice;
    uint64_t order; // of arrival: the oldest lease is worked on first
    // Rows gathered for the next report: the last (done - reported).
    bool flush; // report them at once
    uint64_t gathered_ms, class_hash, compute_us;
    uint8_t rows[IDN_REPORT_ROWS_MAX * IDN_ROW_BYTES];
    // Why it ends, until the report that says so finds room in the window.
    uint32_t end, death, alone_in_child, in_child;
    uint32_t image[IDN_CHILD_IMAGES_MAX];
    char text[IDN_TEXT_SIZE];
};

struct idn_agent_slice {
    uint64_t serial;
    uint32_t lease;        // in agent->lease
    uint32_t first, count; // images
    bool given;
    uint64_t given_ms;
};

struct idn_agent_report {
    struct idn_lease_id lease;
    struct idn_key job;
    uint64_t spec_hash, class_hash, compute_us;
    uint32_t count, end, death, alone, in_child;
    uint32_t image[IDN_CHILD_IMAGES_MAX];
    char text[IDN_TEXT_SIZE];
    uint8_t rows[IDN_REPORT_ROWS_MAX * IDN_ROW_BYTES];
};

struct idn_agent_model {
    struct idn_holding holding;
    uint64_t image_us; // mean time an image; 0: not measured
};

// The last beat of a broker.
struct idn_agent_heard {
    uint64_t incarnation, sequence;
};

// Joining the obeyed broker.
//
//   NONE --active heard--> HELLO --WELCOME--> WELCOMED
//    ^                      ^  ^                 |  |
//    |                      |  '--HELLO_AGAIN,---'  |
//    |                      |     new reign         |
//    '------ silent for IDN_DEAD_MS ----------------'
enum idn_agent_join { IDN_JOIN_NONE, IDN_JOIN_HELLO, IDN_JOIN_WELCOMED };

// The child's life.
//
//   DOWN --START_CHILD--> STARTING --CHILD_READY--> UP --KILL_CHILD--> KILLED
//    ^                        |                     |                    |
//    '----- CHILD_DIED -------'---------------------'--------------------'
enum idn_agent_child { IDN_CHILD_DOWN, IDN_CHILD_STARTING, IDN_CHILD_UP, IDN_CHILD_KILLED };

struct idn_agent {
    // As configured.
    char name[IDN_NAME_SIZE];
    uint64_t nonce;
    uint32_t brokers, models, datasets;
    struct idn_agent_model model[IDN_MODELS_MAX];
    struct idn_holding dataset[IDN_DATASETS_MAX];

    uint64_t now_ms;
    bool started, exited;

    // obey.c
    bool obeys;
    uint32_t broker; // obeyed
    struct idn_epoch epoch;
    struct idn_agent_heard heard[IDN_BROKERS_MAX];
    uint64_t active_ms; // when the obeyed broker was heard last; before any was: our start
    enum idn_agent_join join;
    uint64_t hello_ms;   // next
    uint64_t quiet_ms;   // when to say hello into the silence
    uint64_t refused_ms; // since when hello or the oldest report is; 0 not
    bool class_known;
    char class_name[IDN_CLASS_SIZE];
    uint64_t class_hash;
    uint32_t threads;

    // leases.c
    struct idn_agent_lease lease[IDN_WORKER_LEASES_MAX];
    uint64_t leases_taken;
    struct {
        struct idn_lease_id id;
        uint32_t kept;
    } ended[IDN_AGENT_ENDED_MAX];
    uint64_t ended_count; // ever; the ring holds the last

    // slices.c; slice[0] is the one that the child computes
    struct idn_agent_slice slice[IDN_AGENT_SLICES_MAX];
    uint32_t slices;
    uint64_t slices_begun, images_done;
    uint64_t head_ms; // since when slice[0] is that

    // nursery.c
    enum idn_agent_child child;
    uint64_t child_ms; // since when
    uint32_t deaths;   // since it was healthy
    uint64_t restart_ms;
    bool fruitful;       // rows came from this child
    uint32_t killed_for; // enum idn_death
    char killed_text[IDN_TEXT_SIZE];

    // reports.c: numbers first .. next - 1 are retained, number % IDN_REPORT_WINDOW is the place
    struct idn_agent_report report[IDN_REPORT_WINDOW];
    uint64_t report_first, report_next, report_send; // send: the next one to be sent
    uint64_t report_bytes;                           // of rows retained
    uint64_t progress_ms;                            // of acknowledgement, or when sending began

    // beats.c
    uint64_t beat_ms, next_beat_ms, beats;
    bool draining;
    uint64_t drain_ms; // when flushing must end; 0: not yet begun

    struct idn_agent_action action[IDN_AGENT_ACTIONS_MAX];
    size_t actions;
    struct idn_worker_message message[IDN_AGENT_MESSAGES_MAX];
    size_t messages;
};

// agent.c
struct idn_agent_action *idn_agent_act(struct idn_agent *agent, enum idn_agent_action_type type);
// A message to the broker as an action; only its head is filled.
struct idn_worker_message *idn_agent_send(struct idn_agent *agent, uint32_t broker, uint32_t type);
void idn_agent_exit(struct idn_agent *agent, const char *text);
// Copies as much of source as fits, NUL-terminated.
void idn_agent_text(char *target, size_t size, const char *source);
static inline uint64_t idn_agent_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

// obey.c
void idn_obey_beat(struct idn_agent *agent, uint32_t broker, const struct idn_broker_beat *beat);
// False: the order is not for us, stale, or was about joining and is dealt with.
bool idn_obey_order(struct idn_agent *agent, uint32_t broker, const struct idn_order *order);
void idn_obey_class(struct idn_agent *agent, const struct idn_agent_event *event);
void idn_obey_hello_again(struct idn_agent *agent);
void idn_obey_settle(struct idn_agent *agent);
uint64_t idn_obey_deadline(const struct idn_agent *agent);

// leases.c
void idn_leases_take(struct idn_agent *agent, const struct idn_order *order);
void idn_leases_trim(struct idn_agent *agent, uint32_t broker, const struct idn_order *order);
void idn_leases_end(struct idn_agent *agent, struct idn_agent_lease *lease); // it is reported
uint32_t idn_leases_count(const struct idn_agent *agent);
// The oldest lease that is used and, if `open`, has images left to begin; NULL none.
struct idn_agent_lease *idn_leases_oldest(struct idn_agent *agent, bool open);

// slices.c
void idn_slices_given(struct idn_agent *agent, uint64_t serial);
void idn_slices_rows(struct idn_agent *agent, const struct idn_agent_event *event);
void idn_slices_unavailable(struct idn_agent *agent, uint64_t serial, const char *text);
void idn_slices_void(struct idn_agent *agent); // those not given go back to their leases
void idn_slices_settle(struct idn_agent *agent);
bool idn_slices_hold(const struct idn_agent *agent, const struct idn_agent_lease *lease);
// Images in the child of this lease, or of all (NULL), into image; returns how many.
uint32_t idn_slices_images(const struct idn_agent *agent, const struct idn_agent_lease *lease,
    uint32_t image[static IDN_CHILD_IMAGES_MAX]);
uint64_t idn_slices_limit_ms(const struct idn_agent *agent); // for slice[0]

// nursery.c
void idn_nursery_ready(struct idn_agent *agent);
void idn_nursery_died(struct idn_agent *agent, uint32_t death, const char *text);
void idn_nursery_kill(struct idn_agent *agent, uint32_t death, const char *text);
void idn_nursery_settle(struct idn_agent *agent);
uint64_t idn_nursery_deadline(const struct idn_agent *agent);

// reports.c
bool idn_reports_room(const struct idn_agent *agent, uint32_t images); // for a slice of so many
void idn_reports_settle(struct idn_agent *agent);
void idn_reports_send(struct idn_agent *agent);
void idn_reports_acknowledge(struct idn_agent *agent, uint64_t number);
void idn_reports_again(struct idn_agent *agent); // all that is retained
uint64_t idn_reports_deadline(const struct idn_agent *agent);

// beats.c
void idn_beats_settle(struct idn_agent *agent);
void idn_beats_drain_settle(struct idn_agent *agent);
uint64_t idn_beats_deadline(const struct idn_agent *agent);

#endif
