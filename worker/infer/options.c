#include "worker/infer/options.h"

#include "base/cgroup.h"
#include "base/settings.h"
#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static_assert((int)IDN_POOL_THREADS_MAX == (int)IDN_SETTINGS_THREADS_MAX,
    "what the worker's settings allow is what its child takes");

enum {
    OPTION_SOCKET = 256,
    OPTION_ENGINE,
    OPTION_THREADS,
    OPTION_DECODE,
    OPTION_ALGORITHM,
    OPTION_COMPARE,
    OPTION_REPLAY_US,
    OPTION_REPLAY_SEED,
    OPTION_SELFTEST,
    OPTION_SLICE,
    OPTION_LABELS,
    OPTION_TOP5,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option long_options[] = {
    {"socket", required_argument, NULL, OPTION_SOCKET},
    {"engine", required_argument, NULL, OPTION_ENGINE},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"decode", required_argument, NULL, OPTION_DECODE},
    {"algorithm", required_argument, NULL, OPTION_ALGORITHM},
    {"compare", required_argument, NULL, OPTION_COMPARE},
    {"replay-us", required_argument, NULL, OPTION_REPLAY_US},
    {"replay-seed", required_argument, NULL, OPTION_REPLAY_SEED},
    {"selftest", no_argument, NULL, OPTION_SELFTEST},
    {"slice", required_argument, NULL, OPTION_SLICE},
    {"labels", required_argument, NULL, OPTION_LABELS},
    {"top5", no_argument, NULL, OPTION_TOP5},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

void idn_infer_help(void)
{
    (void)fputs(
        "usage: idunno-infer --socket FD [OPTIONS]           started by idunno-worker\n"
        "       idunno-infer --selftest [OPTIONS] CFG WEIGHTS LIST\n"
        "\n"
        "Decodes images and classifies them with a darknet network; has no network of its own.\n"
        "With --socket it serves its agent until that closes the socket. With --selftest it\n"
        "classifies the images of a list file (one path a line) and prints a line for each:\n"
        "path, status and ID:PROBABILITY of the best class, separated by tabs; images a second\n"
        "on stderr.\n"
        "\n"
        "  --engine NAME      onednn (default): darknet's network on oneDNN's kernels\n"
        "                     darknet: libdarknet, one image at a time a thread: the reference\n"
        "                     replay: computes nothing; made-up answers that follow from the\n"
        "                     seed and the image's index, after a stated time; reads no file\n"
        "  --threads N        threads that decode and compute; 0 (default): the cores that the\n"
        "                     process may use. A single image is computed by one thread\n"
        "  --decode HOW       exact (default): the pixels that darknet would see. fast: a JPEG at\n"
        "                     least twice as large as needed is decoded at a half, a quarter or\n"
        "                     an eighth of its size; near the exact results, another class\n"
        "  --algorithm A      of engine onednn: auto (default): Winograd's method, for 3x3 and\n"
        "                     5x5 layers of stride 1 and a strided first layer, where a rule of\n"
        "                     the layer's shape says so; direct: nowhere. Slower, and closer to\n"
        "                     darknet\n"
        "  --replay-us US     time an image of engine replay, in microseconds (default 1000)\n"
        "  --replay-seed S    seed of engine replay (default 0)\n"
        "  --slice N          selftest: images at once (default 32)\n"
        "  --labels FILE      selftest: class names, one a line; ID:PROBABILITY:NAME\n"
        "  --top5             selftest: the five best classes\n"
        "  --compare ENGINE   selftest: runs ENGINE too and prints instead, for each image: path,\n"
        "                     status, largest difference of what goes into the softmax over the\n"
        "                     range of ENGINE's, best class of both; the worst on stderr\n"
        "  --help, --version\n"
        "\n"
        "Images are JPEG or PNG of at most 64 MiB and 100 million pixels; other files become\n"
        "rows that say why: missing, unreadable, unsupported, corrupt, too_large, changed.\n"
        "\n"
        "For tests: when the environment variable IDUNNO_TEST_CRASH is set, a file that begins\n"
        "with IDUNNO-TEST-CRASH aborts the process, IDUNNO-TEST-HANG hangs it, and\n"
        "IDUNNO-TEST-EXIT ends it with status 3.\n",
        stdout);
}

// Threads beyond the processor time of the control group would only be made to wait by the kernel.
static uint32_t available_cores(void)
{
    struct idn_cgroup_limits limits;
    cpu_set_t set;
    // It fails where there are more processors than a set of this size holds.
    long cores = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set)
                                                              : sysconf(_SC_NPROCESSORS_ONLN);

    idn_cgroup_read(IDN_CGROUP_GROUPS, IDN_CGROUP_MOUNT, &limits);
    if (cores < 1)
        cores = 1;
    if (cores > IDN_POOL_THREADS_MAX)
        cores = IDN_POOL_THREADS_MAX;
    return limits.cores < cores ? limits.cores : (uint32_t)cores;
}

static int read_number(
    const char *option, uint64_t least, uint64_t most, uint64_t *ret, struct idn_reason *reason)
{
    if (idn_parse_u64(optarg, most, ret) == 0 && *ret >= least)
        return 0;
    return idn_reason_set(reason, -EINVAL,
        "%s \"%.80s\" is not a whole number from %" PRIu64 " to %" PRIu64, option, optarg, least,
        most);
}

