// Networks that can be sized, and what the others are told.
#include "weights/cfg.h"

#include "tests/lib/check.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NET "[net]\nheight=8\nwidth=8\nchannels=3\n"

static char folder[] = "/tmp/idunno-test-cfg-XXXXXX";
static char file[64], weights[64];
static struct idn_reason reason;

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *out = fopen(path, "w");
    CHECK(out != NULL);
    CHECK(fwrite(bytes, 1, size, out) == size);
    CHECK_INT(fclose(out), 0);
}

static struct idn_cfg *parse(const char *text)
{
    struct idn_cfg *cfg = NULL;

    reason.text[0] = '\0';
    write_file(file, text, strlen(text));
    (void)idn_cfg_read(file, &cfg, &reason);
    return cfg;
}

// The sentence after the file's name.
static const char *refusal(const char *text)
{
    struct idn_cfg *cfg = parse(text);

    CHECK(cfg == NULL);
    CHECK(strncmp(reason.text, file, strlen(file)) == 0);
    return reason.text + strlen(file);
}

static void test_shapes(void)
{
    struct idn_cfg *cfg = parse("# comment\n" NET "; another\n"
                                "[ convolutional ]\n filters = 4 \nsize=3\nstride=2\npad=1\n"
                                "batch_normalize=1\nactivation=leaky\n"
                                "[maxpool]\nsize=2\nstride=2\n"
                                "[connected]\noutput=10\nactivation=linear\n"
                                "[softmax]\n");
    CHECK_STRING(reason.text, "");
    CHECK_INT(cfg->layers, 4);
    CHECK_INT(cfg->outputs, 10);
    CHECK_INT(cfg->layer[0].out_h, 4);
    CHECK_STRING(cfg->layer[0].activation, "leaky");
    CHECK_INT(cfg->layer[1].out_h, 2);
    CHECK_STRING(cfg->layer[3].type, "softmax");
    // 3 * 4 * 9 weights, 4 * 4 of bias and batch norm; 16 * 10 + 10
    CHECK_INT(idn_cfg_weights_bytes(cfg), 20 + 4 * (108 + 16 + 160 + 10));
    idn_cfg_destroy(&cfg);
}

static void test_debians(void)
{
    struct idn_cfg *cfg = NULL;

    CHECK_INT(idn_cfg_read("/usr/share/darknet/cfg/alexnet.cfg", &cfg, &reason), 0);
    CHECK_INT(idn_cfg_weights_bytes(cfg), 249513396);
    CHECK_INT(cfg->outputs, 1000);
    CHECK_INT(cfg->input_w, 227);
    idn_cfg_destroy(&cfg);
    CHECK_INT(idn_cfg_read("/usr/share/darknet/cfg/resnet18.cfg", &cfg, &reason), 0);
    CHECK_INT(idn_cfg_weights_bytes(cfg), 46094004);
    CHECK_INT(cfg->outputs, 1000);
    idn_cfg_destroy(&cfg);
}

static void test_not_classifiers(void)
{
    CHECK_INT(idn_cfg_read("/usr/share/darknet/cfg/yolov3.cfg", &(struct idn_cfg *){0}, &reason),
        -EINVAL);
    CHECK_CONTAINS(reason.text, "yolov3.cfg:607: [yolo] is a detection layer; only image "
                                "classifiers are supported");
    CHECK_INT(
        idn_cfg_read("/usr/share/darknet/cfg/rnn.cfg", &(struct idn_cfg *){0}, &reason), -EINVAL);
    CHECK_CONTAINS(reason.text, "[rnn] is a recurrent layer; only image classifiers");
    CHECK_INT(
        idn_cfg_read("/usr/share/darknet/cfg/go.cfg", &(struct idn_cfg *){0}, &reason), -EINVAL);
    CHECK_CONTAINS(reason.text, "[net] must have channels=3");
    CHECK_STRING(refusal(NET "[mystery]\n"), ":5: [mystery] is not a known layer of an image "
                                             "classifier");
}

