// Reproducible numbers: the same on every machine for the same seed. For made-up weights, made-up
// pictures and tests; never for keys or nonces.
#ifndef IDN_BASE_RANDOM_H
#define IDN_BASE_RANDOM_H

#include <stdint.h>

struct idn_random {
    uint64_t state[4];
};

// xoshiro256** (Blackman and Vigna, 2018), its state filled by splitmix64 from both seeds.
void idn_random_init(struct idn_random *random, uint64_t seed, uint64_t stream);
uint64_t idn_random_next(struct idn_random *random);

// Even numbers from 0 to below `below` (1 to 2^32), and from `least` to `most`.
uint32_t idn_random_below(struct idn_random *random, uint64_t below);
int32_t idn_random_range(struct idn_random *random, int32_t least, int32_t most);

// From 0 to below 1, in steps of 2^-24.
float idn_random_unit(struct idn_random *random);

// Mean 0, standard deviation 1, within +-3.47: the sum of four even numbers, so that no rounding of
// a library's logarithm or cosine comes in.
float idn_random_normal(struct idn_random *random);

#endif
