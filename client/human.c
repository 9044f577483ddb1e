#include "client/human.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct idn_human idn_human_time_of(uint64_t us)
{
    struct idn_human human;

    if (us < 1000)
        (void)snprintf(human.text, sizeof(human.text), "%llu us", (unsigned long long)us);
    else if (us < 999950)
        (void)snprintf(human.text, sizeof(human.text), "%.1f ms", (double)us / 1e3);
    else if (us < 59995000)
        (void)snprintf(human.text, sizeof(human.text), "%.2f s", (double)us / 1e6);
    else
        return idn_human_duration(us / 1000);
    return human;
}

struct idn_human idn_human_bytes(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    struct idn_human human;
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1023.95 && unit + 1 < sizeof(units) / sizeof(*units)) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(human.text, sizeof(human.text),
        unit > 0 && value < 99.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return human;
}

struct idn_human idn_human_time(uint64_t utc_ms)
{
    struct idn_human human = {"-"};
    time_t seconds = (time_t)(utc_ms / 1000);
    struct tm local;

    if (utc_ms == 0 || localtime_r(&seconds, &local) == NULL ||
        strftime(human.text, sizeof(human.text), "%Y-%m-%d %H:%M:%S", &local) == 0)
        (void)strcpy(human.text, "-");
    return human;
}