static void test_missing(void)
{
    struct idn_cfg *cfg = NULL;

    CHECK_INT(idn_cfg_read("/nonexistent.cfg", &cfg, &reason), -ENOENT);
    CHECK_STRING(
        reason.text, "cannot read the network /nonexistent.cfg: No such file or directory");
    CHECK_INT(idn_cfg_read(folder, &cfg, &reason), -EINVAL);
    CHECK_CONTAINS(reason.text, "is not a cfg file of at most 1 MiB");
    CHECK(parse("# nothing\n") == NULL);
    CHECK_CONTAINS(reason.text, "has no section; it must begin with [net]");
}

static void test_text(void)
{
    CHECK_STRING(refusal("height=3\n[net]\n"),
        ":1: 'height=3' stands before the first section; a network begins with [net]");
    CHECK_STRING(refusal("[net\n"), ":1: '[net' lacks its closing ]");
    CHECK_STRING(refusal("[net]\nheight\n"), ":2: 'height' is neither [section] nor key=value");
    CHECK_STRING(refusal("[softmax]\n[net]\n"),
        ":1: [softmax] is the first section; a network begins with [net]");
    CHECK_STRING(refusal(NET), ":1: [net] is the only section; a network needs layers");
    CHECK_STRING(refusal("[net]\nheight=8\nchannels=3\n[softmax]\n"),
        ":1: [net] width = '' is not a whole number from 1 to 16384");
    CHECK_STRING(refusal(NET "inputs=9\n[softmax]\n"),
        ":5: [net] inputs = '9' is not a whole number from 192 to 192");
}

static void test_values(void)
{
    CHECK_STRING(refusal(NET "[convolutional]\nfilters=many\n"),
        ":6: [convolutional] filters = 'many' is not a whole number from 1 to 1048576");
    CHECK_STRING(refusal(NET "[maxpool]\nsize=2\nstride=0\n"),
        ":7: [maxpool] stride = '0' is not a whole number from 1 to 16384");
    CHECK_STRING(refusal(NET "[convolutional]\nsize=11\n"),
        ":5: [convolutional] has a window larger than the picture before it");
    CHECK_STRING(refusal(NET "[convolutional]\nfilters=4\ngroups=2\n"),
        ":5: [convolutional] has groups that do not divide its channels and its filters");
    CHECK_STRING(refusal(NET "[route]\nlayers=-1\n"),
        ":6: [route] layers = '-1' is not a list of at most 16 layers before this one");
    CHECK_STRING(refusal(NET "[softmax]\n[shortcut]\nfrom=-1\n"),
        ":6: [shortcut] follows a layer that does not give a picture");
    CHECK_STRING(refusal(NET "[maxpool]\nsize=2\nstride=2\n[maxpool]\nsize=2\nstride=2\n"
                             "[route]\nlayers=-1,-2\n"),
        ":11: [route] joins layers of different height or width");
    CHECK_STRING(refusal(NET "[convolutional]\ndontload=1\n"),
        ":5: [convolutional] loads only a part of its weights; remove dontload, dontloadscales and "
        "numload");
}

struct layers_case {
    const char *layers, *refusal; // NULL: none
};

static void check_cases(const struct layers_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[512];
        (void)snprintf(text, sizeof(text), NET "%s", cases[i].layers);
        struct idn_cfg *cfg = cases[i].refusal == NULL ? parse(text) : NULL;
        if (cases[i].refusal == NULL)
            CHECK(cfg != NULL);
        else
            CHECK_STRING(refusal(text), cases[i].refusal);
        idn_cfg_destroy(&cfg);
    }
}

