// The parts of idunno-ctl: one table of commands in ctl.c, one file for each group of them.
#ifndef IDN_CLIENT_CTL_H
#define IDN_CLIENT_CTL_H

#include "client/idunno.h"
#include "client/program.h"

#include <stdbool.h>
#include <stdint.h>

#define IDN_CTL "idunno-ctl"

struct idn_key;

// One run of the program.
struct idn_ctl {
    struct idunno *idunno; // owned; NULL for commands that ask the brokers one by one
    struct idn_cluster cluster;
    int signal_fd;
    const char *id;    // of the job; or the name of a model or worker, for commands that take one
    const char *value; // the second operand, or NULL
    bool json, all, failed, missing, quarantined;
    const char *format;  // of results; NULL: not given
    const char *list;    // of results: the file that names the paths, or NULL
    uint32_t timeout_ms; // 0: not given
};

// Each returns the status to exit with.
int idn_ctl_status(struct idn_ctl *ctl);
int idn_ctl_jobs(struct idn_ctl *ctl);
int idn_ctl_job(struct idn_ctl *ctl);
int idn_ctl_why(struct idn_ctl *ctl);
int idn_ctl_workers(struct idn_ctl *ctl);
int idn_ctl_assignment(struct idn_ctl *ctl);
int idn_ctl_rates(struct idn_ctl *ctl);
int idn_ctl_times(struct idn_ctl *ctl);
int idn_ctl_models(struct idn_ctl *ctl);
int idn_ctl_datasets(struct idn_ctl *ctl);
int idn_ctl_results(struct idn_ctl *ctl);
int idn_ctl_wait(struct idn_ctl *ctl);
int idn_ctl_cancel(struct idn_ctl *ctl);
int idn_ctl_forget(struct idn_ctl *ctl);
int idn_ctl_quarantine_list(struct idn_ctl *ctl);
int idn_ctl_quarantine_retry(struct idn_ctl *ctl);
int idn_ctl_weight(struct idn_ctl *ctl);
int idn_ctl_batch(struct idn_ctl *ctl);
int idn_ctl_drain(struct idn_ctl *ctl);
int idn_ctl_undrain(struct idn_ctl *ctl);
int idn_ctl_switch(struct idn_ctl *ctl);
int idn_ctl_bootstrap(struct idn_ctl *ctl);

// A call failed: says it and returns the status.
int idn_ctl_fail(struct idn_ctl *ctl, enum idunno_code code);
// No model has this name, as a user wrote it: says so, with the nearest of those there are.
int idn_ctl_no_model(const char *name, const char *const *names, size_t count);
// "  name       value" of the descriptions of one thing.
void idn_ctl_line(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct idn_ctl_text {
    char text[40];
};
struct idn_ctl_text idn_ctl_key(const struct idn_key *key); // the id of a job
const char *idn_ctl_worker_state(uint32_t state);

#endif
