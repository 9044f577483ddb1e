// The program of the real cores has no mutants.
#include "tests/sim/mutants.h"

int idn_sim_mutant;
const struct sim_mutant sim_mutants[] = {{0}};
