// The configuration: what every wrong file is told, and what a right one means.
#include "base/config.h"

#include "base/settings.h"
#include "tests/lib/check.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static char file[] = "/tmp/idunno-test-config-XXXXXX";
static struct idn_reason reason;

static void write_bytes(const char *text, size_t size)
{
    FILE *out = fopen(file, "w");
    CHECK(out != NULL);
    CHECK(fwrite(text, 1, size, out) == size);
    CHECK_INT(fclose(out), 0);
}

// Loads `text` and reads the settings; returns the first error of the two.
static int try_settings(const char *text, struct idn_settings *ret)
{
    struct idn_config *config = NULL;

    reason.text[0] = '\0';
    write_bytes(text, strlen(text));
    int error = idn_config_load(file, idn_settings_keys, &config, &reason);
    if (error == 0)
        error = idn_settings_read(config, ret, &reason);
    idn_config_destroy(&config);
    return error;
}

// The sentence without the file's name, which must begin it.
static const char *refusal(const char *text)
{
    struct idn_settings settings;

    CHECK_INT(try_settings(text, &settings), -EINVAL);
    CHECK(strncmp(reason.text, file, strlen(file)) == 0);
    return reason.text + strlen(file);
}

static void test_defaults(void)
{
    struct idn_config *config = NULL;
    struct idn_settings settings;

    CHECK_INT(idn_config_load(NULL, idn_settings_keys, &config, &reason), 0);
    CHECK_STRING(idn_config_file(config), "(defaults)");
    CHECK_INT(idn_settings_read(config, &settings, &reason), 0);
    CHECK_STRING(settings.host[0], "127.0.0.1");
    CHECK_STRING(settings.host[1], "");
    CHECK_INT(settings.port_clients, 5570);
    CHECK_INT(settings.port_workers, 5571);
    CHECK_INT(settings.port_beats_in, 5572);
    CHECK_INT(settings.port_beats_out, 5573);
    CHECK_INT(settings.port_mirror, 5574);
    CHECK_INT(settings.broker_letter, 'a');
    CHECK_STRING(settings.broker_bind, "127.0.0.1");
    CHECK(!settings.broker_open);
    CHECK_STRING(settings.broker_state, "/var/lib/idunno");
    CHECK_STRING(settings.broker_policy, "fair-time");
    CHECK(!settings.mirror_required);
    CHECK(!idn_settings_has_peer(&settings));
    CHECK_INT(settings.broker_min_free, 512 << 20);
    CHECK_STRING(settings.worker_name, "");
    CHECK_STRING(settings.worker_engine, "onednn");
    CHECK_STRING(settings.worker_algorithm, "auto");
    CHECK_STRING(settings.worker_decode, "exact");
    CHECK_INT(settings.worker_threads, 0);
    CHECK_INT(settings.worker_memory, 0);
    idn_config_destroy(&config);
    idn_config_destroy(&config);
}

