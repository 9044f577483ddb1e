// Models and data sets as a configuration declares them, and what is wrong with their files.
#include "weights/registry.h"

#include "base/settings.h"
#include "tests/lib/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEX "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static char folder[] = "/tmp/idunno-test-registry-XXXXXX";
static struct idn_config *config;
static struct idn_registry *registry;
static struct idn_reason reason;

static const char *in_folder(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const void *bytes, size_t size)
{
    FILE *out = fopen(in_folder(name), "w");
    CHECK(out != NULL);
    CHECK(fwrite(bytes, 1, size, out) == size);
    CHECK_INT(fclose(out), 0);
}

static int read_config(const char *text)
{
    idn_registry_destroy(&registry);
    idn_config_destroy(&config);
    reason.text[0] = '\0';
    write_file("idunno.conf", text, strlen(text));
    CHECK_INT(idn_config_load(in_folder("idunno.conf"), idn_settings_keys, &config, &reason), 0);
    return idn_registry_new(config, &registry, &reason);
}

static const char *refusal(const char *text)
{
    CHECK_INT(read_config(text), -EINVAL);
    CHECK(strncmp(reason.text, in_folder("idunno.conf"), strlen(in_folder("idunno.conf"))) == 0);
    return reason.text + strlen(in_folder("idunno.conf"));
}

static void test_built_in(void)
{
    idn_registry_destroy(&registry);
    idn_config_destroy(&config);
    CHECK_INT(idn_config_load(NULL, idn_settings_keys, &config, &reason), 0);
    CHECK_INT(idn_registry_new(config, &registry, &reason), 0);
    CHECK_INT(registry->models, 2);
    CHECK_INT(registry->datasets, 0);
    const struct idn_model *alexnet = idn_registry_model(registry, "alexnet");
    CHECK_INT(alexnet->batch, 500);
    CHECK_STRING(alexnet->cfg, "/usr/share/darknet/cfg/alexnet.cfg");
    CHECK_STRING(alexnet->weights, "/var/lib/idunno/weights/alexnet.weights");
    CHECK_STRING(alexnet->labels, "/usr/share/darknet/data/imagenet.shortnames.list");
    CHECK_INT(idn_registry_model(registry, "resnet18")->batch, 400);
    CHECK(idn_registry_model(registry, "vgg") == NULL);
    CHECK(idn_registry_dataset(registry, "x") == NULL);
}

static void test_where_weights_are(void)
{
    CHECK_INT(read_config("models\n    resnet18\n        batch = 7\n"), 0);
    const struct idn_model *model = idn_registry_model(registry, "resnet18");
    CHECK_INT(model->batch, 7);
    CHECK(model->states_batch && !idn_registry_model(registry, "alexnet")->states_batch);
    CHECK_STRING(model->cfg, "/usr/share/darknet/cfg/resnet18.cfg");
    CHECK_STRING(model->weights, in_folder("weights/resnet18.weights"));

    CHECK_INT(setenv("IDUNNO_WEIGHTS", "/elsewhere", 1), 0);
    CHECK_INT(read_config("models\n    alexnet\n        weights = a.weights\n"), 0);
    CHECK_INT(unsetenv("IDUNNO_WEIGHTS"), 0);
    CHECK_STRING(idn_registry_model(registry, "resnet18")->weights, "/elsewhere/resnet18.weights");
    CHECK_STRING(idn_registry_model(registry, "alexnet")->weights, in_folder("a.weights"));
}

// With a configuration below /etc, which is not the place for files that a program made.
static void test_where_weights_are_below_etc(void)
{
    char path[160];

    CHECK_INT(read_config("models\n"), 0);
    idn_registry_destroy(&registry);
    idn_config_destroy(&config);
    (void)snprintf(path, sizeof(path), "/etc/..%s", in_folder("idunno.conf"));
    CHECK_INT(idn_config_load(path, idn_settings_keys, &config, &reason), 0);
    CHECK_INT(idn_registry_new(config, &registry, &reason), 0);
    CHECK_STRING(idn_registry_model(registry, "resnet18")->weights,
        "/var/lib/idunno/weights/resnet18.weights");
}

