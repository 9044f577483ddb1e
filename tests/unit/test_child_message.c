// What agent and child say to each other: round trips, and that nothing else is accepted.
#include "tests/lib/check.h"
#include "worker/child_message.h"

#include <errno.h>
#include <stdlib.h>

static uint8_t packet[IDN_CHILD_PACKET_MAX];
static struct idn_child_message in, out;

static void fill_ready(void)
{
    in = (struct idn_child_message){.type = IDN_CHILD_READY};
    (void)snprintf(in.u.ready.class_name, IDN_CLASS_SIZE, "replay seed=7");
    in.u.ready.threads = 2;
}

static void fill_load(void)
{
    in = (struct idn_child_message){.type = IDN_CHILD_LOAD};
    in.u.load.model = 3;
    in.u.load.name = "alexnet";
    in.u.load.cfg = "/m/alexnet.cfg";
    in.u.load.weights = "/m/alexnet.weights";
}

static void fill_loaded(void)
{
    in = (struct idn_child_message){.type = IDN_CHILD_LOADED};
    in.u.loaded.model = 3;
    (void)snprintf(in.u.loaded.text, IDN_TEXT_SIZE, "weights file is 10 bytes, expected 20");
}

static void fill_slice(void)
{
    in = (struct idn_child_message){.type = IDN_CHILD_SLICE};
    in.u.slice.serial = 0x123456789abcull;
    in.u.slice.model = 3;
    in.u.slice.count = 2;
    in.u.slice.image[0] = (struct idn_child_image){.index = 41, .path = "/photos/$(a) b.jpg"};
    in.u.slice.image[1] = (struct idn_child_image){
        .index = 42, .size = 1ull << 40, .has_digest = true, .path = "/photos/c.png"};
    memset(in.u.slice.image[1].digest.bytes, 0xa5, IDN_SHA256_SIZE);
}

static void fill_rows(void)
{
    in = (struct idn_child_message){.type = IDN_CHILD_ROWS};
    in.u.rows.serial = 9;
    in.u.rows.count = 2;
    in.u.rows.compute_us = 123456;
    in.u.rows.row[0] = (struct idn_result){
        .index = 41, .class_id = {5, 4, 3, 2, 1}, .probability = {.5f, .25f, .1f, .05f, 0}};
    in.u.rows.row[1] = (struct idn_result){.index = 42, .status = IDN_STATUS_CORRUPT};
    for (int i = 0; i < IDN_TOP; i++)
        in.u.rows.row[1].class_id[i] = IDN_NO_CLASS;
}

static void fill_unload(void)
{
    in = (struct idn_child_message){.type = IDN_CHILD_UNLOAD, .u.unload = {.model = 3}};
}

static void (*const fillers[])(void) = {
    fill_ready, fill_load, fill_loaded, fill_slice, fill_rows, fill_unload};
enum { FILLERS = sizeof(fillers) / sizeof(*fillers) };

static void round_trip(void)
{
    size_t size = idn_child_pack(&in, packet);

    CHECK(size > 0);
    memset(&out, 0xee, sizeof(out));
    CHECK_INT(idn_child_unpack(packet, size, &out), 0);
    CHECK_INT(out.type, in.type);
}

static void test_ready_comes_back(void)
{
    fill_ready();
    round_trip();
    CHECK_STRING(out.u.ready.class_name, "replay seed=7");
    CHECK_INT(out.u.ready.threads, 2);
}

static void test_load_comes_back(void)
{
    fill_load();
    round_trip();
    CHECK_INT(out.u.load.model, 3);
    CHECK_STRING(out.u.load.name, "alexnet");
    CHECK_STRING(out.u.load.cfg, "/m/alexnet.cfg");
    CHECK_STRING(out.u.load.weights, "/m/alexnet.weights");
}

