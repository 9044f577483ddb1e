// Image files for tests, made in memory by libturbojpeg and libpng themselves.
#ifndef IDN_TESTS_LIB_PICTURE_H
#define IDN_TESTS_LIB_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct picture_bytes {
    uint8_t *data; // owned
    size_t size;
};

struct picture_jpeg {
    uint32_t width, height;
    int subsampling; // enum TJSAMP
    bool cmyk, progressive;
};

struct picture_png {
    uint32_t width, height;
    int color, depth; // PNG_COLOR_TYPE_*, bits
    bool interlaced;
    bool transparent;     // a tRNS chunk
    unsigned orientation; // an eXIf chunk, 0: none
    const char *text;     // a zTXt chunk, NULL: none
};

// Content: smooth colours with noise, the same for a seed.
struct picture_bytes picture_make_jpeg(const struct picture_jpeg *wanted, uint32_t seed);
struct picture_bytes picture_make_png(const struct picture_png *wanted, uint32_t seed);

// Inserts `insert` at `at`; frees nothing.
struct picture_bytes picture_insert(
    const struct picture_bytes *from, size_t at, const void *insert, size_t size);

// A TIFF structure whose only entry is the orientation; returns its size (26).
enum { PICTURE_TIFF_SIZE = 26 };
void picture_tiff(unsigned orientation, bool little, uint8_t ret[PICTURE_TIFF_SIZE]);

// A JPEG with that EXIF segment behind its first marker.
struct picture_bytes picture_with_exif(
    const struct picture_bytes *jpeg, const uint8_t *tiff, size_t tiff_size);

uint32_t picture_draw(uint32_t *state); // 24 pseudo-random bits

#endif
