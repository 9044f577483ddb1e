// Quantities as people read them. Each returns a small struct, so that
// printf("%s", idn_human_count(n).text) needs no buffer.
#ifndef IDN_CLIENT_HUMAN_H
#define IDN_CLIENT_HUMAN_H

#include <stdint.h>

struct idn_human {
    char text[40];
};

struct idn_human idn_human_count(uint64_t count); // 10,000
struct idn_human idn_human_duration(uint64_t ms); // 26 ms, 1.4 s, 47 s, 3 min 12 s, 2 h 5 min
struct idn_human idn_human_time_of(uint64_t us);  // of a task: 812 us, 26.4 ms, 6.13 s, 3 min 12 s
struct idn_human idn_human_rate(double per_second); // 0.43, 9.8, 212
struct idn_human idn_human_bytes(uint64_t bytes);   // 812 B, 1.4 GiB
struct idn_human idn_human_time(uint64_t utc_ms);   // local time, 2026-03-01 14:05:09; 0: -

#endif
