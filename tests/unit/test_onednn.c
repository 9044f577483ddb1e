// Engine onednn, layer kind by layer kind, against libdarknet's own forward pass on networks of a
// few layers with drawn weights.
#include "tests/lib/check.h"
#include "tests/lib/darknet_nets.h"
#include "worker/infer/onednn_plan.h"

#include <stdlib.h>

enum { IMAGES = 5 };
#define DIRECT_MOST   1e-5
#define WINOGRAD_MOST 1e-3

static struct idn_dnnl dnnl;
static struct idn_pool *pool;

static struct idn_plan *compile(network *net, bool winograd)
{
    struct idn_reason reason = {""};
    struct idn_plan *plan = NULL;

    int error = idn_plan_new(net, &dnnl, winograd, false, 2, &plan, &reason);
    if (error != 0)
        (void)printf("  %s\n", reason.text);
    return plan;
}

// The largest difference over IMAGES drawn images; also tells what ran a layer.
static double difference(
    uint32_t h, uint32_t w, const char *text, bool winograd, const char *expected_step)
{
    network *reference = nets_parse(h, w, text, 7);
    size_t inputs = (size_t)reference->inputs, outputs = (size_t)reference->outputs;
    float *pixels = idn_floats(IMAGES * inputs), *rows = idn_floats(IMAGES * outputs);
    struct idn_input input[IMAGES];
    struct idn_plan *plan = compile(nets_parse(h, w, text, 7), winograd);
    double worst = 0;
    bool found = false;

    CHECK(plan != NULL);
    for (uint32_t i = 0; i < plan->steps; i++)
        found = found || strstr(plan->step[i].name, expected_step) != NULL;
    nets_fill(pixels, IMAGES * inputs, 99);
    for (uint32_t i = 0; i < IMAGES; i++)
        input[i] = (struct idn_input){.index = i, .pixels = pixels + i * inputs};
    idn_plan_run(plan, pool, input, IMAGES, rows);
    for (uint32_t i = 0; i < IMAGES; i++) {
        const float *answer = network_predict(reference, pixels + i * inputs);
        double one = nets_difference(answer, rows + i * outputs, outputs);
        worst = one > worst || one != one ? one : worst;
        if (nets_best(answer, outputs) != nets_best(rows + i * outputs, outputs))
            worst = 1;
    }
    idn_plan_destroy(&plan);
    nets_free(reference);
    free(pixels);
    free(rows);
    if (!found)
        (void)printf("  no step \"%s\"\n", expected_step);
    return found ? worst : 1;
}

#define CONV(filters, size, stride, pad, activation)                                       \
    "[convolutional]\nfilters=" #filters "\nsize=" #size "\nstride=" #stride "\npad=" #pad \
    "\nactivation=" #activation "\n"
#define NORMED(filters, size, stride, pad, activation)                                          \
    "[convolutional]\nbatch_normalize=1\nfilters=" #filters "\nsize=" #size "\nstride=" #stride \
    "\npad=" #pad "\nactivation=" #activation "\n"

struct net_case {
    const char *what, *text, *step;
    uint32_t h, w;
    bool winograd;
};

static void run_cases(const struct net_case *cases, size_t count)
{
    bool failed = false;

    for (size_t i = 0; i < count; i++) {
        const struct net_case *one = &cases[i];
        double found = difference(one->h, one->w, one->text, one->winograd, one->step);
        bool bad = !(found <= (one->winograd ? WINOGRAD_MOST : DIRECT_MOST));
        if (bad)
            (void)printf("  %s: %.3g\n", one->what, found);
        failed = failed || bad;
    }
    CHECK(!failed);
}
#define RUN_CASES(cases) run_cases(cases, sizeof(cases) / sizeof(*(cases)))

