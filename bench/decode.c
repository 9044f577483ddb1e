// What an image costs before the network sees it, in milliseconds a stage on one thread, against
// libdarknet's own load_image_color and center_crop_image in the same run. Prints a table, or CSV.
//
// libdarknet gets a copy under a name of ours, of files that our decoder has accepted: it hands the
// name of a file that it cannot read to a shell.
#include "base/assert.h"
#include "base/text.h"
#include "weights/list.h"
#include "worker/infer/crop.h"
#include "worker/infer/image.h"
#include "worker/infer/source.h"

#include <darknet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COPY_NAME "picture"

enum { RUNS_MAX = 1000, SIDE_MAX = 4096 };

enum { OURS_READ, OURS_DECODE, OURS_CROP, OURS, THEIRS_LOAD, THEIRS_CROP, THEIRS, STAGES };

static const char *const stage_names[STAGES] = {"read", "decode", "crop", "total",
    "darknet load_image_color", "darknet center_crop_image", "darknet total"};

struct options {
    uint64_t runs, side, least_side;
    bool csv, darknet;
    const char *list;
};

// One image's fastest run of each stage: what other processes took from us is not the stage's.
struct measured {
    double ms[STAGES];
};

static double now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void keep_least(double *least, double ms)
{
    if (*least == 0 || ms < *least)
        *least = ms;
}

static int write_copy(const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(COPY_NAME, "wb");

    if (file == NULL)
        return -errno;
    bool written = fwrite(bytes, 1, size, file) == size;
    return fclose(file) == 0 && written ? 0 : -EIO;
}

// Returns 0, or the status that the image has. Leaves the copy for darknet.
static int measure_ours(const struct options *options, const struct idn_child_image *image,
    struct idn_pixels *pixels, float *input, struct measured *measured)
{
    uint8_t *bytes;
    size_t size;
    double begun = now_ms();
    int status = idn_source_read(image, &bytes, &size);
    double got = now_ms();

    if (status != 0)
        return status;
    status = idn_image_decode(bytes, size, (uint32_t)options->least_side, pixels);
    double decoded = now_ms();
    if (status == 0) {
        idn_crop(pixels, (uint32_t)options->side, (uint32_t)options->side, input);
        double cropped = now_ms();
        keep_least(&measured->ms[OURS_READ], got - begun);
        keep_least(&measured->ms[OURS_DECODE], decoded - got);
        keep_least(&measured->ms[OURS_CROP], cropped - decoded);
        keep_least(&measured->ms[OURS], cropped - begun);
    }
    if (status == 0 && options->darknet && write_copy(bytes, size) != 0) {
        (void)fprintf(stderr, "bench-decode: no room here for a copy of %s\n", image->path);
        (void)unlink(COPY_NAME);
        exit(EXIT_FAILURE);
    }
    free(bytes);
    return status;
}

