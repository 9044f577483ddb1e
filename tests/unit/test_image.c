// Decoding of hostile files: every one gets its status, none a crash. (That good ones decode to
// the right pixels: test_image_darknet.c.)
#include "proto/result.h"
#include "tests/lib/check.h"
#include "tests/lib/picture.h"
#include "worker/infer/image.h"

#include <png.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <turbojpeg.h>

// From an allocation of its exact size, so that a sanitizer sees a byte read too far.
static int decode(const void *bytes, size_t size)
{
    struct idn_pixels pixels = {0};
    uint8_t *copy = malloc(size == 0 ? 1 : size);

    CHECK(copy != NULL);
    memcpy(copy, bytes, size);
    int status = idn_image_decode(copy, size, 0, &pixels);
    CHECK(status != 0 || (pixels.rgb != NULL && pixels.width > 0 && pixels.height > 0));
    idn_pixels_fini(&pixels);
    free(copy);
    return status;
}

static struct picture_bytes make_jpeg(bool progressive)
{
    struct picture_jpeg wanted = {
        .width = 40, .height = 30, .subsampling = TJSAMP_420, .progressive = progressive};

    return picture_make_jpeg(&wanted, 1);
}

static struct picture_bytes make_png(bool interlaced)
{
    struct picture_png wanted = {.width = 40,
        .height = 30,
        .color = PNG_COLOR_TYPE_RGB,
        .depth = 8,
        .interlaced = interlaced};

    return picture_make_png(&wanted, 1);
}

static void test_neither_jpeg_nor_png(void)
{
    CHECK_INT(decode("", 0), IDN_STATUS_UNSUPPORTED);
    CHECK_INT(decode("\xff", 1), IDN_STATUS_UNSUPPORTED);
    CHECK_INT(decode("GIF89a", 6), IDN_STATUS_UNSUPPORTED);
    CHECK_INT(decode("\x89PNG\r\n\x1a", 7), IDN_STATUS_UNSUPPORTED);
    CHECK_INT(decode("BM and so on", 12), IDN_STATUS_UNSUPPORTED);
}

static void test_signature_alone(void)
{
    CHECK_INT(decode("\xff\xd8\xff", 3), IDN_STATUS_CORRUPT);
    CHECK_INT(decode("\xff\xd8\xff\xd9", 4), IDN_STATUS_CORRUPT);
    CHECK_INT(decode("\x89PNG\r\n\x1a\n", 8), IDN_STATUS_CORRUPT);
}

static void check_every_cut(struct picture_bytes bytes, size_t least)
{
    CHECK_INT(decode(bytes.data, bytes.size), 0);
    for (size_t size = least; size < bytes.size; size++)
        if (decode(bytes.data, size) != IDN_STATUS_CORRUPT) {
            (void)printf("  cut to %zu of %zu bytes is not corrupt\n", size, bytes.size);
            check_fail();
        }
    free(bytes.data);
}

static void test_cut_short_anywhere(void)
{
    check_every_cut(make_jpeg(false), 3);
    check_every_cut(make_jpeg(true), 3);
    check_every_cut(make_png(false), 8);
    check_every_cut(make_png(true), 8);
}

static void test_random_damage(void)
{
    uint32_t state = 12345, statuses[IDN_STATUS_COUNT] = {0};

    for (int round = 0; round < 2000; round++) {
        struct picture_bytes bytes = round % 2 ? make_jpeg(round % 4 == 1) : make_png(round % 4);
        for (uint32_t n = 1 + picture_draw(&state) % 8; n > 0; n--)
            bytes.data[picture_draw(&state) % bytes.size] = (uint8_t)picture_draw(&state);
        statuses[decode(bytes.data, bytes.size)]++;
        free(bytes.data);
    }
    CHECK(statuses[IDN_STATUS_OK] > 0 && statuses[IDN_STATUS_CORRUPT] > 100);
}

static void test_random_bytes_behind_a_signature(void)
{
    uint32_t state = 777;
    uint8_t bytes[600];

    for (int round = 0; round < 2000; round++) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (uint8_t)picture_draw(&state);
        memcpy(bytes, round % 2 ? "\xff\xd8\xff\xc0" : "\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            round % 2 ? 4 : 16);
        CHECK(decode(bytes, sizeof(bytes)) != 0);
    }
}

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

// The checksum of PNG chunks (ISO 3309), bit by bit.
static uint32_t checksum(const uint8_t *bytes, size_t size)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static int decode_png_of(uint32_t width, uint32_t height)
{
    struct picture_bytes bytes = make_png(false);

    put_u32(bytes.data + 16, width);
    put_u32(bytes.data + 20, height);
    put_u32(bytes.data + 29, checksum(bytes.data + 12, 17));
    int status = decode(bytes.data, bytes.size);
    free(bytes.data);
    return status;
}

