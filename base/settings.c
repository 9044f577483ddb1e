#include "base/settings.h"

#include "base/assert.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORT_CLIENTS   5570
#define PORT_WORKERS   5571
#define PORT_BEATS_IN  5572
#define PORT_BEATS_OUT 5573
#define PORT_MIRROR    5574
#define LOOPBACK       "127.0.0.1"
#define STATE          "/var/lib/idunno"
#define POLICY         "fair-time"
#define MIRROR         "preferred"
#define MIN_FREE_MIB   512
#define ENGINE         "onednn"
#define ALGORITHM      "auto"
#define DECODE         "exact"
#define REPLAY_US      1000
#define TEXT_OF(x)     #x
#define TEXT(x)        TEXT_OF(x)

// The one table of all keys. Those of models and data sets are read by weights/registry.c.
const struct idn_config_key idn_settings_keys[] = {
    {"cluster/a", "host of broker a (" LOOPBACK ")"},
    {"cluster/b", "host of broker b, the standby (none)"},
    {"cluster/port_clients", "port for clients (" TEXT(PORT_CLIENTS) ")"},
    {"cluster/port_workers", "port for workers (" TEXT(PORT_WORKERS) ")"},
    {"cluster/port_beats_in", "port for the workers' beats (" TEXT(PORT_BEATS_IN) ")"},
    {"cluster/port_beats_out", "port for the broker's beats (" TEXT(PORT_BEATS_OUT) ")"},
    {"cluster/port_mirror", "port of the link between brokers (" TEXT(PORT_MIRROR) ")"},
    {"broker/letter", "which broker this is: a or b (a)"},
    {"broker/bind", "address to bind (cluster/LETTER where that may be bound, else " LOOPBACK ")"},
    {"broker/security", "none: written out, allows a bind that is not loopback"},
    {"broker/state", "directory of the durable state (" STATE ")"},
    {"broker/policy", "how jobs share the workers: fair-time, fifo or static (" POLICY ")"},
    {"broker/mirror", "required: jobs are refused while no standby is in sync (" MIRROR ")"},
    {"broker/min_free", "below this much free disk, nothing is taken on (" TEXT(MIN_FREE_MIB) "M)"},
    {"worker/name", "name of this worker (hostname/instance)"},
    {"worker/engine", "onednn, darknet, or replay for tests (" ENGINE ")"},
    {"worker/algorithm",
        "engine onednn: auto, or direct: slower, closer to darknet (" ALGORITHM ")"},
    {"worker/threads", "compute threads; 0: the available cores (0)"},
    {"worker/decode", "exact, or fast: large JPEGs at a smaller scale (" DECODE ")"},
    {"worker/replay_us", "replay engine: microseconds an image (" TEXT(REPLAY_US) ")"},
    {"worker/memory", "memory for resident models; 0: half of what it may use (0)"},
    {"models/*/cfg", "the network, a darknet cfg file"},
    {"models/*/weights",
        "its weights (NAME.weights in $IDUNNO_WEIGHTS or weights/ beside this file)"},
    {"models/*/labels", "its class names, one a line (none)"},
    {"models/*/batch", "images a task (alexnet 500, others 400)"},
    {"models/*/digest", "SHA-256 of cfg and weights, for a broker without the files"},
    {"models/*/url", "where idunno-weights fetch gets the weights"},
    {"models/*/size", "bytes of the weights file at that url"},
    {"models/*/sha256", "SHA-256 of the weights file at that url"},
    {"datasets/*/list", "one image path a line, relative to the list's own folder"},
    {"datasets/*/digest", "SHA-256 that the list must have (any)"},
    {NULL, NULL},
};

static int read_port(const struct idn_config *config, const char *path, uint32_t fallback,
    uint32_t *ret, struct idn_reason *reason)
{
    uint64_t value;
    int error = idn_config_u64(config, path, fallback, 1, 65535, &value, reason);

    if (error == 0)
        *ret = (uint32_t)value;
    return error;
}

