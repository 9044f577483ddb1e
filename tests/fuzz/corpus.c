// Writes the corpus anew: one small file for each kind of message, packet and line, and what the
// core's scripts (core_scripts.c) recorded. The files are in git; run this after the protocol
// has grown, and look at what it changed:
//
//   build/tests/fuzz/make-corpus tests/fuzz/corpus
#include "proto/codec.h"
#include "tests/fuzz/core_scripts.h"
#include "tests/lib/picture.h"
#include "tests/unit/codec_samples.h"
#include "worker/child_message.h"

#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <turbojpeg.h>

static const char *root;

static void write_file(const char *target, const char *name, const void *bytes, size_t size)
{
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/%s", root, target);
    if (mkdir(path, 0777) < 0 && errno != EEXIST)
        goto failed;
    (void)snprintf(path, sizeof(path), "%s/%s/%s", root, target, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
        goto failed;
    return;
failed:
    (void)fprintf(stderr, "make-corpus: cannot write %s: %s\n", path, strerror(errno));
    exit(1);
}

// ---- codec

enum family { REQUEST, REPLY, WORKER, ORDER, WORKER_BEAT, BROKER_BEAT, MIRROR, FACT };

static void write_message(
    const char *name, uint32_t number, uint8_t family, struct idn_bytes message)
{
    uint8_t *bytes = malloc(message.size + 1);
    char file[64];

    if (bytes == NULL)
        abort();
    bytes[0] = family;
    memcpy(bytes + 1, message.data, message.size);
    (void)snprintf(file, sizeof(file), "%s-%02u", name, number);
    write_file("codec", file, bytes, message.size + 1);
    free(bytes);
}

static void write_messages(void)
{
    struct idn_codec *codec;

    if (idn_codec_new(&codec) < 0)
        abort();
    sample_at_most(2);
    for (uint32_t i = 1; i <= SAMPLE_REQUESTS; i++)
        write_message("request", i, REQUEST, idn_encode_request(codec, sample_request(i)));
    for (uint32_t i = 1; i <= SAMPLE_REPLIES; i++)
        write_message("reply", i, REPLY, idn_encode_reply(codec, sample_reply(i)));
    for (uint32_t i = 1; i <= SAMPLE_WORKERS; i++)
        write_message("worker", i, WORKER, idn_encode_worker(codec, sample_worker(i)));
    for (uint32_t i = 1; i <= SAMPLE_ORDERS; i++)
        write_message("order", i, ORDER, idn_encode_order(codec, sample_order(i)));
    write_message("beat", 1, WORKER_BEAT, idn_encode_worker_beat(codec, sample_worker_beat()));
    write_message("beat", 2, BROKER_BEAT, idn_encode_broker_beat(codec, sample_broker_beat()));
    for (uint32_t i = 1; i <= SAMPLE_MIRRORS; i++)
        write_message("mirror", i, MIRROR, idn_encode_mirror(codec, sample_mirror(i)));
    for (uint32_t i = 1; i <= SAMPLE_FACTS; i++)
        write_message("fact", i, (uint8_t)(FACT + i), idn_encode_fact_body(codec, sample_fact(i)));
    idn_codec_destroy(&codec);
}

// ---- child

static void write_packet(const char *name, const struct idn_child_message *message)
{
    static uint8_t packet[IDN_CHILD_PACKET_MAX];
    size_t size = idn_child_pack(message, packet);

    write_file("child", name, packet, size);
}

static void write_packets(void)
{
    static struct idn_child_message message;

    message = (struct idn_child_message){
        .type = IDN_CHILD_READY, .u.ready = {.class_name = "onednn-2.6 avx512", .threads = 2}};
    write_packet("ready", &message);
    message = (struct idn_child_message){.type = IDN_CHILD_LOAD,
        .u.load = {.model = 1, .name = "m", .cfg = "/m.cfg", .weights = "/m.weights"}};
    write_packet("load", &message);
    message = (struct idn_child_message){
        .type = IDN_CHILD_LOADED, .u.loaded = {.model = 1, .text = "no such file"}};
    write_packet("loaded-not", &message);
    message = (struct idn_child_message){
        .type = IDN_CHILD_LOADED, .u.loaded = {.model = 1, .classes = 1000}};
    write_packet("loaded", &message);
    message = (struct idn_child_message){.type = IDN_CHILD_UNLOAD, .u.unload = {.model = 1}};
    write_packet("unload", &message);
    message = (struct idn_child_message){
        .type = IDN_CHILD_SLICE, .u.slice = {.serial = 7, .model = 1, .count = 2}};
    message.u.slice.image[0] = (struct idn_child_image){.index = 3, .path = "/a.jpg"};
    message.u.slice.image[1] =
        (struct idn_child_image){.index = 4, .size = 99, .has_digest = true, .path = "/b.png"};
    write_packet("slice", &message);
    message = (struct idn_child_message){
        .type = IDN_CHILD_ROWS, .u.rows = {.serial = 7, .count = 2, .compute_us = 1234}};
    for (uint32_t i = 0; i < 2; i++)
        if (!idn_result_unpack(sample_rows(2) + (size_t)i * IDN_ROW_BYTES, &message.u.rows.row[i]))
            abort();
    write_packet("rows", &message);
}

// ---- text

static void write_text(const char *target, const char *name, const char *text)
{
    write_file(target, name, text, strlen(text));
}

static void write_lines(void)
{
    write_text("query", "usual", "Inference 0 9999 alexnet");
    write_text("query", "spaces", "\t inference  7   7\nresnet18 \n");
    write_text("query", "largest", "INFERENCE 4284967295 4294967294 m");
    write_text("query", "negative", "inference -1 5 alexnet");
    write_text("query", "backwards", "inference 9 8 alexnet");
    write_text("query", "range", "0..9999");
    write_text("query", "range-largest", "4284967295..4294967294");
    write_text("config", "broker",
        "cluster\n    a = 127.0.0.1\n    b = 127.0.0.2\n    port_clients = 5570\n"
        "broker\n    letter = b\n    state = \"/var/lib/idunno\"\n    policy = fifo\n"
        "    mirror = required\n    min_free = 1G\n");
    write_text("config", "worker",
        "# a comment\nworker\n    name = 'host/1'\n    engine = replay\n    threads = 2\n"
        "    memory = 512M\n");
    write_text("config", "registry",
        "models\n    tiny\n        cfg = tiny.cfg\n        batch = 50\n        digest = "
        "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"\n"
        "datasets\n    photos\n        list = photos.list\n");
}

// ---- image

// Frees bytes.
static void write_picture(const char *name, struct picture_bytes bytes)
{
    write_file("image", name, bytes.data, bytes.size);
    free(bytes.data);
}

static void write_jpegs(void)
{
    struct picture_jpeg wanted = {.width = 21, .height = 17, .subsampling = TJSAMP_420};
    uint8_t tiff[PICTURE_TIFF_SIZE];

    struct picture_bytes plain = picture_make_jpeg(&wanted, 1);
    picture_tiff(6, true, tiff);
    write_picture("jpeg-exif", picture_with_exif(&plain, tiff, sizeof(tiff)));
    write_picture("jpeg", plain);
    wanted.progressive = true;
    write_picture("jpeg-progressive", picture_make_jpeg(&wanted, 2));
    wanted =
        (struct picture_jpeg){.width = 9, .height = 8, .subsampling = TJSAMP_444, .cmyk = true};
    write_picture("jpeg-cmyk", picture_make_jpeg(&wanted, 3));
}

static void write_pngs(void)
{
    struct picture_png wanted = {.width = 13, .height = 9, .color = PNG_COLOR_TYPE_RGB, .depth = 8};

    write_picture("png", picture_make_png(&wanted, 1));
    wanted.interlaced = true, wanted.orientation = 8, wanted.text = "a text";
    write_picture("png-interlaced", picture_make_png(&wanted, 2));
    wanted = (struct picture_png){
        .width = 5, .height = 7, .color = PNG_COLOR_TYPE_RGB_ALPHA, .depth = 16};
    write_picture("png-alpha-16", picture_make_png(&wanted, 3));
    wanted = (struct picture_png){
        .width = 19, .height = 5, .color = PNG_COLOR_TYPE_PALETTE, .depth = 2, .transparent = true};
    write_picture("png-palette", picture_make_png(&wanted, 4));
    wanted =
        (struct picture_png){.width = 30, .height = 3, .color = PNG_COLOR_TYPE_GRAY, .depth = 1};
    write_picture("png-grey", picture_make_png(&wanted, 5));
}

int main(int argc, char **argv)
{
    if (argc != 2 || argv[1][0] == '-') {
        (void)fprintf(
            stderr, "usage: %s FOLDER\n\nWrites the fuzz targets' corpus into FOLDER.\n", argv[0]);
        return 2;
    }
    root = argv[1];
    write_messages();
    write_packets();
    write_lines();
    write_jpegs();
    write_pngs();
    core_scripts(write_file);
    return 0;
}