// Refused by the header, before memory is taken for the pixels.
static void test_png_of_huge_size(void)
{
    CHECK_INT(decode_png_of(40, 30), 0);
    CHECK_INT(decode_png_of(0x7fffffff, 0x7fffffff), IDN_STATUS_TOO_LARGE);
    CHECK_INT(decode_png_of(0x7fffffff, 1), IDN_STATUS_TOO_LARGE);
    CHECK_INT(decode_png_of(10001, 10000), IDN_STATUS_TOO_LARGE);
    CHECK_INT(decode_png_of(0, 30), IDN_STATUS_CORRUPT);
    CHECK_INT(decode_png_of(40, 0), IDN_STATUS_CORRUPT);
    CHECK_INT(decode_png_of(40, 31), IDN_STATUS_CORRUPT); // a row too few
}

static const uint8_t *find_chunk(const struct picture_bytes *png, const char *name)
{
    const uint8_t *found = memmem(png->data, png->size, name, 4);

    CHECK(found != NULL);
    return found - 4;
}

// One chunk with so many bytes of text, 200 times.
static struct picture_bytes make_text_bomb(size_t text_bytes)
{
    enum { TIMES = 200 };
    char *text = malloc(text_bytes + 1);
    struct picture_png wanted = {
        .width = 40, .height = 30, .color = PNG_COLOR_TYPE_RGB, .depth = 8, .text = text};

    CHECK(text != NULL);
    memset(text, 'a', text_bytes), text[text_bytes] = '\0';
    struct picture_bytes one = picture_make_png(&wanted, 1);
    const uint8_t *chunk = find_chunk(&one, "zTXt");
    size_t size = png_get_uint_32(chunk) + 12;
    uint8_t *chunks = malloc(TIMES * size);
    CHECK(chunks != NULL);
    for (size_t i = 0; i < TIMES; i++)
        memcpy(chunks + i * size, chunk, size);
    struct picture_bytes bomb =
        picture_insert(&one, (size_t)(chunk - one.data), chunks, TIMES * size);
    free(chunks);
    free(one.data);
    free(text);
    return bomb;
}

static long peak_mib(void)
{
    struct rusage used;

    CHECK_INT(getrusage(RUSAGE_SELF, &used), 0);
    return used.ru_maxrss / 1024;
}

// 2 MB that would be 1.4 GB.
static void test_png_texts_are_not_kept(void)
{
    struct picture_bytes bomb = make_text_bomb(7 * 1000 * 1000);
    long before = peak_mib();

    CHECK_INT(decode(bomb.data, bomb.size), 0);
    CHECK(peak_mib() < before + 100);
    free(bomb.data);
}

static size_t frame_of(const struct picture_bytes *jpeg)
{
    for (size_t i = 2; i + 1 < jpeg->size; i++)
        if (jpeg->data[i] == 0xff && jpeg->data[i + 1] == 0xc0)
            return i;
    check_fail();
}

static int decode_jpeg_with(size_t offset, uint8_t first, uint8_t second)
{
    struct picture_bytes bytes = make_jpeg(false);
    size_t frame = frame_of(&bytes);

    bytes.data[frame + offset] = first;
    bytes.data[frame + offset + 1] = second;
    int status = decode(bytes.data, bytes.size);
    free(bytes.data);
    return status;
}

static void test_jpeg_frames_we_refuse(void)
{
    enum { MARKER = 0, PRECISION = 4, HEIGHT = 5, WIDTH = 7, COMPONENTS = 9 };

    CHECK_INT(decode_jpeg_with(HEIGHT, 0, 30), 0);
    CHECK_INT(decode_jpeg_with(HEIGHT, 0, 0), IDN_STATUS_CORRUPT);
    CHECK_INT(decode_jpeg_with(WIDTH, 0, 0), IDN_STATUS_CORRUPT);
    CHECK_INT(decode_jpeg_with(MARKER, 0xff, 0xc3), IDN_STATUS_UNSUPPORTED); // lossless
    CHECK_INT(decode_jpeg_with(MARKER, 0xff, 0xc7), IDN_STATUS_UNSUPPORTED); // hierarchical
    CHECK_INT(decode_jpeg_with(PRECISION, 12, 0), IDN_STATUS_UNSUPPORTED);
    CHECK_INT(decode_jpeg_with(COMPONENTS, 2, 1), IDN_STATUS_UNSUPPORTED);
}

static void test_jpeg_of_huge_size(void)
{
    struct picture_bytes bytes = make_jpeg(false);
    size_t frame = frame_of(&bytes);

    memset(bytes.data + frame + 5, 0xff, 4);
    CHECK_INT(decode(bytes.data, bytes.size), IDN_STATUS_TOO_LARGE);
    free(bytes.data);
}

