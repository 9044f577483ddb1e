#include "broker/core/rate.h"

#include <string.h>

void idn_rate_add(struct idn_rate *rate, uint64_t now_ms, uint32_t count)
{
    uint32_t second = (uint32_t)(now_ms / 1000) + 1; // never 0, which means no event yet

    if (rate->second == 0 || second - rate->second >= IDN_RATE_SECONDS) {
        memset(rate->count, 0, sizeof(rate->count));
        rate->since = rate->second = second;
    }
    while (rate->second < second)
        rate->count[++rate->second % IDN_RATE_SECONDS] = 0;
    rate->count[second % IDN_RATE_SECONDS] += count;
}

double idn_rate_of(const struct idn_rate *rate, uint64_t now_ms)
{
    uint32_t second = (uint32_t)(now_ms / 1000) + 1, oldest;
    uint64_t sum = 0;

    if (rate->second == 0 || second - rate->second >= IDN_RATE_SECONDS)
        return 0;
    oldest = second < IDN_RATE_SECONDS ? 1 : second - IDN_RATE_SECONDS + 1;
    if (oldest < rate->since)
        oldest = rate->since;
    for (uint32_t at = oldest; at <= rate->second; at++)
        sum += rate->count[at % IDN_RATE_SECONDS];
    uint64_t window_ms = now_ms - (oldest - 1) * 1000ull;
    return (double)sum * 1000.0 / (double)(window_ms < 1000 ? 1000 : window_ms);
}
