// What libdarknet is given to parse, and what is made of the networks that it returns.
#include "tests/lib/check.h"
#include "weights/cfg.h"
#include "worker/infer/darknet_network.h"

#include <errno.h>
#include <unistd.h>

#define NET "[net]\nheight=8\nwidth=8\nchannels=3\n"

static char folder[] = "/tmp/idunno-test-network-XXXXXX";
static char cfg_file[64], weights_file[64];
static struct idn_reason reason;

static void write_file(const char *path, const void *bytes, size_t size, off_t length)
{
    FILE *out = fopen(path, "w");

    CHECK(out != NULL);
    CHECK(fwrite(bytes, 1, size, out) == size);
    CHECK_INT(fflush(out), 0);
    CHECK_INT(ftruncate(fileno(out), length), 0);
    CHECK_INT(fclose(out), 0);
}

// With weights of zeros.
static int load(const char *text, size_t size, uint32_t copies, network **ret)
{
    static const int32_t header[] = {0, 2, 0};
    struct idn_cfg *cfg = NULL;

    write_file(cfg_file, text, size, (off_t)size);
    CHECK_INT(idn_cfg_read(cfg_file, &cfg, &reason), 0);
    write_file(weights_file, header, sizeof(header), (off_t)idn_cfg_weights_bytes(cfg));
    idn_cfg_destroy(&cfg);
    return idn_darknet_load(cfg_file, weights_file, copies, ret, &reason);
}

// libdarknet's own reader knows no carriage return, no space before "net]", and no end at a NUL;
// and whoever has this file for training wants many images at once.
static void test_what_was_checked_is_parsed(void)
{
    static const char text[] = "[ net ]\r\nbatch=64\r\ntime_steps = 3\nadam=1\npolicy=steps\n"
                               "height=8\nwidth=8\nchannels=3\n"
                               "[ convolutional ] of the kind\r\nfilters=4\nsize=3\npad=1\n"
                               "activation = lea ky\r\n[avgpool]\n[softmax]\n\0\n[mystery]\n";
    network *net;

    CHECK_INT(load(text, sizeof(text) - 1, 1, &net), 0);
    CHECK_INT(net->n, 3);
    CHECK_INT(net->batch, 1);
    CHECK_INT(net->layers[0].type, CONVOLUTIONAL);
    CHECK_INT(net->layers[0].batch, 1);
    CHECK_INT(net->layers[0].activation, LEAKY);
    CHECK(net->layers[0].m == NULL); // adam's
    CHECK_INT(net->layers[2].outputs, 4);
    idn_darknet_unload(&net, 1);
    CHECK(net == NULL);
}

static void test_copies_share_weights_only(void)
{
    static const char text[] = NET "[convolutional]\nfilters=4\nbatch_normalize=1\n[l2norm]\n"
                                   "[avgpool]\n[softmax]\n";
    network *net[2];

    CHECK_INT(load(text, sizeof(text) - 1, 2, net), 0);
    const layer *a = net[0]->layers, *b = net[1]->layers;
    CHECK(a[0].weights == b[0].weights && a[0].biases == b[0].biases);
    CHECK(a[0].scales == b[0].scales && a[0].rolling_mean == b[0].rolling_mean);
    CHECK(a[0].output != b[0].output && net[0]->workspace != net[1]->workspace);
    CHECK(a[1].scales != b[1].scales); // written in the forward pass
    CHECK(a[0].delta == NULL && a[0].weight_updates == NULL);
    idn_darknet_unload(net, 2);
}

static void test_layers_with_too_little_memory(void)
{
    static const char text[] = NET "[batchnorm]\n[local]\nfilters=5\nsize=3\npad=1\n"
                                   "activation=linear\n[avgpool]\n[softmax]\n";
    float pixels[3 * 8 * 8] = {1};
    network *net;

    CHECK_INT(load(text, sizeof(text) - 1, 1, &net), 0);
    const float *row = network_predict(net, pixels);
    for (int i = 0; i < 5; i++)
        CHECK(row[i] > .19f && row[i] < .21f);
    idn_darknet_unload(&net, 1);
}

static void test_the_answer_is_before_cost(void)
{
    static const char text[] = NET "[convolutional]\nfilters=4\n[avgpool]\n[softmax]\n[cost]\n";
    network *net;

    CHECK_INT(load(text, sizeof(text) - 1, 1, &net), 0);
    CHECK_INT(idn_darknet_answer(net, false), 2);
    CHECK_INT(idn_darknet_answer(net, true), 1);
    CHECK_INT(idn_darknet_shape(net).classes, 4);
    idn_darknet_unload(&net, 1);
}

static void test_refusals(void)
{
    static const char text[] = NET "[connected]\noutput=4\n", good[] = NET "[avgpool]\n[softmax]\n";
    network *net;

    CHECK_INT(load(text, sizeof(text) - 1, 1, &net), -EINVAL);
    CHECK_CONTAINS(reason.text, "gives no probabilities; a classifier ends in [softmax] or");
    CHECK_INT(load(good, sizeof(good) - 1, 1, &net), 0);
    idn_darknet_unload(&net, 1);
    write_file(weights_file, "", 0, 19);
    CHECK_INT(idn_darknet_load(cfg_file, weights_file, 1, &net, &reason), -EINVAL);
    CHECK_CONTAINS(reason.text, "have 19 bytes, but this network needs exactly 16");
    CHECK_INT(idn_darknet_load("/nonexistent.cfg", weights_file, 1, &net, &reason), -ENOENT);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_what_was_checked_is_parsed),
        CHECK_TEST(test_copies_share_weights_only),
        CHECK_TEST(test_layers_with_too_little_memory),
        CHECK_TEST(test_the_answer_is_before_cost),
        CHECK_TEST(test_refusals),
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    (void)snprintf(cfg_file, sizeof(cfg_file), "%s/n.cfg", folder);
    (void)snprintf(weights_file, sizeof(weights_file), "%s/n.weights", folder);
    int status = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
    (void)unlink(cfg_file);
    (void)unlink(weights_file);
    (void)rmdir(folder);
    return status;
}
