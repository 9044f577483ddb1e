#include "tests/lib/picture.h"

#include "base/assert.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

uint32_t picture_draw(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static uint8_t *content(uint32_t width, uint32_t height, uint32_t channels, uint32_t seed)
{
    uint8_t *bytes = malloc((size_t)width * height * channels + 8), *at = bytes;

    IDN_ASSERT(bytes != NULL);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < channels; c++)
                *at++ = (uint8_t)((x * (c + 2) + y * (5 - c % 4)) / 2 + picture_draw(&seed) % 32);
    return bytes;
}

struct picture_bytes picture_make_jpeg(const struct picture_jpeg *wanted, uint32_t seed)
{
    tjhandle handle = tjInitCompress();
    uint8_t *pixels = content(wanted->width, wanted->height, wanted->cmyk ? 4 : 3, seed);
    unsigned char *jpeg = NULL;
    unsigned long size = 0;

    IDN_ASSERT(handle != NULL);
    int error = tjCompress2(handle, pixels, (int)wanted->width, 0, (int)wanted->height,
        wanted->cmyk ? TJPF_CMYK : TJPF_RGB, &jpeg, &size, wanted->subsampling, 85,
        wanted->progressive ? TJFLAG_PROGRESSIVE : 0);
    IDN_ASSERT(error == 0);
    struct picture_bytes made = {.data = malloc(size), .size = size};
    IDN_ASSERT(made.data != NULL);
    memcpy(made.data, jpeg, size);
    tjFree(jpeg);
    (void)tjDestroy(handle);
    free(pixels);
    return made;
}

static void on_write(png_structp png, png_bytep bytes, size_t size)
{
    struct picture_bytes *made = png_get_io_ptr(png);

    made->data = realloc(made->data, made->size + size);
    IDN_ASSERT(made->data != NULL);
    memcpy(made->data + made->size, bytes, size);
    made->size += size;
}

static void on_flush(png_structp png)
{
    (void)png;
}

static void set_palette(png_structp png, png_infop info, int depth)
{
    png_color palette[256];

    for (int i = 0; i < 256; i++)
        palette[i] = (png_color){(png_byte)(i * 7), (png_byte)(255 - i * 3), (png_byte)(i * 29)};
    png_set_PLTE(png, info, palette, 1 << depth);
}

static void set_transparent(png_structp png, png_infop info, int color)
{
    png_byte alpha[2] = {0, 128};
    png_color_16 value = {.index = 1, .red = 3, .green = 3, .blue = 3, .gray = 3};

    png_set_tRNS(png, info, alpha, color == PNG_COLOR_TYPE_PALETTE ? 2 : 0, &value);
}

static void set_orientation(png_structp png, png_infop info, unsigned orientation)
{
    uint8_t tiff[PICTURE_TIFF_SIZE];

    picture_tiff(orientation, true, tiff);
    png_set_eXIf_1(png, info, sizeof(tiff), tiff);
}

static void set_text(png_structp png, png_infop info, const char *text)
{
    char keyword[] = "Comment", *copy = strdup(text);
    png_text chunk = {.compression = PNG_TEXT_COMPRESSION_zTXt, .key = keyword, .text = copy};

    IDN_ASSERT(copy != NULL);
    chunk.text_length = strlen(text);
    png_set_text(png, info, &chunk, 1);
    free(copy);
}

struct picture_bytes picture_make_png(const struct picture_png *wanted, uint32_t seed)
{
    struct picture_bytes made = {NULL, 0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);

    IDN_ASSERT(png != NULL && info != NULL);
    png_set_write_fn(png, &made, on_write, on_flush);
    png_set_IHDR(png, info, wanted->width, wanted->height, wanted->depth, wanted->color,
        wanted->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE,
        PNG_FILTER_TYPE_BASE);
    if (wanted->color == PNG_COLOR_TYPE_PALETTE)
        set_palette(png, info, wanted->depth);
    if (wanted->transparent)
        set_transparent(png, info, wanted->color);
    if (wanted->orientation != 0)
        set_orientation(png, info, wanted->orientation);
    if (wanted->text != NULL)
        set_text(png, info, wanted->text);
    png_write_info(png, info);
    size_t row_bytes = png_get_rowbytes(png, info);
    uint8_t *pixels = content((uint32_t)row_bytes, wanted->height, 1, seed);
    png_bytep *rows = malloc(wanted->height * sizeof(*rows));
    IDN_ASSERT(rows != NULL);
    for (uint32_t y = 0; y < wanted->height; y++)
        rows[y] = pixels + y * row_bytes;
    png_write_image(png, rows);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    free(rows);
    free(pixels);
    return made;
}

struct picture_bytes picture_insert(
    const struct picture_bytes *from, size_t at, const void *insert, size_t size)
{
    struct picture_bytes made = {.data = malloc(from->size + size), .size = from->size + size};

    IDN_ASSERT(made.data != NULL && at <= from->size);
    memcpy(made.data, from->data, at);
    memcpy(made.data + at, insert, size);
    memcpy(made.data + at + size, from->data + at, from->size - at);
    return made;
}

static void put(uint8_t *at, uint32_t value, int size, bool little)
{
    for (int i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> 8 * (little ? i : size - 1 - i));
}

void picture_tiff(unsigned orientation, bool little, uint8_t ret[PICTURE_TIFF_SIZE])
{
    memset(ret, 0, PICTURE_TIFF_SIZE);
    memcpy(ret, little ? "II" : "MM", 2);
    put(ret + 2, 42, 2, little);
    put(ret + 4, 8, 4, little);       // the directory
    put(ret + 8, 1, 2, little);       // one entry
    put(ret + 10, 0x0112, 2, little); // orientation
    put(ret + 12, 3, 2, little);      // a short
    put(ret + 14, 1, 4, little);
    put(ret + 18, orientation, 2, little);
}

struct picture_bytes picture_with_exif(
    const struct picture_bytes *jpeg, const uint8_t *tiff, size_t tiff_size)
{
    uint8_t segment[1024] = {0xff, 0xe1};

    IDN_ASSERT(tiff_size + 10 <= sizeof(segment));
    put(segment + 2, (uint32_t)tiff_size + 8, 2, false);
    memcpy(segment + 4, "Exif\0\0", 6);
    memcpy(segment + 10, tiff, tiff_size);
    return picture_insert(jpeg, 2, segment, tiff_size + 10);
}