static void check_pixels(struct picture_bytes bytes, uint64_t expected)
{
    CHECK_INT(idn_image_pixels(bytes.data, bytes.size), expected);
    for (size_t size = 0; size < bytes.size; size++) {
        uint64_t pixels = idn_image_pixels(bytes.data, size);
        CHECK(pixels == 0 || pixels == expected);
    }
    free(bytes.data);
}

static void test_pixels_are_known_from_the_header(void)
{
    check_pixels(make_jpeg(false), 1200);
    check_pixels(make_jpeg(true), 1200);
    check_pixels(make_png(false), 1200);
    CHECK_INT(idn_image_pixels((const uint8_t *)"GIF89a and more", 15), 0);
}

static void check_scaled(uint32_t least_side, uint32_t width, uint32_t height)
{
    struct picture_jpeg wanted = {.width = 161, .height = 96, .subsampling = TJSAMP_420};
    struct picture_bytes bytes = picture_make_jpeg(&wanted, 1);
    struct idn_pixels pixels = {0};

    CHECK_INT(idn_image_decode(bytes.data, bytes.size, least_side, &pixels), 0);
    CHECK_INT(pixels.width, width);
    CHECK_INT(pixels.height, height);
    idn_pixels_fini(&pixels);
    free(bytes.data);
}

static void test_smaller_only_when_a_whole_scale_suffices(void)
{
    check_scaled(0, 161, 96);
    check_scaled(49, 161, 96);
    check_scaled(48, 81, 48);
    check_scaled(25, 81, 48);
    check_scaled(24, 41, 24);
    check_scaled(12, 21, 12);
    check_scaled(1, 21, 12);
}

// Each pixel of the smaller image is near the mean of those it stands for.
static void test_smaller_is_the_same_picture(void)
{
    struct picture_jpeg wanted = {.width = 64, .height = 64, .subsampling = TJSAMP_444};
    struct picture_bytes bytes = picture_make_jpeg(&wanted, 1);
    struct idn_pixels whole = {0}, half = {0};
    long off = 0;

    CHECK_INT(idn_image_decode(bytes.data, bytes.size, 0, &whole), 0);
    CHECK_INT(idn_image_decode(bytes.data, bytes.size, 32, &half), 0);
    for (size_t i = 0; i < (size_t)32 * 32 * 3; i++) {
        const uint8_t *at = whole.rgb + i / 96 * 2 * 192 + i % 96 / 3 * 6 + i % 3;
        off += labs((at[0] + at[3] + at[192] + at[195]) / 4 - half.rgb[i]);
    }
    CHECK(off < 32 * 32 * 3 * 4);
    idn_pixels_fini(&whole);
    idn_pixels_fini(&half);
    free(bytes.data);
}

// Without the segments of quantisation tables.
static struct picture_bytes without_tables(const struct picture_bytes *jpeg)
{
    struct picture_bytes cut = {.data = malloc(jpeg->size)};
    size_t at = 2;

    CHECK(cut.data != NULL);
    memcpy(cut.data, jpeg->data, 2);
    cut.size = 2;
    while (jpeg->data[at + 1] != 0xda) {
        size_t length = 2 + ((size_t)jpeg->data[at + 2] << 8 | jpeg->data[at + 3]);
        if (jpeg->data[at + 1] != 0xdb) {
            memcpy(cut.data + cut.size, jpeg->data + at, length);
            cut.size += length;
        }
        at += length;
    }
    memcpy(cut.data + cut.size, jpeg->data + at, jpeg->size - at);
    cut.size += jpeg->size - at;
    return cut;
}

// An image never borrows anything from the one before it.
static void test_jpeg_without_tables_after_one_with(void)
{
    struct picture_bytes whole = make_jpeg(false), cut = without_tables(&whole);

    for (int round = 0; round < 3; round++) {
        CHECK_INT(decode(whole.data, whole.size), 0);
        CHECK_INT(decode(cut.data, cut.size), IDN_STATUS_CORRUPT);
    }
    free(whole.data);
    free(cut.data);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_neither_jpeg_nor_png),
        CHECK_TEST(test_signature_alone),
        CHECK_TEST(test_cut_short_anywhere),
        CHECK_TEST(test_random_damage),
        CHECK_TEST(test_random_bytes_behind_a_signature),
        CHECK_TEST(test_png_of_huge_size),
        CHECK_TEST(test_png_texts_are_not_kept),
        CHECK_TEST(test_jpeg_frames_we_refuse),
        CHECK_TEST(test_jpeg_of_huge_size),
        CHECK_TEST(test_pixels_are_known_from_the_header),
        CHECK_TEST(test_smaller_only_when_a_whole_scale_suffices),
        CHECK_TEST(test_smaller_is_the_same_picture),
        CHECK_TEST(test_jpeg_without_tables_after_one_with),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
