// What the broker remembers of each image of an open job: four bits, in pages of one pool.
//
//                    lease                    result
//        PENDING ------------> LEASED ------------------> OK <------.
//         |  ^                  |  |                      ^         | a real result
//         |  '----- return -----'  | died in company      |         | beats both
//         | died in company        v                      |         |
//         '------> SUSPECT <----> SUSPECT_LEASED ---------+---> ERROR, QUARANTINED
//                    |   lease alone / return             |         ^
//                    '------------------------------------'---------'  three deaths alone
//
// Every state may also go to OK or ERROR: a late result is always welcome; and a leased image to
// QUARANTINED, by the other broker; and that to PENDING or LEASED, when it is lifted. The table of
// legal moves is in images.c; another move is an assertion. OK carries three bits of its row's
// hash, so that a second result that contradicts it is noticed (with a chance of 7/8).
#ifndef IDN_BROKER_CORE_IMAGES_H
#define IDN_BROKER_CORE_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum idn_image_state {
    IDN_IMAGE_PENDING = 0,
    IDN_IMAGE_LEASED = 1,
    IDN_IMAGE_ERROR = 2,
    IDN_IMAGE_QUARANTINED = 3,
    IDN_IMAGE_SUSPECT = 4, // pending, must be leased alone
    IDN_IMAGE_SUSPECT_LEASED = 5,
    IDN_IMAGE_OK = 8, // .. 15: with check bits
    IDN_IMAGE_CHECK_BITS = 7,
};

// The kinds that are counted: the states above, every OK as one.
enum { IDN_IMAGE_KINDS = IDN_IMAGE_OK + 1 };

enum {
    IDN_PAGE_IMAGES = 4096,
    IDN_PAGE_BYTES = IDN_PAGE_IMAGES / 2,
    IDN_PAGE_ENTRIES = IDN_PAGE_BYTES / 4, // page numbers in a directory page
    IDN_IMAGES_ROOTS = 5, // a job's own page numbers: of pages, or of directories when more
};

struct idn_pages {
    uint8_t *bytes;           // count pages
    uint16_t *pending;        // a page's images that may be leased: PENDING and SUSPECT
    uint32_t count;           // in the pool
    uint32_t touched;         // pages from here on were never used and are zero
    uint32_t free_head, free; // returned ones, chained by their first word; all that can be had
};

// One job's images, by index from 0.
struct idn_images {
    uint32_t total;
    uint32_t pages; // held; 0: only the counts are known
    uint32_t root[IDN_IMAGES_ROOTS];
    uint32_t cursor; // no PENDING or SUSPECT image is below it
    uint32_t kind[IDN_IMAGE_KINDS];
};

void idn_pages_init(struct idn_pages *pool, uint8_t *bytes, uint16_t *pending, uint32_t count);

// Pages that a job of so many images takes, directories included.
uint32_t idn_images_pages(uint32_t total);

// All images PENDING, without pages.
void idn_images_init(struct idn_images *images, uint32_t total);
// Takes zeroed pages. Only for images that are all PENDING. False: the pool has too few.
bool idn_images_open(struct idn_pages *pool, struct idn_images *images);
// Every image at once, after open: PENDING, ERROR, QUARANTINED or OK with its check bits, two a
// byte, the lower half first.
void idn_images_load(struct idn_pages *pool, struct idn_images *images, const uint8_t *states);
// Gives the pages back; the counts stay.
void idn_images_close(struct idn_pages *pool, struct idn_images *images);

unsigned idn_images_get(
    const struct idn_pages *pool, const struct idn_images *images, uint32_t index);
void idn_images_set(
    struct idn_pages *pool, struct idn_images *images, uint32_t index, unsigned state);

// The first image from `from` on that is PENDING or SUSPECT; total when there is none.
uint32_t idn_images_next(const struct idn_pages *pool, struct idn_images *images, uint32_t from);
// The first image from `from` on that is QUARANTINED; total when there is none.
uint32_t idn_images_quarantined(
    const struct idn_pages *pool, const struct idn_images *images, uint32_t from);
// How many images from `from` on, below `end`, are PENDING without a gap.
uint32_t idn_images_run(
    const struct idn_pages *pool, const struct idn_images *images, uint32_t from, uint32_t end);

static inline unsigned idn_image_kind(unsigned state)
{
    return state > IDN_IMAGE_OK ? IDN_IMAGE_OK : state;
}

static inline bool idn_image_is_leased(unsigned state)
{
    return state == IDN_IMAGE_LEASED || state == IDN_IMAGE_SUSPECT_LEASED;
}

static inline bool idn_image_is_free(unsigned state)
{
    return state == IDN_IMAGE_PENDING || state == IDN_IMAGE_SUSPECT;
}

#endif
