#include "base/human.h"

#include "base/format.h"

#define COUNT_MAX 1000000000000000000u // rates above are no rates

struct idn_human idn_human_count(uint64_t count)
{
    struct idn_human human;
    char digits[24];
    uint32_t length = 0, at = 0;

    do
        digits[length++] = (char)('0' + count % 10);
    while ((count /= 10) > 0);
    for (; length > 0; length--) {
        if (at > 0 && length % 3 == 0)
            human.text[at++] = ',';
        human.text[at++] = digits[length - 1];
    }
    human.text[at] = '\0';
    return human;
}

static struct idn_human in_units(uint64_t great, const char *unit, uint64_t small, const char *rest)
{
    struct idn_human human;

    idn_format(human.text, sizeof(human.text), "%llu %s %llu %s", (unsigned long long)great, unit,
        (unsigned long long)small, rest);
    return human;
}

struct idn_human idn_human_duration(uint64_t ms)
{
    struct idn_human human;
    uint64_t s = ms / 1000 + (ms % 1000 >= 500), min = s / 60, h = min / 60, tenths;

    if (h >= 48)
        return in_units(h / 24, "d", h % 24, "h");
    if (h > 0)
        return in_units(h, "h", min % 60, "min");
    if (min > 0)
        return in_units(min, "min", s % 60, "s");
    tenths = (ms + 50) / 100;
    if (ms < 1000)
        idn_format(human.text, sizeof(human.text), "%u ms", (unsigned)ms);
    else if (tenths < 100)
        idn_format(human.text, sizeof(human.text), "%u.%u s", (unsigned)(tenths / 10),
            (unsigned)(tenths % 10));
    else
        idn_format(human.text, sizeof(human.text), "%u s", (unsigned)s);
    return human;
}

struct idn_human idn_human_rate(double per_second)
{
    struct idn_human human;
    unsigned tenths, hundredths;

    if (!(per_second > 0))
        return (struct idn_human){"0"};
    if (per_second >= 9.95)
        return idn_human_count(
            per_second < (double)COUNT_MAX ? (uint64_t)(per_second + 0.5) : COUNT_MAX);
    tenths = (unsigned)(per_second * 10 + 0.5);
    hundredths = (unsigned)(per_second * 100 + 0.5);
    if (hundredths < 100)
        idn_format(human.text, sizeof(human.text), "0.%u%u", hundredths / 10, hundredths % 10);
    else
        idn_format(human.text, sizeof(human.text), "%u.%u", tenths / 10, tenths % 10);
    return human;
}

struct idn_human idn_human_percent(double part)
{
    struct idn_human human;

    if (part > 0 && part < 0.01)
        return (struct idn_human){"<1 %"};
    if (part > 0.99 && part < 1)
        return (struct idn_human){">99 %"};
    idn_format(human.text, sizeof(human.text), "%u %%",
        part > 0 ? (unsigned)((part < 10 ? part : 10) * 100 + 0.5) : 0);
    return human;
}
