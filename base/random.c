#include "base/random.h"

#include "base/assert.h"

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

void idn_random_init(struct idn_random *random, uint64_t seed, uint64_t stream)
{
    uint64_t mixed = splitmix64(&seed) ^ (stream * 0xd1342543de82ef95ull);

    for (int i = 0; i < 4; i++)
        random->state[i] = splitmix64(&mixed);
}

static uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

uint64_t idn_random_next(struct idn_random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint32_t idn_random_below(struct idn_random *random, uint64_t below)
{
    IDN_ASSERT(below >= 1 && below <= 1ull << 32);
    return (uint32_t)(((idn_random_next(random) >> 32) * below) >> 32);
}

int32_t idn_random_range(struct idn_random *random, int32_t least, int32_t most)
{
    IDN_ASSERT(least <= most);
    uint64_t span = (uint64_t)((int64_t)most - least) + 1;
    return (int32_t)(least + (int64_t)idn_random_below(random, span));
}

float idn_random_unit(struct idn_random *random)
{
    return (float)(idn_random_next(random) >> 40) * 0x1p-24f;
}

float idn_random_normal(struct idn_random *random)
{
    uint64_t bits = idn_random_next(random);
    int32_t sum = (int32_t)(bits & 0xffff) + (int32_t)(bits >> 16 & 0xffff) +
                  (int32_t)(bits >> 32 & 0xffff) + (int32_t)(bits >> 48) - 2 * 65535;
    return (float)sum * (1 / 37837.227f); // the square root of 4 * (65536^2 - 1) / 12
}
