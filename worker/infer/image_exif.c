// The orientation in EXIF data. OpenCV reads the first directory's entries in turn and gives up at
// the first one that points outside, keeping what it has found; so do we, or damaged EXIF data
// would turn an image here and not there.
#include "worker/infer/image.h"

#include <stdbool.h>

enum {
    TIFF_HEADER_MAGIC = 42,
    ENTRY_BYTES = 12,
    TAG_ORIENTATION = 0x0112,
};

struct tiff {
    const uint8_t *bytes;
    size_t size;
    bool little;
    bool bad; // something pointed outside: reading ends here
};

static uint32_t get_number(struct tiff *tiff, uint64_t at, unsigned size)
{
    uint32_t value = 0;

    if (at + size > tiff->size) {
        tiff->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < size; i++)
        value |= (uint32_t)tiff->bytes[at + i] << 8 * (tiff->little ? i : size - 1 - i);
    return value;
}

static uint32_t get_u16(struct tiff *tiff, uint64_t at)
{
    return get_number(tiff, at, 2);
}

static uint32_t get_u32(struct tiff *tiff, uint64_t at)
{
    return get_number(tiff, at, 4);
}

static void check_text(struct tiff *tiff, uint64_t entry)
{
    uint64_t size = get_u32(tiff, entry + 4), at = 8; // short ones are not looked up properly

    if (size > 4)
        at = get_u32(tiff, entry + 8);
    tiff->bad = tiff->bad || at + size > tiff->size;
}

static void check_rationals(struct tiff *tiff, uint64_t entry, unsigned count)
{
    uint64_t at = get_u32(tiff, entry + 8);

    for (unsigned i = 0; i < count; i++)
        (void)get_u32(tiff, at + 8 * i), (void)get_u32(tiff, at + 8 * i + 4);
}

// What OpenCV reads of an entry, only to see whether it is inside.
static void check_entry(struct tiff *tiff, uint64_t entry)
{
    switch (get_u16(tiff, entry)) {
    case 0x010e: // description
    case 0x010f: // make
    case 0x0110: // model
    case 0x0131: // software
    case 0x0132: // date
    case 0x8298: // copyright
        check_text(tiff, entry);
        break;
    case 0x011a: // resolution
    case 0x011b:
        check_rationals(tiff, entry, 1);
        break;
    case 0x013e: // white point
        check_rationals(tiff, entry, 2);
        break;
    case 0x013f: // chromaticities
    case 0x0214: // reference black and white
        check_rationals(tiff, entry, 6);
        break;
    case 0x0211: // coefficients
        check_rationals(tiff, entry, 3);
        break;
    case 0x0128: // resolution unit
    case 0x0213: // positioning
        (void)get_u16(tiff, entry + 8);
        break;
    default:
        break;
    }
}

unsigned idn_exif_orientation(const uint8_t *bytes, size_t size)
{
    struct tiff tiff = {.bytes = bytes, .size = size};

    if (size < 2 || bytes[0] != bytes[1] || (bytes[0] != 'I' && bytes[0] != 'M'))
        return 1;
    tiff.little = bytes[0] == 'I';
    if (get_u16(&tiff, 2) != TIFF_HEADER_MAGIC)
        return 1;
    uint64_t directory = get_u32(&tiff, 4);
    uint32_t entries = get_u16(&tiff, directory);
    for (uint32_t i = 0; i < entries && !tiff.bad; i++) {
        uint64_t entry = directory + 2 + (uint64_t)ENTRY_BYTES * i;
        if (get_u16(&tiff, entry) == TAG_ORIENTATION) {
            uint32_t orientation = get_u16(&tiff, entry + 8);
            return tiff.bad ? 1 : orientation;
        }
        check_entry(&tiff, entry);
    }
    return 1;
}