// Returns how many floats of the input differ from darknet's.
static size_t measure_darknet(
    const struct options *options, const float *input, struct measured *measured)
{
    char name[] = COPY_NAME;
    size_t different = 0, count = 3 * options->side * options->side;
    double begun = now_ms();
    image whole = load_image_color(name, 0, 0);
    double loaded = now_ms();
    image square = center_crop_image(whole, (int)options->side, (int)options->side);
    double cropped = now_ms();

    keep_least(&measured->ms[THEIRS_LOAD], loaded - begun);
    keep_least(&measured->ms[THEIRS_CROP], cropped - loaded);
    keep_least(&measured->ms[THEIRS], cropped - begun);
    for (size_t i = 0; i < count; i++)
        different += square.data[i] != input[i];
    free_image(whole);
    free_image(square);
    return different;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

// Over the images: median, and the mean, which is what many images cost.
static void print_stage(
    const struct options *options, const struct measured *measured, uint32_t images, int stage)
{
    double *ms = malloc(images * sizeof(*ms)), sum = 0;

    IDN_ASSERT(ms != NULL);
    for (uint32_t i = 0; i < images; i++)
        sum += ms[i] = measured[i].ms[stage];
    qsort(ms, images, sizeof(*ms), compare);
    (void)printf(options->csv ? "%s,%.3f,%.3f,%.3f\n" : "%-26s %8.3f %8.3f %8.3f\n",
        stage_names[stage], ms[images / 2], sum / images, ms[images - 1]);
    free(ms);
}

static void print_all(const struct options *options, const struct measured *measured,
    uint32_t images, size_t different)
{
    if (images == 0)
        return;
    (void)printf(options->csv ? "%s,%s,%s,%s\n" : "%-26s %8s %8s %8s\n", "stage, ms an image",
        "median", "mean", "most");
    for (int stage = 0; stage < (options->darknet ? STAGES : THEIRS_LOAD); stage++)
        print_stage(options, measured, images, stage);
    if (options->darknet)
        (void)printf(options->csv ? "different floats,%zu\n" : "%zu floats differ from darknet's\n",
            different);
}

static int run(const struct options *options, const struct idn_list *list)
{
    uint32_t images = idn_list_count(list), good = 0;
    struct measured *measured = calloc(images + 1, sizeof(*measured));
    float *input = malloc(3 * options->side * options->side * sizeof(*input));
    struct idn_pixels pixels = {0};
    struct idn_list_entry entry;
    size_t different = 0;

    IDN_ASSERT(measured != NULL && input != NULL);
    for (uint32_t i = 0; i < images; i++) {
        idn_list_get(list, i, &entry);
        struct idn_child_image image = {.index = i, .path = entry.path};
        int status = 0;
        for (uint64_t n = 0; n < options->runs && status == 0; n++) {
            status = measure_ours(options, &image, &pixels, input, &measured[good]);
            size_t found = status == 0 && options->darknet
                               ? measure_darknet(options, input, &measured[good])
                               : 0;
            different += n == 0 ? found : 0;
        }
        if (status != 0)
            (void)fprintf(
                stderr, "bench-decode: %s: %s\n", entry.path, idn_status_name((uint8_t)status));
        good += status == 0;
    }
    print_all(options, measured, good, different);
    idn_pixels_fini(&pixels);
    free(input);
    free(measured);
    return good == images ? 0 : 1;
}

static int usage(void)
{
    (void)fputs("usage: bench-decode [--runs N] [--size SIDE] [--fast] [--alone] [--csv] LIST\n"
                "  --size   side of the network's input (227)\n"
                "  --fast   decode large JPEGs at a smaller scale, as decode = fast does\n"
                "  --alone  without libdarknet\n",
        stderr);
    return 2;
}

static bool read_options(int argc, char **argv, struct options *ret)
{
    static const struct option names[] = {{"runs", 1, NULL, 'r'}, {"size", 1, NULL, 's'},
        {"fast", 0, NULL, 'f'}, {"alone", 0, NULL, 'a'}, {"csv", 0, NULL, 'c'}, {0}};
    struct options options = {.runs = 5, .side = 227, .darknet = true};
    int option;
    bool fast = false, good = true;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'r')
            good = idn_parse_u64(optarg, RUNS_MAX, &options.runs) == 0 && options.runs > 0;
        else if (option == 's')
            good = idn_parse_u64(optarg, SIDE_MAX, &options.side) == 0 && options.side > 0;
        fast = fast || option == 'f';
        options.darknet = options.darknet && option != 'a';
        options.csv = options.csv || option == 'c';
        if (!good || option == '?')
            return false;
    }
    options.least_side = fast ? options.side : 0;
    options.list = argv[optind];
    *ret = options;
    return optind + 1 == argc;
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/idunno-decode-XXXXXX";
    struct options options;
    struct idn_list *list = NULL;
    struct idn_reason reason = {""};

    if (!read_options(argc, argv, &options))
        return usage();
    if (idn_list_open(options.list, &list, &reason) != 0) {
        (void)fprintf(stderr, "bench-decode: %s\n", reason.text);
        return 1;
    }
    if (mkdtemp(folder) == NULL || chdir(folder) != 0) {
        (void)fprintf(stderr, "bench-decode: %s: %s\n", folder, strerror(errno));
        idn_list_destroy(&list);
        return 1;
    }
    int status = run(&options, list);
    idn_list_destroy(&list);
    (void)unlink(COPY_NAME);
    (void)rmdir(folder);
    return status;
}