static void test_convolutions(void)
{
    static const struct net_case cases[] = {
        {"3x3", CONV(16, 3, 1, 1, linear), "direct", 12, 12, false},
        {"oblong, odd", CONV(13, 3, 1, 1, relu), "direct", 11, 17, false},
        {"strided, without padding", CONV(24, 5, 3, 0, leaky), "direct", 21, 23, false},
        {"1x1", CONV(8, 3, 1, 1, leaky) CONV(20, 1, 1, 0, linear), "direct", 9, 9, false},
        {"batch norm", NORMED(16, 3, 1, 1, leaky), "direct", 12, 12, false},
        {"1x1, stride 2: darknet's rule", CONV(16, 3, 1, 1, relu) NORMED(32, 1, 2, 0, relu),
            "libdarknet", 13, 12, false},
        {"groups",
            CONV(32, 3, 1, 1, relu) "[convolutional]\ngroups=4\nfilters=64\nsize=3\nstride=1\n"
                                    "pad=1\nactivation=leaky\nbatch_normalize=1\n",
            "direct", 10, 10, false},
        {"logistic", CONV(16, 3, 1, 1, logistic), "direct", 12, 12, false},
        {"tanh", NORMED(16, 3, 1, 1, tanh), "direct", 12, 12, false},
        {"ramp, elu, selu, hardtan",
            CONV(16, 3, 1, 1, ramp) CONV(16, 3, 1, 1, elu) CONV(16, 1, 1, 0, selu)
                CONV(16, 3, 2, 1, hardtan),
            "direct", 12, 12, false},
        {"heavy", CONV(96, 3, 1, 1, relu) CONV(320, 3, 1, 1, relu) CONV(48, 1, 1, 0, linear),
            "direct", 7, 7, false},
    };
    RUN_CASES(cases);
}

static void test_winograd(void)
{
    static const struct net_case cases[] = {
        {"3x3", CONV(32, 3, 1, 1, relu) CONV(32, 3, 1, 1, linear), "4x4 3x3", 12, 12, true},
        {"oblong", CONV(32, 3, 1, 1, relu) NORMED(48, 3, 1, 1, leaky), "5x5 3x3", 13, 7, true},
        {"uneven tiles", CONV(32, 3, 1, 1, relu) CONV(48, 3, 1, 1, relu), "5x5 3x3", 13, 14, true},
        {"uneven tiles one way", CONV(32, 3, 1, 1, relu) CONV(48, 3, 1, 1, relu), "5x5 3x3", 10, 9,
            true},
        {"no padding", CONV(48, 3, 1, 1, relu) CONV(64, 3, 1, 0, relu), "4x4 3x3", 9, 14, true},
        {"5x5", CONV(48, 3, 1, 1, relu) CONV(80, 5, 1, 1, leaky), "4x4 5x5", 9, 10, true},
        {"other activation", CONV(32, 3, 1, 1, relu) CONV(32, 3, 1, 1, tanh), "4x4 3x3", 8, 8,
            true},
        {"heavy", CONV(128, 3, 1, 1, relu) CONV(256, 3, 1, 1, leaky) CONV(32, 1, 1, 0, linear),
            "4x4 3x3", 8, 8, true},
        {"with shortcut",
            CONV(32, 3, 1, 1, leaky)
                CONV(32, 3, 1, 1, linear) "[shortcut]\nfrom=-2\n"
                                          "activation=leaky\n" CONV(48, 3, 1, 1, relu),
            "3x3 + shortcut", 10, 9, true},
        {"with shortcut, read again",
            CONV(32, 3, 1, 1, leaky)
                CONV(32, 3, 1, 1, linear) "[shortcut]\nfrom=-2\n"
                                          "activation=leaky\n[route]\nlayers=-1,-2\n",
            "shortcut", 10, 9, true},
        {"with shortcut to itself",
            CONV(32, 3, 1, 1, leaky) CONV(32, 3, 1, 1, linear) "[shortcut]\nfrom=-1\n"
                                                               "activation=relu\n",
            "shortcut", 10, 9, true},
        {"5x5 with shortcut",
            CONV(32, 3, 1, 1, leaky) CONV(32, 5, 1, 1, linear) "[shortcut]\nfrom=-2\n"
                                                               "activation=linear\n",
            "5x5 + shortcut", 10, 9, true},
        {"strided, from pixels", CONV(32, 11, 4, 0, relu) CONV(32, 3, 1, 1, linear), "phases", 75,
            63, true},
        {"strided, from a layer",
            CONV(3, 1, 1, 0, linear) NORMED(48, 7, 2, 1, leaky) CONV(32, 3, 1, 1, linear), "phases",
            24, 31, true},
        {"strided, other taps", CONV(32, 7, 2, 1, tanh), "4x4 4x4", 31, 26, true},
        {"strided, even kernel", CONV(32, 6, 2, 1, relu), "5x5 3x3", 28, 27, true},
        {"strided, many channels stay direct", CONV(32, 3, 1, 1, relu) CONV(32, 3, 2, 1, relu),
            "direct", 17, 18, true},
        {"few channels stay direct", CONV(16, 3, 1, 1, relu) CONV(16, 3, 1, 1, relu), "direct", 12,
            12, true},
    };
    RUN_CASES(cases);
}

