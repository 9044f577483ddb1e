// Image states in pages, and the core's two other small structures: heap and rate.
#include "base/random.h"
#include "broker/core/heap.h"
#include "broker/core/images.h"
#include "broker/core/rate.h"
#include "tests/lib/check.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGES = 3000 };
static uint8_t bytes[(size_t)PAGES * IDN_PAGE_BYTES];
static uint16_t pending[PAGES];
static struct idn_pages pool;
static struct idn_images images;

static void open_images(uint32_t total, uint32_t pages)
{
    memset(bytes, 0, sizeof(bytes));
    idn_pages_init(&pool, bytes, pending, pages);
    idn_images_init(&images, total);
    CHECK(idn_images_open(&pool, &images));
}

static void test_states_are_kept_and_counted(void)
{
    open_images(10000, PAGES);
    idn_images_set(&pool, &images, 4095, IDN_IMAGE_LEASED);
    idn_images_set(&pool, &images, 4096, IDN_IMAGE_LEASED);
    idn_images_set(&pool, &images, 4096, IDN_IMAGE_OK | 5);
    CHECK_INT(idn_images_get(&pool, &images, 4094), IDN_IMAGE_PENDING);
    CHECK_INT(idn_images_get(&pool, &images, 4095), IDN_IMAGE_LEASED);
    CHECK_INT(idn_images_get(&pool, &images, 4096), IDN_IMAGE_OK | 5);
    CHECK_INT(idn_images_get(&pool, &images, 4097), IDN_IMAGE_PENDING);
    CHECK_INT(images.kind[IDN_IMAGE_PENDING], 9998);
    CHECK_INT(images.kind[IDN_IMAGE_OK], 1);
}

static void test_finds_the_next_free_one(void)
{
    open_images(3 * IDN_PAGE_IMAGES, PAGES);
    for (uint32_t i = 0; i < images.total; i++)
        idn_images_set(&pool, &images, i, IDN_IMAGE_LEASED);
    CHECK_INT(idn_images_next(&pool, &images, 0), images.total);
    idn_images_set(&pool, &images, 9000, IDN_IMAGE_PENDING);
    idn_images_set(&pool, &images, 9001, IDN_IMAGE_PENDING);
    idn_images_set(&pool, &images, 9002, IDN_IMAGE_SUSPECT_LEASED);
    idn_images_set(&pool, &images, 9002, IDN_IMAGE_SUSPECT);
    CHECK_INT(idn_images_next(&pool, &images, 0), 9000);
    CHECK_INT(idn_images_next(&pool, &images, 9001), 9001);
    CHECK_INT(idn_images_next(&pool, &images, 9002), 9002);
    CHECK_INT(idn_images_next(&pool, &images, 9003), images.total);
    CHECK_INT(idn_images_run(&pool, &images, 9000, images.total), 2); // a suspect ends a run
    CHECK_INT(idn_images_run(&pool, &images, 9000, 9001), 1);
    idn_images_set(&pool, &images, 7, IDN_IMAGE_PENDING); // behind the cursor
    CHECK_INT(idn_images_next(&pool, &images, 0), 7);
}

static void test_the_largest_job_needs_directories(void)
{
    uint32_t total = 10 * 1000 * 1000;

    CHECK_INT(idn_images_pages(5 * IDN_PAGE_IMAGES), 5);
    CHECK_INT(idn_images_pages(5 * IDN_PAGE_IMAGES + 1), 6 + 1);
    CHECK_INT(idn_images_pages(total), 2442 + 5);
    open_images(total, PAGES);
    CHECK_INT(pool.free, PAGES - 2447);
    idn_images_set(&pool, &images, total - 1, IDN_IMAGE_ERROR);
    idn_images_set(&pool, &images, 512 * IDN_PAGE_IMAGES, IDN_IMAGE_LEASED);
    CHECK_INT(idn_images_get(&pool, &images, total - 1), IDN_IMAGE_ERROR);
    CHECK_INT(idn_images_get(&pool, &images, 512 * IDN_PAGE_IMAGES), IDN_IMAGE_LEASED);
    CHECK_INT(idn_images_get(&pool, &images, 512 * IDN_PAGE_IMAGES + 1), IDN_IMAGE_PENDING);
    idn_images_close(&pool, &images);
    CHECK_INT(pool.free, PAGES);
}

