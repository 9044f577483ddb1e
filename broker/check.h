// Part of main: what is configured but will not do, as warnings at a start and for --check.
#ifndef IDN_BROKER_CHECK_H
#define IDN_BROKER_CHECK_H

#include "base/settings.h"
#include "weights/registry.h"

// Into the log. The letter is settled and the registry inspected.
void idn_check_warn(const struct idn_settings *settings, const struct idn_registry *registry);

// The same on stdout, among what is good. file: the configuration's name. -ENOENT with a sentence
// when no model can be used, or not every model and data set that was asked for: a start would go
// on with the others.
int idn_check_print(const struct idn_settings *settings, const struct idn_registry *registry,
    const char *file, struct idn_reason *reason);

#endif