static void test_pooling(void)
{
    static const struct net_case cases[] = {
        {"2x2", CONV(16, 3, 1, 1, linear) "[maxpool]\nsize=2\nstride=2\n", "maxpool", 12, 12,
            false},
        {"3x3 stride 2, padding as darknet likes it",
            CONV(8, 3, 1, 1, linear) "[maxpool]\nsize=3\nstride=2\n", "maxpool", 13, 12, false},
        {"3x3 stride 2 without padding",
            CONV(8, 3, 1, 1, linear) "[maxpool]\nsize=3\nstride=2\npadding=0\n", "maxpool", 13, 16,
            false},
        {"2x2 stride 1 (tiny)", CONV(8, 3, 1, 1, linear) "[maxpool]\nsize=2\nstride=1\n", "maxpool",
            13, 12, false},
        {"5x5 padding 3", CONV(8, 3, 1, 1, linear) "[maxpool]\nsize=5\nstride=3\npadding=3\n",
            "maxpool", 14, 15, false},
        {"average", CONV(40, 3, 1, 1, leaky) "[avgpool]\n", "average", 9, 11, false},
    };
    RUN_CASES(cases);
}

static void test_connected(void)
{
    static const struct net_case cases[] = {
        {"from pixels", "[connected]\noutput=10\nactivation=linear\n", "inner product", 6, 7,
            false},
        {"from a layer, channels and pixels",
            CONV(12, 3, 1, 1, relu) "[connected]\noutput=200\nactivation=relu\n"
                                    "[dropout]\nprobability=.5\n"
                                    "[connected]\noutput=33\nactivation=leaky\n",
            "inner product", 7, 6, false},
        {"batch norm, logistic",
            CONV(12, 3, 1, 1, relu) "[connected]\noutput=70\nbatch_normalize=1\n"
                                    "activation=logistic\n",
            "inner product", 7, 6, false},
    };
    RUN_CASES(cases);
}

static void test_paths(void)
{
    static const struct net_case cases[] = {
        {"shortcut",
            CONV(16, 3, 1, 1, leaky) CONV(16, 3, 1, 1, linear) "[shortcut]\nfrom=-2\n"
                                                               "activation=leaky\n",
            "shortcut", 9, 9, false},
        {"shortcut to half the pixels, twice the channels",
            CONV(16, 3, 1, 1, leaky) CONV(32, 3, 2, 1, linear) "[shortcut]\nfrom=-2\n"
                                                               "activation=relu\n",
            "shortcut", 12, 12, false},
        {"shortcut to half the pixels, fewer channels",
            CONV(50, 3, 1, 1, leaky) CONV(21, 3, 2, 1, linear) "[shortcut]\nfrom=-2\n"
                                                               "activation=leaky\n",
            "shortcut", 12, 12, false},
        {"shortcut to half of an odd number of pixels",
            CONV(16, 3, 1, 1, leaky) CONV(32, 3, 2, 1, linear) "[shortcut]\nfrom=-2\n"
                                                               "activation=leaky\n",
            "shortcut", 14, 10, false},
        {"shortcut of a share",
            CONV(16, 3, 1, 1, leaky) CONV(16, 3, 1, 1, linear) "[shortcut]\nfrom=-2\nalpha=.5\n"
                                                               "beta=2\nactivation=leaky\n",
            "shortcut", 9, 9, false},
        {"shortcut to twice the pixels, fewer channels",
            CONV(16, 3, 2, 1, leaky) "[route]\nlayers=-1\n[upsample]\nstride=2\n" CONV(
                8, 3, 1, 1, linear) "[shortcut]\nfrom=-4\nactivation=linear\n",
            "shortcut", 12, 12, false},
        {"shortcut with other activation",
            CONV(16, 3, 1, 1, leaky) CONV(16, 3, 1, 1, linear) "[shortcut]\nfrom=-2\n"
                                                               "activation=tanh\n",
            "shortcut", 9, 9, false},
        {"route of two",
            CONV(16, 3, 1, 1, leaky)
                CONV(12, 3, 1, 1, linear) "[route]\nlayers=-1,-2\n" CONV(10, 1, 1, 0, linear),
            "route", 9, 9, false},
        {"route of one",
            CONV(16, 3, 1, 1, leaky)
                CONV(12, 3, 1, 1, linear) "[route]\nlayers=-2\n" CONV(10, 1, 1, 0, linear),
            "direct", 9, 9, false},
    };
    RUN_CASES(cases);
}

