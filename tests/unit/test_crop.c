// Preparing a network's input: equal to the bit to what libdarknet makes of the same pixels.
#include "tests/lib/check.h"
#include "worker/infer/crop.h"

#include <darknet.h>

static uint32_t draw(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static struct idn_pixels random_pixels(uint32_t width, uint32_t height, uint32_t *state)
{
    struct idn_pixels pixels = {
        .width = width, .height = height, .rgb = malloc((size_t)3 * width * height)};

    CHECK(pixels.rgb != NULL);
    for (size_t i = 0; i < (size_t)3 * width * height; i++)
        pixels.rgb[i] = (uint8_t)draw(state);
    return pixels;
}

// As darknet's mat_to_image makes it.
static image darknet_image(const struct idn_pixels *pixels)
{
    image made = make_image((int)pixels->width, (int)pixels->height, 3);
    size_t plane = (size_t)pixels->width * pixels->height;

    for (size_t i = 0; i < plane; i++)
        for (size_t c = 0; c < 3; c++)
            made.data[c * plane + i] = (float)(pixels->rgb[3 * i + c] / 255.);
    return made;
}

static unsigned different_bits(
    const struct idn_pixels *pixels, uint32_t width, uint32_t height, size_t *ret_worst)
{
    size_t size = (size_t)3 * width * height;
    float *ours = malloc(size * sizeof(float));
    image whole = darknet_image(pixels);
    image theirs = center_crop_image(whole, (int)width, (int)height);
    unsigned different = 0;

    CHECK(ours != NULL);
    idn_crop(pixels, width, height, ours);
    for (size_t i = 0; i < size; i++)
        if (memcmp(&ours[i], &theirs.data[i], sizeof(float)) != 0)
            different++, *ret_worst = i;
    free_image(whole);
    free_image(theirs);
    free(ours);
    return different;
}

static void check_equal(uint32_t from_width, uint32_t from_height, uint32_t width, uint32_t height)
{
    uint32_t state = from_width * 7919 + from_height;
    struct idn_pixels pixels = random_pixels(from_width, from_height, &state);
    size_t worst = 0;
    unsigned different = different_bits(&pixels, width, height, &worst);

    if (different > 0)
        (void)printf("  %ux%u to %ux%u: %u floats differ, the last at %zu\n", from_width,
            from_height, width, height, different, worst);
    CHECK_INT(different, 0);
    idn_pixels_fini(&pixels);
}

static void test_usual_sizes(void)
{
    check_equal(299, 299, 224, 224);
    check_equal(640, 424, 227, 227);
    check_equal(424, 640, 256, 256);
    check_equal(768, 576, 448, 448);
    check_equal(224, 224, 224, 224);
}

static void test_enlarging_and_edges(void)
{
    check_equal(17, 31, 64, 64);
    check_equal(2, 2, 5, 5);
    check_equal(1, 9, 8, 8);
    check_equal(9, 1, 3, 3);
    check_equal(100, 3, 2, 2);
    check_equal(50, 60, 40, 28); // a network that is not square squeezes the square
}

static void test_many_random_sizes(void)
{
    uint32_t state = 99;

    for (int i = 0; i < 300; i++) {
        uint32_t from_width = 1 + draw(&state) % 400, from_height = 1 + draw(&state) % 400;
        uint32_t width = 2 + draw(&state) % 260, height = 2 + draw(&state) % 260;
        check_equal(from_width, from_height, width, height);
    }
}

// libdarknet divides by zero here; ours takes the first pixels.
static void test_network_of_one_pixel(void)
{
    uint32_t state = 5;
    struct idn_pixels pixels = random_pixels(4, 4, &state);
    float out[3];

    idn_crop(&pixels, 1, 1, out);
    CHECK(out[0] >= 0 && out[0] <= 1);
    idn_pixels_fini(&pixels);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_usual_sizes),
        CHECK_TEST(test_enlarging_and_edges),
        CHECK_TEST(test_many_random_sizes),
        CHECK_TEST(test_network_of_one_pixel),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