// What other versions of darknet have, and this one would compute without.
static void test_strange_keys(void)
{
    static const struct layers_case cases[] = {
        {"[conv]\nactivation=mish\n",
            ":5: [conv] has the activation 'mish', which libdarknet does not know; known are "
            "linear, leaky, relu, logistic, tanh, ramp, elu, selu, relie, loggy, plse, stair, "
            "hardtan and lhtan"},
        {"[conv]\nsize=3\ndilation=2\n",
            ":7: [conv] has dilation = '2', which libdarknet does not know and would compute "
            "without"},
        {"[conv]\ndilation=1\nantialiasing=0\n[avg]\n[soft]\n", NULL},
        {"[conv]\n[route]\nlayers=-1\ngroups=2\n",
            ":8: [route] has groups = '2', which libdarknet does not know and would compute "
            "without"},
    };

    check_cases(cases, sizeof(cases) / sizeof(*cases));
}

// What would make libdarknet crash, or compute with what lies behind its buffers.
static void test_hazards(void)
{
    static const struct layers_case cases[] = {
        {"[conv]\nsize=1\npadding=1\n",
            ":5: [conv] has padding around a kernel of 1x1; remove padding"},
        {"[conv]\nfilters=3\ngroups=3\nflipped=1\n",
            ":5: [conv] has flipped weights in groups; libdarknet flips only one group"},
        {"[local]\npad=1\n",
            ":5: [local] has padding around a window that is not 3x3; use size=3 or pad=0"},
        {"[local]\npad=1\nsize=5\n",
            ":5: [local] has padding around a window that is not 3x3; use size=3 or pad=0"},
        {"[max]\nsize=2\npadding=4\n",
            ":5: [max] has so much padding that a window has no pixel in it"},
        {"[max]\nsize=3\npadding=5\n",
            ":5: [max] has so much padding that a window has no pixel in it"},
        {"[max]\nsize=3\npadding=4\n[avg]\n[soft]\n", NULL},
        {"[soft]\ngroups=0\n",
            ":6: [soft] groups = '0' is not a whole number from 1 to 2147483647"},
        {"[soft]\ngroups=7\n", ":5: [soft] has groups that do not divide its classes"},
        {"[soft]\ntree=9k.tree\n",
            ":5: [soft] has its classes in a tree, which is not supported; list them flat"},
        {"[lrn]\nsize=8\n", ":6: [lrn] size = '8' is not a whole number from 1 to 7"},
        {"[lrn]\nsize=-7\n", ":6: [lrn] size = '-7' is not a whole number from 1 to 7"},
        {"[reorg]\nextra=9\n", ":6: [reorg] extra = '9' is not a whole number from 0 to 0"},
        {"[reorg]\nstride=2\n", ":5: [reorg] has fewer channels than its stride squared"},
        {"[max]\nsize=2\n[soft]\n[route]\nlayers=0\n[shortcut]\nfrom=1\n",
            ":10: [shortcut] adds a layer that does not give a picture"},
        {"[crop]\ncrop_height=4\ncrop_width=8\n[upsample]\n[shortcut]\nfrom=0\n", NULL},
        {"[crop]\ncrop_height=4\ncrop_width=8\n[crop]\ncrop_height=4\ncrop_width=4\n"
         "[shortcut]\nfrom=0\n",
            ":11: [shortcut] adds a layer that is not larger or smaller than it by the same factor "
            "in height and in width"},
        {"[dropout]\n", ":5: [dropout] is the first layer, with nothing to drop"},
        {"[cost]\n", ":5: [cost] is the first layer, with no answer to judge"},
        {"[avg]\n[cost]\n[soft]\n",
            ":6: [cost] gives nothing to the layer after it; it belongs at the end"},
        {"[avg]\n[soft]\n[cost]\n", NULL},
        {"[avg]\ntruth=1\n[soft]\n",
            ":5: [avg] is the truth for other layers, which is for training; remove truth"},
        {"[avg]\n[route]\nlayers=-1x,99\n",
            ":7: [route] layers = '-1x,99' is not a list of at most 16 layers before this one"},
        {"[avg]\n[dropout]\n[soft]\n[logistic]\n[conv]\n",
            ":9: [conv] follows a layer that does not give a picture"},
        {"[conv]\nsize=255\npad=1\n[upsample]\nstride=250\n[conv]\nsize=255\npad=1\n"
         "[avg]\n[soft]\n",
            ":10: [conv] has more values in all its windows than libdarknet can count"},
    };

    check_cases(cases, sizeof(cases) / sizeof(*cases));
}

