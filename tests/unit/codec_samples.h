// One message of every type and kind, with every field set to something of its own and, where a
// limit bounds it, as large as can be. Returned pointers live until the same function's next call.
#ifndef IDN_TESTS_UNIT_CODEC_SAMPLES_H
#define IDN_TESTS_UNIT_CODEC_SAMPLES_H

#include "proto/messages.h"
#include "proto/mirror.h"

// From here on at most so many rows, items, bytes of a part; UINT32_MAX: as many as can be.
void sample_at_most(uint32_t most);

enum {
    SAMPLE_REQUESTS = IDN_REQUEST_TIMES, // types are 1 .. this
    SAMPLE_REPLIES = IDN_REPLY_TIMES,
    SAMPLE_WORKERS = IDN_WORKER_GOODBYE,
    SAMPLE_ORDERS = IDN_ORDER_HELLO_AGAIN,
    SAMPLE_FACTS = IDN_FACT_LIST_PART,
    SAMPLE_MIRRORS = IDN_MIRROR_GONE,
};

struct idn_request *sample_request(uint32_t type);
struct idn_reply *sample_reply(uint32_t type);
void sample_measures(struct idn_reply *to); // the body of RATES or TIMES
struct idn_worker_message *sample_worker(uint32_t type);
struct idn_order *sample_order(uint32_t type);
struct idn_worker_beat *sample_worker_beat(void);
struct idn_broker_beat *sample_broker_beat(void);
struct idn_fact *sample_fact(uint32_t kind);
// FACTS: RESULTS, LIFTED, an emptied one, and a kind of a later version take turns.
struct idn_mirror_frame *sample_mirror(uint32_t type);

// `count` valid packed rows, at most IDN_PAGE_ROWS_MAX.
const uint8_t *sample_rows(uint32_t count);

#endif