static int read_decode(struct idn_infer_options *options, struct idn_reason *reason)
{
    options->engine.decode_fast = strcmp(optarg, "fast") == 0;
    if (options->engine.decode_fast || strcmp(optarg, "exact") == 0)
        return 0;
    return idn_reason_set(reason, -EINVAL, "--decode is exact or fast, not \"%.80s\"", optarg);
}

static int read_engine(const struct idn_engine_ops **ret, struct idn_reason *reason)
{
    char names[IDN_ENGINE_NAMES_SIZE];

    *ret = idn_engine_find(optarg);
    if (*ret != NULL)
        return 0;
    idn_engine_names(names);
    return idn_reason_set(
        reason, -EINVAL, "unknown engine \"%.80s\"; there are: %s", optarg, names);
}

static int read_option(int option, struct idn_infer_options *options, struct idn_reason *reason)
{
    uint64_t number = 0;
    int error = 0;

    switch (option) {
    case OPTION_SOCKET:
        error = read_number("--socket", 0, INT_MAX, &number, reason);
        options->socket = (int)number;
        break;
    case OPTION_ENGINE:
        error = read_engine(&options->engine_ops, reason);
        break;
    case OPTION_THREADS:
        error = read_number("--threads", 0, IDN_POOL_THREADS_MAX, &number, reason);
        options->engine.threads = (uint32_t)number;
        break;
    case OPTION_DECODE:
        error = read_decode(options, reason);
        break;
    case OPTION_ALGORITHM:
        options->engine.direct = strcmp(optarg, "direct") == 0;
        if (!options->engine.direct && strcmp(optarg, "auto") != 0)
            error = idn_reason_set(
                reason, -EINVAL, "unknown algorithm \"%.80s\"; there are: auto, direct", optarg);
        break;
    case OPTION_COMPARE:
        error = read_engine(&options->compare_ops, reason);
        break;
    case OPTION_REPLAY_US:
        error =
            read_number("--replay-us", 0, 60u * 1000 * 1000, &options->engine.replay_us, reason);
        break;
    case OPTION_REPLAY_SEED:
        error = read_number("--replay-seed", 0, UINT64_MAX, &options->engine.replay_seed, reason);
        break;
    case OPTION_SELFTEST:
        options->selftest = true;
        break;
    case OPTION_SLICE:
        error = read_number("--slice", 1, IDN_CHILD_IMAGES_MAX, &number, reason);
        options->slice = (uint32_t)number;
        break;
    case OPTION_LABELS:
        options->labels = optarg;
        break;
    case OPTION_TOP5:
        options->top5 = true;
        break;
    case OPTION_HELP:
        options->help = true;
        break;
    case OPTION_VERSION:
        options->version = true;
        break;
    default:
        return -EINVAL;
    }
    return error;
}

static bool is_of_selftest(const struct idn_infer_options *options)
{
    return options->slice > 0 || options->labels != NULL || options->top5 ||
           options->compare_ops != NULL;
}

static int read_files(
    int argc, char **argv, struct idn_infer_options *ret, struct idn_reason *reason)
{
    if (ret->selftest == (ret->socket >= 0))
        return idn_reason_set(reason, -EINVAL,
            "give either --socket FD (from idunno-worker) or --selftest CFG WEIGHTS LIST");
    if (argc - optind != (ret->selftest ? 3 : 0))
        return idn_reason_set(reason, -EINVAL,
            ret->selftest ? "--selftest takes three files: CFG WEIGHTS LIST"
                          : "with --socket no files are given: the agent names them");
    if (!ret->selftest && is_of_selftest(ret))
        return idn_reason_set(
            reason, -EINVAL, "--slice, --labels, --top5 and --compare are of --selftest only");
    if (ret->compare_ops != NULL && (ret->slice > 0 || ret->labels != NULL || ret->top5))
        return idn_reason_set(reason, -EINVAL,
            "--compare prints lines of its own: leave --slice, --labels and --top5 away");
    ret->engine.logits = ret->compare_ops != NULL;
    if (ret->selftest) {
        ret->cfg = argv[optind];
        ret->weights = argv[optind + 1];
        ret->list = argv[optind + 2];
    }
    return 0;
}

int idn_infer_options_read(
    int argc, char **argv, struct idn_infer_options *ret, struct idn_reason *reason)
{
    struct idn_infer_options options = {
        .socket = -1, .engine_ops = &idn_engine_onednn, .engine = {.replay_us = 1000}};
    int option, error;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        if (option == ':')
            return idn_reason_set(reason, -EINVAL, "option %s needs a value", argv[optind - 1]);
        if (option == '?')
            return idn_reason_set(
                reason, -EINVAL, "unknown option %s; see --help", argv[optind - 1]);
        error = read_option(option, &options, reason);
        if (error != 0)
            return error;
    }
    if (options.engine.threads == 0)
        options.engine.threads = available_cores();
    error = options.help || options.version ? 0 : read_files(argc, argv, &options, reason);
    if (error != 0)
        return error;
    *ret = options;
    return 0;
}
