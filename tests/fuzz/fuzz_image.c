// A file that somebody calls an image: decoded, or refused with a status; what comes of it depends
// on its bytes alone, not on what was decoded before; it has as many pixels as its header tells.
#include "proto/result.h"
#include "tests/fuzz/fuzz.h"
#include "worker/infer/crop.h"

#include <stdbool.h>
#include <stdlib.h>
#include <zlib.h>

enum { PIXELS_MAX = 16 * 1024, SIDE = 9 }; // larger ones only take time

static struct idn_pixels used; // again and again: it holds what was decoded before

static void check_crop(const struct idn_pixels *pixels)
{
    float input[3 * SIDE * SIDE];

    idn_crop(pixels, SIDE, SIDE, input);
    for (size_t i = 0; i < 3 * SIDE * SIDE; i++)
        IDN_ASSERT(input[i] >= 0 && input[i] <= 1);
}

static void check(const uint8_t *data, size_t size)
{
    struct idn_pixels fresh = {0};
    uint64_t pixels = idn_image_pixels(data, size);

    if (pixels > PIXELS_MAX)
        return;
    int status = idn_image_decode(data, size, 0, &fresh);
    IDN_ASSERT(status == 0 || status == IDN_STATUS_UNSUPPORTED || status == IDN_STATUS_CORRUPT ||
               status == IDN_STATUS_TOO_LARGE);
    IDN_ASSERT(idn_image_decode(data, size, 0, &used) == status);
    if (status == 0) {
        IDN_ASSERT((uint64_t)fresh.width * fresh.height == pixels);
        IDN_ASSERT(fresh.width == used.width && fresh.height == used.height);
        IDN_ASSERT(memcmp(fresh.rgb, used.rgb, 3 * pixels) == 0);
        check_crop(&fresh);
    }
    IDN_ASSERT((idn_image_decode(data, size, SIDE, &used) == 0) == (status == 0));
    idn_pixels_fini(&fresh);
}

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

// Puts the checksums of a PNG's chunks right: without, hardly a change gets behind them.
static bool repair_png(uint8_t *bytes, size_t size)
{
    size_t at = 8;

    if (size < at || memcmp(bytes, "\x89PNG", 4) != 0)
        return false;
    while (size - at >= 12 && get_u32(bytes + at) <= size - at - 12) {
        size_t length = get_u32(bytes + at);
        uint32_t sum = (uint32_t)crc32(0, bytes + at + 4, (uInt)length + 4);
        for (size_t i = 0; i < 4; i++)
            bytes[at + 8 + length + i] = (uint8_t)(sum >> (24 - 8 * i));
        at += 12 + length;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);

    IDN_ASSERT(copy != NULL);
    (void)idn_exif_orientation(data, size);
    check(data, size);
    if (size > 0)
        memcpy(copy, data, size);
    if (repair_png(copy, size))
        check(copy, size);
    free(copy);
    return 0;
}
