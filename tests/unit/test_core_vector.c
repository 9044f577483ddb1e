// Version vectors as one table, and the windows of numbered frames.
#include "base/random.h"
#include "broker/core/vector.h"
#include "broker/core/window.h"
#include "tests/lib/check.h"

#include <string.h>

enum { SLOTS = 64, MAX = 31 };

static struct idn_vector_entry slots[SLOTS];
static struct idn_vector vector;

static void fresh(void)
{
    memset(slots, 0, sizeof(slots));
    idn_vector_init(&vector, slots, SLOTS, MAX);
}

static void hold(uint64_t incarnation, uint64_t here, uint64_t there)
{
    struct idn_vector_entry *entry = idn_vector_add(&vector, incarnation);

    entry->here = here;
    entry->there = there;
}

static void test_an_incarnation_has_one_entry(void)
{
    fresh();
    CHECK(idn_vector_find(&vector, 7) == NULL);
    struct idn_vector_entry *seven = idn_vector_add(&vector, 7),
                            *eight = idn_vector_add(&vector, 8);
    CHECK(seven != NULL && eight != NULL && seven != eight);
    CHECK(idn_vector_add(&vector, 7) == seven && idn_vector_find(&vector, 7) == seven);
    CHECK_INT(vector.count, 2);
    CHECK(idn_vector_find(&vector, 9) == NULL);
}

static void test_zero_is_no_incarnation(void)
{
    fresh();
    CHECK(idn_vector_add(&vector, 0) == NULL);
    hold(1, 1, 0);
    CHECK(idn_vector_find(&vector, 0) == NULL);
    CHECK_INT(vector.count, 1);
}

static void test_full_is_refused_and_finds_still(void)
{
    struct idn_random random;
    uint64_t name[MAX];

    fresh();
    idn_random_init(&random, 5, 5);
    for (int i = 0; i < MAX; i++) {
        name[i] = idn_random_next(&random);
        CHECK(idn_vector_add(&vector, name[i]) != NULL);
    }
    CHECK(idn_vector_add(&vector, 12345) == NULL);
    CHECK(idn_vector_find(&vector, 12345) == NULL);
    for (int i = 0; i < MAX; i++)
        CHECK(idn_vector_add(&vector, name[i])->incarnation == name[i]);
    CHECK_INT(vector.count, MAX);
}

// Lists in parts; what has nothing here is not in it.
static void test_the_list_comes_in_parts(void)
{
    struct idn_held list[8];
    uint32_t slot = 0, parts = 0, total = 0;
    uint64_t sum = 0;

    fresh();
    for (uint64_t i = 1; i <= 20; i++)
        hold(i * 1000, i, 0);
    hold(99, 0, 5);
    while (slot <= vector.mask) {
        uint32_t count = idn_vector_list(&vector, &slot, 8, list);
        for (uint32_t i = 0; i < count; i++) {
            CHECK(list[i].incarnation == list[i].last * 1000);
            sum += list[i].last;
        }
        total += count;
        parts++;
    }
    CHECK_INT(total, 20);
    CHECK_INT(sum, 210);
    CHECK(parts == 3 || parts == 4); // the last part may be empty
}

static void test_what_the_other_lacks(void)
{
    struct idn_origin find[4];

    fresh();
    hold(1, 10, 10);
    hold(2, 10, 4);
    hold(3, 0, 7);
    hold(4, 1, 0);
    CHECK_INT(idn_vector_lacking(&vector, 4, find), 2);
    for (int i = 0; i < 2; i++)
        CHECK((find[i].incarnation == 2 && find[i].sequence == 5) ||
              (find[i].incarnation == 4 && find[i].sequence == 1));
    for (uint64_t i = 10; i < 20; i++)
        hold(i, 1, 0);
    CHECK_INT(idn_vector_lacking(&vector, 4, find), 12);
    idn_vector_forget_there(&vector);
    CHECK_INT(idn_vector_lacking(&vector, 4, find), 13);
}

// ---- windows

static void test_acknowledged_frames_count_as_mirrored(void)
{
    static struct idn_window_out out;

    out = (struct idn_window_out){0};
    CHECK_INT(idn_window_out_add(&out, 0, 100), 1);
    CHECK_INT(idn_window_out_add(&out, 40, 1000), 2);
    CHECK_INT(idn_window_out_add(&out, 50, 1000), 3);
    CHECK(idn_window_out_acked(&out, 1) && out.mirrored == 0);
    CHECK(idn_window_out_acked(&out, 2) && out.mirrored == 40);
    CHECK(idn_window_out_acked(&out, 1) && out.mirrored == 40); // an older word
    CHECK(!idn_window_out_acked(&out, 4) && out.mirrored == 40);
    // What needed no frame is mirrored with the one before it, or at once.
    idn_window_out_pass(&out, 60);
    CHECK_INT(out.mirrored, 40);
    CHECK(idn_window_out_acked(&out, 3) && out.mirrored == 60 && out.bytes == 0);
    idn_window_out_pass(&out, 70);
    CHECK_INT(out.mirrored, 70);
}

static void test_the_window_has_room_by_frames_and_by_bytes(void)
{
    static struct idn_window_out out;
    uint32_t frames = 0;

    out = (struct idn_window_out){0};
    for (; idn_window_out_room(&out); frames++)
        idn_window_out_add(&out, frames, 1);
    CHECK_INT(frames, IDN_MIRROR_WINDOW - 1);
    CHECK(idn_window_out_acked(&out, 1) && idn_window_out_room(&out));
    out = (struct idn_window_out){0};
    while (idn_window_out_room(&out)) {
        idn_window_out_add(&out, 1, IDN_MIRROR_MESSAGE_BYTES_MAX);
        CHECK(out.bytes <= IDN_MIRROR_WINDOW_BYTES);
    }
    CHECK_INT(out.bytes, IDN_MIRROR_WINDOW_BYTES);
}

static void test_taken_frames_become_durable_in_order(void)
{
    static struct idn_window_in in;

    in = (struct idn_window_in){0};
    idn_window_in_add(&in, 0);
    idn_window_in_add(&in, 10);
    idn_window_in_add(&in, 0); // nothing to store, and yet not before the one before it
    idn_window_in_stored(&in, 9);
    CHECK_INT(in.durable, 1);
    idn_window_in_stored(&in, 10);
    CHECK_INT(in.durable, 3);
    for (int i = 0; i < IDN_MIRROR_WINDOW; i++) {
        CHECK(!idn_window_in_full(&in));
        idn_window_in_add(&in, 11);
    }
    CHECK(idn_window_in_full(&in));
    idn_window_in_stored(&in, 11);
    CHECK(!idn_window_in_full(&in) && in.durable == in.taken);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_an_incarnation_has_one_entry),
        CHECK_TEST(test_zero_is_no_incarnation),
        CHECK_TEST(test_full_is_refused_and_finds_still),
        CHECK_TEST(test_the_list_comes_in_parts),
        CHECK_TEST(test_what_the_other_lacks),
        CHECK_TEST(test_acknowledged_frames_count_as_mirrored),
        CHECK_TEST(test_the_window_has_room_by_frames_and_by_bytes),
        CHECK_TEST(test_taken_frames_become_durable_in_order),
    };

    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
