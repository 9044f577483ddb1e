// idunno-dataset: data sets to try the service with, and the lists of one's own.
#include "bench/dataset.h"

#include "base/text.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: idunno-dataset make --images N --output DIR [--seed S] [--list FILE]\n"
    "       idunno-dataset list DIR [--hash] [--output FILE]\n"
    "\n"
    "  make   N different JPEGs of 300 to 500 pixels a side, cut, scaled and colour-shifted from "
    "the\n"
    "         photos of Debian's package darknet; the same for a seed (default 1) everywhere. "
    "Writes\n"
    "         DIR/images.list, with --list also FILE. A set that is there already is used again.\n"
    "  list   the JPEG and PNG files below DIR, told by their content, sorted by path: a data "
    "set's\n"
    "         list, on stdout or in FILE. --hash adds size and SHA-256, so that workers can tell\n"
    "         changed images.\n"
    "\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 done, 1 failure, 2 wrong usage.\n";

enum { FOR_MAKE = 1, FOR_LIST = 2 };

static const struct option long_options[] = {
    {"images", required_argument, NULL, 'n'},
    {"seed", required_argument, NULL, 's'},
    {"output", required_argument, NULL, 'o'},
    {"list", required_argument, NULL, 'l'},
    {"hash", no_argument, NULL, 'H'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

struct options {
    const char *images, *seed, *output, *list; // NULL when not given
    bool hash;
    char *const *operand;
    int operands;
};

// Returns the commands that the option is for.
static unsigned take_option(struct options *options, int found, const char *value)
{
    switch (found) {
    case 'n':
        options->images = value;
        return FOR_MAKE;
    case 's':
        options->seed = value;
        return FOR_MAKE;
    case 'l':
        options->list = value;
        return FOR_MAKE;
    case 'H':
        options->hash = true;
        return FOR_LIST;
    default:
        options->output = value;
        return FOR_MAKE | FOR_LIST;
    }
}

static int run_make(const struct options *options)
{
    uint64_t images = 0, seed = 1;

    if (options->images == NULL || options->output == NULL || options->operands != 0)
        return idn_program_usage(
            IDN_DATASET, "make needs --images N and --output DIR, and nothing else");
    if (idn_parse_u64(options->images, IDN_DATASET_IMAGES_MAX, &images) < 0 || images == 0)
        return idn_program_usage(IDN_DATASET, "--images '%s' is not a whole number from 1 to %d",
            options->images, (int)IDN_DATASET_IMAGES_MAX);
    if (options->seed != NULL && idn_parse_u64(options->seed, UINT64_MAX, &seed) < 0)
        return idn_program_usage(IDN_DATASET,
            "--seed '%s' is not a whole number from 0 to 18446744073709551615", options->seed);
    return idn_dataset_make((uint32_t)images, seed, options->output, options->list);
}

static int run_list(const struct options *options)
{
    if (options->operands != 1)
        return idn_program_usage(IDN_DATASET, "list needs one folder");
    return idn_dataset_list(options->operand[0], options->hash, options->output);
}

static int run(const char *name, unsigned wanted, const struct options *options)
{
    static const char *const names[] = {"make", "list"};

    for (size_t i = 0; i < 2; i++) {
        if (strcmp(name, names[i]) != 0)
            continue;
        if ((wanted & (i == 0 ? FOR_MAKE : FOR_LIST)) == 0)
            return idn_program_usage(
                IDN_DATASET, "an option given is not for %s; see idunno-dataset --help", name);
        return i == 0 ? run_make(options) : run_list(options);
    }
    const char *nearest = idn_nearest(name, names, 2);
    return idn_program_usage(IDN_DATASET, "unknown command '%s'%s%s; known are make and list", name,
        nearest == NULL ? "" : ", nearest is ", nearest == NULL ? "" : nearest);
}

int main(int argc, char **argv)
{
    struct options options = {0};
    unsigned wanted = FOR_MAKE | FOR_LIST;
    int found;

    opterr = 0;
    while ((found = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        if (found == '?' || found == ':')
            return idn_program_bad_option(IDN_DATASET, found, argv[optind - 1], long_options);
        if (found == 'h' || found == 'V') {
            (void)printf("%s", found == 'h' ? help : "idunno-dataset " IDN_VERSION "\n");
            return idn_program_end(IDN_DATASET, IDN_EXIT_OK);
        }
        wanted &= take_option(&options, found, optarg);
    }
    if (optind == argc)
        return idn_program_usage(IDN_DATASET, "a command is missing: make or list; see --help");
    options.operand = argv + optind + 1;
    options.operands = argc - optind - 1;
    return idn_program_end(IDN_DATASET, run(argv[optind], wanted, &options));
}