static int read_ports(
    const struct idn_config *config, struct idn_settings *settings, struct idn_reason *reason)
{
    const struct {
        const char *path;
        uint32_t fallback, *port;
    } ports[] = {
        {"cluster/port_clients", PORT_CLIENTS, &settings->port_clients},
        {"cluster/port_workers", PORT_WORKERS, &settings->port_workers},
        {"cluster/port_beats_in", PORT_BEATS_IN, &settings->port_beats_in},
        {"cluster/port_beats_out", PORT_BEATS_OUT, &settings->port_beats_out},
        {"cluster/port_mirror", PORT_MIRROR, &settings->port_mirror},
    };
    for (size_t i = 0; i < sizeof(ports) / sizeof(*ports); i++) {
        int error = read_port(config, ports[i].path, ports[i].fallback, ports[i].port, reason);
        if (error < 0)
            return error;
        for (size_t k = 0; k < i; k++)
            if (*ports[k].port == *ports[i].port)
                return idn_reason_set(reason, -EINVAL,
                    "%s: %s and %s are both port %" PRIu32 "; each needs its own",
                    idn_config_file(config), ports[k].path, ports[i].path, *ports[i].port);
    }
    return 0;
}

// A host name or an IPv4 address, without a port and without a scheme.
static int read_host(const struct idn_config *config, const char *path, const char *fallback,
    char ret[static IDN_SETTINGS_HOST_SIZE], struct idn_reason *reason)
{
    const char *host = idn_config_string(config, path, fallback);

    if (host != fallback &&
        (!idn_name_is_valid(host, IDN_SETTINGS_HOST_SIZE) || strpbrk(host, ":/@;[]") != NULL))
        return idn_config_refuse(
            config, path, "a host name or an IPv4 address (without a port)", reason);
    (void)snprintf(ret, IDN_SETTINGS_HOST_SIZE, "%s", host);
    return 0;
}

// One word of a few; the reason names the nearest.
static int read_word(const struct idn_config *config, const char *path, const char *fallback,
    const char *const *words, size_t count, const char **ret, struct idn_reason *reason)
{
    const char *word = idn_config_string(config, path, fallback);

    for (size_t i = 0; i < count; i++)
        if (strcmp(word, words[i]) == 0) {
            *ret = words[i];
            return 0;
        }
    char right[200] = "";
    const char *nearest = idn_nearest(word, words, count);
    size_t used = 0;
    for (size_t i = 0; i < count && used < sizeof(right); i++)
        used += (size_t)snprintf(right + used, sizeof(right) - used, "%s%s",
            i == 0          ? ""
            : i + 1 < count ? ", "
                            : " or ",
            words[i]);
    if (nearest != NULL && used < sizeof(right))
        (void)snprintf(right + used, sizeof(right) - used, "; the nearest is '%s'", nearest);
    return idn_config_refuse(config, path, right, reason);
}