static void test_every_setting(void)
{
    struct idn_config *config = NULL;
    struct idn_settings settings;
    static const char text[] = "# a comment\n"
                               "cluster\n"
                               "    a = 10.0.0.1\n"
                               "    b = \"host-b.example\"\n"
                               "    port_clients = 1\n"
                               "    port_workers = 2\n"
                               "    port_beats_in = 3\n"
                               "    port_beats_out = 4\n"
                               "    port_mirror = 65535   # the last\n"
                               "\n"
                               "broker\n"
                               "    letter = b\n"
                               "    bind = 0.0.0.0\n"
                               "    security = none\n"
                               "    state = '/srv/a b'\n"
                               "  # a comment may be indented as it pleases\n"
                               "\t# and so\n"
                               "    policy = fifo\n"
                               "    mirror = required\n"
                               "    min_free = 2G\n"
                               "worker\r\n"
                               "    name = host/0\n"
                               "    engine = replay\n"
                               "    decode = fast\n"
                               "    threads = 3\n"
                               "    replay_us = 250\n"
                               "    memory = 64K"; // no newline at the end

    write_bytes(text, sizeof(text) - 1);
    CHECK_INT(idn_config_load(file, idn_settings_keys, &config, &reason), 0);
    CHECK_INT(idn_settings_read(config, &settings, &reason), 0);
    CHECK_STRING(settings.host[0], "10.0.0.1");
    CHECK_STRING(settings.host[1], "host-b.example");
    CHECK_INT(settings.port_clients, 1);
    CHECK_INT(settings.port_workers, 2);
    CHECK_INT(settings.port_beats_in, 3);
    CHECK_INT(settings.port_beats_out, 4);
    CHECK_INT(settings.port_mirror, 65535);
    CHECK_INT(settings.broker_letter, 'b');
    CHECK_STRING(settings.broker_bind, "0.0.0.0");
    CHECK(settings.broker_open);
    CHECK_STRING(settings.broker_state, "/srv/a b");
    CHECK_STRING(settings.broker_policy, "fifo");
    CHECK(settings.mirror_required);
    CHECK(idn_settings_has_peer(&settings));
    CHECK_INT(settings.broker_min_free, 2ll << 30);
    CHECK_STRING(settings.worker_name, "host/0");
    CHECK_STRING(settings.worker_engine, "replay");
    CHECK_STRING(settings.worker_decode, "fast");
    CHECK_INT(settings.worker_threads, 3);
    CHECK_INT(settings.worker_replay_us, 250);
    CHECK_INT(settings.worker_memory, 65536);
    idn_config_destroy(&config);
}

static void test_names_of_a_section(void)
{
    struct idn_config *config = NULL;
    const char *names[3];
    static const char text[] = "datasets\n    d\n        list = x\n"
                               "models\n    zoo-1.5\n        batch = 4\n    a\n    b_2\n";

    write_bytes(text, sizeof(text) - 1);
    CHECK_INT(idn_config_load(file, idn_settings_keys, &config, &reason), 0);
    CHECK_INT(idn_config_names(config, "models", names, 3), 3);
    CHECK_STRING(names[0], "zoo-1.5");
    CHECK_STRING(names[1], "a");
    CHECK_STRING(names[2], "b_2");
    CHECK_INT(idn_config_names(config, "models", names, 2), 2);
    CHECK_INT(idn_config_names(config, "broker", names, 3), 0);
    CHECK_STRING(idn_config_string(config, "models/zoo-1.5/batch", "?"), "4");
    CHECK_STRING(idn_config_string(config, "models/a/batch", "?"), "?");
    idn_config_destroy(&config);
}

static void test_unknown_keys(void)
{
    CHECK_STRING(refusal("broker\n    stat = x\n"),
        ":2: unknown key 'broker/stat'; the nearest is 'broker/state'");
    CHECK_STRING(refusal("\n\nbrokr\n    state = x\n"),
        ":3: unknown section 'brokr'; the nearest is 'broker'");
    CHECK_STRING(refusal("models\n    alexnet\n        bach = 3\n"),
        ":3: unknown key 'models/alexnet/bach'; the nearest is 'models/alexnet/batch'");
    CHECK_STRING(refusal("broker\n    quux = x\n"),
        ":2: unknown key 'broker/quux'; known here are letter, bind, security, state, policy, "
        "mirror, min_free");
    CHECK_STRING(refusal("quux\n"),
        ":1: unknown section 'quux'; known here are cluster, broker, worker, models, datasets");
    CHECK_STRING(refusal("broker\n    state = x\n        deeper = y\n"),
        ":3: unknown key 'broker/state/deeper'; nothing stands below a key");
}