static void test_own_model(void)
{
    CHECK_INT(read_config("models\n"
                          "    mine-1.0\n"
                          "        cfg = nets/mine.cfg\n"
                          "        weights = /w/mine.weights\n"
                          "        labels = 'my labels.txt'\n"
                          "        url = https://example.org/mine.weights\n"
                          "        size = 1234\n"
                          "        sha256 = " HEX "\n"
                          "    alexnet\n"
                          "        cfg = other.cfg\n"
                          "datasets\n"
                          "    d\n"
                          "        list = d.list\n"),
        0);
    const struct idn_model *mine = idn_registry_model(registry, "mine-1.0");
    CHECK_STRING(mine->cfg, in_folder("nets/mine.cfg"));
    CHECK_STRING(mine->weights, "/w/mine.weights");
    CHECK_STRING(mine->labels, in_folder("my labels.txt"));
    CHECK_STRING(mine->url, "https://example.org/mine.weights");
    CHECK_INT(mine->url_size, 1234);
    CHECK_STRING(mine->url_sha256, HEX);
    CHECK_INT(mine->batch, 400);
    CHECK(!mine->has_stated_digest);
    // Another network than Debian's has other labels.
    CHECK_STRING(idn_registry_model(registry, "alexnet")->labels, "");
    CHECK_STRING(idn_registry_dataset(registry, "d")->list, in_folder("d.list"));
}

static void test_refusals(void)
{
    CHECK_STRING(refusal("models\n    mine\n        batch = 3\n"),
        ": models/mine has no cfg; write cfg = the path of its darknet cfg file");
    CHECK_STRING(refusal("datasets\n    d\n"),
        ": datasets/d has no list; write list = the path of a file with one image path a line");
    CHECK_STRING(refusal("models\n    alexnet\n        batch = 0\n"),
        ":3: models/alexnet/batch = '0' is not a whole number from 1 to 10000");
    CHECK_STRING(refusal("models\n    alexnet\n        digest = abc\n"),
        ":3: models/alexnet/digest = 'abc' is not a SHA-256 of 64 hexadecimal digits");
    CHECK_CONTAINS(refusal("models\n    alexnet\n        sha256 = abc\n"),
        ":3: models/alexnet/sha256 = 'abc' is not a SHA-256");
    CHECK_CONTAINS(refusal("models\n    alexnet\n        url = ftp://x/y\n"),
        "is not an address that begins with http:// or https://");
    CHECK_CONTAINS(refusal("models\n    alexnet\n        size = big\n"),
        ":3: models/alexnet/size = 'big' is not a size in bytes");
    CHECK_CONTAINS(refusal("models\n    "
                           "a123456789a123456789a123456789a123456789a123456789a123456789a123\n"),
        "in models is longer than 63 characters");
}

static void test_too_many(void)
{
    char text[4096] = "models\n";

    for (int i = 0; i < IDN_MODELS_MAX; i++)
        (void)snprintf(
            text + strlen(text), sizeof(text) - strlen(text), "    m%d\n        cfg = x\n", i);
    CHECK_STRING(refusal(text), ": there are more than 62 models");
}

static const char network[] = "[net]\nheight=4\nwidth=4\nchannels=3\n"
                              "[connected]\noutput=5\nactivation=linear\n[softmax]\n";
static const char declared[] =
    "models\n    tiny\n        cfg = t.cfg\n        weights = t.weights\n"
    "datasets\n    d\n        list = d.list\n";

static const struct idn_model *inspect_tiny(const char *text)
{
    CHECK_INT(read_config(text), 0);
    idn_registry_inspect(registry);
    return idn_registry_model(registry, "tiny");
}

static void test_inspect(void)
{
    static char weights[20 + 4 * (48 * 5 + 5)] = {0, 0, 0, 0, 2};
    struct idn_sha256 parts[2], digest;

    write_file("t.cfg", network, sizeof(network) - 1);
    write_file("t.weights", weights, sizeof(weights));
    write_file("d.list", "1.jpg\n2.jpg\n", 12);
    const struct idn_model *model = inspect_tiny(declared);
    CHECK_STRING(model->problem, "");
    idn_sha256_of(network, sizeof(network) - 1, &parts[0]);
    idn_sha256_of(weights, sizeof(weights), &parts[1]);
    idn_sha256_of(parts, sizeof(parts), &digest);
    CHECK(memcmp(&digest, &model->digest, sizeof(digest)) == 0);
    const struct idn_dataset *dataset = idn_registry_dataset(registry, "d");
    CHECK_STRING(dataset->problem, "");
    CHECK_INT(dataset->images, 2);
    idn_sha256_of("1.jpg\n2.jpg\n", 12, &digest);
    CHECK(memcmp(&digest, &dataset->digest, sizeof(digest)) == 0);
    CHECK_CONTAINS(idn_registry_model(registry, "alexnet")->problem,
        "/weights/alexnet.weights: No such file or directory");
}

