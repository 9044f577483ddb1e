// Events a second over the last ten seconds, in the core's time: a ring of one-second counters.
#ifndef IDN_BROKER_CORE_RATE_H
#define IDN_BROKER_CORE_RATE_H

#include <stdint.h>

enum { IDN_RATE_SECONDS = 10 };

struct idn_rate {
    uint32_t second; // of the newest counter
    uint32_t since;  // the second of the first event after a silence
    uint32_t count[IDN_RATE_SECONDS];
};

void idn_rate_add(struct idn_rate *rate, uint64_t now_ms, uint32_t count);
double idn_rate_of(const struct idn_rate *rate, uint64_t now_ms);

#endif
