// The store's parts on their own: the queue between two threads and the high-water file.
#include "broker/highwater.h"
#include "broker/queue.h"
#include "tests/unit/store_kit.h"

#include <pthread.h>

enum { ITEMS = 20000 };

struct number {
    struct idn_queue_item item;
    int value;
};

static struct idn_queue queue;
static struct number numbers[ITEMS];

static void *push_all(void *unused)
{
    (void)unused;
    for (int i = 0; i < ITEMS; i++) {
        numbers[i].value = i;
        (void)idn_queue_push(&queue, &numbers[i].item);
    }
    return NULL;
}

static void test_queue_keeps_order_between_threads(void)
{
    pthread_t thread;
    int next = 0;

    idn_queue_init(&queue);
    CHECK_INT(pthread_create(&thread, NULL, push_all, NULL), 0);
    while (next < ITEMS) {
        struct idn_queue_item *item = idn_queue_take(&queue, KIT_DEADLINE_MS);
        CHECK(item != NULL);
        CHECK_INT(((struct number *)item)->value, next++);
        for (item = idn_queue_take_all(&queue, 0); item != NULL; item = item->next)
            CHECK_INT(((struct number *)item)->value, next++);
    }
    CHECK_INT(pthread_join(thread, NULL), 0);
    CHECK(idn_queue_take(&queue, 1) == NULL);
    idn_queue_fini(&queue);
}

static void test_queue_knows_what_is_done(void)
{
    idn_queue_init(&queue);
    uint64_t first = idn_queue_push(&queue, &numbers[0].item);
    CHECK(idn_queue_take_all(&queue, -1) != NULL);
    uint64_t second = idn_queue_push(&queue, &numbers[1].item);
    CHECK_INT(idn_queue_ticket(&queue), second);
    idn_queue_done(&queue);
    CHECK(idn_queue_wait(&queue, first));
    CHECK(idn_queue_take(&queue, -1) != NULL);
    idn_queue_done(&queue);
    CHECK(idn_queue_wait(&queue, second));
    idn_queue_fini(&queue);
}

static void test_closed_queue_wakes_everyone(void)
{
    idn_queue_init(&queue);
    uint64_t ticket = idn_queue_push(&queue, &numbers[0].item);
    idn_queue_close(&queue);
    CHECK(idn_queue_is_closed(&queue));
    CHECK(!idn_queue_wait(&queue, ticket)); // never done
    CHECK(idn_queue_take(&queue, -1) == &numbers[0].item);
    CHECK(idn_queue_take(&queue, -1) == NULL);
    CHECK(idn_queue_take_all(&queue, -1) == NULL);
    idn_queue_fini(&queue);
}

static struct idn_highwater_mark mark_of(uint64_t position)
{
    return (struct idn_highwater_mark){.incarnation = UINT64_MAX - 1,
        .sequence = position + 5,
        .position = position,
        .chain = 0x80000001,
        .wal_frames = (uint32_t)position,
        .wal_salt = {0xfffffffe, 3}};
}

static struct kit kit;
static int directory_fd;

static void open_directory(void)
{
    kit_init(&kit);
    directory_fd = open(kit.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(directory_fd >= 0);
}

static void test_highwater_is_read_as_it_was_written(void)
{
    struct idn_highwater_verified verified = {.position = 17, .chain = 18};
    struct idn_highwater_mark mark = mark_of(20);
    struct idn_highwater_found found;
    struct idn_highwater file;

    open_directory();
    CHECK_INT(idn_highwater_read(directory_fd, &found), 0);
    CHECK(!found.present);
    idn_highwater_init(&file, directory_fd);
    CHECK_INT(idn_highwater_rewrite(&file, &verified, &mark), 0);
    mark = mark_of(21);
    CHECK_INT(idn_highwater_append(&file, &mark), 0);
    CHECK_INT(idn_highwater_read(directory_fd, &found), 0);
    CHECK(found.present && !found.damaged);
    CHECK_INT(found.verified.position, 17);
    CHECK_INT(found.verified.chain, 18);
    CHECK(memcmp(&found.mark, &mark, sizeof(mark)) == 0);
    idn_highwater_fini(&file);
    (void)close(directory_fd);
    kit_remove(kit.directory);
}

static void test_highwater_stays_small(void)
{
    struct idn_highwater_verified verified = {.position = 1, .chain = 2};
    struct idn_highwater_mark mark = mark_of(1);
    struct idn_highwater_found found;
    struct idn_highwater file;
    struct stat status;

    open_directory();
    idn_highwater_init(&file, directory_fd);
    CHECK_INT(idn_highwater_rewrite(&file, &verified, &mark), 0);
    for (uint64_t i = 2; i < IDN_HIGHWATER_SLOTS + 3; i++) {
        mark = mark_of(i);
        CHECK_INT(idn_highwater_append(&file, &mark), 0);
    }
    CHECK_INT(idn_highwater_read(directory_fd, &found), 0);
    CHECK_INT(found.mark.position, mark.position);
    CHECK_INT(found.verified.position, 1);
    CHECK_INT(stat(kit_path(&kit, "highwater"), &status), 0);
    CHECK_INT(status.st_size, IDN_HIGHWATER_SLOTS * IDN_HIGHWATER_SLOT_BYTES);
    CHECK_INT(access(kit_path(&kit, "highwater.new"), F_OK), -1);
    idn_highwater_fini(&file);
    (void)close(directory_fd);
    kit_remove(kit.directory);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_queue_keeps_order_between_threads),
        CHECK_TEST(test_queue_knows_what_is_done),
        CHECK_TEST(test_closed_queue_wakes_everyone),
        CHECK_TEST(test_highwater_is_read_as_it_was_written),
        CHECK_TEST(test_highwater_stays_small),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
