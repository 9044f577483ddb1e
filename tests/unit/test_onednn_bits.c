// Engine onednn gives an image the same bits alone, at any place of a slice, in a slice of any
// size and with any number of threads.
#include "tests/lib/check.h"
#include "tests/lib/darknet_nets.h"
#include "worker/infer/onednn_plan.h"

#include <stdlib.h>

enum { IMAGES = 70, H = 36, W = 52, INPUTS = 3 * H * W, OUTPUTS = 37 };
static_assert((int)IMAGES > (int)IDN_PLAN_PASS, "more than one pass");

// Deep and wide segments, direct and Winograd's convolutions (with stride, with tiles of four
// kinds), each kind of step that has a batch.
static const char everything[] =
    "[convolutional]\nbatch_normalize=1\nfilters=32\nsize=7\nstride=2\npad=1\nactivation=leaky\n"
    "[maxpool]\nsize=2\nstride=2\n"
    "[convolutional]\nbatch_normalize=1\nfilters=48\nsize=3\nstride=1\npad=1\nactivation=relu\n"
    "[convolutional]\nfilters=48\nsize=3\nstride=1\npad=1\nactivation=linear\n"
    "[shortcut]\nfrom=-2\nactivation=leaky\n"
    "[convolutional]\nfilters=320\nsize=3\nstride=2\npad=1\nactivation=leaky\n"
    "[convolutional]\nfilters=128\nsize=3\nstride=1\npad=1\nactivation=leaky\n"
    "[convolutional]\nfilters=160\nsize=5\nstride=1\npad=1\nactivation=tanh\n"
    "[route]\nlayers=-1,-2\n"
    "[normalization]\n"
    "[convolutional]\nfilters=96\nsize=1\nstride=1\npad=0\nactivation=leaky\n"
    "[connected]\noutput=150\nactivation=relu\n"
    "[dropout]\nprobability=.5\n"
    "[connected]\noutput=37\nactivation=linear\n"
    "[softmax]\n";

struct rig {
    struct idn_dnnl dnnl;
    struct idn_pool *pool;
    struct idn_plan *plan;
};

static void rig_init(struct rig *rig, uint32_t threads, bool winograd)
{
    struct idn_reason reason;

    CHECK_INT(idn_dnnl_init(&rig->dnnl, threads, &reason), 0);
    CHECK_INT(idn_pool_new(threads, &rig->pool), 0);
    CHECK_INT(idn_plan_new(nets_parse(H, W, everything, 3), &rig->dnnl, winograd, false, threads,
                  &rig->plan, &reason),
        0);
}

static void rig_fini(struct rig *rig)
{
    idn_plan_destroy(&rig->plan);
    idn_pool_destroy(&rig->pool);
    idn_dnnl_fini(&rig->dnnl);
}

static struct idn_input input[IMAGES];
static float pixels[IMAGES * INPUTS], expected[IMAGES * OUTPUTS], rows[IMAGES * OUTPUTS];

// In slices of `size`, starting with image `first` and going round.
static void run_slices(struct rig *rig, uint32_t size, uint32_t first)
{
    struct idn_input turned[IMAGES];
    uint32_t different = 0;

    for (uint32_t i = 0; i < IMAGES; i++)
        turned[i] = input[(first + i) % IMAGES];
    for (uint32_t i = 0; i < IMAGES; i += size)
        idn_plan_run(rig->plan, rig->pool, turned + i, IMAGES - i < size ? IMAGES - i : size,
            rows + (size_t)i * OUTPUTS);
    for (uint32_t i = 0; i < IMAGES; i++)
        different +=
            memcmp(rows + (size_t)i * OUTPUTS, expected + (size_t)turned[i].index * OUTPUTS,
                OUTPUTS * sizeof(*rows)) != 0;
    if (different > 0)
        (void)printf("  slices of %u, first image %u, %u threads:\n", size, first,
            idn_pool_threads(rig->pool));
    CHECK_INT(different, 0);
}

static void run_algorithm(bool winograd)
{
    static const uint32_t threads[] = {1, 2, 3, 5}, sizes[] = {IMAGES, 64, 33, 17, 16, 5, 2, 1};
    struct rig rig;

    nets_fill(pixels, (size_t)IMAGES * INPUTS, 11);
    for (uint32_t i = 0; i < IMAGES; i++)
        input[i] = (struct idn_input){.index = i, .pixels = pixels + (size_t)i * INPUTS};
    rig_init(&rig, 1, winograd);
    for (uint32_t i = 0; i < IMAGES; i++)
        idn_plan_run(rig.plan, rig.pool, &input[i], 1, expected + (size_t)i * OUTPUTS);
    CHECK(memcmp(expected, expected + OUTPUTS, OUTPUTS * sizeof(*expected)) != 0);
    rig_fini(&rig);
    for (size_t t = 0; t < sizeof(threads) / sizeof(*threads); t++) {
        rig_init(&rig, threads[t], winograd);
        for (uint32_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++)
            run_slices(&rig, sizes[s], s * 7 % IMAGES);
        rig_fini(&rig);
    }
}

static void test_auto(void)
{
    run_algorithm(true);
}

static void test_direct(void)
{
    run_algorithm(false);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {CHECK_TEST(test_auto), CHECK_TEST(test_direct)};

    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