static void test_shape(void)
{
    CHECK_STRING(refusal("broker = 3\n"),
        ":1: 'broker' is a section and takes no value; write its keys below it");
    CHECK_STRING(
        refusal("broker\n    state\n"), ":2: 'broker/state' has no value; write state = VALUE");
    CHECK_STRING(refusal("broker\n    state = a\nworker\nbroker\n    policy = fifo\n"),
        ":4: 'broker' is written twice, first in line 1");
    CHECK_STRING(refusal("broker\n    state = a\n    state = b\n"),
        ":3: 'broker/state' is written twice, first in line 2");
    CHECK_STRING(refusal("broker\n\tstate = a\n"),
        ":2: the line is indented with a tab; use four spaces a level");
    CHECK_STRING(
        refusal("broker\n  state = a\n"), ":2: the indentation is not a multiple of four spaces");
    CHECK_STRING(refusal("broker\n        state = a\n"),
        ":2: the line is indented deeper than its section's keys");
    CHECK_STRING(refusal("broker\n    state = \"a\n"), ":2: the closing quote is missing");
    CHECK_STRING(
        refusal("broker\n    state = \"a\" b\n"), ":2: something follows the closing quote");
    CHECK_STRING(refusal("broker\n    state =   # later\n"), ":2: the value is missing after '='");
    CHECK_CONTAINS(refusal("broker: x\n"), ":1: a name is followed by '= VALUE' or by nothing");
    CHECK_CONTAINS(refusal("{\"broker\": 1}\n"), ":1: the line does not begin with a name");
}

static void test_not_text(void)
{
    struct idn_config *config = NULL;
    static char line[1100];

    write_bytes("broker\n\0x\n", 10);
    CHECK_INT(idn_config_load(file, idn_settings_keys, &config, &reason), -EINVAL);
    CHECK_CONTAINS(reason.text, ":2: the line holds a NUL byte; this is not a text file");
    memset(line, '#', sizeof(line) - 1);
    CHECK_STRING(refusal(line), ":1: the line is longer than 1024 bytes");
    CHECK_INT(idn_config_load("/nonexistent/x", idn_settings_keys, &config, &reason), -ENOENT);
    CHECK_STRING(
        reason.text, "cannot read the configuration /nonexistent/x: No such file or directory");
    CHECK_INT(idn_config_load("/tmp", idn_settings_keys, &config, &reason), -EISDIR);
    CHECK(config == NULL);
}

static void test_values(void)
{
    CHECK_STRING(refusal("cluster\n    port_clients = 70000\n"),
        ":2: cluster/port_clients = '70000' is not a whole number from 1 to 65535");
    CHECK_STRING(refusal("cluster\n    port_clients = 0\n"),
        ":2: cluster/port_clients = '0' is not a whole number from 1 to 65535");
    CHECK_STRING(refusal("worker\n    threads = four\n"),
        ":2: worker/threads = 'four' is not a whole number from 0 to 256");
    CHECK_STRING(refusal("worker\n    threads = -1\n"),
        ":2: worker/threads = '-1' is not a whole number from 0 to 256");
    CHECK_STRING(refusal("worker\n    threads = 257\n"), // more than an inference child takes
        ":2: worker/threads = '257' is not a whole number from 0 to 256");
    CHECK_STRING(refusal("broker\n    min_free = 1.5G\n"),
        ":2: broker/min_free = '1.5G' is not a size in bytes such as 4096, 64K, 512M or 2G");
    CHECK_CONTAINS(refusal("broker\n    min_free = 99999999T\n"), "is not a size in bytes");
    CHECK_CONTAINS(refusal("broker\n    min_free = G\n"), "is not a size in bytes");
    CHECK_STRING(refusal("worker\n    engine = darknt\n"),
        ":2: worker/engine = 'darknt' is not onednn, darknet or replay; the nearest is 'darknet'");
    CHECK_STRING(refusal("broker\n    policy = fair\n"),
        ":2: broker/policy = 'fair' is not fair-time, fifo or static");
    CHECK_STRING(refusal("broker\n    policy = fifi\n"),
        ":2: broker/policy = 'fifi' is not fair-time, fifo or static; the nearest is 'fifo'");
    CHECK_STRING(refusal("broker\n    letter = c\n"), ":2: broker/letter = 'c' is not a or b");
    CHECK_CONTAINS(refusal("broker\n    state = ''\n"), "is not the path of a directory");
    CHECK_CONTAINS(refusal("worker\n    name = 'a b'\n"), "is not a name of at most 63 printable");
    CHECK_STRING(refusal("cluster\n    a = tcp://h:5570\n"),
        ":2: cluster/a = 'tcp://h:5570' is not a host name or an IPv4 address (without a port)");
    CHECK_STRING(refusal("cluster\n    port_mirror = 5570\n"),
        ": cluster/port_clients and cluster/port_mirror are both port 5570; each needs its own");
}

