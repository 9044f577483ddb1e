#include "broker/check.h"

#include "base/error.h"
#include "base/log.h"
#include "broker/ports.h"
#include "broker/start.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static const char open_text[] = "security = none: whoever reaches %s may submit, read and cancel";

// Why others will not find this broker where the configuration says that it is, if so.
static bool find_address_problem(const struct idn_settings *settings, struct idn_reason *ret)
{
    const char *host = settings->host[settings->broker_letter - 'a'];

    if (!idn_host_is_loopback(settings->broker_bind) || *host == '\0' || idn_host_is_loopback(host))
        return false;
    (void)idn_reason_set(ret, 0,
        "cluster/%c is %s, but %s is bound: other hosts cannot reach this broker; see broker/bind",
        (char)settings->broker_letter, host, settings->broker_bind);
    return true;
}

static bool model_fails(const struct idn_model *model)
{
    return *idn_start_model_problem(model) != '\0' && !idn_model_is_unasked(model);
}

void idn_check_warn(const struct idn_settings *settings, const struct idn_registry *registry)
{
    char unasked[IDN_TEXT_SIZE];
    struct idn_reason reason;

    if (settings->broker_open)
        idn_warning(open_text, settings->broker_bind);
    if (find_address_problem(settings, &reason))
        idn_warning("%s", reason.text);
    idn_registry_unasked(registry, unasked);
    if (*unasked != '\0')
        idn_info("built-in models without weights: %s", unasked);
    for (uint32_t i = 0; i < registry->models; i++) {
        const struct idn_model *model = &registry->model[i];
        if (model_fails(model))
            idn_warning("model %s cannot be used: %s", model->name, idn_start_model_problem(model));
    }
    for (uint32_t i = 0; i < registry->datasets; i++)
        if (registry->dataset[i].problem[0] != '\0')
            idn_warning("data set %s cannot be used: %s", registry->dataset[i].name,
                registry->dataset[i].problem);
}

// ---- --check

static void print_brokers(const struct idn_settings *settings)
{
    if (!idn_settings_has_peer(settings)) {
        (void)printf("one broker, no standby (cluster/b names no host)\n");
        return;
    }
    (void)printf("two brokers: a at %s, b at %s; link on port %" PRIu32 "; mirror %s\n",
        settings->host[0], settings->host[1], settings->port_mirror,
        settings->mirror_required ? "required: no job is accepted without a standby in sync"
                                  : "preferred");
}

// Its lines also say what a start warns of; returns how many do.
static unsigned print_addresses(const struct idn_settings *settings)
{
    struct idn_reason reason;
    unsigned warnings = 0;

    if (find_address_problem(settings, &reason)) {
        (void)printf("warning: %s\n", reason.text);
        warnings++;
    }
    if (idn_ports_check_letter(settings, &reason) < 0) {
        (void)printf("warning: on this machine the broker would not start: %s\n", reason.text);
        warnings++;
    }
    if (settings->broker_open) {
        (void)printf("warning: ");
        (void)printf(open_text, settings->broker_bind);
        (void)printf("\n");
        warnings++;
    }
    return warnings;
}

// Returns how many of them will be missed.
static unsigned print_entries(const struct idn_registry *registry)
{
    unsigned failures = 0;

    for (uint32_t i = 0; i < registry->models; i++) {
        const struct idn_model *model = &registry->model[i];
        const char *problem = idn_start_model_problem(model);
        (void)printf("model %s: batch %" PRIu32 ", %s%s\n", model->name, model->batch,
            *problem == '\0' ? "ready" : "cannot be used: ", problem);
        failures += model_fails(model);
    }
    for (uint32_t i = 0; i < registry->datasets; i++) {
        const struct idn_dataset *dataset = &registry->dataset[i];
        (void)printf("data set %s: %" PRIu32 " images, %s%s\n", dataset->name, dataset->images,
            dataset->problem[0] == '\0' ? "ready" : "cannot be used: ", dataset->problem);
        failures += dataset->problem[0] != '\0';
    }
    return failures;
}

static bool can_use_a_model(const struct idn_registry *registry)
{
    for (uint32_t i = 0; i < registry->models; i++)
        if (*idn_start_model_problem(&registry->model[i]) == '\0')
            return true;
    return false;
}

int idn_check_print(const struct idn_settings *settings, const struct idn_registry *registry,
    const char *file, struct idn_reason *reason)
{
    (void)printf("broker %c: state %s, policy %s, bind %s\n", (char)settings->broker_letter,
        settings->broker_state, settings->broker_policy, settings->broker_bind);
    print_brokers(settings);
    unsigned warnings = print_addresses(settings), failures = print_entries(registry);

    if (!can_use_a_model(registry))
        return idn_reason_set(reason, -ENOENT,
            "configuration %s: no model can be used; get or make weights with idunno-weights, or "
            "declare another model",
            file);
    if (failures > 0)
        return idn_reason_set(reason, -ENOENT,
            "configuration %s: %u of its models and data sets cannot be used; the lines above say "
            "why",
            file, failures);
    if (warnings > 0)
        (void)printf(
            "configuration %s: ok, with %u warning%s\n", file, warnings, warnings == 1 ? "" : "s");
    else
        (void)printf("configuration %s: ok\n", file);
    return 0;
}
