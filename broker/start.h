// The steps of a start that need no more than the configuration: limits of the process, and the
// core built from settings and registry.
#ifndef IDN_BROKER_START_H
#define IDN_BROKER_START_H

#include "base/error.h"
#include "base/settings.h"
#include "broker/core/core.h"
#include "weights/registry.h"

#include <stddef.h>

// Raises RLIMIT_NOFILE to the hard limit. -EMFILE when even that is too low.
int idn_start_raise_files(struct idn_reason *reason);

// Blocks SIGTERM and SIGINT in this thread and those it will start, ignores SIGHUP and SIGPIPE, and
// returns a signalfd for the former in *ret_fd. Before anything starts a thread.
int idn_start_signals(int *ret_fd, struct idn_reason *reason);

// A random number of the kernel's.
int idn_start_random(uint64_t *ret, struct idn_reason *reason);

// Why the broker cannot use a model, or "": it computes nothing itself, so a stated digest does for
// weights that it does not have.
const char *idn_start_model_problem(const struct idn_model *model);

// A core in memory of its own (*ret_bytes of zeroed pages, which cost nothing until used), to be
// unmapped by idn_start_core_free.
int idn_start_core(const struct idn_settings *settings, const struct idn_registry *registry,
    struct idn_core **ret, size_t *ret_bytes, struct idn_reason *reason);
void idn_start_core_free(struct idn_core *core, size_t bytes);

#endif
