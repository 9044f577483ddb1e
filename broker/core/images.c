#include "broker/core/images.h"

#include "base/assert.h"

#include <string.h>

#define NO_PAGE    UINT32_MAX
#define BIT(state) (1u << (state))
#define DONE       (BIT(IDN_IMAGE_OK) | BIT(IDN_IMAGE_ERROR))

// From each kind, the kinds that it may become.
static const uint16_t legal[IDN_IMAGE_KINDS] = {
    [IDN_IMAGE_PENDING] =
        BIT(IDN_IMAGE_LEASED) | BIT(IDN_IMAGE_SUSPECT) | BIT(IDN_IMAGE_QUARANTINED) | DONE,
    [IDN_IMAGE_LEASED] =
        BIT(IDN_IMAGE_PENDING) | BIT(IDN_IMAGE_SUSPECT_LEASED) | BIT(IDN_IMAGE_QUARANTINED) | DONE,
    [IDN_IMAGE_ERROR] = BIT(IDN_IMAGE_OK),
    [IDN_IMAGE_QUARANTINED] = BIT(IDN_IMAGE_PENDING) | BIT(IDN_IMAGE_LEASED) | DONE,
    [IDN_IMAGE_SUSPECT] = BIT(IDN_IMAGE_SUSPECT_LEASED) | BIT(IDN_IMAGE_QUARANTINED) | DONE,
    [IDN_IMAGE_SUSPECT_LEASED] = BIT(IDN_IMAGE_SUSPECT) | BIT(IDN_IMAGE_QUARANTINED) | DONE,
    [IDN_IMAGE_OK] = 0,
};

void idn_pages_init(struct idn_pages *pool, uint8_t *bytes, uint16_t *pending, uint32_t count)
{
    *pool = (struct idn_pages){
        .bytes = bytes, .pending = pending, .count = count, .free_head = NO_PAGE, .free = count};
}

static uint8_t *page_bytes(const struct idn_pages *pool, uint32_t page)
{
    IDN_ASSERT(page < pool->count);
    return pool->bytes + (size_t)page * IDN_PAGE_BYTES;
}

static uint32_t page_word(const struct idn_pages *pool, uint32_t page, uint32_t entry)
{
    uint32_t word;

    memcpy(&word, page_bytes(pool, page) + (size_t)entry * sizeof(word), sizeof(word));
    return word;
}

static void set_page_word(struct idn_pages *pool, uint32_t page, uint32_t entry, uint32_t word)
{
    memcpy(page_bytes(pool, page) + (size_t)entry * sizeof(word), &word, sizeof(word));
}

static uint32_t take_page(struct idn_pages *pool)
{
    uint32_t page = pool->free_head;

    IDN_ASSERT(pool->free > 0);
    pool->free--;
    if (page == NO_PAGE)
        return pool->touched++;
    pool->free_head = page_word(pool, page, 0);
    memset(page_bytes(pool, page), 0, IDN_PAGE_BYTES);
    return page;
}

static void give_page(struct idn_pages *pool, uint32_t page)
{
    set_page_word(pool, page, 0, pool->free_head);
    pool->free_head = page;
    pool->free++;
}

static uint32_t data_pages(uint32_t total)
{
    return (total + IDN_PAGE_IMAGES - 1) / IDN_PAGE_IMAGES;
}

static uint32_t directories(uint32_t pages)
{
    return pages <= IDN_IMAGES_ROOTS ? 0 : (pages + IDN_PAGE_ENTRIES - 1) / IDN_PAGE_ENTRIES;
}

uint32_t idn_images_pages(uint32_t total)
{
    return data_pages(total) + directories(data_pages(total));
}

void idn_images_init(struct idn_images *images, uint32_t total)
{
    IDN_ASSERT(total > 0 && directories(data_pages(total)) <= IDN_IMAGES_ROOTS);
    *images = (struct idn_images){.total = total};
    images->kind[IDN_IMAGE_PENDING] = total;
}

// The pool's page that holds the job's n-th page.
static uint32_t page_of(const struct idn_pages *pool, const struct idn_images *images, uint32_t n)
{
    IDN_ASSERT(n < images->pages);
    if (images->pages <= IDN_IMAGES_ROOTS)
        return images->root[n];
    return page_word(pool, images->root[n / IDN_PAGE_ENTRIES], n % IDN_PAGE_ENTRIES);
}

bool idn_images_open(struct idn_pages *pool, struct idn_images *images)
{
    uint32_t pages = data_pages(images->total), above = directories(pages);

    IDN_ASSERT(images->pages == 0 && images->kind[IDN_IMAGE_PENDING] == images->total);
    if (pool->free < pages + above)
        return false;
    for (uint32_t i = 0; i < above; i++)
        images->root[i] = take_page(pool);
    for (uint32_t n = 0; n < pages; n++) {
        uint32_t page = take_page(pool), left = images->total - n * IDN_PAGE_IMAGES;
        pool->pending[page] = (uint16_t)(left < IDN_PAGE_IMAGES ? left : IDN_PAGE_IMAGES);
        if (above == 0)
            images->root[n] = page;
        else
            set_page_word(pool, images->root[n / IDN_PAGE_ENTRIES], n % IDN_PAGE_ENTRIES, page);
    }
    images->pages = pages;
    images->cursor = 0;
    return true;
}

static unsigned nibble(const uint8_t *bytes, uint32_t at)
{
    return (unsigned)(bytes[at / 2] >> (at % 2 * 4)) & 15u;
}

