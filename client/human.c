#include "client/human.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct idn_human idn_human_count(uint64_t count)
{
    struct idn_human human;
    char digits[24];
    size_t length = (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
    size_t at = 0;

    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            human.text[at++] = ',';
        human.text[at++] = digits[i];
    }
    human.text[at] = '\0';
    return human;
}

struct idn_human idn_human_duration(uint64_t ms)
{
    struct idn_human human;
    unsigned long long s = ms / 1000 + (ms % 1000 >= 500), min = s / 60, h = min / 60;

    if (ms < 1000)
        (void)snprintf(human.text, sizeof(human.text), "%llu ms", (unsigned long long)ms);
    else if (ms < 9950)
        (void)snprintf(human.text, sizeof(human.text), "%.1f s", (double)ms / 1000.0);
    else if (min == 0)
        (void)snprintf(human.text, sizeof(human.text), "%llu s", s);
    else if (h == 0)
        (void)snprintf(human.text, sizeof(human.text), "%llu min %llu s", min, s % 60);
    else if (h < 48)
        (void)snprintf(human.text, sizeof(human.text), "%llu h %llu min", h, min % 60);
    else
        (void)snprintf(human.text, sizeof(human.text), "%llu d %llu h", h / 24, h % 24);
    return human;
}

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

struct idn_human idn_human_rate(double per_second)
{
    struct idn_human human;

    if (!(per_second > 0))
        return (struct idn_human){"0"};
    if (per_second >= 9.95)
        return idn_human_count((uint64_t)(per_second + 0.5));
    (void)snprintf(
        human.text, sizeof(human.text), per_second < 0.995 ? "%.2f" : "%.1f", per_second);
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
