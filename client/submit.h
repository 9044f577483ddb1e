// The parts of idunno-submit: what was asked (submit_options.c), the way of the job until it has
// ended (submit_watch.c), what is said and written then (submit_report.c). main is in submit.c.
#ifndef IDN_CLIENT_SUBMIT_H
#define IDN_CLIENT_SUBMIT_H

#include "base/error.h"
#include "client/output.h"
#include "client/program.h"
#include "client/progress.h"
#include "client/query.h"
#include "weights/list.h"

#include <stdbool.h>
#include <stdint.h>

#define IDN_SUBMIT "idunno-submit"

struct idn_submit_options {
    const char *config, *broker[IDN_BROKERS_MAX];
    uint32_t brokers;
    struct idn_query query;     // from the query, or from --model and --range
    bool has_model, has_range;  // without a range: all images
    const char *dataset, *list; // at most one of them
    const char *attach;         // id of a job instead of a new one
    const char *output;         // file, or NULL
    uint32_t weight;            // 0: not given
    uint32_t timeout_ms;        // 0: the defaults
    bool detach, json, quiet, help, version;
};

// arguments: without the program's name, NULL-terminated. -EINVAL with a sentence.
int idn_submit_parse(char **arguments, struct idn_submit_options *ret, struct idn_reason *reason);
void idn_submit_print_help(void);

// One run of the program.
struct idn_submit {
    struct idn_submit_options options;
    struct idn_cluster cluster;
    struct idunno *idunno;     // owned
    struct idn_output *output; // owned; NULL without --output
    struct idn_list *list;     // owned; NULL without --list
    int signal_fd;
    struct idunno_query query;   // what was submitted; model NULL with --attach
    char dataset[IDN_NAME_SIZE]; // of the query, when the user named none
    struct idunno_info info;     // of the job, as heard last
    bool accepted;
    uint32_t durable; // brokers that had stored the job when one last accepted it; 0: attached
    bool moved;       // another broker has taken over and was not yet told of the job
    struct idn_progress progress;
    char note[IDN_REASON_MAX]; // beside the bar: what keeps the job from moving
};

// Each returns the status to exit with, or IDN_SUBMIT_GO_ON.
enum { IDN_SUBMIT_GO_ON = -1 };

// Watches the job until it has ended.
int idn_submit_watch(struct idn_submit *submit);
// For idunno_options.on_notice, with the idn_submit as context.
void idn_submit_notice(void *submit, enum idunno_notice notice, const char *sentence);
// "stored by both brokers": what `durable` means to people; "" when there is nothing to say.
const char *idn_submit_durable_text(const struct idn_submit *submit);
// A call failed: says it, and how to come back to a job that goes on.
int idn_submit_fail(struct idn_submit *submit, enum idunno_code code);

// Writes the results where they are wanted and sums up.
int idn_submit_report(struct idn_submit *submit);

#endif
