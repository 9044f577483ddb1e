// Pictures with the statistics that matter of photographs: large areas, a falling spectrum, edges,
// channels that go together.
#include "base/random.h"
#include "weights/synth_net.h"

enum { LATTICE_MAX = 129, OCTAVES = 7, EDGES = 24 };

// Adds noise on a lattice of `cells` squares, interpolated in between.
static void add_octave(
    float *plane, size_t h, size_t w, size_t cells, float height, struct idn_random *random)
{
    float lattice[LATTICE_MAX][LATTICE_MAX];

    for (size_t y = 0; y <= cells; y++)
        for (size_t x = 0; x <= cells; x++)
            lattice[y][x] = (idn_random_unit(random) - 0.5f) * height;
    for (size_t y = 0; y < h; y++) {
        float fy = (float)y * (float)cells / (float)h;
        size_t iy = (size_t)fy;
        float by = fy - (float)iy;
        for (size_t x = 0; x < w; x++) {
            float fx = (float)x * (float)cells / (float)w;
            size_t ix = (size_t)fx;
            float bx = fx - (float)ix;
            float top = lattice[iy][ix] + (lattice[iy][ix + 1] - lattice[iy][ix]) * bx;
            float bottom =
                lattice[iy + 1][ix] + (lattice[iy + 1][ix + 1] - lattice[iy + 1][ix]) * bx;
            plane[y * w + x] += top + (bottom - top) * by;
        }
    }
}

static void add_rectangle(float *picture, size_t c, size_t h, size_t w, struct idn_random *random)
{
    size_t top = idn_random_below(random, h), left = idn_random_below(random, w);
    size_t bottom = top + 1 + idn_random_below(random, h / 2 + 1);
    size_t right = left + 1 + idn_random_below(random, w / 2 + 1);

    for (size_t k = 0; k < c; k++) {
        float shift = (idn_random_unit(random) - 0.5f) * 1.2f;
        for (size_t y = top; y < bottom && y < h; y++)
            for (size_t x = left; x < right && x < w; x++)
                picture[(k * h + y) * w + x] += shift;
    }
}

// Each picture has its own brightness, contrast and roughness, as photographs differ by them.
static void make_picture(float *picture, size_t c, size_t h, size_t w, struct idn_random *random)
{
    float base = 0.2f + 0.6f * idn_random_unit(random);
    float contrast = 0.2f + 0.8f * idn_random_unit(random);
    float slope = 0.55f + 0.45f * idn_random_unit(random);
    size_t edges = idn_random_below(random, EDGES);

    for (size_t i = 0; i < c * h * w; i++)
        picture[i] = base;
    struct idn_random light = *random; // the same light on every channel
    for (size_t k = 0; k < c; k++) {
        float height = contrast;
        struct idn_random same = light;
        float *plane = picture + k * h * w;
        for (size_t octave = 0; octave < OCTAVES; octave++, height *= slope) {
            add_octave(plane, h, w, (size_t)2 << octave, height, &same);
            add_octave(plane, h, w, (size_t)2 << octave, height * 0.3f, random);
        }
    }
    for (size_t i = 0; i < edges; i++)
        add_rectangle(picture, c, h, w, random);
    for (size_t i = 0; i < c * h * w; i++)
        picture[i] = picture[i] < 0 ? 0 : picture[i] > 1 ? 1 : picture[i];
}

void idn_synth_pictures(float *input, size_t c, size_t h, size_t w, uint64_t seed)
{
    for (uint64_t i = 0; i < IDN_SYNTH_PICTURES; i++) {
        struct idn_random random;
        idn_random_init(&random, seed, UINT64_MAX - i);
        make_picture(input + i * c * h * w, c, h, w, &random);
    }
}
