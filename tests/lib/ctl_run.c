#include "tests/lib/ctl_run.h"

#include "tests/lib/check.h"

enum { SOON_MS = 300, LATE_MS = 10000 };

struct fake_broker ctl_broker[IDN_BROKERS_MAX];

static bool asks_one_by_one(ctl_command *command)
{
    return command == idn_ctl_status || command == idn_ctl_switch || command == idn_ctl_bootstrap;
}

static void start(const struct ctl_run *run, struct idn_ctl *ctl)
{
    struct idn_cluster *cluster = &ctl->cluster;

    memset(ctl_broker, 0, sizeof(ctl_broker));
    for (uint32_t i = 0; i < cluster->brokers; i++) {
        bool is_up = i + run->away < cluster->brokers;
        if (is_up)
            fake_broker_start(&ctl_broker[i], run->answer);
        (void)snprintf(cluster->address[i], sizeof(cluster->address[i]), "%s",
            is_up ? ctl_broker[i].address : "tcp://127.0.0.3:1");
    }
    struct idunno_options options = {.brokers = {cluster->address[0]}, .client = "test"};
    if (!asks_one_by_one(run->command))
        CHECK_INT(idunno_connect(&options, &ctl->idunno), IDUNNO_OK);
}

int ctl_run(const struct ctl_run *run)
{
    static int signal_fd = -1;
    if (signal_fd < 0)
        signal_fd = idn_signals_open(); // before any thread

    struct idn_ctl ctl = {.signal_fd = signal_fd,
        .id = run->id,
        .value = run->value,
        .list = run->list,
        .json = run->json,
        .missing = run->missing,
        .timeout_ms = run->away > 0 ? SOON_MS : LATE_MS};
    ctl.cluster.brokers = run->brokers == 0 ? 1 : run->brokers;
    CHECK_INT(idn_config_load(NULL, idn_settings_keys, &ctl.cluster.config, NULL), 0);
    ctl.cluster.settings.port_mirror = CTL_PORT_MIRROR;
    start(run, &ctl);
    capture_begin();
    int status = run->command(&ctl);
    capture_end();
    idunno_close(&ctl.idunno);
    idn_cluster_close(&ctl.cluster);
    for (uint32_t i = 0; i + run->away < ctl.cluster.brokers; i++)
        fake_broker_stop(&ctl_broker[i]);
    return status;
}
