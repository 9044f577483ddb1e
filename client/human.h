// More quantities as people read them: base/human.h.
#ifndef IDN_CLIENT_HUMAN_H
#define IDN_CLIENT_HUMAN_H

#include "base/human.h"

struct idn_human idn_human_time_of(uint64_t us);  // of a task: 812 us, 26.4 ms, 6.13 s, 3 min 12 s
struct idn_human idn_human_bytes(uint64_t bytes); // 812 B, 1.4 GiB
struct idn_human idn_human_time(uint64_t utc_ms); // local time, 2026-03-01 14:05:09; 0: -

#endif
