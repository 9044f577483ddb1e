// Small darknet networks written in a test, with weights drawn from a seed.
#ifndef IDN_TESTS_LIB_DARKNET_NETS_H
#define IDN_TESTS_LIB_DARKNET_NETS_H

#include <darknet.h>
#include <stddef.h>
#include <stdint.h>

// text: sections after [net], which is written here. The weights are the same for a seed. Ends the
// program when libdarknet does.
network *nets_parse(uint32_t h, uint32_t w, const char *text, uint64_t seed);
void nets_free(network *net);

// Values -1 to 1.
void nets_fill(float *values, size_t count, uint64_t seed);

// Largest difference over (largest - least value of the reference).
double nets_difference(const float *reference, const float *other, size_t count);
size_t nets_best(const float *values, size_t count);

#endif