static void test_loaded_comes_back(void)
{
    fill_loaded();
    round_trip();
    CHECK_INT(out.u.loaded.model, 3);
    CHECK_INT(out.u.loaded.classes, 0);
    CHECK_STRING(out.u.loaded.text, in.u.loaded.text);
    in.u.loaded.classes = 1000, in.u.loaded.text[0] = '\0';
    round_trip();
    CHECK_INT(out.u.loaded.classes, 1000);
}

static void test_unload_comes_back(void)
{
    fill_unload();
    round_trip();
    CHECK_INT(out.u.unload.model, 3);
}

static void test_slice_comes_back(void)
{
    fill_slice();
    round_trip();
    CHECK_INT(out.u.slice.serial, 0x123456789abc);
    CHECK_INT(out.u.slice.model, 3);
    CHECK_INT(out.u.slice.count, 2);
    CHECK_INT(out.u.slice.image[0].index, 41);
    CHECK_INT(out.u.slice.image[0].size, 0);
    CHECK(!out.u.slice.image[0].has_digest);
    CHECK_STRING(out.u.slice.image[0].path, "/photos/$(a) b.jpg");
    CHECK_INT(out.u.slice.image[1].index, 42);
    CHECK_INT(out.u.slice.image[1].size, 1ll << 40);
    CHECK(out.u.slice.image[1].has_digest);
    CHECK(idn_sha256_equal(&out.u.slice.image[1].digest, &in.u.slice.image[1].digest));
    CHECK_STRING(out.u.slice.image[1].path, "/photos/c.png");
}

static void test_rows_come_back(void)
{
    fill_rows();
    round_trip();
    CHECK_INT(out.u.rows.serial, 9);
    CHECK_INT(out.u.rows.compute_us, 123456);
    CHECK_INT(out.u.rows.count, 2);
    CHECK(memcmp(out.u.rows.row, in.u.rows.row, 2 * sizeof(in.u.rows.row[0])) == 0);
    in.u.rows.compute_us = IDN_CHILD_COMPUTE_US_MAX;
    round_trip();
    in.u.rows.compute_us++;
    CHECK_INT(idn_child_unpack(packet, idn_child_pack(&in, packet), &out), -EBADMSG);
}

static void test_full_slice_fits_with_usual_paths(void)
{
    static char path[IDN_PATH_SIZE];

    memset(path, 'a', sizeof(path) - 1), path[0] = '/', path[2400] = '\0';
    fill_slice();
    in.u.slice.count = IDN_CHILD_IMAGES_MAX;
    for (uint32_t i = 0; i < IDN_CHILD_IMAGES_MAX; i++) {
        in.u.slice.image[i] = in.u.slice.image[1];
        in.u.slice.image[i].path = path;
    }
    round_trip();
    CHECK_STRING(out.u.slice.image[IDN_CHILD_IMAGES_MAX - 1].path, path);
    path[2400] = 'a'; // the longest paths: the caller sends fewer
    CHECK_INT(idn_child_pack(&in, packet), 0);
    in.u.slice.count = 32;
    round_trip();
}

static void test_sentences_are_one_printable_line(void)
{
    fill_loaded();
    (void)snprintf(in.u.loaded.text, IDN_TEXT_SIZE, "no file \"a\nb\033[2J\"");
    round_trip();
    CHECK_STRING(out.u.loaded.text, "no file \"a?b?[2J\"");
    in.u.loaded.text[0] = 'N';
    size_t size = idn_child_pack(&in, packet);
    packet[size - 3] = '\n';
    CHECK_INT(idn_child_unpack(packet, size, &out), -EBADMSG);
}

// From an allocation of its exact size, so that a sanitizer sees a byte read too far.
static int unpack_copy(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);

    CHECK(copy != NULL);
    memcpy(copy, bytes, size);
    int result = idn_child_unpack(copy, size, &out);
    free(copy);
    return result;
}

static void test_truncated_or_longer_is_refused(void)
{
    for (size_t f = 0; f < FILLERS; f++) {
        fillers[f]();
        size_t size = idn_child_pack(&in, packet);
        for (size_t cut = 0; cut < size; cut++)
            CHECK_INT(unpack_copy(packet, cut), -EBADMSG);
        packet[size] = 0;
        CHECK_INT(unpack_copy(packet, size + 1), -EBADMSG);
        CHECK_INT(unpack_copy(packet, size), 0);
    }
}

