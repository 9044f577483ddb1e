// What one configuration file says to every program: the cluster's addresses, the broker, the
// worker. Models and data sets are read by weights/registry.h from the same file. The table of all
// keys is in settings.c; `idunno-broker --help-config` prints it.
#ifndef IDN_BASE_SETTINGS_H
#define IDN_BASE_SETTINGS_H

#include "base/config.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    IDN_SETTINGS_BROKERS_MAX = 2,
    IDN_SETTINGS_HOST_SIZE = 256,
    IDN_SETTINGS_THREADS_MAX = 256, // of a worker: as many as its inference child takes
};

extern const struct idn_config_key idn_settings_keys[];

struct idn_settings {
    // cluster: where brokers are. host[1] "" without a standby.
    char host[IDN_SETTINGS_BROKERS_MAX][IDN_SETTINGS_HOST_SIZE]; // cluster/a, cluster/b
    uint32_t port_clients, port_workers, port_beats_in, port_beats_out, port_mirror;
    // broker
    uint32_t broker_letter; // 'a' or 'b'
    char broker_bind[IDN_SETTINGS_HOST_SIZE];
    bool broker_open; // security = none: written out, needed for a bind that is not loopback
    const char *broker_state;  // state directory; borrowed from the configuration
    const char *broker_policy; // fair-time, fifo, static
    uint64_t broker_min_free;  // bytes
    bool mirror_required;      // broker/mirror = required: no jobs without a standby in sync
    // worker
    const char *worker_name;      // "" : hostname/instance
    const char *worker_engine;    // onednn, darknet, replay
    const char *worker_algorithm; // of onednn: auto, direct
    const char *worker_decode;    // exact, fast
    uint32_t worker_threads;      // 0: the cores available to the process
    uint64_t worker_replay_us;    // replay engine: time an image
    uint64_t worker_memory;       // bytes for resident models; 0: half of what it may use
};

// Reads and checks. Errors as idn_config_*; a bind that is not loopback without security = none is
// -EINVAL with a sentence.
int idn_settings_read(
    const struct idn_config *config, struct idn_settings *ret, struct idn_reason *reason);

// As if broker/letter were this one: what follows from it is read again.
int idn_settings_set_letter(const struct idn_config *config, uint32_t letter,
    struct idn_settings *settings, struct idn_reason *reason);

// For a broker, when its letter is settled: -EINVAL when it would bind the other one's address.
int idn_settings_check_bind(const struct idn_config *config, const struct idn_settings *settings,
    struct idn_reason *reason);

bool idn_settings_has_peer(const struct idn_settings *settings); // a second broker is configured

// "localhost" or an address in 127.0.0.0/8; other names are not looked up.
bool idn_host_is_loopback(const char *host);

// The configuration file to use when the user names none: $IDUNNO_CONFIG, ./idunno.conf,
// ~/.config/idunno/idunno.conf, /etc/idunno/idunno.conf, the first that exists; NULL when none
// does. Static storage.
const char *idn_settings_find(void);

// Loads and reads that file (NULL: the one that idn_settings_find finds). The configuration is the
// caller's. Errors as above.
int idn_settings_open(const char *file, struct idn_config **ret_config, struct idn_settings *ret,
    struct idn_reason *reason);

void idn_settings_print_help(void); // every key, its default and its meaning, on stdout

#endif
