// What the command line of idunno-worker says.
#ifndef IDN_WORKER_AGENT_OPTIONS_H
#define IDN_WORKER_AGENT_OPTIONS_H

#include "base/error.h"
#include "base/settings.h"

#include <stdbool.h>
#include <stdint.h>

struct idn_worker_options {
    bool help, help_config, version, verbose;
    const char *config, *name, *engine; // NULL: not given; borrowed from argv
    bool has_instance, has_threads, has_replay_us;
    uint64_t instance, threads, replay_us;
};

// 0, or -EINVAL with a sentence.
int idn_worker_options_read(
    int argc, char **argv, struct idn_worker_options *ret, struct idn_reason *reason);
// What the options say instead of the configuration.
void idn_worker_options_apply(
    const struct idn_worker_options *options, struct idn_settings *settings);
// --name, else worker/name (with --instance: NAME/N), else HOSTNAME/N. -EINVAL: too long.
int idn_worker_options_name(const struct idn_worker_options *options,
    const struct idn_settings *settings, char ret[static 64], struct idn_reason *reason);
void idn_worker_help(void); // on stdout

#endif
