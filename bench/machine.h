// What one core can do at best: the roof over every engine.
#ifndef IDN_BENCH_MACHINE_H
#define IDN_BENCH_MACHINE_H

// Fused multiply-adds in registers alone, two operations each; 0 where we cannot tell.
double idn_machine_fma_gflops(void);
// Reading more memory than the caches hold, front to back.
double idn_machine_read_gb_s(void);

#endif