static uint32_t images_of_page(const struct idn_images *images, uint32_t n)
{
    uint32_t left = images->total - n * IDN_PAGE_IMAGES;

    return left < IDN_PAGE_IMAGES ? left : IDN_PAGE_IMAGES;
}

static void load_page(
    struct idn_pages *pool, struct idn_images *images, uint32_t n, const uint8_t *states)
{
    uint32_t page = page_of(pool, images, n), count = images_of_page(images, n), pending = 0;
    uint8_t *bytes = page_bytes(pool, page);

    memcpy(bytes, states, (count + 1) / 2);
    for (uint32_t at = 0; at < count; at++) {
        unsigned state = nibble(bytes, at);
        IDN_ASSERT(state == IDN_IMAGE_PENDING || state == IDN_IMAGE_ERROR ||
                   state == IDN_IMAGE_QUARANTINED || state >= IDN_IMAGE_OK);
        images->kind[idn_image_kind(state)]++;
        pending += state == IDN_IMAGE_PENDING;
    }
    pool->pending[page] = (uint16_t)pending;
}

void idn_images_load(struct idn_pages *pool, struct idn_images *images, const uint8_t *states)
{
    IDN_ASSERT(images->pages > 0 && images->kind[IDN_IMAGE_PENDING] == images->total);
    images->kind[IDN_IMAGE_PENDING] = 0;
    for (uint32_t n = 0; n < images->pages; n++)
        load_page(pool, images, n, states + (size_t)n * IDN_PAGE_BYTES);
}

void idn_images_close(struct idn_pages *pool, struct idn_images *images)
{
    uint32_t above = directories(images->pages);

    for (uint32_t n = images->pages; n-- > 0;)
        give_page(pool, page_of(pool, images, n));
    for (uint32_t i = above; i-- > 0;)
        give_page(pool, images->root[i]);
    images->pages = 0;
}

unsigned idn_images_get(
    const struct idn_pages *pool, const struct idn_images *images, uint32_t index)
{
    IDN_ASSERT(index < images->total);
    return nibble(
        page_bytes(pool, page_of(pool, images, index / IDN_PAGE_IMAGES)), index % IDN_PAGE_IMAGES);
}

void idn_images_set(
    struct idn_pages *pool, struct idn_images *images, uint32_t index, unsigned state)
{
    IDN_ASSERT(index < images->total && state <= 15);
    uint32_t page = page_of(pool, images, index / IDN_PAGE_IMAGES), at = index % IDN_PAGE_IMAGES;
    uint8_t *byte = page_bytes(pool, page) + at / 2;
    unsigned shift = at % 2 * 4, old = (unsigned)(*byte >> shift) & 15u;

    IDN_ASSERT(legal[idn_image_kind(old)] & BIT(idn_image_kind(state)));
    *byte = (uint8_t)((*byte & ~(15u << shift)) | state << shift);
    images->kind[idn_image_kind(old)]--;
    images->kind[idn_image_kind(state)]++;
    pool->pending[page] =
        (uint16_t)(pool->pending[page] - idn_image_is_free(old) + idn_image_is_free(state));
    if (idn_image_is_free(state) && index < images->cursor)
        images->cursor = index;
}

// Whether one of the 16 images of a word may be PENDING (0) or SUSPECT (4): a zero nibble once the
// bit in which they differ is masked out.
static bool word_has_free(const uint8_t *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
    word &= 0xbbbbbbbbbbbbbbbbu;
    return ((word - 0x1111111111111111u) & ~word & 0x8888888888888888u) != 0;
}

static uint32_t next_in_page(const uint8_t *bytes, uint32_t at, uint32_t end)
{
    while (at < end) {
        if (at % 16 == 0 && !word_has_free(bytes + at / 2))
            at += 16;
        else if (idn_image_is_free(nibble(bytes, at)))
            return at;
        else
            at++;
    }
    return end;
}

static uint32_t next_free(
    const struct idn_pages *pool, const struct idn_images *images, uint32_t from)
{
    while (from < images->total) {
        uint32_t n = from / IDN_PAGE_IMAGES, begin = n * IDN_PAGE_IMAGES,
                 end = images_of_page(images, n), page = page_of(pool, images, n);
        if (pool->pending[page] > 0) {
            uint32_t at = next_in_page(page_bytes(pool, page), from - begin, end);
            if (at < end)
                return begin + at;
        }
        from = begin + IDN_PAGE_IMAGES;
    }
    return images->total;
}

uint32_t idn_images_next(const struct idn_pages *pool, struct idn_images *images, uint32_t from)
{
    if (from > images->cursor)
        return next_free(pool, images, from);
    images->cursor = next_free(pool, images, images->cursor);
    return images->cursor;
}

uint32_t idn_images_quarantined(
    const struct idn_pages *pool, const struct idn_images *images, uint32_t from)
{
    for (uint32_t n = from / IDN_PAGE_IMAGES; from < images->total; n++) {
        const uint8_t *bytes = page_bytes(pool, page_of(pool, images, n));
        uint32_t begin = n * IDN_PAGE_IMAGES, end = begin + images_of_page(images, n);
        for (; from < end; from++)
            if (nibble(bytes, from - begin) == IDN_IMAGE_QUARANTINED)
                return from;
    }
    return images->total;
}

uint32_t idn_images_run(
    const struct idn_pages *pool, const struct idn_images *images, uint32_t from, uint32_t end)
{
    uint32_t at = from;

    while (at < end && idn_images_get(pool, images, at) == IDN_IMAGE_PENDING)
        at++;
    return at - from;
}