static uint32_t draw(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

// What is accepted after a mutation packs again to the same bytes: nothing that we would not have
// packed comes through.
static void test_mutations_are_refused_or_honest(void)
{
    static uint8_t mutated[IDN_CHILD_PACKET_MAX], again[IDN_CHILD_PACKET_MAX];
    uint32_t state = 4711, accepted = 0, refused = 0;

    for (int round = 0; round < 20000; round++) {
        fillers[draw(&state) % FILLERS]();
        size_t size = idn_child_pack(&in, packet);
        memcpy(mutated, packet, size);
        for (uint32_t n = 1 + draw(&state) % 3; n > 0; n--)
            mutated[draw(&state) % size] = (uint8_t)draw(&state);
        if (idn_child_unpack(mutated, size, &out) != 0) {
            refused++;
            continue;
        }
        accepted++;
        CHECK_INT(idn_child_pack(&out, again), size);
        CHECK(memcmp(again, mutated, size) == 0);
    }
    CHECK(accepted > 100 && refused > 100);
}

static int unpack_with_byte(size_t at, uint8_t value)
{
    size_t size = idn_child_pack(&in, packet);

    packet[at] = value;
    return idn_child_unpack(packet, size, &out);
}

static void test_refuses_what_nobody_packs(void)
{
    enum { SLICE_COUNT = 13, ROWS_COUNT = 9, ROW_STATUS = 21 + 4, FIRST_PATH = 1 + 16 + 13 + 2 };

    fill_slice();
    CHECK_INT(unpack_with_byte(FIRST_PATH, '/'), 0);
    CHECK_INT(unpack_with_byte(FIRST_PATH, 'p'), -EBADMSG); // not absolute
    CHECK_INT(unpack_with_byte(FIRST_PATH + 3, 0), -EBADMSG);
    CHECK_INT(unpack_with_byte(SLICE_COUNT, 0), -EBADMSG);
    CHECK_INT(unpack_with_byte(SLICE_COUNT, 200), -EBADMSG);
    fill_rows();
    CHECK_INT(unpack_with_byte(ROWS_COUNT, 0), -EBADMSG);
    CHECK_INT(unpack_with_byte(ROWS_COUNT + 3, 0xff), -EBADMSG);
    CHECK_INT(unpack_with_byte(ROW_STATUS + IDN_ROW_BYTES, IDN_STATUS_MISSING), 0);
    CHECK_INT(unpack_with_byte(ROW_STATUS + IDN_ROW_BYTES, IDN_STATUS_QUARANTINED), -EBADMSG);
    CHECK_INT(unpack_with_byte(0, 0), -EBADMSG);
    CHECK_INT(unpack_with_byte(0, 6), -EBADMSG);
    fill_loaded();
    in.u.loaded.classes = 1; // loaded, and why not
    CHECK_INT(idn_child_unpack(packet, idn_child_pack(&in, packet), &out), -EBADMSG);
    fill_ready();
    in.u.ready.threads = 0;
    CHECK_INT(idn_child_unpack(packet, idn_child_pack(&in, packet), &out), -EBADMSG);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_ready_comes_back),
        CHECK_TEST(test_load_comes_back),
        CHECK_TEST(test_loaded_comes_back),
        CHECK_TEST(test_unload_comes_back),
        CHECK_TEST(test_slice_comes_back),
        CHECK_TEST(test_rows_come_back),
        CHECK_TEST(test_full_slice_fits_with_usual_paths),
        CHECK_TEST(test_sentences_are_one_printable_line),
        CHECK_TEST(test_truncated_or_longer_is_refused),
        CHECK_TEST(test_mutations_are_refused_or_honest),
        CHECK_TEST(test_refuses_what_nobody_packs),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
