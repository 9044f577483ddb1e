// The deliberate bugs of mutants.list. Only the program that is built of the changed sources has
// them; in the other one the table is empty.
#ifndef IDN_TESTS_SIM_MUTANTS_H
#define IDN_TESTS_SIM_MUTANTS_H

enum { IDN_SIM_HINTS_MAX = 3 };

struct sim_mutant {
    const char *name, *what;               // NULL: the end
    unsigned long seed[IDN_SIM_HINTS_MAX]; // that caught it; 0: no more
};

extern const struct sim_mutant sim_mutants[];
extern int idn_sim_mutant; // number from 1 of the one that is chosen; 0: none

#endif