static void test_other_layers(void)
{
    static const struct net_case cases[] = {
        {"normalization, default", CONV(16, 3, 1, 1, relu) "[normalization]\n", "normalization", 9,
            9, false},
        {"normalization, strong",
            CONV(24, 3, 1, 1, leaky) "[normalization]\nsize=7\nalpha=.3\nbeta=.6\nkappa=2\n",
            "normalization", 9, 9, false},
        {"normalization, even size",
            CONV(24, 3, 1, 1, leaky) "[normalization]\nsize=4\nalpha=.3\nbeta=.75\nkappa=2\n",
            "normalization", 9, 9, false},
        {"batch norm by itself", CONV(16, 3, 1, 1, relu) "[batchnorm]\n", "batch norm", 9, 8,
            false},
        {"activation", CONV(16, 3, 1, 1, linear) "[activation]\nactivation=logistic\n",
            "activation", 9, 9, false},
        {"softmax", CONV(16, 3, 1, 1, linear) "[avgpool]\n[softmax]\n", "softmax", 9, 9, false},
        {"softmax in groups", CONV(16, 3, 1, 1, linear) "[avgpool]\n[softmax]\ngroups=4\n",
            "softmax", 9, 9, false},
        {"softmax with temperature, then cost",
            CONV(16, 3, 1, 1, linear) "[avgpool]\n[softmax]\ntemperature=3\n[cost]\n", "softmax", 9,
            9, false},
        {"softmax of planes", CONV(6, 3, 1, 1, linear) "[softmax]\ngroups=1\n", "libdarknet", 5, 5,
            false},
    };
    RUN_CASES(cases);
}

static void test_by_darknet(void)
{
    static const struct net_case cases[] = {
        {"local",
            CONV(8, 3, 1, 1, relu) "[local]\nfilters=6\nsize=3\nstride=1\npad=1\n"
                                   "activation=leaky\n" CONV(9, 1, 1, 0, linear),
            "libdarknet", 7, 8, false},
        {"reorg", CONV(8, 3, 1, 1, relu) "[reorg]\nstride=2\n" CONV(9, 1, 1, 0, linear),
            "libdarknet", 8, 8, false},
        {"upsample", CONV(8, 3, 1, 1, relu) "[upsample]\nstride=2\n", "libdarknet", 5, 7, false},
        {"crop",
            "[crop]\ncrop_height=8\ncrop_width=7\nflip=0\nangle=0\nsaturation=1\nexposure=1\n"
            "shift=.2\n" CONV(9, 3, 1, 1, relu),
            "libdarknet", 11, 12, false},
        {"l2norm", CONV(8, 3, 1, 1, relu) "[l2norm]\n", "libdarknet", 5, 7, false},
        {"logistic", CONV(8, 3, 1, 1, linear) "[avgpool]\n[logistic]\n", "libdarknet", 5, 7, false},
        {"binary weights",
            CONV(8, 3, 1, 1, relu) "[convolutional]\nbinary=1\nfilters=9\nsize=3\nstride=1\npad=1\n"
                                   "activation=linear\n",
            "libdarknet", 6, 6, false},
    };
    RUN_CASES(cases);
}

// While darknet computes a layer of a plan, its gemm is oneDNN's, which rounds otherwise: nothing
// else differs here. (Engine darknet keeps its own: infer_golden holds it to the bit.)
static void test_gemm(void)
{
    static const char text[] = "[convolutional]\nbinary=1\nfilters=40\nsize=5\nstride=1\npad=1\n"
                               "activation=linear\n";
    network *net = nets_parse(9, 8, text, 7);
    struct idn_plan *plan = compile(nets_parse(9, 8, text, 7), false);
    float pixels[3 * 9 * 8], rows[40 * 9 * 8];

    nets_fill(pixels, sizeof(pixels) / sizeof(*pixels), 5);
    idn_plan_run(plan, pool, &(struct idn_input){.pixels = pixels}, 1, rows);
    const float *answer = network_predict(net, pixels);
    CHECK(nets_difference(answer, rows, 40 * 9 * 8) <= DIRECT_MOST);
    // Without fused multiply-add they happen to agree.
    CHECK(plan->kernels == &idn_kernels_generic || memcmp(answer, rows, sizeof(rows)) != 0);
    idn_plan_destroy(&plan);
    nets_free(net);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_convolutions),
        CHECK_TEST(test_winograd),
        CHECK_TEST(test_pooling),
        CHECK_TEST(test_connected),
        CHECK_TEST(test_paths),
        CHECK_TEST(test_other_layers),
        CHECK_TEST(test_gemm),
        CHECK_TEST(test_by_darknet),
    };
    struct idn_reason reason = {""};

    if (idn_dnnl_init(&dnnl, 2, &reason) != 0 || idn_pool_new(2, &pool) != 0)
        return 1;
    int failed = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
    idn_pool_destroy(&pool);
    idn_dnnl_fini(&dnnl);
    return failed;
}
