// PNG by libpng, with the transformations that OpenCV asks for.
#include "base/assert.h"
#include "proto/result.h"
#include "worker/infer/image.h"

#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { IHDR_END = 33 }; // signature, length, "IHDR", 13 bytes, checksum

// Everything that must survive libpng's longjmp.
struct reader {
    png_structp png;
    png_infop info, end;
    const uint8_t *bytes; // borrowed, what is not yet read
    size_t left;
    uint32_t width, height;
    png_bytep *rows; // owned, point into the pixels
    unsigned orientation;
};

static void on_read(png_structp png, png_bytep ret, size_t size)
{
    struct reader *reader = png_get_io_ptr(png);

    if (size > reader->left)
        png_error(png, "the file ends early");
    memcpy(ret, reader->bytes, size);
    reader->bytes += size;
    reader->left -= size;
}

static _Noreturn void on_error(png_structp png, png_const_charp message)
{
    (void)message;
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void ask_for_rgb(struct reader *reader)
{
    png_byte depth = png_get_bit_depth(reader->png, reader->info);
    png_byte color = png_get_color_type(reader->png, reader->info);

    if (depth == 16)
        png_set_strip_16(reader->png);
    png_set_strip_alpha(reader->png);
    if (color == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(reader->png);
    if ((color & PNG_COLOR_MASK_COLOR) == 0 && depth < 8)
        png_set_expand_gray_1_2_4_to_8(reader->png);
    if ((color & PNG_COLOR_MASK_COLOR) == 0)
        png_set_gray_to_rgb(reader->png);
    (void)png_set_interlace_handling(reader->png);
    png_read_update_info(reader->png, reader->info);
}

static unsigned orientation_of(struct reader *reader)
{
    png_infop info =
        png_get_valid(reader->png, reader->info, PNG_INFO_eXIf) != 0 ? reader->info : reader->end;
    png_uint_32 size = 0;
    png_bytep exif = NULL;

    if (png_get_eXIf_1(reader->png, info, &size, &exif) == 0 || exif == NULL)
        return 1;
    return idn_exif_orientation(exif, size);
}

static void read_image(struct reader *reader)
{
    png_set_read_fn(reader->png, reader, on_read);
    // No texts, suggested palettes or chunks that nobody knows: a file of 8 MB can hold a thousand
    // texts of 8 MB each, which libpng would inflate and keep.
    png_set_chunk_cache_max(reader->png, 1);
    png_read_info(reader->png, reader->info);
    ask_for_rgb(reader);
    if (png_get_image_width(reader->png, reader->info) != reader->width ||
        png_get_image_height(reader->png, reader->info) != reader->height ||
        png_get_rowbytes(reader->png, reader->info) != (size_t)reader->width * 3)
        png_error(reader->png, "not the size that its header said");
    png_read_image(reader->png, reader->rows);
    png_read_end(reader->png, reader->end);
    reader->orientation = orientation_of(reader);
}

static bool try_read(struct reader *reader)
{
    reader->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
    reader->info = png_create_info_struct(reader->png);
    reader->end = png_create_info_struct(reader->png);
    IDN_ASSERT(reader->png != NULL && reader->info != NULL && reader->end != NULL);
    if (setjmp(png_jmpbuf(reader->png)) != 0)
        return false;
    read_image(reader);
    return true;
}

bool idn_png_size(const uint8_t *bytes, size_t size, uint32_t *ret_width, uint32_t *ret_height)
{
    if (size < IHDR_END || memcmp(bytes + 12, "IHDR", 4) != 0)
        return false;
    *ret_width = png_get_uint_32(bytes + 16);
    *ret_height = png_get_uint_32(bytes + 20);
    return true;
}

int idn_png_decode(const uint8_t *bytes, size_t size, struct idn_pixels *pixels)
{
    struct reader reader = {.bytes = bytes, .left = size};

    // The size is looked at before libpng, so that nothing is allocated for what is too large.
    if (!idn_png_size(bytes, size, &reader.width, &reader.height))
        return IDN_STATUS_CORRUPT;
    int status = idn_image_check_size(reader.width, reader.height);
    if (status != 0)
        return status;
    idn_pixels_reserve(pixels, (size_t)reader.width * reader.height * 3);
    reader.rows = malloc(reader.height * sizeof(*reader.rows));
    IDN_ASSERT(reader.rows != NULL);
    for (uint32_t y = 0; y < reader.height; y++)
        reader.rows[y] = pixels->rgb + (size_t)y * reader.width * 3;
    bool read = try_read(&reader);
    png_destroy_read_struct(&reader.png, &reader.info, &reader.end);
    free(reader.rows);
    if (!read)
        return IDN_STATUS_CORRUPT;
    pixels->width = reader.width;
    pixels->height = reader.height;
    idn_pixels_turn(pixels, reader.orientation);
    return 0;
}
