// What idunno-submit and idunno-ctl share: where the brokers are, signals, exit statuses, and jobs
// described for people and programs.
#ifndef IDN_CLIENT_PROGRAM_H
#define IDN_CLIENT_PROGRAM_H

#include "base/config.h"
#include "base/json.h"
#include "base/program.h"
#include "base/settings.h"
#include "client/idunno.h"
#include "client/labels.h"
#include "client/link.h"

#include <stdint.h>

// Beside those of base/program.h.
enum {
    IDN_EXIT_FAILED_IMAGES = 3,
    IDN_EXIT_SIGNAL = 128, // plus the signal's number
};

// Says why a call of libidunno failed and returns the exit status: what the user got wrong is 2.
int idn_program_fail_call(const char *program, const struct idunno *idunno, enum idunno_code code);

// ---- the cluster

struct idn_cluster {
    struct idn_config *config; // owned
    struct idn_settings settings;
    uint32_t brokers;
    char address[IDN_BROKERS_MAX][IDN_LINK_ADDRESS_SIZE];
};

// Reads the configuration: a file, or NULL for the one that idn_settings_find finds. The brokers
// are those it names.
int idn_cluster_open(const char *config, struct idn_cluster *ret, struct idn_reason *reason);
// Others instead, as the user gave them: HOST or HOST:PORT. count 0 changes nothing.
int idn_cluster_use(struct idn_cluster *cluster, const char *const *brokers, uint32_t count,
    struct idn_reason *reason);
void idn_cluster_close(struct idn_cluster *cluster);

// The labels of a model as the local configuration knows it; NULL when it does not or they cannot
// be read.
struct idn_labels *idn_cluster_labels(const struct idn_cluster *cluster, const char *model);

// ---- signals

// Blocks SIGINT, SIGTERM and SIGHUP and returns a descriptor that is readable when one came; before
// any thread exists. A closed pipe becomes an error of the write (SIGPIPE is ignored).
int idn_signals_open(void);
// The signal that came (0: none).
int idn_signals_take(int fd);
// Sleeps; true when a signal came.
bool idn_signals_wait(int fd, int timeout_ms);

// Seconds as a user writes them ("30", "0.5"; 0: for ever) to milliseconds, UINT32_MAX for ever.
int idn_program_seconds(const char *text, uint32_t *ret_ms, struct idn_reason *reason);

// ---- jobs

enum { IDN_SHORT_ID = 8 };

uint64_t idn_job_images(const struct idunno_info *info);
uint64_t idn_job_failed(const struct idunno_info *info); // with the quarantined
// Over the whole time of the job; 0 when it took none.
double idn_job_rate(const struct idunno_info *info);
const char *idn_job_state_text(const struct idunno_info *info); // "open", "finished", "cancelled"
// Milliseconds until it is done at its rate; 0: too early to tell, or nothing moves.
uint64_t idn_job_left_ms(const struct idunno_info *info);
// 0, 3 with failed images, 1 when cancelled.
int idn_job_exit(const struct idunno_info *info);
// The members of a job's object, without its braces.
void idn_job_json(struct idn_json *json, const struct idunno_info *info);

#endif
