// An image file's bytes become 8-bit RGB, exactly as OpenCV 4.6 (which darknet's load_image_color
// uses) would decode them: colour conversion, alpha dropped, 16 bit cut to 8, turned as EXIF says.
//
// Where we are stricter: only JPEG and PNG, known by their first bytes; a JPEG without an
// end-of-image marker is cut short and refused (OpenCV fills the missing part with grey). A JPEG
// whose coded data is damaged but complete decodes with warnings: accepted, as OpenCV does.
// Deterministic; no I/O, no global state: any number of threads may decode at once.
#ifndef IDN_WORKER_INFER_IMAGE_H
#define IDN_WORKER_INFER_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    IDN_IMAGE_PIXELS_MAX = 100 * 1000 * 1000,
    IDN_IMAGE_SIDE_MAX = 1000 * 1000, // libpng's own limit; a JPEG has at most 65,500
};

// Zeroed, or from an earlier decoding: its memory is used again.
struct idn_pixels {
    uint32_t width, height;
    uint8_t *rgb;                  // owned; rows from the top, three bytes a pixel, no padding
    uint8_t *spare;                // owned; for turning
    size_t rgb_bytes, spare_bytes; // allocated there
};

// Returns 0 or the enum idn_status that says why not: UNSUPPORTED, CORRUPT, TOO_LARGE; then pixels
// hold nothing of use, but still memory. least_side: 0 for the image as it is; else a JPEG whose
// sides are at least twice, four or eight times as long is decoded at a half, a quarter or an
// eighth of its size, by libjpeg's own scaling: faster, near to the image, not equal to it.
int idn_image_decode(
    const uint8_t *bytes, size_t size, uint32_t least_side, struct idn_pixels *pixels);
void idn_pixels_fini(struct idn_pixels *pixels);

// How many pixels the file's header tells of, before any is decoded; 0 when it tells of none. To
// decode them takes up to 6 bytes a pixel, of a progressive JPEG up to 14.
uint64_t idn_image_pixels(const uint8_t *bytes, size_t size);

// The decoders behind it, and what they share; for image*.c only.
int idn_jpeg_decode(
    const uint8_t *bytes, size_t size, uint32_t least_side, struct idn_pixels *pixels);
int idn_png_decode(const uint8_t *bytes, size_t size, struct idn_pixels *pixels);

// Their headers alone; false: there is none.
bool idn_jpeg_size(const uint8_t *bytes, size_t size, uint32_t *ret_width, uint32_t *ret_height);
bool idn_png_size(const uint8_t *bytes, size_t size, uint32_t *ret_width, uint32_t *ret_height);

// Makes rgb hold at least so many bytes, of any value.
void idn_pixels_reserve(struct idn_pixels *pixels, size_t bytes);

// 0, or CORRUPT for an empty image, TOO_LARGE over the limits above.
int idn_image_check_size(uint64_t width, uint64_t height);

// EXIF orientation (1 to 8; 1 when there is none) of a TIFF structure, as OpenCV's reader finds it.
unsigned idn_exif_orientation(const uint8_t *tiff, size_t size);

// Turns the image as that orientation asks; others than 2 to 8 leave it alone.
void idn_pixels_turn(struct idn_pixels *pixels, unsigned orientation);

#endif
