// Made-up weights: the same bytes for a seed everywhere, of the right size, or none at all. That
// the logits spread is for test_synth_darknet.c.
#include "weights/synth.h"

#include "base/random.h"
#include "base/sha256.h"
#include "tests/lib/check.h"

#include <errno.h>
#include <glob.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#define NET "[net]\nheight=20\nwidth=24\nchannels=3\n"

static char folder[] = "/tmp/idunno-test-synth-XXXXXX";
static struct idn_reason reason;

static const char *in_folder(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static size_t files_in_folder(void)
{
    glob_t files;
    size_t count = glob(in_folder("*"), 0, NULL, &files) == 0 ? files.gl_pathc : 0;
    globfree(&files);
    return count;
}

static int synth(const char *text, uint64_t seed, const char *name, struct idn_cfg **ret)
{
    FILE *out = fopen(in_folder("n.cfg"), "w");
    CHECK(out != NULL && fputs(text, out) >= 0 && fclose(out) == 0);
    idn_cfg_destroy(ret);
    CHECK_INT(idn_cfg_read(in_folder("n.cfg"), ret, &reason), 0);
    return idn_synth(*ret, seed, in_folder(name), NULL, NULL, &reason);
}

// Every kind of layer that can be made up.
static const char network[] =
    NET "[crop]\ncrop_height=16\ncrop_width=20\n"
        "[convolutional]\nbatch_normalize=1\nfilters=6\nsize=3\npad=1\nactivation=leaky\n"
        "[maxpool]\nsize=2\nstride=2\n"
        "[convolutional]\nbatch_normalize=1\nfilters=6\ngroups=2\nsize=3\npad=1\nactivation=relu\n"
        "[convolutional]\nfilters=6\nsize=1\nactivation=elu\n"
        "[shortcut]\nfrom=-3\nactivation=linear\n"
        "[batchnorm]\n"
        "[activation]\nactivation=tanh\n"
        "[reorg]\nstride=2\n"
        "[upsample]\nstride=2\n"
        "[route]\nlayers=-1,2\n"
        "[lrn]\n"
        "[connected]\noutput=17\nbatch_normalize=1\nactivation=logistic\n"
        "[dropout]\n"
        "[connected]\noutput=9\nactivation=linear\n"
        "[softmax]\n";

static const char *digest_of(const char *name)
{
    static char hex[IDN_SHA256_HEX_SIZE];
    struct idn_sha256 digest;

    CHECK_INT(idn_sha256_of_file(in_folder(name), &digest, NULL), 0);
    idn_sha256_to_hex(&digest, hex);
    return hex;
}

static void test_same_bytes_everywhere(void)
{
    struct idn_cfg *cfg = NULL;
    char first[IDN_SHA256_HEX_SIZE];

    CHECK_INT(synth(network, 1, "w", &cfg), 0);
    CHECK_INT(idn_cfg_check_weights(cfg, in_folder("w"), &reason), 0);
    (void)strcpy(first, digest_of("w"));
    // Written down once: another compiler or machine must come to the same.
    CHECK_STRING(first, "f114a54bfa3b8e935dd2400ee5d04d5cd3823728826f8d6850ef3a9cb0dc567f");
    CHECK_INT(synth(network, 1, "w", &cfg), 0);
    CHECK_STRING(digest_of("w"), first);
    CHECK_INT(synth(network, 2, "w", &cfg), 0);
    CHECK(strcmp(digest_of("w"), first) != 0);
    idn_cfg_destroy(&cfg);
}

// The statistics that batch norm was given are those of its sums: variances above zero, and the
// biases of the last layer centre its logits.
static void test_statistics_are_valid(void)
{
    static float values[100000];
    struct idn_cfg *cfg = NULL;

    CHECK_INT(synth(network, 3, "w", &cfg), 0);
    FILE *in = fopen(in_folder("w"), "r");
    CHECK(in != NULL && fseek(in, 20, SEEK_SET) == 0);
    size_t count = fread(values, sizeof(float), sizeof(values) / sizeof(*values), in);
    CHECK_INT(fclose(in), 0);
    CHECK_INT(20 + 4 * count, idn_cfg_weights_bytes(cfg));
    for (size_t i = 0; i < count; i++)
        CHECK(isfinite(values[i]));
    for (size_t c = 0; c < 6; c++)
        CHECK(values[6 + c] == 1 && values[18 + c] > 0); // biases, scales, means, variances
    idn_cfg_destroy(&cfg);
}

static void test_refusals(void)
{
    struct idn_cfg *cfg = NULL;

    CHECK_INT(synth(NET "[local]\nfilters=2\nsize=3\nactivation=relu\n", 1, "x", &cfg), -EINVAL);
    CHECK_STRING(reason.text,
        "layer 0 is [local], for which weights cannot be made up; they must be fetched");
    CHECK_INT(synth(NET "[connected]\noutput=5\nactivation=loggy\n", 1, "x", &cfg), -EINVAL);
    CHECK_CONTAINS(reason.text, "layer 0 has the activation 'loggy', for which weights cannot be");
    CHECK_INT(synth(NET "[maxpool]\nsize=2\nstride=2\n", 1, "x", &cfg), -EINVAL);
    CHECK_STRING(reason.text, "no layer of this network has weights to make up");
    CHECK_INT(synth(NET "[connected]\noutput=1\nactivation=linear\n", 1, "x", &cfg), -EINVAL);
    CHECK_CONTAINS(reason.text, "the outputs of this network cannot be spread");
    CHECK_INT(files_in_folder(), 2); // n.cfg and w: nothing half written
    CHECK_INT(idn_synth(cfg, 1, "/nonexistent/folder/w", NULL, NULL, &reason), -ENOENT);
    CHECK_STRING(reason.text, "cannot write /nonexistent/folder/w: No such file or directory");
    CHECK_INT(idn_synth(cfg, 1, folder, NULL, NULL, &reason), -EEXIST);
    CHECK_CONTAINS(reason.text, "it is there and not a regular file");
    idn_cfg_destroy(&cfg);
}

// The reference implementation's first numbers from the state 1, 2, 3, 4.
static void test_random_vectors(void)
{
    struct idn_random random = {{1, 2, 3, 4}};

    CHECK(idn_random_next(&random) == 11520);
    CHECK(idn_random_next(&random) == 0);
    CHECK(idn_random_next(&random) == 1509978240);
    CHECK(idn_random_next(&random) == 1215971899390074240);
}

static void test_random_shapes(void)
{
    enum { DRAWS = 100000 };
    struct idn_random random;
    double sum = 0, squares = 0;

    idn_random_init(&random, 5, 7);
    for (int i = 0; i < DRAWS; i++) {
        double x = (double)idn_random_normal(&random);
        int32_t n = idn_random_range(&random, -2, 3);
        float unit = idn_random_unit(&random);
        sum += x;
        squares += x * x;
        CHECK(n >= -2 && n <= 3);
        CHECK(unit >= 0 && unit < 1);
    }
    CHECK(fabs(sum / DRAWS) < 0.02);
    CHECK(fabs(squares / DRAWS - 1) < 0.02);
    CHECK_INT(idn_random_below(&random, 1), 0);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_same_bytes_everywhere),
        CHECK_TEST(test_statistics_are_valid),
        CHECK_TEST(test_refusals),
        CHECK_TEST(test_random_vectors),
        CHECK_TEST(test_random_shapes),
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    int status = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
    (void)unlink(in_folder("n.cfg"));
    (void)unlink(in_folder("w"));
    (void)rmdir(folder);
    return status;
}
