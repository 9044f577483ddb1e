// From decoded pixels to a network's input, as darknet's `classifier valid` prepares it: RGB planes
// of floats in 0..1, the largest centred square cut out and resized by darknet's bilinear rule
// (mat_to_image, center_crop_image, resize_image in darknet's image.c, 0.0.0+git20180914).
// Equal to the bit: tests/unit/test_crop.c holds it against libdarknet.
#ifndef IDN_WORKER_INFER_CROP_H
#define IDN_WORKER_INFER_CROP_H

#include "worker/infer/image.h"

// ret has room for 3 * width * height floats, both at least 1.
void idn_crop(const struct idn_pixels *pixels, uint32_t width, uint32_t height, float *ret);

#endif
