// Keeps a library that prints off the user's terminal: between begin and end stdout and stderr go
// to /dev/null. If the library ends the process meanwhile, a line on the real stderr says so and
// the status is 1, whatever the library chose (libdarknet says 0).
#ifndef IDN_WORKER_INFER_HUSH_H
#define IDN_WORKER_INFER_HUSH_H

struct idn_hush {
    int out, err; // the real ones; -1: it was closed; 1, 2: it stayed, for want of descriptors
};

// Not nested; main thread only.
void idn_hush_begin(struct idn_hush *ret);
void idn_hush_end(struct idn_hush *hush);

#endif