static void test_too_large(void)
{
    CHECK_CONTAINS(refusal("[net]\nheight=16384\nwidth=16384\nchannels=3\n"
                           "[connected]\noutput=1048576\n"),
        ":5: [connected] has more weights than libdarknet can count");
    CHECK_CONTAINS(refusal("[net]\nheight=16384\nwidth=16384\nchannels=3\n"
                           "[convolutional]\nfilters=1048576\n"),
        ":5: [convolutional] would have an output that is too large");
    CHECK_CONTAINS(refusal("[net]\nheight=2000\nwidth=2000\nchannels=3\n[dropout]\n"),
        ":5: [dropout] is the last layer and gives more than 1048576 classes");
}

static void write_weights(int32_t major, int32_t minor, size_t size)
{
    static char bytes[4096];
    int32_t header[] = {major, minor, 0};

    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, header, sizeof(header));
    write_file(weights, bytes, size);
}

static void test_weights_size(void)
{
    struct idn_cfg *cfg = parse(NET "[connected]\noutput=2\nactivation=linear\n");
    size_t floats = 4 * (8 * 8 * 3 * 2 + 2);

    write_weights(0, 2, 20 + floats);
    CHECK_INT(idn_cfg_check_weights(cfg, weights, &reason), 0);
    write_weights(0, 1, 16 + floats); // an old file, with `seen` of 32 bits
    CHECK_INT(idn_cfg_check_weights(cfg, weights, &reason), 0);
    write_weights(0, 2, 20 + floats - 1);
    CHECK_INT(idn_cfg_check_weights(cfg, weights, &reason), -EINVAL);
    CHECK_CONTAINS(reason.text, "have 1563 bytes, but this network needs exactly 1564: the file is "
                                "cut short or of another network");
    write_weights(0, 2, 20 + floats + 1);
    CHECK_INT(idn_cfg_check_weights(cfg, weights, &reason), -EINVAL);
    CHECK_CONTAINS(reason.text, "have 1565 bytes, but this network needs exactly 1564: the file is "
                                "of another network");
    write_weights(0, 2, 0);
    CHECK_INT(idn_cfg_check_weights(cfg, weights, &reason), -EINVAL);
    CHECK_CONTAINS(reason.text, "have 0 bytes");
    CHECK_INT(idn_cfg_check_weights(cfg, "/nonexistent", &reason), -ENOENT);
    CHECK_CONTAINS(reason.text, "cannot read the weights /nonexistent: No such file");
    CHECK_INT(idn_cfg_check_weights(cfg, folder, &reason), -EINVAL);
    CHECK_CONTAINS(reason.text, "are not a regular file");
    (void)unlink(weights);
    CHECK_INT(mkfifo(weights, 0600), 0); // must not wait for a writer
    CHECK_INT(idn_cfg_check_weights(cfg, weights, &reason), -EINVAL);
    idn_cfg_destroy(&cfg);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_shapes),
        CHECK_TEST(test_debians),
        CHECK_TEST(test_not_classifiers),
        CHECK_TEST(test_missing),
        CHECK_TEST(test_text),
        CHECK_TEST(test_values),
        CHECK_TEST(test_strange_keys),
        CHECK_TEST(test_hazards),
        CHECK_TEST(test_too_large),
        CHECK_TEST(test_weights_size),
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    (void)snprintf(file, sizeof(file), "%s/n.cfg", folder);
    (void)snprintf(weights, sizeof(weights), "%s/n.weights", folder);
    int status = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
    (void)unlink(file);
    (void)unlink(weights);
    (void)rmdir(folder);
    return status;
}