static void test_open_bind(void)
{
    struct idn_settings settings;

    CHECK_STRING(refusal("broker\n    bind = 0.0.0.0\n"),
        ": broker/bind = '0.0.0.0' is not a loopback address, and anyone who reaches it could use "
        "this broker; write broker/security = none to accept that, or bind 127.0.0.1");
    CHECK_CONTAINS(refusal("broker\n    bind = 1270.0.0.1\n"), "is not a loopback address");
    CHECK_CONTAINS(refusal("broker\n    bind = 128.0.0.1\n"), "is not a loopback address");
    CHECK_CONTAINS(refusal("broker\n    bind = 127.example.org\n"), "is not a loopback address");
    CHECK_CONTAINS(refusal("broker\n    security = nine\n"), "is not none; the nearest is 'none'");
    CHECK_INT(try_settings("broker\n    bind = 127.0.0.9\n", &settings), 0);
    CHECK(!settings.broker_open);
}

// One file serves both brokers: what they bind follows from which of them they are.
static void test_bind_follows_the_letter(void)
{
    static const char two[] = "cluster\n    a = 127.0.0.1\n    b = 127.0.0.2\n";
    static const char lan[] = "cluster\n    a = 10.0.0.1\n    b = 10.0.0.2\n";
    struct idn_config *config = NULL;
    struct idn_settings settings;
    char text[200];

    CHECK_INT(try_settings(two, &settings), 0);
    CHECK_STRING(settings.broker_bind, "127.0.0.1");
    (void)snprintf(text, sizeof(text), "%sbroker\n    letter = b\n", two);
    CHECK_INT(try_settings(text, &settings), 0);
    CHECK_STRING(settings.broker_bind, "127.0.0.2");
    CHECK_INT(try_settings(lan, &settings), 0);
    CHECK_STRING(settings.broker_bind, "127.0.0.1"); // nobody wrote that it may be open
    (void)snprintf(text, sizeof(text), "%sbroker\n    security = none\n", lan);
    CHECK_INT(try_settings(text, &settings), 0);
    CHECK_STRING(settings.broker_bind, "10.0.0.1");
    CHECK_INT(idn_config_load(file, idn_settings_keys, &config, &reason), 0);
    CHECK_INT(idn_settings_set_letter(config, 'b', &settings, &reason), 0);
    CHECK_STRING(settings.broker_bind, "10.0.0.2");
    idn_config_destroy(&config);
    (void)snprintf(text, sizeof(text), "cluster\n    a = h.example\nbroker\n    security = none\n");
    CHECK_INT(try_settings(text, &settings), 0);
    CHECK_STRING(settings.broker_bind, "127.0.0.1"); // a name cannot be bound
}

static void test_the_second_broker(void)
{
    CHECK_STRING(refusal("broker\n    letter = b\n"),
        ": this is to be broker b, but cluster/b names no host; write where broker b is");
    CHECK_STRING(refusal("broker\n    mirror = required\n"),
        ": broker/mirror = required, but cluster/b names no host; write where the standby is");
    CHECK_CONTAINS(refusal("broker\n    mirror = maybe\n"), "is not preferred or required");
    CHECK_CONTAINS(refusal("cluster\n    b = 127.0.0.1\n"),
        ": cluster/a and cluster/b are both '127.0.0.1'; each broker needs a host");
    CHECK_CONTAINS(refusal("cluster\n    a = localhost\n    b = 127.0.0.1\n"),
        ": cluster/a and cluster/b are both 'localhost'");
}

