#include "bench/machine.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { REPEATS = 7, SUMS = 20 };

static volatile float kept; // so that nothing is computed for nobody

static double now(void)
{
    struct timespec now_time;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now_time);
    return (double)now_time.tv_sec + (double)now_time.tv_nsec / 1e9;
}

#if defined(__x86_64__)
#include <immintrin.h>

// Twenty sums hide the latency of any such unit so far.
__attribute__((target("avx512f"), noinline)) static float fma_512(long rounds)
{
    __m512 s[SUMS], factor = _mm512_set1_ps(0.999f), summand = _mm512_set1_ps(0.5f);
    float total = 0;

#pragma GCC unroll 20
    for (int i = 0; i < SUMS; i++)
        s[i] = _mm512_set1_ps((float)i);
    for (long r = 0; r < rounds; r++) {
#pragma GCC unroll 20
        for (int i = 0; i < SUMS; i++)
            s[i] = _mm512_fmadd_ps(s[i], factor, summand);
    }
#pragma GCC unroll 20
    for (int i = 0; i < SUMS; i++)
        total += _mm512_reduce_add_ps(s[i]);
    return total;
}

__attribute__((target("avx2,fma"), noinline)) static float fma_256(long rounds)
{
    __m256 s[12], factor = _mm256_set1_ps(0.999f), summand = _mm256_set1_ps(0.5f);
    float total = 0;

#pragma GCC unroll 12
    for (int i = 0; i < 12; i++)
        s[i] = _mm256_set1_ps((float)i);
    for (long r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < 12; i++)
            s[i] = _mm256_fmadd_ps(s[i], factor, summand);
    }
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++)
        total += s[i][0];
    return total;
}

double idn_machine_fma_gflops(void)
{
    const long rounds = 3000000;

    double best = 1e9, flop = 0;

    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return 0;
    for (int i = 0; i < REPEATS; i++) {
        double from = now();
        if (__builtin_cpu_supports("avx512f")) {
            kept = fma_512(rounds);
            flop = 2.0 * 16 * SUMS * (double)rounds;
        } else {
            kept = fma_256(rounds);
            flop = 2.0 * 8 * 12 * (double)rounds;
        }
        double took = now() - from;
        best = took < best ? took : best;
    }
    return flop / best / 1e9;
}
#else
double idn_machine_fma_gflops(void)
{
    return 0;
}
#endif

double idn_machine_read_gb_s(void)
{
    size_t count = (size_t)64 << 20; // of 8 bytes: 512 MiB
    uint64_t *memory = malloc(count * sizeof(*memory));

    double best = 1e9;

    if (memory == NULL)
        return 0;
    memset(memory, 1, count * sizeof(*memory));
    for (int i = 0; i < REPEATS; i++) {
        uint64_t sum[8] = {0};
        double from = now();
        for (size_t k = 0; k < count; k += 8)
            for (size_t j = 0; j < 8; j++)
                sum[j] += memory[k + j];
        double took = now() - from;
        kept = (float)(sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7]);
        best = took < best ? took : best;
    }
    free(memory);
    return (double)count * sizeof(*memory) / best / 1e9;
}