bool idn_host_is_loopback(const char *host)
{
    struct in_addr address;

    if (strcmp(host, "localhost") == 0)
        return true;
    return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

// "localhost" is written for this address.
static const char *spell_out(const char *host)
{
    return strcmp(host, "localhost") == 0 ? LOOPBACK : host;
}

bool idn_settings_has_peer(const struct idn_settings *settings)
{
    return settings->host[1][0] != '\0';
}

// Where this broker is to be found, if that can be bound: a name cannot, and an address that is not
// loopback only where that was asked for.
static const char *default_bind(const struct idn_settings *settings)
{
    const char *host = settings->host[settings->broker_letter - 'a'];
    struct in_addr address;

    if (inet_pton(AF_INET, host, &address) != 1)
        return LOOPBACK;
    return settings->broker_open || idn_host_is_loopback(host) ? host : LOOPBACK;
}

static int read_bind(
    const struct idn_config *config, struct idn_settings *settings, struct idn_reason *reason)
{
    static const char *const securities[] = {"none"};
    const char *security = NULL;
    int error = 0;

    if (idn_config_string(config, "broker/security", NULL) != NULL)
        error = read_word(config, "broker/security", NULL, securities, 1, &security, reason);
    if (error < 0)
        return error;
    settings->broker_open = security != NULL;
    error = read_host(config, "broker/bind", default_bind(settings), settings->broker_bind, reason);
    if (error < 0)
        return error;
    if (!settings->broker_open && !idn_host_is_loopback(settings->broker_bind))
        return idn_reason_set(reason, -EINVAL,
            "%s: broker/bind = '%s' is not a loopback address, and anyone who reaches it could use "
            "this broker; write broker/security = none to accept that, or bind " LOOPBACK,
            idn_config_file(config), settings->broker_bind);
    return 0;
}

int idn_settings_set_letter(const struct idn_config *config, uint32_t letter,
    struct idn_settings *settings, struct idn_reason *reason)
{
    if (letter == 'b' && !idn_settings_has_peer(settings))
        return idn_reason_set(reason, -EINVAL,
            "%s: this is to be broker b, but cluster/b names no host; write where broker b is",
            idn_config_file(config));
    settings->broker_letter = letter;
    return read_bind(config, settings, reason);
}

int idn_settings_check_bind(
    const struct idn_config *config, const struct idn_settings *settings, struct idn_reason *reason)
{
    uint32_t letter = settings->broker_letter, other = letter == 'a' ? 'b' : 'a';
    const char *host = settings->host[other - 'a'];

    if (*host == '\0' || strcmp(spell_out(host), spell_out(settings->broker_bind)) != 0)
        return 0;
    return idn_reason_set(reason, -EINVAL,
        "%s: broker/bind = '%s' is cluster/%c, but this is broker %c; bind %s, or say --letter %c "
        "if this is broker %c",
        idn_config_file(config), settings->broker_bind, (char)other, (char)letter,
        settings->host[letter - 'a'], (char)other, (char)other);
}

static int read_mirror(
    const struct idn_config *config, struct idn_settings *settings, struct idn_reason *reason)
{
    static const char *const mirrors[] = {"preferred", "required"};
    const char *mirror = mirrors[0];
    int error = read_word(config, "broker/mirror", MIRROR, mirrors, 2, &mirror, reason);

    if (error < 0)
        return error;
    settings->mirror_required = mirror == mirrors[1];
    if (settings->mirror_required && !idn_settings_has_peer(settings))
        return idn_reason_set(reason, -EINVAL,
            "%s: broker/mirror = required, but cluster/b names no host; write where the standby is",
            idn_config_file(config));
    return 0;
}

static int read_broker(
    const struct idn_config *config, struct idn_settings *settings, struct idn_reason *reason)
{
    static const char *const letters[] = {"a", "b"}, *const policies[] = {
                                                         "fair-time", "fifo", "static"};
    const char *letter = letters[0];
    int error = read_word(config, "broker/letter", "a", letters, 2, &letter, reason);

    if (error == 0)
        error = idn_settings_set_letter(config, (uint32_t)letter[0], settings, reason);
    if (error < 0)
        return error;
    settings->broker_state = idn_config_string(config, "broker/state", STATE);
    if (*settings->broker_state == '\0')
        return idn_config_refuse(config, "broker/state", "the path of a directory", reason);
    error =
        read_word(config, "broker/policy", POLICY, policies, 3, &settings->broker_policy, reason);
    if (error == 0)
        error = read_mirror(config, settings, reason);
    if (error < 0)
        return error;
    return idn_config_size(config, "broker/min_free", (uint64_t)MIN_FREE_MIB << 20,
        &settings->broker_min_free, reason);
}

static int read_worker(
    const struct idn_config *config, struct idn_settings *settings, struct idn_reason *reason)
{
    static const char *const engines[] = {"onednn", "darknet", "replay"};
    static const char *const algorithms[] = {"auto", "direct"};
    static const char *const decodings[] = {"exact", "fast"};
    uint64_t threads = 0;
    int error =
        read_word(config, "worker/engine", ENGINE, engines, 3, &settings->worker_engine, reason);

    if (error == 0)
        error = read_word(config, "worker/algorithm", ALGORITHM, algorithms, 2,
            &settings->worker_algorithm, reason);
    if (error == 0)
        error = read_word(
            config, "worker/decode", DECODE, decodings, 2, &settings->worker_decode, reason);
    if (error < 0)
        return error;
    settings->worker_name = idn_config_string(config, "worker/name", "");
    if (*settings->worker_name != '\0' && !idn_name_is_valid(settings->worker_name, 64))
        return idn_config_refuse(config, "worker/name",
            "a name of at most 63 printable ASCII characters without space or quotes", reason);
    error =
        idn_config_u64(config, "worker/threads", 0, 0, IDN_SETTINGS_THREADS_MAX, &threads, reason);
    if (error < 0)
        return error;
    settings->worker_threads = (uint32_t)threads;
    error = idn_config_u64(config, "worker/replay_us", REPLAY_US, 0, 60 * 1000 * 1000,
        &settings->worker_replay_us, reason);
    if (error < 0)
        return error;
    return idn_config_size(config, "worker/memory", 0, &settings->worker_memory, reason);
}

// Every host reads the same two addresses, and a loopback address leads each of them to itself.
static int refuse_loopback(
    const struct idn_config *config, const struct idn_settings *settings, struct idn_reason *reason)
{
    uint32_t i = idn_host_is_loopback(settings->host[0]) ? 0 : 1;

    return idn_reason_set(reason, -EINVAL,
        "%s: cluster/%c is '%s', which only its own host can reach, but cluster/%c is '%s'; write "
        "the address at which all hosts find broker %c, or for two brokers on one machine " LOOPBACK
        " and 127.0.0.2",
        idn_config_file(config), 'a' + i, settings->host[i], 'b' - i, settings->host[1 - i],
        'a' + i);
}

static int read_hosts(
    const struct idn_config *config, struct idn_settings *settings, struct idn_reason *reason)
{
    int error = read_host(config, "cluster/a", LOOPBACK, settings->host[0], reason);

    if (error == 0)
        error = read_host(config, "cluster/b", "", settings->host[1], reason);
    if (error < 0 || !idn_settings_has_peer(settings))
        return error;
    if (strcmp(spell_out(settings->host[0]), spell_out(settings->host[1])) == 0)
        return idn_reason_set(reason, -EINVAL,
            "%s: cluster/a and cluster/b are both '%s'; each broker needs a host, or on one host "
            "an address, of its own (such as 127.0.0.1 and 127.0.0.2)",
            idn_config_file(config), settings->host[0]);
    if (idn_host_is_loopback(settings->host[0]) != idn_host_is_loopback(settings->host[1]))
        return refuse_loopback(config, settings, reason);
    return 0;
}

int idn_settings_read(
    const struct idn_config *config, struct idn_settings *ret, struct idn_reason *reason)
{
    struct idn_settings settings = {0};
    int error = read_hosts(config, &settings, reason);

    if (error == 0)
        error = read_ports(config, &settings, reason);
    if (error == 0)
        error = read_broker(config, &settings, reason);
    if (error == 0)
        error = read_worker(config, &settings, reason);
    if (error < 0)
        return error;
    *ret = settings;
    return 0;
}

const char *idn_settings_find(void)
{
    static char home_file[4096];
    const char *named = getenv("IDUNNO_CONFIG"), *home = getenv("HOME");

    // A named file that is missing must be an error of loading, not a silent fall to the next.
    if (named != NULL && *named != '\0')
        return named;
    if (access("idunno.conf", F_OK) == 0)
        return "idunno.conf";
    if (home != NULL) {
        int length = snprintf(home_file, sizeof(home_file), "%s/.config/idunno/idunno.conf", home);
        if (length > 0 && (size_t)length < sizeof(home_file) && access(home_file, F_OK) == 0)
            return home_file;
    }
    return access("/etc/idunno/idunno.conf", F_OK) == 0 ? "/etc/idunno/idunno.conf" : NULL;
}

int idn_settings_open(const char *file, struct idn_config **ret_config, struct idn_settings *ret,
    struct idn_reason *reason)
{
    struct idn_config *config = NULL;
    int error = idn_config_load(
        file != NULL ? file : idn_settings_find(), idn_settings_keys, &config, reason);

    if (error == 0)
        error = idn_settings_read(config, ret, reason);
    if (error == 0)
        *ret_config = config;
    else
        idn_config_destroy(&config);
    return error;
}

void idn_settings_print_help(void)
{
    (void)printf("Keys of the configuration file (default in brackets):\n\n");
    for (const struct idn_config_key *key = idn_settings_keys; key->path != NULL; key++)
        (void)printf("  %-24s %s\n", key->path, key->help);
    (void)printf("\nA key is written below its section, indented by four spaces; * is a name of "
                 "yours.\nSizes may end in K, M, G or T. The file is the one named by --config, "
                 "else $IDUNNO_CONFIG,\n./idunno.conf, ~/.config/idunno/idunno.conf, "
                 "/etc/idunno/idunno.conf.\n");
}