static void test_loopback_and_not(void)
{
    CHECK_STRING(refusal("cluster\n    a = 127.0.0.1\n    b = 10.0.0.2\n"),
        ": cluster/a is '127.0.0.1', which only its own host can reach, but cluster/b is "
        "'10.0.0.2'; write the address at which all hosts find broker a, or for two brokers on one "
        "machine 127.0.0.1 and 127.0.0.2");
    CHECK_CONTAINS(refusal("cluster\n    a = h.example\n    b = 127.0.0.2\n"),
        ": cluster/b is '127.0.0.2', which only its own host can reach, but cluster/a is "
        "'h.example'; write the address at which all hosts find broker b");
    CHECK_CONTAINS(refusal("cluster\n    b = 10.0.0.2\n"), ": cluster/a is '127.0.0.1'");
}

static int check_bind(uint32_t letter, const char *text)
{
    struct idn_config *config = NULL;
    struct idn_settings settings;

    write_bytes(text, strlen(text));
    CHECK_INT(idn_config_load(file, idn_settings_keys, &config, &reason), 0);
    CHECK_INT(idn_settings_read(config, &settings, &reason), 0);
    CHECK_INT(idn_settings_set_letter(config, letter, &settings, &reason), 0);
    int error = idn_settings_check_bind(config, &settings, &reason);
    idn_config_destroy(&config);
    return error;
}

static void test_the_other_ones_address(void)
{
    static const char bound[] = "cluster\n    a = 10.0.0.1\n    b = 10.0.0.2\nbroker\n"
                                "    bind = 10.0.0.2\n    security = none\n";

    CHECK_INT(check_bind('b', bound), 0);
    CHECK_INT(check_bind('a', bound), -EINVAL);
    CHECK_STRING(reason.text + strlen(file),
        ": broker/bind = '10.0.0.2' is cluster/b, but this is broker a; bind 10.0.0.1, or say "
        "--letter b if this is broker b");
    CHECK_INT(check_bind('b', "cluster\n    a = 127.0.0.1\n    b = 127.0.0.2\nbroker\n"
                              "    bind = localhost\n"),
        -EINVAL);
    CHECK_CONTAINS(reason.text, "is cluster/a, but this is broker b; bind 127.0.0.2");
}

static void test_find(void)
{
    CHECK_INT(setenv("IDUNNO_CONFIG", "/some/where.conf", 1), 0);
    CHECK_STRING(idn_settings_find(), "/some/where.conf");
    CHECK_INT(unsetenv("IDUNNO_CONFIG"), 0);
}

// CZMQ takes SIGINT and SIGTERM when its system layer starts; reading must not start it.
static void test_signals_stay_ours(void)
{
    struct sigaction action;

    test_defaults();
    test_names_of_a_section();
    CHECK_INT(sigaction(SIGINT, NULL, &action), 0);
    CHECK(action.sa_handler == SIG_DFL);
    CHECK_INT(sigaction(SIGTERM, NULL, &action), 0);
    CHECK(action.sa_handler == SIG_DFL);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_defaults),
        CHECK_TEST(test_every_setting),
        CHECK_TEST(test_names_of_a_section),
        CHECK_TEST(test_unknown_keys),
        CHECK_TEST(test_shape),
        CHECK_TEST(test_not_text),
        CHECK_TEST(test_values),
        CHECK_TEST(test_open_bind),
        CHECK_TEST(test_bind_follows_the_letter),
        CHECK_TEST(test_the_second_broker),
        CHECK_TEST(test_loopback_and_not),
        CHECK_TEST(test_the_other_ones_address),
        CHECK_TEST(test_find),
        CHECK_TEST(test_signals_stay_ours),
    };
    int fd = mkstemp(file);
    if (fd < 0)
        return 1;
    (void)close(fd);
    int status = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
    (void)unlink(file);
    return status;
}