static void test_inspect_problems(void)
{
    static char weights[100] = {0, 0, 0, 0, 2};

    write_file("t.cfg", network, sizeof(network) - 1);
    write_file("t.weights", weights, sizeof(weights));
    write_file("d.list", "1.jpg\n\n", 7);
    CHECK_CONTAINS(inspect_tiny(declared)->problem,
        "t.weights have 100 bytes, but this network needs exactly 1000: the file is cut short or "
        "of another network");
    CHECK_CONTAINS(idn_registry_dataset(registry, "d")->problem, "/d.list: line 2 is empty");
    write_file("t.cfg", "[net]\n[yolo]\n", 13);
    CHECK_CONTAINS(inspect_tiny(declared)->problem, "[yolo] is a detection layer");
    CHECK_INT(unlink(in_folder("t.cfg")), 0);
    CHECK_INT(unlink(in_folder("d.list")), 0);
    CHECK_CONTAINS(inspect_tiny(declared)->problem, "cannot read the network");
    CHECK_CONTAINS(idn_registry_dataset(registry, "d")->problem, "cannot read the list");
}

static void test_changed_files(void)
{
    write_file("t.cfg", network, sizeof(network) - 1);
    write_file("t.weights", "abc", 3);
    const struct idn_model *model = inspect_tiny(declared);
    CHECK(!idn_model_has_changed(model));
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1}};
    CHECK_INT(utimensat(AT_FDCWD, in_folder("t.weights"), times, 0), 0);
    CHECK(idn_model_has_changed(model)); // written again, of the same size
    model = inspect_tiny(declared);
    CHECK(!idn_model_has_changed(model));
    CHECK_INT(unlink(in_folder("t.cfg")), 0);
    CHECK(idn_model_has_changed(model));
}

static void test_unasked(void)
{
    char names[IDN_TEXT_SIZE];

    CHECK_INT(read_config("models\n    tiny\n        cfg = t.cfg\n"), 0);
    idn_registry_inspect(registry);
    idn_registry_unasked(registry, names);
    CHECK_STRING(names, "alexnet, resnet18");
    // One that the user declares is asked for, and so is one that the user has weights for.
    write_file("t.weights", "", 0);
    CHECK_INT(read_config("models\n    alexnet\n        batch = 7\n"), 0);
    (void)snprintf(registry->model[1].weights, IDN_PATH_SIZE, "%s", in_folder("t.weights"));
    CHECK_STRING(registry->model[1].name, "resnet18");
    idn_registry_inspect(registry);
    idn_registry_unasked(registry, names);
    CHECK_STRING(names, "");
    CHECK(registry->model[0].problem[0] != '\0' && registry->model[1].problem[0] != '\0');
}

static void test_stated_digests(void)
{
    static char weights[1000] = {0, 0, 0, 0, 2};
    static const char text[] =
        "models\n    tiny\n        cfg = t.cfg\n        weights = t.weights\n"
        "        digest = " HEX "\n"
        "datasets\n    d\n        list = d.list\n        digest = " HEX "\n";

    write_file("t.cfg", network, sizeof(network) - 1);
    write_file("t.weights", weights, sizeof(weights));
    write_file("d.list", "1.jpg\n", 6);
    const struct idn_model *model = inspect_tiny(text);
    CHECK_CONTAINS(model->problem, "but the configuration states ba7816bf8f01cfea...");
    CHECK(model->has_stated_digest);
    CHECK_INT(model->digest.bytes[0], 0xba);
    CHECK_CONTAINS(idn_registry_dataset(registry, "d")->problem, "the digest of the list is");
    // A list's digest is that of its bytes, "abc" here.
    write_file("d.list", "abc", 3);
    (void)inspect_tiny(text);
    CHECK_STRING(idn_registry_dataset(registry, "d")->problem, "");
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_built_in),
        CHECK_TEST(test_where_weights_are),
        CHECK_TEST(test_where_weights_are_below_etc),
        CHECK_TEST(test_own_model),
        CHECK_TEST(test_refusals),
        CHECK_TEST(test_too_many),
        CHECK_TEST(test_inspect),
        CHECK_TEST(test_inspect_problems),
        CHECK_TEST(test_changed_files),
        CHECK_TEST(test_unasked),
        CHECK_TEST(test_stated_digests),
    };
    static const char *const files[] = {"idunno.conf", "t.cfg", "t.weights", "d.list"};

    if (mkdtemp(folder) == NULL || unsetenv("IDUNNO_WEIGHTS") != 0)
        return 1;
    int status = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        (void)unlink(in_folder(files[i]));
    (void)rmdir(folder);
    idn_registry_destroy(&registry);
    idn_config_destroy(&config);
    return status;
}
