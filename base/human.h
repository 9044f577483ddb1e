// Quantities as people read them, in sentences and tables. Each returns a small struct, so that
// printf("%s", idn_human_count(n).text) needs no buffer. Pure: no locale, no stdio.
#ifndef IDN_BASE_HUMAN_H
#define IDN_BASE_HUMAN_H

#include <stdint.h>

struct idn_human {
    char text[40];
};

struct idn_human idn_human_count(uint64_t count);   // 10,000
struct idn_human idn_human_duration(uint64_t ms);   // 26 ms, 1.4 s, 47 s, 3 min 12 s, 2 h 5 min
struct idn_human idn_human_rate(double per_second); // 0.43, 9.8, 212
// 33 %; of a part that is neither none nor all neither 0 % nor 100 %, but <1 %, >99 %.
struct idn_human idn_human_percent(double part);

#endif
