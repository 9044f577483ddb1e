// The commands of idunno-dataset, and the pictures it makes.
#ifndef IDN_BENCH_DATASET_H
#define IDN_BENCH_DATASET_H

#include "base/error.h"
#include "base/program.h"

#include <stddef.h>
#include <stdint.h>

#define IDN_DATASET "idunno-dataset"
enum { IDN_DATASET_IMAGES_MAX = 1000 * 1000 };

// Makes `images` JPEGs in `folder` and folder/images.list, or finds that they are there; `list` may
// be NULL, or another list to write, with absolute paths. Returns the exit status.
int idn_dataset_make(uint32_t images, uint64_t seed, const char *folder, const char *list);

// Lists the JPEG and PNG files below `folder`, sorted, on stdout or in `output`. Returns the exit
// status.
int idn_dataset_list(const char *folder, int with_hash, const char *output);

// The photos that pictures are cut from.
struct idn_photo {
    uint8_t *pixels; // owned: rows of red, green, blue
    uint32_t width, height;
};
struct idn_photos {
    struct idn_photo *photo; // owned
    size_t count;
    uint8_t digest[32]; // of the files, in order
};

// All *.jpg of `folder`, sorted by name.
int idn_photos_load(const char *folder, struct idn_photos *ret, struct idn_reason *reason);
void idn_photos_fini(struct idn_photos *photos);

// Picture `index` of the set of `seed`: cut from a photo, scaled, perhaps mirrored, its colours
// shifted. ret_jpeg is for tjFree().
int idn_picture_make(const struct idn_photos *photos, uint64_t seed, uint32_t index,
    uint8_t **ret_jpeg, size_t *ret_size, struct idn_reason *reason);

#endif