static void test_a_poor_pool_gives_nothing(void)
{
    struct idn_images second;

    open_images(2 * IDN_PAGE_IMAGES, 3);
    idn_images_init(&second, IDN_PAGE_IMAGES + 1);
    CHECK(!idn_images_open(&pool, &second));
    CHECK_INT(pool.free, 1);
    idn_images_set(&pool, &images, 0, IDN_IMAGE_ERROR);
    idn_images_close(&pool, &images);
    CHECK(idn_images_open(&pool, &second));
    CHECK_INT(idn_images_get(&pool, &second, 0), IDN_IMAGE_PENDING); // used pages come back clean
    CHECK_INT(idn_images_get(&pool, &second, IDN_PAGE_IMAGES), IDN_IMAGE_PENDING);
}

// Runs in a child: an illegal move must abort.
static bool aborts(unsigned from, unsigned to)
{
    pid_t pid = fork();

    if (pid == 0) {
        (void)fclose(stderr);
        idn_images_set(&pool, &images, 1, from);
        signal(SIGABRT, SIG_DFL);
        idn_images_set(&pool, &images, 1, to);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status);
}

static void test_illegal_moves_are_assertions(void)
{
    open_images(10, PAGES);
    CHECK(aborts(IDN_IMAGE_OK, IDN_IMAGE_ERROR));
    CHECK(aborts(IDN_IMAGE_OK, IDN_IMAGE_PENDING));
    CHECK(aborts(IDN_IMAGE_ERROR, IDN_IMAGE_QUARANTINED));
    CHECK(aborts(IDN_IMAGE_LEASED, IDN_IMAGE_LEASED));
    CHECK(!aborts(IDN_IMAGE_LEASED, IDN_IMAGE_QUARANTINED));
    CHECK(aborts(IDN_IMAGE_QUARANTINED, IDN_IMAGE_SUSPECT));
    CHECK(!aborts(IDN_IMAGE_QUARANTINED, IDN_IMAGE_PENDING));
    CHECK(!aborts(IDN_IMAGE_ERROR, IDN_IMAGE_OK));
    CHECK(!aborts(IDN_IMAGE_QUARANTINED, IDN_IMAGE_ERROR));
}

static void test_heap_is_a_heap(void)
{
    enum { ITEMS = 200 };
    static struct idn_heap_item at[ITEMS];
    static uint32_t place[ITEMS];
    uint64_t due[ITEMS] = {0}; // 0: not in it
    struct idn_heap heap;
    struct idn_random random;

    idn_random_init(&random, 1, 2);
    idn_heap_init(&heap, at, place, ITEMS);
    for (int round = 0; round < 20000; round++) {
        uint32_t item = idn_random_below(&random, ITEMS);
        due[item] = idn_random_below(&random, 3) == 0 ? 0 : 1 + idn_random_below(&random, 50);
        if (due[item] == 0)
            idn_heap_remove(&heap, item);
        else
            idn_heap_set(&heap, item, due[item]);
        uint32_t first = ITEMS;
        for (uint32_t i = 0; i < ITEMS; i++)
            if (due[i] != 0 && (first == ITEMS || due[i] < due[first]))
                first = i;
        CHECK_INT(idn_heap_due(&heap), first == ITEMS ? UINT64_MAX : due[first]);
        CHECK(first == ITEMS || heap.at[0].item == first); // ties by number
    }
}

static void test_rate_is_that_of_ten_seconds(void)
{
    struct idn_rate rate = {0};

    CHECK(idn_rate_of(&rate, 1000) == 0);
    for (uint64_t ms = 100000; ms < 130000; ms += 100)
        idn_rate_add(&rate, ms, 5);
    CHECK(idn_rate_of(&rate, 130000) > 44 && idn_rate_of(&rate, 130000) < 56);
    CHECK(idn_rate_of(&rate, 135000) > 15 && idn_rate_of(&rate, 135000) < 30);
    CHECK(idn_rate_of(&rate, 140000) == 0);
    idn_rate_add(&rate, 200000, 7); // after a silence only what is new counts, over a second at
                                    // least
    CHECK(idn_rate_of(&rate, 200100) == 7);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_states_are_kept_and_counted),
        CHECK_TEST(test_finds_the_next_free_one),
        CHECK_TEST(test_the_largest_job_needs_directories),
        CHECK_TEST(test_a_poor_pool_gives_nothing),
        CHECK_TEST(test_illegal_moves_are_assertions),
        CHECK_TEST(test_heap_is_a_heap),
        CHECK_TEST(test_rate_is_that_of_ten_seconds),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
