// Networks of random layers: whatever the checks of cfgs let through, engine onednn computes as
// libdarknet does, or refuses. `unit-onednn_random FIRST LAST` tries those seeds.
#include "tests/lib/check.h"
#include "tests/lib/darknet_nets.h"
#include "weights/cfg.h"
#include "worker/infer/onednn_plan.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { IMAGES = 3, LAYERS_MOST = 7, TEXT_SIZE = 4096, VALUES_MOST = 1 << 13 };
#define DIFFERENCE_MOST 1e-3

static struct idn_dnnl dnnl;
static struct idn_pool *pool;
static unsigned first_seed = 1, last_seed = 120;

struct writer {
    uint64_t state;
    char text[TEXT_SIZE];
    size_t length, layers;
};

// 0 .. below - 1, SplitMix64.
static unsigned draw(struct writer *writer, unsigned below)
{
    uint64_t z = writer->state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (unsigned)((z ^ z >> 31) % below);
}

static void put(struct writer *writer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void put(struct writer *writer, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    writer->length += (size_t)vsnprintf(
        writer->text + writer->length, TEXT_SIZE - writer->length, format, arguments);
    va_end(arguments);
    CHECK(writer->length < TEXT_SIZE);
}

// Steady ones: where a function jumps, rounding makes any difference.
static void put_activation(struct writer *writer)
{
    static const char *const names[] = {"linear", "leaky", "relu", "relu", "leaky", "linear",
        "logistic", "tanh", "elu", "selu", "ramp", "loggy", "relie", "plse", "hardtan", "lhtan"};

    put(writer, "activation=%s\n", names[draw(writer, sizeof(names) / sizeof(*names))]);
}

static void put_convolution(struct writer *writer)
{
    static const unsigned filters[] = {1, 3, 8, 16, 30, 32, 48, 64};

    put(writer, "[convolutional]\nfilters=%u\nsize=%u\nstride=%u\n", filters[draw(writer, 8)],
        1 + draw(writer, 7), draw(writer, 2) == 0 ? 1 : 1 + draw(writer, 4));
    if (draw(writer, 4) > 0)
        put(writer, "pad=1\n");
    else if (draw(writer, 2) == 0)
        put(writer, "padding=%u\n", draw(writer, 9));
    if (draw(writer, 5) == 0)
        put(writer, "groups=%u\n", 1u << draw(writer, 4));
    if (draw(writer, 12) == 0)
        put(writer, draw(writer, 2) == 0 ? "flipped=1\n" : "binary=1\n");
    put(writer, "batch_normalize=%u\n", draw(writer, 2));
    put_activation(writer);
}

static void put_window(struct writer *writer, const char *type)
{
    put(writer, "[%s]\nsize=%u\nstride=%u\n", type, 1 + draw(writer, 5), 1 + draw(writer, 3));
    if (draw(writer, 2) == 0)
        put(writer, "padding=%u\n", draw(writer, 8));
}

static void put_path(struct writer *writer)
{
    if (writer->layers == 0)
        return;
    if (draw(writer, 3) > 0) {
        put(writer, "[shortcut]\nfrom=%u\n", draw(writer, (unsigned)writer->layers));
        if (draw(writer, 4) == 0)
            put(writer, "alpha=.5\nbeta=1.5\n");
        put_activation(writer);
        return;
    }
    put(writer, "[route]\nlayers=-1");
    for (unsigned more = draw(writer, 3); more > 0; more--)
        put(writer, ",%u", draw(writer, (unsigned)writer->layers));
    put(writer, "\n");
}

// [normalization] with a kappa that no window makes negative: that would be a NaN.
static void put_other(struct writer *writer)
{
    static const char *const others[] = {"[avgpool]\n", "[batchnorm]\n", "[dropout]\n",
        "[upsample]\nstride=2\n", "[reorg]\nstride=2\n", "[l2norm]\n", "[logistic]\n",
        "[softmax]\n", "[softmax]\ngroups=2\n", "[crop]\ncrop_height=7\ncrop_width=6\n",
        "[local]\nsize=3\npad=1\nfilters=4\nactivation=leaky\n",
        "[local]\nsize=2\nstride=2\nfilters=4\nactivation=relu\n",
        "[normalization]\nkappa=90\nalpha=.1\nsize=3\n", "[normalization]\nkappa=90\nsize=4\n",
        "[softmax]\ntemperature=3\n", "[cost]\n"};

    put(writer, "%s", others[draw(writer, sizeof(others) / sizeof(*others))]);
}

static void put_layer(struct writer *writer)
{
    unsigned kind = draw(writer, 16);

    if (kind < 7)
        put_convolution(writer);
    else if (kind < 9)
        put_window(writer, "maxpool");
    else if (kind < 12)
        put_path(writer);
    else if (kind < 13) {
        put(writer, "[connected]\noutput=%u\nbatch_normalize=%u\n", 1 + draw(writer, 150),
            draw(writer, 2));
        put_activation(writer);
    } else
        put_other(writer);
}

static bool can_be_had(uint32_t h, uint32_t w, const char *text)
{
    struct idn_cfg *cfg = NULL;
    struct idn_reason reason;
    char path[32];
    int fd = memfd_create("random.cfg", MFD_CLOEXEC);

    (void)dprintf(fd, "[net]\nheight=%u\nwidth=%u\nchannels=3\n%s", h, w, text);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    bool good = idn_cfg_read(path, &cfg, &reason) == 0;
    (void)close(fd);
    for (size_t i = 0; good && i < cfg->layers; i++)
        good =
            (size_t)cfg->layer[i].out_h * cfg->layer[i].out_w * cfg->layer[i].out_c < VALUES_MOST;
    idn_cfg_destroy(&cfg);
    return good;
}

// Layers one by one, so that few are thrown away.
static void write_network(struct writer *writer, uint32_t h, uint32_t w)
{
    unsigned wanted = 1 + draw(writer, LAYERS_MOST);

    for (unsigned tries = 0; writer->layers < wanted && tries < 40; tries++) {
        size_t before = writer->length;
        put_layer(writer);
        if (writer->length > before && can_be_had(h, w, writer->text)) {
            writer->layers++;
            continue;
        }
        writer->length = before;
        writer->text[before] = '\0';
    }
}

// Over the range of the reference's values. What becomes of a NaN in libdarknet depends on how it
// was compiled: rows with one are not compared.
static double difference(const float *reference, const float *other, size_t count)
{
    double least = INFINITY, most = -INFINITY, worst = 0, largest = 1e-6;

    for (size_t i = 0; i < count; i++) {
        double a = (double)reference[i], b = (double)other[i];
        if (!isfinite(a))
            return 0;
        worst = fmax(worst, isfinite(b) ? fabs(a - b) : INFINITY);
        largest = fmax(largest, fabs(a));
        least = fmin(least, a);
        most = fmax(most, a);
    }
    return worst / fmax(most - least, .2 * largest);
}

static double compare(network *reference, const struct idn_plan *plan, uint64_t seed)
{
    size_t inputs = (size_t)reference->inputs, outputs = (size_t)reference->outputs;
    float *pixels = idn_floats(IMAGES * inputs), *rows = idn_floats(IMAGES * outputs);
    struct idn_input input[IMAGES];
    double worst = 0;

    nets_fill(pixels, IMAGES * inputs, seed);
    for (uint32_t i = 0; i < IMAGES; i++)
        input[i] = (struct idn_input){.index = i, .pixels = pixels + i * inputs};
    idn_plan_run(plan, pool, input, IMAGES, rows);
    for (uint32_t i = 0; i < IMAGES; i++)
        worst = fmax(worst, difference(network_predict(reference, pixels + i * inputs),
                                rows + i * outputs, outputs));
    free(pixels);
    free(rows);
    return worst;
}

// Returns 1 when the engine refused it.
static unsigned try_seed(unsigned seed)
{
    struct writer writer = {.state = seed};
    uint32_t h = 5 + draw(&writer, 20), w = 5 + draw(&writer, 20);
    struct idn_reason reason = {""};
    struct idn_plan *plan;

    write_network(&writer, h, w);
    if (writer.layers == 0)
        return 1;
    if (idn_plan_new(nets_parse(h, w, writer.text, seed), &dnnl, seed % 4 > 0, false, 2, &plan,
            &reason) != 0)
        return 1;
    network *reference = nets_parse(h, w, writer.text, seed);
    double worst = compare(reference, plan, seed);
    if (!(worst <= DIFFERENCE_MOST))
        (void)printf("  seed %u, %ux%u, difference %g:\n%s", seed, h, w, worst, writer.text);
    idn_plan_destroy(&plan);
    nets_free(reference);
    CHECK(worst <= DIFFERENCE_MOST);
    return 0;
}

static void test_random_networks(void)
{
    unsigned refused = 0;

    for (unsigned seed = first_seed; seed <= last_seed; seed++)
        refused += try_seed(seed);
    CHECK(refused <= (last_seed - first_seed + 1) / 10);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {CHECK_TEST(test_random_networks)};
    struct idn_reason reason;

    if (argc == 3) {
        first_seed = (unsigned)strtoul(argv[1], NULL, 10);
        last_seed = (unsigned)strtoul(argv[2], NULL, 10);
        argc = 1;
    }
    if (idn_dnnl_init(&dnnl, 2, &reason) != 0 || idn_pool_new(2, &pool) != 0)
        return 1;
    int failed = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
    idn_pool_destroy(&pool);
    idn_dnnl_fini(&dnnl);
    return failed;
}
