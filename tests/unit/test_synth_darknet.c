// Made-up weights through libdarknet itself, on Debian's photos: the logits must spread, and the
// answers must differ from photo to photo. `unit-synth_darknet FILE.cfg` tries another network.
// (The photos are Debian's own files, so darknet's image loader may have them.)
#include "weights/synth.h"

#include <darknet.h>
#include <fcntl.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PHOTOS_MIN = 6 };
static const double spread_least = 2;

// darknet fills every weight with these before it loads them: ours make it quick.
float rand_uniform(float least, float most);
float rand_normal(void);
float rand_uniform(float least, float most)
{
    (void)most;
    return least;
}
float rand_normal(void)
{
    return 0;
}

// Exported by the library, but not in its header.
image center_crop_image(image im, int w, int h);

static network *load(const char *path, const char *weights)
{
    char *cfg = strdup(path), *file = strdup(weights);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC), saved = dup(2);

    if (cfg == NULL || file == NULL || null < 0 || saved < 0 || dup2(null, 2) < 0)
        exit(1);
    network *net = parse_network_cfg(cfg);
    load_weights(net, file);
    set_batch_network(net, 1);
    (void)dup2(saved, 2);
    (void)close(saved);
    (void)close(null);
    free(cfg);
    free(file);
    return net;
}

static double deviation(const float *values, int count)
{
    double sum = 0, squares = 0;

    for (int i = 0; i < count; i++)
        sum += (double)values[i];
    for (int i = 0; i < count; i++) {
        double off = (double)values[i] - sum / count;
        squares += off * off;
    }
    return sqrt(squares / count);
}

// The class of the highest value.
static int classify(network *net, const char *photo, double *ret_spread)
{
    char *name = strdup(photo);
    image picture = load_image_color(name, 0, 0), crop = center_crop_image(picture, net->w, net->h);
    const float *out = network_predict(net, crop.data);
    const layer *before = &net->layers[net->n - 2];
    int best = 0;

    for (int i = 1; i < net->outputs; i++)
        best = out[i] > out[best] ? i : best;
    *ret_spread = deviation(before->output, net->outputs);
    (void)printf("%s: class %d, probability %.3f, logits with a standard deviation of %.2f\n",
        photo, best, (double)out[best], *ret_spread);
    free_image(picture);
    free_image(crop);
    free(name);
    return best;
}

static int try_network(const char *path, const char *weights)
{
    glob_t photos;
    double spread;
    int failed = 0, different = 0, seen[64];

    if (glob("/usr/share/darknet/data/*.jpg", 0, NULL, &photos) != 0 ||
        photos.gl_pathc < PHOTOS_MIN)
        return 1;
    network *net = load(path, weights);
    size_t count = photos.gl_pathc < 64 ? photos.gl_pathc : 64;
    for (size_t i = 0; i < count; i++) {
        seen[i] = classify(net, photos.gl_pathv[i], &spread);
        failed |= !(spread >= spread_least);
        int again = 0;
        for (size_t k = 0; k < i; k++)
            again |= seen[k] == seen[i];
        different += !again;
    }
    (void)printf("%s: %d different classes for %zu photos\n", path, different, count);
    globfree(&photos);
    free_network(net);
    return failed || different < 2;
}

int main(int argc, char **argv)
{
    char weights[] = "/tmp/idunno-test-synth-XXXXXX";
    const char *path = argc > 1 ? argv[1] : "/usr/share/darknet/cfg/resnet18.cfg";
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    struct idn_cfg *cfg = NULL;
    struct idn_reason reason;
    int fd = mkstemp(weights);

    if (fd < 0 || close(fd) < 0)
        return 1;
    if (idn_cfg_read(path, &cfg, &reason) < 0 ||
        idn_synth(cfg, seed, weights, NULL, NULL, &reason) < 0 ||
        idn_cfg_check_weights(cfg, weights, &reason) < 0) {
        (void)printf("FAIL %s\n", reason.text);
        return 1;
    }
    int failed = try_network(path, weights);
    (void)unlink(weights);
    idn_cfg_destroy(&cfg);
    (void)printf("%s\n", failed ? "FAIL" : "ok");
    return failed;
}
